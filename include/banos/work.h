/* SPDX-License-Identifier: MIT */
/**
 * @file work.h  Functions that are called soon, in a thread.
 *
 * For work that cannot be done at once because the context must not sleep. The
 * functions are called as those of timers, one after the other for each owner:
 * <banos/timer.h>.
 */
#ifndef BANOS_WORK_H
#define BANOS_WORK_H

#include <banos/base.h>

/** Handle of a work item. */
typedef struct banos_work_ *banos_work;

BANOS_BEGIN

/**
 * @brief Create a work item.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: a resource of @p owner until banos_work_destroy().
 * @param function  called once after each banos_work_queue() that returned 1; returns 0, which is not looked at
 * @param context   passed to it
 * @param work      8 bytes, written: the handle
 * @return 0, -ENOMEM, -EINVAL: @p function is not in the driver, -ENODEV: being removed
 */
BANOS_SINCE(1)
int64_t banos_work_create(banos_owner owner, int64_t (*function)(void *context), void *context,
			  banos_work *work);

/**
 * @brief Queue a work item.
 * Since 1, provided by the kernel.
 * Context: any.
 * While its function runs it is not queued any more: then, also from the function itself, it is queued
 * to run once more. What the caller wrote before is seen by the function.
 * @return 1: it was not queued, and is now; 0: it was queued already and will run; -EINVAL: no such work
 */
BANOS_SINCE(1) int64_t banos_work_queue(banos_work work);

/**
 * @brief Wait until a work item is done, if it was queued.
 * Since 1, provided by the kernel.
 * Context: thread, without locks that the function takes; not from a timer or work of the same owner.
 * @return 0: it is neither queued nor running, or has run since; -EINVAL: no such work, -EDEADLK: from a timer or work of the same owner, -EBUSY: the
 *	   owner is being removed, and it has not ended within 10 s
 */
BANOS_SINCE(1) int64_t banos_work_wait(banos_work work);

/**
 * @brief Destroy a work item; if it was queued and has not started, it is not done.
 * Since 1, provided by the kernel.
 * Context: thread, without locks that the function takes; not from the function itself.
 * @return 0, -EINVAL: no such work, -EDEADLK: from the function itself (nothing has changed), -EBUSY:
 *	   its function has not returned within 10 s (it still exists, and can be released later)
 */
BANOS_SINCE(1) int64_t banos_work_destroy(banos_work work);

BANOS_END

#endif
