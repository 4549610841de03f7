// SPDX-License-Identifier: MIT
/*
 * The cached pages of files that are stored below: which there are, and in which state.
 *
 * The tree of the inode holds one reference on each page, as for tmpfs (pages.c). A page is found and counted under
 * pages.lock; one with a single reference, the tree's, found under that lock is in use nowhere and cannot become so.
 *
 *	PG_BUSY			being read: page->private counts the parts that are missing, and one for the
 *				thread that starts the reading, which also has a reference
 *	PG_UPTODATE		holds the file's bytes, and does so until it leaves the tree
 *	neither			could not be read: leaves the tree when the next reader meets it
 *	PG_DIRTY		is tagged in the tree; set and cleared under pages.lock
 *	PG_WRITEBACK		in one batch of write-back, which has a reference: not written by another one, nor cut
 *
 * A page that has left the tree has no mapping. A thread that waited for a page looks at that again: it may have been cut,
 * and its block may belong to another file by the time it was read.
 *
 * Waiters for PG_BUSY sleep on one of a few queues, by page; the end of PG_BUSY looks at the queue only if PG_WAITED is set.
 */
#include <kernel/fs/init.h>
#include <kernel/string.h>
#include "cache.h"

#define WAIT_QUEUES 32u

static struct wait_queue stored_waits[WAIT_QUEUES];

static void stored_waits_init(void)
{
	for (u32 i = 0; i < WAIT_QUEUES; i++)
		wait_queue_init(&stored_waits[i]);
}

static struct wait_queue *stored_wait_queue(const struct page *page)
{
	return &stored_waits[(u64)(page - pagemap) % WAIT_QUEUES];
}

void stored_init(void)
{
	stored_waits_init();
	for (u32 i = 0; i < CPU_MAX; i++) {
		spin_init(&cache_lists[i].lock);
		list_init(&cache_lists[i].cached);
		list_init(&cache_lists[i].dirty);
	}
	cache_reclaim_init();
	cache_flusher_init();
}

__cold void file_cache_init(struct inode *inode, struct file_cache *cache,
			    const struct cache_backing *backing, struct disk *disk, u32 flags)
{
	memset(cache, 0, sizeof(*cache));
	cache->inode = inode;
	cache->backing = backing;
	cache->disk = disk;
	cache->flags = flags;
	/* A disk's is taken inside of a file's on it, by the driver that gives the file room: two kinds of locks. */
	if (cache_is_disk(cache))
		rwsem_init(&cache->cut_lock);
	else
		rwsem_init(&cache->cut_lock);
	mutex_init(&cache->room_lock);
	list_init(&cache->writes);
	wait_queue_init(&cache->wait);
	cache->flusher = cache_flusher_of(disk);
	cache->lists = &cache_lists[cpu_id()];
	list_init(&cache->cached_link);
	list_init(&cache->dirty_link);
	inode->cache = cache;
}

/* ---- finding ---- */

u32 stored_page_range(struct inode *inode, u64 first, u32 count, struct page **pages)
{
	u32 found;

	spin_lock(&inode->pages.lock);
	found = page_tree_lookup_range(&inode->pages.tree, first, count, (void **)pages);
	for (u32 i = 0; found && i < count; i++)
		if (pages[i])
			page_get(pages[i]);
	spin_unlock(&inode->pages.lock);
	return found;
}

/* ---- being read ---- */

/* @return is it being read still? Then the thread that ends that wakes us. */
static inline bool stored_page_busy(struct page *page)
{
	return __atomic_fetch_or(&page->flags, PG_WAITED, __ATOMIC_SEQ_CST) & PG_BUSY;
}

int stored_page_wait(struct page *page)
{
	if (!page_has(page, PG_BUSY))
		return 0;
	if (wait_event_killable(stored_wait_queue(page), !stored_page_busy(page)))
		return -EINTR;
	return 0;
}

