// SPDX-License-Identifier: MIT
/*
 * Creating and removing names: create, mkdir, mknod, symlink, link, unlink, rmdir.
 * rename.c moves names.
 *
 * Each call walks to the directory of the last component, locks it, looks the
 * component up (a negative dentry means a name that is free), checks what
 * Linux checks in Linux's order, and calls the file system. The object that loses
 * its name is locked too, because its count of links changes, and referenced over
 * the call, so that a large file is freed after the directory is unlocked.
 *
 * Two directories are locked ancestor first, else by address, under the file
 * system's rename_lock, which keeps the tree's shape.
 */
#include <kernel/cred.h>
#include <kernel/fs/context.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/dirops.h>
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
#include "dcache.h"
#include "names.h"

/* ---- rights ---- */

int may_create(struct inode *dir)
{
	return inode_permission(dir, MAY_WRITE | MAY_EXEC);
}

int may_delete(struct dentry *dir, struct dentry *victim, bool is_dir)
{
	struct inode *inode = victim->inode;
	int err;

	if (!inode)
		return -ENOENT;
	err = inode_permission(dir->inode, MAY_WRITE | MAY_EXEC);
	if (err)
		return err;
	/* In a sticky directory only the owners of file and directory may. */
	if (dir->inode->mode & S_ISVTX && current_cred()->fsuid != inode->uid &&
	    current_cred()->fsuid != dir->inode->uid && !current_capable(CAP_FOWNER))
		return -EPERM;
	if (is_dir != S_ISDIR(inode->mode)) {
		if (is_dir)
			return -ENOTDIR;
		return -EISDIR;
	}
	return 0;
}

/* ---- the operations; the directory is locked, d is in it ---- */

/* @return @err */
static int name_created(struct dentry *dir, struct dentry *d, int err)
{
	if (!err && d->inode)
		notify_name(dir->inode, d, d->inode, IN_CREATE);
	return err;
}

int vfs_create(struct dentry *dir, struct dentry *d, mode_t mode)
{
	int err = may_create(dir->inode);

	assert_held(&dir->inode->lock);
	if (err)
		return err;
	if (!dir->inode->ops->create)
		return -EACCES;
	return name_created(dir, d, dir->inode->ops->create(dir->inode, d, mode));
}

static int vfs_mknod(struct dentry *dir, struct dentry *d, mode_t mode, dev_t dev)
{
	int err = may_create(dir->inode);

	assert_held(&dir->inode->lock);
	if (err)
		return err;
	if ((S_ISCHR(mode) || S_ISBLK(mode)) && !current_capable(CAP_MKNOD))
		return -EPERM;
	if (!dir->inode->ops->mknod)
		return -EPERM;
	return name_created(dir, d, dir->inode->ops->mknod(dir->inode, d, mode, dev));
}

static int vfs_mkdir(struct dentry *dir, struct dentry *d, mode_t mode)
{
	int err = may_create(dir->inode);

	assert_held(&dir->inode->lock);
	if (err)
		return err;
	if (!dir->inode->ops->mkdir)
		return -EPERM;
	return name_created(dir, d, dir->inode->ops->mkdir(dir->inode, d, mode));
}

static int vfs_symlink(struct dentry *dir, struct dentry *d, const char *target)
{
	int err = may_create(dir->inode);

	assert_held(&dir->inode->lock);
	if (err)
		return err;
	if (!dir->inode->ops->symlink)
		return -EPERM;
	return name_created(dir, d, dir->inode->ops->symlink(dir->inode, d, target));
}

static int vfs_unlink(struct dentry *dir, struct dentry *d)
{
	struct inode *victim = d->inode;
	int err = may_delete(dir, d, false);

	assert_held(&dir->inode->lock);
	if (err)
		return err;
	if (!dir->inode->ops->unlink)
		return -EPERM;
	if (d->flags & DENTRY_MOUNTED)
		return -EBUSY;
	mutex_lock(&victim->lock);
	err = dir->inode->ops->unlink(dir->inode, d);
	mutex_unlock(&victim->lock);
	if (err)
		return err;
	notify_inode(victim, IN_ATTRIB);
	dentry_delete(d);
	notify_name(dir->inode, d, victim, IN_DELETE);
	return 0;
}

