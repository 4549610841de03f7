// SPDX-License-Identifier: MIT
/*
 * Path walking without references.
 *
 * A fast walk runs inside rcu_read_lock(), takes no reference and no lock, and writes
 * nothing but the struct walk: through the dentry cache, from name to name. At the
 * end tree_seq shows whether names or mounts changed meanwhile. It ends with -ECHILD
 * at a name that is not cached, at a magic link, where only the file system can
 * decide on rights, or after a change; walk.c then walks the path again.
 *
 * Each byte of the text is looked at once: the word that is searched for the end of
 * the name is mixed into its hash, and compared with the dentry's.
 *
 * Symbolic links: the link's text is walked like the path's own, and RCU keeps it. The
 * rest of the text around it waits on a small stack.
 *
 * Reading fs->root and fs->cwd: fs->seq is odd while they change, under fs->lock.
 */
#include <kernel/cred.h>
#include <kernel/err.h>
#include <kernel/fs/context.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/name.h>
#include <kernel/fs/path.h>
#include <kernel/fs/walk.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include "dcache.h"
#include "mount_tree.h"
#include "walk_parts.h"

static inline const char *skip_slashes(const char *text)
{
	while (*text == '/')
		text++;
	return text;
}

/* ---- where a walk begins ---- */

static inline void read_fs_path(struct fs_context *fs, const struct path *which, struct path *out)
{
	u32 seq;

	do {
		while ((seq = __atomic_load_n(&fs->seq, __ATOMIC_ACQUIRE)) & 1)
			cpu_relax();
		*out = *which;
		smp_rmb();
	} while (unlikely(READ_ONCE(fs->seq) != seq));
}

static void read_fs_root(struct path *out)
{
	struct fs_context *fs = current->fs;

	if (likely(fs != NULL))
		read_fs_path(fs, &fs->root, out);
	else /* kernel threads: the first mount */
		*out = (struct path){ mount_root, mount_root->root };
}

/* Set walk->path to where the text begins. @return 0, -EBADF */
static inline int fast_start(struct walk *walk, int dirfd, const char *name)
{
	struct fs_context *fs = current->fs;

	walk->slash = false;
	walk->last_kind = LAST_ROOT;
	walk->made_used = false;
	walk->nr_links = walk->depth = 0;
	walk->base = (struct fd_ref){ NULL, false };
	if (name[0] == '/' || unlikely(!fs)) {
		read_fs_root(&walk->path);
	} else if (likely(dirfd == AT_FDCWD)) {
		read_fs_path(fs, &fs->cwd, &walk->path);
	} else {
		walk->base = fd_get_path(dirfd);
		if (!walk->base.file)
			return -EBADF;
		walk->path = walk->base.file->path;
	}
	walk->inode = READ_ONCE(walk->path.dentry->inode);
	if (unlikely(!walk->inode))
		return -ECHILD;
	return 0;
}

/* ---- steps that are seldom made; each sets walk->path and walk->inode ---- */

/*
 * walk->path is a mount point, or a name that may have ended by itself. Onto what is
 * mounted on it. @return 0, -ECHILD
 */
static __noinline int cross_mounts_fast(struct walk *walk)
{
	struct dentry *d = walk->path.dentry;

	if (d->flags & DENTRY_REVALIDATE && d->sb->ops->revalidate(walk->inode, false))
		return -ECHILD;
	while (walk->path.dentry->flags & DENTRY_MOUNTED) {
		struct mount *mount = mount_find_rcu(walk->path.mnt, walk->path.dentry);

		if (!mount)
			break;
		if (READ_ONCE(mount->flags) & MNT_FROZEN)
			return -ECHILD;
		walk->path.mnt = mount;
		walk->path.dentry = mount->root;
	}
	walk->inode = READ_ONCE(walk->path.dentry->inode);
	if (unlikely(!walk->inode))
		return -ECHILD;
	return 0;
}

static int step_up_fast(struct walk *walk)
{
	struct path root;

	read_fs_root(&root);
	walk->path = walk_parent_of(walk->path, &root);
	return cross_mounts_fast(walk);
}

/* Of a link that has no text of its own. */
static __noinline const char *make_text_fast(struct walk *walk, struct inode *link)
{
	const char *text = walk_make_text(walk, link);

	if (!text)
		return ERR_PTR(-ECHILD);
	return text;
}

/*
 * @p link lies in walk->path. @p rest is what is left of the present text.
 * @return the link's text, to continue with; or ERR_PTR(-ECHILD, -ELOOP, -ENOENT)
 */
static __noinline const char *follow_link_fast(struct walk *walk, struct inode *link,
					       const char *rest)
{
	const char *text = READ_ONCE(link->link);

	if (unlikely(!text))
		text = make_text_fast(walk, link);
	if (++walk->nr_links > WALK_LINKS_MAX || walk->path.mnt->flags & MNT_NOSYMFOLLOW)
		return ERR_PTR(-ELOOP);
	if (IS_ERR(text))
		return text;
	if (!*text)
		return ERR_PTR(-ENOENT);
	if (*rest) { /* a text that is used up need not wait */
		if (walk->depth == WALK_LINKS_FEW)
			return ERR_PTR(-ECHILD);
		walk->few[walk->depth++].rest = rest;
	}
	if (*text == '/')
		read_fs_root(&walk->path);
	walk->inode = READ_ONCE(walk->path.dentry->inode);
	if (unlikely(!walk->inode))
		return ERR_PTR(-ECHILD);
	return skip_slashes(text);
}

