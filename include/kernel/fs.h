/* SPDX-License-Identifier: MIT */
/**
 * @file fs.h  Files as the kernel sees them: inode, dentry, mount, open file.
 *
 * inode   an object of a file system; counted.
 * dentry  a name in a directory, cached; positive or negative; counted; parent
 *	   pinned by child.
 * mount   a file system hung onto a dentry.
 * path    {mount, dentry}.
 * file    an open file, counted; what a descriptor refers to.
 *
 * Locks, outermost first (fs/ says more at the top of each file):
 *   mount_mutex		changes of the tree of mounts, one at a time
 *   sb->rename_lock		renames between directories of one file system
 *   inode->lock of directories	their entries; two: ancestor first, else by address
 *   inode->lock of others	size, and writes; user memory may be touched under it
 *   file->pos_lock		outside of all inode locks: one read or write at a time of a
 *				regular file or directory; never held over a driver's method
 *   mm's space->lock		taken by page faults, so inside all of the above
 *   tree_lock (spin)		parents, names and mounts change only under it
 *   dentry->lock (spin)	the list of its children
 *   hash, LRU, pages.lock (spin) innermost
 */
#pragma once
#include <kernel/err.h>
#include <kernel/lock.h>
#include <kernel/seq_file.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <uapi/fcntl.h>
#include <uapi/poll.h>
#include <uapi/stat.h>

#define MKDEV(ma, mi) \
	((dev_t)((((u64)(ma)&0xfff) << 8) | ((u64)(mi)&0xff) | (((u64)(mi)&0xfff00) << 12)))
#define MAJOR(d) ((u32)(((d) >> 8) & 0xfff))
#define MINOR(d) ((u32)(((d)&0xff) | (((d) >> 12) & 0xfff00)))
#define NAME_MAX 255
#define PATH_MAX 4096
/** The largest file offset. */
#define FILE_SIZE_MAX 0x7fffffffffffffffull

struct inode;
struct dentry;
struct mount;
struct file;
struct super_block;
struct vm_region;
struct page;
struct iattr;
struct kstat;
struct statfs;
struct dir_context;
struct lock_context;
struct cred;
struct eventpoll_item;
struct poll_table;
struct seq_file;

struct path {
	struct mount *mnt;
	struct dentry *dentry;
};
/** Any thread context. */
void path_get(const struct path *p);
/** Thread context; may sleep. A path of two NULLs is fine. */
void path_put(const struct path *p);

/** Pages of a file by index; a tree changed under ->lock, read under RCU. fs/cache/pages.c */
struct page_tree {
	void *root;
	u32 height;
	u64 count;
};
struct file_pages {
	spinlock_t lock;
	struct page_tree tree;
	/**
	 * Mappings of the file, shared and private (vm_region.file_link), kept by
	 * mm/vm_*.c under a spin lock of its own, taken with interrupts on only.
	 * An inode starts with list_init() and spin_init(); then vm_unmap_file_range()
	 * and vm_protect_file_range() (vm.h) are all that fs/ needs.
	 */
	spinlock_t regions_lock;
	struct list regions;
};

/**
 * What an inode can do. A directory's methods that take a dentry run under
 * dir->lock (rename: both); the caller has checked types, names and rights.
 * They may sleep. 0 or -errno unless said otherwise.
 */
