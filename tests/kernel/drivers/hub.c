/* SPDX-License-Identifier: MIT */
/*
 * A driver that calls its clients, from all that it has. exit() says how often, how
 * often the client was gone, and how often it was told so.
 */
#include <banos/callback.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/export.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/timer.h>
#include <banos/work.h>
#include "hub.h"

#define CLIENTS 32
#define BEAT_NS BANOS_MS

static uint32_t forget = 1, slow_ms;
BANOS_PARAM_U32(forget, 0, 1, "forget a client that is gone");
BANOS_PARAM_U32(slow_ms, 0, 60000, "how long it takes to be told that a client is gone");

struct client {
	banos_callback callback;
	banos_owner owner;
	uint32_t from;
};

static banos_owner me;
static struct client clients[CLIENTS]; /* under lock */
static struct banos_spinlock lock;
static banos_timer timer;
static banos_work work;
static banos_thread thread;
static banos_callback gone, adder;
static uint64_t calls, dead, told, wrong;

static void count(uint64_t *number)
{
	__atomic_fetch_add(number, 1, __ATOMIC_RELAXED);
}

static struct client client_get(uint32_t i)
{
	struct client client;

	banos_spin_lock(&lock);
	client = clients[i];
	banos_spin_unlock(&lock);
	return client;
}

static void account(int64_t result)
{
	if (result == -ENODEV)
		count(&dead);
	else if (result)
		count(&wrong);
	else
		count(&calls);
}

static void call_from(uint32_t from)
{
	for (uint32_t i = 0; i < CLIENTS; i++) {
		struct client client = client_get(i);

		if (!client.callback || !(client.from & from))
			continue;
		account(banos_callback_call(client.callback, calls, 0, 0, 0, 0));
	}
}

static void call_under_lock(void)
{
	for (uint32_t i = 0; i < CLIENTS; i++) {
		banos_spin_lock(&lock);
		if (clients[i].callback && clients[i].from & HUB_ATOMIC)
			account(banos_callback_call(clients[i].callback, calls, 0, 0, 0, 0));
		banos_spin_unlock(&lock);
	}
}

static int64_t beat(void *context)
{
	call_from(HUB_TIMER);
	call_under_lock();
	banos_work_queue(work);
	return banos_timer_start(timer, banos_time_ns() + BEAT_NS);
}

static int64_t digest(void *context)
{
	call_from(HUB_WORK);
	return 0;
}

static int64_t run(void *context)
{
	while (!banos_thread_should_stop()) {
		call_from(HUB_THREAD);
		banos_sleep_until(banos_time_ns() + BEAT_NS, 0);
	}
	return 0;
}

/* A client is gone: its callbacks are dead by now, and none runs. */
static int64_t client_gone(void *context, uint64_t owner, uint64_t arg2, uint64_t arg3,
			   uint64_t arg4, uint64_t arg5)
{
	count(&told);
	if (slow_ms)
		banos_sleep_until(banos_time_ns() + slow_ms * BANOS_MS, BANOS_UNINTERRUPTIBLE);
	for (uint32_t i = 0; i < CLIENTS; i++) {
		struct client client = client_get(i);

		if (!client.callback || client.owner != (banos_owner)owner)
			continue;
		if (banos_callback_call(client.callback, 0, 0, 0, 0, 0) != -ENODEV)
			count(&wrong);
		if (forget)
			hub_unsubscribe(client.callback);
	}
	return 0;
}

static int64_t client_add(banos_owner owner, banos_callback callback, uint32_t from)
{
	const struct client client = { callback, owner, from };
	int64_t err = -ENOSPC;

	banos_spin_lock(&lock);
	for (uint32_t i = 0; i < CLIENTS && err; i++)
		if (!clients[i].callback) {
			clients[i] = client;
			err = 0;
		}
	banos_spin_unlock(&lock);
	return err;
}

int64_t hub_subscribe(banos_owner client, banos_callback callback, uint32_t from)
{
	void *memory = banos_alloc(client, 16, 0); /* it was passed, so it may be used */
	int64_t err;

	if (!memory)
		return -ENOMEM;
	if (banos_free(client, memory))
		return -__LINE__;
	if (banos_callback_close(callback) != -EINVAL) /* but who made it closes it */
		return -__LINE__;
	err = banos_owner_watch(me, client, gone);
	if (err && err != -EEXIST)
		return err;
	err = client_add(client, callback, from);
	if (!err && from & HUB_ONCE)
		account(banos_callback_call(callback, 1, 0, 0, 0, 0));
	return err;
}
BANOS_EXPORT_AS(hub_subscribe, "hc(q)i");

int64_t hub_unsubscribe(banos_callback callback)
{
	int64_t err = -ENOENT;

	banos_spin_lock(&lock);
	for (uint32_t i = 0; i < CLIENTS; i++)
		if (clients[i].callback == callback) {
			clients[i].callback = 0;
			err = 0;
		}
	banos_spin_unlock(&lock);
	return err;
}
BANOS_EXPORT_AS(hub_unsubscribe, "c");

int64_t hub_calls(void)
{
	return (int64_t)__atomic_load_n(&calls, __ATOMIC_RELAXED);
}
BANOS_EXPORT_AS(hub_calls, "");

int64_t hub_last(uint32_t which)
{
	return which ? (int64_t)clients[0].owner : (int64_t)clients[0].callback;
}
BANOS_EXPORT_AS(hub_last, "i");

int64_t hub_adder(void)
{
	return (int64_t)adder;
}
BANOS_EXPORT_AS(hub_adder, ">c");

int64_t hub_adder_number(void)
{
	return (int64_t)adder;
}
BANOS_EXPORT_AS(hub_adder_number, "");

static int64_t add_one(void *context, uint64_t number, uint64_t arg2, uint64_t arg3, uint64_t arg4,
		       uint64_t arg5)
{
	return (int64_t)number + 1;
}

static int64_t hub_init(banos_owner self)
{
	struct banos_callback_config config = { .size = sizeof(config),
						.function = client_gone,
						.signature = "h" };
	int64_t err;

	me = self;
	err = banos_callback_create(self, &config, &gone);
	config.function = add_one;
	config.signature[0] = 'q';
	if (!err)
		err = banos_callback_create(self, &config, &adder);
	if (!err)
		err = banos_spin_init(&lock);
	if (!err)
		err = banos_work_create(self, digest, NULL, &work);
	if (!err)
		err = banos_timer_create(self, beat, NULL, &timer);
	if (!err)
		err = banos_timer_start(timer, banos_time_ns() + BEAT_NS);
	if (!err)
		err = banos_thread_create(self, run, NULL, "hub", &thread);
	return err;
}

static int64_t hub_exit(banos_owner self)
{
	banos_timer_destroy(timer);
	banos_work_destroy(work);
	banos_thread_stop(thread, NULL);
	banos_print(self, "%s, told %lu, wrong %lu, %s", calls ? "called" : "not called", told,
		    wrong, dead ? "some dead" : "none dead");
	return 0;
}

BANOS_DRIVER(hub, "1.0", "MIT", "Calls its clients back", hub_init, hub_exit);
