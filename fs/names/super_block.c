// SPDX-License-Identifier: MIT
/*
 * Super blocks, and the types of file systems that mount() knows.
 *
 * Lock: types_lock (mutex): see there.
 */
#include <kernel/bus.h>
#include <kernel/err.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/notify.h>
#include <kernel/fs/super_block.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include "dcache.h"

#define TYPE_NAME_MAX 32 /* as drivers give them, with NUL */

static DEFINE_MUTEX(types_lock); /* guards types */
static DEFINE_LIST(types);

/* ---- super blocks ---- */

struct super_block *super_alloc(const struct fs_type *type, const struct super_ops *ops)
{
	struct super_block *sb = kzalloc(sizeof(*sb));

	if (!sb)
		return NULL;
	atomic_set(&sb->refs, 1);
	sb->dev = fs_anon_dev();
	sb->blksize = PAGE_SIZE;
	sb->type = type;
	sb->ops = ops;
	mutex_init(&sb->rename_lock);
	mutex_init(&sb->sync_lock);
	list_init(&sb->mounts);
	return sb;
}

int super_set_root(struct super_block *sb, struct inode *root)
{
	struct dentry *d = dentry_alloc_root(sb, NULL);

	if (!d) {
		inode_put(root);
		return -ENOMEM;
	}
	dentry_set_inode(d, root);
	sb->root = d;
	return 0;
}

void super_get(struct super_block *sb)
{
	atomic_inc(&sb->refs);
}

void super_put(struct super_block *sb)
{
	if (!atomic_dec_and_test(&sb->refs))
		return;
	notify_unmount(sb);
	if (sb->root && !dentry_forget_tree(sb->root))
		return; /* lost, but what still refers to it may be used */
	if (sb->ops && sb->ops->put_super)
		sb->ops->put_super(sb);
	synchronize_rcu(); /* inodes and dentries that walks may still look at refer to it */
	kfree(sb);
}

/* ---- types ---- */

static struct fs_type *type_find_locked(const char *name)
{
	struct fs_type *type;

	assert_held(&types_lock);
	list_for_each(type, &types, link)
		if (!strcmp(type->name, name))
			return type;
	return NULL;
}

struct fs_type *fs_type_get(const char *name)
{
	struct fs_type *type;

	mutex_lock(&types_lock);
	type = type_find_locked(name);
	if (type && type->hold && !type->hold(type))
		type = NULL;
	mutex_unlock(&types_lock);
	return type;
}

void fs_type_put(struct fs_type *type)
{
	if (type->drop)
		type->drop(type);
}

static __cold bool fs_type_exists(const void *name)
{
	struct fs_type *type = fs_type_get(name);

	if (type)
		fs_type_put(type);
	return type;
}

__cold void fs_type_request(const char *name)
{
	if (text_is_word(name, TYPE_NAME_MAX) && !fs_type_exists(name))
		hotplug_request("mount", name, "filesystem:", fs_type_exists, name);
}

int fs_register(struct fs_type *type)
{
	int err = 0;

	mutex_lock(&types_lock);
	if (type_find_locked(type->name))
		err = -EBUSY;
	else
		list_add_tail(&type->link, &types);
	mutex_unlock(&types_lock);
	return err;
}

void fs_unregister(struct fs_type *type)
{
	mutex_lock(&types_lock);
	list_del(&type->link);
	mutex_unlock(&types_lock);
}

bool fs_type_of_disks(u32 index, char *name, size_t size)
{
	struct fs_type *type;
	bool found = false;

	mutex_lock(&types_lock);
	list_for_each(type, &types, link) {
		if (type->flags & FS_NODEV || index--)
			continue;
		found = strscpy(name, type->name, size) >= 0;
		break;
	}
	mutex_unlock(&types_lock);
	return found;
}

void fs_types_show(struct seq_file *seq)
{
	struct fs_type *type;

	mutex_lock(&types_lock);
	list_for_each(type, &types, link)
		seq_printf(seq, "%s\t%s\n", type->flags & FS_NODEV ? "nodev" : "", type->name);
	mutex_unlock(&types_lock);
}
