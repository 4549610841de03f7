// SPDX-License-Identifier: MIT
/*
 * Writing to files with a cache.
 *
 * A write goes forward by runs of pages of one kind. Pages that are not cached and are overwritten as a whole, or
 * lie behind the end, are not read: the program's bytes are copied into fresh pages first, then room is allocated for them
 * and they are inserted, in one change of the file system. Pages that are cached, or of which a part stays, are read first,
 * get room, and are dirty, in one change; then the bytes are copied. A copy from the program may fault and sleep, so none
 * happens within a change, and nothing that a commit between them may store is anything but bytes of this file. Fresh
 * pages are in the tree before they get room, so that no reader fetches from a block what was in it before.
 *
 * Blocks that lie between the old end and the place of a write behind it, and had room already, are zeroed on the disk.
 */
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <uapi/fcntl.h>
#include "cache.h"

#define IN_PAGE(offset) ((offset) & (PAGE_SIZE - 1))

/* One step of a write. */
struct cache_writing {
	struct file_cache *cache;
	u64 pos, count; /* where, how many bytes at most */
	u64 first;	/* page of pos */
	u32 npages;
	struct page *pages[CACHE_BATCH];
};

/* What of page @i of the step is written, at most: from *@off on. @return bytes */
static u64 writing_part(const struct cache_writing *step, u32 i, u64 *off)
{
	u64 start = (step->first + i) << PAGE_SHIFT, end = step->pos + step->count;

	*off = i ? 0 : step->pos - start;
	return MIN(end, start + PAGE_SIZE) - start - *off;
}

/* ---- dirty ---- */

static u32 sectors_of(u64 off, u64 length)
{
	u32 first = (u32)(off >> 9), last = (u32)((off + length - 1) >> 9);

	return ((2u << last) - 1) & ~((1u << first) - 1);
}

/* Mark the pages of @bytes of the step dirty. */
static void writing_dirty(struct cache_writing *step, u64 bytes)
{
	struct inode *inode = step->cache->inode;
	u64 npages = pages_of_size(step->pos + bytes) - step->first, off;
	bool first = false;

	spin_lock(&inode->pages.lock);
	for (u32 i = 0; i < npages; i++) {
		struct page *page = step->pages[i];
		u64 length = writing_part(step, i, &off);

		if (page->mapping != inode)
			continue;
		if (step->cache->flags & CACHE_SECTORS)
			page->private |= sectors_of(off, length);
		first |= stored_page_set_dirty(step->cache, page);
	}
	spin_unlock(&inode->pages.lock);
	if (first)
		cache_list_dirty(step->cache);
}

/* ---- pages that are cached ---- */

static s64 copy_into_pages(struct cache_writing *step, struct uio *uio, u64 bytes)
{
	u64 done = 0, off;

	for (u32 i = 0; i < step->npages && done < bytes; i++) {
		u64 length = MIN(writing_part(step, i, &off), bytes - done);
		u64 got = uio_copy_in(uio, (u8 *)page_address(step->pages[i]) + off, length);

		done += got;
		if (got < length)
			break;
	}
	return (s64)done;
}

static bool all_stored(const struct cache_writing *step)
{
	for (u32 i = 0; i < step->npages; i++)
		if (!(step->pages[i]->flags & PG_STORED))
			return false;
	return true;
}

/* Room for the step's pages, which become dirty with it. @return bytes, -errno */
static s64 writing_allocate(struct cache_writing *step)
{
	struct file_cache *cache = step->cache;
	u64 seen = MAX(cache->inode->size, step->pos);
	struct cache_room room;
	s64 bytes;

	bytes = cache_room_prepare(cache, step->pos, step->count, seen, &room);
	if (bytes)
		return bytes;
	bytes = cache_change_begin(cache);
	if (!bytes) {
		bytes = cache_allocate(cache, step->pos, step->count, step->pages, &room);
		if (bytes > 0)
			writing_dirty(step, (u64)bytes);
		cache_change_end(cache);
	}
	cache_room_end(&room);
	return bytes;
}

/* The pages are cached and up to date, as many as fit. @return bytes, 0: a fault at once, -errno */
static s64 write_present(struct cache_writing *step, struct uio *uio)
{
	s64 bytes = (s64)step->count;

	if (step->cache->backing->map && !all_stored(step))
		bytes = writing_allocate(step);
	if (bytes <= 0)
		return bytes;
	bytes = copy_into_pages(step, uio, (u64)bytes);
	if (bytes > 0)
		writing_dirty(step, (u64)bytes);
	return bytes;
}

