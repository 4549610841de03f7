/* SPDX-License-Identifier: MIT */
/*
 * A bus with one device that does not exist, and a driver for that which gives
 * nothing back. As the parameters say, an instance is one of both, or both.
 */
#include <banos/bus.h>
#include <banos/dma.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/export.h>
#include <banos/firmware.h>
#include <banos/io.h>
#include <banos/irq.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/thread.h>
#include <banos/time.h>
#include <banos/timer.h>
#include <banos/wait.h>
#include <banos/work.h>

#define COUNT	 3u
#define DMA_BITS 28
#define MEMORY	 0xe8000000u
#define PORTS	 0x5000u

static uint8_t bus = 1, device = 1;
static uint32_t quiesce_fails, connects;
static banos_owner own;
static struct banos_wait waits[COUNT];
static struct banos_mutex mutexes[COUNT];
BANOS_PARAM_BOOL(bus, "be the bus");
BANOS_PARAM_BOOL(device, "be the device's driver");
BANOS_PARAM_U32(quiesce_fails, 0, 100, "how often the device cannot be made silent");

/* ---- the bus ---- */

static int64_t toy_quiesce(void *context, void *device)
{
	if (!quiesce_fails)
		return 0;
	quiesce_fails--;
	return -EIO;
}

static int64_t toy_connect(void *context, void *device, uint32_t index, uint64_t address,
			   uint32_t data)
{
	connects++;
	if (address >> 20 == 0xfee && data)
		return 0;
	return -EINVAL;
}

static int64_t toy_disconnect(void *context, void *device, uint32_t index)
{
	connects--;
	return 0;
}

static const struct banos_bus_ops bus_ops = {
	.size = sizeof(bus_ops),
	.quiesce = toy_quiesce,
	.connect = toy_connect,
	.disconnect = toy_disconnect,
};

static int64_t start_bus(banos_owner self)
{
	static const struct banos_bus_config config = { .size = sizeof(config),
							.ops = &bus_ops,
							.name = "toy" };
	static const struct banos_resource resources[] = {
		{ .size = sizeof(*resources),
		  .kind = BANOS_RESOURCE_MEMORY,
		  .start = MEMORY,
		  .length = 0x10000,
		  .flags = BANOS_RESOURCE_PREFETCHABLE,
		  .reserved_offset = 0xf000,
		  .reserved_length = 0x1000 },
		{ .size = sizeof(*resources),
		  .kind = BANOS_RESOURCE_PORTS,
		  .start = PORTS,
		  .length = 16 },
	};
	static const struct banos_device_config toy = {
		.size = sizeof(toy),
		.interrupts = COUNT,
		.resources = resources,
		.resource_count = 2,
		.resource_stride = sizeof(*resources),
		.name = "toy0",
		.alias = "toy:leaky",
		.properties = "COLOUR=red\n",
		.attributes = "colour=red\n",
		.dma_bits = DMA_BITS,
		.bus_id = 77,
		.node = 1,
	};
	banos_device added;
	banos_bus handle;
	int64_t error = banos_bus_register(self, &config, &handle);

	if (error)
		return error;
	return banos_device_add(handle, &toy, &added);
}

/* ---- the device's driver ---- */

static int64_t nothing(void *context)
{
	return 0;
}

static int64_t until_told(void *context)
{
	while (!banos_thread_should_stop())
		banos_sleep_until(banos_time_ns() + BANOS_S, 0);
	return 0;
}

static int64_t obtain_for_any_owner(banos_owner owner, uint32_t i)
{
	banos_timer timer;
	banos_work work;
	banos_thread thread;
	banos_firmware firmware;
	int64_t error = banos_timer_create(owner, nothing, NULL, &timer);

	if (!error)
		error = banos_work_create(owner, nothing, NULL, &work);
	if (!error)
		error = banos_thread_create(owner, until_told, NULL, "leaky", &thread);
	if (!error)
		error = banos_mutex_init(owner, &mutexes[i]);
	if (!error && !banos_lookup_symbol(owner, "banos_api_level"))
		error = -ENOENT;
	if (!error && banos_firmware_load(owner, "leaky.bin", &firmware) != 5)
		error = -EIO;
	return error;
}

