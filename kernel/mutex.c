/* SPDX-License-Identifier: MIT */
/*
 * Mutexes.
 *
 * A mutex is one word: the owner, with bit 0 while threads wait. Taking and
 * releasing it uncontended is one compare-exchange each. Waiters queue in order;
 * the releaser wakes the first, which competes with newcomers (no convoys).
 * mutex->wait_lock (spin): the queue; any thread context.
 */
#include <kernel/err.h>
#include <kernel/lock.h>
#include <kernel/printk.h>
#include <kernel/wait.h>
#include "sleeper.h"

#define MUTEX_WAITERS 1ull

void mutex_init_plain(struct mutex *mutex)
{
	*mutex = (struct mutex)MUTEX_INIT(*mutex);
}

bool mutex_is_owner(const struct mutex *mutex)
{
	return (READ_ONCE(mutex->owner) & ~MUTEX_WAITERS) == (u64)current;
}

static bool mutex_try(struct mutex *mutex)
{
	u64 old = 0;

	if (__atomic_compare_exchange_n(&mutex->owner, &old, (u64)current, false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return true;
	/* free, but others wait: take it with their mark */
	while (!(old & ~MUTEX_WAITERS))
		if (__atomic_compare_exchange_n(&mutex->owner, &old,
						(u64)current | (old & MUTEX_WAITERS), false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

static __noinline int mutex_lock_slow(struct mutex *mutex, bool interruptible)
{
	struct sleeper sleeper = { .thread = current };
	int err = 0;

	if (IS_ENABLED(CONFIG_DEBUG_LOCKS) && mutex_is_owner(mutex))
		panic("mutex %p is locked twice by %s", mutex, current->comm);
	spin_lock(&mutex->wait_lock);
	list_add_tail(&sleeper.link, &mutex->waiters);
	for (;;) {
		set_current_state(interruptible ? THREAD_INTERRUPTIBLE : THREAD_UNINTERRUPTIBLE);
		__atomic_or_fetch(&mutex->owner, MUTEX_WAITERS, __ATOMIC_SEQ_CST);
		if (mutex_try(mutex))
			break;
		if (interruptible && signal_pending()) {
			err = -EINTR;
			break;
		}
		spin_unlock(&mutex->wait_lock);
		schedule();
		spin_lock(&mutex->wait_lock);
	}
	set_current_state(THREAD_RUNNABLE);
	list_del(&sleeper.link);
	if (list_empty(&mutex->waiters))
		__atomic_and_fetch(&mutex->owner, ~MUTEX_WAITERS, __ATOMIC_SEQ_CST);
	spin_unlock(&mutex->wait_lock);
	return err;
}

void mutex_lock(struct mutex *mutex)
{
	SLEEPER_WAITS(mutex);
	if (unlikely(!mutex_try(mutex)))
		mutex_lock_slow(mutex, false);
	SLEEPER_TAKEN(mutex);
}

int mutex_lock_interruptible(struct mutex *mutex)
{
	int err = 0;

	SLEEPER_WAITS(mutex);
	if (unlikely(!mutex_try(mutex)))
		err = mutex_lock_slow(mutex, true);
	if (!err)
		SLEEPER_TAKEN(mutex);
	return err;
}

bool mutex_trylock(struct mutex *mutex)
{
	bool taken = mutex_try(mutex);

	if (taken)
		SLEEPER_TAKEN(mutex);
	return taken;
}

void mutex_unlock(struct mutex *mutex)
{
	u64 old = (u64)current;

	SLEEPER_RELEASED(mutex);
	if (likely(__atomic_compare_exchange_n(&mutex->owner, &old, 0, false, __ATOMIC_RELEASE,
					       __ATOMIC_RELAXED)))
		return;
	BUG_ON((old & ~MUTEX_WAITERS) != (u64)current);
	spin_lock(&mutex->wait_lock);
	__atomic_and_fetch(&mutex->owner, MUTEX_WAITERS, __ATOMIC_SEQ_CST);
	if (!list_empty(&mutex->waiters))
		thread_wake(list_first(&mutex->waiters, struct sleeper, link)->thread);
	spin_unlock(&mutex->wait_lock);
}

#ifdef CONFIG_DEBUG_LOCKS
void mutex_assert_held(const struct mutex *mutex, const char *text, const char *function)
{
	if (unlikely(!mutex_is_owner(mutex)) && !printk_panicking)
		panic("%s() needs %s, which thread %s does not hold", function, text,
		      current->comm);
}
#endif
