/* SPDX-License-Identifier: MIT */
/** @file page_cache.h  Files whose content is pages in memory (fs/cache/pages.c). Under inode->lock; may sleep. */
#pragma once
#include <kernel/fs/file_cache.h>
#include <kernel/page.h>
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
/** @brief page_alloc() with PAGE_USER; where memory is short, cached pages of stored files are freed for it. Sleeps. */
static inline struct page *page_alloc_patiently(u32 flags)
{
	struct page *page = page_alloc(flags | PAGE_USER);

	if (unlikely(!page) && IS_ENABLED(CONFIG_BLOCK))
		page = file_cache_page_alloc(flags);
	return page;
}
