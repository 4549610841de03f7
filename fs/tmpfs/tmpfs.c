// SPDX-License-Identifier: MIT
/*
 * tmpfs: files in memory. The root file system is one, and devtmpfs.
 *
 * There is no store behind the caches: a directory's names are its pinned
 * dentries, a file's content its pages. A directory keeps its dentries in slots
 * (slots.c), whose numbers are the positions in a listing: they survive changes.
 *
 * Locks: the directory's inode->lock guards its slots; the file system's
 * counters need none (quota.c). Options: size, nr_blocks, nr_inodes, mode, uid, gid.
 */
#include <kernel/fs/dentry.h>
#include <kernel/fs/dir_context.h>
#include <kernel/fs/file.h>
#include <kernel/fs/init.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/name.h>
#include <kernel/fs/page_cache.h>
#include <kernel/fs/path.h>
#include <kernel/fs/super_block.h>
#include <kernel/fs/tmpfs.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <uapi/dirent.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include <uapi/statfs.h>
#include "quota.h"
#include "slots.h"

#define DIRENT_SIZE 20 /* what a name adds to a directory's size, as in Linux */

struct tmpfs {
	s64 max_pages, max_inodes; /* 0: no limit */
	struct quota pages, inodes;
	u64 max_bytes; /* as mounted, for show_options */
	mode_t mode;
	uid_t uid;
	gid_t gid;
};
struct link_text {
	struct rcu_head rcu;
	char text[];
}; /* inode->link points to the text; walks read it under RCU */

static const struct inode_ops dir_iops, file_iops, link_iops;
static const struct file_ops dir_fops;
static const struct super_ops tmpfs_sops;

static struct slots *slots_of(const struct inode *dir)
{
	return dir->private;
}

/* ---- inodes ---- */

/* An inode, or one more name for one, as in Linux: both take memory. */
static bool inode_charge(struct tmpfs *fs)
{
	return quota_charge(&fs->inodes, 1, fs->max_inodes);
}

static struct inode *inode_create(struct super_block *sb, const struct inode *dir, mode_t mode,
				  dev_t dev, int *err)
{
	struct tmpfs *fs = sb->private;
	struct inode *inode;

	*err = -ENOSPC;
	if (!inode_charge(fs))
		return NULL;
	*err = -ENOMEM;
	inode = inode_alloc(sb);
	if (!inode) {
		quota_uncharge(&fs->inodes, 1);
		return NULL;
	}
	inode_init_owner(inode, dir, mode);
	inode->nlink = 1;
	inode->ops = &link_iops;
	if (S_ISREG(mode)) {
		inode->ops = &file_iops;
		inode->fops = &page_cache_fops;
	} else if (S_ISDIR(mode)) {
		struct slots *slots = kmalloc(sizeof(*slots));

		if (!slots) {
			inode_put(inode); /* uncounts */
			return NULL;
		}
		slots_init(slots);
		inode->private = slots;
		inode->nlink = 2;
		inode->ops = &dir_iops;
		inode->fops = &dir_fops;
	} else if (!S_ISLNK(mode)) {
		inode_init_special(inode, dev);
	}
	*err = 0;
	return inode;
}

static void link_free(struct rcu_head *head)
{
	kfree(container_of(head, struct link_text, rcu));
}

static void tmpfs_evict(struct inode *inode)
{
	struct tmpfs *fs = inode->sb->private;

	if (S_ISLNK(inode->mode) && inode->link)
		call_rcu(&((struct link_text *)inode->link - 1)->rcu, link_free);
	if (S_ISDIR(inode->mode) && inode->private)
		slots_destroy(slots_of(inode));
	if (inode->private) /* of a regular file: who made it without a name has put it there */
		kfree(inode->private);
	quota_uncharge(&fs->inodes, 1);
}

/* ---- directories; dir->lock held ---- */

/* @param nr_entries  how many more it has */
static void dir_changed(struct inode *dir, int nr_entries)
{
	dir->size += (s64)nr_entries * DIRENT_SIZE;
	inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
}

