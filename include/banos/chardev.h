/* SPDX-License-Identifier: MIT */
/**
 * @file chardev.h  Character devices: files in /dev whose reads and writes a driver handles.
 *
 * A driver registers a table of methods, and obtains a device number and
 * a name in /dev. For a method that is NULL, or beyond the table's size, the kernel
 * uses the default that is stated in its description.
 *
 * Every method runs in a thread and may sleep; several may run at once, on
 * several processors, also for one open file. The first two arguments of each
 * belong to the driver: the device's context, and the pointer that open() stored for the
 * file. While a file is open the driver is not removed, unless who removes it asks for its
 * files to be taken away (rmmod --revoke).
 *
 * That happens to a device file, too, that is owned by a device on a bus, when the device is released:
 * its methods are not called any more, those that sleep are woken with -ENODEV (but for
 * BANOS_UNINTERRUPTIBLE sleeps), the kernel waits for those that run, 10 s at most, and calls
 * release() for each open file. System calls of programs on it then fail with ENODEV; poll() tells
 * them of an error and a hang-up.
 *
 * The kernel holds no lock while a method runs.
 *
 * A method returns an error from -4095 to -1 or the result in its description; any other value counts
 * as -EINVAL and is logged. The program receives the error; -ERESTART as <banos/errno.h> states.
 */
#ifndef BANOS_CHARDEV_H
#define BANOS_CHARDEV_H

#include <banos/base.h>
#include <banos/user.h>

/** Handle of a registered device. */
typedef struct banos_chardev_ *banos_chardev;
/** What a call of poll() watches; valid for the call. */
typedef struct banos_poll_ *banos_poll;

/* How a file was opened: the flags of the methods, in which other bits may be set, too. */
#define BANOS_FILE_READ	    1u
#define BANOS_FILE_WRITE    2u
#define BANOS_FILE_NONBLOCK 4u /**< -EAGAIN instead of waiting */
#define BANOS_FILE_APPEND   8u /**< writes should go to the end; offset is not changed for that */

/* Events of poll(); Linux's POLLIN and so on. */
#define BANOS_POLL_READ	    0x0001u
#define BANOS_POLL_PRIORITY 0x0002u
#define BANOS_POLL_WRITE    0x0004u
#define BANOS_POLL_ERROR    0x0008u
#define BANOS_POLL_HANGUP   0x0010u

struct banos_chardev_ops {
	uint32_t size;
	uint32_t must; /**< 0: no bit is defined yet */
	/**
	 * A file is being opened. *@p file is NULL at first; what is stored there
	 * is passed to the other methods for this file. After an error the file does not exist, and
	 * release() is not called.
	 * @param call  the program that opens it
	 * @param file  8 bytes, read and written
	 * @return 0. Default: 0.
	 */
	int64_t (*open)(void *context, banos_call call, uint32_t flags, void **file);
	/**
	 * The last descriptor of a file was closed, and its last mapping ended; or it was taken away. Called
	 * once; no other method of this file runs or is called afterwards. A signal to whichever program it is
	 * called for may end a sleep at once. @return 0; it is not looked at. Default: 0.
	 */
	int64_t (*release)(void *context, void *file);
	/**
	 * Fill @p to, from its beginning, with at most @p length bytes.
	 * @param length  0 or more: all that @p to holds
	 * @param offset  position in the device; 0 without BANOS_CHARDEV_POSITION. @p offset + @p length is
	 *		  less than 2^63
	 * @return how many were written to @p to, 0 at the end. Default: 0.
	 */
	int64_t (*read)(void *context, void *file, banos_buffer to, uint64_t length,
			uint64_t offset, uint32_t flags);
	/**
	 * Consume at most @p length bytes of @p from, from its beginning.
	 * @param length  and @p offset: as for read()
	 * @return how many were consumed. Default: -EINVAL.
	 */
	int64_t (*write)(void *context, void *file, banos_buffer from, uint64_t length,
			 uint64_t offset, uint32_t flags);
	/**
	 * @param call      the program that calls
	 * @param argument  a number, or an address for banos_user_read() and banos_user_write()
	 * @return the result, 0 or more, of which programs usually see the lower 32 bits (C's ioctl() returns
	 *	   an int). Default: -ENOTTY, also to be returned for an unknown @p command.
	 */
	int64_t (*ioctl)(void *context, void *file, banos_call call, uint32_t command,
			 uint64_t argument, uint32_t flags);
	/**
	 * First name every wait object on which readiness is announced with
	 * banos_poll_watch(), the same ones at each call; then look. It does not wait until something is ready.
	 * @return what is ready now, BANOS_POLL_ bits; other bits are ignored, and an error is BANOS_POLL_ERROR.
	 *	   Default: READ and WRITE, and epoll refuses the file.
	 */
	int64_t (*poll)(void *context, void *file, banos_poll watch);
	/**
	 * A program maps the device into its memory, which is not locked meanwhile. The
	 * method states what is mapped by one of the functions in <banos/map.h>, and returns 0.
	 * It is not called when a mapping is copied by fork(), moved, split, or ends.
	 * @param call    the program that maps
	 * @param offset  in bytes, a multiple of 4096
	 * @param length  in bytes, a multiple of 4096; @p offset + @p length is at most 2^63
	 * @param access  BANOS_FILE_READ; and BANOS_FILE_WRITE if what the program writes reaches
	 *		  the device, at once or after mprotect(): the mapping is shared, and the
	 *		  file open for writing. Other bits may be set.
	 * @return 0. Default: -ENODEV.
	 */
	int64_t (*map)(void *context, void *file, banos_call call, uint64_t offset, uint64_t length,
		       uint32_t access);
};
#define BANOS_CHARDEV_OPS_SIZE_1 64u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_chardev_ops, map) == BANOS_CHARDEV_OPS_SIZE_1, chardev_ops);
BANOS_ASSERT(offsetof(struct banos_chardev_ops, map) == 56, chardev_ops_map);

