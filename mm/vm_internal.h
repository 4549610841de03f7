/* SPDX-License-Identifier: MIT */
/**
 * @file vm_internal.h  What the files of mm/vm_*.c share: page-table entries of
 * user space, the tables, pages about to be freed.
 *
 * The threads that may change an entry (vm_tables.c explains why):
 *   exclusively  the holder of space->lock for writing; for a region on a
 *                file's list with the list's regions_lock as well: plain stores;
 *   a fault      the holder of space->lock for reading: compare-exchange, or a
 *                plain store in a space with one user, where the region is on no list;
 *   a truncation the holder of the file's regions_lock: compare-exchange.
 */
#pragma once
#include "vm_regions.h"
#include <asm/pgtable.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <uapi/mman.h>
#include <uapi/personality.h>

/*
 * An entry is one of
 *   0                 nothing
 *   present           pte_anon(): a private page, counted, perhaps shared after a
 *                     fork (then not writable); pte_uncounted(): the zero page,
 *                     device memory, the vDSO; else a file's page, counted
 *   not present       the same page without access (PROT_NONE)
 *   pte_busy()        a fault is making or replacing the page; try again
 * The CPU never writes an entry (asm/pgtable.h), so plain stores can't lose anything.
 */
#define VM_MAX_REGIONS 65530u
#define LEAF_SIZE      (PAGE_SIZE * PTRS_PER_TABLE) /* what one lowest table covers */
#define LINE_ENTRIES   8u			    /* entries of a cache line */
#define LINE_BYTES     (LINE_ENTRIES * sizeof(pte_t))

/** @brief The bits of present pages in a region with these VM_* rights. */
static inline u64 vm_pte_bits(u32 flags)
{
	if (!(flags & VM_ACCESS))
		return pte_no_access_bits();
	return pte_user_bits(flags & VM_WRITE, flags & VM_EXEC);
}

/** @brief Does the running thread have the space to itself, so that only a truncation may interfere? */
static inline bool vm_is_solo(const struct vm_space *space)
{
	return atomic_read(&space->users) == 1;
}

/* ---- entries: vm_tables.c has the rules ---- */

static inline bool vm_entry_exchange(pte_t *pte, pte_t old, pte_t new)
{
	return __atomic_compare_exchange_n(pte, &old, new, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_RELAXED);
}
/** @brief An entry as it is once no fault is about to set it. That is soon: preemption is off there. */
static inline pte_t vm_entry_settled(const pte_t *pte)
{
	pte_t entry;

	while (unlikely((entry = READ_ONCE(*pte)) == pte_busy()))
		cpu_relax();
	return entry;
}
/**
 * @brief Set an entry whose settled value is @p old and stays that, since no fault succeeds there: a writer of the
 * space, in a range that it has taken from its region or in a frozen space.
 */
static inline void vm_entry_set(const struct vm_space *space, pte_t *pte, pte_t old, pte_t new)
{
	if (likely(vm_is_solo(space)))
		WRITE_ONCE(*pte, new);
	else
		while (!vm_entry_exchange(pte, old, new))
			cpu_relax();
}
/** @brief Take an entry out, whatever it has become meanwhile. @return the old one */
static inline pte_t vm_entry_take(pte_t *pte)
{
	pte_t entry;

	do
		entry = vm_entry_settled(pte);
	while (entry && !vm_entry_exchange(pte, entry, 0));
	return entry;
}

/**
 * @brief Between the two no fault without the lock succeeds anywhere in the space. The caller holds space->lock for
 * writing; entries that a fault has in hand are waited for one by one (vm_entry_settled()).
 */
static inline void vm_space_freeze(struct vm_space *space)
{
	WRITE_ONCE(space->seq, space->seq + 1);
	smp_mb(); /* pairs with the exchange in a fault: it sees the number, or we see pte_busy() */
}
static inline void vm_space_thaw(struct vm_space *space)
{
	smp_store_release(&space->seq, space->seq + 1);
}

/* ---- vm_tables.c ---- */

/*
 * The walkers refuse addresses beyond user space: no table is found, created or freed
 * there, even if a caller did not check. The upper half of the top table is the kernel's.
 */