/* ---- fresh pages ---- */

/* Fill fresh pages, as long as each is filled. @return bytes; 0: a fault in the first; -ENOMEM */
static s64 fill_fresh(struct cache_writing *step, struct uio *uio)
{
	u64 done = 0, off;

	for (u32 i = 0; i < step->npages; i++) {
		u64 length = writing_part(step, i, &off);
		struct uio before = *uio;
		struct page *page = file_cache_page_alloc(0);
		u8 *memory;

		step->pages[i] = page;
		if (!page) {
			step->npages = i;
			if (!i)
				return -ENOMEM;
			break;
		}
		memory = page_address(page);
		memset(memory, 0, off);
		memset(memory + off + length, 0, PAGE_SIZE - off - length);
		if (uio_copy_in(uio, memory + off, length) < length) {
			*uio = before;
			page_free(page);
			step->npages = i;
			break;
		}
		page->flags = PG_UPTODATE;
		page->private = 0;
		done += length;
	}
	return (s64)done;
}

/* Another thread has cached a page meanwhile: copy into that one. */
static __cold int write_conflict(struct cache_writing *step, u32 i)
{
	u64 off, length = writing_part(step, i, &off);
	struct page *there = file_cache_page(step->cache->inode, step->first + i);

	if (IS_ERR(there))
		return (int)PTR_ERR(there);
	memcpy((u8 *)page_address(there) + off, (u8 *)page_address(step->pages[i]) + off, length);
	page_put(step->pages[i]);
	step->pages[i] = there;
	return 0;
}

/* Insert the pages of the first @bytes. @return bytes of those that are in the tree now, -errno: none is */
static s64 insert_fresh(struct cache_writing *step, u64 bytes)
{
	u32 npages = (u32)(pages_of_size(step->pos + bytes) - step->first), done = 0;
	int got = 0;

	while (done < npages) {
		got = stored_page_insert(step->cache, step->first + done, npages - done,
					 step->pages + done, false);
		if (!got)
			got = write_conflict(step, done) ?: 1;
		if (got < 0)
			break;
		done += (u32)got;
	}
	if (!done)
		return got;
	return (s64)MIN(bytes, ((step->first + done) << PAGE_SHIFT) - step->pos);
}

/* The pages of bytes [from, to) of the step got no room: they leave the cache again. */
static __cold void forget_fresh(struct cache_writing *step, u64 from, u64 to)
{
	u64 first = pages_of_size(step->pos + from), last = (step->pos + to - 1) >> PAGE_SHIFT;

	if (!from)
		first = step->first;
	if (first <= last)
		cache_remove_clean(step->cache, first, last);
}

/* @return bytes, 0: a fault in the first page, -errno */
static s64 write_fresh(struct cache_writing *step, struct uio *uio)
{
	s64 bytes;

	cache_make_room(step->npages);
	bytes = fill_fresh(step, uio);
	if (bytes > 0)
		bytes = insert_fresh(step, (u64)bytes);
	if (bytes > 0 && !step->cache->backing->map) {
		writing_dirty(step, (u64)bytes);
	} else if (bytes > 0) {
		step->count = (u64)bytes;
		bytes = writing_allocate(step);
		if (bytes < (s64)step->count)
			forget_fresh(step, (u64)MAX(bytes, 0l), step->count);
	}
	for (u32 i = 0; i < step->npages; i++)
		page_put(step->pages[i]);
	return bytes;
}

/* ---- steps ---- */

/* Is nothing of what page @i has kept, nor stored? */
static bool page_is_overwritten(const struct cache_writing *step, u32 i)
{
	u64 off, length = writing_part(step, i, &off);

	return length == PAGE_SIZE || (step->first + i) << PAGE_SHIFT >= step->cache->inode->size;
}

/* Shorten the step to @npages pages. */
static void writing_cut(struct cache_writing *step, u32 npages)
{
	step->npages = npages;
	step->count = MIN(step->count, ((step->first + npages) << PAGE_SHIFT) - step->pos);
}

static bool page_is_ready(const struct page *page)
{
	return page && page_has(page, PG_UPTODATE);
}

