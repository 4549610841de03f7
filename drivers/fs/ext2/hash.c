/* SPDX-License-Identifier: MIT */
/* Hashes of names, and the index of folders: hash.h. The hashes are those of e2fsprogs and Linux (lib/ext2fs/dirhash.c). */
#include <banos/string.h>
#include "bytes.h"
#include "hash.h"

#define HASH_LEGACY   0u
#define HASH_HALF_MD4 1u
#define HASH_END      0xfffffffeu /* no name has it */

#define ROOT_INFO	   24u
#define ROOT_DOTDOT	   12u
#define NODE_LIST	   8u
#define ENTRY_BYTES	   8u
#define DIRENT_INDEX_BLOCK 0x0fffffffu

static uint32_t name_character(const char *name, uint32_t index, uint32_t is_unsigned)
{
	uint8_t byte = (uint8_t)name[index];

	if (is_unsigned)
		return byte;
	return (uint32_t)(int8_t)byte;
}

static uint32_t hash_legacy(const char *name, uint32_t length, uint32_t is_unsigned)
{
	uint32_t hash = 0x12a3fe2d, before = 0x37abe8f9;

	for (uint32_t i = 0; i < length; i++) {
		uint32_t next = before + (hash ^ (name_character(name, i, is_unsigned) * 7152373u));

		if (next & 0x80000000u)
			next -= 0x7fffffffu;
		before = hash;
		hash = next;
	}
	return hash << 1;
}

/* A piece of the name as @count words, filled up with its length. */
static void words_fill(uint32_t *words, uint32_t count, const char *name, uint32_t length,
		       uint32_t is_unsigned)
{
	uint32_t fill = length | length << 8, used = 0, value;

	fill |= fill << 16;
	value = fill;
	if (length > count * 4)
		length = count * 4;
	for (uint32_t i = 0; i < length; i++) {
		value = name_character(name, i, is_unsigned) + (value << 8);
		if (i % 4 == 3) {
			words[used++] = value;
			value = fill;
		}
	}
	if (used < count)
		words[used++] = value;
	while (used < count)
		words[used++] = fill;
}

static uint32_t hash_rotate(uint32_t value, uint32_t bits)
{
	return value << bits | value >> (32 - bits);
}

static uint32_t md4_mix(uint32_t round, uint32_t one, uint32_t two, uint32_t three)
{
	if (round == 0)
		return three ^ (one & (two ^ three));
	if (round == 1)
		return (one & two) + ((one ^ two) & three);
	return one ^ two ^ three;
}

static void hash_half_md4(uint32_t state[4], const uint32_t words[8])
{
	static const uint8_t order[3][8] = { { 0, 1, 2, 3, 4, 5, 6, 7 },
					     { 1, 3, 5, 7, 0, 2, 4, 6 },
					     { 3, 7, 2, 6, 1, 5, 0, 4 } };
	static const uint8_t bits[3][4] = { { 3, 7, 11, 19 }, { 3, 5, 9, 13 }, { 3, 9, 11, 15 } };
	static const uint32_t constant[3] = { 0, 0x5a827999, 0x6ed9eba1 };
	uint32_t mixed[4];

	memcpy(mixed, state, sizeof(mixed));
	for (uint32_t round = 0; round < 3; round++)
		for (uint32_t i = 0; i < 8; i++) {
			/* the first, the fourth, the third, the second by turns */
			uint32_t k = (4 - i % 4) % 4;
			uint32_t sum = mixed[k] +
				       md4_mix(round, mixed[(k + 1) % 4], mixed[(k + 2) % 4],
					       mixed[(k + 3) % 4]) +
				       words[order[round][i]] + constant[round];

			mixed[k] = hash_rotate(sum, bits[round][i % 4]);
		}
	for (uint32_t i = 0; i < 4; i++)
		state[i] += mixed[i];
}

static void hash_tea(uint32_t state[4], const uint32_t words[4])
{
	uint32_t sum = 0, first = state[0], second = state[1];

	for (uint32_t i = 0; i < 16; i++) {
		sum += 0x9e3779b9u;
		first += ((second << 4) + words[0]) ^ (second + sum) ^ ((second >> 5) + words[1]);
		second += ((first << 4) + words[2]) ^ (first + sum) ^ ((first >> 5) + words[3]);
	}
	state[0] += first;
	state[1] += second;
}

uint32_t hash_name(uint32_t version, uint32_t is_unsigned, const uint32_t seed[4], const char *name,
		   uint32_t length)
{
	uint32_t state[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
	uint32_t words[8], hash, piece;

	if (seed[0] | seed[1] | seed[2] | seed[3])
		memcpy(state, seed, sizeof(state));
	if (version == HASH_LEGACY) {
		hash = hash_legacy(name, length, is_unsigned);
	} else {
		piece = 16;
		if (version == HASH_HALF_MD4)
			piece = 32;
		for (uint32_t at = 0; at < length; at += piece) {
			words_fill(words, piece / 4, name + at, length - at, is_unsigned);
			if (version == HASH_HALF_MD4)
				hash_half_md4(state, words);
			else
				hash_tea(state, words);
		}
		hash = state[version == HASH_HALF_MD4];
	}
	hash &= ~1u;
	if (hash == HASH_END)
		return HASH_END - 2;
	return hash;
}

/* The list that begins at @at: its first entry has limit and count where others have a hash. */
static int list_read(const uint8_t *block, uint32_t block_bytes, uint32_t at,
		     struct htree_list *list)
{
	uint32_t limit = get16(block + at), count = get16(block + at + 2);

	if (!count || count > limit || limit > (block_bytes - at) / ENTRY_BYTES)
		return -1;
	*list = (struct htree_list){ block + at, count };
	return 0;
}

int htree_root(const uint8_t *block, uint32_t block_bytes, uint32_t *version, uint32_t *levels,
	       struct htree_list *list)
{
	const uint8_t *info = block + ROOT_INFO;
	uint32_t info_bytes = info[5];

	if (get16(block + 4) != ROOT_DOTDOT || get16(block + ROOT_DOTDOT + 6) % 256 != 2 ||
	    info[4] >= HASH_VERSIONS || info[6] >= HTREE_LEVELS_MAX || info[7] ||
	    info_bytes < NODE_LIST)
		return -1;
	*version = info[4];
	*levels = info[6] + 1u;
	return list_read(block, block_bytes, ROOT_INFO + info_bytes, list);
}

int htree_node(const uint8_t *block, uint32_t block_bytes, struct htree_list *list)
{
	if (get32(block))
		return -1;
	return list_read(block, block_bytes, NODE_LIST, list);
}

uint32_t htree_hash(const struct htree_list *list, uint32_t index)
{
	if (!index)
		return 0;
	return get32(list->entries + ENTRY_BYTES * index);
}

uint32_t htree_block(const struct htree_list *list, uint32_t index)
{
	return get32(list->entries + ENTRY_BYTES * index + 4) & DIRENT_INDEX_BLOCK;
}

uint32_t htree_find(const struct htree_list *list, uint32_t hash)
{
	uint32_t low = 0, high = list->count - 1;

	while (low < high) {
		uint32_t middle = (low + high + 1) / 2;

		if (htree_hash(list, middle) > hash)
			high = middle - 1;
		else
			low = middle;
	}
	return low;
}
