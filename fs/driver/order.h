/* SPDX-License-Identifier: MIT */
/**
 * @file order.h  In which order sectors reach the disk. Pure but for the allocator.
 *
 * Each sector that was named has a rank: it is written after all of lower ranks. What is unnamed has rank 0.
 * The caller locks.
 */
#pragma once
#include <kernel/types.h>

#define ORDER_BUCKETS 256u
#define ORDER_RANKS   12u

struct order_edge;
struct order_sector {
	struct order_sector *next;     /* of its bucket */
	struct order_sector *next_all; /* of the order */
	u64 sector;
	struct order_edge *later; /* what is written after it */
	u32 rank;
};
struct order_edge {
	struct order_edge *next;
	struct order_sector *to;
};
struct order {
	struct order_sector *buckets[ORDER_BUCKETS];
	struct order_sector *all;
};

/** @brief @p later is written after @p earlier. @return 0; -EAGAIN: a circle, or more than ORDER_RANKS; -ENOMEM. Then nothing has changed that matters. */
int __must_check order_add(struct order *order, u64 later, u64 earlier);
u32 order_rank(const struct order *order, u64 sector);
/** @brief Forget all. */
void order_clear(struct order *order);
