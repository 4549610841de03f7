// SPDX-License-Identifier: MIT
/*
  * The process numbers in use: a bitmap of two levels. See pid_map.h.
 */
#include "pid_map.h"
#include <kernel/err.h>

void pid_map_init(struct pid_map *map)
{
	*map = (struct pid_map){ .max = PID_LIMIT };
	map->taken[0] = 1;
}

static void pid_map_mark(struct pid_map *map, u32 nr)
{
	u32 word = nr / 64;

	map->taken[word] |= 1ull << (nr % 64);
	if (map->taken[word] == ~0ull)
		map->full[word / 64] |= 1ull << (word % 64);
	map->count++;
}

/* The first word >= w that is not full, or PID_WORDS. */
static u32 pid_map_next_word(const struct pid_map *map, u32 word)
{
	while (word < PID_WORDS) {
		u64 open = ~map->full[word / 64] >> (word % 64);

		if (open)
			return word + __builtin_ctzll(open);
		word = (word / 64 + 1) * 64;
	}
	return PID_WORDS;
}

/* The first free number in [from, end), or end. */
static u32 pid_map_next_free(const struct pid_map *map, u32 from, u32 end)
{
	u32 word = from / 64;
	u64 open;

	if (from >= end)
		return end;
	open = ~map->taken[word] >> (from % 64) << (from % 64);
	if (!open) {
		word = pid_map_next_word(map, word + 1);
		if (word == PID_WORDS)
			return end;
		open = ~map->taken[word];
	}
	from = word * 64 + __builtin_ctzll(open);
	return MIN(from, end);
}

int pid_map_alloc(struct pid_map *map)
{
	u32 nr = pid_map_next_free(map, map->last + 1, map->max);

	if (nr >= map->max) {
		nr = pid_map_next_free(map, PID_RESERVED, map->max);
		if (nr >= map->max)
			return -EAGAIN;
	}
	pid_map_mark(map, nr);
	map->last = nr;
	return (int)nr;
}

int pid_map_take(struct pid_map *map, u32 nr)
{
	if (nr == 0 || nr >= map->max)
		return -EINVAL;
	if (map->taken[nr / 64] >> (nr % 64) & 1)
		return -EEXIST;
	pid_map_mark(map, nr);
	return 0;
}

void pid_map_free(struct pid_map *map, u32 nr)
{
	u32 word = nr / 64;

	map->taken[word] &= ~(1ull << (nr % 64));
	map->full[word / 64] &= ~(1ull << (word % 64));
	map->count--;
}

int pid_map_next(const struct pid_map *map, u32 from)
{
	u32 word = from / 64;
	u64 bits;

	if (from >= PID_LIMIT)
		return -1;
	if (from == 0)
		from = 1;
	bits = map->taken[word] >> (from % 64) << (from % 64);
	while (!bits) {
		if (++word == PID_WORDS)
			return -1;
		bits = map->taken[word];
	}
	return (int)(word * 64 + __builtin_ctzll(bits));
}
