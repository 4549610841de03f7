// SPDX-License-Identifier: MIT
/*
 * Path walking with references: from text to {mount, dentry}.
 *
 * Every walk is first tried fast (walk_fast.c). What that cannot do is done here:
 * each step's result is referenced, and the file system is asked under the
 * directory's lock.
 *
 * Symbolic links: the link's text is walked like the path's own. The rest of the
 * text around it waits on a stack, and the owner of that text is referenced. One walk
 * follows at most 40 links.
 */
#include <kernel/cred.h>
#include <kernel/fs/context.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/name.h>
#include <kernel/fs/path.h>
#include <kernel/fs/walk.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include "dcache.h"
#include "mount_tree.h"
#include "walk_parts.h"

static void text_release(struct walk_text *text)
{
	if (text->link.dentry)
		path_put(&text->link);
	kfree(text->buf);
	text->link = (struct path){ NULL, NULL };
	text->buf = NULL;
}

/* ---- where a walk begins ---- */

static void get_fs_path(struct fs_context *fs, const struct path *which, struct path *out)
{
	spin_lock(&fs->lock);
	*out = *which;
	path_get(out);
	spin_unlock(&fs->lock);
}

/* Nothing but path is held, as after a fast walk. */
static void hold_nothing(struct walk *walk)
{
	walk->slow = true;
	walk->made_used = false;
	walk->root = (struct path){ NULL, NULL };
	walk->root_held = false;
	walk->depth = 0;
	walk->base = (struct fd_ref){ NULL, false };
	walk->text.link = walk->root;
	walk->text.buf = NULL;
	walk->stack = walk->few;
}

/* Set walk->path to where the text begins. @return 0, -EBADF */
static int walk_start(struct walk *walk, int dirfd, const char *name)
{
	struct fs_context *fs = current->fs;

	hold_nothing(walk);
	walk->path = walk->root;
	walk->slash = false;
	walk->last_kind = LAST_ROOT;
	walk->nr_links = 0;
	if (unlikely(!fs)) { /* kernel threads: the first mount */
		walk->path = (struct path){ mount_root, mount_root->root };
		path_get(&walk->path);
	} else if (name[0] == '/') {
		get_fs_path(fs, &fs->root, &walk->path);
	} else if (dirfd == AT_FDCWD) {
		get_fs_path(fs, &fs->cwd, &walk->path);
	} else {
		walk->base = fd_get_path(dirfd);
		if (!walk->base.file)
			return -EBADF;
		walk->path = walk->base.file->path;
		path_get(&walk->path);
	}
	walk->inode = walk->path.dentry->inode;
	return 0;
}

static void set_root(struct walk *walk)
{
	struct fs_context *fs = current->fs;

	if (walk->root.dentry)
		return;
	if (fs) {
		get_fs_path(fs, &fs->root, &walk->root);
	} else {
		walk->root = (struct path){ mount_root, mount_root->root };
		path_get(&walk->root);
	}
	walk->root_held = true;
}

/* ---- up and down the tree ---- */

void path_follow_mounts(struct path *path)
{
	while (path->dentry->flags & DENTRY_MOUNTED) {
		struct path next = { NULL, NULL };
		bool frozen = false;

		spin_lock(&tree_lock);
		next.mnt = mount_find_rcu(path->mnt, path->dentry);
		if (next.mnt) {
			frozen = next.mnt->flags & MNT_FROZEN;
			next.dentry = next.mnt->root;
			if (!frozen)
				path_get(&next);
		}
		spin_unlock(&tree_lock);
		if (!next.mnt)
			return;
		if (frozen) {
			mount_wait_frozen();
			continue;
		}
		path_put(path);
		*path = next;
	}
}

static int step_up(struct walk *walk)
{
	struct path old = walk->path;

	set_root(walk);
	spin_lock(&tree_lock);
	walk->path = walk_parent_of(walk->path, &walk->root);
	path_get(&walk->path);
	spin_unlock(&tree_lock);
	path_put(&old);
	path_follow_mounts(&walk->path);
	walk->inode = walk->path.dentry->inode;
	return 0;
}

/* ---- one component ---- */

struct dentry *lookup_locked(struct dentry *dir, u64 key, const char *name)
{
	struct dentry *d = dentry_find(dir, key, name);
	int err;

	assert_held(&dir->inode->lock);
	if (d && likely(dentry_is_valid(d)))
		return d;
	if (d) {
		dentry_invalidate(d);
		dentry_put(d);
	}
	if (dir->flags & DENTRY_UNHASHED && !(dir->flags & (DENTRY_ANON | DENTRY_NOCACHE)))
		return ERR_PTR(-ENOENT); /* removed */
	d = dentry_alloc(dir, key, name);
	if (!d)
		return ERR_PTR(-ENOMEM);
	if (!dir->inode->ops->lookup)
		err = -ENOTDIR;
	else
		err = dir->inode->ops->lookup(dir->inode, d);
	if (err) {
		dentry_put(d);
		return ERR_PTR(err);
	}
	if (!(d->flags & DENTRY_NOCACHE)) {
		dentry_hash(d);
		if (!dentry_is_valid(d)) /* ended before it could be found in the hash */
			dentry_unhash(d);
	} else if (d->inode) {
		struct dentry *twin = dentry_find_twin(d);

		if (twin) {
			dentry_put(d);
			d = twin;
		}
	}
	return d;
}

