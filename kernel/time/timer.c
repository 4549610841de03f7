/* SPDX-License-Identifier: MIT */
/*
 * Timers and sleeping.
 *
 * Each CPU has a queue of timers and a one-shot hardware timer that is armed
 * for the earliest of them. There is no tick: a CPU without timers takes no
 * interrupt. What was armed for a timer that has been cancelled stays armed and
 * fires into nothing: that costs less than arming again at each cancellation.
 *
 * How many timers expire together, and how often, is for programs to say. So the
 * interrupt has a budget: once it has taken half of a window of time, what is due
 * waits for the next window, and threads run meanwhile, in which whoever floods
 * can be stopped.
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

static struct timer_base boot_base = { .armed_ns = TIME_NEVER };

void timer_init(struct timer *t, void (*fn)(struct timer *))
{
	t->fn = fn;
	t->base = NULL;
	t->home = NULL;
}

/* Lock the timer's home; it gets @p mine if it has none. Interrupts off. */
static struct timer_base *lock_home(struct timer *t, struct timer_base *mine)
{
	for (;;) {
		struct timer_base *b = READ_ONCE(t->home);

		if (!b && __atomic_compare_exchange_n(&t->home, &b, mine, false, __ATOMIC_RELAXED,
						      __ATOMIC_RELAXED))
			b = mine;
		raw_spin_lock(&b->lock);
		if (likely(t->home == b))
			return b;
		raw_spin_unlock(&b->lock);
	}
}

static bool dequeue(struct timer *t)
{
	if (!t->base)
		return false;
	timer_queue_remove(&t->base->queue, t);
	t->base = NULL;
	return true;
}

void timer_start(struct timer *t, u64 deadline_ns)
{
	u64 flags = irq_save();
	struct timer_base *mine = this_cpu()->timers, *b;

	for (;;) {
		b = lock_home(t, mine);
		dequeue(t);
		if (likely(b == mine) || b->running == t)
			break;
		WRITE_ONCE(t->home, mine);
		raw_spin_unlock(&b->lock);
	}
	t->deadline_ns = deadline_ns;
	t->base = b;
	if (timer_queue_add(&b->queue, t) && deadline_ns < b->armed_ns && !b->in_interrupt) {
		b->armed_ns = deadline_ns;
		arch_timer_arm(deadline_ns);
	}
	raw_spin_unlock(&b->lock);
	irq_restore(flags);
}

bool timer_cancel(struct timer *t)
{
	struct timer_base *b;
	bool was_pending;
	u64 flags;

	if (!READ_ONCE(t->base))
		return false;
	flags = irq_save();
	b = lock_home(t, this_cpu()->timers);
	was_pending = dequeue(t);
	raw_spin_unlock(&b->lock);
	irq_restore(flags);
	return was_pending;
}

bool timer_cancel_sync(struct timer *t)
{
	bool was_pending = timer_cancel(t);
	const struct timer_base *b = smp_load_acquire(&t->home);

	/*
	 * timer_interrupt() writes ->running before ->base and we read them in
	 * the other order, so a timer seen not pending is seen running.
	 */
	while (b && smp_load_acquire(&b->running) == t)
		cpu_relax();
	return was_pending;
}

/* @return until when this interrupt may run timers */
static u64 budget_end(struct timer_base *b, u64 now)
{
	if (now - b->window_ns >= WINDOW_NS) {
		b->window_ns = now;
		b->spent_ns = 0;
	}
	if (b->spent_ns < BUDGET_NS)
		return now + BUDGET_NS - b->spent_ns;
	return 0;
}

void timer_interrupt(void)
{
	struct timer_base *b = this_cpu()->timers;
	struct timer *t;
	u64 start, now, end, next;

	raw_spin_lock(&b->lock);
	b->in_interrupt = true;
	start = now = time_monotonic_ns();
	end = budget_end(b, now);
	while ((t = b->queue.first) && t->deadline_ns <= now && now < end) {
		timer_queue_remove(&b->queue, t);
		WRITE_ONCE(b->running, t);
		smp_store_release(&t->base, NULL);
		raw_spin_unlock(&b->lock);
		t->fn(t); /* may free it */
		raw_spin_lock(&b->lock);
		smp_store_release(&b->running, NULL);
		if (b->queue.first)
			now = time_monotonic_ns();
	}
	b->in_interrupt = false;
	b->spent_ns += now - start + ENTRY_NS;
	if (t)
		next = t->deadline_ns;
	else
		next = TIME_NEVER;
	if (unlikely(now >= end))
		next = MAX(next, b->window_ns + WINDOW_NS);
	b->armed_ns = next;
	if (t)
		arch_timer_arm(next);
	raw_spin_unlock(&b->lock);
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

bool time_cpu_create(struct cpu *c)
{
	struct timer_base *b = kzalloc(sizeof(*b));

	if (!b)
		return false;
	b->armed_ns = TIME_NEVER;
	c->timers = b;
	return true;
}

void time_cpu_start(void)
{
	arch_timer_cpu_start();
}

void time_boot_cpu_init(void)
{
	this_cpu()->timers = &boot_base;
}
