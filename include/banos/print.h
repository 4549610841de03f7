/* SPDX-License-Identifier: MIT */
/**
 * @file print.h  The kernel log, and formatted text.
 *
 *	banos_print(self, "found %u devices at %s", n, where);
 *
 * Each call is one line; the driver's name and the line end are added. What exceeds 399 bytes may be
 * cut off. Formats are C's: %d %i %u %x %X %o %c %s %p %%, with h, hh, l, ll, j, z, t, flags, width and
 * precision, * too; no floating point, no %n. Another conversion is copied as it stands; an argument
 * that is missing counts as 0; NULL for %s is "(null)". At most 12 arguments. The number of lines is not limited.
 * In the log a line end behind the text is dropped, and every other control character is a blank.
 */
#ifndef BANOS_PRINT_H
#define BANOS_PRINT_H

#include <banos/base.h>

/* Variadic macros are an extension to C89 and C++98, which -pedantic reports unless they are the system's. */
#if defined(__GNUC__) &&                                    \
	((defined(__cplusplus) && __cplusplus < 201103L) || \
	 (!defined(__cplusplus) && (!defined(__STDC_VERSION__) || __STDC_VERSION__ < 199901L)))
#pragma GCC system_header
#endif

#define BANOS_ERROR   3u /**< a function failed */
#define BANOS_WARNING 4u /**< a function may not work as expected */
#define BANOS_NOTICE  5u
#define BANOS_INFO    6u
#define BANOS_DEBUG   7u

/**
 * Log one line, at level BANOS_INFO and others: (owner, format, ...).
 * Since 1, in this header.
 * Context: any.
 * The result is that of banos_print_args().
 */
#define banos_print(owner, ...)	  BANOS_PRINT_(owner, BANOS_INFO, __VA_ARGS__)
#define banos_error(owner, ...)	  BANOS_PRINT_(owner, BANOS_ERROR, __VA_ARGS__)
#define banos_warning(owner, ...) BANOS_PRINT_(owner, BANOS_WARNING, __VA_ARGS__)
#define banos_debug(owner, ...)	  BANOS_PRINT_(owner, BANOS_DEBUG, __VA_ARGS__)

/**
 * Format text into a buffer: at most @p size bytes with the NUL, written.
 * Since 1, in this header.
 * Context: any.
 * The result is the length of the whole text, without the NUL.
 */
#define banos_format(buffer, size, ...) \
	BANOS_WITH_ARGS_(banos_format_args, (buffer, size), __VA_ARGS__)

BANOS_BEGIN

/**
 * @brief Log one line; called by banos_print().
 * Since 1, provided by the kernel.
 * Context: any.
 * @param owner   its name precedes the line: the driver's, and the device's
 * @param level   BANOS_ERROR to BANOS_DEBUG
 * @param format  text, read
 * @param args    @p count values, read; each integer or pointer widened to 64 bits.
 *		  An argument for %s is a text, or of the length that the precision states; read.
 * @param count   at most 12
 * @return 0, -EINVAL: owner, level, count or a pointer is wrong (a line with a bad argument for %s is logged
 *	   with "(bad text)" in its place)
 */
BANOS_SINCE(1)
int64_t banos_print_args(banos_owner owner, uint32_t level, const char *format,
			 const uint64_t *args, uint32_t count);

/**
 * @brief What banos_format() calls.
 * Since 1, provided by the kernel.
 * Context: any.
 * @param buffer  @p size bytes, written
 * @param size    0: only count
 * @param format  text, read
 * @param args    @p count values, read, as for banos_print_args()
 * @param count   at most 12
 * @return length of the whole text without NUL, -EINVAL: count or a pointer is wrong
 */
BANOS_SINCE(1)
int64_t banos_format_args(char *buffer, uint64_t size, const char *format, const uint64_t *args,
			  uint32_t count);

BANOS_END

/* The arguments become an array: no function of the API is variadic. */
#define BANOS_PRINT_(owner, level, ...) \
	BANOS_WITH_ARGS_(banos_print_args, (owner, level), __VA_ARGS__)
#define BANOS_WITH_ARGS_(function, front, ...)                                             \
	__extension__({                                                                    \
		const uint64_t banos_args_[] = { BANOS_JOIN(                               \
			BANOS_ARGS_, BANOS_COUNT_(__VA_ARGS__))(__VA_ARGS__) 0 };          \
		if (0)                                                                     \
			banos_format_check_(__VA_ARGS__);                                  \
		BANOS_CALL_(function, BANOS_UNPACK_ front, BANOS_FIRST_(__VA_ARGS__, 0),   \
			    banos_args_,                                                   \
			    (uint32_t)(sizeof(banos_args_) / sizeof(banos_args_[0]) - 1)); \
	})
#define BANOS_CALL_(function, ...) function(__VA_ARGS__)
#define BANOS_UNPACK_(...)	   __VA_ARGS__
#define BANOS_FIRST_(first, ...)   first
/* How many arguments follow the format. */
#define BANOS_COUNT_(...)					     BANOS_COUNT__(__VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0)
#define BANOS_COUNT__(f, a, b, c, d, e, g, h, i, j, k, l, m, n, ...) n
#define BANOS_ARG_(x)						     (uint64_t)(uintptr_t)(x),
#define BANOS_ARGS_0(f)
#define BANOS_ARGS_1(f, a)			BANOS_ARG_(a)
#define BANOS_ARGS_2(f, a, b)			BANOS_ARGS_1(f, a) BANOS_ARG_(b)
#define BANOS_ARGS_3(f, a, b, c)		BANOS_ARGS_2(f, a, b) BANOS_ARG_(c)
#define BANOS_ARGS_4(f, a, b, c, d)		BANOS_ARGS_3(f, a, b, c) BANOS_ARG_(d)
#define BANOS_ARGS_5(f, a, b, c, d, e)		BANOS_ARGS_4(f, a, b, c, d) BANOS_ARG_(e)
#define BANOS_ARGS_6(f, a, b, c, d, e, g)	BANOS_ARGS_5(f, a, b, c, d, e) BANOS_ARG_(g)
#define BANOS_ARGS_7(f, a, b, c, d, e, g, h)	BANOS_ARGS_6(f, a, b, c, d, e, g) BANOS_ARG_(h)
#define BANOS_ARGS_8(f, a, b, c, d, e, g, h, i) BANOS_ARGS_7(f, a, b, c, d, e, g, h) BANOS_ARG_(i)
#define BANOS_ARGS_9(f, a, b, c, d, e, g, h, i, j) \
	BANOS_ARGS_8(f, a, b, c, d, e, g, h, i) BANOS_ARG_(j)
#define BANOS_ARGS_10(f, a, b, c, d, e, g, h, i, j, k) \
	BANOS_ARGS_9(f, a, b, c, d, e, g, h, i, j) BANOS_ARG_(k)
#define BANOS_ARGS_11(f, a, b, c, d, e, g, h, i, j, k, l) \
	BANOS_ARGS_10(f, a, b, c, d, e, g, h, i, j, k) BANOS_ARG_(l)
#define BANOS_ARGS_12(f, a, b, c, d, e, g, h, i, j, k, l, m) \
	BANOS_ARGS_11(f, a, b, c, d, e, g, h, i, j, k, l) BANOS_ARG_(m)

/* Never called: lets the compiler compare format and arguments. */
static __inline__ __attribute__((unused, format(printf, 1, 2))) void
banos_format_check_(const char *format, ...)
{
	(void)format;
}

#endif
