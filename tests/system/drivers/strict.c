/* SPDX-License-Identifier: MIT */
/* Asks for what cannot be, and looks at each answer; one that is wrong is said, and init fails. */
#include <banos/bus.h>
#include <banos/dma.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/io.h>
#include <banos/irq.h>
#include <banos/print.h>

static banos_owner own;
static uint32_t wrong;

#define EXPECT(call, expected) expect(call, expected, #call)
static void expect(int64_t got, int64_t expected, const char *call)
{
	if (got == expected)
		return;
	wrong++;
	banos_error(own, "%s: %lld instead of %lld", call, (long long)got, (long long)expected);
}

static int64_t nothing(void *context, void *device)
{
	return 0;
}
static int64_t take(void *context, banos_owner device, uint64_t data, void **state)
{
	return 0;
}
static int64_t handle(void *context)
{
	return 0;
}

static const struct banos_bus_ops good_ops = { .size = sizeof(good_ops), .quiesce = nothing };
static const struct banos_bus_config good_bus = { .size = sizeof(good_bus),
						  .ops = &good_ops,
						  .name = "strict" };

static void try_buses(void)
{
	struct {
		struct banos_bus_ops known;
		uint64_t later;
	} newer = { good_ops, 1 };
	struct {
		struct banos_bus_config known;
		uint64_t later;
	} longer = { good_bus, 0 };
	struct banos_bus_config config = good_bus;
	struct banos_bus_ops ops = good_ops;
	banos_bus bus;

	EXPECT(banos_bus_register(NULL, &good_bus, &bus), -EINVAL);
	EXPECT(banos_bus_register(own, NULL, &bus), -EINVAL);
	EXPECT(banos_bus_register(own, &good_bus, NULL), -EINVAL);
	config.size = 8;
	EXPECT(banos_bus_register(own, &config, &bus), -EINVAL);
	config = good_bus;
	config.zero = 1;
	EXPECT(banos_bus_register(own, &config, &bus), -EINVAL);
	config = good_bus;
	config.name[0] = 0;
	EXPECT(banos_bus_register(own, &config, &bus), -EINVAL);
	config.name[0] = '/';
	EXPECT(banos_bus_register(own, &config, &bus), -EINVAL);
	__builtin_memset(config.name, 'a', sizeof(config.name));
	EXPECT(banos_bus_register(own, &config, &bus), -EINVAL);
	config = good_bus;
	__builtin_memcpy(config.name, "system", 7);
	EXPECT(banos_bus_register(own, &config, &bus), -EINVAL);
	config = good_bus;
	config.ops = &ops;
	ops.quiesce = NULL;
	EXPECT(banos_bus_register(own, &config, &bus), -EINVAL);
	ops.quiesce = (int64_t(*)(void *, void *))0x1000; /* not in this driver */
	EXPECT(banos_bus_register(own, &config, &bus), -EINVAL);
	ops = good_ops;
	ops.must = 1;
	EXPECT(banos_bus_register(own, &config, &bus), -EOPNOTSUPP);
	/* A newer driver's longer table, and its longer struct as long as that is zero. */
	newer.known.size = sizeof(newer);
	longer.known.size = sizeof(longer);
	longer.known.ops = &newer.known;
	EXPECT(banos_bus_register(own, &longer.known, &bus), 0);
	EXPECT(banos_bus_remove(bus), 0);
	EXPECT(banos_bus_remove(bus), -EINVAL);
	longer.later = 1;
	EXPECT(banos_bus_register(own, &longer.known, &bus), -E2BIG);
}

static void try_descriptions(void)
{
	struct banos_resource resource = { .size = sizeof(resource),
					   .kind = BANOS_RESOURCE_MEMORY,
					   .length = 4096,
					   .reserved_offset = 1,
					   .reserved_length = 4096 };
	struct banos_device_config config = {
		.size = sizeof(config),
		.resources = &resource,
		.resource_count = 1,
		.resource_stride = sizeof(resource),
		.name = "one",
		.alias = "strict:one",
	};
	banos_device device;
	banos_bus bus;

	EXPECT(banos_bus_register(own, &good_bus, &bus), 0);
	EXPECT(banos_device_add(bus, &config, &device), -EINVAL);
	resource.reserved_offset = 0;
	resource.flags = 2;
	EXPECT(banos_device_add(bus, &config, &device), -EINVAL);
	resource.flags = 0;
	config.dma_bits = 15;
	EXPECT(banos_device_add(bus, &config, &device), -EINVAL);
	config.dma_bits = 65;
	EXPECT(banos_device_add(bus, &config, &device), -EINVAL);
	config.dma_bits = 16;
	EXPECT(banos_device_add(bus, &config, &device), 0);
	EXPECT(banos_bus_remove(bus), 0);
}

