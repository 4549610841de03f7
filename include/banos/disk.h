/* SPDX-License-Identifier: MIT */
/**
 * @file disk.h  A disk that is being probed: what is on it? A draft.
 *
 * Probers (<banos/partition.h>, <banos/filesystem_prober.h>) receive a banos_disk, which stands for a whole
 * disk or a partition. It is valid in the thread of the method that received it until that method
 * returns. What is read may be anything, and may change between two reads.
 */
#ifndef BANOS_DISK_H
#define BANOS_DISK_H

#include <banos/draft.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/disk.h>
BANOS_DRAFT_HEADER(disk);

/** A disk that is being probed; valid for the length of a method. */
typedef struct banos_disk_ *banos_disk;

#define BANOS_DISK_READ_MAX 65536u /**< bytes of one read */

struct banos_disk_info {
	uint32_t size;
	uint32_t block_bytes; /**< of a logical block: a power of two */
	uint64_t bytes;	      /**< of all of it: a multiple of block_bytes */
};
#define BANOS_DISK_INFO_SIZE_1 16u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_disk_info, bytes) == BANOS_DISK_INFO_SIZE_1, disk_info);
BANOS_ASSERT(offsetof(struct banos_disk_info, bytes) == 8, disk_info_bytes);

BANOS_BEGIN

/**
 * @brief How large a disk is.
 * Since 2, provided by the kernel.
 * Context: the method that received @p disk.
 * @param info  read and written: size is read, and set to how much of it is known; the rest is written
 * @return 0, -EINVAL: not the disk of this call, or size is less than BANOS_DISK_INFO_SIZE_1, -E2BIG: size
 *	   is over 4096
 */
BANOS_SINCE(2) int64_t banos_disk_info(banos_disk disk, struct banos_disk_info *info);

/**
 * @brief Read from a disk.
 * Since 2, provided by the kernel.
 * Context: the method that received @p disk, without a spin lock.
 * @param offset  in bytes, any
 * @param to      @p length bytes, written
 * @param length  at most BANOS_DISK_READ_MAX
 * @return 0; -EINVAL: not the disk of this call, or not all of it lies on the disk; -E2BIG: @p length is
 *	   too large; -EIO, -ENODEV: it cannot be read; -ENOMEM; -EDEADLK: the caller holds a spin lock
 */
BANOS_SINCE(2)
int64_t banos_disk_read(banos_disk disk, uint64_t offset, void *to, uint64_t length);

BANOS_END
#endif

#endif
