/* SPDX-License-Identifier: MIT */
/**
 * @file store.h  The disk below a file system that is a driver: metadata, by byte offset.
 *
 * It is read and written in the pages that are the disk's cache (fs/cache/block_file.c). What a change wrote is
 * dirty by sectors of 512 bytes, and known here alone: the page is not marked, so write-back leaves it alone, and a
 * reference keeps it. A commit copies the dirty sectors while changes are excluded, and writes the copies.
 */
#pragma once
#include <kernel/list.h>
#include <kernel/lock.h>
#include "order.h"

struct block_vec;
struct disk;
struct driven_call;
struct inode;
struct page;

#define STORE_BUCKETS 64u
#define STORE_SECTOR  512u

/** A page with dirty sectors. */
struct store_page {
	struct store_page *next; /* of its bucket, or of a snapshot */
	struct page *page;	 /* counted */
	u64 index;
	u32 sectors; /* bit mask */
};
struct store_bucket {
	spinlock_t lock; /* guards the chain and its masks */
	struct store_page *first;
} __aligned(64);

struct store {
	struct disk *disk;   /* counted, claimed */
	struct inode *inode; /* of the disk's cache; counted */
	u64 bytes;
	u32 unit; /* bytes that are written as a whole: a block of the disk */
	struct store_bucket buckets[STORE_BUCKETS];
	spinlock_t order_lock; /* guards order */
	struct order order;
};

/** Sectors that follow each other, of one rank, copied. */
struct store_run {
	u64 offset; /* on the disk */
	u32 bytes, rank;
	struct page *copy; /* not counted: of store_snapshot.copies */
	u32 copy_offset;
};
struct store_snapshot {
	struct store_page *pages; /* kept until their sectors are on the disk */
	struct store_run *runs;
	u32 nr_runs, nr_copies;
	struct page **copies;
};

/** @brief Open the store on a disk, which is claimed. Takes over the reference of @p disk, unless it fails. @return ERR_PTR */
struct store *__must_check store_open(struct disk *disk);
void store_close(struct store *store);
int __must_check store_read(struct store *store, u64 offset, void *to, u64 length);
/** @brief Write, or (@p from NULL) zero. In a change. */
int __must_check store_write(struct store *store, u64 offset, const void *from, u64 length);
/** @brief The sectors that lie wholly there are not dirty any more. */
void store_forget(struct store *store, u64 offset, u64 length);
int __must_check store_after(struct store *store, u64 later, u64 earlier, u64 length);
/** @brief A page of the cache, counted. @return ERR_PTR */
struct page *__must_check store_page_get(struct store *store, u64 index);
static inline bool store_has(const struct store *store, u64 offset, u64 length)
{
	return length <= store->bytes && offset <= store->bytes - length;
}

/* ---- commits (store_commit.c) ---- */

/** @brief Copy what is dirty; changes are excluded. @return 0; -ENOMEM: it stays dirty */
int __must_check store_snapshot(struct store *store, struct store_snapshot *snapshot);
/** @brief Write a snapshot, with what was written before it, and free it. @return 0 or the first error */
int __must_check store_write_snapshot(struct store *store, struct store_snapshot *snapshot);
