// SPDX-License-Identifier: MIT
/*
 * Folders of file systems that are drivers: names, and what is created by them.
 *
 * Under the folder's inode->lock, which keeps other methods for that folder out; rename
 * has both. A name that is looked up becomes a dentry, also where it does not exist, so the driver
 * is asked once for each. What the driver lists is checked before a program sees it.
 */
#include <kernel/err.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/dir_context.h>
#include <kernel/fs/file.h>
#include <kernel/fs/name.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include "driver.h"

#define READ_MIN 512u

/* Positions in a folder: 0 ".", 1 "..", then the driver's cookies, from POS_COOKIES on. */
#define POS_COOKIES 2u

static bool is_remote(const struct inode *inode)
{
	return driven_of(inode->sb)->flags & BANOS_MOUNT_REMOTE;
}

/* A name was added or removed. */
static void dir_touch(struct inode *dir)
{
	if (!is_remote(dir))
		inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
}

/* A folder appeared in, or left, @p dir. */
static void dir_count_folders(struct inode *dir, s32 number)
{
	if (dir->nlink != 1)
		dir->nlink += number;
}

static int driven_lookup(struct inode *dir, struct dentry *d)
{
	struct driven_super *super = driven_of(dir->sb);
	u32 length = dentry_name_len(d);
	struct banos_attr attr;
	struct inode *inode;
	u64 forgotten;
	s64 err;

	if (length > super->info.name_max)
		return -ENAMETOOLONG;
	do {
		forgotten = smp_load_acquire(&super->forgotten);
		attr = attr_empty();
		err = driven_ask(super, lookup, node_number(dir), d->name, length, &attr);
		if (err == -ENOENT)
			return 0;
		if (err)
			return driven_error(err);
		inode = node_get(super, forgotten, &attr);
	} while (inode == ERR_PTR(-EAGAIN));
	if (IS_ERR(inode))
		return PTR_ERR(inode);
	dentry_set_inode(d, inode);
	return 0;
}

/* ---- something new ---- */

/* @param length  0: without a name */
static int node_make(struct inode *dir, const char *name, u32 length, mode_t mode, dev_t rdev,
		     const char *target, struct inode **out)
{
	struct driven_super *super = driven_of(dir->sb);
	struct banos_attr attr = attr_empty();
	struct banos_create what = { .size = sizeof(what), .target = target };
	struct inode *inode;
	s64 err;

	if (length > super->info.name_max)
		return -ENAMETOOLONG;
	inode = node_alloc(super);
	if (!inode)
		return -ENOMEM;
	inode_init_owner(inode, dir, mode);
	what.mode = inode->mode;
	what.uid = inode->uid;
	what.gid = inode->gid;
	what.rdev_major = MAJOR(rdev);
	what.rdev_minor = MINOR(rdev);
	what.time_ns = inode->ctime_ns;
	err = driven_change(super, create, node_number(dir), name, length, &what, &attr);
	if (!err)
		err = node_enter(inode, &attr);
	if (err) {
		inode_put(inode);
		return driven_error(err);
	}
	node_changed(inode);
	*out = inode;
	return 0;
}

static __noinline int driven_make(struct inode *dir, struct dentry *d, mode_t mode, dev_t rdev,
				  const char *target)
{
	struct inode *inode;
	int err = node_make(dir, d->name, dentry_name_len(d), mode, rdev, target, &inode);

	if (err)
		return err;
	dentry_instantiate(d, inode, false);
	if (S_ISDIR(mode))
		dir_count_folders(dir, 1);
	dir_touch(dir);
	return 0;
}

static __cold int driven_tmpfile(struct inode *dir, mode_t mode, struct inode **out)
{
	if (!(driven_of(dir->sb)->flags & BANOS_MOUNT_NAMELESS))
		return -EOPNOTSUPP;
	return node_make(dir, "", 0, S_IFREG | (mode & S_IALLUGO), 0, NULL, out);
}

static int driven_create(struct inode *dir, struct dentry *d, mode_t mode)
{
	return driven_make(dir, d, S_IFREG | (mode & S_IALLUGO), 0, NULL);
}

static __cold int driven_mknod(struct inode *dir, struct dentry *d, mode_t mode, dev_t dev)
{
	return driven_make(dir, d, mode, S_ISCHR(mode) || S_ISBLK(mode) ? dev : 0, NULL);
}

