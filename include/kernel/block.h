/* SPDX-License-Identifier: MIT */
/**
 * @file block.h  Disks, as the kernel itself uses them (device/block): page cache, files, partitions.
 *
 * A struct disk is a whole disk or a partition of one. A transfer is a struct block_io in the
 * caller's storage; the core merges those that follow each other, splits what is too large for the
 * device, and hands them to the driver in batches. Nothing is allocated for it.
 *
 * The bytes lie in pages that the caller keeps until the transfer has ended. They are counted
 * pages (page_get() keeps them): where a device may still write after the transfer
 * was given up, the core holds a reference until the device was stopped.
 *
 * What was submitted in one order may reach the medium in another one. An order is made by waiting for
 * writes, then block_flush().
 */
#pragma once
#include <kernel/atomic.h>
#include <kernel/list.h>
#include <kernel/page.h>
#include <kernel/types.h>

struct block_device;
struct thread;
struct owner;
struct seq_file;

/** Bytes in a page, or in several pages that follow each other. */
struct block_vec {
	struct page *page;
	u32 offset, length;
};

/** As BANOS_BLOCK_READ and so on. */
enum block_op { BLOCK_READ = 1, BLOCK_WRITE, BLOCK_FLUSH, BLOCK_DISCARD, BLOCK_WRITE_ZEROES };
#define BLOCK_OPS 6u
/* Flags of a transfer. */
#define BLOCK_FUA   1u /* WRITE: on the medium when it ends; only where disk_has_fua() */
#define BLOCK_UNMAP 2u /* WRITE_ZEROES: the device may deallocate */

/** A transfer. The caller sets the first part, the rest is 0 or the core's. */
struct block_io {
	struct list link;  /* the core's while it is out; the caller's otherwise */
	struct disk *disk; /* counted by the caller */
	u8 op, flags;	   /* enum block_op, BLOCK_... */
	bool split;	   /* the core's: handed out in pieces, */
	bool again;	   /* ... and begun again when these have ended */
	s32 error;	   /* out: 0 or -errno */
	u64 offset, bytes; /* on the disk; multiples of its block size */
	u32 nvecs;	   /* of READ and WRITE: @bytes in all */
	const struct block_vec *vecs;
	/** It has ended. Thread context; may not sleep. NULL: somebody calls block_wait(). */
	void (*done)(struct block_io *io);
	void *private;

	/* ---- the core's ---- */
	struct thread *waiter;
	u32 ended;	       /* enum block_io_end */
	struct atomic left;    /* of one that is split: pieces that are out, and 1 until all were */
	u64 position;	       /* on the whole disk */
	u64 began_ns;	       /* of a partition */
	u64 handed_out;	       /* bytes */
	u32 at_vec, at_offset; /* the first that was not handed out */
};

/**
 * @brief Start a transfer. It may have ended when this returns, also with an error: -EINVAL, -EIO (beyond the
 * end), -EROFS, -EOPNOTSUPP, -ENODEV, or what the device says. Sleeps.
 */
void block_submit(struct block_io *io);
/** @brief The same for a list of them, by ->link, in ascending order: those that follow each other become one. Sleeps. */
void block_submit_batch(struct list *ios);
/** @brief Wait for one whose done is NULL, by the thread that submitted it. @return its error */
int __must_check block_wait(struct block_io *io);
/** @brief Transfer, and wait. BLOCK_FUA works on each disk. Sleeps. @return 0 or -errno */
int __must_check block_transfer(struct disk *disk, enum block_op op, u32 flags, u64 offset,
				const struct block_vec *vecs, u32 nvecs);
/** @brief All writes that have ended so far are on the medium afterwards. Sleeps. @return 0, at once where there is no volatile cache */
int __must_check block_flush(struct disk *disk);
/** @brief Discard. Sleeps. @return 0, -EOPNOTSUPP */
int __must_check block_discard(struct disk *disk, u64 offset, u64 bytes);
/** @brief Fill with zeroes, by writing them where the device has no command for it. Sleeps. @return 0 or -errno */
int __must_check block_zero(struct disk *disk, u64 offset, u64 bytes, bool unmap);

/* ---- disks; all of these sleep unless they say otherwise ---- */

#define DISK_NAME_SIZE 32

