/* SPDX-License-Identifier: MIT */
/*
 * <banos/bus.h>, the first of two: the driver of a bus whose devices bus2.c serves. Its devices own
 * registers, ports and interrupts of nothing in particular; it exports what a bus's driver does.
 */
#include <banos/bus.h>
#include "bus12.h"
#include "check.h"

static banos_bus bus;
static struct bus12_calls calls;
static banos_owner served; /* as a client passed it */
static char mark;

static int64_t bus1_quiesce(void *context, void *device)
{
	calls.strangers += context != (void *)&bus || device != (void *)&mark;
	calls.quiets++;
	return 0;
}

static int64_t bus1_connect(void *context, void *device, uint32_t index, uint64_t address,
			    uint32_t data)
{
	calls.strangers += context != (void *)&bus || device != (void *)&mark;
	calls.strangers += index >= BUS12_INTERRUPTS || (!address && !data);
	/* Nobody passes it here; the bus's driver may use the devices on it at any time. */
	calls.strangers += banos_device_interrupts(served) != BUS12_INTERRUPTS;
	calls.connects++;
	return 0;
}

static int64_t bus1_disconnect(void *context, void *device, uint32_t index)
{
	calls.strangers += context != (void *)&bus || device != (void *)&mark;
	calls.strangers += index >= BUS12_INTERRUPTS;
	calls.disconnects++;
	return 0;
}

/* ---- for the drivers of its devices ---- */

int64_t conformance_bus1_calls(banos_owner device, struct bus12_calls *to)
{
	void *context = NULL;
	int64_t error = banos_device_context(bus, device, &context);

	if (error)
		return error;
	calls.strangers += context != (void *)&mark;
	served = device;
	if (to->size < sizeof(*to))
		return -EINVAL;
	*to = calls;
	to->size = sizeof(*to);
	return 0;
}
BANOS_EXPORT_AS(conformance_bus1_calls, CONFORMANCE_BUS1_CALLS_AS);

int64_t conformance_bus1_device_info(banos_owner device, uint64_t *id)
{
	struct banos_device_info info = { sizeof(info), 0, 0, 0, 0 };
	struct banos_resource resource = { sizeof(resource), 0, 0, 0, 0, 0, 0, 0, 0 };
	char name[16];

	/* The bus's driver may use the devices on it, like their drivers. */
	if (banos_device_info(device, &info) || banos_resource_get(device, 0, &resource) ||
	    banos_device_name(device, name, sizeof(name)) != 5 ||
	    banos_device_interrupts(device) != BUS12_INTERRUPTS)
		return -EIO;
	*id = info.bus_id + resource.start;
	return 0;
}
BANOS_EXPORT_AS(conformance_bus1_device_info, "hw8");

/* ---- the device ---- */

static int64_t add_device(void)
{
	static const struct banos_resource resources[2] = {
		{ sizeof(struct banos_resource), BANOS_RESOURCE_MEMORY, BUS12_MEMORY,
		  BUS12_MEMORY_BYTES, 0, 0, 0, 0, 0 },
		{ sizeof(struct banos_resource), BANOS_RESOURCE_PORTS, BUS12_PORTS, BUS12_NR_PORTS,
		  0, 0, 0, 0, 0 }
	};
	static struct banos_device_config config = { sizeof(config),
						     BUS12_INTERRUPTS,
						     &mark,
						     resources,
						     2,
						     sizeof(resources[0]),
						     NULL,
						     NULL,
						     0,
						     0,
						     0,
						     "only1",
						     "conformance_bus1:kind7:only1" };
	banos_device device, extra;

	config.bus_id = BUS12_ID;
	if (banos_device_add(bus, &config, &device))
		return -EIO;
	/* One that nobody serves, and that is taken away at once. */
	config.name[4] = '2';
	config.alias[21] = '8';
	if (banos_device_add(bus, &config, &extra))
		return -EIO;
	return banos_device_remove(extra, BANOS_DEVICE_GONE);
}

static int64_t conformance_bus1_init(banos_owner self)
{
	static const struct banos_bus_ops ops = {
		sizeof(struct banos_bus_ops), 0, bus1_quiesce, bus1_connect, bus1_disconnect, NULL
	};
	static const struct banos_bus_config config = { sizeof(config), 0, &bus, &ops,
							"conformance_bus1" };
	banos_bus second;

	CHECK(banos_bus_register(self, &config, &bus) == 0);
	CHECK(banos_bus_register(self, &config, &second) == 0); /* names may be shared */
	CHECK(banos_bus_remove(second) == 0);
	CHECK(add_device() == 0);
	CHECK(calls.connects == 0 && calls.strangers == 0);
	return check_verdict(self);
}

BANOS_DRIVER(conformance_bus1, "1.0", "MIT", "Provides a bus for tests", conformance_bus1_init,
	     NULL);
