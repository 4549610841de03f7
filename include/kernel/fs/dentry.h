/* SPDX-License-Identifier: MIT */
/** @file dentry.h  Dentries: cached names in directories, positive or negative (fs/names/dcache.c). */
#pragma once
#include <kernel/atomic.h>
#include <kernel/fs/name.h>
#include <kernel/list.h>
#include <kernel/lock.h>

struct inode;
struct super_block;

/**
 * Guards parents and names of dentries, the tree of mounts (links, flags, the
 * lists) and super_block.mounts. Readers without the lock: fs/names/dcache.h.
 */
extern spinlock_t tree_lock;

struct dentry {
	struct dentry *hash_next; /* bucket; RCU */
	struct dentry *parent;	  /* itself at a root; changes under tree_lock */
	struct inode *inode;	  /* NULL: negative */
	u32 flags;		  /* DENTRY_*; changed atomically */
	struct atomic refs;	  /* negative: dead */
	const char *name; /* NUL-terminated, zeroes to the next multiple of 8; see dentry_key() */
	u64 inline_key;	  /* dentry_key() of inline_name */
	char inline_name[32];
	struct super_block *sb;
	spinlock_t lock; /* guards children */
	u64 cookie; /* the file system's place of it, for readdir; under parent's inode->lock */
	struct list children; /* cached ones; under ->lock */
	struct list child_link;
	union {
		struct list lru;
		struct rcu_head rcu;
	};
};
#define DENTRY_MOUNTED	1  /* something is mounted on it */
#define DENTRY_UNHASHED 2  /* removed: open files may still hold it */
#define DENTRY_PINNED	4  /* holds a reference on itself while the name exists (tmpfs) */
#define DENTRY_NOCACHE	8  /* never in the hash: each look-up asks the file system (/proc/PID) */
#define DENTRY_USED	16 /* looked up since it was last considered for removal */
#define DENTRY_ON_LRU	32
#define DENTRY_ANON	64 /* no name in any directory (pipe:[7]) */
#define DENTRY_REVALIDATE \
	128 /* walks ask super_ops.revalidate whether it is still valid (/proc/PID); never negative */

/** @brief The key in front of each name: hash in the lower half, length in the upper. */
static inline u64 dentry_key(const struct dentry *d)
{
	return name_key_of(READ_ONCE(d->name));
}
static inline u32 dentry_name_len(const struct dentry *d)
{
	return name_key_len(dentry_key(d));
}

void dentry_get(struct dentry *d);
/** @brief Drop a reference; NULL is fine. Thread context; may sleep. */
void dentry_put(struct dentry *d);
/** @brief Make the root of a super block, or (@p name not NULL) a dentry that is in no directory. @return NULL: no memory */
struct dentry *dentry_alloc_root(struct super_block *sb, const char *name);
/** @brief Make a dentry that is not in the hash yet, with one reference; pins @p parent. @p name needs no slack. @return NULL: no memory */
struct dentry *dentry_alloc(struct dentry *parent, u64 key, const char *name);
/** @brief Find a cached name under rcu_read_lock(); may miss one that is being renamed. @p name has slack. */
struct dentry *dentry_find_rcu(const struct dentry *parent, u64 key, const char *name);
/** @brief The next cached child, counted. @param after  its reference is dropped; NULL: the first one. @return NULL: no more */
struct dentry *dentry_next_child(struct dentry *d, struct dentry *after);
/** @brief Take a reference under rcu_read_lock(). @return false: the dentry is dying */
bool dentry_get_rcu(struct dentry *d);

/* The following run under the lock of the directory's inode. */

/** @brief Set the inode of a dentry that has none; takes over a reference. */
void dentry_set_inode(struct dentry *d, struct inode *inode);
/** @brief The same for a new name; @p pin: it stays in the cache until dentry_unpin(). */
void dentry_instantiate(struct dentry *d, struct inode *inode, bool pin);
/**
 * @brief The name of a DENTRY_REVALIDATE dentry has ended by itself: hide it and its cached children, and
 * free those that are not used. Needs no lock, but a reference. Sleeps.
 */
void dentry_invalidate(struct dentry *d);
/** @brief Drop what dentry_instantiate() pinned. */
void dentry_unpin(struct dentry *d);
/** @brief Find a cached name. @p name has slack (name.h). @return counted, or NULL */
struct dentry *dentry_find(struct dentry *parent, u64 key, const char *name);
/** @brief Hide a dentry from look-ups: its name was removed from the directory. */
void dentry_unhash(struct dentry *d);
/** @brief The object's name was removed: make the dentry negative if the caller alone uses it, else unhash it. */
void dentry_delete(struct dentry *d);

/** @brief Free unused cached names when memory is short. Sleeps. @return true: at least one was freed */
bool dentry_cache_drop(void);
