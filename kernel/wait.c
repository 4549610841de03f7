/* SPDX-License-Identifier: MIT */
/*
 * Wait queues. queue->lock (any context, interrupts off) guards the list; wake
 * functions run under it, and thread_wake's locks are inside it. A waiter that
 * is woken leaves the list at the same time, so that it need not come back for
 * that; if its condition does not hold after all it queues again.
 */
#include <kernel/err.h>
#include <kernel/time.h>
#include <kernel/wait.h>

void waiter_init(struct waiter *w)
{
	*w = (struct waiter){ .thread = current };
	list_init(&w->link);
}

void wait_queue_add(struct wait_queue *q, struct waiter *w)
{
	u64 flags = spin_lock_irqsave(&q->lock);

	if (w->exclusive)
		list_add_tail(&w->link, &q->waiters);
	else
		list_add(&w->link, &q->waiters);
	spin_unlock_irqrestore(&q->lock, flags);
}

void wait_queue_remove(struct wait_queue *q, struct waiter *w)
{
	u64 flags = spin_lock_irqsave(&q->lock);

	list_del(&w->link);
	spin_unlock_irqrestore(&q->lock, flags);
}

/* Out of the list, in a way that wait_finish() can see without the lock: prev comes last. */
static void leave(struct waiter *w)
{
	w->link.prev->next = w->link.next;
	w->link.next->prev = w->link.prev;
	w->link.next = &w->link;
	smp_store_release(&w->link.prev, &w->link);
}

void wake_up_key(struct wait_queue *q, u32 nr, u64 key)
{
	struct waiter *w, *next;
	u64 flags;

	smp_mb(); /* the condition before the list: pairs with wait_prepare() */
	if (list_empty(&q->waiters))
		return;
	flags = spin_lock_irqsave(&q->lock);
	list_for_each_safe(w, next, &q->waiters, link) {
		bool exclusive = w->exclusive, woken;

		if (key && w->key && !(key & w->key))
			continue;
		if (w->wake) {
			woken = w->wake(w, key);
		} else {
			woken = thread_wake(w->thread);
			if (woken)
				leave(w);
		}
		if (woken && exclusive && nr && !--nr)
			break;
	}
	spin_unlock_irqrestore(&q->lock, flags);
}

void wait_prepare(struct wait_queue *q, struct waiter *w, enum thread_state s)
{
	u64 flags = spin_lock_irqsave(&q->lock);

	if (list_empty(&w->link)) {
		if (w->exclusive)
			list_add_tail(&w->link, &q->waiters);
		else
			list_add(&w->link, &q->waiters);
	}
	set_current_state(s);
	spin_unlock_irqrestore(&q->lock, flags);
}

void wait_finish(struct wait_queue *q, struct waiter *w)
{
	set_current_state(THREAD_RUNNABLE);
	/* A waker that has taken us out may still hold the lock; the caller may free the queue next. */
	if (smp_load_acquire(&w->link.prev) != &w->link || spin_is_locked(&q->lock))
		wait_queue_remove(q, w);
}

struct sleep_timer {
	struct timer timer;
	struct thread *thread;
};

static void sleep_timer_fired(struct timer *t)
{
	thread_wake(container_of(t, struct sleep_timer, timer)->thread);
}

static __noinline bool schedule_with_timer(u64 deadline_ns)
{
	struct sleep_timer s = { .thread = current };

	if (time_monotonic_ns() >= deadline_ns) {
		set_current_state(THREAD_RUNNABLE);
		return false;
	}
	timer_init(&s.timer, sleep_timer_fired);
	timer_start(&s.timer, deadline_ns);
	schedule();
	timer_cancel_sync(&s.timer);
	return time_monotonic_ns() < deadline_ns;
}

bool schedule_until(u64 deadline_ns)
{
	if (deadline_ns && deadline_ns != ~0ull)
		return schedule_with_timer(deadline_ns);
	schedule();
	return true;
}
