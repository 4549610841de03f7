/* SPDX-License-Identifier: MIT */
/* kernel/process/pid_map.c: every number once, in rising order, none reused at once; processors side by side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../kernel/process/pid_map.h"

#define NR_CPUS	   4
#define BLOCK_SIZE 64

static struct pid_map map;
static struct pid_block blocks[NR_CPUS];

static void start_empty(void)
{
	pid_map_init(&map);
	memset(blocks, 0, sizeof(blocks));
}

/* As a processor does. */
static int allocate(int cpu)
{
	int nr = (int)pid_block_alloc(&map, &blocks[cpu]);

	return nr ? nr : pid_map_alloc(&map, &blocks[cpu]);
}

static void hands_out_rising_numbers_from_one(void **state)
{
	start_empty();
	for (int i = 1; i < 1000; i++)
		assert_int_equal(allocate(0), i);
}

static void does_not_reuse_a_number_just_given_back(void **state)
{
	start_empty();
	int a = allocate(0);

	pid_map_free(&map, a);
	assert_int_not_equal(allocate(0), a);
}

static void wraps_above_the_reserved_numbers(void **state)
{
	start_empty();
	map.next = PID_LIMIT - 1;
	assert_int_equal(allocate(0), PID_LIMIT - 1);
	assert_int_equal(allocate(0), PID_RESERVED);
}

static void fills_up_exactly_and_then_fails(void **state)
{
	int count = 0, result;

	start_empty();
	while ((result = allocate(0)) > 0)
		count++;
	assert_int_equal(result, -EAGAIN);
	assert_int_equal(count, PID_LIMIT - 1);
	pid_map_free(&map, 20000);
	assert_int_equal(allocate(0), 20000);
	assert_int_equal(allocate(0), -EAGAIN);
	/* Low numbers are not handed out after a wrap. */
	pid_map_free(&map, 5);
	assert_int_equal(allocate(0), -EAGAIN);
}

static void obeys_a_lower_maximum(void **state)
{
	int count = 0;

	start_empty();
	map.max = 400;
	while (allocate(0) > 0)
		count++;
	assert_int_equal(count, 399);
	assert_int_equal(pid_map_take(&map, 400), -EINVAL);
}

static void takes_a_certain_number(void **state)
{
	start_empty();
	assert_int_equal(pid_map_take(&map, 0), -EINVAL);
	assert_int_equal(pid_map_take(&map, PID_LIMIT), -EINVAL);
	assert_int_equal(pid_map_take(&map, 2), 0);
	assert_int_equal(pid_map_take(&map, 2), -EEXIST);
	assert_int_equal(allocate(0), 1);
	assert_int_equal(allocate(0), 3);
}

static void finds_the_next_taken_number(void **state)
{
	start_empty();
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

/* Numbers that are freed at once: all others come before one of them again. */
static void reuses_late(void **state)
{
	start_empty();
	for (int round = 0; round < 3; round++)
		for (int i = round ? PID_RESERVED : 1; i < (int)PID_LIMIT; i++) {
			assert_int_equal(allocate(0), i);
			pid_map_free(&map, i);
		}
}

static int blocks_walked(void)
{
	int count = 0;

	for (unsigned i = 0; i < PID_BLOCKS / 64; i++)
		count += __builtin_popcountll(map.used[i]);
	return count;
}

/* A walk costs what is taken, not what was: numbers freed soon, and those freed much later. */
static void walks_pass_over_what_was_freed(void **state)
{
	const int long_lived = 20 * BLOCK_SIZE + 7;

	start_empty();
	for (int i = 1; i < (int)PID_LIMIT; i++) {
		assert_int_equal(allocate(0), i);
		if (i != long_lived)
			pid_map_free(&map, i);
	}
	assert_in_range(blocks_walked(), 2, 5);
	assert_int_equal(pid_map_next(&map, 0), long_lived);
	assert_int_equal(pid_map_next(&map, long_lived + 1), -1);
	pid_map_free(&map, long_lived);
	for (int i = PID_RESERVED; i < 2 * BLOCK_SIZE + (int)PID_RESERVED; i++)
		pid_map_free(&map, allocate(0));
	assert_in_range(blocks_walked(), 1, 5);
	assert_int_equal(map.used[0] >> 20 & 1, 0);
	assert_int_equal(pid_map_next(&map, 0), -1);
}

static void processors_have_blocks_of_their_own(void **state)
{
	int owner[PID_LIMIT / BLOCK_SIZE];

	start_empty();
	memset(owner, -1, sizeof(owner));
	for (int i = 0; i < 20000; i++) {
		int cpu = i % NR_CPUS, nr = allocate(cpu), *block = &owner[nr / BLOCK_SIZE];

		assert_true(nr > 0);
		if (*block < 0)
			*block = cpu;
		assert_int_equal(*block, cpu);
	}
}

static void processors_take_each_number_once(void **state)
{
	static uint8_t taken[PID_LIMIT];
	int count = 0, nr;

	start_empty();
	memset(taken, 0, sizeof(taken));
	for (int i = 0; i < NR_CPUS; i++)
		assert_true(allocate(i) > 0);
	/* The first has all but what is below PID_RESERVED in the blocks of others. */
	while ((nr = allocate(0)) > 0) {
		assert_false(taken[nr]++);
		count++;
	}
	assert_int_equal(count, PID_LIMIT - 1 - NR_CPUS - (NR_CPUS - 1) * (BLOCK_SIZE - 1));
	for (int i = 1; i < NR_CPUS; i++)
		while ((nr = (int)pid_block_alloc(&map, &blocks[i])) > 0) {
			assert_false(taken[nr]++);
			count++;
		}
	assert_int_equal(count, PID_LIMIT - 1 - NR_CPUS);
}

/* Against a plain array, at random. */
static void agrees_with_a_simple_model(void **state)
{
	static uint8_t taken[PID_LIMIT];
	uint32_t count = 0;

	memset(taken, 0, sizeof(taken));
	srand(1);
	start_empty();
	map.max = 5000;
	for (int i = 0; i < 200000; i++) {
		uint32_t nr = 1 + rand() % 4999;

		if (rand() % 3) {
			int result = allocate(rand() % NR_CPUS);

			if (result > 0) {
				assert_in_range(result, 1, 4999);
				assert_false(taken[result]);
				taken[result] = 1;
				count++;
			} else {
				assert_true(count >= 4999 - PID_RESERVED);
			}
		} else if (taken[nr]) {
			pid_map_free(&map, nr);
			taken[nr] = 0;
			count--;
		}
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
		cmocka_unit_test(reuses_late),
		cmocka_unit_test(walks_pass_over_what_was_freed),
		cmocka_unit_test(processors_have_blocks_of_their_own),
		cmocka_unit_test(processors_take_each_number_once),
		cmocka_unit_test(agrees_with_a_simple_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
