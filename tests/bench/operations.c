/* SPDX-License-Identifier: MIT */
/*
 * What functions of the driver API cost: each ioctl() of /dev/operations does one
 * thing ARGUMENT times. Commands from HOLD on obtain ARGUMENT of a thing, beside which it
 * is done.
 */
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/time.h>
#include <banos/timer.h>
#include <banos/wait.h>
#include "exporter.h"
#include "operations.h"

static banos_owner owner;
static struct banos_mutex mutex;
static struct banos_spinlock spin;
static struct banos_wait wait;
static banos_timer timer;

static int64_t nothing(void *context)
{
	return 0;
}

static int64_t alloc_free(uint64_t count, uint64_t bytes)
{
	int64_t error = 0;

	while (count-- && !error) {
		void *memory = banos_alloc(owner, bytes, 0);

		error = memory ? banos_free(owner, memory) : -ENOMEM;
	}
	return error;
}

static int64_t init_destroy_mutex(uint64_t count)
{
	static struct banos_mutex other;
	int64_t error = 0;

	while (count-- && !error) {
		error = banos_mutex_init(owner, &other);
		if (!error)
			error = banos_mutex_destroy(&other);
	}
	return error;
}

static int64_t init_destroy_wait(uint64_t count)
{
	static struct banos_wait other;
	int64_t error = 0;

	while (count-- && !error) {
		error = banos_wait_init(owner, &other);
		if (!error)
			error = banos_wait_destroy(&other);
	}
	return error;
}

static int64_t create_destroy_timer(uint64_t count)
{
	int64_t error = 0;

	while (count-- && !error) {
		banos_timer other;

		error = banos_timer_create(owner, nothing, NULL, &other);
		if (!error)
			error = banos_timer_destroy(other);
	}
	return error;
}

static int64_t start_timer(uint64_t count)
{
	uint64_t deadline_ns = banos_time_ns() + 1000 * BANOS_S;
	int64_t error = 0;

	while (count-- && !error)
		error = banos_timer_start(timer, deadline_ns++);
	return error;
}

static int64_t lock_unlock(uint64_t count)
{
	int64_t error = 0;

	while (count-- && !error) {
		banos_mutex_lock(&mutex);
		error = banos_mutex_unlock(&mutex);
	}
	return error;
}

static int64_t lock_unlock_spin(uint64_t count)
{
	int64_t error = 0;

	while (count-- && !error) {
		banos_spin_lock(&spin);
		error = banos_spin_unlock(&spin);
	}
	return error;
}

static int64_t wake(uint64_t count)
{
	int64_t error = 0;

	while (count-- && !error)
		error = banos_wait_wake(&wait);
	return error;
}

/* ---- calls between drivers ---- */

static int64_t call_exporter(uint64_t count)
{
	int64_t sum = 0;

	if (!BANOS_HAS(exporter_add))
		return -ENOENT;
	while (count--)
		sum = exporter_add(sum, 0);
	return sum;
}

static int64_t call_exporter_with_handle(uint64_t count)
{
	int64_t error = 0;

	if (!BANOS_HAS(exporter_take))
		return -ENOENT;
	while (count-- && !error)
		error = exporter_take(owner);
	return error;
}

static int64_t called_back(void *context, uint64_t arg1, uint64_t arg2, uint64_t arg3,
			   uint64_t arg4, uint64_t arg5)
{
	return 0;
}

static int64_t be_called_back(uint64_t count)
{
	static const struct banos_callback_config config = { .size = sizeof(config),
							     .function = called_back };
	banos_callback callback;
	int64_t error;

	if (!BANOS_HAS(exporter_call))
		return -ENOENT;
	error = banos_callback_create(owner, &config, &callback);
	if (error)
		return error;
	error = exporter_call(callback, count);
	banos_callback_close(callback);
	return error;
}

/* ---- what is held meanwhile ---- */

#define HELD_MAX 10000u

static struct {
	void *memory[HELD_MAX];
	struct banos_mutex mutexes[HELD_MAX];
	banos_timer timers[HELD_MAX];
	uint32_t what;
	uint64_t count;
} held;

static int64_t hold_one(uint64_t i)
{
	int64_t error;

	if (held.what == HOLD_MEMORY) {
		held.memory[i] = banos_alloc(owner, 64, 0);
		return held.memory[i] ? 0 : -ENOMEM;
	}
	if (held.what == HOLD_MUTEXES)
		return banos_mutex_init(owner, &held.mutexes[i]);
	error = banos_timer_create(owner, nothing, NULL, &held.timers[i]);
	if (!error)
		error = banos_timer_start(held.timers[i], banos_time_ns() + 900 * BANOS_S);
	return error;
}

static int64_t hold(uint32_t what, uint64_t count)
{
	int64_t error = 0;

	if (held.count || count > HELD_MAX)
		return -EINVAL;
	held.what = what;
	while (held.count < count && !error) {
		error = hold_one(held.count);
		held.count += !error;
	}
	return error;
}

static int64_t operations_exit(banos_owner self)
{
	while (held.count--) {
		if (held.what == HOLD_MEMORY)
			banos_free(self, held.memory[held.count]);
		else if (held.what == HOLD_MUTEXES)
			banos_mutex_destroy(&held.mutexes[held.count]);
		else
			banos_timer_destroy(held.timers[held.count]);
	}
	banos_mutex_destroy(&mutex);
	banos_wait_destroy(&wait);
	return banos_timer_destroy(timer);
}

static int64_t operations_ioctl(void *context, void *file, banos_call call, uint32_t command,
				uint64_t argument, uint32_t flags)
{
	switch (command) {
	case OPERATION_ALLOC: return alloc_free(argument, 64);
	case OPERATION_ALLOC_PAGES: return alloc_free(argument, 8192);
	case OPERATION_MUTEX_INIT: return init_destroy_mutex(argument);
	case OPERATION_WAIT_INIT: return init_destroy_wait(argument);
	case OPERATION_TIMER_CREATE: return create_destroy_timer(argument);
	case OPERATION_TIMER_START: return start_timer(argument);
	case OPERATION_MUTEX: return lock_unlock(argument);
	case OPERATION_SPIN: return lock_unlock_spin(argument);
	case OPERATION_WAKE: return wake(argument);
	case OPERATION_CALL: return call_exporter(argument);
	case OPERATION_CALL_HANDLE: return call_exporter_with_handle(argument);
	case OPERATION_CALLBACK: return be_called_back(argument);
	case OPERATION_NOTHING: return 0;
	default: return command >= HOLD_MEMORY ? hold(command, argument) : -ENOTTY;
	}
}

static int64_t operations_init(banos_owner self)
{
	static const struct banos_chardev_ops ops = { .size = sizeof(ops),
						      .ioctl = operations_ioctl };
	static const struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0600,
		.ops = &ops,
		.name = "operations",
	};
	int64_t error = banos_mutex_init(self, &mutex);

	owner = self;
	if (!error)
		error = banos_wait_init(self, &wait);
	if (!error)
		error = banos_spin_init(&spin);
	if (!error)
		error = banos_timer_create(self, nothing, NULL, &timer);
	if (error)
		return error;
	return banos_chardev_register(self, &config, NULL);
}
BANOS_DRIVER(operations, "1", "MIT", "Measured", operations_init, operations_exit);
