/* SPDX-License-Identifier: MIT */
/**
 * @file wait.h  Sleeping until an event.
 *
 * A thread that waits takes a ticket, checks its condition, and sleeps if it is false:
 *
 *	for (;;) {
 *		uint64_t ticket = banos_wait_ticket(&w);
 *		if (data_available())
 *			break;
 *		int64_t error = banos_wait_sleep(&w, ticket, 0, 0);
 *		if (error)
 *			return error;
 *	}
 *
 * The code that causes the event changes the data, then calls banos_wait_wake(). A
 * wake-up between ticket and sleep is not lost: the sleep ends at once. A sleep may end with 0 though
 * nothing has happened: so the condition is checked again, as here.
 *
 * The storage is initialised once, before its first use, and is not moved. For one that was not
 * initialised, was destroyed, moved or overwritten, functions return -EINVAL.
 */
#ifndef BANOS_WAIT_H
#define BANOS_WAIT_H

#include <banos/base.h>
#include <banos/time.h>

/** A wait object; the driver provides the storage, 8-aligned; the content is private to the kernel. */
struct banos_wait {
	uint64_t state, cookie, spare[6];
};
BANOS_ASSERT(sizeof(struct banos_wait) == 64, wait);

BANOS_BEGIN

/**
 * @brief Initialise a wait object.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: a resource of @p owner until banos_wait_destroy().
 * @param wait  64 bytes, lent from now on until banos_wait_destroy()
 * @return 0, -EINVAL: @p owner is none of the caller's, or @p wait is not the driver's memory, -ENOMEM,
 *	   -ENODEV: @p owner is being removed
 */
BANOS_SINCE(1) int64_t banos_wait_init(banos_owner owner, struct banos_wait *wait);

/**
 * @brief Destroy a wait object; no thread sleeps on it.
 * Since 1, provided by the kernel.
 * Context: thread.
 * @param wait  64 bytes, lent
 * @return 0, -EINVAL: not initialised, -EBUSY: a thread sleeps on it
 */
BANOS_SINCE(1) int64_t banos_wait_destroy(struct banos_wait *wait);

/**
 * @brief Take a ticket for banos_wait_sleep(), before the condition is checked.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param wait  64 bytes, lent
 * @return the ticket; 0: not initialised
 */
BANOS_SINCE(1) uint64_t banos_wait_ticket(const struct banos_wait *wait);

/**
 * @brief Sleep until a wake-up after the ticket was taken, or until a deadline.
 * Since 1, provided by the kernel.
 * Context: thread, without locks that the waker needs.
 * @param wait         64 bytes, lent
 * @param ticket       from banos_wait_ticket() for the same object; another value: the sleep ends at once with 0
 * @param deadline_ns  on the clock of banos_time_ns(); 0: none, unlike in banos_sleep_until(); one that is past:
 *		       -ETIMEDOUT at once
 * @param flags        0 or BANOS_UNINTERRUPTIBLE, which needs a deadline
 * @return 0, -ETIMEDOUT: the deadline has passed without a wake-up, -ERESTART: a signal arrived, or this thread of the driver is
 *	   to stop, -ENODEV: the device that owns @p wait, or whose method this thread runs, is
 *	   being released, -EINVAL: not initialised, an unknown flag, or no deadline
 *	   within 30 s with BANOS_UNINTERRUPTIBLE, -EDEADLK: the caller holds a spin lock.
 *	   With BANOS_UNINTERRUPTIBLE neither -ERESTART nor -ENODEV.
 */
BANOS_SINCE(1)
int64_t banos_wait_sleep(const struct banos_wait *wait, uint64_t ticket, uint64_t deadline_ns,
			 uint32_t flags);

/**
 * @brief Wake all threads that sleep on a wait object, and programs that poll() a file that watches it.
 * Since 1, provided by the kernel.
 * Context: any.
 * What the caller wrote before is seen by whoever is woken.
 * @param wait  64 bytes, lent
 * @return 0, -EINVAL: not initialised
 */
BANOS_SINCE(1) int64_t banos_wait_wake(struct banos_wait *wait);

BANOS_END

#endif
