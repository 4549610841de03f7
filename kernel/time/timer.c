/* SPDX-License-Identifier: MIT */
/*
 * Timers and sleeping.
 *
 * Each CPU has a queue of timers and a one-shot hardware timer that is armed
 * for the earliest of them. There is no tick: a CPU without timers takes no
 * interrupt. What was armed for a timer that has been cancelled stays armed and
 * fires into nothing: that costs less than arming again at each cancellation. The queue's
 * idea of what is next may be early for the same reason.
 *
 * How many timers expire together, and how often, is decided by programs. So the
 * interrupt has a budget: once it has taken half of a window of time, what is due
 * waits for the next window, and threads run meanwhile, in which a program that
 * floods the queue can be stopped.
 *
 * Locking: base->lock (spin, interrupts off, innermost) guards the queue and the
 * timers whose home it is. A timer's home changes only under its old home's
 * lock, and not while its function runs there, so that "is it running?" has
 * one place to look. Functions are called without the lock.
 */
#include <kernel/clock.h>
#include <kernel/cpu.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/lock.h>
#include <kernel/thread.h>
#include <kernel/wait.h>
#include "internal.h"
#include "queue.h"

#define WINDOW_NS (1 * NSEC_PER_MSEC)
#define BUDGET_NS (WINDOW_NS / 2)
#define ENTRY_NS  250 /* of an interrupt before and behind what is measured */

struct timer_base {
	spinlock_t lock;
	bool in_interrupt;	 /* timer_interrupt() arms when it is done */
	u64 armed_ns;		 /* what the hardware is set to */
	u64 window_ns, spent_ns; /* when the window began; in interrupts since */
	struct timer_queue queue;
	struct timer *running; /* whose function is being called */
} __aligned(64);

static struct timer_base boot_base;

void timer_init(struct timer *timer, void (*fired)(struct timer *))
{
	timer->fn = fired;
	timer->base = NULL;
	timer->home = NULL;
}

