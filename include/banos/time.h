/* SPDX-License-Identifier: MIT */
/**
 * @file time.h  Clocks and pauses, in nanoseconds.
 */
#ifndef BANOS_TIME_H
#define BANOS_TIME_H

#include <banos/base.h>

#define BANOS_US UINT64_C(1000)
#define BANOS_MS UINT64_C(1000000)
#define BANOS_S UINT64_C(1000000000)

BANOS_BEGIN

/**
 * @brief Time since the boot; never goes backwards; the clock of all deadlines.
 * Since 1, provided by the kernel.
 * Context: any.
 * @return nanoseconds
 */
BANOS_SINCE(1) uint64_t banos_time_ns(void);

/**
 * @brief Time since the beginning of 1970, UTC. Can jump when someone sets the clock.
 * Since 1, provided by the kernel.
 * Context: any.
 * @return nanoseconds
 */
BANOS_SINCE(1) uint64_t banos_time_real_ns(void);

/**
 * @brief Sleep until a time.
 * Since 1, provided by the kernel.
 * Context: thread.
 * @param deadline_ns  on the clock of banos_time_ns()
 * @return 0, -ERESTART: a signal came, or this thread of the driver is to stop
 */
BANOS_SINCE(1) int64_t banos_sleep_until(uint64_t deadline_ns);

/**
 * @brief Do nothing for a short time, without sleeping.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param ns  at most 10 ms, else it is taken for 10 ms
 * @return 0
 */
BANOS_SINCE(1) int64_t banos_delay(uint64_t ns);

BANOS_END

#endif