struct inode_ops {
	/** Find d's name in @p dir: dentry_set_inode() with a reference, or leave NULL when absent. -errno on failure. */
	int (*lookup)(struct inode *dir, struct dentry *d);
	/** Make it, and dentry_instantiate(). */
	int (*create)(struct inode *dir, struct dentry *d, mode_t mode);
	int (*mknod)(struct inode *dir, struct dentry *d, mode_t mode, dev_t dev);
	int (*mkdir)(struct inode *dir, struct dentry *d, mode_t mode);
	int (*symlink)(struct inode *dir, struct dentry *d, const char *target);
	int (*link)(struct inode *inode, struct inode *dir, struct dentry *d);
	/** Remove the name; the caller handles the dentry. */
	int (*unlink)(struct inode *dir, struct dentry *d);
	int (*rmdir)(struct inode *dir, struct dentry *d);
	/** Move; the caller moves the dentry. @p flags: 0 or RENAME_EXCHANGE. */
	int (*rename)(struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd,
		      u32 flags);
	/** An inode without a name (O_TMPFILE), in @p out with a reference. */
	int (*tmpfile)(struct inode *dir, mode_t mode, struct inode **out);
	/** Target text: in @p buf (size PATH_MAX), or valid while @p inode is held. ERR_PTR. Not needed where inode->link is set. */
	const char *(*readlink)(struct inode *inode, char *buf);
	/** Magic links (/proc/PID/exe, fd/N): jump to a path, counted. NULL for ordinary ones. */
	int (*follow)(struct inode *inode, struct path *out);
	/** Under inode->lock. NULL: setattr_copy(). A change of size is not in here: truncate. */
	int (*setattr)(struct inode *inode, const struct iattr *a);
	/** Under inode->lock. NULL: EINVAL for truncate() and O_TRUNC does nothing. */
	int (*truncate)(struct inode *inode, u64 size);
	int (*fallocate)(struct inode *inode, int mode, u64 off, u64 len);
	void (*getattr)(struct inode *inode,
			struct kstat *st); /* changes what generic filled in; no sleeping */
	int (*permission)(struct inode *inode, int mask); /* NULL: generic mode bits; no sleeping */
};

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

struct kstat {
	u64 dev, ino, rdev, size, blocks;
	u32 mode, nlink, uid, gid, blksize;
	u64 atime_ns, mtime_ns, ctime_ns, btime_ns;
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
	struct mutex lock; /* directory contents, size changes, writes */
	struct file_pages pages;
	void *private;		    /* file system's */
	struct pipe *pipe;	    /* FIFO; under lock */
	struct lock_context *locks; /* flock and fcntl locks, or NULL; fs/open/locks.c */
	struct rcu_head rcu;
};

#define INODE_LINKABLE 1 /* has no name yet, and may get one (O_TMPFILE) */

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
	spinlock_t lock;
	u64 cookie;	      /* place in the directory, for readdir; under parent's inode->lock */
	struct list children; /* cached ones; under ->lock */
	struct list child_link;
	struct list entry; /* for the file system while DENTRY_PINNED; under parent's inode->lock */
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

/** The key in front of each name: hash in the lower half, length in the upper. */
static inline u64 dentry_key(const struct dentry *d)
{
	return ((const u64 *)READ_ONCE(d->name))[-1];
}
static inline u32 dentry_name_len(const struct dentry *d)
{
	return (u32)(dentry_key(d) >> 32);
}
/** Give a dentry that has none an inode (takes over a reference). Under the directory's lock. */
void dentry_set_inode(struct dentry *d, struct inode *i);
/** As above for a new name; @p pin: it stays in the cache until dentry_unpin(). */
void dentry_instantiate(struct dentry *d, struct inode *i, bool pin);
void dentry_get(struct dentry *d);
/** Thread context; may sleep. NULL is fine. */
void dentry_put(struct dentry *d);

struct super_ops {
	/** Last reference gone, pages dropped already: free private. May sleep. */
	void (*evict_inode)(struct inode *inode);
	int (*statfs)(struct super_block *sb, struct statfs *out);
	int (*sync)(struct super_block *sb);
	/** The page cache wants @p npages more (less when negative) for the file system's content. May not sleep. NULL: no limit. @return 0 or -ENOSPC */
	int (*charge)(struct super_block *sb, s64 npages);
	int (*remount)(struct super_block *sb, u32 flags, const char *options);
	void (*put_super)(struct super_block *sb);
	/** Options for /proc/mounts, each with a comma in front. */
	void (*show_options)(struct super_block *sb, struct seq_file *m);
};
struct super_block {
	struct atomic refs; /* mounts, and who keeps it mounted without one */
	dev_t dev;
	u32 blksize;
	u64 magic;
	u32 flags; /* MS_RDONLY ..., SB_VOLATILE */
	const struct super_ops *ops;
	const struct fs_type *type;
	struct dentry *root; /* counted */
	struct mutex rename_lock;
	struct atomic64 next_ino;
	void *private;
	struct list mounts; /* under tree_lock */
};
struct fs_type {
	const char *name;
	u32 flags; /* FS_NODEV: "nodev" in /proc/filesystems */
	/** A super block with a root, counted for the caller: a new one, or one that exists (then get it). */
	int (*mount)(struct fs_type *t, u32 flags, const char *source, const char *options,
		     struct super_block **out);
	struct list link;
	void *private;
};
#define FS_NODEV 1
#define SB_VOLATILE \
	0x40000000 /* names come and go by themselves: each look-up asks the file system (DENTRY_NOCACHE) */