/* Give @p inode the name @p d. Its reference is the dentry's then, or dropped after an error. */
static int entry_add(struct inode *dir, struct dentry *d, struct inode *inode)
{
	int err = slots_add(slots_of(dir), d, &d->cookie);

	assert_held(&dir->lock);
	if (err) {
		inode_put(inode);
		return err;
	}
	dentry_instantiate(d, inode, true);
	dir_changed(dir, 1);
	return 0;
}

static int new_entry(struct inode *dir, struct dentry *d, mode_t mode, dev_t dev)
{
	int err;
	struct inode *inode = inode_create(dir->sb, dir, mode, dev, &err);

	if (!inode)
		return err;
	err = entry_add(dir, d, inode);
	if (!err && S_ISDIR(mode))
		dir->nlink++;
	return err;
}

static int tmpfs_lookup(struct inode *dir, struct dentry *d)
{
	return 0;
} /* what exists is cached */
static int tmpfs_create(struct inode *dir, struct dentry *d, mode_t mode)
{
	return new_entry(dir, d, S_IFREG | (mode & 07777), 0);
}
static int tmpfs_mkdir(struct inode *dir, struct dentry *d, mode_t mode)
{
	return new_entry(dir, d, S_IFDIR | (mode & 07777), 0);
}
static int tmpfs_mknod(struct inode *dir, struct dentry *d, mode_t mode, dev_t dev)
{
	return new_entry(dir, d, mode, dev);
}

static int tmpfs_symlink(struct inode *dir, struct dentry *d, const char *target)
{
	size_t len = strlen(target);
	struct link_text *text = kzalloc(sizeof(*text) + len + 1 + NAME_SLACK);
	struct inode *inode;
	int err;

	if (!text)
		return -ENOMEM;
	inode = inode_create(dir->sb, dir, S_IFLNK | 0777, 0, &err);
	if (!inode) {
		kfree(text);
		return err;
	}
	inode->link = memcpy(text->text, target, len);
	inode->size = len;
	return entry_add(dir, d, inode);
}

static int tmpfs_link(struct inode *inode, struct inode *dir, struct dentry *d)
{
	struct tmpfs *fs = inode->sb->private;
	bool charged = inode->nlink; /* a nameless one is counted already */
	int err;

	if (charged && !inode_charge(fs))
		return -ENOSPC;
	inode_get(inode);
	err = entry_add(dir, d, inode);
	if (err) {
		if (charged)
			quota_uncharge(&fs->inodes, 1);
		return err;
	}
	inode->nlink++;
	inode_touch(inode, ATTR_CTIME);
	return 0;
}

/* An object has one name less. */
static void drop_link(struct inode *dir, struct inode *victim)
{
	struct tmpfs *fs = victim->sb->private;

	if (S_ISDIR(victim->mode)) {
		dir->nlink--;
		victim->nlink = 0;
	} else {
		victim->nlink--;
		if (victim->nlink)
			quota_uncharge(&fs->inodes, 1);
	}
	inode_touch(victim, ATTR_CTIME);
}

static int tmpfs_unlink(struct inode *dir, struct dentry *d)
{
	assert_held(&dir->lock);
	slots_remove(slots_of(dir), d->cookie);
	drop_link(dir, d->inode);
	dir_changed(dir, -1);
	return 0;
}

static int tmpfs_rmdir(struct inode *dir, struct dentry *d)
{
	if (slots_of(d->inode)->used)
		return -ENOTEMPTY;
	return tmpfs_unlink(dir, d);
}

/* A directory moved: its ".." counts for another. */
static void move_link(struct inode *from, struct inode *to, const struct dentry *d)
{
	if (S_ISDIR(d->inode->mode)) {
		from->nlink--;
		to->nlink++;
	}
}

/* The dentries exchange names; each name keeps its slot, so that a reader sees both. */
static void exchange_entries(struct inode *odir, struct dentry *old, struct inode *ndir,
			     struct dentry *new)
{
	u64 slot = old->cookie;

	slots_replace(slots_of(odir), slot, new);
	slots_replace(slots_of(ndir), new->cookie, old);
	old->cookie = new->cookie;
	new->cookie = slot;
	move_link(odir, ndir, old);
	move_link(ndir, odir, new);
	inode_touch(new->inode, ATTR_CTIME);
	dir_changed(odir, 0);
	dir_changed(ndir, 0);
}

