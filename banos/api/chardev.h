/* SPDX-License-Identifier: MIT */
/**
 * @file chardev.h  A driver's character device and its open files.
 *
 * chardev.c has what a driver asks for, chardev_file.c what programs do with the
 * files, chardev_revoke.c the end of a device while files are open.
 *
 * Each open file pins the driver, so that everything here lives while a file
 * operation runs, and nothing is looked up on the way: file->private leads to
 * the char_file, that to the device, and the device to the methods, none of
 * which is NULL.
 *
 * A device is revocable, unless its driver is built in and it does not hang on a device on
 * a bus: it can be taken away while files are open. Only then its files are listed and
 * count their calls. Once they are revoked they keep the structure alone, not the driver.
 *
 * No lock is held over a method.
 */
#pragma once
#include <kernel/driver.h>
#include <kernel/vm_window.h>
#include <kernel/wait.h>

struct file_ops;

#define WATCHED_MAX	  4u /* wait objects that poll() of one file may name */
#define CHAR_DEVICE_FLAGS (BANOS_CHARDEV_POSITION | BANOS_CHARDEV_ENDLESS)

struct char_device {
	struct owned owned;
	struct owner *root; /* of the driver */
	dev_t dev;
	u32 flags, mode;
	void *context;
	struct banos_chardev_ops ops;
	struct atomic files; /* open ones, and CHAR_DEVICE_GONE */
	bool node;	     /* its name is in /dev */
	bool registered;     /* its number leads here */
	bool revocable;	     /* it can be taken away while files are open */
	bool revoked;	     /* it was taken away */
	spinlock_t lock;     /* guards open_files, and of each file: released, unpinned, watched */
	struct list named;   /* in the list of names that are taken; chardev.c */
	struct list open_files; /* char_file->link; of a revocable device */
	struct wait_queue calls_wait;
	struct vm_window_list windows; /* what programs map through its files */
	const char *device_name;       /* of what it hangs on */
	char name[64];
};
/* Set in char_device->files in the same step that finds none open: no more are opened. */
#define CHAR_DEVICE_GONE 0x40000000

struct char_file {
	struct char_device *device;
	struct owner *root;
	void *context, *file;	  /* first two arguments of each method */
	const void *read, *write; /* the device's methods */
	u32 access;		  /* BANOS_FILE_READ, _WRITE */
	bool revocable;		  /* as the device is */
	bool released;		  /* the driver's release() was, or is being, called */
	bool unpinned;		  /* revoked: its pin of the driver has become a reference */
	struct list link;	  /* device->open_files; of a revocable device */
	struct atomic calls;	  /* that run in its methods; of a revocable device */
	struct owned *watched[WATCHED_MAX]; /* counted: programs' poll() may wait there */
};

/* ---- chardev_file.c ---- */

/** What a method does that the driver lacks. */
extern const struct banos_chardev_ops char_default_ops;
/**
 * @brief How programs use files of @p device, whose methods, flags and revocable are set. Without a poll method:
 * always ready for poll(), refused by epoll.
 */
const struct file_ops *char_file_ops(const struct char_device *device);
/**
 * @brief Keep the device for a file that is being opened (struct chardev's hold()).
 * @return 0; -ENXIO: it is not visible yet, or is being withdrawn
 */
int __must_check char_device_hold(void *private);

/* ---- chardev_revoke.c ---- */

/**
 * @brief End all calls into the device's methods, and release the driver's side of its open files.
 * From now on each call of a program fails with ENODEV. Sleeps until @p deadline_ns.
 * @return 0; -EBUSY: a call does not end, which the log says; to be called again
 */
int __must_check char_device_revoke(struct char_device *device, u64 deadline_ns);
