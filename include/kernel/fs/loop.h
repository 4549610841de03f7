/* SPDX-License-Identifier: MIT */
/** @file loop.h  Loop devices: files as disks (fs/loop). */
#pragma once
#include <kernel/err.h>
#include <kernel/types.h>

struct disk;
struct file;

#ifdef CONFIG_LOOP
/** Start-up, behind devfs_init(). */
void loop_init(void);
/** @brief The loop device of a number, which is made if there is none yet. Sleeps. @return counted; NULL: no such number, no memory */
struct disk *loop_find(dev_t dev);
/** @brief ioctl() of @p disk. @return -ENOTTY: it is no loop device, or no such command */
s64 loop_ioctl(struct disk *disk, struct file *f, u32 cmd, u64 arg);
#else
static inline void loop_init(void)
{
}
static inline struct disk *loop_find(dev_t dev)
{
	return NULL;
}
static inline s64 loop_ioctl(struct disk *disk, struct file *f, u32 cmd, u64 arg)
{
	return -ENOTTY;
}
#endif
