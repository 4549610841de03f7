/* SPDX-License-Identifier: MIT */
/** @file page_cache.h  Files whose content is pages in memory (fs/cache/pages.c). Under inode->lock; may sleep. */
#pragma once
#include <kernel/fs/file_cache.h>
#include <kernel/page.h>
#include <kernel/types.h>

struct file_ops;
struct inode;

extern const struct file_ops page_cache_fops;

/* Its methods, for files that share some of them: see struct file_ops and struct vm_region_ops. */

s64 pagecache_read(struct file *f, struct uio *uio, u64 *pos);
/**
 * @brief As its write method.
 * @param check  asked under inode->lock how many of @c count bytes may be written: it may return -errno
 */
s64 pagecache_write_checked(struct file *f, struct uio *uio, u64 *pos,
			    s64 (*check)(struct inode *inode, u64 pos, u64 count));
s64 pagecache_llseek(struct file *f, s64 offset, int whence);
int pagecache_fsync(struct file *f, u64 first, u64 last, bool data_only);
int pagecache_fault(struct vm_region *region, u64 pgoff, struct page **out);
int pagecache_fault_around(struct vm_region *region, u64 first, u32 count, struct page **pages);
int pagecache_mkwrite(struct vm_region *region, struct page *page);

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
