/* SPDX-License-Identifier: MIT */
/*
 * <banos/map.h>: a program maps a resource of a device, the last page of a VGA's text memory, which
 * is not visible. What it writes is found there by the driver, or there is no such memory.
 */
#include <banos/io.h>
#include <banos/map.h>
#include "answer.h"
#include "device.h"

#define TEXT_PAGE  0xbf000u
#define PAGE_BYTES 4096u
#define MAPPED	   64u

static banos_owner driver, served;
static uint32_t maps;

static int64_t windows_map(void *context, void *file, banos_call call, uint64_t offset,
			   uint64_t length, uint32_t access)
{
	banos_mmio mapping = NULL;
	void *memory;

	(void)context;
	(void)file;
	/* Caching of another kind is refused while this exists, whether the kernel has a screen or not. */
	CHECK(banos_mmio_map(served, TEXT_PAGE, PAGE_BYTES, 0, &mapping, &memory) == 0);
	CHECK(length == PAGE_BYTES && (access & BANOS_FILE_WRITE));
	CHECK(banos_map_resource(call, served, 0, PAGE_BYTES, BANOS_MAP_UNCACHED) == -ENXIO);
	CHECK(banos_map_resource(call, served, 0, offset, BANOS_MAP_COMBINE) == -EBUSY);
	CHECK(banos_mmio_unmap(mapping) == 0);
	CHECK(banos_map_resource(call, served, 1, offset, BANOS_MAP_UNCACHED) == -EINVAL);
	CHECK(banos_map_resource(call, served, 2, offset, BANOS_MAP_UNCACHED) == -EPERM);
	CHECK(banos_map_resource(call, served, 3, offset, BANOS_MAP_UNCACHED) == -EINVAL);
	CHECK(banos_map_resource(call, served, 0, offset, BANOS_MAP_UNCACHED) == 0);
	CHECK(banos_map_resource(call, served, 0, offset, BANOS_MAP_UNCACHED) == -EINVAL);
	maps++;
	return 0;
}

static void find_bytes(const volatile uint8_t *memory)
{
	uint32_t i, kept = 0, absent = 0;

	for (i = 0; i < MAPPED; i++) {
		kept += banos_mmio_read8(memory + i) == (uint8_t)(i + 1);
		absent += banos_mmio_read8(memory + i) == 0xff;
	}
	CHECK(maps > 0 && (kept == MAPPED || absent == MAPPED));
}

static int64_t windows_read(void *context, void *file, banos_buffer to, uint64_t length,
			    uint64_t offset, uint32_t flags)
{
	banos_mmio mapping = NULL;
	void *memory = NULL;

	(void)context;
	(void)file;
	(void)offset;
	(void)flags;
	CHECK(banos_mmio_map(served, TEXT_PAGE, PAGE_BYTES, 0, &mapping, &memory) == 0);
	if (memory)
		find_bytes((const volatile uint8_t *)memory);
	CHECK(banos_mmio_unmap(mapping) == 0);
	return answer_program(to, length);
}

static const struct banos_chardev_ops chardev_ops = {
	sizeof(struct banos_chardev_ops), 0, NULL, NULL, windows_read, NULL, NULL, NULL, windows_map
};

static int64_t windows_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	(void)context;
	(void)data;
	(void)state;
	served = device;
	CHECK(answer_register(device, "conformance_windows", &chardev_ops, NULL) == 0);
	return check_verdict(driver);
}

static int64_t be_quiet(void *context, void *device)
{
	(void)context;
	(void)device;
	return 0;
}

static int64_t conformance_windows_init(banos_owner self)
{
	static const struct banos_bus_ops bus_ops = {
		sizeof(struct banos_bus_ops), 0, be_quiet, NULL, NULL, NULL
	};
	static const struct banos_prober_ops prober_ops = { sizeof(struct banos_prober_ops), 0,
							    windows_probe, NULL };
	/* The page; ports; the page, of which the bus keeps some bytes for itself. */
	static const struct banos_resource resources[3] = {
		{ sizeof(struct banos_resource), BANOS_RESOURCE_MEMORY, TEXT_PAGE, PAGE_BYTES, 0, 0,
		  0, 0, 0 },
		{ sizeof(struct banos_resource), BANOS_RESOURCE_PORTS, 0x378, 3, 0, 0, 0, 0, 0 },
		{ sizeof(struct banos_resource), BANOS_RESOURCE_MEMORY, TEXT_PAGE, PAGE_BYTES, 0, 0,
		  0, 512, 16 }
	};
	static struct banos_device_config device;

	driver = self;
	device.resources = resources;
	device.resource_count = 3;
	device.resource_stride = sizeof(resources[0]);
	return device_offer(self, "conformance_windows", &bus_ops, &device, &prober_ops, NULL);
}

BANOS_SERVES("conformance_windows:*");
BANOS_DRIVER(conformance_windows, "1.0", "MIT", "Tests what programs map of a device",
	     conformance_windows_init, NULL);