/* Lock the timer's home; it gets @p mine if it has none. Interrupts off. */
static struct timer_base *timer_lock_home(struct timer *timer, struct timer_base *mine)
{
	for (;;) {
		struct timer_base *base = READ_ONCE(timer->home);

		if (!base && __atomic_compare_exchange_n(&timer->home, &base, mine, false,
							 __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			base = mine;
		raw_spin_lock(&base->lock);
		if (likely(timer->home == base))
			return base;
		raw_spin_unlock(&base->lock);
	}
}

static bool timer_dequeue(struct timer *timer)
{
	if (!timer->base)
		return false;
	timer_queue_remove(&timer->base->queue, timer);
	timer->base = NULL;
	return true;
}

/* With the lock of @p base, which is the timer's home. */
static void timer_enqueue(struct timer_base *base, struct timer *timer, u64 deadline_ns)
{
	assert_held(&base->lock);
	timer->deadline_ns = deadline_ns;
	timer->base = base;
	timer_queue_add(&base->queue, timer);
	if (deadline_ns < base->armed_ns && !base->in_interrupt) {
		base->armed_ns = deadline_ns;
		arch_timer_arm(deadline_ns, time_monotonic_ns());
	}
}

/* Start it here, unless its function runs elsewhere: then there. Interrupts off. */
static __noinline void timer_move(struct timer *timer, struct timer_base *mine, u64 deadline_ns)
{
	struct timer_base *base;

	for (;;) {
		base = timer_lock_home(timer, mine);
		timer_dequeue(timer);
		if (likely(base == mine) || base->running == timer)
			break;
		WRITE_ONCE(timer->home, mine);
		raw_spin_unlock(&base->lock);
	}
	if (likely(timer->fn))
		timer_enqueue(base, timer, deadline_ns);
	raw_spin_unlock(&base->lock);
}

/* @return false: it does not wait here, or is due earlier than it was. Interrupts off. */
static inline bool timer_postpone(struct timer *timer, struct timer_base *mine, u64 deadline_ns)
{
	bool later = false;

	if (READ_ONCE(timer->base) != mine)
		return false;
	raw_spin_lock(&mine->lock);
	if (timer->base == mine && deadline_ns >= timer->deadline_ns) {
		timer->deadline_ns = deadline_ns;
		later = true;
	}
	raw_spin_unlock(&mine->lock);
	return later;
}

void timer_start(struct timer *timer, u64 deadline_ns)
{
	u64 flags = irq_save();
	struct timer_base *mine = this_cpu()->timers;

	if (!timer_postpone(timer, mine, deadline_ns))
		timer_move(timer, mine, deadline_ns);
	irq_restore(flags);
}

bool timer_cancel(struct timer *timer)
{
	struct timer_base *base;
	bool was_pending;
	u64 flags;

	if (!READ_ONCE(timer->base))
		return false;
	flags = irq_save();
	base = timer_lock_home(timer, this_cpu()->timers);
	was_pending = timer_dequeue(timer);
	raw_spin_unlock(&base->lock);
	irq_restore(flags);
	return was_pending;
}

/* Of a timer that is not pending. */
static void timer_wait_end(const struct timer *timer)
{
	const struct timer_base *base = smp_load_acquire(&timer->home);

	/*
	 * timer_interrupt() writes ->running before ->base and we read them in
	 * the other order, so a timer seen not pending is seen running.
	 */
	while (base && smp_load_acquire(&base->running) == timer)
		cpu_relax();
}

bool timer_cancel_sync(struct timer *timer)
{
	bool was_pending = timer_cancel(timer);

	timer_wait_end(timer);
	return was_pending;
}

void timer_retire_sync(struct timer *timer)
{
	u64 flags = irq_save();
	struct timer_base *base = timer_lock_home(timer, this_cpu()->timers);

	timer_dequeue(timer);
	timer->fn = NULL;
	raw_spin_unlock(&base->lock);
	irq_restore(flags);
	timer_wait_end(timer);
}

/* @return until when this interrupt may run timers */
static u64 timer_budget_end(struct timer_base *base, u64 now)
{
	if (now - base->window_ns >= WINDOW_NS) {
		base->window_ns = now;
		base->spent_ns = 0;
	}
	if (base->spent_ns < BUDGET_NS)
		return now + BUDGET_NS - base->spent_ns;
	return 0;
}

/* Called with the lock, which is released meanwhile. */
static void timer_run(struct timer_base *base, struct timer *timer)
{
	void (*fired)(struct timer *) = timer->fn;

	assert_held(&base->lock);
	WRITE_ONCE(base->running, timer);
	smp_store_release(&timer->base, NULL);
	raw_spin_unlock(&base->lock);
	fired(timer); /* may free it */
	raw_spin_lock(&base->lock);
	smp_store_release(&base->running, NULL);
}

void timer_interrupt(void)
{
	struct timer_base *base = this_cpu()->timers;
	u64 start, now, end, next;
	struct timer *timer;

	raw_spin_lock(&base->lock);
	base->in_interrupt = true;
	start = now = time_monotonic_ns();
	end = timer_budget_end(base, now);
	next = timer_queue_next(&base->queue);
	while (now < end && next <= now) {
		timer = timer_queue_take(&base->queue, now);
		if (timer)
			timer_run(base, timer);
		now = time_monotonic_ns();
		next = timer_queue_next(&base->queue);
	}
	base->in_interrupt = false;
	base->spent_ns += now - start + ENTRY_NS;
	if (unlikely(now >= end))
		next = MAX(next, base->window_ns + WINDOW_NS);
	base->armed_ns = next;
	if (next != TIME_NEVER)
		arch_timer_arm(next, now);
	raw_spin_unlock(&base->lock);
}

int sleep_until(u64 deadline_ns, bool interruptible)
{
	if (!deadline_ns) /* which means "no deadline" to schedule_until() */
		return 0;
	do {
		set_current_state(interruptible ? THREAD_INTERRUPTIBLE : THREAD_UNINTERRUPTIBLE);
		if (interruptible && signal_pending()) {
			set_current_state(THREAD_RUNNABLE);
			return -ERESTARTSYS;
		}
	} while (schedule_until(deadline_ns));
	return 0;
}

bool time_cpu_create(struct cpu *cpu)
{
	struct timer_base *base = kzalloc(sizeof(*base));

	if (!base)
		return false;
	base->armed_ns = TIME_NEVER;
	cpu->timers = base;
	return true;
}

void time_cpu_start(void)
{
	arch_timer_cpu_start();
}

void time_boot_cpu_init(void)
{
	boot_base.armed_ns = TIME_NEVER;
	this_cpu()->timers = &boot_base;
}
