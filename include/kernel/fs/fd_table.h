/* SPDX-License-Identifier: MIT */
/** @file fd_table.h  Descriptor tables: small numbers to open files (fs/open/fd_table.c). */
#pragma once
#include <kernel/fs/file.h>

struct files;

/** @return an empty table with one reference, or NULL: no memory */
struct files *files_create(void);
/** @brief Copy a table for fork(). @return NULL: no memory */
struct files *files_copy(struct files *old);
/** @brief Count a table, before a second thread uses it. */
void files_get(struct files *files);
/** @brief Drop a reference; the last one closes all descriptors. Sleeps. */
void files_put(struct files *files);
/** @brief Create a separate table for the current thread if others share it (exec, CLOSE_RANGE_UNSHARE). @return 0 or -ENOMEM */
__must_check int files_unshare(void);
/** @brief Close what has FD_CLOEXEC. No other thread uses the table: files_unshare(). Sleeps. */
void files_close_on_exec(struct files *files);

/** A file found by descriptor: borrowed when the table has one user, else counted. Pair with fd_put(). */
struct fd_ref {
	struct file *file;
	bool counted;
};
/** @brief Find a descriptor of the current thread. @return .file NULL: EBADF; also for O_PATH ones */
struct fd_ref fd_get(u32 fd);
/** @brief The same, O_PATH ones included. */
struct fd_ref fd_get_path(u32 fd);
static inline void fd_put(struct fd_ref ref)
{
	if (ref.counted)
		file_put(ref.file);
}
/**
 * @brief Install a file at the lowest free number >= @p from; consumes the reference on success.
 * @return descriptor, -EMFILE, -ENOMEM, -EINVAL
 */
__must_check int fd_install(struct file *f, u32 from, bool cloexec);
/** @brief Close a descriptor of the current thread. Sleeps. @return 0, -EBADF, or what the file's flush method returned */
int fd_close(u32 fd);

/* Any table, for /proc. */

/** @return the file of a descriptor, counted, and its FD_CLOEXEC; NULL: closed. Spins; not for the owner's own calls */
struct file *files_get_file_flags(struct files *files, u32 fd, bool *cloexec);
/** @return the next open number >= @p from, or -1 */
int files_next_fd(struct files *files, u32 from);
/** @return the number of descriptors that fit into the table */
u32 files_size(struct files *files);
