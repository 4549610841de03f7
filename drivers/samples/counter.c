/* SPDX-License-Identifier: MIT */
/* A thread: it counts milliseconds until it is asked to stop. */
#include <banos/driver.h>
#include <banos/print.h>
#include <banos/thread.h>
#include <banos/time.h>

static banos_thread thread;

static int64_t counter_run(void *context)
{
	int64_t count = 0;

	/* The sleep ends early, with an error, when the thread is to stop. */
	while (!banos_sleep_until(banos_time_ns() + BANOS_MS, 0))
		count++;
	return count;
}

static int64_t counter_init(banos_owner self)
{
	return banos_thread_create(self, counter_run, NULL, "counter", &thread);
}

static int64_t counter_exit(banos_owner self)
{
	int64_t count = 0, error = banos_thread_stop(thread, &count);

	banos_print(self, "counted to %lld", (long long)count);
	return error;
}

BANOS_DRIVER(counter, "1.0", "MIT", "Counts in a thread", counter_init, counter_exit);
