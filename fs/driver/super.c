// SPDX-License-Identifier: MIT
/*
 * File systems that are drivers: types, and what is mounted of them.
 *
 * A super block outlives the driver that serves it. When the driver goes (it is removed with --revoke, or
 * has failed), what was changed is written, as far as the driver still answers; then the super block has
 * no driver, and calls wait for one (call.c). The next driver that registers the same name is asked to
 * mount the same thing again, and goes on: inodes are known by node numbers.
 *
 * driven_lock is held while drivers mount and unmount, so that a driver does not come or go meanwhile.
 */
#include <kernel/block.h>
#include <kernel/bus.h>
#include <kernel/err.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/path.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <uapi/fcntl.h>
#include <uapi/mount.h>
#include <uapi/stat.h>
#include <uapi/statfs.h>
#include "driver.h"
#include "store.h"

#define UNIT_MAX (1u << 20) /* of allocation: pages of one are cached together */

DEFINE_MUTEX(driven_lock);
DEFINE_LIST(driven_supers);

/* ---- handles ---- */

static void driven_mount_free(struct owned *owned)
{
	kfree(container_of(owned, struct driven_mount, owned));
}

const struct owned_class driven_mount_class = {
	.name = "mounted file system",
	.names = "mounted file systems",
	.kind = OWNED_MOUNT,
	.phase = OWNED_PASSIVE,
	.no_leak = true,
	.bytes = sizeof(struct driven_mount),
	.free = driven_mount_free,
};

void driven_damaged(struct driven_super *super, const char *text)
{
	WRITE_ONCE(super->clean, 0);
	if (super->sb->flags & MS_RDONLY || super->ignores_errors ||
	    super->flags & BANOS_MOUNT_REMOTE) {
		pr_err("%s: %s: %s\n", super->named->name, super->config.source, text);
		return;
	}
	WRITE_ONCE(super->damaged, true);
	__atomic_fetch_or(&super->sb->flags, MS_RDONLY, __ATOMIC_SEQ_CST);
	pr_err("%s: %s: %s; it is read-only from now on\n", super->named->name,
	       super->config.source, text);
}

/* ---- a driver begins and ends to serve ---- */

static int check_info(const struct banos_mount_info *info)
{
	if (info->size < BANOS_MOUNT_INFO_SIZE_2 || info->name_max > BANOS_NAME_BYTES ||
	    info->block_bytes & (info->block_bytes - 1) || info->block_bytes > UNIT_MAX ||
	    info->bytes_max > INT64_MAX)
		return -EUCLEAN;
	return 0;
}

static void fill_info(struct banos_mount_info *info)
{
	if (!info->name_max)
		info->name_max = BANOS_NAME_BYTES;
	if (!info->block_bytes)
		info->block_bytes = PAGE_SIZE;
	if (!info->bytes_max)
		info->bytes_max = INT64_MAX;
}

/* The driver of @p super ends to serve it: no call runs. */
static void serve_end(struct driven_super *super)
{
	struct driven_type *type = super->type;

	assert_held(&driven_lock);
	super->mount->super = NULL;
	owned_remove(&super->mount->owned);
	super->mount = NULL;
	super->type = NULL;
	super->fs = NULL;
	type->mounts--;
	type->unpin(type->root);
	driven_type_put(type);
}

/* @return 0: it serves, and super->info says how */
static int serve_begin(struct driven_super *super, struct driven_type *type)
{
	struct banos_mount_info info = { .size = sizeof(info) };
	struct driven_mount *mount = kzalloc(sizeof(*mount));
	s64 err;

	assert_held(&driven_lock);
	if (!mount)
		return -ENOMEM;
	if (type->gone || !type->pin(type->root)) {
		kfree(mount);
		return -ENODEV;
	}
	err = owned_add(type->root, &mount->owned, &driven_mount_class, true);
	if (err) {
		type->unpin(type->root);
		kfree(mount);
		return err;
	}
	mount->super = super;
	super->mount = mount;
	super->type = type;
	atomic_inc(&type->refs);
	type->mounts++;
	super->fs = NULL;
	err = driven_mount_call(super, mount->owned.handle, &info);
	if (!err)
		err = check_info(&info);
	if (err) {
		serve_end(super);
		return driven_error(err);
	}
	fill_info(&info);
	super->info = info;
	super->flags = info.flags;
	return 0;
}

