// SPDX-License-Identifier: MIT
/* A sparse array of pointers. See page_tree.h. */
#include <kernel/fs/page_tree.h>

#define NODE_TAG 1ul
#define LEVELS	 9 /* 54 bits of index */

static inline bool is_node(const void *slot)
{
	return (u64)slot & NODE_TAG;
}

static inline struct page_tree_node *to_node(void *slot)
{
	return (struct page_tree_node *)((u64)slot & ~NODE_TAG);
}

static inline void *from_node(struct page_tree_node *node)
{
	return (void *)((u64)node | NODE_TAG);
}

static inline void *slot_load(void *const *slot)
{
	return __atomic_load_n(slot, __ATOMIC_ACQUIRE);
}

static inline void slot_store(void **slot, void *value)
{
	__atomic_store_n(slot, value, __ATOMIC_RELEASE);
}

static inline u32 slot_of(u64 index, u32 shift)
{
	return index >> shift & (PAGE_TREE_SLOTS - 1);
}

/* The node whose slots hold the item at index, or NULL. */
static inline struct page_tree_node *find_leaf(void *root, u64 index)
{
	struct page_tree_node *node = to_node(root);

	if (index >> node->shift >= PAGE_TREE_SLOTS)
		return NULL;
	while (node && node->shift)
		node = slot_load(&node->slot[slot_of(index, node->shift)]);
	return node;
}

void *page_tree_lookup(const struct page_tree *tree, u64 index)
{
	void *root = slot_load(&tree->root);
	struct page_tree_node *node;

	if (!is_node(root)) {
		if (index)
			return NULL;
		return root;
	}
	if (index > PAGE_TREE_MAX)
		return NULL;
	node = find_leaf(root, index);
	if (!node)
		return NULL;
	return slot_load(&node->slot[slot_of(index, 0)]);
}

u32 page_tree_lookup_range(const struct page_tree *tree, u64 first, u32 count, void **items)
{
	struct page_tree_node *leaf = NULL;
	void *root = slot_load(&tree->root);
	u32 found = 0;

	for (u32 i = 0; i < count; i++) {
		u64 index = first + i;

		if (!is_node(root)) {
			if (index)
				items[i] = NULL;
			else
				items[i] = root;
		} else if (index > PAGE_TREE_MAX) {
			items[i] = NULL;
		} else {
			if (!i || !slot_of(index, 0))
				leaf = find_leaf(root, index);
			if (!leaf)
				items[i] = NULL;
			else
				items[i] = slot_load(&leaf->slot[slot_of(index, 0)]);
		}
		found += items[i] != NULL;
	}
	return found;
}

/*
 * One step of a search: descend to index as far as nodes exist. An entry
 * that is found is returned; else index moves behind the empty range.
 */
static void *tree_descend(struct page_tree_node *node, u64 *index)
{
	void *slot;

	for (;;) {
		slot = slot_load(&node->slot[slot_of(*index, node->shift)]);
		if (!slot) {
			*index = ((*index >> node->shift) + 1) << node->shift;
			return NULL;
		}
		if (!node->shift)
			return slot;
		node = slot;
	}
}

void *page_tree_next(const struct page_tree *tree, u64 *index, u64 last)
{
	void *root = slot_load(&tree->root), *item;
	struct page_tree_node *node;

	if (!is_node(root)) {
		if (*index)
			return NULL;
		return root;
	}
	node = to_node(root);
	while (*index <= last && *index <= PAGE_TREE_MAX &&
	       *index >> node->shift < PAGE_TREE_SLOTS) {
		item = tree_descend(node, index);
		if (item)
			return item;
	}
	return NULL;
}

u64 page_tree_next_hole(const struct page_tree *tree, u64 index)
{
	while (index <= PAGE_TREE_MAX && page_tree_lookup(tree, index))
		index++;
	return index;
}

