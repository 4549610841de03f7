/* SPDX-License-Identifier: MIT */
/**
 * @file partition.h  Partition tables, and the names of disks below /dev/disk (device/partition).
 *
 * A prober is a driver's (banos/api/partition.c), and is called by the thread that probes disks.
 */
#pragma once
#include <kernel/block.h>
#include <kernel/err.h>
#include <kernel/list.h>

struct disk_probe;

/** In storage of who registers it, from disk_prober_add() to disk_prober_remove(). */
struct disk_prober {
	struct list link;
	u32 rank;
	u64 order;	  /* the core's: when it was registered */
	const char *name; /* of the kind of table */
	/** @return false: it is being removed. Else end(), after which it may be gone. May not sleep. */
	bool (*begin)(struct disk_prober *prober);
	void (*end)(struct disk_prober *prober);
	/** @return 1: it is its table, and disk_probe_add() was called for each partition; 0; -errno */
	s64 (*probe)(struct disk_prober *prober, struct disk_probe *probe);
};

/** What is found on a disk that is being probed. */
struct disk_probe {
	struct disk *disk;
	struct list parts;
};

/** Both may sleep. */
void disk_prober_add(struct disk_prober *prober);
void disk_prober_remove(struct disk_prober *prober);

/** @brief State a partition, whose numbers and texts were checked. Sleeps. @return 0, -EINVAL: not on the disk, -EEXIST, -ENOMEM */
int __must_check disk_probe_add(struct disk_probe *probe, const struct partition_about *about);
/** @brief Read any bytes of a disk. Sleeps. @return 0, -EINVAL: not all of it lies on the disk, -ENOMEM, -EIO... */
int __must_check disk_read_bytes(struct disk *disk, u64 offset, void *to, u64 length);

#ifdef CONFIG_PARTITIONS
/** Start-up, behind block_init(). */
void partitions_init(void);
/** @brief Wait until each disk that exists was probed. Sleeps. */
void partitions_settle(void);
/**
 * @brief BLKRRPART: read the table of a whole disk again, whose cache was written back. Sleeps.
 * @return 0; -EBUSY: a partition, or the disk, is in use; -EINVAL: it is a partition
 */
int __must_check partitions_rescan(struct disk *disk);
#else
static inline void partitions_init(void)
{
}
static inline void partitions_settle(void)
{
}
static inline int __must_check partitions_rescan(struct disk *disk)
{
	return -EINVAL;
}
#endif
