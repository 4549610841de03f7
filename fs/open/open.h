/* SPDX-License-Identifier: MIT */
/** @file open.h  Between the files of fs/open: descriptor tables, and what closing does. */
#pragma once
#include <kernel/fs/fd_table.h>
#include <kernel/thread.h>

struct fd_table {
	u32 size; /* a multiple of 64 */
	struct file **file;
	u64 *open, *cloexec; /* bitmaps; cloexec means nothing of what is not open */
	struct rcu_head rcu;
};
#define FD_INLINE 64u
struct files {
	struct atomic refs;	/* threads, and readers of /proc */
	spinlock_t lock;	/* guards changes of the table */
	struct fd_table *table; /* RCU */
	u32 first_word;		/* of the bitmap: those below are full; changes seldom */
	struct fd_table inline_table;
	struct file *inline_file[FD_INLINE];
	u64 inline_open, inline_cloexec;
};

/* fd_table.c */

/** @return the table, if no other thread uses it: only the caller's own calls change it; else NULL */
static inline struct fd_table *files_own_table(struct files *files)
{
	if (unlikely(atomic_read(&files->refs) != 1))
		return NULL;
	return files->table;
}

/**
 * @brief The file of a descriptor, not counted, where only this thread can close it.
 * @return NULL: look it up by fd_get(), the table is shared or there is none. May be an O_PATH one,
 *	   which can neither be read nor written
 */
static inline struct file *fd_own(u64 fd)
{
	const struct files *files = current->files;
	const struct fd_table *table;

	if (unlikely(atomic_read(&files->refs) != 1))
		return NULL;
	table = files->table;
	if (unlikely(fd >= table->size))
		return NULL;
	return table->file[fd];
}

/** @brief Is a descriptor free? For calls that must not start an operation that would then fail; another thread may take it. @return 0, -EMFILE, -ENOMEM */
__must_check int fd_room(void);
/** @return FD_CLOEXEC of a descriptor of the current thread: 0 or 1; -EBADF */
__must_check int fd_get_cloexec(u32 fd);
/** @return 0, -EBADF */
__must_check int fd_set_cloexec(u32 fd, bool cloexec);

/** @return the file of a descriptor, counted, or NULL */
struct file *files_get_file(struct files *files, u32 fd);

/* file.c */

/**
 * @brief Open what a path leads to; the caller checked permission.
 * @param f	from file_alloc(), taken over; NULL: allocated here
 * @param path	its references become the file's, which leaves NULLs; without memory for a file they stay
 * @return file or ERR_PTR
 */
struct file *__must_check file_open_into(struct file *f, struct path *path, u32 flags);
static inline __must_check struct file *file_open_path(struct path *path, u32 flags)
{
	return file_open_into(NULL, path, flags);
}

/* memfd.c */

#ifdef CONFIG_MEMFD
/** @brief F_ADD_SEALS, F_GET_SEALS. @return seals; 0; -errno */
s64 seals_fcntl(struct file *f, u32 command, u64 arg);
#else
/* No file has any. */
static inline s64 seals_fcntl(struct file *f, u32 command, u64 arg)
{
	(void)f;
	(void)command;
	(void)arg;
	return -EINVAL;
}
#endif

/* locks.c */

#ifdef CONFIG_FILE_LOCKS
/** @brief Remove all POSIX locks of @p owner on the inode, as close() of any descriptor does. */
void locks_close(struct file *f, struct files *owner);
/** @brief Remove flock() and OFD locks of a file that ends. */
void locks_release_file(struct file *f);
/** @brief F_GETLK, F_SETLK, F_SETLKW and the OFD variants. */
s64 __must_check locks_fcntl(u32 fd, struct file *f, u32 cmd, u64 arg);
#else
static inline void locks_close(struct file *f, struct files *owner)
{
	(void)f;
	(void)owner;
}
static inline void locks_release_file(struct file *f)
{
	(void)f;
}
static inline s64 __must_check locks_fcntl(u32 fd, struct file *f, u32 cmd, u64 arg)
{
	(void)fd;
	(void)f;
	(void)cmd;
	(void)arg;
	return -ENOSYS;
}
#endif

/* async.c */

/** @brief O_ASYNC on or off. @return 0, -ENOTTY: the file cannot report, -ENOMEM */
__must_check int file_set_async(struct file *f, u32 fd, bool enable);
/** @brief Free the owner of a file that ends; before its release(). */
void file_owner_release(struct file *f);

/* epoll.c */

/** @brief Remove a file that ends from the sets that watch it. Sleeps. */
void eventpoll_release(struct file *f);
