/* SPDX-License-Identifier: MIT */
/*
 * Locks that many readers or one writer hold.
 *
 * rwsem->count is the number of readers, or the writer: its address, which is negative. Who finds
 * it taken looks at it for a while, as long as a writer runs, then queues. Readers queue behind
 * all that wait; a writer may be faster than what was woken, but only once, since it is
 * promised to the first in the queue when that was woken in vain. So neither side starves. A
 * reader that gets in lets in the readers queued right behind it.
 * rwsem->wait_lock (spin): the queue, promised; any thread context.
 */
#include <kernel/lock.h>
#include <kernel/printk.h>
#include <kernel/wait.h>
#include "sleeper.h"

void rwsem_init_plain(struct rwsem *rwsem)
{
	*rwsem = (struct rwsem)RWSEM_INIT(*rwsem);
}

static bool rwsem_try_read(struct rwsem *rwsem)
{
	s64 count = __atomic_load_n(&rwsem->count, __ATOMIC_RELAXED);

	while (count >= 0)
		if (__atomic_compare_exchange_n(&rwsem->count, &count, count + 1, false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

static bool rwsem_try_write(struct rwsem *rwsem)
{
	s64 count = 0;

	return __atomic_compare_exchange_n(&rwsem->count, &count, (s64)current, false,
					   __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static bool rwsem_try(struct rwsem *rwsem, bool write)
{
	if (write)
		return rwsem_try_write(rwsem);
	return rwsem_try_read(rwsem);
}

/* Look at it until it may be had. @return false: it is better to sleep */
static bool rwsem_spin(const struct rwsem *rwsem, bool write, u32 *spins)
{
	s64 count;

	while ((count = READ_ONCE(rwsem->count)) < 0 || (count && write))
		if (!sleeper_spins(count < 0 ? (const struct thread *)count : NULL, spins))
			return false;
	return true;
}

/* A newcomer. @return it has the lock */
static bool rwsem_spin_and_take(struct rwsem *rwsem, bool write)
{
	u32 spins = 0;

	while (write ? !READ_ONCE(rwsem->promised) : list_empty(&rwsem->waiters)) {
		if (!rwsem_spin(rwsem, write, &spins))
			break;
		if (rwsem_try(rwsem, write))
			return true;
	}
	return false;
}

static __noinline void rwsem_wait(struct rwsem *rwsem, bool write)
{
	struct sleeper sleeper = { .thread = current, .write = write };
	bool woken = false;
	u32 spins = 0;

	if (rwsem_spin_and_take(rwsem, write))
		return;
	spin_lock(&rwsem->wait_lock);
	list_add_tail(&sleeper.link, &rwsem->waiters);
	for (;; woken = true) {
		bool first = rwsem->waiters.next == &sleeper.link;

		set_current_state(THREAD_UNINTERRUPTIBLE);
		if (first && rwsem_try(rwsem, write))
			break;
		if (first && woken)
			WRITE_ONCE(rwsem->promised, true);
		spin_unlock(&rwsem->wait_lock);
		if (!first || !woken || !rwsem_spin(rwsem, write, &spins)) {
			schedule();
			spins = 0;
		}
		spin_lock(&rwsem->wait_lock);
	}
	set_current_state(THREAD_RUNNABLE);
	list_del(&sleeper.link);
	WRITE_ONCE(rwsem->promised, false);
	/* a reader lets the readers behind it in */
	if (!write && !list_empty(&rwsem->waiters)) {
		struct sleeper *next = list_first(&rwsem->waiters, struct sleeper, link);

		if (!next->write)
			thread_wake(next->thread);
	}
	spin_unlock(&rwsem->wait_lock);
}

static void rwsem_wake(struct rwsem *rwsem)
{
	spin_lock(&rwsem->wait_lock);
	if (!list_empty(&rwsem->waiters))
		thread_wake(list_first(&rwsem->waiters, struct sleeper, link)->thread);
	spin_unlock(&rwsem->wait_lock);
}

void down_read(struct rwsem *rwsem)
{
	SLEEPER_WAITS(rwsem);
	if (unlikely(!list_empty(&rwsem->waiters) || !rwsem_try_read(rwsem)))
		rwsem_wait(rwsem, false);
	SLEEPER_TAKEN(rwsem);
}

void up_read(struct rwsem *rwsem)
{
	s64 left;

	SLEEPER_RELEASED(rwsem);
	left = __atomic_sub_fetch(&rwsem->count, 1, __ATOMIC_SEQ_CST);

	if (unlikely(!left && !list_empty(&rwsem->waiters)))
		rwsem_wake(rwsem);
}

void down_write(struct rwsem *rwsem)
{
	SLEEPER_WAITS(rwsem);
	if (unlikely(!list_empty(&rwsem->waiters) || !rwsem_try_write(rwsem)))
		rwsem_wait(rwsem, true);
	SLEEPER_TAKEN(rwsem);
}

void up_write(struct rwsem *rwsem)
{
	SLEEPER_RELEASED(rwsem);
	__atomic_store_n(&rwsem->count, 0, __ATOMIC_SEQ_CST);
	if (unlikely(!list_empty(&rwsem->waiters)))
		rwsem_wake(rwsem);
}

void downgrade_write(struct rwsem *rwsem)
{
	__atomic_store_n(&rwsem->count, 1, __ATOMIC_SEQ_CST);
	if (unlikely(!list_empty(&rwsem->waiters)))
		rwsem_wake(rwsem);
}

#ifdef CONFIG_DEBUG_LOCKS
static bool rwsem_is_held(const struct rwsem *rwsem)
{
	return READ_ONCE(rwsem->count) && lock_order_may_hold(rwsem->class, rwsem);
}

void rwsem_assert_held(const struct rwsem *rwsem, const char *text, const char *function)
{
	if (unlikely(!rwsem_is_held(rwsem)) && !printk_panicking)
		panic("%s() needs %s, which thread %s does not hold", function, text,
		      current->comm);
}

void rwsem_assert_held_write(const struct rwsem *rwsem, const char *text, const char *function)
{
	if (unlikely(READ_ONCE(rwsem->count) >= 0 || !rwsem_is_held(rwsem)) && !printk_panicking)
		panic("%s() needs %s for writing, which thread %s does not hold", function, text,
		      current->comm);
}
#endif