/* No call runs; all but what unmount() writes was committed. */
static void serve_unmount(struct driven_super *super)
{
	int err;

	(void)DRIVEN_ARGS(super, DRIVEN_CHANGE | DRIVEN_CLOSED, unmount, 0, 0, 0, 0, 0, 0);
	err = driven_commit_last(super);
	if (err)
		pr_warn("%s: not all could be written: %d\n", super->config.source, err);
}

/* The driver goes. @return 0, -EBUSY: a call of it has not ended */
static int serve_take_away(struct driven_super *super, u64 deadline_ns)
{
	bool failed = gate_has_failed(super->type->root);
	int err = 0;

	if (!failed && !super->closed)
		err = driven_commit(super);
	if (err)
		pr_warn("%s: not all could be written before its driver goes: %d\n",
			super->config.source, err);
	err = driven_close(super, deadline_ns);
	if (err)
		return err;
	if (!failed)
		serve_unmount(super);
	serve_end(super);
	return 0;
}

/* Another driver of that name is there. */
static void serve_again(struct driven_super *super, struct driven_type *type)
{
	u64 root = super->info.root;
	int err;

	super->config.flags &= ~BANOS_MOUNT_CLEAN;
	super->config.flags |= BANOS_MOUNT_AGAIN | READ_ONCE(super->clean);
	err = serve_begin(super, type);
	if (!err && super->info.root != root) {
		serve_unmount(super);
		serve_end(super);
		err = -ESTALE;
	}
	if (err) {
		pr_err("%s: the driver %s cannot go on with it: %d\n", super->config.source,
		       type->root->name, err);
		return;
	}
	nodes_find_again(super);
	pr_info("%s: goes on with the driver %s\n", super->config.source, type->root->name);
	driven_open(super);
}

/* ---- mounting ---- */

/* Options that the kernel understands itself; the others become config.options. */
static int take_options(struct driven_super *super, const char *options)
{
	struct banos_mount_config *config = &super->config;
	size_t length = 0;

	while (options && *options) {
		const char *end = strchr(options, ',');
		size_t bytes = end ? (size_t)(end - options) : strlen(options);

		if (bytes == 15 && !memcmp(options, "errors=continue", bytes)) {
			super->ignores_errors = true;
		} else if (bytes == 17 && !memcmp(options, "errors=remount-ro", bytes)) {
			super->ignores_errors = false;
		} else if (bytes) {
			if (length + bytes + 2 > sizeof(config->options))
				return -EINVAL;
			if (length)
				config->options[length++] = ',';
			memcpy(config->options + length, options, bytes);
			length += bytes;
		}
		options = end ? end + 1 : NULL;
	}
	config->options[length] = 0;
	return 0;
}

static void driven_super_free(struct driven_super *super)
{
	if (super->named)
		driven_type_put(super->named);
	holds_free(super);
	if (super->store)
		store_close(super->store);
	kfree(super->cells);
	kfree(super);
}

static struct driven_super *driven_super_alloc(struct driven_type *type, const char *source,
					       const char *options, u32 flags, int *err)
{
	struct driven_super *super = kzalloc(sizeof(*super));

	*err = -ENOMEM;
	if (!super)
		return NULL;
	super->cells = kcalloc(cpu_count, sizeof(*super->cells));
	if (super->cells)
		*err = take_options(super, options);
	if (*err) {
		driven_super_free(super);
		return NULL;
	}
	for (u32 cpu = 0; cpu < cpu_count; cpu++)
		list_init(&super->cells[cpu].dirty);
	wait_queue_init(&super->wait);
	wait_queue_init(&super->commit_wait);
	spin_init(&super->ended_lock);
	list_init(&super->ended);
	mutex_init(&super->commit_lock);
	super->epoch = 1;
	super->config.size = sizeof(super->config);
	if (flags & MS_RDONLY)
		super->config.flags |= BANOS_MOUNT_READ_ONLY;
	if (flags & MS_SILENT)
		super->config.flags |= BANOS_MOUNT_SILENT;
	strscpy(super->config.source, source ?: "none", sizeof(super->config.source));
	super->named = type;
	atomic_inc(&type->refs);
	return super;
}

