// SPDX-License-Identifier: MIT
/*
 * Changing what a file is: mode, owner, times, size, space.
 *
 * Rights are checked here, under inode->lock; the file system's setattr (or
 * setattr_copy()) then only stores the attributes. A change of owner, group or
 * contents clears set-user-id and set-group-id.
 */
#include <kernel/cred.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/dirops.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/notify.h>
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

static int attr_apply(struct inode *inode, struct iattr *attr)
{
	assert_held(&inode->lock);
	attr->ctime_ns = time_realtime_ns();
	attr->valid |= ATTR_CTIME;
	if (inode->ops && inode->ops->setattr)
		return inode->ops->setattr(inode, attr);
	return setattr_copy(inode, attr);
}

/* Set-id bits that do not survive a change by others. */
static mode_t without_set_ids(mode_t mode)
{
	if (S_ISDIR(mode))
		return mode;
	mode &= ~S_ISUID;
	if (mode & S_IXGRP)
		return mode & ~S_ISGID;
	return mode;
}

static int may_chown(const struct inode *inode, const struct iattr *attr)
{
	const struct cred *cred = current_cred();

	if (current_capable(CAP_CHOWN))
		return 0;
	if (attr->valid & ATTR_UID && (cred->fsuid != inode->uid || attr->uid != inode->uid))
		return -EPERM;
	if (attr->valid & ATTR_GID &&
	    (cred->fsuid != inode->uid ||
	     (attr->gid != inode->gid && !cred_in_group(cred, attr->gid))))
		return -EPERM;
	return 0;
}

static int change_mode(const struct path *path, mode_t mode)
{
	struct inode *inode = path->dentry->inode;
	struct iattr attr = { .valid = ATTR_MODE, .mode = mode & S_IALLUGO };
	int err = mount_write_begin(path->mnt);

	if (err)
		return err;
	mutex_lock(&inode->lock);
	if (S_ISLNK(inode->mode))
		err = -EOPNOTSUPP;
	else if (!inode_owner_or_capable(inode))
		err = -EPERM;
	else
		err = attr_apply(inode, &attr);
	mutex_unlock(&inode->lock);
	if (!err)
		notify_dentry(path->dentry, IN_ATTRIB);
	mount_write_end(path->mnt);
	return err;
}

static int change_owner(const struct path *path, uid_t uid, gid_t gid)
{
	struct inode *inode = path->dentry->inode;
	struct iattr attr = { .uid = uid, .gid = gid };
	int err = mount_write_begin(path->mnt);

	if (err)
		return err;
	if (uid != (uid_t)-1)
		attr.valid |= ATTR_UID;
	if (gid != (gid_t)-1)
		attr.valid |= ATTR_GID;
	mutex_lock(&inode->lock);
	err = may_chown(inode, &attr);
	if (!err) {
		mode_t mode = without_set_ids(inode->mode);

		err = attr_apply(inode, &attr);
		/* not by ATTR_MODE, which asks for rights of its own */
		if (!err)
			inode_set_mode(inode, mode);
	}
	mutex_unlock(&inode->lock);
	if (!err && attr.valid & (ATTR_UID | ATTR_GID))
		notify_dentry(path->dentry, IN_ATTRIB);
	mount_write_end(path->mnt);
	return err;
}

/* What a change of times looks like: as access or modification if it is one of the two. */
static u32 event_of_times(u32 valid)
{
	switch (valid & (ATTR_ATIME | ATTR_MTIME)) {
	case ATTR_ATIME: return IN_ACCESS;
	case ATTR_MTIME: return IN_MODIFY;
	}
	return IN_ATTRIB;
}

/* @param attr  times already filled in; touch: both to the present, which a writer may, too */
static int change_times(const struct path *path, struct iattr *attr, bool touch)
{
	struct inode *inode = path->dentry->inode;
	int err = mount_write_begin(path->mnt);

	if (err)
		return err;
	mutex_lock(&inode->lock);
	if (!inode_owner_or_capable(inode)) {
		err = -EPERM;
		if (touch)
			err = inode_permission(inode, MAY_WRITE);
	}
	if (!err)
		err = attr_apply(inode, attr);
	mutex_unlock(&inode->lock);
	if (!err)
		notify_dentry(path->dentry, event_of_times(attr->valid));
	mount_write_end(path->mnt);
	return err;
}

/* ---- mode ---- */

