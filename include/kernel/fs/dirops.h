/* SPDX-License-Identifier: MIT */
/**
 * @file dirops.h  Changes of the tree of files.
 *
 * The functions that take paths act as the current thread (its root and credentials; the umask is not applied), on
 * kernel text, absolute or from the working directory. Thread context; all sleep and return 0 or -errno.
 */
#pragma once
#include <kernel/types.h>

struct dentry;
struct iattr;
struct path;

int fs_mkdir(const char *path, mode_t mode);
/** @brief Make a device, FIFO, socket or empty file: type in @p mode. */
int fs_mknod(const char *path, mode_t mode, dev_t dev);
/**
 * @brief Make the file of a socket, with the rights of the current thread.
 * @param made  its path, counted: path_put()
 */
__must_check int fs_make_socket(const char *path, mode_t mode, struct path *made);
__must_check int fs_symlink(const char *target, const char *path);
__must_check int fs_link(const char *old, const char *new);
/** @brief Remove a file, symbolic link or empty directory. */
int fs_remove(const char *path);
/** @brief Set owner, mode, times; the last component is not followed. */
int fs_setattr(const char *path, const struct iattr *attr);
/** @brief As mount(2) of something new. @param flags  MS_*; @param source,options  may be NULL */
__must_check int fs_mount(const char *source, const char *target, const char *type, u32 flags,
			  const char *options);
/** @brief Take a mount and all that is mounted there out of the tree, in use or not. */
int fs_unmount(const char *path);
/**
 * @brief Make the mount at @p path the first one, and unmount the present one with all that is mounted there.
 * For the boot: no process exists yet.
 */
__must_check int fs_replace_root(const char *path);

/** @brief Make a regular file; checks rights. Under the lock of @p dir. */
__must_check int vfs_create(struct dentry *dir, struct dentry *d, mode_t mode);