static int64_t obtain(banos_owner owner, uint32_t i)
{
	uint64_t address;
	banos_mmio mapping;
	banos_ports ports;
	const struct banos_dma_config dma_config = { .size = sizeof(dma_config), .bytes = 4096 };
	const struct banos_irq_config irq_config = { .size = sizeof(irq_config),
						     .index = i,
						     .function = nothing };
	banos_irq irq;
	banos_dma dma;
	void *memory;
	int64_t error = banos_mmio_map(owner, MEMORY + i * 4096, 4096, 0, &mapping, &memory);

	if (!error)
		error = banos_ports_claim(owner, PORTS + i * 4, 4, &ports);
	if (!error)
		error = banos_dma_alloc(owner, &dma_config, &dma, &memory, &address);
	if (!error)
		error = banos_irq_create(owner, &irq_config, &irq);
	if (!error)
		error = banos_wait_init(owner, &waits[i]);
	if (!error && !banos_alloc(owner, 100, 0))
		error = -ENOMEM;
	if (error)
		return error;
	return obtain_for_any_owner(owner, i);
}

/* What the device has no right to. @return the first that was given all the same */
static const char *overstep(banos_owner owner)
{
	banos_mmio mapping;
	banos_ports ports;
	void *memory = banos_alloc(owner, 16, 0);

	/* The device's is not the driver's, though both are one driver's. */
	if (banos_free(own, memory) != -EINVAL || banos_free(owner, memory))
		return "memory that another owner has";
	if (banos_mmio_map(owner, MEMORY + 0xf000, 0x2000, 0, &mapping, &memory) != -EPERM)
		return "memory behind its own";
	if (banos_mmio_map(owner, 0x100000, 4096, 0, &mapping, &memory) != -EPERM)
		return "the kernel's memory";
	if (banos_ports_claim(owner, PORTS + 12, 8, &ports) != -EPERM)
		return "ports behind its own";
	return NULL;
}

static int64_t irq_with(banos_owner owner, uint32_t size, uint32_t flags, uint32_t index)
{
	struct banos_irq_config config = {
		.size = size, .flags = flags, .index = index, .function = nothing
	};
	banos_irq irq;

	return banos_irq_create(owner, &config, &irq);
}

/* @return the first interrupt that was given wrongly */
static const char *try_interrupts(banos_owner owner)
{
	const uint32_t size = sizeof(struct banos_irq_config);

	if (irq_with(owner, size, 0, COUNT) != -EINVAL)
		return "an interrupt that it does not have";
	if (irq_with(owner, size, 2, 0) != -EINVAL)
		return "an interrupt of a kind that does not exist";
	if (irq_with(owner, size - 8, 0, 0) != -EINVAL)
		return "an interrupt by half a struct";
	if (irq_with(owner, size, BANOS_IRQ_LINE, 1) != -EINVAL)
		return "a second line";
	if (irq_with(owner, size, BANOS_IRQ_LINE, 0) != -ENODEV)
		return "a line, where the bus has none";
	return NULL;
}

/* @return the bus's device address, which is freed again; or an error */
static int64_t dma_with(banos_owner owner, uint64_t bytes, uint64_t alignment, uint64_t boundary,
			uint32_t bits)
{
	struct banos_dma_config config = { .size = sizeof(config),
					   .bytes = bytes,
					   .alignment = alignment,
					   .boundary = boundary,
					   .address_bits = bits,
					   .node = 9 };
	uint64_t address;
	banos_dma dma;
	void *memory;
	int64_t error = banos_dma_alloc(owner, &config, &dma, &memory, &address);

	if (!error)
		error = banos_dma_free(dma);
	if (error)
		return error;
	return (int64_t)address;
}

