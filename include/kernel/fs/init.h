/* SPDX-License-Identifier: MIT */
/** @file init.h  The start of files: fs_init() calls the others, in this order. Each stops the boot when memory lacks. */
#pragma once

/** @brief Make caches, types and the first mount, a tmpfs. */
void fs_init(void);

void inode_init_caches(void);
void dcache_init(void);
void file_init(void);
void files_init(void);
void pipe_init(void);
void epoll_init(void);
void pagecache_init(void);
void stored_init(void);
void tmpfs_init(void);
void devfs_init(void);
void procfs_init(void);
void sysfs_init(void);
