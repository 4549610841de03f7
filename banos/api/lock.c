// SPDX-License-Identifier: MIT
/*
 * <banos/lock.h>: mutexes and spin locks.
 *
 * A lock is the driver's storage (storage.h) and nothing else: the kernel keeps no object for it,
 * however many a driver has. While it is free, its state is the seal, so that one
 * compare-exchange finds out that it is a lock and takes it; while it is held, the state is the
 * address of the holder: a mutex's thread, with MUTEX_WAITERS added once another waits, or a
 * spin lock's processor. What fails then is looked at in detail. The copy of the seal in another
 * word tells a lock that is held from what was never one.
 *
 * Threads that wait for a mutex queue in the driver's root owner, with the address of the
 * storage. A state that names no holder that exists was written by the driver: that is an
 * error for the waiting thread, but not before some time has passed, since it takes a while to find out.
 *
 * Mutexes are counted for their owners, for the report of those that were never destroyed.
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include "storage.h"

#define MUTEX_WAITERS 1ull
#define HOLDER_CHECK_NS \
	(5 * NSEC_PER_MSEC) /* a mutex that is held for longer: does its holder exist? */
#define SPIN_CHECK_NS (100 * NSEC_PER_MSEC) /* the same of a spin lock */

/* Of calls from outside of all drivers. */
static DEFINE_WAIT_QUEUE(kernel_waiters);

/* How many this thread holds, for the debug kernel's look at what a method returns with. */
static inline void count_held(int change)
{
#ifdef CONFIG_DEBUG_LOCKS
	current->driver_mutexes += change;
#endif
}

/* ---- mutexes: initialised and destroyed ---- */

static const struct owned_class mutex_class = {
	.name = "mutex",
	.names = "mutexes",
	.kind = OWNED_MUTEX,
	.phase = OWNED_PASSIVE,
};

static struct wait_queue *mutex_waiters(void)
{
	struct owner *caller = gate_owner();

	if (caller)
		return &caller->mutex_waiters;
	return &kernel_waiters;
}

int64_t banos_mutex_init(banos_owner owner, struct banos_mutex *mutex)
{
	struct owner *holder;
	s64 err = storage_check(__func__, "mutex", owner, mutex, &holder);

	if (!err)
		err = owner_count_mutex(holder);
	if (err)
		return err;
	*mutex = (struct banos_mutex){ .state = seal_of(mutex, SEAL_MUTEX), .cookie = (u64)owner };
	mutex->spare[0] = mutex->state;
	return 0;
}
BANOS_EXPORT(banos_mutex_init);

int64_t banos_mutex_destroy(struct banos_mutex *mutex)
{
	struct owner *holder;

	if (!storage_is_sealed(mutex, SEAL_MUTEX))
		return STORAGE_MISTAKE("mutex");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	holder = api_owner((banos_owner)probe_load(&mutex->cookie));
	if (!holder)
		return MISTAKE("mutex has been overwritten");
	if (!probe_exchange(&mutex->state, seal_of(mutex, SEAL_MUTEX), 0))
		return api_mistake(__func__, -EBUSY, "mutex is held, or has been overwritten");
	probe_store(&mutex->spare[0], 0);
	owner_uncount_mutex(holder);
	return 0;
}
BANOS_EXPORT(banos_mutex_destroy);

/* ---- mutexes: the slow way ---- */

/* Take it if it is free. */
static inline bool sealed_mutex_try(struct banos_mutex *mutex)
{
	return likely(probe_exchange(&mutex->state, seal_of(mutex, SEAL_MUTEX), (u64)current));
}

static bool mutex_waiter_wake(struct waiter *waiter, u64 key)
{
	return (!key || waiter->private == (void *)key) && thread_wake(waiter->thread);
}

/* Take the mutex if it is free, else mark it as waited for. @return true: it was taken */
static bool mutex_try_or_mark(struct banos_mutex *mutex)
{
	u64 seal = seal_of(mutex, SEAL_MUTEX), state;

	do {
		if (!storage_is_sealed(mutex, SEAL_MUTEX))
			return false;
		if (probe_exchange(&mutex->state, seal, (u64)current | MUTEX_WAITERS))
			return true;
		state = probe_load(&mutex->state);
		if (state & MUTEX_WAITERS)
			return false;
	} while (state == seal || !probe_exchange(&mutex->state, state, state | MUTEX_WAITERS));
	return false;
}

/* Freed or overwritten while the thread slept, or its owner is gone: nobody will release it. */
static bool mutex_is_lost(const struct banos_mutex *mutex)
{
	return !storage_is_sealed(mutex, SEAL_MUTEX) ||
	       !api_owner((banos_owner)probe_load(&mutex->cookie));
}

