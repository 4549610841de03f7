/* SPDX-License-Identifier: MIT */
/* The slower half of run_order.h: what concerns the tree. */
#include <kernel/run_order.h>

static struct run_entry *run_entry_of(struct rb_node *node)
{
	if (node)
		return rb_entry(node, struct run_entry, node);
	return NULL;
}

void run_order_add_tree(struct run_order *order, struct run_entry *entry)
{
	struct rb_node *parent = NULL, **link = &order->tree.node;

	while (*link) {
		parent = *link;
		if (entry->key < run_entry_of(parent)->key)
			link = &parent->left;
		else
			link = &parent->right;
	}
	rb_insert(&order->tree, &entry->node, parent, link);
	entry->in_row = false;
	if (!order->lowest || entry->key < order->lowest->key)
		order->lowest = entry;
}

void run_order_remove_tree(struct run_order *order, struct run_entry *entry)
{
	if (order->lowest == entry)
		order->lowest = run_entry_of(rb_next(&entry->node));
	rb_erase(&order->tree, &entry->node);
}

struct run_entry *run_order_last(const struct run_order *order)
{
	struct run_entry *highest = run_entry_of(rb_last(&order->tree)), *back;

	if (list_empty(&order->row))
		return highest;
	back = list_entry(order->row.prev, struct run_entry, link);
	if (highest && highest->key > back->key)
		return highest;
	return back;
}

struct run_entry *run_order_next(const struct run_order *order, const struct run_entry *entry)
{
	const struct list *link = &order->row;

	if (!entry && order->lowest)
		return order->lowest;
	if (entry && !entry->in_row) {
		struct run_entry *next = run_entry_of(rb_next(&entry->node));

		if (next)
			return next;
	} else if (entry) {
		link = &entry->link;
	}
	if (link->next == &order->row)
		return NULL;
	return list_entry(link->next, struct run_entry, link);
}