static int driven_mkdir(struct inode *dir, struct dentry *d, mode_t mode)
{
	return driven_make(dir, d, S_IFDIR | (mode & S_IALLUGO), 0, NULL);
}

static __cold int driven_symlink(struct inode *dir, struct dentry *d, const char *target)
{
	return driven_make(dir, d, S_IFLNK | 0777, 0, target);
}

static __cold int driven_link(struct inode *inode, struct inode *dir, struct dentry *d)
{
	struct driven_super *super = driven_of(dir->sb);
	struct banos_attr attr = attr_empty();
	s64 err;

	/* Of what has no name commits hand nothing down: that ends before one can contain the name. */
	if (!inode->nlink++)
		node_dirty(inode, BANOS_SET_MODE | BANOS_SET_ATIME | BANOS_SET_MTIME);
	node_change_begin(inode);
	err = driven_change(super, link, node_number(inode), node_number(dir), d->name,
			    dentry_name_len(d), &attr);
	node_change_end(inode);
	if (err) {
		inode->nlink--;
		return driven_error(err);
	}
	inode_get(inode);
	node_changed(inode);
	inode_touch(inode, ATTR_CTIME);
	dentry_instantiate(d, inode, false);
	dir_touch(dir);
	return 0;
}

/* ---- names that end, and move ---- */

static int driven_unlink(struct inode *dir, struct dentry *d)
{
	s64 err;

	node_change_begin(d->inode);
	err = driven_change(driven_of(dir->sb), unlink, node_number(dir), d->name,
			    dentry_name_len(d), node_number(d->inode));
	node_change_end(d->inode);
	if (err)
		return driven_error(err);
	if (d->inode->nlink)
		d->inode->nlink--;
	inode_touch(d->inode, ATTR_CTIME);
	dir_touch(dir);
	return 0;
}

static int driven_rmdir(struct inode *dir, struct dentry *d)
{
	s64 err = driven_change(driven_of(dir->sb), rmdir, node_number(dir), d->name,
				dentry_name_len(d), node_number(d->inode));

	if (err)
		return driven_error(err);
	d->inode->nlink = 0;
	dir_count_folders(dir, -1);
	dir_touch(dir);
	return 0;
}

/* After a rename: counts and times as the driver has them now. */
static void rename_done(struct inode *odir, struct inode *moved, struct inode *ndir,
			struct inode *replaced, u32 flags)
{
	if (flags & BANOS_RENAME_EXCHANGE) {
		dir_count_folders(odir, S_ISDIR(replaced->mode) - S_ISDIR(moved->mode));
		dir_count_folders(ndir, S_ISDIR(moved->mode) - S_ISDIR(replaced->mode));
		inode_touch(replaced, ATTR_CTIME);
	} else {
		if (S_ISDIR(moved->mode) && odir != ndir) {
			dir_count_folders(odir, -1);
			dir_count_folders(ndir, 1);
		}
		if (replaced && S_ISDIR(replaced->mode)) {
			replaced->nlink = 0;
			dir_count_folders(ndir, -1);
		} else if (replaced) {
			replaced->nlink -= replaced->nlink != 0;
			inode_touch(replaced, ATTR_CTIME);
		}
	}
	node_changed(moved);
	inode_touch(moved, ATTR_CTIME);
	dir_touch(odir);
	dir_touch(ndir);
}

/* Of the two that a rename is about; NULL: it replaces nothing. */
static void rename_change_begin(struct inode *moved, struct inode *other)
{
	if (other && other < moved)
		node_change_begin(other);
	node_change_begin(moved);
	if (other && other > moved)
		node_change_begin(other);
}

static void rename_change_end(struct inode *moved, struct inode *other)
{
	node_change_end(moved);
	if (other)
		node_change_end(other);
}

static int driven_rename(struct inode *odir, struct dentry *old, struct inode *ndir,
			 struct dentry *new, u32 flags)
{
	struct banos_rename what = {
		.size = sizeof(what),
		.old_dir = node_number(odir),
		.new_dir = node_number(ndir),
		.node = node_number(old->inode),
		.old_name = old->name,
		.new_name = new->name,
		.time_ns = time_realtime_ns(),
	};
	s64 err;

