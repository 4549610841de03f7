/* SPDX-License-Identifier: MIT */
/** @file internal.h  Between the files of kernel/time/ only. */
#pragma once
/** timer.c: the boot CPU's queue, which needs no allocation. */
void time_boot_cpu_init(void);