static int vfs_rmdir(struct dentry *dir, struct dentry *d)
{
	struct inode *victim = d->inode;
	int err = may_delete(dir, d, true);

	assert_held(&dir->inode->lock);
	if (err)
		return err;
	if (!dir->inode->ops->rmdir)
		return -EPERM;
	if (d->flags & DENTRY_MOUNTED)
		return -EBUSY;
	mutex_lock(&victim->lock);
	err = dir->inode->ops->rmdir(dir->inode, d);
	if (!err) {
		dentry_unhash(d); /* nothing is made in it from now on */
		dentry_prune_children(d);
	}
	mutex_unlock(&victim->lock);
	if (err)
		return err;
	dentry_retire(d);
	notify_name(dir->inode, d, victim, IN_DELETE);
	return 0;
}

static int vfs_link(struct inode *inode, struct dentry *dir, struct dentry *d)
{
	int err = may_create(dir->inode);

	assert_held(&dir->inode->lock);
	if (err)
		return err;
	if (inode->sb != dir->sb)
		return -EXDEV;
	if (S_ISDIR(inode->mode) || !dir->inode->ops->link)
		return -EPERM;
	mutex_lock(&inode->lock);
	if (!inode->nlink && !(inode->flags & INODE_LINKABLE))
		err = -ENOENT;
	else if (inode->nlink == ~0u)
		err = -EMLINK;
	else
		err = dir->inode->ops->link(inode, dir->inode, d);
	if (!err && inode->flags & INODE_LINKABLE)
		__atomic_fetch_and(&inode->flags, ~(u32)INODE_LINKABLE, __ATOMIC_RELAXED);
	mutex_unlock(&inode->lock);
	if (!err)
		notify_inode(inode, IN_ATTRIB);
	return name_created(dir, d, err);
}

/* ---- the last component of a path, its directory locked ---- */

struct target {
	struct walk walk;
	struct dentry *d;     /* counted */
	struct inode *victim; /* counted, or NULL: what loses its name */
	int readonly;	      /* 0: the mount is held writable */
};

static void target_end(struct target *target)
{
	mutex_unlock(&target->walk.path.dentry->inode->lock);
	dentry_put(target->d);
	if (!target->readonly)
		mount_write_end(target->walk.path.mnt);
	if (target->victim)
		inode_put(target->victim); /* while the mount keeps its super block */
	walk_end(&target->walk);
}

/* On success the target is to be ended; on failure all is undone. */
static int target_begin(struct target *target, int dirfd, const char *name)
{
	int err = walk_path(&target->walk, dirfd, name, LOOKUP_PARENT);

	if (err)
		return err;
	if (target->walk.last_kind != LAST_NORMAL ||
	    name_key_len(target->walk.last_key) > NAME_MAX) {
		if (target->walk.last_kind != LAST_NORMAL)
			err = -EEXIST;
		else
			err = -ENAMETOOLONG;
		walk_end(&target->walk);
		return err;
	}
	target->victim = NULL;
	target->readonly = mount_write_begin(target->walk.path.mnt);
	mutex_lock(&target->walk.path.dentry->inode->lock);
	target->d =
		lookup_locked(target->walk.path.dentry, target->walk.last_key, target->walk.last);
	if (!IS_ERR(target->d))
		return 0;
	err = PTR_ERR(target->d);
	target->d = NULL;
	target_end(target);
	return err;
}

/* As above for something new. */
static int target_begin_new(struct target *target, int dirfd, const char *name, bool is_dir)
{
	int err = target_begin(target, dirfd, name);

	if (err)
		return err;
	if (target->d->inode)
		err = -EEXIST;
	else if (target->walk.slash && !is_dir)
		err = -ENOENT;
	else
		err = target->readonly;
	if (err)
		target_end(target);
	return err;
}

/* ---- making ---- */

static int dirops_make_node(int dirfd, const char *name, mode_t mode, dev_t dev)
{
	struct target target;
	int err = target_begin_new(&target, dirfd, name, false);

	if (err)
		return err;
	if (S_ISREG(mode))
		err = vfs_create(target.walk.path.dentry, target.d, mode);
	else
		err = vfs_mknod(target.walk.path.dentry, target.d, mode, dev);
	target_end(&target);
	return err;
}

