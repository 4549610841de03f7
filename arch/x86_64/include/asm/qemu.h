/* SPDX-License-Identifier: MIT */
/** @file qemu.h  What only exists under the emulator QEMU. */
#pragma once
#include <kernel/types.h>

/**
 * @brief Leave QEMU through its isa-debug-exit device: QEMU's exit status is 2 * @p value + 1.
 *
 * Returns where there is no such device, or with CONFIG_QEMU_EXIT off. Any context.
 */
void qemu_exit(u8 value);
