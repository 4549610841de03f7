/* SPDX-License-Identifier: MIT */
/**
 * @file file_cache.h  Files whose pages are a cache of what is stored below: on a disk, or by the file system itself.
 *
 * A file system that wants its regular files cached keeps a struct file_cache beside each inode, states in a table of
 * methods (struct cache_backing) where the bytes lie, and takes file_cache_fops, or its members, for its files. tmpfs, whose pages are
 * all there is of its files, has none of this (fs/cache/pages.c).
 *
 * Locks, outermost first: inode->lock (writes, changes of size); vm_space.lock (faults); file_cache.cut_lock (faults and
 * fills for reading, whoever takes stored bytes away for writing; no user memory is touched under it); file_cache.room_lock
 * (who gives room, or changes the file below otherwise); a change of the file system (cache_backing.begin to end); inode->pages.lock (spin): the tree, its tags,
 * page->mapping, the list of writes.
 * Write-back takes none but the last, so a commit may wait for it.
 */
#pragma once
#include <kernel/fs/inode.h>
#include <kernel/page.h>
#include <kernel/wait.h>

struct disk;
struct file;
struct uio;
struct vm_region;

/* Flags of a cached page, beside PG_DIRTY; changed atomically. */
#define PG_UPTODATE   0x8     /* its bytes are the file's */
#define PG_BUSY	      0x20    /* is being read; page->private counts the parts that are missing */
#define PG_WRITEBACK  0x40    /* is being written */
#define PG_REFERENCED 0x100   /* was used since reclaim looked */
#define PG_ERROR      0x8000  /* a part of it could not be read */
#define PG_WAITED     0x10000 /* a thread waits for the end of PG_BUSY */
#define PG_AHEAD \
	0x20000 /* the first page of the last window of readahead: used, the next window is read */
#define PG_STORED 0x40000 /* has room for all of it on the store: a write need not ask */

enum cache_extent_kind {
	CACHE_HOLE,	 /* reads as zeroes */
	CACHE_RUN,	 /* lies at ->store */
	CACHE_UNWRITTEN, /* has room there, reads as zeroes */
};

/** Where bytes of a file lie. */
struct cache_extent {
	enum cache_extent_kind kind;
	bool fresh; /* was allocated by this call: what is not written must be zeroed */
	u64 offset,
		length; /* in the file: contains the first byte that was asked for; as long as is known to be contiguous */
	u64 store; /* of ->offset on the disk; of RUN and UNWRITTEN */
};

/**
 * What lies below a file. Methods may sleep and return 0 or -errno unless stated otherwise. No map() and no read():
 * the file is the disk itself.
 */
struct cache_backing {
	/**
	 * Where the bytes [offset, offset + length) lie, or the first of them. @p allocate: between begin() and end();
	 * the answer is no hole, nor UNWRITTEN. -ENOSPC; -EIO
	 */
	int (*map)(struct inode *inode, u64 offset, u64 length, bool allocate,
		   struct cache_extent *extent);
	/** Enter and leave a change of the file system: none is written to the disk by half. May be NULL. */
	int (*begin)(struct inode *inode);
	void (*end)(struct inode *inode);
	/** Instead of map(): fill @p count pages from @p first on. What is behind the file's end is zeroed already. */
	int (*read)(struct inode *inode, u64 first, u32 count, struct page **pages);
	/** ... and empty them; @p bytes in all: less than whole pages at the file's end. */
	int (*write)(struct inode *inode, u64 first, u32 count, struct page **pages, u64 bytes);
	/** The first of the inode's pages became dirty. May not sleep. May be NULL. */
	void (*dirtied)(struct inode *inode);
	/** Pages could not be written, and are dirty no more. Any context. May be NULL. */
	void (*failed)(struct inode *inode);
};

/** The cache of one file: storage of the file system's, beside the inode. */
struct file_cache {
	struct inode *inode;
	const struct cache_backing *backing;
	struct disk *disk; /* for map(), or the file itself; the owner counts it */
	u32 flags;	   /* CACHE_* */
	u32 unit; /* bytes that get room at once: a power of two; 0: a page, or less. The file system sets it */
	u32 error;    /* of write-back: stored.c */
	u32 failures; /* batches of write-back that had one */
	struct rwsem cut_lock;
	struct mutex room_lock;
	/* under inode->pages.lock */
	u64 nr_dirty;		   /* pages with PG_DIRTY, which are tagged in the tree */
	struct list writes;	   /* struct cache_write: in flight */
	u64 last_write;		   /* number of the last of them */
	struct wait_queue wait;	   /* for writes that end */
	u32 flusher;		   /* whose turn it is to write it: fs/cache/flusher.c */
	u64 reclaim_next;	   /* where reclaim continues */
	struct cache_lists *lists; /* of the CPU that made it; fs/cache/lists.c */
	/* under their lock */
	struct list cached_link, dirty_link;
	u64 dirtied_ns; /* when the first page that is dirty became so */
	u64 walked[3];	/* numbers of the last walks, by enum cache_walk_kind */
	bool kept;	/* write-back has a reference of its own */
};
#define CACHE_SECTORS \
	1u /* page->private of a dirty page: bit i: its bytes [i * 512, i * 512 + 512) are */
#define CACHE_NO_HOLES 2u /* what a file grows over gets room, in order */

/** What of read(), write()... is common to files with a cache. open() samples the errors of write-back: file_cache_open(). */
extern const struct file_ops file_cache_fops;

/**
 * @brief Give an inode a cache: sets inode->cache. Before it is used by others; inode_put() empties it.
 * @param cache  storage that exists as long as the inode does
 * @param disk   NULL with backing->read
 */
