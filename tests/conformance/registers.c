/* SPDX-License-Identifier: MIT */
/*
 * <banos/io.h>, by a driver without a device: ports, device memory, and each accessor.
 *
 * Two things of every PC are used, where they are free: the two ports by which PCI's
 * configuration is read, and the last page of the memory of a VGA text screen, which is
 * not visible. Accessors are tried on the driver's own memory as well: a move is a move.
 */
#include <banos/io.h>
#include "check.h"

#define PCI_PORTS_AT 0xcf8u
#define PCI_ENABLED  0x80000000u
#define CMOS_AT	     0x70u /* the kernel's */
#define TEXT_PAGE    0xbf000u
#define GRAPHICS     0xa0000u /* of the same card; it keeps nothing in this mode */
#define PAGE_BYTES   4096u
#define NO_DEVICE    0xffffffffu

static uint64_t words[8], copies[8];

static void try_pci_ports(banos_ports ports)
{
	uint32_t i, identity, many[3], twice[2] = { PCI_ENABLED, PCI_ENABLED };
	uint8_t first[2];

	CHECK(banos_port_write(ports, 0, 4, PCI_ENABLED | 4) == 0);
	CHECK(banos_port_read(ports, 0, 4) == (int64_t)(PCI_ENABLED | 4));
	CHECK(banos_port_write_many(ports, 0, 4, twice, 2) == 0);
	CHECK(banos_port_read(ports, 0, 4) == (int64_t)PCI_ENABLED);
	identity = (uint32_t)banos_port_read(ports, 4, 4);
	CHECK(identity != 0 && identity != NO_DEVICE);
	CHECK(banos_port_read(ports, 4, 2) == (int64_t)(identity & 0xffff));
	CHECK(banos_port_read(ports, 6, 2) == (int64_t)(identity >> 16));
	CHECK(banos_port_read(ports, 5, 1) == (int64_t)(identity >> 8 & 0xff));
	CHECK(banos_port_read_many(ports, 4, 4, many, 3) == 0);
	for (i = 0; i < 3; i++)
		CHECK(many[i] == identity);
	CHECK(banos_port_read_many(ports, 4, 1, first, 2) == 0);
	CHECK(first[0] == (identity & 0xff) && first[1] == first[0]);
	CHECK(banos_port_read_many(ports, 4, 4, many, 0) == 0);
}

static void try_port_misuse(banos_ports ports)
{
	uint32_t value = 0;

	CHECK(banos_port_read(ports, 8, 1) == -EINVAL);
	CHECK(banos_port_read(ports, 5, 4) == -EINVAL);
	CHECK(banos_port_read(ports, ~0u, 4) == -EINVAL);
	CHECK(banos_port_read(ports, 0, 3) == -EINVAL);
	CHECK(banos_port_read(NULL, 0, 4) == -EINVAL);
	CHECK(banos_port_write(ports, 6, 4, 0) == -EINVAL);
	CHECK(banos_port_write(ports, 0, 8, 0) == -EINVAL);
	CHECK(banos_port_write(NULL, 0, 4, 0) == -EINVAL);
	CHECK(banos_port_read_many(ports, 4, 4, NULL, 1) == -EINVAL);
	CHECK(banos_port_read_many(ports, 8, 4, &value, 1) == -EINVAL);
	CHECK(banos_port_read_many(ports, 4, 4, &value, ~0ul) == -EINVAL);
	CHECK(banos_port_write_many(ports, 0, 4, NULL, 1) == -EINVAL);
	CHECK(banos_port_write_many(ports, 0, 5, &value, 1) == -EINVAL);
	CHECK(banos_port_write_many(NULL, 0, 4, &value, 1) == -EINVAL);
}

