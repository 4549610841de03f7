/* SPDX-License-Identifier: MIT */
/**
 * @file fs_ops.h  Changes of the tree of files by path, from kernel code, as the
 * current thread (its root, credentials, umask not applied). Thread context; sleeps.
 * Paths are kernel text, absolute or from the working directory. All return 0 or -errno.
 */
#pragma once
#include <kernel/fs.h>
int fs_mkdir(const char *path, mode_t mode);
/** Devices, FIFOs, sockets, empty files: type in @p mode. */
int fs_mknod(const char *path, mode_t mode, dev_t dev);
int fs_symlink(const char *target, const char *path);
int fs_link(const char *old, const char *new);
/** Remove a file, symlink or empty directory. */
int fs_remove(const char *path);
/** Owner, mode, times as @p a says; the last component isn't followed. */
int fs_setattr(const char *path, const struct iattr *a);