void file_cache_init(struct inode *inode, struct file_cache *cache,
		     const struct cache_backing *backing, struct disk *disk, u32 flags);

/* ---- methods of files: see struct file_ops ---- */

int file_cache_open(struct inode *inode, struct file *f);
s64 file_cache_read(struct file *f, struct uio *uio, u64 *pos);
/** @brief With O_SYNC or O_DSYNC: f->ops->fsync() is called for what was written. */
s64 file_cache_write(struct file *f, struct uio *uio, u64 *pos);
int file_cache_mmap(struct file *f, struct vm_region *region);
s64 file_cache_llseek(struct file *f, s64 offset, int whence);
/** @brief Write the pages of [first, last] (bytes) back, wait, and report an error that this open file has not seen. */
int file_cache_fsync(struct file *f, u64 first, u64 last, bool data_only);

/* ---- for file systems ---- */

/**
 * @brief Start writing the dirty pages with a byte of [first, last]. Takes no lock that a writer or fault holds.
 * @param wait	until they, and those that were being written, are written
 * @return 0; -EIO...: with @p wait, something could not be written meanwhile
 */
int file_cache_write_back(struct inode *inode, u64 first, u64 last, bool wait);
/** @brief Write back all files of a file system (NULL: of all), and wait. Not within a change. @return the first error */
int file_cache_write_back_super(struct super_block *sb);
/** @brief Start to write them back. Not within a change. */
void file_cache_write_back_super_start(struct super_block *sb);
/** @brief The state of file_cache.error for file_cache_error_since(). */
u32 file_cache_error_sample(const struct file_cache *cache);
/** @brief Has an error happened since *@p seen, which then is up to date? @return 0 or -errno, once */
int file_cache_error_since(struct file_cache *cache, u32 *seen);
/** @brief An error of writing: each open file's fsync() reports it once. Any context. */
void file_cache_error_set(struct file_cache *cache, int err);

/**
 * @brief Keep faults and fills out while stored bytes are taken away; inode->lock is held. Between the two: file_cache_cut()
 * and the file system's own work.
 */
void file_cache_cut_begin(struct inode *inode);
void file_cache_cut_end(struct inode *inode);
/**
 * @brief Set the size; forget the pages behind it, dirty or not, once they are not being written; zero the rest of the
 * page that it cuts, which becomes dirty (so read it first: file_cache_cut_prepare()).
 */
void file_cache_cut(struct inode *inode, u64 size);
/**
 * @brief Before file_cache_cut_begin(): read the page that a cut at @p size leaves a part of; or, where the file grows, make
 * what is behind its end read as zeroes.
 * @return 0 or -errno
 */
int __must_check file_cache_cut_prepare(struct inode *inode, u64 size);
/**
 * @brief Give all of [offset, end) room, with zeroes where it was a hole; the file grows to @p end. Under inode->lock. Not of a file
 * with CACHE_NO_HOLES: that grows by file_cache_extend().
 * @return 0; an error: a part may have got it
 */
int __must_check file_cache_fill(struct inode *inode, u64 offset, u64 end);
/** @brief With inode->lock: set a larger size; what had room behind the old one reads as zeroes. @return 0 or -errno */
int __must_check file_cache_extend(struct inode *inode, u64 size);
/** @brief Make [offset, offset + length) read as zeroes: whole pages are forgotten, parts zeroed and dirtied. Prepared at both ends. */
void file_cache_punch(struct inode *inode, u64 offset, u64 length);
/** @brief Forget clean pages of [first, last] (pages) that nobody uses. @return 0; -EBUSY: some stayed */
int file_cache_invalidate(struct inode *inode, u64 first, u64 last);

/** @brief The page at @p index, up to date, counted; read if it is not cached. Sleeps. @return page or ERR_PTR */
struct page *__must_check file_cache_page(struct inode *inode, u64 index);
/** @brief The same, with zeroes instead of what is stored; one that is cached already stays as it is. Within the file only if all of it is then written. */
struct page *__must_check file_cache_page_zero(struct inode *inode, u64 index);
/** @brief A page that holds the @p bytes of one, counted, where none is cached. @param bytes  NULL: zeroes @return ERR_PTR; NULL: one is cached */
struct page *__must_check file_cache_page_new(struct inode *inode, u64 index, const void *bytes);
/** @brief Bytes of an up-to-date page have been changed. @param sectors  with CACHE_SECTORS: which, else 0. Does not sleep. */
void file_cache_dirty(struct inode *inode, struct page *page, u32 sectors);
/** @brief Start reading pages [first, first + count), as far as they are in the file and not cached. */
void file_cache_prefetch(struct inode *inode, u64 first, u64 count);

/** @brief From inode_put(): the last reference was dropped. @return true: it has dirty pages, and is kept until they are written */
bool file_cache_keep(struct inode *inode);
/** @brief From inode_put(): forget all. */
void file_cache_end(struct inode *inode);

/* ---- memory ---- */

/** @brief Free about @p npages pages of clean cache; a bounded search. Sleeps. @return how many */
u64 file_cache_reclaim(u64 npages);
/** @brief Memory is short, and nothing clean was found: get dirty pages written. Sleeps a moment. @return were there any? */
bool file_cache_reclaim_wait(void);
/**
 * @brief There was no memory for what should not fail for that: have some freed, and sleep a moment.
 * @param until_ns  0 at the first of a row of attempts
 * @return false: these have taken some seconds; else: try again
 */
bool file_cache_patience(u64 *until_ns);
/** @brief page_alloc() with PAGE_USER, which frees cached pages where there are none else. Sleeps. */
struct page *file_cache_page_alloc(u32 flags);
