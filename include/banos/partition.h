/* SPDX-License-Identifier: MIT */
/**
 * @file partition.h  What probers of partition tables state. A draft.
 *
 * If a prober (<banos/disk.h>) knows the table of a disk it states each partition, and the kernel makes disks of
 * them ("vda1", "nvme0n1p1") when the method has returned 1.
 */
#ifndef BANOS_PARTITION_H
#define BANOS_PARTITION_H

#include <banos/disk.h>

#if defined(BANOS_DRAFT) || !BANOS_CFLAGS
#include <banos/draft/partition.h>
BANOS_DRAFT_HEADER(partition);

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
#define BANOS_PARTITION_SIZE_2 224u
BANOS_ASSERT(BANOS_SIZE_TO(struct banos_partition, uuid) == BANOS_PARTITION_SIZE_2, partition);
BANOS_ASSERT(offsetof(struct banos_partition, type) == 32, partition_type);

BANOS_BEGIN

/**
 * @brief State a partition of the disk that is being probed.
 * Since 2, provided by the kernel.
 * Context: the method probe() of a prober of partition tables that received @p disk.
 * If the method does not return 1, what it stated is forgotten.
 * @param partition  read; copied
 * @return 0; -EINVAL: not the disk of this call, the prober is of another kind, or a field is wrong; -EEXIST: that number was stated before;
 *	   -E2BIG: an unknown field is not 0; -ENOMEM
 */
BANOS_SINCE(2)
int64_t banos_partition_add(banos_disk disk, const struct banos_partition *partition);

BANOS_END
#endif

#endif
