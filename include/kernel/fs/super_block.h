/* SPDX-License-Identifier: MIT */
/** @file super_block.h  File systems: their types, and one super block for each that is mounted. */
#pragma once
#include <kernel/atomic.h>
#include <kernel/list.h>
#include <kernel/lock.h>

struct dentry;
struct inode;
struct seq_file;
struct statfs;
struct super_block;

struct super_ops {
	/**
	 * The last reference of an inode was dropped. NULL: false. @return true: it is kept, with a reference that
	 * the file system has taken and will drop. May not sleep.
	 */
	bool (*keep_inode)(struct inode *inode);
	/** Attributes (ATTR_*) of an inode with INODE_DRIVEN were changed by the kernel itself. Does not sleep. */
	void (*touched)(struct inode *inode, u32 which);
	/** The last reference of an inode was dropped, its pages before that: free what is private. May sleep. */
	void (*evict_inode)(struct inode *inode);
	int (*statfs)(struct super_block *sb, struct statfs *out);
	int (*sync)(struct super_block *sb);
	/**
	 * The page cache wants @p npages more (less when negative) for the file system's
	 * content. NULL: no limit. Does not sleep. @return 0 or -ENOSPC
	 */
	int (*charge)(struct super_block *sb, s64 npages);
	int (*remount)(struct super_block *sb, u32 flags, const char *options);
	/**
	 * For dentries with DENTRY_REVALIDATE, at each step of a walk onto one: does the name still mean @p inode?
	 * Also brings its owner up to date. @p held: the caller has a reference; else it is under rcu_read_lock(),
	 * and what @p inode refers to may have been freed. Does not sleep. What this looks at and the end of the name
	 * are under one lock, so that a dentry is either seen by who ends it, or is invalid for who enters it.
	 * @return 0; -ESTALE: it does not; -ECHILD: ask again with a reference
	 */
	int (*revalidate)(struct inode *inode, bool held);
	void (*put_super)(struct super_block *sb);
	/** Options for /proc/mounts, each with a comma in front. */
	void (*show_options)(struct super_block *sb, struct seq_file *seq);
};

struct super_block {
	struct atomic refs; /* mounts, and owners that keep it without a mount */
	dev_t dev;
	u32 blksize;
	u64 magic;
	u32 flags; /* MS_RDONLY ..., SB_VOLATILE */
	const struct super_ops *ops;
	const struct fs_type *type;
	struct dentry *root; /* counted */
	struct mutex
		rename_lock; /* guards the shape of the tree of directories: one rename between two at a time */
	struct atomic64 next_ino;
	struct mutex sync_lock; /* one file_cache_write_back_super() at a time */
	void *private;
	struct list mounts; /* under tree_lock */
};
/** In super_block.flags: names change by themselves, so each look-up asks the file system (DENTRY_NOCACHE). */
#define SB_VOLATILE 0x40000000

struct fs_type {
	const char *name;
	u32 flags; /* FS_NODEV: "nodev" in /proc/filesystems */
	/** Return a super block with a root, counted for the caller: a new one, or one that exists. */
	int (*mount)(struct fs_type *type, u32 flags, const char *source, const char *options,
		     struct super_block **out);
	/**
	 * Count a reference on a type that may end, and drop it; hold() does not sleep. NULL: it stays for ever.
	 * @return false: it cannot be mounted yet
	 */
	bool (*hold)(struct fs_type *type);
	void (*drop)(struct fs_type *type);
	struct list link;
	void *private;
};
#define FS_NODEV 1

/** @brief Make a type known to mount(). Sleeps. @return 0, -EBUSY: the name is taken */
int fs_register(struct fs_type *type);
/** @brief No longer. Sleeps. */
void fs_unregister(struct fs_type *type);
/** @return the type of that name, held: fs_type_put(); or NULL. Sleeps. */
struct fs_type *fs_type_get(const char *name);
void fs_type_put(struct fs_type *type);
/** @brief Where no type of that name can be mounted: ask programs for its driver, and wait some seconds for it. Sleeps, without locks. */
void fs_type_request(const char *name);
/** @brief Name the type number @p index, from 0, of those that a disk may have. Sleeps. @return false: there is none */
bool fs_type_of_disks(u32 index, char *name, size_t size);
/** @brief Write the text of /proc/filesystems. Sleeps. */
void fs_types_show(struct seq_file *seq);

/** @brief Make a super block without a root, with one reference and an anonymous device number. @return NULL: no memory */
struct super_block *super_alloc(const struct fs_type *type, const struct super_ops *ops);
/** @brief Set the root directory; takes over the reference of @p root, on failure too. @return 0 or -ENOMEM */
__must_check int super_set_root(struct super_block *sb, struct inode *root);
void super_get(struct super_block *sb);
/**
 * @brief Drop a reference; the last one forgets all dentries and calls put_super. Sleeps.
 * @note References on inodes must be dropped before: an inode does not keep its super block.
 */
void super_put(struct super_block *sb);
/** @return a device number for a file system that has no device */
dev_t fs_anon_dev(void);
