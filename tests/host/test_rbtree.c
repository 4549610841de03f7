// SPDX-License-Identifier: MIT
/* lib/rbtree.c: order and balance under random insertion and removal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <kernel/rbtree.h>

struct item {
	u32 key;
	bool inside;
	struct rb_node node;
};

static u32 key_of(const struct rb_node *n)
{
	return rb_entry(n, struct item, node)->key;
}

static void insert(struct rb_root *root, struct item *item)
{
	struct rb_node **link = &root->node, *parent = NULL;

	while (*link) {
		parent = *link;
		if (item->key < key_of(parent))
			link = &parent->left;
		else
			link = &parent->right;
	}
	rb_insert(root, &item->node, parent, link);
	item->inside = true;
}

/* Is everything that is inside there, in order, both ways, balanced? */
static void check(const struct rb_root *root, const struct item *items, u32 count)
{
	struct rb_node *node, *last = NULL;
	u32 inside = 0, seen = 0;

	for (u32 i = 0; i < count; i++)
		inside += items[i].inside;
	assert_true(rb_check(root) >= 0);
	for (node = rb_first(root); node; node = rb_next(node)) {
		assert_true(rb_entry(node, struct item, node)->inside);
		assert_ptr_equal(rb_prev(node), last);
		if (last)
			assert_true(key_of(last) <= key_of(node));
		last = node;
		seen++;
	}
	assert_ptr_equal(rb_last(root), last);
	assert_int_equal(seen, inside);
	assert_int_equal(rb_empty(root), !inside);
}

static void random_changes_keep_order_and_balance(void **state)
{
	enum { N = 60 };

	for (u32 seed = 0; seed < 40; seed++) {
		struct rb_root root = RB_ROOT;
		struct item items[N] = { 0 };

		srand(seed);
		for (u32 i = 0; i < N; i++) {
			if (seed % 2)
				items[i].key = rand() % 1000;
			else
				items[i].key = rand() % 7;
		}
		for (u32 step = 0; step < 1000; step++) {
			struct item *item = &items[rand() % N];

			if (item->inside) {
				rb_erase(&root, &item->node);
				item->inside = false;
			} else {
				insert(&root, item);
			}
			check(&root, items, N);
		}
	}
}

static void sorted_input_stays_balanced(void **state)
{
	enum { N = 1 << 14 };
	struct item *items = calloc(N, sizeof(*items));
	struct rb_root root = RB_ROOT;
	int height;

	for (u32 i = 0; i < N; i++) {
		items[i].key = i;
		insert(&root, &items[i]);
	}
	height = rb_check(&root);
	assert_in_range(height, 7, 14);
	check(&root, items, N);
	for (u32 i = 0; i < N; i++) {
		rb_erase(&root, rb_first(&root));
		items[i].inside = false;
		if (i % 1000 == 0)
			check(&root, items, N);
	}
	assert_true(rb_empty(&root));
	free(items);
}

/* The value kept in each node: how many nodes its subtree has, and their largest weight. */
struct valued {
	u32 key, weight, size, heaviest;
	bool inside;
	struct rb_node node;
};

static struct valued *valued(struct rb_node *n)
{
	if (n)
		return rb_entry(n, struct valued, node);
	return NULL;
}

static void compute(struct rb_node *node, u32 *size, u32 *heaviest)
{
	const struct valued *child[2] = { valued(node->left), valued(node->right) };

	*size = 1;
	*heaviest = valued(node)->weight;
	for (u32 i = 0; i < 2; i++) {
		*size += child[i] ? child[i]->size : 0;
		if (child[i] && child[i]->heaviest > *heaviest)
			*heaviest = child[i]->heaviest;
	}
}

static void update(struct rb_node *node)
{
	compute(node, &valued(node)->size, &valued(node)->heaviest);
}

static void check_values(struct rb_node *node)
{
	u32 size, heaviest;

	if (!node)
		return;
	check_values(node->left);
	check_values(node->right);
	compute(node, &size, &heaviest);
	assert_int_equal(valued(node)->size, size);
	assert_int_equal(valued(node)->heaviest, heaviest);
}

static void values_follow_every_change(void **state)
{
	enum { N = 60 };

	for (u32 seed = 0; seed < 40; seed++) {
		struct rb_root root = RB_ROOT;
		struct valued items[N] = { 0 };

		srand(seed);
		for (u32 step = 0; step < 1000; step++) {
			struct valued *item = &items[rand() % N];
			struct rb_node **link = &root.node, *parent = NULL;

			if (item->inside) {
				rb_update_path(rb_erase_valued(&root, &item->node, update), update);
			} else {
				item->key = rand() % 1000;
				item->weight = rand() % 1000;
				while (*link) {
					parent = *link;
					if (item->key < valued(parent)->key)
						link = &parent->left;
					else
						link = &parent->right;
				}
				rb_insert_valued(&root, &item->node, parent, link, update);
				rb_update_path(&item->node, update);
			}
			item->inside = !item->inside;
			assert_true(rb_check(&root) >= 0);
			check_values(root.node);
		}
	}
}

/* A check that can't fail would prove nothing. */
static void check_sees_broken_trees(void **state)
{
	struct item items[20] = { 0 };
	struct rb_root root = RB_ROOT;
	struct rb_node *leaf;

	for (u32 i = 0; i < 20; i++) {
		items[i].key = i;
		insert(&root, &items[i]);
	}
	assert_true(rb_check(&root) > 0);
	leaf = rb_first(&root);
	leaf->parent_colour ^= 1;
	assert_int_equal(rb_check(&root), -1);
	leaf->parent_colour ^= 1;
	root.node->parent_colour ^= 1;
	assert_int_equal(rb_check(&root), -1);
	root.node->parent_colour ^= 1;
	leaf->parent_colour += 2 * sizeof(struct rb_node);
	assert_int_equal(rb_check(&root), -1);
}

static void a_tree_built_of_any_count_is_one(void **state)
{
	enum { N = 600 };
	static struct valued items[N + 1];
	struct rb_root root;

	for (u32 count = 0; count <= N; count++) {
		u32 found = 0;

		for (u32 i = 0; i < count; i++) {
			items[i] = (struct valued){ .key = i, .weight = rand(), .inside = true };
			items[i].node.right = &items[i + 1].node;
		}
		rb_build(&root, &items[0].node, count, update);
		assert_true(rb_check(&root) >= 0);
		check_values(root.node);
		for (struct rb_node *node = rb_first(&root); node; node = rb_next(node))
			assert_int_equal(valued(node)->key, found++);
		assert_int_equal(found, count);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_changes_keep_order_and_balance),
		cmocka_unit_test(sorted_input_stays_balanced),
		cmocka_unit_test(values_follow_every_change),
		cmocka_unit_test(a_tree_built_of_any_count_is_one),
		cmocka_unit_test(check_sees_broken_trees),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