int fs_make_socket(const char *path, mode_t mode, struct path *made)
{
	struct target target;
	int err = target_begin_new(&target, AT_FDCWD, path, false);

	if (err)
		return err;
	err = vfs_mknod(target.walk.path.dentry, target.d, S_IFSOCK | mode, 0);
	if (!err) {
		*made = (struct path){ target.walk.path.mnt, target.d };
		path_get(made);
	}
	target_end(&target);
	return err;
}

static int make_dir(int dirfd, const char *name, mode_t mode)
{
	struct target target;
	int err = target_begin_new(&target, dirfd, name, true);

	if (err)
		return err;
	err = vfs_mkdir(target.walk.path.dentry, target.d, mode);
	target_end(&target);
	return err;
}

static int make_symlink(int dirfd, const char *name, const char *to)
{
	struct target target;
	int err = target_begin_new(&target, dirfd, name, false);

	if (err)
		return err;
	err = vfs_symlink(target.walk.path.dentry, target.d, to);
	target_end(&target);
	return err;
}

static int make_link(const struct path *old, int dirfd, const char *name)
{
	struct target target;
	int err = target_begin_new(&target, dirfd, name, false);

	if (err)
		return err;
	if (old->mnt != target.walk.path.mnt)
		err = -EXDEV;
	else
		err = vfs_link(old->dentry->inode, target.walk.path.dentry, target.d);
	target_end(&target);
	return err;
}

/* ---- removing ---- */

/* The errors for components that are no names. */
static int no_name_error(enum last_kind kind, bool is_dir)
{
	if (!is_dir)
		return -EISDIR;
	switch (kind) {
	case LAST_DOT: return -EINVAL;
	case LAST_DOTDOT: return -ENOTEMPTY;
	default: return -EBUSY;
	}
}

static int dirops_remove(int dirfd, const char *name, bool is_dir)
{
	struct inode *victim;
	struct target target;
	int err = target_begin(&target, dirfd, name);

	if (err == -EEXIST)
		return no_name_error(target.walk.last_kind, is_dir);
	if (err)
		return err;
	target.victim = victim = target.d->inode;
	if (victim)
		inode_get(victim);
	if (!victim)
		err = -ENOENT;
	else if (target.walk.slash && !is_dir) {
		if (S_ISDIR(victim->mode))
			err = -EISDIR;
		else
			err = -ENOTDIR;
	} else if (target.readonly)
		err = target.readonly;
	else {
		if (is_dir)
			err = vfs_rmdir(target.walk.path.dentry, target.d);
		else
			err = vfs_unlink(target.walk.path.dentry, target.d);
	}
	target_end(&target);
	return err;
}

/* ---- system calls that make ---- */

static s64 do_mknod(int dirfd, u64 path, mode_t mode, u32 dev)
{
	struct path_name name;
	s64 ret;

	switch (mode & S_IFMT) {
	case 0: mode |= S_IFREG; break;
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK: break;
	case S_IFDIR: return -EPERM;
	default: return -EINVAL;
	}
	ret = path_name_get(&name, path, 0);
	if (ret)
		return ret;
	mode &= ~current_umask() & (S_IFMT | S_IALLUGO);
	ret = dirops_make_node(dirfd, name.text, mode, dev);
	path_name_put(&name);
	return ret;
}

SYSCALL3(mknod, path, mode, dev)
{
	return do_mknod(AT_FDCWD, path, (mode_t)mode, (u32)dev);
}

SYSCALL4(mknodat, dirfd, path, mode, dev)
{
	return do_mknod((s32)dirfd, path, (mode_t)mode, (u32)dev);
}

static s64 do_mkdir(int dirfd, u64 path, mode_t mode)
{
	struct path_name name;
	s64 ret = path_name_get(&name, path, 0);

	if (ret)
		return ret;
	ret = make_dir(dirfd, name.text, mode & (0777 | S_ISVTX) & ~current_umask());
	path_name_put(&name);
	return ret;
}

SYSCALL2(mkdir, path, mode)
{
	return do_mkdir(AT_FDCWD, path, (mode_t)mode);
}

