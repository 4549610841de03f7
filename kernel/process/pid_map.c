// SPDX-License-Identifier: MIT
/*
 * The process numbers in use, and the blocks from which processors allocate. See pid_map.h.
 */
#include "pid_map.h"
#include <kernel/err.h>

#define LINE_WORDS 8u /* in a cache line; so many neighbours are in different ones */

void pid_map_init(struct pid_map *map)
{
	*map = (struct pid_map){ .max = PID_LIMIT };
	map->taken[0] = map->used[0] = 1;
}

/* The index of a block's word: block 0 and block PID_BLOCKS / 8 are in the first line. */
static inline u32 pid_map_word(u32 block)
{
	const u32 lines = PID_BLOCKS / LINE_WORDS;

	return block % lines * LINE_WORDS + block / lines;
}

static u64 block_taken(const struct pid_map *map, u32 nr)
{
	return __atomic_load_n(&map->taken[pid_map_word(nr / PID_BLOCK)], __ATOMIC_RELAXED);
}

/* @return it was free */
static bool number_take(struct pid_map *map, u32 nr)
{
	const u64 bit = 1ull << nr % PID_BLOCK;

	return !(__atomic_fetch_or(&map->taken[pid_map_word(nr / PID_BLOCK)], bit,
				   __ATOMIC_SEQ_CST) &
		 bit);
}

static u32 map_max(const struct pid_map *map)
{
	return __atomic_load_n(&map->max, __ATOMIC_RELAXED);
}

/* The first free number >= @nr in its block, or one that is not below max. */
static u32 block_next_free(const struct pid_map *map, u32 nr)
{
	u64 open = ~block_taken(map, nr) >> nr % PID_BLOCK;

	if (open)
		return nr + (u32)__builtin_ctzll(open);
	return PID_LIMIT;
}

u32 pid_block_alloc(struct pid_map *map, struct pid_block *block)
{
	while (block->next < block->end) {
		u32 nr = block_next_free(map, block->next);

		if (nr >= map_max(map))
			break;
		block->next = nr + 1;
		if (number_take(map, nr)) /* else another processor was out of blocks */
			return nr;
	}
	return 0;
}

/* Where to go on behind the block that has @nr. */
static u32 next_block_start(const struct pid_map *map, u32 nr)
{
	nr = (nr / PID_BLOCK + 1) * PID_BLOCK;
	if (nr < map_max(map))
		return nr;
	return PID_RESERVED;
}

static bool block_is_owned(const struct pid_map *map, u32 block)
{
	return map->owned[block / 64] >> block % 64 & 1;
}

static void block_set_used(struct pid_map *map, u32 block)
{
	u64 *word = &map->used[block / 64];

	__atomic_store_n(word, *word | 1ull << block % 64, __ATOMIC_RELAXED);
}

/* So that walks pass over it, if nothing in it is taken. */
static void block_forget(struct pid_map *map, u32 block)
{
	u64 *word = &map->used[block / 64];

	if (!block_is_owned(map, block) && !block_taken(map, block * PID_BLOCK))
		__atomic_store_n(word, *word & ~(1ull << block % 64), __ATOMIC_RELAXED);
}

/* Give back a block, and take the next one that is nobody's and has free numbers. */
static bool block_change(struct pid_map *map, struct pid_block *block)
{
	u32 nr = map->next, old = 0;

	if (block->end) {
		old = block->end / PID_BLOCK - 1;
		map->owned[old / 64] &= ~(1ull << old % 64);
		block_forget(map, block->before);
	}
	*block = (struct pid_block){ .before = old };
	if (nr >= map_max(map))
		nr = PID_RESERVED;
	for (u32 tries = 0; tries <= PID_BLOCKS; tries++, nr = next_block_start(map, nr)) {
		u32 index = nr / PID_BLOCK;

		if (block_is_owned(map, index) || block_next_free(map, nr) >= map_max(map))
			continue;
		map->owned[index / 64] |= 1ull << index % 64;
		block_set_used(map, index);
		*block = (struct pid_block){ nr, (index + 1) * PID_BLOCK, old };
		if (block->end < map->next) /* round once: what lived longer has ended, too */
			for (u32 i = 0; i < PID_BLOCKS; i++)
				block_forget(map, i);
		map->next = block->end;
		return true;
	}
	return false;
}

/* Any number, from whichever block has one. */
static u32 alloc_from_any_block(struct pid_map *map)
{
	u32 nr = PID_RESERVED;

	for (u32 tries = 0; tries <= PID_BLOCKS; tries++, nr = next_block_start(map, nr)) {
		struct pid_block block = { nr, (nr / PID_BLOCK + 1) * PID_BLOCK, 0 };
		u32 found = pid_block_alloc(map, &block);

		if (found) {
			block_set_used(map, found / PID_BLOCK);
			return found;
		}
	}
	return 0;
}

int pid_map_alloc(struct pid_map *map, struct pid_block *block)
{
	u32 nr = 0;

	while (!nr && block_change(map, block))
		nr = pid_block_alloc(map, block);
	if (!nr)
		nr = alloc_from_any_block(map);
	if (!nr)
		return -EAGAIN;
	return (int)nr;
}

int pid_map_take(struct pid_map *map, u32 nr)
{
	if (nr == 0 || nr >= map_max(map))
		return -EINVAL;
	if (!number_take(map, nr))
		return -EEXIST;
	block_set_used(map, nr / PID_BLOCK);
	return 0;
}

void pid_map_free(struct pid_map *map, u32 nr)
{
	__atomic_fetch_and(&map->taken[pid_map_word(nr / PID_BLOCK)], ~(1ull << nr % PID_BLOCK),
			   __ATOMIC_SEQ_CST);
}

/* The first block from @block on that may have taken numbers; PID_BLOCKS: none. */
static u32 next_used_block(const struct pid_map *map, u32 block)
{
	while (block < PID_BLOCKS) {
		u64 used = __atomic_load_n(&map->used[block / 64], __ATOMIC_RELAXED) >> block % 64;

		if (used)
			return block + (u32)__builtin_ctzll(used);
		block = (block / 64 + 1) * 64;
	}
	return PID_BLOCKS;
}

int pid_map_next(const struct pid_map *map, u32 from)
{
	u32 block;

	if (from == 0)
		from = 1;
	while ((block = next_used_block(map, from / PID_BLOCK)) < PID_BLOCKS) {
		u64 bits;

		from = MAX(from, block * PID_BLOCK);
		bits = block_taken(map, from) >> from % PID_BLOCK;
		if (bits)
			return (int)(from + (u32)__builtin_ctzll(bits));
		from = (block + 1) * PID_BLOCK;
	}
	return -1;
}
