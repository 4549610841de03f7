/* SPDX-License-Identifier: MIT */
/*
 * <banos/bus.h>, <banos/dma.h>: every field of a device reaches its driver, up to the limits that are
 * promised; what a device lacks it has from the one that provides its bus; memory that a device may
 * still write to is not used again before it is quiet.
 */
#include <banos/bus.h>
#include <banos/chardev.h>
#include <banos/dma.h>
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/wait.h>
#include "check.h"

#define BUS_NAME    "conformance_fields_abcdefghijkl" /* 31 letters */
#define INNER_NAME  "conformance_inner"
#define INTERRUPTS  2048
#define DMA_BITS    20u
#define BUS_ID	    0x123456789abcdef0ul
#define NODE	    3u
#define BLOCK_BYTES 16384u
#define BLOCKS	    16

enum which { OUTER, OTHER, SPARE, INNER, DEVICES };

/* At a stride that is larger than the struct: what a later level's array has. */
struct spaced {
	struct banos_resource resource;
	uint64_t later;
};

static banos_owner driver, owners[DEVICES];
static banos_device devices[DEVICES];
static banos_bus bus;
static banos_thread judge;
static struct banos_wait changed, of_device;
static volatile uint32_t probes, removes, quiets, strangers, used_again, sleepers, woken;
static banos_dma block;
static uint64_t block_address;
static struct spaced resources[BANOS_DEVICE_RESOURCES];
static char marks[DEVICES];

/* ---- the devices ---- */

static void fill_resources(void)
{
	uint32_t i;

	for (i = 0; i < BANOS_DEVICE_RESOURCES; i++) {
		struct banos_resource *resource = &resources[i].resource;

		resource->size = sizeof(*resource);
		resource->kind = i % 4 == 3 ? BANOS_RESOURCE_ECAM : BANOS_RESOURCE_MEMORY;
		resource->start = 0xf0000000ul + i * 0x10000ul;
		resource->length = 0x8000ul + i;
		resource->data = 0x1122334455667700ul + i;
		resource->flags = i % 2 ? BANOS_RESOURCE_PREFETCHABLE : 0;
		resource->reserved_offset = 0x1000ul + i;
		resource->reserved_length = 0x2000ul + i;
	}
}

static void zero_memory(void *memory, uint32_t size)
{
	uint32_t i;

	for (i = 0; i < size; i++)
		((volatile char *)memory)[i] = 0;
}

/* Texts as long as they may be: the kernel copies them. */
static void fill_text(char *text, uint32_t size, const char *begin)
{
	uint32_t i = 0;

	for (; begin[i]; i++)
		text[i] = begin[i];
	for (; i + 1 < size; i++)
		text[i] = (char)('a' + i % 26);
	text[i] = 0;
}

static int64_t add_device(banos_bus to, const char *bus_name, enum which which)
{
	static char long_text[512];
	struct banos_device_config config;
	int64_t error;

	zero_memory(&config, sizeof(config));
	config.size = sizeof(config);
	config.context = &marks[which];
	(void)banos_format(config.name, sizeof(config.name), "%s-%u", bus_name, (uint32_t)which);
	(void)banos_format(config.alias, sizeof(config.alias), "%s:", bus_name);
	if (which != INNER)
		fill_text(config.alias, sizeof(config.alias), config.alias);
	if (which == OUTER) {
		fill_text(config.name, sizeof(config.name), "d");
		fill_text(long_text, sizeof(long_text), "LONG=");
		config.properties = long_text;
		config.attributes = long_text;
		config.interrupts = INTERRUPTS;
		config.resources = &resources[0].resource;
		config.resource_count = BANOS_DEVICE_RESOURCES;
		config.resource_stride = sizeof(resources[0]);
		config.bus_id = BUS_ID;
		config.dma_bits = DMA_BITS;
		config.node = NODE;
	}
	error = banos_device_add(to, &config, &devices[which]);
	zero_memory(&config, sizeof(config));
	zero_memory(long_text, sizeof(long_text));
	return error;
}

static void try_resources(banos_owner device)
{
	uint32_t i;

	for (i = 0; i < BANOS_DEVICE_RESOURCES; i++) {
		const struct banos_resource *given = &resources[i].resource;
		struct banos_resource found = { sizeof(found), 0, 0, 0, 0, 0, 0, 0, 0 };

		CHECK(banos_resource_get(device, i, &found) == 0);
		CHECK(found.kind == given->kind && found.start == given->start);
		CHECK(found.length == given->length && found.data == given->data);
		CHECK((found.flags & BANOS_RESOURCE_PREFETCHABLE) == given->flags);
		CHECK(found.reserved_offset == given->reserved_offset);
		CHECK(found.reserved_length == given->reserved_length && found.zero == 0);
	}
}

