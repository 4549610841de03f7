/* SPDX-License-Identifier: MIT */
/* Free blocks and inodes: bitmap.h. */
#include "bitmap.h"

#define WORD 64u

static uint64_t word_of(const uint8_t *map, uint32_t at)
{
	uint64_t value;

	__builtin_memcpy(&value, map + at / 8, sizeof(value));
	return value;
}

/* The last ones: behind @to all are set. */
static uint64_t bitmap_rest(const struct bitmap_set *set, uint32_t at, uint32_t to)
{
	uint64_t word = ~0ull << (to - at);

	for (uint32_t i = 0; i < 3; i++)
		for (uint32_t k = 0; set->maps[i] && k < (to - at + 7) / 8; k++)
			word |= (uint64_t)set->maps[i][at / 8 + k] << 8 * k;
	return word;
}

/* 64 bits from @at on, a multiple of 8; behind @to all are set. */
static inline uint64_t bitmap_word(const struct bitmap_set *set, uint32_t at, uint32_t to)
{
	uint64_t word;

	if (to - at < WORD)
		return bitmap_rest(set, at, to);
	word = word_of(set->maps[0], at);
	if (set->maps[1])
		word |= word_of(set->maps[1], at);
	if (set->maps[2])
		word |= word_of(set->maps[2], at);
	return word;
}

uint32_t bitmap_find(const struct bitmap_set *set, uint32_t from, uint32_t to)
{
	uint32_t at = from / 8 * 8;

	for (; at < to; at += WORD) {
		uint64_t word = bitmap_word(set, at, to);

		if (at < from)
			word |= (1ull << (from - at)) - 1;
		if (~word)
			return at + (uint32_t)__builtin_ctzll(~word);
	}
	return to;
}

uint32_t bitmap_run(const struct bitmap_set *set, uint32_t from, uint32_t to)
{
	uint32_t at = from / 8 * 8;

	for (; at < to; at += WORD) {
		uint64_t word = bitmap_word(set, at, to);

		if (at < from)
			word &= ~((1ull << (from - at)) - 1);
		if (word)
			return at + (uint32_t)__builtin_ctzll(word) - from;
	}
	return to - from;
}
