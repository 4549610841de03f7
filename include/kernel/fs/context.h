/* SPDX-License-Identifier: MIT */
/** @file context.h  What a process calls "/" and ".", and its umask (fs/names/context.c). */
#pragma once
#include <kernel/atomic.h>
#include <kernel/fs/path.h>
#include <kernel/lock.h>
#include <kernel/thread.h>

struct fs_context {
	struct atomic refs;
	spinlock_t lock; /* guards root and cwd */
	u32 seq;	 /* odd while root and cwd change */
	mode_t umask;
	struct path root, cwd;
};

/** @return a context whose root and working directory are the first mount; NULL: no memory */
struct fs_context *fs_context_create(void);
/** @return a copy, or NULL: no memory */
struct fs_context *fs_context_copy(struct fs_context *old);
static inline void fs_context_get(struct fs_context *fs)
{
	atomic_inc(&fs->refs);
}
/** @brief Drop a reference; NULL is fine. Sleeps. */
void fs_context_put(struct fs_context *fs);
/** @brief Set root or cwd of @p fs; counts @p to. */
void fs_context_set(struct fs_context *fs, struct path *which, const struct path *to);
/** @return the bits of a new mode that the current thread takes away */
static inline mode_t current_umask(void)
{
	return current->fs ? READ_ONCE(current->fs->umask) : 022;
}
