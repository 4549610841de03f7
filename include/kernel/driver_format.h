/* SPDX-License-Identifier: MIT */
/** @file driver_format.h  Formatted text whose arguments are an array (lib/driver_format.c). Pure. */
#pragma once
#include <kernel/future.h>
#include <kernel/types.h>

#define DRIVER_TEXT_MAX \
	(1024 * FUTURE_RAISE - 1) /* bytes of a text that crosses the driver API, without the NUL */
#define DRIVER_ARGS_MAX 12

/** The number of bytes from @p p on that may be read, at most @p max. */
typedef u64 (*format_span_fn)(const void *start, u64 max, bool write);

/**
 * @brief Like snprintf(), with arguments widened to 64 bits.
 * @param span  asked before a text among the arguments is read; NULL: all may be
 * @return length of the whole text without NUL; -EINVAL: a text could not be read to its end (the rest is written)
 */
s64 __must_check format_args(char *buf, u64 size, const char *fmt, const u64 *args, u32 count,
			     format_span_fn span);
/**
 * @brief Call @p found for each argument that format_args() would read as a text.
 * @param max  of @p found: so many bytes of it at most
 */
void format_find_texts(const char *fmt, const u64 *args, u32 count,
		       void (*found)(void *arg, u32 number, u64 max), void *arg);
