/* SPDX-License-Identifier: MIT */
/*
 * A driver whose ioctl() follows a wrong pointer, with a mutex and a spin lock
 * held, and memory, a timer, work, a thread and a wait object in its name. The
 * thread wants both locks all the time: it ends only where they are released.
 */
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/string.h>
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/timer.h>
#include <banos/wait.h>
#include <banos/work.h>

enum { NULL_READ, WILD_WRITE, NOT_AN_ADDRESS, NULL_CALL, DIVISION, IN_THE_KERNEL };

static uint32_t init_fails, exit_fails;
BANOS_PARAM_U32(init_fails, 0, 1, "init() follows a null pointer");
BANOS_PARAM_U32(exit_fails, 0, 1, "exit() does");
static struct banos_mutex mutex;
static struct banos_spinlock spin;
static struct banos_wait wait;
static banos_owner me;

#define KEPT __attribute__((noipa, noinline))
KEPT static int64_t follow(volatile int64_t *pointer)
{
	return *pointer;
}
KEPT static int64_t store(volatile int64_t *pointer)
{
	*pointer = 1;
	return 0;
}
KEPT static int64_t call(int64_t (*function)(void))
{
	return function() + 1;
}
KEPT static int64_t divide(volatile int64_t *by)
{
	return 1000 / *by;
}

static int64_t nothing(void *context)
{
	return 0;
}

static int64_t want_locks(void *context)
{
	while (!banos_thread_should_stop()) {
		banos_mutex_lock(&mutex);
		banos_spin_lock(&spin);
		banos_spin_unlock(&spin);
		banos_mutex_unlock(&mutex);
		banos_sleep_until(banos_time_ns() + BANOS_MS, 0);
	}
	return 0;
}

static int64_t fault(uint32_t kind)
{
	static volatile size_t length = 3; /* so that memcpy() is called */
	static int64_t zero;

	switch (kind) {
	case NULL_READ: return follow((void *)16);
	case WILD_WRITE: return store((void *)0xffff8fffdead0000);
	case NOT_AN_ADDRESS: return follow((void *)0x5a5a5a5a5a5a5a58);
	case NULL_CALL: return call((int64_t(*)(void))0);
	case DIVISION: return divide(&zero);
	case IN_THE_KERNEL: memcpy((void *)32, &zero, length); return 0;
	default: return -ENOTTY;
	}
}

static int64_t faulty_ioctl(void *context, void *file, banos_call call, uint32_t command,
			    uint64_t argument, uint32_t flags)
{
	int64_t result;

	if (!banos_alloc(me, 100, 0) || !banos_alloc(me, 20000, 0))
		return -ENOMEM;
	banos_mutex_lock(&mutex);
	banos_spin_lock(&spin);
	result = fault(command);
	banos_spin_unlock(&spin);
	banos_mutex_unlock(&mutex);
	return result;
}

/* Sleeps until the device is taken away. */
static int64_t faulty_read(void *context, void *file, banos_buffer to, uint64_t length,
			   uint64_t offset, uint32_t flags)
{
	return banos_wait_sleep(&wait, banos_wait_ticket(&wait), 0, 0);
}

static int64_t faulty_init(banos_owner self)
{
	static const struct banos_chardev_ops ops = {
		.size = sizeof(ops),
		.read = faulty_read,
		.ioctl = faulty_ioctl,
	};
	static const struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0600,
		.ops = &ops,
		.name = "faulty",
	};
	banos_timer timer;
	banos_work work;
	int64_t error;

	me = self;
	banos_spin_init(&spin);
	error = banos_mutex_init(self, &mutex);
	if (!error)
		error = banos_wait_init(self, &wait);
	if (!error)
		error = banos_timer_create(self, nothing, NULL, &timer);
	if (!error)
		error = banos_work_create(self, nothing, NULL, &work);
	if (!error)
		error = banos_thread_create(self, want_locks, NULL, "faulty", NULL);
	if (!error)
		error = banos_chardev_register(self, &config, NULL);
	if (!error && init_fails)
		error = follow((void *)8);
	return error;
}

static int64_t faulty_exit(banos_owner self)
{
	return exit_fails ? follow((void *)24) : 0;
}
BANOS_DRIVER(faulty, "1.0", "MIT", "Follows wrong pointers", faulty_init, faulty_exit);
