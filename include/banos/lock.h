/* SPDX-License-Identifier: MIT */
/**
 * @file lock.h  Locks between the threads of a driver.
 *
 * The storage is the driver's, 8-aligned; its content is the kernel's business.
 * A lock is initialised once, before its first use, where it stays, and destroyed when
 * nobody uses it any more. One that was not initialised, was destroyed, moved or
 * overwritten is -EINVAL. Locks are not recursive.
 */
#ifndef BANOS_LOCK_H
#define BANOS_LOCK_H

#include <banos/base.h>

/** For what takes long, or sleeps: only in threads. */
struct banos_mutex {
	uint64_t state, cookie, spare[6];
};
BANOS_ASSERT(sizeof(struct banos_mutex) == 64, mutex);

/** For a few instructions, in any context. Who holds one may not sleep. */
struct banos_spinlock {
	uint64_t state, cookie, spare[2];
};
BANOS_ASSERT(sizeof(struct banos_spinlock) == 32, spinlock);

BANOS_BEGIN

/**
 * @brief Prepare a mutex.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: a resource of @p owner until banos_mutex_destroy().
 * @param mutex  written
 * @return 0, -ENOMEM, -ENODEV: @p owner is being removed
 */
BANOS_SINCE(1) int64_t banos_mutex_init(banos_owner owner, struct banos_mutex *mutex);

/**
 * @brief Give a mutex up; nobody holds it or waits for it.
 * Since 1, provided by the kernel.
 * Context: thread.
 * @param mutex  read and written
 * @return 0, -EINVAL: not initialised, -EBUSY: in use
 */
BANOS_SINCE(1) int64_t banos_mutex_destroy(struct banos_mutex *mutex);

/**
 * @brief Take a mutex; sleeps while another holds it.
 * Since 1, provided by the kernel.
 * Context: thread.
 * @param mutex  read and written
 * @return 0, -EINVAL: not initialised, -EDEADLK: this thread holds it already
 */
BANOS_SINCE(1) int64_t banos_mutex_lock(struct banos_mutex *mutex);

/**
 * @brief Take a mutex if it is free.
 * Since 1, provided by the kernel.
 * Context: thread.
 * @param mutex  read and written
 * @return 0, -EBUSY: it is held, -EINVAL: not initialised
 */
BANOS_SINCE(1) int64_t banos_mutex_trylock(struct banos_mutex *mutex);

/**
 * @brief Let go of a mutex that this thread holds.
 * Since 1, provided by the kernel.
 * Context: thread.
 * @param mutex  read and written
 * @return 0, -EPERM: this thread does not hold it, -EINVAL: not initialised
 */
BANOS_SINCE(1) int64_t banos_mutex_unlock(struct banos_mutex *mutex);

/**
 * @brief Prepare a spin lock. It needs no owner and no end.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param lock  written
 * @return 0, -EINVAL: not the driver's memory
 */
BANOS_SINCE(1) int64_t banos_spin_init(struct banos_spinlock *lock);

/**
 * @brief Take a spin lock.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param lock  read and written
 * @return 0, -EINVAL: not initialised, -EDEADLK: the caller holds it already
 */
BANOS_SINCE(1) int64_t banos_spin_lock(struct banos_spinlock *lock);

/**
 * @brief Take a spin lock if it is free.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param lock  read and written
 * @return 0, -EBUSY: it is held, -EINVAL: not initialised
 */
BANOS_SINCE(1) int64_t banos_spin_trylock(struct banos_spinlock *lock);

/**
 * @brief Let go of a spin lock.
 * Since 1, provided by the kernel.
 * Context: that in which it was taken.
 * @param lock  read and written
 * @return 0, -EPERM: the caller does not hold it, -EINVAL: not initialised
 */
BANOS_SINCE(1) int64_t banos_spin_unlock(struct banos_spinlock *lock);

BANOS_END

#endif
