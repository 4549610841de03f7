/* SPDX-License-Identifier: MIT */
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

#define AT_STAT_FLAGS (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_SYNC_TYPE)

static u32 lookup_flags(u32 at_flags)
{
	return (at_flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
	       (at_flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
}

static int stat_path(int dirfd, u64 user, u32 flags, struct kstat *st)
{
	struct path_name n;
	struct walk w;
	int err = path_name_get(&n, user, flags);

	if (err)
		return err;
	err = walk_fast(&w, dirfd, n.text, flags);
	if (!err) {
		fill_stat(w.inode, st);
		err = walk_fast_end(&w);
	}
	if (err == -ECHILD) {
		err = walk_slow(&w, dirfd, n.text, flags);
		if (!err) {
			fill_stat(w.path.dentry->inode, st);
			walk_end(&w);
		}
	}
	path_name_put(&n);
	return err;
}

static int stat_fd(u32 fd, struct kstat *st)
{
	struct fd_ref r = fd_get_path(fd);

	if (!r.file)
		return -EBADF;
	fill_stat(r.file->inode, st);
	fd_put(r);
	return 0;
}

static s64 stat_to_user(const struct kstat *st, uaddr_t out)
{
	struct user_stat u = {
		.st_dev = st->dev,
		.st_ino = st->ino,
		.st_nlink = st->nlink,
		.st_mode = st->mode,
		.st_uid = st->uid,
		.st_gid = st->gid,
		.st_rdev = st->rdev,
		.st_size = st->size,
		.st_blksize = st->blksize,
		.st_blocks = st->blocks,
		.atime_sec = st->atime_ns / NSEC_PER_SEC,
		.atime_nsec = st->atime_ns % NSEC_PER_SEC,
		.mtime_sec = st->mtime_ns / NSEC_PER_SEC,
		.mtime_nsec = st->mtime_ns % NSEC_PER_SEC,
		.ctime_sec = st->ctime_ns / NSEC_PER_SEC,
		.ctime_nsec = st->ctime_ns % NSEC_PER_SEC,
	};

	return copy_to_user(out, &u, sizeof(u));
}

static s64 do_stat(int dirfd, u64 path, u32 at_flags, u64 out)
{
	struct kstat st;
	int err = stat_path(dirfd, path, lookup_flags(at_flags), &st);

	return err ? err : stat_to_user(&st, uaddr(out));
}

SYSCALL2(stat, path, out)
{
	return do_stat(AT_FDCWD, path, 0, out);
}
SYSCALL2(lstat, path, out)
{
	return do_stat(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, out);
}

SYSCALL2(fstat, fd, out)
{
	struct kstat st;
	int err = stat_fd((u32)fd, &st);

	return err ? err : stat_to_user(&st, uaddr(out));
}

/* glibc's fstat() is newfstatat(fd, "", AT_EMPTY_PATH). */
static bool is_empty(u64 path)
{
	char c = 1;

	return copy_from_user(&c, uaddr(path), 1) == 0 && !c;
}

SYSCALL4(newfstatat, dirfd, path, out, flags)
{
	struct kstat st;
	int err;

	if ((u32)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT))
		return -EINVAL;
	if (!(flags & AT_EMPTY_PATH) || (s32)dirfd == AT_FDCWD || !is_empty(path))
		return do_stat((s32)dirfd, path, (u32)flags, out);
	err = stat_fd((u32)dirfd, &st);
	return err ? err : stat_to_user(&st, uaddr(out));
}

static struct user_statx_time statx_time(u64 ns)
{
	return (struct user_statx_time){ ns / NSEC_PER_SEC, ns % NSEC_PER_SEC, 0 };
}

SYSCALL5(statx, dirfd, path, flags, mask, out)
{
	struct kstat st;
	struct user_statx x = { 0 };
	int err;

	if (((u32)flags & ~AT_STAT_FLAGS) || ((u32)mask & STATX__RESERVED) ||
	    (flags & AT_STATX_SYNC_TYPE) == AT_STATX_SYNC_TYPE)
		return -EINVAL;
	if ((flags & AT_EMPTY_PATH) && (s32)dirfd != AT_FDCWD && is_empty(path))
		err = stat_fd((u32)dirfd, &st);
	else
		err = stat_path((s32)dirfd, path, lookup_flags((u32)flags), &st);
	if (err)
		return err;
	x.mask = STATX_BASIC_STATS | STATX_BTIME;
	x.blksize = st.blksize;
	x.nlink = st.nlink;
	x.uid = st.uid;
	x.gid = st.gid;
	x.mode = st.mode;
	x.ino = st.ino;
	x.size = st.size;
	x.blocks = st.blocks;
	x.atime = statx_time(st.atime_ns);
	x.btime = statx_time(st.btime_ns);
	x.ctime = statx_time(st.ctime_ns);
	x.mtime = statx_time(st.mtime_ns);
	x.rdev_major = MAJOR(st.rdev);
	x.rdev_minor = MINOR(st.rdev);
	x.dev_major = MAJOR(st.dev);
	x.dev_minor = MINOR(st.dev);
	return copy_to_user(uaddr(out), &x, sizeof(x));
}

/* ---- access: with the real ids ---- */

static int access_path(int dirfd, u64 path, u32 mode, u32 flags)
{
	struct path p;
	int err = user_path(dirfd, path, lookup_flags(flags), &p);

	if (err)
		return err;
	if (mode) {
		struct inode *i = p.dentry->inode;

		err = path_permission(&p, mode);
		if (!err && (mode & MAY_EXEC) && S_ISREG(i->mode) && (p.mnt->flags & MNT_NOEXEC))
			err = -EACCES;
	}
	path_put(&p);
	return err;
}

static s64 do_access(int dirfd, u64 path, u32 mode, u32 flags)
{
	struct cred *real, *mine = current->cred;
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
	real->cap_effective = real->uid ? 0 : real->cap_permitted;
	current->cred = real;
	ret = access_path(dirfd, path, mode, flags);
	current->cred = mine;
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

static s64 link_text(const struct path *p, char *buf, const char **text)
{
	struct inode *i = p->dentry->inode;

	if (!S_ISLNK(i->mode))
		return -EINVAL;
	*text = i->link			     ? i->link
		: i->ops && i->ops->readlink ? i->ops->readlink(i, buf)
					     : ERR_PTR(-EINVAL);
	return IS_ERR(*text) ? PTR_ERR(*text) : 0;
}

static s64 do_readlink(int dirfd, u64 path, u64 out, s32 size)
{
	const char *text;
	struct path p;
	char *buf;
	s64 ret;

	if (size <= 0)
		return -EINVAL;
	ret = user_path(dirfd, path, LOOKUP_EMPTY, &p);
	if (ret)
		return ret;
	buf = kmalloc(PATH_MAX);
	ret = buf ? link_text(&p, buf, &text) : -ENOMEM;
	if (!ret) {
		ret = MIN(strlen(text), (size_t)size);
		if (copy_to_user(uaddr(out), text, ret))
			ret = -EFAULT;
	}
	kfree(buf);
	path_put(&p);
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