/** @brief The entry that points to the lowest table of @addr; NULL: there is no upper one. Locking: as vm_pte() */
static inline pte_t *vm_leaf_link(const struct vm_space *space, u64 addr)
{
	u64 top = addr >> pt_shift(PT_LEVELS);
	pte_t entry;

	if (unlikely(top >= PT_USER_ENTRIES))
		return NULL;
	entry = READ_ONCE(((pte_t *)phys_to_virt(space->tables.root))[top]);
	if (unlikely(!entry))
		return NULL;
	entry = READ_ONCE(pte_table(entry)[pt_index(addr, 3)]);
	if (unlikely(!entry))
		return NULL;
	return &pte_table(entry)[pt_index(addr, 2)];
}
/* Of vm_loan.c, below. */
void vm_loan_settle(struct vm_space *space, pte_t *link, u64 addr);
/** @brief The entry of @p addr, NULL where there is no table. space->lock held, or under rcu_read_lock(). */
static inline pte_t *vm_pte(struct vm_space *space, u64 addr)
{
	pte_t *link = vm_leaf_link(space, addr), entry;

	if (unlikely(!link))
		return NULL;
	entry = READ_ONCE(*link);
	if (unlikely(!entry))
		return NULL;
	if (unlikely(pte_table_lent(entry)))
		vm_loan_settle(space, link, addr);
	return &pte_table(entry)[pt_index(addr, 1)];
}
/** @brief The same, but NULL also where the table is shared with another space, or has lent or borrowed lines: nothing may be changed in it. */
static inline pte_t *vm_pte_own(const struct vm_space *space, u64 addr)
{
	pte_t *link = vm_leaf_link(space, addr), entry;

	if (unlikely(!link))
		return NULL;
	entry = READ_ONCE(*link);
	if (unlikely(!entry || !pte_table_plain(entry)))
		return NULL;
	return &pte_table(entry)[pt_index(addr, 1)];
}
pte_t *vm_pte_alloc_slow(struct vm_space *space, u64 addr);
/** @brief An entry that may be changed: missing tables are created, shared ones made the space's own. NULL: no memory, or not a user's address. */
static inline pte_t *vm_pte_alloc(struct vm_space *space, u64 addr)
{
	pte_t *pte = vm_pte_own(space, addr);

	return likely(pte) ? pte : vm_pte_alloc_slow(space, addr);
}
/** @brief The entry that points to the lowest table of @addr, with the upper ones created. NULL: no memory */
pte_t *vm_leaf_link_alloc(struct vm_space *space, u64 addr);
/** @brief A zeroed table that belongs to no space yet, or NULL. */
struct page *vm_table_alloc(void);
/** @brief Free a zeroed table. */
void vm_table_free(struct page *page);
/**
 * @brief Walk the lowest tables of [*addr, end): the entry of the first address >= *addr
 * that has a table; *addr moves there, *stop is the end of what that table has
 * of the range. @return NULL: no more, or the range ends beyond user space
 */
pte_t *vm_next_leaf(const struct vm_space *space, u64 *addr, u64 end, u64 *stop);
/** @brief The first entry of [pte, last) that is not empty, else @p last; a cache line of empty ones in one step. */
static inline pte_t *vm_skip_empty(pte_t *pte, pte_t *last)
{
	while (pte < last && !*pte) {
		bool line = !((u64)pte % LINE_BYTES) && last - pte >= (s64)LINE_ENTRIES;

		if (line && !(pte[1] | pte[2] | pte[3] | pte[4] | pte[5] | pte[6] | pte[7]))
			pte += LINE_ENTRIES;
		else
			pte++;
	}
	return pte;
}
/** @brief Free zeroed tables, linked through page->next, that no CPU or fault uses any more. */
void vm_tables_free_list(struct page *page);
/** @brief The same once all faults have ended that may have found one of them. */
void vm_tables_free_later(struct page *page);
/** @brief The shared zero page, as a read-only entry without rights. */
extern u64 vm_zero_pte;
void vm_tables_init(void);

/**
 * Pages and tables that have left a space's tables and wait for the TLBs.
 * Pages of which we are the last user hang in a list and have no limit; others
 * are kept in the array, and when that is full the TLBs are flushed early.
 */
