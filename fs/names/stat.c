// SPDX-License-Identifier: MIT
/*
 * What a file is: stat and its relatives, access, readlink.
 *
 * A path's stat walks without references: the numbers are copied while RCU
 * keeps the inode, and count if nothing moved meanwhile.
 */
#include <kernel/fs/dentry.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/path.h>
#include <kernel/fs/walk.h>
#include <kernel/heap.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include "walk_parts.h"

#define AT_STAT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE)

/* How what stat() wants to know of an inode is noted down. */
typedef void stat_fill_fn(const struct inode *inode, void *out);

/*
 * @param fill	      of inodes without a getattr method
 * @param fill_any    of all
 */
static inline __attribute__((always_inline)) int
stat_path(int dirfd, u64 path, u32 flags, stat_fill_fn *fill, stat_fill_fn *fill_any, void *out)
{
	struct path_name name;
	struct walk walk;
	int err = path_name_get(&name, path, flags);

	if (err)
		return err;
	err = walk_fast(&walk, dirfd, name.text, flags);
	if (!err) {
		fill(walk.inode, out);
		err = walk_fast_end(&walk);
	}
	if (unlikely(err == -ECHILD)) {
		err = walk_slow(&walk, dirfd, name.text, flags);
		if (!err) {
			fill_any(walk.path.dentry->inode, out);
			walk_end(&walk);
		}
	}
	path_name_put(&name);
	return err;
}

static inline __attribute__((always_inline)) int stat_fd(u32 fd, stat_fill_fn *fill, void *out)
{
	struct fd_ref ref = fd_get_path(fd);

	if (!ref.file)
		return -EBADF;
	fill(ref.file->inode, out);
	fd_put(ref);
	return 0;
}

static void stat_to_kstat(const struct inode *inode, void *out)
{
	fill_stat(inode, out);
}

static inline struct user_stat user_stat_of(const struct kstat *stat)
{
	return (struct user_stat){
		.st_dev = stat->dev,
		.st_ino = stat->ino,
		.st_nlink = stat->nlink,
		.st_mode = stat->mode,
		.st_uid = stat->uid,
		.st_gid = stat->gid,
		.st_rdev = stat->rdev,
		.st_size = stat->size,
		.st_blksize = stat->blksize,
		.st_blocks = stat->blocks,
		.atime_sec = stat->atime_ns / NSEC_PER_SEC,
		.atime_nsec = stat->atime_ns % NSEC_PER_SEC,
		.mtime_sec = stat->mtime_ns / NSEC_PER_SEC,
		.mtime_nsec = stat->mtime_ns % NSEC_PER_SEC,
		.ctime_sec = stat->ctime_ns / NSEC_PER_SEC,
		.ctime_nsec = stat->ctime_ns % NSEC_PER_SEC,
	};
}

static __noinline void stat_any_to_user(const struct inode *inode, void *out)
{
	struct kstat stat;

	fill_stat(inode, &stat);
	*(struct user_stat *)out = user_stat_of(&stat);
}

/* Without a detour over memory. */
static inline void stat_plain_to_user(const struct inode *inode, void *out)
{
	struct kstat stat;

	fill_stat_plain(inode, &stat);
	*(struct user_stat *)out = user_stat_of(&stat);
}

static inline void stat_open_to_user(const struct inode *inode, void *out)
{
	if (unlikely(inode->ops && inode->ops->getattr))
		stat_any_to_user(inode, out);
	else
		stat_plain_to_user(inode, out);
}

static s64 do_stat(int dirfd, u64 path, u32 at_flags, u64 out)
{
	struct user_stat stat;
	int err = stat_path(dirfd, path, lookup_flags(at_flags), stat_plain_to_user,
			    stat_any_to_user, &stat);

	if (err)
		return err;
	return copy_to_user(uaddr(out), &stat, sizeof(stat));
}

SYSCALL2(stat, path, out)
{
	return do_stat(AT_FDCWD, path, 0, out);
}
SYSCALL2(lstat, path, out)
{
	return do_stat(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, out);
}

static s64 do_fstat(u32 fd, u64 out)
{
	struct user_stat stat;
	int err = stat_fd(fd, stat_open_to_user, &stat);

	if (err)
		return err;
	return copy_to_user(uaddr(out), &stat, sizeof(stat));
}

SYSCALL2(fstat, fd, out)
{
	return do_fstat((u32)fd, out);
}

/* glibc's fstat() is newfstatat(fd, "", AT_EMPTY_PATH). */
static bool is_empty(u64 path)
{
	char first = 1;

	return copy_from_user(&first, uaddr(path), 1) == 0 && !first;
}

SYSCALL4(newfstatat, dirfd, path, out, flags)
{
	if ((u32)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT))
		return -EINVAL;
	if (!(flags & AT_EMPTY_PATH) || (s32)dirfd == AT_FDCWD || !is_empty(path))
		return do_stat((s32)dirfd, path, (u32)flags, out);
	return do_fstat((u32)dirfd, out);
}

