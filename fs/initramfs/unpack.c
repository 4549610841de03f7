// SPDX-License-Identifier: MIT
/*
 * Unpacking an initramfs into the root file system.
 *
 * The data is one or more cpio archives, each plain or gzipped, with zero
 * padding between. It is read in pieces, and decompressed data is unpacked at
 * once, so that memory is needed for the files only. A compressed archive
 * contains cpio archives only, no further compressed ones.
 *
 * Files appear with mode, owner and time as archived; a name that exists keeps
 * its object if that is of the same type (a file gets new content, a directory
 * keeps what is in it), else it is replaced, so that later archives override
 * earlier ones. An entry without a type removes the object of its name. All that
 * is as in Linux, init/initramfs.c. A damaged archive is reported; the entries
 * before the damage are kept.
 *
 * Hard links: cpio writes each name of a file as an entry with the same device
 * and inode number, the content with the last (GNU) or the first. Names are
 * found in a balanced tree, which no choice of numbers can make slow. Times of
 * directories are set at the end, when nothing more is created in them.
 */
#include <kernel/fs/dentry.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/dirops.h>
#include <kernel/fs/file.h>
#include <kernel/fs/initramfs.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/path.h>
#include <kernel/heap.h>
#include <kernel/inflate.h>
#include <kernel/printk.h>
#include <kernel/rbtree.h>
#include <kernel/string.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include "cpio.h"

#define FEED_AT_ONCE   65536u /* bytes, after which the archive's owner may free them */
#define COMPLAINTS_MAX 8

struct link_key {
	u32 ino, dev_major, dev_minor, type;
};
struct hard_link {
	struct rb_node node;
	struct link_key key;
	char name[];
};
struct directory_time {
	struct directory_time *next;
	u32 mtime;
	char name[];
};

struct initramfs {
	struct cpio_reader cpio;
	const char *label; /* of the module, for messages */
	void (*done)(const void *upto);
	struct rb_root links;
	struct directory_time *times; /* last first */
	struct inflate *inflate;      /* made for the first compressed archive */
	struct file *file;	      /* being written; NULL: it could not be made */
	u32 failed;
};

/* Entries that can't be made are named one by one, up to a few. */
static void unpack_complain(struct initramfs *unpack, const char *name, const char *why)
{
	if (unpack->failed++ < COMPLAINTS_MAX)
		pr_err("initramfs: %s%s: %s\n", unpack->label, name, why);
}

/* @return 0, or @p err if there is no use in continuing */
static int entry_failed(struct initramfs *unpack, const char *name, int err)
{
	if (err == -ENOMEM || err == -ENOSPC)
		return err;
	if (err)
		unpack_complain(unpack, name, error_text(err));
	return 0;
}

/* ---- hard links ---- */

static int compare_u32(u32 left, u32 right)
{
	if (left == right)
		return 0;
	if (left < right)
		return -1;
	return 1;
}

static int compare_keys(const struct link_key *left, const struct link_key *right)
{
	int order = compare_u32(left->ino, right->ino);

	if (!order)
		order = compare_u32(left->dev_major, right->dev_major);
	if (!order)
		order = compare_u32(left->dev_minor, right->dev_minor);
	if (!order)
		order = compare_u32(left->type, right->type);
	return order;
}

/* *@p name: the name that an earlier entry gave this object, or NULL: this is the first name, which is recorded. */
static int link_find(struct initramfs *unpack, const struct cpio_entry *entry, const char **name)
{
	struct link_key key = { entry->ino, entry->dev_major, entry->dev_minor,
				entry->mode & S_IFMT };
	struct rb_node **slot = &unpack->links.node, *parent = NULL;
	size_t size = strlen(entry->name) + 1;
	struct hard_link *link;

	while (*slot) {
		int order;

		parent = *slot;
		link = rb_entry(parent, struct hard_link, node);
		order = compare_keys(&key, &link->key);
		if (!order) {
			*name = link->name;
			return 0;
		}
		if (order < 0)
			slot = &parent->left;
		else
			slot = &parent->right;
	}
	*name = NULL;
	link = kmalloc(sizeof(*link) + size);
	if (!link)
		return -ENOMEM;
	link->key = key;
	memcpy(link->name, entry->name, size);
	rb_insert(&unpack->links, &link->node, parent, slot);
	return 0;
}

