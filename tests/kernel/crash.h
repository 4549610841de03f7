/* SPDX-License-Identifier: MIT */
/** @file crash.h  Between the files of crashes on order. */
#pragma once

struct crash {
	const char *name;
	void (*fn)(void);
};
/** Ends with a null name (crash_memory.c). */
extern const struct crash memory_crashes[];
/** The same (crash_cpus.c). */
extern const struct crash cpu_crashes[];