static struct user_statx_time statx_time(u64 ns)
{
	return (struct user_statx_time){ ns / NSEC_PER_SEC, ns % NSEC_PER_SEC, 0 };
}

SYSCALL5(statx, dirfd, path, flags, mask, out)
{
	struct kstat stat;
	struct user_statx record = { 0 };
	int err;

	if (((u32)flags & ~AT_STAT_FLAGS) || ((u32)mask & STATX__RESERVED) ||
	    (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	if ((flags & AT_EMPTY_PATH) && (s32)dirfd != AT_FDCWD && is_empty(path))
		err = stat_fd((u32)dirfd, stat_to_kstat, &stat);
	else
		err = stat_path((s32)dirfd, path, lookup_flags((u32)flags), stat_to_kstat,
				stat_to_kstat, &stat);
	if (err)
		return err;
	record.mask = STATX_BASIC_STATS | STATX_BTIME;
	record.blksize = stat.blksize;
	record.nlink = stat.nlink;
	record.uid = stat.uid;
	record.gid = stat.gid;
	record.mode = stat.mode;
	record.ino = stat.ino;
	record.size = stat.size;
	record.blocks = stat.blocks;
	record.atime = statx_time(stat.atime_ns);
	record.btime = statx_time(stat.btime_ns);
	record.ctime = statx_time(stat.ctime_ns);
	record.mtime = statx_time(stat.mtime_ns);
	record.rdev_major = MAJOR(stat.rdev);
	record.rdev_minor = MINOR(stat.rdev);
	record.dev_major = MAJOR(stat.dev);
	record.dev_minor = MINOR(stat.dev);
	return copy_to_user(uaddr(out), &record, sizeof(record));
}

/* ---- access: with the real ids ---- */

static int access_path(int dirfd, u64 path, u32 mode, u32 flags)
{
	struct path target;
	int err = user_path(dirfd, path, lookup_flags(flags), &target);

	if (err)
		return err;
	if (mode) {
		struct inode *inode = target.dentry->inode;

		err = path_permission(&target, mode);
		if (!err && (mode & MAY_EXEC) && S_ISREG(inode->mode) &&
		    (target.mnt->flags & MNT_NOEXEC))
			err = -EACCES;
	}
	path_put(&target);
	return err;
}

static s64 do_access(int dirfd, u64 path, u32 mode, u32 flags)
{
	const struct cred *mine = current_cred();
	struct cred *real, *old;
	s64 ret;

	if (mode & ~7u || flags & ~(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if ((flags & AT_EACCESS) || (mine->fsuid == mine->uid && mine->fsgid == mine->gid))
		return access_path(dirfd, path, mode, flags);
	real = cred_prepare();
	if (!real)
		return -ENOMEM;
	real->fsuid = real->uid;
	real->fsgid = real->gid;
	if (real->uid)
		real->cap_effective = 0;
	else
		real->cap_effective = real->cap_permitted;
	old = cred_override(real);
	ret = access_path(dirfd, path, mode, flags);
	cred_restore(old);
	cred_put(real);
	return ret;
}

SYSCALL2(access, path, mode)
{
	return do_access(AT_FDCWD, path, (u32)mode, 0);
}
SYSCALL3(faccessat, dirfd, path, mode)
{
	return do_access((s32)dirfd, path, (u32)mode, 0);
}
SYSCALL4(faccessat2, dirfd, path, mode, flags)
{
	return do_access((s32)dirfd, path, (u32)mode, (u32)flags);
}

/* ---- readlink ---- */

static s64 stat_link_text(const struct path *path, char *buf, const char **text)
{
	struct inode *inode = path->dentry->inode;

	if (!S_ISLNK(inode->mode))
		return -EINVAL;
	if (inode->link) {
		*text = inode->link;
		return 0;
	}
	if (!inode->ops || !inode->ops->readlink)
		return -EINVAL;
	*text = inode->ops->readlink(inode, buf);
	if (IS_ERR(*text))
		return PTR_ERR(*text);
	return 0;
}

static s64 do_readlink(int dirfd, u64 path, u64 out, s32 size)
{
	const char *text;
	struct path target;
	char *buf;
	s64 ret;

	if (size <= 0)
		return -EINVAL;
	ret = user_path(dirfd, path, LOOKUP_EMPTY, &target);
	if (ret)
		return ret;
	buf = kmalloc(PATH_MAX);
	if (!buf)
		ret = -ENOMEM;
	else
		ret = stat_link_text(&target, buf, &text);
	if (!ret) {
		ret = MIN(strlen(text), (size_t)size);
		if (copy_to_user(uaddr(out), text, ret))
			ret = -EFAULT;
	}
	kfree(buf);
	path_put(&target);
	return ret;
}

SYSCALL3(readlink, path, out, size)
{
	return do_readlink(AT_FDCWD, path, out, (s32)size);
}
SYSCALL4(readlinkat, dirfd, path, out, size)
{
	return do_readlink((s32)dirfd, path, out, (s32)size);
}
