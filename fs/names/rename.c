// SPDX-License-Identifier: MIT
/*
 * Moving names: rename() and its relatives.
 *
 * Two directories are locked ancestor first, else by address, under the file
 * system's rename_lock, which keeps the tree's shape: while it is held, nothing
 * becomes anything's ancestor. The object that is replaced is locked next: nothing
 * may be created in it if it is a directory. Last are the file that moves and the
 * one that it replaces, by address, because their times and link counts change.
 */
#include <kernel/cred.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/name.h>
#include <kernel/fs/notify.h>
#include <kernel/fs/path.h>
#include <kernel/fs/walk.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include "dcache.h"
#include "names.h"

/* ---- locks ---- */

static void lock_directories(struct dentry *first, struct dentry *second)
{
	if (first == second) {
		mutex_lock(&first->inode->lock);
		return;
	}
	mutex_lock(&first->sb->rename_lock);
	if (dentry_is_ancestor(second, first) ||
	    (!dentry_is_ancestor(first, second) && second->inode < first->inode)) {
		struct dentry *swapped = first;

		first = second;
		second = swapped;
	}
	mutex_lock(&first->inode->lock);
	mutex_lock(&second->inode->lock);
}

static void unlock_directories(struct dentry *first, struct dentry *second)
{
	mutex_unlock(&first->inode->lock);
	if (first == second)
		return;
	mutex_unlock(&second->inode->lock);
	mutex_unlock(&first->sb->rename_lock);
}

/* Those of the two that rename changes itself; directories that move stay unlocked. */
static void lock_objects(struct inode *source, struct inode *target)
{
	struct inode *first = S_ISDIR(source->mode) ? NULL : source, *second = target;

	if (second && first && second < first && !S_ISDIR(second->mode)) {
		second = source;
		first = target;
	}
	if (second && S_ISDIR(second->mode)) {
		mutex_lock(&second->lock);
		second = NULL;
	}
	if (first)
		mutex_lock(&first->lock);
	if (second)
		mutex_lock(&second->lock);
}

static void unlock_objects(struct inode *source, struct inode *target)
{
	if (!S_ISDIR(source->mode))
		mutex_unlock(&source->lock);
	if (target)
		mutex_unlock(&target->lock);
}

static int may_rename(struct dentry *odir, struct dentry *old, struct dentry *ndir,
		      struct dentry *new, u32 flags)
{
	bool is_dir = S_ISDIR(old->inode->mode);
	int err = may_delete(odir, old, is_dir);

	if (err)
		return err;
	if (!new->inode)
		err = may_create(ndir->inode);
	else
		err = may_delete(ndir, new,
				 flags & RENAME_EXCHANGE ? S_ISDIR(new->inode->mode) : is_dir);
	if (err)
		return err;
	if (!odir->inode->ops->rename)
		return -EPERM;
	if (odir != ndir) { /* its ".." changes */
		if (is_dir)
			err = inode_permission(old->inode, MAY_WRITE);
		if (!err && flags & RENAME_EXCHANGE && S_ISDIR(new->inode->mode))
			err = inode_permission(new->inode, MAY_WRITE);
		if (err)
			return err;
	}
	if ((old->flags | new->flags) & DENTRY_MOUNTED)
		return -EBUSY;
	return 0;
}

static int vfs_rename(struct dentry *odir, struct dentry *old, struct dentry *ndir,
		      struct dentry *new, u32 flags)
{
	struct inode *source = old->inode, *target = new->inode;
	int err;

	if (source == target)
		return 0;
	err = may_rename(odir, old, ndir, new, flags);
	if (err)
		return err;
	if (flags & RENAME_EXCHANGE) {
		err = odir->inode->ops->rename(odir->inode, old, ndir->inode, new, flags);
		if (err)
			return err;
		notify_move(odir->inode, old, ndir->inode, new, NULL);
		notify_move(ndir->inode, new, odir->inode, old, NULL);
		dentry_move(old, new, true);
		return 0;
	}
	lock_objects(source, target);
	err = odir->inode->ops->rename(odir->inode, old, ndir->inode, new, flags);
	if (!err) {
		notify_move(odir->inode, old, ndir->inode, new, target);
		if (target && S_ISDIR(target->mode)) {
			dentry_unhash(new);
			dentry_prune_children(new);
		}
		dentry_move(old, new, false);
		if (target && S_ISDIR(target->mode))
			dentry_unpin(new);
		else
			dentry_retire(new);
	}
	unlock_objects(source, target);
	return err;
}

