/* SPDX-License-Identifier: MIT */
/** @file power.h  Ending: power off, reset, halt, and leaving QEMU with a status. Any context. */
#pragma once
#include <kernel/types.h>

/** Stop the other CPUs and switch the machine off; halts where it can't be. */
void machine_power_off(void) __noreturn;
/** Stop the other CPUs and start the machine anew. */
void machine_restart(void) __noreturn;
/** Stop all CPUs. */
void machine_halt(void) __noreturn;
/**
 * Leave QEMU through its isa-debug-exit device (port 0xf4): QEMU's status is
 * 2 * @p value + 1. Without the device, or with CONFIG_QEMU_EXIT off, it returns.
 */
void qemu_exit(u8 value);
