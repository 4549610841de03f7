/* SPDX-License-Identifier: MIT */
/*
 * <banos/bus.h>, all of it in one driver: a bus, its devices, and their prober. The order in which
 * methods are called is noted, and judged in the end by a thread that waits for it.
 */
#include <banos/bus.h>
#include <banos/irq.h>
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/wait.h>
#include "check.h"

#define PORTS_AT 0x378u
#define DEVICES	 3

static banos_owner driver;
static banos_bus bus;
static banos_prober prober;
static banos_device devices[DEVICES + 1];
static banos_owner owners[DEVICES];
static banos_thread judge;
static struct banos_wait changed;
static struct {
	uint32_t probes, removes, quiets;
} calls[DEVICES + 1];
static uint32_t strangers;
static char bus_mark, prober_mark;

/* ---- methods ---- */

static uint32_t number_of(void *device)
{
	if (device >= (void *)devices && device < (void *)(devices + DEVICES))
		return (uint32_t)((banos_device *)device - devices);
	strangers++;
	return DEVICES;
}

static int64_t bus_quiesce(void *context, void *device)
{
	uint32_t number = number_of(device);

	strangers += context != (void *)&bus_mark;
	strangers += number < 2 && calls[number].removes != 1; /* after remove() */
	calls[number].quiets++;
	return banos_wait_wake(&changed);
}

static int64_t bus_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	void *bus_context = NULL;
	uint32_t number;

	strangers += context != (void *)&prober_mark || *state != NULL;
	if (banos_device_context(bus, device, &bus_context))
		strangers++;
	number = number_of(bus_context);
	strangers += data != (number == 1 ? 1 : 0xffffffffffffffffull);
	if (number == 2) {
		calls[number].probes++;
		(void)banos_wait_wake(&changed);
		return -ENODEV; /* not one of ours */
	}
	owners[number] = device;
	*state = &owners[number];
	calls[number].probes++;
	return banos_wait_wake(&changed);
}

static int64_t bus_remove(void *context, banos_owner device, void *state)
{
	uint32_t number = (uint32_t)((banos_owner *)state - owners);

	strangers += context != (void *)&prober_mark || number >= DEVICES;
	strangers += owners[number] != device || calls[number].quiets;
	calls[number].removes++;
	return 0;
}

static int64_t never_called(void *context)
{
	(void)context;
	strangers++;
	return BANOS_IRQ_NONE;
}

/* ---- registration ---- */

static struct banos_bus_config bus_config(const char *name)
{
	static const struct banos_bus_ops ops = {
		sizeof(struct banos_bus_ops), 0, bus_quiesce, NULL, NULL, NULL
	};
	struct banos_bus_config config = { sizeof(config), 0, NULL, NULL, "" };
	uint32_t i;

	config.context = &bus_mark;
	config.ops = &ops;
	for (i = 0; name[i]; i++)
		config.name[i] = name[i];
	return config;
}

static struct banos_device_config device_config(uint32_t number)
{
	static struct banos_resource resources[2] = {
		{ sizeof(struct banos_resource), BANOS_RESOURCE_NONE, 0, 0, 0, 0, 0, 0, 0 },
		{ sizeof(struct banos_resource), BANOS_RESOURCE_PORTS, PORTS_AT, 3, 0, 0, 0, 0, 0 }
	};
	struct banos_device_config config = { sizeof(config), 0, NULL, NULL, 0,	 0, NULL,
					      NULL,	      0, 0,    0,    "", "" };

	config.interrupts = number;
	config.context = &devices[number];
	config.resources = resources;
	config.resource_count = 2;
	config.resource_stride = sizeof(resources[0]);
	config.properties = "CONFORMANCE=yes\n";
	config.attributes = "number=1\n";
	config.bus_id = 0x1234567890ull + number;
	config.dma_bits = 36;
	config.node = 1;
	(void)banos_format(config.name, sizeof(config.name), "d:%u", number);
	(void)banos_format(config.alias, sizeof(config.alias), "conformance_bus:n%02u", number);
	return config;
}

static int64_t refuse_device(uint32_t what)
{
	struct banos_device_config config = device_config(0);
	banos_device device;

	switch (what) {
	case 0: config.name[0] = 0; break;
	case 1: config.alias[3] = 'X'; break; /* of another bus */
	case 2: config.dma_bits = 8; break;
	case 3: config.resource_count = ~0u; break;
	case 4: config.resource_stride = 4; break;
	case 5: config.size = BANOS_DEVICE_CONFIG_SIZE_1 - 1; break;
	case 6: config.name[1] = '/'; break;
	case 7: config.resources = NULL; break;
	default: config.alias[16] = ' '; break;
	}
	return banos_device_add(bus, &config, &device);
}

