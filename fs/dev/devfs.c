// SPDX-License-Identifier: MIT
/*
 * devtmpfs: one tmpfs that the kernel fills with device nodes. Each mount of it
 * shows the same tree, and users may change that like any other.
 *
 * The kernel's changes take the directory's inode->lock as a user's would, but
 * check no rights: the registration of the device was checked.
 */
#include <kernel/fs/dentry.h>
#include <kernel/fs/devfs.h>
#include <kernel/fs/init.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/name.h>
#include <kernel/fs/path.h>
#include <kernel/fs/super_block.h>
#include <kernel/fs/tmpfs.h>
#include <kernel/fs/walk.h>
#include <kernel/heap.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <uapi/stat.h>

static struct super_block *devfs_sb;

static int devfs_mount(struct fs_type *type, u32 flags, const char *source, const char *options,
		       struct super_block **out)
{
	super_get(devfs_sb);
	*out = devfs_sb;
	return 0;
}

static struct fs_type devfs_type = { .name = "devtmpfs", .flags = FS_NODEV, .mount = devfs_mount };

void devfs_init(void)
{
	devfs_sb = tmpfs_create_super(&devfs_type, "mode=755", 0);
	if (IS_ERR(devfs_sb) || fs_register(&devfs_type))
		boot_stop("not enough memory for devtmpfs");
}

/*
 * The dentry of the next component of *@p name below @p dir (consumed), which is
 * advanced behind it. The directory is left locked. Folders are made.
 */
static struct dentry *devfs_step(struct dentry *dir, const char **name, bool last)
{
	char text[NAME_MAX + 1 + NAME_SLACK] = { 0 };
	const char *slash = strchr(*name, '/');
	size_t len = slash ? (size_t)(slash - *name) : strlen(*name);
	struct dentry *d;

	if (!len || len > NAME_MAX)
		return ERR_PTR(-EINVAL);
	memcpy(text, *name, len);
	*name += len + (slash != NULL);
	mutex_lock(&dir->inode->lock);
	d = lookup_locked(dir, name_key(text, len), text);
	if (!last && !IS_ERR(d) && !d->inode) {
		int err = dir->inode->ops->mkdir(dir->inode, d, 0755);

		if (err) {
			dentry_put(d);
			return ERR_PTR(err);
		}
		d->inode->uid = d->inode->gid = 0;
	}
	return d;
}

/* The last component of @p name, its directory counted in *@p dir and locked. */
static struct dentry *devfs_find(const char *name, struct dentry **dir)
{
	struct dentry *d;

	*dir = devfs_sb->root;
	dentry_get(*dir);
	for (;;) {
		bool last = !strchr(name, '/');

		d = devfs_step(*dir, &name, last);
		if (last || IS_ERR(d))
			return d;
		mutex_unlock(&(*dir)->inode->lock);
		dentry_put(*dir);
		*dir = d;
	}
}

static void devfs_leave(struct dentry *dir, struct dentry *d)
{
	if (!IS_ERR(d))
		dentry_put(d);
	mutex_unlock(&dir->inode->lock);
	dentry_put(dir);
}

/* Remove one name. @return true: done */
static bool devfs_remove_name(const char *name)
{
	struct dentry *dir, *d = devfs_find(name, &dir);
	bool done = false;

	if (!IS_ERR(d) && d->inode) {
		const struct inode_ops *ops = dir->inode->ops;

		if (S_ISDIR(d->inode->mode))
			done = !ops->rmdir(dir->inode, d);
		else
			done = !ops->unlink(dir->inode, d);
		if (done)
			dentry_delete(d);
	}
	devfs_leave(dir, d);
	return done;
}

int devfs_add(const char *name, mode_t mode, dev_t dev)
{
	struct dentry *dir, *d = devfs_find(name, &dir);
	mode_t type = S_IFCHR;
	int err;

	if ((mode & S_IFMT) == S_IFBLK)
		type = S_IFBLK;

	/* A write to the name before the device was registered made a regular file: the device replaces it. */
	if (!IS_ERR(d) && d->inode && S_ISREG(d->inode->mode)) {
		devfs_leave(dir, d);
		devfs_remove_name(name);
		d = devfs_find(name, &dir);
	}
	if (IS_ERR(d))
		err = PTR_ERR(d);
	else if (d->inode)
		err = -EEXIST;
	else
		err = dir->inode->ops->mknod(dir->inode, d, type | (mode & 0777), dev);
	if (!err)
		d->inode->uid = d->inode->gid = 0;
	devfs_leave(dir, d);
	return err;
}

int devfs_add_link(const char *name, const char *target)
{
	struct dentry *dir, *d = devfs_find(name, &dir);
	int err;

	if (IS_ERR(d))
		err = PTR_ERR(d);
	else if (d->inode)
		err = -EEXIST;
	else
		err = dir->inode->ops->symlink(dir->inode, d, target);
	if (!err)
		d->inode->uid = d->inode->gid = 0;
	devfs_leave(dir, d);
	return err;
}

void devfs_remove(const char *name)
{
	char *copy = kstrdup(name), *slash;

	if (!copy) { /* no space for the parents' names: remove the node only */
		devfs_remove_name(name);
		return;
	}
	while (devfs_remove_name(copy) && (slash = strrchr(copy, '/')))
		*slash = 0;
	kfree(copy);
}
