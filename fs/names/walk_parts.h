/* SPDX-License-Identifier: MIT */
/** @file walk_parts.h  Walks of paths: what both ways share, and the end of fast ones. */
#pragma once
#include <kernel/fs/dentry.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/path.h>
#include <kernel/fs/walk.h>
#include "dcache.h"

/** @return one level up from @p path, not above @p root. Under rcu_read_lock() or tree_lock */
static inline struct path walk_parent_of(struct path path, const struct path *root)
{
	for (;;) {
		struct mount *up;

		if (path.dentry == root->dentry && path.mnt == root->mnt)
			return path;
		if (path.dentry != path.mnt->root) {
			path.dentry = READ_ONCE(path.dentry->parent);
			return path;
		}
		up = READ_ONCE(path.mnt->parent);
		if (up == path.mnt)
			return path;
		path.dentry = READ_ONCE(path.mnt->mountpoint);
		path.mnt = up;
	}
}

/** @return the text of @p link if it is short and made at each reading, or ERR_PTR; NULL: it is not, or one is in use already */
static inline const char *walk_make_text(struct walk *walk, struct inode *link)
{
	if (walk->made_used || !link->ops->readlink_short)
		return NULL;
	walk->made_used = true;
	return link->ops->readlink_short(link, walk->made);
}

/** @brief End a fast walk without a result that lasts. @return 0: what was seen was consistent; -ECHILD: it was not */
static inline int walk_fast_end(struct walk *walk)
{
	bool valid = tree_read_valid(walk->seq);

	rcu_read_unlock();
	fd_put(walk->base);
	if (!valid)
		return -ECHILD;
	return 0;
}
