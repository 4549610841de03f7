/* SPDX-License-Identifier: MIT */
/**
 * @file wait.h  Sleeping until something happens.
 *
 * Who waits takes a ticket, looks, and sleeps if there is nothing:
 *
 *	for (;;) {
 *		uint64_t ticket = banos_wait_ticket(&w);
 *		if (there_is_something())
 *			break;
 *		int64_t error = banos_wait_sleep(&w, ticket, 0);
 *		if (error)
 *			return error;
 *	}
 *
 * Who makes something happen changes the data, then calls banos_wait_wake(). A
 * wake-up between ticket and sleep is not lost: the sleep ends at once.
 */
#ifndef BANOS_WAIT_H
#define BANOS_WAIT_H

#include <banos/base.h>
#include <banos/time.h>

/** A wait object; the storage is the driver's, 8-aligned, the content the kernel's. */
struct banos_wait {
	uint64_t state, cookie, spare[6];
};
BANOS_ASSERT(sizeof(struct banos_wait) == 64, wait);

BANOS_BEGIN

/**
 * @brief Prepare a wait object.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: a resource of @p owner until banos_wait_destroy().
 * @param wait  written
 * @return 0, -ENOMEM, -ENODEV: @p owner is being removed
 */
BANOS_SINCE(1) int64_t banos_wait_init(banos_owner owner, struct banos_wait *wait);

/**
 * @brief Give a wait object up; nobody sleeps on it.
 * Since 1, provided by the kernel.
 * Context: thread.
 * @param wait  read and written
 * @return 0, -EINVAL: not initialised, -EBUSY: someone sleeps on it
 */
BANOS_SINCE(1) int64_t banos_wait_destroy(struct banos_wait *wait);

/**
 * @brief Take a ticket for banos_wait_sleep(), before looking.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param wait  read
 * @return the ticket; 0: not initialised
 */
BANOS_SINCE(1) uint64_t banos_wait_ticket(const struct banos_wait *wait);

/**
 * @brief Sleep until a wake-up after the ticket was taken.
 * Since 1, provided by the kernel.
 * Context: thread, without locks that the waker needs.
 * @param wait         read
 * @param ticket       from banos_wait_ticket()
 * @param deadline_ns  on the clock of banos_time_ns(); 0: none
 * @param flags        0 or BANOS_UNINTERRUPTIBLE, which needs a deadline; may be left out: 0
 * @return 0, -ETIMEDOUT, -ERESTART: a signal came, or this thread of the driver is
 *	   to stop, -ENODEV: the device that owns @p wait, or whose method this thread runs, is
 *	   being let go, -EINVAL: not initialised, a flag that is not known, or no deadline
 *	   within 30 s with BANOS_UNINTERRUPTIBLE, -EDEADLK: the caller holds a spin lock.
 *	   With BANOS_UNINTERRUPTIBLE neither -ERESTART nor -ENODEV.
 */
BANOS_SINCE(1)
int64_t banos_wait_sleep(const struct banos_wait *wait, uint64_t ticket, uint64_t deadline_ns,
			 uint32_t flags);

/**
 * @brief Wake all who sleep on a wait object.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param wait  read and written
 * @return 0, -EINVAL: not initialised
 */
BANOS_SINCE(1) int64_t banos_wait_wake(struct banos_wait *wait);

BANOS_END

/**
 * The same with flags left out: (wait, ticket, deadline_ns) means 0.
 * Since 1, in this header.
 * Context: thread.
 */
#define banos_wait_sleep(...) BANOS_WAIT_SLEEP_(__VA_ARGS__, 0, 0)
#define BANOS_WAIT_SLEEP_(wait, ticket, deadline_ns, flags, ...) \
	(banos_wait_sleep)(wait, ticket, deadline_ns, flags)

#endif
