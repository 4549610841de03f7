/* SPDX-License-Identifier: MIT */
/*
 * A device that is taken away while something of it goes on: where=read and so on say
 * what. /dev/NAME is the device's, /dev/NAME.control takes it away ("-", and "!" where
 * it was pulled out); "." ends what goes on.
 */
#include <banos/bus.h>
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/timer.h>
#include <banos/wait.h>
#include <banos/work.h>

static char name[16] = "stuck", where[16];
BANOS_PARAM_TEXT(name, "of the device");
BANOS_PARAM_TEXT(where, "what goes on");
static uint32_t ms = 60000;
BANOS_PARAM_U32(ms, 0, 60000, "for how long it runs on");
static uint32_t ended;

static banos_owner own;
static banos_bus bus;
static banos_device device;
static banos_timer timer;
static banos_work work;
static banos_thread thread;
static struct banos_wait of_driver, of_device;

static int is(const char *what)
{
	const char *w = where;

	while (*what && *what == *w) {
		what++;
		w++;
	}
	return *what == *w;
}

/* Nothing ends this. */
static int64_t run_on(void *context)
{
	uint64_t end = banos_time_ns() + ms * BANOS_MS;

	while (banos_time_ns() < end && !__atomic_load_n(&ended, __ATOMIC_SEQ_CST)) {
		banos_delay(BANOS_MS);
		banos_thread_yield();
	}
	return 0;
}

static int64_t sleep_on(struct banos_wait *wait)
{
	for (;;) {
		int64_t error = banos_wait_sleep(wait, banos_wait_ticket(wait), 0, 0);

		if (error)
			return error;
	}
}

static int64_t stuck_read(void *context, void *file, banos_buffer to, uint64_t length,
			  uint64_t offset, uint32_t flags)
{
	uint64_t start = banos_time_ns();
	int64_t error;

	if (is("read"))
		return run_on(NULL);
	if (is("driver"))
		return sleep_on(&of_driver);
	if (is("device"))
		return sleep_on(&of_device);
	if (is("sleep"))
		return banos_sleep_until(banos_time_ns() + 60 * BANOS_S, 0);
	if (is("patient")) {
		error = banos_sleep_until(start + ms * BANOS_MS, BANOS_UNINTERRUPTIBLE);
		banos_print(own, "%s: %lld, on time: %d", name, (long long)error,
			    banos_time_ns() >= start + ms * BANOS_MS);
		return error;
	}
	return 0;
}

static int64_t stuck_open(void *context, banos_call call, uint32_t flags, void **file)
{
	if (is("open"))
		return banos_sleep_until(banos_time_ns() + 60 * BANOS_S, 0);
	if (is("opening"))
		return run_on(NULL);
	return 0;
}

static int64_t stuck_poll(void *context, void *file, banos_poll watch)
{
	return banos_poll_watch(watch, &of_driver);
}

static const struct banos_chardev_ops ops = {
	.size = sizeof(ops),
	.open = stuck_open,
	.read = stuck_read,
	.poll = stuck_poll,
};

static int64_t begin(banos_owner owner)
{
	if (is("timer")) {
		int64_t error = banos_timer_create(owner, run_on, NULL, &timer);

		if (error)
			return error;
		return banos_timer_start(timer, banos_time_ns());
	}
	if (is("work")) {
		int64_t error = banos_work_create(owner, run_on, NULL, &work);

		if (error)
			return error;
		if (banos_work_queue(work) == 1)
			return 0;
		return -EIO;
	}
	if (is("thread"))
		return banos_thread_create(owner, run_on, NULL, "stuck", &thread);
	return 0;
}

static int64_t stuck_probe(void *context, banos_owner owner, uint64_t data, void **state)
{
	struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0600,
		.ops = &ops,
	};
	int64_t error = banos_wait_init(owner, &of_device);

	*state = &of_device;
	if (is("probe"))
		run_on(NULL);
	if (!error)
		error = begin(owner);
	banos_format(config.name, sizeof(config.name), "%s", name);
	if (error)
		return error;
	return banos_chardev_register(owner, &config, NULL);
}

static int64_t stuck_remove(void *context, banos_owner owner, void *state)
{
	if (state != &of_device)
		banos_error(own, "the state is %p", state);
	if (is("timer") && banos_timer_cancel(timer) == -EBUSY)
		banos_print(own, "%s: its timer runs on", name);
	if (is("work") && banos_work_destroy(work) == -EBUSY)
		banos_print(own, "%s: its work runs on", name);
	if (is("thread") && banos_thread_stop(thread, NULL) == -EBUSY)
		banos_print(own, "%s: its thread runs on", name);
	return 0;
}

static int64_t quiesce(void *context, void *device)
{
	return 0;
}

static int64_t add(void)
{
	struct banos_device_config config = { .size = sizeof(config) };

	banos_format(config.name, sizeof(config.name), "%s", name);
	banos_format(config.alias, sizeof(config.alias), "%s:it", name);
	return banos_device_add(bus, &config, &device);
}

static int64_t control_write(void *context, void *file, banos_buffer from, uint64_t length,
			     uint64_t offset, uint32_t flags)
{
	uint64_t start = banos_time_ns();
	char byte;
	int64_t error = banos_buffer_read(from, &byte, 1);

	if (error != 1)
		return error;
	error = 0;
	if (byte == '.')
		__atomic_store_n(&ended, 1, __ATOMIC_SEQ_CST);
	else
		error = banos_device_remove(device, byte == '!' ? BANOS_DEVICE_GONE : 0);
	banos_print(own, "%s%c: %lld after %llu s", name, byte, (long long)error,
		    (unsigned long long)(banos_time_ns() - start) / BANOS_S);
	if (error)
		return error;
	return (int64_t)length;
}

static int64_t stuck_init(banos_owner self)
{
	static const struct banos_chardev_ops control_ops = { .size = sizeof(control_ops),
							      .write = control_write };
	static const struct banos_bus_ops bus_ops = { .size = sizeof(bus_ops), .quiesce = quiesce };
	static const struct banos_prober_ops prober_ops = {
		.size = sizeof(prober_ops),
		.probe = stuck_probe,
		.remove = stuck_remove,
	};
	struct banos_chardev_config control = {
		.size = sizeof(control),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0600,
		.ops = &control_ops,
	};
	struct banos_bus_config bus_config = { .size = sizeof(bus_config), .ops = &bus_ops };
	struct banos_prober_config prober = { .size = sizeof(prober), .ops = &prober_ops };
	int64_t error = banos_wait_init(self, &of_driver);

	own = self;
	banos_format(control.name, sizeof(control.name), "%s.control", name);
	banos_format(bus_config.name, sizeof(bus_config.name), "%s", name);
	banos_format(prober.bus, sizeof(prober.bus), "%s", name);
	if (!error)
		error = banos_bus_register(self, &bus_config, &bus);
	if (!error)
		error = banos_prober_register(self, &prober, NULL);
	if (!error)
		error = banos_chardev_register(self, &control, NULL);
	if (error)
		return error;
	return add();
}

static int64_t stuck_exit(banos_owner self)
{
	return banos_wait_destroy(&of_driver);
}

BANOS_SERVES("a:it");
BANOS_SERVES("b:it");
BANOS_SERVES("c:it");
BANOS_SERVES("d:it");
BANOS_SERVES("e:it");
BANOS_SERVES("f:it");
BANOS_SERVES("g:it");
BANOS_SERVES("stuck:it");
BANOS_DRIVER(stuck, "1.0", "MIT", "Does not let go", stuck_init, stuck_exit);