/* The step's pages: a run of such as are cached, or of such as can be fresh. @return is it the latter? */
static bool writing_choose(struct cache_writing *step)
{
	u32 count = step->npages, run = 1;

	stored_page_range(step->cache->inode, step->first, count, step->pages);
	if (!step->pages[0] && page_is_overwritten(step, 0)) {
		while (run < count && !step->pages[run] && page_is_overwritten(step, run))
			run++;
		for (u32 i = run; i < count; i++)
			if (step->pages[i])
				page_put(step->pages[i]);
		writing_cut(step, run);
		return true;
	}
	while (run < count && page_is_ready(step->pages[0]) && page_is_ready(step->pages[run]))
		run++;
	for (u32 i = run; i < count; i++)
		if (step->pages[i])
			page_put(step->pages[i]);
	writing_cut(step, run);
	return false;
}

/* Through pages that exist: the first is read if it must be. @return bytes, 0: fault, -errno */
static s64 write_through_cached(struct cache_writing *step, struct uio *uio)
{
	s64 bytes;

	if (!page_is_ready(step->pages[0])) {
		if (step->pages[0])
			page_put(step->pages[0]);
		step->pages[0] = file_cache_page(step->cache->inode, step->first);
		if (IS_ERR(step->pages[0]))
			return PTR_ERR(step->pages[0]);
	}
	bytes = write_present(step, uio);
	for (u32 i = 0; i < step->npages; i++)
		page_put(step->pages[i]);
	return bytes;
}

static __noinline s64 write_step(struct file_cache *cache, struct uio *uio, u64 pos)
{
	struct cache_writing step = { .cache = cache, .pos = pos, .first = pos >> PAGE_SHIFT };
	s64 bytes;

	step.count = MIN(uio->count, CACHE_BATCH * PAGE_SIZE - IN_PAGE(pos));
	step.npages = (u32)(pages_of_size(pos + step.count) - step.first);
	if (!writing_choose(&step))
		return write_through_cached(&step, uio);
	bytes = write_fresh(&step, uio);
	if (bytes || (step.first << PAGE_SHIFT) >= cache->inode->size)
		return bytes;
	/* A fault within a page of which a part will stay. */
	step = (struct cache_writing){
		.cache = cache, .pos = pos, .first = pos >> PAGE_SHIFT, .npages = 1
	};
	step.count = MIN(uio->count, PAGE_SIZE - IN_PAGE(pos));
	return write_through_cached(&step, uio);
}

static s64 write_piece(struct inode *inode, struct uio *uio, u64 pos, bool *is_last)
{
	u64 before = uio->count;
	s64 got = write_step(inode->cache, uio, pos);

	/* What was copied and not stored is not copied again. */
	*is_last = before - uio->count != (u64)got || fatal_signal_pending();
	return got;
}

/* Room for what lies between the end and @pos, in order. */
static __cold int fill_gap(struct file_cache *cache, u64 size, u64 pos)
{
	struct cache_extent extent;
	int err = 0;

	for (u64 at = size; at < pos && !err; at = extent.offset + extent.length) {
		err = cache_change_begin(cache);
		if (err)
			break;
		err = cache->backing->map(cache->inode, at, pos - at, true, &extent);
		cache_change_end(cache);
		if (!err && extent.offset + extent.length <= at)
			err = -EIO;
	}
	return err;
}

__cold int cache_grow_prepare(struct file_cache *cache, u64 pos)
{
	struct inode *inode = cache->inode;
	u64 size = inode->size, off = IN_PAGE(size);
	struct page *page;
	int err = 0;

	assert_held(&inode->lock);
	if (off) {
		page = file_cache_page(inode, size >> PAGE_SHIFT);
		if (IS_ERR(page))
			return PTR_ERR(page);
		memset((u8 *)page_address(page) + off, 0, PAGE_SIZE - off);
		file_cache_dirty(inode, page, 0);
		page_put(page);
	}
	if (!cache->backing->map)
		return 0;
	if (cache->flags & CACHE_NO_HOLES)
		err = fill_gap(cache, size, pos);
	if (err)
		return err;
	return cache_zero_store(cache, PAGE_ALIGN(size), PAGE_ALIGN(pos));
}

__cold int file_cache_extend(struct inode *inode, u64 size)
{
	u64 was = inode->size;
	int err = 0;

	assert_held(&inode->lock);
	if (size > was)
		err = cache_grow_prepare(inode->cache, size);
	if (err)
		return err;
	WRITE_ONCE(inode->size, size);
	cache_grow_end(inode, was);
	return 0;
}

/* ---- room that nothing is written to ---- */

/*
 * Room for [@pos, @end), within one page, and for what that holds by now: a mapping may have stored to a hole.
 * @return bytes, -errno
 */
