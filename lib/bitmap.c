// SPDX-License-Identifier: MIT
/*
 * Bitmaps: a word at a time. Searching for clear bits is searching for set
 * bits in the complement, so one function with a mask to xor does both.
 */
#include <kernel/bitmap.h>

static size_t find(const u64 *map, size_t nbits, size_t from, u64 flip)
{
	size_t word = from / 64, bit;
	u64 v;

	if (from >= nbits)
		return nbits;
	v = (map[word] ^ flip) & ~0ull << (from % 64);
	while (!v) {
		if (++word >= BITMAP_WORDS(nbits))
			return nbits;
		v = map[word] ^ flip;
	}
	bit = word * 64 + __builtin_ctzll(v);
	return bit < nbits ? bit : nbits;
}

size_t bitmap_find_set(const u64 *map, size_t nbits, size_t from)
{
	return find(map, nbits, from, 0);
}

size_t bitmap_find_clear(const u64 *map, size_t nbits, size_t from)
{
	return find(map, nbits, from, ~0ull);
}

/* The bits of word @w that belong to a map of @nbits. */
static u64 word_mask(size_t w, size_t nbits)
{
	return w < nbits / 64 ? ~0ull : (1ull << (nbits % 64)) - 1;
}

size_t bitmap_find_last(const u64 *map, size_t nbits)
{
	for (size_t w = BITMAP_WORDS(nbits); w-- > 0;) {
		u64 v = map[w] & word_mask(w, nbits);

		if (v)
			return w * 64 + 63 - __builtin_clzll(v);
	}
	return nbits;
}

size_t bitmap_find_clear_range(const u64 *map, size_t nbits, size_t from, size_t count,
			       size_t align)
{
	for (;;) {
		size_t first, end;

		first = bitmap_find_clear(map, nbits, from);
		if (first >= nbits)
			return nbits;
		first = ALIGN_UP(first, align);
		if (first >= nbits || count > nbits - first)
			return nbits;
		end = bitmap_find_set(map, first + count, first);
		if (end == first + count)
			return first;
		from = end + 1;
	}
}

void bitmap_set_range(u64 *map, size_t first, size_t count)
{
	size_t end = first + count;

	while (first < end) {
		size_t w = first / 64;

		map[w] |= word_mask(w, end) & ~0ull << (first % 64);
		first = (w + 1) * 64;
	}
}

void bitmap_clear_range(u64 *map, size_t first, size_t count)
{
	size_t end = first + count;

	while (first < end) {
		size_t w = first / 64;

		map[w] &= ~(word_mask(w, end) & ~0ull << (first % 64));
		first = (w + 1) * 64;
	}
}

/* Without the popcnt instruction, which the baseline processor lacks. */
static u32 weight64(u64 v)
{
	v -= v >> 1 & 0x5555555555555555ull;
	v = (v & 0x3333333333333333ull) + (v >> 2 & 0x3333333333333333ull);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return v * 0x0101010101010101ull >> 56;
}

size_t bitmap_weight(const u64 *map, size_t nbits)
{
	size_t n = 0;

	for (size_t w = 0; w < BITMAP_WORDS(nbits); w++)
		n += weight64(map[w] & word_mask(w, nbits));
	return n;
}
