/* SPDX-License-Identifier: MIT */
/** @file inotify_limits.h  /proc/sys/fs/inotify/ (fs/open/inotify.c). */
#pragma once
#include <kernel/types.h>

struct seq_file;

/** Each is a file; watches and instances are of one user, events of one instance. */
struct inotify_limits {
	int queued_events, user_instances, user_watches;
};
extern struct inotify_limits inotify_limits;

/** @param which  the offset in struct inotify_limits */
int inotify_limit_show(struct seq_file *seq, void *which);
int __must_check inotify_limit_write(char *text, size_t len, void *which);
