/* SPDX-License-Identifier: MIT */
/** @file limits.h  What files with pages share, stored or not: looking for a page, and what a write asks first. */
#pragma once
#include <kernel/fs/inode.h>
#include <kernel/fs/page_tree.h>
#include <kernel/page.h>
#include <kernel/process.h>
#include <kernel/uaccess.h>
#include <uapi/errno.h>
#include <uapi/stat.h>

/** @brief The cached page, counted, or NULL. */
static inline struct page *inode_page_find(struct inode *inode, u64 index)
{
	struct page *page;

	spin_lock(&inode->pages.lock);
	page = page_tree_lookup(&inode->pages.tree, index);
	if (page)
		page_get(page);
	spin_unlock(&inode->pages.lock);
	return page;
}

/** @brief Before a write: current limits. @return bytes that may be written at @p pos, or -EFBIG (SIGXFSZ was sent) */
static inline s64 file_write_limit(struct inode *inode, u64 pos, u64 count)
{
	u64 limit = ~0ull;

	if (current_process())
		limit = current_process()->limits[RLIMIT_FSIZE].rlim_cur;

	if (pos >= limit) {
		signal_send_thread(current, SIGXFSZ, NULL);
		return -EFBIG;
	}
	if (pos >= FILE_SIZE_MAX)
		return -EFBIG;
	return MIN(count, MIN(limit, FILE_SIZE_MAX) - pos);
}

/** @brief A write by others takes set-user-id and set-group-id away. */
static inline void file_drop_privileges(struct inode *inode)
{
	mode_t drop = inode->mode & S_ISUID;

	if ((inode->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		drop |= S_ISGID;
	if (drop && !current_is_super())
		inode_set_mode(inode, inode->mode & ~drop);
}

/** One piece of a write at @p pos, which may be the last one. @return bytes; 0: a fault at once; -errno */
typedef s64 file_write_piece(struct inode *inode, struct uio *uio, u64 pos, bool *is_last);

/** @brief Write piece by piece, under inode->lock; the size follows. @return bytes, or -errno where there are none */
static inline __attribute__((always_inline)) s64
file_write_pieces(struct inode *inode, struct uio *uio, u64 *pos, file_write_piece *piece)
{
	bool is_last = false;
	s64 done = 0;

	assert_held(&inode->lock);
	while (uio->count && !is_last) {
		s64 got = piece(inode, uio, *pos, &is_last);

		if (got <= 0) {
			if (done)
				return done;
			if (got)
				return got;
			return -EFAULT;
		}
		*pos += (u64)got;
		done += got;
		if (*pos > inode->size)
			WRITE_ONCE(inode->size, *pos);
	}
	return done;
}
