// SPDX-License-Identifier: MIT
/*
 * Taking pages out of user space.
 *
 * A page that a CPU may still have in its TLB must not be used for something
 * else. So pages and tables are gathered first, then the TLBs are flushed once
 * for the range where something was present, then all are freed. Nothing present:
 * nothing to flush. A page of which we are the last user waits in a list through its
 * struct page, without limit; a file's page or one shared with another process
 * needs its struct page for itself and waits in a small array.
 *
 * At the end of a process no CPU uses the tables any more, and pages are freed
 * as they are met.
 *
 * A truncation unmaps pages from the side of the file: it holds the lock of the file's
 * list of regions, not the spaces' locks, so it may run beside faults; vm_tables.c
 * describes how that works, vm_fault.c what a fault does about it.
 */
#include "vm_internal.h"

/* ---- gathering ---- */

static void gather_free_shared(u64 entry)
{
	struct page *page = (struct page *)(entry & ~1ull);

	if (entry & 1)
		vm_anon_put(page);
	else
		page_put(page);
}

void vm_gather_finish_slow(struct vm_gather *gather)
{
	struct page *page, *next;

	if (gather->tables &&
	    gather->start >= gather->end) /* upper levels are cached, too; any address drops them */
		vm_gather_range(gather, 0, PAGE_SIZE);
	if (gather->start < gather->end)
		tlb_flush_user_range(gather->space, gather->start, gather->end);
	if (gather->nr_anon)
		mem_account(MEM_ANON, -(s64)gather->nr_anon);
	for (page = gather->anon; page; page = next) {
		next = page->next;
		page_free(page);
	}
	for (u32 i = 0; i < gather->nr_shared; i++)
		gather_free_shared(gather->shared[i]);
	if (likely(vm_is_solo(gather->space)))
		vm_tables_free_list(gather->tables);
	else
		vm_tables_free_later(gather->tables);
	vm_gather_init(gather, gather->space);
}

/* An entry has been taken out. @return 1 for an anonymous page, 2 for a file's, 0 for one that does not count */
static inline u32 gather_page(struct vm_gather *gather, pte_t entry)
{
	struct page *page = pte_page(entry);

	if (pte_uncounted(entry))
		return 0;
	if (pte_anon(entry) && atomic_read(&page->refs) == 1) {
		page->next = gather->anon;
		gather->anon = page;
		gather->nr_anon++;
		return 1;
	}
	if (unlikely(gather->nr_shared == VM_GATHER))
		vm_gather_finish(gather);
	gather->shared[gather->nr_shared++] = (u64)page | pte_anon(entry);
	if (pte_anon(entry))
		return 1;
	return 2;
}

/* ---- by the writer of the space ---- */

void vm_zap(struct vm_gather *gather, u64 start, u64 end)
{
	struct vm_space *space = gather->space;
	const bool solo = vm_is_solo(space);
	s64 count[3] = { 0 };
	u64 stop;
	pte_t *pte;

	if (!solo)
		smp_mb(); /* the range has left its region, then we look: as in vm_space_freeze() */
	if (space->rss_anon + space->rss_file > (s64)space->peak_rss)
		vm_note_peak(space);
	for (; start < end && (pte = vm_next_leaf(space, &start, end, &stop)); start = stop) {
		pte_t *first = pte, *last = pte + ((stop - start) >> PAGE_SHIFT);

		for (; (pte = vm_skip_empty(pte, last)) < last; pte++) {
			pte_t entry = *pte;
			u64 addr = start + ((u64)(pte - first) << PAGE_SHIFT);

			if (likely(solo))
				*pte = 0;
			else if (!(entry = vm_entry_take(pte)))
				continue;
			vm_gather_range(gather, addr, addr + PAGE_SIZE);
			count[gather_page(gather, entry)]++;
		}
	}
	if (likely(solo)) {
		space->rss_anon -= count[1];
		space->rss_file -= count[2];
	} else {
		vm_count_shared(space, -count[1], -count[2]);
	}
}

void vm_zap_region(struct vm_gather *gather, struct vm_region *region, u64 start, u64 end)
{
	vm_file_lock(region);
	vm_zap(gather, start, end);
	vm_file_unlock(region);
}

s64 vm_leaf_free_pages(pte_t *pte, pte_t *last)
{
	s64 freed = 0;

	for (; pte < last; pte++) {
		pte_t entry = *pte;
		struct page *page = pte_page(entry);

		if (likely(pte_anon(entry))) {
			*pte = 0;
			if (atomic_read(&page->refs) != 1 && !atomic_dec_and_test(&page->refs))
				continue;
			page_free(page);
			freed++;
		} else if (!entry) {
			pte = vm_skip_empty(pte, last) - 1;
		} else {
			*pte = 0;
			if (!pte_uncounted(entry))
				page_put(page);
		}
	}
	return freed;
}

/* Free the tables of @addr that do not cover @next as well, once a walk upwards has emptied them. */
static void dead_tables_free(struct vm_space *space, u64 addr, u64 next)
{
	pte_t *links[PT_LEVELS + 1], *table = phys_to_virt(space->tables.root);

	for (u32 level = PT_LEVELS; level > 1; level--) {
		links[level] = &table[pt_index(addr, level)];
		table = pte_table(*links[level]);
	}
	for (u32 level = 2; level <= PT_LEVELS && (addr ^ next) >> pt_shift(level); level++) {
		pte_t entry = *links[level];

		if (!entry) /* a table that was shared */
			continue;
		*links[level] = 0;
		vm_table_free(pte_page(entry));
		atomic_dec(&space->nr_tables);
	}
}

