/* SPDX-License-Identifier: MIT */
/**
 * @file irq.h  Hardware interrupts: by GSI (ISA lines are GSIs after the ACPI overrides) and by message (MSI).
 *
 * Handlers run in hard interrupt context on the boot CPU, interrupts off.
 */
#pragma once
#include <kernel/types.h>

/** @return true when the device had raised the interrupt. Hard interrupt context. */
typedef bool (*irq_handler)(void *arg);
#define IRQ_SHARED 1
/** Numbers of message-signalled interrupts begin here; below are GSIs. */
#define IRQ_MSI_FIRST 1024u

/**
 * @brief Route an ISA interrupt line, through the ACPI overrides, and unmask it. Sleeps.
 * @param line   0..15
 * @param arg    distinguishes the handlers of a shared line
 * @param name   for /proc/interrupts; stays
 * @param flags  IRQ_SHARED: others may use the line, too, if all of them set it
 * @return 0, -EBUSY (taken, or no vector left), -ENOMEM, -EINVAL (no such line)
 */
int __must_check irq_request_isa(u32 line, irq_handler handler, void *arg, const char *name,
				 u32 flags);
/** How an input is triggered. */
struct irq_trigger {
	enum { IRQ_TRIGGER_TABLES, IRQ_TRIGGER_EDGE, IRQ_TRIGGER_LEVEL } trigger;
	enum { IRQ_POLARITY_TABLES, IRQ_POLARITY_HIGH, IRQ_POLARITY_LOW } polarity;
};
/**
 * @brief The same by number of global system interrupt, or with words on how it is triggered.
 * @param number  an ISA line where @p isa, else a global system interrupt
 * @param how     ..._TABLES: as ACPI's overrides say, else edge and high for ISA's lines, level and low for others
 * @return as irq_request_isa(); -EINVAL: the interrupt controllers in use have no such input
 */
int __must_check irq_request_input(u32 number, bool isa, struct irq_trigger how,
				   irq_handler handler, void *arg, const char *name, u32 flags);
/**
 * @brief A vector for a device that sends its interrupts as memory writes (MSI, MSI-X). Sleeps.
 * @param address,data  the data that the device must write, and the address
 * @return its number (IRQ_MSI_FIRST or above), or -EBUSY, -ENOMEM, -ENODEV (the machine has none)
 */
int __must_check irq_request_msi(irq_handler handler, void *arg, const char *name, u64 *address,
				 u32 *data);
/**
 * Remove a handler; mask the line after the last. When this returns, it runs nowhere. Sleeps.
 * @param irq  what was given to irq_request_...(), or what irq_request_msi() returned
 */
void irq_free(u32 irq, void *arg);
struct irq_line;
/**
 * @brief For a handler that leaves the work to a thread: mask the line until irq_unmask().
 * Only from a handler.
 * @return the argument for irq_unmask(), before irq_free(); NULL: nothing was masked
 */
struct irq_line *irq_mask_current(void);
/**
 * @brief The thread is done with the device. Any context. A line that no handler
 * serves any more stays masked.
 * @param handled  the device had raised the interrupt
 */
void irq_unmask(struct irq_line *line, bool handled);
/** Text of /proc/interrupts. Sleeps. */
struct seq_file;
void irq_show(struct seq_file *seq);
/** Interrupts that @p c has taken since boot. */
struct cpu;

/** Start the interrupt controllers. Boot, interrupts off, after acpi_init(). */
void irq_init(void);
/** Counters of a CPU that is being created. @return false: no memory */
bool irq_cpu_create(struct cpu *cpu);
