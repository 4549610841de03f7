/* SPDX-License-Identifier: MIT */
/**
 * @file partition.h  Partition tables, kinds of file systems, and the names of disks below /dev/disk (device/partition).
 *
 * A prober is a driver's (banos/api/disk_prober.c), and is called by the thread that probes disks.
 */
#pragma once
#include <kernel/block.h>
#include <kernel/err.h>
#include <kernel/list.h>

struct disk_probe;
enum disk_prober_kind { DISK_PARTITIONS, DISK_FILESYSTEM };

/** In storage of who registers it, from disk_prober_add() to disk_prober_remove(). */
struct disk_prober {
	struct list link;
	enum disk_prober_kind kind;
	u32 rank;
	u64 order;	  /* the core's: when it was registered */
	const char *name; /* of what it knows */
	/** @return false: it is being removed. Else end(), after which it may be gone. May not sleep. */
	bool (*begin)(struct disk_prober *prober);
	void (*end)(struct disk_prober *prober);
	/** @return 1: it was found, and stated by disk_probe_add() or in content; 0; -errno */
	s64 (*probe)(struct disk_prober *prober, struct disk_probe *probe);
};

/** The file system on a disk: texts with an end. */
struct disk_content {
	char type[32]; /* letters, digits, _ - . ; empty: nothing is known */
	char label[256];
	char uuid[40];
};

/** What is found on a disk that is being probed. */
struct disk_probe {
	struct disk *disk;
	enum disk_prober_kind kind;
	struct list parts;
	struct disk_content content;
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
/** @brief A program may have put another file system on it: look again, soon. */
void partitions_content_changed(struct disk *disk);
/**
 * @brief The type of the file system that was found on it. Sleeps.
 * @param type  as large as that of struct disk_content; empty if none is known
 */
void partitions_content_type(const struct disk *disk, char *type);
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
static inline void partitions_content_changed(struct disk *disk)
{
}
static inline void partitions_content_type(const struct disk *disk, char *type)
{
	type[0] = 0;
}
#endif
