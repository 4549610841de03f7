// SPDX-License-Identifier: MIT
/*
 * Bitmaps: a word at a time. Searching for clear bits is searching for set
 * bits in the complement, so one function with a mask to xor does both.
 */
#include <kernel/bitmap.h>

static size_t find_bit(const u64 *map, size_t nbits, size_t from, u64 flip)
{
	size_t word = from / 64, bit;
	u64 bits;

	if (from >= nbits)
		return nbits;
	bits = (map[word] ^ flip) & ~0ull << (from % 64);
	while (!bits) {
		if (++word >= BITMAP_WORDS(nbits))
			return nbits;
		bits = map[word] ^ flip;
	}
	bit = word * 64 + __builtin_ctzll(bits);
	return MIN(bit, nbits);
}

size_t bitmap_find_set(const u64 *map, size_t nbits, size_t from)
{
	return find_bit(map, nbits, from, 0);
}

size_t bitmap_find_clear(const u64 *map, size_t nbits, size_t from)
{
	return find_bit(map, nbits, from, ~0ull);
}

/* The bits of word @index that belong to a map of @nbits. */
static u64 word_mask(size_t index, size_t nbits)
{
	if (index < nbits / 64)
		return ~0ull;
	return (1ull << (nbits % 64)) - 1;
}

size_t bitmap_find_last(const u64 *map, size_t nbits)
{
	for (size_t index = BITMAP_WORDS(nbits); index-- > 0;) {
		u64 word = map[index] & word_mask(index, nbits);

		if (word)
			return index * 64 + 63 - __builtin_clzll(word);
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
		size_t index = first / 64;

		map[index] |= word_mask(index, end) & ~0ull << (first % 64);
		first = (index + 1) * 64;
	}
}

void bitmap_clear_range(u64 *map, size_t first, size_t count)
{
	size_t end = first + count;

	while (first < end) {
		size_t index = first / 64;

		map[index] &= ~(word_mask(index, end) & ~0ull << (first % 64));
		first = (index + 1) * 64;
	}
}

/* Without the popcnt instruction, which the baseline processor lacks. */
static u32 word_weight(u64 word)
{
	word -= word >> 1 & 0x5555555555555555ull;
	word = (word & 0x3333333333333333ull) + (word >> 2 & 0x3333333333333333ull);
	word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0full;
	return word * 0x0101010101010101ull >> 56;
}

size_t bitmap_weight(const u64 *map, size_t nbits)
{
	size_t weight = 0;

	for (size_t index = 0; index < BITMAP_WORDS(nbits); index++)
		weight += word_weight(map[index] & word_mask(index, nbits));
	return weight;
}
