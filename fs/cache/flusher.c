// SPDX-License-Identifier: MIT
/*
 * When dirty pages are written without being asked for: by age, and by amount.
 *
 * A thread wakes up every dirty_writeback_centisecs while anything is dirty, and writes the files whose first
 * dirty page is older than dirty_expire_centisecs. If more than dirty_background_ratio percent of the memory
 * that could be dirty is, it is woken, and writes until it is less. There are a few such threads, begun when a disk is first
 * used that has the number of one, so that a disk that is slow does not hold up another one: the first is for what lies on no
 * disk, and for those for which there was no memory. A thread that dirties pages
 * while there are more than dirty_ratio percent writes its own file back, and waits: each is as fast as its own device.
 *
 * Writers look at the amount after some pages only: each CPU counts those that its threads dirtied.
 */
#include <kernel/panic.h>
#include <kernel/time.h>
#include "cache.h"

#define BALANCE_PAGES 32u
#define BALANCE_MS    20u
#define BALANCE_TURNS \
	250u /* 5 s: then a device that hangs stops no writer of another one for ever */

struct cache_settings cache_settings = {
	.dirty_ratio = 20,
	.background_ratio = 10,
	.expire_cs = 3000,
	.interval_cs = 500,
};

static struct balance_count {
	u32 npages;
} __aligned(64) balance_counts[CPU_MAX];

#define FLUSHERS 8u

static DEFINE_WAIT_QUEUE(balance_wait); /* writers */
static DEFINE_MUTEX(flushers_lock);	/* for making them */
static struct flusher {
	struct wait_queue wait; /* the thread */
	bool runs;
	bool wanted; /* it is to look at the amount */
	bool idle;   /* it sleeps without a limit */
} flushers[FLUSHERS];

/* ---- amounts ---- */

struct cache_amounts {
	u64 unwritten, background, limit; /* pages */
};

static void cache_amounts_get(struct cache_amounts *amounts)
{
	struct mem_info memory;
	u64 could_be;

	mem_info_get(&memory);
	could_be = memory.free + memory.file;
	amounts->unwritten = memory.dirty + memory.write_back;
	amounts->background = could_be * (u32)READ_ONCE(cache_settings.background_ratio) / 100;
	amounts->limit = could_be * (u32)READ_ONCE(cache_settings.dirty_ratio) / 100;
	amounts->background = MIN(amounts->background, amounts->limit / 2);
}

static bool cache_below(u64 limit)
{
	return mem_account_sum(MEM_DIRTY) + mem_account_sum(MEM_WRITEBACK) <= limit;
}

/* ---- writers ---- */

static void balance_wait_for(struct file_cache *cache, u64 limit)
{
	for (u32 turn = 0; turn < BALANCE_TURNS && !fatal_signal_pending(); turn++) {
		u64 deadline = time_monotonic_ns() + BALANCE_MS * NSEC_PER_MSEC;

		file_cache_write_back(cache->inode, 0, ~0ull, false);
		(void)wait_event_until(&balance_wait, cache_below(limit), deadline);
		if (cache_below(limit))
			return;
	}
}

static __noinline void balance_now(struct file_cache *cache)
{
	struct cache_amounts amounts;

	cache_amounts_get(&amounts);
	if (amounts.unwritten <= amounts.background)
		return;
	cache_flusher_wake();
	if (amounts.unwritten > amounts.limit)
		balance_wait_for(cache, amounts.limit);
}

void cache_balance(struct file_cache *cache, u32 npages)
{
	struct balance_count *count =
		&balance_counts[cpu_id()]; /* another CPU's if the thread moves: no matter */

	count->npages += npages;
	if (likely(count->npages < BALANCE_PAGES))
		return;
	count->npages = 0;
	balance_now(cache);
}

void cache_written(void)
{
	if (wait_queue_active(&balance_wait))
		wake_up_all(&balance_wait);
}

bool file_cache_reclaim_wait(void)
{
	u64 dirty = mem_account_sum(MEM_DIRTY) + mem_account_sum(MEM_WRITEBACK);
	u64 deadline = time_monotonic_ns() + BALANCE_MS * NSEC_PER_MSEC;

	if (!dirty)
		return false;
	cache_flusher_wake();
	(void)wait_event_until(&balance_wait, cache_below(dirty - 1), deadline);
	return true;
}

/* ---- the threads ---- */

void cache_flusher_wake(void)
{
	for (u32 i = 0; i < FLUSHERS; i++) {
		if (!smp_load_acquire(&flushers[i].runs))
			continue;
		WRITE_ONCE(flushers[i].wanted, true);
		if (wait_queue_active(&flushers[i].wait))
			wake_up(&flushers[i].wait);
	}
}

