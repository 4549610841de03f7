// SPDX-License-Identifier: MIT
/* <banos/time.h>: clocks and pauses. */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/time.h>

#define DELAY_MAX_US	10000u

uint64_t banos_time_ns(void) { return time_monotonic_ns(); }
BANOS_EXPORT(banos_time_ns);

uint64_t banos_time_real_ns(void) { return time_realtime_ns(); }
BANOS_EXPORT(banos_time_real_ns);

int64_t banos_sleep_until(uint64_t deadline_ns)
{
	if (thread_should_stop() || sleep_until(deadline_ns, true))
		return -ERESTART;
	return thread_should_stop() && time_monotonic_ns() < deadline_ns ? -ERESTART : 0;
}
BANOS_EXPORT(banos_sleep_until);

int64_t banos_delay(uint64_t ns)
{
	delay_us(MIN(ns / 1000 + (ns % 1000 != 0), (u64)DELAY_MAX_US));
	return 0;
}
BANOS_EXPORT(banos_delay);
