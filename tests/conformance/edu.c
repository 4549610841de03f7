/* SPDX-License-Identifier: MIT */
/*
 * <banos/pci.h>, by the driver of a real device: QEMU's device for education (-device edu). It computes
 * factorials, interrupts by message and by line, and reaches memory by itself.
 *
 * Registers: QEMU, docs/specs/edu.txt.
 */
#include <banos/bus.h>
#include <banos/dma.h>
#include <banos/io.h>
#include <banos/irq.h>
#include <banos/pci.h>
#include <banos/time.h>
#include <banos/wait.h>
#include "check.h"

#define REG_IDENTITY	 0x00
#define REG_INVERT	 0x04
#define REG_FACTORIAL	 0x08
#define REG_STATUS	 0x20
#define STATUS_INTERRUPT 0x80u
#define REG_IRQ_STATUS	 0x24
#define REG_IRQ_RAISE	 0x60
#define REG_IRQ_ACK	 0x64
#define REG_DMA_FROM	 0x80
#define REG_DMA_TO	 0x88
#define REG_DMA_COUNT	 0x90
#define REG_DMA_COMMAND	 0x98
#define DMA_START	 1u
#define DMA_FROM_DEVICE	 2u
#define REGISTERS	 4096u
#define DMA_BITS	 28u
#define MEMORY_AT	 0x40000u
#define TRANSFER	 512u
#define CAPABILITY_MSI	 5u

static banos_owner driver;
static volatile uint8_t *registers;
static struct banos_wait arrival;
static volatile uint32_t raised, interrupts, strangers, called_again;
static uint32_t probes, state_mark;

static uint32_t read_register(uint32_t offset)
{
	return banos_mmio_read32(registers + offset);
}

static void write_register(uint32_t offset, uint32_t value)
{
	banos_mmio_write32(registers + offset, value);
}

static int64_t edu_interrupt(void *context)
{
	uint32_t status = read_register(REG_IRQ_STATUS);

	strangers += context != (void *)&arrival;
	strangers += banos_sleep_until(0, 0) != 0; /* it may sleep */
	if (!status && called_again != 1)
		return BANOS_IRQ_NONE;
	write_register(REG_IRQ_ACK, status);
	raised = raised | status;
	interrupts = interrupts + 1;
	if (called_again++ == 0) /* it is called at once, without another interrupt */
		return BANOS_IRQ_AGAIN;
	(void)banos_wait_wake(&arrival);
	return BANOS_IRQ_HANDLED;
}

/* @return 1: the interrupt for @what has arrived */
static uint32_t await(uint32_t what)
{
	uint64_t end = banos_time_ns() + 25 * BANOS_S, ticket;

	for (;;) {
		ticket = banos_wait_ticket(&arrival);
		if (raised & what)
			break;
		if (banos_wait_sleep(&arrival, ticket, end, BANOS_UNINTERRUPTIBLE))
			return 0;
	}
	raised = 0;
	return 1;
}

/* ---- configuration space ---- */

static void try_identity(banos_owner device)
{
	struct pci_identity identity;
	struct banos_device_info info = { sizeof(info), 0, 0, 0, 0 };
	char name[32];

	identity.size = sizeof(identity);
	CHECK(pci_identify(device, &identity) == 0);
	CHECK(identity.vendor == 0x1234 && identity.device == 0x11e8);
	CHECK(identity.class_code == 0x00ff00 && identity.size >= PCI_IDENTITY_SIZE_1);
	identity.size = PCI_IDENTITY_SIZE_1 - 1;
	CHECK(pci_identify(device, &identity) == -EINVAL);
	CHECK(pci_config_read(device, 0, 4) == 0x11e81234l);
	CHECK(pci_config_read(device, 2, 2) == 0x11e8l && pci_config_read(device, 1, 1) == 0x12l);
	CHECK(pci_config_read(device, 1, 2) == -EINVAL && pci_config_read(device, 0, 3) == -EINVAL);
	CHECK(pci_config_read(device, 65536, 4) == -EINVAL);
	CHECK(pci_config_read(driver, 0, 4) == -ENODEV);
	CHECK(banos_device_info(device, &info) == 0 && info.bus_id != 0);
	CHECK(banos_device_name(device, name, sizeof(name)) > 0 && name[0] == '0');
	CHECK(pci_check(device) == 0 && pci_check(driver) == -ENODEV);
}

