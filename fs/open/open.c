// SPDX-License-Identifier: MIT
/*
 * Opening files by path.
 *
 * Without O_CREAT a walk leads to the object. With it the walk stops at the last
 * component: if that is in the cache no lock is taken; else it is looked up, and
 * made, under the directory's lock. A symbolic link there is followed by walking
 * on from it in the same way.
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
#include <kernel/fs/path.h>
#include <kernel/fs/walk.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include "open.h"

/* What the access mode of open() asks of the inode. */
static int wanted_rights(u32 flags)
{
	static const u8 rights[4] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE,
				      MAY_READ | MAY_WRITE };

	return rights[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0);
}

/* @param rights  MAY_*; 0 for a file that this call made */
static int may_open(const struct path *p, int rights, u32 flags)
{
	struct inode *i = p->dentry->inode;
	int err;

	switch (i->mode & S_IFMT) {
	case S_IFLNK: return -ELOOP;
	case S_IFDIR:
		if (rights & MAY_WRITE)
			return -EISDIR;
		break;
	case S_IFBLK:
	case S_IFCHR:
		if (p->mnt->flags & MNT_NODEV)
			return -EACCES;
		break;
	}
	if (flags & O_DIRECT)
		return -EINVAL; /* there is no way around the page cache, and none is needed elsewhere */
	err = path_permission(p, rights);
	if (err)
		return err;
	if (flags & O_NOATIME && !inode_owner_or_capable(i))
		return -EPERM;
	return 0;
}

/* Just made: nobody may be refused. @p f is taken over. */
static struct file *open_created(struct file *f, const struct path *p, u32 flags)
{
	int err = may_open(p, 0, flags);

	if (!err)
		return file_open_into(f, p, flags & ~O_TRUNC);
	file_put(f);
	return ERR_PTR(err);
}

/* Found: check, truncate, open. */
static struct file *open_path(const struct path *p, u32 flags)
{
	struct inode *i = p->dentry->inode;
	struct file *f;
	int err;

	if (flags & O_PATH)
		return file_open_path(p, flags);
	if (flags & O_DIRECTORY && !S_ISDIR(i->mode))
		return ERR_PTR(-ENOTDIR);
	err = may_open(p, wanted_rights(flags), flags);
	if (err)
		return ERR_PTR(err);
	if (!(flags & O_TRUNC) || !S_ISREG(i->mode))
		return file_open_path(p, flags);
	err = write_access_begin(p);
	if (err)
		return ERR_PTR(err);
	f = file_open_path(p, flags);
	if (!IS_ERR(f)) {
		err = vfs_truncate(p, 0, f);
		if (err) {
			file_put(f);
			f = ERR_PTR(err);
		}
	}
	write_access_end(p);
	return f;
}

/* ---- O_CREAT ---- */

static struct dentry *find_cached(struct dentry *dir, u64 key, const char *name)
{
	struct dentry *d;

	rcu_read_lock();
	d = dentry_find_rcu(dir, key, name);
	if (d && !dentry_get_rcu(d))
		d = NULL;
	rcu_read_unlock();
	if (d &&
	    (d->parent != dir || dentry_key(d) != key || d->flags & DENTRY_UNHASHED || !d->inode)) {
		dentry_put(d);
		return NULL;
	}
	return d;
}

/* The last component, made if it is absent: then *@created is a file for it, so that no error comes after. Counted. */
static struct dentry *find_or_create(struct walk *w, u32 flags, mode_t mode, struct file **created)
{
	struct dentry *dir = w->path.dentry, *d = NULL;
	int err = 0, ro;

	*created = NULL;
	if (!(flags & O_EXCL))
		d = find_cached(dir, w->last_key, w->last);
	if (d)
		return d;
	if (name_key_len(w->last_key) > NAME_MAX)
		return ERR_PTR(-ENAMETOOLONG);
	ro = mount_write_begin(w->path.mnt);
	mutex_lock(&dir->inode->lock);
	d = lookup_locked(dir, w->last_key, w->last);
	if (!IS_ERR(d) && !d->inode) {
		*created = file_alloc();
		if (!*created)
			err = -ENOMEM;
		else
			err = ro ? ro : vfs_create(dir, d, mode & ~current_umask());
	}
	mutex_unlock(&dir->inode->lock);
	if (!ro)
		mount_write_end(w->path.mnt);
	if (err) {
		if (*created)
			file_put(*created);
		dentry_put(d);
		return ERR_PTR(err);
	}
	return d;
}

