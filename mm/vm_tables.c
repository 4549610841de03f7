// SPDX-License-Identifier: MIT
/*
 * The page tables of user space: making, walking and freeing tables.
 *
 * Tables come into being on the first fault that needs them and go when no region
 * is left in what they cover; so a table that goes is all zero, and each CPU keeps
 * a few such for the next one that is needed, which saves clearing them.
 *
 * Entries are changed by compare-exchange, not under a lock per table. A fault on
 * anonymous memory costs one locked instruction either way, a copy on write one
 * instead of two (the lock would have to be dropped for the copy and taken again),
 * and a space with a single thread needs none. Only mapping many pages of a file
 * at once would be cheaper with a lock. What keeps that safe:
 *
 * - Who holds space->lock for writing excludes all faults. Who holds the lock of a
 *   file's list of regions excludes truncations, and only regions on that list
 *   are ever truncated. With both, plain stores do.
 * - The CPU writes no entries: accessed and dirty are set from the start.
 * - An entry can't change and change back while a fault looks at it. Between two
 *   writers only faults and truncations run; they turn nothing into something,
 *   a file's page or the zero page into a private one, a shared private one into
 *   an own one, and anything into nothing. Anonymous and file pages differ in
 *   pte_anon(), so a page that was freed and came back as something else in
 *   the same place is another entry, with one exception: a file's page read
 *   again after a truncation. A fault that needs such a page's content counts
 *   it first (vm_fault.c).
 * - Tables are freed by writers alone, and only where no region is, so also a
 *   truncation, which has no part in space->lock, never walks a table that goes.
 *
 * Intel SDM vol. 3, 4.5, 4.10.2 (TLBs), 4.10.3 (caches of upper levels).
 */
#include "vm_internal.h"
#include <kernel/fault_injection.h>
#include <kernel/panic.h>

/* About what one small process needs. */
#define TABLES_KEPT 12

static struct table_stock {
	struct page *first; /* through page->next; all zero */
	u32 count;
} __aligned(64) stocks[CPU_MAX];

u64 vm_zero_pte;

/* ---- single tables ---- */

/* A zeroed table, or NULL. */
static struct page *table_alloc(struct vm_space *s)
{
	struct table_stock *stock;
	struct page *p;

	if (fault_inject(FAULT_TABLE))
		return NULL;
	preempt_disable();
	stock = &stocks[cpu_id()];
	p = stock->first;
	if (likely(p)) {
		stock->first = p->next;
		stock->count--;
	}
	preempt_enable();
	if (unlikely(!p)) {
		p = page_alloc(PAGE_USER | PAGE_ZERO);
		if (!p)
			return NULL;
		p->flags |= PG_TABLE;
		mem_account(MEM_TABLES, 1);
	}
	atomic_inc(&s->nr_tables);
	return p;
}

static void table_free(struct page *p)
{
	struct table_stock *stock;

	preempt_disable();
	stock = &stocks[cpu_id()];
	if (stock->count < TABLES_KEPT) {
		p->next = stock->first;
		stock->first = p;
		stock->count++;
		p = NULL;
	}
	preempt_enable();
	if (!p)
		return;
	mem_account(MEM_TABLES, -1);
	page_free(p);
}

void vm_tables_free_list(struct page *p)
{
	while (p) {
		struct page *next = p->next;

		table_free(p);
		p = next;
	}
}

/* ---- walking ---- */

pte_t *vm_pte_alloc_slow(struct vm_space *s, u64 addr)
{
	pte_t *table = phys_to_virt(s->tables.root);

	if (WARN_ON(addr >= PT_USER_END))
		return NULL;
	for (u32 level = PT_LEVELS; level > 1; level--) {
		pte_t *entry = &table[pt_index(addr, level)], e = READ_ONCE(*entry);

		if (!e) {
			struct page *p = table_alloc(s);

			if (!p)
				return NULL;
			/* Another thread may have been faster; e is what is there then. */
			if (__atomic_compare_exchange_n(entry, &e, page_pte(p, pte_table_bits()),
							false, __ATOMIC_SEQ_CST,
							__ATOMIC_SEQ_CST)) {
				e = *entry;
			} else {
				atomic_dec(&s->nr_tables);
				table_free(p);
			}
		}
		table = pte_table(e);
	}
	return &table[pt_index(addr, 1)];
}

pte_t *vm_next_leaf(const struct vm_space *s, u64 *addr, u64 end, u64 *stop)
{
	pte_t *top = phys_to_virt(s->tables.root), e;
	u64 a = *addr, size;

	if (WARN_ON(end > PT_USER_END))
		return NULL;
	while (a < end) {
		size = pt_span(4);
		e = top[pt_index(a, 4)];
		if (e) {
			size = pt_span(3);
			e = pte_table(e)[pt_index(a, 3)];
		}
		if (e) {
			size = LEAF_SIZE;
			e = pte_table(e)[pt_index(a, 2)];
		}
		if (e) {
			*addr = a;
			*stop = MIN(end, (a | (LEAF_SIZE - 1)) + 1);
			return &pte_table(e)[pt_index(a, 1)];
		}
		a = (a | (size - 1)) + 1;
	}
	return NULL;
}

/* ---- freeing ---- */

/* The tables that entries of @table, which is of @level, point to. At most three deep. */
static void free_below(struct vm_gather *g, pte_t *table, u32 level, u64 start, u64 end, u64 floor,
		       u64 ceiling)
{
	u64 span = pt_span(level), next;

	for (u64 a = start; a < end; a = next) {
		pte_t *entry = &table[pt_index(a, level)];
		u64 base = a & ~(span - 1);

		next = MIN(end, base + span);
		if (!*entry)
			continue;
		if (level > 2)
			free_below(g, pte_table(*entry), level - 1, a, next, floor, ceiling);
		if (base >= floor && base + span <= ceiling) {
			struct page *p = pte_page(*entry);

			*entry = 0;
			p->next = g->tables;
			g->tables = p;
			atomic_dec(&g->space->nr_tables);
		}
	}
}

void vm_free_tables(struct vm_gather *g, u64 start, u64 end, u64 floor, u64 ceiling)
{
	if (WARN_ON(end > PT_USER_END || ceiling > PT_USER_END))
		return;
	start = ALIGN_DOWN(start, LEAF_SIZE);
	end = ALIGN_UP(end, LEAF_SIZE);
	if (start < floor)
		start += LEAF_SIZE;
	if (end > ceiling)
		end -= LEAF_SIZE;
	if (start < end)
		free_below(g, phys_to_virt(g->space->tables.root), PT_LEVELS, start, end, floor,
			   ceiling);
}

void vm_tables_init(void)
{
	struct page *p = page_alloc(PAGE_ZERO);

	if (!p)
		boot_stop("not enough memory for the zero page");
	p->flags |= PG_RESERVED;
	vm_zero_pte = page_pte(p, pte_make_uncounted(0));
}
