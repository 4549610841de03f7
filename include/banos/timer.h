/* SPDX-License-Identifier: MIT */
/**
 * @file timer.h  Functions that are called at a given time.
 *
 * The function runs in a thread of the kernel and may sleep. Timers and work of one
 * owner never run at the same time: while a function runs, the others of its owner wait.
 * Those of different owners (the driver and each of its devices) do run at the same
 * time, on any CPU: what they share needs a lock. They run at the same time as functions for
 * interrupts, threads, callbacks and methods of the driver, too.
 */
#ifndef BANOS_TIMER_H
#define BANOS_TIMER_H

#include <banos/base.h>

/** Handle of a timer. */
typedef struct banos_timer_ *banos_timer;

BANOS_BEGIN

/**
 * @brief Create a timer.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: a resource of @p owner until banos_timer_destroy().
 * @param function  called once each time the timer expires; returns 0, which is not looked at
 * @param context   passed to it
 * @param timer     8 bytes, written: the handle
 * @return 0, -ENOMEM, -EINVAL: @p function is not in the driver, -ENODEV: being removed
 */
BANOS_SINCE(1)
int64_t banos_timer_create(banos_owner owner, int64_t (*function)(void *context), void *context,
			   banos_timer *timer);

/**
 * @brief Start a timer, or change its deadline.
 * Since 1, provided by the kernel.
 * Context: any.
 * From its own function, too: then it runs again. One that expired, and whose function has not begun,
 * runs once for both, at the new deadline.
 * @param deadline_ns  on the clock of banos_time_ns(); the function runs once, not before: as soon as
 *		       possible for one that is past, and 0; never for 2^64 - 1
 * @return 0, -EINVAL: no such timer
 */
BANOS_SINCE(1) int64_t banos_timer_start(banos_timer timer, uint64_t deadline_ns);

/**
 * @brief Stop a timer, and wait until its function is not running.
 * Since 1, provided by the kernel.
 * Context: thread, without locks that the function takes; from the function itself it does not wait.
 * It can be started again.
 * @return 1: it had been started, and its function was not called for that; 0: it had not been started, or
 *	   its function was called; -EINVAL: no such timer; -EBUSY: its owner is being removed, and its
 *	   function has not returned within 10 s (the timer is stopped)
 */
BANOS_SINCE(1) int64_t banos_timer_cancel(banos_timer timer);

/**
 * @brief Stop a timer, wait until its function is not running, and release it.
 * Since 1, provided by the kernel.
 * Context: thread, without locks that the function takes; not from the function itself.
 * @return 0, -EINVAL: no such timer, -EDEADLK: from the function itself (nothing has changed),
 *	   -EBUSY: its function has not returned within 10 s (it still exists, and can be released later)
 */
BANOS_SINCE(1) int64_t banos_timer_destroy(banos_timer timer);

BANOS_END

#endif
