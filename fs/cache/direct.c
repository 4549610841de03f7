// SPDX-License-Identifier: MIT
/*
 * O_DIRECT: between the program's pages and the disk, past the cache.
 *
 * The pages are pinned and handed to the device as they are; place, length and addresses must be multiples of the disk's
 * block size. What is cached of the range is written back first, and forgotten where the disk is written; once
 * more behind the write, for what a reader has cached meanwhile.
 *
 * What cannot be done so goes through the cache and is written back at once: memory of the kernel, or of a file that
 * itself is written back; and of files of file systems each write that needs room, or is behind the end.
 */
#include <kernel/heap.h>
#include <kernel/uaccess.h>
#include <kernel/vm.h>
#include <uapi/fcntl.h>
#include "cache.h"

#define DIRECT_FEW  17u	 /* pages whose list is on the stack: 64 KiB, anywhere */
#define DIRECT_MAX  257u /* ... of one transfer */
#define IN_PAGE(at) ((at) & (PAGE_SIZE - 1))

/* ---- what is cached ---- */

/* Bytes [first, last] are about to be transferred. */
static int direct_flush_cached(struct inode *inode, u64 first, u64 last, bool write)
{
	struct file_cache *cache = inode->cache;
	int err = 0;

	if (READ_ONCE(cache->nr_dirty) || !list_empty(&cache->writes))
		err = file_cache_write_back(inode, first, last, true);
	if (!err && write && inode->pages.tree.root)
		(void)file_cache_invalidate(inode, first >> PAGE_SHIFT, last >> PAGE_SHIFT);
	return err;
}

/* ---- one transfer ---- */

/* The next bytes of @uio, within one buffer of the program, up to DIRECT_MAX pages. */
static u64 direct_length(const struct uio *uio, u64 limit)
{
	return MIN(MIN(uio->left, limit), DIRECT_MAX * PAGE_SIZE - IN_PAGE((u64)uio->base));
}

static void direct_vecs(struct block_vec *vecs, struct page **pages, u32 count, u64 addr,
			u64 length)
{
	for (u32 i = 0; i < count; i++) {
		u64 off = i ? 0 : IN_PAGE(addr), part = MIN(PAGE_SIZE - off, length);

		vecs[i] = (struct block_vec){ pages[i], (u32)off, (u32)part };
		length -= part;
	}
}

/* Pages of the program that are kept for a transfer. */
struct direct_pages {
	struct block_vec few_vecs[DIRECT_FEW], *vecs;
	struct page *few[DIRECT_FEW], **pages;
	u32 count;
};

/* @length bytes at @addr. @return 0: direct_unpin() is owed; -EOPNOTSUPP: not so; -errno */
static int direct_pin(struct direct_pages *pinned, u64 addr, u64 length, bool write)
{
	int err;

	pinned->count = (u32)(pages_of_size(addr + length) - (addr >> PAGE_SHIFT));
	pinned->vecs = pinned->few_vecs;
	pinned->pages = pinned->few;
	if (pinned->count > DIRECT_FEW) {
		pinned->vecs =
			kmalloc(pinned->count * (sizeof(struct block_vec) + sizeof(struct page *)));
		if (!pinned->vecs)
			return -ENOMEM;
		pinned->pages = (struct page **)(pinned->vecs + pinned->count);
	}
	err = vm_pin(addr, pinned->count, write, pinned->pages);
	if (err && pinned->vecs != pinned->few_vecs)
		kfree(pinned->vecs);
	return err;
}

static void direct_unpin(struct direct_pages *pinned)
{
	for (u32 i = 0; i < pinned->count; i++)
		page_put(pinned->pages[i]);
	if (pinned->vecs != pinned->few_vecs)
		kfree(pinned->vecs);
}

/* The first @length bytes of the pages, which begin at @addr; @store on the disk. */
static int direct_transfer(struct disk *disk, enum block_op op, struct direct_pages *pinned,
			   u64 addr, u64 length, u64 store)
{
	u32 count = (u32)(pages_of_size(addr + length) - (addr >> PAGE_SHIFT));

	direct_vecs(pinned->vecs, pinned->pages, count, addr, length);
	return block_transfer(disk, op, 0, store, pinned->vecs, count);
}

/* Advance over what was transferred. */
static void uio_advance(struct uio *uio, u64 length)
{
	uio->base += length;
	uio->left -= length;
	uio->count -= length;
}

/* An empty buffer is followed by the next one. */
static void uio_next_buffer(struct uio *uio)
{
	while (uio->count && !uio->left) {
		uio->base = (u8 *)uaddr_value(uio->next->base);
		uio->left = uio->next->len;
		uio->next++;
	}
}

/* ---- alignment ---- */