/* As lookup_locked(), taking the lock when the name is not in the cache. */
static struct dentry *lookup_one(struct dentry *dir, u64 key, const char *name)
{
	struct dentry *d;
	bool found;

	rcu_read_lock();
	d = dentry_find_rcu(dir, key, name);
	found = d && dentry_get_rcu(d);
	rcu_read_unlock();
	if (found) {
		/* a rename may have led it away */
		if (d->parent == dir && dentry_key(d) == key && !(d->flags & DENTRY_UNHASHED) &&
		    dentry_is_valid(d))
			return d;
		dentry_put(d);
	}
	mutex_lock(&dir->inode->lock);
	d = lookup_locked(dir, key, name);
	mutex_unlock(&dir->inode->lock);
	return d;
}

static int step_slow(struct walk *walk, const char *name, u64 key)
{
	struct dentry *d = lookup_one(walk->path.dentry, key, name);

	if (IS_ERR(d))
		return PTR_ERR(d);
	if (!READ_ONCE(d->inode)) {
		dentry_put(d);
		return -ENOENT;
	}
	dentry_put(walk->path.dentry);
	walk->path.dentry = d;
	path_follow_mounts(&walk->path);
	walk->inode = walk->path.dentry->inode;
	return 0;
}

/* ---- symbolic links ---- */

/* The link's text; in walk->made, or in buf, if not the inode's own. */
static const char *read_link(struct walk *walk, struct inode *link, char **buf)
{
	const char *target = READ_ONCE(link->link);

	*buf = NULL;
	if (likely(target))
		return target;
	target = walk_make_text(walk, link);
	if (target)
		return target;
	if (!link->ops->readlink)
		return ERR_PTR(-EINVAL);
	*buf = kmalloc(PATH_MAX + NAME_SLACK);
	if (!*buf)
		return ERR_PTR(-ENOMEM);
	target = link->ops->readlink(link, *buf);
	if (IS_ERR(target) || target != *buf) { /* slack is ours to provide */
		size_t length = 0;

		if (!IS_ERR(target))
			length = strnlen(target, PATH_MAX - 1);

		if (IS_ERR(target)) {
			kfree(*buf);
			*buf = NULL;
			return target;
		}
		memmove(*buf, target, length);
		(*buf)[length] = '\0';
	}
	return *buf;
}

/* Let the present text wait until the link's is used up. @return 0, -ENOMEM */
static int push_text(struct walk *walk, const char *rest)
{
	struct walk_text *more;

	if (unlikely(walk->depth == WALK_LINKS_FEW && walk->stack == walk->few)) {
		more = kmalloc(WALK_LINKS_MAX * sizeof(*more));
		if (!more)
			return -ENOMEM;
		memcpy(more, walk->few, sizeof(walk->few));
		walk->stack = more;
	}
	walk->text.rest = rest;
	walk->stack[walk->depth++] = walk->text;
	return 0;
}

/*
 * walk->path is a link; @p dir is where it lies (the caller's reference). Continue
 * with its text: *name is what is left of the present one.
 */
static int follow_link(struct walk *walk, struct path dir, const char **name)
{
	struct path link = walk->path;
	struct inode *inode = walk->inode;
	const char *text;
	char *buf;
	int err = 0;

	if (++walk->nr_links > WALK_LINKS_MAX || link.mnt->flags & MNT_NOSYMFOLLOW)
		return -ELOOP;
	if (inode->ops->follow) { /* a magic one */
		err = inode->ops->follow(inode, &walk->path);
		if (err) {
			walk->path = link;
			return err;
		}
		path_put(&link);
		walk->inode = walk->path.dentry->inode;
		return 0;
	}
	text = read_link(walk, inode, &buf);
	if (IS_ERR(text))
		return PTR_ERR(text);
	if (!*text)
		err = -ENOENT;
	else if (**name) /* a text that is used up need not wait */
		err = push_text(walk, *name);
	else
		text_release(&walk->text);
	if (err) {
		kfree(buf);
		return err;
	}
	walk->text.link = link;
	walk->text.buf = buf;
	if (*text == '/') {
		set_root(walk);
		dir = walk->root;
	}
	walk->path = dir;
	path_get(&walk->path);
	walk->inode = walk->path.dentry->inode;
	*name = text;
	return 0;
}

/* ---- the loop ---- */