/* @return what was wrong first */
static const char *try_dma(banos_owner owner)
{
	int64_t address;

	if (dma_with(owner, 0, 0, 0, 0) != -EINVAL || dma_with(owner, 0x200001, 0, 0, 0) != -EINVAL)
		return "DMA memory of a bad size";
	if (dma_with(owner, 1, 3, 0, 0) != -EINVAL || dma_with(owner, 1, 0x400000, 0, 0) != -EINVAL)
		return "DMA memory of a bad alignment";
	if (dma_with(owner, 65, 0, 64, 0) != -EINVAL || dma_with(owner, 1, 0, 96, 0) != -EINVAL)
		return "DMA memory of a bad boundary";
	if (dma_with(owner, 1, 0, 0, 15) != -EINVAL || dma_with(owner, 1, 0, 0, 65) != -EINVAL)
		return "DMA memory of a bad width";
	for (uint64_t alignment = 1; alignment <= 0x200000; alignment *= 2)
		if (dma_with(owner, 1, alignment, 0, 0) & (int64_t)(alignment - 1))
			return "DMA memory that is not aligned";
	for (uint64_t bytes = 1; bytes <= 0x10000; bytes = bytes * 2 + 1) {
		address = dma_with(owner, bytes, 0, 0x10000, 0);
		if (address / 0x10000 != (address + (int64_t)bytes - 1) / 0x10000)
			return "DMA memory over a boundary";
	}
	address = dma_with(owner, 4096, 0, 0, 64);
	if (address < 0 || address >> DMA_BITS)
		return "DMA memory beyond what its bus says";
	address = dma_with(owner, 4096, 0, 0, 24);
	if (address >> 24)
		return "DMA memory beyond what its driver says";
	return NULL;
}

/* What its bus said of it. */
static int says_the_bus(banos_owner owner)
{
	struct banos_device_info info = { .size = sizeof(info) };
	struct banos_resource resource = { .size = sizeof(resource) };

	return !banos_device_info(owner, &info) && info.dma_bits == DMA_BITS && info.bus_id == 77 &&
	       info.node == 1 && !banos_resource_get(owner, 0, &resource) &&
	       resource.flags == BANOS_RESOURCE_PREFETCHABLE &&
	       resource.reserved_offset == 0xf000 && resource.reserved_length == 0x1000;
}

static int64_t leaky_probe(void *context, banos_owner owner, uint64_t data, void **state)
{
	const char *wrong = overstep(owner);
	char name[8];

	if (!wrong)
		wrong = try_interrupts(owner);
	if (!wrong)
		wrong = try_dma(owner);
	if (!wrong && !says_the_bus(owner))
		wrong = "another description";

	if (wrong) {
		banos_error(owner, "was given %s", wrong);
		return -EPERM;
	}
	if (banos_device_name(owner, name, sizeof(name)) != 4)
		return -EINVAL;
	for (uint32_t i = 0; i < COUNT; i++) {
		int64_t error = obtain(owner, i);

		if (error)
			return error;
	}
	banos_print(owner, "has %s", name);
	return 0;
}

static const struct banos_prober_ops prober_ops = { .size = sizeof(prober_ops),
						    .probe = leaky_probe };

static int64_t leaky_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &prober_ops,
		.bus = "toy",
	};
	banos_mmio mapping;
	banos_ports ports;
	void *memory;
	int64_t error = 0;

	own = self;
	/* A driver may not have these for itself either. */
	if (banos_mmio_map(self, 0xfee00000, 4096, 0, &mapping, &memory) != -EPERM ||
	    banos_ports_claim(self, 0x20, 2, &ports) != -EBUSY ||
	    banos_ports_claim(self, 0xfffe, 4, &ports) != -EINVAL)
		return -EPERM;
	if (bus)
		error = start_bus(self);
	if (!error && device)
		error = banos_prober_register(self, &config, NULL);
	return error;
}

static int64_t leaky_exit(banos_owner self)
{
	banos_print(self, "%u interrupts connected", connects);
	return 0;
}

BANOS_SERVES("toy:leaky");
BANOS_DRIVER(leaky, "1.0", "MIT", "Gives nothing back", leaky_init, leaky_exit);