#define VM_GATHER 64
struct vm_gather {
	struct vm_space *space;
	u64 start, end;		    /* what CPUs may have cached; start >= end: nothing */
	struct page *anon, *tables; /* through page->next */
	u32 nr_anon, nr_shared;
	u64 shared[VM_GATHER]; /* struct page *, bit 0: anonymous */
};
static inline void vm_gather_init(struct vm_gather *gather, struct vm_space *space)
{
	gather->space = space;
	gather->start = ~0ull;
	gather->end = 0;
	gather->anon = gather->tables = NULL;
	gather->nr_anon = gather->nr_shared = 0;
}
static inline void vm_gather_range(struct vm_gather *gather, u64 start, u64 end)
{
	if (start < gather->start)
		gather->start = start;
	if (end > gather->end)
		gather->end = end;
}
void vm_gather_finish_slow(struct vm_gather *gather);
/** @brief Flush the TLBs if necessary, then free. */
static inline void vm_gather_finish(struct vm_gather *gather)
{
	if (gather->start < gather->end || gather->tables)
		vm_gather_finish_slow(gather);
}
/**
 * @brief Take all pages of [start, end) out; nothing where that ends beyond user space. The writer of the
 * space; no new ones appear if the range has left its region.
 */
void vm_zap(struct vm_gather *gather, u64 start, u64 end);
/** @brief The same under the region's regions_lock, if it is on a list. */
void vm_zap_region(struct vm_gather *gather, struct vm_region *region, u64 start, u64 end);
/**
 * @brief Take out the tables for [start, end), which holds no pages any more; none where that
 * ends beyond user space.
 * @param floor,ceiling  the neighbours: nothing is mapped between them
 */
void vm_free_tables(struct vm_gather *gather, u64 start, u64 end, u64 floor, u64 ceiling);
/** @brief The ceiling for that: @p next is the next region, NULL if there is none. */
static inline u64 vm_tables_ceiling(const struct vm_region *next)
{
	return next ? next->start : PT_USER_END;
}
/** @brief Remove all entries of a space that no CPU uses any more, in one walk; no flushing. */
void vm_tables_destroy(struct vm_space *space);
/** @brief Change the rights of the pages of [start, end) to those of @p region. The writer of the space; flushes. */
void vm_tables_protect(struct vm_region *region, u64 start, u64 end);
/** @brief Move the entries of [from, from + len) to @p to. Frozen; @return 0 or -ENOMEM (nothing moved) */
int __must_check vm_tables_prepare_move(struct vm_space *space, u64 from, u64 to, u64 len);
void vm_tables_move(struct vm_gather *gather, u64 from, u64 to, u64 len);

/* ---- vm_fork.c ---- */

/** A fork that copies entries. The old space is frozen, the new one does not run yet. */
struct vm_fork {
	struct vm_space *to, *from;
	u64 number; /* of the lowest table that was met last: address / LEAF_SIZE; ~0: none yet */
	pte_t *src, *dest; /* that table, and the new space's, NULL: not made yet */
	bool lent;	   /* lines of it are on loan to the new space (vm_loan.c) */
	bool flush;	   /* entries of the old space lost their write bit */
};
/** @brief Share the private pages of @p region, read-only on both sides. Called for one region after the other. */
int __must_check vm_fork_region(struct vm_fork *fork, struct vm_region *region);
/** @brief Afterwards: copy and map what both sides use next. Without memory it is left to faults. */
void vm_fork_hot(struct vm_fork *fork, const struct vm_hot *hot);

/* ---- vm_leaf.c: lowest tables that several spaces have ---- */

/** @brief Fork: let both have the lowest table of @p addr, which one anonymous region fills. @return 0 or -ENOMEM */
int __must_check vm_leaf_share(struct vm_fork *fork, u64 addr);
/** @brief Make the table of @p addr the space's own, if it is shared. space->lock held, or alone. @return 0 or -ENOMEM */
int __must_check vm_leaf_own(struct vm_space *space, u64 addr);
int __must_check vm_leaves_own_slow(struct vm_space *space, u64 start, u64 end);
/** @brief The same for all tables of [start, end), before entries there are changed. Exclusive. */
static inline int __must_check vm_leaves_own(struct vm_space *space, u64 start, u64 end)
{
	if (likely(!space->nr_common))
		return 0;
	return vm_leaves_own_slow(space, start, end);
}
/** @brief A space that no CPU uses any more drops the shared table of @p addr. */
void vm_leaf_leave(struct vm_space *space, u64 addr);
/** @brief Drop a reference on a table that no CPU has cached for this space; with the last one its pages. */
void vm_leaf_put(struct page *table);
/** @brief vm_zap.c: empty [pte, last), which no CPU has loaded. @return anonymous pages freed */
s64 vm_leaf_free_pages(pte_t *pte, pte_t *last);

