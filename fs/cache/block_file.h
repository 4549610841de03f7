/* SPDX-License-Identifier: MIT */
/** @file block_file.h  What the sources of files of disks share. */
#pragma once
#include <kernel/fs/file_cache.h>

#define BLOCK_READAHEAD 256u /* sectors, as BLKRAGET reports them */

/** A disk in use as a file. */
struct block_inode {
	struct list link;
	struct inode *inode;
	struct file_cache cache;
	u32 users;     /* under block_lock */
	u32 readahead; /* sectors: BLKRASET */
};

s64 block_ioctl(struct file *f, u32 cmd, u64 arg);
