/* SPDX-License-Identifier: MIT */
/**
 * @file fs.h  Files as the kernel sees them: inode, dentry, mount, open file.
 *
 * inode   an object of a file system; counted.
 * dentry  a name in a directory, cached; positive or negative; counted; parent pinned by child.
 * mount   a file system hung onto a dentry.
 * path    {mount, dentry}.
 * file    an open file, counted; what a descriptor refers to.
 */
#pragma once
#include <kernel/err.h>
#include <kernel/lock.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>

#define MKDEV(ma, mi)	((dev_t)((((u64)(ma) & 0xfff) << 8) | ((u64)(mi) & 0xff) | (((u64)(mi) & 0xfff00) << 12)))
#define MAJOR(d)	((u32)(((d) >> 8) & 0xfff))
#define MINOR(d)	((u32)(((d) & 0xff) | (((d) >> 12) & 0xfff00)))
#define NAME_MAX	255
#define PATH_MAX	4096

struct inode;
struct dentry;
struct mount;
struct file;
struct super_block;
struct vm_region;
struct poll_table;
struct page;
struct iattr;
struct kstat;
struct statfs;
struct dir_context;
struct cred;

struct path { struct mount *mnt; struct dentry *dentry; };
void path_get(const struct path *p);
void path_put(const struct path *p);



/** Pages of a file by index; a tree under ->lock. fs/pagecache.c */
struct page_tree { void *root; u32 height; u64 count; };
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

struct inode_ops {
	/** Find @p name in @p dir; set dentry->inode (a reference) or leave NULL when absent. -errno on failure. Under the dir's lock. */
	int (*lookup)(struct inode *dir, struct dentry *d);
	int (*create)(struct inode *dir, struct dentry *d, mode_t mode);
	int (*mknod)(struct inode *dir, struct dentry *d, mode_t mode, dev_t dev);
	int (*mkdir)(struct inode *dir, struct dentry *d, mode_t mode);
	int (*symlink)(struct inode *dir, struct dentry *d, const char *target);
	int (*link)(struct inode *inode, struct inode *dir, struct dentry *d);
	int (*unlink)(struct inode *dir, struct dentry *d);
	int (*rmdir)(struct inode *dir, struct dentry *d);
	int (*rename)(struct inode *odir, struct dentry *od, struct inode *ndir, struct dentry *nd, u32 flags);
	/** Target text; valid while @p inode is held, or copied to buf (size PATH_MAX). ERR_PTR. */
	const char *(*readlink)(struct inode *inode, char *buf);
	/** Magic links (/proc/PID/exe, fd/N): jump to a path. NULL for ordinary ones. */
	int (*follow)(struct inode *inode, struct path *out);
	int (*setattr)(struct inode *inode, const struct iattr *a);	/* NULL: generic */
	int (*getattr)(struct inode *inode, struct kstat *st);		/* NULL: generic */
	int (*permission)(struct inode *inode, int mask);		/* NULL: generic mode bits */
};
struct iattr { u32 valid; mode_t mode; uid_t uid; gid_t gid; u64 size; u64 atime_ns, mtime_ns, ctime_ns; };
#define ATTR_MODE 1
#define ATTR_UID 2
#define ATTR_GID 4
#define ATTR_SIZE 8
#define ATTR_ATIME 16
#define ATTR_MTIME 32
#define ATTR_CTIME 64
struct kstat {
	u64 dev, ino, rdev, size, blocks;
	u32 mode, nlink, uid, gid, blksize;
	u64 atime_ns, mtime_ns, ctime_ns, btime_ns;
};

struct inode {
	struct atomic refs;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	u32 nlink;
	u64 size;
	u64 blocks;			/* of 512 bytes */
	ino_t ino;
	dev_t rdev;
	u64 atime_ns, mtime_ns, ctime_ns, btime_ns;
	struct super_block *sb;
	const struct inode_ops *ops;
	const struct file_ops *fops;	/* for open */
	struct mutex lock;		/* directory contents, size changes, writes */
	struct file_pages pages;
	void *private;			/* file system's */
	struct pipe *pipe;		/* FIFO */
	struct rcu_head rcu;
	u32 writers;			/* open for writing; -n: denied (text busy) */
	struct list flocks;
};