static void try_identity(banos_owner device)
{
	struct banos_device_info info = { sizeof(info), 0, 0, 0, 0 };
	char name[64];

	CHECK(banos_device_interrupts(device) == INTERRUPTS);
	CHECK(banos_device_name(device, name, sizeof(name)) == 63);
	CHECK(name[0] == 'd' && name[62] == (char)('a' + 62 % 26) && !name[63]);
	CHECK(banos_device_info(device, &info) == 0);
	CHECK(info.bus_id == BUS_ID && info.dma_bits == DMA_BITS && info.node == NODE);
	CHECK(info.zero == 0);
}

/* The narrower of both widths counts; a machine may have no such memory. */
static void try_width(banos_owner device, uint32_t asked, uint32_t bits)
{
	struct banos_dma_config config = { sizeof(config), 0, 100, 0, 0, 0, 0 };
	uint64_t address = ~0ul;
	banos_dma buffer = NULL;
	void *memory = NULL;
	int64_t error;

	config.address_bits = asked;
	error = banos_dma_alloc(device, &config, &buffer, &memory, &address);
	CHECK(error == -ENOMEM || (error == 0 && (address + 99) >> bits == 0));
	CHECK(error || banos_dma_free(buffer) == 0);
}

static void try_inner(banos_owner device)
{
	struct banos_device_info info = { sizeof(info), 0, 0, 0, 0 };
	struct banos_resource resource = { sizeof(resource), 0, 0, 0, 0, 0, 0, 0, 0 };

	CHECK(banos_device_info(device, &info) == 0);
	CHECK(info.bus_id == BUS_ID && info.dma_bits == DMA_BITS && info.node == NODE);
	CHECK(banos_device_interrupts(device) == 0);
	CHECK(banos_resource_get(device, 0, &resource) == -ENOENT);
	try_width(device, 0, DMA_BITS);
}

/* ---- memory that is in use ---- */

static int64_t take_block(banos_owner device, banos_dma *buffer, uint64_t *address)
{
	struct banos_dma_config config = { sizeof(config), 0, BLOCK_BYTES, BLOCK_BYTES, 0, 32, 0 };
	void *memory;

	return banos_dma_alloc(device, &config, buffer, &memory, address);
}

/* Would it be given to another device now? */
static uint32_t is_used_again(void)
{
	banos_dma buffers[BLOCKS];
	uint64_t address = 0;
	uint32_t i, count = 0, found = 0;

	while (count < BLOCKS && !take_block(owners[SPARE], &buffers[count], &address)) {
		found += address == block_address;
		count++;
	}
	for (i = 0; i < count; i++)
		strangers += banos_dma_free(buffers[i]) != 0;
	return found;
}

/* ---- methods ---- */

static int64_t fields_quiesce(void *context, void *device)
{
	strangers += context != (void *)&bus;
	if (device == (void *)&marks[OTHER]) {
		used_again += is_used_again();
		quiets++;
	}
	return 0;
}

static const struct banos_bus_ops bus_ops = {
	sizeof(struct banos_bus_ops), 0, fields_quiesce, NULL, NULL, NULL
};

static int64_t register_bus(banos_owner owner, const char *name, banos_bus *made)
{
	struct banos_bus_config config;

	zero_memory(&config, sizeof(config));
	config.size = sizeof(config);
	config.context = &bus;
	config.ops = &bus_ops;
	(void)banos_format(config.name, sizeof(config.name), "%s", name);
	return banos_bus_register(owner, &config, made);
}

static int64_t fields_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	void *mark = NULL;
	banos_bus inner;
	uint32_t which;

	(void)context;
	(void)data;
	strangers += banos_device_context(NULL, device, &mark) != 0;
	which = (uint32_t)((char *)mark - marks);
	if (which >= DEVICES) {
		strangers++;
		return -ENODEV;
	}
	owners[which] = device;
	*state = &marks[which];
	if (which == OUTER) {
		strangers += register_bus(device, INNER_NAME, &inner) != 0;
		strangers += add_device(inner, INNER_NAME, INNER) != 0;
	}
	probes++;
	return banos_wait_wake(&changed);
}

/* What it gives back here its device may still write to. */
static int64_t fields_remove(void *context, banos_owner device, void *state)
{
	uint64_t end = banos_time_ns() + 25 * BANOS_S;

	(void)context;
	if (state == (void *)&marks[OTHER]) {
		strangers += device != owners[OTHER] || quiets != 0;
		strangers += banos_dma_free(block) != 0;
		while (!woken && banos_time_ns() < end)
			(void)banos_sleep_until(banos_time_ns() + BANOS_MS, BANOS_UNINTERRUPTIBLE);
		strangers += banos_wait_destroy(&of_device) != 0;
		removes++;
	}
	return 0;
}

