/* SPDX-License-Identifier: MIT */
/*
 * A client of the driver relay that calls it all the time, in each way that there is. exit() says
 * how often the answer was one that may not be. Generations never go back.
 */
#include <banos/callback.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/export.h>
#include <banos/print.h>
#include <banos/string.h>
#include <banos/thread.h>
#include <banos/time.h>
#include "relay.h"

#define THREADS	    5
#define DEEP_BYTES  7000
#define PAUSE_CALLS 64

static uint32_t crash;
BANOS_PARAM_U32(crash, 0, 1, "let it fault once, and expect ENODEV afterwards");

static banos_owner me;
static banos_thread threads[THREADS];
static banos_callback callback, kept;
static int64_t (*looked_up)(void);
static uint64_t calls, wrong, dead, revived, told, kept_again;

static void count(uint64_t *number)
{
	__atomic_fetch_add(number, 1, __ATOMIC_RELAXED);
}

static int64_t on_call(void *context, uint64_t generation, uint64_t arg2, uint64_t arg3,
		       uint64_t arg4, uint64_t arg5)
{
	return (int64_t)generation;
}

/* The exporter is being removed: whoever takes over is asked instead. */
static int64_t on_gone(void *context, uint64_t generation, uint64_t arg2, uint64_t arg3,
		       uint64_t arg4, uint64_t arg5)
{
	count(&told);
	if (!relay_keep(me, kept))
		count(&kept_again);
	return 0;
}

/* Little of the stack is left at the call. */
static __attribute__((noinline)) int64_t call_deeply(void)
{
	volatile char room[DEEP_BYTES];

	room[0] = room[DEEP_BYTES - 1] = 1;
	if (room[0] != 1)
		return -EIO;
	return relay_generation();
}

/* ENODEV may be the callback's, when this driver is being removed. */
static int64_t call_back(void)
{
	int64_t generation = relay_call(callback);

	if (generation == -ENODEV)
		return relay_generation();
	return generation;
}

static int64_t call_once(uint64_t which)
{
	switch (which) {
	case 0: return relay_generation();
	case 1: return relay_wait(BANOS_MS / 2);
	case 2: return call_back();
	case 3: return call_deeply();
	default: return looked_up();
	}
}

static int64_t run(void *context)
{
	int64_t last = 0;
	uint64_t own = 0;

	while (!banos_thread_should_stop()) {
		int64_t generation = call_once((uint64_t)(uintptr_t)context);

		count(&calls);
		if (context &&
		    ++own % PAUSE_CALLS == 0) /* the first thread takes all that it can get */
			banos_sleep_until(banos_time_ns() + BANOS_MS / 10, 0);
		if (generation == -ENODEV && crash) {
			count(&dead);
			banos_sleep_until(banos_time_ns() + BANOS_MS, 0);
			continue;
		}
		if (generation < last)
			count(&wrong);
		else if (generation > last)
			count(&revived);
		last = generation;
	}
	return 0;
}

static int64_t callbacks_create(banos_owner self)
{
	struct banos_callback_config config = { .size = sizeof(config),
						.function = on_call,
						.signature = "q" };
	int64_t err = banos_callback_create(self, &config, &callback);

	config.function = on_gone;
	if (!err)
		err = banos_callback_create(self, &config, &kept);
	return err;
}

static int64_t caller_init(banos_owner self)
{
	int64_t err = callbacks_create(self);

	me = self;
	looked_up = (int64_t(*)(void))banos_lookup_symbol(self, "relay_generation");
	if (!err && !looked_up)
		err = -ENOENT;
	if (!err)
		err = relay_keep(self, kept);
	for (uintptr_t i = 0; i < THREADS && !err; i++)
		err = banos_thread_create(self, run, (void *)i, "caller", &threads[i]);
	if (!err && crash)
		relay_crash();
	return err;
}

static int64_t caller_exit(banos_owner self)
{
	for (int i = 0; i < THREADS; i++)
		banos_thread_stop(threads[i], NULL);
	banos_release_symbol(self, (void *)looked_up);
	if (dead && !crash)
		wrong++;
	banos_print(self, "%s, wrong %lu, told %lu, kept again %lu, %s, %s",
		    calls > THREADS ? "called" : "did not call", wrong, told, kept_again,
		    dead ? "some dead" : "none dead", revived ? "moved" : "never moved");
	return 0;
}

BANOS_DRIVER(caller, "1.0", "MIT", "Calls the driver relay all the time", caller_init, caller_exit);
