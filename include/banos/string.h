/* SPDX-License-Identifier: MIT */
/**
 * @file string.h  Functions that compilers call implicitly. They check nothing: a wrong pointer is a fault,
 * as in the driver's own code. Registers of devices are copied by <banos/io.h>.
 */
#ifndef BANOS_STRING_H
#define BANOS_STRING_H

#include <banos/base.h>

BANOS_BEGIN

/**
 * @brief Copy @p length bytes; the areas do not overlap.
 * Since 1, provided by the kernel. Context: any.
 * @param to    @p length bytes, written
 * @param from  @p length bytes, read
 * @return @p to
 */
BANOS_SINCE(1) void *memcpy(void *to, const void *from, size_t length);

/**
 * @brief Copy @p length bytes; the areas may overlap.
 * Since 1, provided by the kernel. Context: any.
 * @param to    @p length bytes, written
 * @param from  @p length bytes, read
 * @return @p to
 */
BANOS_SINCE(1) void *memmove(void *to, const void *from, size_t length);

/**
 * @brief Fill @p length bytes with the low byte of @p byte.
 * Since 1, provided by the kernel. Context: any.
 * @param to  @p length bytes, written
 * @return @p to
 */
BANOS_SINCE(1) void *memset(void *to, int byte, size_t length);

/**
 * @brief Compare @p length bytes.
 * Since 1, provided by the kernel. Context: any.
 * @param a  @p length bytes, read
 * @param b  @p length bytes, read
 * @return below, equal to or above 0, by the first difference
 */
BANOS_SINCE(1) int memcmp(const void *a, const void *b, size_t length);

/**
 * @brief Are @p length bytes the same? LLVM's languages (Rust, D) call it for comparisons of arrays.
 * Since 1, provided by the kernel. Context: any.
 * @param first  @p length bytes, read
 * @param second  @p length bytes, read
 * @return 0: they are the same; another value: they differ
 */
BANOS_SINCE(1) int bcmp(const void *first, const void *second, size_t length);

/**
 * @brief Length of a text.
 * Since 1, provided by the kernel. Context: any.
 * @param text  text, read up to its NUL
 * @return bytes before the NUL
 */
BANOS_SINCE(1) size_t strlen(const char *text);

BANOS_END

#endif
