/* SPDX-License-Identifier: MIT */
/*
 * Unpacking an initramfs into the root file system.
 *
 * The data is one or more cpio archives, each plain or gzipped, with zero
 * padding between. Files appear with mode, owner and time as archived; a name
 * that exists is replaced, a directory keeps what is in it, as on Linux, so
 * that later archives lie over earlier ones. A damaged archive is reported;
 * what came before the damage stays.
 *
 * Hard links: cpio writes each name of a file as an entry with the same device
 * and inode number, the content with the last (GNU) or the first.
 */
#include <kernel/fs.h>
#include <kernel/heap.h>
#include <kernel/inflate.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include "cpio.h"
#include <kernel/fs_ops.h>

struct hard_link { struct hard_link *next; u32 ino, dev_major, dev_minor; char *name; };
struct unpack {
	struct hard_link *links;
	void (*done)(const void *upto);
	char *name;			/* of the entry: what it lay in may be gone before it is made */
	int err;
	u32 failed;
};

#define WRITE_AT_ONCE	65536u		/* so often the archive is told what may go */

/* Entries that can't be made are told one by one, up to a few. */
static void complain(struct unpack *u, const char *name, int err)
{
	if (!u->err)
		u->err = err;
	if (u->failed++ < 8)
		pr_err("initramfs: %s: %s (error %d)\n", name, error_text(err), -err);
}

/* The name that an earlier entry gave this file; noted when it is the first. */
static const char *link_source(struct unpack *u, const struct cpio_entry *e)
{
	struct hard_link *l;

	for (l = u->links; l; l = l->next)
		if (l->ino == e->ino && l->dev_major == e->dev_major && l->dev_minor == e->dev_minor)
			return l->name;
	l = kmalloc(sizeof(*l));
	if (!l)
		return NULL;
	*l = (struct hard_link){ u->links, e->ino, e->dev_major, e->dev_minor, kstrdup(e->name) };
	if (l->name)
		u->links = l;
	else
		kfree(l);
	return NULL;
}

static void forget_links(struct unpack *u)
{
	while (u->links) {
		struct hard_link *l = u->links;

		u->links = l->next;
		kfree(l->name);
		kfree(l);
	}
}

static int write_content(struct unpack *u, const struct cpio_entry *e, u32 flags)
{
	struct file *f = file_open(AT_FDCWD, e->name, O_WRONLY | O_CREAT | O_NOFOLLOW | flags, e->mode & 07777);
	s64 n = 0;

	if (IS_ERR(f))
		return PTR_ERR(f);
	for (u64 pos = 0; pos < e->size;) {
		u64 part = MIN(e->size - pos, (u64)WRITE_AT_ONCE);

		n = file_write_kernel(f, e->data + pos, part, &pos);
		if (n >= 0 && (u64)n < part)
			n = -ENOSPC;
		if (n < 0)
			break;
		if (u->done)
			u->done(e->data + pos);
	}
	file_put(f);
	return MIN(n, 0l);
}

static int make_file(struct unpack *u, const struct cpio_entry *e)
{
	if (e->nlink > 1) {
		const char *first = link_source(u, e);

		if (first) {
			fs_remove(e->name);
			int err = fs_link(first, e->name);

			return err || !e->size ? err : write_content(u, e, O_TRUNC);
		}
	}
	fs_remove(e->name);
	return write_content(u, e, O_EXCL);
}

static int make_symlink(const struct cpio_entry *e)
{
	char *target = kmalloc(e->size + 1);
	int err;

	if (!target)
		return -ENOMEM;
	memcpy(target, e->data, e->size);
	target[e->size] = 0;
	fs_remove(e->name);
	err = e->size < PATH_MAX ? fs_symlink(target, e->name) : -ENAMETOOLONG;
	kfree(target);
	return err;
}

static int make_directory(const struct cpio_entry *e)
{
	int err = fs_mkdir(e->name, e->mode & 07777);

	return err == -EEXIST ? 0 : err;
}

