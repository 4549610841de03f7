/* SPDX-License-Identifier: MIT */
/*
 * I/O APICs: the inputs from devices, each with an entry that contains its
 * vector and the processor that it interrupts.
 *
 * Registers are reached through an index and a window, so each access pair is
 * made under the chip's lock (spin, interrupts off, innermost). A level-triggered
 * entry is released by the end of interrupt at the local APIC.
 *
 * Intel 82093AA data sheet, 3.2.4.
 */
#include <asm/apic.h>
#include <asm/io.h>
#include <kernel/acpi.h>
#include <kernel/heap.h>
#include <kernel/spinlock.h>
#include <kernel/printk.h>
#include "irqchip.h"

#define IOAPIC_INDEX  0x00
#define IOAPIC_WINDOW 0x10
#define REG_VERSION   0x01
#define REG_ENTRY     0x10 /* two a pin: low, high */
#define ENTRY_LOW_POL (1u << 13)
#define ENTRY_LEVEL   (1u << 15)
#define ENTRY_MASKED  (1u << 16)

static struct ioapic {
	spinlock_t lock;
	volatile u8 *regs;
	u32 gsi_base, pins;
} ioapics[ACPI_MAX_IOAPICS];
static u32 nr_ioapics;

static u32 reg_read(struct ioapic *io, u32 reg)
{
	mmio_write32(io->regs + IOAPIC_INDEX, reg);
	return mmio_read32(io->regs + IOAPIC_WINDOW);
}

static void reg_write(struct ioapic *io, u32 reg, u32 value)
{
	mmio_write32(io->regs + IOAPIC_INDEX, reg);
	mmio_write32(io->regs + IOAPIC_WINDOW, value);
}

static struct ioapic *ioapic_of(u32 gsi)
{
	for (u32 i = 0; i < nr_ioapics; i++)
		if (gsi - ioapics[i].gsi_base < ioapics[i].pins)
			return &ioapics[i];
	return NULL;
}

/*
 * Is it an I/O APIC? It stores both halves of a pin's entry; neither memory, which
 * has one word, nor an address without a device does. All pins are masked: firmware has ended.
 */
static bool ioapic_answers(struct ioapic *io)
{
	reg_write(io, REG_ENTRY + 1, 0x5a000000);
	reg_write(io, REG_ENTRY, ENTRY_MASKED);
	return reg_read(io, REG_ENTRY + 1) == 0x5a000000 &&
	       (reg_read(io, REG_ENTRY) & ENTRY_MASKED);
}

static bool ioapic_start(struct ioapic *io, phys_t addr, u32 gsi_base)
{
	io->regs = krange_map_phys(addr, IOAPIC_WINDOW + 4, KCACHE_UC);
	if (!io->regs)
		return false;
	if (!ioapic_answers(io)) {
		krange_unmap_phys((void *)io->regs);
		return false;
	}
	io->gsi_base = gsi_base;
	io->pins = (reg_read(io, REG_VERSION) >> 16 & 0xff) + 1;
	for (u32 i = 0; i < io->pins; i++)
		reg_write(io, REG_ENTRY + 2 * i, ENTRY_MASKED);
	return true;
}

bool ioapic_init(void)
{
	const struct acpi_info *info = &acpi_info;

	for (u32 i = 0; i < info->nr_ioapics; i++)
		if (ioapic_start(&ioapics[nr_ioapics], info->ioapics[i].addr,
				 info->ioapics[i].gsi_base))
			nr_ioapics++;
		else
			pr_warn("ioapic: no I/O APIC found at %lx, where the ACPI tables list one\n",
				info->ioapics[i].addr);
	/* what is on the board is wired to the first inputs: without those the PICs serve it better */
	if (nr_ioapics && !ioapic_of(0)) {
		pr_warn("ioapic: no I/O APIC has interrupt input 0: the legacy PICs are used instead\n");
		nr_ioapics = 0;
	}
	return nr_ioapics != 0;
}

static bool ioapic_has(u32 gsi)
{
	return ioapic_of(gsi) != NULL;
}

static void ioapic_route(u32 gsi, u8 vector, u32 apic_id, bool level, bool low)
{
	struct ioapic *io = ioapic_of(gsi);
	u32 reg = REG_ENTRY + 2 * (gsi - io->gsi_base);
	u32 entry = ENTRY_MASKED | vector;
	u64 flags;

	if (level)
		entry |= ENTRY_LEVEL;
	if (low)
		entry |= ENTRY_LOW_POL;
	flags = spin_lock_irqsave(&io->lock);
	reg_write(io, reg, ENTRY_MASKED);
	reg_write(io, reg + 1, apic_id << 24);
	reg_write(io, reg, entry);
	spin_unlock_irqrestore(&io->lock, flags);
}

static void change_mask(u32 gsi, u32 set, u32 clear)
{
	struct ioapic *io = ioapic_of(gsi);
	u32 reg = REG_ENTRY + 2 * (gsi - io->gsi_base);
	u64 flags = spin_lock_irqsave(&io->lock);

	reg_write(io, reg, (reg_read(io, reg) | set) & ~clear);
	spin_unlock_irqrestore(&io->lock, flags);
}

static void ioapic_mask(u32 gsi)
{
	change_mask(gsi, ENTRY_MASKED, 0);
}
static void ioapic_unmask(u32 gsi)
{
	change_mask(gsi, 0, ENTRY_MASKED);
}
static void ioapic_end(u32 gsi)
{
	apic_eoi();
}

const struct irq_chip ioapic_chip = {
	.name = "IO-APIC",
	.has = ioapic_has,
	.route = ioapic_route,
	.mask = ioapic_mask,
	.unmask = ioapic_unmask,
	.end = ioapic_end,
};
