/* SPDX-License-Identifier: MIT */
/*
 * Built with headers in which each struct has grown (scripts/future-headers.py): a driver of a later
 * level. Its later fields are 0, then not. -DKNOWN=1: the kernel has grown, too.
 */
#include <banos/bus.h>
#include <banos/chardev.h>
#include <banos/dma.h>
#include <banos/irq.h>
#include "../conformance/check.h"

#ifdef KNOWN
#define REFUSED		     -EINVAL /* the kernel that has the field takes 0 only */
#define FILLED(type, size_1) sizeof(type)
#else
#define KNOWN		     0
#define REFUSED		     -E2BIG
#define FILLED(type, size_1) size_1
#endif
#define GARBAGE 0xa5a5a5a5a5a5a5a5

static banos_owner own;

static int64_t quiesce(void *context, void *device)
{
	return 0;
}
static int64_t later(void)
{
	return -EIO;
}
static int64_t handle(void *context)
{
	return BANOS_IRQ_NONE;
}

static const struct banos_chardev_ops file_ops = { .size = sizeof(file_ops), .future = later };
static const struct banos_bus_ops bus_ops = { .size = sizeof(bus_ops),
					      .quiesce = quiesce,
					      .future = later };

static void try_chardev(void)
{
	struct banos_chardev_config config = {
		.size = sizeof(config),
		.major = BANOS_CHARDEV_ANY,
		.mode = 0600,
		.ops = &file_ops,
		.name = "grown_file",
		.future = 1,
	};
	banos_chardev device;

	CHECK(banos_chardev_register(own, &config, &device) == REFUSED);
	config.future = 0;
	CHECK(banos_chardev_register(own, &config, &device) == 0);
	CHECK(banos_chardev_remove(device) == 0);
	/* As of level 1: what lies behind is not looked at. */
	config.size = BANOS_CHARDEV_CONFIG_SIZE_1;
	config.future = GARBAGE;
	CHECK(banos_chardev_register(own, &config, &device) == 0);
	CHECK(banos_chardev_remove(device) == 0);
}

static void try_bus(void)
{
	struct banos_bus_config config = {
		.size = sizeof(config), .ops = &bus_ops, .name = "grown", .future = 1
	};
	struct banos_resource resources[2] = {
		{ .size = sizeof(resources[0]),
		  .kind = BANOS_RESOURCE_PORTS,
		  .start = 0x5000,
		  .length = 8 },
		{ .size = sizeof(resources[0]),
		  .kind = BANOS_RESOURCE_PORTS,
		  .start = 0x5008,
		  .length = 8 },
	};
	struct banos_device_config device = {
		.size = sizeof(device),
		.interrupts = 1,
		.resources = resources,
		.resource_count = 2,
		.resource_stride = sizeof(resources[0]),
		.name = "one",
		.alias = "grown:one",
		.future = 1,
	};
	banos_device added;
	banos_bus bus;

	CHECK(banos_bus_register(own, &config, &bus) == REFUSED);
	config.future = 0;
	CHECK(banos_bus_register(own, &config, &bus) == 0);
	CHECK(banos_device_add(bus, &device, &added) == REFUSED);
	device.future = 0;
	resources[1].future = GARBAGE;
	CHECK(banos_device_add(bus, &device, &added) == REFUSED);
	/* Further apart than they are long. */
	resources[0].size = resources[1].size = BANOS_RESOURCE_SIZE_1;
	CHECK(banos_device_add(bus, &device, &added) == 0);
}

static void try_device(banos_owner device)
{
	struct banos_resource resource = { .size = sizeof(resource), .future = GARBAGE };
	struct banos_dma_config dma = { .size = sizeof(dma), .bytes = 64, .future = 1 };
	struct banos_irq_config irq = { .size = sizeof(irq), .function = handle, .future = 1 };
	banos_dma buffer;
	banos_irq line;
	void *memory;
	uint64_t address;

	CHECK(banos_resource_get(device, 1, &resource) == 0);
	CHECK(resource.size == FILLED(struct banos_resource, BANOS_RESOURCE_SIZE_1));
	CHECK(resource.start == 0x5008 && resource.future == 0);
	resource.size = BANOS_RESOURCE_SIZE_1;
	resource.future = GARBAGE;
	CHECK(banos_resource_get(device, 0, &resource) == 0);
	CHECK(resource.size == BANOS_RESOURCE_SIZE_1 && resource.start == 0x5000);
	CHECK(resource.future == GARBAGE);
	CHECK(banos_dma_alloc(device, &dma, &buffer, &memory, &address) == REFUSED);
	dma.future = 0;
	CHECK(banos_dma_alloc(device, &dma, &buffer, &memory, &address) == 0);
	CHECK(banos_dma_free(buffer) == 0);
	CHECK(banos_irq_create(device, &irq, &line) == REFUSED);
}

static int64_t probe(void *context, banos_owner device, uint64_t data, void **state)
{
	try_device(device);
	return check_verdict(own);
}

static int64_t grown_init(banos_owner self)
{
	static const struct banos_prober_ops ops = { .size = sizeof(ops),
						     .probe = probe,
						     .future = later };
	struct banos_prober_config config = {
		.size = sizeof(config), .ops = &ops, .bus = "grown", .future = 1
	};

	own = self;
	try_chardev();
	CHECK(banos_prober_register(self, &config, NULL) == REFUSED);
	config.future = 0;
	CHECK(banos_prober_register(self, &config, NULL) == 0);
	try_bus();
	return 0;
}

BANOS_SERVES("grown:*");
BANOS_DRIVER(grown, "1", "MIT", "Built with structs of a later level", grown_init, NULL);
