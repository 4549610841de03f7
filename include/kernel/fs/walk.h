/* SPDX-License-Identifier: MIT */
/** @file walk.h  Path walking (fs/names/walk.c). */
#pragma once
#include <kernel/fs/fd_table.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/name.h>
#include <kernel/fs/path.h>
#include <kernel/heap.h>

struct dentry;
struct inode;

enum last_kind { LAST_NORMAL, LAST_DOT, LAST_DOTDOT, LAST_ROOT };

#define WALK_LINKS_MAX 40
#define WALK_LINKS_FEW 2

/* A string being walked that was read from a symbolic link, and the reference that keeps it. */
struct walk_text {
	const char *rest;
	struct path link;
	char *buf;
};

struct walk {
	struct path path;    /* where the walk is; counted but in fast walks */
	struct inode *inode; /* of path.dentry */
	struct path root;    /* counted once root_held; not used by fast walks */
	bool slow;	     /* more than path may be held: all below but last are set */
	bool root_held;
	bool slash;   /* the last component was followed by one */
	u8 last_kind; /* of the last component, for LOOKUP_PARENT */
	bool made_used;
	u32 seq;
	u32 flags; /* LOOKUP_* */
	u32 nr_links;
	u32 depth; /* strings waiting to be finished */
	struct fd_ref base;
	const char *last; /* LOOKUP_PARENT: last component, and its key */
	u64 last_key;
	struct walk_text text;		    /* the present string, if from a link */
	struct walk_text *stack;	    /* few, or more from the heap */
	char made[LINK_SHORT + NAME_SLACK]; /* the text of a link that is made; once made_used */
	struct walk_text few[WALK_LINKS_FEW];
};

/** A path from user space, in a buffer with slack. */
struct path_name {
	char *text;
	char *alloc;
	char buf[128];
};
/** @return 0, -EFAULT, -ENAMETOOLONG, -ENOENT when empty (unless @p flags has LOOKUP_EMPTY), -ENOMEM */
__must_check int path_name_get(struct path_name *name, u64 user, u32 flags);
__must_check int path_name_copy(struct path_name *name, const char *kernel);
static inline void path_name_put(struct path_name *name)
{
	if (unlikely(name->alloc))
		kfree(name->alloc);
}

/**
 * @brief Walk without taking references or sleeping.
 *
 * On 0 the caller is inside rcu_read_lock() with walk->path and walk->inode, and
 * ends with walk_fast_end() (fs/names/walk_parts.h) or walk_fast_keep().
 * @param name  has slack and stays until the end
 * @return 0; -ECHILD: use walk_slow(); other errors are final
 */
__must_check int walk_fast(struct walk *walk, int dirfd, const char *name, u32 flags);
/** @brief Turn a fast walk's result into references. @return 0 or -ECHILD */
__must_check int walk_fast_keep(struct walk *walk);
/** @brief Walk with references. On 0 end with walk_end(). */
__must_check int walk_slow(struct walk *walk, int dirfd, const char *name, u32 flags);
/** @brief Walk fast, then slowly if needed; on 0 references are held: walk_end(). */
__must_check int walk_path(struct walk *walk, int dirfd, const char *name, u32 flags);
/**
 * @brief Make a LOOKUP_PARENT walk of another text out of one that was made, if both texts are the
 * same up to the last component. It holds nothing of its own, and is not ended.
 * @param made	the walk that was made, of @p made_text, from the same place
 * @return false: walk
 */
bool walk_beside(struct walk *walk, const struct walk *made, const char *made_text,
		 const char *text);
void walk_end_slow(struct walk *walk);
/** @brief Drop what a walk holds. A caller that took over path's references leaves NULLs there. */
static inline void walk_end(struct walk *walk)
{
	if (walk->path.dentry)
		path_put(&walk->path);
	if (unlikely(walk->slow))
		walk_end_slow(walk);
}
/**
 * @brief Continue a LOOKUP_PARENT walk (with references) with the target of a symbolic link.
 * @param link  the last component
 */
__must_check int walk_follow_last(struct walk *walk, struct dentry *link);

/** @brief Look up the last component of a LOOKUP_PARENT walk under the directory's lock. @return counted, or ERR_PTR */
struct dentry *__must_check lookup_locked(struct dentry *dir, u64 key, const char *name);
/** @brief Step onto what is mounted here; both references are exchanged. */
void path_follow_mounts(struct path *path);
