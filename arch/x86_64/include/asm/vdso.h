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
 * A sequence counter guards the rest: a reader that finds it odd, or changed
 * behind its back, has read nothing. It stays odd while the clocks run on
 * something that user mode cannot read. Before there are any the page is zeroes, and so is the time.
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
	u64 low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
	return high << 32 | low;
}

/**
 * Read the monotonic clock, or the real-time clock.
 * @param data  may change at any time, so that it must not be a const object
 * @return false: no luck this time, try again or (seq odd for long) another way
 */
static inline bool vdso_read(const struct vdso_data *data, u64 *ns, bool realtime)
{
	/* Made even: an odd one differs from all that follow. */
	u32 seq = __atomic_load_n(&data->seq, __ATOMIC_ACQUIRE) & ~1u;
	u64 cycles = cycles_ordered(), result; /* nothing below is read before */

	/*
	 * A CPU whose counter is a little behind must not see the difference as huge. A branch, which
	 * processors foresee: a conditional move would let the product wait.
	 */
	if (unlikely(__builtin_sub_overflow(cycles, data->base_cycles, &cycles))) {
		__asm__ volatile("");
		cycles = 0;
	}
	result = data->base_ns + (u64)((unsigned __int128)cycles * data->mult >> 32);
	if (realtime)
		result += data->realtime_offset;
	/* It is computed by now: nothing above is read after. The processor keeps loads in order. */
	__asm__ volatile("" : "+r"(result)::"memory");
	*ns = result;
	return seq == data->seq;
}
