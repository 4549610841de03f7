/* SPDX-License-Identifier: MIT */
/** @file ipi.h  Interrupts between processors. */
#pragma once
#include <kernel/cpu.h>

/** Make @p cpu look at need_resched and thread work. Any context. */
void ipi_reschedule(struct cpu *cpu);
/** Stop all other CPUs for good (panic, power off). Any context. */
void ipi_stop_others(void);
/** Set by ipi_stop_others(): a non-maskable interrupt means stop. */
extern bool ipi_stopping;
/** Handlers of the vectors, called by irq_dispatch. */
void ipi_handle_call(void);
void ipi_handle_stop(void) __noreturn;
/**
 * @brief Was this NMI sent by a CPU that waits in vain for this one to accept an interrupt?
 * @param handles_none  what the NMI interrupted handles none itself: what is in service is so by mistake, and is ended
 */
bool ipi_handle_end(bool handles_none);
