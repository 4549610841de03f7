// SPDX-License-Identifier: MIT
/*
 * Red-black trees.
 *
 * A binary search tree in which
 *	(1) each node is red or black, and the root is black,
 *	(2) a red node has black children,
 *	(3) every way from a node down to a missing child passes the same number
 *	    of black nodes,
 * so the longest way is at most twice the shortest. A new node is inserted red,
 * which can break only (2); removing a black one can break (3). Both are
 * repaired from there upwards, by recolouring and at most three rotations.
 *
 * The colour is bit 0 of the pointer to the parent (nodes are 8-aligned); red
 * is 0, so that linking a red node is a plain store.
 *
 * A tree may keep in each node a value over the whole subtree below it (for example the
 * largest gap). The owner passes a function that computes the value of a node from its two
 * children; here it is called for the two nodes of each rotation, the lower one
 * first. That leaves values out of date on the path from the deepest change to the
 * root and nowhere else, since a node that a rotation moves off that path has all of its
 * children off it, too. The owner then updates that path, with its function inlined.
 * The plain functions are the same code without calls.
 *
 * No locks here: the owner of the tree guards it.
 * Source: Cormen et al., Introduction to Algorithms, chapter 13.
 */
#include <kernel/atomic.h>
#include <kernel/rbtree.h>

#define BLACK RB_BLACK

#define parent(n)   rb_parent(n)
#define specialised static inline __attribute__((always_inline))

static inline bool is_black(const struct rb_node *node)
{
	return node->parent_colour & BLACK;
}
/* A missing child counts as black. */
static inline bool is_red(const struct rb_node *node)
{
	return node && !is_black(node);
}
static inline void set_black(struct rb_node *node)
{
	node->parent_colour |= BLACK;
}
static inline void set_red(struct rb_node *node)
{
	node->parent_colour &= ~BLACK;
}
static inline void set_parent(struct rb_node *node, struct rb_node *parent)
{
	node->parent_colour = (node->parent_colour & BLACK) | (u64)parent;
}

/* Make the pointer to @old (in its parent @parent, or the root) point to @new. */
static inline void replace_child(struct rb_root *root, struct rb_node *parent, struct rb_node *old,
				 struct rb_node *new)
{
	if (!parent)
		root->node = new;
	else if (parent->left == old)
		parent->left = new;
	else
		parent->right = new;
}

/* n's right child takes n's place, n becomes its left child. */
specialised void rotate_left(struct rb_root *root, struct rb_node *node, rb_update_fn update)
{
	struct rb_node *up = node->right, *above = parent(node);

	node->right = up->left;
	if (node->right)
		set_parent(node->right, node);
	up->left = node;
	set_parent(up, above);
	replace_child(root, above, node, up);
	set_parent(node, up);
	if (update) {
		update(node);
		update(up);
	}
}

specialised void rotate_right(struct rb_root *root, struct rb_node *node, rb_update_fn update)
{
	struct rb_node *up = node->left, *above = parent(node);

	node->left = up->right;
	if (node->left)
		set_parent(node->left, node);
	up->right = node;
	set_parent(up, above);
	replace_child(root, above, node, up);
	set_parent(node, up);
	if (update) {
		update(node);
		update(up);
	}
}

specialised void rbtree_insert(struct rb_root *root, struct rb_node *node, struct rb_node *above,
			       struct rb_node **link, rb_update_fn update)
{
	struct rb_node *grandparent, *uncle;

	node->parent_colour = (u64)above;
	node->left = node->right = NULL;
	/* Of some trees there are readers without a lock: the node is complete before it is seen. */
	smp_store_release(link, node);

	while ((above = parent(node)) && !is_black(above)) {
		grandparent = parent(above); /* there is one: a red node is not the root */
		if (grandparent->left == above)
			uncle = grandparent->right;
		else
			uncle = grandparent->left;
		if (is_red(uncle)) {
			set_black(above);
			set_black(uncle);
			set_red(grandparent);
			node = grandparent;
			continue;
		}
		if (grandparent->left == above) {
			if (above->right == node) {
				rotate_left(root, above, update);
				above = node;
			}
			rotate_right(root, grandparent, update);
		} else {
			if (above->left == node) {
				rotate_right(root, above, update);
				above = node;
			}
			rotate_left(root, grandparent, update);
		}
		set_black(above);
		set_red(grandparent);
		break;
	}
	set_black(root->node);
}

static inline struct rb_node *sibling_of(struct rb_node *above, bool left)
{
	if (left)
		return above->right;
	return above->left;
}

/*
 * All ways through @node (a child of @parent, perhaps missing) have one black node too
 * few. Its sibling exists, since the ways through it have at least one.
 */
