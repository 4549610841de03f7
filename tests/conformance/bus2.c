/* SPDX-License-Identifier: MIT */
/*
 * <banos/bus.h>, the second of two: the driver of a device on the bus of bus1.c, with all that
 * belongs to a device: registers, ports, interrupts, DMA memory, and a file that programs map.
 */
#include <banos/bus.h>
#include <banos/dma.h>
#include <banos/io.h>
#include <banos/irq.h>
#include <banos/map.h>
#include "answer.h"
#include "bus12.h"

#define PAGE_BYTES   4096u
#define MAPPED	     64u
#define PATTERN_DATA 0xfedcba9876543210ul

static banos_owner driver, served;
static banos_prober prober;
static banos_dma buffer;
static uint8_t *buffer_memory;
static uint32_t maps, removes;

static struct bus12_calls asked_so_far(void)
{
	struct bus12_calls calls;

	calls.size = sizeof(calls);
	CHECK(conformance_bus1_calls(served, &calls) == 0);
	CHECK(calls.size == sizeof(calls) && calls.strangers == 0);
	return calls;
}

static void try_registers(banos_owner device)
{
	struct banos_resource resource = { sizeof(resource), 0, 0, 0, 0, 0, 0, 0, 0 };
	banos_mmio mapping = NULL, other;
	void *memory = NULL, *again;

	CHECK(banos_resource_get(device, 0, &resource) == 0);
	CHECK(resource.kind == BANOS_RESOURCE_MEMORY && resource.start == BUS12_MEMORY &&
	      resource.length == BUS12_MEMORY_BYTES);
	CHECK(banos_mmio_map(device, resource.start, resource.length, 0, &mapping, &memory) == 0);
	if (memory) /* nothing is promised of what is read there */
		(void)banos_mmio_read32((uint8_t *)memory + resource.length - 4);
	/* Not the device's: before, behind, beyond. */
	CHECK(banos_mmio_map(device, resource.start - 1, 8, 0, &other, &again) == -EPERM);
	CHECK(banos_mmio_map(device, resource.start + resource.length - 4, 8, 0, &other, &again) ==
	      -EPERM);
	CHECK(banos_mmio_map(device, resource.start + PAGE_BYTES, 64, BANOS_MMIO_COMBINE, &other,
			     &again) == -EBUSY);
	CHECK(banos_mmio_unmap(mapping) == 0);
	CHECK(banos_mmio_unmap(mapping) == -EINVAL);
}

static void try_ports(banos_owner device)
{
	banos_ports ports = NULL, other;
	uint8_t bytes[2] = { 0x3c, 0x5a }, answers[2];
	int64_t value;

	CHECK(banos_ports_claim(device, BUS12_PORTS, BUS12_NR_PORTS + 1, &other) == -EPERM);
	CHECK(banos_ports_claim(device, BUS12_PORTS - 1, 1, &other) == -EPERM);
	CHECK(banos_ports_claim(device, BUS12_PORTS, BUS12_NR_PORTS, &ports) == 0);
	CHECK(banos_ports_claim(driver, BUS12_PORTS + 1, 1, &other) == -EBUSY);
	/* Data that is kept, or no device. */
	CHECK(banos_port_write(ports, 0, 1, 0x1a5) == 0);
	value = banos_port_read(ports, 0, 1);
	CHECK(value == 0xa5 || value == 0xff);
	CHECK(banos_port_write_many(ports, 0, 1, bytes, 2) == 0);
	value = banos_port_read(ports, 0, 1);
	CHECK(value == 0x5a || value == 0xff);
	CHECK(banos_port_read_many(ports, 0, 1, answers, 2) == 0);
	CHECK(answers[0] == value && answers[1] == value);
	/* Two bytes are those of two ports. */
	value |= banos_port_read(ports, 1, 1) << 8;
	CHECK(banos_port_read(ports, 0, 2) == value);
	CHECK(banos_ports_release(ports) == 0);
	CHECK(banos_ports_release(ports) == -EINVAL);
}

static int64_t note_interrupt(void *context)
{
	(void)context;
	return BANOS_IRQ_HANDLED;
}

static void try_interrupts(banos_owner device)
{
	struct banos_irq_config config = { sizeof(config), 0, 0, 0, note_interrupt, NULL };
	banos_irq first = NULL, second = NULL;
	uint32_t before = asked_so_far().connects;

	CHECK(banos_device_interrupts(device) == BUS12_INTERRUPTS);
	CHECK(banos_irq_create(device, &config, &first) == 0);
	config.index = 1;
	CHECK(banos_irq_create(device, &config, &second) == 0);
	CHECK(asked_so_far().connects == before + 2);
	CHECK(banos_irq_count(first) == 0 && banos_irq_count(second) == 0);
	CHECK(banos_irq_destroy(second) == 0 && banos_irq_destroy(first) == 0);
	CHECK(asked_so_far().disconnects == before + 2);
	/* This bus has no lines. */
	config.index = 0;
	config.flags = BANOS_IRQ_LINE;
	CHECK(banos_irq_create(device, &config, &first) == -ENODEV);
}

