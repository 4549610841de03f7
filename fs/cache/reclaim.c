// SPDX-License-Identifier: MIT
/*
 * Freeing cached pages when memory is short.
 *
 * Files take turns, in the order of their list; each continues where it stopped. A clean page that was used since reclaim saw it
 * last gets a second chance. Pages in address spaces are taken out of these, but only if
 * those that are not mapped did not suffice, and not where a region is locked. A search is bounded: so many
 * pages and files are looked at, however many are cached.
 *
 * Memory is kept free for others: before the cache takes pages it frees some if less than twice the
 * kernel's reserve is left (page_user_low()), and a thread does so when others take pages then.
 */
#include <kernel/fs/dentry.h>
#include <kernel/panic.h>
#include <kernel/time.h>
#include <kernel/vm.h>
#include "cache.h"

#define TURN_PAGES	 128u /* looked at in one file at a time */
#define TURNS		 64u  /* files looked at, for each pass */
#define ROOM_EXTRA	 64u
#define ALLOC_ATTEMPTS	 50u
#define PAUSE_MS	 50u
#define DROP_PAGES	 1024u
#define PATIENCE_NS	 (3 * NSEC_PER_SEC)
#define PATIENCE_STEP_MS 10u
#define DROP_MISSES	 16u

static DEFINE_WAIT_QUEUE(reclaim_queue);
static bool reclaim_wanted;

/* One file's turn. */
struct reclaim_turn {
	struct file_cache *cache;
	u64 wanted, freed;
	u64 mapped_first, mapped_last; /* pages that only mappings keep; first > last: none */
	struct page *list;
};

static void reclaim_look_at(struct reclaim_turn *turn, struct page *page)
{
	if (page->flags & (PG_DIRTY | PG_WRITEBACK | PG_BUSY))
		return;
	if (page->flags & PG_REFERENCED) {
		page_flags_clear(page, PG_REFERENCED);
		return;
	}
	if (atomic_read(&page->refs) != 1) {
		turn->mapped_first = MIN(turn->mapped_first, page->index);
		turn->mapped_last = MAX(turn->mapped_last, page->index);
		return;
	}
	stored_page_unlink(turn->cache, page);
	page->index = (u64)turn->list;
	turn->list = page;
	turn->freed++;
}

/* Look at some pages from @index on. @return where it stopped; 0: at the end */
static u64 reclaim_scan(struct reclaim_turn *turn, u64 index)
{
	struct inode *inode = turn->cache->inode;
	struct page *page = NULL;
	u32 seen = 0;

	turn->mapped_first = ~0ull;
	turn->mapped_last = 0;
	spin_lock(&inode->pages.lock);
	while (seen < TURN_PAGES && turn->freed < turn->wanted &&
	       (page = page_tree_next(&inode->pages.tree, &index, PAGE_TREE_MAX))) {
		reclaim_look_at(turn, page);
		index++;
		seen++;
	}
	spin_unlock(&inode->pages.lock);
	if (!page)
		return 0;
	return index;
}

static bool region_is_locked(struct inode *inode)
{
	struct vm_region *region;
	bool locked = false;

	spin_lock(&inode->pages.regions_lock);
	list_for_each(region, &inode->pages.regions, file_link)
		locked |= (region->flags & VM_LOCKED) != 0;
	spin_unlock(&inode->pages.regions_lock);
	return locked;
}

/* @return pages freed */
static u64 reclaim_file(struct inode *inode, u64 wanted, bool mapped_too)
{
	struct reclaim_turn turn = { .cache = inode->cache, .wanted = wanted };
	u64 index = inode->cache->reclaim_next;
	struct page *page;

	inode->cache->reclaim_next = reclaim_scan(&turn, index);
	if (mapped_too && turn.mapped_first <= turn.mapped_last &&
	    !list_empty(&inode->pages.regions) && !region_is_locked(inode)) {
		vm_unmap_file_range(&inode->pages, turn.mapped_first, turn.mapped_last, false);
		inode->cache->reclaim_next = reclaim_scan(&turn, turn.mapped_first);
	}
	while ((page = turn.list)) {
		turn.list = (struct page *)page->index;
		page_put(page);
	}
	return turn.freed;
}

