/* SPDX-License-Identifier: MIT */
/** @file internal.h  Between the files of device/. */
#pragma once
#define MEM_MAJOR 1 /* of Linux's memory devices: random, urandom, kmsg */

void random_init(void);
void kmsg_init(void);
