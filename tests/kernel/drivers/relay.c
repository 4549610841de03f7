/* SPDX-License-Identifier: MIT */
/* An exporter that is replaced under its clients: each of its functions says of which generation it is. */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/lock.h>
#include <banos/print.h>
#include <banos/time.h>
#include "relay.h"

#define KEPT_MAX 8

static uint32_t generation;
BANOS_PARAM_U32(generation, 0, 1000000, "which one this is");

static banos_owner me;
static banos_callback kept[KEPT_MAX], gone; /* kept: under lock */
static struct banos_spinlock lock;
static volatile uintptr_t nowhere = 64;

int64_t relay_generation(void)
{
	return generation;
}
BANOS_EXPORT_AS(relay_generation, "");

int64_t relay_wait(uint64_t ns)
{
	banos_sleep_until(banos_time_ns() + ns, BANOS_UNINTERRUPTIBLE);
	return generation;
}
BANOS_EXPORT_AS(relay_wait, "q");

int64_t relay_call(banos_callback callback)
{
	return banos_callback_call(callback, generation, 0, 0, 0, 0);
}
BANOS_EXPORT_AS(relay_call, "c(q)");

int64_t relay_keep(banos_owner client, banos_callback callback)
{
	int64_t err = banos_owner_watch(me, client, gone);

	if (err && err != -EEXIST)
		return err;
	err = -ENOSPC;
	banos_spin_lock(&lock);
	for (int i = 0; i < KEPT_MAX && err; i++)
		if (!kept[i]) {
			kept[i] = callback;
			err = 0;
		}
	banos_spin_unlock(&lock);
	return err;
}
BANOS_EXPORT_AS(relay_keep, "hc(q)");

int64_t relay_crash(void)
{
	*(volatile uint64_t *)nowhere = 0;
	return 0;
}
BANOS_EXPORT_AS(relay_crash, "");

static int64_t client_gone(void *context, uint64_t owner, uint64_t arg2, uint64_t arg3,
			   uint64_t arg4, uint64_t arg5)
{
	return 0;
}

static int64_t relay_init(banos_owner self)
{
	struct banos_callback_config config = { .size = sizeof(config),
						.function = client_gone,
						.signature = "h" };
	int64_t err;

	me = self;
	err = banos_callback_create(self, &config, &gone);
	if (!err)
		err = banos_spin_init(&lock);
	return err;
}

/* Its clients may keep their callback with who succeeds it. */
static int64_t relay_exit(banos_owner self)
{
	for (int i = 0; i < KEPT_MAX; i++)
		if (kept[i])
			banos_callback_call(kept[i], generation, 0, 0, 0, 0);
	return 0;
}

BANOS_DRIVER(relay, "1.0", "MIT", "Is replaced under its clients", relay_init, relay_exit);
