/* SPDX-License-Identifier: MIT */
/** @file irq.h  What kernel/irq.c asks of this machine's interrupt controllers; irq_chip.h has the rest. */
#pragma once
#include <asm/apic.h>
#include <asm/vectors.h>

/** Is this the interrupt of this CPU's timer? */
static inline bool irq_is_timer(u32 vector)
{
	return vector == VECTOR_TIMER;
}
/** End the timer's interrupt, or a message's: the next one may arrive. */
static inline void irq_end(void)
{
	apic_eoi();
}

/**
 * @brief Handle and end an interrupt that no device owns: of another CPU, of the controllers themselves.
 * @return false: a stray one, ended where it was in service
 */
bool arch_irq_system(u32 vector);
/** Errors that the local APICs have reported. */
extern u32 irq_errors;

/** Interrupts that belong to no device, for /proc/interrupts. */
struct irq_source {
	const char *id, *text;
	u8 vector;
};
#define IRQ_SOURCES 4
extern const struct irq_source arch_irq_sources[IRQ_SOURCES];
