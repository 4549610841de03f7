// SPDX-License-Identifier: MIT
/*
 * Changing what a file is: mode, owner, times, size, space.
 *
 * What may be changed by whom is decided here, under inode->lock; the file
 * system's setattr (or setattr_copy()) then only takes it over. Changing owner,
 * group or contents takes set-user-id and set-group-id away.
 */
#include <kernel/cred.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/dirops.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/path.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>

#define UTIME_NOW  0x3fffffff
#define UTIME_OMIT 0x3ffffffe

/* ---- applying ---- */

static int apply(struct inode *i, struct iattr *a)
{
	a->ctime_ns = time_realtime_ns();
	a->valid |= ATTR_CTIME;
	return i->ops && i->ops->setattr ? i->ops->setattr(i, a) : setattr_copy(i, a);
}

/* Set-id bits that do not survive a change by others. */
static mode_t without_set_ids(mode_t mode)
{
	if (S_ISDIR(mode))
		return mode;
	mode &= ~S_ISUID;
	return mode & S_IXGRP ? mode & ~S_ISGID : mode;
}

static int may_chown(const struct inode *i, const struct iattr *a)
{
	const struct cred *c = current_cred();

	if (current_capable(CAP_CHOWN))
		return 0;
	if (a->valid & ATTR_UID && (c->fsuid != i->uid || a->uid != i->uid))
		return -EPERM;
	if (a->valid & ATTR_GID &&
	    (c->fsuid != i->uid || (a->gid != i->gid && !cred_in_group(c, a->gid))))
		return -EPERM;
	return 0;
}

static int change_mode(const struct path *p, mode_t mode)
{
	struct inode *i = p->dentry->inode;
	struct iattr a = { .valid = ATTR_MODE, .mode = mode & S_IALLUGO };
	int err = mount_write_begin(p->mnt);

	if (err)
		return err;
	mutex_lock(&i->lock);
	if (S_ISLNK(i->mode))
		err = -EOPNOTSUPP;
	else
		err = inode_owner_or_capable(i) ? apply(i, &a) : -EPERM;
	mutex_unlock(&i->lock);
	mount_write_end(p->mnt);
	return err;
}

static int change_owner(const struct path *p, uid_t uid, gid_t gid)
{
	struct inode *i = p->dentry->inode;
	struct iattr a = { .uid = uid, .gid = gid };
	int err = mount_write_begin(p->mnt);

	if (err)
		return err;
	a.valid = (uid != (uid_t)-1 ? ATTR_UID : 0) | (gid != (gid_t)-1 ? ATTR_GID : 0);
	mutex_lock(&i->lock);
	err = may_chown(i, &a);
	if (!err) {
		mode_t mode = without_set_ids(i->mode);

		err = apply(i, &a);
		/* not by ATTR_MODE, which asks for rights of its own */
		if (!err)
			i->mode = mode;
	}
	mutex_unlock(&i->lock);
	mount_write_end(p->mnt);
	return err;
}

/* @param a  times already filled in; touch: both to the present, which a writer may, too */
static int change_times(const struct path *p, struct iattr *a, bool touch)
{
	struct inode *i = p->dentry->inode;
	int err = mount_write_begin(p->mnt);

	if (err)
		return err;
	mutex_lock(&i->lock);
	if (!inode_owner_or_capable(i))
		err = touch ? inode_permission(i, MAY_WRITE) : -EPERM;
	if (!err)
		err = apply(i, a);
	mutex_unlock(&i->lock);
	mount_write_end(p->mnt);
	return err;
}

/* ---- mode ---- */

static s64 chmod_path(int dirfd, u64 path, mode_t mode)
{
	struct path p;
	int err = user_path(dirfd, path, LOOKUP_FOLLOW, &p);

	if (err)
		return err;
	err = change_mode(&p, mode);
	path_put(&p);
	return err;
}

SYSCALL2(chmod, path, mode)
{
	return chmod_path(AT_FDCWD, path, (mode_t)mode);
}

SYSCALL3(fchmodat, dirfd, path, mode)
{
	return chmod_path((s32)dirfd, path, (mode_t)mode);
}

SYSCALL2(fchmod, fd, mode)
{
	struct fd_ref r = fd_get((u32)fd);
	int err;

	if (!r.file)
		return -EBADF;
	err = change_mode(&r.file->path, (mode_t)mode);
	fd_put(r);
	return err;
}

/* ---- owner ---- */

