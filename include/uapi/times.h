/* SPDX-License-Identifier: MIT */
/** @file times.h  times(): Linux's layout, in units of 1/100 s. */
#pragma once
#include <kernel/types.h>
#define USER_HZ 100
struct tms {
	s64 tms_utime, tms_stime, tms_cutime, tms_cstime;
};