/* ---- vm_loan.c: entries that a fork did not copy ---- */

/** @brief Copy the line of @addr, and count its pages, if it is pending. @p link: that of its table, found marked. space->lock held, or alone. */
void vm_loan_settle(struct vm_space *space, pte_t *link, u64 addr);
/** @brief The same for all lines of the table. */
void vm_loan_settle_all(struct vm_space *space, pte_t *link);
/** @brief A space that no CPU uses any more leaves the loan in which @p table has a part. */
void vm_loan_leave(struct page *table);
/**
 * @brief Fork: make whole lines of a private region read-only in the table that is being copied, entries @p first to
 * @p last - 1. @return those that hold pages, to be lent; 0: too few do, they are to be copied
 */
u64 vm_loan_lines(struct vm_fork *fork, u32 first, u32 last);
/** @brief Lend them. fork->dest exists; fork->src has no other loan. */
void vm_loan_make(struct vm_fork *fork, u64 lines);
void vm_loan_init(void);

/** @brief Drop one reference on an anonymous page. */
static inline void vm_anon_put(struct page *page)
{
	if (atomic_read(&page->refs) == 1 || atomic_dec_and_test(&page->refs)) {
		mem_account(MEM_ANON, -1);
		page_free(page);
	}
}

/* ---- vm_fault.c ---- */

enum { VM_RETRY = 2 }; /* result of vm_fault_region(): try again from the start */
/**
 * @brief Make @p addr present in @p region. space->lock held for reading or writing.
 * @return 0, 1 (major), VM_RETRY, -ENOMEM, -EIO
 */
int __must_check vm_fault_region(struct vm_region *region, u64 addr, bool write);
/** @brief Memory is short: kill a process and wait. No lock held. @return 0: try again; -EINTR, -ENOMEM */
int __must_check vm_out_of_memory(u32 attempt);

/** Where a test stops a fault without the lock: it has read the numbers; it has the entry in hand. */
enum vm_fault_step { VM_STEP_SEEN, VM_STEP_CLAIMED };
/** @brief Called there in kernels with CONFIG_KTEST, by the thread that faults, under rcu_read_lock(). NULL: nothing */
extern void (*vm_fault_hook)(enum vm_fault_step step);
static inline void vm_fault_stop(enum vm_fault_step step)
{
	if (IS_ENABLED(CONFIG_KTEST) && READ_ONCE(vm_fault_hook))
		vm_fault_hook(step);
}

/* ---- vm_populate.c ---- */

enum vm_populate {
	VM_POPULATE_MAP,  /* MAP_POPULATE: holes and what has no rights are left out */
	VM_POPULATE_LOCK, /* mlock: the same, but a hole is -ENOMEM */
	VM_POPULATE_READ, /* madvise: no rights: -EINVAL */
	VM_POPULATE_WRITE,
};
/** @brief Make a range present. Takes the lock. @return 0, -ENOMEM, -EIO, -EINTR, -EINVAL: the first that is wrong */
int vm_populate(struct vm_space *space, u64 start, u64 end, enum vm_populate how);

/* ---- vm_map.c ---- */

