// SPDX-License-Identifier: MIT
/* mm/vm_regions.c: random changes and searches, compared with an array of pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../../mm/vm_regions.h"

enum { PAGES = 3000, MAX = 400, GUARD = VM_GUARD_GAP / PAGE_SIZE };
#define A(page) ((u64)(page) << PAGE_SHIFT)

static struct vm_space space;
static struct vm_region *owner[PAGES]; /* the model: who has each page */

static u32 below(u32 count)
{
	return (u32)rand() % count;
}

/* May a mapping use this page? Not if it is taken or lies in a guard gap. */
static bool usable(u32 page)
{
	if (owner[page])
		return false;
	for (u32 i = page + 1; i < PAGES && i <= page + GUARD; i++)
		if (owner[i])
			return !(owner[i]->flags & VM_GROWSDOWN);
	return true;
}

static u64 model_gap(u64 len, u64 low, u64 high, bool top_down)
{
	u64 run = 0, best = VM_NO_GAP;

	for (u64 page = low; page < high; page++) {
		if (usable(page))
			run = run + 1;
		else
			run = 0;
		if (run >= len && (top_down || best == VM_NO_GAP))
			best = A(page + 1 - len);
	}
	return best;
}

static u64 check_tree(struct rb_node *n)
{
	struct vm_region *region = n ? rb_entry(n, struct vm_region, node) : NULL;
	u64 max, left, right;

	if (!region)
		return 0;
	left = check_tree(n->left);
	right = check_tree(n->right);
	max = region->gap;
	if (left > max)
		max = left;
	if (right > max)
		max = right;
	assert_int_equal(region->max_gap, max);
	return max;
}

static void check(void)
{
	struct vm_region *region;
	u64 last = 0;
	u32 count = 0;

	assert_true(rb_check(&space.regions) >= 0);
	check_tree(space.regions.node);
	list_for_each(region, &space.region_list, link) {
		u64 start = region->start;

		if (region->flags & VM_GROWSDOWN) {
			if (start > VM_GUARD_GAP)
				start = start - VM_GUARD_GAP;
			else
				start = 0;
		}
		assert_int_equal(region->gap, start > last ? start - last : 0);
		assert_true(region->start >= last && region->start < region->end);
		for (u64 page = region->start >> PAGE_SHIFT; page < region->end >> PAGE_SHIFT;
		     page++)
			assert_ptr_equal(owner[page], region);
		last = region->end;
		count++;
	}
	assert_int_equal(space.nr_regions, count);
}

static void set_owner(u64 from, u64 to, struct vm_region *region)
{
	for (u64 page = from; page < to; page++)
		owner[page] = region;
}

static void look_up(void)
{
	u32 page = below(PAGES), len = 1 + below(300), low = below(PAGES), high = below(PAGES) + 1;
	struct vm_region *above = NULL;
	bool is_free = page + len <= PAGES;

	for (u32 p = page; p < PAGES && !above; p++)
		above = owner[p];
	assert_ptr_equal(vm_region_find(&space, A(page) + below(PAGE_SIZE)), owner[page]);
	assert_ptr_equal(vm_region_find_above(&space, A(page)), above);
	for (u32 p = page; p < page + len && is_free; p++)
		is_free = usable(p);
	if (page + len <= PAGES)
		assert_int_equal(vm_range_is_free(&space, A(page), A(len)), is_free);
	assert_int_equal(vm_gap_top_down(&space, A(len), A(low), A(high)),
			 model_gap(len, low, high, true));
	assert_int_equal(vm_gap_bottom_up(&space, A(len), A(low), A(high)),
			 model_gap(len, low, high, false));
}

