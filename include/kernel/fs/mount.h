/* SPDX-License-Identifier: MIT */
/** @file mount.h  Mounts: a file system that is attached to a dentry (fs/names/mount.c). */
#pragma once
#include <kernel/fs/super_block.h>
#include <kernel/thread.h>
#include <uapi/mount.h>

struct change_source;
struct dentry;

/* Rights and habits of a mount; equal to the ST_* bits of statfs() where those exist. */
#define MNT_RDONLY	0x0001
#define MNT_NOSUID	0x0002
#define MNT_NODEV	0x0004
#define MNT_NOEXEC	0x0008
#define MNT_NOSYMFOLLOW 0x2000
#define MNT_NOATIME	0x0400
#define MNT_NODIRATIME	0x0800
#define MNT_RELATIME	0x1000
#define MNT_USER_FLAGS	0x3c0f
#define MNT_FROZEN	0x10000 /* umount() counts its users: do not enter */
#define MNT_DETACHED	0x20000 /* in no tree any more: the last user frees it */

/* A CPU's share of the counts; changed on that CPU with preemption off. */
struct mount_cell {
	s64 refs, writers;
} __aligned(64);

struct mount {
	struct dentry *root; /* counted, as is sb */
	u32 flags;	     /* changes under tree_lock */
	u32 id;
	struct mount_cell *cells;  /* by CPU */
	struct mount *parent;	   /* itself at the root; under tree_lock */
	struct dentry *mountpoint; /* counted while attached */
	struct mount *hash_next;   /* RCU */
	struct super_block *sb;
	struct list children, child_link, sb_link, all_link; /* under tree_lock */
	char *source;
	bool expire;
	struct rcu_head rcu;
};
extern struct list mount_list;	 /* in order of mounting; under tree_lock */
extern struct mount *mount_root; /* the first one */
extern struct mutex mount_mutex; /* guards the tree of mounts: one change at a time */
/** Announces each change of which mount is where, and how. */
extern struct change_source mount_changes;

/** @brief Count a mount: from a reference, or under RCU without one (then validate tree_seq). Any thread context. */
static inline void mount_get(struct mount *mount)
{
	preempt_disable();
	mount->cells[cpu_id()].refs++;
	preempt_enable();
}
void mount_put_detached(struct mount *mount);
static inline void mount_put(struct mount *mount)
{
	preempt_disable();
	if (likely(!(READ_ONCE(mount->flags) & MNT_DETACHED))) {
		mount->cells[cpu_id()].refs--;
		preempt_enable();
		return;
	}
	preempt_enable();
	mount_put_detached(mount);
}
/** @brief Announce a change of what is on the mount: pair with mount_write_end(). @return 0 or -EROFS */
__must_check int mount_write_begin(struct mount *mount);
void mount_write_end(struct mount *mount);
static inline bool mount_is_readonly(const struct mount *mount)
{
	return (READ_ONCE(mount->flags) & MNT_RDONLY) || (READ_ONCE(mount->sb->flags) & MS_RDONLY);
}
/**
 * @brief Make a mount that is not in the tree yet; counts @p sb and @p root.
 * @return it with one reference, which becomes the tree's; NULL: no memory
 */
struct mount *mount_alloc(struct super_block *sb, struct dentry *root, u32 flags,
			  const char *source);
