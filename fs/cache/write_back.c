// SPDX-License-Identifier: MIT
/*
 * Writing dirty pages to what is stored below.
 *
 * A batch is up to 64 dirty pages of a file, found by their tags. Under pages.lock each becomes clean and PG_WRITEBACK; then
 * mappings are made read-only; then the pages are read by the device: so a write by a program either is in what
 * is written, or makes the page dirty again. A batch is on the file's list until its last request has ended, and
 * has a number: a thread that waits for writes waits for those up to the last number of that time, so not for ever.
 *
 * No thread waits for a lock here that a writer, a fault or a change of the file system holds: a commit may wait for this.
 * Where there is no memory for requests, pages are written one by one, from the stack.
 *
 * Where the file system has no memory to tell where a page lies, it is asked again for some seconds.
 *
 * A page that could not be written is clean: programs learn of it from fsync(), and what they
 * wrote is readable as long as the page stays in memory.
 */
#include <kernel/heap.h>
#include <kernel/vm.h>
#include "cache.h"

struct cache_write {
	struct list link; /* cache->writes */
	struct file_cache *cache;
	u64 number;
	u64 first, last;    /* pages */
	struct atomic left; /* requests, and one for the thread that submits them */
	int error;	    /* of the first that failed */
	u32 npages;
	struct page *pages[];
};

/* One request of a batch. */
struct cache_write_io {
	struct block_io io;
	struct cache_write *batch;
	struct block_vec vecs[];
};

/* ---- waiting ---- */

/* Is a write of pages [first, last] up to @number in flight? */
static bool write_in_flight(struct file_cache *cache, u64 first, u64 last, u64 number)
{
	struct cache_write *batch;
	bool found = false;

	spin_lock(&cache->inode->pages.lock);
	list_for_each(batch, &cache->writes, link) {
		if (batch->number > number)
			break;
		found = batch->first <= last && batch->last >= first;
		if (found)
			break;
	}
	spin_unlock(&cache->inode->pages.lock);
	return found;
}

__cold void cache_wait_writes(struct file_cache *cache, u64 first, u64 last)
{
	u64 number = READ_ONCE(cache->last_write);

	if (write_in_flight(cache, first, last, number))
		wait_event(&cache->wait, !write_in_flight(cache, first, last, number));
}

/* ---- the end of a batch ---- */

static void write_batch_end(struct cache_write *batch, bool on_stack)
{
	struct file_cache *cache = batch->cache;
	u32 npages = batch->npages;

	if (unlikely(batch->error)) {
		if (cache->backing->failed)
			cache->backing->failed(cache->inode);
		file_cache_error_set(cache, batch->error);
		__atomic_fetch_add(&cache->failures, 1, __ATOMIC_RELAXED);
	}
	/* An inode that ends waits for its writes, under this lock: behind it, nothing of it is touched. */
	spin_lock(&cache->inode->pages.lock);
	for (u32 i = 0; i < npages; i++)
		page_flags_clear(batch->pages[i], PG_WRITEBACK);
	list_del(&batch->link);
	if (wait_queue_active(&cache->wait))
		wake_up_all(&cache->wait);
	spin_unlock(&cache->inode->pages.lock);
	for (u32 i = 0; i < npages; i++)
		page_put(batch->pages[i]);
	mem_account(MEM_WRITEBACK, -(s64)npages);
	if (!on_stack)
		kfree(batch);
	cache_written();
}

static __cold void write_part_failed(struct cache_write *batch, int err)
{
	int none = 0;

	(void)__atomic_compare_exchange_n(&batch->error, &none, err, false, __ATOMIC_RELAXED,
					  __ATOMIC_RELAXED);
}

static void write_io_done(struct block_io *io)
{
	struct cache_write_io *part = container_of(io, struct cache_write_io, io);
	struct cache_write *batch = part->batch;

	if (unlikely(io->error))
		write_part_failed(batch, io->error);
	kfree(part);
	if (atomic_dec_and_test(&batch->left))
		write_batch_end(batch, false);
}

/* ---- requests ---- */

static struct page *batch_page_at(const struct cache_write *batch, u32 i, u64 offset)
{
	return batch->pages[i + (offset >> PAGE_SHIFT) - batch->pages[i]->index];
}

/* Bytes [from, to) of the run that begins with page @i, without a request object. */
static __cold void write_slowly(struct cache_write *batch, u32 i, u64 from, u64 to, u64 store)
{
	while (from < to) {
		u64 off = from & (PAGE_SIZE - 1), part = MIN(PAGE_SIZE - off, to - from);
		struct block_vec vec = { batch_page_at(batch, i, from), (u32)off, (u32)part };
		int err = block_transfer(batch->cache->disk, BLOCK_WRITE, 0, store, &vec, 1);

		if (err)
			write_part_failed(batch, err);
		from += part;
		store += part;
	}
}