static void try_configuration(banos_owner device)
{
	int64_t message = pci_find_capability(device, CAPABILITY_MSI, 0);

	CHECK(message >= 64 && message < 256);
	CHECK(pci_config_read(device, (uint32_t)message, 1) == CAPABILITY_MSI);
	CHECK(pci_find_capability(device, CAPABILITY_MSI, (uint32_t)message) == -ENOENT);
	CHECK(pci_find_capability(device, 0xee, 0) == -ENOENT);
	CHECK(pci_find_capability(driver, CAPABILITY_MSI, 0) == -ENODEV);
	/* What the bus controls: the command register, and the interrupts' capability. */
	CHECK(pci_config_write(device, 4, 2, 0) == -EPERM);
	CHECK(pci_config_write(device, (uint32_t)message, 4, 0) == -EPERM);
	CHECK(pci_config_write(device, 253, 2, 0) == -EINVAL);
	CHECK(pci_config_write(device, 0xf8, 4, 0) == 0);
	CHECK(pci_enable(device, PCI_MEMORY | PCI_MASTER) == 0);
	CHECK((pci_config_read(device, 4, 2) & 6) == 6);
	CHECK(pci_disable(device, PCI_MASTER) == 0);
	CHECK((pci_config_read(device, 4, 2) & 6) == 2);
	CHECK(pci_enable(device, PCI_MASTER) == 0);
	CHECK(pci_enable(device, 0x80000000u) == -EINVAL);
	CHECK(pci_disable(device, 0x80000000u) == -EINVAL);
	CHECK(pci_enable(driver, PCI_MEMORY) == -ENODEV && pci_disable(driver, 0) == -ENODEV);
}

/* ---- what it computes ---- */

static void try_interrupt(banos_owner device, uint32_t flags)
{
	static struct banos_irq_config config;
	banos_irq irq = NULL;
	int64_t before;

	config.size = sizeof(config);
	config.flags = flags;
	config.function = edu_interrupt;
	config.context = &arrival;
	CHECK(banos_irq_create(device, &config, &irq) == 0);
	before = interrupts;
	write_register(REG_STATUS, STATUS_INTERRUPT);
	write_register(REG_FACTORIAL, 12);
	CHECK(await(1));
	CHECK(read_register(REG_FACTORIAL) == 479001600u);
	write_register(REG_IRQ_RAISE, 0x8000);
	CHECK(await(0x8000));
	CHECK(interrupts >= before + 2 && strangers == 0);
	CHECK(banos_irq_count(irq) >= 2);
	CHECK(banos_irq_destroy(irq) == 0);
	write_register(REG_STATUS, 0);
}

/* ---- what it reaches ---- */

static uint32_t transfer_ends(uint64_t deadline_ns)
{
	while (banos_mmio_read64(registers + REG_DMA_COMMAND) & DMA_START) {
		if (banos_time_ns() > deadline_ns)
			return 0;
		(void)banos_sleep_until(banos_time_ns() + BANOS_MS, BANOS_UNINTERRUPTIBLE);
	}
	return 1;
}

static uint32_t transfer(uint64_t from, uint64_t to, uint64_t count, uint32_t how)
{
	uint64_t end = banos_time_ns() + 25 * BANOS_S;

	/* One of a driver that was removed meanwhile: the device ignores what is written then. */
	if (!transfer_ends(end))
		return 0;
	banos_mmio_write64(registers + REG_DMA_FROM, from);
	banos_mmio_write64(registers + REG_DMA_TO, to);
	banos_mmio_write64(registers + REG_DMA_COUNT, count);
	banos_mmio_write64(registers + REG_DMA_COMMAND, DMA_START | how);
	return transfer_ends(end);
}

