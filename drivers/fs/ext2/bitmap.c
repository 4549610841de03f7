/* SPDX-License-Identifier: MIT */
/* Free blocks and inodes: bitmap.h. */
#include "bitmap.h"

#define WORD 64u

/* 64 bits from @at on, a multiple of 8; behind @to all are set. */
static uint64_t bitmap_word(const struct bitmap_set *set, uint32_t at, uint32_t to)
{
	uint32_t bytes = (to - at + 7) / 8;
	uint64_t word = 0;

	if (bytes > 8)
		bytes = 8;
	for (uint32_t i = 0; i < 3; i++) {
		if (!set->maps[i])
			continue;
		if (bytes == 8) {
			uint64_t value;

			__builtin_memcpy(&value, set->maps[i] + at / 8, 8);
			word |= value;
			continue;
		}
		for (uint32_t k = 0; k < bytes; k++)
			word |= (uint64_t)set->maps[i][at / 8 + k] << 8 * k;
	}
	if (to - at < WORD)
		word |= ~0ull << (to - at);
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
