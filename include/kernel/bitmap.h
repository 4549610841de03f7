/* SPDX-License-Identifier: MIT */
/**
 * @file bitmap.h  Sets of small numbers, one bit each, in arrays of 64-bit words. Pure.
 *
 * A bitmap of n bits is u64[BITMAP_WORDS(n)]. Bits beyond n in the last word
 * are never looked at and never changed. Nothing here is atomic.
 */
#pragma once
#include <kernel/types.h>

#define BITMAP_WORDS(nbits) (((nbits) + 63) / 64)

static inline bool bitmap_test(const u64 *map, size_t i)
{
	return map[i / 64] >> (i % 64) & 1;
}
static inline void bitmap_set(u64 *map, size_t i)
{
	map[i / 64] |= 1ull << (i % 64);
}
static inline void bitmap_clear(u64 *map, size_t i)
{
	map[i / 64] &= ~(1ull << (i % 64));
}

/** The first bit at or after @p from that is set. @return its number, or @p nbits if none is */
size_t bitmap_find_set(const u64 *map, size_t nbits, size_t from);
/** The first bit at or after @p from that is clear. @return its number, or @p nbits if none is */
size_t bitmap_find_clear(const u64 *map, size_t nbits, size_t from);
/** The last bit that is set. @return its number, or @p nbits if none is */
size_t bitmap_find_last(const u64 *map, size_t nbits);
/**
 * The first run of clear bits, at or after @p from.
 * @param count  how many in a row, at least 1
 * @param align  power of two; the run's first number is a multiple of it
 * @return the number of the first of them, or @p nbits if there is no such run
 */
size_t bitmap_find_clear_range(const u64 *map, size_t nbits, size_t from, size_t count,
			       size_t align);
/** Set, or clear, bits @p first to @p first + @p count - 1. */
void bitmap_set_range(u64 *map, size_t first, size_t count);
void bitmap_clear_range(u64 *map, size_t first, size_t count);
/** The number of bits set among the first @p nbits. */
size_t bitmap_weight(const u64 *map, size_t nbits);
