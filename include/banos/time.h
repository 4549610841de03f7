/* SPDX-License-Identifier: MIT */
/**
 * @file time.h  Clocks and pauses, in nanoseconds.
 *
 * While the machine sleeps (suspended) the clock of banos_time_ns() stands still: a deadline lies as
 * far ahead afterwards as it did before, so that no time limit for a device expires because of that.
 * banos_time_real_ns() goes on.
 */
#ifndef BANOS_TIME_H
#define BANOS_TIME_H

#include <banos/base.h>

/* Of the type uint64_t; C++98 lacks UINT64_C(). */
#define BANOS_US 1000ul
#define BANOS_MS 1000000ul
#define BANOS_S	 1000000000ul

/**
 * For functions that sleep: neither a signal, nor the removal of the device or the driver
 * ends the sleep. For delays of hardware that must not end early. The deadline is at
 * most 30 s ahead; removal waits until then.
 */
#define BANOS_UNINTERRUPTIBLE 1u

BANOS_BEGIN

/**
 * @brief Time that the machine has been awake since the boot; the clock of all deadlines.
 * Since 1, provided by the kernel.
 * Context: any.
 * It never goes backwards, on whatever processor it is read; two reads may give the same value.
 * @return nanoseconds, less than 2^63
 */
BANOS_SINCE(1) uint64_t banos_time_ns(void);

/**
 * @brief Time since the beginning of 1970, UTC. Jumps when the clock is set.
 * Since 1, provided by the kernel.
 * Context: any.
 * @return nanoseconds
 */
BANOS_SINCE(1) uint64_t banos_time_real_ns(void);

/**
 * @brief Sleep until a time.
 * Since 1, provided by the kernel.
 * Context: thread.
 * @param deadline_ns  on the clock of banos_time_ns(); one that is past, and 0, end at once; 2^64 - 1: never.
 *		       The sleep never ends before it with 0.
 * @param flags        0 or BANOS_UNINTERRUPTIBLE
 * @return 0, -ERESTART: a signal arrived, or this thread of the driver is to stop, -ENODEV: the
 *	   device whose method this thread runs is being released, -EINVAL: a flag that is not
 *	   known, or a deadline over 30 s ahead with BANOS_UNINTERRUPTIBLE, -EDEADLK: the
 *	   caller holds a spin lock. With BANOS_UNINTERRUPTIBLE 0 or the last two. -ERESTART and -ENODEV
 *	   are returned at once where the reason exists already.
 */
BANOS_SINCE(1) int64_t banos_sleep_until(uint64_t deadline_ns, uint32_t flags);

/**
 * @brief Busy-wait for a short time, without sleeping.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param ns  at most 10 ms, else it counts as 10 ms; the wait is never shorter
 * @return 0
 */
BANOS_SINCE(1) int64_t banos_delay(uint64_t ns);

BANOS_END

#endif
