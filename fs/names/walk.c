// SPDX-License-Identifier: MIT
/*
 * Path walking: from text to {mount, dentry}.
 *
 * Every walk is first tried fast: inside rcu_read_lock(), with no reference and
 * no lock taken and nothing written, through the dentry cache. At the end
 * tree_seq shows whether names or mounts changed meanwhile. A fast walk ends with
 * -ECHILD at a name that is not cached, at a magic link, where only the file system
 * can decide on rights, or after a change. The path is then walked again slowly:
 * each step's result is referenced, and the file system is asked under the
 * directory's lock.
 *
 * Both ways share walk_text(), the loop over components; they differ in how a
 * step is made (step_fast(), step_slow()).
 *
 * Symbolic links: the link's text is walked like the path's own. The rest of the
 * text around it waits on a stack, and the owner of that text is referenced (not
 * in fast walks, where RCU keeps it). One walk follows at most 40 links.
 *
 * Reading fs->root and fs->cwd: fs->seq is odd while they change, under fs->lock.
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

static void text_release(struct walk_text *text)
{
	if (text->link.dentry)
		path_put(&text->link);
	kfree(text->buf);
	text->link = (struct path){ NULL, NULL };
	text->buf = NULL;
}

/* ---- where a walk begins ---- */

static void read_fs_path(struct fs_context *fs, const struct path *which, struct path *out)
{
	u32 seq;

	do {
		while ((seq = __atomic_load_n(&fs->seq, __ATOMIC_ACQUIRE)) & 1)
			cpu_relax();
		*out = *which;
		smp_rmb();
	} while (unlikely(READ_ONCE(fs->seq) != seq));
}

static void get_fs_path(struct fs_context *fs, const struct path *which, struct path *out)
{
	spin_lock(&fs->lock);
	*out = *which;
	path_get(out);
	spin_unlock(&fs->lock);
}

/* Set w->path to where the text begins. @return 0, -EBADF */
static int walk_start(struct walk *walk, int dirfd, const char *name)
{
	struct fs_context *fs = current->fs;

	walk->inode = NULL;
	walk->root.dentry = NULL;
	walk->root.mnt = NULL;
	walk->path = walk->root;
	walk->root_held = walk->slash = false;
	walk->last_kind = LAST_ROOT;
	walk->nr_links = walk->depth = 0;
	walk->base = (struct fd_ref){ NULL, false };
	walk->text.link.dentry = NULL;
	walk->text.buf = NULL;
	if (unlikely(!fs)) { /* kernel threads: the first mount */
		walk->path = (struct path){ mount_root, mount_root->root };
		if (!walk->rcu)
			path_get(&walk->path);
		return 0;
	}
	if (name[0] == '/' || dirfd == AT_FDCWD) {
		const struct path *from = name[0] == '/' ? &fs->root : &fs->cwd;

		if (walk->rcu)
			read_fs_path(fs, from, &walk->path);
		else
			get_fs_path(fs, from, &walk->path);
		return 0;
	}
	walk->base = fd_get_path(dirfd);
	if (!walk->base.file)
		return -EBADF;
	walk->path = walk->base.file->path;
	if (!walk->rcu)
		path_get(&walk->path);
	return 0;
}

static void set_root(struct walk *walk)
{
	struct fs_context *fs = current->fs;

	if (walk->root.dentry)
		return;
	if (!fs) {
		walk->root = (struct path){ mount_root, mount_root->root };
		if (!walk->rcu)
			path_get(&walk->root);
	} else if (walk->rcu) {
		read_fs_path(fs, &fs->root, &walk->root);
	} else {
		get_fs_path(fs, &fs->root, &walk->root);
	}
	walk->root_held = !walk->rcu;
}

/* ---- up and down the tree ---- */

/* Onto what is mounted here. Under rcu_read_lock(). @return 0 or -ECHILD */
static int cross_mounts_fast(struct walk *walk)
{
	while (unlikely(walk->path.dentry->flags & DENTRY_MOUNTED)) {
		struct mount *mount = mount_find_rcu(walk->path.mnt, walk->path.dentry);

		if (!mount)
			break;
		if (READ_ONCE(mount->flags) & MNT_FROZEN)
			return -ECHILD;
		walk->path.mnt = mount;
		walk->path.dentry = mount->root;
	}
	return 0;
}

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

/* One level up from {mnt, dentry}, not above the root. Under rcu_read_lock() or tree_lock. */
static struct path parent_of(struct path path, const struct path *root)
{
	for (;;) {
		struct mount *up;

		if (path.dentry == root->dentry && path.mnt == root->mnt)
			return path;
		if (path.dentry != path.mnt->root) {
			path.dentry = READ_ONCE(path.dentry->parent);
			return path;
		}
		up = READ_ONCE(path.mnt->parent);
		if (up == path.mnt)
			return path;
		path.dentry = READ_ONCE(path.mnt->mountpoint);
		path.mnt = up;
	}
}

