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

void page_tree_node_free(struct page_tree_node *node)
{
	nodes--;
	free(node);
}

static void *item(u64 i)
{
	return (void *)(0x1000 + i * 16);
}

static void count_item(void *memory, void *ctx)
{
	(*(u64 *)ctx)++;
}

static void one_page_needs_no_node(void **state)
{
	struct page_tree tree = { 0 };

	assert_null(page_tree_lookup(&tree, 0));
	assert_int_equal(page_tree_insert(&tree, 0, item(0)), 0);
	assert_int_equal(page_tree_insert(&tree, 0, item(1)), -EEXIST);
	assert_int_equal(nodes, 0);
	assert_ptr_equal(page_tree_lookup(&tree, 0), item(0));
	assert_null(page_tree_lookup(&tree, 1));
	assert_ptr_equal(page_tree_remove(&tree, 0), item(0));
	assert_null(page_tree_remove(&tree, 0));
	assert_int_equal(tree.count, 0);
}

static void finds_what_was_inserted(void **state)
{
	enum { N = 20000, SPACE = 300000 };
	static void *model[SPACE];
	struct page_tree tree = { 0 };
	u64 count = 0, left = 0;

	srandom(1);
	for (u32 i = 0; i < N; i++) {
		u64 offset = i % 3 ? (u64)random() % SPACE : i;
		int want = model[offset] ? -EEXIST : 0;

		assert_int_equal(page_tree_insert(&tree, offset, item(offset)), want);
		count += !want;
		model[offset] = item(offset);
		if (i % 4 == 0) {
			offset = random() % SPACE;
			assert_ptr_equal(page_tree_remove(&tree, offset), model[offset]);
			count -= model[offset] != NULL;
			model[offset] = NULL;
		}
	}
	assert_int_equal(tree.count, count);
	for (u64 i = 0; i < SPACE; i++)
		assert_ptr_equal(page_tree_lookup(&tree, i), model[i]);
	for (u64 i = 0, offset = 0; i < SPACE; i = offset + 1) {
		u64 want = i;

		offset = i;
		while (want < SPACE && !model[want])
			want++;
		if (want == SPACE) {
			assert_null(page_tree_next(&tree, &offset, ~0ull));
			break;
		}
		assert_ptr_equal(page_tree_next(&tree, &offset, ~0ull), model[want]);
		assert_int_equal(offset, want);
	}
	for (u64 i = 0; i < 5000; i++) {
		void *got[16];

		page_tree_lookup_range(&tree, i * 7, 16, got);
		for (int round = 0; round < 16; round++)
			assert_ptr_equal(got[round], model[i * 7 + round]);
	}
	page_tree_destroy(&tree, count_item, &left);
	assert_int_equal(left, count);
	assert_int_equal(nodes, 0);
}

static void an_empty_tree_has_no_nodes(void **state)
{
	static const u64 far[] = {
		0, 1, 63, 64, 4095, 4096, 1ull << 30, 1ull << 52, PAGE_TREE_MAX
	};
	struct page_tree tree = { 0 };

	for (u32 round = 0; round < 2; round++) {
		for (u32 i = 0; i < ARRAY_SIZE(far); i++)
			assert_int_equal(page_tree_insert(&tree,
							  far[round ? ARRAY_SIZE(far) - 1 - i : i],
							  item(i)),
					 0);
		for (u32 i = 0; i < ARRAY_SIZE(far); i++)
			assert_non_null(page_tree_lookup(&tree, far[i]));
		for (u32 i = 0; i < ARRAY_SIZE(far); i++)
			assert_non_null(page_tree_remove(&tree, far[i]));
		assert_int_equal(nodes, 0);
		assert_null(tree.root);
	}
	assert_int_equal(page_tree_insert(&tree, PAGE_TREE_MAX + 1, item(0)), -EFBIG);
	assert_null(page_tree_lookup(&tree, ~0ull));
}