/* The walk stands at the directory of the last component. */
static struct file *open_last(struct walk *w, u32 flags, mode_t mode)
{
	for (;;) {
		struct dentry *d;
		struct path p;
		struct file *f, *created;
		int err;

		if (w->last_kind != LAST_NORMAL) { /* "/", ".", "..", or behind a magic link */
			if (flags & O_EXCL)
				return ERR_PTR(-EEXIST);
			return S_ISDIR(w->inode->mode) ? ERR_PTR(-EISDIR)
						       : open_path(&w->path, flags);
		}
		if (w->slash)
			return ERR_PTR(-EISDIR);
		d = find_or_create(w, flags, mode, &created);
		if (IS_ERR(d))
			return (void *)d;
		if (!created && flags & O_EXCL) {
			dentry_put(d);
			return ERR_PTR(-EEXIST);
		}
		if (!created && S_ISLNK(d->inode->mode) && !(flags & O_NOFOLLOW)) {
			err = walk_follow_last(w, d);
			if (err)
				return ERR_PTR(err);
			continue;
		}
		p = (struct path){ w->path.mnt, d };
		mount_get(p.mnt);
		path_follow_mounts(&p);
		if (created)
			f = open_created(created, &p, flags);
		else if (S_ISDIR(p.dentry->inode->mode))
			f = ERR_PTR(-EISDIR);
		else
			f = open_path(&p, flags);
		path_put(&p);
		return f;
	}
}

/* O_TMPFILE: a file in the directory's file system, without a name. */
static struct file *open_tmpfile(const struct path *dir, u32 flags, mode_t mode)
{
	struct inode *di = dir->dentry->inode, *i;
	struct path p = { dir->mnt, NULL };
	char name[24 + NAME_SLACK];
	struct file *f;
	int err;

	if (!S_ISDIR(di->mode))
		return ERR_PTR(-ENOTDIR);
	if (!di->ops->tmpfile)
		return ERR_PTR(-EOPNOTSUPP);
	err = path_permission(dir, MAY_WRITE | MAY_EXEC);
	if (!err)
		err = mount_write_begin(dir->mnt);
	if (err)
		return ERR_PTR(err);
	err = di->ops->tmpfile(di, mode & S_IALLUGO & ~current_umask(), &i);
	mount_write_end(dir->mnt);
	if (err)
		return ERR_PTR(err);
	if (!(flags & O_EXCL))
		i->flags |= INODE_LINKABLE;
	scnprintf(name, sizeof(name), "#%llu", (unsigned long long)i->ino);
	p.dentry = dentry_alloc(dir->dentry, name_key(name, strlen(name)), name);
	if (!p.dentry) {
		inode_put(i);
		return ERR_PTR(-ENOMEM);
	}
	dentry_set_inode(p.dentry, i);
	f = file_open_path(&p, flags & ~(O_TMPFILE | O_TRUNC));
	dentry_put(p.dentry);
	return f;
}

/* ---- all of open() ---- */

static struct file *open_name(int dirfd, const char *name, u32 flags, mode_t mode)
{
	u32 lookup = flags & O_NOFOLLOW || (flags & O_CREAT && flags & O_EXCL) ? 0 : LOOKUP_FOLLOW;
	struct file *f;
	struct walk w;
	int err;

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
	err = walk(&w, dirfd, name, lookup);
	if (err)
		return ERR_PTR(err);
	if (flags & O_CREAT)
		f = open_last(&w, flags, (mode & S_IALLUGO) | S_IFREG);
	else if (flags & O_TMPFILE_ONLY)
		f = open_tmpfile(&w.path, flags, mode);
	else
		f = open_path(&w.path, flags);
	walk_end(&w);
	return f;
}

struct file *file_open(int dirfd, const char *path, u32 flags, mode_t mode)
{
	struct path_name n;
	struct file *f;
	int err = *path ? path_name_copy(&n, path) : -ENOENT;

	if (err)
		return ERR_PTR(err);
	f = open_name(dirfd, n.text, flags, mode);
	path_name_put(&n);
	return f;
}

struct file *file_open_exec(int dirfd, const char *path, u32 at_flags)
{
	u32 flags = (at_flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW) |
		    (at_flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	struct file *f;
	struct path p;
	int err = path_lookup(dirfd, path, flags, &p);

	if (err)
		return ERR_PTR(err);
	if (S_ISLNK(p.dentry->inode->mode))
		err = -ELOOP;
	else if (!S_ISREG(p.dentry->inode->mode) || p.mnt->flags & MNT_NOEXEC)
		err = -EACCES;
	else
		err = path_permission(&p, MAY_EXEC);
	f = err ? ERR_PTR(err) : file_open_path(&p, O_RDONLY);
	path_put(&p);
	return f;
}

/* ---- system calls ---- */

static s64 do_open(int dirfd, u64 path, u32 flags, mode_t mode)
{
	struct path_name n;
	struct file *f;
	s64 fd;
	int err = path_name_get(&n, path, 0);

	if (err)
		return err;
	if (flags & (O_CREAT | O_TRUNC))
		err = fd_room(); /* or a file would be made, or emptied, for nothing */
	f = err ? ERR_PTR(err) : open_name(dirfd, n.text, flags, mode);
	path_name_put(&n);
	if (IS_ERR(f))
		return PTR_ERR(f);
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
