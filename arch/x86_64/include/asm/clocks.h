/* SPDX-License-Identifier: MIT */
/** @file clocks.h  The PC's timers: what the TSC and the local APIC's timer are measured against. */
#pragma once
#include <kernel/clock.h>

/**
 * Sources that need no calibration: their rates are known. Each finder returns
 * NULL where the device is missing or doesn't count. Boot, thread context.
 */
const struct clock_source *hpet_find(void);
const struct clock_source *pm_timer_find(void);
/** Always "there"; leaves channel 2 counting, silently. 16 bits, turns around every 55 ms. */
const struct clock_source *pit_find(void);
#define PIT_HZ 1193182u

/** Channel 0 as a one-shot timer on ISA line 0; for machines without local APIC. @return false: no interrupt line */
bool pit_oneshot_init(void);
void pit_oneshot_arm(u64 delta_ns);

/** The TSC's frequency as far as it is known; 0: not. */
u64 tsc_frequency(void);

/** The processor's clock rates as CPUID reports them. Pure (tsc_cpuid.c); 0: not reported. */
struct told_rates {
	u64 tsc_hz, apic_hz;
	bool approximate; /* good enough at first */
};
/** Leaves as CPUID returned them (EAX, EBX, ECX, EDX), zero where there is no such leaf. */
struct told_rates tsc_told_rates(const u32 leaf15[4], const u32 leaf16[4],
				 const u32 leaf40000010[4]);

/**
 * Compare this CPU's TSC with the boot CPU's; on the CPU that is starting. If
 * they differ, the TSC is no clock for this machine, and another is taken.
 */
void tsc_sync_join(void);
/** The boot CPU's part, called again and again while it waits for a CPU. @return true: that CPU is alive */
bool tsc_sync_lead(void);

/**
 * Start of the one-shot timers (oneshot.c). @param apic_hz  rate of the local APIC's timer; 0: it can't be used
 * @param exact  the rates were reported, not measured
 */
void oneshot_init(u64 apic_hz, bool exact, u64 tsc_hz);

#define ONESHOT_TRUST_NS 8000000u
#define ONESHOT_DEADLINE_NS \
	(3600 * 1000000000ull) /* the TSC is set no further ahead: the product stays small */

/**
 * Pure: nanoseconds to ticks, at least 1. A rate that was measured in less than
 * a millisecond is not good enough for a long time: then it is set to fire a
 * little early, and again for the rest.
 */
static inline u64 oneshot_ticks(u64 delta_ns, u64 mult, u64 max_ns, bool exact)
{
	if (!exact && delta_ns > ONESHOT_TRUST_NS)
		delta_ns -= delta_ns >> 8;
	return clock_scale(MIN(delta_ns, max_ns), mult) + 1;
}
/** Pure: what to write into the APIC timer for @p delta_ns. @p max_ns from oneshot_max_ns() */
static inline u32 oneshot_count(u64 delta_ns, u64 mult, u64 max_ns, bool exact)
{
	return oneshot_ticks(delta_ns, mult, max_ns, exact);
}
/**
 * Pure: what to write into IA32_TSC_DEADLINE at @p tsc. Never 0, which disarms; a
 * counter about to wrap yields the largest value. SDM vol. 3, 10.5.4.1.
 */
static inline u64 oneshot_deadline(u64 tsc, u64 delta_ns, u64 mult, bool exact)
{
	u64 ticks = oneshot_ticks(delta_ns, mult, ONESHOT_DEADLINE_NS, exact);

	if (ticks > ~tsc)
		return ~0ull;
	return tsc + ticks;
}
/** Pure: the divide register for a @p divisor (a power of two, 1..128): bits 3, 1, 0 are log2 - 1, and of 1 that is 7. */
static inline u32 oneshot_divide_bits(u32 divisor)
{
	u32 log = (__builtin_ctz(divisor) + 7) & 7;

	return (log & 3) | (log & 4) << 1;
}
/** Pure: the divisor (1..128) for a timer of @p hz: it keeps 10 ns or better and reaches as far as it can. */
static inline u32 oneshot_divisor(u64 hz)
{
	u32 divisor = 1;

	while (divisor < 128 && hz / divisor / 2 >= 100000000)
		divisor *= 2;
	return divisor;
}
/** Pure: the longest time of a counter of 32 bits at @p hz, 1 MHz or more; what the multiplier is rounded by fits, too. */
static inline u64 oneshot_max_ns(u64 hz)
{
	return clock_mul_div(0xffff0000, 1000000000, hz);
}
