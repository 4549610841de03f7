// SPDX-License-Identifier: MIT
/*
 * The store; see store.h.
 *
 * Reading and writing take no lock but, for a moment, the one of a page's bucket. What orders
 * the writers of a sector is the driver's business.
 */
#include <kernel/block.h>
#include <kernel/err.h>
#include <kernel/fs/block_file.h>
#include <kernel/fs/file_cache.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/string.h>
#include "store.h"

static struct store_bucket *store_bucket(struct store *store, u64 index)
{
	return &store->buckets[index * 0x9e3779b97f4a7c15ull >> 58];
}

struct page *store_page_get(struct store *store, u64 index)
{
	return file_cache_page(store->inode, index);
}

int store_read(struct store *store, u64 offset, void *to, u64 length)
{
	while (length) {
		u64 off = offset % PAGE_SIZE, part = MIN(PAGE_SIZE - off, length);
		struct page *page = store_page_get(store, offset / PAGE_SIZE);

		if (IS_ERR(page))
			return PTR_ERR(page);
		memcpy(to, (u8 *)page_address(page) + off, part);
		page_put(page);
		to = (u8 *)to + part;
		offset += part;
		length -= part;
	}
	return 0;
}

/* ---- dirty sectors ---- */

static struct store_page *bucket_page(struct store_bucket *bucket, u64 index)
{
	struct store_page *found = bucket->first;

	while (found && found->index != index)
		found = found->next;
	return found;
}

/* @return false: it is not known to be dirty */
static bool mark_again(struct store *store, u64 index, u32 sectors)
{
	struct store_bucket *bucket = store_bucket(store, index);
	struct store_page *known;

	spin_lock(&bucket->lock);
	known = bucket_page(bucket, index);
	if (known)
		known->sectors |= sectors;
	spin_unlock(&bucket->lock);
	return known;
}

/* Before the page is written, so that there is no failure afterwards. */
static int mark_dirty(struct store *store, struct page *page, u64 index, u32 sectors)
{
	struct store_bucket *bucket = store_bucket(store, index);
	struct store_page *fresh, *known;

	if (mark_again(store, index, sectors))
		return 0;
	fresh = kzalloc(sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	fresh->page = page;
	fresh->index = index;
	spin_lock(&bucket->lock);
	known = bucket_page(bucket, index);
	if (!known) {
		page_get(page);
		fresh->next = bucket->first;
		bucket->first = known = fresh;
		fresh = NULL;
	}
	known->sectors |= sectors;
	spin_unlock(&bucket->lock);
	kfree(fresh);
	return 0;
}

/* Whole blocks of the disk. */
static u32 store_sectors(const struct store *store, u64 off, u64 length)
{
	u32 first = off / store->unit * store->unit / STORE_SECTOR;
	u32 last = (ALIGN_UP(off + length, (u64)store->unit) - 1) / STORE_SECTOR;

	return (2u << last) - (1u << first);
}

int store_write(struct store *store, u64 offset, const void *from, u64 length)
{
	while (length) {
		u64 off = offset % PAGE_SIZE, part = MIN(PAGE_SIZE - off, length);
		struct page *page = store_page_get(store, offset / PAGE_SIZE);
		int err;

		if (IS_ERR(page))
			return PTR_ERR(page);
		err = mark_dirty(store, page, offset / PAGE_SIZE, store_sectors(store, off, part));
		if (!err && from)
			memcpy((u8 *)page_address(page) + off, from, part);
		else if (!err)
			memset((u8 *)page_address(page) + off, 0, part);
		page_put(page);
		if (err)
			return err;
		if (from)
			from = (const u8 *)from + part;
		offset += part;
		length -= part;
	}
	return 0;
}

static void forget_sectors(struct store *store, u64 index, u32 sectors)
{
	struct store_bucket *bucket = store_bucket(store, index);
	struct store_page *known;

	spin_lock(&bucket->lock);
	known = bucket_page(bucket, index);
	if (known)
		known->sectors &= ~sectors;
	spin_unlock(&bucket->lock);
}

void store_forget(struct store *store, u64 offset, u64 length)
{
	u64 end = (offset + length) / store->unit * store->unit;

	offset = ALIGN_UP(offset, (u64)store->unit);
	while (offset < end) {
		u64 off = offset % PAGE_SIZE, part = MIN(PAGE_SIZE - off, end - offset);

		forget_sectors(store, offset / PAGE_SIZE, store_sectors(store, off, part));
		offset += part;
	}
}

int store_after(struct store *store, u64 later, u64 earlier, u64 length)
{
	u64 last = (earlier + length - 1) / STORE_SECTOR;
	int err = 0;

	spin_lock(&store->order_lock);
	for (u64 sector = earlier / STORE_SECTOR; sector <= last && !err; sector++)
		err = order_add(&store->order, later / STORE_SECTOR, sector);
	spin_unlock(&store->order_lock);
	return err;
}

/* ---- life ---- */

struct store *store_open(struct disk *disk)
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
	store->inode = block_inode_get(disk);
	if (!IS_ERR(store->inode))
		return store;
	err = PTR_ERR(store->inode);
	disk_release(disk, store);
out_free:
	kfree(store);
	return ERR_PTR(err);
}

void store_close(struct store *store)
{
	for (u32 i = 0; i < STORE_BUCKETS; i++)
		for (struct store_page *page = store->buckets[i].first, *next; page; page = next) {
			next = page->next;
			page_put(page->page);
			kfree(page);
		}
	order_clear(&store->order);
	block_inode_put(store->inode);
	disk_release(store->disk, store);
	disk_put(store->disk);
	kfree(store);
}
