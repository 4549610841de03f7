/* SPDX-License-Identifier: MIT */
/*
 * Wait queues. queue->lock (any context, interrupts off) guards the list; wake
 * functions run under it, and thread_wake's locks are inside it. A waiter that
 * is woken leaves the list at the same time, so that it need not take the lock
 * again for that; if its condition does not hold after all it queues again.
 */
#include <kernel/err.h>
#include <kernel/time.h>
#include <kernel/wait.h>

void waiter_init(struct waiter *waiter)
{
	*waiter = (struct waiter){ .thread = current };
	list_init(&waiter->link);
}

void wait_queue_add(struct wait_queue *queue, struct waiter *waiter)
{
	u64 flags = spin_lock_irqsave(&queue->lock);

	if (waiter->exclusive)
		list_add_tail(&waiter->link, &queue->waiters);
	else
		list_add(&waiter->link, &queue->waiters);
	spin_unlock_irqrestore(&queue->lock, flags);
}

void wait_queue_remove(struct wait_queue *queue, struct waiter *waiter)
{
	u64 flags = spin_lock_irqsave(&queue->lock);

	list_del(&waiter->link);
	spin_unlock_irqrestore(&queue->lock, flags);
}

/* Out of the list, in a way that wait_finish() can see without the lock: prev is written last. */
static void waiter_leave(struct waiter *waiter)
{
	waiter->link.prev->next = waiter->link.next;
	waiter->link.next->prev = waiter->link.prev;
	waiter->link.next = &waiter->link;
	smp_store_release(&waiter->link.prev, &waiter->link);
}

void wake_up_key(struct wait_queue *queue, u32 nr, u64 key)
{
	struct waiter *waiter, *next;
	u64 flags;

	/* The condition before the queue: pairs with wait_prepare(). Where one waits, the lock is the barrier. */
	if (list_empty(&queue->waiters)) {
		smp_mb();
		if (!wait_queue_active(queue))
			return;
	}
	flags = spin_lock_irqsave(&queue->lock);
	list_for_each_safe(waiter, next, &queue->waiters, link) {
		bool exclusive = waiter->exclusive, woken;

		if (key && waiter->key && !(key & waiter->key))
			continue;
		if (waiter->wake) {
			woken = waiter->wake(waiter, key);
		} else {
			woken = thread_wake(waiter->thread);
			if (woken)
				waiter_leave(waiter);
		}
		if (woken && exclusive && nr && !--nr)
			break;
	}
	spin_unlock_irqrestore(&queue->lock, flags);
}

void wait_prepare(struct wait_queue *queue, struct waiter *waiter, enum thread_state state)
{
	u64 flags;

	/*
	 * Taking the lock is the barrier between what is written here and the condition, which is read next:
	 * a waker that does not see the waiter in the list yet sees the lock in use.
	 */
	WRITE_ONCE(current->state, (u32)state);
	if (!waiter->thread)
		waiter_init(waiter);
	flags = spin_lock_irqsave(&queue->lock);
	if (list_empty(&waiter->link)) {
		if (waiter->exclusive)
			list_add_tail(&waiter->link, &queue->waiters);
		else
			list_add(&waiter->link, &queue->waiters);
	}
	spin_unlock_irqrestore(&queue->lock, flags);
}

void wait_finish(struct wait_queue *queue, struct waiter *waiter)
{
	set_current_state(THREAD_RUNNABLE);
	/* A waker that has taken us out may still hold the lock; the caller may free the queue next. */
	if (smp_load_acquire(&waiter->link.prev) != &waiter->link || spin_is_locked(&queue->lock))
		wait_queue_remove(queue, waiter);
}

struct sleep_timer {
	struct timer timer;
	struct thread *thread;
	bool expired;
};

static void sleep_timer_fired(struct timer *fired)
{
	struct sleep_timer *sleep = container_of(fired, struct sleep_timer, timer);

	sleep->expired = true;
	thread_wake(sleep->thread);
}

static __noinline bool schedule_with_timer(u64 deadline_ns)
{
	struct sleep_timer sleep = { .thread = current };

	if (time_monotonic_ns() >= deadline_ns) {
		set_current_state(THREAD_RUNNABLE);
		return false;
	}
	timer_init(&sleep.timer, sleep_timer_fired);
	timer_start(&sleep.timer, deadline_ns);
	schedule();
	timer_cancel_sync(&sleep.timer);
	return !sleep.expired;
}

bool schedule_until(u64 deadline_ns)
{
	if (deadline_ns && deadline_ns != ~0ull)
		return schedule_with_timer(deadline_ns);
	schedule();
	return true;
}
