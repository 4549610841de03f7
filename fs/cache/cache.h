/* SPDX-License-Identifier: MIT */
/** @file cache.h  What the sources of the cache of stored files share; kernel/fs/file_cache.h is its face. */
#pragma once
#include <kernel/block.h>
#include <kernel/fs/cache_settings.h>
#include <kernel/fs/file.h>
#include <kernel/fs/file_cache.h>
#include <kernel/fs/page_tree.h>
#include "limits.h"

#define CACHE_BATCH 16u /* pages looked up at a time */
#define FILL_MAX    64u /* pages read at a time */
#define WRITE_MAX   64u /* pages in one batch of write-back */

static inline void page_flags_set(struct page *page, u32 flags)
{
	__atomic_fetch_or(&page->flags, flags, __ATOMIC_SEQ_CST);
}
static inline void page_flags_clear(struct page *page, u32 flags)
{
	__atomic_fetch_and(&page->flags, ~flags, __ATOMIC_SEQ_CST);
}
static inline bool page_has(const struct page *page, u32 flags)
{
	return (__atomic_load_n(&page->flags, __ATOMIC_ACQUIRE) & flags) == flags;
}
/** The file is the disk: no question where its bytes lie. */
static inline bool cache_is_disk(const struct file_cache *cache)
{
	return !cache->backing->map && !cache->backing->read;
}
/** Pages that a file of this size has. */
static inline u64 pages_of_size(u64 size)
{
	return PAGE_ALIGN(size) >> PAGE_SHIFT;
}

/* ---- stored.c ---- */

/** @brief The cached pages of [first, first + count), counted, NULL for those that are not. @return how many */
u32 stored_page_range(struct inode *inode, u64 first, u32 count, struct page **pages);
/** @brief Wait until @p page is read. @return 0, -EINTR: the thread is being killed */
int stored_page_wait(struct page *page);
/** @brief PG_BUSY ends: up to date unless a part failed. Drops the reading's reference. Does not sleep. */
void stored_page_done(struct page *page);
/** @brief Insert fresh pages from @p first on, as far as none is there and the file reaches. @return how many, -ENOMEM: none */
int stored_page_insert(struct file_cache *cache, u64 first, u32 count, struct page **pages,
		       bool within_size);
/** @brief A page that could not be read leaves the tree, so that the next reader tries again. */
void stored_page_drop_failed(struct inode *inode, struct page *page);
/** @brief Under pages.lock: a page leaves the tree. The caller puts the tree's reference. */
void stored_page_unlink(struct file_cache *cache, struct page *page);
/** @brief Under pages.lock: mark dirty. @return the first of the file: cache_list_dirty() is owed */
bool stored_page_set_dirty(struct file_cache *cache, struct page *page);
/** @return the last error of write-back, seen or not: -errno */
int file_cache_error_last(const struct file_cache *cache);

/* ---- lists.c ---- */

struct cache_lists {
	spinlock_t lock; /* guards both, and the links and numbers of CPUs of the caches in them */
	struct list cached, dirty;
} __aligned(64);
extern struct cache_lists cache_lists[CPU_MAX];
void cache_list_cached(struct file_cache *cache);
/** @brief The first page became dirty: note when, list the file, notify the file system. */
void cache_list_dirty(struct file_cache *cache);
void cache_unlist(struct file_cache *cache);
/** @brief The next file of a CPU's list of cached ones, counted, moved to its end. NULL: it has none, or that is dying */
struct inode *cache_next_cached(u32 cpu);

enum cache_walk_kind { CACHE_WALK_FLUSHER, CACHE_WALK_SYNC, CACHE_WALK_SYNC_ALL };
/** A walk over dirty files. */
struct cache_walk {
	u32 cpu;
	enum cache_walk_kind kind;
	u64 number;
	u64 before_ns;			 /* those that were dirtied until then */
	u32 flusher;			 /* of CACHE_WALK_FLUSHER: those of this one */
	const struct super_block *super; /* of this file system; NULL: of all */
};
/** @brief @p walk's before_ns, flusher and super are set. No two walks of a kind meet the same file. */
void cache_walk_begin(struct cache_walk *walk, enum cache_walk_kind kind);
/** @return the next file, counted: cache_walk_put() is owed; or NULL */
struct inode *cache_walk_next(struct cache_walk *walk);
void cache_walk_put(struct inode *inode);
/** @brief Is a file listed as dirty, of that flusher? */
bool cache_any_dirty(u32 flusher);

/* ---- fill.c ---- */

/**
 * @brief Start reading pages from @p first on that are not cached, up to the first that is.
 * @param ahead  which of them becomes PG_AHEAD; ~0: none
 * @return how many; 0: the first is cached, or behind the end; -errno
 */