static bool direct_aligned(struct file_cache *cache, const struct uio *uio, u64 pos)
{
	u64 mask = disk_block_bytes(cache->disk) - 1;
	struct uio rest = *uio;
	u64 bits = pos | uio->count;

	if (likely(rest.left >= rest.count))
		return !((bits | (u64)rest.base) & mask);
	while (rest.count) {
		uio_next_buffer(&rest);
		bits |= (u64)rest.base | MIN(rest.left, rest.count);
		uio_advance(&rest, MIN(rest.left, rest.count));
		rest.left = 0;
	}
	return !(bits & mask);
}

static inline bool uio_is_user(const struct uio *uio)
{
	return (u64)uio->base < USER_END;
}

/* ---- reading ---- */

/* Through the cache. */
static s64 read_cached(struct file *f, struct uio *uio, u64 *pos, u64 length)
{
	u64 rest = uio->count - length;
	s64 got;

	uio->count = length;
	got = cache_read_cached(f, uio, pos);
	uio->count += rest;
	return got;
}

enum direct_source { DIRECT_DISK, DIRECT_HOLE, DIRECT_CACHED };

static bool any_page_is_cached(struct inode *inode, u64 first, u64 last)
{
	bool found;

	if (!inode->pages.tree.root)
		return false;
	spin_lock(&inode->pages.lock);
	found = page_tree_next(&inode->pages.tree, &first, last) != NULL;
	spin_unlock(&inode->pages.lock);
	return found;
}

/*
 * Where a part of [pos, pos + *length) is, which *@length becomes. Of a file system: what is on the disk is this
 * file's where nothing is cached, since what gets room is cached before (room.c).
 * @return enum direct_source, or -errno
 */
static int direct_find(struct file_cache *cache, u64 pos, u64 *length, u64 *store)
{
	struct cache_extent extent;
	int err = cache_map(cache, pos, pos + *length, &extent);

	if (err)
		return err;
	*length = MIN(*length, extent.offset + extent.length - pos);
	*store = extent.store + (pos - extent.offset);
	if (extent.kind != CACHE_RUN)
		return DIRECT_HOLE;
	if (!cache_is_disk(cache) &&
	    any_page_is_cached(cache->inode, pos >> PAGE_SHIFT, (pos + *length - 1) >> PAGE_SHIFT))
		return DIRECT_CACHED;
	return DIRECT_DISK;
}

/* Into pages that are pinned. Nothing is cut before the transfer has ended. @return enum direct_source, or -errno */
static int direct_read_pinned(struct file_cache *cache, struct direct_pages *pinned, u64 addr,
			      u64 pos, u64 *length)
{
	bool is_disk = cache_is_disk(cache);
	u64 store;
	int source;

	if (!is_disk)
		down_read(&cache->cut_lock);
	source = direct_find(cache, pos, length, &store);
	if (source == DIRECT_DISK)
		source = direct_transfer(cache->disk, BLOCK_READ, pinned, addr, *length, store);
	if (!is_disk)
		up_read(&cache->cut_lock);
	return source;
}

/* The part from *@pos on that lies in one way. @return bytes, 0: end, -errno */
static s64 direct_read_part(struct file *f, struct uio *uio, u64 *pos, u64 limit)
{
	struct direct_pages pinned;
	int source;
	u64 length;

	uio_next_buffer(uio);
	length = direct_length(uio, limit);
	source = direct_pin(&pinned, (u64)uio->base, length, true);
	if (source == -EOPNOTSUPP)
		return read_cached(f, uio, pos, length);
	if (source)
		return source;
	source = direct_read_pinned(f->cache, &pinned, (u64)uio->base, *pos, &length);
	direct_unpin(&pinned);
	if (source < 0)
		return source;
	if (source == DIRECT_CACHED)
		return read_cached(f, uio, pos, length);
	if (source == DIRECT_DISK)
		uio_advance(uio, length);
	else
		length = uio_zero(uio, length);
	*pos += length;
	if (!length)
		return -EFAULT;
	return (s64)length;
}

s64 cache_direct_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct inode *inode = f->cache->inode;
	u64 size = READ_ONCE(inode->size), count;
	s64 done = 0, got = 0;

	if (!uio->count || *pos >= size)
		return 0;
	uio_next_buffer(uio);
	if (!f->cache->disk || !uio_is_user(uio))
		return cache_read_cached(f, uio, pos);
	if (!direct_aligned(f->cache, uio, *pos))
		return -EINVAL;
	count = MIN(uio->count, size - *pos);
	got = direct_flush_cached(inode, *pos, *pos + count - 1, false);
	/* A file's end need not be at a block's: the rest of that is read through the cache. */
	while (count && !got) {
		u64 mask = disk_block_bytes(f->cache->disk) - 1, whole = count & ~mask;

		if (whole)
			got = direct_read_part(f, uio, pos, whole);
		else
			got = read_cached(f, uio, pos, count);
		if (got <= 0)
			break;
		done += got;
		count -= (u64)got;
		got = 0;
	}
	file_accessed(f);
	if (done)
		return done;
	return got;
}

