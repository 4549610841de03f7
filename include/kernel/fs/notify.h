/* SPDX-License-Identifier: MIT */
/**
 * @file notify.h  What happens to files, for programs that watch them (fs/open/inotify_watch.c).
 *
 * Functions of the file system call these behind what they did. Events are IN_* of uapi/inotify.h; IN_ISDIR is
 * added here. All of them sleep only where a file's last reference may be dropped, take no lock of an inode, and cost a test of one
 * word while nobody watches anything.
 */
#pragma once
#include <kernel/fs/inode.h>
#include <uapi/inotify.h>

struct dentry;
struct file;

#ifdef CONFIG_INOTIFY
/** Watches that exist; 0: nothing is to be reported. */
extern u32 notify_watches;

void notify_path_slow(const struct dentry *d, u32 event, bool by_file);
void notify_inode_slow(struct inode *inode, u32 event);
void notify_name_slow(struct inode *dir, const struct dentry *named, const struct inode *inode,
		      u32 event, u32 cookie);
void notify_move_slow(struct inode *old_dir, const struct dentry *old, struct inode *new_dir,
		      const struct dentry *new, struct inode *target);
void notify_deleted_slow(struct inode *inode);
void notify_unmount_slow(struct super_block *sb);

/** @brief Does anybody watch anything? */
static inline bool notify_is_on(void)
{
	return unlikely(READ_ONCE(notify_watches));
}
#else
static inline bool notify_is_on(void)
{
	return false;
}
static inline void notify_path_slow(const struct dentry *d, u32 event, bool by_file)
{
}
static inline void notify_inode_slow(struct inode *inode, u32 event)
{
}
static inline void notify_name_slow(struct inode *dir, const struct dentry *named,
				    const struct inode *inode, u32 event, u32 cookie)
{
}
static inline void notify_move_slow(struct inode *old_dir, const struct dentry *old,
				    struct inode *new_dir, const struct dentry *new,
				    struct inode *target)
{
}
static inline void notify_deleted_slow(struct inode *inode)
{
}
static inline void notify_unmount_slow(struct super_block *sb)
{
}
#endif

/** @brief Through an open file: IN_OPEN, IN_ACCESS... To those who watch it, and its folder by its name. */
#define notify_file(f, event)                                            \
	do {                                                             \
		if (notify_is_on())                                      \
			notify_path_slow((f)->path.dentry, event, true); \
	} while (0)
/** @brief By a path, not through an open file: IN_ATTRIB, IN_MODIFY. */
static inline void notify_dentry(const struct dentry *d, u32 event)
{
	if (notify_is_on())
		notify_path_slow(d, event, false);
}
/** @brief To those who watch the object itself only. */
static inline void notify_inode(struct inode *inode, u32 event)
{
	if (notify_is_on())
		notify_inode_slow(inode, event);
}
/** @brief To those who watch @p dir: of the name that @p named has, and the object @p inode. */
static inline void notify_name(struct inode *dir, const struct dentry *named,
			       const struct inode *inode, u32 event)
{
	if (notify_is_on())
		notify_name_slow(dir, named, inode, event, 0);
}
/**
 * @brief A name is about to move, in fact: names are still those before.
 * @param target  what lost the name @p new; NULL: none did
 */
static inline void notify_move(struct inode *old_dir, const struct dentry *old,
			       struct inode *new_dir, const struct dentry *new,
			       struct inode *target)
{
	if (notify_is_on())
		notify_move_slow(old_dir, old, new_dir, new, target);
}
/** @brief A dentry drops @p inode: if that has no name any more, it is gone. */
static inline void notify_dropped(struct inode *inode)
{
	if (notify_is_on() && !inode->nlink)
		notify_deleted_slow(inode);
}
/** @brief The last mount of a file system is gone. Sleeps: watches drop their references on inodes. */
static inline void notify_unmount(struct super_block *sb)
{
	if (notify_is_on())
		notify_unmount_slow(sb);
}
