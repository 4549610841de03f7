/* SPDX-License-Identifier: MIT */
/** @file smp.h  Starting the other processors. */
#pragma once

/** Keep a page of low memory for it, while there is some. Boot, before the allocator starts. */
void smp_prepare(void);
/**
 * Start all processors that ACPI lists, up to CONFIG_NR_CPUS and the command
 * line's "maxcpus=N". One that does not start is reported and left out.
 * Boot thread, before the first process; sleeps.
 */
void smp_start_cpus(void);
