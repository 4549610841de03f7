/* SPDX-License-Identifier: MIT */
/** @file device.h  The devices of the kernel itself. */
#pragma once
/** Register /dev/random, /dev/urandom, /dev/kmsg, all terminals and the buses' own. After fs_init(). Thread context. */
void device_init(void);
