/* SPDX-License-Identifier: MIT */
/** @file sysfs.h  Files in /sys that any part of the kernel adds; as proc.h. */
#pragma once
#include <kernel/types.h>

struct proc_entry;
struct seq_file;

/** @brief Create a file; @p write may be NULL. @return it, or NULL: no memory, or the name is taken. Sleeps. */
struct proc_entry *sysfs_create(const char *path, mode_t mode,
				int (*show)(struct seq_file *seq, void *arg),
				int (*write)(char *text, size_t len, void *arg), void *arg);
struct proc_entry *sysfs_symlink(const char *path, const char *target);
/** @brief Create a folder that stays when it is empty. */
struct proc_entry *sysfs_mkdir(const char *path);
/** @brief Create a folder whose content is made on demand: @p refresh may create, but not remove, what is in it. */
struct proc_entry *sysfs_mkdir_refreshed(const char *path, void (*refresh)(void *arg), void *arg);
/** @brief Remove an entry, and wait until show() and write() run nowhere; NULL is fine. Sleeps. */
void sysfs_remove(struct proc_entry *entry);
