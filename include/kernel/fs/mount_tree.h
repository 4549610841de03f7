/* SPDX-License-Identifier: MIT */
/** @file mount_tree.h  Changes of the tree of mounts: between mount.c and mount_calls.c. All under mount_mutex. */
#pragma once
#include <kernel/fs/vfs.h>

extern struct mutex mount_mutex;
/** What is mounted where, and how. */
extern struct change_source mount_changes;
/** @return 0 or -EBUSY: something is open for writing */
int mount_make_readonly(struct mount *m);
int super_make_readonly(struct super_block *sb);
/** Move an attached mount. */
void mount_move(struct mount *m, const struct path *to);
/** @p new_root becomes the first mount, the present one goes to @p put_old. */
void mount_pivot(struct mount *new_root, const struct path *put_old);
/** Unmount. @p own_refs: how many references the caller has. @return 0 or -EBUSY */
int mount_detach(struct mount *m, s64 own_refs);
/** Take it and all below out of the tree, in use or not. */
void mount_detach_tree(struct mount *m);