static void write_run(struct cache_write *batch, u32 i, u64 from, u64 to, u64 store,
		      struct list *ios)
{
	u32 nvecs = (u32)(((to - 1) >> PAGE_SHIFT) - (from >> PAGE_SHIFT) + 1);
	struct cache_write_io *part = NULL;

	if (ios)
		part = kmalloc(sizeof(*part) + nvecs * sizeof(part->vecs[0]));
	if (!part) {
		write_slowly(batch, i, from, to, store);
		return;
	}
	part->io = (struct block_io){
		.disk = batch->cache->disk,
		.op = BLOCK_WRITE,
		.nvecs = nvecs,
		.vecs = part->vecs,
		.offset = store,
		.bytes = to - from,
		.done = write_io_done,
	};
	part->batch = batch;
	for (u32 vec = 0; vec < nvecs; vec++) {
		u64 off = from & (PAGE_SIZE - 1), length = MIN(PAGE_SIZE - off, to - from);

		part->vecs[vec] =
			(struct block_vec){ batch_page_at(batch, i, from), (u32)off, (u32)length };
		from += length;
	}
	atomic_inc(&batch->left);
	list_add_tail(&part->io.link, ios);
}

/* Is the sector at @offset behind the run's beginning dirty? */
static bool sector_is_dirty(const u8 *masks, u64 offset)
{
	return masks[offset >> PAGE_SHIFT] >> ((offset >> 9) & 7) & 1;
}

/* The dirty sectors of a run of a disk's pages, whose masks are in @masks, in blocks of the disk. */
static void write_sectors(struct cache_write *batch, u32 i, u32 count, const u8 *masks,
			  struct list *ios)
{
	u64 base = batch->pages[i]->index << PAGE_SHIFT, bytes = disk_bytes(batch->cache->disk);
	u64 from = 0, end = MIN(base + count * PAGE_SIZE, MAX(bytes, base)) - base, to;
	u64 block = disk_block_bytes(batch->cache->disk);

	masks += i;
	while (from < end) {
		while (from < end && !sector_is_dirty(masks, from))
			from += 512;
		if (from >= end)
			return;
		from = ALIGN_DOWN(from, block);
		to = from + block;
		while (to < end && sector_is_dirty(masks, to))
			to += block;
		write_run(batch, i, base + from, base + to, base + from, ios);
		from = to;
	}
}

/* Pages that are not written for lack of memory would be lost. */
static int map_patiently(struct file_cache *cache, u64 from, u64 to, struct cache_extent *extent)
{
	u64 patience = 0;
	int err;

	do
		err = cache->backing->map(cache->inode, from, to - from, false, extent);
	while (unlikely(err == -ENOMEM) && file_cache_patience(&patience));
	return err;
}

static void write_by_map(struct cache_write *batch, u32 i, u32 count, struct list *ios)
{
	u64 from = batch->pages[i]->index << PAGE_SHIFT, to = from + count * PAGE_SIZE;
	struct file_cache *cache = batch->cache;
	struct cache_extent extent;

	while (from < to) {
		int err = map_patiently(cache, from, to, &extent);
		u64 stop = MIN(to, extent.offset + extent.length);

		if (!err && (extent.offset > from || extent.offset + extent.length <= from ||
			     extent.kind == CACHE_UNWRITTEN))
			err = -EIO;
		if (err) {
			write_part_failed(batch, err);
			return;
		}
		/* No room: behind the end of the file, in its last page. */
		if (extent.kind == CACHE_RUN)
			write_run(batch, i, from, stop, extent.store + (from - extent.offset), ios);
		from = stop;
	}
}

static __cold void write_by_transfer(struct cache_write *batch, u32 i, u32 count)
{
	u64 from = batch->pages[i]->index << PAGE_SHIFT;
	struct file_cache *cache = batch->cache;
	u64 size = READ_ONCE(cache->inode->size);
	u64 patience = 0;
	int err;

	if (size <= from)
		return;
	do
		err = cache->backing->write(cache->inode, batch->pages[i]->index, count,
					    batch->pages + i, MIN(size - from, count * PAGE_SIZE));
	while (err == -ENOMEM && file_cache_patience(&patience));
	if (err)
		write_part_failed(batch, err);
}

/* Write the contiguous runs of a batch. @param ios  NULL: one by one, and wait */
static void write_runs(struct cache_write *batch, const u8 *masks, struct list *ios)
{
	for (u32 i = 0, count; i < batch->npages; i += count) {
		for (count = 1; i + count < batch->npages &&
				batch->pages[i + count]->index == batch->pages[i]->index + count;)
			count++;
		if (batch->cache->flags & CACHE_SECTORS)
			write_sectors(batch, i, count, masks, ios);
		else if (batch->cache->backing->write)
			write_by_transfer(batch, i, count);
		else
			write_by_map(batch, i, count, ios);
	}
}