static bool mutex_holder_exists(const struct banos_mutex *mutex)
{
	u64 state = probe_load(&mutex->state);

	return state == seal_of(mutex, SEAL_MUTEX) ||
	       thread_exists((const struct thread *)(state & ~MUTEX_WAITERS));
}

/* @return 0: this thread has it; what is wrong with it */
static const char *mutex_wait_for(struct banos_mutex *mutex)
{
	struct wait_queue *queue = mutex_waiters();
	u64 pause_ns = HOLDER_CHECK_NS;
	const char *wrong = NULL;
	struct waiter waiter;

	waiter_init(&waiter);
	waiter.wake = mutex_waiter_wake;
	waiter.private = mutex;
	while (!wrong) {
		wait_prepare(queue, &waiter, THREAD_UNINTERRUPTIBLE);
		if (mutex_try_or_mark(mutex))
			break;
		if (mutex_is_lost(mutex)) {
			wrong = "mutex was freed or overwritten while this thread waited";
		} else if (!schedule_until(time_monotonic_ns() + pause_ns)) {
			pause_ns *= 2;
			if (!mutex_holder_exists(mutex))
				wrong = "mutex has been overwritten: no such thread holds it";
		}
	}
	wait_finish(queue, &waiter);
	return wrong;
}

static __noinline s64 mutex_lock_slowly(const char *function, struct banos_mutex *mutex)
{
	const char *wrong;

	if (!storage_is_sealed(mutex, SEAL_MUTEX))
		return api_mistake(function, -EINVAL,
				   "mutex was not initialised, or is not the driver's memory");
	if ((probe_load(&mutex->state) & ~MUTEX_WAITERS) == (u64)current)
		return api_mistake(function, -EDEADLK, "mutex is held by this thread already");
	wrong = mutex_wait_for(mutex);
	if (wrong)
		return api_mistake(function, -EINVAL, wrong);
	return 0;
}

/* One for which others wait. */
static __noinline bool mutex_release_awaited(struct banos_mutex *mutex, u64 seal)
{
	if (scheduler_method_runs() || /* which may not wake */
	    !probe_exchange(&mutex->state, (u64)current | MUTEX_WAITERS, seal))
		return false;
	wake_up_key(mutex_waiters(), 0, (u64)mutex);
	return true;
}

/* Of a mutex that this thread may hold. @return whether it did */
static inline bool mutex_release(struct banos_mutex *mutex)
{
	u64 seal = seal_of(mutex, SEAL_MUTEX);

	if (likely(probe_exchange(&mutex->state, (u64)current, seal)))
		return true;
	return mutex_release_awaited(mutex, seal);
}

/* The call that took it is abandoned, and the driver is not called any more. */
static void mutex_abandon(void *mutex)
{
	count_held(-1);
	(void)mutex_release(mutex);
}

static inline void mutex_note(struct banos_mutex *mutex)
{
	count_held(1);
	gate_lock_taken(mutex, false, mutex_abandon);
}

/* ---- mutexes: taken and released ---- */

int64_t banos_mutex_lock(struct banos_mutex *mutex)
{
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	if (unlikely(!sealed_mutex_try(mutex))) {
		s64 err = mutex_lock_slowly(__func__, mutex);

		if (err)
			return err;
	}
	mutex_note(mutex);
	return 0;
}
BANOS_EXPORT(banos_mutex_lock);

int64_t banos_mutex_trylock(struct banos_mutex *mutex)
{
	if (scheduler_method_runs())
		return METHOD_MISTAKE(__func__);
	if (sealed_mutex_try(mutex)) {
		mutex_note(mutex);
		return 0;
	}
	if (!storage_is_sealed(mutex, SEAL_MUTEX))
		return STORAGE_MISTAKE("mutex");
	return -EBUSY;
}
BANOS_EXPORT(banos_mutex_trylock);

static s64 mutex_unlock_mistake(const char *function, const struct banos_mutex *mutex)
{
	if (!storage_is_sealed(mutex, SEAL_MUTEX))
		return api_mistake(function, -EINVAL,
				   "mutex was not initialised, or is not the driver's memory");
	if (scheduler_method_runs())
		return METHOD_MISTAKE(function);
	return api_mistake(function, -EPERM, "mutex is not held by this thread");
}

int64_t banos_mutex_unlock(struct banos_mutex *mutex)
{
	if (unlikely(!mutex_release(mutex)))
		return mutex_unlock_mistake(__func__, mutex);
	count_held(-1);
	gate_lock_released(mutex);
	return 0;
}
BANOS_EXPORT(banos_mutex_unlock);

/* ---- spin locks ---- */

