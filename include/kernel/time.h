/* SPDX-License-Identifier: MIT */
/**
 * @file time.h  Clocks and timers. All times are nanoseconds; deadlines are on the monotonic clock.
 */
#pragma once
#include <kernel/list.h>
#include <kernel/time_units.h>
#include <kernel/types.h>

/** A deadline that is never reached. */
#define TIME_NEVER (~0ull)

/* ---- clocks (kernel/time/clock.c) ---- */

/** Since boot; never backwards, the same on all CPUs. Any context. About 20 instructions. */
u64 time_monotonic_ns(void);
/** Since 1970. Any context. */
u64 time_realtime_ns(void);
/**
 * What to add (modulo 2^64) to the monotonic clock to get the real-time clock:
 * realtime = monotonic + offset, so a real-time deadline d is monotonic d - offset.
 */
u64 time_realtime_offset_ns(void);
/** @return 0, or -EINVAL: @p ns is later than the year 2232; it stays below 2^63 (the vDSO counts on it) */
int time_set_realtime_ns(u64 ns);
#ifdef CONFIG_CLOCK_ADJUST
/** What to add to the real-time clock to get CLOCK_TAI. Any context. */
u64 time_tai_offset_ns(void);
#else
static inline u64 time_tai_offset_ns(void)
{
	return 0;
}
#endif
/** Smallest step of the clocks, for clock_getres(): 1 unless the fall-back clock is slow. */
u64 time_resolution_ns(void);
/** Short busy wait, any context; never shorter than requested. For more than a few microseconds, sleep. */
void delay_us(u32 us);

/* ---- timers (kernel/time/timer.c) ---- */

struct timer {
	struct list link;
	u64 deadline_ns;
	void (*fn)(
		struct timer *
			timer); /* hard interrupt context, no locks of timers held; NULL: retired */
	struct timer_base *base; /* queue it waits in; NULL: not pending */
	struct timer_base *home; /* queue it was started on last; its lock guards the timer */
};

/** Of storage you own. @p fired may start the timer again, or free it. */
void timer_init(struct timer *timer, void (*fired)(struct timer *));
/**
 * Start or move. Fires once, not before @p deadline_ns, on this CPU (on that
 * CPU where its function happens to run at this moment). Nothing happens to a timer that
 * was retired. Any context. Constant time.
 */
void timer_start(struct timer *timer, u64 deadline_ns);
/** @return true when it was pending and will not fire. The function may be running on another CPU still. */
bool timer_cancel(struct timer *timer);
/** Like timer_cancel(), and waits until the function is not running. Not from the function itself. */
bool timer_cancel_sync(struct timer *timer);
/** Like timer_cancel_sync(), for ever: who starts it at the same time or later starts nothing. */
void timer_retire_sync(struct timer *timer);
static inline bool timer_pending(const struct timer *timer)
{
	return READ_ONCE(timer->base) != NULL;
}

/** Hard interrupt of the CPU's one-shot timer: runs what is due, re-arms. Called by arch code. */
void timer_interrupt(void);
/** Arch: arm this CPU's one-shot timer. @param deadline_ns TIME_NEVER: none; @param now_ns the time, just read */
void arch_timer_arm(u64 deadline_ns, u64 now_ns);

/* ---- sleeping ---- */

/** Sleep. @return 0, or -ERESTARTSYS (interruptible form) when a signal arrived. */
int sleep_until(u64 deadline_ns, bool interruptible);
static inline void sleep_ms(u32 ms)
{
	sleep_until(time_monotonic_ns() + ms * NSEC_PER_MSEC, false);
}

/* ---- beginnings ---- */

struct cpu;
/** Choose and calibrate the clock, read the wall clock, start this CPU's timer. Boot, interrupts off. */
void time_init(void);
/** Timer queue of a CPU that is being created. @return false: no memory */
bool time_cpu_create(struct cpu *cpu);
/** On the new CPU itself, interrupts off. */
void time_cpu_start(void);