static int tmpfs_rename(struct inode *odir, struct dentry *old, struct inode *ndir,
			struct dentry *new, u32 flags)
{
	u64 slot = old->cookie;
	int err;

	assert_held(&odir->lock);
	if (!(flags & RENAME_EXCHANGE) && new->inode && S_ISDIR(new->inode->mode) &&
	    slots_of(new->inode)->used)
		return -ENOTEMPTY;
	if (flags & RENAME_EXCHANGE) {
		exchange_entries(odir, old, ndir, new);
	} else if (new->inode) { /* the name that exists keeps its slot */
		slots_replace(slots_of(ndir), new->cookie, old);
		old->cookie = new->cookie;
		slots_remove(slots_of(odir), slot);
		drop_link(ndir, new->inode);
		move_link(odir, ndir, old);
		dir_changed(odir, -1);
		dir_changed(ndir, 0);
	} else if (odir != ndir) {
		err = slots_add(slots_of(ndir), old, &old->cookie);
		if (err)
			return err;
		slots_remove(slots_of(odir), slot);
		move_link(odir, ndir, old);
		dir_changed(odir, -1);
		dir_changed(ndir, 1);
	} else {
		dir_changed(odir, 0);
	}
	inode_touch(old->inode, ATTR_CTIME);
	return 0;
}

static int tmpfs_tmpfile(struct inode *dir, mode_t mode, struct inode **out)
{
	int err;

	*out = inode_create(dir->sb, dir, S_IFREG | (mode & 07777), 0, &err);
	if (*out)
		(*out)->nlink = 0;
	return err;
}

/* Positions: 0 ".", 1 "..", then the slots from SLOT_LIMIT downwards. */
#define POS_LAST (2 + SLOT_LIMIT)

static inline u32 highest_bit(u32 bits)
{
	return 31 ^ (u32)__builtin_clz(bits);
}

/* @param used  bit i: hand over the entry in slot i of the block */
static bool fill_block(struct dir_context *context, const struct slot_block *block, u32 used)
{
	u64 pos_last = POS_LAST - (u64)block->index * SLOTS_PER_BLOCK;

	while (used) {
		u32 place = highest_bit(used);
		const struct dentry *d = block->slot[place];
		const char *name = d->name;

		used ^= 1u << place;
		if (!dir_fill_inline(context, pos_last - place, name,
				     name_key_len(name_key_of(name)), d->inode->ino,
				     mode_to_dtype(d->inode->mode)))
			return false;
	}
	return true;
}

static int tmpfs_readdir(struct file *f, struct dir_context *context)
{
	const struct slots *slots = slots_of(f->inode);
	struct inode *above = f->path.dentry->parent->inode;
	u64 slot;

	if (context->pos == 0 && !dir_fill(context, 0, ".", 1, f->inode->ino, DT_DIR))
		return 0;
	if (context->pos == 1 && !dir_fill(context, 1, "..", 2, above->ino, DT_DIR))
		return 0;
	slot = POS_LAST - context->pos;
	if (context->pos <= POS_LAST)
		for (u32 i = slots_nr_blocks_to(slots, slot); i--;)
			if (!fill_block(context, slots->blocks[i],
					slots_used_to(slots->blocks[i], slot)))
				return 0;
	file_accessed(f);
	return 0;
}

/* ---- files ---- */

static int tmpfs_truncate(struct inode *inode, u64 size)
{
	pagecache_truncate(inode, size);
	inode_touch(inode, ATTR_MTIME | ATTR_CTIME);
	return 0;
}

static int tmpfs_fallocate(struct inode *inode, int mode, u64 off, u64 len)
{
	const struct tmpfs *fs = inode->sb->private;
	int err;

	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE))
		return -EOPNOTSUPP;
	if (mode & FALLOC_FL_PUNCH_HOLE) {
		pagecache_punch(inode, off, len);
	} else {
		if (fs->max_pages &&
		    (PAGE_ALIGN(off + len) - (off & PAGE_MASK)) >> PAGE_SHIFT > (u64)fs->max_pages)
			return -ENOSPC; /* at once, not after all memory was tried */
		err = pagecache_allocate(inode, off, len);
		if (err)
			return err;
		if (!(mode & FALLOC_FL_KEEP_SIZE) && off + len > inode->size)
			WRITE_ONCE(inode->size, off + len);
	}
	inode_touch(inode, ATTR_MTIME | ATTR_CTIME);
	return 0;
}

