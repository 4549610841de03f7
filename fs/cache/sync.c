// SPDX-License-Identifier: MIT
/*
 * Writing back what is only in memory: sync and its relatives; and advice about
 * files. Advice about files of tmpfs is checked and otherwise not needed: all their
 * pages are in memory.
 */
#include <kernel/fs/dentry.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/super_block.h>
#include <kernel/heap.h>
#include <kernel/syscalls.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include "cache.h"

/* ---- sync ---- */

static int sync_super(struct super_block *sb)
{
	if (sb->ops && sb->ops->sync)
		return sb->ops->sync(sb);
	return 0;
}

/* The mount behind one in the list, counted; the one is put. NULL: the first, or none. */
static struct mount *next_mount(struct mount *mount)
{
	struct list *entry;
	struct mount *next = NULL;

	spin_lock(&tree_lock);
	if (mount)
		entry = mount->all_link.next;
	else
		entry = mount_list.next;
	if (entry != &mount_list &&
	    (!mount || entry != &mount->all_link)) { /* out of the list: the end */
		next = list_entry(entry, struct mount, all_link);
		mount_get(next);
	}
	spin_unlock(&tree_lock);
	if (mount)
		mount_put(mount);
	return next;
}

/* Write back what is only in memory, of all file systems. Sleeps. */
static void fs_sync_all(void)
{
	if (IS_ENABLED(CONFIG_BLOCK))
		(void)file_cache_write_back_super(NULL);
	for (struct mount *mount = next_mount(NULL); mount; mount = next_mount(mount))
		sync_super(mount->sb);
}

SYSCALL0(sync)
{
	fs_sync_all();
	return 0;
}

SYSCALL1(syncfs, fd)
{
	struct fd_ref ref = fd_get((u32)fd);
	s64 ret;

	if (!ref.file)
		return -EBADF;
	ret = sync_super(ref.file->inode->sb);
	fd_put(ref);
	return ret;
}

static s64 do_fsync(u32 fd, bool data_only)
{
	struct fd_ref ref = fd_get(fd);
	s64 ret;

	if (!ref.file)
		return -EBADF;
	if (ref.file->ops->fsync)
		ret = ref.file->ops->fsync(ref.file, 0, FILE_SIZE_MAX, data_only);
	else {
		if (S_ISDIR(ref.file->inode->mode))
			ret = sync_super(ref.file->inode->sb);
		else
			ret = -EINVAL;
	}
	fd_put(ref);
	return ret;
}

SYSCALL1(fsync, fd)
{
	return do_fsync((u32)fd, false);
}

SYSCALL1(fdatasync, fd)
{
	return do_fsync((u32)fd, true);
}

/* The last byte of a range; length 0: of the file. */
static u64 range_last(u64 offset, u64 length)
{
	if (!length || length > FILE_SIZE_MAX - offset)
		return FILE_SIZE_MAX;
	return offset + length - 1;
}

/* The pages of a range alone: no attributes, and nothing for a loss of power. */
static s64 cache_sync_range(struct file *f, u64 first, u64 last, u32 flags)
{
	struct file_cache *cache = f->cache;

	if (flags & SYNC_FILE_RANGE_WAIT_BEFORE)
		cache_wait_writes(cache, first >> PAGE_SHIFT, last >> PAGE_SHIFT);
	if (flags & SYNC_FILE_RANGE_WRITE)
		(void)file_cache_write_back(cache->inode, first, last, false);
	if (flags & SYNC_FILE_RANGE_WAIT_AFTER)
		cache_wait_writes(cache, first >> PAGE_SHIFT, last >> PAGE_SHIFT);
	if (flags & (SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WAIT_AFTER))
		return file_cache_error_since(cache, &f->error_seen);
	return 0;
}

SYSCALL4(sync_file_range, fd, off, len, flags)
{
	struct fd_ref ref = fd_get((u32)fd);
	mode_t type;
	s64 ret = 0;

	if (!ref.file)
		return -EBADF;
	type = ref.file->inode->mode & S_IFMT;
	if ((u32)flags & ~(SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
			   SYNC_FILE_RANGE_WAIT_AFTER) ||
	    (s64)off < 0 || (s64)len < 0 || (s64)(off + len) < 0)
		ret = -EINVAL;
	else if (type != S_IFREG && type != S_IFBLK && type != S_IFDIR && type != S_IFLNK)
		ret = -ESPIPE;
	else if (IS_ENABLED(CONFIG_BLOCK) && ref.file->cache)
		ret = cache_sync_range(ref.file, off, range_last(off, len), (u32)flags);
	fd_put(ref);
	return ret;
}

/* ---- advice ---- */

static void cache_advise(struct file *f, u64 first, u64 last, s32 advice)
{
	struct inode *inode = f->cache->inode;
	u64 page = first >> PAGE_SHIFT, end = last >> PAGE_SHIFT;

	switch (advice) {
	case POSIX_FADV_NORMAL:
	case POSIX_FADV_SEQUENTIAL:
	case POSIX_FADV_RANDOM:
		__atomic_fetch_and(&f->mode, ~(u32)(FMODE_RANDOM | FMODE_SEQUENTIAL),
				   __ATOMIC_RELAXED);
		if (advice == POSIX_FADV_RANDOM)
			__atomic_fetch_or(&f->mode, FMODE_RANDOM, __ATOMIC_RELAXED);
		else if (advice == POSIX_FADV_SEQUENTIAL)
			__atomic_fetch_or(&f->mode, FMODE_SEQUENTIAL, __ATOMIC_RELAXED);
		return;
	case POSIX_FADV_WILLNEED: file_cache_prefetch(inode, page, end - page + 1); return;
	case POSIX_FADV_DONTNEED: /* whole pages: a part of one may be wanted for another reason */
		page = PAGE_ALIGN(first) >> PAGE_SHIFT;
		if (last < READ_ONCE(inode->size) && (last + 1) & (PAGE_SIZE - 1))
			end--;
		(void)file_cache_write_back(inode, first, last, false);
		if (page <= end && end != ~0ull)
			(void)file_cache_invalidate(inode, page, end);
		return;
	}
}

SYSCALL4(fadvise64, fd, off, len, advice)
{
	struct fd_ref ref = fd_get((u32)fd);
	s64 ret = 0;

	if (!ref.file)
		return -EBADF;
	if (S_ISFIFO(ref.file->inode->mode))
		ret = -ESPIPE;
	else if ((s64)len < 0 || (s32)advice < POSIX_FADV_NORMAL ||
		 (s32)advice > POSIX_FADV_NOREUSE)
		ret = -EINVAL;
	else if (IS_ENABLED(CONFIG_BLOCK) && ref.file->cache && (s64)off >= 0)
		cache_advise(ref.file, off, range_last(off, len), (s32)advice);
	fd_put(ref);
	return ret;
}

SYSCALL3(readahead, fd, off, len)
{
	struct fd_ref ref = fd_get((u32)fd);
	s64 ret = 0;

	if (!ref.file)
		return -EBADF;
	if (!(ref.file->mode & FMODE_READ))
		ret = -EBADF;
	else if (!S_ISREG(ref.file->inode->mode) && !S_ISBLK(ref.file->inode->mode))
		ret = -EINVAL;
	else if (IS_ENABLED(CONFIG_BLOCK) && ref.file->cache && (s64)off >= 0 && len)
		cache_advise(ref.file, off, range_last(off, len), POSIX_FADV_WILLNEED);
	fd_put(ref);
	return ret;
}
