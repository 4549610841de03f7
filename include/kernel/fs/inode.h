/* SPDX-License-Identifier: MIT */
/** @file inode.h  Inodes: the objects of a file system. */
#pragma once
#include <kernel/atomic.h>
#include <kernel/err.h>
#include <kernel/fs/super_block.h>
#include <kernel/list.h>
#include <kernel/lock.h>
#include <uapi/stat.h>

struct cred;
struct dentry;
struct file_cache;
struct file_ops;
struct iattr;
struct inode;
struct kstat;
struct lock_context;
struct path;
struct pipe;
struct super_block;

/** See inode_ops.readlink_short. */
#define LINK_SHORT 32
/** The largest file offset. */
#define FILE_SIZE_MAX 0x7fffffffffffffffull

/**
 * @brief The methods of an inode.
 *
 * The methods of a directory that take a dentry run under the directory's lock (rename: under both). The caller has
 * checked types, names and rights. Methods may sleep and return 0 or -errno unless stated otherwise.
 */
struct inode_ops {
	/** Find the dentry's name in @p dir: dentry_set_inode() with a reference, or leave NULL when it is absent. */
	int (*lookup)(struct inode *dir, struct dentry *d);
	/** Make the object, and dentry_instantiate(). */
	int (*create)(struct inode *dir, struct dentry *d, mode_t mode);
	int (*mknod)(struct inode *dir, struct dentry *d, mode_t mode, dev_t dev);
	int (*mkdir)(struct inode *dir, struct dentry *d, mode_t mode);
	int (*symlink)(struct inode *dir, struct dentry *d, const char *target);
	int (*link)(struct inode *inode, struct inode *dir, struct dentry *d);
	/** Remove the name; the caller handles the dentry. */
	int (*unlink)(struct inode *dir, struct dentry *d);
	int (*rmdir)(struct inode *dir, struct dentry *d);
	/** Move; the caller moves the dentry. @p flags: 0 or RENAME_EXCHANGE. */
	int (*rename)(struct inode *old_dir, struct dentry *old, struct inode *new_dir,
		      struct dentry *new, u32 flags);
	/** Make an inode without a name (O_TMPFILE), in @p out with a reference. */
	int (*tmpfile)(struct inode *dir, mode_t mode, struct inode **out);
	/** Target text: in @p buf (size PATH_MAX), or valid while @p inode is held. ERR_PTR. Not needed where inode->link is set. */
	const char *(*readlink)(struct inode *inode, char *buf);
	/** As readlink, where no text is longer than LINK_SHORT with its NUL: the size of @p buf. Does not sleep. */
	const char *(*readlink_short)(struct inode *inode, char *buf);
	/** Magic links (/proc/PID/exe, fd/N): jump to a path, counted. NULL for ordinary ones. */
	int (*follow)(struct inode *inode, struct path *out);
	/** Under inode->lock. NULL: setattr_copy(). A change of size is not in here: truncate. */
	int (*setattr)(struct inode *inode, const struct iattr *attr);
	/** Under inode->lock. NULL: EINVAL for truncate() and O_TRUNC does nothing. */
	int (*truncate)(struct inode *inode, u64 size);
	int (*fallocate)(struct inode *inode, int mode, u64 offset, u64 length);
	/** Change what generic code filled in. Does not sleep. */
	void (*getattr)(struct inode *inode, struct kstat *stat);
	/** NULL: the mode bits decide. Does not sleep. */
	int (*permission)(struct inode *inode, int mask);
	/** Extended attributes; rights were checked. @p size 0: nothing is written. @return size, -ERANGE, -ENODATA. NULL: it has none. */
	s64 (*getxattr)(struct inode *inode, const char *name, void *value, u32 size);
	/** Names, each with its NUL. */
	s64 (*listxattr)(struct inode *inode, char *list, u32 size);
	/** Under inode->lock. @p value NULL: remove. @p flags: XATTR_CREATE or _REPLACE */
	int (*setxattr)(struct inode *inode, const char *name, const void *value, u32 size,
			u32 flags);
};

/** Attributes to set: those whose ATTR_* bit is in @c valid. */
struct iattr {
	u32 valid;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	u64 atime_ns, mtime_ns, ctime_ns;
};
#define ATTR_MODE  1
#define ATTR_UID   2
#define ATTR_GID   4
#define ATTR_ATIME 16
#define ATTR_MTIME 32
#define ATTR_CTIME 64

/** The attributes that stat() reports. */
struct kstat {
	u64 dev, ino, rdev, size, blocks;
	u32 mode, nlink, uid, gid, blksize;
	u64 atime_ns, mtime_ns, ctime_ns, btime_ns;
};

/** Pages of a file by index; fs/cache/pages.c. */
struct page_tree {
	void *root;
	u32 height;
	bool root_tagged; /* the root is an item, and tagged */
	u64 count;
};
struct file_pages {
	spinlock_t lock; /* guards changes of tree and each page->mapping; readers use RCU */
	spinlock_t regions_lock; /* guards regions; taken with interrupts on only */
	struct page_tree tree;
	/*
	 * Mappings of the file, shared and private (vm_region.file_link), kept by
	 * mm/vm_*.c. An inode starts with list_init() and spin_init(); after that,
	 * vm_unmap_file_range() and vm_protect_file_range() (vm.h) are all that fs/ needs.
	 */
	struct list regions;
};