/* ---- the file system ---- */

static int tmpfs_charge(struct super_block *sb, s64 npages)
{
	struct tmpfs *fs = sb->private;

	if (npages <= 0)
		quota_uncharge(&fs->pages, -npages);
	else if (!quota_charge(&fs->pages, npages, fs->max_pages))
		return -ENOSPC;
	return 0;
}

static int tmpfs_statfs(struct super_block *sb, struct statfs *out)
{
	struct tmpfs *fs = sb->private;
	struct mem_info memory;

	mem_info_get(&memory);
	out->f_type = TMPFS_MAGIC;
	out->f_bsize = out->f_frsize = PAGE_SIZE;
	if (fs->max_pages) {
		out->f_blocks = fs->max_pages;
		out->f_bfree = fs->max_pages - quota_used(&fs->pages);
	} else {
		out->f_blocks = (s64)memory.total;
		out->f_bfree = (s64)memory.free;
	}
	out->f_bavail = out->f_bfree;
	if (fs->max_inodes)
		out->f_files = fs->max_inodes;
	else
		out->f_files = (s64)memory.total;
	out->f_ffree = out->f_files - MIN(out->f_files, (u64)quota_used(&fs->inodes));
	out->f_namelen = NAME_MAX;
	return 0;
}

/* "50%", "16m". */
static int parse_limit(const char *text, u64 *bytes)
{
	size_t length = strlen(text);
	struct mem_info memory;
	char num[24];
	u64 percent;

	if (!length || length >= sizeof(num))
		return -EINVAL;
	if (text[length - 1] != '%')
		return parse_size(text, bytes);
	memcpy(num, text, length - 1);
	num[length - 1] = 0;
	if (parse_u64(num, 10, &percent) || percent > 1000)
		return -EINVAL;
	mem_info_get(&memory);
	*bytes = memory.total * PAGE_SIZE / 100 * percent;
	return 0;
}

static int tmpfs_parse_option(struct tmpfs *fs, const char *key, const char *val)
{
	u64 value;

	if (!strcmp(key, "size") || !strcmp(key, "nr_blocks")) {
		if (parse_limit(val, &value))
			return -EINVAL;
		if (key[0] == 's')
			fs->max_bytes = value;
		else
			fs->max_bytes = value * PAGE_SIZE;
		fs->max_pages = PAGE_ALIGN(fs->max_bytes) >> PAGE_SHIFT;
	} else if (!strcmp(key, "nr_inodes")) {
		if (parse_size(val, &value))
			return -EINVAL;
		fs->max_inodes = value;
	} else if (!strcmp(key, "mode")) {
		if (parse_u64(val, 8, &value))
			return -EINVAL;
		fs->mode = value & 07777;
	} else if (!strcmp(key, "uid") || !strcmp(key, "gid")) {
		if (parse_u64(val, 10, &value) || value > ~0u)
			return -EINVAL;
		if (key[0] == 'u')
			fs->uid = value;
		else
			fs->gid = value;
	} else {
		return -EINVAL;
	}
	return 0;
}

static int parse_options(struct tmpfs *fs, const char *options)
{
	char *copy = options ? kstrdup(options) : NULL, *text = copy;
	int err = 0;

	if (options && !copy)
		err = -ENOMEM;

	while (text && *text && !err) {
		char *comma = strchr(text, ','), *val;

		if (comma)
			*comma = 0;
		val = strchr(text, '=');
		if (val)
			*val++ = 0;
		if (*text) {
			if (val)
				err = tmpfs_parse_option(fs, text, val);
			else
				err = -EINVAL;
		}
		if (!comma)
			text = NULL;
		else
			text = comma + 1;
	}
	kfree(copy);
	return err;
}

