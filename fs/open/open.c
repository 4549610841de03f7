// SPDX-License-Identifier: MIT
/*
 * Opening files by path.
 *
 * Without O_CREAT a walk finds the object. With O_CREAT the walk stops before the
 * last component. If that is cached, no lock is taken; else it is looked up, and
 * created, under the directory's lock. If it is a symbolic link, the walk continues
 * with the link's text in the same way.
 */
#include <kernel/cred.h>
#include <kernel/fs/context.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/dirops.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/name.h>
#include <kernel/fs/notify.h>
#include <kernel/fs/path.h>
#include <kernel/fs/walk.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include "open.h"

/* The permissions that the access mode of open() requires. */
static int wanted_rights(u32 flags)
{
	static const u8 rights[4] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
				      MAY_READ | MAY_WRITE };

	return rights[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0);
}

/* @param rights  MAY_*; 0 for a file that this call made */
static int may_open(const struct path *path, int rights, u32 flags)
{
	struct inode *inode = path->dentry->inode;
	int err;

	switch (inode->mode & S_IFMT) {
	case S_IFLNK: return -ELOOP;
	case S_IFDIR:
		if (rights & MAY_WRITE)
			return -EISDIR;
		break;
	case S_IFBLK:
	case S_IFCHR:
		if (path->mnt->flags & MNT_NODEV)
			return -EACCES;
		break;
	}
	if (flags & O_DIRECT && !file_may_be_direct(inode))
		return -EINVAL; /* its pages are all there is */
	err = path_permission(path, rights);
	if (err)
		return err;
	if (flags & O_NOATIME && !inode_owner_or_capable(inode))
		return -EPERM;
	return 0;
}

/* Just made: no open may be refused. @p f is taken over, and the references of @p path. */
static struct file *open_created(struct file *f, struct path *path, u32 flags)
{
	int err = may_open(path, 0, flags);

	if (!err)
		return file_open_into(f, path, flags & ~O_TRUNC);
	file_put(f);
	return ERR_PTR(err);
}

/* Empty the file, and open it. */
static struct file *open_truncated(struct path *path, u32 flags)
{
	struct path kept = *path;
	struct file *f;
	int err = write_access_begin(path);

	if (err)
		return ERR_PTR(err);
	path_get(&kept);
	f = file_open_path(path, flags);
	if (!IS_ERR(f)) {
		err = vfs_truncate(&kept, 0, f);
		if (err) {
			file_put(f);
			f = ERR_PTR(err);
		}
	}
	write_access_end(&kept);
	path_put(&kept);
	return f;
}

/* Found: check, truncate, open. The references of @p path are taken over. */
static struct file *open_path(struct path *path, u32 flags)
{
	struct inode *inode = path->dentry->inode;
	int err;

	if (flags & O_PATH)
		return file_open_path(path, flags);
	if (flags & O_DIRECTORY && !S_ISDIR(inode->mode))
		return ERR_PTR(-ENOTDIR);
	err = may_open(path, wanted_rights(flags), flags);
	if (err)
		return ERR_PTR(err);
	if (flags & O_TRUNC && S_ISREG(inode->mode))
		return open_truncated(path, flags);
	return file_open_path(path, flags);
}

/* ---- O_CREAT ---- */

static struct dentry *open_find_cached(struct dentry *dir, u64 key, const char *name)
{
	struct dentry *d;

	rcu_read_lock();
	d = dentry_find_rcu(dir, key, name);
	if (d && !dentry_get_rcu(d))
		d = NULL;
	rcu_read_unlock();
	if (d && (d->parent != dir || dentry_key(d) != key ||
		  d->flags & (DENTRY_UNHASHED | DENTRY_REVALIDATE) || !d->inode)) {
		dentry_put(d);
		return NULL;
	}
	return d;
}

/* The last component, made if it is absent: then *@created is a file for it, so that no error follows. Counted. */
static struct dentry *find_or_create(struct walk *walk, u32 flags, mode_t mode,
				     struct file **created)
{
	struct dentry *dir = walk->path.dentry, *d = NULL;
	int err = 0, readonly_err;