static void add(void)
{
	u32 start = below(PAGES), end = start;
	u32 len = 1 + below(below(4) ? 8 : 200);
	struct vm_region *region;

	while (end < PAGES && end < start + len && !owner[end])
		end++;
	if (end == start || space.nr_regions == MAX)
		return;
	region = calloc(1, sizeof(*region));
	region->start = A(start);
	region->end = A(end);
	if (below(12))
		region->flags = VM_READ;
	else
		region->flags = VM_READ | VM_GROWSDOWN;
	if (below(2)) {
		vm_region_insert(&space, region);
	} else {
		u32 page = start;

		while (page && !owner[page - 1])
			page--;
		vm_region_insert_behind(&space, page ? owner[page - 1] : NULL, region);
	}
	assert_ptr_equal(region->space, &space);
	set_owner(start, end, region);
}

static struct vm_region *any_region(void)
{
	struct vm_region *region;
	u32 count = space.nr_regions ? below(space.nr_regions) : 0;

	list_for_each(region, &space.region_list, link)
		if (!count--)
			return region;
	return NULL;
}

static void drop(struct vm_region *region)
{
	set_owner(region->start >> PAGE_SHIFT, region->end >> PAGE_SHIFT, NULL);
	vm_region_erase(&space, region);
	free(region);
}

static void resize(struct vm_region *region)
{
	u64 start = region->start >> PAGE_SHIFT, end = region->end >> PAGE_SHIFT, low = start,
	    high = end;

	while (low && !owner[low - 1])
		low--;
	while (high < PAGES && !owner[high])
		high++;
	set_owner(start, end, NULL);
	low += below((u32)(end - low));
	high = low + 1 + below((u32)(high - low));
	vm_region_resize(&space, region, A(low), A(high));
	set_owner(low, high, region);
}

static void split(struct vm_region *region)
{
	u64 count = vm_region_pages(region), offset;
	struct vm_region *upper;

	if (count < 2 || space.nr_regions == MAX)
		return;
	offset = region->start + A(1 + below((u32)count - 1));
	upper = malloc(sizeof(*upper));
	vm_region_clone(upper, region, offset, region->end);
	vm_region_resize(&space, region, region->start, offset);
	vm_region_insert(&space, upper);
	set_owner(upper->start >> PAGE_SHIFT, upper->end >> PAGE_SHIFT, upper);
}

/* As a fork does: all regions again, in order, and the tree over them in the end. */
static void rebuild(void)
{
	struct list old;

	list_init(&old);
	while (!list_empty(&space.region_list)) {
		struct vm_region *region = list_first(&space.region_list, struct vm_region, link);

		list_del(&region->link);
		list_add_tail(&region->link, &old);
	}
	vm_regions_init(&space);
	while (!list_empty(&old)) {
		struct vm_region *region = list_first(&old, struct vm_region, link);

		list_del(&region->link);
		region->gap = region->max_gap = 0;
		vm_region_append(&space, region);
	}
	vm_regions_build(&space);
}

static void random_changes_agree_with_a_map_of_pages(void **state)
{
	for (u32 seed = 0; seed < 12; seed++) {
		srand(seed);
		vm_regions_init(&space);
		for (u32 step = 0; step < 1500; step++) {
			struct vm_region *region = any_region();
			u32 what = below(11);

			if (!region || what < 4)
				add();
			else if (what < 6)
				drop(region);
			else if (what < 8)
				resize(region);
			else if (what < 9)
				split(region);
			else if (what < 10)
				rebuild();
			else {
				region->flags ^= VM_GROWSDOWN;
				vm_region_update_gap(&space, region);
			}
			check();
			look_up();
		}
		while (space.nr_regions)
			drop(any_region());
		check();
	}
}