/* It serves: what is there is shown. */
static int driven_super_fill(struct super_block *sb)
{
	struct driven_super *super = driven_of(sb);
	struct banos_attr attr = attr_empty();
	struct inode *root;
	s64 err;

	sb->magic = super->info.magic;
	sb->blksize = super->info.block_bytes;
	if (super->flags & BANOS_MOUNT_READ_ONLY)
		sb->flags |= MS_RDONLY;
	if (super->flags & (BANOS_MOUNT_REMOTE | BANOS_MOUNT_FOLDED))
		sb->flags |= SB_VOLATILE;
	err = driven_ask(super, getattr, super->info.root, &attr);
	if (err)
		return driven_error(err);
	if (!S_ISDIR(attr.mode) || attr.node != super->info.root)
		return -EUCLEAN;
	root = node_get(super, super->forgotten, &attr);
	if (IS_ERR(root))
		return PTR_ERR(root);
	return super_set_root(sb, root);
}

/* @p super is taken over. */
static int mount_super(struct driven_super *super, struct driven_type *type, u32 flags,
		       struct super_block **out)
{
	struct super_block *sb = super_alloc(&type->fs_type, &driven_super_ops);
	int err;

	if (!sb) {
		driven_super_free(super);
		return -ENOMEM;
	}
	sb->private = super;
	super->sb = sb;
	sb->flags |= flags & MS_RDONLY;
	if (super->store)
		sb->dev = disk_dev(super->store->disk);
	mutex_lock(&driven_lock);
	list_add_tail(&super->link, &driven_supers);
	err = serve_begin(super, type);
	mutex_unlock(&driven_lock);
	if (!err)
		err = driven_super_fill(sb);
	super->clean = super->flags & BANOS_MOUNT_CLEAN;
	if (!err && !(sb->flags & MS_RDONLY))
		err = driven_commit_start(super);
	if (err) {
		super_put(sb);
		return err;
	}
	*out = sb;
	return 0;
}

/* ---- of a disk ---- */

static int find_disk(const char *source, struct disk **out)
{
	struct path path;
	int err;

	if (!source || !*source)
		return -ENOTBLK;
	err = path_lookup(AT_FDCWD, source, LOOKUP_FOLLOW, &path);
	if (err)
		return err;
	if (S_ISBLK(path.dentry->inode->mode))
		*out = disk_find(path.dentry->inode->rdev);
	else
		err = -ENOTBLK;
	path_put(&path);
	if (!err && !*out)
		err = -ENXIO;
	return err;
}

/* What is mounted of that disk already, counted; NULL: nothing. */
static struct super_block *find_mounted(const struct driven_type *type, const struct disk *disk)
{
	struct super_block *found = NULL;
	struct driven_super *super;

	mutex_lock(&driven_lock);
	list_for_each(super, &driven_supers, link)
		if (super->store && super->store->disk == disk && super->sb->root &&
		    !strcmp(super->named->name, type->name) &&
		    atomic_inc_not_zero(&super->sb->refs)) {
			found = super->sb;
			break;
		}
	mutex_unlock(&driven_lock);
	return found;
}

/* @p disk is taken over. */
static int mount_disk(struct driven_type *type, struct disk *disk, u32 flags, const char *source,
		      const char *options, struct super_block **out)
{
	struct driven_super *super = NULL;
	struct store *store;
	int err = 0;

	if (!disk_bytes(disk))
		err = -ENXIO;
	else if (disk_is_readonly(disk) && !(flags & MS_RDONLY))
		err = -EACCES; /* the program tries again, read-only */
	if (!err)
		super = driven_super_alloc(type, source, options, flags, &err);
	if (err) {
		disk_put(disk);
		return err;
	}
	store = store_open(disk);
	if (IS_ERR(store)) {
		disk_put(disk);
		driven_super_free(super);
		return PTR_ERR(store);
	}
	super->store = store;
	super->config.bytes = store->bytes;
	super->config.block_bytes = disk_block_bytes(disk);
	return mount_super(super, type, flags, out);
}

