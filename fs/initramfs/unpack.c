/* SPDX-License-Identifier: MIT */
/*
 * Unpacking an initramfs into the root file system.
 *
 * The data is one or more cpio archives, each plain or gzipped, with zero
 * padding between. It is read in pieces, and what is decompressed is unpacked
 * as it comes: it takes no memory but for the files. A compressed archive
 * holds cpio archives only, no further compressed ones.
 *
 * Files appear with mode, owner and time as archived; a name that exists keeps
 * its object if that is of the same type (a file gets new content, a directory
 * keeps what is in it), else it is replaced, so that later archives lie over
 * earlier ones. An entry without a type makes nothing, but takes away what had
 * its name. All that is as in Linux, init/initramfs.c. A damaged archive is
 * reported; what came before the damage stays.
 *
 * Hard links: cpio writes each name of a file as an entry with the same device
 * and inode number, the content with the last (GNU) or the first. Names are
 * found in a tree, which no choice of numbers can make slow. Times of
 * directories are set at the end, when nothing more is made in them.
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

#define FEED_AT_ONCE   65536u /* so often the archive's owner learns what may go */
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
static void complain(struct initramfs *u, const char *name, const char *why)
{
	if (u->failed++ < COMPLAINTS_MAX)
		pr_err("initramfs: %s%s: %s\n", u->label, name, why);
}

/* @return 0, or @p err if there is no use in going on */
static int entry_failed(struct initramfs *u, const char *name, int err)
{
	if (err == -ENOMEM || err == -ENOSPC)
		return err;
	if (err)
		complain(u, name, error_text(err));
	return 0;
}

/* ---- hard links ---- */

static int compare_keys(const struct link_key *a, const struct link_key *b)
{
	if (a->ino != b->ino)
		return a->ino < b->ino ? -1 : 1;
	if (a->dev_major != b->dev_major)
		return a->dev_major < b->dev_major ? -1 : 1;
	if (a->dev_minor != b->dev_minor)
		return a->dev_minor < b->dev_minor ? -1 : 1;
	return a->type == b->type ? 0 : a->type < b->type ? -1 : 1;
}

/* *@p name: the name that an earlier entry gave this object, or NULL: this is the first, and noted. */
static int link_find(struct initramfs *u, const struct cpio_entry *e, const char **name)
{
	struct link_key key = { e->ino, e->dev_major, e->dev_minor, e->mode & S_IFMT };
	struct rb_node **at = &u->links.node, *parent = NULL;
	size_t size = strlen(e->name) + 1;
	struct hard_link *l;

	while (*at) {
		int order;

		parent = *at;
		l = rb_entry(parent, struct hard_link, node);
		order = compare_keys(&key, &l->key);
		if (!order) {
			*name = l->name;
			return 0;
		}
		at = order < 0 ? &parent->left : &parent->right;
	}
	*name = NULL;
	l = kmalloc(sizeof(*l) + size);
	if (!l)
		return -ENOMEM;
	l->key = key;
	memcpy(l->name, e->name, size);
	rb_insert(&u->links, &l->node, parent, at);
	return 0;
}

static void forget_links(void *ctx)
{
	struct initramfs *u = ctx;
	struct rb_node *n;

	while ((n = rb_first(&u->links))) {
		rb_erase(&u->links, n);
		kfree(rb_entry(n, struct hard_link, node));
	}
}

/* ---- entries ---- */

/* Make room for an object of type @p type; 0: nothing of that name may stay. */
static void clean_path(const char *name, mode_t type)
{
	struct path p;
	mode_t mode;

	if (path_lookup(AT_FDCWD, name, 0, &p))
		return;
	mode = p.dentry->inode->mode;
	path_put(&p);
	if ((mode & S_IFMT) != type)
		(void)fs_remove(
			name); /* a folder that holds something stays: then what follows fails */
}

static struct iattr attributes(const struct cpio_entry *e)
{
	return (struct iattr){
		.valid = ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_ATIME | ATTR_MTIME,
		.mode = e->mode & 07777,
		.uid = e->uid,
		.gid = e->gid,
		.atime_ns = e->mtime * 1000000000ull,
		.mtime_ns = e->mtime * 1000000000ull,
	};
}

/* Another name for what an earlier entry made. *@p linked: it was. */
static int link_entry(struct initramfs *u, const struct cpio_entry *e, bool *linked)
{
	const char *first = NULL;
	int err = e->nlink > 1 ? link_find(u, e, &first) : 0;

	*linked = first;
	if (!first)
		return err;
	clean_path(e->name, 0);
	return fs_link(first, e->name);
}