int64_t banos_spin_init(struct banos_spinlock *lock)
{
	if (!storage_is_drivers(lock, sizeof(*lock)))
		return MISTAKE("lock is not the driver's memory, or not aligned to 8");
	*lock = (struct banos_spinlock){ .state = seal_of(lock, SEAL_SPIN) };
	lock->spare[0] = lock->state;
	return 0;
}
BANOS_EXPORT(banos_spin_init);

/* With preemption off. */
static inline bool spin_try(struct banos_spinlock *lock)
{
	return likely(probe_exchange(&lock->state, seal_of(lock, SEAL_SPIN), (u64)this_cpu()));
}

static inline bool spin_is_mine(const struct banos_spinlock *lock)
{
	return probe_equals(&lock->state, (u64)this_cpu());
}

static void spin_release(struct banos_spinlock *lock)
{
	probe_store(&lock->state, seal_of(lock, SEAL_SPIN));
	preempt_enable();
}

/* The call that took it is abandoned, and the driver is not called any more. */
static void spin_abandon(void *lock)
{
	if (spin_is_mine(lock))
		spin_release(lock);
	else
		preempt_enable();
}

/* The processor with this structure, unless there is none, or it holds no spin lock. */
static bool spin_holder_spins(u64 state)
{
	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i] && (u64)cpus[i] == state)
			return READ_ONCE(cpus[i]->preempt_count);
	return false;
}

/* It is not free. @return NULL: this processor has it; what is wrong with it */
static const char *spin_wait_for(struct banos_spinlock *lock)
{
	u64 seal = seal_of(lock, SEAL_SPIN), doubtful_ns = 0;

	while (!spin_try(lock)) {
		u64 state = probe_load(&lock->state);

		if (!storage_is_sealed(lock, SEAL_SPIN))
			return "lock was not initialised, or is not the driver's memory";
		/* A processor may release and take it between these two looks, but not every time. */
		if (state == seal || spin_holder_spins(state))
			doubtful_ns = 0;
		else if (!doubtful_ns)
			doubtful_ns = time_monotonic_ns();
		else if (time_monotonic_ns() - doubtful_ns > SPIN_CHECK_NS)
			return "lock has been overwritten: no processor holds it";
		cpu_relax();
	}
	return NULL;
}

/* With preemption off, which it turns on again if that fails. */
static __noinline s64 spin_lock_slowly(const char *function, struct banos_spinlock *lock)
{
	const char *wrong;
	s64 err = -EINVAL;

	if (spin_is_mine(lock)) {
		wrong = "lock is held on this processor already";
		err = -EDEADLK;
	} else {
		wrong = spin_wait_for(lock);
	}
	if (!wrong)
		return 0;
	preempt_enable();
	return api_mistake(function, err, wrong);
}

int64_t banos_spin_lock(struct banos_spinlock *lock)
{
	preempt_disable();
	if (unlikely(!spin_try(lock))) {
		s64 err = spin_lock_slowly(__func__, lock);

		if (err)
			return err;
	}
	gate_lock_taken(lock, true, spin_abandon);
	return 0;
}
BANOS_EXPORT(banos_spin_lock);

int64_t banos_spin_trylock(struct banos_spinlock *lock)
{
	preempt_disable();
	if (spin_try(lock)) {
		gate_lock_taken(lock, true, spin_abandon);
		return 0;
	}
	preempt_enable();
	if (!storage_is_sealed(lock, SEAL_SPIN))
		return STORAGE_MISTAKE("lock");
	return -EBUSY;
}
BANOS_EXPORT(banos_spin_trylock);

static s64 spin_unlock_mistake(const char *function, const struct banos_spinlock *lock)
{
	if (!storage_is_sealed(lock, SEAL_SPIN))
		return api_mistake(function, -EINVAL,
				   "lock was not initialised, or is not the driver's memory");
	return api_mistake(function, -EPERM, "lock is not held by the caller");
}

int64_t banos_spin_unlock(struct banos_spinlock *lock)
{
	/* With preemption on nobody holds one here, whatever the state says. */
	if (unlikely(!api_holds_spinlock() || !spin_is_mine(lock)))
		return spin_unlock_mistake(__func__, lock);
	gate_lock_released(lock);
	spin_release(lock);
	return 0;
}
BANOS_EXPORT(banos_spin_unlock);

/* ---- the end of an owner ---- */

static u32 mutexes_release_locked(struct owner *owner)
{
	u32 count = owner->mutexes;

	assert_held(&owner->root->lock);
	owner->mutexes = 0;
	return count;
}

void driver_mutexes_init(void)
{
	static const struct owned_many mutexes = { &mutex_class, mutexes_release_locked };

	owned_many_register(&mutexes);
}