/* The name is known not to exist. */
static __noinline const char *step_negative(struct dentry *d)
{
	if (!(READ_ONCE(d->flags) & DENTRY_USED))
		dentry_set_flag(d, DENTRY_USED);
	return ERR_PTR(-ENOENT);
}

/* Where not all may search. */
static __noinline int may_search_fast(struct inode *inode)
{
	mode_t mode = inode->mode;

	if (unlikely(!S_ISDIR(mode)))
		return -ENOTDIR;
	if (unlikely(inode->ops->permission))
		return -ECHILD;
	if (likely(mode & S_IXUSR && current_cred()->fsuid == inode->uid))
		return 0;
	return inode_permission(inode, MAY_EXEC);
}

/* ---- the loop ---- */

/* A directory that everyone may search, by its mode alone. */
static inline bool all_may_search(const struct inode *inode)
{
	return (inode->mode & (S_IFMT | S_IXUGO)) == (S_IFDIR | S_IXUGO) && !inode->ops->permission;
}

/*
 * Onto a name in walk->path, and through it if it is a link to be followed.
 * @param rest	the text behind it
 * @return the text to continue with, or ERR_PTR
 */
static inline const char *step_fast(struct walk *walk, const char *name,
				    const struct name_part *part, const char *rest)
{
	struct dentry *d = dentry_find_part(walk->path.dentry, name, part->key, part->tail);
	struct inode *inode;

	if (unlikely(!d))
		return ERR_PTR(-ECHILD);
	inode = rcu_dereference(d->inode);
	if (unlikely(!inode))
		return step_negative(d);
	if (unlikely(S_ISLNK(inode->mode)) &&
	    (*rest || walk->depth || walk->slash || walk->flags & LOOKUP_FOLLOW)) {
		if (d->flags & DENTRY_MOUNTED)
			return ERR_PTR(-ECHILD);
		return follow_link_fast(walk, inode, rest);
	}
	walk->path.dentry = d;
	walk->inode = inode;
	if (unlikely(d->flags & (DENTRY_MOUNTED | DENTRY_REVALIDATE)) && cross_mounts_fast(walk))
		return ERR_PTR(-ECHILD);
	return rest;
}

/* "..", or "." where a walk stays. @return 0, -ECHILD, or -ENOENT: it is a name */
static __noinline int step_dots(struct walk *walk, const char *name, u32 len)
{
	enum name_kind kind = name_kind(name, len);

	if (kind == NAME_DOTDOT)
		return step_up_fast(walk);
	if (kind == NAME_NORMAL)
		return -ENOENT;
	return 0;
}

static int walk_text_fast(struct walk *walk, const char *name)
{
	for (name = skip_slashes(name);;) {
		struct name_part part;
		const char *rest;
		int err;

		if (unlikely(!*name)) {
			if (likely(!walk->depth))
				return 0;
			name = walk->few[--walk->depth].rest;
			continue;
		}
		if (unlikely(!all_may_search(walk->inode))) {
			err = may_search_fast(walk->inode);
			if (err)
				return err;
		}
		part = name_scan_inline(name);
		rest = part.end;
		if (*rest)
			rest = skip_slashes(rest + 1);
		if (!*rest && likely(!walk->depth)) {
			walk->slash |= rest != part.end;
			if (walk->flags & LOOKUP_PARENT) {
				walk->last = name;
				walk->last_key = part.key;
				walk->last_kind = (u8)name_kind(name, name_key_len(part.key));
				return 0;
			}
		}
		err = -ENOENT;
		if (unlikely(*name == '.'))
			err = step_dots(walk, name, name_key_len(part.key));
		if (likely(err == -ENOENT)) {
			name = step_fast(walk, name, &part, rest);
			if (IS_ERR(name))
				return PTR_ERR(name);
			continue;
		}
		if (err)
			return err;
		name = rest;
	}
}

/* After the last component. */
static inline int check_end_fast(const struct walk *walk)
{
	if (walk->flags & LOOKUP_PARENT)
		return 0;
	if (unlikely(walk->inode->ops && walk->inode->ops->getattr))
		return -ECHILD; /* may look at what only a reference keeps */
	if ((walk->slash || walk->flags & LOOKUP_DIRECTORY) && !S_ISDIR(walk->inode->mode))
		return -ENOTDIR;
	return 0;
}

int walk_fast(struct walk *walk, int dirfd, const char *name, u32 flags)
{
	int err;

	walk->flags = flags;
	rcu_read_lock();
	walk->seq = tree_read_begin();
	if (unlikely(walk->seq & 1)) { /* nothing of the walk is set yet: nothing to clean up */
		rcu_read_unlock();
		return -ECHILD;
	}
	err = fast_start(walk, dirfd, name);
	if (!err)
		err = walk_text_fast(walk, name);
	if (!err)
		err = check_end_fast(walk);
	if (!err)
		return 0;
	if (err != -ECHILD && !tree_read_valid(walk->seq))
		err = -ECHILD;
	rcu_read_unlock();
	fd_put(walk->base);
	return err;
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
	if (!valid)
		return -ECHILD;
	/* The texts of links were not held; the last component is in the path's own text. */
	walk->slow = false;
	return 0;
}