SYSCALL3(mkdirat, dirfd, path, mode)
{
	return do_mkdir((s32)dirfd, path, (mode_t)mode);
}

static s64 do_symlink(u64 target, int dirfd, u64 path)
{
	struct path_name to, name;
	s64 ret = path_name_get(&to, target, 0);

	if (ret)
		return ret;
	ret = path_name_get(&name, path, 0);
	if (!ret) {
		ret = make_symlink(dirfd, name.text, to.text);
		path_name_put(&name);
	}
	path_name_put(&to);
	return ret;
}

SYSCALL2(symlink, target, path)
{
	return do_symlink(target, AT_FDCWD, path);
}

SYSCALL3(symlinkat, target, dirfd, path)
{
	return do_symlink(target, (s32)dirfd, path);
}

static s64 do_link(int odirfd, u64 old, int ndirfd, u64 new, u32 flags)
{
	u32 lookup = (flags & AT_SYMLINK_FOLLOW ? LOOKUP_FOLLOW : 0) |
		     (flags & AT_EMPTY_PATH ? LOOKUP_EMPTY : 0);
	struct path_name name;
	struct path path;
	s64 ret;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH && !current_capable(CAP_DAC_READ_SEARCH))
		return -ENOENT;
	ret = user_path(odirfd, old, lookup, &path);
	if (ret)
		return ret;
	ret = path_name_get(&name, new, 0);
	if (!ret) {
		ret = make_link(&path, ndirfd, name.text);
		path_name_put(&name);
	}
	path_put(&path);
	return ret;
}

SYSCALL2(link, old, new)
{
	return do_link(AT_FDCWD, old, AT_FDCWD, new, 0);
}

SYSCALL5(linkat, odirfd, old, ndirfd, new, flags)
{
	return do_link((s32)odirfd, old, (s32)ndirfd, new, (u32)flags);
}

/* ---- system calls that remove ---- */

static s64 do_remove(int dirfd, u64 path, bool is_dir)
{
	struct path_name name;
	s64 ret = path_name_get(&name, path, 0);

	if (ret)
		return ret;
	ret = dirops_remove(dirfd, name.text, is_dir);
	path_name_put(&name);
	return ret;
}

SYSCALL1(unlink, path)
{
	return do_remove(AT_FDCWD, path, false);
}

SYSCALL1(rmdir, path)
{
	return do_remove(AT_FDCWD, path, true);
}

SYSCALL3(unlinkat, dirfd, path, flags)
{
	if ((u32)flags & ~AT_REMOVEDIR)
		return -EINVAL;
	return do_remove((s32)dirfd, path, flags & AT_REMOVEDIR);
}

/* ---- for the kernel itself ---- */

int fs_mkdir(const char *path, mode_t mode)
{
	struct path_name name;
	int err = path_name_copy(&name, path);

	if (!err) {
		err = make_dir(AT_FDCWD, name.text, mode);
		path_name_put(&name);
	}
	return err;
}

int fs_mknod(const char *path, mode_t mode, dev_t dev)
{
	struct path_name name;
	int err = path_name_copy(&name, path);

	if (!err) {
		err = dirops_make_node(AT_FDCWD, name.text, mode, dev);
		path_name_put(&name);
	}
	return err;
}

int fs_symlink(const char *target, const char *path)
{
	struct path_name name;
	int err = path_name_copy(&name, path);

	if (!err) {
		err = make_symlink(AT_FDCWD, name.text, target);
		path_name_put(&name);
	}
	return err;
}

int fs_link(const char *old, const char *new)
{
	struct path_name name;
	struct path path;
	int err = path_lookup(AT_FDCWD, old, 0, &path);

	if (err)
		return err;
	err = path_name_copy(&name, new);
	if (!err) {
		err = make_link(&path, AT_FDCWD, name.text);
		path_name_put(&name);
	}
	path_put(&path);
	return err;
}

int fs_remove(const char *path)
{
	struct path_name name;
	int err = path_name_copy(&name, path);

	if (err)
		return err;
	err = dirops_remove(AT_FDCWD, name.text, false);
	if (err == -EISDIR)
		err = dirops_remove(AT_FDCWD, name.text, true);
	path_name_put(&name);
	return err;
}
