/* SPDX-License-Identifier: MIT */
/**
 * @file vdso.h  The page of clock data that kernel and programs read alike.
 *
 * Shared with arch/x86_64/vdso/, which is compiled for user mode: no other
 * kernel header may be needed here.
 */
#pragma once
#include <kernel/types.h>

/**
 * A sequence counter guards the rest: a reader that finds it even, or changed
 * behind its back, has read nothing. It stays even while the clocks run on
 * something that user mode cannot read, and before there are any (so that the
 * page can start as zeroes).
 */
struct vdso_data {
	u32 seq;
	u32 cpu_in_tsc_aux;  /* RDTSCP exists and returns the CPU's number */
	u64 base_cycles;     /* TSC at base_ns */
	u64 mult;	     /* ns per cycle, times 2^32 */
	u64 base_ns;	     /* monotonic */
	u64 realtime_offset; /* + monotonic = real time */
};

/** Name of the cycle counter, as a clock source. */
#define CYCLE_COUNTER_NAME "tsc"

/** The cycle counter (TSC), not read before anything that stands in front of it. */
static inline u64 cycles_ordered(void)
{
	u32 low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
	return (u64)high << 32 | low;
}

/**
 * Read the monotonic clock, or the real-time clock.
 * @return false: no luck this time, try again or (seq even for long) another way
 */
static inline bool vdso_read(const volatile struct vdso_data *data, u64 *ns, bool realtime)
{
	u32 seq = data->seq;
	u64 base = data->base_cycles, mult = data->mult, result = data->base_ns, cycles;

	if (realtime)
		result += data->realtime_offset;
	cycles = cycles_ordered();
	/* A CPU whose counter is a little behind must not see the difference as huge. */
	if (cycles > base)
		cycles -= base;
	else
		cycles = 0;
	result += (u64)((unsigned __int128)cycles * mult >> 32);
	*ns = result;
	return (seq & 1) & (data->seq == seq);
}