static int step_up(struct walk *walk)
{
	struct path old = walk->path;

	set_root(walk);
	if (walk->rcu) {
		walk->path = parent_of(walk->path, &walk->root);
		if (cross_mounts_fast(walk))
			return -ECHILD;
		walk->inode = READ_ONCE(walk->path.dentry->inode);
		if (!walk->inode)
			return -ECHILD;
		return 0;
	}
	spin_lock(&tree_lock);
	walk->path = parent_of(walk->path, &walk->root);
	path_get(&walk->path);
	spin_unlock(&tree_lock);
	path_put(&old);
	path_follow_mounts(&walk->path);
	walk->inode = walk->path.dentry->inode;
	return 0;
}

/* ---- one component ---- */

static int step_fast(struct walk *walk, const char *name, u64 key)
{
	struct dentry *d = dentry_find_rcu(walk->path.dentry, key, name);
	struct inode *inode;

	if (unlikely(!d))
		return -ECHILD;
	inode = rcu_dereference(d->inode);
	if (unlikely(!inode)) {
		if (!(READ_ONCE(d->flags) & DENTRY_USED))
			dentry_set_flag(d, DENTRY_USED);
		return -ENOENT;
	}
	walk->path.dentry = d;
	if (unlikely(cross_mounts_fast(walk)))
		return -ECHILD;
	if (unlikely(d != walk->path.dentry))
		inode = READ_ONCE(walk->path.dentry->inode);
	walk->inode = inode;
	return 0;
}

struct dentry *lookup_locked(struct dentry *dir, u64 key, const char *name)
{
	struct dentry *d = dentry_find(dir, key, name);
	int err;

