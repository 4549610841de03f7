/* SPDX-License-Identifier: MIT */
/*
 * The timer queue: a wheel of 16 levels with 16 slots each, exact to the nanosecond.
 *
 * A timer's level is the highest hexadecimal digit in which its deadline differs from the
 * reference, a time that has passed; its slot within the level is that digit. So slots
 * with a higher number hold later deadlines only, and those of level 0 hold one deadline each.
 * Each slot tells the earliest deadline that it may hold. When that has come, it becomes the
 * reference, and the slot's timers move to lower levels; a timer that is alone in its slot
 * is taken at once. A timer moves 15 times at most, mostly never.
 *
 * Why not a tree: a user can have thousands of timers, and most are moved or cancelled
 * before they are due, for which a tree sorts them each time. Why not a heap or a
 * wheel that sorts a slot at once: all of this runs with interrupts off, so the worst case
 * counts. Here a step moves SORT_STEP timers at most, and the caller looks at its clock between
 * steps. Why not a wheel of coarse slots that never sorts: deadlines are exact.
 *
 * A timer that is postponed stays where it is: the slot's time comes early for it, and it moves
 * to its slot then. Most timers are postponed again and again, and never due.
 *
 * Timers that are added while a slot is being sorted wait behind those of the slot if they
 * belong to its levels, so that equal deadlines keep their order.
 */
#include "queue.h"

#define DIGIT_BITS    4
#define DIGIT_MASK    15u
#define SORT_STEP     32
#define SLOT_UNSORTED QUEUE_SLOTS

static u32 queue_slot_of(const struct timer_queue *queue, u64 deadline_ns)
{
	u32 shift;

	if (deadline_ns <= queue->reference_ns)
		return queue->reference_ns & DIGIT_MASK;
	shift = 63 - __builtin_clzll(deadline_ns ^ queue->reference_ns);
	shift -= shift % DIGIT_BITS;
	return shift / DIGIT_BITS * (DIGIT_MASK + 1) + (deadline_ns >> shift & DIGIT_MASK);
}

static void queue_put(struct timer_queue *queue, struct timer *timer, u32 number)
{
	struct timer_slot *slot = &queue->slots[number];

	if (!bitmap_test(queue->used, number)) {
		bitmap_set(queue->used, number);
		list_init(&slot->timers);
		slot->earliest_ns = timer->deadline_ns;
	} else if (timer->deadline_ns < slot->earliest_ns) {
		slot->earliest_ns = timer->deadline_ns;
	}
	list_add_tail(&timer->link, &slot->timers);
}

void timer_queue_add(struct timer_queue *queue, struct timer *timer)
{
	u32 number = queue_slot_of(queue, timer->deadline_ns);

	if (unlikely(number < queue->unsorted_end))
		number = SLOT_UNSORTED;
	queue_put(queue, timer, number);
}

void timer_queue_remove(struct timer_queue *queue, struct timer *timer)
{
	struct list *neighbour = timer->link.next;

	list_del(&timer->link);
	/* Its slot's then: it was alone. */
	if (list_empty(neighbour))
		bitmap_clear(queue->used,
			     list_entry(neighbour, struct timer_slot, timers) - queue->slots);
}

/* @return its number; QUEUE_SLOTS: none */
static u32 queue_first_slot(const struct timer_queue *queue)
{
	for (u32 word = 0; word < QUEUE_SLOTS / 64; word++)
		if (queue->used[word])
			return word * 64 + __builtin_ctzll(queue->used[word]);
	return QUEUE_SLOTS;
}

u64 timer_queue_next(const struct timer_queue *queue)
{
	u32 number;

	if (unlikely(bitmap_test(queue->used, SLOT_UNSORTED)))
		return queue->reference_ns;
	number = queue_first_slot(queue);
	if (number == QUEUE_SLOTS)
		return TIME_NEVER;
	return queue->slots[number].earliest_ns;
}

static void queue_sort_some(struct timer_queue *queue)
{
	for (u32 i = 0; i < SORT_STEP && bitmap_test(queue->used, SLOT_UNSORTED); i++) {
		struct timer *timer =
			list_first(&queue->slots[SLOT_UNSORTED].timers, struct timer, link);

		timer_queue_remove(queue, timer);
		queue_put(queue, timer, queue_slot_of(queue, timer->deadline_ns));
	}
	if (!bitmap_test(queue->used, SLOT_UNSORTED))
		queue->unsorted_end = 0;
}

/* Its timers are sorted by digits below that of its level from now on. */
static void queue_dissolve(struct timer_queue *queue, u32 number)
{
	struct timer_slot *slot = &queue->slots[number], *unsorted = &queue->slots[SLOT_UNSORTED];

	queue->reference_ns = slot->earliest_ns;
	queue->unsorted_end = number & ~DIGIT_MASK;
	unsorted->timers = slot->timers;
	unsorted->timers.next->prev = unsorted->timers.prev->next = &unsorted->timers;
	bitmap_clear(queue->used, number);
	bitmap_set(queue->used, SLOT_UNSORTED);
}

struct timer *timer_queue_take(struct timer_queue *queue, u64 now_ns)
{
	u32 number = queue_first_slot(queue);
	struct timer_slot *slot = &queue->slots[number];
	struct timer *timer;

	if (unlikely(bitmap_test(queue->used, SLOT_UNSORTED))) {
		queue_sort_some(queue);
		return NULL;
	}
	timer = list_first(&slot->timers, struct timer, link);
	if (number > DIGIT_MASK && timer->link.next != &slot->timers) {
		queue_dissolve(queue, number);
		return NULL;
	}
	if (unlikely(queue_slot_of(queue, timer->deadline_ns) != number)) { /* it was postponed */
		timer_queue_remove(queue, timer);
		timer_queue_add(queue, timer);
		return NULL;
	}
	if (timer->deadline_ns > now_ns) {
		slot->earliest_ns = timer->deadline_ns;
		return NULL;
	}
	queue->reference_ns = MAX(queue->reference_ns, timer->deadline_ns);
	timer_queue_remove(queue, timer);
	return timer;
}
