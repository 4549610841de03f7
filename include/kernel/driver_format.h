/* SPDX-License-Identifier: MIT */
/** @file driver_format.h  Formatted text whose arguments are an array (banos/api/format.c). Pure. */
#pragma once
#include <kernel/types.h>

#define DRIVER_TEXT_MAX	1023	/* bytes of a text that crosses the driver API, without the NUL */
#define DRIVER_ARGS_MAX	12

/**
 * @brief Like snprintf(), with arguments widened to 64 bits.
 * @return length of the whole text without NUL
 */
s64 format_args(char *buf, u64 size, const char *fmt, const u64 *args, u32 count);
