/* SPDX-License-Identifier: MIT */
/** @file path.h  Places in the tree of files: a mount and a dentry in it. */
#pragma once
#include <kernel/types.h>
#include <uapi/fcntl.h>

/** Longest name of a directory entry, and longest path with its NUL, in bytes. */
#define NAME_MAX 255
#define PATH_MAX 4096

struct dentry;
struct mount;

struct path {
	struct mount *mnt;
	struct dentry *dentry;
};

/** @brief Count a path. Any thread context. */
void path_get(const struct path *path);
/** @brief Drop a counted path; one of two NULLs is fine. Thread context; may sleep. */
void path_put(const struct path *path);

/* Flags for the walk of a path. */
#define LOOKUP_FOLLOW	 1
#define LOOKUP_PARENT	 2 /* stop at the last component: walk.h */
#define LOOKUP_DIRECTORY 4
#define LOOKUP_EMPTY	 8 /* AT_EMPTY_PATH */

/** @return LOOKUP_* for AT_SYMLINK_NOFOLLOW and AT_EMPTY_PATH */
static inline u32 lookup_flags(u32 at_flags)
{
	u32 flags = 0;

	if (!(at_flags & AT_SYMLINK_NOFOLLOW))
		flags |= LOOKUP_FOLLOW;
	if (at_flags & AT_EMPTY_PATH)
		flags |= LOOKUP_EMPTY;
	return flags;
}

/**
 * @brief Find what a kernel text leads to.
 * @param dirfd  where a relative path starts: a descriptor or AT_FDCWD
 * @param flags  LOOKUP_*
 * @param out    counted
 * @return 0, or the error of the walk. Sleeps.
 */
__must_check int path_lookup(int dirfd, const char *path, u32 flags, struct path *out);
/** @brief The same with a path in user memory. */
__must_check int user_path(int dirfd, u64 user, u32 flags, struct path *out);

/**
 * @brief Write the absolute path at the end of a buffer, as the current thread sees it.
 *
 * The path of what was removed ends in " (deleted)".
 * @return start of the text within @p buf, or ERR_PTR(-ENAMETOOLONG)
 */
char *__must_check path_text(const struct path *path, char *buf, size_t size);
/**
 * @brief The same, seen from another root.
 * @param reached  filled: does @p path lie below @p root?
 */
char *path_text_in(const struct path *path, const struct path *root, char *buf, size_t size,
		   bool *reached);

/** @brief inode_permission(), and EROFS on a mount that is read-only. @return 0, -EACCES, -EROFS */
__must_check int path_permission(const struct path *path, int mask);
/** @brief Is the path on a mount with MS_NOSUID? For exec. */
bool path_is_nosuid(const struct path *path);
