// SPDX-License-Identifier: MIT
/*
 * Files of disks.
 *
 * A disk has one inode with cached pages, whatever nodes in /dev lead to it, for as long as it is in use: open files and a
 * file system on it count as users. When the last one is gone what is dirty is written and the cache is forgotten, so that a
 * medium may be changed then.
 *
 * Partitions have inodes of their own: what is written through /dev/vda1 is seen through /dev/vda once it
 * is on the disk, as with Linux.
 *
 * A disk that was taken away answers EIO to all but close(): transfers fail at once, so nothing hangs. Locks:
 * block_lock (mutex): the list, and its users' counts; a last user writes back before, without it.
 */
#include <kernel/fs/block_file.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/loop.h>
#include <kernel/heap.h>
#include <kernel/panic.h>
#include <kernel/partition.h>
#include <kernel/uaccess.h>
#include <uapi/fcntl.h>
#include "block_file.h"
#include "cache.h"

static DEFINE_MUTEX(block_lock); /* guards block_inodes and each users */
static DEFINE_LIST(block_inodes);
static struct super_block *block_super;

static const struct cache_backing block_backing = { 0 }; /* the file is the disk */

/* ---- inodes ---- */

static struct block_inode *block_inode_find(struct disk *disk)
{
	struct block_inode *block;

	assert_held(&block_lock);
	list_for_each(block, &block_inodes, link)
		if (block->cache.disk == disk)
			return block;
	return NULL;
}

static struct block_inode *block_inode_create(struct disk *disk)
{
	struct block_inode *block = kzalloc(sizeof(*block));
	struct inode *inode = NULL;

	if (block)
		inode = inode_alloc(block_super);
	if (!inode) {
		kfree(block);
		return NULL;
	}
	inode->mode = S_IFBLK | 0600;
	inode->rdev = disk_dev(disk);
	inode->size = disk_bytes(disk);
	inode->private = block;
	block->inode = inode;
	block->readahead = BLOCK_READAHEAD;
	disk_get(disk);
	file_cache_init(inode, &block->cache, &block_backing, disk, CACHE_SECTORS);
	list_add(&block->link, &block_inodes);
	return block;
}

void block_inode_put(struct inode *inode)
{
	struct block_inode *block = inode->private;
	bool last = false, done = false;

	while (!done) {
		if (READ_ONCE(block->users) == 1)
			(void)file_cache_write_back(inode, 0, ~0ull, true);
		mutex_lock(&block_lock);
		last = block->users == 1;
		done = !last || !READ_ONCE(inode->cache->nr_dirty);
		if (done)
			block->users--;
		if (done && last)
			list_del(&block->link);
		mutex_unlock(&block_lock);
	}
	if (last) {
		inode->nlink = 0; /* nothing is kept for later */
		inode_put(inode);
	}
}

/* The last reference: reclaim or write-back may have had one for a moment longer than the last user. */
static void block_file_evict(struct inode *inode)
{
	struct block_inode *block = inode->private;

	disk_put(block->cache.disk);
	kfree(block);
}

static const struct super_ops block_super_ops = { .evict_inode = block_file_evict };
static const struct fs_type block_type = { .name = "bdev", .flags = FS_NODEV };

/* The disk has another size: what is cached behind its end is forgotten. */
static __noinline void block_file_resize(struct inode *inode)
{
	u64 bytes;

	mutex_lock(&inode->lock);
	file_cache_cut_begin(inode);
	bytes = disk_bytes(inode->cache->disk);
	if (bytes < inode->size)
		file_cache_cut(inode, bytes);
	else
		(void)file_cache_invalidate(inode, inode->size >> PAGE_SHIFT,
					    inode->size >>
						    PAGE_SHIFT); /* the last was a part of one */
	WRITE_ONCE(inode->size, bytes);
	file_cache_cut_end(inode);
	mutex_unlock(&inode->lock);
}

