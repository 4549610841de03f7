/* SPDX-License-Identifier: MIT */
/*
 * A bus with one device, whose driver registers a file and then takes its time,
 * until somebody writes to /dev/late.go.
 */
#include <banos/bus.h>
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/time.h>

#define MAJOR 240
#define MINOR 7

static uint8_t fail;
static volatile uint8_t go;
BANOS_PARAM_BOOL(fail, "let probe fail in the end");

static int64_t quiet(void *context, void *device)
{
	return 0;
}

static int64_t start_bus(banos_owner self)
{
	static const struct banos_bus_ops ops = { .size = sizeof(ops), .quiesce = quiet };
	static const struct banos_bus_config config = { .size = sizeof(config),
							.ops = &ops,
							.name = "late" };
	static const struct banos_device_config device = {
		.size = sizeof(device),
		.name = "late0",
		.alias = "late:device",
	};
	banos_device added;
	banos_bus bus;
	int64_t error = banos_bus_register(self, &config, &bus);

	if (error)
		return error;
	return banos_device_add(bus, &device, &added);
}

static int64_t add_file(banos_owner owner, const struct banos_chardev_ops *ops, uint32_t major,
			const char *name)
{
	struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = major,
		.minor = major == MAJOR ? MINOR : 0,
		.mode = 0600,
		.ops = ops,
	};

	for (uint32_t i = 0; name[i]; i++)
		config.name[i] = name[i];
	return banos_chardev_register(owner, &config, NULL);
}

static int64_t probe(void *context, banos_owner device, uint64_t data, void **state)
{
	static const struct banos_chardev_ops ops = { .size = sizeof(ops) };
	int64_t error = add_file(device, &ops, MAJOR, "late");

	banos_print(device, "registered");
	while (!error && !go)
		banos_sleep_until(banos_time_ns() + BANOS_MS, 0);
	if (error || !fail)
		return error;
	return -EIO;
}

static int64_t write_go(void *context, void *file, banos_buffer from, uint64_t length,
			uint64_t offset, uint32_t flags)
{
	go = 1;
	return (int64_t)length;
}

static int64_t late_init(banos_owner self)
{
	static const struct banos_chardev_ops ops = { .size = sizeof(ops), .write = write_go };
	static const struct banos_prober_ops prober_ops = { .size = sizeof(prober_ops),
							    .probe = probe };
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &prober_ops,
		.bus = "late",
	};
	int64_t error = start_bus(self);

	if (!error)
		error = add_file(self, &ops, BANOS_CHARDEV_ANY, "late.go");
	if (error)
		return error;
	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES("late:*");
BANOS_DRIVER(late, "1.0", "MIT", "Takes its time with a device", late_init, NULL);
