// SPDX-License-Identifier: MIT
/* <banos/time.h>: clocks and pauses. */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include "caller.h"

#define DELAY_MAX_US 10000u

uint64_t banos_time_ns(void)
{
	return time_monotonic_ns();
}
BANOS_EXPORT(banos_time_ns);

uint64_t banos_time_real_ns(void)
{
	return time_realtime_ns();
}
BANOS_EXPORT(banos_time_real_ns);

int64_t(banos_sleep_until)(uint64_t deadline_ns, uint32_t flags)
{
	struct wait_queue alone;
	s64 err = api_check_sleep("banos_sleep_until", deadline_ns ?: 1, flags);

	if (err)
		return err;
	wait_queue_init(&alone);
	if (flags & BANOS_UNINTERRUPTIBLE) {
		(void)wait_event_until(&alone, false, deadline_ns ?: 1);
		return 0;
	}
	/* Who asks the thread to stop, or takes its device away, wakes it; so does a signal. */
	err = wait_event_interruptible_until(&alone, thread_should_stop() || call_is_revoked(),
					     deadline_ns ?: 1);
	if (err == -ETIMEDOUT)
		return 0;
	if (call_is_revoked())
		return -ENODEV;
	return -ERESTART;
}
BANOS_EXPORT(banos_sleep_until);

int64_t banos_delay(uint64_t ns)
{
	delay_us(MIN(ns / 1000 + (ns % 1000 != 0), (u64)DELAY_MAX_US));
	return 0;
}
BANOS_EXPORT(banos_delay);
