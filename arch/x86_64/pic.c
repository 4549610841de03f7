/* SPDX-License-Identifier: MIT */
/*
 * The two 8259 interrupt controllers of a PC: 15 lines, the second on line 2 of
 * the first.
 *
 * With an I/O APIC they only have to be silent; but a spurious interrupt can
 * arrive even from a masked line, so their vectors are moved away from those of
 * the exceptions in any case. Without one they serve all devices.
 *
 * pic_lock (spin, interrupts off, innermost): the mask registers and their
 * copy. Intel 8259A data sheet; 82371AB (PIIX4) data sheet, ELCR.
 */
#include <asm/io.h>
#include <asm/vectors.h>
#include <kernel/spinlock.h>
#include "irqchip.h"

#define PIC1	      0x20
#define PIC2	      0xa0
#define DATA	      1
#define ICW1_INIT     0x11 /* edge triggered, cascade, a fourth word follows */
#define ICW4_8086     0x01
#define OCW2_EOI      0x60 /* specific: + line */
#define OCW3_READ_ISR 0x0b
#define ELCR	      0x4d0 /* one bit a line: level-triggered */
#define CASCADE	      2
#define LINES	      16

static DEFINE_SPINLOCK(pic_lock);
static u16 pic_mask = 0xffff;

static void write_mask(void)
{
	outb(PIC1 + DATA, pic_mask);
	outb(PIC2 + DATA, pic_mask >> 8);
}

void pic_init(void)
{
	outb(PIC1, ICW1_INIT);
	outb(PIC2, ICW1_INIT);
	outb(PIC1 + DATA, VECTOR_IRQ_FIRST);
	outb(PIC2 + DATA, VECTOR_IRQ_FIRST + 8);
	outb(PIC1 + DATA, 1 << CASCADE);
	outb(PIC2 + DATA, CASCADE);
	outb(PIC1 + DATA, ICW4_8086);
	outb(PIC2 + DATA, ICW4_8086);
	write_mask();
}

static void set_masked(u32 line, bool masked)
{
	u64 flags = spin_lock_irqsave(&pic_lock);

	if (masked)
		pic_mask |= 1 << line;
	else
		pic_mask &= ~(1 << line);
	/* the second PIC is heard while any of its lines is */
	if (pic_mask >> 8 != 0xff)
		pic_mask &= ~(1 << CASCADE);
	else
		pic_mask |= 1 << CASCADE;
	write_mask();
	spin_unlock_irqrestore(&pic_lock, flags);
}

static bool pic_has(u32 gsi)
{
	return gsi < LINES && gsi != CASCADE;
}

static void pic_route(u32 gsi, u8 vector, u32 apic_id, bool level, bool low)
{
	u16 port = ELCR + gsi / 8;
	u8 trigger = inb(port), bit = 1 << gsi % 8;

	if (level)
		trigger |= bit;
	else
		trigger &= ~bit;
	/* 0, 1, 2, 8 and 13 are always edge-triggered */
	if (gsi > 2 && gsi != 8 && gsi != 13)
		outb(port, trigger);
}

static void pic_mask_line(u32 gsi)
{
	set_masked(gsi, true);
}
static void pic_unmask_line(u32 gsi)
{
	set_masked(gsi, false);
}

/* A line that was withdrawn before it was acknowledged shows as the last of its PIC, not in service. */
static bool pic_begin(u32 gsi)
{
	u16 port = PIC1;

	if (gsi % 8 != 7)
		return true;
	if (gsi > 7)
		port = PIC2;
	outb(port, OCW3_READ_ISR);
	if (inb(port) & 0x80)
		return true;
	if (gsi > 7)
		outb(PIC1, OCW2_EOI + CASCADE); /* the first one doesn't know */
	return false;
}

static void pic_end(u32 gsi)
{
	if (gsi > 7) {
		outb(PIC2, OCW2_EOI + (gsi & 7));
		gsi = CASCADE;
	}
	outb(PIC1, OCW2_EOI + gsi);
}

const struct irq_chip pic_chip = {
	.name = "XT-PIC",
	.fixed_vectors = VECTOR_IRQ_FIRST,
	.has = pic_has,
	.route = pic_route,
	.mask = pic_mask_line,
	.unmask = pic_unmask_line,
	.begin = pic_begin,
	.end = pic_end,
};