/* ---- in the end ---- */

/* On an object of a device that goes: nothing will happen there any more. */
static int64_t sleep_on_device(void *context)
{
	uint64_t ticket = banos_wait_ticket(&of_device);
	int64_t error;

	(void)context;
	sleepers++;
	do {
		error = banos_wait_sleep(&of_device, ticket, banos_time_ns() + 20 * BANOS_S, 0);
	} while (!error);
	woken++;
	return error;
}

static banos_thread start_sleeper(void)
{
	uint64_t end = banos_time_ns() + 25 * BANOS_S;
	banos_thread sleeper = NULL;

	CHECK(banos_wait_init(owners[OTHER], &of_device) == 0);
	CHECK(banos_thread_create(driver, sleep_on_device, NULL, "sleeper", &sleeper) == 0);
	while (!sleepers && banos_time_ns() < end)
		(void)banos_sleep_until(banos_time_ns() + BANOS_MS, 0);
	return sleeper;
}

static int64_t judge_fields(void *context)
{
	uint64_t end = banos_time_ns() + 25 * BANOS_S;
	banos_thread sleeper;
	int64_t result = 0;

	(void)context;
	while (probes < DEVICES && banos_time_ns() < end)
		(void)banos_sleep_until(banos_time_ns() + BANOS_MS, 0);
	CHECK(probes == DEVICES);
	if (probes == DEVICES) {
		try_resources(owners[OUTER]);
		try_identity(owners[OUTER]);
		try_width(owners[OUTER], 0, DMA_BITS);
		try_width(owners[OUTER], 18, 18);
		try_width(owners[OTHER], 20, 20);
		try_inner(owners[INNER]);
	}
	CHECK(take_block(owners[OTHER], &block, &block_address) == 0);
	sleeper = start_sleeper();
	CHECK(banos_device_remove(devices[OTHER], 0) == 0);
	CHECK(banos_thread_stop(sleeper, &result) == 0 && result == -ENODEV);
	CHECK(removes == 1 && quiets == 1);
	CHECK(used_again == 0 && strangers == 0);
	return check_verdict(driver);
}

static int64_t register_prober(const char *name)
{
	static const struct banos_prober_ops ops = { sizeof(struct banos_prober_ops), 0,
						     fields_probe, fields_remove };
	struct banos_prober_config config;

	zero_memory(&config, sizeof(config));
	config.size = sizeof(config);
	config.ops = &ops;
	(void)banos_format(config.bus, sizeof(config.bus), "%s", name);
	return banos_prober_register(driver, &config, NULL);
}

static void try_long_name(void)
{
	struct banos_chardev_ops ops;
	struct banos_chardev_config config;
	banos_chardev device = NULL;

	zero_memory(&ops, sizeof(ops));
	zero_memory(&config, sizeof(config));
	ops.size = sizeof(ops);
	config.size = sizeof(config);
	config.major = BANOS_CHARDEV_ANY;
	config.ops = &ops;
	fill_text(config.name, sizeof(config.name), "conformance_");
	CHECK(banos_chardev_register(driver, &config, &device) == 0);
	CHECK(banos_chardev_remove(device) == 0);
}

static int64_t conformance_fields_init(banos_owner self)
{
	driver = self;
	fill_resources();
	try_long_name();
	CHECK(banos_wait_init(self, &changed) == 0);
	CHECK(register_bus(self, BUS_NAME, &bus) == 0);
	CHECK(register_prober(BUS_NAME) == 0);
	CHECK(register_prober(INNER_NAME) == 0);
	CHECK(add_device(bus, BUS_NAME, OUTER) == 0);
	CHECK(add_device(bus, BUS_NAME, OTHER) == 0);
	CHECK(add_device(bus, BUS_NAME, SPARE) == 0);
	CHECK(banos_thread_create(self, judge_fields, NULL, "judge", &judge) == 0);
	return 0;
}

static int64_t conformance_fields_exit(banos_owner self)
{
	(void)self;
	(void)banos_thread_stop(judge, NULL);
	return banos_wait_destroy(&changed);
}

BANOS_SERVES(BUS_NAME ":*");
BANOS_SERVES(INNER_NAME ":*");
BANOS_DRIVER(conformance_fields, "1.0", "MIT", "Tests what a device's driver knows of it",
	     conformance_fields_init, conformance_fields_exit);
