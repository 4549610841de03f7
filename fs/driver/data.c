// SPDX-License-Identifier: MIT
/*
 * Data of files that the kernel moves itself: the driver says where it lies (map()).
 *
 * What is allocated for a write, and that its page is dirty, belong to one change (begin() and end()), so that a commit
 * that stores the one writes the other before: nothing old of the disk is ever seen in a file. Where that could not be written
 * no commit succeeds any more (commit.c).
 *
 * fsync() commits only if something of the file's metadata is not on the disk: it was created, linked,
 * allocated or cut in a change that is not committed, or its size or times are still to be handed down.
 */
#include <kernel/block.h>
#include <kernel/err.h>
#include <kernel/fs/file.h>
#include <kernel/fs/file_cache.h>
#include <kernel/fs/page_cache.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <uapi/fcntl.h>
#include <uapi/mount.h>
#include <uapi/stat.h>
#include "driver.h"
#include "store.h"

#define AGAIN_MAX 4u

static int data_begin(struct inode *inode)
{
	return driven_enter(driven_of(inode->sb), DRIVEN_CHANGE);
}

static void data_end(struct inode *inode)
{
	driven_leave(driven_of(inode->sb), DRIVEN_CHANGE);
}

static int check_extent(struct driven_super *super, const struct banos_extent *extent, u64 offset,
			bool allocate)
{
	u64 grain = disk_block_bytes(super->store->disk) - 1;

	if (extent->size < BANOS_EXTENT_SIZE_2 || extent->kind > BANOS_EXTENT_UNWRITTEN ||
	    extent->offset > offset || extent->length <= offset - extent->offset ||
	    extent->length > INT64_MAX - extent->offset ||
	    (allocate && extent->kind != BANOS_EXTENT_RUN))
		return -EUCLEAN;
	if (extent->kind != BANOS_EXTENT_HOLE &&
	    (!store_has(super->store, extent->store, extent->length) ||
	     (extent->store | extent->offset | extent->length) & grain))
		return -EUCLEAN;
	return 0;
}

/* A call of map() for allocation; the thread is inside a change, which is left and begun again for a commit. */
static s64 map_allocating(struct driven_super *super, u64 node, u64 offset, u64 length,
			  struct banos_extent *extent)
{
	s64 err = -EAGAIN;

	for (u32 tries = 0; err == -EAGAIN && tries < AGAIN_MAX; tries++) {
		int failed = 0;

		*extent = (struct banos_extent){ .size = sizeof(*extent) };
		if (tries) {
			driven_leave(super, DRIVEN_CHANGE);
			failed = driven_commit(super);
			/* The caller leaves it again: it has to be entered. */
			while (driven_enter(super, DRIVEN_CHANGE))
				if (fatal_signal_pending())
					failed = -EINTR;
		}
		if (failed)
			return failed;
		err = driven_invoke(super, DRIVEN_CHANGE | DRIVEN_INSIDE,
				    offsetof(struct banos_filesystem_ops, map), node, offset,
				    length, BANOS_MAP_ALLOCATE | FUTURE_FLAGS, (u64)extent);
	}
	return err == -EAGAIN ? -ENOSPC : err;
}

static int data_map(struct inode *inode, u64 offset, u64 length, bool allocate,
		    struct cache_extent *out)
{
	struct driven_super *super = driven_of(inode->sb);
	struct banos_extent extent = { .size = sizeof(extent) };
	u64 unit = super->info.block_bytes, first = offset / unit * unit,
	    bytes = ALIGN_UP(offset + length, unit) - first;
	s64 err;

	if (allocate)
		err = map_allocating(super, node_number(inode), first, bytes, &extent);
	else
		err = driven_ask(super, map, node_number(inode), first, bytes, FUTURE_FLAGS,
				 &extent);
	if (!err && check_extent(super, &extent, offset, allocate)) {
		driven_damaged(super, "a file's data lies where nothing can be");
		err = -EUCLEAN;
	}
	if (err)
		return driven_error(err);
	if (allocate) {
		driven_changed(super);
		if (extent.flags & BANOS_EXTENT_NEW) {
			/* What leads to it the driver may write to its store as late as in sync(). */
			WRITE_ONCE(super->structured, true);
			node_changed(inode);
			/* Until the next commit asks the driver, which counts its own blocks, too. */
			__atomic_fetch_add(&inode->blocks, extent.length >> 9, __ATOMIC_RELAXED);
		}
	}
	*out = (struct cache_extent){
		.kind = extent.kind,
		.fresh = extent.flags & BANOS_EXTENT_NEW,
		.offset = extent.offset,
		.length = extent.length,
		.store = extent.store,
	};
	return 0;
}

static void data_dirtied(struct inode *inode)
{
	driven_changed(driven_of(inode->sb));
}

/* Blocks that are the file's only with the next commit hold what was there before. */
static void data_failed(struct inode *inode)
{
	struct driven_super *super = driven_of(inode->sb);

	if (READ_ONCE(driven_node(inode)->changed) > READ_ONCE(super->committed) &&
	    !super->ignores_errors)
		WRITE_ONCE(super->lost, true);
}

static const struct cache_backing data_backing = {
	.map = data_map,
	.begin = data_begin,
	.end = data_end,
	.dirtied = data_dirtied,
	.failed = data_failed,
};

