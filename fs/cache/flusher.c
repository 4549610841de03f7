// SPDX-License-Identifier: MIT
/*
 * When dirty pages are written without being asked for: by age, and by amount.
 *
 * One thread wakes up every dirty_writeback_centisecs while anything is dirty, and writes the files whose first
 * dirty page is older than dirty_expire_centisecs. If more than dirty_background_ratio percent of the memory
 * that could be dirty is, it is woken, and writes until it is less. A thread that dirties pages
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

static DEFINE_WAIT_QUEUE(flusher_wait); /* the thread */
static DEFINE_WAIT_QUEUE(balance_wait); /* writers */
static bool flusher_wanted;		/* it is to look at the amount */
static bool flusher_idle = true;	/* it sleeps without a limit */

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

/* ---- the thread ---- */

void cache_flusher_wake(void)
{
	WRITE_ONCE(flusher_wanted, true);
	if (wait_queue_active(&flusher_wait))
		wake_up(&flusher_wait);
}

void cache_flusher_notice(void)
{
	smp_mb(); /* the list has a file now: pairs with the one in flusher_sleep() */
	if (unlikely(READ_ONCE(flusher_idle)))
		wake_up(&flusher_wait);
}

/* Write the files that were dirtied until @before_ns; with @amount, only while there is more than is allowed. */
static void flusher_pass(u64 before_ns, bool amount)
{
	struct cache_walk walk = { .before_ns = before_ns };
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

static void flusher_sleep(void)
{
	u32 interval = (u32)READ_ONCE(cache_settings.interval_cs);
	u64 deadline = 0;

	WRITE_ONCE(flusher_idle, true);
	smp_mb();
	if (cache_any_dirty() && interval) {
		WRITE_ONCE(flusher_idle, false);
		deadline = time_monotonic_ns() + interval * (10ull * NSEC_PER_MSEC);
		(void)wait_event_until(&flusher_wait, READ_ONCE(flusher_wanted), deadline);
		return;
	}
	wait_event(&flusher_wait,
		   READ_ONCE(flusher_wanted) ||
			   (READ_ONCE(cache_settings.interval_cs) && cache_any_dirty()));
	WRITE_ONCE(flusher_idle, false);
}

static void flusher_main(void *unused)
{
	for (;;) {
		u64 now = time_monotonic_ns();
		u64 age = (u32)READ_ONCE(cache_settings.expire_cs) * (10ull * NSEC_PER_MSEC);

		if (__atomic_exchange_n(&flusher_wanted, false, __ATOMIC_SEQ_CST))
			flusher_pass(~0ull, true);
		if (now > age)
			flusher_pass(now - age, false);
		flusher_sleep();
	}
}

void cache_flusher_init(void)
{
	if (thread_spawn(flusher_main, NULL, "writeback"))
		boot_stop("not enough memory to start the write-back thread");
}

/* ---- sync ---- */

static DEFINE_MUTEX(sync_lock); /* one walk that waits at a time: lists.c */

int file_cache_write_back_super(const struct super_block *sb)
{
	struct cache_walk walk = { .before_ns = ~0ull, .super = sb };
	struct inode *inode;
	int err = 0;

	mutex_lock(&sync_lock);
	cache_walk_begin(&walk, CACHE_WALK_SYNC);
	while ((inode = cache_walk_next(&walk))) { /* all are started first */
		file_cache_write_back(inode, 0, ~0ull, false);
		inode_put(inode);
	}
	cache_walk_begin(&walk, CACHE_WALK_SYNC);
	while ((inode = cache_walk_next(&walk))) {
		first_error(&err, file_cache_write_back(inode, 0, ~0ull, true));
		cache_walk_put(inode);
	}
	mutex_unlock(&sync_lock);
	return err;
}