struct dentry {
	struct atomic refs;
	u32 hash;
	struct inode *inode;		/* NULL: negative */
	struct dentry *parent;		/* itself at a root */
	struct dentry *hash_next;	/* bucket; RCU */
	struct list children;		/* under parent's inode lock */
	struct list child_link;
	struct list lru;
	struct super_block *sb;
	u32 flags;			/* DENTRY_* */
	spinlock_t lock;
	u16 name_len;
	const char *name;		/* inline_name or kmalloc */
	char inline_name[32];
	void *private;
	struct rcu_head rcu;
};
#define DENTRY_MOUNTED	1		/* something is mounted on it */
#define DENTRY_UNHASHED	2		/* removed: open files may still hold it */
#define DENTRY_PINNED	4		/* tmpfs: lives as long as the name */

struct super_ops {
	void (*evict_inode)(struct inode *inode);	/* last reference gone; free private and pages */
	int (*statfs)(struct super_block *sb, struct statfs *out);
	int (*sync)(struct super_block *sb);
	void (*put_super)(struct super_block *sb);
};
struct super_block {
	struct atomic refs;
	dev_t dev;
	u32 blksize;
	u64 magic;
	u32 flags;			/* MS_RDONLY ... */
	const struct super_ops *ops;
	const struct fs_type *type;
	struct dentry *root;
	struct mutex rename_lock;
	struct atomic64 next_ino;
	void *private;
};
struct fs_type {
	const char *name;
	u32 flags;			/* FS_NODEV: "nodev" in /proc/filesystems */
	int (*mount)(struct fs_type *t, u32 flags, const char *source, const char *options, struct super_block **out);
	struct list link;
	void *private;
};
#define FS_NODEV 1
int fs_register(struct fs_type *t);
int fs_unregister(struct fs_type *t);

struct file_ops {
	int (*open)(struct inode *inode, struct file *f);
	void (*release)(struct file *f);		/* last reference gone */
	/** Transfer at *pos (advance it). @return bytes, or -errno when none. */
	s64 (*read)(struct file *f, struct uio *u, u64 *pos);
	s64 (*write)(struct file *f, struct uio *u, u64 *pos);
	s64 (*llseek)(struct file *f, s64 off, int whence);	/* NULL: generic by size */
	/** Call fill(ctx, name, len, ino, type) from f->pos on; stop when it returns false. "." and ".." included. */
	int (*readdir)(struct file *f, struct dir_context *ctx);
	/** Ready events now; registers on wait queues through @p t (may be NULL). */
	u32 (*poll)(struct file *f, struct poll_table *t);
	s64 (*ioctl)(struct file *f, u32 cmd, u64 arg);		/* -ENOTTY when unknown */
	/** Sets r->ops; may look at r->flags, and set r->private and (block devices) r->pages. NULL: ENODEV. */
	int (*mmap)(struct file *f, struct vm_region *r);
	int (*fsync)(struct file *f);
	int (*flush)(struct file *f);				/* each close() */
};
struct dir_context {
	bool (*fill)(struct dir_context *c, const char *name, u32 len, ino_t ino, u32 type);
	u64 pos;
};
struct file {
	struct atomic refs;
	u32 flags;			/* O_* */
	u32 mode;			/* FMODE_* */
	const struct file_ops *ops;
	struct path path;
	struct inode *inode;
	u64 pos;
	struct mutex pos_lock;
	void *private;
	struct cred *cred;		/* opener */
	struct { pid_t owner; int sig; } async;
};
#define FMODE_READ 1
#define FMODE_WRITE 2
#define FMODE_STREAM 4			/* no position: pipes, sockets, ttys */
#define FMODE_PATH 8			/* O_PATH */
#define FMODE_NOWAIT 16

struct file *file_alloc(void);		/* refs 1 or NULL */
static inline void file_get(struct file *f) { atomic_inc(&f->refs); }
void file_put(struct file *f);
/** Open by path as the current thread. @return file or ERR_PTR. */
struct file *file_open(int dirfd, const char *path, u32 flags, mode_t mode);
/** Open for execution: checks the x bit, regular file. */
struct file *file_open_exec(int dirfd, const char *path, u32 at_flags);
s64 file_read_kernel(struct file *f, void *buf, u64 len, u64 *pos);
s64 file_write_kernel(struct file *f, const void *buf, u64 len, u64 *pos);
/** An open file without a name ("pipe:[7]", "socket:[9]"). */
struct file *file_create_anon(const char *kind, const struct file_ops *ops, void *private, u32 flags);

