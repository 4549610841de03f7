// SPDX-License-Identifier: MIT
/* kernel/run_order.c: threads come out in the order of their keys, however they went in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <kernel/run_order.h>

#define N 64

struct waiting {
	struct run_entry run;
	bool inside;
	u32 seen;
};
static struct waiting items[N];
static struct run_order order;

static struct waiting *waiting_of(struct run_entry *entry)
{
	return container_of(entry, struct waiting, run);
}

/* First, last and the walk over all against a search through the array. */
static void check(void)
{
	const struct waiting *first = NULL, *last = NULL;
	struct run_entry *entry = NULL;
	u32 inside = 0, walked = 0;

	for (u32 i = 0; i < N; i++) {
		items[i].seen = 0;
		if (!items[i].inside)
			continue;
		inside++;
		if (!first || items[i].run.key < first->run.key)
			first = &items[i];
		if (!last || items[i].run.key > last->run.key)
			last = &items[i];
	}
	assert_int_equal(!run_order_first(&order), !first);
	assert_int_equal(!run_order_last(&order), !last);
	if (first)
		assert_int_equal(run_order_first(&order)->key, first->run.key);
	if (last)
		assert_int_equal(run_order_last(&order)->key, last->run.key);
	while ((entry = run_order_next(&order, entry))) {
		assert_true(waiting_of(entry)->inside);
		assert_int_equal(waiting_of(entry)->seen++, 0);
		walked++;
	}
	assert_int_equal(walked, inside);
	assert_true(rb_check(&order.tree) >= 0);
}

static void add(struct waiting *item, u64 key)
{
	item->run.key = key;
	item->inside = true;
	run_order_add(&order, &item->run);
}

static void take(struct waiting *item)
{
	run_order_remove(&order, &item->run);
	item->inside = false;
}

static void take_first(void)
{
	u64 key = run_order_first(&order)->key;
	struct waiting *item = waiting_of(run_order_take(&order));

	assert_true(item->inside);
	assert_int_equal(item->run.key, key);
	item->inside = false;
}

static void any_order_in_is_sorted_out(void **state)
{
	for (u32 seed = 0; seed < 40; seed++) {
		u64 range = seed % 2 ? 10 : 1000000;

		srand(seed);
		run_order_init(&order);
		for (u32 i = 0; i < N; i++)
			items[i].inside = false;
		for (u32 step = 0; step < 2000; step++) {
			struct waiting *item = &items[rand() % N];

			if (item->inside && rand() % 2)
				take(item);
			else if (item->inside)
				take_first();
			else
				add(item, step + rand() % range);
			check();
		}
	}
}

/* Threads that yield in turn never need the tree. */
static void a_row_stays_a_row(void **state)
{
	run_order_init(&order);
	for (u32 i = 0; i < N; i++)
		add(&items[i], i);
	for (u32 turn = 0; turn < 10 * N; turn++) {
		struct waiting *item = waiting_of(run_order_take(&order));

		assert_ptr_equal(item, &items[turn % N]);
		add(item, run_order_last(&order)->key + turn % 2);
		assert_true(rb_empty(&order.tree));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order_in_is_sorted_out),
		cmocka_unit_test(a_row_stays_a_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