/** @return counted: disk_put(); NULL: none */
struct disk *disk_find(dev_t dev);
struct disk *disk_find_name(const char *name);
/** @brief The next one in the order of registration, whole disks and partitions. @param previous  NULL, or counted, which is put */
struct disk *disk_next(struct disk *previous);
/** Any context. */
void disk_get(struct disk *disk);
void disk_put(struct disk *disk);

/* What is known of one; any context. */
const char *disk_name(const struct disk *disk);
dev_t disk_dev(const struct disk *disk);
/** 0: there is no medium, or it was taken away. */
u64 disk_bytes(const struct disk *disk);
u32 disk_block_bytes(const struct disk *disk);
u32 disk_physical_bytes(const struct disk *disk);
bool disk_is_readonly(const struct disk *disk);
/** @brief BLKROSET: forbid writes, or not; a device that is read only stays so. */
void disk_set_readonly(struct disk *disk, bool readonly);
/** @brief Shall partition tables be looked for on it? So it is unless this was called. */
void disk_set_tables(struct disk *whole, bool wanted);
bool disk_may_have_table(const struct disk *disk);
bool disk_has_fua(const struct disk *disk);
/** Has it a volatile cache: does block_flush() do anything? */
bool disk_has_cache(const struct disk *disk);
bool disk_has_discard(const struct disk *disk);
bool disk_is_removable(const struct disk *disk);
/** Was it taken away? */
bool disk_is_gone(const struct disk *disk);
/** The driver whose disk it is: its root owner; NULL: the kernel, or it was taken away. For comparing. */
const struct owner *disk_owner(const struct disk *disk);
/** Is it mounted, or claimed otherwise? */
bool disk_is_claimed(const struct disk *disk);
/** Where a partition begins; 0 of a whole disk. */
u64 disk_start(const struct disk *disk);
/** 0: a whole disk. */
u32 disk_partition_number(const struct disk *disk);
/** Of a whole disk: no other one had it since start-up. */
u64 disk_sequence(const struct disk *disk);
/** The most bytes that one request of the device transfers. */
u64 disk_request_bytes(const struct disk *disk);

/**
 * @brief Use a disk, as an open file does: its driver is not removed meanwhile, unless that is forced; then
 * transfers fail. Any use has its end, also of a disk that is gone.
 * @return 0, -ENODEV
 */
int __must_check disk_open(struct disk *disk);
void disk_close(struct disk *disk);
/**
 * @brief Use a disk exclusively, as a mount does, or a change of partitions. Partitions and their disk exclude each other.
 * That is a use as by disk_open(), too.
 * @return 0, -EBUSY, -ENODEV
 */
int __must_check disk_claim(struct disk *disk, void *holder);
void disk_release(struct disk *disk, void *holder);

/** What a partition table says of one; texts may be empty. */
struct partition_about {
	u32 number; /* from 1 */
	bool readonly;
	u64 offset, bytes; /* on the whole disk */
	char type[40], name[112], uuid[40];
};
/** @return 0, -EEXIST: that number, -EINVAL: not in the disk, or crooked, -ENODEV, -ENOMEM */
int __must_check disk_add_partition(struct disk *whole, const struct partition_about *about);
/** @brief Remove all partitions. @return 0, -EBUSY: one is claimed */
int __must_check disk_remove_partitions(struct disk *whole);
/** @brief What its table says; NULL of a whole disk. It stays while the disk is counted. */
const struct partition_about *disk_partition_about(const struct disk *disk);
/** @brief Identity of the whole disk: texts, never NULL. */
const char *disk_serial(const struct disk *disk);
const char *disk_model(const struct disk *disk);
/** @brief Where it is, as /dev/disk/by-path names it: "pci-0000:00:1f.2-ata-1.0"; empty: nobody knows. */
const char *disk_path(const struct disk *disk);

/** Who wants to know of disks: static storage. Called without locks, in a thread that may sleep and call no driver. */
struct disk_watch {
	struct disk_watch *next;
	void (*added)(struct disk *disk);   /* visible now; also a partition */
	void (*removed)(struct disk *disk); /* transfers fail from now on */
	void (*resized)(struct disk *disk);
};
/** @brief Start-up. */
void disk_watch(struct disk_watch *watch);

/** @brief The lines of /proc/partitions, and of /proc/devices. Sleeps. */
void disks_show(struct seq_file *seq);
void disks_show_majors(struct seq_file *seq);

/** Start-up, behind bus_init(). */
void block_init(void);
