/* SPDX-License-Identifier: MIT */
/*
 * <banos/callback.h>, the first of two: callbacks of its own, and the exporter that calls its client,
 * callbacks2.c. When it is removed, it must have been told that its client is gone.
 */
#include <banos/lock.h>
#include "callbacks.h"
#include "check.h"

static banos_owner driver;
static banos_callback subscriber, watcher;
static struct banos_spinlock spinlock;
static struct banos_mutex mutex;
static banos_owner watched;
static uint32_t subscribed, told, wrongly_told;
static char mark;

static int64_t add_up(void *context, uint64_t arg1, uint64_t arg2, uint64_t arg3, uint64_t arg4,
		      uint64_t arg5)
{
	if (context != (void *)&mark)
		return -EIO;
	return (int64_t)(arg1 + 10 * arg2 + 100 * arg3 + 1000 * arg4 + 10000 * arg5);
}

static int64_t must_not_sleep(void *context, uint64_t arg1, uint64_t arg2, uint64_t arg3,
			      uint64_t arg4, uint64_t arg5)
{
	(void)context;
	(void)arg1;
	(void)arg2;
	(void)arg3;
	(void)arg4;
	(void)arg5;
	return banos_mutex_lock(&mutex);
}

static int64_t client_gone(void *context, uint64_t arg1, uint64_t arg2, uint64_t arg3,
			   uint64_t arg4, uint64_t arg5)
{
	(void)context;
	(void)arg2;
	(void)arg3;
	(void)arg4;
	(void)arg5;
	told++;
	wrongly_told += (banos_owner)arg1 != watched;
	return 0;
}

static struct banos_callback_config config_of(int64_t (*function)(void *, uint64_t, uint64_t,
								  uint64_t, uint64_t, uint64_t),
					      uint32_t flags, const char *signature)
{
	struct banos_callback_config config;
	uint32_t i;

	for (i = 0; i < sizeof(config); i++)
		((volatile char *)&config)[i] = 0;
	config.size = sizeof(config);
	config.flags = flags;
	config.function = function;
	config.context = &mark;
	for (i = 0; signature[i]; i++)
		config.signature[i] = signature[i];
	return config;
}

static void try_own(void)
{
	struct banos_callback_config config = config_of(add_up, 0, "");
	banos_callback callback = NULL, atomic = NULL;

	CHECK(banos_callback_create(driver, &config, &callback) == 0);
	CHECK(banos_callback_call(callback, 1, 2, 3, 4, 5) == 54321);
	CHECK(banos_callback_call(callback, ~0ul, 0, 0, 0, 0) == -1);
	config = config_of(must_not_sleep, BANOS_CALLBACK_ATOMIC, "");
	CHECK(banos_callback_create(driver, &config, &atomic) == 0);
	CHECK(banos_callback_call(atomic, 0, 0, 0, 0, 0) == -EDEADLK);
	CHECK(banos_spin_lock(&spinlock) == 0);
	CHECK(banos_callback_call(callback, 1, 2, 3, 4, 5) == -EDEADLK);
	CHECK(banos_callback_call(atomic, 0, 0, 0, 0, 0) == -EDEADLK);
	CHECK(banos_spin_unlock(&spinlock) == 0);
	CHECK(banos_callback_close(callback) == 0);
	CHECK(banos_callback_call(callback, 1, 2, 3, 4, 5) == -ENODEV);
	CHECK(banos_callback_close(callback) == -EINVAL);
	CHECK(banos_callback_close(atomic) == 0);
}

static int64_t refused(struct banos_callback_config config)
{
	banos_callback callback;

	return banos_callback_create(driver, &config, &callback);
}

static void try_refusals(void)
{
	struct banos_callback_config config = config_of(add_up, 0, "qq");

	CHECK(refused(config_of(NULL, 0, "")) == -EINVAL);
	CHECK(refused(config_of(add_up, 0x80000000u, "")) == -EINVAL);
	CHECK(refused(config_of(add_up, 0, "q!")) == -EINVAL);
	CHECK(refused(config_of(add_up, 0, "qqqqqq")) == -EINVAL);
	CHECK(banos_callback_create(NULL, &config, &subscriber) == -EINVAL);
	CHECK(banos_callback_create(driver, NULL, &subscriber) == -EINVAL);
	CHECK(banos_callback_create(driver, &config, NULL) == -EINVAL);
	config.size = BANOS_CALLBACK_CONFIG_SIZE_1 - 1;
	CHECK(refused(config) == -EINVAL);
	CHECK(banos_callback_call(NULL, 0, 0, 0, 0, 0) == -EINVAL);
	CHECK(banos_callback_close(NULL) == -EINVAL);
	CHECK(banos_owner_watch(driver, NULL, watcher) == -EINVAL);
	CHECK(banos_owner_watch(NULL, driver, watcher) == -EINVAL);
	CHECK(banos_owner_watch(driver, driver, NULL) == -EINVAL);
}

/* ---- for clients ---- */

int64_t conformance_callbacks1_subscribe(banos_owner client, banos_callback callback)
{
	int64_t error = banos_owner_watch(driver, client, watcher);

	if (error)
		return error;
	watched = client;
	subscriber = callback;
	subscribed++;
	return banos_owner_watch(driver, client, watcher) == -EEXIST ? 0 : -EIO;
}
BANOS_EXPORT_AS(conformance_callbacks1_subscribe, CONFORMANCE_CALLBACKS1_SUBSCRIBE_AS);

int64_t conformance_callbacks1_fire(uint64_t first, uint64_t second)
{
	return banos_callback_call(subscriber, first, second, 99, 99, 99);
}
BANOS_EXPORT_AS(conformance_callbacks1_fire, CONFORMANCE_CALLBACKS1_FIRE_AS);

static int64_t conformance_callbacks1_init(banos_owner self)
{
	struct banos_callback_config config = config_of(client_gone, 0, "h");

	driver = self;
	CHECK(banos_mutex_init(self, &mutex) == 0);
	CHECK(banos_spin_init(&spinlock) == 0);
	CHECK(banos_callback_create(self, &config, &watcher) == 0);
	try_own();
	try_refusals();
	return check_verdict(self);
}

static int64_t conformance_callbacks1_exit(banos_owner self)
{
	CHECK(told == subscribed && wrongly_told == 0);
	CHECK(banos_mutex_destroy(&mutex) == 0);
	if (check_failed)
		return check_verdict(self);
	return 0;
}

BANOS_DRIVER(conformance_callbacks1, "1.0", "MIT", "Calls the callbacks of its clients",
	     conformance_callbacks1_init, conformance_callbacks1_exit);