/* Both names are looked up: what is wrong with them as paths? */
static int check_names(const struct walk *old_walk, struct dentry *old, const struct walk *new_walk,
		       struct dentry *new, u32 flags)
{
	if (!old->inode)
		return -ENOENT;
	if (flags & RENAME_NOREPLACE && new->inode)
		return -EEXIST;
	if (flags & RENAME_EXCHANGE) {
		if (!new->inode)
			return -ENOENT;
		if (!S_ISDIR(new->inode->mode) && new_walk->slash)
			return -ENOTDIR;
	}
	if (!S_ISDIR(old->inode->mode) &&
	    (old_walk->slash || (new_walk->slash && !(flags & RENAME_EXCHANGE))))
		return -ENOTDIR;
	if (dentry_is_ancestor(old, new_walk->path.dentry))
		return -EINVAL;
	if (dentry_is_ancestor(new, old_walk->path.dentry)) {
		if (flags & RENAME_EXCHANGE)
			return -EINVAL;
		return -ENOTEMPTY;
	}
	return 0;
}

static int rename_walked(struct walk *old_walk, struct walk *new_walk, u32 flags)
{
	struct dentry *odir = old_walk->path.dentry, *ndir = new_walk->path.dentry, *old,
		      *new = NULL;
	struct inode *victim = NULL;
	int err;

	if (old_walk->path.mnt != new_walk->path.mnt)
		return -EXDEV;
	if (old_walk->last_kind != LAST_NORMAL)
		return -EBUSY;
	if (new_walk->last_kind != LAST_NORMAL) {
		if (flags & RENAME_NOREPLACE)
			return -EEXIST;
		return -EBUSY;
	}
	if (name_key_len(old_walk->last_key) > NAME_MAX ||
	    name_key_len(new_walk->last_key) > NAME_MAX)
		return -ENAMETOOLONG;
	err = mount_write_begin(old_walk->path.mnt);
	if (err)
		return err;
	lock_directories(odir, ndir);
	old = lookup_locked(odir, old_walk->last_key, old_walk->last);
	if (!IS_ERR(old))
		new = lookup_locked(ndir, new_walk->last_key, new_walk->last);
	if (IS_ERR(old) || IS_ERR(new)) {
		err = PTR_ERR(IS_ERR(old) ? old : new);
	} else {
		victim = new->inode;
		if (victim)
			inode_get(victim);
		err = check_names(old_walk, old, new_walk, new, flags);
		if (!err)
			err = vfs_rename(odir, old, ndir, new, flags);
	}
	if (!IS_ERR(old))
		dentry_put(old);
	if (new && !IS_ERR(new))
		dentry_put(new);
	unlock_directories(odir, ndir);
	mount_write_end(old_walk->path.mnt);
	if (victim)
		inode_put(victim);
	return err;
}

static s64 rename_names(int odirfd, const char *old, int ndirfd, const char *new, u32 flags)
{
	struct walk old_walk, new_walk;
	int err = walk_path(&old_walk, odirfd, old, LOOKUP_PARENT);

	if (err)
		return err;
	if (odirfd == ndirfd && walk_beside(&new_walk, &old_walk, old, new)) {
		err = rename_walked(&old_walk, &new_walk, flags);
		walk_end(&old_walk);
		return err;
	}
	err = walk_path(&new_walk, ndirfd, new, LOOKUP_PARENT);
	if (!err) {
		err = rename_walked(&old_walk, &new_walk, flags);
		walk_end(&new_walk);
	}
	walk_end(&old_walk);
	return err;
}

static s64 do_rename(int odirfd, u64 old, int ndirfd, u64 new, u32 flags)
{
	struct path_name old_name, new_name;
	int err;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT) ||
	    (flags & RENAME_EXCHANGE && flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)) ||
	    flags & RENAME_WHITEOUT) /* no file system here has whiteouts */
		return -EINVAL;
	err = path_name_get(&old_name, old, 0);
	if (err)
		return err;
	err = path_name_get(&new_name, new, 0);
	if (!err) {
		err = rename_names(odirfd, old_name.text, ndirfd, new_name.text, flags);
		path_name_put(&new_name);
	}
	path_name_put(&old_name);
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