static int driven_fs_mount(struct fs_type *fs_type, u32 flags, const char *source,
			   const char *options, struct super_block **out)
{
	struct driven_type *type = container_of(fs_type, struct driven_type, fs_type);
	struct driven_super *super;
	struct disk *disk = NULL;
	int err = 0;

	if (type->flags & BANOS_FILESYSTEM_NODEV) {
		super = driven_super_alloc(type, source, options, flags, &err);
		if (!super)
			return err;
		return mount_super(super, type, flags, out);
	}
	err = find_disk(source, &disk);
	if (err)
		return err;
	*out = find_mounted(type, disk);
	if (!*out)
		return mount_disk(type, disk, flags, source, options, out);
	disk_put(disk);
	if (!(((*out)->flags ^ flags) & MS_RDONLY))
		return 0;
	super_put(*out);
	return -EBUSY;
}

/* ---- methods of the super block ---- */

static int driven_statfs(struct super_block *sb, struct statfs *out)
{
	struct driven_super *super = driven_of(sb);
	struct banos_statfs from = { .size = sizeof(from) };
	s64 err = driven_ask(super, statfs, &from);

	if (err)
		return driven_error(err);
	if (from.size < BANOS_STATFS_SIZE_2)
		return -EUCLEAN;
	out->f_type = super->info.magic;
	out->f_bsize = out->f_frsize = super->info.block_bytes;
	out->f_blocks = from.blocks;
	out->f_bfree = from.free;
	out->f_bavail = from.available;
	out->f_files = from.files;
	out->f_ffree = from.files_free;
	out->f_namelen = super->info.name_max;
	return 0;
}

static int driven_sync(struct super_block *sb)
{
	if (sb->flags & MS_RDONLY)
		return driven_of(sb)->failed;
	return driven_commit_data(driven_of(sb));
}

static int driven_remount(struct super_block *sb, u32 flags, const char *options)
{
	struct driven_super *super = driven_of(sb);
	u32 given = 0;
	struct banos_mount_config was = super->config;
	char changed[sizeof(was.options)] =
		""; /* on our stack: memory that the driver may pass on */
	s64 err;

	if (flags & MS_RDONLY)
		given = BANOS_MOUNT_READ_ONLY;
	if (!(flags & MS_RDONLY) && super->info.flags & BANOS_MOUNT_READ_ONLY &&
	    !(was.flags & BANOS_MOUNT_READ_ONLY))
		return -EROFS;
	super->remounts = true;
	if (given) {
		nodes_tell_ended(super);
		if (nodes_are_nameless(super)) {
			super->remounts = false;
			return -EBUSY;
		}
	}
	err = take_options(super, options);
	if (!super->config.options[0])
		memcpy(super->config.options, was.options, sizeof(was.options));
	else if (strcmp(super->config.options, was.options))
		memcpy(changed, super->config.options, sizeof(changed));
	if (!err && !given)
		err = driven_commit_start(super);
	if (!err)
		err = driven_commit(super);
	if (!err)
		err = driven_change(super, remount, given | FUTURE_FLAGS, changed);
	if (!err && given)
		err = driven_commit(super);
	super->remounts = false;
	if (!err && !given) {
		super->failed = 0;
		super->damaged = false;
	}
	if (err) {
		super->config = was;
		return driven_error(err);
	}
	super->config.flags = (was.flags & ~BANOS_MOUNT_READ_ONLY) | given;
	return 0;
}

static void driven_show_options(struct super_block *sb, struct seq_file *seq)
{
	const struct driven_super *super = driven_of(sb);

	if (super->ignores_errors)
		seq_puts(seq, ",errors=continue");
	if (super->config.options[0]) {
		seq_puts(seq, ",");
		seq_escape(seq, super->config.options, " \t\n\\");
	}
}

