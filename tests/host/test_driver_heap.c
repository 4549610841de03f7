// SPDX-License-Identifier: MIT
/* mm/driver_heap.c, as in a kernel without CONFIG_DEBUG_HEAP. */
#include "driver_heap_model.h"

/* What is written to freed objects, and behind live ones, leads nobody astray. */
static void free_memory_may_be_overwritten(void **state)
{
	u32 before = pages_out;
	u8 *freed[100];

	for (u32 round = 0; round < 50; round++) {
		for (u32 i = 0; i < ARRAY_SIZE(freed); i++)
			freed[i] = driver_heap_alloc(&heaps[0], 32 + i, owners[0]);
		for (u32 i = 0; i < ARRAY_SIZE(freed); i++) {
			assert_int_equal(driver_heap_free(&heaps[0], freed[i], owners[0]), 32 + i);
			if (page_out[((u64)freed[i] - (u64)page_at(0)) / PAGE_SIZE])
				memset(freed[i], (int)below(256), 32);
		}
		for (u32 i = 0; i < 200; i++)
			assert_true(object_take(any_size()));
		objects_give_all();
	}
	heaps_are_empty(before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agrees_with_the_model),
		cmocka_unit_test(an_owner_is_released_alone),
		cmocka_unit_test(two_owners_are_released_at_the_same_time),
		cmocka_unit_test(without_memory_there_is_none),
		cmocka_unit_test(free_memory_may_be_overwritten),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