static void try_ports(banos_owner self)
{
	banos_ports ports = NULL, other;
	int64_t error = banos_ports_claim(self, PCI_PORTS_AT, 8, &ports);

	CHECK(error == 0 || error == -EBUSY);
	if (!error) {
		CHECK(banos_ports_claim(self, PCI_PORTS_AT + 7, 1, &other) == -EBUSY);
		try_pci_ports(ports);
		try_port_misuse(ports);
		CHECK(banos_ports_release(ports) == 0);
		CHECK(banos_ports_release(ports) == -EINVAL);
		CHECK(banos_port_read(ports, 0, 4) == -EINVAL);
		CHECK(banos_ports_claim(self, PCI_PORTS_AT, 8, &ports) == 0);
		CHECK(banos_ports_release(ports) == 0);
	}
	CHECK(banos_ports_claim(self, CMOS_AT, 2, &other) == -EBUSY);
	CHECK(banos_ports_claim(self, 65535, 2, &other) == -EINVAL);
	CHECK(banos_ports_claim(self, 65536, 1, &other) == -EINVAL);
	CHECK(banos_ports_claim(self, PCI_PORTS_AT, 0, &other) == -EINVAL);
	CHECK(banos_ports_claim(self, 1, ~0u, &other) == -EINVAL);
	CHECK(banos_ports_claim(NULL, PCI_PORTS_AT, 8, &other) == -EINVAL);
	CHECK(banos_ports_claim(self, PCI_PORTS_AT, 8, NULL) == -EINVAL);
	CHECK(banos_ports_release(NULL) == -EINVAL);
}

/* At @p memory, which keeps what is written: each width is as long as its name says. */
static void try_single(volatile uint8_t *memory)
{
	banos_mmio_write64(memory, 0x1122334455667788ul);
	CHECK(banos_mmio_read64(memory) == 0x1122334455667788ul);
	CHECK(banos_mmio_read32(memory + 4) == 0x11223344u);
	CHECK(banos_mmio_read16(memory + 2) == 0x5566u);
	CHECK(banos_mmio_read8(memory + 7) == 0x11u);
	banos_mmio_write8(memory + 1, 0xaa);
	banos_mmio_write16(memory + 2, 0xbbcc);
	banos_mmio_write32(memory + 4, 0xddeeff00u);
	banos_mmio_barrier();
	CHECK(banos_mmio_read64(memory) == 0xddeeff00bbccaa88ul);
}

static void fill_words(void)
{
	uint32_t i;

	for (i = 0; i < 8; i++) {
		words[i] = 0x0123456789abcdeful * (i + 1);
		copies[i] = 0;
	}
}

static uint32_t same_bytes(const void *one, const void *other, uint32_t count)
{
	uint32_t i;

	for (i = 0; i < count; i++)
		if (((const uint8_t *)one)[i] != ((const uint8_t *)other)[i])
			return 0;
	return 1;
}

/* To the device and back, one byte off in the driver's memory; the byte behind stays. */
#define TRY_COPY(bits)                                                                      \
	do {                                                                                \
		fill_words();                                                               \
		banos_mmio_copy_to##bits(memory, (uint8_t *)words + 1, 24 / (bits / 8));    \
		banos_mmio_copy_from##bits((uint8_t *)copies + 3, memory, 24 / (bits / 8)); \
		CHECK(same_bytes((uint8_t *)words + 1, (uint8_t *)copies + 3, 24));         \
		CHECK(((uint8_t *)copies)[2] == 0 && ((uint8_t *)copies)[27] == 0);         \
	} while (0)

/* One register again and again: the last value stays. */
#define TRY_MANY(bits)                                                                         \
	do {                                                                                   \
		fill_words();                                                                  \
		banos_mmio_write64(memory + 8, 0);                                             \
		banos_mmio_write##bits##_many(memory, (uint8_t *)words + 1, 3);                \
		CHECK(banos_mmio_read64(memory + 8) == 0);                                     \
		banos_mmio_read##bits##_many(memory, (uint8_t *)copies + 1, 2);                \
		CHECK(same_bytes((uint8_t *)words + 1 + 2 * (bits / 8), (uint8_t *)copies + 1, \
				 bits / 8));                                                   \
		CHECK(same_bytes((uint8_t *)copies + 1, (uint8_t *)copies + 1 + bits / 8,      \
				 bits / 8));                                                   \
	} while (0)