static int begin_file(struct initramfs *u, const struct cpio_entry *e)
{
	bool linked;
	int err = link_entry(u, e, &linked);
	u32 flags = O_WRONLY | O_CREAT | O_NOFOLLOW | (linked && !e->size ? 0 : O_TRUNC);

	if (err)
		return err;
	u->file = file_open(AT_FDCWD, e->name, flags, e->mode & 07777);
	if (!IS_ERR(u->file))
		return 0;
	err = PTR_ERR(u->file);
	u->file = NULL;
	return err;
}

static int write_file(void *ctx, const u8 *data, size_t n)
{
	struct initramfs *u = ctx;
	const char *name = u->cpio.entry.name;

	while (n && u->file) {
		s64 done = file_write_kernel(u->file, data, n, &u->file->pos);

		if (done > 0) {
			data += done;
			n -= done;
			continue;
		}
		file_put(u->file);
		u->file = NULL;
		return entry_failed(u, name, done ? done : -ENOSPC);
	}
	return 0;
}

static void end_file(void *ctx)
{
	struct initramfs *u = ctx;
	struct iattr a = attributes(&u->cpio.entry);
	int err;

	if (!u->file)
		return;
	file_put(u->file);
	u->file = NULL;
	err = fs_setattr(u->cpio.entry.name, &a);
	if (err)
		complain(u, u->cpio.entry.name, error_text(err));
}

static int note_time(struct initramfs *u, const struct cpio_entry *e)
{
	size_t size = strlen(e->name) + 1;
	struct directory_time *d = kmalloc(sizeof(*d) + size);

	if (!d)
		return -ENOMEM;
	d->mtime = e->mtime;
	memcpy(d->name, e->name, size);
	d->next = u->times;
	u->times = d;
	return 0;
}

static void set_times(struct initramfs *u)
{
	struct directory_time *d;

	while ((d = u->times)) {
		u64 mtime_ns = d->mtime * 1000000000ull;
		struct iattr a = { .valid = ATTR_ATIME | ATTR_MTIME,
				   .atime_ns = mtime_ns,
				   .mtime_ns = mtime_ns };

		/* if something else has taken the name, that gets the time, as on Linux */
		(void)fs_setattr(d->name, &a);
		u->times = d->next;
		kfree(d);
	}
}

static int make_directory(struct initramfs *u, const struct cpio_entry *e)
{
	int err = fs_mkdir(e->name, e->mode & 07777);

	/* Also if it failed: at the end something may have this name. */
	if (err == -EEXIST)
		err = 0;
	return note_time(u, e) ?: err;
}

/* *@p linked: it is another name of an object, which keeps what it is. */
static int make_node(struct initramfs *u, const struct cpio_entry *e, bool *linked)
{
	int err = link_entry(u, e, linked);

	if (err || *linked)
		return err;
	err = fs_mknod(e->name, e->mode, MKDEV(e->rdev_major, e->rdev_minor));
	return err == -EEXIST ? 0 : err;
}

static int begin_entry(void *ctx, const struct cpio_entry *e)
{
	struct iattr a = attributes(e);
	mode_t type = e->mode & S_IFMT;
	struct initramfs *u = ctx;
	bool linked = false;
	int err = 0, err2 = 0;

	clean_path(e->name, type == S_IFLNK ? 0 : type);
	switch (type) {
	case S_IFREG:
		return entry_failed(u, e->name, begin_file(u, e)); /* end_file() does the rest */
	case S_IFDIR: err = make_directory(u, e); break;
	case S_IFLNK:
		err = fs_symlink(e->target, e->name);
		a.valid &= ~ATTR_MODE;
		break;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK: err = make_node(u, e, &linked); break;
	default: complain(u, e->name, "unknown file type: entry ignored"); return 0;
	}
	/* what could not be replaced gets the owner all the same, as on Linux */
	if (!linked && (!err || err == -EEXIST))
		err2 = fs_setattr(e->name, &a);
	return entry_failed(u, e->name, err ?: err2);
}

static void skip_entry(void *ctx, const char *name, const char *why)
{
	complain(ctx, name, why);
}

static const struct cpio_ops unpack_ops = {
	.begin = begin_entry,
	.data = write_file,
	.end = end_file,
	.trailer = forget_links,
	.skipped = skip_entry,
};

/* ---- archives ---- */

