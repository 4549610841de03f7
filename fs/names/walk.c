// SPDX-License-Identifier: MIT
/*
 * Path walking: from text to {mount, dentry}.
 *
 * Every walk is first tried fast: inside rcu_read_lock(), with no reference and
 * no lock taken and nothing written, through what the dentry cache has. In the
 * end tree_seq tells whether renames or mounts came in between. Whatever is not
 * so easy (not cached, magic links, rights that only the file system knows, a
 * change meanwhile) ends with -ECHILD and is walked again slowly, holding a
 * reference on each step's result and asking the file system under the
 * directory's lock.
 *
 * Both ways share walk_text(), the loop over components; they differ in how a
 * step is made (step_fast(), step_slow()).
 *
 * Symbolic links: the link's text is walked like the path's own. What is left of
 * the text around it waits on a stack; the text's owner is held meanwhile (fast
 * walks need not: RCU). At most 40 links in one walk, nested or not.
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

/* ---- text ---- */

int path_name_get(struct path_name *n, u64 user, u32 flags)
{
	s64 len = strncpy_from_user(n->buf, uaddr(user), sizeof(n->buf) - NAME_SLACK);

	n->text = n->buf;
	n->alloc = NULL;
	if (unlikely(len == -ENAMETOOLONG)) {
		n->text = n->alloc = kmalloc(PATH_MAX + NAME_SLACK);
		if (!n->alloc)
			return -ENOMEM;
		len = strncpy_from_user(n->alloc, uaddr(user), PATH_MAX);
	}
	if (likely(len > 0 || (!len && flags & LOOKUP_EMPTY)))
		return 0;
	path_name_put(n);
	return len ? len : -ENOENT;
}

int path_name_copy(struct path_name *n, const char *kernel)
{
	size_t len = strlen(kernel);

	n->text = n->buf;
	n->alloc = NULL;
	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	if (len > sizeof(n->buf) - 2 * NAME_SLACK) {
		n->text = n->alloc = kmalloc(PATH_MAX + NAME_SLACK);
		if (!n->alloc)
			return -ENOMEM;
	}
	name_store(n->text, kernel, len);
	return 0;
}

void path_name_put(struct path_name *n)
{
	if (unlikely(n->alloc))
		kfree(n->alloc);
}

