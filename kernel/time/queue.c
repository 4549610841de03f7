/* SPDX-License-Identifier: MIT */
/*
 * The timer queue: a red-black tree by deadline, with the earliest at hand.
 *
 * Why a tree: a user can have thousands of timers, and all of this runs with
 * interrupts off, so the worst case counts. A heap without parent links is
 * shorter on average but has operations that are linear in the number.
 */
#include "queue.h"

bool timer_queue_add(struct timer_queue *q, struct timer *t)
{
	struct rb_node *parent = NULL, **link = &q->tree.node;
	bool earliest = true;

	while (*link) {
		parent = *link;
		if (t->deadline_ns < rb_entry(parent, struct timer, node)->deadline_ns) {
			link = &parent->left;
		} else {
			link = &parent->right;
			earliest = false;
		}
	}
	rb_insert(&q->tree, &t->node, parent, link);
	if (earliest)
		q->first = t;
	return earliest;
}

void timer_queue_remove(struct timer_queue *q, struct timer *t)
{
	if (q->first == t) {
		struct rb_node *next = rb_next(&t->node);

		if (next)
			q->first = rb_entry(next, struct timer, node);
		else
			q->first = NULL;
	}
	rb_erase(&q->tree, &t->node);
}