static void try_refusals(void)
{
	struct banos_bus_config config = bus_config("conformance/bus");
	struct banos_bus_ops ops = *config.ops;
	banos_bus none;
	uint32_t i;

	CHECK(banos_bus_register(driver, &config, &none) == -EINVAL);
	config = bus_config("conformance_none");
	config.zero = 1;
	CHECK(banos_bus_register(driver, &config, &none) == -EINVAL);
	config.zero = 0;
	config.ops = &ops;
	ops.quiesce = NULL;
	CHECK(banos_bus_register(driver, &config, &none) == -EINVAL);
	ops.quiesce = bus_quiesce;
	ops.must = 0x80000000u;
	CHECK(banos_bus_register(driver, &config, &none) == -EOPNOTSUPP);
	ops.must = 0;
	CHECK(banos_bus_register(NULL, &config, &none) == -EINVAL);
	CHECK(banos_bus_register(driver, NULL, &none) == -EINVAL);
	CHECK(banos_bus_register(driver, &config, NULL) == -EINVAL);
	CHECK(banos_bus_register(driver, &config, &none) == 0);
	CHECK(banos_bus_remove(none) == 0);
	CHECK(banos_bus_remove(none) == -EINVAL);
	for (i = 0; i < 9; i++)
		CHECK(refuse_device(i) == -EINVAL);
	CHECK(banos_device_remove(NULL, 0) == -EINVAL);
}

static int64_t register_prober(const char *name, uint32_t must, banos_prober *made)
{
	static struct banos_prober_ops ops = { sizeof(struct banos_prober_ops), 0, bus_probe,
					       bus_remove };
	struct banos_prober_config config = { sizeof(config), 0, NULL, NULL, "" };
	uint32_t i;

	config.context = &prober_mark;
	config.ops = &ops;
	ops.must = must;
	for (i = 0; name[i]; i++)
		config.bus[i] = name[i];
	return banos_prober_register(driver, &config, made);
}

/* ---- what a device knows ---- */

static void try_device(uint32_t number)
{
	struct banos_resource resource = { sizeof(resource), 0, 0, 0, 0, 0, 0, 0, 0 };
	struct banos_device_info info = { sizeof(info), 0, 0, 0, 0 };
	banos_owner device = owners[number];
	void *context = NULL;
	char name[8];

	CHECK(banos_device_interrupts(device) == (int64_t)number);
	CHECK(banos_device_name(device, name, sizeof(name)) == 3);
	CHECK(name[0] == 'd' && name[1] == ':' && name[2] == (char)('0' + number) && !name[3]);
	CHECK(banos_device_name(device, name, 2) == 3 && name[0] == 'd' && !name[1]);
	CHECK(banos_device_name(device, NULL, 0) == 3);
	/* Compiled with headers that have more, this kernel says how much it knew. */
	CHECK(banos_device_info(device, &info) == 0 && info.size <= sizeof(info) &&
	      info.size >= BANOS_DEVICE_INFO_SIZE_1);
	CHECK(info.dma_bits == 36 && info.node == 1 && info.bus_id == 0x1234567890ull + number);
	CHECK(banos_resource_get(device, 0, &resource) == 0);
	CHECK(resource.kind == BANOS_RESOURCE_NONE);
	CHECK(banos_resource_get(device, 1, &resource) == 0);
	CHECK(resource.kind == BANOS_RESOURCE_PORTS && resource.start == PORTS_AT);
	CHECK(resource.length == 3 && resource.size <= sizeof(resource) &&
	      resource.size >= BANOS_RESOURCE_SIZE_1);
	CHECK(banos_resource_get(device, 2, &resource) == -ENOENT);
	CHECK(banos_device_context(bus, device, &context) == 0);
	CHECK(context == (void *)&devices[number]);
	context = NULL;
	CHECK(banos_device_context(NULL, device, &context) == 0);
	CHECK(context == (void *)&devices[number]);
	info.size = BANOS_DEVICE_INFO_SIZE_1 - 1;
	CHECK(banos_device_info(device, &info) == -EINVAL);
}

/* Its bus connects nothing: the defaults of connect() and line(). */
static void try_defaults(banos_owner device)
{
	struct banos_irq_config config = { sizeof(config), 0, 0, 0, never_called, NULL };
	banos_irq irq;

	CHECK(banos_irq_create(device, &config, &irq) == -EOPNOTSUPP);
	config.flags = BANOS_IRQ_LINE;
	CHECK(banos_irq_create(device, &config, &irq) == -ENODEV);
}

