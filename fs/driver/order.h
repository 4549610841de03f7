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
#define ORDER_SECTORS 8u /* that are known together: those of a page */

struct order_edge;
struct order_page {
	struct order_page *next;     /* of its bucket */
	struct order_page *next_all; /* of the order */
	u64 index;		     /* first sector / ORDER_SECTORS */
	struct order_edge *later;    /* what is written after some of its sectors */
	u8 ranks[ORDER_SECTORS];
};
struct order_edge {
	struct order_edge *next;
	struct order_page *to;
	u8 sector; /* of @to */
	u8 mask;   /* of those that it is written after */
};
struct order {
	struct order_page *buckets[ORDER_BUCKETS];
	struct order_page *all;
};

/**
 * @brief The sector @p later is written after the @p count ones from @p first on, but itself.
 * @return 0; -EAGAIN: a circle, or more than ORDER_RANKS; -ENOMEM. Then nothing has changed that matters.
 */
int __must_check order_add(struct order *order, u64 later, u64 first, u64 count);
u32 order_rank(const struct order *order, u64 sector);
/** @brief Forget all. */
void order_clear(struct order *order);
