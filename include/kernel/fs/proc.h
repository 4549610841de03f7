/* SPDX-License-Identifier: MIT */
/** @file proc.h  Files in /proc that any part of the kernel adds; seq_file.h describes how show() makes text. */
#pragma once
#include <kernel/types.h>

struct file;
struct proc_entry;
struct process;
struct seq_file;
struct thread;

/**
 * @brief Create a file whose text show() makes when the file is read.
 *
 * Parent folders are made, and removed with their last file. Sleeps.
 * @param path  as in "banos/1"
 * @return it, or NULL: no memory, or the name is taken
 */
struct proc_entry *proc_create(const char *path, mode_t mode,
			       int (*show)(struct seq_file *seq, void *arg), void *arg);
/** @brief The same, also writable: write() gets a NUL-terminated copy, may change it, and returns 0 or -errno. */
struct proc_entry *proc_create_rw(const char *path, mode_t mode,
				  int (*show)(struct seq_file *seq, void *arg),
				  int (*write)(char *text, size_t len, void *arg), void *arg);
/** @brief Create a symbolic link. */
struct proc_entry *proc_symlink(const char *path, const char *target);
/** @brief Create a folder that stays when it is empty. */
struct proc_entry *proc_mkdir(const char *path);
/** @brief A process has been reaped: its number and thread are not found any more. Free its names. Sleeps. */
void proc_forget(struct process *p);
/** @brief The process of an open /proc/PID, counted. @return NULL: the file is no such folder, or the process was reaped */
struct process *proc_folder_process(const struct file *f);
/**
 * @brief A descriptor of thread @p t of @p p, counted; of another thread where that has ended.
 * @param cloexec  out: its FD_CLOEXEC
 * @return NULL: it is closed
 */
struct file *proc_file_of(struct process *p, struct thread *t, u32 fd, bool *cloexec);
/** @brief Remove an entry, and wait until show() and write() run nowhere; NULL is fine. Sleeps. */
void proc_remove(struct proc_entry *entry);
