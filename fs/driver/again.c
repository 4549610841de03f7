// SPDX-License-Identifier: MIT
/*
 * Another driver serves a file system: nodes whose numbers it does not know are found again by their names.
 *
 * Most formats number their files. One that does not (FAT) makes a number of the place where a file was found first, and a
 * rename leads away from there: the driver that did it remembers that, the next one answers with ESTALE. The kernel knows
 * the names of what is in use, and nothing else changes the disk. What has no name any more stays unknown.
 *
 * No method runs meanwhile but those that are called here. A call that waits has the number of before.
 */
#include <kernel/fs/dentry.h>
#include <uapi/stat.h>
#include "driver.h"

#define DEPTH_MAX 64u /* of folders: for the stack's sake */

/* The name may lead to another node now. */
static __cold __noinline void dentry_find_again(struct driven_super *super, struct dentry *parent,
						struct dentry *d)
{
	struct banos_attr attr = attr_empty();
	struct inode *inode = READ_ONCE(d->inode);

	if (!inode || !inode->nlink ||
	    DRIVEN_ARGS(super, DRIVEN_CLOSED, getattr, node_number(inode), &attr, 0, 0, 0, 0) !=
		    -ESTALE)
		return;
	attr = attr_empty();
	if (DRIVEN_ARGS(super, DRIVEN_CLOSED, lookup, node_number(parent->inode), d->name,
			dentry_name_len(d), &attr, 0, 0))
		return;
	if (!((inode->mode ^ attr.mode) & S_IFMT))
		node_renumber(inode, attr.node);
}

static __cold void children_find_again(struct driven_super *super, struct dentry *d, u32 depth)
{
	struct dentry *child = NULL;

	while ((child = dentry_next_child(d, child)) != NULL) {
		dentry_find_again(super, d, child);
		if (depth)
			children_find_again(super, child, depth - 1);
	}
}

__cold void nodes_find_again(struct driven_super *super)
{
	if (super->flags & BANOS_MOUNT_FORGETS && super->sb->root)
		children_find_again(super, super->sb->root, DEPTH_MAX);
}
