/* SPDX-License-Identifier: MIT */
/** @file bitmap.h  Free blocks and inodes in the bitmaps of a group. Pure. */
#ifndef EXT2_BITMAP_H
#define EXT2_BITMAP_H

#include <stdint.h>

/** Bitmaps that are searched together: a bit that one of them has set is taken. Unused ones are NULL. */
struct bitmap_set {
	const uint8_t *maps[3]; /* the first one is not NULL */
};

/** @return the first bit in [@p from, @p to) that no map has set; @p to if there is none */
uint32_t bitmap_find(const struct bitmap_set *set, uint32_t from, uint32_t to);

/** @return how many bits from @p from on, below @p to, no map has set */
uint32_t bitmap_run(const struct bitmap_set *set, uint32_t from, uint32_t to);

static inline uint32_t bitmap_test(const uint8_t *map, uint32_t bit)
{
	return map[bit / 8] >> bit % 8 & 1u;
}

#endif