static void try_memory(banos_owner device)
{
	struct banos_dma_config config = { sizeof(config), 0, 2 * PAGE_BYTES, PAGE_BYTES, 0, 0, 0 };
	struct banos_dma_config small = { sizeof(small), 0, 64, 0, 0, 0, 0 };
	uint64_t address = 0, second = 0;
	void *memory = NULL;
	banos_dma other = NULL;

	CHECK(banos_dma_alloc(device, &config, &buffer, (void **)&buffer_memory, &address) == 0);
	CHECK(banos_dma_alloc(device, &small, &other, &memory, &second) == 0);
	CHECK(second + 64 <= address || address + 2 * PAGE_BYTES <= second);
	CHECK(banos_dma_free(other) == 0 && banos_dma_free(other) == -EINVAL);
}

static void try_identity(banos_owner device)
{
	struct banos_device_info info = { sizeof(info), 0, 0, 0, 0 };
	uint64_t id = 0;
	char name[8];

	CHECK(banos_device_name(device, name, sizeof(name)) == 5 && name[4] == '1');
	CHECK(banos_device_info(device, &info) == 0 && info.bus_id == BUS12_ID);
	CHECK(conformance_bus1_device_info(device, &id) == 0);
	CHECK(id == BUS12_ID + BUS12_MEMORY);
	CHECK(conformance_bus1_device_info(driver, &id) < 0);
}

/* ---- its file ---- */

static int64_t bus2_map(void *context, void *file, banos_call call, uint64_t offset,
			uint64_t length, uint32_t access)
{
	(void)context;
	(void)file;
	(void)access;
	CHECK(banos_map_resource(call, driver, 0, offset, BANOS_MAP_UNCACHED) == -EINVAL);
	CHECK(banos_map_resource(call, served, 1, offset, BANOS_MAP_UNCACHED) == -EINVAL);
	CHECK(banos_map_resource(call, served, 0, 1, BANOS_MAP_UNCACHED) == -EINVAL);
	CHECK(banos_map_resource(call, served, 0, offset, 7) == -EINVAL);
	CHECK(banos_map_resource(call, served, 0, BUS12_MEMORY_BYTES, BANOS_MAP_UNCACHED) ==
	      -ENXIO);
	CHECK(banos_map_dma(call, buffer, 2 * PAGE_BYTES) == -ENXIO);
	maps++;
	if (length != PAGE_BYTES)
		return banos_map_zero(call);
	return banos_map_dma(call, buffer, offset);
}

static int64_t bus2_ioctl(void *context, void *file, banos_call call, uint32_t command,
			  uint64_t argument, uint32_t flags)
{
	uint32_t word = 0, back = 0;

	(void)context;
	(void)file;
	(void)flags;
	(void)command;
	CHECK(banos_map_resource(call, served, 0, 0, BANOS_MAP_UNCACHED) == -EINVAL);
	CHECK(banos_user_read(call, &word, argument + 4, sizeof(word)) == 0 && word == 0x07060504);
	word = 0x11223344;
	CHECK(banos_user_write(call, argument + 1, &word, sizeof(word)) == 0);
	CHECK(banos_user_read(call, &back, argument + 1, sizeof(back)) == 0 && back == word);
	return 0;
}

static int64_t bus2_read(void *context, void *file, banos_buffer to, uint64_t length,
			 uint64_t offset, uint32_t flags)
{
	uint32_t i, differ = 0;

	(void)context;
	(void)file;
	(void)offset;
	(void)flags;
	banos_dma_read_barrier();
	for (i = 0; i < MAPPED; i++)
		differ += buffer_memory[i] != (uint8_t)(i + 1);
	CHECK(maps > 0 && differ == 0);
	return answer_program(to, length);
}

static const struct banos_chardev_ops chardev_ops = {
	sizeof(struct banos_chardev_ops), 0, NULL, NULL, bus2_read, NULL, bus2_ioctl, NULL, bus2_map
};

/* ---- its life ---- */

static int64_t bus2_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	banos_chardev file = NULL;

	served = device;
	CHECK(context == (void *)&served && *state == NULL && data == PATTERN_DATA);
	*state = &removes;
	CHECK(asked_so_far().quiets == 0);
	try_identity(device);
	try_registers(device);
	try_ports(device);
	try_interrupts(device);
	try_memory(device);
	CHECK(answer_register(device, "conformance_bus2", &chardev_ops, &file) == 0);
	CHECK(banos_chardev_number(file) > 0);
	return check_verdict(driver);
}

static int64_t bus2_remove(void *context, banos_owner device, void *state)
{
	(void)context;
	(void)device;
	(*(uint32_t *)state)++;
	return banos_dma_free(buffer);
}

static int64_t conformance_bus2_init(banos_owner self)
{
	static const struct banos_prober_ops ops = { sizeof(struct banos_prober_ops), 0, bus2_probe,
						     bus2_remove };
	static const struct banos_prober_config config = { sizeof(config), 0, &served, &ops,
							   "conformance_bus1" };
	banos_prober second = NULL;

	driver = self;
	CHECK(banos_prober_register(self, &config, &second) == 0);
	CHECK(banos_prober_remove(second) == 0);
	return banos_prober_register(self, &config, &prober);
}

BANOS_IMPORT_AS(conformance_bus1_calls, CONFORMANCE_BUS1_CALLS_AS);
/* Of two that match the one with more literal characters counts. */
BANOS_SERVES_DATA("conformance_bus1:kind*", 1);
BANOS_SERVES_DATA("conformance_bus1:kind7:only?", PATTERN_DATA);
BANOS_SERVES_DATA("conformance_bus1:kind7:*", 2);
BANOS_DRIVER(conformance_bus2, "1.0", "MIT", "Serves a device of another driver's bus",
	     conformance_bus2_init, NULL);
