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
 * At the end of a process no CPU has the tables any more, and pages are freed
 * as they are met.
 *
 * A truncation comes from the side of the file: it holds the lock of the file's
 * list of regions, not the spaces' locks, so it may run beside faults; vm_tables.c
 * says how that works out, vm_fault.c what a fault does about it.
 */
#include "vm_internal.h"

/* ---- gathering ---- */

static void free_shared(u64 entry)
{
	struct page *p = (struct page *)(entry & ~1ull);

	if (entry & 1)
		vm_anon_put(p);
	else
		page_put(p);
}

void vm_gather_finish_slow(struct vm_gather *g)
{
	struct page *p, *next;

	if (g->tables &&
	    g->start >= g->end) /* upper levels are cached, too; any address drops them */
		vm_gather_range(g, 0, PAGE_SIZE);
	if (g->start < g->end)
		tlb_flush_user_range(g->space, g->start, g->end);
	if (g->nr_anon)
		mem_account(MEM_ANON, -(s64)g->nr_anon);
	for (p = g->anon; p; p = next) {
		next = p->next;
		page_free(p);
	}
	for (u32 i = 0; i < g->nr_shared; i++)
		free_shared(g->shared[i]);
	vm_tables_free_list(g->tables);
	vm_gather_init(g, g->space);
}

/* An entry has been taken out. @return 1 for an anonymous page, 2 for a file's, 0 for one that does not count */
static inline u32 gather_page(struct vm_gather *g, pte_t e)
{
	struct page *p = pte_page(e);

	if (pte_uncounted(e))
		return 0;
	if (pte_anon(e) && atomic_read(&p->refs) == 1) {
		p->next = g->anon;
		g->anon = p;
		g->nr_anon++;
		return 1;
	}
	if (unlikely(g->nr_shared == VM_GATHER))
		vm_gather_finish(g);
	g->shared[g->nr_shared++] = (u64)p | pte_anon(e);
	return pte_anon(e) ? 1 : 2;
}

/* ---- exclusively ---- */

void vm_zap(struct vm_gather *g, u64 start, u64 end)
{
	struct vm_space *s = g->space;
	s64 count[3] = { 0 };
	u64 stop;
	pte_t *pte;

	if ((u64)(s->rss_anon + s->rss_file) > s->peak_rss)
		vm_note_peak(s);
	for (; start < end && (pte = vm_next_leaf(s, &start, end, &stop)); start = stop) {
		for (u64 a = start; a < stop; a += PAGE_SIZE, pte++) {
			pte_t e = *pte;

			if (!e)
				continue;
			*pte = 0;
			vm_gather_range(g, a, a + PAGE_SIZE);
			count[gather_page(g, e)]++;
		}
	}
	s->rss_anon -= count[1];
	s->rss_file -= count[2];
}

void vm_zap_region(struct vm_gather *g, struct vm_region *r, u64 start, u64 end)
{
	vm_file_lock(r);
	vm_zap(g, start, end);
	vm_file_unlock(r);
}

/* No CPU has the tables: nothing to gather. */
static void zap_dead(struct vm_space *s, u64 start, u64 end)
{
	s64 freed = 0;
	u64 stop;
	pte_t *pte;

	for (; start < end && (pte = vm_next_leaf(s, &start, end, &stop)); start = stop) {
		for (pte_t *last = pte + ((stop - start) >> PAGE_SHIFT); pte < last; pte++) {
			pte_t e = *pte;
			struct page *p = pte_page(e);

			if (!e)
				continue;
			*pte = 0;
			if (pte_anon(e)) {
				if (atomic_read(&p->refs) != 1 && !atomic_dec_and_test(&p->refs))
					continue;
				page_free(p);
				freed++;
			} else if (!pte_uncounted(e)) {
				page_put(p);
			}
		}
	}
	if (freed)
		mem_account(MEM_ANON, -freed);
}

void vm_tables_destroy(struct vm_space *s)
{
	struct vm_region *r;
	struct vm_gather g;

	vm_gather_init(&g, s);
	list_for_each(r, &s->region_list, link) {
		struct vm_region *next = vm_region_next(s, r);

		zap_dead(s, r->start, r->end);
		vm_free_tables(&g, r->start, r->end, 0, next ? next->start : PT_USER_END);
	}
	vm_tables_free_list(g.tables);
	pt_user_free_root(s->tables.root);
}