static void forget_links(void *ctx)
{
	struct initramfs *unpack = ctx;
	struct rb_node *first;

	while ((first = rb_first(&unpack->links))) {
		rb_erase(&unpack->links, first);
		kfree(rb_entry(first, struct hard_link, node));
	}
}

/* ---- entries ---- */

/* Make space for an object of type @p type; 0: any object of that name is removed. */
static void clean_path(const char *name, mode_t type)
{
	struct path path;
	mode_t mode;

	if (path_lookup(AT_FDCWD, name, 0, &path))
		return;
	mode = path.dentry->inode->mode;
	path_put(&path);
	if ((mode & S_IFMT) != type)
		(void)fs_remove(
			name); /* a folder that holds something stays: then what follows fails */
}

static struct iattr entry_attributes(const struct cpio_entry *entry)
{
	return (struct iattr){
		.valid = ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_ATIME | ATTR_MTIME,
		.mode = entry->mode & 07777,
		.uid = entry->uid,
		.gid = entry->gid,
		.atime_ns = entry->mtime * 1000000000ull,
		.mtime_ns = entry->mtime * 1000000000ull,
	};
}

/* Another name for what an earlier entry made. *@p linked: it was. */
static int link_entry(struct initramfs *unpack, const struct cpio_entry *entry, bool *linked)
{
	const char *first = NULL;
	int err = 0;

	if (entry->nlink > 1)
		err = link_find(unpack, entry, &first);

	*linked = first;
	if (!first)
		return err;
	clean_path(entry->name, 0);
	return fs_link(first, entry->name);
}

static int begin_file(struct initramfs *unpack, const struct cpio_entry *entry)
{
	bool linked;
	int err = link_entry(unpack, entry, &linked);
	u32 flags = O_WRONLY | O_CREAT | O_NOFOLLOW | (linked && !entry->size ? 0 : O_TRUNC);

	if (err)
		return err;
	unpack->file = file_open(AT_FDCWD, entry->name, flags, entry->mode & 07777);
	if (!IS_ERR(unpack->file))
		return 0;
	err = PTR_ERR(unpack->file);
	unpack->file = NULL;
	return err;
}

static int write_file(void *ctx, const u8 *data, size_t length)
{
	struct initramfs *unpack = ctx;
	const char *name = unpack->cpio.entry.name;

	while (length && unpack->file) {
		s64 done = file_write_kernel(unpack->file, data, length, &unpack->file->pos);

		if (done > 0) {
			data += done;
			length -= done;
			continue;
		}
		file_put(unpack->file);
		unpack->file = NULL;
		return entry_failed(unpack, name, done ? done : -ENOSPC);
	}
	return 0;
}

static void end_file(void *ctx)
{
	struct initramfs *unpack = ctx;
	struct iattr attr = entry_attributes(&unpack->cpio.entry);
	int err;

	if (!unpack->file)
		return;
	file_put(unpack->file);
	unpack->file = NULL;
	err = fs_setattr(unpack->cpio.entry.name, &attr);
	if (err)
		unpack_complain(unpack, unpack->cpio.entry.name, error_text(err));
}

static int note_time(struct initramfs *unpack, const struct cpio_entry *entry)
{
	size_t size = strlen(entry->name) + 1;
	struct directory_time *noted = kmalloc(sizeof(*noted) + size);

	if (!noted)
		return -ENOMEM;
	noted->mtime = entry->mtime;
	memcpy(noted->name, entry->name, size);
	noted->next = unpack->times;
	unpack->times = noted;
	return 0;
}