int cache_fill(struct file_cache *cache, u64 first, u32 count, u64 ahead);
/** @brief Where the first bytes of [from, to) lie; of a disk, too. @return 0, -EIO: the answer makes no sense; -errno */
int cache_map(struct file_cache *cache, u64 from, u64 to, struct cache_extent *extent);
/** @brief A page has lost room on the store, or may get more: who writes to it next asks for it, also by a mapping. */
void cache_ask_again(struct inode *inode, u64 index);
/** @brief The bytes of [from, to) read as zeroes on the store from now on, where there is room for them. Waits. */
int cache_zero_store(struct file_cache *cache, u64 from, u64 to);
/** @brief Write zeroes to the disk. */
int cache_zero_disk(struct file_cache *cache, u64 store, u64 length);

/* ---- readahead.c ---- */

/**
 * @brief A page, up to date, counted; read with what probably follows.
 * @param f	NULL: no reading ahead
 * @param wanted  how many pages from it on the caller uses, 1 or more
 * @return page; NULL: the file ends before it; ERR_PTR
 */
struct page *cache_page_for(struct file *f, struct file_cache *cache, u64 index, u64 wanted);
/** @brief A used page was PG_AHEAD: read the next window. */
void cache_read_further(struct file *f, struct file_cache *cache, struct page *page);

/* ---- file_read.c, file_write.c ---- */

/** @brief file_cache_read() and file_cache_write() where O_DIRECT is not asked for, or cannot be had. */
s64 cache_read_cached(struct file *f, struct uio *uio, u64 *pos);
s64 cache_write_cached(struct file *f, struct uio *uio, u64 *pos);

/** @brief With inode->lock, before the file ends at @p pos or further: what lies between the end and there reads as zeroes. */
int __must_check cache_grow_prepare(struct file_cache *cache, u64 pos);
/**
 * @brief Once the new size is seen: a mapping that has written to the page in which the old end @p was lies had
 * room up to there only, and has to ask for the rest.
 */
void cache_grow_end(struct inode *inode, u64 was);

/* ---- room.c ---- */

/** The other pages of the units of allocation in which something is to get room: counted and up to date. */
struct cache_room {
	u32 count;
	struct page **pages;
};
/**
 * @brief Before a change: cache them.
 * @param seen  the end of what others can read afterwards; FILE_SIZE_MAX: all of the unit is taken for that
 * @return 0: cache_room_end() is owed; or -errno
 */
int __must_check cache_room_prepare(struct file_cache *cache, u64 offset, u64 length, u64 seen,
				    struct cache_room *room);
/** @brief Has none of them been cut since? Under inode->lock, or cut_lock. */
bool cache_room_is_cached(const struct cache_room *room);
void cache_room_end(struct cache_room *room);
/**
 * @brief Give [offset, offset + length) room on the store; in a change.
 * @param pages  with a byte in it, up to date, and in the cache: marked PG_STORED where all of one has room
 * @return bytes from @p offset on that have it, or -errno
 */
s64 cache_allocate(struct file_cache *cache, u64 offset, u64 length, struct page **pages,
		   const struct cache_room *room);
/** @brief Enter and leave a change of the file system. */
int __must_check cache_change_begin(struct file_cache *cache);
void cache_change_end(struct file_cache *cache);

/* ---- cut.c ---- */

/** @brief Take pages [first, last] out of the cache and of mappings, but those that are dirty or being written. */
void cache_remove_clean(struct file_cache *cache, u64 first, u64 last);

/* ---- write_back.c ---- */

/** @brief Wait for the writes of pages [first, last] that are in flight now. */
void cache_wait_writes(struct file_cache *cache, u64 first, u64 last);

/* ---- flusher.c ---- */

/** @brief A writer dirtied pages: wait if there are too many. @p cache: of the file that it writes */
void cache_balance(struct file_cache *cache, u32 npages);
/** @brief Pages were written: let writers continue. */
void cache_written(void);
/** @brief A file was listed as dirty: its thread may sleep without a limit. */
void cache_flusher_notice(const struct file_cache *cache);
/** @brief Who writes the files of a disk (NULL: of none). Sleeps. @return the number of a flusher that runs */
u32 cache_flusher_of(const struct disk *disk);
void cache_flusher_init(void);

/* ---- reclaim.c ---- */

/** @brief Before pages are cached: keep some free. Sleeps. */
void cache_make_room(u32 npages);
/** @brief Something is cached now: be called when memory is short. */
void cache_reclaim_arm(void);
void cache_reclaim_init(void);

/* ---- direct.c ---- */

s64 cache_direct_read(struct file *f, struct uio *uio, u64 *pos);
s64 cache_direct_write(struct file *f, struct uio *uio, u64 *pos);
