/* SPDX-License-Identifier: MIT */
/* Registers three of everything that can be, and withdraws nothing. */
#include <banos/bus.h>
#include <banos/callback.h>
#include <banos/chardev.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/print.h>

#define COUNT 3

static int64_t quiet(void *context, void *device)
{
	return 0;
}
static int64_t take(void *context, banos_owner device, uint64_t data, void **state)
{
	return -ENODEV;
}

static int64_t add_device(banos_owner self, char number)
{
	static const struct banos_chardev_ops ops = { .size = sizeof(ops) };
	struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0600,
		.ops = &ops,
		.name = "registrant0",
	};

	config.name[10] = number;
	return banos_chardev_register(self, &config, NULL);
}

static int64_t add_bus(banos_owner self, char number)
{
	static const struct banos_bus_ops ops = { .size = sizeof(ops), .quiesce = quiet };
	struct banos_bus_config config = { .size = sizeof(config),
					   .ops = &ops,
					   .name = "registrant0" };
	struct banos_device_config device = {
		.size = sizeof(device),
		.name = "device",
		.alias = "registrant0:none",
	};
	banos_device added;
	banos_bus bus;
	int64_t error;

	config.name[10] = device.alias[10] = number;
	error = banos_bus_register(self, &config, &bus);
	if (error)
		return error;
	return banos_device_add(bus, &device, &added);
}

static int64_t add_prober(banos_owner self, char number)
{
	static const struct banos_prober_ops ops = { .size = sizeof(ops), .probe = take };
	struct banos_prober_config config = { .size = sizeof(config),
					      .ops = &ops,
					      .bus = "registrant0" };

	config.bus[10] = number;
	return banos_prober_register(self, &config, NULL);
}

static int64_t hear(void *context, uint64_t arg1, uint64_t arg2, uint64_t arg3, uint64_t arg4,
		    uint64_t arg5)
{
	return 0;
}

/* A callback, and a watch that uses it. */
static int64_t add_callback(banos_owner self)
{
	static const struct banos_callback_config config = { .size = sizeof(config),
							     .function = hear };
	banos_callback callback;
	int64_t error = banos_callback_create(self, &config, &callback);

	if (error)
		return error;
	return banos_owner_watch(self, self, callback);
}

static int64_t registrant_init(banos_owner self)
{
	int64_t error = 0;

	for (char number = '0'; !error && number < '0' + COUNT; number++) {
		error = add_device(self, number);
		if (!error)
			error = add_bus(self, number);
		if (!error)
			error = add_prober(self, number);
		if (!error)
			error = add_callback(self);
	}
	return error;
}

BANOS_SERVES("registrant0:*");
BANOS_SERVES("registrant1:*");
BANOS_SERVES("registrant2:*");
BANOS_DRIVER(registrant, "1.0", "MIT", "Registers and does not withdraw", registrant_init, NULL);
