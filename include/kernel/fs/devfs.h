/* SPDX-License-Identifier: MIT */
/** @file devfs.h  Device nodes that the kernel makes in devtmpfs (fs/dev/devfs.c). All sleep. */
#pragma once
#include <kernel/types.h>

/** @brief Make a node; folders are made. @param mode  rights, plus S_IFBLK for a block device @return 0, -EEXIST, -ENOMEM */
__must_check int devfs_add(const char *name, mode_t mode, dev_t dev);
/** @brief Make a symbolic link; folders are made. @return 0, -EEXIST, -ENOMEM */
__must_check int devfs_add_link(const char *name, const char *target);
/** @brief Remove a node or a link, and folders that became empty. */
void devfs_remove(const char *name);
