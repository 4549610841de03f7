// SPDX-License-Identifier: MIT
/* mm/heap.c: kmalloc and object caches, on pages of the test's own (heap_model.h). */
#include "heap_model.h"

/* What magazines keep: 15 objects of each processor and cache, each in a page of its own at worst, and an empty page. */
#define KEPT_PAGES(caches) ((caches) * (15 * CPUS + 1))

static struct kmem_cache *small, *wide;

static int set_up(void **state)
{
	srandom(1);
	start_heap();
	small = kmem_cache_create("small", 40, 8);
	wide = kmem_cache_create("wide", 200, 64);
	if (small && wide)
		return 0;
	return -1;
}

static void sizes_fit_and_are_aligned(void **state)
{
	u32 last = 0;

	for (u32 size = 0; size <= 2048; size++) {
		void *memory = take(NULL, size);
		u32 usable = kmalloc_usable(memory);

		assert_true(usable >= size && usable >= last);
		assert_true(usable <= MAX(size + 16, size * 8 / 5));
		if (size >= 16 && !(size & (size - 1)))
			assert_int_equal((u64)memory % size, 0);
		last = usable;
	}
	give_all();
}

static void large_sizes_are_whole_pages(void **state)
{
	for (u32 order = 0; order <= 8; order++)
		for (u32 less = 0; less <= 1; less++) {
			u32 size = (PAGE_SIZE << order) - less, before = pages_out;
			void *memory = take(NULL, size);

			assert_non_null(memory);
			assert_int_equal((u64)memory % PAGE_SIZE, 0);
			assert_int_equal(kmalloc_usable(memory), PAGE_SIZE << order);
			assert_int_equal(pages_out - before, 1u << order);
			assert_int_equal(slab_account, pages_out);
			give(nr_live - 1);
			assert_int_equal(pages_out, before);
		}
	assert_null(kmalloc((PAGE_SIZE << 10) + 1));
	assert_null(kmalloc(~0ull));
	assert_null(kmalloc(~0ull - PAGE_SIZE));
	assert_null(kcalloc(1ull << 33, 1ull << 31));
	assert_null(kcalloc(~0ull / 24 + 2, 24));
}

static void what_is_zeroed_is_zero(void **state)
{
	static const u8 zero[3 * PAGE_SIZE];

	for (u32 size = 1; size < sizeof(zero); size = size * 5 / 4 + 1) {
		u8 *bytes = kzalloc(size), *other = kcalloc(size, 1);

		assert_memory_equal(bytes, zero, size);
		assert_memory_equal(other, zero, size);
		memset(bytes, 0xff, size);
		memset(other, 0xff, size);
		kfree(bytes);
		kfree(other);
	}
	void *object = kmem_cache_zalloc(wide);

	assert_memory_equal(object, zero, 200);
	kmem_cache_free(wide, object);
	kfree(NULL);
}

static void cache_objects_are_aligned(void **state)
{
	for (u32 i = 0; i < 100; i++) {
		assert_int_equal((u64)take(wide, 200) % 64, 0);
		assert_int_equal((u64)take(small, 40) % 8, 0);
	}
	give_all();
}

static void agrees_with_the_model(void **state)
{
	u32 before;

	churn(small, 40, wide, 200);
	assert_true(pages_out <=
		    KEPT_PAGES(16) + 3); /* and the magazines of the other processors */
	before = pages_out;
	churn(small, 40, wide, 200);
	assert_true(pages_out <= before + KEPT_PAGES(16));
}

static void pages_go_back_when_empty(void **state)
{
	struct kmem_cache *fresh = kmem_cache_create("fresh", 40, 8);
	u32 before = pages_out, per_page = PAGE_SIZE / 48;

	become(0);
	for (u32 i = 0; i < 200 * per_page; i++)
		take(fresh, 40);
	assert_in_range(pages_out, before + 200,
			before + 201); /* nothing is wasted; some are in the magazine */
	while (nr_live)
		give(nr_live - 1);
	assert_true(pages_out <= before + 2 + 15);
}

