/* SPDX-License-Identifier: MIT */
/**
 * @file work.h  Functions called soon, in a thread.
 *
 * For what cannot be done where it is noticed, because that context may not
 * sleep. Timers and work of one driver never run at the same time.
 */
#ifndef BANOS_WORK_H
#define BANOS_WORK_H

#include <banos/base.h>

/** Handle of a piece of work. */
typedef struct banos_work_ *banos_work;

BANOS_BEGIN

/**
 * @brief Make a piece of work.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: a resource of @p owner until banos_work_destroy().
 * @param function  called once after each banos_work_queue(); returns 0
 * @param context   handed to it
 * @param work      written: the handle
 * @return 0, -ENOMEM, -EINVAL: @p function is not in the driver, -ENODEV: being removed
 */
BANOS_SINCE(1)
int64_t banos_work_create(banos_owner owner, int64_t (*function)(void *context), void *context,
			  banos_work *work);

/**
 * @brief Have it done.
 * Since 1, provided by the kernel.
 * Context: any.
 * @return 1, 0: it was waiting to be done already, -EINVAL: no such work
 */
BANOS_SINCE(1) int64_t banos_work_queue(banos_work work);

/**
 * @brief Wait until it is done, if it was queued.
 * Since 1, provided by the kernel.
 * Context: thread; not from a timer or work of this driver.
 * @return 0, -EINVAL: no such work, -EDEADLK: from a timer or work of this driver, -EBUSY: the
 *	   driver is being removed, and it has not been done within 10 s
 */
BANOS_SINCE(1) int64_t banos_work_wait(banos_work work);

/**
 * @brief Give it up; what was queued and has not begun is not done.
 * Since 1, provided by the kernel.
 * Context: thread; not from the function itself.
 * @return 0, -EINVAL: no such work, -EBUSY: its function has not returned within 10 s (it is still
 *	   there, to be given up later)
 */
BANOS_SINCE(1) int64_t banos_work_destroy(banos_work work);

BANOS_END

#endif