static int tmpfs_remount(struct super_block *sb, u32 flags, const char *options)
{
	struct tmpfs *fs = sb->private, new = *fs;
	int err = parse_options(&new, options);

	if (err)
		return err;
	if ((new.max_pages &&new.max_pages < quota_used(&fs->pages)) ||
	    (new.max_inodes &&new.max_inodes < quota_used(&fs->inodes)))
		return -EINVAL;
	fs->max_pages = new.max_pages;
	fs->max_bytes = new.max_bytes;
	fs->max_inodes = new.max_inodes;
	return 0;
}

static void tmpfs_show_options(struct super_block *sb, struct seq_file *seq)
{
	struct tmpfs *fs = sb->private;

	if (fs->max_bytes)
		seq_printf(seq, ",size=%luk", fs->max_bytes >> 10);
	if (fs->max_inodes)
		seq_printf(seq, ",nr_inodes=%ld", fs->max_inodes);
	if (fs->mode != 01777)
		seq_printf(seq, ",mode=%03o", fs->mode);
}

static void tmpfs_free(struct tmpfs *fs)
{
	quota_destroy(&fs->pages);
	quota_destroy(&fs->inodes);
	kfree(fs);
}

static void tmpfs_put_super(struct super_block *sb)
{
	tmpfs_free(sb->private);
}

struct super_block *tmpfs_create_super(const struct fs_type *type, const char *options,
				       u64 default_max_bytes)
{
	struct tmpfs *fs = kzalloc(sizeof(*fs));
	struct super_block *sb = NULL;
	struct mem_info memory;
	struct inode *root;
	int err = -ENOMEM;

	if (!fs)
		return ERR_PTR(-ENOMEM);
	fs->mode = 01777;
	fs->max_bytes = default_max_bytes;
	fs->max_pages = default_max_bytes >> PAGE_SHIFT;
	mem_info_get(&memory);
	fs->max_inodes = memory.total / 2;
	err = parse_options(fs, options);
	if (!err)
		err = quota_init(&fs->pages) ?: quota_init(&fs->inodes);
	if (!err) {
		err = -ENOMEM;
		sb = super_alloc(type, &tmpfs_sops);
	}
	if (!sb) {
		tmpfs_free(fs);
		return ERR_PTR(err);
	}
	sb->private = fs;
	sb->magic = TMPFS_MAGIC;
	sb->blksize = PAGE_SIZE;
	root = inode_create(sb, NULL, S_IFDIR | fs->mode, 0, &err);
	if (root) {
		root->uid = fs->uid;
		root->gid = fs->gid;
		err = super_set_root(sb, root);
	}
	if (err) {
		super_put(sb);
		return ERR_PTR(err);
	}
	return sb;
}

static int tmpfs_mount(struct fs_type *type, u32 flags, const char *source, const char *options,
		       struct super_block **out)
{
	struct super_block *sb;
	struct mem_info memory;

	mem_info_get(&memory);
	sb = tmpfs_create_super(type, options, memory.total * PAGE_SIZE / 2);
	if (IS_ERR(sb))
		return PTR_ERR(sb);
	*out = sb;
	return 0;
}

static const struct inode_ops dir_iops = {
	.lookup = tmpfs_lookup,
	.create = tmpfs_create,
	.mknod = tmpfs_mknod,
	.mkdir = tmpfs_mkdir,
	.symlink = tmpfs_symlink,
	.link = tmpfs_link,
	.unlink = tmpfs_unlink,
	.rmdir = tmpfs_rmdir,
	.rename = tmpfs_rename,
	.tmpfile = tmpfs_tmpfile,
};
static const struct inode_ops file_iops = { .truncate = tmpfs_truncate,
					    .fallocate = tmpfs_fallocate };
static const struct inode_ops link_iops = { 0 };
static const struct file_ops dir_fops = { .readdir = tmpfs_readdir };
static const struct super_ops tmpfs_sops = {
	.evict_inode = tmpfs_evict,
	.statfs = tmpfs_statfs,
	.charge = tmpfs_charge,
	.remount = tmpfs_remount,
	.put_super = tmpfs_put_super,
	.show_options = tmpfs_show_options,
};
static struct fs_type tmpfs_type = { .name = "tmpfs", .flags = FS_NODEV, .mount = tmpfs_mount };

void tmpfs_init(void)
{
	fs_register(&tmpfs_type);
}
