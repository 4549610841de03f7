/* SPDX-License-Identifier: MIT */
/**
 * @file run_order.h  The threads of a run queue in the order of their keys. Pure.
 *
 * A thread that has used its slice or yields is behind all others, one that has slept is
 * before most. So what is added behind the last one is only appended to a row, and comes
 * out of its front: no step depends on how many wait. Any other is kept in a tree. The
 * first of all is the first of the row or that of the tree.
 *
 * Entries of equal keys of one of the two come out as they went in. The caller locks.
 */
#pragma once
#include <kernel/list.h>
#include <kernel/rbtree.h>

struct run_entry {
	union {
		struct list link;    /* in the row */
		struct rb_node node; /* in the tree */
	};
	u64 key;
	bool in_row;
};

struct run_order {
	struct list row; /* by key, for each was appended behind a lower or equal one */
	struct rb_root tree;
	struct run_entry *lowest; /* of the tree; NULL: it is empty */
};

static inline void run_order_init(struct run_order *order)
{
	list_init(&order->row);
	order->tree = RB_ROOT;
	order->lowest = NULL;
}

void run_order_add_tree(struct run_order *order, struct run_entry *entry);
void run_order_remove_tree(struct run_order *order, struct run_entry *entry);

/** Add @p entry by its key, which stays until it is removed. */
static inline void run_order_add(struct run_order *order, struct run_entry *entry)
{
	struct list *last = order->row.prev;

	if (last != &order->row && list_entry(last, struct run_entry, link)->key > entry->key) {
		run_order_add_tree(order, entry);
		return;
	}
	entry->in_row = true;
	list_add_tail(&entry->link, &order->row);
}

static inline void run_order_remove(struct run_order *order, struct run_entry *entry)
{
	if (unlikely(!entry->in_row)) {
		run_order_remove_tree(order, entry);
		return;
	}
	entry->link.prev->next = entry->link.next;
	entry->link.next->prev = entry->link.prev;
}

/** The entry with the lowest key. @return NULL: there is none */
static inline struct run_entry *run_order_first(const struct run_order *order)
{
	struct run_entry *front = list_first(&order->row, struct run_entry, link);

	if (unlikely(list_empty(&order->row)))
		return order->lowest;
	if (unlikely(order->lowest) && order->lowest->key < front->key)
		return order->lowest;
	return front;
}

/** Remove the entry with the lowest key. @return NULL: there is none */
static inline struct run_entry *run_order_take(struct run_order *order)
{
	struct run_entry *first = run_order_first(order);

	if (unlikely(!first))
		return NULL;
	if (unlikely(first == order->lowest)) {
		run_order_remove_tree(order, first);
	} else {
		order->row.next = first->link.next;
		order->row.next->prev = &order->row;
	}
	return first;
}

/** The entry with the highest key. @return NULL: there is none */
struct run_entry *run_order_last(const struct run_order *order);
/**
 * All entries, once each: those of the tree in their order, then those of the row.
 * @param entry  NULL: begin. @return NULL: that was the last
 */
struct run_entry *run_order_next(const struct run_order *order, const struct run_entry *entry);