	*created = NULL;
	if (!(flags & O_EXCL))
		d = open_find_cached(dir, walk->last_key, walk->last);
	if (d)
		return d;
	if (name_key_len(walk->last_key) > NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	readonly_err = mount_write_begin(walk->path.mnt);
	mutex_lock(&dir->inode->lock);
	d = lookup_locked(dir, walk->last_key, walk->last);
	if (!IS_ERR(d) && !d->inode) {
		*created = file_alloc();
		if (!*created)
			err = -ENOMEM;
		else if (readonly_err)
			err = readonly_err;
		else
			err = vfs_create(dir, d, mode & ~current_umask());
	}
	mutex_unlock(&dir->inode->lock);
	if (!readonly_err)
		mount_write_end(walk->path.mnt);
	if (err) {
		if (*created)
			file_put(*created);
		dentry_put(d);
		return ERR_PTR(err);
	}
	return d;
}

/* The walk stands at the directory of the last component. */
static struct file *open_last(struct walk *walk, u32 flags, mode_t mode)
{
	for (;;) {
		struct dentry *d;
		struct path path;
		struct file *f, *created;
		int err;

		if (walk->last_kind != LAST_NORMAL) { /* "/", ".", "..", or behind a magic link */
			if (flags & O_EXCL)
				return ERR_PTR(-EEXIST);
			if (S_ISDIR(walk->inode->mode))
				return ERR_PTR(-EISDIR);
			return open_path(&walk->path, flags);
		}
		if (walk->slash)
			return ERR_PTR(-EISDIR);
		d = find_or_create(walk, flags, mode, &created);
		if (IS_ERR(d))
			return (void *)d;
		if (!created && flags & O_EXCL) {
			dentry_put(d);
			return ERR_PTR(-EEXIST);
		}
		if (!created && S_ISLNK(d->inode->mode) && !(flags & O_NOFOLLOW)) {
			err = walk_follow_last(walk, d);
			if (err)
				return ERR_PTR(err);
			continue;
		}
		path = (struct path){ walk->path.mnt, d };
		mount_get(path.mnt);
		if (unlikely(d->flags & DENTRY_MOUNTED))
			path_follow_mounts(&path);
		if (created)
			f = open_created(created, &path, flags);
		else if (S_ISDIR(path.dentry->inode->mode))
			f = ERR_PTR(-EISDIR);
		else
			f = open_path(&path, flags);
		path_put(&path);
		return f;
	}
}

/* O_TMPFILE: a file in the directory's file system, without a name. */
static struct file *open_tmpfile(const struct path *dir, u32 flags, mode_t mode)
{
	struct inode *parent = dir->dentry->inode, *inode;
	struct path path = { NULL, NULL };
	char name[24 + NAME_SLACK];
	struct file *f;
	int err;

	if (!S_ISDIR(parent->mode))
		return ERR_PTR(-ENOTDIR);
	if (!parent->ops->tmpfile)
		return ERR_PTR(-EOPNOTSUPP);
	err = path_permission(dir, MAY_WRITE | MAY_EXEC);
	if (!err)
		err = mount_write_begin(dir->mnt);
	if (err)
		return ERR_PTR(err);
	err = parent->ops->tmpfile(parent, mode & S_IALLUGO & ~current_umask(), &inode);
	mount_write_end(dir->mnt);
	if (err)
		return ERR_PTR(err);
	if (!(flags & O_EXCL))
		inode->flags |= INODE_LINKABLE;
	scnprintf(name, sizeof(name), "#%llu", (unsigned long long)inode->ino);
	path.dentry = dentry_alloc(dir->dentry, name_key(name, strlen(name)), name);
	if (!path.dentry) {
		inode_put(inode);
		return ERR_PTR(-ENOMEM);
	}
	dentry_set_inode(path.dentry, inode);
	path.mnt = dir->mnt;
	mount_get(path.mnt);
	f = file_open_path(&path, flags & ~(O_TMPFILE | O_TRUNC));
	path_put(&path);
	return f;
}

/* ---- all of open() ---- */

static struct file *open_name(int dirfd, const char *name, u32 flags, mode_t mode)
{
	u32 lookup = LOOKUP_FOLLOW;
	struct file *f;
	struct walk walk;
	int err;

