/* SPDX-License-Identifier: MIT */
/** @file fd_table.h  Between the files of fs/: descriptor tables, and what closing does. */
#pragma once
#include <kernel/fs.h>

struct fd_table {
	u32 size; /* a multiple of 64 */
	struct file **file;
	u64 *open, *cloexec; /* bitmaps */
	struct rcu_head rcu;
};
#define FD_INLINE 64u
struct files {
	struct atomic refs;	/* threads, and readers of /proc */
	spinlock_t lock;	/* guards changes of the table */
	struct fd_table *table; /* RCU */
	u32 first_free;		/* none is free below */
	struct fd_table inline_table;
	struct file *inline_file[FD_INLINE];
	u64 inline_open, inline_cloexec;
};
/** A descriptor of @p owner goes: flush, POSIX locks, the table's reference. Sleeps. */
s64 file_close(struct file *f, struct files *owner);
/** fs/open/locks.c: close() takes all POSIX locks of @p owner on the inode away, whichever descriptor made them. */
void locks_close(struct file *f, struct files *owner);
/** fs/open/locks.c: F_GETLK, F_SETLK, F_SETLKW and the OFD variants. */
s64 locks_fcntl(u32 fd, struct file *f, u32 cmd, u64 arg);
/** FD_CLOEXEC of a descriptor of the current thread. @return 0, 1, -EBADF */
int fd_get_cloexec(u32 fd);
/** @return 0, -EBADF */
int fd_set_cloexec(u32 fd, bool on);
/** fs/open/async.c: F_SETOWN and what belongs to it. */
s64 owner_fcntl(struct file *f, u32 cmd, u64 arg);
/** fs/open/async.c: O_ASYNC on or off. @return 0, -ENOTTY: the file cannot tell, -ENOMEM */
int file_set_async(struct file *f, u32 fd, bool on);
/** fs/open/async.c: the last reference of a file with ->owner goes; before its release(). */
void file_owner_release(struct file *f);
/** fs/open/epoll.c: the last reference of a file with ->eventpoll goes. Sleeps. */
void eventpoll_release(struct file *f);
/** Any table's descriptor, counted, and its FD_CLOEXEC; NULL: closed. Spins; not for the owner's own calls. */
struct file *files_get_file_flags(struct files *t, u32 fd, bool *cloexec);
