/* SPDX-License-Identifier: MIT */
/** @file page_cache.h  Files whose content is pages in memory (fs/cache/pages.c). Under inode->lock; may sleep. */
#pragma once
#include <kernel/types.h>

struct file_ops;
struct inode;

extern const struct file_ops page_cache_fops;

/** @brief Remove all pages at and behind @p size, and zero the rest of the page that it cuts. */
void pagecache_truncate(struct inode *inode, u64 size);
/** @brief Make [offset, offset + length) read as zeroes, and free whole pages. Private copies in mappings stay. */
void pagecache_punch(struct inode *inode, u64 offset, u64 length);
/** @brief Make pages for all of [offset, offset + length), length > 0. @return 0; -ENOSPC, -ENOMEM, -EINTR: none were made */
__must_check int pagecache_allocate(struct inode *inode, u64 offset, u64 length);
