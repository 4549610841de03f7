/* SPDX-License-Identifier: MIT */
/** @file inotify.h  Between inotify.c (instances: what is read) and inotify_watch.c (watches: what is reported). */
#pragma once
#include <kernel/fs/notify.h>
#include <kernel/fs/page_tree.h>
#include <kernel/wait.h>

struct seq_file;

/** An event that waits to be read. */
struct inotify_event {
	struct list link;
	s32 wd;
	u32 mask, cookie;
	u32 length; /* of the name, without NUL; 0: it has none */
	char name[];
};

/** What a descriptor of inotify_init() refers to. */
struct inotify {
	spinlock_t lock; /* guards events, count, overflow */
	struct list events;
	u32 count, most;
	bool overflowed; /* the overflow event is queued */
	struct inotify_event overflow;
	struct wait_queue wait;
	struct cred *cred; /* whose limits count; counted */
	/* under the lock of watches */
	struct page_tree watches; /* by their numbers */
	u32 next_wd;
};

/** @brief Queue an event; without memory, or with too many, that events were lost. Any thread context. @param name  NULL: none */
void inotify_queue(struct inotify *inotify, s32 wd, u32 mask, u32 cookie, const char *name,
		   u32 length);

/**
 * @brief Watch an inode, or change how it is watched.
 * @param mask  IN_*, flags too
 * @return the watch's number; -EEXIST (IN_MASK_CREATE); -ENOSPC: too many; -ENOMEM
 */
s32 __must_check inotify_watch_set(struct inotify *inotify, struct inode *inode, u32 mask,
				   u64 most);
/** @brief End a watch; IN_IGNORED is queued. Sleeps. @return 0, -EINVAL: there is none */
int __must_check inotify_watch_end(struct inotify *inotify, u32 wd);
/** @brief End all of them, silently. Sleeps. */
void inotify_watches_end(struct inotify *inotify);
/** @brief INOTIFY_IOC_SETNEXTWD. */
void inotify_watches_number(struct inotify *inotify, u32 wd);
/** @brief Lines of fdinfo. */
void inotify_watches_show(struct inotify *inotify, struct seq_file *seq);
/** @brief Make the table of watches, once. Sleeps. @return 0 or -ENOMEM */
int __must_check inotify_watches_init(void);
