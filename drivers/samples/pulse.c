/* SPDX-License-Identifier: MIT */
/* Calling a client back, and learning that it is gone. */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/time.h>
#include <banos/timer.h>
#include "pulse.h"

static banos_owner own;
static banos_callback listener, gone; /* listener: NULL, or the client's */
static banos_timer timer;
static uint64_t beats;

static int64_t pulse_beat(void *context)
{
	banos_callback callback = __atomic_load_n(&listener, __ATOMIC_RELAXED);

	/* If the client goes meanwhile, the call returns -ENODEV. */
	if (callback)
		banos_callback_call(callback, ++beats, 0, 0, 0, 0);
	return banos_timer_start(timer, banos_time_ns() + 100 * BANOS_MS);
}

static int64_t pulse_client_gone(void *context, uint64_t client, uint64_t arg2, uint64_t arg3,
				 uint64_t arg4, uint64_t arg5)
{
	banos_print(own, "the client is gone after %lu beats", beats);
	__atomic_store_n(&listener, NULL, __ATOMIC_RELAXED);
	return 0;
}

int64_t pulse_listen(banos_owner client, banos_callback callback)
{
	if (!__sync_bool_compare_and_swap(&listener, NULL, callback))
		return -EBUSY;
	return banos_owner_watch(own, client, gone);
}
BANOS_EXPORT_AS(pulse_listen, "hc(q)");

static int64_t pulse_init(banos_owner self)
{
	static const struct banos_callback_config config = { .size = sizeof(config),
							     .function = pulse_client_gone,
							     .signature = "h" };
	int64_t err = banos_timer_create(self, pulse_beat, NULL, &timer);

	own = self;
	if (!err)
		err = banos_callback_create(self, &config, &gone);
	return err ? err : banos_timer_start(timer, banos_time_ns() + 100 * BANOS_MS);
}

static int64_t pulse_exit(banos_owner self)
{
	return banos_timer_destroy(timer);
}
BANOS_DRIVER(pulse, "1.0", "MIT", "Calls another driver at regular times", pulse_init, pulse_exit);
