/* SPDX-License-Identifier: MIT */
/* <banos/callback.h>, the second of two: a client of callbacks1.c, which calls it back. */
#include "callbacks.h"
#include "check.h"

static uint32_t calls;
static banos_callback callback;

static int64_t called_back(void *context, uint64_t arg1, uint64_t arg2, uint64_t arg3,
			   uint64_t arg4, uint64_t arg5)
{
	(void)arg3;
	(void)arg4;
	(void)arg5;
	calls++;
	if (context != (void *)&callback)
		return -EIO;
	if (arg1 == 0) /* not by itself */
		return banos_callback_close(callback);
	return (int64_t)(arg1 * 1000 + arg2);
}

static int64_t conformance_callbacks2_init(banos_owner self)
{
	static struct banos_callback_config config = { sizeof(config), 0, called_back, &callback,
						       "qq" };

	CHECK(banos_callback_create(self, &config, &callback) == 0);
	CHECK(banos_callback_call(callback, 7, 8, 0, 0, 0) == 7008 && calls == 1);
	CHECK(conformance_callbacks1_subscribe(self, callback) == 0);
	CHECK(conformance_callbacks1_fire(3, 4) == 3004 && calls == 2);
	CHECK(conformance_callbacks1_fire(0xffffffffull << 20, 0) ==
	      (int64_t)((0xffffffffull << 20) * 1000));
	CHECK(conformance_callbacks1_fire(0, 0) == -EDEADLK && calls == 4);
	CHECK(banos_callback_close(callback) == 0);
	CHECK(conformance_callbacks1_fire(3, 4) == -ENODEV && calls == 4);
	CHECK(banos_callback_close(callback) == -EINVAL);
	CHECK(banos_owner_watch(self, NULL, callback) == -EINVAL);
	CHECK(banos_owner_watch(self, self, callback) < 0); /* it is closed */
	return check_verdict(self);
}

BANOS_IMPORT_AS(conformance_callbacks1_subscribe, CONFORMANCE_CALLBACKS1_SUBSCRIBE_AS);
BANOS_IMPORT_AS(conformance_callbacks1_fire, CONFORMANCE_CALLBACKS1_FIRE_AS);
BANOS_DRIVER(conformance_callbacks2, "1.0", "MIT", "Is called back by another driver",
	     conformance_callbacks2_init, NULL);