/** Make a type known to mount(). @return 0, -EBUSY: the name is taken. Sleeps. */
int fs_register(struct fs_type *t);
/** A super block without a root, one reference, an anonymous device number. NULL: no memory. */
struct super_block *super_alloc(const struct fs_type *t, const struct super_ops *ops);
/** Hang the root directory into it; takes over the reference of @p root, on failure too. @return 0 or -ENOMEM */
int super_set_root(struct super_block *sb, struct inode *root);
void super_get(struct super_block *sb);
/** The last one forgets all of its dentries and calls put_super. Sleeps. */
void super_put(struct super_block *sb);

struct file_ops {
	int (*open)(struct inode *inode, struct file *f);
	void (*release)(struct file *f); /* last reference gone; may sleep */
	/** Transfer at *pos (advance it). @return bytes, or -errno when none. */
	s64 (*read)(struct file *f, struct uio *u, u64 *pos);
	s64 (*write)(struct file *f, struct uio *u, u64 *pos);
	s64 (*llseek)(struct file *f, s64 off, int whence); /* NULL: generic by size */
	/** Call fill(ctx, name, len, ino, type) from ctx->pos on; stop when it returns false. "." and ".." included. Under inode->lock. */
	int (*readdir)(struct file *f, struct dir_context *ctx);
	/** Ready events now; registers on wait queues with poll_wait(t, ...) (@p t may be NULL). NULL: always readable and writable. */
	u32 (*poll)(struct file *f, struct poll_table *t);
	s64 (*ioctl)(struct file *f, u32 cmd, u64 arg); /* -ENOTTY when unknown */
	/** Asked before mmap(), while the address space is not locked: may enter a driver. NULL: nothing to ask. */
	int (*map_begin)(struct file *f, u64 offset, u64 length, u32 vm_flags);
	/**
	 * Sets r->ops; may look at r->flags, and set r->private and (block devices) r->pages.
	 * Leaves r->ops NULL to ask for anonymous memory (/dev/zero). NULL: ENODEV.
	 */
	int (*mmap)(struct file *f, struct vm_region *r);
	/** O_ASYNC: async_list_set() with the object's list. NULL: it cannot tell. @return 0 or -ENOMEM */
	int (*async)(struct file *f, s32 fd, bool on);
	int (*fsync)(struct file *f);
	int (*flush)(struct file *f); /* each close() */
	/** For /proc/PID/fdinfo. */
	void (*show_fdinfo)(struct file *f, struct seq_file *m);
};
struct dir_context {
	bool (*fill)(struct dir_context *c, const char *name, u32 len, ino_t ino, u32 type);
	u64 pos; /* of the entry handed to fill(); then of the next */
};
struct file {
	struct atomic refs;
	u32 flags; /* O_* */
	u32 mode;  /* FMODE_* */
	const struct file_ops *ops;
	struct path path;
	struct inode *inode; /* pinned by path */
	u64 pos;
	struct mutex pos_lock;
	void *private;
	struct cred *cred;		  /* opener, counted */
	struct eventpoll_item *eventpoll; /* epoll sets that watch it; fs/open/epoll.c */
	struct file_owner
		*owner; /* F_SETOWN, F_SETSIG, O_ASYNC; NULL: never asked for. fs/open/async.c */
	struct rcu_head rcu;
};
#define FMODE_READ   1
#define FMODE_WRITE  2
#define FMODE_STREAM 4	 /* no position: pipes, sockets, ttys; set it in open() */
#define FMODE_PATH   8	 /* O_PATH */
#define FMODE_WRITER 32	 /* counted in inode->writers and in the mount's writers */
#define FMODE_RCU    64	 /* was in a descriptor table that threads share */
#define FMODE_OPENED 128 /* ops->open succeeded: release() is owed */
#define FMODE_POS_LOCK \
	512		/* a regular file or directory: pos_lock serialises who uses the position */