static __cold s64 fill_page(struct file_cache *cache, u64 pos, u64 end)
{
	struct cache_writing step = { .cache = cache,
				      .pos = pos,
				      .count = end - pos,
				      .first = pos >> PAGE_SHIFT,
				      .npages = 1 };
	bool is_behind = step.first >= pages_of_size(cache->inode->size);
	s64 got = (s64)step.count;
	struct page *page;

	if (is_behind)
		page = file_cache_page_zero(cache->inode, step.first);
	else
		page = file_cache_page(cache->inode, step.first);
	if (IS_ERR(page))
		return PTR_ERR(page);
	step.pages[0] = page;
	if (!page_has(page, PG_STORED))
		got = writing_allocate(&step);
	if (got < (s64)step.count && is_behind)
		forget_fresh(&step, (u64)MAX(got, 0l), step.count);
	page_put(page);
	return got;
}

/* Room for [@pos, @end), which was a hole, or is behind the end of the file. */
static __cold int fill_hole(struct inode *inode, u64 pos, u64 end)
{
	u32 npages = 0;
	s64 got = 0;

	while (pos < end && got >= 0) {
		got = fill_page(inode->cache, pos, MIN(end, (pos & PAGE_MASK) + PAGE_SIZE));
		if (got > 0)
			pos += (u64)got;
		if (got > 0 && pos > inode->size)
			WRITE_ONCE(inode->size, pos);
		if (!(++npages % CACHE_BATCH))
			cache_balance(inode->cache, CACHE_BATCH);
		if (fatal_signal_pending())
			got = -EINTR;
	}
	return (int)MIN(got, 0l);
}

__cold int file_cache_fill(struct inode *inode, u64 offset, u64 end)
{
	struct file_cache *cache = inode->cache;
	u64 was = inode->size, stop;
	bool leaves_gap = offset > was;
	struct cache_extent extent;
	int err = 0;

	assert_held(&inode->lock);
	if (end > was)
		err = cache_grow_prepare(cache, MAX(offset, was));
	for (; offset < end && !err; offset = stop) {
		err = cache_map(cache, offset, end, &extent);
		stop = MIN(end, extent.offset + extent.length);
		if (!err && extent.kind == CACHE_HOLE)
			err = fill_hole(inode, offset, stop);
		else if (!err && stop > inode->size)
			err = file_cache_extend(inode, stop);
	}
	if (leaves_gap)
		cache_grow_end(inode, was);
	return err;
}

/* With the inode's lock. @return bytes, -errno */
static s64 write_locked(struct file *f, struct uio *uio, u64 *pos)
{
	struct inode *inode = f->cache->inode;
	u64 was = inode->size;
	bool leaves_gap;
	s64 limit;
	int err = 0;

	assert_held(&inode->lock);
	if (f->flags & O_APPEND)
		*pos = inode->size;
	if (cache_is_disk(f->cache)) {
		if (*pos >= inode->size)
			return -ENOSPC;
		limit = (s64)MIN(uio->count, inode->size - *pos);
	} else {
		limit = file_write_limit(inode, *pos, uio->count);
	}
	if (limit <= 0)
		return limit;
	uio->count = (u64)limit;
	if (S_ISREG(inode->mode))
		file_drop_privileges(inode);
	leaves_gap = *pos > was;
	if (leaves_gap)
		err = cache_grow_prepare(f->cache, *pos);
	if (err)
		return err;
	limit = file_write_pieces(inode, uio, pos, write_piece);
	if (leaves_gap)
		cache_grow_end(inode, was);
	if (limit > 0)
		inode_touch(inode, ATTR_MTIME | ATTR_CTIME);
	return limit;
}

s64 cache_write_cached(struct file *f, struct uio *uio, u64 *pos)
{
	struct inode *inode = f->cache->inode;
	s64 done;
	int err;

	mutex_lock(&inode->lock);
	done = write_locked(f, uio, pos);
	mutex_unlock(&inode->lock);
	if (done <= 0)
		return done;
	if (unlikely(f->flags & O_DSYNC)) {
		err = f->ops->fsync(f, *pos - (u64)done, *pos - 1, (f->flags & O_SYNC) != O_SYNC);
		if (err)
			return err;
	}
	cache_balance(f->cache, (u32)(done >> PAGE_SHIFT) + 1);
	return done;
}

s64 file_cache_write(struct file *f, struct uio *uio, u64 *pos)
{
	if (!uio->count)
		return 0;
	if (unlikely(f->flags & O_DIRECT))
		return cache_direct_write(f, uio, pos);
	return cache_write_cached(f, uio, pos);
}
