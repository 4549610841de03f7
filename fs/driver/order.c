// SPDX-License-Identifier: MIT
/*
 * In which order sectors reach the disk; see order.h.
 *
 * A statement "later after earlier" is an edge. Adding one raises the rank of what is later, and of all that is
 * after that, to more than the rank of what is earlier. If that leads back to what is earlier, the edge would
 * close a circle. No circle is missed: on each way from later to earlier ranks rise, up to that of earlier, so each
 * step of it has to be raised.
 *
 * A failed raise leaves ranks that are higher than needed, which is still an order.
 */
#include <kernel/err.h>
#include <kernel/heap.h>
#include "order.h"

static u32 order_bucket(u64 sector)
{
	return sector * 0x9e3779b97f4a7c15ull >> 56;
}

static struct order_sector *order_find(const struct order *order, u64 sector)
{
	struct order_sector *found = order->buckets[order_bucket(sector)];

	while (found && found->sector != sector)
		found = found->next;
	return found;
}

static struct order_sector *order_find_or_add(struct order *order, u64 sector)
{
	struct order_sector *found = order_find(order, sector);
	u32 bucket = order_bucket(sector);

	if (found)
		return found;
	found = kzalloc(sizeof(*found));
	if (!found)
		return NULL;
	found->sector = sector;
	found->next = order->buckets[bucket];
	order->buckets[bucket] = found;
	found->next_all = order->all;
	order->all = found;
	return found;
}

/* Not deeper than ORDER_RANKS. */
static int order_raise(struct order_sector *sector, u32 rank, const struct order_sector *earlier)
{
	int err = 0;

	if (sector == earlier || rank > ORDER_RANKS)
		return -EAGAIN;
	if (sector->rank >= rank)
		return 0;
	for (struct order_edge *edge = sector->later; edge && !err; edge = edge->next)
		err = order_raise(edge->to, rank + 1, earlier);
	if (!err)
		sector->rank = rank;
	return err;
}

int order_add(struct order *order, u64 later, u64 earlier)
{
	struct order_sector *from, *to;
	struct order_edge *edge;
	int err;

	if (later == earlier)
		return 0; /* a sector is written as a whole */
	from = order_find_or_add(order, earlier);
	to = order_find_or_add(order, later);
	if (!from || !to)
		return -ENOMEM;
	for (edge = from->later; edge; edge = edge->next)
		if (edge->to == to)
			return 0;
	edge = kzalloc(sizeof(*edge));
	if (!edge)
		return -ENOMEM;
	err = order_raise(to, from->rank + 1, from);
	if (err) {
		kfree(edge);
		return err;
	}
	edge->to = to;
	edge->next = from->later;
	from->later = edge;
	return 0;
}

u32 order_rank(const struct order *order, u64 sector)
{
	const struct order_sector *found = NULL;

	if (order->all)
		found = order_find(order, sector);
	if (!found)
		return 0;
	return found->rank;
}

static void order_sector_free(struct order_sector *sector)
{
	struct order_edge *edge;

	while ((edge = sector->later) != NULL) {
		sector->later = edge->next;
		kfree(edge);
	}
	kfree(sector);
}

void order_clear(struct order *order)
{
	struct order_sector *sector;

	while ((sector = order->all) != NULL) {
		order->all = sector->next_all;
		order->buckets[order_bucket(sector->sector)] = NULL;
		order_sector_free(sector);
	}
}