#define FMODE_LOCKS 256 /* took a flock() or OFD lock: they go with it */

/** refs 1, or NULL: no memory or too many. */
struct file *file_alloc(void);
static inline void file_get(struct file *f)
{
	atomic_inc(&f->refs);
}
/** Thread context; may sleep. */
void file_put(struct file *f);
/** Open by path as the current thread. @param path kernel text @return file or ERR_PTR. */
struct file *file_open(int dirfd, const char *path, u32 flags, mode_t mode);
/** Is it on a mount without execution (MS_NOEXEC)? For mmap() and mprotect(). */
bool file_is_noexec(const struct file *f);
/** Open for execution: checks the x bit, regular file, noexec. @param at_flags AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW */
struct file *file_open_exec(int dirfd, const char *path, u32 at_flags);
/** Keep others from opening it for writing while it runs. @return 0 or -ETXTBSY */
int file_deny_write(struct file *f);
void file_allow_write(struct file *f);
/**
 * @brief fallocate(): also for MADV_REMOVE, with FALLOC_FL_PUNCH_HOLE. Takes the inode's lock.
 * @return 0, or as fallocate() fails
 */
int file_allocate(struct file *f, u32 mode, s64 off, s64 len);
s64 file_read_kernel(struct file *f, void *buf, u64 len, u64 *pos);
s64 file_write_kernel(struct file *f, const void *buf, u64 len, u64 *pos);
/**
 * An open file without a name ("pipe:[7]", "anon_inode:[eventfd]").
 * @param kind	 text without number; kept, not copied
 * @param flags	 O_*: access mode and O_NONBLOCK
 * @return file with mode FMODE_STREAM and a fresh inode of its own, or ERR_PTR
 */
struct file *file_create_anon(const char *kind, const struct file_ops *ops, void *private,
			      u32 flags);
/**
 * Another open file on the same nameless inode (the other end of a pipe).
 * @param f  from file_create_anon()
 * @return as file_create_anon()
 */
struct file *file_create_anon_pair(struct file *f, const struct file_ops *ops, void *private,
				   u32 flags);

/* ---- signals about files (fs/open/async.c) ---- */

/** In an object: its open files with O_ASYNC, whose owners are sent SIGIO. */
struct async_entry;
struct async_list {
	spinlock_t lock;
	struct async_entry *first;
};
#define async_list_init(l)             \
	do {                           \
		spin_init(&(l)->lock); \
		(l)->first = NULL;     \
	} while (0)
/** Enter @p f, or take it out. For file_ops.async, which is also called before release(). @return 0 or -ENOMEM */
int async_list_set(struct async_list *l, struct file *f, s32 fd, bool on);
/** Take out all for which @p goes is true, O_ASYNC with them. Any context. */
void async_list_drop(struct async_list *l, bool (*goes)(const struct file *f));
void async_list_send(struct async_list *l, int band);
/** Something happened: POLL_IN, POLL_OUT... Any context, with no spin lock of the object's held. */
static inline void async_notify(struct async_list *l, int band)
{
	if (unlikely(READ_ONCE(l->first)))
		async_list_send(l, band);
}
/** Make F_OWNER_TID, _PID or _PGRP @p nr the owner; unless @p force only if there is none. @return 0, -ESRCH, -ENOMEM */
int file_set_owner(struct file *f, u32 type, pid_t nr, bool force);