	assert_held(&dir->inode->lock);
	if (d)
		return d;
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
	if (!(d->flags & DENTRY_NOCACHE))
		dentry_hash(d);
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
		if (d->parent == dir && dentry_key(d) == key && !(d->flags & DENTRY_UNHASHED))
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

/* The link's text; in buf if not the inode's own. */
static const char *read_link(struct walk *walk, struct inode *link, char **buf)
{
	const char *target = READ_ONCE(link->link);

	*buf = NULL;
	if (likely(target))
		return target;
	if (walk->rcu)
		return ERR_PTR(-ECHILD);
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

/*
 * w->path is a link; @p dir is where it lies (the caller's reference in slow
 * walks). Continue with its text: *name is what is left of the present one.
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
		if (walk->rcu)
			return -ECHILD;
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
	if (!*text) {
		kfree(buf);
		return -ENOENT;
	}
	/* A text that is used up need not wait. */
	if (**name) {
		walk->stack[walk->depth] = walk->text;
		walk->stack[walk->depth++].rest = *name;
	} else if (!walk->rcu) {
		text_release(&walk->text);
	}
	if (walk->rcu)
		walk->text.link = (struct path){ NULL, NULL };
	else
		walk->text.link = link;
	walk->text.buf = buf;
	if (*text == '/') {
		set_root(walk);
		dir = walk->root;
	}
	walk->path = dir;
	if (!walk->rcu)
		path_get(&walk->path);
	walk->inode = walk->path.dentry->inode;
	*name = text;
	return 0;
}

/* ---- the loop ---- */

static int may_search(struct walk *walk)
{
	struct inode *inode = walk->inode;

	if (unlikely(!inode)) {
		if (walk->rcu)
			return -ECHILD;
		return -ENOENT;
	}
	if (unlikely(!S_ISDIR(inode->mode)))
		return -ENOTDIR;
	if (unlikely(walk->rcu && inode->ops->permission))
		return -ECHILD;
	return inode_permission(inode, MAY_EXEC);
}

/* A component that is a name: step onto it, and through it if it is a link to be followed. */
static int walk_name(struct walk *walk, const char **rest, const char *name, u64 key, bool last)
{
	struct path dir = walk->path;
	bool follow;
	int err;

	if (unlikely(name_key_len(key) > NAME_MAX))
		return -ENAMETOOLONG;
	if (!walk->rcu)
		path_get(&dir); /* a link is relative to it */
	if (walk->rcu)
		err = step_fast(walk, name, key);
	else
		err = step_slow(walk, name, key);
	if (!err && unlikely(S_ISLNK(walk->inode->mode))) {
		follow = !last || walk->slash || walk->flags & LOOKUP_FOLLOW;
		if (follow)
			err = follow_link(walk, dir, rest);
	}
	if (!walk->rcu)
		path_put(&dir);
	return err;
}

/* Continue with the rest of the text around this one. @return false: none is left */
static bool pop_text(struct walk *walk, const char **name)
{
	if (!walk->depth)
		return false;
	if (!walk->rcu)
		text_release(&walk->text);
	walk->text = walk->stack[--walk->depth];
	*name = walk->text.rest;
	return true;
}

static int walk_text(struct walk *walk, const char *name)
{
	int err;

	for (;;) {
		const char *end, *rest;
		enum name_kind kind;
		u64 key;
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
		end = name_scan(name, &key);
		for (rest = end; *rest == '/'; rest++)
			;
		last = !*rest && !walk->depth;
		kind = name_kind(name, name_key_len(key));
		if (last) {
			walk->slash |= rest != end;
			if (walk->flags & LOOKUP_PARENT) {
				walk->last = name;
				walk->last_key = key;
				walk->last_kind = (u8)kind;
				return 0;
			}
		}
		if (likely(kind == NAME_NORMAL))
			err = walk_name(walk, &rest, name, key, last);
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
	if (unlikely(!walk->inode)) {
		if (walk->rcu)
			return -ECHILD;
		return -ENOENT;
	}
	if (unlikely(walk->rcu && walk->inode->ops && walk->inode->ops->getattr))
		return -ECHILD; /* may look at what only a reference keeps */
	if ((walk->slash || walk->flags & LOOKUP_DIRECTORY) && !S_ISDIR(walk->inode->mode))
		return -ENOTDIR;
	return 0;
}

int walk_fast(struct walk *walk, int dirfd, const char *name, u32 flags)
{
	int err;

	walk->rcu = true;
	walk->flags = flags;
	rcu_read_lock();
	walk->seq = tree_read_begin();
	if (unlikely(walk->seq & 1)) { /* nothing of w is set yet: nothing to clean up */
		rcu_read_unlock();
		return -ECHILD;
	}
	err = walk_start(walk, dirfd, name);
	if (!err) {
		walk->inode = READ_ONCE(walk->path.dentry->inode);
		err = walk_text(walk, name);
	}
	if (!err)
		err = check_end(walk);
	if (!err)
		return 0;
	if (err != -ECHILD && !tree_read_valid(walk->seq))
		err = -ECHILD;
	rcu_read_unlock();
	fd_put(walk->base);
	return err;
}

int walk_fast_end(struct walk *walk)
{
	bool valid = tree_read_valid(walk->seq);

	rcu_read_unlock();
	fd_put(walk->base);
	if (!valid)
		return -ECHILD;
	return 0;
}

int walk_fast_keep(struct walk *walk)
{
	bool got, valid;

	/* One in no tree may lose its last user now; walk_slow() counts it while it is held. */
	if (unlikely(READ_ONCE(walk->path.mnt->flags) & MNT_DETACHED))
		got = false;
	else
		got = dentry_get_rcu(walk->path.dentry);
	if (got)
		mount_get(walk->path.mnt);
	valid = got && tree_read_valid(walk->seq) &&
		READ_ONCE(walk->path.dentry->inode) == walk->inode;
	if (got && !valid)
		mount_put(walk->path.mnt); /* not the last: finish_detach() waits for us */
	rcu_read_unlock();
	if (got && !valid)
		dentry_put(walk->path.dentry); /* dentry_forget_tree() waits for it */
	fd_put(walk->base);
	walk->base = (struct fd_ref){ NULL, false };
	if (!valid)
		return -ECHILD;
	walk->rcu = false;
	walk->root.dentry = NULL;
	/* In an RCU walk the texts of links were not held; those of a LOOKUP_PARENT walk are looked at again. */
	return 0;
}

int walk_slow(struct walk *walk, int dirfd, const char *name, u32 flags)
{
	int err;

	walk->rcu = false;
	walk->flags = flags;
	err = walk_start(walk, dirfd, name);
	if (!err) {
		walk->inode = walk->path.dentry->inode;
		err = walk_text(walk, name);
	}
	if (!err)
		err = check_end(walk);
	if (err)
		walk_end(walk);
	return err;
}

int walk_path(struct walk *walk, int dirfd, const char *name, u32 flags)
{
	int err = walk_fast(walk, dirfd, name, flags);

	/* The last component must not be in the text of a link that is not referenced. */
	if (!err && flags & LOOKUP_PARENT && walk->nr_links) {
		walk_fast_end(walk);
		err = -ECHILD;
	} else if (!err) {
		err = walk_fast_keep(walk);
	}
	if (err == -ECHILD)
		return walk_slow(walk, dirfd, name, flags);
	return err;
}

void walk_end(struct walk *walk)
{
	path_put(&walk->path);
	if (walk->root_held)
		path_put(&walk->root);
	text_release(&walk->text);
	while (walk->depth)
		text_release(&walk->stack[--walk->depth]);
	fd_put(walk->base);
}

int walk_follow_last(struct walk *walk, struct dentry *link)
{
	struct path dir = walk->path;
	const char *rest = "";
	int err;

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
