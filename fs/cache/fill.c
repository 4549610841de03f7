// SPDX-License-Identifier: MIT
/*
 * Reading pages from what is stored below, and zeroes written there.
 *
 * A fill inserts fresh pages, busy, asks the file system where their bytes lie, and submits one request for each run
 * on the disk, all in one batch. It does not wait: each page is done when its last part has arrived. Whoever takes stored
 * bytes away holds cut_lock for writing, so that between the question and the submission no block changes
 * its owner for a page that stays in the cache.
 *
 * Bytes behind the file's end, in its last page, are zeroed after they were read: a file that grows shows zeroes there,
 * whatever the disk had.
 */
#include <kernel/heap.h>
#include <kernel/string.h>
#include "cache.h"

/* One request for pages that are being read. */
struct cache_read {
	struct block_io io;
	struct page *tail; /* its bytes from tail_off on are behind the file's end; NULL: none is */
	u32 tail_off;
	struct block_vec vecs[];
};

/* What a fill has in hand. */
struct cache_filling {
	struct file_cache *cache;
	u64 first; /* page */
	struct page **pages;
	u64 size; /* of the file */
	struct list ios;
};

/* ---- parts of pages ---- */

static void fill_part_done(struct page *page)
{
	if (!__atomic_sub_fetch(&page->private, 1, __ATOMIC_SEQ_CST))
		stored_page_done(page);
}

static void fill_io_done(struct block_io *io)
{
	struct cache_read *read = container_of(io, struct cache_read, io);

	if (likely(!io->error) && read->tail)
		memset((u8 *)page_address(read->tail) + read->tail_off, 0,
		       PAGE_SIZE - read->tail_off);
	for (u32 i = 0; i < io->nvecs; i++) {
		if (unlikely(io->error))
			page_flags_set(read->vecs[i].page, PG_ERROR);
		fill_part_done(read->vecs[i].page);
	}
	kfree(read);
}

static struct page *fill_page_at(const struct cache_filling *filling, u64 offset)
{
	return filling->pages[(offset >> PAGE_SHIFT) - filling->first];
}

/* The pages' parts of [from, to) cannot be read. */
static void fill_failed(const struct cache_filling *filling, u64 from, u64 to)
{
	for (u64 offset = from & PAGE_MASK; offset < to; offset += PAGE_SIZE)
		page_flags_set(fill_page_at(filling, offset), PG_ERROR);
}

static void fill_zero(const struct cache_filling *filling, u64 from, u64 to)
{
	while (from < to) {
		u64 off = from & (PAGE_SIZE - 1), part = MIN(PAGE_SIZE - off, to - from);

		memset((u8 *)page_address(fill_page_at(filling, from)) + off, 0, part);
		from += part;
	}
}

/* One request: [from, to), which lies at @p store. */
static void fill_run(struct cache_filling *filling, u64 from, u64 to, u64 store)
{
	u32 nvecs = (u32)(((to - 1) >> PAGE_SHIFT) - (from >> PAGE_SHIFT) + 1);
	struct cache_read *read = kmalloc(sizeof(*read) + nvecs * sizeof(read->vecs[0]));
	u64 offset = from;

	if (!read) {
		fill_failed(filling, from, to);
		return;
	}
	read->tail = NULL;
	for (u32 i = 0; i < nvecs; i++) {
		u64 off = offset & (PAGE_SIZE - 1), part = MIN(PAGE_SIZE - off, to - offset);
		struct page *page = fill_page_at(filling, offset);

		__atomic_add_fetch(&page->private, 1, __ATOMIC_RELAXED);
		read->vecs[i] = (struct block_vec){ page, (u32)off, (u32)part };
		if (filling->size > offset - off && filling->size < offset + part) {
			read->tail = page;
			read->tail_off = (u32)(filling->size - (offset - off));
		}
		offset += part;
	}
	read->io = (struct block_io){
		.disk = filling->cache->disk,
		.op = BLOCK_READ,
		.nvecs = nvecs,
		.vecs = read->vecs,
		.offset = store,
		.bytes = to - from,
		.done = fill_io_done,
	};
	list_add_tail(&read->io.link, &filling->ios);
}

/* ---- where bytes lie ---- */

int cache_map(struct file_cache *cache, u64 from, u64 to, struct cache_extent *extent)
{
	int err;

	if (cache_is_disk(cache)) {
		u64 bytes = disk_bytes(cache->disk);

		if (!bytes) /* it was taken away */
			return -EIO;
		*extent = (struct cache_extent){ .kind = from < bytes ? CACHE_RUN : CACHE_HOLE,
						 .offset = from,
						 .length = to - from,
						 .store = from };
		if (from < bytes && to > bytes)
			extent->length = bytes - from;
		return 0;
	}
	err = cache->backing->map(cache->inode, from, to - from, false, extent);
	if (err)
		return err;
	if (extent->offset > from || extent->offset + extent->length <= from)
		return -EIO; /* a driver's answer */
	return 0;
}

