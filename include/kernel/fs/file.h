/* SPDX-License-Identifier: MIT */
/** @file file.h  Open files: what a descriptor refers to. */
#pragma once
#include <kernel/atomic.h>
#include <kernel/fs/path.h>
#include <kernel/lock.h>
#include <uapi/fcntl.h>

struct cred;
struct dir_context;
struct eventpoll_item;
struct file;
struct file_cache;
struct file_owner;
struct inode;
struct poll_table;
struct seq_file;
struct uio;
struct vm_region;

/** Methods may sleep, and return 0 or -errno unless stated otherwise. */
struct file_ops {
	int (*open)(struct inode *inode, struct file *f);
	/** The last reference was dropped. */
	void (*release)(struct file *f);
	/** Transfer at *pos and advance it. @return bytes, or -errno when none */
	s64 (*read)(struct file *f, struct uio *uio, u64 *pos);
	s64 (*write)(struct file *f, struct uio *uio, u64 *pos);
	/** NULL: generic, by size. */
	s64 (*llseek)(struct file *f, s64 offset, int whence);
	/** Call dir_fill() for each entry from context->pos on, "." and ".." included; stop when it returns false. Under inode->lock. */
	int (*readdir)(struct file *f, struct dir_context *context);
	/** Ready events now; calls poll_wait(table, ...) for each wait queue (@p table may be NULL). NULL: always readable and writable. */
	u32 (*poll)(struct file *f, struct poll_table *table);
	/** Without poll(): the events that are ready; they change without notice. NULL: readable and writable. */
	u32 (*ready)(const struct file *f);
	/** -ENOTTY when the command is unknown. */
	s64 (*ioctl)(struct file *f, u32 cmd, u64 arg);
	/**
	 * Asked before mmap(), while the address space is not locked: may enter a driver. What is
	 * stored in *@p private mmap() finds in region->private; map_end() is called if it is
	 * not NULL, also where mmap() was not. NULL: nothing to ask.
	 */
	int (*map_begin)(struct file *f, u64 offset, u64 length, u32 vm_flags, void **private);
	void (*map_end)(struct file *f, void *private);
	/**
	 * Sets region->ops; may look at region->flags, and set region->private and (block devices) region->pages.
	 * Leaves region->ops NULL to ask for anonymous memory (/dev/zero). NULL: ENODEV.
	 */
	int (*mmap)(struct file *f, struct vm_region *region);
	/** O_ASYNC: async_list_set() with the object's list. NULL: the object cannot report. @return 0 or -ENOMEM */
	int (*async)(struct file *f, s32 fd, bool on);
	/** Store what was written: at least the bytes [first, last] and, unless @p data_only, all attributes. */
	int (*fsync)(struct file *f, u64 first, u64 last, bool data_only);
	/** Called by each close(). */
	int (*flush)(struct file *f);
	/** For /proc/PID/fdinfo. */
	void (*show_fdinfo)(struct file *f, struct seq_file *seq);
};

struct file {
	struct atomic refs;
	u32 flags; /* O_* */
	u32 mode;  /* FMODE_* */
	const struct file_ops *ops;
	struct path path;
	struct inode *inode; /* pinned by path */
	u64 pos;
	struct mutex pos_lock; /* guards pos: see FMODE_POS_LOCK */
	void *private;
	struct cred *cred;		  /* opener, counted */
	struct eventpoll_item *eventpoll; /* epoll sets that watch it; fs/open/epoll.c */
	struct file_owner
		*owner; /* F_SETOWN, F_SETSIG, O_ASYNC; NULL: never asked for; fs/open/async.c */
	struct rcu_head rcu;
	/* Of files with a cache (file_cache.h), set by open(). */
	struct file_cache *cache;
	u64 read_next,
		ahead_end; /* pages: where sequential reading continues; read ahead up to here */
	u32 ahead_pages;   /* of the last window */
	u32 error_seen;	   /* file_cache.error as this file has reported it */
};
#define FMODE_READ   1
#define FMODE_WRITE  2
#define FMODE_STREAM 4	 /* no position: pipes, sockets, ttys; set it in open() */
#define FMODE_PATH   8	 /* O_PATH */
#define FMODE_WRITER 32	 /* counted in inode->writers and in the mount's writers */
#define FMODE_RCU    64	 /* was in a descriptor table that threads share */
#define FMODE_OPENED 128 /* ops->open succeeded: release() is owed */
#define FMODE_LOCKS  256 /* took a flock() or OFD lock: they end with the file */
#define FMODE_POS_LOCK \
	512 /* a regular file or directory: pos_lock serialises the users of the position */
#define FMODE_RANDOM	 1024 /* POSIX_FADV_RANDOM, POSIX_FADV_SEQUENTIAL: fs/cache/readahead.c */
#define FMODE_SEQUENTIAL 2048
#define FMODE_CLAIM	 4096 /* of a disk, which was opened with O_EXCL: fs/cache/block_file.c */

/** @return a file with refs 1, or NULL: no memory or too many */
struct file *file_alloc(void);
static inline void file_get(struct file *f)
{
	atomic_inc(&f->refs);
}
/** @brief Drop a reference. Thread context; may sleep. */
void file_put(struct file *f);

/** @brief Open by path as the current thread. @param path  kernel text @return file or ERR_PTR */
struct file *__must_check file_open(int dirfd, const char *path, u32 flags, mode_t mode);
/** @brief Open for execution: checks x bit, type and MS_NOEXEC. @param at_flags  AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW */
struct file *__must_check file_open_exec(int dirfd, const char *path, u32 at_flags);
/** @brief Is the file on a mount with MS_NOEXEC? For mmap() and mprotect(). */
bool file_is_noexec(const struct file *f);
/** @brief Keep others from opening the file for writing while it runs. @return 0 or -ETXTBSY */
int file_deny_write(struct file *f);
void file_allow_write(struct file *f);
/** @brief Count a user that changes a regular file's contents: pair with write_access_end(). @return 0, -EROFS, -ETXTBSY */
__must_check int write_access_begin(const struct path *path);
void write_access_end(const struct path *path);
/** @brief Set the time of last access after a read, as the mount wants it. */
void file_accessed(struct file *f);

/**
 * @brief fallocate(): also for MADV_REMOVE, with FALLOC_FL_PUNCH_HOLE. Takes the inode's lock.
 * @return 0, or as fallocate() fails
 */
__must_check int file_allocate(struct file *f, u32 mode, s64 offset, s64 length);
/** @brief Set the size, as truncate() does; the caller counted itself with write_access_begin(). */
__must_check int vfs_truncate(const struct path *path, u64 size, struct file *f);
/** @brief Transfer from or to kernel memory at *@p pos, which advances. @return bytes or -errno */
__must_check s64 file_read_kernel(struct file *f, void *buf, u64 len, u64 *pos);
__must_check s64 file_write_kernel(struct file *f, const void *buf, u64 len, u64 *pos);

/**
 * @brief Make an open file without a name ("pipe:[7]", "anon_inode:[eventfd]").
 * @param kind	 text without number; kept, not copied
 * @param flags	 O_*: access mode and O_NONBLOCK
 * @return file with mode FMODE_STREAM and a fresh inode of its own, or ERR_PTR
 */
struct file *__must_check file_create_anon(const char *kind, const struct file_ops *ops,
					   void *private, u32 flags);
/**
 * @brief Make another open file on the same nameless inode (the other end of a pipe).
 * @param f  from file_create_anon()
 * @return as file_create_anon()
 */
struct file *file_create_anon_pair(struct file *f, const struct file_ops *ops, void *private,
				   u32 flags);
