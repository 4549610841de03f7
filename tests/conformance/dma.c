/* SPDX-License-Identifier: MIT */
/* <banos/dma.h>, <banos/map.h>: alignment, boundary, width, zeroes, refusals; a program that maps a buffer. */
#include <banos/dma.h>
#include <banos/map.h>
#include "answer.h"
#include "device.h"

#define PAGE_BYTES 4096
#define MIB	   1048576u
#define MAPPED	   64

static banos_owner driver;
static banos_dma shared;
static uint8_t *shared_memory;
static uint32_t map_count;

static struct banos_dma_config asked_for(uint64_t bytes, uint64_t alignment, uint64_t boundary,
					 uint32_t bits)
{
	struct banos_dma_config config;

	config.size = sizeof(config);
	config.flags = 0;
	config.bytes = bytes;
	config.alignment = alignment;
	config.boundary = boundary;
	config.address_bits = bits;
	config.node = 0;
	return config;
}

static uint32_t crosses_boundary(uint64_t address, uint64_t bytes, uint64_t boundary)
{
	return boundary && address / boundary != (address + bytes - 1) / boundary;
}

static void try_buffer(banos_owner device, uint64_t bytes, uint64_t alignment, uint64_t boundary,
		       uint32_t bits)
{
	struct banos_dma_config config = asked_for(bytes, alignment, boundary, bits);
	uint64_t address = 0, dirty = 0, i;
	void *memory = NULL;
	banos_dma buffer = NULL;
	uint32_t again;

	for (again = 0; again < 2; again++) {
		CHECK(banos_dma_alloc(device, &config, &buffer, &memory, &address) == 0);
		if (!buffer || !memory)
			return;
		CHECK(address != 0 && address % (alignment ? alignment : 64) == 0);
		CHECK((uint64_t)memory % (alignment && alignment < PAGE_BYTES ? alignment : 64) ==
		      0);
		CHECK(!crosses_boundary(address, bytes, boundary));
		CHECK(!bits || bits == 64 || (address + bytes - 1) >> bits == 0);
		for (i = 0; i < bytes; i++) {
			dirty += ((volatile uint8_t *)memory)[i] != 0;
			((volatile uint8_t *)memory)[i] = 0xa5;
		}
		CHECK(dirty == 0);
		CHECK(banos_dma_free(buffer) == 0);
		CHECK(banos_dma_free(buffer) == -EINVAL);
	}
}

static int64_t refused(banos_owner device, struct banos_dma_config config)
{
	uint64_t address;
	void *memory;
	banos_dma buffer;

	return banos_dma_alloc(device, &config, &buffer, &memory, &address);
}

/* A struct of a much later level: what is unknown must be zero. */
static void try_later_struct(banos_owner device)
{
	static struct {
		struct banos_dma_config config;
		uint64_t later[500];
	} longer;
	uint64_t address;
	void *memory;
	banos_dma buffer;

	longer.config = asked_for(100, 0, 0, 0);
	longer.config.size = sizeof(longer);
	CHECK(banos_dma_alloc(device, &longer.config, &buffer, &memory, &address) == 0);
	CHECK(banos_dma_free(buffer) == 0);
	longer.later[499] = 1;
	CHECK(banos_dma_alloc(device, &longer.config, &buffer, &memory, &address) == -E2BIG);
	longer.config.size = BANOS_DMA_CONFIG_SIZE_1 - 1;
	CHECK(banos_dma_alloc(device, &longer.config, &buffer, &memory, &address) == -EINVAL);
}