struct inode {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	u32 nlink;
	struct super_block *sb;
	const struct inode_ops *ops;
	const struct file_ops *fops; /* for open */
	const char *link;	     /* target of a symbolic link, padded by 8 bytes; or NULL */
	struct atomic refs;
	struct atomic writers; /* files open for writing; -n: n deny it (it is running) */
	u32 flags;	       /* INODE_* */
	u64 size;
	u64 blocks; /* of 512 bytes */
	ino_t ino;
	dev_t rdev;
	u64 atime_ns, mtime_ns, ctime_ns, btime_ns;
	struct mutex lock; /* guards directory contents, attributes, size changes, writes, pipe */
	struct file_pages pages;
	void *private;		    /* file system's */
	struct pipe *pipe;	    /* FIFO; under lock */
	struct lock_context *locks; /* flock and fcntl locks, or NULL; fs/open/locks.c */
	struct file_cache *cache;   /* of what is stored below; NULL: its pages are all there is */
	struct rcu_head rcu;
};
_Static_assert(sizeof(spinlock_t) > 4 || sizeof(struct inode) <= 256,
	       "as few lines of the cache as it had");
#define INODE_LINKABLE 1 /* has no name yet, and may get one (O_TMPFILE) */
#define INODE_WATCHED  4 /* by inotify; changed atomically */
#define INODE_DRIVEN   2 /* its file system wants to know of changes: super_ops.touched */

/** @brief Make an inode: zeroed but for refs 1, sb, ino, times. The caller sets mode and owner. @return NULL: no memory */
struct inode *inode_alloc(struct super_block *sb);
static inline void inode_get(struct inode *inode)
{
	atomic_inc(&inode->refs);
}
/** @brief Drop a reference; the last one frees the inode. Thread context; may sleep. */
void inode_put(struct inode *inode);
/**
 * @brief The same for who may not wait for a file system: it writes back, commits, or looks for memory, maybe for a driver. What
 * the driver of the inode's file system has to do is left to a thread of that.
 */
void inode_put_later(struct inode *inode);
/** @brief Set owner, group and mode of something new in @p dir (or in no directory: NULL), for the current thread. */
void inode_init_owner(struct inode *inode, const struct inode *dir, mode_t mode);
/** @brief Set ops and fops of a device, FIFO or socket. */
void inode_init_special(struct inode *inode, dev_t rdev);
/** @brief Set rights that change as a consequence of something else. */
void inode_set_mode(struct inode *inode, mode_t mode);
/** @brief Set the times that @p which names (ATTR_ATIME ...) to the present time. */
void inode_touch(struct inode *inode, u32 which);

#define MAY_EXEC  1
#define MAY_WRITE 2
#define MAY_READ  4
/** @brief Check MAY_* against the current credentials for files. Does not sleep. @return 0, -EACCES, -EROFS */
__must_check int inode_permission(struct inode *inode, int mask);
/** @brief May the current thread act as the owner? */
bool inode_owner_or_capable(const struct inode *inode);
/** @brief Do the current thread's capabilities grant @p mask regardless of the mode? */
bool capable_of_bypass(const struct inode *inode, int mask);
/** @brief Take attributes over, for inode_ops.setattr. Under inode->lock. @return 0 */
int setattr_copy(struct inode *inode, const struct iattr *attr);
/** @brief Fill in what stat() reports, but for what the file system changes in it. */
static inline void fill_stat_plain(const struct inode *inode, struct kstat *stat)
{
	stat->dev = inode->sb->dev;
	stat->ino = inode->ino;
	stat->rdev = inode->rdev;
	stat->size = inode->size;
	stat->blocks = inode->blocks;
	stat->mode = inode->mode;
	stat->nlink = inode->nlink;
	stat->uid = inode->uid;
	stat->gid = inode->gid;
	stat->blksize = inode->sb->blksize;
	stat->atime_ns = inode->atime_ns;
	stat->mtime_ns = inode->mtime_ns;
	stat->ctime_ns = inode->ctime_ns;
	stat->btime_ns = inode->btime_ns;
}
/** @brief Fill in what stat() reports. */
void fill_stat(const struct inode *inode, struct kstat *stat);
/** @brief The type of a mode as readdir reports it: DT_*, which were chosen that way. */
static inline u32 mode_to_dtype(mode_t mode)
{
	return (mode & S_IFMT) >> 12;
}
/** May O_DIRECT be asked for: is something stored below the file's pages? */
static inline bool file_may_be_direct(const struct inode *inode)
{
	return inode->cache || S_ISBLK(inode->mode);
}
/** @brief Free the file locks of an inode that ends (fs/open/locks.c). */
void locks_free(struct inode *inode);