static void try_accessors(volatile uint8_t *memory)
{
	try_single(memory);
	TRY_COPY(8);
	TRY_COPY(16);
	TRY_COPY(32);
	TRY_COPY(64);
	TRY_MANY(8);
	TRY_MANY(16);
	TRY_MANY(32);
	TRY_MANY(64);
}

static void try_page(banos_owner self)
{
	banos_mmio mapping = NULL, other;
	void *memory = NULL, *again;

	CHECK(banos_mmio_map(self, TEXT_PAGE + 8, PAGE_BYTES - 8, 0, &mapping, &memory) == 0);
	if (!memory)
		return;
	CHECK((uint64_t)memory % PAGE_BYTES == 8);
	banos_mmio_write32(memory, 0x12345678u);
	banos_mmio_barrier();
	if (banos_mmio_read32(memory) == 0x12345678u)
		try_accessors((volatile uint8_t *)memory);
	else
		CHECK(banos_mmio_read32(memory) == NO_DEVICE);
	CHECK(banos_mmio_map(self, TEXT_PAGE, 8, BANOS_MMIO_COMBINE, &other, &again) == -EBUSY);
	CHECK(banos_mmio_unmap(mapping) == 0);
	CHECK(banos_mmio_unmap(mapping) == -EINVAL);
}

static void try_combining(banos_owner self)
{
	banos_mmio mapping = NULL, second = NULL, refused;
	void *memory = NULL, *again = NULL;

	CHECK(banos_mmio_map(self, GRAPHICS, PAGE_BYTES, BANOS_MMIO_COMBINE, &mapping, &memory) ==
	      0);
	CHECK(banos_mmio_map(self, GRAPHICS + 16, 16, BANOS_MMIO_COMBINE, &second, &again) == 0);
	CHECK(mapping != second && memory != again);
	CHECK(banos_mmio_map(self, GRAPHICS, 8, 0, &refused, &memory) == -EBUSY);
	CHECK(banos_mmio_unmap(second) == 0);
	CHECK(banos_mmio_unmap(mapping) == 0);
}

static void try_map_misuse(banos_owner self)
{
	banos_mmio mapping;
	void *memory;

	CHECK(banos_mmio_map(self, TEXT_PAGE, 0, 0, &mapping, &memory) == -EINVAL);
	CHECK(banos_mmio_map(self, ~0ul, 2, 0, &mapping, &memory) == -EINVAL);
	CHECK(banos_mmio_map(self, TEXT_PAGE, 8, 0x80000000u, &mapping, &memory) == -EINVAL);
	CHECK(banos_mmio_map(NULL, TEXT_PAGE, 8, 0, &mapping, &memory) == -EINVAL);
	CHECK(banos_mmio_map(self, TEXT_PAGE, 8, 0, NULL, &memory) == -EINVAL);
	CHECK(banos_mmio_map(self, TEXT_PAGE, 8, 0, &mapping, NULL) == -EINVAL);
	/* Memory is nobody's device. */
	CHECK(banos_mmio_map(self, 1ul << 20, PAGE_BYTES, 0, &mapping, &memory) == -EPERM);
	CHECK(banos_mmio_unmap(NULL) == -EINVAL);
}

static int64_t conformance_registers_init(banos_owner self)
{
	static uint64_t own[4];

	try_accessors((volatile uint8_t *)own);
	try_ports(self);
	try_page(self);
	try_combining(self);
	try_map_misuse(self);
	return check_verdict(self);
}

BANOS_DRIVER(conformance_registers, "1.0", "MIT", "Tests registers and ports",
	     conformance_registers_init, NULL);
