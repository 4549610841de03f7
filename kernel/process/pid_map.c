// SPDX-License-Identifier: MIT
/*
 * Which process numbers are taken: a bitmap of two levels. See pid_map.h.
 */
#include "pid_map.h"
#include <kernel/err.h>

void pid_map_init(struct pid_map *m)
{
	*m = (struct pid_map){ .max = PID_LIMIT };
	m->taken[0] = 1;
}

static void mark(struct pid_map *m, u32 nr)
{
	u32 w = nr / 64;

	m->taken[w] |= 1ull << (nr % 64);
	if (m->taken[w] == ~0ull)
		m->full[w / 64] |= 1ull << (w % 64);
	m->count++;
}

/* The first word >= w that is not full, or PID_WORDS. */
static u32 next_word(const struct pid_map *m, u32 w)
{
	while (w < PID_WORDS) {
		u64 open = ~m->full[w / 64] >> (w % 64);

		if (open)
			return w + __builtin_ctzll(open);
		w = (w / 64 + 1) * 64;
	}
	return PID_WORDS;
}

/* The first free number in [from, end), or end. */
static u32 next_free(const struct pid_map *m, u32 from, u32 end)
{
	u32 w = from / 64;
	u64 open;

	if (from >= end)
		return end;
	open = ~m->taken[w] >> (from % 64) << (from % 64);
	if (!open) {
		w = next_word(m, w + 1);
		if (w == PID_WORDS)
			return end;
		open = ~m->taken[w];
	}
	from = w * 64 + __builtin_ctzll(open);
	return from < end ? from : end;
}

int pid_map_alloc(struct pid_map *m)
{
	u32 nr = next_free(m, m->last + 1, m->max);

	if (nr >= m->max) {
		nr = next_free(m, PID_RESERVED, m->max);
		if (nr >= m->max)
			return -EAGAIN;
	}
	mark(m, nr);
	m->last = nr;
	return (int)nr;
}

int pid_map_take(struct pid_map *m, u32 nr)
{
	if (nr == 0 || nr >= m->max)
		return -EINVAL;
	if (m->taken[nr / 64] >> (nr % 64) & 1)
		return -EEXIST;
	mark(m, nr);
	return 0;
}

void pid_map_free(struct pid_map *m, u32 nr)
{
	u32 w = nr / 64;

	m->taken[w] &= ~(1ull << (nr % 64));
	m->full[w / 64] &= ~(1ull << (w % 64));
	m->count--;
}

int pid_map_next(const struct pid_map *m, u32 from)
{
	u32 w = from / 64;
	u64 bits;

	if (from >= PID_LIMIT)
		return -1;
	if (from == 0)
		from = 1;
	bits = m->taken[w] >> (from % 64) << (from % 64);
	while (!bits) {
		if (++w == PID_WORDS)
			return -1;
		bits = m->taken[w];
	}
	return (int)(w * 64 + __builtin_ctzll(bits));
}
