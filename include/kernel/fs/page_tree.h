/* SPDX-License-Identifier: MIT */
/**
 * @file page_tree.h  A sparse array of pointers: the pages of a file. Pure.
 *
 * A radix tree of nodes with 64 slots, as high as the largest index needs. A
 * file of one page has no node: the root is the page itself. Pointers are
 * aligned, so bit 0 of the root marks a node.
 *
 * Items can be tagged (pages that are dirty), and those that are be found without a look at the others.
 *
 * Readers take no lock: they may run at the same time as one writer and see each
 * slot as it was or as it is. Nodes are freed through page_tree_node_free(),
 * which waits for readers.
 */
#pragma once
#include <kernel/err.h>

#ifdef __BANOS_HOST__
struct page_tree {
	void *root;
	u32 height;
	_Bool root_tagged;
	u64 count;
};
struct tree_rcu {
	void *next;
	void (*fn)(void *);
};
#else
#include <kernel/fs/inode.h>
#endif

#define PAGE_TREE_BITS	6
#define PAGE_TREE_SLOTS (1u << PAGE_TREE_BITS)
#define PAGE_TREE_MAX	((1ull << 54) - 1) /* largest index */

struct page_tree_node {
	union {
		u32 shift; /* of an index, at this level; 0: slots hold items */
		u64 align;
	};
	u64 count;  /* slots in use; writer only */
	u64 tags;   /* bit i: slot i is, or has below it, a tagged item; writer only */
	u64 rcu[2]; /* for page_tree_node_free() */
	void *slot[PAGE_TREE_SLOTS];
};

/* The allocator of nodes: zeroed, NULL without memory. fs/cache/pages.c, or the test. */
struct page_tree_node *page_tree_node_alloc(void);
void page_tree_node_free(struct page_tree_node *node);

/** @return the item at @p index, or NULL */
void *page_tree_lookup(const struct page_tree *tree, u64 index);
/** @brief The items at @p first to @p first + @p count - 1, NULL for missing ones. @return how many were found */
u32 page_tree_lookup_range(const struct page_tree *tree, u64 first, u32 count, void **items);
/** @brief The first item at or after *@p index; its index there. NULL: none up to @p last. */
void *page_tree_next(const struct page_tree *tree, u64 *index, u64 last);
/** @return the first index at or after @p index that has no item */
u64 page_tree_next_hole(const struct page_tree *tree, u64 index);
/** @brief Insert an item. @return 0, -EEXIST, -ENOMEM, -EFBIG (index beyond PAGE_TREE_MAX). The writer's lock is held. */
int __must_check page_tree_insert(struct page_tree *tree, u64 index, void *item);
/** @brief Tag the item at @p index, which exists. The writer's lock is held. */
void page_tree_tag(struct page_tree *tree, u64 index);
/** @brief Take the tag away. The writer's lock is held. */
void page_tree_untag(struct page_tree *tree, u64 index);
/** @brief The first tagged item at or after *@p index; its index there. NULL: none up to @p last. The writer's lock is held. */
void *page_tree_next_tagged(const struct page_tree *tree, u64 *index, u64 last);
/** @brief Remove an item that is not tagged. @return the item, or NULL. The writer's lock is held. */
void *page_tree_remove(struct page_tree *tree, u64 index);
/** @brief Empty a tree that no other thread uses; calls @p release with each item. */
void page_tree_destroy(struct page_tree *tree, void (*release)(void *item, void *ctx), void *ctx);
