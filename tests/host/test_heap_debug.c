// SPDX-License-Identifier: MIT
/* mm/heap.c with CONFIG_DEBUG_HEAP (heap_debug.c): what is done wrong is found, and nothing else. */
#include "heap_model.h"

static struct kmem_cache *small, *wide;

static int set_up(void **state)
{
	srandom(2);
	start_heap();
	small = kmem_cache_create("small", 40, 8);
	wide = kmem_cache_create("wide", 200, 64);
	if (small && wide)
		return 0;
	return -1;
}

static void correct_use_is_left_alone(void **state)
{
	s64 before = heap_debug_live();

	churn(small, 40, wide, 200);
	assert_int_equal(heap_debug_live(), before);
}

static void bytes_in_use_are_those_asked_for(void **state)
{
	static const u32 sizes[] = { 0, 1, 16, 17, 500, 2048, 5000 };
	s64 before = heap_debug_live();

	for (u32 i = 0; i < ARRAY_SIZE(sizes); i++) {
		void *memory = take(NULL, sizes[i]);

		assert_int_equal(heap_debug_live() - before, sizes[i]);
		assert_int_equal(kmalloc_usable(memory), sizes[i]);
		give_all();
		assert_int_equal(heap_debug_live(), before);
	}
}

static void powers_of_two_are_aligned_all_the_same(void **state)
{
	for (u32 size = 16; size <= 1024; size *= 2)
		for (u32 i = 0; i < 40; i++)
			assert_int_equal((u64)take(NULL, size) % size, 0);
	give_all();
}

static void free_it(void *memory)
{
	kfree(memory);
}
static void free_wide(void *memory)
{
	kmem_cache_free(wide, memory);
}

static void a_second_free_is_found(void **state)
{
	for (u32 size = 1; size <= 3 * PAGE_SIZE; size = size * 2 + 5) {
		void *memory = kmalloc(size);

		kfree(memory);
		assert_true(panics(free_it, memory, size <= 2000 ? "twice" : "not allocated"));
	}
}

static void a_byte_behind_the_end_is_found(void **state)
{
	for (u32 size = 1; size <= 3 * PAGE_SIZE; size = size * 4 / 3 + 1) {
		u8 *bytes = kmalloc(size), was;

		if (size % PAGE_SIZE == 0) { /* whole pages have no room behind them */
			kfree(bytes);
			continue;
		}
		was = bytes[size];
		bytes[size] = 0;
		assert_true(panics(free_it, bytes, "written past"));
		bytes[size] = was;
		kfree(bytes);
	}
}

static void what_is_no_beginning_is_not_freed(void **state)
{
	u8 *bytes = kmalloc(100), *other = kmalloc(2 * PAGE_SIZE),
	   *object = kmem_cache_alloc(small);

	assert_true(panics(free_it, bytes + 16, "not the start"));
	assert_true(panics(free_it, other + PAGE_SIZE, "not the start"));
	assert_true(panics(free_wide, object, "not an object of cache"));
	kfree(bytes);
	kfree(other);
	kmem_cache_free(small, object);
}

/* Until it is handed out again, anywhere in it. */
static void allocate_all(void *unused)
{
	for (u32 i = 0; i < 64; i++)
		take(wide, 200);
}

static void a_write_after_free_is_found(void **state)
{
	for (u32 offset = 16; offset < 200;
	     offset += 13) { /* before that may be the links of lists, which the heap writes */
		u8 *bytes = kmem_cache_alloc(wide), was;

		kmem_cache_free(wide, bytes);
		was = bytes[offset];
		bytes[offset] ^= 1;
		assert_true(panics(allocate_all, NULL, "after it was freed"));
		bytes[offset] = was;
		give_all();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(correct_use_is_left_alone),
		cmocka_unit_test(bytes_in_use_are_those_asked_for),
		cmocka_unit_test(powers_of_two_are_aligned_all_the_same),
		cmocka_unit_test(a_second_free_is_found),
		cmocka_unit_test(a_byte_behind_the_end_is_found),
		cmocka_unit_test(what_is_no_beginning_is_not_freed),
		cmocka_unit_test(a_write_after_free_is_found),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
