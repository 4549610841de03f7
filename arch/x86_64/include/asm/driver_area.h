/* SPDX-License-Identifier: MIT */
/** @file driver_area.h  Where driver files lie: code and data in reach of 32-bit displacements. */
#pragma once

#ifdef CONFIG_API_FUTURE
#define DRIVER_BASE 0xffffffffa7654000
#else
#define DRIVER_BASE 0xffffffffa0000000
#endif
#define DRIVER_END 0xffffffffc0000000
