// SPDX-License-Identifier: MIT
/*
 * Names that move: rename and its relatives.
 *
 * Two directories are locked ancestor first, else by address, under the file
 * system's rename_lock, which keeps the tree's shape: while it is held, nothing
 * becomes anything's ancestor. Then what is replaced (if a directory, nothing is
 * to be made in it meanwhile), then the file that moves and the one it replaces,
 * by address, because their times and counts of links change.
 */
#include <kernel/cred.h>
#include <kernel/fs/dentry.h>
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
#include "dcache.h"
#include "names.h"

/* ---- locks ---- */

static void lock_directories(struct dentry *a, struct dentry *b)
{
	if (a == b) {
		mutex_lock(&a->inode->lock);
		return;
	}
	mutex_lock(&a->sb->rename_lock);
	if (dentry_is_ancestor(b, a) || (!dentry_is_ancestor(a, b) && b->inode < a->inode)) {
		struct dentry *t = a;

		a = b;
		b = t;
	}
	mutex_lock(&a->inode->lock);
	mutex_lock(&b->inode->lock);
}

static void unlock_directories(struct dentry *a, struct dentry *b)
{
	mutex_unlock(&a->inode->lock);
	if (a == b)
		return;
	mutex_unlock(&b->inode->lock);
	mutex_unlock(&a->sb->rename_lock);
}

/* Those of the two that rename changes itself; directories that move stay unlocked. */
static void lock_objects(struct inode *source, struct inode *target)
{
	struct inode *a = S_ISDIR(source->mode) ? NULL : source, *b = target;

	if (b && a && b < a && !S_ISDIR(b->mode)) {
		b = source;
		a = target;
	}
	if (b && S_ISDIR(b->mode)) {
		mutex_lock(&b->lock);
		b = NULL;
	}
	if (a)
		mutex_lock(&a->lock);
	if (b)
		mutex_lock(&b->lock);
}

static void unlock_objects(struct inode *source, struct inode *target)
{
	if (!S_ISDIR(source->mode))
		mutex_unlock(&source->lock);
	if (target)
		mutex_unlock(&target->lock);
}

static int may_rename(struct dentry *odir, struct dentry *od, struct dentry *ndir,
		      struct dentry *nd, u32 flags)
{
	bool is_dir = S_ISDIR(od->inode->mode);
	int err = may_delete(odir, od, is_dir);

	if (err)
		return err;
	if (!nd->inode)
		err = may_create(ndir->inode);
	else
		err = may_delete(ndir, nd,
				 flags & RENAME_EXCHANGE ? S_ISDIR(nd->inode->mode) : is_dir);
	if (err)
		return err;
	if (!odir->inode->ops->rename)
		return -EPERM;
	if (odir != ndir) { /* its ".." changes */
		if (is_dir)
			err = inode_permission(od->inode, MAY_WRITE);
		if (!err && flags & RENAME_EXCHANGE && S_ISDIR(nd->inode->mode))
			err = inode_permission(nd->inode, MAY_WRITE);
		if (err)
			return err;
	}
	return (od->flags | nd->flags) & DENTRY_MOUNTED ? -EBUSY : 0;
}

static int vfs_rename(struct dentry *odir, struct dentry *od, struct dentry *ndir,
		      struct dentry *nd, u32 flags)
{
	struct inode *source = od->inode, *target = nd->inode;
	int err;

	if (source == target)
		return 0;
	err = may_rename(odir, od, ndir, nd, flags);
	if (err)
		return err;
	if (flags & RENAME_EXCHANGE) {
		err = odir->inode->ops->rename(odir->inode, od, ndir->inode, nd, flags);
		if (!err)
			dentry_move(od, nd, true);
		return err;
	}
	lock_objects(source, target);
	err = odir->inode->ops->rename(odir->inode, od, ndir->inode, nd, flags);
	if (!err) {
		if (target && S_ISDIR(target->mode)) {
			dentry_unhash(nd);
			dentry_prune_children(nd);
		}
		dentry_move(od, nd, false);
		dentry_unpin(nd);
	}
	unlock_objects(source, target);
	return err;
}