static void unpack_set_times(struct initramfs *unpack)
{
	struct directory_time *entry;

	while ((entry = unpack->times)) {
		u64 mtime_ns = entry->mtime * 1000000000ull;
		struct iattr attr = { .valid = ATTR_ATIME | ATTR_MTIME,
				      .atime_ns = mtime_ns,
				      .mtime_ns = mtime_ns };

		/* if something else has taken the name, that gets the time, as on Linux */
		(void)fs_setattr(entry->name, &attr);
		unpack->times = entry->next;
		kfree(entry);
	}
}

static int make_directory(struct initramfs *unpack, const struct cpio_entry *entry)
{
	int err = fs_mkdir(entry->name, entry->mode & 07777);

	/* Also if it failed: at the end something may have this name. */
	if (err == -EEXIST)
		err = 0;
	return note_time(unpack, entry) ?: err;
}

/* *@p linked: it is another name of an object, which keeps what it is. */
static int unpack_make_node(struct initramfs *unpack, const struct cpio_entry *entry, bool *linked)
{
	int err = link_entry(unpack, entry, linked);

	if (err || *linked)
		return err;
	err = fs_mknod(entry->name, entry->mode, MKDEV(entry->rdev_major, entry->rdev_minor));
	if (err == -EEXIST)
		return 0;
	return err;
}

static int begin_entry(void *ctx, const struct cpio_entry *entry)
{
	struct iattr attr = entry_attributes(entry);
	mode_t type = entry->mode & S_IFMT;
	struct initramfs *unpack = ctx;
	bool linked = false;
	int err = 0, err2 = 0;

	clean_path(entry->name, type == S_IFLNK ? 0 : type);
	switch (type) {
	case S_IFREG:
		return entry_failed(unpack, entry->name,
				    begin_file(unpack, entry)); /* end_file() does the rest */
	case S_IFDIR: err = make_directory(unpack, entry); break;
	case S_IFLNK:
		err = fs_symlink(entry->target, entry->name);
		attr.valid &= ~ATTR_MODE;
		break;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK: err = unpack_make_node(unpack, entry, &linked); break;
	default: unpack_complain(unpack, entry->name, "unknown file type: entry ignored"); return 0;
	}
	/* what could not be replaced gets the owner all the same, as on Linux */
	if (!linked && (!err || err == -EEXIST))
		err2 = fs_setattr(entry->name, &attr);
	return entry_failed(unpack, entry->name, err ?: err2);
}

static void skip_entry(void *ctx, const char *name, const char *why)
{
	unpack_complain(ctx, name, why);
}

static const struct cpio_ops unpack_ops = {
	.begin = begin_entry,
	.data = write_file,
	.end = end_file,
	.trailer = forget_links,
	.skipped = skip_entry,
};

/* ---- archives ---- */

/* Describe what could not be unpacked. @p data: its address, or NULL. */
static int unpack_report(struct initramfs *unpack, enum cpio_result result, u64 offset,
			 const u8 *data, size_t length)
{
	bool compressed = false;
	const char *kind;

	if (result == CPIO_STOPPED) {
		pr_err("initramfs: %s%s: %s\n", unpack->label, unpack->cpio.entry.name,
		       error_text(unpack->cpio.err));
		return unpack->cpio.err;
	}
	if (result != CPIO_OTHER)
		kind = NULL;
	else
		kind = archive_kind(data, length, &compressed);
	if (!kind)
		pr_err("initramfs: %sinvalid data at byte %lu: %s\n", unpack->label, offset,
		       result == CPIO_BAD
			       ? unpack->cpio.error
			       : "neither a cpio archive nor a known compression format");
	else if (compressed)
		pr_err("initramfs: %sthe archive at byte %lu is compressed with %s, which this kernel cannot read: "
		       "compress it with gzip%s, or not at all\n",
		       unpack->label, offset, kind,
		       IS_ENABLED(CONFIG_RD_GZIP) ? "" : " and set CONFIG_RD_GZIP");
	else
		pr_err("initramfs: %sexpected a cpio archive at byte %lu, found a %s: create the archive with \"cpio -o -H newc\"\n",
		       unpack->label, offset, kind);
	return -EINVAL;
}

