/* SPDX-License-Identifier: MIT */
/*
 * The timer queue: a red-black tree by deadline, with the earliest at hand.
 *
 * Why a tree: a user can have thousands of timers, and all of this runs with
 * interrupts off, so the worst case counts. A heap without parent links is
 * shorter on average but has operations that are linear in the number.
 */
#include "queue.h"

bool timer_queue_add(struct timer_queue *queue, struct timer *timer)
{
	struct rb_node *parent = NULL, **link = &queue->tree.node;
	bool earliest = true;

	while (*link) {
		parent = *link;
		if (timer->deadline_ns < rb_entry(parent, struct timer, node)->deadline_ns) {
			link = &parent->left;
		} else {
			link = &parent->right;
			earliest = false;
		}
	}
	rb_insert(&queue->tree, &timer->node, parent, link);
	if (earliest)
		queue->first = timer;
	return earliest;
}

void timer_queue_remove(struct timer_queue *queue, struct timer *timer)
{
	if (queue->first == timer) {
		struct rb_node *next = rb_next(&timer->node);

		if (next)
			queue->first = rb_entry(next, struct timer, node);
		else
			queue->first = NULL;
	}
	rb_erase(&queue->tree, &timer->node);
}
