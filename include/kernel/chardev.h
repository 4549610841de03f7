/* SPDX-License-Identifier: MIT */
/** @file chardev.h  Character devices: device numbers that lead to file operations (device/chardev.c). */
#pragma once
#include <kernel/types.h>

struct file_ops;
struct seq_file;

struct chardev {
	dev_t dev;
	const char *name;
	mode_t mode;
	const struct file_ops *ops;
	void *private;
	/** May be NULL. Counts @p private for ops->open, which may then outlast chardev_unregister(). @return 0 or -errno */
	int (*hold)(void *private);
};
/**
 * @brief Register file operations under a device number, and a name in every devtmpfs. Sleeps.
 *
 * The file's private is chardev->private when ops->open runs.
 * @param chardev  copied; name NULL: no node
 * @return 0, -EBUSY, -ENOMEM
 */
int __must_check chardev_register(const struct chardev *chardev);
/** @brief Register a device of the kernel itself; a failure is logged. Sleeps. */
void chardev_register_own(const struct chardev *chardev);
/** @brief Remove node and number (one from chardev_alloc_number() too); waits for ops->open calls without hold. Sleeps. */
void chardev_unregister(dev_t dev);
/** @brief Reserve a dynamic number: a minor from 256 on under major 10 (misc). @return number or 0 */
__must_check dev_t chardev_alloc_number(void);
/** @brief Write the text of /proc/devices: numbers and names of the majors in use. Sleeps. */
void chardev_show(struct seq_file *seq);

/** The open method of a character device's node. */
extern const struct file_ops chardev_fops;
