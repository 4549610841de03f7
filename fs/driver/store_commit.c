// SPDX-License-Identifier: MIT
/*
 * How what is dirty in a store reaches the disk.
 *
 * The dirty sectors of all pages are copied, packed, into pages of their own, so that changes
 * may go on in the cache while the copies are written. Runs of sectors are written by rank, with a
 * flush of the disk between ranks, one before the first (data before what points to it) and one after the last. Where
 * nothing but times was changed since the last commit nothing points to new data: both are written at once, with one flush.
 * The pages are kept until then: what is read again must not come from the disk before it is there.
 */
#include <kernel/block.h>
#include <kernel/err.h>
#include <kernel/fs/file_cache.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/sort.h>
#include <kernel/string.h>
#include "store.h"

#define SECTORS_PER_PAGE (PAGE_SIZE / STORE_SECTOR)

/* The request for a run. */
struct store_run_io {
	struct block_io io;
	struct block_vec vec;
};

/* ---- copying ---- */

/* The next commit writes them again; in what order is not known any more. Takes no memory. */
static void snapshot_keep_dirty(struct store *store, struct store_snapshot *snapshot)
{
	struct store_page *page;

	while ((page = snapshot->pages) != NULL) {
		snapshot->pages = page->next_all;
		store_page_keep(store, page);
	}
}

static void snapshot_free(struct store_snapshot *snapshot)
{
	struct store_page *page;

	while ((page = snapshot->pages) != NULL) {
		snapshot->pages = page->next_all;
		page_put(page->page);
		kfree(page);
	}
	for (u32 i = 0; i < snapshot->nr_copies; i++)
		page_put(snapshot->copies[i]);
	kvfree(snapshot->copies);
	kvfree(snapshot->runs);
	kvfree(snapshot->ios);
	*snapshot = (struct store_snapshot){ .pages = NULL };
}

/* Nothing changes them meanwhile. */
static u32 count_dirty(struct store *store)
{
	u32 count = 0;

	for (const struct store_page *page = store->pages; page; page = page->next_all)
		for (u32 left = page->sectors; left; left &= left - 1)
			count++;
	return count;
}

/* All that the writing needs, too: so it is not memory by which that fails. */
static int snapshot_alloc(struct store_snapshot *snapshot, u32 sectors)
{
	u32 pages = (sectors + SECTORS_PER_PAGE - 1) / SECTORS_PER_PAGE;

	snapshot->runs = kvzalloc(sectors * sizeof(*snapshot->runs));
	snapshot->copies = kvzalloc(pages * sizeof(*snapshot->copies));
	snapshot->ios = kvzalloc(sectors * sizeof(*snapshot->ios));
	if (!snapshot->runs || !snapshot->copies || !snapshot->ios)
		return -ENOMEM;
	while (snapshot->nr_copies < pages) {
		struct page *page = page_alloc(0);

		if (!page)
			return -ENOMEM;
		snapshot->copies[snapshot->nr_copies++] = page;
	}
	return 0;
}

/* Of a block of the disk. */
static u32 unit_rank(const struct store *store, u64 offset)
{
	u32 rank = 0;

	for (u64 at = offset; at < offset + store->unit; at += STORE_SECTOR)
		rank = MAX(rank, order_rank(&store->order, at / STORE_SECTOR));
	return rank;
}

/* One sector, which is the @number-th; joined to the run before it where it follows. */
static void copy_sector(const struct store *store, struct store_snapshot *snapshot, u32 number,
			const struct store_page *page, u32 sector)
{
	u64 offset = page->index * PAGE_SIZE + sector * STORE_SECTOR;
	struct page *copy = snapshot->copies[number / SECTORS_PER_PAGE];
	u32 copy_offset = number % SECTORS_PER_PAGE * STORE_SECTOR;
	u32 rank = unit_rank(store, offset / store->unit * store->unit);
	struct store_run *run = NULL;

	memcpy((u8 *)page_address(copy) + copy_offset,
	       (const u8 *)page_address(page->page) + sector * STORE_SECTOR, STORE_SECTOR);
	if (snapshot->nr_runs)
		run = &snapshot->runs[snapshot->nr_runs - 1];
	if (run && run->offset + run->bytes == offset && run->rank == rank && run->copy == copy) {
		run->bytes += STORE_SECTOR;
		return;
	}
	snapshot->runs[snapshot->nr_runs++] = (struct store_run){
		.offset = offset,
		.bytes = STORE_SECTOR,
		.rank = rank,
		.copy = copy,
		.copy_offset = copy_offset,
	};
}

int store_snapshot(struct store *store, struct store_snapshot *snapshot)
{
	u32 sectors = count_dirty(store), number = 0;
	int err = 0;

	if (sectors)
		err = snapshot_alloc(snapshot, sectors);
	if (err) {
		snapshot_free(snapshot);
		return err;
	}
	snapshot->pages = store_take_dirty(store);
	for (const struct store_page *page = snapshot->pages; page; page = page->next_all)
		for (u32 left = page->sectors; left; left &= left - 1)
			copy_sector(store, snapshot, number++, page, (u32)__builtin_ctz(left));
	order_clear(&store->order);
	return 0;
}

/* ---- writing ---- */

static int run_compare(const void *a, const void *b, void *unused)
{
	const struct store_run *first = a, *second = b;

	if (first->rank != second->rank)
		return (int)first->rank - (int)second->rank;
	return (first->offset > second->offset) - (first->offset < second->offset);
}

static int write_rank(struct store *store, const struct store_run *runs, u32 count,
		      struct store_run_io *ios)
{
	DEFINE_LIST(batch);
	int err = 0, failed;

	for (u32 i = 0; i < count; i++) {
		ios[i] = (struct store_run_io){
			.vec = { runs[i].copy, runs[i].copy_offset, runs[i].bytes },
			.io = { .disk = store->disk,
				.op = BLOCK_WRITE,
				.offset = runs[i].offset,
				.bytes = runs[i].bytes,
				.nvecs = 1,
				.vecs = &ios[i].vec },
		};
		list_add_tail(&ios[i].io.link, &batch);
	}
	block_submit_batch(&batch);
	for (u32 i = 0; i < count; i++) {
		failed = block_wait(&ios[i].io);
		if (!err)
			err = failed;
	}
	return err;
}

/* @flushes: the disk, before the first rank, too */
static int store_write_runs(struct store *store, struct store_snapshot *snapshot, bool flushes)
{
	int err = 0;

	sort(snapshot->runs, snapshot->nr_runs, sizeof(*snapshot->runs), run_compare, NULL);
	for (u32 i = 0, end; i < snapshot->nr_runs && !err; i = end) {
		for (end = i + 1; end < snapshot->nr_runs; end++)
			if (snapshot->runs[end].rank != snapshot->runs[i].rank)
				break;
		if (i || flushes)
			err = block_flush(store->disk); /* the ranks before, or data */
		if (!err)
			err = write_rank(store, snapshot->runs + i, end - i, snapshot->ios);
	}
	return err;
}

int store_write_snapshot(struct store *store, struct store_snapshot *snapshot,
			 struct super_block *beside)
{
	int err = 0;

	if (snapshot->nr_runs)
		err = store_write_runs(store, snapshot, !beside);
	if (beside)
		(void)file_cache_write_back_super(beside); /* who syncs a file is told of errors */
	if (!err)
		err = block_flush(store->disk);
	if (err)
		snapshot_keep_dirty(store, snapshot);
	snapshot_free(snapshot);
	return err;
}