static void try_devices(void)
{
	static char long_text[1025];
	struct banos_resource resource[2] = {
		{ .size = sizeof(resource[0]),
		  .kind = BANOS_RESOURCE_PORTS,
		  .start = 0xfff8,
		  .length = 8 },
		{ .size = sizeof(resource[0]), .kind = BANOS_RESOURCE_MEMORY, .length = 1 },
	};
	struct banos_device_config good = {
		.size = sizeof(good),
		.resources = resource,
		.resource_count = 2,
		.resource_stride = sizeof(resource[0]),
		.name = "one",
		.alias = "strict:one",
	}, config = good;
	banos_device device;
	banos_bus bus;
	void *context;

	EXPECT(banos_bus_register(own, &good_bus, &bus), 0);
	EXPECT(banos_device_add(bus, NULL, &device), -EINVAL);
	EXPECT(banos_device_add(bus, &good, NULL), -EINVAL);
	EXPECT(banos_device_add((banos_bus)own, &good, &device), -EINVAL);
	__builtin_memcpy(config.alias, "other:one", 10);
	EXPECT(banos_device_add(bus, &config, &device), -EINVAL);
	__builtin_memcpy(config.alias, "strict:a b", 11);
	EXPECT(banos_device_add(bus, &config, &device), -EINVAL);
	config = good;
	__builtin_memcpy(config.name, "..", 3);
	EXPECT(banos_device_add(bus, &config, &device), -EINVAL);
	config = good;
	config.resource_count = BANOS_DEVICE_RESOURCES + 1;
	EXPECT(banos_device_add(bus, &config, &device), -EINVAL);
	config = good;
	resource[0].length = 9;
	EXPECT(banos_device_add(bus, &config, &device), -EINVAL);
	resource[0].length = 8;
	resource[1].start = ~UINT64_C(0);
	EXPECT(banos_device_add(bus, &config, &device), -EINVAL);
	resource[1].start = 0;
	resource[1].size = 16;
	EXPECT(banos_device_add(bus, &config, &device), -EINVAL);
	resource[1].size = sizeof(resource[1]) + 8;
	EXPECT(banos_device_add(bus, &config, &device), -EINVAL);
	resource[1].size = sizeof(resource[1]);
	__builtin_memset(long_text, 'x', 1024);
	config.properties = long_text;
	EXPECT(banos_device_add(bus, &config, &device), -EINVAL);
	EXPECT(banos_device_add(bus, &good, &device), 0);
	EXPECT(banos_device_add(bus, &good, &device), -EEXIST);
	EXPECT(banos_device_context(bus, own, &context), -ENODEV);
	EXPECT(banos_device_context(bus, (banos_owner)device, &context), -ENODEV);
	EXPECT(banos_device_remove(device, 2), -EINVAL);
	EXPECT(banos_device_remove((banos_device)bus, 0), -EINVAL);
	EXPECT(banos_bus_remove(bus), 0);
	EXPECT(banos_device_add(bus, &good, &device), -EINVAL);
}

static void try_probers(void)
{
	static const struct banos_prober_ops ops = { .size = sizeof(ops), .probe = take };
	struct banos_prober_config config = { .size = sizeof(config),
					      .ops = &ops,
					      .bus = "strict" };
	struct banos_prober_ops none = { .size = 8 };
	banos_prober prober;

	EXPECT(banos_prober_register(own, &config, &prober), 0);
	EXPECT(banos_prober_remove(prober), 0);
	EXPECT(banos_prober_remove(prober), -EINVAL);
	__builtin_memcpy(config.bus, "pci", 4); /* serves no device there */
	EXPECT(banos_prober_register(own, &config, &prober), -EINVAL);
	__builtin_memcpy(config.bus, "strict", 7);
	config.ops = &none;
	EXPECT(banos_prober_register(own, &config, &prober), -EINVAL);
	config.ops = NULL;
	EXPECT(banos_prober_register(own, &config, &prober), -EINVAL);
}

