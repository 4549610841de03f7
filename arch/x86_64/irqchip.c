/* SPDX-License-Identifier: MIT */
/*
 * Which interrupt controllers serve this machine: local and I/O APICs where
 * ACPI reports them, else the PICs (through the local APIC's pin LINT0 if
 * there is one, so that its timer can still be used). "noapic" on the command
 * line leaves the I/O APICs alone, "nolapic" both.
 */
#include <asm/apic.h>
#include <asm/ipi.h>
#include <asm/irq.h>
#include <kernel/cmdline.h>
#include <kernel/printk.h>
#include "irqchip.h"

CMDLINE_OPTION(opt_noapic, "noapic");

#define MESSAGE_BASE 0xfee00000u

static const struct irq_chip *chip_in_use;

const struct irq_chip *arch_irq_init(void)
{
	bool local = apic_init();
	const struct irq_chip *chip = &pic_chip;
	const char *local_text = "";

	pic_init();
	if (local && !option_is_set(&opt_noapic) && ioapic_init())
		chip = &ioapic_chip;
	else if (local)
		apic_connect_pic();
	if (local) {
		if (apic_x2)
			local_text = ", x2APIC";
		else
			local_text = ", local APIC";
	}
	pr_info("irq: %s%s\n", chip->name, local_text);
	chip_in_use = chip;
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

/* ---- interrupts that belong to no device ---- */

const struct irq_source arch_irq_sources[IRQ_SOURCES] = {
	{ "LOC", "Local timer interrupts", VECTOR_TIMER },
	{ "SPU", "Spurious interrupts", VECTOR_SPURIOUS },
	{ "RES", "Rescheduling interrupts", VECTOR_RESCHEDULE },
	{ "CAL", "Function call interrupts", VECTOR_CALL },
};

u32 irq_errors;

static __cold void apic_error(void)
{
	u32 status;

	apic_write(APIC_ESR, 0);
	status = apic_read(APIC_ESR);
	apic_eoi();
	if (!irq_errors++)
		pr_err("apic: the local APIC reports an error, status %x\n", status);
}

/* An unused vector: from a line that was just freed, or spurious. */
static __cold void end_stray(u32 vector)
{
	u32 gsi = vector - VECTOR_IRQ_FIRST;

	if (vector >= VECTOR_DEVICE_FIRST) {
		if (apic_present && apic_in_service(vector))
			apic_eoi();
	} else if (chip_in_use->fixed_vectors &&
		   chip_in_use->begin(gsi)) { /* the PICs, silent or not */
		chip_in_use->end(gsi);
	}
}

bool arch_irq_system(u32 vector)
{
	switch (vector) {
	case VECTOR_RESCHEDULE: /* the way out of the interrupt does it */ apic_eoi(); break;
	case VECTOR_CALL:
		apic_eoi();
		ipi_handle_call();
		break;
	case VECTOR_STOP: ipi_handle_stop();
	case VECTOR_APIC_ERROR: apic_error(); break;
	case VECTOR_SPURIOUS: /* not in service (SDM vol. 3, 10.9), unless software sent it */
		if (apic_present && apic_in_service(vector))
			apic_eoi();
		break;
	default: end_stray(vector); return false;
	}
	return true;
}
