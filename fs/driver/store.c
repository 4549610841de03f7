// SPDX-License-Identifier: MIT
/*
 * The store; see store.h.
 *
 * Which pages are dirty is found without a lock; it takes the one of its bucket to add a page. What orders
 * the writers of a sector is the driver's business.
 */
#include <kernel/block.h>
#include <kernel/err.h>
#include <kernel/fs/block_file.h>
#include <kernel/fs/file_cache.h>
#include <kernel/fs/page_tree.h>
#include <kernel/fs/undo.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/string.h>
#include "store.h"

static struct store_bucket *store_bucket(struct store *store, u64 index)
{
	return &store->buckets[index * 0x9e3779b97f4a7c15ull >> (64 - STORE_BUCKET_BITS)];
}

struct page *store_page_get(struct store *store, u64 index)
{
	return file_cache_page(store->inode, index);
}

struct page *store_page_fresh(struct store *store, u64 index, const void *bytes)
{
	if (page_tree_lookup(&store->inode->pages.tree, index))
		return NULL;
	return file_cache_page_new(store->inode, index, bytes);
}

/* What cannot be read is zeroes, as a sector is that a disk has lost. */
__cold void store_read_again(void *context, void *at)
{
	const struct store *store = context;
	struct page *page = virt_to_page(at);
	struct block_vec vec = { page, 0, PAGE_SIZE };

	if (block_transfer(store->disk, BLOCK_READ, 0, page->index * PAGE_SIZE, &vec, 1))
		memset(at, 0, PAGE_SIZE);
}

/* ---- dirty sectors ---- */

/* Without the lock: pages are added in front while changes run, and removed by commits, which exclude them. */
static struct store_page *bucket_page(const struct store_bucket *bucket, u64 index)
{
	struct store_page *found = __atomic_load_n(&bucket->first, __ATOMIC_ACQUIRE);

	while (found && found->index != index)
		found = found->next;
	return found;
}

/* Add @fresh, which has a reference on its page. @return the one that was there: nothing was added; else NULL */
static struct store_page *store_page_add(struct store *store, struct store_page *fresh)
{
	struct store_bucket *bucket = store_bucket(store, fresh->index);
	struct store_page *known;

	spin_lock(&bucket->lock);
	known = bucket_page(bucket, fresh->index);
	if (!known) {
		fresh->next = bucket->first;
		__atomic_store_n(&bucket->first, fresh, __ATOMIC_RELEASE);
	}
	spin_unlock(&bucket->lock);
	if (known)
		return known;
	fresh->next_all = READ_ONCE(store->pages);
	while (!__atomic_compare_exchange_n(&store->pages, &fresh->next_all, fresh, false,
					    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
	return NULL;
}

static void store_page_free(struct store_page *page)
{
	page_put(page->page);
	kfree(page);
}

struct store_page *store_page_dirty(struct store *store, struct page *page, u64 index)
{
	struct store_page *known = bucket_page(store_bucket(store, index), index), *fresh;

	if (known)
		return known;
	fresh = kzalloc(sizeof(*fresh));
	if (!fresh)
		return NULL;
	page_get(page);
	fresh->page = page;
	fresh->index = index;
	known = store_page_add(store, fresh);
	if (!known)
		return fresh;
	store_page_free(fresh);
	return known;
}

__cold void store_page_keep(struct store *store, struct store_page *page)
{
	struct store_page *known = store_page_add(store, page);

	if (!known)
		return;
	store_page_mark(known, page->sectors);
	store_page_free(page);
}

struct store_page *store_take_dirty(struct store *store)
{
	struct store_page *pages = store->pages;

	for (struct store_page *page = pages; page; page = page->next_all)
		store_bucket(store, page->index)->first = NULL;
	store->pages = NULL;
	return pages;
}

__cold int store_forget(struct store *store, u64 offset, u64 length, struct undo *undo)
{
	u64 end = (offset + length) / store->unit * store->unit;
	int err = 0;

	offset = ALIGN_UP(offset, (u64)store->unit);
	while (offset < end && !err) {
		u64 off = offset % PAGE_SIZE, part = MIN(PAGE_SIZE - off, end - offset);
		u64 index = offset / PAGE_SIZE;
		struct store_page *known = bucket_page(store_bucket(store, index), index);
		u32 sectors = known ? READ_ONCE(known->sectors) & store_sectors(store, off, part)
				    : 0;

		if (sectors)
			err = undo_note_cleared(undo, &known->sectors, sectors);
		if (sectors && !err)
			__atomic_fetch_and(&known->sectors, ~sectors, __ATOMIC_RELAXED);
		offset += part;
	}
	return err;
}

int store_after(struct store *store, u64 later, u64 earlier, u64 length)
{
	u64 first = earlier / STORE_SECTOR, last = (earlier + length - 1) / STORE_SECTOR;
	int err;

	_Static_assert(ORDER_SECTORS * STORE_SECTOR == PAGE_SIZE, "they are those of a page");
	spin_lock(&store->order_lock);
	err = order_add(&store->order, later / STORE_SECTOR, first, last - first + 1);
	spin_unlock(&store->order_lock);
	return err;
}

/* ---- life ---- */

__cold struct store *store_open(struct disk *disk)
{
	struct store *store = kzalloc(sizeof(*store));
	int err;

	if (!store)
		return ERR_PTR(-ENOMEM);
	err = disk_claim(disk, store);
	if (err)
		goto out_free;
	store->disk = disk;
	store->bytes = disk_bytes(disk);
	store->unit = MAX(disk_block_bytes(disk), STORE_SECTOR);
	store->buckets = kvzalloc(STORE_BUCKETS * sizeof(*store->buckets));
	store->inode = ERR_PTR(-ENOMEM);
	if (store->buckets)
		store->inode = block_inode_get(disk);
	if (!IS_ERR(store->inode))
		return store;
	err = PTR_ERR(store->inode);
	kvfree(store->buckets);
	disk_release(disk, store);
out_free:
	kfree(store);
	return ERR_PTR(err);
}

__cold void store_close(struct store *store)
{
	for (struct store_page *page = store->pages, *next; page; page = next) {
		next = page->next_all;
		store_page_free(page);
	}
	kvfree(store->buckets);
	order_clear(&store->order);
	/* What was forgotten is cached in another state than it has on the disk. */
	(void)file_cache_invalidate(store->inode, 0, store->bytes / PAGE_SIZE);
	block_inode_put(store->inode);
	disk_release(store->disk, store);
	disk_put(store->disk);
	kfree(store);
}