static void next_stops_at_the_last(void **state)
{
	struct page_tree tree = { 0 };
	u64 offset = 0, left = 0;

	assert_int_equal(page_tree_insert(&tree, 1000, item(1)), 0);
	assert_null(page_tree_next(&tree, &offset, 999));
	offset = 0;
	assert_ptr_equal(page_tree_next(&tree, &offset, 1000), item(1));
	assert_int_equal(page_tree_next_hole(&tree, 1000), 1001);
	assert_int_equal(page_tree_next_hole(&tree, 999), 999);
	page_tree_destroy(&tree, count_item, &left);
	assert_int_equal(left, 1);
}

static void lack_of_memory_changes_nothing(void **state)
{
	struct page_tree tree = { 0 };
	u64 left = 0;

	assert_int_equal(page_tree_insert(&tree, 5, item(5)), 0);
	for (nodes_allowed = 0; nodes_allowed < 20; nodes_allowed++) {
		long allowed = nodes_allowed, before = nodes;
		int err = page_tree_insert(&tree, 1ull << 40, item(9));

		nodes_allowed = allowed;
		assert_ptr_equal(page_tree_lookup(&tree, 5), item(5));
		if (!err) {
			assert_ptr_equal(page_tree_remove(&tree, 1ull << 40), item(9));
			break;
		}
		assert_int_equal(err, -ENOMEM);
		assert_null(page_tree_lookup(&tree, 1ull << 40));
		assert_int_equal(tree.count, 1);
		assert_true(nodes - before <= allowed);
	}
	assert_in_range(nodes_allowed, 1, 19);
	nodes_allowed = -1;
	page_tree_destroy(&tree, count_item, &left);
	assert_int_equal(nodes, 0);
}

/* Tags follow their items through nodes that are put on top and taken away. */
static void finds_what_is_tagged(void **state)
{
	enum { SPACE = 9000 };
	static bool present[SPACE], tagged[SPACE];
	struct page_tree tree = { 0 };
	u64 left = 0;

	srandom(2);
	for (u32 round = 0; round < 60000; round++) {
		u64 at = (u64)random() % (round % 3000 < 1500 ? SPACE : 70);

		if (round % 5 == 4 && present[at]) {
			if (tagged[at])
				page_tree_untag(&tree, at);
			assert_ptr_equal(page_tree_remove(&tree, at), item(at));
			present[at] = tagged[at] = false;
		} else if (!present[at]) {
			assert_int_equal(page_tree_insert(&tree, at, item(at)), 0);
			present[at] = true;
		} else if (round % 2) {
			page_tree_tag(&tree, at);
			tagged[at] = true;
		} else {
			page_tree_untag(&tree, at);
			tagged[at] = false;
		}
		if (round % 50)
			continue;
		for (u64 want = 0, got = 0;; want++, got++) {
			void *found = page_tree_next_tagged(&tree, &got, SPACE - 1);

			while (want < SPACE && !tagged[want])
				want++;
			if (want == SPACE) {
				assert_null(found);
				break;
			}
			assert_ptr_equal(found, item(want));
			assert_int_equal(got, want);
		}
	}
	for (u64 i = 0; i < SPACE; i++)
		if (present[i]) {
			page_tree_untag(&tree, i);
			assert_ptr_equal(page_tree_remove(&tree, i), item(i));
		}
	assert_null(tree.root);
	assert_false(tree.root_tagged);
	assert_int_equal(page_tree_insert(&tree, 0, item(0)), 0);
	page_tree_tag(&tree, 0);
	assert_int_equal(page_tree_insert(&tree, PAGE_TREE_MAX, item(1)), 0);
	left = 1;
	assert_null(page_tree_next_tagged(&tree, &left, ~0ull));
	left = 0;
	assert_ptr_equal(page_tree_next_tagged(&tree, &left, ~0ull), item(0));
	page_tree_destroy(&tree, count_item, &left);
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
		cmocka_unit_test(finds_what_is_tagged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
