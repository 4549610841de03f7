// SPDX-License-Identifier: MIT
/*
 * Files with a cache in address spaces.
 *
 * A fault takes the cached page, or reads it with those that follow it in its 64 KiB. The first write to a
 * page of a shared mapping asks for room and makes it dirty, under cut_lock, so that no room is given behind
 * an end that is being moved; what else its unit of allocation has is cached before (room.c). Write-back makes the
 * entries read-only again before it reads a page (vm.h).
 */
#include <kernel/vm.h>
#include "cache.h"

static int mapped_fault(struct vm_region *region, u64 pgoff, struct page **out)
{
	struct file_cache *cache = region->file->cache;
	struct page *page = inode_page_find(cache->inode, pgoff);
	u64 npages = pages_of_size(READ_ONCE(cache->inode->size));

	if (page && page_has(page, PG_UPTODATE) && pgoff < npages) {
		*out = page;
		return 0;
	}
	if (page)
		page_put(page);
	if (pgoff >= npages)
		return -EFBIG;
	page = cache_page_for(region->file, cache, pgoff,
			      MIN(npages - pgoff, VM_FAULT_AROUND - pgoff % VM_FAULT_AROUND));
	if (!page)
		return -EFBIG;
	if (IS_ERR(page))
		return (int)PTR_ERR(page);
	WRITE_ONCE(region->file->read_next, ALIGN_DOWN(pgoff, VM_FAULT_AROUND) + VM_FAULT_AROUND);
	*out = page;
	return 1;
}

static int mapped_fault_around(struct vm_region *region, u64 first, u32 count, struct page **pages)
{
	struct inode *inode = region->file->cache->inode;
	u64 npages = pages_of_size(READ_ONCE(inode->size));
	u32 found;

	spin_lock(&inode->pages.lock);
	found = page_tree_lookup_range(&inode->pages.tree, first, count, (void **)pages);
	for (u32 i = 0; i < count; i++) {
		if (!pages[i])
			continue;
		if (page_has(pages[i], PG_UPTODATE) && first + i < npages) {
			page_get(pages[i]);
		} else {
			pages[i] = NULL;
			found--;
		}
	}
	spin_unlock(&inode->pages.lock);
	return (int)found;
}

/* Room for a page that is about to be written, which becomes dirty with it; under cut_lock. */
static int mapped_allocate(struct file_cache *cache, struct page *page,
			   const struct cache_room *room)
{
	u64 offset = page->index << PAGE_SHIFT, size = READ_ONCE(cache->inode->size);
	s64 length = (s64)MIN(PAGE_SIZE, size - MIN(size, offset)), got;
	int err;

	if (!length)
		return -EFBIG;
	err = cache_change_begin(cache);
	if (err)
		return err;
	got = cache_allocate(cache, offset, (u64)length, &page, room);
	if (got == length)
		file_cache_dirty(cache->inode, page, 0);
	cache_change_end(cache);
	if (got < 0)
		return (int)got;
	if (got < length)
		return -ENOSPC;
	return 0;
}

/* Once it is certain that the page's unit is cached. @return 0, -EAGAIN: it was cut meanwhile; -errno */
static int mapped_make_room(struct file_cache *cache, struct page *page)
{
	u64 index = READ_ONCE(page->index);
	struct cache_room room;
	int err;

	smp_rmb();
	if (!READ_ONCE(page->mapping)) /* it was cut: its entries go, too */
		return 0;
	err = cache_room_prepare(cache, index << PAGE_SHIFT, PAGE_SIZE, FILE_SIZE_MAX, &room);
	if (err)
		return err;
	down_read(&cache->cut_lock);
	if (READ_ONCE(page->mapping)) {
		err = -EAGAIN;
		if (cache_room_is_cached(&room))
			err = mapped_allocate(cache, page, &room);
	}
	up_read(&cache->cut_lock);
	cache_room_end(&room);
	return err;
}

static int mapped_mkwrite(struct vm_region *region, struct page *page)
{
	struct file_cache *cache = region->file->cache;
	int err = 0;

	if (!cache->backing->map || page_has(page, PG_STORED)) {
		down_read(&cache->cut_lock);
		if (READ_ONCE(page->mapping))
			file_cache_dirty(cache->inode, page, 0xff);
		up_read(&cache->cut_lock);
	} else {
		do
			err = mapped_make_room(cache, page);
		while (err == -EAGAIN && !fatal_signal_pending());
	}
	if (err)
		return err;
	inode_touch(cache->inode, ATTR_MTIME | ATTR_CTIME);
	cache_balance(cache, 1);
	return 0;
}

static const struct vm_region_ops mapped_ops = {
	.fault = mapped_fault,
	.fault_around = mapped_fault_around,
	.page_mkwrite = mapped_mkwrite,
	.page_cache = true,
	.write_back = true,
};

int file_cache_mmap(struct file *f, struct vm_region *region)
{
	file_accessed(f);
	region->ops = &mapped_ops;
	region->pages = &f->cache->inode->pages;
	return 0;
}
