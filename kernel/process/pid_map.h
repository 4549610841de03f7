/* SPDX-License-Identifier: MIT */
/**
 * @file pid_map.h  Which process numbers are taken. Pure.
 *
 * One bit per number and, above it, one bit per word that means "full", so that
 * the next free number is found in a few steps however many are taken. Numbers
  * are allocated in rising order and wrap at max to PID_RESERVED, so that a
 * number that was just freed is not reused at once.
 */
#pragma once
#include <kernel/types.h>

#define PID_LIMIT    32768u /* numbers are below this */
#define PID_MAX_MIN  301u   /* the least that pid_max may be set to */
#define PID_RESERVED 300u   /* after a wrap: leave the daemons' numbers alone */
#define PID_WORDS    (PID_LIMIT / 64)

struct pid_map {
	u64 taken[PID_WORDS];
	u64 full[PID_WORDS / 64]; /* bit n: taken[n] is all ones */
	u32 last;		  /* allocated last */
	u32 max;		  /* numbers are below max <= PID_LIMIT */
	u32 count;
};

/** @brief An empty map: only 0, which is no process's number, is taken. */
void pid_map_init(struct pid_map *map);
/** @brief Allocate the next free number. @return it; -EAGAIN: all are taken */
int __must_check pid_map_alloc(struct pid_map *map);
/** @brief Allocate @p nr itself. @return 0, -EINVAL: out of range, -EEXIST: taken */
int __must_check pid_map_take(struct pid_map *map, u32 nr);
/** @brief Free a number. */
void pid_map_free(struct pid_map *map, u32 nr);
/** @brief The first taken number >= @p from. @return it, or -1 */
int pid_map_next(const struct pid_map *map, u32 from);
