// SPDX-License-Identifier: MIT
/* fs/cache/page_tree.c: against a plain array, with memory that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <kernel/fs/page_tree.h>

static long nodes, nodes_allowed = -1;

struct page_tree_node *page_tree_node_alloc(void)
{
	if (!nodes_allowed)
		return NULL;
	nodes_allowed -= nodes_allowed > 0;
	nodes++;
	return calloc(1, sizeof(struct page_tree_node));
}

void page_tree_node_free(struct page_tree_node *n)
{
	nodes--;
	free(n);
}

static void *item(u64 i)
{
	return (void *)(0x1000 + i * 16);
}

static void count_item(void *p, void *ctx)
{
	(*(u64 *)ctx)++;
}

static void one_page_needs_no_node(void **state)
{
	struct page_tree t = { 0 };

	assert_null(page_tree_lookup(&t, 0));
	assert_int_equal(page_tree_insert(&t, 0, item(0)), 0);
	assert_int_equal(page_tree_insert(&t, 0, item(1)), -EEXIST);
	assert_int_equal(nodes, 0);
	assert_ptr_equal(page_tree_lookup(&t, 0), item(0));
	assert_null(page_tree_lookup(&t, 1));
	assert_ptr_equal(page_tree_remove(&t, 0), item(0));
	assert_null(page_tree_remove(&t, 0));
	assert_int_equal(t.count, 0);
}

static void finds_what_was_inserted(void **state)
{
	enum { N = 20000, SPACE = 300000 };
	static void *model[SPACE];
	struct page_tree t = { 0 };
	u64 count = 0, left = 0;

	srandom(1);
	for (u32 i = 0; i < N; i++) {
		u64 at = i % 3 ? (u64)random() % SPACE : i;
		int want = model[at] ? -EEXIST : 0;

		assert_int_equal(page_tree_insert(&t, at, item(at)), want);
		count += !want;
		model[at] = item(at);
		if (i % 4 == 0) {
			at = random() % SPACE;
			assert_ptr_equal(page_tree_remove(&t, at), model[at]);
			count -= model[at] != NULL;
			model[at] = NULL;
		}
	}
	assert_int_equal(t.count, count);
	for (u64 i = 0; i < SPACE; i++)
		assert_ptr_equal(page_tree_lookup(&t, i), model[i]);
	for (u64 i = 0, at = 0; i < SPACE; i = at + 1) {
		u64 want = i;

		at = i;
		while (want < SPACE && !model[want])
			want++;
		if (want == SPACE) {
			assert_null(page_tree_next(&t, &at, ~0ull));
			break;
		}
		assert_ptr_equal(page_tree_next(&t, &at, ~0ull), model[want]);
		assert_int_equal(at, want);
	}
	for (u64 i = 0; i < 5000; i++) {
		void *got[16];

		page_tree_lookup_range(&t, i * 7, 16, got);
		for (int k = 0; k < 16; k++)
			assert_ptr_equal(got[k], model[i * 7 + k]);
	}
	page_tree_destroy(&t, count_item, &left);
	assert_int_equal(left, count);
	assert_int_equal(nodes, 0);
}

static void an_empty_tree_has_no_nodes(void **state)
{
	static const u64 far[] = {
		0, 1, 63, 64, 4095, 4096, 1ull << 30, 1ull << 52, PAGE_TREE_MAX
	};
	struct page_tree t = { 0 };

	for (u32 round = 0; round < 2; round++) {
		for (u32 i = 0; i < ARRAY_SIZE(far); i++)
			assert_int_equal(page_tree_insert(&t,
							  far[round ? ARRAY_SIZE(far) - 1 - i : i],
							  item(i)),
					 0);
		for (u32 i = 0; i < ARRAY_SIZE(far); i++)
			assert_non_null(page_tree_lookup(&t, far[i]));
		for (u32 i = 0; i < ARRAY_SIZE(far); i++)
			assert_non_null(page_tree_remove(&t, far[i]));
		assert_int_equal(nodes, 0);
		assert_null(t.root);
	}
	assert_int_equal(page_tree_insert(&t, PAGE_TREE_MAX + 1, item(0)), -EFBIG);
	assert_null(page_tree_lookup(&t, ~0ull));
}

static void next_stops_at_the_last(void **state)
{
	struct page_tree t = { 0 };
	u64 at = 0, left = 0;

	assert_int_equal(page_tree_insert(&t, 1000, item(1)), 0);
	assert_null(page_tree_next(&t, &at, 999));
	at = 0;
	assert_ptr_equal(page_tree_next(&t, &at, 1000), item(1));
	assert_int_equal(page_tree_next_hole(&t, 1000), 1001);
	assert_int_equal(page_tree_next_hole(&t, 999), 999);
	page_tree_destroy(&t, count_item, &left);
	assert_int_equal(left, 1);
}

static void lack_of_memory_changes_nothing(void **state)
{
	struct page_tree t = { 0 };
	u64 left = 0;

	assert_int_equal(page_tree_insert(&t, 5, item(5)), 0);
	for (nodes_allowed = 0; nodes_allowed < 20; nodes_allowed++) {
		long allowed = nodes_allowed, before = nodes;
		int err = page_tree_insert(&t, 1ull << 40, item(9));

		nodes_allowed = allowed;
		assert_ptr_equal(page_tree_lookup(&t, 5), item(5));
		if (!err) {
			assert_ptr_equal(page_tree_remove(&t, 1ull << 40), item(9));
			break;
		}
		assert_int_equal(err, -ENOMEM);
		assert_null(page_tree_lookup(&t, 1ull << 40));
		assert_int_equal(t.count, 1);
		assert_true(nodes - before <= allowed);
	}
	assert_in_range(nodes_allowed, 1, 19);
	nodes_allowed = -1;
	page_tree_destroy(&t, count_item, &left);
	assert_int_equal(nodes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_page_needs_no_node),
		cmocka_unit_test(finds_what_was_inserted),
		cmocka_unit_test(an_empty_tree_has_no_nodes),
		cmocka_unit_test(next_stops_at_the_last),
		cmocka_unit_test(lack_of_memory_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