	if (flags & O_NOFOLLOW || (flags & O_CREAT && flags & O_EXCL))
		lookup = 0;

	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if (flags & O_TMPFILE_ONLY) {
		if ((flags & O_TMPFILE) != O_TMPFILE || flags & O_CREAT || !(flags & O_ACCMODE))
			return ERR_PTR(-EINVAL);
		lookup |= LOOKUP_DIRECTORY;
	}
	if (flags & O_CREAT) {
		if (flags & O_DIRECTORY)
			return ERR_PTR(-EINVAL);
		lookup |= LOOKUP_PARENT;
	} else if (flags & O_DIRECTORY) {
		lookup |= LOOKUP_DIRECTORY;
	}
	err = walk_path(&walk, dirfd, name, lookup);
	if (err)
		return ERR_PTR(err);
	if (flags & O_CREAT)
		f = open_last(&walk, flags, (mode & S_IALLUGO) | S_IFREG);
	else if (flags & O_TMPFILE_ONLY)
		f = open_tmpfile(&walk.path, flags, mode);
	else
		f = open_path(&walk.path, flags);
	walk_end(&walk);
	return f;
}

struct file *file_open(int dirfd, const char *path, u32 flags, mode_t mode)
{
	struct path_name name;
	struct file *f;
	int err = -ENOENT;

	if (*path)
		err = path_name_copy(&name, path);
	if (err)
		return ERR_PTR(err);
	f = open_name(dirfd, name.text, flags, mode);
	path_name_put(&name);
	return f;
}

struct file *file_open_exec(int dirfd, const char *path, u32 at_flags)
{
	struct file *f;
	struct path target;
	int err = path_lookup(dirfd, path, lookup_flags(at_flags), &target);

	if (err)
		return ERR_PTR(err);
	if (S_ISLNK(target.dentry->inode->mode))
		err = -ELOOP;
	else if (!S_ISREG(target.dentry->inode->mode) || target.mnt->flags & MNT_NOEXEC)
		err = -EACCES;
	else
		err = path_permission(&target, MAY_EXEC);
	if (err)
		f = ERR_PTR(err);
	else
		f = file_open_path(&target, O_RDONLY);
	if (!IS_ERR(f))
		notify_file(f, IN_OPEN);
	path_put(&target);
	return f;
}

/* ---- system calls ---- */

static s64 do_open(int dirfd, u64 path, u32 flags, mode_t mode)
{
	struct path_name name;
	struct file *f;
	s64 fd;
	int err = path_name_get(&name, path, 0);

	if (err)
		return err;
	if (flags & (O_CREAT | O_TRUNC))
		err = fd_room(); /* or a file would be made, or emptied, for nothing */
	if (err)
		f = ERR_PTR(err);
	else
		f = open_name(dirfd, name.text, flags, mode);
	path_name_put(&name);
	if (IS_ERR(f))
		return PTR_ERR(f);
	if (!(flags & O_PATH))
		notify_file(f, IN_OPEN);
	fd = fd_install(f, 0, flags & O_CLOEXEC);
	if (fd < 0)
		file_put(f);
	return fd;
}

SYSCALL3(open, path, flags, mode)
{
	return do_open(AT_FDCWD, path, (u32)flags, (mode_t)mode);
}

SYSCALL4(openat, dirfd, path, flags, mode)
{
	return do_open((s32)dirfd, path, (u32)flags, (mode_t)mode);
}

SYSCALL2(creat, path, mode)
{
	return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, (mode_t)mode);
}
