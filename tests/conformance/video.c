/* SPDX-License-Identifier: MIT */
/*
 * <banos/pci.h>, by class: the VGA of QEMU, whose registers say what it is, and whose memory keeps
 * what is written.
 *
 * Registers: QEMU, docs/specs/standard-vga.txt.
 */
#include <banos/bus.h>
#include <banos/io.h>
#include <banos/pci.h>
#include "check.h"

#define BAR_MEMORY    0
#define BAR_REGISTERS 2
#define REG_EXTENSION 0x500 /* the index registers of Bochs's VBE extension, in their order */
#define EXTENSION_IS  0xb0c0u
#define REG_LITTLE    0x604
#define LITTLE	      0x1e1e1e1eu
#define AREA	      65536u
#define FAR	      0x200000u /* no text is there */

static banos_owner driver;
static uint32_t probes;

static void try_space(banos_owner device)
{
	struct pci_identity identity;
	uint32_t offset, wrong = 0;

	identity.size = sizeof(identity);
	CHECK(pci_identify(device, &identity) == 0);
	CHECK(identity.class_code >> 8 == 0x0300);
	CHECK(identity.vendor == 0x1234 && identity.device == 0x1111);
	for (offset = 0; offset < 64; offset++) {
		uint32_t word = (uint32_t)pci_config_read(device, offset & ~3u, 4);

		wrong += pci_config_read(device, offset, 1) != (word >> offset % 4 * 8 & 0xff);
	}
	CHECK(wrong == 0);
	CHECK(pci_config_read(device, 8, 4) >> 8 == (int64_t)identity.class_code);
	CHECK(pci_config_write(device, 0x10, 4, ~0u) == -EPERM);
	CHECK(pci_config_write(device, 0xfc, 1, 0) == 0);
	CHECK(pci_find_capability(device, 0x11, 0) == -ENOENT);
	CHECK(pci_find_capability(device, PCI_EXTENDED + 0x7777, 0) == -ENOENT);
	CHECK(pci_check(device) == 0);
	CHECK(pci_enable(device, 0) == 0 && pci_enable(device, PCI_MEMORY) == 0);
	CHECK(pci_disable(device, PCI_MASTER) == 0);
	CHECK((pci_config_read(device, 4, 2) & 6) == 2);
}

static volatile uint8_t *map_bar(banos_owner device, uint32_t bar, uint64_t offset, uint64_t bytes,
				 banos_mmio *mapping)
{
	struct banos_resource resource;
	void *memory = NULL;

	resource.size = sizeof(resource);
	CHECK(banos_resource_get(device, bar, &resource) == 0);
	CHECK(resource.kind == BANOS_RESOURCE_MEMORY && resource.length >= offset + bytes);
	CHECK(banos_mmio_map(device, resource.start + offset, bytes, 0, mapping, &memory) == 0);
	return (volatile uint8_t *)memory;
}

static void try_memory(banos_owner device)
{
	static uint32_t row[64], back[64];
	banos_mmio mapping = NULL;
	volatile uint8_t *memory = map_bar(device, BAR_MEMORY, FAR, AREA, &mapping);
	uint32_t i, wrong = 0;

	if (!memory)
		return;
	for (i = 0; i < AREA; i += 4)
		banos_mmio_write32(memory + i, i * 2654435761u);
	for (i = 0; i < AREA; i += 4)
		wrong += banos_mmio_read32(memory + i) != i * 2654435761u;
	CHECK(wrong == 0);
	for (i = 0; i < 64; i++)
		row[i] = ~i;
	banos_mmio_copy_to32(memory + 256, row, 64);
	banos_mmio_copy_from32(back, memory + 256, 64);
	for (i = 0; i < 64; i++)
		wrong += back[i] != ~i;
	CHECK(wrong == 0 && banos_mmio_read32(memory + 512) == 512 * 2654435761u);
	CHECK(banos_mmio_unmap(mapping) == 0);
}

static void try_registers(banos_owner device)
{
	banos_mmio mapping = NULL;
	volatile uint8_t *registers = map_bar(device, BAR_REGISTERS, 0, 4096, &mapping);

	if (!registers)
		return;
	CHECK((banos_mmio_read16(registers + REG_EXTENSION) & 0xfff0) == EXTENSION_IS);
	CHECK(banos_mmio_read32(registers + REG_LITTLE) == LITTLE);
	CHECK(banos_mmio_unmap(mapping) == 0);
}

static int64_t video_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	(void)state;
	if (probes++)
		return -ENODEV;
	CHECK(context == (void *)&probes && data == 0);
	try_space(device);
	try_memory(device);
	try_registers(device);
	return check_verdict(driver);
}

static int64_t conformance_video_init(banos_owner self)
{
	static const struct banos_prober_ops ops = { sizeof(struct banos_prober_ops), 0,
						     video_probe, NULL };
	static const struct banos_prober_config config = { sizeof(config), 0, &probes, &ops,
							   "pci" };
	banos_prober prober = NULL;

	driver = self;
	/* What was registered and withdrawn in init() is never offered a device. */
	CHECK(banos_prober_register(self, &config, &prober) == 0);
	CHECK(banos_prober_remove(prober) == 0 && probes == 0);
	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES(PCI_CLASS(03, 00, *));
BANOS_DRIVER(conformance_video, "1.0", "MIT", "Tests PCI, by QEMU's VGA", conformance_video_init,
	     NULL);