static int may_search(const struct walk *walk)
{
	if (unlikely(!walk->inode))
		return -ENOENT;
	if (unlikely(!S_ISDIR(walk->inode->mode)))
		return -ENOTDIR;
	return inode_permission(walk->inode, MAY_EXEC);
}

/* A component that is a name: step onto it, and through it if it is a link to be followed. */
static int walk_name(struct walk *walk, const char **rest, const char *name, u64 key, bool last)
{
	struct path dir = walk->path;
	int err;

	if (unlikely(name_key_len(key) > NAME_MAX))
		return -ENAMETOOLONG;
	path_get(&dir); /* a link is relative to it */
	err = step_slow(walk, name, key);
	if (!err && S_ISLNK(walk->inode->mode) &&
	    (!last || walk->slash || walk->flags & LOOKUP_FOLLOW))
		err = follow_link(walk, dir, rest);
	path_put(&dir);
	return err;
}

/* Continue with the rest of the text around this one. @return false: none is left */
static bool pop_text(struct walk *walk, const char **name)
{
	if (!walk->depth)
		return false;
	text_release(&walk->text);
	walk->text = walk->stack[--walk->depth];
	*name = walk->text.rest;
	return true;
}

static int walk_text(struct walk *walk, const char *name)
{
	int err;

	for (;;) {
		struct name_part part;
		enum name_kind kind;
		const char *rest;
		bool last;

		while (*name == '/')
			name++;
		if (!*name) {
			if (pop_text(walk, &name))
				continue;
			return 0;
		}
		err = may_search(walk);
		if (unlikely(err))
			return err;
		part = name_scan(name);
		for (rest = part.end; *rest == '/'; rest++)
			;
		last = !*rest && !walk->depth;
		kind = name_kind(name, name_key_len(part.key));
		if (last) {
			walk->slash |= rest != part.end;
			if (walk->flags & LOOKUP_PARENT) {
				walk->last = name;
				walk->last_key = part.key;
				walk->last_kind = (u8)kind;
				return 0;
			}
		}
		if (likely(kind == NAME_NORMAL))
			err = walk_name(walk, &rest, name, part.key, last);
		else {
			if (kind == NAME_DOTDOT)
				err = step_up(walk);
			else
				err = 0;
		}
		if (unlikely(err))
			return err;
		name = rest;
	}
}

/* After the last component. */
static int check_end(struct walk *walk)
{
	if (walk->flags & LOOKUP_PARENT)
		return 0;
	if (unlikely(!walk->inode))
		return -ENOENT;
	if ((walk->slash || walk->flags & LOOKUP_DIRECTORY) && !S_ISDIR(walk->inode->mode))
		return -ENOTDIR;
	return 0;
}

int walk_slow(struct walk *walk, int dirfd, const char *name, u32 flags)
{
	int err;

	walk->flags = flags;
	err = walk_start(walk, dirfd, name);
	if (!err)
		err = walk_text(walk, name);
	if (!err)
		err = check_end(walk);
	if (err)
		walk_end(walk);
	return err;
}

int walk_path(struct walk *walk, int dirfd, const char *name, u32 flags)
{
	int err = walk_fast(walk, dirfd, name, flags);

	if (!err)
		err = walk_fast_keep(walk);
	if (err == -ECHILD)
		return walk_slow(walk, dirfd, name, flags);
	return err;
}

void walk_end_slow(struct walk *walk)
{
	if (walk->root_held)
		path_put(&walk->root);
	text_release(&walk->text);
	while (walk->depth)
		text_release(&walk->stack[--walk->depth]);
	if (unlikely(walk->stack != walk->few))
		kfree(walk->stack);
	fd_put(walk->base);
}

int walk_follow_last(struct walk *walk, struct dentry *link)
{
	struct path dir = walk->path;
	const char *rest = "";
	int err;

	if (!walk->slow)
		hold_nothing(walk);
	walk->path.dentry = link; /* the caller's reference becomes the walk's */
	mount_get(walk->path.mnt);
	walk->inode = link->inode;
	walk->last_kind =
		LAST_ROOT; /* and stays so behind a magic link: there is no last component */
	err = follow_link(walk, dir, &rest);
	path_put(&dir);
	if (err)
		return err;
	return walk_text(walk, rest);
}

bool walk_beside(struct walk *walk, const struct walk *made, const char *made_text,
		 const char *text)
{
	size_t length = made->last - made_text;
	struct name_part part;
	const char *rest;

	if (made->last_kind != LAST_NORMAL || strncmp(text, made_text, length))
		return false;
	text += length;
	if (!*text || *text == '/')
		return false;
	part = name_scan(text);
	for (rest = part.end; *rest == '/'; rest++)
		;
	if (*rest || name_kind(text, name_key_len(part.key)) != NAME_NORMAL)
		return false;
	walk->path = made->path;
	walk->slash = rest != part.end;
	walk->last = text;
	walk->last_key = part.key;
	walk->last_kind = LAST_NORMAL;
	return true;
}
