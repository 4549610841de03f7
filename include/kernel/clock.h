/* SPDX-License-Identifier: MIT */
/**
 * @file clock.h  Between the machine's counters and the clocks made of them.
 *
 * ns = base_ns + (counter - base_counter) * mult / 2^32. The product has 128
 * bits, so nothing overflows before 2^64 ns (584 years) and no one has to
 * refresh the base of a 64-bit counter.
 */
#pragma once
#include <kernel/types.h>

/** A counter that advances at a constant rate. */
struct clock_source {
	const char *name;
	u64 (*read)(void); /* any context */
	u64 mask;	   /* 2^width - 1 */
	u64 freq_hz;
};

#define CLOCK_SHIFT 32

/** Pure: nanoseconds of @p cycles. */
static inline u64 clock_scale(u64 cycles, u64 mult)
{
	return (u64)((unsigned __int128)cycles * mult >> CLOCK_SHIFT);
}
/** Pure: @p to per @p from, as a multiplier for clock_scale(); rounded to nearest. @p from is not 0, the result fits. */
static inline u64 clock_mult(u64 to, u64 from)
{
	/* to * 2^32 / from by parts: there is no 128-bit division in the kernel */
	u64 whole = to / from, rest = to % from, frac = 0;

	for (u32 i = 0; i < CLOCK_SHIFT; i++) {
		bool carry = rest >> 63;

		rest <<= 1;
		frac <<= 1;
		if (carry || rest >= from) {
			rest -= from;
			frac |= 1;
		}
	}
	return (whole << CLOCK_SHIFT) + frac + (rest >= from - rest);
}
/** Pure: @p value * @p factor / @p divisor without overflow in between; ~0 where the result has more than 64 bits. @p divisor is not 0. */
u64 clock_mul_div(u64 value, u64 factor, u64 divisor);

/** Let the clocks run on the machine's cycle counter (asm/vdso.h). Another source may have been used before; the clocks continue from its value. */
void clock_use_cycles(u64 freq_hz);
/** Let the clocks run on @p source, by calls (no vDSO). @p source stays. */
void clock_use_source(const struct clock_source *source);
/** A better value for its frequency: changes the rate from now on, the clocks don't jump. */
void clock_set_cycle_rate(u64 freq_hz);
/** Make each second longer than the counter's by @p ns, << 32, at most a quarter of it; the clocks don't jump. Any context. */
void clock_steer(s64 ns);
struct user_timex;
/** adjtimex() (adjust.c) after ntp_check(), but for ADJ_SETOFFSET and the time. Thread context. @return TIME_OK, TIME_ERROR */
int clock_adjust(struct user_timex *timex);
/** The clock was set: nothing is left to be slewed. */
void clock_adjust_clear(void);
/** The page with struct vdso_data, for programs to read. */
void *clock_vdso_page(void);
/** Name of what the clocks run on. */
const char *clock_source_name(void);

/** Arch (tsc.c): choose, calibrate, call one of the above. */
void arch_clock_init(void);
/** Arch: set up the one-shot timer of this CPU. */
void arch_timer_cpu_start(void);
/** Arch (rtc.c): the battery-backed clock. @return 0, or -errno if it is missing or its values are invalid */
int __must_check arch_rtc_read(u64 *seconds_since_1970);
