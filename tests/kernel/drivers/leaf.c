/* SPDX-License-Identifier: MIT */
/* A client of the driver hub, which calls it back. */
#include <banos/callback.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/time.h>
#include <banos/wait.h>
#include "hub.h"

static uint32_t from = HUB_TIMER, sleep_ms, atomic, again, other;
BANOS_PARAM_U32(from, 0, 31, "from where it is called: bits of hub.h");
BANOS_PARAM_U32(sleep_ms, 0, 60000, "how long a call sleeps, whatever comes");
BANOS_PARAM_U32(atomic, 0, 1, "calls never sleep");
BANOS_PARAM_U32(again, 0, 1, "a call calls the hub");
BANOS_PARAM_U32(other, 0, 3, "1: another signature, 2: fail after all, 3: sleep until woken");
static uint8_t leave;
BANOS_PARAM_BOOL(leave, "unsubscribe in exit()");

static uint64_t seen, wrong;
static banos_callback callback;
static struct banos_wait bell;

static int64_t on_beat(void *context, uint64_t number, uint64_t arg2, uint64_t arg3, uint64_t arg4,
		       uint64_t arg5)
{
	uint64_t before = __atomic_fetch_add((uint64_t *)context, 1, __ATOMIC_RELAXED);

	if (again && hub_calls() < 0)
		wrong++;
	if (atomic && banos_sleep_until(banos_time_ns() + 1, 0) != -EDEADLK)
		wrong++;
	if (atomic && !before && banos_callback_close(callback) != -EDEADLK)
		wrong++;
	if (sleep_ms)
		banos_sleep_until(banos_time_ns() + sleep_ms * BANOS_MS, BANOS_UNINTERRUPTIBLE);
	if (other == 3)
		banos_wait_sleep(&bell, banos_wait_ticket(&bell), 0, 0);
	return 0;
}

/* A callback that is a result is the caller's to call; the same number is not. @return the line of a broken promise */
static int64_t try_result(void)
{
	banos_callback adder = (banos_callback)hub_adder_number();

	if (banos_callback_call(adder, 41, 0, 0, 0, 0) != -EINVAL)
		return -__LINE__;
	if ((banos_callback)hub_adder() != adder)
		return -__LINE__;
	if (banos_callback_call(adder, 41, 0, 0, 0, 0) != 42)
		return -__LINE__;
	if (banos_callback_close(adder) != -EINVAL)
		return -__LINE__;
	return 0;
}

static int64_t leaf_init(banos_owner self)
{
	struct banos_callback_config config = { .size = sizeof(config),
						.flags = atomic ? BANOS_CALLBACK_ATOMIC : 0,
						.function = on_beat,
						.context = &seen,
						.signature = "q" };
	int64_t err;

	if (other == 1)
		config.signature[0] = 'i';
	err = banos_wait_init(self, &bell);
	if (!err)
		err = banos_callback_create(self, &config, &callback);
	if (!err)
		err = try_result();
	if (!err)
		err = hub_subscribe(self, callback, from);
	if (!err && other == 2)
		err = -EXDEV;
	return err;
}

static int64_t leaf_exit(banos_owner self)
{
	if (leave && hub_unsubscribe(callback))
		wrong++;
	banos_print(self, "%s, wrong %lu", seen ? "was called" : "was not called", wrong);
	return banos_wait_destroy(&bell);
}

BANOS_DRIVER(leaf, "1.0", "MIT", "Is called back by the driver hub", leaf_init, leaf_exit);
