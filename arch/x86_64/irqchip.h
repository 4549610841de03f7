/* SPDX-License-Identifier: MIT */
/** @file irqchip.h  The interrupt controllers, between the files of this folder. */
#pragma once
#include <kernel/irq_chip.h>

/** Move the PICs' vectors out of the way of the exceptions' and mask all their lines. */
void pic_init(void);
extern const struct irq_chip pic_chip;

/** Find and map the I/O APICs of the ACPI tables, mask all. @return false: there is none */
bool ioapic_init(void);
extern const struct irq_chip ioapic_chip;