/* What of @p extent is in [from, to): its end, and where @p from lies. */
static u64 extent_part(const struct cache_extent *extent, u64 from, u64 to, u64 *store)
{
	*store = extent->store + (from - extent->offset);
	return MIN(to, extent->offset + extent->length);
}

static void fill_by_map(struct cache_filling *filling, u64 from, u64 to)
{
	struct cache_extent extent;
	u64 stop, store;

	for (; from < to; from = stop) {
		if (cache_map(filling->cache, from, to, &extent)) {
			fill_failed(filling, from, to);
			return;
		}
		stop = extent_part(&extent, from, to, &store);
		if (extent.kind == CACHE_RUN)
			fill_run(filling, from, stop, store);
		else
			fill_zero(filling, from, stop);
	}
}

static __cold void fill_by_transfer(struct cache_filling *filling, u32 count)
{
	u64 first = filling->first << PAGE_SHIFT, end = first + count * PAGE_SIZE;
	struct file_cache *cache = filling->cache;

	if (filling->size < end)
		fill_zero(filling, MAX(filling->size, first), end);
	if (cache->backing->read(cache->inode, filling->first, count, filling->pages))
		fill_failed(filling, first, end);
}

/* ---- a fill ---- */

/* @return how many were allocated: one at least tries hard */
static u32 fill_alloc(struct page **pages, u32 count, u64 first, u64 ahead)
{
	for (u32 i = 0; i < count; i++) {
		pages[i] = page_alloc(PAGE_USER);
		if (!pages[i] && !i)
			pages[i] = file_cache_page_alloc(0);
		if (!pages[i])
			return i;
		pages[i]->flags = PG_BUSY;
		if (first + i == ahead)
			pages[i]->flags |= PG_AHEAD;
		pages[i]->private = 1;
	}
	return count;
}

int cache_fill(struct file_cache *cache, u64 first, u32 count, u64 ahead)
{
	struct page *pages[FILL_MAX];
	struct cache_filling filling = { .cache = cache, .first = first, .pages = pages };
	u32 made;
	int got;

	count = MIN(count, FILL_MAX);
	cache_make_room(count);
	made = fill_alloc(pages, count, first, ahead);
	if (!made)
		return -ENOMEM;
	list_init(&filling.ios);
	down_read(&cache->cut_lock);
	got = stored_page_insert(cache, first, made, pages, true);
	filling.size = READ_ONCE(cache->inode->size);
	for (u32 i = (u32)MAX(got, 0); i < made; i++)
		page_free(pages[i]);
	if (got > 0) {
		if (cache->backing->read)
			fill_by_transfer(&filling, (u32)got);
		else
			fill_by_map(&filling, first << PAGE_SHIFT,
				    (first + (u64)got) << PAGE_SHIFT);
		if (!list_empty(&filling.ios))
			block_submit_batch(&filling.ios);
		for (int i = 0; i < got; i++)
			fill_part_done(pages[i]);
	}
	up_read(&cache->cut_lock);
	return got;
}

void file_cache_prefetch(struct inode *inode, u64 first, u64 count)
{
	u64 npages = pages_of_size(READ_ONCE(inode->size));
	struct file_cache *cache = inode->cache;
	int got = 0;

	if (first >= npages)
		return;
	count = MIN(count, npages - first);
	while (count && got >= 0 && !fatal_signal_pending()) {
		got = cache_fill(cache, first, (u32)MIN(count, (u64)FILL_MAX), ~0ull);
		/* The next one, or behind the page that is cached. */
		first += (u64)MAX(got, 1);
		count -= MIN(count, (u64)MAX(got, 1));
	}
}

/* ---- zeroes ---- */

#define ZERO_VECS 16u

__cold int cache_zero_disk(struct file_cache *cache, u64 store, u64 length)
{
	struct page *zeroes = page_alloc(PAGE_ZERO);
	struct block_vec vecs[ZERO_VECS];
	int err = 0;

	if (!zeroes)
		return -ENOMEM;
	while (length && !err) {
		u64 done = 0;
		u32 nvecs = 0;

		for (; nvecs < ZERO_VECS && done < length; nvecs++) {
			u32 part = (u32)MIN(PAGE_SIZE, length - done);

			vecs[nvecs] = (struct block_vec){ zeroes, 0, part };
			done += part;
		}
		err = block_transfer(cache->disk, BLOCK_WRITE, 0, store, vecs, nvecs);
		store += done;
		length -= done;
	}
	page_free(zeroes);
	return err;
}

__cold int cache_zero_store(struct file_cache *cache, u64 from, u64 to)
{
	struct cache_extent extent;
	int err = 0;

	for (u64 stop, store; from < to && !err; from = stop) {
		err = cache_map(cache, from, to, &extent);
		if (err)
			break;
		stop = extent_part(&extent, from, to, &store);
		if (extent.kind == CACHE_RUN)
			err = cache_zero_disk(cache, store, stop - from);
	}
	return err;
}
