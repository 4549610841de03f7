/* SPDX-License-Identifier: MIT */
/** @file irq.h  Hardware interrupts by GSI (ISA lines are GSIs after the ACPI overrides). */
#pragma once
#include <kernel/types.h>

/** @return true when the device had something. Hard interrupt context. */
typedef bool (*irq_handler)(void *arg);
#define IRQ_SHARED 1
/** Route an ISA interrupt line (0..15), through the ACPI overrides, and unmask it. Sleeps. @return 0, -EBUSY, -ENOMEM, -EINVAL */
int irq_request_isa(u32 line, irq_handler fn, void *arg, const char *name, u32 flags);
int irq_request_gsi(u32 gsi, irq_handler fn, void *arg, const char *name, u32 flags);
/** Mask, remove, and wait until the handler runs nowhere. */
void irq_free(u32 gsi_or_line, void *arg);
/** Text of /proc/interrupts. */
struct seq_file;
void irq_show(struct seq_file *m);
