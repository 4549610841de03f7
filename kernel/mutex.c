/* SPDX-License-Identifier: MIT */
/*
 * Mutexes.
 *
 * A mutex is one word: the owner, with bit 0 while threads wait. Taking and
 * releasing it uncontended is one compare-exchange each.
 *
 * A thread that finds it taken first looks at it for a while, as long as the owner runs on another
 * CPU: that is shorter than sleeping, and whoever sleeps makes all that follow slower. Then
 * it queues. The releaser wakes the first, which competes with newcomers (no convoys);
 * but once it was woken in vain the mutex is promised to it (bit 1): only it may take it.
 * mutex->wait_lock (spin): the queue; any thread context.
 */
#include <kernel/err.h>
#include <kernel/lock.h>
#include <kernel/printk.h>
#include <kernel/wait.h>
#include "sleeper.h"

#define MUTEX_WAITERS  1ull
#define MUTEX_PROMISED 2ull
#define MUTEX_MARKS    (MUTEX_WAITERS | MUTEX_PROMISED)

void mutex_init_plain(struct mutex *mutex)
{
	*mutex = (struct mutex)MUTEX_INIT(*mutex);
}

bool mutex_is_owner(const struct mutex *mutex)
{
	return (READ_ONCE(mutex->owner) & ~MUTEX_MARKS) == (u64)current;
}

static bool mutex_try(struct mutex *mutex)
{
	u64 old = 0;

	if (__atomic_compare_exchange_n(&mutex->owner, &old, (u64)current, false, __ATOMIC_ACQUIRE,
					__ATOMIC_RELAXED))
		return true;
	/* free and not promised, but others wait: take it with their mark */
	while (!(old & ~MUTEX_WAITERS))
		if (__atomic_compare_exchange_n(&mutex->owner, &old,
						(u64)current | (old & MUTEX_WAITERS), false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

/* By the first that waits: a promise is to it. */
static bool mutex_try_first(struct mutex *mutex)
{
	u64 old = READ_ONCE(mutex->owner);

	assert_held(&mutex->wait_lock);
	while (!(old & ~MUTEX_MARKS))
		if (__atomic_compare_exchange_n(&mutex->owner, &old, (u64)current | MUTEX_WAITERS,
						false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}

/* Look at a mutex until it is free. @param old  what it was last @return false: it is better to sleep */
static bool mutex_spin(const struct mutex *mutex, u64 old, u32 *spins)
{
	for (; old & ~MUTEX_MARKS; old = READ_ONCE(mutex->owner))
		if (!sleeper_spins((const struct thread *)(old & ~MUTEX_MARKS), spins))
			return false;
	return true;
}

/* A newcomer. @return it has the mutex */
static bool mutex_spin_and_take(struct mutex *mutex)
{
	u32 spins = 0;
	u64 old;

	while (!((old = READ_ONCE(mutex->owner)) & MUTEX_PROMISED) &&
	       mutex_spin(mutex, old, &spins))
		if (mutex_try(mutex))
			return true;
	return false;
}

/* Out of the queue, with the mutex or without. */
static void mutex_leave_queue(struct mutex *mutex, struct sleeper *sleeper)
{
	u64 marks = 0;

	assert_held(&mutex->wait_lock);
	if (mutex->waiters.next == &sleeper->link)
		marks = MUTEX_PROMISED;
	list_del(&sleeper->link);
	if (list_empty(&mutex->waiters))
		marks |= MUTEX_WAITERS;
	if (READ_ONCE(mutex->owner) & marks)
		__atomic_and_fetch(&mutex->owner, ~marks, __ATOMIC_SEQ_CST);
}

static __noinline int mutex_lock_slow(struct mutex *mutex, bool interruptible)
{
	struct sleeper sleeper = { .thread = current };
	u32 spins = 0;
	int err = 0;

	if (IS_ENABLED(CONFIG_DEBUG_LOCKS) && mutex_is_owner(mutex))
		panic("mutex %p is locked twice by %s", mutex, current->comm);
	if (mutex_spin_and_take(mutex))
		return 0;
	spin_lock(&mutex->wait_lock);
	list_add_tail(&sleeper.link, &mutex->waiters);
	for (u64 marks = MUTEX_WAITERS;;) {
		bool first = mutex->waiters.next == &sleeper.link;
		u64 old;

		set_current_state(interruptible ? THREAD_INTERRUPTIBLE : THREAD_UNINTERRUPTIBLE);
		old = __atomic_or_fetch(&mutex->owner, marks, __ATOMIC_SEQ_CST);
		if (first ? mutex_try_first(mutex) : mutex_try(mutex))
			break;
		if (interruptible && signal_pending()) {
			err = -EINTR;
			break;
		}
		spin_unlock(&mutex->wait_lock);
		if (!first || marks == MUTEX_WAITERS || !mutex_spin(mutex, old, &spins)) {
			schedule();
			spins = 0;
		}
		spin_lock(&mutex->wait_lock);
		if (mutex->waiters.next == &sleeper.link)
			marks = MUTEX_MARKS; /* woken, and if another one has it again: in vain */
	}
	set_current_state(THREAD_RUNNABLE);
	mutex_leave_queue(mutex, &sleeper);
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
	BUG_ON((old & ~MUTEX_MARKS) != (u64)current);
	spin_lock(&mutex->wait_lock);
	__atomic_and_fetch(&mutex->owner, MUTEX_MARKS, __ATOMIC_SEQ_CST);
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
