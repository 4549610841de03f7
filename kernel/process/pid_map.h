/* SPDX-License-Identifier: MIT */
/**
 * @file pid_map.h  Which process numbers are taken. Pure.
 *
 * One bit per number. A processor allocates from a block of 64 numbers that no other one allocates from,
 * in rising order, and takes the next block when it is through. The bits of neighbouring blocks lie in
 * different cache lines, so processors that make and end threads do not touch each other's. Blocks are
 * given out in rising order and wrap at max to PID_RESERVED, so that a number that was just freed is
 * not reused at once. When only blocks of others have free numbers, these are allocated one by one.
 *
 * Bits change atomically, without a lock. What gives out blocks, or takes a certain number, needs the
 * caller's lock.
 */
#pragma once
#include <kernel/types.h>

#define PID_LIMIT    32768u /* numbers are below this */
#define PID_MAX_MIN  301u   /* the least that pid_max may be set to */
#define PID_RESERVED 300u   /* after a wrap: leave the daemons' numbers alone */
#define PID_BLOCK    64u
#define PID_BLOCKS   (PID_LIMIT / PID_BLOCK)

struct pid_map {
	u64 taken[PID_BLOCKS] __attribute__((aligned(64))); /* by pid_map_word() */
	u64 owned[PID_BLOCKS / 64]; /* bit n: a processor allocates from block n */
	u64 used[PID_BLOCKS / 64];  /* bit n: block n is owned, or may have taken numbers */
	u32 next;		    /* number from which a block is looked for */
	u32 max;		    /* numbers are below max <= PID_LIMIT */
};
/** The rest of a processor's block; one that is zero: it has none. */
struct pid_block {
	u32 next, end;
	u32 before; /* index of the one before, whose numbers are mostly free by the time this one is used up */
};

/** @brief An empty map: only 0, which is no process's number, is taken. */
void pid_map_init(struct pid_map *map);
/** @brief Allocate a number from a processor's block. Locking: none. @return it; 0: pid_map_alloc() must be asked */
u32 pid_block_alloc(struct pid_map *map, struct pid_block *block);
/** @brief Allocate a number, from the next block if there is one. Locking: the map's. @return it; -EAGAIN: all are taken */
int __must_check pid_map_alloc(struct pid_map *map, struct pid_block *block);
/** @brief Allocate @p nr itself. Locking: the map's. @return 0, -EINVAL: out of range, -EEXIST: taken */
int __must_check pid_map_take(struct pid_map *map, u32 nr);
/** @brief Free a number. Locking: none. */
void pid_map_free(struct pid_map *map, u32 nr);
/** @brief The first taken number >= @p from. Locking: none. @return it, or -1 */
int pid_map_next(const struct pid_map *map, u32 from);