static void make_entry(struct unpack *u, const struct cpio_entry *e)
{
	struct iattr a = { .valid = ATTR_MODE | ATTR_UID | ATTR_GID | ATTR_ATIME | ATTR_MTIME, .mode = e->mode & 07777,
			   .uid = e->uid, .gid = e->gid, .atime_ns = e->mtime * 1000000000ull,
			   .mtime_ns = e->mtime * 1000000000ull };
	u32 type = e->mode & S_IFMT;
	int err;

	if (type == S_IFREG) {
		err = make_file(u, e);
	} else if (type == S_IFDIR) {
		err = make_directory(e);
	} else if (type == S_IFLNK) {
		err = make_symlink(e);
		a.valid &= ~ATTR_MODE;
	} else {
		fs_remove(e->name);
		err = fs_mknod(e->name, e->mode, MKDEV(e->rdev_major, e->rdev_minor));
	}
	if (!err)
		err = fs_setattr(e->name, &a);
	if (err)
		complain(u, e->name, err);
}

struct grown { u8 *data; size_t len, size; };

static int grow(void *ctx, const u8 *data, size_t n)
{
	struct grown *g = ctx;

	if (g->len + n > g->size) {
		size_t size = MAX(g->size * 2, (size_t)1 << 20);
		u8 *bigger = kvzalloc(size);

		if (!bigger)
			return -ENOMEM;
		memcpy(bigger, g->data, g->len);
		kvfree(g->data);
		g->data = bigger;
		g->size = size;
	}
	memcpy(g->data + g->len, data, n);
	g->len += n;
	return 0;
}

/* One gzip member at @p data, unpacked in turn. @return bytes it took, or -errno (reported) */
static s64 unpack_gzip(struct unpack *u, const u8 *data, size_t size)
{
	struct inflate *s = kvzalloc(sizeof(*s));
	struct grown g = { 0 };
	size_t used = 0;
	int err;

	if (!s)
		return -ENOMEM;
	s->in = data;
	s->in_len = size;
	s->out = grow;
	s->ctx = &g;
	err = gunzip(s, &used);
	if (err)
		pr_err("initramfs: gzip: %s\n", s->error ? s->error : "not enough memory");
	kvfree(s);
	if (!err && gzip_magic(g.data, g.len))
		err = -EINVAL;			/* no gzip in gzip: it could nest for ever */
	if (!err)
		err = initramfs_unpack(g.data, g.len, NULL);
	kvfree(g.data);
	return err ? err : (s64)used;
}

static void unpack_entry(struct unpack *u, struct cpio_entry *e)
{
	if (e->name_len < PATH_MAX) {
		memcpy(u->name, e->name, e->name_len);
		u->name[e->name_len] = 0;
		e->name = u->name;
		make_entry(u, e);
	} else {
		complain(u, "a name", -ENAMETOOLONG);
	}
}

int initramfs_unpack(const void *data, size_t size, void (*done)(const void *upto))
{
	const u8 *buf = data;
	struct unpack u = { .done = done, .name = kmalloc(PATH_MAX) };
	const char *why = NULL;
	struct cpio_entry e;
	size_t pos = 0;

	if (!u.name)
		return -ENOMEM;
	for (;;) {
		enum cpio_result r = cpio_next(buf, size, &pos, &e, &why);

		if (r == CPIO_ENTRY) {
			unpack_entry(&u, &e);
			if (done)
				done(buf + pos);
		} else if (r == CPIO_TRAILER) {
			forget_links(&u);
		} else if (r == CPIO_OTHER && IS_ENABLED(CONFIG_RD_GZIP) && gzip_magic(buf + pos, size - pos)) {
			s64 used = unpack_gzip(&u, buf + pos, size - pos);

			if (used < 0) {
				u.err = used;
				break;
			}
			pos += used;
		} else {
			if (r != CPIO_END) {
				pr_err("initramfs: damaged at byte %zu: %s\n", pos,
				       r == CPIO_BAD ? why : "neither a cpio archive nor a known compression");
				u.err = -EINVAL;
			}
			break;
		}
	}
	forget_links(&u);
	kfree(u.name);
	if (u.failed > 8)
		pr_err("initramfs: %u entries could not be made\n", u.failed);
	return u.err;
}