/* What could not be handed down is lost. */
static void driven_drop_dirty(struct driven_super *super)
{
	struct inode *inode;
	u32 which;

	for (u32 cpu = 0; cpu < cpu_count; cpu++)
		while ((inode = node_next_dirty(super, cpu, &which)) != NULL) {
			node_clean(inode);
			inode_put(inode);
		}
}

static void driven_put_super(struct super_block *sb)
{
	struct driven_super *super = driven_of(sb);
	int err = 0;

	WRITE_ONCE(super->ending, true);
	wake_up_all(&super->wait);
	if (super->commit_thread)
		thread_stop(super->commit_thread);
	if (super->type && !super->closed) {
		err = driven_commit(super);
		if (!err) /* it may have had the last use of nodes */
			err = driven_commit(super);
	}
	nodes_tell_ended(super);
	if (err)
		pr_warn("%s: not all could be written: %d\n", super->config.source, err);
	driven_drop_dirty(super);
	mutex_lock(&driven_lock);
	list_del(&super->link);
	if (super->type) {
		if (!driven_close(super, TIME_NEVER) && !gate_has_failed(super->type->root))
			serve_unmount(super);
		serve_end(super);
	}
	mutex_unlock(&driven_lock);
	synchronize_rcu(); /* the driver's handle led here */
	driven_super_free(super);
}

const struct super_ops driven_super_ops = {
	.evict_inode = node_evict,
	.keep_inode = node_keep,
	.touched = node_dirty,
	.statfs = driven_statfs,
	.sync = driven_sync,
	.remount = driven_remount,
	.put_super = driven_put_super,
	.show_options = driven_show_options,
};

/* ---- types ---- */

static bool driven_type_hold(struct fs_type *fs_type)
{
	struct driven_type *type = container_of(fs_type, struct driven_type, fs_type);

	if (!READ_ONCE(type->adopted))
		return false;
	atomic_inc(&type->refs);
	return true;
}

static void driven_type_drop(struct fs_type *fs_type)
{
	driven_type_put(container_of(fs_type, struct driven_type, fs_type));
}

void driven_type_put(struct driven_type *type)
{
	if (atomic_dec_and_test(&type->refs))
		kfree(type);
}

struct driven_type *driven_type_create(struct owner *root,
				       const struct banos_filesystem_config *config,
				       const struct banos_filesystem_ops *ops)
{
	struct driven_type *type = kzalloc(sizeof(*type));

	if (!type)
		return NULL;
	atomic_set(&type->refs, 1);
	type->root = root;
	type->context = config->context;
	type->flags = config->flags;
	type->ops = *ops;
	strscpy(type->name, config->name, sizeof(type->name));
	type->fs_type = (struct fs_type){
		.name = type->name,
		.flags = config->flags & BANOS_FILESYSTEM_NODEV ? FS_NODEV : 0,
		.mount = driven_fs_mount,
		.hold = driven_type_hold,
		.drop = driven_type_drop,
	};
	list_init(&type->fs_type.link);
	return type;
}

int driven_type_enter(struct driven_type *type)
{
	int err = driven_nodes_init();

	if (!err)
		err = fs_register(&type->fs_type);
	if (err == -EBUSY)
		return -EEXIST;
	return err;
}

void driven_type_adopt(struct driven_type *type)
{
	struct driven_super *super;

	mutex_lock(&driven_lock);
	list_for_each(super, &driven_supers, link)
		if (!super->type && !super->ending && !strcmp(super->named->name, type->name))
			serve_again(super, type);
	WRITE_ONCE(type->adopted, true);
	mutex_unlock(&driven_lock);
	hotplug_answer();
}

int driven_type_withdraw(struct driven_type *type, bool take_away, u64 deadline_ns)
{
	struct driven_super *super;
	int err = 0;

	mutex_lock(&driven_lock);
	if (type->mounts && !take_away)
		err = -EBUSY;
	else
		type->gone = true;
	list_for_each(super, &driven_supers, link)
		if (!err && super->type == type)
			err = serve_take_away(super, deadline_ns);
	mutex_unlock(&driven_lock);
	if (!err)
		fs_unregister(&type->fs_type);
	return err;
}
