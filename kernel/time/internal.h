/* SPDX-License-Identifier: MIT */
/** @file internal.h  Between the files of kernel/time/ only. */
#pragma once
/** timer.c: the boot CPU's queue, which is there without memory. */
void time_boot_cpu_init(void);
