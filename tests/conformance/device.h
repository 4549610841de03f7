/* SPDX-License-Identifier: MIT */
/**
 * @file device.h  A bus with a device, and the prober that receives it: for self-testing drivers
 * of what only devices have. The driver serves the alias "NAME:device" of a bus NAME.
 */
#ifndef CONFORMANCE_DEVICE_H
#define CONFORMANCE_DEVICE_H

#include <banos/bus.h>
#include "check.h"

static void device_text(char *to, const char *text, const char *more)
{
	while (*text)
		*to++ = *text++;
	while (*more)
		*to++ = *more++;
	*to = 0;
}

static void device_zero(void *memory, uint32_t size)
{
	uint32_t i;

	for (i = 0; i < size; i++)
		((volatile char *)memory)[i] = 0;
}

/** @p context is that of the bus, the device and the prober. @return 0, or the error */
static int64_t device_offer(banos_owner self, const char *name, const struct banos_bus_ops *ops,
			    struct banos_device_config *device_config,
			    const struct banos_prober_ops *prober_ops, void *context)
{
	struct banos_bus_config bus_config;
	struct banos_prober_config prober_config;
	banos_device device;
	banos_bus bus;
	int64_t error;

	device_zero(&bus_config, sizeof(bus_config));
	bus_config.size = sizeof(bus_config);
	bus_config.context = context;
	bus_config.ops = ops;
	device_text(bus_config.name, name, "");
	error = banos_bus_register(self, &bus_config, &bus);
	if (error)
		return error;
	device_config->size = sizeof(*device_config);
	device_config->context = context;
	device_text(device_config->name, name, "-0");
	device_text(device_config->alias, name, ":device");
	error = banos_device_add(bus, device_config, &device);
	if (error)
		return error;
	device_zero(&prober_config, sizeof(prober_config));
	prober_config.size = sizeof(prober_config);
	prober_config.context = context;
	prober_config.ops = prober_ops;
	device_text(prober_config.bus, name, "");
	return banos_prober_register(self, &prober_config, NULL);
}

#endif