/* Files of all CPUs' lists by turns. @return pages freed */
static u64 reclaim_pass(u64 wanted, bool mapped_too)
{
	static struct atomic next_cpu;
	u64 freed = 0;

	for (u32 turn = 0, empty = 0; turn < TURNS && empty < cpu_count && freed < wanted;) {
		u32 cpu = (u32)atomic_add_return(&next_cpu, 1) % cpu_count;
		struct inode *inode = NULL;

		if (!list_empty(&cache_lists[cpu].cached))
			inode = cache_next_cached(cpu);
		if (!inode) {
			empty++;
			continue;
		}
		empty = 0;
		turn++;
		freed += reclaim_file(inode, wanted - freed, mapped_too);
		inode_put_later(inode);
	}
	return freed;
}

u64 file_cache_reclaim(u64 npages)
{
	u64 freed = 0;

	/* The first pass may find that all were used: the second one takes them. */
	for (u32 pass = 0; pass < 4 && freed < npages; pass++)
		freed += reclaim_pass(npages - freed, pass >= 2);
	return freed;
}

void cache_make_room(u32 npages)
{
	if (unlikely(page_user_low()))
		file_cache_reclaim(npages + ROOM_EXTRA);
}

struct page *file_cache_page_alloc(u32 flags)
{
	struct page *page = page_alloc(flags | PAGE_USER);

	for (u32 attempt = 0; unlikely(!page) && attempt < ALLOC_ATTEMPTS; attempt++) {
		if (!file_cache_reclaim(ROOM_EXTRA) && !file_cache_reclaim_wait())
			break;
		if (fatal_signal_pending())
			break;
		page = page_alloc(flags | PAGE_USER);
	}
	return page;
}

/* ---- the thread ---- */

static void reclaim_hook(void)
{
	if (!READ_ONCE(reclaim_wanted)) {
		WRITE_ONCE(reclaim_wanted, true);
		wake_up(&reclaim_queue);
	}
}

/* The caller may be inside a change, where it must not free what files have: an inode that ends by that is a change, too. */
__cold bool file_cache_patience(u64 *until_ns)
{
	u64 now_ns = time_monotonic_ns();

	if (!*until_ns)
		*until_ns = now_ns + PATIENCE_NS;
	if (now_ns >= *until_ns)
		return false;
	reclaim_hook();
	sleep_ms(PATIENCE_STEP_MS);
	return true;
}

static void reclaim_main(void *unused)
{
	for (;;) {
		u64 freed = 1;

		wait_event(&reclaim_queue, READ_ONCE(reclaim_wanted));
		while (freed && page_user_low())
			freed = file_cache_reclaim(ROOM_EXTRA);
		if (!freed) { /* nothing that is clean: look again a little later */
			if (mem_account_sum(MEM_DIRTY))
				cache_flusher_wake();
			sleep_ms(PAUSE_MS);
		}
		WRITE_ONCE(reclaim_wanted, false);
	}
}

void cache_reclaim_arm(void)
{
	if (unlikely(!page_low_hook))
		page_low_hook = reclaim_hook;
}

void cache_reclaim_init(void)
{
	if (thread_spawn(reclaim_main, NULL, "reclaim"))
		boot_stop("not enough memory for a thread of the page cache");
	page_low_hook = reclaim_hook;
}

/* ---- by request ---- */

void cache_drop(u32 what)
{
	u32 misses = 0;

	if (what & 2)
		dentry_cache_drop();
	if (!(what & 1))
		return;
	while (mem_account_sum(MEM_FILE) && misses < DROP_MISSES && !fatal_signal_pending()) {
		if (file_cache_reclaim(DROP_PAGES))
			misses = 0;
		else
			misses++; /* they were used, or are dirty or mapped and in use */
	}
}
