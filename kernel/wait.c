/* SPDX-License-Identifier: MIT */
/*
 * Wait queues. queue->lock (any context, interrupts off) guards the list; wake
 * functions run under it, and thread_wake's locks are inside it.
 */
#include <kernel/err.h>
#include <kernel/time.h>
#include <kernel/wait.h>

void wait_queue_init(struct wait_queue *q)
{
	spin_init(&q->lock);
	list_init(&q->waiters);
}

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

void wake_up_key(struct wait_queue *q, u32 nr, u64 key)
{
	struct waiter *w, *next;
	u64 flags;

	smp_mb();			/* the condition before the list: pairs with wait_prepare() */
	if (list_empty(&q->waiters))
		return;
	flags = spin_lock_irqsave(&q->lock);
	list_for_each_safe(w, next, &q->waiters, link) {
		bool exclusive = w->exclusive, woken;

		if (key && w->key && !(key & w->key))
			continue;
		woken = w->wake ? w->wake(w, key) : thread_wake(w->thread);
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
	wait_queue_remove(q, w);
}

struct sleep_timer { struct timer timer; struct thread *thread; };

static void sleep_timer_fired(struct timer *t)
{
	thread_wake(container_of(t, struct sleep_timer, timer)->thread);
}

bool schedule_until(u64 deadline_ns)
{
	struct sleep_timer s = { .thread = current };

	if (!deadline_ns || deadline_ns == ~0ull) {
		schedule();
		return true;
	}
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