/* Put nodes on top until index fits in. */
static int tree_grow(struct page_tree *tree, u64 index)
{
	while (index &&
	       (!is_node(tree->root) || index >> to_node(tree->root)->shift >= PAGE_TREE_SLOTS)) {
		bool had_node = is_node(tree->root);
		struct page_tree_node *node;

		if (!tree->root) { /* nothing to keep: a root of the right height at once */
			node = page_tree_node_alloc();
			if (!node)
				return -ENOMEM;
			while (index >> node->shift >= PAGE_TREE_SLOTS)
				node->shift += PAGE_TREE_BITS;
			tree->height = node->shift / PAGE_TREE_BITS + 1;
			slot_store(&tree->root, from_node(node));
			return 0;
		}
		node = page_tree_node_alloc();
		if (!node)
			return -ENOMEM;
		if (had_node) {
			node->shift = to_node(tree->root)->shift + PAGE_TREE_BITS;
			node->slot[0] = to_node(tree->root);
			node->tags = to_node(tree->root)->tags != 0;
		} else {
			node->shift = 0;
			node->slot[0] = tree->root;
			node->tags = tree->root_tagged;
			tree->root_tagged = false;
		}
		node->count = 1;
		tree->height++;
		slot_store(&tree->root, from_node(node));
	}
	return 0;
}

/* Free the empty nodes that an insertion made before memory ran out. */
static void tree_prune(struct page_tree *tree, struct page_tree_node **path, u32 depth, u64 index)
{
	while (depth--) {
		struct page_tree_node *node = path[depth];

		if (node->count)
			return;
		if (depth) {
			slot_store(&path[depth - 1]
					    ->slot[slot_of(index, node->shift + PAGE_TREE_BITS)],
				   NULL);
			path[depth - 1]->count--;
		} else {
			slot_store(&tree->root, NULL);
			tree->height = 0;
		}
		page_tree_node_free(node);
	}
}

int page_tree_insert(struct page_tree *tree, u64 index, void *item)
{
	struct page_tree_node *path[LEVELS], *node;
	u32 depth = 0;
	int err;

	if (index > PAGE_TREE_MAX)
		return -EFBIG;
	err = tree_grow(tree, index);
	if (err)
		return err;
	if (!is_node(tree->root)) {
		if (tree->root)
			return -EEXIST;
		slot_store(&tree->root, item);
		tree->count++;
		return 0;
	}
	for (node = to_node(tree->root);; node = node->slot[slot_of(index, node->shift)]) {
		void **slot = &node->slot[slot_of(index, node->shift)];

		path[depth++] = node;
		if (!node->shift) {
			if (*slot)
				return -EEXIST;
			node->count++;
			tree->count++;
			slot_store(slot, item);
			return 0;
		}
		if (!*slot) {
			struct page_tree_node *below = page_tree_node_alloc();

			if (!below) {
				tree_prune(tree, path, depth, index);
				return -ENOMEM;
			}
			below->shift = node->shift - PAGE_TREE_BITS;
			node->count++;
			slot_store(slot, below);
		}
	}
}

/* A root that has slot 0 alone is one level too many. */
static void tree_shrink(struct page_tree *tree)
{
	while (is_node(tree->root)) {
		struct page_tree_node *node = to_node(tree->root);

		if (node->count != 1 || !node->slot[0])
			return;
		if (!node->shift)
			tree->root_tagged = node->tags & 1;
		slot_store(&tree->root, node->shift ? from_node(node->slot[0]) : node->slot[0]);
		tree->height--;
		page_tree_node_free(node);
	}
}

