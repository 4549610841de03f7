/* SPDX-License-Identifier: MIT */
/* lib/memmap.c: what becomes of the firmware's map, compared with a page-by-page model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <kernel/memmap.h>

#define PAGES 64
#define R(a, b, t)                                \
	{                                         \
		(a) * PAGE_SIZE, (b)*PAGE_SIZE, t \
	}

static void sorts_and_merges(void **state)
{
	struct mem_range range[] = { R(8, 16, MEM_RAM), R(0, 4, MEM_RAM), R(4, 8, MEM_RAM),
				     R(20, 24, MEM_RAM) },
			 out[8];

	assert_int_equal(memmap_ram(range, 4, out, 8), 2);
	assert_int_equal(out[0].start, 0);
	assert_int_equal(out[0].end, 16 * PAGE_SIZE);
	assert_int_equal(out[1].start, 20 * PAGE_SIZE);
}

static void reserved_beats_ram_wherever_it_stands(void **state)
{
	struct mem_range range[] = { R(4, 6, MEM_UNUSABLE), R(0, 10, MEM_RAM),
				     R(8, 12, MEM_ACPI_NVS) },
			 out[8];

	assert_int_equal(memmap_ram(range, 3, out, 8), 2);
	assert_int_equal(out[0].end, 4 * PAGE_SIZE);
	assert_int_equal(out[1].start, 6 * PAGE_SIZE);
	assert_int_equal(out[1].end, 8 * PAGE_SIZE);
}

static void partial_pages_are_not_ram(void **state)
{
	struct mem_range range[] = { { 100, 3 * PAGE_SIZE + 5, MEM_RAM },
				     { 2 * PAGE_SIZE + 7, 2 * PAGE_SIZE + 9, MEM_UNUSABLE } },
			 out[4];

	assert_int_equal(memmap_ram(range, 2, out, 4), 1);
	assert_int_equal(out[0].start, PAGE_SIZE);
	assert_int_equal(out[0].end, 2 * PAGE_SIZE);
}

static void empty_and_wrapping_entries_are_ignored(void **state)
{
	struct mem_range range[] = { R(4, 4, MEM_RAM),
				     { ~0ull - 10, 5, MEM_RAM },
				     R(3, 1, MEM_UNUSABLE),
				     { ~0ull - PAGE_SIZE, ~0ull, MEM_UNUSABLE },
				     R(1, 2, MEM_RAM) },
			 out[4];

	assert_int_equal(memmap_ram(range, 5, out, 4), 1);
	assert_int_equal(out[0].start, PAGE_SIZE);
}

static void contains_needs_one_range(void **state)
{
	struct mem_range range[] = { R(1, 4, MEM_RAM), R(4, 8, MEM_RAM) };

	assert_true(memmap_contains(range, 2, PAGE_SIZE, 4 * PAGE_SIZE));
	assert_false(memmap_contains(range, 2, 3 * PAGE_SIZE, 5 * PAGE_SIZE));
	assert_false(memmap_contains(range, 2, 0, PAGE_SIZE));
	assert_false(memmap_contains(range, 2, 3 * PAGE_SIZE, 2 * PAGE_SIZE));
}

static void check_against_model(const struct mem_range *range, u32 nr)
{
	struct mem_range out[PAGES];
	bool ram[PAGES] = { false }, got[PAGES] = { false };
	u32 count = memmap_ram(range, nr, out, PAGES);

	for (u32 i = 0; i < nr; i++)
		for (u64 page = range[i].start / PAGE_SIZE;
		     range[i].type == MEM_RAM && page < range[i].end / PAGE_SIZE; page++)
			ram[page] = true;
	for (u32 i = 0; i < nr; i++)
		for (u64 page = range[i].start / PAGE_SIZE;
		     range[i].type != MEM_RAM && page < range[i].end / PAGE_SIZE; page++)
			ram[page] = false;
	for (u32 i = 0; i < count; i++) {
		assert_true(out[i].start < out[i].end);
		assert_true(!i || out[i - 1].end <= out[i].start);
		for (u64 page = out[i].start / PAGE_SIZE; page < out[i].end / PAGE_SIZE; page++)
			got[page] = true;
	}
	assert_memory_equal(ram, got, sizeof(ram));
}

static void equals_a_page_by_page_model(void **state)
{
	srand(1);
	for (int round = 0; round < 20000; round++) {
		struct mem_range range[12];
		u32 nr = 1 + rand() % 12;

		for (u32 i = 0; i < nr; i++) {
			u64 a = rand() % PAGES, b = a + rand() % (PAGES - a + 1);

			range[i] = (struct mem_range)R(a, b, rand() % 3 ? MEM_RAM : MEM_UNUSABLE);
		}
		check_against_model(range, nr);
	}
}

static void a_full_list_drops_the_highest(void **state)
{
	struct mem_range range[6], out[4];

	for (u32 i = 0; i < 6; i++)
		range[i] = (struct mem_range)R(2 * (5 - i), 2 * (5 - i) + 1, MEM_RAM);
	assert_int_equal(memmap_ram(range, 6, out, 4), 4);
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(out[i].start, 2 * i * PAGE_SIZE);
}

static void adding_merges_with_what_it_touches(void **state)
{
	struct mem_range range[4] = { R(10, 12, MEM_RAM) };
	u32 count = 1;

	count = memmap_add(range, count, 4, (struct mem_range)R(20, 22, MEM_RAM));
	count = memmap_add(range, count, 4, (struct mem_range)R(2, 4, MEM_RAM));
	assert_int_equal(count, 3);
	count = memmap_add(range, count, 4, (struct mem_range)R(12, 20, MEM_RAM));
	assert_int_equal(count, 2);
	assert_int_equal(range[1].start, 10 * PAGE_SIZE);
	assert_int_equal(range[1].end, 22 * PAGE_SIZE);
	for (u64 page = 100; page < 110; page++) /* page by page, as an initrd is given back */
		count = memmap_add(range, count, 4, (struct mem_range)R(page, page + 1, MEM_RAM));
	assert_int_equal(count, 3);
	assert_int_equal(range[2].end, 110 * PAGE_SIZE);
}

static void cutting_page_by_page_ends_with_nothing(void **state)
{
	struct mem_range range[4] = { R(1, 3, MEM_RAM), R(8, 9, MEM_RAM) };
	u32 count = 2;

	count = memmap_remove(range, count, 4, 8 * PAGE_SIZE, 9 * PAGE_SIZE);
	assert_int_equal(count, 1);
	count = memmap_remove(range, count, 4, 2 * PAGE_SIZE, 3 * PAGE_SIZE);
	count = memmap_remove(range, count, 4, 1 * PAGE_SIZE, 2 * PAGE_SIZE);
	assert_int_equal(count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sorts_and_merges),
		cmocka_unit_test(reserved_beats_ram_wherever_it_stands),
		cmocka_unit_test(partial_pages_are_not_ram),
		cmocka_unit_test(empty_and_wrapping_entries_are_ignored),
		cmocka_unit_test(contains_needs_one_range),
		cmocka_unit_test(equals_a_page_by_page_model),
		cmocka_unit_test(adding_merges_with_what_it_touches),
		cmocka_unit_test(cutting_page_by_page_ends_with_nothing),
		cmocka_unit_test(a_full_list_drops_the_highest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