void stored_page_done(struct page *page)
{
	u32 flags = __atomic_load_n(&page->flags, __ATOMIC_RELAXED), new;

	page->private = 0;
	do {
		new = flags & ~(PG_BUSY | PG_WAITED | PG_ERROR);
		if (!(flags & PG_ERROR))
			new |= PG_UPTODATE;
	} while (!__atomic_compare_exchange_n(&page->flags, &flags, new, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	if (flags & PG_WAITED)
		wake_up_all(stored_wait_queue(page));
	page_put(page);
}

/* ---- in and out of the tree ---- */

int stored_page_insert(struct file_cache *cache, u64 first, u32 count, struct page **pages,
		       bool within_size)
{
	struct inode *inode = cache->inode;
	bool first_of_all;
	u32 done = 0;
	int err = 0;

	spin_lock(&inode->pages.lock);
	first_of_all = !inode->pages.tree.root;
	if (within_size)
		count = MIN((u64)count,
			    pages_of_size(inode->size) - MIN(first, pages_of_size(inode->size)));
	for (; done < count; done++) {
		err = page_tree_insert(&inode->pages.tree, first + done, pages[done]);
		if (err)
			break;
		pages[done]->mapping = inode;
		pages[done]->index = first + done;
		page_get(pages[done]);
	}
	spin_unlock(&inode->pages.lock);
	if (!done)
		return err == -EEXIST ? 0 : err;
	mem_account(MEM_FILE, done);
	if (first_of_all)
		cache_list_cached(cache);
	return (int)done;
}

void stored_page_unlink(struct file_cache *cache, struct page *page)
{
	struct inode *inode = cache->inode;

	assert_held(&inode->pages.lock);
	if (page->flags & PG_DIRTY) {
		page_flags_clear(page, PG_DIRTY);
		page_tree_untag(&inode->pages.tree, page->index);
		cache->nr_dirty--;
		mem_account(MEM_DIRTY, -1);
	}
	page_tree_remove(&inode->pages.tree, page->index);
	page->mapping = NULL;
	mem_account(MEM_FILE, -1);
}

__cold void stored_page_drop_failed(struct inode *inode, struct page *page)
{
	bool drop;

	spin_lock(&inode->pages.lock);
	drop = page->mapping == inode && !(page->flags & (PG_BUSY | PG_UPTODATE));
	if (drop)
		stored_page_unlink(inode->cache, page);
	spin_unlock(&inode->pages.lock);
	if (drop)
		page_put(page);
}

/* ---- dirty ---- */

bool stored_page_set_dirty(struct file_cache *cache, struct page *page)
{
	assert_held(&cache->inode->pages.lock);
	if (page->flags & PG_DIRTY)
		return false;
	page_flags_set(page, PG_DIRTY);
	page_tree_tag(&cache->inode->pages.tree, page->index);
	mem_account(MEM_DIRTY, 1);
	return !cache->nr_dirty++;
}

void file_cache_dirty(struct inode *inode, struct page *page, u32 sectors)
{
	bool first = false;

	spin_lock(&inode->pages.lock);
	if (likely(page->mapping == inode)) {
		if (inode->cache->flags & CACHE_SECTORS)
			page->private |= sectors;
		first = stored_page_set_dirty(inode->cache, page);
	}
	spin_unlock(&inode->pages.lock);
	if (first)
		cache_list_dirty(inode->cache);
}

/* ---- errors of write-back ---- */

/*
 * A number in one word: the errno, a bit for "somebody was told", and a count of errors that only moves on once
 * somebody was: so each open file sees each error once, and one that opens later sees what nobody was told.
 */
#define ERROR_SEEN 0x1000u
#define ERROR_STEP 0x2000u
#define ERROR_CODE 0xfffu

void file_cache_error_set(struct file_cache *cache, int err)
{
	u32 old = READ_ONCE(cache->error), new;

	do {
		new = (old & ~(ERROR_CODE | ERROR_SEEN)) | (u32)-err;
		if (old & ERROR_SEEN)
			new += ERROR_STEP;
	} while (!__atomic_compare_exchange_n(&cache->error, &old, new, false, __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
}

int file_cache_error_last(const struct file_cache *cache)
{
	return -(int)(READ_ONCE(cache->error) & ERROR_CODE);
}

u32 file_cache_error_sample(const struct file_cache *cache)
{
	u32 error = READ_ONCE(cache->error);

	if (error & ERROR_SEEN)
		return error;
	return 0;
}

int file_cache_error_since(struct file_cache *cache, u32 *seen)
{
	u32 error = READ_ONCE(cache->error);

	if (likely(error == *seen))
		return 0;
	if (!(error & ERROR_SEEN))
		(void)__atomic_compare_exchange_n(&cache->error, &error, error | ERROR_SEEN, false,
						  __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
	error |= ERROR_SEEN;
	if (error == *seen)
		return 0;
	*seen = error;
	return -(int)(error & ERROR_CODE);
}
