/* SPDX-License-Identifier: MIT */
/**
 * @file queue.h  Timers that wait for their deadlines. Pure; the caller locks.
 *
 * The caller may raise the deadline of a timer that waits, and need not tell the queue.
 */
#pragma once
#include <kernel/bitmap.h>
#include <kernel/time.h>

#define QUEUE_SLOTS 256 /* 16 levels of 16 */

struct timer_slot {
	struct list timers;
	u64 earliest_ns; /* none of its timers is due earlier */
};

/** All zero: empty. */
struct timer_queue {
	u64 reference_ns; /* not later than now */
	u32 unsorted_end; /* timers of slots below it belong to the last slot */
	/* Which slots have timers; others are not initialised. */
	u64 used[BITMAP_WORDS(QUEUE_SLOTS + 1)];
	struct timer_slot slots[QUEUE_SLOTS + 1]; /* the last: timers that are being sorted */
};

/** Constant time. */
void timer_queue_add(struct timer_queue *queue, struct timer *timer);
/** Constant time. */
void timer_queue_remove(struct timer_queue *queue, struct timer *timer);
/**
 * @brief When to call timer_queue_take() next. @return TIME_NEVER: there is no timer. After timers were
 * removed or postponed, or with many that are due soon after each other, it may be before the earliest deadline.
 */
u64 timer_queue_next(const struct timer_queue *queue);
/**
 * @brief Remove the timer that is due first; among equal deadlines, the one that was added first.
 * To be called while timer_queue_next() is not later than @p now_ns. Constant time.
 * @return NULL: none in this step
 */
struct timer *timer_queue_take(struct timer_queue *queue, u64 now_ns);