specialised void erase_mend(struct rb_root *root, struct rb_node *node, struct rb_node *above,
			    rb_update_fn update)
{
	struct rb_node *sibling;

	while (above && !is_red(node)) {
		bool left = above->left == node;

		sibling = sibling_of(above, left);
		if (is_red(sibling)) {
			set_black(sibling);
			set_red(above);
			if (left)
				rotate_left(root, above, update);
			else
				rotate_right(root, above, update);
			sibling = sibling_of(above, left);
		}
		if (!is_red(sibling->left) && !is_red(sibling->right)) {
			set_red(sibling);
			node = above;
			above = parent(node);
			continue;
		}
		/* Move the red nephew to the far side, then move it over. */
		if (left && !is_red(sibling->right)) {
			set_black(sibling->left);
			set_red(sibling);
			rotate_right(root, sibling, update);
			sibling = above->right;
		} else if (!left && !is_red(sibling->left)) {
			set_black(sibling->right);
			set_red(sibling);
			rotate_left(root, sibling, update);
			sibling = above->left;
		}
		sibling->parent_colour = (sibling->parent_colour & ~BLACK) |
					 (above->parent_colour & BLACK);
		set_black(above);
		set_black(left ? sibling->right : sibling->left);
		if (left)
			rotate_left(root, above, update);
		else
			rotate_right(root, above, update);
		return;
	}
	if (node)
		set_black(node);
}

/* @return the deepest node that has other children now, or NULL */
specialised struct rb_node *rbtree_erase(struct rb_root *root, struct rb_node *node,
					 rb_update_fn update)
{
	struct rb_node *child, *above;
	bool black;

	if (node->left && node->right) {
		/* The successor, which has no left child, takes n's place. */
		struct rb_node *next = node->right;

		while (next->left)
			next = next->left;
		child = next->right;
		black = is_black(next);
		above = parent(next);
		if (above == node) {
			above = next;
		} else {
			above->left = child;
			if (child)
				set_parent(child, above);
			next->right = node->right;
			set_parent(next->right, next);
		}
		next->left = node->left;
		set_parent(next->left, next);
		replace_child(root, parent(node), node, next);
		next->parent_colour = node->parent_colour;
	} else {
		if (node->left)
			child = node->left;
		else
			child = node->right;
		black = is_black(node);
		above = parent(node);
		replace_child(root, above, node, child);
		if (child)
			set_parent(child, above);
	}
	if (black)
		erase_mend(root, child, above, update);
	return above;
}

void rb_insert(struct rb_root *root, struct rb_node *node, struct rb_node *parent,
	       struct rb_node **link)
{
	rbtree_insert(root, node, parent, link, NULL);
}

void rb_insert_valued(struct rb_root *root, struct rb_node *node, struct rb_node *parent,
		      struct rb_node **link, rb_update_fn update)
{
	rbtree_insert(root, node, parent, link, update);
}

void rb_erase(struct rb_root *root, struct rb_node *node)
{
	(void)rbtree_erase(root, node, NULL);
}

struct rb_node *rb_erase_valued(struct rb_root *root, struct rb_node *node, rb_update_fn update)
{
	return rbtree_erase(root, node, update);
}

/*
 * The next @count nodes from *@next on as a tree below @above, whose lowest level is @height
 * below this one. Halving fills all levels but that one, so its nodes alone are red.
 * As deep as the tree: log2.
 */
static struct rb_node *build_subtree(struct rb_node **next, u32 count, u32 height,
				     rb_update_fn update)
{
	struct rb_node *left = NULL, *node, *right = NULL;

	if (count > 1)
		left = build_subtree(next, count / 2, height - 1, update);
	node = *next;
	*next = node->right;
	if (count > 2)
		right = build_subtree(next, (count - 1) / 2, height - 1, update);
	node->parent_colour = height ? BLACK : 0;
	node->left = left;
	node->right = right;
	if (left)
		set_parent(left, node);
	if (right)
		set_parent(right, node);
	update(node);
	return node;
}

void rb_build(struct rb_root *root, struct rb_node *first, u32 count, rb_update_fn update)
{
	root->node = NULL;
	if (!count)
		return;
	root->node = build_subtree(&first, count, 31 - __builtin_clz(count), update);
	set_black(root->node);
}

struct rb_node *rb_first(const struct rb_root *root)
{
	struct rb_node *node = root->node;

	while (node && node->left)
		node = node->left;
	return node;
}

struct rb_node *rb_last(const struct rb_root *root)
{
	struct rb_node *node = root->node;

	while (node && node->right)
		node = node->right;
	return node;
}

struct rb_node *rb_next(const struct rb_node *node)
{
	struct rb_node *above;

	if (node->right) {
		node = node->right;
		while (node->left)
			node = node->left;
		return (struct rb_node *)node;
	}
	while ((above = parent(node)) && above->right == node)
		node = above;
	return above;
}

struct rb_node *rb_prev(const struct rb_node *node)
{
	struct rb_node *above;

	if (node->left) {
		node = node->left;
		while (node->right)
			node = node->right;
		return (struct rb_node *)node;
	}
	while ((above = parent(node)) && above->left == node)
		node = above;
	return above;
}

/* Height in black nodes of the tree at @node, or -1. Deep as the tree: 2 log2. */
static int check_node(const struct rb_node *node, const struct rb_node *above)
{
	int left_height, right_height;

	if (!node)
		return 0;
	if (parent(node) != above ||
	    (!is_black(node) && (is_red(node->left) || is_red(node->right))))
		return -1;
	left_height = check_node(node->left, node);
	right_height = check_node(node->right, node);
	if (left_height < 0 || left_height != right_height)
		return -1;
	return left_height + is_black(node);
}

int rb_check(const struct rb_root *root)
{
	if (is_red(root->node))
		return -1;
	return check_node(root->node, NULL);
}
