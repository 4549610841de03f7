// SPDX-License-Identifier: MIT
/*
 * Writing back what is only in memory: sync and its relatives; and advice about
 * files. Advice is checked and otherwise not needed: all that is cached is
 * already in memory.
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

static s64 do_fsync(u32 fd)
{
	struct fd_ref ref = fd_get(fd);
	s64 ret;

	if (!ref.file)
		return -EBADF;
	if (ref.file->ops->fsync)
		ret = ref.file->ops->fsync(ref.file);
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
	return do_fsync((u32)fd);
}

SYSCALL1(fdatasync, fd)
{
	return do_fsync((u32)fd);
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
	else if ((u32)flags && ref.file->ops->fsync)
		ret = ref.file->ops->fsync(ref.file);
	fd_put(ref);
	return ret;
}

/* ---- advice ---- */

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
	fd_put(ref);
	return ret;
}
