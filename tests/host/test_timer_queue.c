// SPDX-License-Identifier: MIT
/* kernel/time/queue.c: timers come out in the order of their deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
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

static void first_is_always_the_earliest(void **state)
{
	struct timer_queue queue = { 0 };
	struct timer_base *pending = (void *)timers;

	(void)state;
	srand(4);
	for (u32 count = 0; count < 20000; count++) {
		struct timer *timer = &timers[rand() % N], *first = earliest();

		if (timer->base) {
			timer_queue_remove(&queue, timer);
			timer->base = NULL;
		} else {
			bool is_first;

			timer->deadline_ns = rand() % 1000;
			is_first = timer_queue_add(&queue, timer);
			timer->base = pending;
			assert_int_equal(is_first,
					 !first || timer->deadline_ns < first->deadline_ns);
		}
		first = earliest();
		assert_true(!first == !queue.first);
		if (first)
			assert_int_equal(queue.first->deadline_ns, first->deadline_ns);
		assert_true(rb_check(&queue.tree) >= 0);
	}
}

static void equal_deadlines_fire_in_the_order_of_starting(void **state)
{
	struct timer_queue queue = { 0 };

	(void)state;
	for (u32 i = 0; i < N; i++) {
		if (i % 3 == 2)
			timers[i].deadline_ns = TIME_NEVER;
		else
			timers[i].deadline_ns = 7 - i % 3;
		timer_queue_add(&queue, &timers[i]);
	}
	static const u32 starts[] = { 1, 0, 2 };

	for (u32 pass = 0; pass < 3; pass++)
		for (u32 i = starts[pass]; i < N; i += 3) {
			assert_ptr_equal(queue.first, &timers[i]);
			timer_queue_remove(&queue, queue.first);
		}
	assert_null(queue.first);
	assert_true(rb_empty(&queue.tree));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_is_always_the_earliest),
		cmocka_unit_test(equal_deadlines_fire_in_the_order_of_starting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
