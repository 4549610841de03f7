/* SPDX-License-Identifier: MIT */
/** @file random.h  Random numbers that the processor makes, and the counter whose jitter others are made of. */
#pragma once
#include <asm/cpu.h>
#include <asm/io.h>

#define HARDWARE_RANDOM_TRIES 10

static inline bool rdseed(u64 *number)
{
	bool ok = false;

	for (u32 i = 0; i < HARDWARE_RANDOM_TRIES && !ok; i++)
		__asm__ volatile("rdseed %0" : "=r"(*number), "=@ccc"(ok));
	return ok;
}
static inline bool rdrand(u64 *number)
{
	bool ok = false;

	for (u32 i = 0; i < HARDWARE_RANDOM_TRIES && !ok; i++)
		__asm__ volatile("rdrand %0" : "=r"(*number), "=@ccc"(ok));
	return ok;
}
/** A random number from the processor. @return false: it has none, or none now */
static inline bool hardware_random(u64 *number)
{
	if (cpu_features.rdseed && rdseed(number))
		return true;
	return cpu_features.rdrand && rdrand(number);
}
/** A counter that advances fast; two CPUs' may differ. */
static inline u64 cycle_counter(void)
{
	return rdtsc();
}
