/* SPDX-License-Identifier: MIT */
/**
 * @file partition.h  Probers of partition tables. A draft.
 *
 * A prober looks at each disk that appears, and at those that exist when it is registered and have no
 * table yet. If it knows the table there it states each partition, and the kernel makes disks of them
 * ("vda1", "nvme0n1p1") when the method has returned 1. Probers are asked one after the other, by rank, until one has
 * returned 1; one disk is probed at a time.
 *
 * When the driver is removed, the partitions that it has found remain.
 */
#ifndef BANOS_PARTITION_H
#define BANOS_PARTITION_H

#include <banos/disk.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/partition.h>
BANOS_DRAFT_HEADER(partition);

/** Handle of a registered prober. */
typedef struct banos_partition_prober_ *banos_partition_prober;

#define BANOS_PARTITIONS_MAX 256u /**< of one disk, and the largest number of one */

/* Flags of a partition. */
#define BANOS_PARTITION_BOOT  1u /**< the table says that machines boot from it */
#define BANOS_PARTITION_INNER 2u /**< it contains a part of this table only, and no file system */

struct banos_partition {
	uint32_t size;
	uint32_t number; /**< from 1 to BANOS_PARTITIONS_MAX */
	uint64_t offset; /**< in bytes, on the disk; a multiple of its block size, not 0 */
	uint64_t bytes;	 /**< a multiple of its block size, not 0 */
	uint32_t flags;	 /**< BANOS_PARTITION_... */
	uint32_t zero;	 /**< 0 */
	char type
		[40]; /**< as the table has it: "0x83", or a UUID; UTF-8, as the others; NUL-terminated */
	char name[112]; /**< PARTLABEL, or empty; NUL-terminated */
	char uuid[40];	/**< PARTUUID, or empty; NUL-terminated */
};
#define BANOS_PARTITION_SIZE_1 224u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_partition, uuid) == BANOS_PARTITION_SIZE_1, partition);
BANOS_ASSERT(offsetof(struct banos_partition, type) == 32, partition_type);

struct banos_partition_prober_ops {
	uint32_t size;
	uint32_t must; /**< 0: no bit is defined yet */
	/**
	 * Look for a table. It runs in a thread and may sleep.
	 * @return 1: there is one, 0: there is none. An error counts as 0, and is logged. Mandatory.
	 */
	int64_t (*probe)(void *context, banos_disk disk);
};
#define BANOS_PARTITION_PROBER_OPS_SIZE_1 16u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_partition_prober_ops, probe) ==
		     BANOS_PARTITION_PROBER_OPS_SIZE_1,
	     partition_prober_ops);
BANOS_ASSERT(offsetof(struct banos_partition_prober_ops, probe) == 8, partition_prober_ops_probe);

struct banos_partition_prober_config {
	uint32_t size;
	uint32_t rank; /**< higher ones are asked first; that of MBR is 100, of GPT 200 */
	void *context; /**< for the method */
	const struct banos_partition_prober_ops *ops; /**< read; its function lies in the driver */
	char name[32]; /**< of the kind of table; letters and digits; NUL-terminated */
};
#define BANOS_PARTITION_PROBER_CONFIG_SIZE_1 56u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_partition_prober_config, name) ==
		     BANOS_PARTITION_PROBER_CONFIG_SIZE_1,
	     partition_prober_config);
BANOS_ASSERT(offsetof(struct banos_partition_prober_config, name) == 24,
	     partition_prober_config_name);

BANOS_BEGIN

/**
 * @brief Register a prober.
 * Since 2, provided by the kernel.
 * Context: thread.
 * Ownership: withdrawn by banos_partition_prober_remove(), or before exit() runs.
 * @param owner   the owner of the prober: the driver
 * @param config  read; copied, with its table of methods
 * @param prober  written: the handle. May be NULL.
 * @return 0. From init() it is asked once init() succeeded. -EINVAL: a field is wrong. -E2BIG: an unknown
 *	   field is not 0. -EOPNOTSUPP: an unknown bit in ops->must, or this kernel has no such class. -ENOMEM.
 *	   -ENODEV: the driver is being removed.
 */
BANOS_SINCE(2)
int64_t banos_partition_prober_register(banos_owner owner,
					const struct banos_partition_prober_config *config,
					banos_partition_prober *prober);

/**
 * @brief Withdraw a prober. Its method does not run any more when this returns.
 * Since 2, provided by the kernel.
 * Context: thread, but not in the prober's method.
 * @return 0, -EINVAL: no such prober, -EBUSY: its method has not returned for ten seconds
 */
BANOS_SINCE(2) int64_t banos_partition_prober_remove(banos_partition_prober prober);

/**
 * @brief State a partition of the disk that is being probed.
 * Since 2, provided by the kernel.
 * Context: the method probe() that received @p disk.
 * If the method does not return 1, what it stated is forgotten.
 * @param partition  read; copied
 * @return 0; -EINVAL: not the disk of this call, or a field is wrong; -EEXIST: that number was stated before;
 *	   -E2BIG: an unknown field is not 0; -ENOMEM
 */
BANOS_SINCE(2)
int64_t banos_partition_add(banos_disk disk, const struct banos_partition *partition);

BANOS_END
#endif

#endif