/* ---- writing ---- */

static __cold s64 write_through(struct file *f, struct uio *uio, u64 *pos)
{
	s64 done = cache_write_cached(f, uio, pos);
	int err;

	if (done <= 0)
		return done;
	err = file_cache_write_back(f->cache->inode, *pos - (u64)done, *pos - 1, true);
	if (err)
		return err;
	return done;
}

/* Do the bytes [pos, pos + length) have room as they are, in one run? @return where on the disk; ~0: no */
static u64 direct_room(struct file_cache *cache, u64 pos, u64 length)
{
	struct cache_extent extent;

	if (cache_map(cache, pos, pos + length, &extent) || extent.kind != CACHE_RUN ||
	    extent.offset + extent.length < pos + length)
		return ~0ull;
	return extent.store + (pos - extent.offset);
}

/* Before [pos, pos + length) is written on the disk: where, and nothing dirty is cached of it. @return 0, -EOPNOTSUPP: not so, -errno */
static int direct_write_prepare(struct file_cache *cache, u64 pos, u64 length, u64 *store)
{
	bool is_disk = cache_is_disk(cache);
	int err = -EOPNOTSUPP;

	/* A mapping that gives this room meanwhile has made its pages dirty then. */
	if (!is_disk)
		file_cache_cut_begin(cache->inode);
	*store = direct_room(cache, pos, length);
	if (*store != ~0ull)
		err = direct_flush_cached(cache->inode, pos, pos + length - 1, true);
	if (!is_disk)
		file_cache_cut_end(cache->inode);
	return err;
}

/* @return bytes; -EOPNOTSUPP: not past the cache; -errno */
static s64 direct_write_part(struct file *f, struct uio *uio, u64 *pos, u64 limit)
{
	struct inode *inode = f->cache->inode;
	u64 addr, length, store;
	struct direct_pages pinned;
	int err;

	uio_next_buffer(uio);
	addr = (u64)uio->base;
	length = direct_length(uio, limit);
	err = direct_write_prepare(f->cache, *pos, length, &store);
	if (!err)
		err = direct_pin(&pinned, addr, length, false);
	if (err)
		return err;
	err = direct_transfer(f->cache->disk, BLOCK_WRITE, &pinned, addr, length, store);
	direct_unpin(&pinned);
	if (err)
		return err;
	if (inode->pages.tree.root)
		(void)file_cache_invalidate(inode, *pos >> PAGE_SHIFT,
					    (*pos + length - 1) >> PAGE_SHIFT);
	uio_advance(uio, length);
	*pos += length;
	return (s64)length;
}

static s64 direct_write_parts(struct file *f, struct uio *uio, u64 *pos, u64 count)
{
	s64 done = 0, got = 0;

	while (count) {
		got = direct_write_part(f, uio, pos, count);
		if (got <= 0)
			break;
		done += got;
		count -= (u64)got;
	}
	if (done)
		return done;
	return got;
}

s64 cache_direct_write(struct file *f, struct uio *uio, u64 *pos)
{
	struct inode *inode = f->cache->inode;
	bool is_disk = cache_is_disk(f->cache);
	s64 done = -EOPNOTSUPP;
	int err;

	uio_next_buffer(uio);
	if (!f->cache->disk || !uio_is_user(uio) || (f->flags & O_APPEND))
		return write_through(f, uio, pos);
	if (!direct_aligned(f->cache, uio, *pos))
		return -EINVAL;
	if (is_disk && *pos >= inode->size)
		return -ENOSPC;
	if (is_disk) /* the disk keeps its own order */
		done = direct_write_parts(f, uio, pos, MIN(uio->count, inode->size - *pos));
	if (!is_disk) {
		mutex_lock(&inode->lock);
		if (*pos + uio->count <= inode->size) {
			file_drop_privileges(inode);
			done = direct_write_parts(f, uio, pos, uio->count);
			if (done > 0)
				inode_touch(inode, ATTR_MTIME | ATTR_CTIME);
		}
		mutex_unlock(&inode->lock);
	}
	if (done == -EOPNOTSUPP)
		return write_through(f, uio, pos);
	if (done > 0 && (f->flags & O_DSYNC)) {
		err = f->ops->fsync(f, *pos - (u64)done, *pos - 1, (f->flags & O_SYNC) != O_SYNC);
		if (err)
			return err;
	}
	return done;
}