/* Both names are looked up: what is wrong with them as paths? */
static int check_names(const struct walk *ow, struct dentry *od, const struct walk *nw,
		       struct dentry *nd, u32 flags)
{
	if (!od->inode)
		return -ENOENT;
	if (flags & RENAME_NOREPLACE && nd->inode)
		return -EEXIST;
	if (flags & RENAME_EXCHANGE) {
		if (!nd->inode)
			return -ENOENT;
		if (!S_ISDIR(nd->inode->mode) && nw->slash)
			return -ENOTDIR;
	}
	if (!S_ISDIR(od->inode->mode) && (ow->slash || (nw->slash && !(flags & RENAME_EXCHANGE))))
		return -ENOTDIR;
	if (dentry_is_ancestor(od, nw->path.dentry))
		return -EINVAL;
	if (dentry_is_ancestor(nd, ow->path.dentry))
		return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	return 0;
}

static int rename_walked(struct walk *ow, struct walk *nw, u32 flags)
{
	struct dentry *odir = ow->path.dentry, *ndir = nw->path.dentry, *od, *nd = NULL;
	struct inode *victim = NULL;
	int err;

	if (ow->path.mnt != nw->path.mnt)
		return -EXDEV;
	if (ow->last_kind != LAST_NORMAL)
		return -EBUSY;
	if (nw->last_kind != LAST_NORMAL)
		return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	if (name_key_len(ow->last_key) > NAME_MAX || name_key_len(nw->last_key) > NAME_MAX)
		return -ENAMETOOLONG;
	err = mount_write_begin(ow->path.mnt);
	if (err)
		return err;
	lock_directories(odir, ndir);
	od = lookup_locked(odir, ow->last_key, ow->last);
	if (!IS_ERR(od))
		nd = lookup_locked(ndir, nw->last_key, nw->last);
	if (IS_ERR(od) || IS_ERR(nd)) {
		err = PTR_ERR(IS_ERR(od) ? od : nd);
	} else {
		victim = nd->inode;
		if (victim)
			inode_get(victim);
		err = check_names(ow, od, nw, nd, flags);
		if (!err)
			err = vfs_rename(odir, od, ndir, nd, flags);
	}
	if (!IS_ERR(od))
		dentry_put(od);
	if (nd && !IS_ERR(nd))
		dentry_put(nd);
	unlock_directories(odir, ndir);
	mount_write_end(ow->path.mnt);
	if (victim)
		inode_put(victim);
	return err;
}

static s64 do_rename(int odirfd, u64 old, int ndirfd, u64 new, u32 flags)
{
	struct {
		struct path_name on, nn;
		struct walk ow, nw;
	} * s;
	int err;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT) ||
	    (flags & RENAME_EXCHANGE && flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) ||
	    flags & RENAME_WHITEOUT) /* no file system here has whiteouts */
		return -EINVAL;
	s = kmalloc(sizeof(*s)); /* too much for the stack */
	if (!s)
		return -ENOMEM;
	err = path_name_get(&s->on, old, 0);
	if (err)
		goto free;
	err = path_name_get(&s->nn, new, 0);
	if (err)
		goto put_old_name;
	err = walk(&s->ow, odirfd, s->on.text, LOOKUP_PARENT);
	if (err)
		goto put_new_name;
	err = walk(&s->nw, ndirfd, s->nn.text, LOOKUP_PARENT);
	if (!err) {
		err = rename_walked(&s->ow, &s->nw, flags);
		walk_end(&s->nw);
	}
	walk_end(&s->ow);
put_new_name:
	path_name_put(&s->nn);
put_old_name:
	path_name_put(&s->on);
free:
	kfree(s);
	return err;
}

SYSCALL2(rename, old, new)
{
	return do_rename(AT_FDCWD, old, AT_FDCWD, new, 0);
}

SYSCALL4(renameat, odirfd, old, ndirfd, new)
{
	return do_rename((s32)odirfd, old, (s32)ndirfd, new, 0);
}

SYSCALL5(renameat2, odirfd, old, ndirfd, new, flags)
{
	return do_rename((s32)odirfd, old, (s32)ndirfd, new, (u32)flags);
}