static void text_release(struct walk_text *t)
{
	if (t->link.dentry)
		path_put(&t->link);
	kfree(t->buf);
	t->link = (struct path){ NULL, NULL };
	t->buf = NULL;
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
static int start(struct walk *w, int dirfd, const char *name)
{
	struct fs_context *fs = current->fs;

	w->inode = NULL;
	w->root.dentry = NULL;
	w->root.mnt = NULL;
	w->path = w->root;
	w->root_held = w->slash = false;
	w->last_kind = LAST_ROOT;
	w->nr_links = w->depth = 0;
	w->base = (struct fd_ref){ NULL, false };
	w->text.link.dentry = NULL;
	w->text.buf = NULL;
	if (unlikely(!fs)) { /* kernel threads: the first mount */
		w->path = (struct path){ mount_root, mount_root->root };
		if (!w->rcu)
			path_get(&w->path);
		return 0;
	}
	if (name[0] == '/' || dirfd == AT_FDCWD) {
		const struct path *from = name[0] == '/' ? &fs->root : &fs->cwd;

		if (w->rcu)
			read_fs_path(fs, from, &w->path);
		else
			get_fs_path(fs, from, &w->path);
		return 0;
	}
	w->base = fd_get_path(dirfd);
	if (!w->base.file)
		return -EBADF;
	w->path = w->base.file->path;
	if (!w->rcu)
		path_get(&w->path);
	return 0;
}

static void set_root(struct walk *w)
{
	struct fs_context *fs = current->fs;

	if (w->root.dentry)
		return;
	if (!fs) {
		w->root = (struct path){ mount_root, mount_root->root };
		if (!w->rcu)
			path_get(&w->root);
	} else if (w->rcu) {
		read_fs_path(fs, &fs->root, &w->root);
	} else {
		get_fs_path(fs, &fs->root, &w->root);
	}
	w->root_held = !w->rcu;
}

/* ---- up and down the tree ---- */

/* Onto what is mounted here. Under rcu_read_lock(). @return 0 or -ECHILD */
static int cross_mounts_fast(struct walk *w)
{
	while (unlikely(w->path.dentry->flags & DENTRY_MOUNTED)) {
		struct mount *m = mount_find_rcu(w->path.mnt, w->path.dentry);

		if (!m)
			break;
		if (READ_ONCE(m->flags) & MNT_FROZEN)
			return -ECHILD;
		w->path.mnt = m;
		w->path.dentry = m->root;
	}
	return 0;
}

void path_follow_mounts(struct path *p)
{
	while (p->dentry->flags & DENTRY_MOUNTED) {
		struct path next = { NULL, NULL };
		bool frozen = false;

		spin_lock(&tree_lock);
		next.mnt = mount_find_rcu(p->mnt, p->dentry);
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
		path_put(p);
		*p = next;
	}
}

/* One level up from {mnt, dentry}, not above the root. Under rcu_read_lock() or tree_lock. */
static struct path parent_of(struct path p, const struct path *root)
{
	for (;;) {
		struct mount *up;

		if (p.dentry == root->dentry && p.mnt == root->mnt)
			return p;
		if (p.dentry != p.mnt->root) {
			p.dentry = READ_ONCE(p.dentry->parent);
			return p;
		}
		up = READ_ONCE(p.mnt->parent);
		if (up == p.mnt)
			return p;
		p.dentry = READ_ONCE(p.mnt->mountpoint);
		p.mnt = up;
	}
}

static int step_up(struct walk *w)
{
	struct path old = w->path;

	set_root(w);
	if (w->rcu) {
		w->path = parent_of(w->path, &w->root);
		if (cross_mounts_fast(w))
			return -ECHILD;
		w->inode = READ_ONCE(w->path.dentry->inode);
		return w->inode ? 0 : -ECHILD;
	}
	spin_lock(&tree_lock);
	w->path = parent_of(w->path, &w->root);
	path_get(&w->path);
	spin_unlock(&tree_lock);
	path_put(&old);
	path_follow_mounts(&w->path);
	w->inode = w->path.dentry->inode;
	return 0;
}

/* ---- one component ---- */

static int step_fast(struct walk *w, const char *name, u64 key)
{
	struct dentry *d = dentry_find_rcu(w->path.dentry, key, name);
	struct inode *inode;

	if (unlikely(!d))
		return -ECHILD;
	inode = rcu_dereference(d->inode);
	if (unlikely(!inode)) {
		if (!(READ_ONCE(d->flags) & DENTRY_USED))
			dentry_set_flag(d, DENTRY_USED);
		return -ENOENT;
	}
	w->path.dentry = d;
	if (unlikely(cross_mounts_fast(w)))
		return -ECHILD;
	if (unlikely(d != w->path.dentry))
		inode = READ_ONCE(w->path.dentry->inode);
	w->inode = inode;
	return 0;
}

struct dentry *lookup_locked(struct dentry *dir, u64 key, const char *name)
{
	struct dentry *d = dentry_find(dir, key, name);
	int err;

	if (d)
		return d;
	if (dir->flags & DENTRY_UNHASHED && !(dir->flags & (DENTRY_ANON | DENTRY_NOCACHE)))
		return ERR_PTR(-ENOENT); /* removed */
	d = dentry_alloc(dir, key, name);
	if (!d)
		return ERR_PTR(-ENOMEM);
	err = dir->inode->ops->lookup ? dir->inode->ops->lookup(dir->inode, d) : -ENOTDIR;
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

static int step_slow(struct walk *w, const char *name, u64 key)
{
	struct dentry *d = lookup_one(w->path.dentry, key, name);

	if (IS_ERR(d))
		return PTR_ERR(d);
	if (!READ_ONCE(d->inode)) {
		dentry_put(d);
		return -ENOENT;
	}
	dentry_put(w->path.dentry);
	w->path.dentry = d;
	path_follow_mounts(&w->path);
	w->inode = w->path.dentry->inode;
	return 0;
}

/* ---- symbolic links ---- */

/* The link's text; in buf if not the inode's own. */
static const char *read_link(struct walk *w, struct inode *link, char **buf)
{
	const char *s = READ_ONCE(link->link);

	*buf = NULL;
	if (likely(s))
		return s;
	if (w->rcu)
		return ERR_PTR(-ECHILD);
	if (!link->ops->readlink)
		return ERR_PTR(-EINVAL);
	*buf = kmalloc(PATH_MAX + NAME_SLACK);
	if (!*buf)
		return ERR_PTR(-ENOMEM);
	s = link->ops->readlink(link, *buf);
	if (IS_ERR(s) || s != *buf) { /* slack is ours to provide */
		size_t n = IS_ERR(s) ? 0 : strnlen(s, PATH_MAX - 1);

		if (IS_ERR(s)) {
			kfree(*buf);
			*buf = NULL;
			return s;
		}
		memmove(*buf, s, n);
		(*buf)[n] = '\0';
	}
	return *buf;
}

/*
 * w->path is a link; @p dir is where it lies (the caller's reference in slow
 * walks). Continue with its text: *name is what is left of the present one.
 */
static int follow_link(struct walk *w, struct path dir, const char **name)
{
	struct path link = w->path;
	struct inode *inode = w->inode;
	const char *text;
	char *buf;
	int err = 0;

	if (++w->nr_links > WALK_LINKS_MAX || link.mnt->flags & MNT_NOSYMFOLLOW)
		return -ELOOP;
	if (inode->ops->follow) { /* a magic one */
		if (w->rcu)
			return -ECHILD;
		err = inode->ops->follow(inode, &w->path);
		if (err) {
			w->path = link;
			return err;
		}
		path_put(&link);
		w->inode = w->path.dentry->inode;
		return 0;
	}
	text = read_link(w, inode, &buf);
	if (IS_ERR(text))
		return PTR_ERR(text);
	if (!*text) {
		kfree(buf);
		return -ENOENT;
	}
	/* A text that is used up need not wait. */
	if (**name) {
		w->stack[w->depth] = w->text;
		w->stack[w->depth++].rest = *name;
	} else if (!w->rcu) {
		text_release(&w->text);
	}
	w->text.link = w->rcu ? (struct path){ NULL, NULL } : link;
	w->text.buf = buf;
	if (*text == '/') {
		set_root(w);
		dir = w->root;
	}
	w->path = dir;
	if (!w->rcu)
		path_get(&w->path);
	w->inode = w->path.dentry->inode;
	*name = text;
	return 0;
}

/* ---- the loop ---- */

static int may_search(struct walk *w)
{
	struct inode *i = w->inode;

	if (unlikely(!i))
		return w->rcu ? -ECHILD : -ENOENT;
	if (unlikely(!S_ISDIR(i->mode)))
		return -ENOTDIR;
	if (unlikely(w->rcu && i->ops->permission))
		return -ECHILD;
	return inode_permission(i, MAY_EXEC);
}

/* A component that is a name: step onto it, and through it if it is a link to be followed. */
static int walk_name(struct walk *w, const char **rest, const char *name, u64 key, bool last)
{
	struct path dir = w->path;
	bool follow;
	int err;

	if (unlikely(name_key_len(key) > NAME_MAX))
		return -ENAMETOOLONG;
	if (!w->rcu)
		path_get(&dir); /* a link is relative to it */
	err = w->rcu ? step_fast(w, name, key) : step_slow(w, name, key);
	if (!err && unlikely(S_ISLNK(w->inode->mode))) {
		follow = !last || w->slash || w->flags & LOOKUP_FOLLOW;
		if (follow)
			err = follow_link(w, dir, rest);
	}
	if (!w->rcu)
		path_put(&dir);
	return err;
}

/* What is left of the texts around this one. @return false: nothing */
static bool pop_text(struct walk *w, const char **name)
{
	if (!w->depth)
		return false;
	if (!w->rcu)
		text_release(&w->text);
	w->text = w->stack[--w->depth];
	*name = w->text.rest;
	return true;
}

static int walk_text(struct walk *w, const char *name)
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
			if (pop_text(w, &name))
				continue;
			return 0;
		}
		err = may_search(w);
		if (unlikely(err))
			return err;
		end = name_scan(name, &key);
		for (rest = end; *rest == '/'; rest++)
			;
		last = !*rest && !w->depth;
		kind = name_kind(name, name_key_len(key));
		if (last) {
			w->slash |= rest != end;
			if (w->flags & LOOKUP_PARENT) {
				w->last = name;
				w->last_key = key;
				w->last_kind = (u8)kind;
				return 0;
			}
		}
		if (likely(kind == NAME_NORMAL))
			err = walk_name(w, &rest, name, key, last);
		else
			err = kind == NAME_DOTDOT ? step_up(w) : 0;
		if (unlikely(err))
			return err;
		name = rest;
	}
}