static void freed_objects_are_used_again(void **state)
{
	u32 most;

	become(0);
	for (u32 i = 0; i < 8000; i++)
		take(small, 40);
	most = pages_out;
	for (u32 round = 0; round < 3; round++) {
		for (u32 i = 0; i < 4000; i++)
			give(below(nr_live));
		for (u32 i = 0; i < 4000; i++)
			take(small, 40);
		assert_true(pages_out <= most + 1);
	}
	give_all();
}

static void objects_wander_between_processors(void **state)
{
	u32 most = 0;

	for (u32 round = 0; round < 200;
	     round++) { /* one allocates, another frees: nothing piles up */
		become(round % CPUS);
		for (u32 i = 0; i < 100; i++)
			take(small, 40);
		become((round + 1) % CPUS);
		while (nr_live)
			give(0);
		if (round == 20)
			most = pages_out;
	}
	assert_true(pages_out <= most + 4);
	become(0);
}

static void exhaustion_is_an_error(void **state)
{
	u32 count;

	become(0);
	pages_limit = pages_out + 50;
	for (u32 size = 24; size <= 3 * PAGE_SIZE; size = size * 7 / 4) {
		for (count = 0; take(NULL, size); count++)
			;
		assert_null(kmalloc(size));
		assert_null(kzalloc(size));
		assert_int_equal(slab_account, pages_out);
		if (count) {
			give(nr_live - 1);
			assert_non_null(take(NULL, size));
		}
		give_all();
	}
	pages_limit = POOL_PAGES;
}

static void a_failure_changes_nothing(void **state)
{
	char *bytes = kmalloc(100), *other;
	u32 before = pages_out;

	memset(bytes, 'x', 100);
	fault_armed = true;
	assert_null(kmalloc(20));
	assert_null(kmalloc(2 * PAGE_SIZE));
	assert_null(kmem_cache_alloc(small));
	assert_null(kmem_cache_zalloc(small));
	assert_null(kstrdup("text"));
	other = krealloc(bytes, 5000);
	fault_armed = false;
	assert_null(other);
	for (u32 i = 0; i < 100; i++) /* still there, and ours */
		assert_int_equal(bytes[i], 'x');
	assert_int_equal(pages_out, before);
	kfree(bytes);
}

static void realloc_keeps_what_was_there(void **state)
{
	u32 have = 0, before = pages_out;
	u8 *bytes = NULL;

	for (u32 i = 0; i < 3000; i++) {
		u32 size = random_size() + 1;
		u8 *other = krealloc(bytes, size);

		assert_non_null(other);
		assert_true(kmalloc_usable(other) >= size);
		for (u32 round = 0; round < MIN(have, size); round++)
			assert_int_equal(other[round], (u8)(round * 7 + have));
		bytes = other;
		have = size;
		for (u32 round = 0; round < size; round++)
			bytes[round] = round * 7 + have;
	}
	kfree(bytes);
	assert_true(pages_out <= before + KEPT_PAGES(1));
	char *s = kstrdup("abc");

	assert_string_equal(s, "abc");
	kfree(s);
}

static void free_it(void *memory)
{
	kfree(memory);
}

static void what_is_no_object_is_not_freed(void **state)
{
	struct page *page = page_alloc(0);

	assert_true(panics(free_it, page_address(page), "not allocated"));
	page_free(page);
	void *large = kmalloc(3 * PAGE_SIZE);

	kfree(large);
	assert_true(panics(free_it, large, "not allocated"));
}

static void caches_come_to_an_end(void **state)
{
	u32 count = 0;

	while (kmem_cache_create("more", 16, 8))
		count++;
	assert_in_range(count, 60, 96);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_fit_and_are_aligned),
		cmocka_unit_test(large_sizes_are_whole_pages),
		cmocka_unit_test(what_is_zeroed_is_zero),
		cmocka_unit_test(cache_objects_are_aligned),
		cmocka_unit_test(agrees_with_the_model),
		cmocka_unit_test(pages_go_back_when_empty),
		cmocka_unit_test(freed_objects_are_used_again),
		cmocka_unit_test(objects_wander_between_processors),
		cmocka_unit_test(exhaustion_is_an_error),
		cmocka_unit_test(a_failure_changes_nothing),
		cmocka_unit_test(realloc_keeps_what_was_there),
		cmocka_unit_test(what_is_no_object_is_not_freed),
		cmocka_unit_test(caches_come_to_an_end),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