extern struct kmem_cache *vm_region_cache;
/** @brief Pages of RAM that the machine has. */
extern u64 vm_total_pages;
/** @brief A soft limit of the current process; kernel threads have none. */
static inline u64 vm_limit(u32 which)
{
	return current->proc ? current_limit(which) : RLIM_INFINITY;
}
/** @brief Mappings that count for RLIMIT_DATA. */
static inline bool vm_is_data(u32 flags)
{
	return (flags & (VM_WRITE | VM_SHARED | VM_GROWSDOWN)) == VM_WRITE;
}
/** @brief Note @p npages (may be negative) more of a kind. */
void vm_account(struct vm_space *space, u32 flags, s64 npages);
/** @brief May the space grow by @p npages? RLIMIT_AS and RLIMIT_DATA. */
bool vm_may_expand(const struct vm_space *space, u32 flags, u64 npages);
/** @brief Refuse only what exceeds the memory of the machine, as Linux does by default. */
static inline bool vm_enough_memory(u32 flags, u64 npages)
{
	return npages <= vm_total_pages ||
	       (flags & (VM_WRITE | VM_SHARED | VM_NORESERVE)) != VM_WRITE;
}
/** @brief mlock: may it lock @p npages more? @return 0, -EAGAIN */
int __must_check vm_may_lock(const struct vm_space *space, u32 flags, u64 npages);
void vm_region_free(struct vm_region *region);
/** @brief Cut @p region in two; it keeps the lower part. @return the upper part, NULL: no memory or too many */
struct vm_region *vm_split(struct vm_region *region, u64 addr);
/** @brief Unite @p region with its neighbours where they are alike. @return the region that now has its pages */
struct vm_region *vm_merge(struct vm_region *region);
/** @brief Move the bounds of @p region under its file's lock. */
void vm_set_bounds(struct vm_region *region, u64 start, u64 end);
/**
 * @brief munmap() under the lock. Regions that lie wholly in the range are moved to @p dead, for vm_regions_free() once the lock is released.
 * @return 0; -ENOMEM, nothing changed; -EINVAL: the range ends beyond user space
 */
int __must_check vm_unmap_locked(struct vm_space *space, u64 start, u64 end, struct list *dead);
void vm_regions_free(struct list *dead);
/** @brief After a failure: free pages and tables of [start, end), where no region is. */
void vm_scrub(struct vm_space *space, u64 start, u64 end);
void vm_file_link_slow(struct vm_region *region);
void vm_file_unlink_slow(struct vm_region *region);
/** @brief Put @p region on its file's list, take it off, if it has one. */
static inline void vm_file_link(struct vm_region *region)
{
	if (region->pages)
		vm_file_link_slow(region);
}
static inline void vm_file_unlink(struct vm_region *region)
{
	if (region->pages)
		vm_file_unlink_slow(region);
}
/** @brief @p region is a copy of another region: count the file, call ops->open(). */
void vm_region_opened(struct vm_region *region);
/** @brief May the current process map something at @p addr, according to vm_min_addr? */
bool vm_may_place(u64 addr);
/** @brief get_unmapped_area() of Linux. @return address or -errno */
s64 __must_check vm_find_room(struct vm_space *space, u64 addr, u64 len, u32 map_flags);
/** @brief Is [addr, addr + len) within user space, and addr that of a page? No sum in it can wrap. */
static inline bool vm_range_valid(u64 addr, u64 len)
{
	return !(addr & ~PAGE_MASK) && len <= USER_END && addr <= USER_END - len;
}

/* ---- vm_change.c ---- */

/**
 * @brief Change the flags of the part [start, end) of @p region; entries are the caller's business.
 * @return the region that it is in then; NULL: no memory, nothing changed
 */
struct vm_region *vm_set_flags(struct vm_region *region, u64 start, u64 end, u32 flags);

/* ---- the list of a file's regions ---- */

static inline void vm_file_lock(struct vm_region *region)
{
	if (region->pages)
		spin_lock(&region->pages->regions_lock);
}
static inline void vm_file_unlock(struct vm_region *region)
{
	if (region->pages)
		spin_unlock(&region->pages->regions_lock);
}

/* ---- vm_shared.c ---- */

/** @brief Make @p region shared anonymous memory of its size. @return 0 or -ENOMEM */
int __must_check vm_shared_attach(struct vm_region *region);
void vm_shared_init(void);
/** @brief MADV_REMOVE of shared anonymous memory: a region that vm_shared_attach() made. */
void vm_shared_remove(struct vm_region *region, u64 start, u64 end);

/* ---- vm_space.c ---- */

/** @brief Count pages that have become present (negative: no longer are). Any thread, with or without the lock. */
void vm_count_shared(struct vm_space *space, s64 anon, s64 file);
static inline void vm_count(struct vm_space *space, s64 anon, s64 file)
{
	if (unlikely(!vm_is_solo(space))) {
		vm_count_shared(space, anon, file);
		return;
	}
	space->rss_anon += anon;
	space->rss_file += file;
}
/** @brief Pages are about to be unmapped: record the peak. */
void vm_note_peak(struct vm_space *space);