/* Flags of a device, of which at most one is set. Without one of them lseek() answers ESPIPE. */
/** A file has a position, which reads and writes move; lseek() sets it to any value from 0 on (SEEK_SET, SEEK_CUR). */
#define BANOS_CHARDEV_POSITION 1u
#define BANOS_CHARDEV_ENDLESS  2u /**< lseek() succeeds and always leads to 0 */

/** For the major: the kernel chooses major and minor; the minor of the config is not looked at. */
#define BANOS_CHARDEV_ANY 0xffffffffu

struct banos_chardev_config {
	uint32_t size;
	uint32_t flags; /**< BANOS_CHARDEV_POSITION or _ENDLESS; others: EINVAL */
	uint32_t major; /**< 0 to 4095, not both this and minor 0; or BANOS_CHARDEV_ANY */
	uint32_t minor; /**< 0 to 1048575 */
	uint32_t mode;	/**< rights, 0 to 0777, such as 0660; user and group are root */
	uint32_t zero;	/**< 0 */
	void *context;	/**< for the methods */
	const struct banos_chardev_ops *ops; /**< read; its functions lie in the driver */
	/**
	 * Below /dev: letters, digits and _ - . : with / between folders, which are created; no part begins
	 * with a dot; NUL-terminated.
	 */
	char name[64];
};
#define BANOS_CHARDEV_CONFIG_SIZE_1 104u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_chardev_config, name) == BANOS_CHARDEV_CONFIG_SIZE_1,
	     chardev_config);
BANOS_ASSERT(offsetof(struct banos_chardev_config, name) == 40, chardev_config_name);

BANOS_BEGIN

/**
 * @brief Register a character device.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: withdrawn by banos_chardev_remove(), or before exit() runs.
 * @param owner   the owner of the device: the driver, or a device on a bus
 * @param config  read; copied, with its table of methods
 * @param device  written: the handle. May be NULL.
 * @return 0. From init() the device is visible once init() succeeded.
 *	   -EBUSY: the number is in use. -EEXIST: the name is in use. -EINVAL: a field is
 *	   wrong. -E2BIG: an unknown field is not 0. -ENOSPC: no number is left.
 *	   -EOPNOTSUPP: an unknown bit in ops->must, or this kernel has no such class. -ENOMEM.
 *	   -ENODEV: the driver is being removed.
 */
BANOS_SINCE(1)
int64_t banos_chardev_register(banos_owner owner, const struct banos_chardev_config *config,
			       banos_chardev *device);

/**
 * @brief Withdraw a device that has no open file.
 * Since 1, provided by the kernel.
 * Context: thread. While one of its methods runs, a file is open.
 * @return 0, -EINVAL: no such device, -EBUSY: files are open, or being opened (nothing has changed)
 */
BANOS_SINCE(1) int64_t banos_chardev_remove(banos_chardev device);

/**
 * @brief The number of a device.
 * Since 1, provided by the kernel.
 * Context: any.
 * @return major * 2^32 + minor, -EINVAL: no such device
 */
BANOS_SINCE(1) int64_t banos_chardev_number(banos_chardev device);

struct banos_wait;
/**
 * @brief In poll(): a banos_wait_wake() on @p wait means that readiness may have changed.
 * Since 1, provided by the kernel.
 * Context: the method poll().
 * @param watch  as poll() received it
 * @param wait   64 bytes, lent; initialised; must not be destroyed while the file is open. Naming it again has no effect.
 * @return 0, -EINVAL: @p watch is not that of this call, or @p wait is no wait object, -ENOSPC: more than
 *	   four for one file
 */
BANOS_SINCE(1) int64_t banos_poll_watch(banos_poll watch, struct banos_wait *wait);

BANOS_END

#endif
