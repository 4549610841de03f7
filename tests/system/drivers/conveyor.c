/* SPDX-License-Identifier: MIT */
/*
 * A bus whose thread adds and removes a device until it is told that it may not, as that of a bus
 * with plugs does; and says what it was told of each thing that the kernel had released by then.
 */
#include <banos/bus.h>
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/thread.h>
#include <banos/time.h>

static banos_owner own;
static banos_bus bus;
static banos_chardev file;
static banos_thread thread;

static int64_t conveyor_read(void *context, void *opened, banos_buffer to, uint64_t length,
			     uint64_t offset, uint32_t flags)
{
	return 0;
}

static int64_t make_quiet(void *context, void *device)
{
	return 0;
}

static int64_t convey_all(void *context)
{
	static const struct banos_device_config config = {
		.size = sizeof(config),
		.name = "box",
		.alias = "conveyor:box",
	};
	banos_device device = NULL;
	int64_t added = 0, removed = 0;

	while (!added && !banos_thread_should_stop()) {
		added = banos_device_add(bus, &config, &device);
		if (!added)
			removed = banos_device_remove(device, 0);
	}
	while (!banos_thread_should_stop())
		banos_sleep_until(banos_time_ns() + BANOS_MS, 0);
	banos_print(own, "add %ld, last removal %ld", added, removed);
	banos_print(own, "add %ld, remove %ld, bus %ld, number %ld, file %ld",
		    banos_device_add(bus, &config, &device), banos_device_remove(device, 0),
		    banos_bus_remove(bus), banos_chardev_number(file), banos_chardev_remove(file));
	return 0;
}

static int64_t conveyor_init(banos_owner self)
{
	static const struct banos_chardev_ops file_ops = { .size = sizeof(file_ops),
							   .read = conveyor_read };
	static const struct banos_chardev_config file_config = {
		.size = sizeof(file_config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0600,
		.ops = &file_ops,
		.name = "conveyor",
	};
	static const struct banos_bus_ops ops = { .size = sizeof(ops), .quiesce = make_quiet };
	static const struct banos_bus_config config = { .size = sizeof(config),
							.ops = &ops,
							.name = "conveyor" };
	int64_t error = banos_chardev_register(self, &file_config, &file);

	own = self;
	if (!error)
		error = banos_bus_register(self, &config, &bus);
	if (!error)
		error = banos_thread_create(self, convey_all, NULL, "conveyor", &thread);
	return error;
}

static int64_t conveyor_exit(banos_owner self)
{
	return banos_thread_stop(thread, NULL);
}

BANOS_DRIVER(conveyor, "1.0", "MIT", "Adds and removes a device all the time", conveyor_init,
	     conveyor_exit);