static void try_strangers(void)
{
	struct banos_resource resource = { sizeof(resource), 0, 0, 0, 0, 0, 0, 0, 0 };
	struct banos_device_info info = { sizeof(info), 0, 0, 0, 0 };
	void *context;
	char name[8];

	CHECK(banos_device_interrupts(driver) == -EINVAL);
	CHECK(banos_device_name(driver, name, sizeof(name)) == -EINVAL);
	CHECK(banos_device_info(driver, &info) == -EINVAL);
	CHECK(banos_resource_get(driver, 0, &resource) == -EINVAL);
	CHECK(banos_device_context(bus, driver, &context) < 0);
	CHECK(banos_device_context(NULL, driver, &context) == -ENODEV);
	CHECK(banos_device_name(NULL, name, sizeof(name)) == -EINVAL);
}

/* ---- what happens when ---- */

static uint32_t waits_for(const uint32_t *count, uint32_t wanted)
{
	uint64_t end = banos_time_ns() + 25 * BANOS_S, ticket;

	for (;;) {
		ticket = banos_wait_ticket(&changed);
		if (*(const volatile uint32_t *)count >= wanted)
			return *count == wanted;
		if (banos_wait_sleep(&changed, ticket, end, 0))
			return 0;
	}
}

static int64_t judge_life(void *context)
{
	uint32_t i;

	(void)context;
	for (i = 0; i < DEVICES; i++)
		CHECK(waits_for(&calls[i].probes, 1));
	for (i = 0; i < 2; i++)
		try_device(i);
	try_defaults(owners[1]);
	try_strangers();
	CHECK(banos_device_remove(devices[0], 0x80000000u) == -EINVAL);
	CHECK(banos_device_remove(devices[0], 0) == 0);
	CHECK(calls[0].removes == 1 && calls[0].quiets == 1);
	CHECK(banos_device_remove(devices[0], 0) == -EINVAL);
	CHECK(banos_device_interrupts(owners[0]) == -EINVAL);
	CHECK(banos_device_remove(devices[1], BANOS_DEVICE_GONE) == 0);
	CHECK(calls[1].removes == 1 && calls[1].quiets == 0);
	CHECK(banos_prober_remove(prober) == 0);
	CHECK(banos_prober_remove(prober) == -EINVAL);
	/* It was stopped after its probe() had refused it. */
	CHECK(calls[2].probes == 1 && calls[2].removes == 0 && calls[2].quiets == 1);
	CHECK(banos_bus_remove(bus) == 0);
	CHECK(banos_bus_remove(bus) == -EINVAL);
	CHECK(banos_device_remove(devices[2], 0) == -EINVAL);
	CHECK(strangers == 0);
	return check_verdict(driver);
}

static int64_t conformance_bus_init(banos_owner self)
{
	struct banos_bus_config config = bus_config("conformance_bus");
	struct banos_device_config device;
	uint32_t i;

	driver = self;
	CHECK(banos_wait_init(self, &changed) == 0);
	CHECK(banos_bus_register(self, &config, &bus) == 0);
	try_refusals();
	CHECK(register_prober("conformance_none", 0, &prober) == -EINVAL);
	CHECK(register_prober("conformance_bus", 0x80000000u, &prober) == -EOPNOTSUPP);
	CHECK(register_prober("conformance_bus", 0, &prober) == 0);
	for (i = 0; i < DEVICES; i++) {
		device = device_config(i);
		CHECK(banos_device_add(bus, &device, &devices[i]) == 0);
	}
	CHECK(banos_device_add(bus, &device, &devices[DEVICES]) == -EEXIST);
	CHECK(calls[0].probes == 0); /* not before init() has succeeded */
	CHECK(banos_thread_create(self, judge_life, NULL, "judge", &judge) == 0);
	return 0;
}

static int64_t conformance_bus_exit(banos_owner self)
{
	(void)self;
	(void)banos_thread_stop(judge, NULL);
	return banos_wait_destroy(&changed);
}

BANOS_SERVES_DATA("conformance_bus:n*", 0xffffffffffffffffull);
BANOS_SERVES_DATA("conformance_bus:n01", 1);
BANOS_DRIVER(conformance_bus, "1.0", "MIT", "Tests a bus with devices and their prober",
	     conformance_bus_init, conformance_bus_exit);
