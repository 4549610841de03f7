// SPDX-License-Identifier: MIT
/*
 * In which order sectors reach the disk; see order.h.
 *
 * A statement "later after earlier" is an edge. Adding one raises the rank of what is later, and of all that is
 * after that, to more than the rank of what is earlier. If that leads back to what is earlier, the edge would
 * close a circle. No circle is missed: on each way from later to earlier ranks rise, up to that of earlier, so each
 * step of it has to be raised.
 *
 * What is earlier is mostly a whole block, so sectors of a page are known together, and an edge begins at any of them.
 *
 * A failed raise leaves ranks that are higher than needed, which is still an order.
 */
#include <kernel/err.h>
#include <kernel/heap.h>
#include "order.h"

static u32 order_bucket(u64 index)
{
	return index * 0x9e3779b97f4a7c15ull >> 56;
}

static struct order_page *order_find(const struct order *order, u64 index)
{
	struct order_page *found = order->buckets[order_bucket(index)];

	while (found && found->index != index)
		found = found->next;
	return found;
}

static struct order_page *order_find_or_add(struct order *order, u64 index)
{
	struct order_page *found = order_find(order, index);
	u32 bucket = order_bucket(index);

	if (found)
		return found;
	found = kzalloc(sizeof(*found));
	if (!found)
		return NULL;
	found->index = index;
	found->next = order->buckets[bucket];
	order->buckets[bucket] = found;
	found->next_all = order->all;
	order->all = found;
	return found;
}

/* To @rank at least; not deeper than ORDER_RANKS. It is a circle where that leads to one of @mask of @earlier. */
static int order_raise(struct order_page *page, u32 sector, u32 rank,
		       const struct order_page *earlier, u32 mask)
{
	int err = 0;

	if ((page == earlier && mask >> sector & 1) || rank > ORDER_RANKS)
		return -EAGAIN;
	if (page->ranks[sector] >= rank)
		return 0;
	for (struct order_edge *edge = page->later; edge && !err; edge = edge->next)
		if (edge->mask >> sector & 1)
			err = order_raise(edge->to, edge->sector, rank + 1, earlier, mask);
	if (!err)
		page->ranks[sector] = (u8)rank;
	return err;
}

static u32 rank_of(const struct order_page *page, u32 mask)
{
	u32 rank = 0;

	for (u32 left = mask; left; left &= left - 1)
		rank = MAX(rank, (u32)page->ranks[__builtin_ctz(left)]);
	return rank;
}

static int edge_add(struct order_page *from, u32 mask, struct order_page *to, u32 sector)
{
	struct order_edge *edge = from->later;
	int err;

	while (edge && (edge->to != to || edge->sector != sector))
		edge = edge->next;
	if (edge && (edge->mask & mask) == mask)
		return 0;
	err = order_raise(to, sector, rank_of(from, mask) + 1, from, mask);
	if (err)
		return err;
	if (edge) {
		edge->mask |= (u8)mask;
		return 0;
	}
	edge = kzalloc(sizeof(*edge));
	if (!edge)
		return -ENOMEM;
	edge->to = to;
	edge->sector = (u8)sector;
	edge->mask = (u8)mask;
	edge->next = from->later;
	from->later = edge;
	return 0;
}

int order_add(struct order *order, u64 later, u64 first, u64 count)
{
	struct order_page *to = NULL, *from;
	u64 end = first + count;
	int err = 0;

	while (first < end && !err) {
		u32 off = first % ORDER_SECTORS, part = MIN(ORDER_SECTORS - off, end - first);
		u32 mask = ((1u << part) - 1) << off;
		u64 index = first / ORDER_SECTORS;

		if (later / ORDER_SECTORS == index)
			mask &= ~(1u << later % ORDER_SECTORS); /* a sector is written as a whole */
		first += part;
		if (!mask)
			continue;
		from = order_find_or_add(order, index);
		if (!to)
			to = order_find_or_add(order, later / ORDER_SECTORS);
		if (!from || !to)
			return -ENOMEM;
		err = edge_add(from, mask, to, later % ORDER_SECTORS);
	}
	return err;
}

u32 order_rank(const struct order *order, u64 sector)
{
	const struct order_page *found = NULL;

	if (order->all)
		found = order_find(order, sector / ORDER_SECTORS);
	if (!found)
		return 0;
	return found->ranks[sector % ORDER_SECTORS];
}

static void order_page_free(struct order_page *page)
{
	struct order_edge *edge;

	while ((edge = page->later) != NULL) {
		page->later = edge->next;
		kfree(edge);
	}
	kfree(page);
}

void order_clear(struct order *order)
{
	struct order_page *page;

	while ((page = order->all) != NULL) {
		order->all = page->next_all;
		order->buckets[order_bucket(page->index)] = NULL;
		order_page_free(page);
	}
}
