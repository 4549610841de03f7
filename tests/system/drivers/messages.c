/* SPDX-License-Identifier: MIT */
/*
 * Two devices of QEMU's that do what edu does not: an e1000e sends several
 * interrupts by MSI-X; a virtio-rng can be reset by its function, which is seen at its
 * status when it is bound for the second time.
 */
#include <banos/bus.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/io.h>
#include <banos/irq.h>
#include <banos/pci.h>
#include <banos/print.h>
#include <banos/time.h>

#define E1000E	    0x10d3u
#define MESSAGES    5u
#define TIMES	    20u
#define ICR	    0xc0
#define ICS	    0xc8
#define IMS	    0xd0
#define IVAR	    0xe4
#define CAUSE_OTHER 0x1000000u

static uint32_t came[MESSAGES];
static char *registers;

/* ---- e1000e ---- */

static int64_t message(void *context)
{
	__atomic_fetch_add((uint32_t *)context, 1, __ATOMIC_SEQ_CST);
	return 1;
}

static uint32_t count(uint32_t i)
{
	return __atomic_load_n(&came[i], __ATOMIC_SEQ_CST);
}

static int64_t send(uint32_t vector)
{
	uint64_t limit = banos_time_ns() + 2 * BANOS_S;
	uint32_t before = count(vector);

	banos_mmio_write32(registers + ICR, ~0u);
	banos_mmio_write32(registers + IVAR, (8 | vector) << 16);
	banos_mmio_write32(registers + ICS, CAUSE_OTHER);
	while (count(vector) == before && banos_time_ns() < limit)
		banos_sleep_until(banos_time_ns() + BANOS_MS / 10, 0);
	if (count(vector) != before)
		return 0;
	return -EIO; /* the device may repeat itself */
}

static int64_t try_e1000e(banos_owner device)
{
	struct banos_irq_config config = { .size = sizeof(config), .function = message };
	banos_irq irq[MESSAGES], again;
	int64_t error = 0;
	uint32_t third;

	if (banos_device_interrupts(device) != MESSAGES)
		return -EINVAL;
	for (uint32_t i = 0; i < MESSAGES && !error; i++) {
		config.index = i;
		config.context = &came[i];
		error = banos_irq_create(device, &config, &irq[i]);
	}
	if (error)
		return error;
	config.index = 2;
	if (banos_irq_create(device, &config, &again) != -EBUSY)
		return -EEXIST;
	banos_mmio_write32(registers + IMS, CAUSE_OTHER);
	for (uint32_t n = 0; n < TIMES && !error; n++)
		error = send(n % MESSAGES);
	/* One that was given up comes no more; the others do. */
	if (!error)
		error = banos_irq_destroy(irq[3]);
	third = count(3);
	if (!error && send(2))
		error = -EIO;
	banos_mmio_write32(registers + ICR, ~0u);
	banos_mmio_write32(registers + IVAR, (8u | 3) << 16);
	banos_mmio_write32(registers + ICS, CAUSE_OTHER);
	banos_delay(BANOS_MS);
	if (count(3) != third)
		error = -EIO;
	banos_print(device, "messages %u %u %u %u %u", count(0), count(1), count(2), count(3),
		    count(4));
	return error;
}

/* ---- virtio-rng ---- */

/* Where its common configuration lies: a capability of the vendor's kind 1 (virtio 1.1, 4.1.4). */
static int64_t find_status(banos_owner device, struct banos_resource *resource, uint64_t *offset)
{
	int64_t at = pci_find_capability(device, 9, 0);

	while (at > 0) {
		int64_t head = pci_config_read(device, (uint32_t)at, 4);

		if ((head >> 24 & 0xff) == 1) {
			*offset = (uint64_t)pci_config_read(device, (uint32_t)at + 8, 4) + 0x14;
			return banos_resource_get(
				device, (uint32_t)pci_config_read(device, (uint32_t)at + 4, 1),
				resource);
		}
		at = pci_find_capability(device, 9, (uint32_t)at);
	}
	return -ENOENT;
}

static int64_t try_virtio(banos_owner device)
{
	struct banos_resource resource = { .size = sizeof(resource) };
	uint64_t offset;
	banos_mmio mapping;
	void *status;
	int64_t error = find_status(device, &resource, &offset);

	if (!error)
		error = banos_mmio_map(device, resource.start + offset, 1, 0, &mapping, &status);
	if (error)
		return error;
	banos_print(device, "status %u", banos_mmio_read8(status));
	banos_mmio_write8(status, 3);
	banos_print(device, "status set to %u", banos_mmio_read8(status));
	return banos_mmio_unmap(mapping);
}

/* ---- both ---- */

static int64_t messages_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct banos_resource resource = { .size = sizeof(resource) };
	struct pci_identity id = { .size = sizeof(id) };
	banos_mmio mapping;
	int64_t error = pci_identify(device, &id);

	if (!error)
		error = pci_enable(device, PCI_MEMORY | PCI_MASTER);
	if (error || id.device != E1000E) {
		if (error)
			return error;
		return try_virtio(device);
	}
	if (pci_identify(device, NULL) != -EINVAL)
		return -EFAULT;
	id.size = 4;
	if (pci_identify(device, &id) != -EINVAL)
		return -EFAULT;
	/* What is the bus's cannot be written. */
	if (pci_config_write(device, 4, 2, 0) != -EPERM ||
	    pci_config_write(device, 0x11, 2, 0) != -EINVAL ||
	    pci_config_write(device, (uint32_t)pci_find_capability(device, 0x11, 0), 4, 0) !=
		    -EPERM ||
	    pci_config_read(device, 4096, 4) != -EINVAL || pci_enable(device, 8) != -EINVAL)
		return -EPERM;
	error = banos_resource_get(device, 0, &resource);
	if (!error)
		error = banos_mmio_map(device, resource.start, resource.length, 0, &mapping,
				       (void **)&registers);
	if (error)
		return error;
	return try_e1000e(device);
}

static const struct banos_prober_ops prober_ops = { .size = sizeof(prober_ops),
						    .probe = messages_probe };

static int64_t messages_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &prober_ops,
		.bus = "pci",
	};

	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES(PCI_ID(8086, 10D3));
BANOS_SERVES(PCI_ID(1AF4, 1044));
BANOS_DRIVER(messages, "1.0", "MIT", "MSI-X, and reset by function", messages_init, NULL);