	if (dentry_name_len(new) > driven_of(ndir->sb)->info.name_max)
		return -ENAMETOOLONG;
	if (new->inode) {
		what.new_node = node_number(new->inode);
		what.flags = BANOS_RENAME_REPLACE;
	}
	if (flags & RENAME_EXCHANGE)
		what.flags = BANOS_RENAME_EXCHANGE;
	rename_change_begin(old->inode, new->inode);
	err = driven_change(driven_of(odir->sb), rename, &what);
	rename_change_end(old->inode, new->inode);
	if (err)
		return driven_error(err);
	rename_done(odir, old->inode, ndir, new->inode, what.flags);
	return 0;
}

/* ---- listing ---- */

/*
 * Where the driver has listed into the reader's own buffer: a record of its is as long as the reader's, its fields lie at the
 * same places, and the name one byte behind, where its length is before.
 */
_Static_assert(offsetof(struct banos_directory_entry, node) ==
			       offsetof(struct user_dirent64, d_ino) &&
		       offsetof(struct banos_directory_entry, cookie) ==
			       offsetof(struct user_dirent64, d_off) &&
		       offsetof(struct banos_directory_entry, record_bytes) ==
			       offsetof(struct user_dirent64, d_reclen) &&
		       offsetof(struct banos_directory_entry, type) ==
			       offsetof(struct user_dirent64, d_type) &&
		       offsetof(struct banos_directory_entry, name_bytes) ==
			       offsetof(struct user_dirent64, d_name) &&
		       offsetof(struct user_dirent64, d_name) + 1 == BANOS_DIRECTORY_NAME,
	       "a name moves by a byte, and nothing else");

/* Move a name to the byte before it, with NULs up to the end of its record. Reads a word. @return not 0: it is none */
static inline u64 name_in_place(u8 *record, u64 length, u64 reclen)
{
	char *name = (char *)record + BANOS_DIRECTORY_NAME;
	u64 last, bad, word;

	if (unlikely(length < 8)) {
		last = *(const name_word *)name & ((1ull << length * 8) - 1);
		bad = name_ends(last | NAME_ONES << length * 8) | !length;
		if (reclen == sizeof(struct banos_directory_entry)) {
			memcpy(name - 1, &last, 5); /* all that it has room for */
			return bad;
		}
		*(name_word *)(record + reclen - 8) = 0;
		*(name_word *)(name - 1) = last;
		return bad;
	}
	last = *(const name_word *)(name + length - 8);
	bad = name_ends(last);
	for (u64 done = 0; done + 8 < length; done += 8) {
		word = *(const name_word *)(name + done);
		bad |= name_ends(word);
		*(name_word *)(name - 1 + done) = word;
	}
	*(name_word *)(record + reclen - 8) = 0;
	*(name_word *)(name - 1 + length - 8) = last;
	return bad;
}

/* @return the end of what was listed, nearer if the record was longer than need be; NULL: it is impossible */
static __cold u8 *record_shorten(u8 *record, u64 reclen, u8 *end)
{
	struct banos_directory_entry *entry = (void *)record;
	u64 listed = entry->record_bytes;

	if (listed < reclen || listed & 7 || listed > (u64)(end - record))
		return NULL;
	entry->record_bytes = (u16)reclen;
	memmove(record + reclen, record + listed, (u64)(end - record) - listed);
	return end - (listed - reclen);
}

#define PLAIN_NAME_MAX	 16u
#define PLAIN_RECORD_MAX (ALIGN_UP(BANOS_DIRECTORY_NAME + PLAIN_NAME_MAX, 8u))

/*
 * The loop of pass_in_place() for what most records are: as short as their names allow, which have 8 to 16 bytes. Few
 * variables, so that each has a register.
 * @param pos  behind the last one that was passed on, written
 * @return where another one is met
 */
static __noinline u8 *pass_plain(u8 *record, const u8 *end, u64 *pos)
{
	u64 last_pos = *pos;

	while ((u64)(end - record) >= PLAIN_RECORD_MAX) {
		struct banos_directory_entry *entry = (void *)record;
		u64 length = entry->name_bytes, next = entry->cookie + POS_COOKIES;
		u64 reclen = ALIGN_UP(BANOS_DIRECTORY_NAME + length, 8ull), first, last;

		if (length - 8 > PLAIN_NAME_MAX - 8 || entry->record_bytes != reclen ||
		    (s64)next <= POS_COOKIES)
			break;
		first = *(const name_word *)(record + BANOS_DIRECTORY_NAME);
		last = *(const name_word *)(record + BANOS_DIRECTORY_NAME + length - 8);
		if (name_ends(first) | name_ends(last))
			break;
		*(name_word *)(record + reclen - 8) = 0;
		*(name_word *)(record + BANOS_DIRECTORY_NAME - 1) = first;
		*(name_word *)(record + BANOS_DIRECTORY_NAME - 1 + length - 8) = last;
		last_pos = entry->cookie = next;
		record += reclen;
	}
	*pos = last_pos;
	return record;
}

