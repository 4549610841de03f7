// SPDX-License-Identifier: MIT
/*
 * Lists of files with cached pages, for reclaim, and of those with dirty ones, for write-back.
 *
 * Each CPU has both, so that work on different files shares no cache line; a file is on those of the CPU that made it
 * known. A walk counts a file and moves it to the end of the list: so turns are taken, and the lock is held for a few steps.
 *
 * A file is put on a list by the thread that adds its first page, or dirties it, and leaves when a walk finds that
 * there is none any more. So the lists are hints: a thread that puts a file on one looks whether it is there still.
 *
 * A walk of dirty files has a number, which it leaves in each file that it visits; so it ends, however many are
 * added and moved meanwhile, and misses none that was dirty when it began. Walks that may meet the same file are of different
 * kinds, each with a number of its own in a file: those of the file's write-back thread, of syncs of its file system, of syncs of all.
 *
 * A file whose last reference is dropped with dirty pages is kept: write-back has a reference, which it drops
 * when the pages are written. Nothing of it is written if it has no name any more: then its pages are forgotten.
 */
#include <kernel/time.h>
#include "cache.h"

struct cache_lists cache_lists[CPU_MAX];

void cache_list_cached(struct file_cache *cache)
{
	struct cache_lists *lists = cache->lists;

	spin_lock(&lists->lock);
	if (list_empty(&cache->cached_link))
		list_add_tail(&cache->cached_link, &lists->cached);
	spin_unlock(&lists->lock);
	cache_reclaim_arm();
}

void cache_list_dirty(struct file_cache *cache)
{
	struct cache_lists *lists = cache->lists;
	bool added = false;

	spin_lock(&lists->lock);
	if (list_empty(&cache->dirty_link)) {
		cache->dirtied_ns = time_monotonic_ns();
		list_add_tail(&cache->dirty_link, &lists->dirty);
		added = true;
	}
	spin_unlock(&lists->lock);
	if (added)
		cache_flusher_notice(cache);
	if (cache->backing->dirtied)
		cache->backing->dirtied(cache->inode);
}

/* Take a file off a list of a CPU. */
static void cache_unlink(struct list *link)
{
	list_del(link);
	list_init(link);
}

bool file_cache_keep(struct inode *inode)
{
	struct file_cache *cache = inode->cache;
	bool keep;

	if (!inode->nlink)
		return false;
	spin_lock(&cache->lists->lock);
	keep = READ_ONCE(cache->nr_dirty) && !list_empty(&cache->dirty_link);
	if (keep) {
		cache->kept = true;
		atomic_set(&inode->refs, 1);
	}
	spin_unlock(&cache->lists->lock);
	return keep;
}

void cache_unlist(struct file_cache *cache)
{
	spin_lock(&cache->lists->lock);
	if (!list_empty(&cache->cached_link))
		cache_unlink(&cache->cached_link);
	if (!list_empty(&cache->dirty_link))
		cache_unlink(&cache->dirty_link);
	spin_unlock(&cache->lists->lock);
}

struct inode *cache_next_cached(u32 cpu)
{
	struct cache_lists *lists = &cache_lists[cpu];
	struct file_cache *cache;
	struct inode *inode = NULL;

	spin_lock(&lists->lock);
	if (!list_empty(&lists->cached)) {
		cache = list_entry(lists->cached.next, struct file_cache, cached_link);
		cache_unlink(&cache->cached_link);
		if (READ_ONCE(cache->inode->pages.tree.root))
			list_add_tail(&cache->cached_link, &lists->cached);
		if (atomic_inc_not_zero(&cache->inode->refs))
			inode = cache->inode;
	}
	spin_unlock(&lists->lock);
	return inode;
}

void cache_walk_begin(struct cache_walk *walk, enum cache_walk_kind kind)
{
	static u64 walks;

	walk->cpu = 0;
	walk->kind = kind;
	walk->number = __atomic_add_fetch(&walks, 1, __ATOMIC_SEQ_CST);
}

/* Is a file of those that it is for? */
static bool cache_walk_wants(const struct cache_walk *walk, const struct file_cache *cache)
{
	if (walk->kind == CACHE_WALK_FLUSHER)
		return cache->flusher == walk->flusher;
	return !walk->super || cache->inode->sb == walk->super;
}

/* The first file of a list that this walk has not visited, and that it wants. With the list's lock. */
static struct file_cache *cache_walk_find(struct cache_walk *walk, struct cache_lists *lists)
{
	struct file_cache *cache;

	assert_held(&lists->lock);
	list_for_each(cache, &lists->dirty, dirty_link) {
		if (cache->walked[walk->kind] >= walk->number || !cache_walk_wants(walk, cache))
			continue;
		cache->walked[walk->kind] = walk->number;
		if (cache->dirtied_ns <= walk->before_ns &&
		    atomic_inc_not_zero(&cache->inode->refs))
			return cache;
	}
	return NULL;
}

struct inode *cache_walk_next(struct cache_walk *walk)
{
	struct file_cache *cache = NULL;

	for (; !cache && walk->cpu < cpu_count; walk->cpu += !cache) {
		struct cache_lists *lists = &cache_lists[walk->cpu];

		if (list_empty(&lists->dirty))
			continue;
		spin_lock(&lists->lock);
		cache = cache_walk_find(walk, lists);
		if (cache) {
			list_del(&cache->dirty_link);
			list_add_tail(&cache->dirty_link, &lists->dirty);
		}
		spin_unlock(&lists->lock);
	}
	if (cache)
		return cache->inode;
	return NULL;
}

/* Is a page dirty, or being written? */
static bool cache_is_unwritten(struct file_cache *cache)
{
	bool unwritten;

	spin_lock(&cache->inode->pages.lock);
	unwritten = cache->nr_dirty || !list_empty(&cache->writes);
	spin_unlock(&cache->inode->pages.lock);
	return unwritten;
}

void cache_walk_put(struct inode *inode)
{
	struct file_cache *cache = inode->cache;
	bool kept = false;

	spin_lock(&cache->lists->lock);
	if (!cache_is_unwritten(cache) && !list_empty(&cache->dirty_link)) {
		cache_unlink(&cache->dirty_link);
		kept = cache->kept;
		cache->kept = false;
	} else {
		cache->dirtied_ns = time_monotonic_ns();
	}
	spin_unlock(&cache->lists->lock);
	if (kept)
		inode_put_later(inode);
	inode_put_later(inode);
}

static bool list_has_dirty_of(struct cache_lists *lists, u32 flusher)
{
	struct file_cache *cache;
	bool found = false;

	if (list_empty(&lists->dirty))
		return false;
	spin_lock(&lists->lock);
	list_for_each(cache, &lists->dirty, dirty_link) {
		found = cache->flusher == flusher;
		if (found)
			break;
	}
	spin_unlock(&lists->lock);
	return found;
}

bool cache_any_dirty(u32 flusher)
{
	for (u32 cpu = 0; cpu < cpu_count; cpu++)
		if (list_has_dirty_of(&cache_lists[cpu], flusher))
			return true;
	return false;
}