/* What was decompressed; the compressed bytes of it are not needed any more. */
static int feed_inflated(void *ctx, const u8 *data, size_t length)
{
	struct initramfs *unpack = ctx;
	enum cpio_result result;
	size_t used;

	if (unpack->done)
		unpack->done(unpack->inflate->in + unpack->inflate->in_pos);
	result = cpio_feed(&unpack->cpio, data, length, &used);
	if (result == CPIO_MORE)
		return 0;
	if (result != CPIO_OTHER)
		return unpack_report(unpack, result, unpack->inflate->total - length + used, NULL,
				     0);
	pr_err("initramfs: %sbyte %lu of the decompressed data does not begin a cpio archive (data "
	       "compressed twice is not supported)\n",
	       unpack->label, unpack->inflate->total - length + used);
	return -EINVAL;
}

/* One gzip member at @p data. @return bytes it took, or -errno (reported) */
static s64 unpack_gzip(struct initramfs *unpack, const u8 *data, size_t size)
{
	struct inflate *inflate = unpack->inflate;
	size_t used = 0;
	int err;

	if (!inflate)
		inflate = unpack->inflate = kvzalloc(sizeof(*inflate));
	if (!inflate)
		return -ENOMEM;
	inflate->in = data;
	inflate->in_len = size;
	inflate->out = feed_inflated;
	inflate->ctx = unpack;
	err = gunzip(inflate, &used);
	if (!err && cpio_between_entries(&unpack->cpio))
		return used;
	if (inflate->error)
		pr_err("initramfs: %sgzip: %s\n", unpack->label, inflate->error);
	else if (!err)
		pr_err("initramfs: %sgzip: the decompressed archive ends in the middle of an entry\n",
		       unpack->label);
	if (!err)
		return -EINVAL;
	return err;
}

static int unpack_module(struct initramfs *unpack, const u8 *data, size_t size)
{
	size_t pos = 0, used;

	while (pos < size) {
		enum cpio_result result = cpio_feed(&unpack->cpio, data + pos,
						    MIN(size - pos, (size_t)FEED_AT_ONCE), &used);
		s64 taken = 0;

		pos += used;
		if (result == CPIO_OTHER && IS_ENABLED(CONFIG_RD_GZIP) &&
		    gzip_magic(data + pos, size - pos))
			taken = unpack_gzip(unpack, data + pos, size - pos);
		else if (result != CPIO_MORE)
			return unpack_report(unpack, result, pos, data + pos, size - pos);
		if (taken < 0)
			return taken;
		pos += taken;
		if (unpack->done)
			unpack->done(data + pos);
	}
	if (cpio_between_entries(&unpack->cpio))
		return 0;
	pr_err("initramfs: %sthe archive ends in the middle of an entry\n", unpack->label);
	return -EINVAL;
}

struct initramfs *initramfs_begin(void (*done)(const void *upto))
{
	struct initramfs *unpack = kvzalloc(sizeof(*unpack));

	if (!unpack)
		return NULL;
	unpack->done = done;
	unpack->cpio.ops = &unpack_ops;
	unpack->cpio.ctx = unpack;
	return unpack;
}

int initramfs_unpack(struct initramfs *unpack, const char *label, const void *data, size_t size)
{
	int err;

	unpack->label = label;
	err = unpack_module(unpack, data, size);
	cpio_reset(&unpack->cpio);
	return err;
}

void initramfs_end(struct initramfs *unpack)
{
	forget_links(unpack);
	unpack_set_times(unpack);
	if (unpack->failed > COMPLAINTS_MAX)
		pr_err("initramfs: %u entries could not be created\n", unpack->failed);
	kvfree(unpack->inflate);
	kvfree(unpack);
}
