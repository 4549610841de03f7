/* SPDX-License-Identifier: MIT */
/* Uses handles that others passed to the driver hub, and were not passed to it. */
#include <banos/callback.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include "hub.h"

static int64_t nothing(void *context, uint64_t arg1, uint64_t arg2, uint64_t arg3, uint64_t arg4,
		       uint64_t arg5)
{
	return 0;
}

#define CHECK(condition)                                                        \
	do {                                                                    \
		if (!(condition)) {                                             \
			banos_error(self, "line %d: %s", __LINE__, #condition); \
			return -EINVAL;                                         \
		}                                                               \
	} while (0)

static int64_t thief_init(banos_owner self)
{
	static const struct banos_callback_config config = { .size = sizeof(config),
							     .function = nothing };
	banos_callback callback = (banos_callback)hub_last(0), own;
	banos_owner client = (banos_owner)hub_last(1);

	CHECK(callback && client);
	CHECK(banos_callback_create(self, &config, &own) == 0);
	CHECK(banos_callback_create(client, &config, &own) == -EINVAL);
	CHECK(banos_callback_call(own, 0, 0, 0, 0, 0) == 0);
	CHECK(banos_callback_call(callback, 1, 0, 0, 0, 0) == -EINVAL);
	CHECK(banos_callback_call(0, 1, 0, 0, 0, 0) == -EINVAL);
	CHECK(banos_callback_close(callback) == -EINVAL);
	CHECK(banos_owner_watch(self, client, own) == -EINVAL);
	CHECK(banos_owner_watch(self, self, callback) == -EINVAL);
	CHECK(banos_owner_watch(client, self, own) == -EINVAL);
	CHECK(banos_owner_watch(self, self, own) == 0 &&
	      banos_owner_watch(self, self, own) == -EEXIST);
	CHECK(!banos_alloc(client, 16, 0));
	CHECK(hub_subscribe(client, own, 0) < 0); /* passed on, it is still not its own */
	CHECK(hub_subscribe(self, callback, 0) == -EINVAL);
	CHECK(banos_callback_close(own) == 0 && banos_callback_close(own) == -EINVAL);
	CHECK(banos_callback_call(own, 0, 0, 0, 0, 0) == -ENODEV);
	return 0;
}

BANOS_DRIVER(thief, "1.0", "MIT", "Takes what was not passed to it", thief_init, NULL);