static void try_refusals(banos_owner device)
{
	struct banos_dma_config config = asked_for(100, 0, 0, 0);
	void *memory;
	banos_dma buffer;

	CHECK(refused(device, asked_for(0, 0, 0, 0)) == -EINVAL);
	CHECK(refused(device, asked_for(100, 3, 0, 0)) == -EINVAL);
	CHECK(refused(device, asked_for(100, 0, 100, 0)) == -EINVAL);
	CHECK(refused(device, asked_for(100, 0, 64, 0)) == -EINVAL);
	CHECK(refused(device, asked_for(100, 0, 0, 15)) == -EINVAL);
	CHECK(refused(device, asked_for(100, 0, 0, 65)) == -EINVAL);
	CHECK(refused(driver, config) == -EINVAL);
	CHECK(refused(NULL, config) == -EINVAL);
	config.flags = 0x80000000u;
	CHECK(refused(device, config) == -EINVAL);
	config.flags = 0;
	CHECK(banos_dma_alloc(device, &config, &buffer, &memory, NULL) == -EINVAL);
	CHECK(banos_dma_free(NULL) == -EINVAL);
	config.node = 1000; /* a wish */
	{
		uint64_t address;

		CHECK(banos_dma_alloc(device, &config, &buffer, &memory, &address) == 0);
		CHECK(banos_dma_free(buffer) == 0);
	}
}

static int64_t dma_map(void *context, void *file, banos_call call, uint64_t offset, uint64_t length,
		       uint32_t access)
{
	(void)context;
	(void)file;
	(void)access;
	CHECK(length == PAGE_BYTES);
	CHECK(banos_map_dma(call, NULL, offset) == -EINVAL);
	CHECK(banos_map_dma(call, shared, offset + 1) == -EINVAL);
	CHECK(banos_map_dma(call, shared, 2 * PAGE_BYTES) == -ENXIO);
	map_count++;
	return banos_map_dma(call, shared, offset + PAGE_BYTES);
}

static int64_t dma_read(void *context, void *file, banos_buffer to, uint64_t length,
			uint64_t offset, uint32_t flags)
{
	uint32_t i, differ = 0;

	(void)context;
	(void)file;
	(void)offset;
	(void)flags;
	banos_dma_barrier();
	for (i = 0; i < MAPPED; i++)
		differ += shared_memory[PAGE_BYTES + i] != (uint8_t)(i + 1);
	CHECK(map_count > 0 && differ == 0);
	CHECK(shared_memory[PAGE_BYTES + MAPPED] == 0 && shared_memory[0] == 0);
	return answer_program(to, length);
}

static const struct banos_chardev_ops chardev_ops = {
	sizeof(struct banos_chardev_ops), 0, NULL, NULL, dma_read, NULL, NULL, NULL, dma_map
};

static int64_t dma_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct banos_dma_config config = asked_for(2 * PAGE_BYTES, PAGE_BYTES, 0, 0);
	uint64_t address;

	(void)context;
	CHECK(data == 0);
	*state = &shared;
	try_buffer(device, 1, 0, 0, 0);
	try_buffer(device, 100, 4, 0, 0);
	try_buffer(device, 4097, 16384, 0, 0);
	try_buffer(device, 5000, 0, 8192, 0);
	try_buffer(device, 65536, 65536, 65536, 32);
	try_buffer(device, 300, 0, 0, 64);
	try_buffer(device, 2 * MIB, 2 * MIB, 0, 0);
	try_later_struct(device);
	try_refusals(device);
	CHECK(banos_dma_alloc(device, &config, &shared, (void **)&shared_memory, &address) == 0);
	CHECK(answer_register(device, "conformance_dma", &chardev_ops, NULL) == 0);
	return check_verdict(driver);
}

static int64_t dma_remove(void *context, banos_owner device, void *state)
{
	(void)context;
	(void)device;
	return banos_dma_free(*(banos_dma *)state);
}

static int64_t be_quiet(void *context, void *device)
{
	(void)context;
	(void)device;
	banos_dma_read_barrier();
	banos_dma_write_barrier();
	return 0;
}

static int64_t conformance_dma_init(banos_owner self)
{
	static const struct banos_bus_ops bus_ops = {
		sizeof(struct banos_bus_ops), 0, be_quiet, NULL, NULL, NULL
	};
	static const struct banos_prober_ops prober_ops = { sizeof(struct banos_prober_ops), 0,
							    dma_probe, dma_remove };
	static struct banos_device_config device;

	driver = self;
	device.dma_bits = 40;
	return device_offer(self, "conformance_dma", &bus_ops, &device, &prober_ops, NULL);
}

BANOS_SERVES("conformance_dma:*");
BANOS_DRIVER(conformance_dma, "1.0", "MIT", "Tests memory for devices", conformance_dma_init, NULL);
