// SPDX-License-Identifier: MIT
/* A sparse array of pointers. See page_tree.h. */
#include <kernel/fs/page_tree.h>

#define NODE_TAG 1ul
#define LEVELS	 9 /* 54 bits of index */

static inline bool is_node(const void *p)
{
	return (u64)p & NODE_TAG;
}

static inline struct page_tree_node *to_node(void *p)
{
	return (struct page_tree_node *)((u64)p & ~NODE_TAG);
}

static inline void *from_node(struct page_tree_node *n)
{
	return (void *)((u64)n | NODE_TAG);
}

static inline void *load(void *const *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void store(void **p, void *v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

static inline u32 slot_of(u64 index, u32 shift)
{
	return index >> shift & (PAGE_TREE_SLOTS - 1);
}

/* The node whose slots hold the item at index, or NULL. */
static inline struct page_tree_node *find_leaf(void *root, u64 index)
{
	struct page_tree_node *n = to_node(root);

	if (index >> n->shift >= PAGE_TREE_SLOTS)
		return NULL;
	while (n && n->shift)
		n = load(&n->slot[slot_of(index, n->shift)]);
	return n;
}

void *page_tree_lookup(const struct page_tree *t, u64 index)
{
	void *root = load(&t->root);
	struct page_tree_node *n;

	if (!is_node(root))
		return index ? NULL : root;
	if (index > PAGE_TREE_MAX)
		return NULL;
	n = find_leaf(root, index);
	return n ? load(&n->slot[slot_of(index, 0)]) : NULL;
}

u32 page_tree_lookup_range(const struct page_tree *t, u64 first, u32 n, void **items)
{
	struct page_tree_node *leaf = NULL;
	void *root = load(&t->root);
	u32 found = 0;

	for (u32 i = 0; i < n; i++) {
		u64 index = first + i;

		if (!is_node(root)) {
			items[i] = index ? NULL : root;
		} else if (index > PAGE_TREE_MAX) {
			items[i] = NULL;
		} else {
			if (!i || !slot_of(index, 0))
				leaf = find_leaf(root, index);
			items[i] = leaf ? load(&leaf->slot[slot_of(index, 0)]) : NULL;
		}
		found += items[i] != NULL;
	}
	return found;
}

/*
 * One step of a search: go down to index as far as there are nodes. If something
 * is there it is returned; else index moves behind the empty range.
 */
static void *descend(struct page_tree_node *n, u64 *index)
{
	void *p;

	for (;;) {
		p = load(&n->slot[slot_of(*index, n->shift)]);
		if (!p) {
			*index = ((*index >> n->shift) + 1) << n->shift;
			return NULL;
		}
		if (!n->shift)
			return p;
		n = p;
	}
}

void *page_tree_next(const struct page_tree *t, u64 *index, u64 last)
{
	void *root = load(&t->root), *p;
	struct page_tree_node *n;

	if (!is_node(root))
		return *index ? NULL : root;
	n = to_node(root);
	while (*index <= last && *index <= PAGE_TREE_MAX && *index >> n->shift < PAGE_TREE_SLOTS) {
		p = descend(n, index);
		if (p)
			return p;
	}
	return NULL;
}

u64 page_tree_next_hole(const struct page_tree *t, u64 index)
{
	while (index <= PAGE_TREE_MAX && page_tree_lookup(t, index))
		index++;
	return index;
}

/* Put nodes on top until index fits in. */
static int grow(struct page_tree *t, u64 index)
{
	while (index &&
	       (!is_node(t->root) || index >> to_node(t->root)->shift >= PAGE_TREE_SLOTS)) {
		bool had_node = is_node(t->root);
		struct page_tree_node *n;

		if (!t->root) { /* nothing to keep: a root of the right height at once */
			n = page_tree_node_alloc();
			if (!n)
				return -ENOMEM;
			while (index >> n->shift >= PAGE_TREE_SLOTS)
				n->shift += PAGE_TREE_BITS;
			t->height = n->shift / PAGE_TREE_BITS + 1;
			store(&t->root, from_node(n));
			return 0;
		}
		n = page_tree_node_alloc();
		if (!n)
			return -ENOMEM;
		n->shift = had_node ? to_node(t->root)->shift + PAGE_TREE_BITS : 0;
		n->slot[0] = had_node ? to_node(t->root) : t->root;
		n->count = 1;
		t->height++;
		store(&t->root, from_node(n));
	}
	return 0;
}

/* Nodes that an insertion made before memory ran out, and that stayed empty, go again. */
static void prune(struct page_tree *t, struct page_tree_node **path, u32 depth, u64 index)
{
	while (depth--) {
		struct page_tree_node *n = path[depth];

		if (n->count)
			return;
		if (depth) {
			store(&path[depth - 1]->slot[slot_of(index, n->shift + PAGE_TREE_BITS)],
			      NULL);
			path[depth - 1]->count--;
		} else {
			store(&t->root, NULL);
			t->height = 0;
		}
		page_tree_node_free(n);
	}
}

int page_tree_insert(struct page_tree *t, u64 index, void *item)
{
	struct page_tree_node *path[LEVELS], *n;
	u32 depth = 0;
	int err;

	if (index > PAGE_TREE_MAX)
		return -EFBIG;
	err = grow(t, index);
	if (err)
		return err;
	if (!is_node(t->root)) {
		if (t->root)
			return -EEXIST;
		store(&t->root, item);
		t->count++;
		return 0;
	}
	for (n = to_node(t->root);; n = n->slot[slot_of(index, n->shift)]) {
		void **slot = &n->slot[slot_of(index, n->shift)];

		path[depth++] = n;
		if (!n->shift) {
			if (*slot)
				return -EEXIST;
			n->count++;
			t->count++;
			store(slot, item);
			return 0;
		}
		if (!*slot) {
			struct page_tree_node *below = page_tree_node_alloc();

			if (!below) {
				prune(t, path, depth, index);
				return -ENOMEM;
			}
			below->shift = n->shift - PAGE_TREE_BITS;
			n->count++;
			store(slot, below);
		}
	}
}

/* A root that has slot 0 alone is one level too many. */
static void shrink(struct page_tree *t)
{
	while (is_node(t->root)) {
		struct page_tree_node *n = to_node(t->root);

		if (n->count != 1 || !n->slot[0])
			return;
		store(&t->root, n->shift ? from_node(n->slot[0]) : n->slot[0]);
		t->height--;
		page_tree_node_free(n);
	}
}

void *page_tree_remove(struct page_tree *t, u64 index)
{
	struct page_tree_node *path[LEVELS], *n;
	u32 depth = 0;
	void *item = t->root;

	if (!is_node(t->root)) {
		if (index || !item)
			return NULL;
		store(&t->root, NULL);
		t->count--;
		return item;
	}
	n = to_node(t->root);
	if (index > PAGE_TREE_MAX || index >> n->shift >= PAGE_TREE_SLOTS)
		return NULL;
	for (;; n = item) {
		path[depth++] = n;
		item = n->slot[slot_of(index, n->shift)];
		if (!item)
			return NULL;
		if (!n->shift)
			break;
	}
	store(&n->slot[slot_of(index, 0)], NULL);
	n->count--;
	t->count--;
	prune(t, path, depth, index);
	shrink(t);
	return item;
}

void page_tree_destroy(struct page_tree *t, void (*fn)(void *item, void *ctx), void *ctx)
{
	struct page_tree_node *path[LEVELS];
	u32 at[LEVELS], depth = 0;

	if (!is_node(t->root)) {
		if (t->root)
			fn(t->root, ctx);
	} else {
		path[depth] = to_node(t->root);
		at[depth++] = 0;
	}
	while (depth) {
		struct page_tree_node *n = path[depth - 1];
		void *p;

		if (at[depth - 1] == PAGE_TREE_SLOTS) {
			page_tree_node_free(n);
			depth--;
			continue;
		}
		p = n->slot[at[depth - 1]++];
		if (p && n->shift) {
			path[depth] = p;
			at[depth++] = 0;
		} else if (p) {
			fn(p, ctx);
		}
	}
	t->root = NULL;
	t->height = 0;
	t->count = 0;
}
