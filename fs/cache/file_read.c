// SPDX-License-Identifier: MIT
/*
 * Reading files with a cache, and their positions.
 *
 * What is cached is found and counted in batches under pages.lock, and copied without any lock. A page that is missing, or
 * being read, is waited for (readahead.c). A cut of the file does not wait for readers: one that has a page
 * reads what was there before.
 */
#include <kernel/uaccess.h>
#include <uapi/fcntl.h>
#include "cache.h"

int file_cache_open(struct inode *inode, struct file *f)
{
	f->cache = inode->cache;
	f->read_next = f->ahead_end = 0;
	f->ahead_pages = 0;
	f->error_seen = file_cache_error_sample(f->cache);
	return 0;
}

/* What of one page is to be copied, given the place in the file. */
static inline u64 read_length(u64 pos, u64 size, u64 count)
{
	return MIN(MIN(PAGE_SIZE - (pos & (PAGE_SIZE - 1)), size - pos), count);
}

/* Copy from a page, which is up to date; drops the reference. @return bytes */
static inline u64 read_copy(struct file *f, struct page *page, struct uio *uio, u64 *pos,
			    u64 length)
{
	u64 got;

	if (unlikely(page->flags & PG_AHEAD))
		cache_read_further(f, f->cache, page);
	if (!(page->flags & PG_REFERENCED))
		page_flags_set(page, PG_REFERENCED);
	got = uio_copy_out(uio, (u8 *)page_address(page) + (*pos & (PAGE_SIZE - 1)), length);
	page_put(page);
	*pos += got;
	return got;
}

/* A batch of pages, or the part of it up to a fault. @return bytes, 0: a fault at once, -errno */
static s64 read_batch(struct file *f, struct uio *uio, u64 *pos, u64 size)
{
	u64 first = *pos >> PAGE_SHIFT, end = MIN(size, *pos + uio->count);
	u64 wanted = pages_of_size(end) - first;
	u32 count = (u32)MIN(wanted, (u64)CACHE_BATCH), done = 0;
	struct page *pages[CACHE_BATCH];
	s64 copied = 0, err = 0;

	if (count == 1)
		pages[0] = inode_page_find(f->cache->inode, first);
	else
		stored_page_range(f->cache->inode, first, count, pages);
	for (; done < count && !err; done++) {
		u64 length = read_length(*pos, size, uio->count), got;
		struct page *page = pages[done];

		if (unlikely(!page || !page_has(page, PG_UPTODATE))) {
			if (page)
				page_put(page);
			page = cache_page_for(f, f->cache, first + done, wanted - done);
			if (!page)
				err = -EFBIG; /* cut meanwhile: the end */
			else if (IS_ERR(page))
				err = PTR_ERR(page);
			if (err)
				continue;
		}
		got = read_copy(f, page, uio, pos, length);
		copied += (s64)got;
		WRITE_ONCE(f->read_next, first + done + 1);
		if (got < length)
			err = -EFAULT;
	}
	for (; done < count; done++)
		if (pages[done])
			page_put(pages[done]);
	if (copied || err == -EFBIG)
		return copied;
	return err;
}

/* A read within one page that is cached. @return bytes; 0: it is not so, or nothing could be copied */
static inline u64 read_hot(struct file *f, struct uio *uio, u64 *pos)
{
	struct inode *inode = f->cache->inode;
	u64 size = READ_ONCE(inode->size), index = *pos >> PAGE_SHIFT;
	struct page *page;

	if (*pos >= size || (*pos & (PAGE_SIZE - 1)) + uio->count > PAGE_SIZE)
		return 0;
	page = inode_page_find(inode, index);
	if (unlikely(!page))
		return 0;
	if (unlikely((page->flags & (PG_UPTODATE | PG_AHEAD)) != PG_UPTODATE)) {
		page_put(page);
		return 0;
	}
	f->read_next = index + 1;
	return read_copy(f, page, uio, pos, MIN(uio->count, size - *pos));
}

s64 cache_read_cached(struct file *f, struct uio *uio, u64 *pos)
{
	s64 done = (s64)read_hot(f, uio, pos), got;

	if (likely(done)) {
		file_accessed(f);
		return done;
	}
	while (uio->count) {
		u64 size = READ_ONCE(f->cache->inode->size), wanted;

		if (*pos >= size)
			break;
		wanted = MIN(size - *pos,
			     MIN(uio->count, CACHE_BATCH * PAGE_SIZE - (*pos & (PAGE_SIZE - 1))));
		got = read_batch(f, uio, pos, size);
		if (got < 0 && !done)
			return got;
		if (got <= 0)
			break;
		done += got;
		if ((u64)got < wanted)
			break;
	}
	file_accessed(f);
	return done;
}

s64 file_cache_read(struct file *f, struct uio *uio, u64 *pos)
{
	if (unlikely(f->flags & O_DIRECT))
		return cache_direct_read(f, uio, pos);
	return cache_read_cached(f, uio, pos);
}

/* ---- positions ---- */

/* The first hole, or the first that is none, from *@offset on. @return 0, -ENXIO: none up to the end; -errno */
static __cold int seek_extent(struct file_cache *cache, u64 *offset, u64 size, bool hole)
{
	struct cache_extent extent;

	while (*offset < size) {
		u64 index = *offset >> PAGE_SHIFT;
		bool is_hole;
		int err =
			cache->backing->map(cache->inode, *offset, size - *offset, false, &extent);

		if (err)
			return err;
		if (extent.offset > *offset || extent.offset + extent.length <= *offset)
			return -EIO;
		is_hole = extent.kind != CACHE_RUN;
		if (is_hole &&
		    extent.kind == CACHE_UNWRITTEN) { /* data in the cache may be all there is */
			struct page *page = inode_page_find(cache->inode, index);

			is_hole = !page;
			if (page)
				page_put(page);
			extent.length = ((index + 1) << PAGE_SHIFT) - extent.offset;
		}
		if (is_hole == hole)
			return 0;
		*offset = extent.offset + extent.length;
	}
	*offset = size;
	return -ENXIO;
}

static __cold s64 seek_data(struct file_cache *cache, s64 offset, u64 size, bool hole)
{
	u64 pos = (u64)offset;
	int err = 0;

	if (offset < 0 || (u64)offset >= size)
		return -ENXIO;
	if (cache->backing->map)
		err = seek_extent(cache, &pos, size, hole);
	else if (hole) /* the whole file is data, a hole begins at its end */
		pos = size;
	if (err == -ENXIO && hole)
		err = 0;
	if (err)
		return err;
	return (s64)pos;
}

__cold s64 file_cache_llseek(struct file *f, s64 offset, int whence)
{
	s64 size = (s64)READ_ONCE(f->cache->inode->size), base = 0;

	switch (whence) {
	case SEEK_SET: break;
	case SEEK_CUR: base = (s64)f->pos; break;
	case SEEK_END: base = size; break;
	case SEEK_DATA:
	case SEEK_HOLE: return seek_data(f->cache, offset, (u64)size, whence == SEEK_HOLE);
	default: return -EINVAL;
	}
	if (__builtin_add_overflow(base, offset, &offset) || offset < 0)
		return -EINVAL;
	return offset;
}

const struct file_ops file_cache_fops = {
	.open = file_cache_open,
	.read = file_cache_read,
	.write = file_cache_write,
	.mmap = file_cache_mmap,
	.llseek = file_cache_llseek,
	.fsync = file_cache_fsync,
};
