/* SPDX-License-Identifier: MIT */
/** @file device.h  The devices that are the kernel's own. */
#pragma once
/** Register /dev/random, /dev/urandom and /dev/kmsg. After fs_init(); terminals: tty_init(). */
void device_init(void);
