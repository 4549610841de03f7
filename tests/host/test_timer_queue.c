// SPDX-License-Identifier: MIT
/* kernel/time/queue.c: timers come out in the order of their deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../kernel/time/queue.h"

#define N 500
static struct timer timers[N];

static struct timer *earliest(void)
{
	struct timer *best = NULL;

	for (u32 i = 0; i < N; i++)
		if (timers[i].base && (!best || timers[i].deadline_ns < best->deadline_ns))
			best = &timers[i];
	return best;
}

/* @return the first that is due, NULL: none is */
static struct timer *take(struct timer_queue *queue, u64 now_ns)
{
	struct timer *timer = NULL;

	while (!timer && timer_queue_next(queue) <= now_ns && timer_queue_next(queue) != TIME_NEVER)
		timer = timer_queue_take(queue, now_ns);
	return timer;
}

static u64 any_distance(void)
{
	return (u64)rand() * rand() >> rand() % 60;
}

static void add(struct timer_queue *queue, struct timer *timer, u64 deadline_ns)
{
	timer->deadline_ns = deadline_ns;
	timer->base = (void *)timers;
	timer_queue_add(queue, timer);
}

static void take_all_due(struct timer_queue *queue, u64 now)
{
	u64 last = 0;

	for (struct timer *timer; (timer = take(queue, now)); timer->base = NULL) {
		assert_ptr_equal(timer->base, timers);
		assert_true(timer->deadline_ns <= now);
		assert_true(timer->deadline_ns >= last);
		last = timer->deadline_ns;
	}
}

/* With steps of all lengths, and timers that are postponed; all timers that are due come out, in order, and no others. */
static void timers_come_out_in_order_once_they_are_due(void **state)
{
	static struct timer_queue queue;
	u64 now = 5;

	(void)state;
	srand(4);
	memset(&queue, 0, sizeof(queue));
	memset(timers, 0, sizeof(timers));
	for (u32 count = 0; count < 200000; count++) {
		struct timer *timer = &timers[rand() % N];

		if (timer->base && rand() % 3) {
			timer->deadline_ns += any_distance();
		} else if (timer->base) {
			timer_queue_remove(&queue, timer);
			timer->base = NULL;
		}
		if (!timer->base && rand() % 4)
			add(&queue, timer, now + any_distance());
		timer = earliest();
		if (timer)
			assert_true(timer_queue_next(&queue) <= timer->deadline_ns);
		else
			assert_true(timer_queue_next(&queue) == TIME_NEVER);
		if (rand() % 64)
			continue;
		now += any_distance() % 100000000;
		take_all_due(&queue, now);
		timer = earliest();
		assert_true(!timer || timer->deadline_ns > now);
	}
}

/* Those of a past that the queue's reference has left behind, too. */
static void overdue_timers_come_out(void **state)
{
	static struct timer_queue queue;

	(void)state;
	memset(&queue, 0, sizeof(queue));
	add(&queue, &timers[0], 1000000);
	assert_ptr_equal(take(&queue, 1000000), &timers[0]);
	add(&queue, &timers[1], 999);
	add(&queue, &timers[2], 1000003);
	add(&queue, &timers[3], 0);
	assert_ptr_equal(take(&queue, 1000001), &timers[1]);
	assert_ptr_equal(take(&queue, 1000001), &timers[3]);
	assert_null(take(&queue, 1000001));
	assert_ptr_equal(take(&queue, 1000003), &timers[2]);
}

/* Also of those that are removed or added while their slot is being sorted. */
static void a_slot_that_is_being_sorted_may_change(void **state)
{
	static struct timer_queue queue;
	const u64 when = 0x123456789;

	(void)state;
	memset(&queue, 0, sizeof(queue));
	for (u32 i = 0; i < 200; i++)
		add(&queue, &timers[i], when + (i < 100 ? 0 : 1));
	assert_null(timer_queue_take(&queue, when));
	assert_null(timer_queue_take(&queue, when));
	add(&queue, &timers[200], when);
	timer_queue_remove(&queue, &timers[0]);
	timer_queue_remove(&queue, &timers[99]);
	for (u32 i = 1; i < 99; i++)
		assert_ptr_equal(take(&queue, when), &timers[i]);
	assert_ptr_equal(take(&queue, when), &timers[200]);
	assert_null(take(&queue, when));
	for (u32 i = 100; i < 200; i++)
		timer_queue_remove(&queue, &timers[i]);
	assert_true(timer_queue_next(&queue) == TIME_NEVER);

	for (u32 i = 0; i < 100; i++)
		add(&queue, &timers[i], 2 * when + i % 2);
	assert_null(timer_queue_take(&queue, 2 * when));
	for (u32 i = 0; i < 100; i++)
		timer_queue_remove(&queue, &timers[i]);
	add(&queue, &timers[0], 2 * when + 9);
	assert_null(take(&queue, 2 * when + 8));
	assert_ptr_equal(take(&queue, 2 * when + 9), &timers[0]);
}

static void equal_deadlines_fire_in_the_order_of_starting(void **state)
{
	static struct timer_queue queue;

	(void)state;
	memset(&queue, 0, sizeof(queue));
	for (u32 i = 0; i < N; i++)
		add(&queue, &timers[i], i % 3 == 2 ? 1ull << 60 : 7 - i % 3);
	static const u32 starts[] = { 1, 0, 2 };

	for (u32 pass = 0; pass < 3; pass++)
		for (u32 i = starts[pass]; i < N; i += 3)
			assert_ptr_equal(take(&queue, 1ull << 60), &timers[i]);
	assert_true(timer_queue_next(&queue) == TIME_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_come_out_in_order_once_they_are_due),
		cmocka_unit_test(overdue_timers_come_out),
		cmocka_unit_test(a_slot_that_is_being_sorted_may_change),
		cmocka_unit_test(equal_deadlines_fire_in_the_order_of_starting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
