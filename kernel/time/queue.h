/* SPDX-License-Identifier: MIT */
/** @file queue.h  Timers in the order of their deadlines. Pure; the caller locks. */
#pragma once
#include <kernel/time.h>

struct timer_queue {
	struct rb_root tree;
	struct timer *first; /* the earliest, NULL: empty */
};

/** Among equal deadlines, the one that was added first is first. @return true when @p timer is the earliest now */
bool timer_queue_add(struct timer_queue *queue, struct timer *timer);
void timer_queue_remove(struct timer_queue *queue, struct timer *timer);
