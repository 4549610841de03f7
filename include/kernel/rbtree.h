/* SPDX-License-Identifier: MIT */
/**
 * @file rbtree.h  Red-black trees with the nodes in the objects. Pure.
 * The caller walks down and compares; then links and rebalances (rb_insert()).
 */
#pragma once
#include <kernel/types.h>

struct rb_node {
	u64 parent_colour;
	struct rb_node *left, *right;
};
struct rb_root {
	struct rb_node *node;
};
#define RB_ROOT			  ((struct rb_root){ NULL })
#define rb_entry(p, type, member) container_of(p, type, member)
static inline bool rb_empty(const struct rb_root *r)
{
	return !r->node;
}
/** Hang @p node below @p parent at *@p link (one of its child pointers, or root->node) and rebalance. */
void rb_insert(struct rb_root *root, struct rb_node *node, struct rb_node *parent,
	       struct rb_node **link);
void rb_erase(struct rb_root *root, struct rb_node *node);
#define RB_BLACK 1ull
/**
 * For trees whose nodes keep a value over their subtree: compute @p n's from
 * its own data and its children's. Called for nodes that a rotation moves.
 */
typedef void (*rb_update_fn)(struct rb_node *n);
/** Afterwards the caller updates from @p node up to the root: rb_update_path(). */
void rb_insert_valued(struct rb_root *root, struct rb_node *node, struct rb_node *parent,
		      struct rb_node **link, rb_update_fn update);
/** @return where the caller starts its rb_update_path() afterwards; may be NULL */
struct rb_node *rb_erase_valued(struct rb_root *root, struct rb_node *node, rb_update_fn update);
/** The node above @p n, NULL at the root. */
static inline struct rb_node *rb_parent(const struct rb_node *n)
{
	return (struct rb_node *)(n->parent_colour & ~RB_BLACK);
}
/**
 * Make a tree of @p count nodes that are in order already, linked through ->right from
 * @p first on; one step a node. @p update is called for each, children first: no rb_update_path().
 */
void rb_build(struct rb_root *root, struct rb_node *first, u32 count, rb_update_fn update);
struct rb_node *rb_first(const struct rb_root *root);
struct rb_node *rb_last(const struct rb_root *root);
struct rb_node *rb_next(const struct rb_node *node);
struct rb_node *rb_prev(const struct rb_node *node);
/** Update all from @p n up to the root. */
static inline __attribute__((always_inline)) void rb_update_path(struct rb_node *n,
								 rb_update_fn update)
{
	for (; n; n = rb_parent(n))
		update(n);
}
/** Check all invariants (tests, debug). @return black height, or -1 */
int rb_check(const struct rb_root *root);