void cache_flusher_notice(const struct file_cache *cache)
{
	struct flusher *flusher = &flushers[cache->flusher];

	smp_mb(); /* the list has a file now: pairs with the one in flusher_sleep() */
	if (unlikely(READ_ONCE(flusher->idle)))
		wake_up(&flusher->wait);
}

/* Write the files that were dirtied until @before_ns; with @amount, only while there is more than is allowed. */
static void flusher_pass(u32 number, u64 before_ns, bool amount)
{
	struct cache_walk walk = { .before_ns = before_ns, .flusher = number };
	struct cache_amounts amounts;
	struct inode *inode;

	cache_walk_begin(&walk, CACHE_WALK_FLUSHER);
	while ((inode = cache_walk_next(&walk))) {
		file_cache_write_back(inode, 0, ~0ull, false);
		cache_walk_put(inode);
		if (!amount)
			continue;
		cache_amounts_get(&amounts);
		if (amounts.unwritten <= amounts.background)
			return;
	}
}

static void flusher_sleep(struct flusher *flusher)
{
	u32 interval = (u32)READ_ONCE(cache_settings.interval_cs);
	u32 number = (u32)(flusher - flushers);
	u64 deadline = 0;

	WRITE_ONCE(flusher->idle, true);
	smp_mb();
	if (cache_any_dirty(number) && interval) {
		WRITE_ONCE(flusher->idle, false);
		deadline = time_monotonic_ns() + interval * (10ull * NSEC_PER_MSEC);
		(void)wait_event_until(&flusher->wait, READ_ONCE(flusher->wanted), deadline);
		return;
	}
	wait_event(&flusher->wait,
		   READ_ONCE(flusher->wanted) ||
			   (READ_ONCE(cache_settings.interval_cs) && cache_any_dirty(number)));
	WRITE_ONCE(flusher->idle, false);
}

static void flusher_main(void *arg)
{
	struct flusher *flusher = arg;
	u32 number = (u32)(flusher - flushers);

	for (;;) {
		u64 now = time_monotonic_ns();
		u64 age = (u32)READ_ONCE(cache_settings.expire_cs) * (10ull * NSEC_PER_MSEC);

		if (__atomic_exchange_n(&flusher->wanted, false, __ATOMIC_SEQ_CST))
			flusher_pass(number, ~0ull, true);
		if (now > age)
			flusher_pass(number, now - age, false);
		flusher_sleep(flusher);
	}
}

static bool flusher_start(struct flusher *flusher)
{
	bool runs;

	mutex_lock(&flushers_lock);
	if (!flusher->runs) {
		wait_queue_init(&flusher->wait);
		flusher->idle = true;
		smp_store_release(&flusher->runs,
				  !thread_spawn(flusher_main, flusher, "writeback"));
	}
	runs = flusher->runs;
	mutex_unlock(&flushers_lock);
	return runs;
}

u32 cache_flusher_of(const struct disk *disk)
{
	u32 number = 0;

	if (disk)
		number = 1 + (u32)(disk_sequence(disk) % (FLUSHERS - 1));
	if (number && !smp_load_acquire(&flushers[number].runs) &&
	    !flusher_start(&flushers[number]))
		number = 0;
	return number;
}

void cache_flusher_init(void)
{
	if (!flusher_start(&flushers[0]))
		boot_stop("not enough memory for a thread of the page cache");
}

/* ---- sync ---- */

static DEFINE_MUTEX(sync_all_lock);

/* Start what is dirty, or one pass of that which waits. */
static void write_back_start(struct super_block *sb, enum cache_walk_kind kind)
{
	struct cache_walk walk = { .before_ns = ~0ull, .super = sb };
	struct inode *inode;

	cache_walk_begin(&walk, kind);
	while ((inode = cache_walk_next(&walk))) {
		file_cache_write_back(inode, 0, ~0ull, false);
		inode_put_later(inode);
	}
}

void file_cache_write_back_super_start(struct super_block *sb)
{
	mutex_lock(&sb->sync_lock);
	write_back_start(sb, CACHE_WALK_SYNC);
	mutex_unlock(&sb->sync_lock);
}

int file_cache_write_back_super(struct super_block *sb)
{
	struct cache_walk walk = { .before_ns = ~0ull, .super = sb };
	enum cache_walk_kind kind = CACHE_WALK_SYNC_ALL;
	struct mutex *lock = &sync_all_lock;
	struct inode *inode;
	int err = 0;

	if (sb) {
		kind = CACHE_WALK_SYNC;
		lock = &sb->sync_lock;
	}
	mutex_lock(lock);
	write_back_start(sb, kind); /* all, first */
	cache_walk_begin(&walk, kind);
	while ((inode = cache_walk_next(&walk))) {
		first_error(&err, file_cache_write_back(inode, 0, ~0ull, true));
		cache_walk_put(inode);
	}
	mutex_unlock(lock);
	return err;
}
