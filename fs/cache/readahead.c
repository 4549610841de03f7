// SPDX-License-Identifier: MIT
/*
 * Reading ahead.
 *
 * A page that is not cached is read together with what probably is read next. Where a file is read in sequence, or from its
 * beginning, the window grows with each step; else it is what the call itself wants. The first page that nobody asked for
 * is marked: when it is used, the next window is read, while the program works on this one. So a
 * sequential reader waits for the first window only, and a device has large requests.
 *
 * The state is the open file's, and a guess: threads that share it may disturb each other's.
 */
#include "cache.h"

#define AHEAD_FIRST 4u	/* pages, of a first window */
#define AHEAD_MAX   32u /* 128 KiB, as Linux has it */

/* @return most pages of a window; 0: the program asked for none ahead */
static u32 ahead_limit(const struct file *f)
{
	if (f->mode & FMODE_RANDOM)
		return 0;
	if (f->mode & FMODE_SEQUENTIAL)
		return 2 * AHEAD_MAX;
	return AHEAD_MAX;
}

/* Read @index, which the program waits for, with its window. @return as cache_fill() */
static int ahead_read_missing(struct file *f, struct file_cache *cache, u64 index, u64 wanted)
{
	u32 window = (u32)MIN(wanted, (u64)FILL_MAX), npages = window, limit;
	u64 ahead = ~0ull;
	int got;

	if (!f)
		return cache_fill(cache, index, window, ~0ull);
	limit = ahead_limit(f);
	if (limit && (!index || index == READ_ONCE(f->read_next))) {
		window = MAX(MAX(2 * READ_ONCE(f->ahead_pages), AHEAD_FIRST), 2 * npages);
		window = MAX(MIN(window, limit), npages);
	}
	if (window > npages)
		ahead = index + npages;
	got = cache_fill(cache, index, window, ahead);
	if (got > 0) {
		WRITE_ONCE(f->ahead_pages, window * (window > npages));
		WRITE_ONCE(f->ahead_end, index + (u32)got);
	}
	return got;
}

void cache_read_further(struct file *f, struct file_cache *cache, struct page *page)
{
	u64 end = READ_ONCE(f->ahead_end), index = page->index;
	u32 window = MIN(MAX(2 * READ_ONCE(f->ahead_pages), AHEAD_FIRST), ahead_limit(f));
	int got;

	page_flags_clear(page, PG_AHEAD);
	if (!window)
		return;
	if (end <= index || end > index + 2 * AHEAD_MAX)
		end = index + 1; /* of another file, or from before */
	got = cache_fill(cache, end, window, end);
	WRITE_ONCE(f->ahead_pages, window);
	WRITE_ONCE(f->ahead_end, end + (u32)MAX(got, 0));
}

/*
 * A request that failed may have failed for another page of it, or was another thread's: then the page is read once more,
 * alone, and that error is the answer.
 */
#define FAILURES_MAX 3u

struct page *cache_page_for(struct file *f, struct file_cache *cache, u64 index, u64 wanted)
{
	struct inode *inode = cache->inode;
	u32 failures = 0;
	bool alone = false;

	for (;;) {
		struct page *page = inode_page_find(inode, index);
		int err;

		if (!page) {
			if (failures)
				err = cache_fill(cache, index, 1, ~0ull);
			else
				err = ahead_read_missing(f, cache, index, wanted);
			if (err < 0)
				return ERR_PTR(err);
			alone = failures && err > 0;
			if (!err && index >= pages_of_size(READ_ONCE(inode->size)))
				return NULL;
			continue;
		}
		if (page_has(page, PG_UPTODATE))
			return page;
		err = stored_page_wait(page);
		if (!err && READ_ONCE(page->mapping)) {
			if (page_has(page, PG_UPTODATE))
				return page;
			stored_page_drop_failed(inode, page);
			if (alone || ++failures == FAILURES_MAX)
				err = -EIO;
		}
		page_put(page);
		if (err)
			return ERR_PTR(err);
	}
}

struct page *file_cache_page(struct inode *inode, u64 index)
{
	struct page *page = cache_page_for(NULL, inode->cache, index, 1);

	if (!page)
		return ERR_PTR(-EFBIG);
	return page;
}
