// SPDX-License-Identifier: MIT
/*
 * Red-black trees.
 *
 * A binary search tree in which
 *	(1) each node is red or black, and the root is black,
 *	(2) a red node has black children,
 *	(3) every way from a node down to a missing child passes the same number
 *	    of black nodes,
 * so the longest way is at most twice the shortest. A new node comes in red,
 * which can break only (2); taking a black one out can break (3). Both are
 * mended on the way up, by recolouring and at most three rotations.
 *
 * The colour is bit 0 of the pointer to the parent (nodes are 8-aligned); red
 * is 0, so that linking a red node is a plain store.
 *
 * A tree may keep in each node a value over the whole subtree below it (say, the
 * largest gap). The owner gives a function that computes a node's from its two
 * children; here it is called for the two nodes of each rotation, the lower one
 * first. That leaves values out of date on the way from the deepest change to the
 * root and nowhere else, since what a rotation moves off that way has all of its
 * children off it, too. The owner then goes that way, with its function inlined.
 * The plain functions are the same code without calls.
 *
 * No locks here: the owner of the tree guards it.
 * Source: Cormen et al., Introduction to Algorithms, chapter 13.
 */
#include <kernel/rbtree.h>

#define BLACK RB_BLACK

#define parent(n)   rb_parent(n)
#define specialised static inline __attribute__((always_inline))

static inline bool is_black(const struct rb_node *n)
{
	return n->parent_colour & BLACK;
}
/* A missing child counts as black. */
static inline bool is_red(const struct rb_node *n)
{
	return n && !is_black(n);
}
static inline void set_black(struct rb_node *n)
{
	n->parent_colour |= BLACK;
}
static inline void set_red(struct rb_node *n)
{
	n->parent_colour &= ~BLACK;
}
static inline void set_parent(struct rb_node *n, struct rb_node *p)
{
	n->parent_colour = (n->parent_colour & BLACK) | (u64)p;
}

/* Let whoever points to @old (its parent @p, or the root) point to @new. */
static inline void replace_child(struct rb_root *root, struct rb_node *p, struct rb_node *old,
				 struct rb_node *new)
{
	if (!p)
		root->node = new;
	else if (p->left == old)
		p->left = new;
	else
		p->right = new;
}

/* n's right child takes n's place, n becomes its left child. */
specialised void rotate_left(struct rb_root *root, struct rb_node *n, rb_update_fn update)
{
	struct rb_node *up = n->right, *p = parent(n);

	n->right = up->left;
	if (n->right)
		set_parent(n->right, n);
	up->left = n;
	set_parent(up, p);
	replace_child(root, p, n, up);
	set_parent(n, up);
	if (update) {
		update(n);
		update(up);
	}
}

specialised void rotate_right(struct rb_root *root, struct rb_node *n, rb_update_fn update)
{
	struct rb_node *up = n->left, *p = parent(n);

	n->left = up->right;
	if (n->left)
		set_parent(n->left, n);
	up->right = n;
	set_parent(up, p);
	replace_child(root, p, n, up);
	set_parent(n, up);
	if (update) {
		update(n);
		update(up);
	}
}

specialised void insert(struct rb_root *root, struct rb_node *n, struct rb_node *p,
			struct rb_node **link, rb_update_fn update)
{
	struct rb_node *g, *uncle;

	n->parent_colour = (u64)p;
	n->left = n->right = NULL;
	*link = n;

	while ((p = parent(n)) && !is_black(p)) {
		g = parent(p); /* there is one: a red node is not the root */
		uncle = g->left == p ? g->right : g->left;
		if (is_red(uncle)) {
			set_black(p);
			set_black(uncle);
			set_red(g);
			n = g;
			continue;
		}
		if (g->left == p) {
			if (p->right == n) {
				rotate_left(root, p, update);
				p = n;
			}
			rotate_right(root, g, update);
		} else {
			if (p->left == n) {
				rotate_right(root, p, update);
				p = n;
			}
			rotate_left(root, g, update);
		}
		set_black(p);
		set_red(g);
		break;
	}
	set_black(root->node);
}

/*
 * All ways through @n (a child of @p, perhaps missing) have one black node too
 * few. Its sibling exists, since the ways through it have at least one.
 */
