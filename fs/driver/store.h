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
struct inode;
struct page;
struct super_block;
struct undo;

#define STORE_BUCKET_BITS 10u
#define STORE_BUCKETS	  (1u << STORE_BUCKET_BITS)
#define STORE_SECTOR	  512u

/** A page with dirty sectors. */
struct store_page {
	struct store_page *next;     /* of its bucket */
	struct store_page *next_all; /* of the store, or of a snapshot */
	struct page *page;	     /* counted */
	u64 index;
	u32 sectors; /* bit mask; changed atomically */
};
struct store_bucket {
	struct store_page *first;
	spinlock_t lock; /* of who adds to the chain */
};

struct store {
	struct disk *disk;   /* counted, claimed */
	struct inode *inode; /* of the disk's cache; counted */
	u64 bytes;
	u32 unit; /* bytes that are written as a whole: a block of the disk, a power of 2 */
	struct store_bucket *buckets; /* STORE_BUCKETS */
	struct store_page *pages;     /* all that are in them; changed atomically */
	spinlock_t order_lock;	      /* guards order */
	struct order order;
};

/** Sectors that follow each other, of one rank, copied. */
struct store_run {
	u64 offset; /* on the disk */
	u32 bytes, rank;
	struct page *copy; /* not counted: of store_snapshot.copies */
	u32 copy_offset;
};
struct store_run_io;
struct store_snapshot {
	struct store_page *pages; /* kept until their sectors are on the disk */
	struct store_run *runs;
	struct store_run_io *ios; /* as many as there may be runs */
	u32 nr_runs, nr_copies;
	struct page **copies;
};

/** @brief Open the store on a disk, which is claimed. Takes over the reference of @p disk, unless it fails. @return ERR_PTR */
struct store *__must_check store_open(struct disk *disk);
void store_close(struct store *store);
/** @brief A page is going to be written, in a change. @return what knows its dirty sectors; NULL: no memory */
struct store_page *store_page_dirty(struct store *store, struct page *page, u64 index);
/** @brief One that was taken, whose sectors are not on the disk: they are dirty again. Takes it over; changes may run. */
void store_page_keep(struct store *store, struct store_page *page);
/** @brief No page is dirty any more; changes are excluded. @return those that were, by next_all */
struct store_page *store_take_dirty(struct store *store);
/** @brief The sectors of whole blocks of the disk that a piece of a page lies in. */
static inline u32 store_sectors(const struct store *store, u64 off, u64 length)
{
	u32 mask = store->unit - 1, first = off & ~mask, last = (off + length - 1) | mask;

	return (2u << last / STORE_SECTOR) - (1u << first / STORE_SECTOR);
}
static inline void store_page_mark(struct store_page *page, u32 sectors)
{
	if ((READ_ONCE(page->sectors) & sectors) != sectors)
		__atomic_fetch_or(&page->sectors, sectors, __ATOMIC_RELAXED);
}
/** @brief The sectors that lie wholly there are not dirty any more. @return 0, -ENOMEM */
int __must_check store_forget(struct store *store, u64 offset, u64 length, struct undo *undo);
int __must_check store_after(struct store *store, u64 later, u64 earlier, u64 length);
/** @brief A page of the cache, counted. @return ERR_PTR */
struct page *__must_check store_page_get(struct store *store, u64 index);
/** @brief A page that holds @p bytes (NULL: zeroes), where none is cached; counted. @return ERR_PTR; NULL: one is cached */
struct page *__must_check store_page_fresh(struct store *store, u64 index, const void *bytes);
/** @brief For undo_apply(): read the page at @p at from the disk. */
void store_read_again(void *store, void *at);
static inline bool store_has(const struct store *store, u64 offset, u64 length)
{
	return length <= store->bytes && offset <= store->bytes - length;
}

/* ---- commits (store_commit.c) ---- */

/** @brief Copy what is dirty; changes are excluded. @return 0; -ENOMEM: it stays dirty */
int __must_check store_snapshot(struct store *store, struct store_snapshot *snapshot);
/**
 * @brief Write a snapshot, and free it. Data that was written to the disk before is there before it.
 * @param beside  NULL; or a file system of which nothing in the snapshot leads to new data: its data may be under way still,
 *                and is on the disk with the snapshot, in any order
 * @return 0 or the first error
 */
int __must_check store_write_snapshot(struct store *store, struct store_snapshot *snapshot,
				      struct super_block *beside);