static s64 chmod_path(int dirfd, u64 path, mode_t mode)
{
	struct path target;
	int err = user_path(dirfd, path, LOOKUP_FOLLOW, &target);

	if (err)
		return err;
	err = change_mode(&target, mode);
	path_put(&target);
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
	struct fd_ref ref = fd_get((u32)fd);
	int err;

	if (!ref.file)
		return -EBADF;
	err = change_mode(&ref.file->path, (mode_t)mode);
	fd_put(ref);
	return err;
}

/* ---- owner ---- */

static s64 chown_path(int dirfd, u64 path, uid_t uid, gid_t gid, u32 flags)
{
	u32 lookup = lookup_flags(flags);
	struct path target;
	int err;

	if (flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	err = user_path(dirfd, path, lookup, &target);
	if (err)
		return err;
	err = change_owner(&target, uid, gid);
	path_put(&target);
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
	struct fd_ref ref = fd_get((u32)fd);
	int err;

	if (!ref.file)
		return -EBADF;
	err = change_owner(&ref.file->path, (uid_t)uid, (gid_t)gid);
	fd_put(ref);
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

/* @param time  access and modification; NULL: now */
static s64 attr_set_times(int dirfd, u64 path, const struct timespec *time, u32 flags)
{
	u32 lookup = lookup_flags(flags);
	struct iattr attr = { .valid = ATTR_ATIME | ATTR_MTIME };
	bool touch = !time, set_atime = true, set_mtime = true;
	struct path target;
	int err;

	attr.atime_ns = attr.mtime_ns = time_realtime_ns();
	if (time) {
		err = read_time(time[0].tv_sec, time[0].tv_nsec, attr.atime_ns, &attr.atime_ns,
				&set_atime);
		if (!err)
			err = read_time(time[1].tv_sec, time[1].tv_nsec, attr.mtime_ns,
					&attr.mtime_ns, &set_mtime);
		if (err || (!set_atime && !set_mtime))
			return err;
		touch = time[0].tv_nsec == UTIME_NOW && time[1].tv_nsec == UTIME_NOW;
		attr.valid = 0;
		if (set_atime)
			attr.valid |= ATTR_ATIME;
		if (set_mtime)
			attr.valid |= ATTR_MTIME;
	}
	if (!path) { /* the descriptor itself */
		struct fd_ref ref = fd_get((u32)dirfd);

		if (flags)
			err = -EINVAL;
		else if (!ref.file)
			err = -EBADF;
		else
			err = change_times(&ref.file->path, &attr, touch);
		fd_put(ref);
		return err;
	}
	err = user_path(dirfd, path, lookup, &target);
	if (err)
		return err;
	err = change_times(&target, &attr, touch);
	path_put(&target);
	return err;
}

SYSCALL4(utimensat, dirfd, path, times, flags)
{
	struct timespec pair[2];

	if ((u32)flags & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (times && copy_from_user(pair, uaddr(times), sizeof(pair)))
		return -EFAULT;
	if (!path && (s32)dirfd == AT_FDCWD)
		return -EFAULT;
	return attr_set_times((s32)dirfd, path, times ? pair : NULL, (u32)flags);
}

static s64 do_utimes(int dirfd, u64 path, u64 times)
{
	struct timeval values[2];
	struct timespec pair[2];

	if (!times && !path && dirfd == AT_FDCWD)
		return -EFAULT;
	if (!times)
		return attr_set_times(dirfd, path, NULL, 0);
	if (copy_from_user(values, uaddr(times), sizeof(values)))
		return -EFAULT;
	for (int i = 0; i < 2; i++) {
		if (values[i].tv_usec < 0 || values[i].tv_usec >= 1000000)
			return -EINVAL;
		pair[i] = (struct timespec){ values[i].tv_sec, values[i].tv_usec * 1000 };
	}
	if (path || dirfd != AT_FDCWD)
		return attr_set_times(dirfd, path, pair, 0);
	return -EFAULT;
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
	struct timespec pair[2] = { { 0 } };

	if (!path)
		return -EFAULT;
	if (!times)
		return attr_set_times(AT_FDCWD, path, NULL, 0);
	if (copy_from_user(sec, uaddr(times), sizeof(sec)))
		return -EFAULT;
	pair[0].tv_sec = sec[0];
	pair[1].tv_sec = sec[1];
	return attr_set_times(AT_FDCWD, path, pair, 0);
}

/* ---- size ---- */

int vfs_truncate(const struct path *path, u64 size, struct file *f)
{
	struct inode *inode = path->dentry->inode;
	int err = 0;

	if (!inode->ops || !inode->ops->truncate) {
		if (f)
			return 0;
		return -EINVAL;
	}
	mutex_lock(&inode->lock);
	if (size > inode->size && current_process() && size > current_limit(RLIMIT_FSIZE)) {
		signal_send_thread(current, SIGXFSZ, NULL);
		err = -EFBIG;
	}
	if (!err)
		err = inode->ops->truncate(inode, size);
	if (!err && !current_capable(CAP_FSETID))
		inode_set_mode(inode, without_set_ids(inode->mode));
	mutex_unlock(&inode->lock);
	if (!err)
		notify_dentry(path->dentry, IN_MODIFY);
	return err;
}

SYSCALL2(truncate, path, size)
{
	struct path target;
	int err;

	if ((s64)size < 0)
		return -EINVAL;
	err = user_path(AT_FDCWD, path, LOOKUP_FOLLOW, &target);
	if (err)
		return err;
	if (S_ISDIR(target.dentry->inode->mode))
		err = -EISDIR;
	else if (!S_ISREG(target.dentry->inode->mode))
		err = -EINVAL;
	else
		err = path_permission(&target, MAY_WRITE);
	if (!err)
		err = write_access_begin(&target);
	if (!err) {
		err = vfs_truncate(&target, size, NULL);
		write_access_end(&target);
	}
	path_put(&target);
	return err;
}

SYSCALL2(ftruncate, fd, size)
{
	struct fd_ref ref;
	int err;

	if ((s64)size < 0)
		return -EINVAL;
	ref = fd_get((u32)fd);
	if (!ref.file)
		return -EBADF;
	if (!S_ISREG(ref.file->inode->mode) || !(ref.file->mode & FMODE_WRITE))
		err = -EINVAL;
	else
		err = vfs_truncate(&ref.file->path, size, NULL);
	fd_put(ref);
	return err;
}

/* The kinds of allocation that may be combined; the file system reports which of them it supports. */
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
	struct inode *inode = f->inode;
	int err;

	if (off < 0 || len <= 0)
		return -EINVAL;
	err = check_allocation(mode);
	if (err)
		return err;
	if (!(f->mode & FMODE_WRITE))
		return -EBADF;
	if (S_ISFIFO(inode->mode))
		return -ESPIPE;
	if (S_ISDIR(inode->mode))
		return -EISDIR;
	if (!S_ISREG(inode->mode))
		return -ENODEV;
	if (off > (s64)FILE_SIZE_MAX - len)
		return -EFBIG;
	if (!inode->ops || !inode->ops->fallocate)
		return -EOPNOTSUPP;
	mutex_lock(&inode->lock);
	/* Pages behind the end count for the limit, even if the size stays. */
	if (!(mode & FALLOC_FL_PUNCH_HOLE) && (u64)(off + len) > inode->size &&
	    (u64)(off + len) > current_limit(RLIMIT_FSIZE)) {
		signal_send_thread(current, SIGXFSZ, NULL);
		err = -EFBIG;
	} else {
		err = inode->ops->fallocate(inode, mode, off, len);
	}
	if (!err && !current_capable(CAP_FSETID))
		inode_set_mode(inode, without_set_ids(inode->mode));
	mutex_unlock(&inode->lock);
	if (!err)
		notify_file(f, IN_MODIFY);
	return err;
}

SYSCALL4(fallocate, fd, mode, off, len)
{
	struct fd_ref ref = fd_get((u32)fd);
	int err;

	if (!ref.file)
		return -EBADF;
	err = file_allocate(ref.file, (u32)mode, (s64)off, (s64)len);
	fd_put(ref);
	return err;
}

/* ---- for the kernel itself ---- */

int fs_setattr(const char *path, const struct iattr *attr)
{
	struct iattr copy = *attr;
	struct inode *inode;
	struct path target;
	int err = path_lookup(AT_FDCWD, path, 0, &target);

	if (err)
		return err;
	inode = target.dentry->inode;
	mutex_lock(&inode->lock);
	err = attr_apply(inode, &copy);
	mutex_unlock(&inode->lock);
	path_put(&target);
	return err;
}
