/* SPDX-License-Identifier: MIT */
/** @file limits.h  What a write to any file with pages asks first. */
#pragma once
#include <kernel/fs/inode.h>
#include <kernel/process.h>
#include <uapi/stat.h>

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