/* ---- descriptors (fs/open/fd_table.c) ---- */
struct files;
struct files *files_create(void);
struct files *files_copy(struct files *old); /* fork */
void files_get(struct files *f);	     /* before a second thread uses it */
void files_put(struct files *f);
/** Give the current thread a table of its own if others share it (exec, CLOSE_RANGE_UNSHARE). @return 0 or -ENOMEM */
int files_unshare(void);
void files_close_on_exec(struct files *f); /* no other thread uses it: files_unshare() */
/** Borrowed when the table has one user, else counted: pair with fd_put(). */
struct fd_ref {
	struct file *file;
	bool counted;
};
struct fd_ref fd_get(u32 fd);	   /* .file NULL: EBADF; also for O_PATH ones */
struct fd_ref fd_get_path(u32 fd); /* O_PATH ones too */
static inline void fd_put(struct fd_ref r)
{
	if (r.counted)
		file_put(r.file);
}
/** Is there a free descriptor? For who must not begin what would then fail; another thread may take it. @return 0, -EMFILE, -ENOMEM */
int fd_room(void);
/** Install a file at the lowest free number >= @p from (consumes the reference on success). @return fd, -EMFILE, -ENOMEM, -EINVAL */
int fd_install(struct file *f, u32 from, bool cloexec);
int fd_close(u32 fd);
struct file *files_get_file(struct files *t, u32 fd); /* counted; /proc */
int files_next_fd(struct files *t, u32 from);	      /* next open number >= from, or -1 */

/* ---- paths ---- */
struct fs_context {
	struct atomic refs;
	spinlock_t lock;
	u32 seq;
	mode_t umask;
	struct path root, cwd;
};
struct fs_context *fs_context_create(void); /* root and cwd: the first mount */
struct fs_context *fs_context_copy(struct fs_context *old);
static inline void fs_context_get(struct fs_context *f)
{
	atomic_inc(&f->refs);
}
void fs_context_put(struct fs_context *f);
#define LOOKUP_FOLLOW	 1
#define LOOKUP_PARENT	 2 /* internal */
#define LOOKUP_DIRECTORY 4
#define LOOKUP_EMPTY	 8 /* AT_EMPTY_PATH */
/** @param path kernel text @param out counted */
int path_lookup(int dirfd, const char *path, u32 flags, struct path *out);
/**
 * Write the absolute path of @p p at the end of @p buf, as the current thread sees it.
 * @return start within buf or ERR_PTR(-ENAMETOOLONG). What was removed ends in " (deleted)".
 */
char *path_text(const struct path *p, char *buf, size_t size);
#define MAY_EXEC  1
#define MAY_WRITE 2
#define MAY_READ  4
/** MAY_* against the current fs credentials. May not sleep. @return 0, -EACCES, -EROFS */
int inode_permission(struct inode *i, int mask);
/** inode_permission() after looking at the mount. */
int path_permission(const struct path *p, int mask);
/** Is it on a mount with MS_NOSUID? (exec) */
bool path_is_nosuid(const struct path *p);
/** Write back what is only in memory, of all file systems. Sleeps. */
void fs_sync_all(void);

/* ---- for file systems ---- */
/** Zeroed but for refs 1, sb, ino, times; mode and owner are the caller's to set. NULL: no memory. */
struct inode *inode_alloc(struct super_block *sb);
static inline void inode_get(struct inode *i)
{
	atomic_inc(&i->refs);
}
/** Thread context; may sleep. */
void inode_put(struct inode *i);
/** Owner, group and mode of something new in @p dir, for the current thread. */
void inode_init_owner(struct inode *i, const struct inode *dir, mode_t mode);
/** Set ops and fops of a device, FIFO or socket. */
void inode_init_special(struct inode *i, dev_t rdev);
void inode_touch(struct inode *i, u32 which); /* ATTR_ATIME ..: to the present time */
/** A device number for a file system that has no device. */
dev_t fs_anon_dev(void);
u32 mode_to_dtype(mode_t mode); /* DT_* */
extern const struct file_ops pipe_fops, chardev_fops, blockdev_fops, page_cache_fops;

/* ---- generated files: /proc and /sys; seq_file.h says how show() makes text ---- */
/** A /proc file whose text show() makes at open-read time. Parent folders are made. Paths are like "banos/1" of "/proc/banos/1". NULL: no memory, or the name is taken. */
struct proc_entry;
struct proc_entry *proc_create(const char *path, mode_t mode,
			       int (*show)(struct seq_file *m, void *arg), void *arg);
