/* SPDX-License-Identifier: MIT */
/**
 * @file lock.h  Locks between the threads of a driver.
 *
 * The driver provides the storage, 8-aligned; its content is private to the kernel.
 * A lock is initialised once, before its first use, is not moved, and is destroyed when
 * no thread uses it any more. For one that was not initialised, was destroyed, moved or
 * overwritten, functions return -EINVAL. Locks are not recursive. Threads that wait for a lock get it in any
 * order. Whoever takes several takes them in the same order everywhere.
 *
 * What a function of the driver has locked it unlocks before it returns to the kernel. A spin lock that it
 * still holds then is unlocked by the kernel, and logged; a mutex stays locked.
 */
#ifndef BANOS_LOCK_H
#define BANOS_LOCK_H

#include <banos/base.h>

/** For long critical sections, which may sleep: only in threads. */
struct banos_mutex {
	uint64_t state, cookie, spare[6];
};
BANOS_ASSERT(sizeof(struct banos_mutex) == 64, mutex);

/** For a few instructions, in any context. A thread that holds one must not sleep, and stays on its processor. */
struct banos_spinlock {
	uint64_t state, cookie, spare[2];
};
BANOS_ASSERT(sizeof(struct banos_spinlock) == 32, spinlock);

BANOS_BEGIN

/**
 * @brief Initialise a mutex.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: a resource of @p owner until banos_mutex_destroy().
 * @param mutex  64 bytes, lent from now on until banos_mutex_destroy()
 * @return 0, -EINVAL: @p owner is none of the caller's, or @p mutex is not the driver's memory, -ENOMEM,
 *	   -ENODEV: @p owner is being removed
 */
BANOS_SINCE(1) int64_t banos_mutex_init(banos_owner owner, struct banos_mutex *mutex);

/**
 * @brief Destroy a mutex; no thread holds it or waits for it.
 * Since 1, provided by the kernel.
 * Context: thread.
 * @param mutex  64 bytes, lent
 * @return 0, -EINVAL: not initialised, -EBUSY: in use
 */
BANOS_SINCE(1) int64_t banos_mutex_destroy(struct banos_mutex *mutex);

/**
 * @brief Lock a mutex; sleeps while another thread holds it.
 * Since 1, provided by the kernel.
 * Context: thread. Neither a signal nor removal ends the sleep.
 * @param mutex  64 bytes, lent
 * @return 0, -EINVAL: not initialised, -EDEADLK: this thread holds it already, or the caller holds a spin lock
 */
BANOS_SINCE(1) int64_t banos_mutex_lock(struct banos_mutex *mutex);

/**
 * @brief Lock a mutex if it is free.
 * Since 1, provided by the kernel.
 * Context: any; what holds a mutex is a thread.
 * @param mutex  64 bytes, lent
 * @return 0, -EBUSY: it is held, by this thread or another, -EINVAL: not initialised
 */
BANOS_SINCE(1) int64_t banos_mutex_trylock(struct banos_mutex *mutex);

/**
 * @brief Unlock a mutex that this thread holds.
 * Since 1, provided by the kernel.
 * Context: any, in the thread that locked it.
 * @param mutex  64 bytes, lent
 * @return 0, -EPERM: this thread does not hold it, -EINVAL: not initialised
 */
BANOS_SINCE(1) int64_t banos_mutex_unlock(struct banos_mutex *mutex);

/**
 * @brief Initialise a spin lock. It has no owner and needs no destruction.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param lock  32 bytes, lent from now on, as long as it is used
 * @return 0, -EINVAL: not the driver's memory
 */
BANOS_SINCE(1) int64_t banos_spin_init(struct banos_spinlock *lock);

/**
 * @brief Lock a spin lock.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param lock  32 bytes, lent
 * @return 0, -EINVAL: not initialised, -EDEADLK: the caller holds it already (nothing has changed)
 */
BANOS_SINCE(1) int64_t banos_spin_lock(struct banos_spinlock *lock);

/**
 * @brief Lock a spin lock if it is free.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param lock  32 bytes, lent
 * @return 0, -EBUSY: it is held, -EINVAL: not initialised
 */
BANOS_SINCE(1) int64_t banos_spin_trylock(struct banos_spinlock *lock);

/**
 * @brief Unlock a spin lock.
 * Since 1, provided by the kernel.
 * Context: that in which it was locked.
 * @param lock  32 bytes, lent
 * @return 0, -EPERM: the caller does not hold it, -EINVAL: not initialised
 */
BANOS_SINCE(1) int64_t banos_spin_unlock(struct banos_spinlock *lock);

BANOS_END

#endif
