// SPDX-License-Identifier: MIT
/*
 * Components of paths.
 *
 * A path walk looks at each byte of the text once, eight at a time: the same
 * word that is searched for the end of the name is mixed into its hash (the last one
 * without what follows the name). A zero byte z of word w is found as a bit of
 * (w - 01..01) & ~w & 80..80; the lowest bit that this sets is always right, which is
 * the one that counts.
 *
 * The hash multiplies to 128 bits and folds; it is no secret, so the hash table
 * mixes in the parent and a random number (dcache.c).
 */
#include <kernel/fs/name.h>

struct name_part name_scan(const char *text)
{
	return name_scan_inline(text);
}

u64 name_key(const char *text, size_t len)
{
	u64 hash = 0, word = 0;
	size_t left = len;

	for (; left >= 8; left -= 8, text += 8)
		hash = name_hash_mix(hash, *(const name_word *)text);
	while (left)
		word = word << 8 | (u8)text[--left];
	return name_hash_finish(name_hash_mix(hash, word), len);
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
