// SPDX-License-Identifier: MIT
/* mm/driver_heap.c with CONFIG_DEBUG_HEAP: what a driver writes where it may not is found out. */
#include "driver_heap_model.h"

static void free_it(void *object)
{
	driver_heap_free(&heaps[0], object, owners[0]);
}

static void alloc_one(void *size)
{
	driver_heap_alloc(&heaps[0], (u32)(u64)size, owners[0]);
}

static void a_write_behind_the_end_is_found(void **state)
{
	u8 *object = driver_heap_alloc(&heaps[0], 100, owners[0]);

	object[100] = 0;
	assert_true(panics(free_it, object, "written past its"));
}

static void a_write_after_free_is_found(void **state)
{
	u8 *object = driver_heap_alloc(&heaps[0], 300, owners[0]);

	free_it(object);
	object[20] = 1;
	assert_true(panics(alloc_one, (void *)300, "after it was freed"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_model),
		cmocka_unit_test(an_owner_is_released_alone),
		cmocka_unit_test(two_owners_are_released_at_the_same_time),
		cmocka_unit_test(without_memory_there_is_none),
		cmocka_unit_test(a_write_behind_the_end_is_found),
		cmocka_unit_test(a_write_after_free_is_found),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
