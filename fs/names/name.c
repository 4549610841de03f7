// SPDX-License-Identifier: MIT
/*
 * Components of paths.
 *
 * A path walk looks at each byte of the text once, eight at a time: the same
 * word that is searched for the end of the name is mixed into its hash. A zero
 * byte z of word w is found as a bit of (w - 01..01) & ~w & 80..80; the lowest
 * bit that this sets is always right, which is the one that counts.
 *
 * The hash multiplies to 128 bits and folds; it is no secret, so the hash table
 * mixes in the parent and a random number (dcache.c).
 */
#include <kernel/fs/name.h>

#define ONES	   0x0101010101010101ull
#define HIGHS	   0x8080808080808080ull
#define SLASHES	   (ONES * '/')
#define MULTIPLIER 0x9e3779b97f4a7c15ull

static inline u64 zero_bytes(u64 word)
{
	return (word - ONES) & ~word & HIGHS;
}

static inline u64 hash_mix(u64 hash, u64 word)
{
	unsigned __int128 product = (unsigned __int128)(hash ^ word) * MULTIPLIER;

	return (u64)product ^ (u64)(product >> 64);
}

static inline u64 hash_finish(u64 hash, u64 len)
{
	return (u32)(hash ^ hash >> 32) | len << 32;
}

const char *name_scan(const char *text, u64 *key)
{
	const char *cursor = text;
	u64 hash = MULTIPLIER, word, ends;

	for (;; cursor += 8) {
		word = *(const name_word *)cursor;
		ends = zero_bytes(word) | zero_bytes(word ^ SLASHES);
		if (ends)
			break;
		hash = hash_mix(hash, word);
	}
	ends &= -ends; /* the first; bit 8n+7 */
	if (ends != 0x80) {
		hash = hash_mix(hash, word & ((ends >> 7) - 1));
		cursor += __builtin_ctzll(ends) / 8;
	}
	*key = hash_finish(hash, cursor - text);
	return cursor;
}

u64 name_key(const char *text, size_t len)
{
	u64 hash = MULTIPLIER, word = 0;
	size_t left = len;

	for (; left >= 8; left -= 8, text += 8)
		hash = hash_mix(hash, *(const name_word *)text);
	while (left)
		word = word << 8 | (u8)text[--left];
	if (len % 8)
		hash = hash_mix(hash, word);
	return hash_finish(hash, len);
}

void name_store(char *dst, const char *text, size_t len)
{
	size_t i;

	for (i = 0; i + 8 <= len; i += 8)
		*(name_word *)(dst + i) = *(const name_word *)(text + i);
	*(name_word *)(dst + i) = 0;
	for (; i < len; i++)
		dst[i] = text[i];
}
