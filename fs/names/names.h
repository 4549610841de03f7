/* SPDX-License-Identifier: MIT */
/** @file names.h  Rights to change a directory: for dirops.c and rename.c. */
#pragma once
#include <kernel/types.h>

struct dentry;
struct inode;

/** @return 0, -ENOENT: the directory was removed, -EACCES */
__must_check int may_create(struct inode *dir);
/** @return 0, -EACCES, -EPERM: sticky, -ENOTDIR, -EISDIR, -EBUSY */
__must_check int may_delete(struct dentry *dir, struct dentry *victim, bool is_dir);
