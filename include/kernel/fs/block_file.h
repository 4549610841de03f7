/* SPDX-License-Identifier: MIT */
/** @file block_file.h  Files of disks: /dev/vda and so on (fs/cache/block_file.c). */
#pragma once
#include <kernel/err.h>

struct disk;
struct file;
struct file_ops;
struct inode;

/** For inodes of type S_IFBLK. */
extern const struct file_ops block_file_fops;
/** @brief The disk of an open file of that type; not counted: the file does. */
struct disk *block_file_disk(const struct file *f);

/**
 * @brief The inode whose pages are a disk's cache: one for all that open it, and for the file system on it. Its
 * pages have masks of dirty sectors (CACHE_SECTORS); its size is the disk's. Sleeps.
 * @return inode: pair with block_inode_put(), or ERR_PTR(-ENOMEM)
 */
struct inode *__must_check block_inode_get(struct disk *disk);
/** @brief Dirty pages are written and the cache is emptied when the last user is gone. Sleeps. */
void block_inode_put(struct inode *inode);

/** @brief Start-up: make the file system that these inodes are in. */
void block_file_init(void);