/* ---- batches ---- */

/*
 * Take dirty pages of [*index, last] into the batch, up to @max. @param masks  of the sectors that are dirty
 * @return false: none is left; *@busy: one was met that is being written already
 */
static bool batch_collect(struct cache_write *batch, u64 *index, u64 last, u32 max, u8 *masks,
			  u64 *busy)
{
	struct file_cache *cache = batch->cache;
	struct inode *inode = cache->inode;
	struct page *page = NULL;

	spin_lock(&inode->pages.lock);
	while (batch->npages < max && *index <= last &&
	       (page = page_tree_next_tagged(&inode->pages.tree, index, last))) {
		if (page->flags & PG_WRITEBACK) {
			*busy = MIN(*busy, *index);
			(*index)++;
			continue;
		}
		masks[batch->npages] = (u8)page->private;
		if (cache->flags & CACHE_SECTORS)
			page->private = 0;
		page_flags_set(page, PG_WRITEBACK);
		page_flags_clear(page, PG_DIRTY);
		page_tree_untag(&inode->pages.tree, *index);
		cache->nr_dirty--;
		page_get(page);
		batch->pages[batch->npages++] = page;
		(*index)++;
	}
	if (batch->npages) {
		batch->first = batch->pages[0]->index;
		batch->last = batch->pages[batch->npages - 1]->index;
		batch->number = ++cache->last_write;
		list_add_tail(&batch->link, &cache->writes);
	}
	spin_unlock(&inode->pages.lock);
	return page != NULL;
}

static void batch_init(struct cache_write *batch, struct file_cache *cache)
{
	batch->cache = cache;
	batch->error = 0;
	batch->npages = 0;
	atomic_set(&batch->left, 1);
}

/* Write what was collected. */
static void batch_submit(struct cache_write *batch, const u8 *masks, bool on_stack)
{
	struct inode *inode = batch->cache->inode;
	struct list ios, *list = &ios;

	if (on_stack)
		list = NULL;
	mem_account(MEM_DIRTY, -(s64)batch->npages);
	mem_account(MEM_WRITEBACK, batch->npages);
	if (!list_empty(&inode->pages.regions))
		vm_protect_file_range(&inode->pages, batch->first, batch->last);
	list_init(&ios);
	write_runs(batch, masks, list);
	if (!list_empty(&ios))
		block_submit_batch(&ios);
	if (atomic_dec_and_test(&batch->left))
		write_batch_end(batch, on_stack);
}

/* One batch from *@index on. @return were there any pages? */
static bool write_batch(struct file_cache *cache, u64 *index, u64 last, u64 *busy)
{
	u32 max = (u32)MIN(READ_ONCE(cache->nr_dirty), (u64)WRITE_MAX);
	u64 single[(sizeof(struct cache_write) + sizeof(struct page *)) / sizeof(u64)];
	struct cache_write *batch;
	u8 masks[WRITE_MAX];

	if (!max)
		return false;
	batch = kmalloc(sizeof(*batch) + max * sizeof(batch->pages[0]));
	if (!batch) {
		batch = (struct cache_write *)single;
		max = 1;
	}
	batch_init(batch, cache);
	batch_collect(batch, index, last, max, masks, busy);
	if (batch->npages) {
		batch_submit(batch, masks, (u64 *)batch == single);
		return true;
	}
	if ((u64 *)batch != single)
		kfree(batch);
	return false;
}

int file_cache_write_back(struct inode *inode, u64 first, u64 last, bool wait)
{
	struct file_cache *cache = inode->cache;
	u32 failures = READ_ONCE(cache->failures);
	u64 index = first >> PAGE_SHIFT, end = last >> PAGE_SHIFT, busy;

	for (;;) {
		busy = ~0ull;
		while (write_batch(cache, &index, end, &busy))
			;
		if (!wait || busy == ~0ull)
			break;
		/* Dirty again while it was being written: once more, behind that. */
		cache_wait_writes(cache, busy, end);
		index = busy;
	}
	if (!wait)
		return 0;
	cache_wait_writes(cache, first >> PAGE_SHIFT, end);
	if (READ_ONCE(cache->failures) == failures)
		return 0;
	return file_cache_error_last(cache);
}

int file_cache_fsync(struct file *f, u64 first, u64 last, bool data_only)
{
	/* What this reports is one of the errors that this file has not seen, and each is seen once. */
	(void)file_cache_write_back(f->cache->inode, first, last, true);
	return file_cache_error_since(f->cache, &f->error_seen);
}