static s64 chown_path(int dirfd, u64 path, uid_t uid, gid_t gid, u32 flags)
{
	u32 lookup = (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
		     (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	struct path p;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	err = user_path(dirfd, path, lookup, &p);
	if (err)
		return err;
	err = change_owner(&p, uid, gid);
	path_put(&p);
	return err;
}

SYSCALL3(chown, path, uid, gid)
{
	return chown_path(AT_FDCWD, path, (uid_t)uid, (gid_t)gid, 0);
}

SYSCALL3(lchown, path, uid, gid)
{
	return chown_path(AT_FDCWD, path, (uid_t)uid, (gid_t)gid, AT_SYMLINK_NOFOLLOW);
}

SYSCALL5(fchownat, dirfd, path, uid, gid, flags)
{
	return chown_path((s32)dirfd, path, (uid_t)uid, (gid_t)gid, (u32)flags);
}

SYSCALL3(fchown, fd, uid, gid)
{
	struct fd_ref r = fd_get((u32)fd);
	int err;

	if (!r.file)
		return -EBADF;
	err = change_owner(&r.file->path, (uid_t)uid, (gid_t)gid);
	fd_put(r);
	return err;
}

/* ---- times ---- */

/* One time in nanoseconds; *set false for UTIME_OMIT. */
static int read_time(s64 sec, s64 nsec, u64 now, u64 *ns, bool *set)
{
	*set = nsec != UTIME_OMIT;
	*ns = now;
	if (nsec == UTIME_NOW || nsec == UTIME_OMIT)
		return 0;
	if (nsec < 0 || nsec >= (s64)NSEC_PER_SEC)
		return -EINVAL;
	sec = MAX(sec, 0l); /* kept as nanoseconds since 1970, 584 years of them */
	sec = MIN(sec, (s64)(~0ull / NSEC_PER_SEC) - 1);
	*ns = (u64)sec * NSEC_PER_SEC + nsec;
	return 0;
}

/* @param t  access and modification; NULL: now */
static s64 set_times(int dirfd, u64 path, const struct timespec *t, u32 flags)
{
	u32 lookup = (flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
		     (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	struct iattr a = { .valid = ATTR_ATIME | ATTR_MTIME };
	bool touch = !t, set_atime = true, set_mtime = true;
	struct path p;
	int err;

	a.atime_ns = a.mtime_ns = time_realtime_ns();
	if (t) {
		err = read_time(t[0].tv_sec, t[0].tv_nsec, a.atime_ns, &a.atime_ns, &set_atime);
		if (!err)
			err = read_time(t[1].tv_sec, t[1].tv_nsec, a.mtime_ns, &a.mtime_ns,
					&set_mtime);
		if (err || (!set_atime && !set_mtime))
			return err;
		touch = t[0].tv_nsec == UTIME_NOW && t[1].tv_nsec == UTIME_NOW;
		a.valid = (set_atime ? ATTR_ATIME : 0) | (set_mtime ? ATTR_MTIME : 0);
	}
	if (!path) { /* the descriptor itself */
		struct fd_ref r = fd_get((u32)dirfd);

		if (flags)
			err = -EINVAL;
		else
			err = r.file ? change_times(&r.file->path, &a, touch) : -EBADF;
		fd_put(r);
		return err;
	}
	err = user_path(dirfd, path, lookup, &p);
	if (err)
		return err;
	err = change_times(&p, &a, touch);
	path_put(&p);
	return err;
}

SYSCALL4(utimensat, dirfd, path, times, flags)
{
	struct timespec t[2];

	if ((u32)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (times && copy_from_user(t, uaddr(times), sizeof(t)))
		return -EFAULT;
	if (!path && (s32)dirfd == AT_FDCWD)
		return -EFAULT;
	return set_times((s32)dirfd, path, times ? t : NULL, (u32)flags);
}

static s64 do_utimes(int dirfd, u64 path, u64 times)
{
	struct timeval v[2];
	struct timespec t[2];

	if (!times)
		return path || dirfd != AT_FDCWD ? set_times(dirfd, path, NULL, 0) : -EFAULT;
	if (copy_from_user(v, uaddr(times), sizeof(v)))
		return -EFAULT;
	for (int i = 0; i < 2; i++) {
		if (v[i].tv_usec < 0 || v[i].tv_usec >= 1000000)
			return -EINVAL;
		t[i] = (struct timespec){ v[i].tv_sec, v[i].tv_usec * 1000 };
	}
	return path || dirfd != AT_FDCWD ? set_times(dirfd, path, t, 0) : -EFAULT;
}

SYSCALL2(utimes, path, times)
{
	return do_utimes(AT_FDCWD, path, times);
}

SYSCALL3(futimesat, dirfd, path, times)
{
	return do_utimes((s32)dirfd, path, times);
}

SYSCALL2(utime, path, times)
{
	s64 sec[2];
	struct timespec t[2] = { { 0 } };

	if (!path)
		return -EFAULT;
	if (!times)
		return set_times(AT_FDCWD, path, NULL, 0);
	if (copy_from_user(sec, uaddr(times), sizeof(sec)))
		return -EFAULT;
	t[0].tv_sec = sec[0];
	t[1].tv_sec = sec[1];
	return set_times(AT_FDCWD, path, t, 0);
}

/* ---- size ---- */

int vfs_truncate(const struct path *p, u64 size, struct file *f)
{
	struct inode *i = p->dentry->inode;
	int err = 0;

	if (!i->ops || !i->ops->truncate)
		return f ? 0 : -EINVAL;
	mutex_lock(&i->lock);
	if (size > i->size && current_process() && size > current_limit(RLIMIT_FSIZE)) {
		signal_send_thread(current, SIGXFSZ, NULL);
		err = -EFBIG;
	}
	if (!err)
		err = i->ops->truncate(i, size);
	if (!err && !current_capable(CAP_FSETID))
		i->mode = without_set_ids(i->mode);
	mutex_unlock(&i->lock);
	return err;
}

SYSCALL2(truncate, path, size)
{
	struct path p;
	int err;

	if ((s64)size < 0)
		return -EINVAL;
	err = user_path(AT_FDCWD, path, LOOKUP_FOLLOW, &p);
	if (err)
		return err;
	if (S_ISDIR(p.dentry->inode->mode))
		err = -EISDIR;
	else if (!S_ISREG(p.dentry->inode->mode))
		err = -EINVAL;
	else
		err = path_permission(&p, MAY_WRITE);
	if (!err)
		err = write_access_begin(&p);
	if (!err) {
		err = vfs_truncate(&p, size, NULL);
		write_access_end(&p);
	}
	path_put(&p);
	return err;
}

SYSCALL2(ftruncate, fd, size)
{
	struct fd_ref r;
	int err;

	if ((s64)size < 0)
		return -EINVAL;
	r = fd_get((u32)fd);
	if (!r.file)
		return -EBADF;
	if (!S_ISREG(r.file->inode->mode) || !(r.file->mode & FMODE_WRITE))
		err = -EINVAL;
	else
		err = vfs_truncate(&r.file->path, size, NULL);
	fd_put(r);
	return err;
}

/* Which kinds of allocation go together; the file system says which of them it has. */
static int check_allocation(u32 mode)
{
	const u32 known = FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_COLLAPSE_RANGE |
			  FALLOC_FL_ZERO_RANGE | FALLOC_FL_INSERT_RANGE | FALLOC_FL_UNSHARE_RANGE;

	if (mode & ~known || (mode & FALLOC_FL_PUNCH_HOLE && mode & FALLOC_FL_ZERO_RANGE) ||
	    (mode & FALLOC_FL_PUNCH_HOLE && !(mode & FALLOC_FL_KEEP_SIZE)))
		return -EOPNOTSUPP;
	if ((mode & FALLOC_FL_COLLAPSE_RANGE && mode != FALLOC_FL_COLLAPSE_RANGE) ||
	    (mode & FALLOC_FL_INSERT_RANGE && mode != FALLOC_FL_INSERT_RANGE) ||
	    (mode & FALLOC_FL_UNSHARE_RANGE &&
	     mode & ~(FALLOC_FL_UNSHARE_RANGE | FALLOC_FL_KEEP_SIZE)))
		return -EINVAL;
	return 0;
}

int file_allocate(struct file *f, u32 mode, s64 off, s64 len)
{
	struct inode *i = f->inode;
	int err;

	if (off < 0 || len <= 0)
		return -EINVAL;
	err = check_allocation(mode);
	if (err)
		return err;
	if (!(f->mode & FMODE_WRITE))
		return -EBADF;
	if (S_ISFIFO(i->mode))
		return -ESPIPE;
	if (S_ISDIR(i->mode))
		return -EISDIR;
	if (!S_ISREG(i->mode))
		return -ENODEV;
	if (off > (s64)FILE_SIZE_MAX - len)
		return -EFBIG;
	if (!i->ops || !i->ops->fallocate)
		return -EOPNOTSUPP;
	mutex_lock(&i->lock);
	/* Pages behind the end count for the limit, even if the size stays. */
	if (!(mode & FALLOC_FL_PUNCH_HOLE) && (u64)(off + len) > i->size &&
	    (u64)(off + len) > current_limit(RLIMIT_FSIZE)) {
		signal_send_thread(current, SIGXFSZ, NULL);
		err = -EFBIG;
	} else {
		err = i->ops->fallocate(i, mode, off, len);
	}
	if (!err && !current_capable(CAP_FSETID))
		i->mode = without_set_ids(i->mode);
	mutex_unlock(&i->lock);
	return err;
}

SYSCALL4(fallocate, fd, mode, off, len)
{
	struct fd_ref r = fd_get((u32)fd);
	int err;

	if (!r.file)
		return -EBADF;
	err = file_allocate(r.file, (u32)mode, (s64)off, (s64)len);
	fd_put(r);
	return err;
}

/* ---- for the kernel itself ---- */

int fs_setattr(const char *path, const struct iattr *a)
{
	struct iattr copy = *a;
	struct inode *i;
	struct path p;
	int err = path_lookup(AT_FDCWD, path, 0, &p);

	if (err)
		return err;
	i = p.dentry->inode;
	mutex_lock(&i->lock);
	err = apply(i, &copy);
	mutex_unlock(&i->lock);
	path_put(&p);
	return err;
}