/* ---- descriptors (fs/files.c) ---- */
struct files;
struct files *files_create(void);
struct files *files_copy(struct files *old);		/* fork */
void files_get(struct files *f);
void files_put(struct files *f);
void files_close_on_exec(struct files *f);
/** Borrowed when the table has one user, else counted: pair with fd_put(). */
struct fd_ref { struct file *file; bool counted; };
struct fd_ref fd_get(u32 fd);
static inline void fd_put(struct fd_ref r) { if (r.counted) file_put(r.file); }
/** Install a file at the lowest free number >= @p from (consumes the reference on success). @return fd, -EMFILE */
int fd_install(struct file *f, u32 from, bool cloexec);
int fd_close(u32 fd);
struct file *files_get_file(struct files *t, u32 fd);	/* counted; /proc */
int files_next_fd(struct files *t, u32 from);		/* next open number >= from, or -1 */

/* ---- paths ---- */
struct fs_context { struct atomic refs; spinlock_t lock; mode_t umask; struct path root, cwd; };
struct fs_context *fs_context_create(void);
struct fs_context *fs_context_copy(struct fs_context *old);
void fs_context_put(struct fs_context *f);
#define LOOKUP_FOLLOW	1
#define LOOKUP_PARENT	2
#define LOOKUP_DIRECTORY 4
#define LOOKUP_EMPTY	8		/* AT_EMPTY_PATH */
int path_lookup(int dirfd, const char *path, u32 flags, struct path *out);
/** Write the absolute path of @p p at the end of @p buf. @return start within buf or ERR_PTR(-ENAMETOOLONG). */
char *path_text(const struct path *p, char *buf, size_t size);
int inode_permission(struct inode *i, int mask);	/* MAY_* against the current fs credentials */
#define MAY_EXEC 1
#define MAY_WRITE 2
#define MAY_READ 4

/* ---- for file systems ---- */
struct inode *inode_alloc(struct super_block *sb);
void inode_get(struct inode *i);
void inode_put(struct inode *i);
struct file_ops;
extern const struct file_ops pipe_fops, fifo_fops, chardev_fops, blockdev_fops, page_cache_fops;

/* ---- seq files: text generated into a growing buffer (/proc) ---- */
struct seq_file { char *buf; size_t size, count; bool overflow; void *private; };
void seq_printf(struct seq_file *m, const char *fmt, ...) __printf(2, 3);
void seq_write(struct seq_file *m, const void *p, size_t n);
void seq_puts(struct seq_file *m, const char *s);
/** A /proc file whose text show() makes at open-read time. Parent folders are made. "banos/1" style paths. */
struct proc_entry;
struct proc_entry *proc_create(const char *path, mode_t mode, int (*show)(struct seq_file *m, void *arg), void *arg);
/** As above, also writable: write gets a NUL-terminated copy. */
struct proc_entry *proc_create_rw(const char *path, mode_t mode, int (*show)(struct seq_file *, void *),
				  int (*write)(char *text, size_t len, void *arg), void *arg);
void proc_remove(struct proc_entry *e);		/* waits until show() runs nowhere */

/* ---- poll ---- */
#define POLLIN 0x1
#define POLLPRI 0x2
#define POLLOUT 0x4
#define POLLERR 0x8
#define POLLHUP 0x10
#define POLLNVAL 0x20
#define POLLRDNORM 0x40
#define POLLRDBAND 0x80
#define POLLWRNORM 0x100
#define POLLRDHUP 0x2000
/** Called by a file's poll method for each queue on which it signals readiness. */
void poll_wait(struct poll_table *t, struct wait_queue *q);

/* ---- boot ---- */
void fs_init(void);				/* caches, root tmpfs, devfs, procfs types */
/** Unpack a cpio (newc; gzip too if configured), several in a row. @return 0 or the first error; reports in words. */
int initramfs_unpack(const void *data, size_t size);

/* ---- device nodes ---- */
/** Give a device number to file operations, and a name in every devfs/devtmpfs. @return 0, -EBUSY, -ENOMEM */
struct chardev { dev_t dev; const char *name; mode_t mode; const struct file_ops *ops; void *private; };
/** The file's private is c->private when ops->open runs. Name NULL: no node. device/chardev.c; name copied. Sleeps. */
int chardev_register(const struct chardev *c);
/** Remove node and number (one from chardev_alloc_number() too); waits for ops->open calls that run. Sleeps. */
void chardev_unregister(dev_t dev);
/** Reserve a dynamic number: a minor from 256 on under major 10 (misc). @return dev or 0 */
dev_t chardev_alloc_number(void);
int devfs_add(const char *name, mode_t mode, dev_t dev);
void devfs_remove(const char *name);
int devfs_symlink(const char *name, const char *target);
