/* SPDX-License-Identifier: MIT */
/** @file time.h  Clocks and timers. All times are nanoseconds; deadlines are on the monotonic clock. */
#pragma once
#include <kernel/rbtree.h>
#include <kernel/types.h>

#define NSEC_PER_SEC 1000000000ull
#define NSEC_PER_MSEC 1000000ull
#define NSEC_PER_USEC 1000ull

/** Since boot; never backwards, the same on all CPUs. Any context. */
u64 time_monotonic_ns(void);
/** Since 1970. Any context. */
u64 time_realtime_ns(void);
int time_set_realtime_ns(u64 ns);
/** Short busy wait, any context. */
void delay_us(u32 us);

struct timer {
	struct rb_node node;
	u64 deadline_ns;
	void (*fn)(struct timer *t);	/* hard interrupt context, no locks of timers held */
	struct timer_base *base;	/* NULL: not pending */
};
void timer_init(struct timer *t, void (*fn)(struct timer *));
/** Start or move. Fires once, on this CPU, not before @p deadline_ns. Any context. */
void timer_start(struct timer *t, u64 deadline_ns);
/** @return true when it was pending and will not fire. The function may be running on another CPU still. */
bool timer_cancel(struct timer *t);
/** Like timer_cancel(), and waits until the function is not running. Not from the function itself. */
bool timer_cancel_sync(struct timer *t);
/** Hard interrupt of the CPU's one-shot timer: runs what is due, re-arms. Called by arch code. */
void timer_interrupt(void);
/** Arch: arm this CPU's one-shot timer. @param deadline_ns ~0: none */
void arch_timer_arm(u64 deadline_ns);
/** Sleep. @return 0, or -ERESTARTSYS (interruptible form) when a signal came. */
int sleep_until(u64 deadline_ns, bool interruptible);
static inline void sleep_ms(u32 ms) { sleep_until(time_monotonic_ns() + ms * NSEC_PER_MSEC, false); }
