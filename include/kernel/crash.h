/* SPDX-License-Identifier: MIT */
/** @file crash.h  Crashes on order, for tests of the report ("crash=" on the command line). */
#pragma once
#ifdef CONFIG_KTEST
void crash_boot(void);
#else
static inline void crash_boot(void)
{
}
#endif
