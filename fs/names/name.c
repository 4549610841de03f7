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

static inline u64 zero_bytes(u64 w)
{
	return (w - ONES) & ~w & HIGHS;
}

static inline u64 mix(u64 h, u64 w)
{
	unsigned __int128 m = (unsigned __int128)(h ^ w) * MULTIPLIER;

	return (u64)m ^ (u64)(m >> 64);
}

static inline u64 finish(u64 h, u64 len)
{
	return (u32)(h ^ h >> 32) | len << 32;
}

const char *name_scan(const char *s, u64 *key)
{
	const char *p = s;
	u64 h = MULTIPLIER, w, ends;

	for (;; p += 8) {
		w = *(const name_word *)p;
		ends = zero_bytes(w) | zero_bytes(w ^ SLASHES);
		if (ends)
			break;
		h = mix(h, w);
	}
	ends &= -ends; /* the first; bit 8n+7 */
	if (ends != 0x80) {
		h = mix(h, w & ((ends >> 7) - 1));
		p += __builtin_ctzll(ends) / 8;
	}
	*key = finish(h, p - s);
	return p;
}

u64 name_key(const char *s, size_t len)
{
	u64 h = MULTIPLIER, w = 0;
	size_t left = len;

	for (; left >= 8; left -= 8, s += 8)
		h = mix(h, *(const name_word *)s);
	while (left)
		w = w << 8 | (u8)s[--left];
	if (len % 8)
		h = mix(h, w);
	return finish(h, len);
}

void name_store(char *dst, const char *s, size_t len)
{
	size_t i;

	for (i = 0; i + 8 <= len; i += 8)
		*(name_word *)(dst + i) = *(const name_word *)(s + i);
	*(name_word *)(dst + i) = 0;
	for (; i < len; i++)
		dst[i] = s[i];
}
