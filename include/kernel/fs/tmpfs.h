/* SPDX-License-Identifier: MIT */
/** @file tmpfs.h  Super blocks of files in memory, for the root file system and devtmpfs (fs/tmpfs/tmpfs.c). */
#pragma once
#include <kernel/types.h>

struct fs_type;

/**
 * Where regular files are made without a name (inode_ops.tmpfile), inode->private may be set: it is freed by kfree().
 * @return a super block with a root, or ERR_PTR(-EINVAL: an option is unknown, -ENOMEM). Sleeps.
 */
struct super_block *__must_check tmpfs_create_super(const struct fs_type *type, const char *options,
						    u64 default_max_bytes);