/* After the last component. */
static int check_end(struct walk *w)
{
	if (w->flags & LOOKUP_PARENT)
		return 0;
	if (unlikely(!w->inode))
		return w->rcu ? -ECHILD : -ENOENT;
	if (unlikely(w->rcu && w->inode->ops && w->inode->ops->getattr))
		return -ECHILD; /* may look at what only a reference keeps */
	if ((w->slash || w->flags & LOOKUP_DIRECTORY) && !S_ISDIR(w->inode->mode))
		return -ENOTDIR;
	return 0;
}

int walk_fast(struct walk *w, int dirfd, const char *name, u32 flags)
{
	int err;

	w->rcu = true;
	w->flags = flags;
	rcu_read_lock();
	w->seq = tree_read_begin();
	if (unlikely(w->seq & 1)) { /* nothing of w is set yet: nothing to clean up */
		rcu_read_unlock();
		return -ECHILD;
	}
	err = start(w, dirfd, name);
	if (!err) {
		w->inode = READ_ONCE(w->path.dentry->inode);
		err = walk_text(w, name);
	}
	if (!err)
		err = check_end(w);
	if (!err)
		return 0;
	if (err != -ECHILD && !tree_read_valid(w->seq))
		err = -ECHILD;
	rcu_read_unlock();
	fd_put(w->base);
	return err;
}