/* What could not be unpacked, in words. @p data: where it stands, or NULL. */
static int report(struct initramfs *u, enum cpio_result result, u64 at, const u8 *data, size_t n)
{
	bool compressed = false;
	const char *kind;

	if (result == CPIO_STOPPED) {
		pr_err("initramfs: %s%s: %s\n", u->label, u->cpio.entry.name,
		       error_text(u->cpio.err));
		return u->cpio.err;
	}
	kind = result == CPIO_OTHER ? archive_kind(data, n, &compressed) : NULL;
	if (!kind)
		pr_err("initramfs: %sinvalid data at byte %lu: %s\n", u->label, at,
		       result == CPIO_BAD
			       ? u->cpio.error
			       : "neither a cpio archive nor a known compression format");
	else if (compressed)
		pr_err("initramfs: %sthe archive at byte %lu is compressed with %s, which this kernel cannot read: "
		       "compress it with gzip%s, or not at all\n",
		       u->label, at, kind,
		       IS_ENABLED(CONFIG_RD_GZIP) ? "" : " and set CONFIG_RD_GZIP");
	else
		pr_err("initramfs: %sexpected a cpio archive at byte %lu, found a %s: create the archive with \"cpio -o -H newc\"\n",
		       u->label, at, kind);
	return -EINVAL;
}

/* What was decompressed; the compressed bytes of it are not needed any more. */
static int feed_inflated(void *ctx, const u8 *data, size_t n)
{
	struct initramfs *u = ctx;
	enum cpio_result result;
	size_t used;

	if (u->done)
		u->done(u->inflate->in + u->inflate->in_pos);
	result = cpio_feed(&u->cpio, data, n, &used);
	if (result == CPIO_MORE)
		return 0;
	if (result != CPIO_OTHER)
		return report(u, result, u->inflate->total - n + used, NULL, 0);
	pr_err("initramfs: %sbyte %lu of the decompressed data does not begin a cpio archive (data "
	       "compressed twice is not supported)\n",
	       u->label, u->inflate->total - n + used);
	return -EINVAL;
}

/* One gzip member at @p data. @return bytes it took, or -errno (reported) */
static s64 unpack_gzip(struct initramfs *u, const u8 *data, size_t size)
{
	struct inflate *s = u->inflate;
	size_t used = 0;
	int err;

	if (!s)
		s = u->inflate = kvzalloc(sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->in = data;
	s->in_len = size;
	s->out = feed_inflated;
	s->ctx = u;
	err = gunzip(s, &used);
	if (!err && cpio_between_entries(&u->cpio))
		return used;
	if (s->error)
		pr_err("initramfs: %sgzip: %s\n", u->label, s->error);
	else if (!err)
		pr_err("initramfs: %sgzip: the decompressed archive ends in the middle of an entry\n",
		       u->label);
	return err ? err : -EINVAL;
}

static int unpack_module(struct initramfs *u, const u8 *data, size_t size)
{
	size_t pos = 0, used;

	while (pos < size) {
		enum cpio_result result = cpio_feed(&u->cpio, data + pos,
						    MIN(size - pos, (size_t)FEED_AT_ONCE), &used);
		s64 taken = 0;

		pos += used;
		if (result == CPIO_OTHER && IS_ENABLED(CONFIG_RD_GZIP) &&
		    gzip_magic(data + pos, size - pos))
			taken = unpack_gzip(u, data + pos, size - pos);
		else if (result != CPIO_MORE)
			return report(u, result, pos, data + pos, size - pos);
		if (taken < 0)
			return taken;
		pos += taken;
		if (u->done)
			u->done(data + pos);
	}
	if (cpio_between_entries(&u->cpio))
		return 0;
	pr_err("initramfs: %sthe archive ends in the middle of an entry\n", u->label);
	return -EINVAL;
}

struct initramfs *initramfs_begin(void (*done)(const void *upto))
{
	struct initramfs *u = kvzalloc(sizeof(*u));

	if (!u)
		return NULL;
	u->done = done;
	u->cpio.ops = &unpack_ops;
	u->cpio.ctx = u;
	return u;
}

int initramfs_unpack(struct initramfs *u, const char *label, const void *data, size_t size)
{
	int err;

	u->label = label;
	err = unpack_module(u, data, size);
	cpio_reset(&u->cpio);
	return err;
}

void initramfs_end(struct initramfs *u)
{
	forget_links(u);
	set_times(u);
	if (u->failed > COMPLAINTS_MAX)
		pr_err("initramfs: %u entries could not be created\n", u->failed);
	kvfree(u->inflate);
	kvfree(u);
}