/* A driver that serves no device is none. */
static void try_resources(void)
{
	struct banos_resource resource = { .size = sizeof(resource) };
	struct banos_device_info info = { .size = sizeof(info) };
	banos_mmio mapping;
	banos_ports ports, others;
	const struct banos_irq_config irq_config = { .size = sizeof(irq_config),
						     .function = handle };
	const struct banos_dma_config dma_config = { .size = sizeof(dma_config), .bytes = 4096 };
	banos_irq irq;
	banos_dma dma;
	void *memory;
	uint64_t address;

	EXPECT(banos_resource_get(own, 0, &resource), -EINVAL);
	EXPECT(banos_device_interrupts(own), -EINVAL);
	EXPECT(banos_device_info(own, &info), -EINVAL);
	EXPECT(banos_device_name(own, NULL, 0), -EINVAL);
	EXPECT(banos_irq_create(own, &irq_config, &irq), -EINVAL);
	EXPECT(banos_irq_count((banos_irq)own), -EINVAL);
	EXPECT(banos_dma_alloc(own, &dma_config, &dma, &memory, &address), -EINVAL);
	EXPECT(banos_mmio_map(own, 0x100000, 4096, 0, &mapping, &memory), -EPERM);
	EXPECT(banos_mmio_map(own, 0xfec00000, 16, 0, &mapping, &memory), -EPERM);
	EXPECT(banos_mmio_map(own, 0xe8000000, 0, 0, &mapping, &memory), -EINVAL);
	EXPECT(banos_mmio_map(own, 0xe8000000, 4096, 2, &mapping, &memory), -EINVAL);
	EXPECT(banos_mmio_map(own, ~UINT64_C(0) - 4095, 4096, 0, &mapping, &memory), -EINVAL);
	EXPECT(banos_mmio_map(own, UINT64_C(1) << 52, 4096, 0, &mapping, &memory), -EINVAL);
	EXPECT(banos_mmio_map(own, 0xe8000123, 16, 0, &mapping, &memory), 0);
	EXPECT((int64_t)((uint64_t)memory & 4095), 0x123);
	EXPECT(banos_mmio_unmap(mapping), 0);
	EXPECT(banos_mmio_unmap(mapping), -EINVAL);
	EXPECT(banos_ports_claim(own, 0x70, 1, &ports), -EBUSY);
	EXPECT(banos_ports_claim(own, 0x10000, 1, &ports), -EINVAL);
	EXPECT(banos_ports_claim(own, 0x5000, 0, &ports), -EINVAL);
	EXPECT(banos_ports_claim(own, 0x5000, 8, &ports), 0);
	EXPECT(banos_ports_claim(own, 0x5007, 2, &others), -EBUSY);
	EXPECT(banos_port_read(ports, 8, 1), -EINVAL);
	EXPECT(banos_port_read(ports, 6, 4), -EINVAL);
	EXPECT(banos_port_read(ports, ~0u, 4), -EINVAL);
	EXPECT(banos_port_read(ports, 0, 3), -EINVAL);
	EXPECT(banos_port_read(ports, 0, 4), 0xffffffff);
	EXPECT(banos_port_write(ports, 8, 1, 0), -EINVAL);
	EXPECT(banos_ports_release(ports), 0);
	EXPECT(banos_port_read(ports, 0, 1), -EINVAL);
}

/* QEMU's configuration device: its data port has another byte each time. */
static void try_data_ports(void)
{
	static char text[5];
	uint16_t selector = 0;
	banos_ports ports;

	EXPECT(banos_ports_claim(own, 0x510, 2, &ports), 0);
	EXPECT(banos_port_write_many(ports, 0, 2, &selector, 1), 0);
	EXPECT(banos_port_read_many(ports, 1, 1, text, 4), 0);
	EXPECT(text[0] == 'Q' && text[1] == 'E' && text[2] == 'M' && text[3] == 'U', 1);
	EXPECT(banos_port_read_many(ports, 1, 1, text, 0), 0);
	EXPECT(banos_port_read_many(ports, 1, 1, NULL, 1), -EINVAL);
	EXPECT(banos_port_read_many(ports, 0, 2, text, ~UINT64_C(0) / 2 + 2), -EINVAL);
	EXPECT(banos_port_read_many(ports, 1, 2, text, 1), -EINVAL);
	EXPECT(banos_port_read_many(ports, 0, 8, text, 1), -EINVAL);
	EXPECT(banos_port_write_many(ports, 0, 2, NULL, 1), -EINVAL);
	EXPECT(banos_port_write_many(ports, 2, 1, text, 1), -EINVAL);
	EXPECT(banos_ports_release(ports), 0);
	EXPECT(banos_port_read_many(ports, 1, 1, text, 1), -EINVAL);
}

static int64_t strict_init(banos_owner self)
{
	own = self;
	try_buses();
	try_descriptions();
	try_devices();
	try_probers();
	try_resources();
	try_data_ports();
	if (wrong)
		return -EINVAL;
	return 0;
}

BANOS_SERVES("strict:none");
BANOS_DRIVER(strict, "1.0", "MIT", "Asks for what cannot be", strict_init, NULL);