/* One question for two events: a disk that was taken away has no bytes. @return 0 or -EIO */
static inline int block_file_check(struct file_cache *cache)
{
	if (likely(disk_bytes(cache->disk) == READ_ONCE(cache->inode->size)))
		return 0;
	if (disk_is_gone(cache->disk))
		return -EIO;
	block_file_resize(cache->inode);
	return 0;
}

struct inode *block_inode_get(struct disk *disk)
{
	struct block_inode *block;

	mutex_lock(&block_lock);
	block = block_inode_find(disk);
	if (!block)
		block = block_inode_create(disk);
	if (block)
		block->users++;
	mutex_unlock(&block_lock);
	if (!block)
		return ERR_PTR(-ENOMEM);
	(void)block_file_check(&block->cache); /* of one that is gone, transfers fail */
	return block->inode;
}

void block_file_init(void)
{
	block_super = super_alloc(&block_type, &block_super_ops);
	if (!block_super)
		boot_stop("not enough memory for files of disks");
}

/* ---- open files ---- */

/* The disk is in use already. */
static int block_file_attach(struct disk *disk, struct file *f)
{
	struct inode *inode;
	int err = 0;

	if (f->flags & O_EXCL)
		err = disk_claim(disk, f);
	if (err)
		return err;
	inode = block_inode_get(disk);
	if (IS_ERR(inode)) {
		if (f->flags & O_EXCL)
			disk_release(disk, f);
		return (int)PTR_ERR(inode);
	}
	if (f->flags & O_EXCL)
		f->mode |= FMODE_CLAIM;
	return file_cache_open(inode, f);
}

static int block_file_open_disk(struct disk *disk, struct file *f)
{
	int err;

	if (f->mode & FMODE_WRITE && disk_is_readonly(disk))
		return -EACCES;
	err = disk_open(disk);
	if (err)
		return err;
	err = block_file_attach(disk, f);
	if (err)
		disk_close(disk);
	return err;
}

static int block_file_open(struct inode *node, struct file *f)
{
	struct disk *disk = disk_find(node->rdev);
	int err;

	if (!disk)
		disk = loop_find(node->rdev);
	if (!disk)
		return -ENXIO;
	err = block_file_open_disk(disk, f);
	disk_put(disk); /* its inode has counted it */
	return err;
}

static void block_file_release(struct file *f)
{
	struct disk *disk = f->cache->disk;

	disk_get(disk);
	if (f->mode & FMODE_CLAIM)
		disk_release(disk, f);
	block_inode_put(f->cache->inode);
	if (f->mode & FMODE_WRITE)
		partitions_content_changed(disk);
	disk_close(disk);
	disk_put(disk);
}

static s64 block_file_read(struct file *f, struct uio *uio, u64 *pos)
{
	int err = block_file_check(f->cache);

	if (unlikely(err))
		return err;
	return file_cache_read(f, uio, pos);
}

static s64 block_file_write(struct file *f, struct uio *uio, u64 *pos)
{
	int err = block_file_check(f->cache);

	if (unlikely(err))
		return err;
	if (unlikely(disk_is_readonly(f->cache->disk)))
		return -EPERM;
	return file_cache_write(f, uio, pos);
}

static int block_file_fsync(struct file *f, u64 first, u64 last, bool data_only)
{
	int err = file_cache_fsync(f, first, last, data_only), flush_err;

	flush_err = block_flush(f->cache->disk);
	return err ?: flush_err;
}

static s64 block_file_llseek(struct file *f, s64 offset, int whence)
{
	int err = block_file_check(f->cache);

	if (err)
		return err;
	return file_cache_llseek(f, offset, whence);
}

struct disk *block_file_disk(const struct file *f)
{
	return f->cache->disk;
}

const struct file_ops block_file_fops = {
	.open = block_file_open,
	.release = block_file_release,
	.read = block_file_read,
	.write = block_file_write,
	.llseek = block_file_llseek,
	.mmap = file_cache_mmap,
	.fsync = block_file_fsync,
	.ioctl = block_ioctl,
};