static void try_memory(banos_owner device)
{
	struct banos_dma_config config;
	volatile uint8_t *bytes = NULL;
	uint64_t address = 0;
	uint32_t i, wrong = 0;
	banos_dma dma = NULL;

	for (i = 0; i < sizeof(config); i++)
		((volatile char *)&config)[i] = 0;
	config.size = sizeof(config);
	config.bytes = 2 * TRANSFER;
	config.address_bits = DMA_BITS;
	CHECK(banos_dma_alloc(device, &config, &dma, (void **)&bytes, &address) == 0);
	if (!dma)
		return;
	CHECK(address != 0 && address + 2 * TRANSFER <= 1ul << DMA_BITS);
	for (i = 0; i < TRANSFER; i++)
		bytes[i] = (uint8_t)(i * 13 + 5);
	banos_mmio_barrier();
	CHECK(transfer(address, MEMORY_AT, TRANSFER, 0));
	CHECK(transfer(MEMORY_AT, address + TRANSFER, TRANSFER, DMA_FROM_DEVICE));
	for (i = 0; i < TRANSFER; i++)
		wrong += bytes[TRANSFER + i] != (uint8_t)(i * 13 + 5);
	CHECK(wrong == 0);
	CHECK(banos_dma_free(dma) == 0);
}

/* ---- the device ---- */

static int64_t try_device(banos_owner device)
{
	struct banos_resource resource;
	banos_mmio mapping = NULL;
	void *memory = NULL;

	resource.size = sizeof(resource);
	CHECK(banos_resource_get(device, 0, &resource) == 0);
	CHECK(resource.kind == BANOS_RESOURCE_MEMORY && resource.length >= REGISTERS);
	CHECK(banos_device_interrupts(device) >= 1);
	CHECK(banos_mmio_map(device, resource.start, REGISTERS, 0, &mapping, &memory) == 0);
	if (!memory)
		return -EIO;
	registers = (volatile uint8_t *)memory;
	CHECK((read_register(REG_IDENTITY) & 0xff) == 0xed);
	write_register(REG_INVERT, 0x12345678);
	CHECK(read_register(REG_INVERT) == ~0x12345678u);
	try_interrupt(device, 0);
	try_interrupt(device, BANOS_IRQ_LINE);
	try_memory(device);
	CHECK(banos_mmio_unmap(mapping) == 0);
	return 0;
}

static int64_t edu_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	/* One is enough, and there may be several. */
	if (probes++)
		return -ENODEV;
	*state = &state_mark;
	CHECK(context == NULL && data == 17);
	CHECK(banos_wait_init(device, &arrival) == 0);
	try_identity(device);
	try_configuration(device);
	(void)try_device(device);
	CHECK(banos_wait_destroy(&arrival) == 0);
	return check_verdict(driver);
}

static int64_t edu_remove(void *context, banos_owner device, void *state)
{
	if (context || !device || state != (void *)&state_mark)
		banos_error(driver, "FAIL: remove() received something else than probe()");
	return pci_disable(device, PCI_MASTER);
}

static int64_t conformance_edu_init(banos_owner self)
{
	static const struct banos_prober_ops ops = { sizeof(struct banos_prober_ops), 0, edu_probe,
						     edu_remove };
	static const struct banos_prober_config config = { sizeof(config), 0, NULL, &ops, "pci" };

	driver = self;
	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES_DATA(PCI_ID(1234, 11E8), 17);
BANOS_DRIVER(conformance_edu, "1.0", "MIT", "Tests PCI, by QEMU's device for education",
	     conformance_edu_init, NULL);
