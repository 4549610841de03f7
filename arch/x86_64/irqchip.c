/* SPDX-License-Identifier: MIT */
/*
 * Which interrupt controllers serve this machine: local and I/O APICs where
 * ACPI tells of them, else the PICs (through the local APIC's pin LINT0 if
 * there is one, so that its timer can still be used). "noapic" on the command
 * line leaves the I/O APICs alone, "nolapic" both.
 */
#include <asm/apic.h>
#include <kernel/cmdline.h>
#include <kernel/printk.h>
#include "irqchip.h"

CMDLINE_OPTION(opt_noapic, "noapic");

#define MESSAGE_BASE 0xfee00000u

const struct irq_chip *arch_irq_init(void)
{
	bool local = apic_init();
	const struct irq_chip *chip = &pic_chip;

	pic_init();
	if (local && !option_is_set(&opt_noapic) && ioapic_init())
		chip = &ioapic_chip;
	else if (local)
		apic_connect_pic();
	pr_info("irq: %s%s\n", chip->name, !local ? "" : apic_x2 ? ", x2APIC" : ", local APIC");
	return chip;
}

bool arch_irq_message(u32 apic_id, u8 vector, u64 *address, u32 *data)
{
	if (!apic_present || apic_id > 0xff)
		return false;
	*address = MESSAGE_BASE | apic_id << 12; /* physical destination; SDM vol. 3, 10.11 */
	*data = vector;				 /* fixed delivery, edge */
	return true;
}