void *page_tree_remove(struct page_tree *tree, u64 index)
{
	struct page_tree_node *path[LEVELS], *node;
	u32 depth = 0;
	void *item = tree->root;

	if (!is_node(tree->root)) {
		if (index || !item)
			return NULL;
		slot_store(&tree->root, NULL);
		tree->count--;
		return item;
	}
	node = to_node(tree->root);
	if (index > PAGE_TREE_MAX || index >> node->shift >= PAGE_TREE_SLOTS)
		return NULL;
	for (;; node = item) {
		path[depth++] = node;
		item = node->slot[slot_of(index, node->shift)];
		if (!item)
			return NULL;
		if (!node->shift)
			break;
	}
	slot_store(&node->slot[slot_of(index, 0)], NULL);
	node->count--;
	tree->count--;
	tree_prune(tree, path, depth, index);
	tree_shrink(tree);
	return item;
}

/* ---- tags ---- */

/* The nodes from the root to that of index, which has an item. @return how many; 0: the item is the root */
static u32 tree_path(const struct page_tree *tree, u64 index, struct page_tree_node **path)
{
	struct page_tree_node *node = to_node(tree->root);
	u32 depth = 0;

	if (!is_node(tree->root))
		return 0;
	for (;; node = node->slot[slot_of(index, node->shift)]) {
		path[depth++] = node;
		if (!node->shift)
			return depth;
	}
}

void page_tree_tag(struct page_tree *tree, u64 index)
{
	struct page_tree_node *path[LEVELS];
	u32 depth = tree_path(tree, index, path);

	if (!depth)
		tree->root_tagged = true;
	while (depth--)
		path[depth]->tags |= 1ull << slot_of(index, path[depth]->shift);
}

void page_tree_untag(struct page_tree *tree, u64 index)
{
	struct page_tree_node *path[LEVELS];
	u32 depth = tree_path(tree, index, path);

	if (!depth)
		tree->root_tagged = false;
	while (depth--) {
		path[depth]->tags &= ~(1ull << slot_of(index, path[depth]->shift));
		if (path[depth]->tags)
			return;
	}
}

/* As tree_descend(), along tags. */
static void *tree_descend_tagged(const struct page_tree_node *node, u64 *index)
{
	for (;;) {
		u64 place = *index >> node->shift;
		u64 tags = node->tags >> (place & (PAGE_TREE_SLOTS - 1));
		u32 skip;

		if (!tags) {
			*index = ((place | (PAGE_TREE_SLOTS - 1)) + 1) << node->shift;
			return NULL;
		}
		skip = (u32)__builtin_ctzll(tags);
		if (skip)
			*index = (place + skip) << node->shift;
		if (!node->shift)
			return node->slot[slot_of(*index, 0)];
		node = node->slot[slot_of(*index, node->shift)];
	}
}

void *page_tree_next_tagged(const struct page_tree *tree, u64 *index, u64 last)
{
	struct page_tree_node *node;
	void *item;

	if (!is_node(tree->root)) {
		if (*index || !tree->root_tagged)
			return NULL;
		return tree->root;
	}
	node = to_node(tree->root);
	last = MIN(last, PAGE_TREE_MAX);
	while (*index <= last && *index >> node->shift < PAGE_TREE_SLOTS) {
		item = tree_descend_tagged(node, index);
		if (item)
			return *index <= last ? item : NULL;
	}
	return NULL;
}

void page_tree_destroy(struct page_tree *tree, void (*release)(void *item, void *ctx), void *ctx)
{
	struct page_tree_node *path[LEVELS];
	u32 slots[LEVELS], depth = 0;

	if (!is_node(tree->root)) {
		if (tree->root)
			release(tree->root, ctx);
	} else {
		path[depth] = to_node(tree->root);
		slots[depth++] = 0;
	}
	while (depth) {
		struct page_tree_node *node = path[depth - 1];
		void *slot;

		if (slots[depth - 1] == PAGE_TREE_SLOTS) {
			page_tree_node_free(node);
			depth--;
			continue;
		}
		slot = node->slot[slots[depth - 1]++];
		if (slot && node->shift) {
			path[depth] = slot;
			slots[depth++] = 0;
		} else if (slot) {
			release(slot, ctx);
		}
	}
	tree->root = NULL;
	tree->height = 0;
	tree->count = 0;
}
