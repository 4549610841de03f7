/* SPDX-License-Identifier: MIT */
/** @file dev_number.h  Device numbers: 12 bits of major and 20 bits of minor number, laid out as in Linux. */
#pragma once
#include <kernel/types.h>

#define MKDEV(major, minor)                                          \
	((dev_t)((((u64)(major)&0xfff) << 8) | ((u64)(minor)&0xff) | \
		 (((u64)(minor)&0xfff00) << 12)))
#define MAJOR(dev) ((u32)(((dev) >> 8) & 0xfff))
#define MINOR(dev) ((u32)(((dev)&0xff) | (((dev) >> 12) & 0xfff00)))
