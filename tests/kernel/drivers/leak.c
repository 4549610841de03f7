/* SPDX-License-Identifier: MIT */
/*
 * Leaks exactly three of each class that a driver can obtain by itself: at
 * removal, or, with fail=1, when its init() fails at the end.
 */
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/export.h>
#include <banos/io.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/timer.h>
#include <banos/wait.h>
#include <banos/work.h>

static uint8_t fail;
BANOS_PARAM_BOOL(fail, "let init fail");

static struct banos_mutex mutexes[3];
static struct banos_wait waits[3];

static int64_t nothing(void *context)
{
	return 0;
}

static int64_t until_told(void *context)
{
	while (!banos_thread_should_stop())
		banos_sleep_until(banos_time_ns() + BANOS_S, 0);
	return 0;
}

static const struct banos_chardev_ops ops = { .size = sizeof(ops) };

static int64_t register_device(banos_owner self, int i)
{
	struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0600,
		.ops = &ops,
		.name = "leak0",
	};

	config.name[4] = (char)('0' + i);
	return banos_chardev_register(self, &config, NULL);
}

/* @return 0 or the first error */
static int64_t obtain(banos_owner self, int i)
{
	banos_timer timer;
	banos_work work;
	banos_thread thread;
	banos_ports ports;
	int64_t error = banos_timer_create(self, nothing, NULL, &timer);

	if (!error)
		error = banos_timer_start(timer, banos_time_ns() + (i ? BANOS_S * 1000 : BANOS_MS));
	if (!error)
		error = banos_work_create(self, nothing, NULL, &work);
	if (!error) {
		if (banos_work_queue(work) < 0)
			error = -EIO;
		else
			error = 0;
	}
	if (!error)
		error = banos_thread_create(self, until_told, NULL, "leak", &thread);
	if (!error)
		error = banos_mutex_init(self, &mutexes[i]);
	if (!error)
		error = banos_wait_init(self, &waits[i]);
	if (!error) {
		if (banos_alloc(self, 100 + (uint64_t)i * 5000, 0))
			error = 0;
		else
			error = -ENOMEM;
	}
	if (!error) {
		if (banos_lookup_symbol(self, "banos_api_level"))
			error = 0;
		else
			error = -ENOMEM;
	}
	if (!error)
		error = banos_ports_claim(self, 0xee00 + (uint32_t)i * 8, 8, &ports);
	if (error)
		return error;
	return register_device(self, i);
}

static int64_t leak_init(banos_owner self)
{
	int64_t error = 0;

	for (int i = 0; i < 3 && !error; i++)
		error = obtain(self, i);
	if (error || !fail)
		return error;
	return -EXDEV;
}

BANOS_DRIVER(leak, "1.0", "MIT", "Leaks three of each", leak_init, NULL);