specialised void erase_mend(struct rb_root *root, struct rb_node *n, struct rb_node *p,
			    rb_update_fn update)
{
	struct rb_node *s;

	while (p && !is_red(n)) {
		bool left = p->left == n;

		s = left ? p->right : p->left;
		if (is_red(s)) {
			set_black(s);
			set_red(p);
			if (left)
				rotate_left(root, p, update);
			else
				rotate_right(root, p, update);
			s = left ? p->right : p->left;
		}
		if (!is_red(s->left) && !is_red(s->right)) {
			set_red(s);
			n = p;
			p = parent(n);
			continue;
		}
		/* Bring the red nephew to the far side, then move it over. */
		if (left && !is_red(s->right)) {
			set_black(s->left);
			set_red(s);
			rotate_right(root, s, update);
			s = p->right;
		} else if (!left && !is_red(s->left)) {
			set_black(s->right);
			set_red(s);
			rotate_left(root, s, update);
			s = p->left;
		}
		s->parent_colour = (s->parent_colour & ~BLACK) | (p->parent_colour & BLACK);
		set_black(p);
		set_black(left ? s->right : s->left);
		if (left)
			rotate_left(root, p, update);
		else
			rotate_right(root, p, update);
		return;
	}
	if (n)
		set_black(n);
}

/* @return the deepest node that has other children now, or NULL */
specialised struct rb_node *erase(struct rb_root *root, struct rb_node *n, rb_update_fn update)
{
	struct rb_node *child, *p;
	bool black;

	if (n->left && n->right) {
		/* The successor, which has no left child, takes n's place. */
		struct rb_node *next = n->right;

		while (next->left)
			next = next->left;
		child = next->right;
		black = is_black(next);
		p = parent(next);
		if (p == n) {
			p = next;
		} else {
			p->left = child;
			if (child)
				set_parent(child, p);
			next->right = n->right;
			set_parent(next->right, next);
		}
		next->left = n->left;
		set_parent(next->left, next);
		replace_child(root, parent(n), n, next);
		next->parent_colour = n->parent_colour;
	} else {
		child = n->left ? n->left : n->right;
		black = is_black(n);
		p = parent(n);
		replace_child(root, p, n, child);
		if (child)
			set_parent(child, p);
	}
	if (black)
		erase_mend(root, child, p, update);
	return p;
}

void rb_insert(struct rb_root *root, struct rb_node *n, struct rb_node *p, struct rb_node **link)
{
	insert(root, n, p, link, NULL);
}

void rb_insert_valued(struct rb_root *root, struct rb_node *n, struct rb_node *p,
		      struct rb_node **link, rb_update_fn update)
{
	insert(root, n, p, link, update);
}

void rb_erase(struct rb_root *root, struct rb_node *n)
{
	(void)erase(root, n, NULL);
}

struct rb_node *rb_erase_valued(struct rb_root *root, struct rb_node *n, rb_update_fn update)
{
	return erase(root, n, update);
}

struct rb_node *rb_first(const struct rb_root *root)
{
	struct rb_node *n = root->node;

	while (n && n->left)
		n = n->left;
	return n;
}

struct rb_node *rb_last(const struct rb_root *root)
{
	struct rb_node *n = root->node;

	while (n && n->right)
		n = n->right;
	return n;
}

struct rb_node *rb_next(const struct rb_node *n)
{
	struct rb_node *p;

	if (n->right) {
		n = n->right;
		while (n->left)
			n = n->left;
		return (struct rb_node *)n;
	}
	while ((p = parent(n)) && p->right == n)
		n = p;
	return p;
}

struct rb_node *rb_prev(const struct rb_node *n)
{
	struct rb_node *p;

	if (n->left) {
		n = n->left;
		while (n->right)
			n = n->right;
		return (struct rb_node *)n;
	}
	while ((p = parent(n)) && p->left == n)
		n = p;
	return p;
}

/* Height in black nodes of the tree at @n, or -1. Deep as the tree: 2 log2. */
static int check_node(const struct rb_node *n, const struct rb_node *p)
{
	int l, r;

	if (!n)
		return 0;
	if (parent(n) != p || (!is_black(n) && (is_red(n->left) || is_red(n->right))))
		return -1;
	l = check_node(n->left, n);
	r = check_node(n->right, n);
	if (l < 0 || l != r)
		return -1;
	return l + is_black(n);
}

int rb_check(const struct rb_root *root)
{
	if (is_red(root->node))
		return -1;
	return check_node(root->node, NULL);
}
