/* SPDX-License-Identifier: MIT */
/** @file power.h  Ending: power off, reset, and leaving QEMU with a status. */
#pragma once
#include <kernel/types.h>

/**
 * Leave QEMU through its isa-debug-exit device (port 0xf4): QEMU's status is
 * 2 * @p value + 1. Without the device, or with CONFIG_QEMU_EXIT off, it returns.
 */
void qemu_exit(u8 value);
