/* SPDX-License-Identifier: MIT */
/**
 * @file firmware.h  Files that devices need, from /lib/firmware.
 *
 *	error = banos_firmware_load(self, "vendor/chip.bin", &firmware);
 *	n = banos_firmware_read(firmware, 0, buffer, sizeof(buffer));
 *	banos_firmware_release(firmware);
 *
 * The file is read once, when it is loaded; later changes to it have no effect.
 * The driver must not trust its content. A driver that is linked into the kernel
 * starts before the root file system is mounted: its init() receives -ENOENT, and
 * the driver loads the file later, or in a prober.
 */
#ifndef BANOS_FIRMWARE_H
#define BANOS_FIRMWARE_H

#include <banos/base.h>

/** Handle of a file that was read. */
typedef struct banos_firmware_ *banos_firmware;

BANOS_BEGIN

/**
 * @brief Read a file below /lib/firmware.
 * Since 1, provided by the kernel.
 * Context: thread.
 * Ownership: a resource of @p owner until banos_firmware_release().
 * @param name      text, read: a path without "." and ".." between its slashes, at most 255 bytes long
 * @param firmware  8 bytes, written: the handle
 * @return its size in bytes. -ENOENT: the file does not exist. -EINVAL: the
 *	   name is invalid, or the file is empty or not a regular file. -EFBIG: more
 *	   than 32 MiB. -ENOMEM. -EIO: it cannot be read; or another error of the file system.
 *	   -ENODEV: @p owner is being removed
 */
BANOS_SINCE(1)
int64_t banos_firmware_load(banos_owner owner, const char *name, banos_firmware *firmware);

/**
 * @brief Copy a part of a firmware file.
 * Since 1, provided by the kernel.
 * Context: thread.
 * @param offset  in bytes
 * @param to      @p length bytes, written up to the end of the file
 * @return how many bytes were copied; 0 at or behind the end. -EINVAL: no such firmware, or @p to is not the
 *	   driver's memory
 */
BANOS_SINCE(1)
int64_t banos_firmware_read(banos_firmware firmware, uint64_t offset, void *to, uint64_t length);

/**
 * @brief Release a firmware file.
 * Since 1, provided by the kernel.
 * Context: thread.
 * @return 0, -EINVAL: no such firmware
 */
BANOS_SINCE(1) int64_t banos_firmware_release(banos_firmware firmware);

BANOS_END

#endif
