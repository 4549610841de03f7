/* SPDX-License-Identifier: MIT */
/** @file device.h  The devices that are the kernel's own. */
#pragma once
/** Register /dev/random, /dev/urandom, /dev/kmsg and all terminals. After fs_init(). Thread context. */
void device_init(void);
