/* SPDX-License-Identifier: MIT */
/** @file internal.h  Between the files of device/. */
#pragma once
#include <kernel/chardev.h>

#define MEM_MAJOR 1 /* of Linux's memory devices: random, urandom, kmsg */

/** Register a device of the kernel itself; a failure is logged. Sleeps. */
void chardev_register_own(const struct chardev *chardev);
void random_init(void);
void kmsg_init(void);
