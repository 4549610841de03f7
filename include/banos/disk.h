/* SPDX-License-Identifier: MIT */
/**
 * @file disk.h  Probers: what is on a disk? A draft.
 *
 * A prober knows kinds of partition tables (<banos/partition.h>) or of file systems
 * (<banos/filesystem_prober.h>). It looks at each disk that appears, and at those that exist when it is
 * registered of which nothing is known yet; tables are looked for on whole disks only, file systems on
 * partitions and on disks without a table. Probers of a kind are asked one after the other, by rank, until one
 * has returned 1; one disk is probed at a time.
 *
 * A banos_disk stands for the whole disk or partition; it is valid in the thread of the method that received
 * it until that method returns. What is read may be anything, and may change between two reads.
 *
 * When the driver is removed, what it has found remains.
 */
#ifndef BANOS_DISK_H
#define BANOS_DISK_H

#include <banos/draft.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/disk.h>
BANOS_DRAFT_HEADER(disk);

/** A disk that is being probed; valid for the length of a method. */
typedef struct banos_disk_ *banos_disk;

/** Handle of a registered prober. */
typedef struct banos_disk_prober_ *banos_disk_prober;

#define BANOS_DISK_READ_MAX 65536u /**< bytes of one read */

/* Kinds of probers. */
#define BANOS_DISK_PROBER_PARTITIONS 1u /**< partition tables: <banos/partition.h> */
#define BANOS_DISK_PROBER_FILESYSTEM 2u /**< file systems: <banos/filesystem_prober.h> */

struct banos_disk_info {
	uint32_t size;
	uint32_t block_bytes; /**< of a logical block: a power of two */
	uint64_t bytes;	      /**< of all of it: a multiple of block_bytes */
};
#define BANOS_DISK_INFO_SIZE_2 16u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_disk_info, bytes) == BANOS_DISK_INFO_SIZE_2, disk_info);
BANOS_ASSERT(offsetof(struct banos_disk_info, bytes) == 8, disk_info_bytes);

struct banos_disk_prober_ops {
	uint32_t size;
	uint32_t must; /**< 0: no bit is defined yet */
	/**
	 * Look for what this prober knows, and state it before returning. It runs in a thread and may sleep.
	 * @return 1: it was found, 0: it was not. An error counts as 0, and is logged. Mandatory.
	 */
	int64_t (*probe)(void *context, banos_disk disk);
};
#define BANOS_DISK_PROBER_OPS_SIZE_2 16u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_disk_prober_ops, probe) == BANOS_DISK_PROBER_OPS_SIZE_2,
	     disk_prober_ops);
BANOS_ASSERT(offsetof(struct banos_disk_prober_ops, probe) == 8, disk_prober_ops_probe);

struct banos_disk_prober_config {
	uint32_t size;
	uint32_t kind; /**< BANOS_DISK_PROBER_... */
	uint32_t rank; /**< higher ones are asked first; that of MBR is 100, of GPT 200 */
	uint32_t zero; /**< 0 */
	void *context; /**< for the method */
	const struct banos_disk_prober_ops *ops; /**< read; its function lies in the driver */
	char name[32]; /**< of what it knows, for the log; letters and digits; NUL-terminated */
};
#define BANOS_DISK_PROBER_CONFIG_SIZE_2 64u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_disk_prober_config, name) ==
		     BANOS_DISK_PROBER_CONFIG_SIZE_2,
	     disk_prober_config);
BANOS_ASSERT(offsetof(struct banos_disk_prober_config, name) == 32, disk_prober_config_name);

BANOS_BEGIN

/**
 * @brief Register a prober.
 * Since 2, provided by the kernel.
 * Context: thread.
 * Ownership: withdrawn by banos_disk_prober_remove(), or before exit() runs.
 * @param owner   the owner of the prober: the driver
 * @param config  read; copied, with its table of methods
 * @param prober  written: the handle. May be NULL.
 * @return 0. From init() it is asked once init() succeeded. -EINVAL: a field is wrong. -E2BIG: an unknown
 *	   field is not 0. -EOPNOTSUPP: an unknown bit in ops->must, or this kernel has no such class. -ENOMEM.
 *	   -ENODEV: the driver is being removed.
 */
BANOS_SINCE(2)
int64_t banos_disk_prober_register(banos_owner owner, const struct banos_disk_prober_config *config,
				   banos_disk_prober *prober);

/**
 * @brief Withdraw a prober. Its method does not run any more when this returns.
 * Since 2, provided by the kernel.
 * Context: thread, but not in the prober's method.
 * @return 0, -EINVAL: no such prober, -EBUSY: its method has not returned for ten seconds
 */
BANOS_SINCE(2) int64_t banos_disk_prober_remove(banos_disk_prober prober);

/**
 * @brief How large a disk is.
 * Since 2, provided by the kernel.
 * Context: the method that received @p disk.
 * @param info  read and written: size is read, and set to how much of it is known; the rest is written
 * @return 0, -EINVAL: not the disk of this call, or size is less than BANOS_DISK_INFO_SIZE_2, -E2BIG: size
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
