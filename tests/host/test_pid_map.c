/* SPDX-License-Identifier: MIT */
/* kernel/process/pid_map.c: every number once, in rising order, none reused at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../kernel/process/pid_map.h"

static struct pid_map map;

static void hands_out_rising_numbers_from_one(void **state)
{
	pid_map_init(&map);
	for (int i = 1; i < 1000; i++)
		assert_int_equal(pid_map_alloc(&map), i);
	assert_int_equal(map.count, 999);
}

static void does_not_reuse_a_number_just_given_back(void **state)
{
	pid_map_init(&map);
	int a = pid_map_alloc(&map);

	pid_map_free(&map, a);
	assert_int_not_equal(pid_map_alloc(&map), a);
}

static void wraps_above_the_reserved_numbers(void **state)
{
	pid_map_init(&map);
	map.last = PID_LIMIT - 2;
	assert_int_equal(pid_map_alloc(&map), PID_LIMIT - 1);
	assert_int_equal(pid_map_alloc(&map), PID_RESERVED);
}

static void fills_up_exactly_and_then_fails(void **state)
{
	int count = 0, result;

	pid_map_init(&map);
	while ((result = pid_map_alloc(&map)) > 0)
		count++;
	assert_int_equal(result, -EAGAIN);
	assert_int_equal(count, PID_LIMIT - 1);
	pid_map_free(&map, 20000);
	assert_int_equal(pid_map_alloc(&map), 20000);
	assert_int_equal(pid_map_alloc(&map), -EAGAIN);
	/* Low numbers are not handed out after a wrap. */
	pid_map_free(&map, 5);
	assert_int_equal(pid_map_alloc(&map), -EAGAIN);
}

static void obeys_a_lower_maximum(void **state)
{
	int count = 0;

	pid_map_init(&map);
	map.max = 400;
	while (pid_map_alloc(&map) > 0)
		count++;
	assert_int_equal(count, 399);
	assert_int_equal(pid_map_take(&map, 400), -EINVAL);
}

static void takes_a_certain_number(void **state)
{
	pid_map_init(&map);
	assert_int_equal(pid_map_take(&map, 0), -EINVAL);
	assert_int_equal(pid_map_take(&map, PID_LIMIT), -EINVAL);
	assert_int_equal(pid_map_take(&map, 2), 0);
	assert_int_equal(pid_map_take(&map, 2), -EEXIST);
	assert_int_equal(pid_map_alloc(&map), 1);
	assert_int_equal(pid_map_alloc(&map), 3);
}

static void finds_the_next_taken_number(void **state)
{
	pid_map_init(&map);
	assert_int_equal(pid_map_next(&map, 0), -1);
	assert_int_equal(pid_map_take(&map, 1), 0);
	assert_int_equal(pid_map_take(&map, 64), 0);
	assert_int_equal(pid_map_take(&map, PID_LIMIT - 1), 0);
	assert_int_equal(pid_map_next(&map, 0), 1);
	assert_int_equal(pid_map_next(&map, 2), 64);
	assert_int_equal(pid_map_next(&map, 64), 64);
	assert_int_equal(pid_map_next(&map, 65), PID_LIMIT - 1);
	assert_int_equal(pid_map_next(&map, PID_LIMIT), -1);
	assert_int_equal(pid_map_next(&map, UINT32_MAX), -1);
}

/* Against a plain array, at random. */
static void agrees_with_a_simple_model(void **state)
{
	static uint8_t taken[PID_LIMIT];
	uint32_t count = 0;

	memset(taken, 0, sizeof(taken));
	srand(1);
	pid_map_init(&map);
	map.max = 5000;
	for (int i = 0; i < 200000; i++) {
		uint32_t nr = 1 + rand() % 4999;

		if (rand() % 3) {
			int result = pid_map_alloc(&map);

			if (result > 0) {
				assert_false(taken[result]);
				taken[result] = 1;
				count++;
			}
		} else if (taken[nr]) {
			pid_map_free(&map, nr);
			taken[nr] = 0;
			count--;
		}
		assert_int_equal(map.count, count);
		if (i % 1000 == 0) {
			uint32_t offset = nr;

			while (offset < PID_LIMIT && !taken[offset])
				offset++;
			assert_int_equal(pid_map_next(&map, nr),
					 offset == PID_LIMIT ? -1 : (int)offset);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hands_out_rising_numbers_from_one),
		cmocka_unit_test(does_not_reuse_a_number_just_given_back),
		cmocka_unit_test(wraps_above_the_reserved_numbers),
		cmocka_unit_test(fills_up_exactly_and_then_fails),
		cmocka_unit_test(obeys_a_lower_maximum),
		cmocka_unit_test(takes_a_certain_number),
		cmocka_unit_test(finds_the_next_taken_number),
		cmocka_unit_test(agrees_with_a_simple_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
