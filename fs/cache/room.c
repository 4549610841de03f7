// SPDX-License-Identifier: MIT
/*
 * Room on the store for what is written.
 *
 * Room is given by one thread at a time (room_lock): a write and the first stores to pages of mappings ask at once. Whoever
 * changes the file below otherwise (its names, size, rights) takes the same lock: the file system sees one change of it at a time.
 *
 * What was in the blocks before must be seen neither by a reader, who may ask where a page lies as soon as it has
 * room, nor after a crash. So nothing gets room whose pages are not all cached, up to date, and counted by
 * the one who asks: readers find them there, and no fill of one of them is going on, which would have it busy. They become
 * dirty in the change that gives the room, so a commit writes them before what leads to them.
 *
 * A unit of allocation may be larger than a page. Then its other pages are brought into the cache before, too (struct
 * cache_room): as the hole that they are they read as zeroes. A unit that has room already needs none of that. What is
 * behind the end of the file nobody sees: a file that grows is zeroed there first (cache_grow_prepare()).
 */
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/string.h>
#include "cache.h"

/* ---- other pages of the unit ---- */

struct page *file_cache_page_new(struct inode *inode, u64 index, const void *bytes)
{
	u32 flags = PAGE_ZERO;
	struct page *page;
	int got;

	if (bytes)
		flags = 0;
	page = file_cache_page_alloc(flags);
	if (!page)
		return ERR_PTR(-ENOMEM);
	if (bytes)
		memcpy(page_address(page), bytes, PAGE_SIZE);
	page->flags = PG_UPTODATE;
	page->private = 0;
	got = stored_page_insert(inode->cache, index, 1, &page, false);
	if (got == 1)
		return page;
	page_free(page);
	if (got)
		return ERR_PTR(got);
	return NULL;
}

struct page *file_cache_page_zero(struct inode *inode, u64 index)
{
	struct page *page = NULL, *there = NULL;

	while (!page && !there) {
		page = file_cache_page_new(inode, index, NULL);
		if (!page)
			there = inode_page_find(inode, index);
	}
	if (page)
		return page;
	if (page_has(there, PG_UPTODATE))
		return there;
	page_put(there);
	return file_cache_page(inode, index);
}

static int room_add(struct file_cache *cache, struct cache_room *room, u64 index)
{
	struct page *page = ERR_PTR(-EFBIG);

	if (index < pages_of_size(READ_ONCE(cache->inode->size)))
		page = file_cache_page(cache->inode, index);
	if (IS_ERR(page) && PTR_ERR(page) == -EFBIG)
		page = file_cache_page_zero(cache->inode, index);
	if (IS_ERR(page))
		return (int)PTR_ERR(page);
	room->pages[room->count++] = page;
	return 0;
}

/* The pages [first, end) are of the unit in which the byte at @at is to get room. @return 0 or -errno */
static int room_add_range(struct file_cache *cache, struct cache_room *room, u64 first, u64 end,
			  u64 at)
{
	struct cache_extent extent;
	int err;

	if (first >= end)
		return 0;
	err = cache_map(cache, at, at + 1, &extent);
	if (err || extent.kind == CACHE_RUN) /* others had it cached when they gave it room */
		return err;
	for (; first < end && !err; first++)
		err = room_add(cache, room, first);
	return err;
}

int cache_room_prepare(struct file_cache *cache, u64 offset, u64 length, u64 seen,
		       struct cache_room *room)
{
	u64 end = offset + length, first = ALIGN_DOWN(offset, (u64)cache->unit) >> PAGE_SHIFT;
	u64 last = MIN(ALIGN_UP(end, (u64)cache->unit), PAGE_ALIGN(seen)) >> PAGE_SHIFT;
	int err;

	*room = (struct cache_room){ .pages = NULL };
	if (likely(cache->unit <= PAGE_SIZE))
		return 0;
	room->pages = kmalloc((2 * cache->unit >> PAGE_SHIFT) * sizeof(room->pages[0]));
	if (!room->pages)
		return -ENOMEM;
	err = room_add_range(cache, room, first, offset >> PAGE_SHIFT, offset);
	if (!err)
		err = room_add_range(cache, room, pages_of_size(end), last, end - 1);
	if (err)
		cache_room_end(room);
	return err;
}

bool cache_room_is_cached(const struct cache_room *room)
{
	for (u32 i = 0; i < room->count; i++)
		if (!READ_ONCE(room->pages[i]->mapping))
			return false;
	return true;
}

void cache_room_end(struct cache_room *room)
{
	for (u32 i = 0; i < room->count; i++)
		page_put(room->pages[i]);
	kfree(room->pages);
}

/* ---- allocation ---- */

/* A page that lies in @extent as a whole need not ask again. */
static void mark_stored(const struct cache_extent *extent, struct page *page, u64 start)
{
	if (extent->offset <= start && extent->offset + extent->length >= start + PAGE_SIZE)
		page_flags_set(page, PG_STORED);
}

/* All of what is new must have pages. */
static bool extent_is_sane(const struct file_cache *cache, const struct cache_extent *extent,
			   u64 at, u64 from, u64 to)
{
	u64 end = extent->offset + extent->length, grain = MAX((u64)cache->unit, PAGE_SIZE);

	if (extent->kind != CACHE_RUN || extent->offset > at || end <= at)
		return false;
	return !extent->fresh ||
	       (extent->offset >= ALIGN_DOWN(from, grain) && end <= ALIGN_UP(to, grain));
}

static void room_dirty(struct file_cache *cache, const struct cache_room *room,
		       const struct cache_extent *extent)
{
	for (u32 i = 0; i < room->count; i++) {
		struct page *page = room->pages[i];
		u64 start = page->index << PAGE_SHIFT;

		if (start >= extent->offset + extent->length || start + PAGE_SIZE <= extent->offset)
			continue;
		mark_stored(extent, page, start);
		file_cache_dirty(cache->inode, page, 0);
	}
}

s64 cache_allocate(struct file_cache *cache, u64 offset, u64 length, struct page **pages,
		   const struct cache_room *room)
{
	u64 at = offset, end = offset + length;
	u64 from = offset & PAGE_MASK, to = PAGE_ALIGN(end);
	struct cache_extent extent;
	int err = 0;

	while (at < end) {
		err = cache->backing->map(cache->inode, at, end - at, true, &extent);
		if (!err && !extent_is_sane(cache, &extent, at, from, to))
			err = -EIO;
		if (err)
			break;
		for (u64 start = from; start < to; start += PAGE_SIZE)
			mark_stored(&extent, pages[(start - from) >> PAGE_SHIFT], start);
		if (extent.fresh)
			room_dirty(cache, room, &extent);
		at = extent.offset + extent.length;
	}
	if (at == offset)
		return err;
	return (s64)(MIN(at, end) - offset);
}

int cache_change_begin(struct file_cache *cache)
{
	int err = 0;

	mutex_lock(&cache->room_lock);
	if (cache->backing->begin)
		err = cache->backing->begin(cache->inode);
	if (err)
		mutex_unlock(&cache->room_lock);
	return err;
}

void cache_change_end(struct file_cache *cache)
{
	if (cache->backing->end)
		cache->backing->end(cache->inode);
	mutex_unlock(&cache->room_lock);
}