int walk_fast_end(struct walk *w)
{
	bool valid = tree_read_valid(w->seq);

	rcu_read_unlock();
	fd_put(w->base);
	return valid ? 0 : -ECHILD;
}

int walk_fast_keep(struct walk *w)
{
	bool got = dentry_get_rcu(w->path.dentry), valid;

	if (got)
		mount_get(w->path.mnt);
	valid = got && tree_read_valid(w->seq) && READ_ONCE(w->path.dentry->inode) == w->inode;
	if (got && !valid)
		mount_put(w->path.mnt); /* not detached: that waits for us */
	rcu_read_unlock();
	if (got && !valid)
		dentry_put(w->path.dentry);
	fd_put(w->base);
	w->base = (struct fd_ref){ NULL, false };
	if (!valid)
		return -ECHILD;
	w->rcu = false;
	w->root.dentry = NULL;
	/* In an RCU walk the texts of links were not held; those of a LOOKUP_PARENT walk are looked at again. */
	return 0;
}

int walk_slow(struct walk *w, int dirfd, const char *name, u32 flags)
{
	int err;

	w->rcu = false;
	w->flags = flags;
	err = start(w, dirfd, name);
	if (!err) {
		w->inode = w->path.dentry->inode;
		err = walk_text(w, name);
	}
	if (!err)
		err = check_end(w);
	if (err)
		walk_end(w);
	return err;
}

int walk(struct walk *w, int dirfd, const char *name, u32 flags)
{
	int err = walk_fast(w, dirfd, name, flags);

	/* The last component must not be the text of a link that nobody holds. */
	if (!err && flags & LOOKUP_PARENT && w->nr_links) {
		walk_fast_end(w);
		err = -ECHILD;
	} else if (!err) {
		err = walk_fast_keep(w);
	}
	return err == -ECHILD ? walk_slow(w, dirfd, name, flags) : err;
}

void walk_end(struct walk *w)
{
	path_put(&w->path);
	if (w->root_held)
		path_put(&w->root);
	text_release(&w->text);
	while (w->depth)
		text_release(&w->stack[--w->depth]);
	fd_put(w->base);
}

int walk_follow_last(struct walk *w, struct dentry *link)
{
	struct path dir = w->path;
	const char *rest = "";
	int err;

	w->path.dentry = link; /* the caller's reference becomes the walk's */
	mount_get(w->path.mnt);
	w->inode = link->inode;
	w->last_kind = LAST_ROOT; /* and stays so behind a magic link: there is no last component */
	err = follow_link(w, dir, &rest);
	path_put(&dir);
	return err ? err : walk_text(w, rest);
}

/* ---- for others ---- */

int path_lookup(int dirfd, const char *path, u32 flags, struct path *out)
{
	struct path_name n;
	struct walk w;
	int err = path_name_copy(&n, path);

	if (err)
		return err;
	err = !*path && !(flags & LOOKUP_EMPTY) ? -ENOENT : walk(&w, dirfd, n.text, flags);
	if (!err) {
		*out = w.path;
		path_get(out);
		walk_end(&w);
	}
	path_name_put(&n);
	return err;
}

int user_path(int dirfd, u64 user, u32 flags, struct path *out)
{
	struct path_name n;
	struct walk w;
	int err = path_name_get(&n, user, flags);

	if (err)
		return err;
	err = walk(&w, dirfd, n.text, flags);
	if (!err) {
		*out = w.path;
		path_get(out);
		walk_end(&w);
	}
	path_name_put(&n);
	return err;
}
