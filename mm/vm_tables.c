// SPDX-License-Identifier: MIT
/*
 * The page tables of user space: making, walking and freeing tables.
 *
 * Tables are made by the first fault that needs them and freed when no region
 * is left in what they cover; so a freed table is all zero, and each CPU keeps
 * a few such for the next one that is needed, which saves clearing them.
 *
 * Entries are changed by compare-exchange, not under a lock per table. A fault on
 * anonymous memory costs one locked instruction either way, a copy on write one
 * instead of two (the lock would have to be dropped for the copy and taken again),
 * and a space with a single thread needs none. Only mapping many pages of a file
 * at once would be cheaper with a lock. That is safe because:
 *
 * - Faults in anonymous memory run beside a writer of the space, the holder of space->lock for
 *   writing; all others hold the lock for reading. One that runs beside it first exchanges the
 *   entry for pte_busy(), then looks whether its region or the space has changed (region->seq,
 *   space->seq), and stores the new entry or the old one. The writer changes the number first,
 *   then waits until an entry is not busy and exchanges that. So a fault succeeds before the
 *   writer comes to its entry, or not at all; but for a moment any entry may be busy.
 * - The holder of the lock of a file's list of regions excludes truncations, and only
 *   regions on that list are ever truncated.
 * - The CPU writes no entries: accessed and dirty are set from the start.
 * - An entry can't change and change back while a fault looks at it. Between two
 *   writers only faults and truncations run; they turn nothing into something,
 *   a file's page or the zero page into a private one, a shared private one into
 *   an own one, and anything into nothing. Anonymous and file pages differ in
 *   pte_anon(), so a page that was freed and was allocated for another purpose in
 *   the same place is another entry, with one exception: a file's page read
 *   again after a truncation. A fault that needs such a page's content counts
 *   it first (vm_fault.c). A fault without the lock may meet several writers: those that make
 *   private entries read-only, mprotect() and fork(), change one of the two numbers.
 * - Tables are freed by writers alone, and only where no region is, so also a
 *   truncation, which has no part in space->lock, never walks a table that is being freed. A
 *   fault without the lock may: it makes no tables, and a grace period passes before a table is
 *   used again.
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

struct page *vm_table_alloc(void)
{
	struct table_stock *stock;
	struct page *page;

	if (fault_inject(FAULT_TABLE))
		return NULL;
	preempt_disable();
	stock = &stocks[cpu_id()];
	page = stock->first;
	if (likely(page)) {
		stock->first = page->next;
		stock->count--;
	}
	preempt_enable();
	if (unlikely(!page)) {
		page = page_alloc(PAGE_USER | PAGE_ZERO);
		if (!page)
			return NULL;
		mem_account(MEM_TABLES, 1);
	}
	return page;
}

void vm_table_free(struct page *page)
{
	struct table_stock *stock;

	preempt_disable();
	stock = &stocks[cpu_id()];
	if (stock->count < TABLES_KEPT) {
		page->next = stock->first;
		stock->first = page;
		stock->count++;
		page = NULL;
	}
	preempt_enable();
	if (!page)
		return;
	mem_account(MEM_TABLES, -1);
	page_free(page);
}

void vm_tables_free_list(struct page *page)
{
	while (page) {
		struct page *next = page->next;

		vm_table_free(page);
		page = next;
	}
}

static void tables_unused(struct rcu_head *head)
{
	struct page *page = container_of(head, struct page, rcu),
		    *rest = (struct page *)page->private;

	vm_tables_free_list(rest);
	vm_table_free(page);
}

void vm_tables_free_later(struct page *page)
{
	if (!page)
		return;
	page->private = (u64)page->next;
	call_rcu(&page->rcu, tables_unused);
}

/* ---- walking ---- */

/* The table that *@link points to, a new one if there was none. NULL: no memory */
static pte_t *table_make(struct vm_space *space, pte_t *link)
{
	pte_t entry = READ_ONCE(*link);
	struct page *page;

	if (entry)
		return pte_table(entry);
	page = vm_table_alloc();
	if (!page)
		return NULL;
	/* Another thread may have been faster; entry is its table then. */
	if (__atomic_compare_exchange_n(link, &entry, page_pte(page, pte_table_bits()), false,
					__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		atomic_inc(&space->nr_tables);
		return page_address(page);
	}
	vm_table_free(page);
	return pte_table(entry);
}

pte_t *vm_leaf_link_alloc(struct vm_space *space, u64 addr)
{
	pte_t *table = phys_to_virt(space->tables.root);

	if (WARN_ON(addr >= PT_USER_END))
		return NULL;
	for (u32 level = PT_LEVELS; table && level > 2; level--)
		table = table_make(space, &table[pt_index(addr, level)]);
	if (!table)
		return NULL;
	return &table[pt_index(addr, 2)];
}

pte_t *vm_pte_alloc_slow(struct vm_space *space, u64 addr)
{
	pte_t *link = vm_leaf_link_alloc(space, addr), *table;

	if (!link || (pte_table_shared(READ_ONCE(*link)) && vm_leaf_own(space, addr)))
		return NULL;
	table = table_make(space, link);
	if (!table)
		return NULL;
	if (pte_table_lent(READ_ONCE(*link)))
		vm_loan_settle(space, link, addr);
	return &table[pt_index(addr, 1)];
}

pte_t *vm_next_leaf(const struct vm_space *space, u64 *addr, u64 end, u64 *stop)
{
	pte_t *top = phys_to_virt(space->tables.root), entry;
	u64 va = *addr, size;

	if (WARN_ON(end > PT_USER_END))
		return NULL;
	while (va < end) {
		size = pt_span(4);
		entry = top[pt_index(va, 4)];
		if (entry) {
			size = pt_span(3);
			entry = pte_table(entry)[pt_index(va, 3)];
		}
		if (entry) {
			size = LEAF_SIZE;
			entry = pte_table(entry)[pt_index(va, 2)];
		}
		if (entry) {
			*addr = va;
			*stop = MIN(end, (va | (LEAF_SIZE - 1)) + 1);
			return &pte_table(entry)[pt_index(va, 1)];
		}
		va = (va | (size - 1)) + 1;
	}
	return NULL;
}

/* ---- freeing ---- */

/* The tables that entries of @table, which is of @level, point to. At most three deep. */
static void free_tables_below(struct vm_gather *gather, pte_t *table, u32 level, u64 start, u64 end,
			      u64 floor, u64 ceiling)
{
	u64 span = pt_span(level), next;

	for (u64 addr = start; addr < end; addr = next) {
		pte_t *entry = &table[pt_index(addr, level)];
		u64 base = addr & ~(span - 1);

		next = MIN(end, base + span);
		if (!*entry)
			continue;
		if (level > 2)
			free_tables_below(gather, pte_table(*entry), level - 1, addr, next, floor,
					  ceiling);
		if (base >= floor && base + span <= ceiling) {
			struct page *page = pte_page(*entry);

			*entry = 0;
			page->next = gather->tables;
			gather->tables = page;
			atomic_dec(&gather->space->nr_tables);
		}
	}
}

void vm_free_tables(struct vm_gather *gather, u64 start, u64 end, u64 floor, u64 ceiling)
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
		free_tables_below(gather, phys_to_virt(gather->space->tables.root), PT_LEVELS,
				  start, end, floor, ceiling);
}

void vm_tables_init(void)
{
	struct page *page = page_alloc(PAGE_ZERO);

	if (!page)
		boot_stop("not enough memory for the zero page");
	page->flags |= PG_RESERVED;
	vm_zero_pte = page_pte(page, pte_make_uncounted(0));
}
