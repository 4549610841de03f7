// SPDX-License-Identifier: MIT
/*
 * Taking pages of stored files out of the cache: cut, punched, invalidated, or at the end of their inode.
 *
 * A page that is being written stays until it is: its block must not become another file's before. One that is being
 * read may leave: its reader sees that it has no mapping any more, and looks again.
 */
#include <kernel/string.h>
#include <kernel/vm.h>
#include "cache.h"

#define REMOVE_BATCH 256u /* pages in one pass under the lock */

/* What a removal takes, and where it is. */
struct cache_removal {
	struct file_cache *cache;
	u64 index, last;
	bool clean_only, unused_only;
	struct page *list; /* taken, through ->index */
	u32 count;
	u64 writing; /* where it met a page that is being written; ~0: nowhere */
	bool stayed; /* some did */
};

/* Is @page to be taken? Under pages.lock. */
static bool removal_takes(struct cache_removal *removal, struct page *page)
{
	if (removal->clean_only && (page->flags & (PG_DIRTY | PG_WRITEBACK)))
		return false;
	return !removal->unused_only || (atomic_read(&page->refs) == 1 && !(page->flags & PG_BUSY));
}

/* One pass. @return false: there is no more */
static bool removal_pass(struct cache_removal *removal)
{
	struct inode *inode = removal->cache->inode;
	struct page *page;
	u32 count = 0;

	removal->writing = ~0ull;
	spin_lock(&inode->pages.lock);
	while (count < REMOVE_BATCH && removal->index <= removal->last &&
	       (page = page_tree_next(&inode->pages.tree, &removal->index, removal->last))) {
		if (!removal->clean_only && (page->flags & PG_WRITEBACK)) {
			removal->writing = removal->index;
			break;
		}
		count++;
		removal->index++;
		if (!removal_takes(removal, page)) {
			removal->stayed = true;
			continue;
		}
		stored_page_unlink(removal->cache, page);
		page->index = (u64)removal->list;
		removal->list = page;
		removal->count++;
	}
	spin_unlock(&inode->pages.lock);
	return count == REMOVE_BATCH || removal->writing != ~0ull;
}

static void removal_run(struct cache_removal *removal, bool copies_too)
{
	struct inode *inode = removal->cache->inode;
	u64 first = removal->index;
	struct page *page;

	if (inode->pages.tree.root)
		while (removal_pass(removal))
			if (removal->writing != ~0ull)
				cache_wait_writes(removal->cache, removal->writing,
						  removal->writing);
	if ((removal->count || copies_too) && !list_empty(&inode->pages.regions))
		vm_unmap_file_range(&inode->pages, first, removal->last, copies_too);
	while ((page = removal->list)) {
		removal->list = (struct page *)page->index;
		page_put(page);
	}
}

void cache_remove_clean(struct file_cache *cache, u64 first, u64 last)
{
	struct cache_removal removal = {
		.cache = cache, .index = first, .last = last, .clean_only = true
	};

	removal_run(&removal, false);
}

int file_cache_invalidate(struct inode *inode, u64 first, u64 last)
{
	struct cache_removal removal = { .cache = inode->cache,
					 .index = first,
					 .last = last,
					 .clean_only = true,
					 .unused_only = true };

	if (!list_empty(&inode->pages.regions)) /* mapped pages are taken out of there first */
		vm_unmap_file_range(&inode->pages, first, last, false);
	removal_run(&removal, false);
	if (removal.stayed)
		return -EBUSY;
	return 0;
}

void file_cache_end(struct inode *inode)
{
	struct cache_removal removal = { .cache = inode->cache, .last = PAGE_TREE_MAX };

	removal_run(&removal, true);
	cache_wait_writes(inode->cache, 0, PAGE_TREE_MAX);
	cache_unlist(inode->cache);
}

/* ---- cuts ---- */

void file_cache_cut_begin(struct inode *inode)
{
	assert_held(&inode->lock);
	down_write(&inode->cache->cut_lock);
}

void file_cache_cut_end(struct inode *inode)
{
	up_write(&inode->cache->cut_lock);
}

int file_cache_cut_prepare(struct inode *inode, u64 offset)
{
	struct page *page;

	assert_held(&inode->lock);
	if (offset > inode->size)
		return cache_grow_prepare(inode->cache, offset);
	if (!(offset & (PAGE_SIZE - 1)) || offset == inode->size)
		return 0;
	page = file_cache_page(inode, offset >> PAGE_SHIFT);
	if (IS_ERR(page))
		return (int)PTR_ERR(page);
	page_put(page);
	return 0;
}

/* Zero [offset, offset + length) within one page that is cached. */
static void cut_zero_part(struct inode *inode, u64 offset, u64 length)
{
	struct page *page = NULL;

	if (length)
		page = inode_page_find(inode, offset >> PAGE_SHIFT);
	if (!page)
		return;
	(void)stored_page_wait(page); /* a fill, which had begun before the cut did */
	if (page_has(page, PG_UPTODATE)) {
		memset((u8 *)page_address(page) + (offset & (PAGE_SIZE - 1)), 0, length);
		file_cache_dirty(inode, page, 0);
	}
	page_put(page);
}

void cache_ask_again(struct inode *inode, u64 index)
{
	struct page *page = inode_page_find(inode, index);

	if (!page)
		return;
	page_flags_clear(page, PG_STORED);
	page_put(page);
	if (!list_empty(&inode->pages.regions))
		vm_protect_file_range(&inode->pages, index, index);
}

void cache_grow_end(struct inode *inode, u64 was)
{
	if (unlikely(was < inode->size && was & (PAGE_SIZE - 1)))
		cache_ask_again(inode, was >> PAGE_SHIFT);
}

void file_cache_cut(struct inode *inode, u64 size)
{
	struct cache_removal removal = { .cache = inode->cache,
					 .index = PAGE_ALIGN(size) >> PAGE_SHIFT,
					 .last = PAGE_TREE_MAX };
	u64 off = size & (PAGE_SIZE - 1), was = inode->size;

	assert_held_write(&inode->cache->cut_lock);
	WRITE_ONCE(inode->size, size);
	cache_grow_end(inode, was);
	removal_run(&removal, true);
	if (!off)
		return;
	cut_zero_part(inode, size, PAGE_SIZE - off);
	cache_ask_again(inode, size >> PAGE_SHIFT);
}

void file_cache_punch(struct inode *inode, u64 offset, u64 length)
{
	u64 end = offset + length, first = PAGE_ALIGN(offset), last = end & PAGE_MASK;
	struct cache_removal removal = { .cache = inode->cache, .index = first >> PAGE_SHIFT };

	assert_held_write(&inode->cache->cut_lock);
	if (first > last) { /* within one page */
		cut_zero_part(inode, offset, length);
		cache_ask_again(inode, offset >> PAGE_SHIFT);
		return;
	}
	cut_zero_part(inode, offset, first - offset);
	cut_zero_part(inode, last, end - last);
	if (offset < first)
		cache_ask_again(inode, offset >> PAGE_SHIFT);
	if (last < end)
		cache_ask_again(inode, last >> PAGE_SHIFT);
	if (first == last)
		return;
	removal.last = (last >> PAGE_SHIFT) - 1;
	removal_run(&removal, false);
}
