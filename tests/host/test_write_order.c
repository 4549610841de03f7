// SPDX-License-Identifier: MIT
/* The order of sectors (fs/driver/order.c): ranks rise along what was stated, and circles are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "../../fs/driver/order.h"

void *kzalloc(size_t size)
{
	return calloc(1, size);
}

void kfree(const void *memory)
{
	free((void *)memory);
}

static void test_ranks_rise(void **state)
{
	struct order order = { .all = NULL };

	assert_int_equal(order_rank(&order, 5), 0);
	assert_int_equal(order_add(&order, 2, 1, 1), 0);
	assert_int_equal(order_add(&order, 3, 2, 1), 0);
	assert_int_equal(order_add(&order, 3, 2, 1), 0);
	assert_int_equal(order_add(&order, 1, 9, 1), 0); /* raises the two behind it */
	assert_int_equal(order_rank(&order, 9), 0);
	assert_int_equal(order_rank(&order, 1), 1);
	assert_int_equal(order_rank(&order, 2), 2);
	assert_int_equal(order_rank(&order, 3), 3);
	assert_int_equal(order_add(&order, 7, 7, 1), 0);
	order_clear(&order);
	assert_int_equal(order_rank(&order, 3), 0);
}

static void test_circles_are_refused(void **state)
{
	struct order order = { .all = NULL };

	assert_int_equal(order_add(&order, 2, 1, 1), 0);
	assert_int_equal(order_add(&order, 3, 2, 1), 0);
	assert_int_equal(order_add(&order, 1, 3, 1), -11);
	assert_int_equal(order_add(&order, 2, 3, 1), -11);
	assert_int_equal(order_add(&order, 4, 3, 1), 0);
	assert_true(order_rank(&order, 4) > order_rank(&order, 3));
	order_clear(&order);
}

static void test_chains_are_bounded(void **state)
{
	struct order order = { .all = NULL };
	int err = 0;

	for (uint64_t i = 0; i <= ORDER_RANKS && !err; i++)
		err = order_add(&order, i + 1, i, 1);
	assert_int_equal(err, -11);
	order_clear(&order);
}

/* Whatever is accepted, each later sector has a higher rank. */
static void test_any_order_holds(void **state)
{
	for (unsigned seed = 1; seed < 200; seed++) {
		struct order order = { .all = NULL };
		uint64_t stated[640][2];
		unsigned count = 0;

		srand(seed);
		for (unsigned i = 0; i < 64; i++) {
			uint64_t later = rand() % 24, earlier = rand() % 24;
			uint64_t length = 1 + rand() % 10 * (i % 2);

			if (order_add(&order, later, earlier, length))
				continue;
			for (uint64_t k = earlier; k < earlier + length; k++)
				if (k != later) {
					stated[count][0] = later;
					stated[count++][1] = k;
				}
		}
		for (unsigned i = 0; i < count; i++)
			assert_true(order_rank(&order, stated[i][0]) >
				    order_rank(&order, stated[i][1]));
		order_clear(&order);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranks_rise),
		cmocka_unit_test(test_circles_are_refused),
		cmocka_unit_test(test_chains_are_bounded),
		cmocka_unit_test(test_any_order_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