static void an_empty_space_is_one_gap(void **state)
{
	vm_regions_init(&space);
	assert_int_equal(vm_gap_top_down(&space, A(1), USER_BASE, USER_END), USER_END - PAGE_SIZE);
	assert_int_equal(vm_gap_bottom_up(&space, A(1), USER_BASE, USER_END), USER_BASE);
	assert_int_equal(vm_gap_top_down(&space, USER_END - USER_BASE, USER_BASE, USER_END),
			 USER_BASE);
	assert_int_equal(vm_gap_top_down(&space, USER_END, USER_BASE, USER_END), VM_NO_GAP);
	assert_int_equal(vm_gap_bottom_up(&space, ~0ull & PAGE_MASK, USER_BASE, USER_END),
			 VM_NO_GAP);
	assert_int_equal(vm_gap_top_down(&space, A(1), A(9), A(9)), VM_NO_GAP);
	assert_int_equal(vm_gap_bottom_up(&space, A(1), A(9), A(8)), VM_NO_GAP);
	assert_null(vm_region_find(&space, A(5)));
	assert_null(vm_region_find_above(&space, 0));
	assert_true(vm_range_is_free(&space, 0, USER_END));
}

static const struct vm_region_ops file_ops, closing_ops = { .no_merge = true };

static void regions_continue_only_what_equals_them(void **state)
{
	struct vm_region first = { .start = A(10), .end = A(20), .flags = VM_READ }, region = first,
			 second;

	region.start = A(20);
	region.end = A(21);
	assert_true(vm_region_continues(&first, &region));
	assert_false(vm_region_continues(&region, &first));
	region.flags |= VM_WRITE;
	assert_false(vm_region_continues(&first, &region));

	first.ops = &file_ops;
	first.file = (struct file *)&first;
	first.pgoff = 5;
	vm_region_clone(&region, &first, A(20), A(30));
	assert_int_equal(region.pgoff, 15);
	assert_true(vm_region_continues(&first, &region));
	second = region;
	second.pgoff = 16;
	assert_false(vm_region_continues(&first, &second));
	second = region;
	second.file = (struct file *)&region;
	assert_false(vm_region_continues(&first, &second));
	second = region;
	second.private = &second;
	assert_false(vm_region_continues(&first, &second));
	first.ops = region.ops = &closing_ops;
	assert_false(vm_region_continues(&first, &region));
}

static void the_offset_follows_the_start(void **state)
{
	struct vm_region region = { .start = A(10), .end = A(20), .ops = &file_ops, .pgoff = 100 };
	struct vm_region upper;

	vm_regions_init(&space);
	vm_region_insert(&space, &region);
	vm_region_resize(&space, &region, A(14), A(20));
	assert_int_equal(region.pgoff, 104);
	vm_region_resize(&space, &region, A(12), A(30));
	assert_int_equal(region.pgoff, 102);
	vm_region_clone(&upper, &region, A(20), A(30));
	assert_int_equal(upper.pgoff, 110);
	vm_region_erase(&space, &region);
}

/* Time must not grow with the number of regions: 65530 of them, a search in a few steps. */
static void many_regions_are_searched_fast(void **state)
{
	enum { N = 65530 };
	struct vm_region *region = calloc(N, sizeof(*region));

	vm_regions_init(&space);
	for (u32 i = 0; i < N; i++) {
		region[i].start = A(16 + 2 * i);
		region[i].end = region[i].start + PAGE_SIZE;
		vm_region_insert_behind(&space, i ? &region[i - 1] : NULL, &region[i]);
	}
	assert_in_range(rb_check(&space.regions), 8, 17);
	for (u32 i = 0; i < 200000; i++) {
		assert_int_equal(vm_gap_top_down(&space, A(2), USER_BASE, A(16 + 2 * N)),
				 VM_NO_GAP);
		assert_int_equal(vm_gap_top_down(&space, A(1), USER_BASE, A(16 + 2 * N)),
				 A(15 + 2 * N));
		assert_int_equal(vm_gap_bottom_up(&space, A(2), USER_BASE, USER_END),
				 A(15 + 2 * N));
	}
	free(region);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_changes_agree_with_a_map_of_pages),
		cmocka_unit_test(an_empty_space_is_one_gap),
		cmocka_unit_test(regions_continue_only_what_equals_them),
		cmocka_unit_test(the_offset_follows_the_start),
		cmocka_unit_test(many_regions_are_searched_fast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