void data_init(struct inode *inode)
{
	_Static_assert(CACHE_HOLE == BANOS_EXTENT_HOLE && CACHE_RUN == BANOS_EXTENT_RUN &&
			       CACHE_UNWRITTEN == BANOS_EXTENT_UNWRITTEN,
		       "the same kinds");

	file_cache_init(inode, &driven_node(inode)->cache, &data_backing,
			driven_of(inode->sb)->store->disk,
			driven_of(inode->sb)->flags & BANOS_MOUNT_NO_HOLES ? CACHE_NO_HOLES : 0);
	driven_node(inode)->cache.unit = driven_of(inode->sb)->info.block_bytes;
}

/* ---- methods ---- */

/* What a commit takes over is marked as belonging to it before it stops to be dirty: so that is read first. */
static bool must_commit(struct inode *inode, bool data_only)
{
	struct driven_super *super = driven_of(inode->sb);
	struct driven_node *node = driven_node(inode);

	if (READ_ONCE(inode->size) != smp_load_acquire(&node->stored_size) ||
	    (!data_only && smp_load_acquire(&node->dirty)))
		return true;
	return READ_ONCE(node->changed) > READ_ONCE(super->committed) ||
	       (!data_only && READ_ONCE(node->handed_down) > READ_ONCE(super->committed));
}

/* Only the data has to be written. */
static int data_sync_pages(struct file *f, u64 first, u64 last, bool data_only)
{
	int err = file_cache_fsync(f, first, last, data_only), failed;

	if (f->inode->sb->flags & MS_RDONLY)
		return err;
	if (must_commit(f->inode, data_only)) /* by now */
		failed = driven_commit_data(driven_of(f->inode->sb));
	else
		failed = block_flush(driven_of(f->inode->sb)->store->disk);
	return err ?: failed;
}

static int data_fsync(struct file *f, u64 first, u64 last, bool data_only)
{
	int err;

	/* A commit writes data, too, and may do both at once. */
	if (f->inode->sb->flags & MS_RDONLY || !must_commit(f->inode, data_only))
		err = data_sync_pages(f, first, last, data_only);
	else
		err = driven_commit_data(driven_of(f->inode->sb));
	/* Of a commit that fails each open file learns once: this one now. */
	return file_cache_error_since(f->cache, &f->error_seen) ?: err;
}

static int data_truncate(struct inode *inode, u64 size)
{
	u64 was = inode->size;
	int err;

	if (size > driven_of(inode->sb)->info.bytes_max)
		return -EFBIG;
	err = file_cache_cut_prepare(inode, size);
	if (err)
		return err;
	file_cache_cut_begin(inode);
	file_cache_cut(inode, size);
	node_change_begin(inode);
	err = node_hand_down(inode, BANOS_SET_SIZE, DRIVEN_CHANGE);
	node_change_end(inode);
	if (err && was < size)
		WRITE_ONCE(inode->size, was);
	file_cache_cut_end(inode);
	node_count_blocks(inode);
	if (err)
		return err;
	node_changed(inode);
	inode_touch(inode, ATTR_MTIME | ATTR_CTIME);
	return 0;
}

static int data_punch(struct inode *inode, u64 offset, u64 length)
{
	u32 mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	s64 err = file_cache_cut_prepare(inode, offset)
			  ?: file_cache_cut_prepare(inode, offset + length);

	if (err)
		return err;
	file_cache_cut_begin(inode);
	file_cache_punch(inode, offset, length);
	node_change_begin(inode);
	err = driven_change(driven_of(inode->sb), allocate, node_number(inode), mode, offset,
			    length);
	node_change_end(inode);
	file_cache_cut_end(inode);
	return driven_error(err);
}

/* Room that holds nothing. What the driver's format has not is written as zeroes: that takes a size which leads there. */
static int data_reserve(struct inode *inode, u32 mode, u64 offset, u64 length)
{
	struct driven_super *super = driven_of(inode->sb);
	u64 end = offset + length;
	s64 err;

	if (end > super->info.bytes_max)
		return -EFBIG;
	node_change_begin(inode);
	err = driven_change(super, allocate, node_number(inode), mode, offset, length);
	node_change_end(inode);
	if (err && err != -EOPNOTSUPP)
		return driven_error(err);
	if (mode & FALLOC_FL_KEEP_SIZE && end > inode->size)
		return driven_error(err);
	if (err && !(super->flags & BANOS_MOUNT_NO_HOLES))
		return file_cache_fill(inode, offset, end);
	if (end > inode->size)
		return file_cache_extend(inode, end);
	return 0;
}

static int data_fallocate(struct inode *inode, int mode, u64 offset, u64 length)
{
	int err = -EOPNOTSUPP;

	if (mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
		err = data_punch(inode, offset, length);
	else if (!(mode & ~FALLOC_FL_KEEP_SIZE))
		err = data_reserve(inode, (u32)mode, offset, length);
	node_count_blocks(inode);
	if (err)
		return err;
	node_changed(inode);
	inode_touch(inode, ATTR_MTIME | ATTR_CTIME);
	return 0;
}

const struct inode_ops driven_mapped_iops = {
	.setattr = driven_setattr,
	DRIVEN_XATTRS,
	.truncate = data_truncate,
	.fallocate = data_fallocate,
};

const struct file_ops driven_mapped_fops = {
	.open = file_cache_open,
	.read = file_cache_read,
	.write = file_cache_write,
	.mmap = file_cache_mmap,
	.llseek = file_cache_llseek,
	.fsync = data_fsync,
};