/* Upper tables below which there is no lowest one: there was not enough memory for it. */
static __cold void dead_tables_free_rest(struct vm_space *space)
{
	struct vm_region *region;
	struct vm_gather gather;

	vm_gather_init(&gather, space);
	list_for_each(region, &space->region_list, link)
		vm_free_tables(&gather, region->start, region->end, 0,
			       vm_tables_ceiling(vm_region_next(space, region)));
	vm_tables_free_list(gather.tables);
}

void vm_tables_destroy(struct vm_space *space)
{
	u64 addr, stop, last = 0; /* whose lowest table is empty now; no region is at 0 */
	struct vm_region *region;
	struct page *table;
	s64 freed = 0;
	pte_t *pte;

	list_for_each(region, &space->region_list, link) {
		for (addr = region->start; (pte = vm_next_leaf(space, &addr, region->end, &stop));
		     addr = stop) {
			table = virt_to_page(pte);
			if (unlikely(table->flags & PG_LOAN))
				vm_loan_leave(table);
			if (last && (last ^ addr) >> pt_shift(2))
				dead_tables_free(space, last, addr);
			last = addr;
			if (unlikely(atomic_read(&table->refs) > 1))
				vm_leaf_leave(space, addr);
			else
				freed += vm_leaf_free_pages(pte,
							    pte + ((stop - addr) >> PAGE_SHIFT));
		}
	}
	if (last)
		dead_tables_free(space, last, PT_USER_END);
	if (unlikely(atomic_read(&space->nr_tables)))
		dead_tables_free_rest(space);
	if (freed)
		mem_account(MEM_ANON, -freed);
	pt_user_free_root(space->tables.root);
}

/* ---- from the file's side; regions_lock held ---- */

/* The part of @region that shows pages @first to @last of the file. @return false: it shows none */
static bool region_shows(const struct vm_region *region, u64 first, u64 last, u64 *start, u64 *end)
{
	u64 from = MAX(first, region->pgoff), npages = vm_region_pages(region);

	if (region->pgoff > last || from - region->pgoff >= npages)
		return false;
	*start = region->start + ((from - region->pgoff) << PAGE_SHIFT);
	*end = region->end;
	if (last - region->pgoff < npages)
		*end = region->start + ((last - region->pgoff + 1) << PAGE_SHIFT);
	return true;
}

/* Clear an entry while faults may run, unless it is a copy and @keep_copies. @return the old entry, 0: unchanged */
static inline pte_t entry_take(pte_t *pte, bool keep_copies)
{
	pte_t entry = READ_ONCE(*pte);

	for (;;) {
		if (!entry || (keep_copies && pte_anon(entry)))
			return 0;
		if (entry == pte_busy()) {
			entry = vm_entry_settled(pte);
			continue;
		}
		if (__atomic_compare_exchange_n(pte, &entry, 0, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST))
			return entry;
	}
}

static void cut_range(struct vm_region *region, u64 start, u64 end, bool copies_too)
{
	s64 count[3] = { 0 };
	struct vm_gather gather;
	u64 stop;
	pte_t *pte;

	assert_held(&region->pages->regions_lock);
	vm_gather_init(&gather, region->space);
	for (; start < end && (pte = vm_next_leaf(region->space, &start, end, &stop));
	     start = stop) {
		for (u64 addr = start; addr < stop; addr += PAGE_SIZE, pte++) {
			pte_t entry = entry_take(pte, !copies_too);

			if (!entry)
				continue;
			vm_gather_range(&gather, addr, addr + PAGE_SIZE);
			count[gather_page(&gather, entry)]++;
		}
	}
	vm_gather_finish(&gather);
	/* The threads of the space count without atomics: so this is kept apart. */
	if (count[1])
		__atomic_fetch_add(&region->space->cut_anon.v, count[1], __ATOMIC_RELAXED);
	if (count[2])
		__atomic_fetch_add(&region->space->cut_file.v, count[2], __ATOMIC_RELAXED);
}

void vm_unmap_file_range(struct file_pages *pages, u64 first, u64 last, bool copies_too)
{
	struct vm_region *region;
	u64 start, end;

	smp_mb(); /* the pages have left the cache, then we look at entries: pairs with page_still_cached() */
	if (list_empty(&pages->regions))
		return;
	spin_lock(&pages->regions_lock);
	list_for_each(region, &pages->regions, file_link)
		if (region_shows(region, first, last, &start, &end))
			cut_range(region, start, end, copies_too);
	spin_unlock(&pages->regions_lock);
}

static void clean_range(struct vm_region *region, u64 start, u64 end)
{
	u64 stop, first = ~0ull, last = 0;
	pte_t *pte;

	assert_held(&region->pages->regions_lock);
	for (; start < end && (pte = vm_next_leaf(region->space, &start, end, &stop));
	     start = stop) {
		for (u64 addr = start; addr < stop; addr += PAGE_SIZE, pte++) {
			pte_t entry = READ_ONCE(*pte);

			while (pte_writable(entry) && pte_of_file(entry)) {
				if (!__atomic_compare_exchange_n(
					    pte, &entry, pte_make_readonly(entry), false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
					continue;
				first = MIN(first, addr);
				last = addr + PAGE_SIZE;
				break;
			}
		}
	}
	if (first < last)
		tlb_flush_user_range(region->space, first, last);
}

void vm_protect_file_range(struct file_pages *pages, u64 first, u64 last)
{
	struct vm_region *region;
	u64 start, end;

	if (list_empty(&pages->regions))
		return;
	spin_lock(&pages->regions_lock);
	list_for_each(region, &pages->regions, file_link)
		if ((region->flags & VM_SHARED) && region_shows(region, first, last, &start, &end))
			clean_range(region, start, end);
	spin_unlock(&pages->regions_lock);
}
