/* SPDX-License-Identifier: MIT */
/* A timer: a function that is called at a time, here again and again. */
#include <banos/driver.h>
#include <banos/print.h>
#include <banos/time.h>
#include <banos/timer.h>

static uint32_t interval_ms = 10, count = 3;
BANOS_PARAM_U32(interval_ms, 1, 10000, "from one tick to the next");
BANOS_PARAM_U32(count, 0, 1000000, "how many ticks; 0: without end");

static struct {
	banos_owner self;
	banos_timer timer;
	uint64_t next_ns;
	uint32_t ticks;
} ticker;

static int64_t ticker_tick(void *context)
{
	ticker.ticks++;
	banos_print(ticker.self, "tick %u", ticker.ticks);
	if (count && ticker.ticks >= count)
		return 0;
	/* Counted from when it should have been: late ticks do not add up. */
	ticker.next_ns += interval_ms * BANOS_MS;
	return banos_timer_start(ticker.timer, ticker.next_ns);
}

static int64_t ticker_init(banos_owner self)
{
	int64_t error = banos_timer_create(self, ticker_tick, NULL, &ticker.timer);

	if (error)
		return error; /* what was obtained before would be released, too */
	ticker.self = self;
	ticker.next_ns = banos_time_ns() + interval_ms * BANOS_MS;
	return banos_timer_start(ticker.timer, ticker.next_ns);
}

static int64_t ticker_exit(banos_owner self)
{
	banos_timer_destroy(ticker.timer);
	banos_print(self, "%u ticks in all", ticker.ticks);
	return 0;
}

BANOS_DRIVER(ticker, "1.0", "MIT", "Ticks", ticker_init, ticker_exit);
