// SPDX-License-Identifier: MIT
/* kernel/handle.c, with generations of three bits: a slot has seven handles. */
#include "heap_model.h"
#include <kernel/handle.h>
#include <kernel/rcu.h>

#define GENERATIONS 7u
#define MANY	    40000u /* more than the first directory has space for */

static struct rcu_head *waiting;
static char object[MANY];
static u64 handles[MANY];

void call_rcu(struct rcu_head *head, void (*callback)(struct rcu_head *))
{
	head->fn = callback;
	head->next = waiting;
	waiting = head;
}

static int set_up(void **state)
{
	srandom(1);
	start_heap();
	return 0;
}

static void leads_to_its_object_and_kind(void **state)
{
	u64 handle = handle_create(object, 3);

	assert_true(handle);
	assert_ptr_equal(handle_find(handle, 3), object);
	assert_null(handle_find(handle, 4));
	assert_null(handle_find(handle + 1, 3));
	assert_null(handle_find(handle + (1ull << 32), 3));
	assert_null(handle_find(0, 3));
	assert_null(handle_find(~0ull, 3));
	handle_point(handle, NULL);
	assert_null(handle_find(handle, 3));
	handle_point(handle, object + 1);
	assert_ptr_equal(handle_find(handle, 3), object + 1);
	assert_int_equal(handles_in_use(), 1);
	handle_destroy(handle);
	assert_null(handle_find(handle, 3));
	assert_int_equal(handles_in_use(), 0);
	handle_destroy(0);
	handle_point(0, object);
}

static void is_never_used_twice(void **state)
{
	/* A slot that is free is the next to be used, until its generations are used up. */
	for (u32 i = 0; i < 20 * GENERATIONS; i++) {
		handles[i] = handle_create(object, 1);
		for (u32 j = 0; j < i; j++)
			assert_int_not_equal(handles[i], handles[j]);
		handle_destroy(handles[i]);
	}
	for (u32 i = 0; i < 20 * GENERATIONS; i++)
		assert_null(handle_find(handles[i], 1));
}

static void grows_as_long_as_there_is_memory(void **state)
{
	u32 count = 0;

	for (; count < MANY; count++) {
		handles[count] = handle_create(&object[count], count % 5);
		assert_true(handles[count]);
	}
	while (waiting) { /* directories of before; those that read one are done */
		struct rcu_head *next = waiting->next;

		waiting->fn(waiting);
		waiting = next;
	}
	for (u32 i = 0; i < MANY; i++)
		assert_ptr_equal(handle_find(handles[i], i % 5), &object[i]);
	assert_int_equal(handles_in_use(), MANY);
	for (u32 i = 0; i < MANY; i++)
		handle_destroy(handles[i]);
	assert_int_equal(handles_in_use(), 0);
}

static void without_memory_there_is_none(void **state)
{
	u32 count = 0;

	pages_limit = pages_out;
	while (count < MANY && (handles[count] = handle_create(object, 1)))
		count++;
	pages_limit = POOL_PAGES;
	for (u32 i = 0; i < count; i++)
		handle_destroy(handles[i]);
	assert_int_equal(handles_in_use(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leads_to_its_object_and_kind),
		cmocka_unit_test(is_never_used_twice),
		cmocka_unit_test(grows_as_long_as_there_is_memory),
		cmocka_unit_test(without_memory_there_is_none),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