/* What was listed lies at context->next. @return 1; -EUCLEAN: one is wrong, and those before it are passed on */
static __noinline int pass_in_place(struct dir_context *context, u64 bytes, u32 name_max)
{
	u8 *record = context->next, *end = record + bytes;
	u64 pos = context->pos, reclen;

	for (; record < end; record += reclen) {
		struct banos_directory_entry *entry;
		u64 length, next;

		if (name_max >= PLAIN_NAME_MAX)
			record = pass_plain(record, end, &pos);
		entry = (void *)record;
		if (end - record < (s64)sizeof(*entry))
			break;
		length = entry->name_bytes;
		reclen = ALIGN_UP(BANOS_DIRECTORY_NAME + length, 8ull);
		if (unlikely(entry->record_bytes != reclen)) {
			u8 *nearer = record_shorten(record, reclen, end);

			if (!nearer)
				break;
			end = nearer;
		}
		next = entry->cookie + POS_COOKIES;
		if (reclen > (u64)(end - record) || length > name_max || (s64)next <= POS_COOKIES)
			break;
		if (name_in_place(record, length, reclen))
			break;
		pos = entry->cookie = next;
	}
	context->pos = pos;
	context->next = record;
	if (record < end)
		return -EUCLEAN;
	return 1;
}

/* As much as the reader has room for: records have about the size of its own. */
static int list_in_place(struct file *f, struct dir_context *context)
{
	u32 size = (u32)(context->end - context->next) & ~7u;
	struct driven_super *super = driven_of(f->inode->sb);
	s64 got = driven_ask(super, readdir, node_number(f->inode), context->pos - POS_COOKIES,
			     context->next, size);
	int more;

	if (got <= 0)
		return got;
	if (got > size)
		return -EUCLEAN;
	more = pass_in_place(context, got, super->info.name_max);
	if (more < 0)
		driven_damaged(super, "a folder lists impossible names");
	return more;
}

/* The reader has less room than a driver is asked to fill. */
static __cold int list_apart(struct file *f, struct dir_context *context)
{
	u8 *buf = kmalloc(READ_MIN + sizeof(u64));
	struct dir_context own = { .pos = context->pos, .next = buf, .end = buf + READ_MIN };
	const struct user_dirent64 *record = (const void *)buf;
	int more;

	if (!buf)
		return -ENOMEM;
	more = list_in_place(f, &own);
	while ((const u8 *)record < own.next && !context->full) {
		if (record->d_reclen > context->end - context->next) {
			context->full = true;
			break;
		}
		memcpy(context->next, record, record->d_reclen);
		context->next += record->d_reclen;
		context->pos = (u64)record->d_off;
		record = (const void *)((const u8 *)record + record->d_reclen);
	}
	kfree(buf);
	return more;
}

static int driven_readdir(struct file *f, struct dir_context *context)
{
	const u8 *before;
	int more = 1;

	if (context->pos == 0 && !dir_fill(context, 0, ".", 1, f->inode->ino, DT_DIR))
		return 0;
	if (context->pos == 1 &&
	    !dir_fill(context, 1, "..", 2, f->path.dentry->parent->inode->ino, DT_DIR))
		return 0;
	before = context->next;
	if (context->end - context->next < READ_MIN)
		more = list_apart(f, context);
	while (more > 0 && context->end - context->next >= READ_MIN)
		more = list_in_place(f, context);
	if (more < 0 && context->next == before)
		return more;
	file_accessed(f);
	return 0;
}

const struct inode_ops driven_dir_iops = {
	.lookup = driven_lookup,
	.tmpfile = driven_tmpfile,
	.create = driven_create,
	.mknod = driven_mknod,
	.mkdir = driven_mkdir,
	.symlink = driven_symlink,
	.link = driven_link,
	.unlink = driven_unlink,
	.rmdir = driven_rmdir,
	.rename = driven_rename,
	.setattr = driven_setattr,
	DRIVEN_XATTRS,
};

/* Folders are synced with all of the file system: sync.c does that where there is no fsync(). */
const struct file_ops driven_dir_fops = { .readdir = driven_readdir };
