/* SPDX-License-Identifier: MIT */
/** @file mount_tree.h  Changes of the tree of mounts, all under mount_mutex, and what walks need of it. */
#pragma once
#include <kernel/fs/mount.h>

struct path;

/** @return what is mounted on {mount, d}, or NULL. Under rcu_read_lock() or tree_lock. */
struct mount *mount_find_rcu(const struct mount *mount, const struct dentry *d);
/** @brief Wait until no umount() is deciding. */
void mount_wait_frozen(void);

/** @brief Attach a mount to a path. @return 0, -ENOENT, -EINVAL */
__must_check int mount_attach(struct mount *mount, const struct path *target);
/** @return 0 or -EBUSY: something is open for writing */
__must_check int mount_make_readonly(struct mount *mount);
__must_check int super_make_readonly(struct super_block *sb);
/** @brief Move an attached mount. */
void mount_move(struct mount *mount, const struct path *to);
/** @brief Make @p new_root the first mount, and move the present one to @p put_old. */
void mount_pivot(struct mount *new_root, const struct path *put_old);
/** @brief Unmount. @param own_refs  how many references the caller has @return 0 or -EBUSY */
__must_check int mount_detach(struct mount *mount, s64 own_refs);
/** @brief Take a mount and all below it out of the tree, in use or not. */
void mount_detach_tree(struct mount *mount);