/** As above, also writable: write gets a NUL-terminated copy, and may change it. @return 0 or -errno */
struct proc_entry *proc_create_rw(const char *path, mode_t mode,
				  int (*show)(struct seq_file *, void *),
				  int (*write)(char *text, size_t len, void *arg), void *arg);
/** A symbolic link in /proc. */
struct proc_entry *proc_symlink(const char *path, const char *target);
/** A folder that stays when it is empty; those that were made on the way to a file go with their last file. */
struct proc_entry *proc_mkdir(const char *path);
void proc_remove(
	struct proc_entry *e); /* waits until show() and write() run nowhere; NULL is fine */
/** The same in every sysfs. */
struct proc_entry *sysfs_create(const char *path, mode_t mode,
				int (*show)(struct seq_file *, void *),
				int (*write)(char *text, size_t len, void *arg), void *arg);
struct proc_entry *sysfs_symlink(const char *path, const char *target);
struct proc_entry *sysfs_mkdir(const char *path);
/** @brief A folder whose content is made when somebody looks: @p refresh may create, but not remove, what is in it. */
struct proc_entry *sysfs_mkdir_refreshed(const char *path, void (*refresh)(void *arg), void *arg);
void sysfs_remove(struct proc_entry *e);

/* ---- poll ---- */
/** What collects the wait queues of a file's poll method. */
struct poll_table {
	void (*add)(struct poll_table *t, struct wait_queue *q);
	u32 events;
};
/** Called by a file's poll method for each queue on which it signals readiness. */
static inline void poll_wait(struct poll_table *t, struct wait_queue *q)
{
	if (t)
		t->add(t, q);
}
static inline u32 file_poll(struct file *f, struct poll_table *t)
{
	return f->ops->poll ? f->ops->poll(f, t) : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

/* ---- boot ---- */
void fs_init(void); /* caches, root tmpfs, devfs, procfs types */
/** Memory is short: free the cached names that nobody uses. Sleeps. @return were there any? */
bool dentry_cache_drop(void);
/** Unpacking archives over the root file system; they know each other's hard links. fs/initramfs/unpack.c. Sleeps. */
struct initramfs;
/** @param done  NULL, or told now and then that what lies before @p upto is not needed any more. @return NULL: no memory */
struct initramfs *initramfs_begin(void (*done)(const void *upto));
/**
 * Unpack cpio archives (newc), several in a row, each plain or (if configured) gzipped.
 * @param label  stands in front of the words in messages: "" or "module 2: "
 * @return 0; -ENOMEM, -ENOSPC; -EINVAL: damaged (reported in words)
 */
int initramfs_unpack(struct initramfs *u, const char *label, const void *data, size_t size);
/** Set the times of directories; free @p u. */
void initramfs_end(struct initramfs *u);

/* ---- device nodes ---- */
/** Give a device number to file operations, and a name in every devfs/devtmpfs. @return 0, -EBUSY, -ENOMEM */
struct chardev {
	dev_t dev;
	const char *name;
	mode_t mode;
	const struct file_ops *ops;
	void *private;
	/** May be NULL. Counts @p private for ops->open, which may then outlast chardev_unregister(). @return 0 or -errno */
	int (*hold)(void *private);
};
/** The file's private is c->private when ops->open runs. Name NULL: no node. device/chardev.c; name copied. Sleeps. */
int chardev_register(const struct chardev *c);
/** Remove node and number (one from chardev_alloc_number() too); waits for ops->open calls that run without c->hold. Sleeps. */
void chardev_unregister(dev_t dev);
/** Reserve a dynamic number: a minor from 256 on under major 10 (misc). @return dev or 0 */
dev_t chardev_alloc_number(void);
/** Text of /proc/devices: numbers and names of the majors in use. Sleeps. */
void chardev_show(struct seq_file *m);
/** A node in devtmpfs; folders are made. @param mode rights, plus S_IFBLK for a block device. @return 0, -EEXIST, -ENOMEM. Sleeps. */
int devfs_add(const char *name, mode_t mode, dev_t dev);
/** Remove it, and folders that became empty. Sleeps. */
void devfs_remove(const char *name);