/* ---- from the file's side; regions_lock held ---- */

/* The part of @r that shows pages first to last of the file. @return is there one? */
static bool region_shows(const struct vm_region *r, u64 first, u64 last, u64 *start, u64 *end)
{
	u64 from = MAX(first, r->pgoff), n = vm_region_pages(r);

	if (r->pgoff > last || from - r->pgoff >= n)
		return false;
	*start = r->start + ((from - r->pgoff) << PAGE_SHIFT);
	*end = last - r->pgoff >= n ? r->end : r->start + ((last - r->pgoff + 1) << PAGE_SHIFT);
	return true;
}

/* Empty an entry although faults run, unless it is a copy and @keep_copies. @return what it was, 0: it stays as it is */
static inline pte_t entry_take(pte_t *pte, bool keep_copies)
{
	pte_t e = READ_ONCE(*pte);

	for (;;) {
		if (!e || (keep_copies && pte_anon(e)))
			return 0;
		if (e == pte_busy()) { /* held with preemption off, for one flush */
			cpu_relax();
			e = READ_ONCE(*pte);
			continue;
		}
		if (__atomic_compare_exchange_n(pte, &e, 0, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST))
			return e;
	}
}

static void cut_range(struct vm_region *r, u64 start, u64 end, bool copies_too)
{
	s64 count[3] = { 0 };
	struct vm_gather g;
	u64 stop;
	pte_t *pte;

	assert_held(&r->pages->regions_lock);
	vm_gather_init(&g, r->space);
	for (; start < end && (pte = vm_next_leaf(r->space, &start, end, &stop)); start = stop) {
		for (u64 a = start; a < stop; a += PAGE_SIZE, pte++) {
			pte_t e = entry_take(pte, !copies_too);

			if (!e)
				continue;
			vm_gather_range(&g, a, a + PAGE_SIZE);
			count[gather_page(&g, e)]++;
		}
	}
	vm_gather_finish(&g);
	/* Whoever runs in the space counts without an atomic: so this is kept apart. */
	if (count[1])
		__atomic_fetch_add(&r->space->cut_anon.v, count[1], __ATOMIC_RELAXED);
	if (count[2])
		__atomic_fetch_add(&r->space->cut_file.v, count[2], __ATOMIC_RELAXED);
}

void vm_unmap_file_range(struct file_pages *pages, u64 first, u64 last, bool copies_too)
{
	struct vm_region *r;
	u64 start, end;

	smp_mb(); /* the pages have left the cache, then we look at entries: pairs with still_there() */
	if (list_empty(&pages->regions))
		return;
	spin_lock(&pages->regions_lock);
	list_for_each(r, &pages->regions, file_link)
		if (region_shows(r, first, last, &start, &end))
			cut_range(r, start, end, copies_too);
	spin_unlock(&pages->regions_lock);
}

static void clean_range(struct vm_region *r, u64 start, u64 end)
{
	u64 stop, first = ~0ull, last = 0;
	pte_t *pte;

	assert_held(&r->pages->regions_lock);
	for (; start < end && (pte = vm_next_leaf(r->space, &start, end, &stop)); start = stop) {
		for (u64 a = start; a < stop; a += PAGE_SIZE, pte++) {
			pte_t e = READ_ONCE(*pte);

			while (pte_writable(e) && pte_of_file(e)) {
				if (!__atomic_compare_exchange_n(pte, &e, pte_make_readonly(e),
								 false, __ATOMIC_SEQ_CST,
								 __ATOMIC_SEQ_CST))
					continue;
				first = MIN(first, a);
				last = a + PAGE_SIZE;
				break;
			}
		}
	}
	if (first < last)
		tlb_flush_user_range(r->space, first, last);
}

void vm_protect_file_range(struct file_pages *pages, u64 first, u64 last)
{
	struct vm_region *r;
	u64 start, end;

	if (list_empty(&pages->regions))
		return;
	spin_lock(&pages->regions_lock);
	list_for_each(r, &pages->regions, file_link)
		if ((r->flags & VM_SHARED) && region_shows(r, first, last, &start, &end))
			clean_range(r, start, end);
	spin_unlock(&pages->regions_lock);
}
