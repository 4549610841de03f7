// SPDX-License-Identifier: MIT
/*
 * Lowest page tables that several spaces have in common after a fork.
 *
 * A fork of a large process would copy all entries of its private memory and count
 * each page, only for most children to execute a program at once. So a lowest table
 * that one region of anonymous memory fills is not copied, but shared: the entries of
 * the upper tables that point to it lose their write bit, and with it all pages of the
 * table theirs, and page->refs of the table counts the spaces. A shared table keeps its
 * entries, and holds one reference on each page, until it is one space's own again:
 *
 * - The first fault in it that must change an entry, and before that whatever else changes
 *   entries (munmap(), mprotect(), mremap(), madvise()), makes it the space's own: the
 *   last one that has it takes it over, any other takes a copy, which is where the pages
 *   are counted and lose their write bits one by one.
 * - A space that ends drops the table; the last one frees its pages.
 *
 * So every table is copied once less than there are spaces that write to it, and costs a
 * fork nothing but one reference until then.
 *
 * A copy is made before the reference on the old table is dropped: who sees that he is the
 * last one finds all write bits cleared that have to be. Threads of one space are kept
 * apart by space->share_lock: none takes a table over while another still copies it. The
 * old table is dropped when no CPU has it cached any more.
 *
 * Only anonymous regions: truncations, which change entries without space->lock, never meet
 * a shared table.
 */
#include "vm_internal.h"

static u64 leaf_count_anon(const pte_t *leaf)
{
	u64 count = 0;

	for (u32 i = 0; i < PTRS_PER_TABLE; i++)
		count += pte_anon(leaf[i]);
	return count;
}

int vm_leaf_share(struct vm_fork *fork, u64 addr)
{
	struct vm_space *to = fork->to, *from = fork->from;
	pte_t *link = vm_leaf_link(from, addr), *dest;
	struct page *table = pte_page(*link);

	assert_held_write(&from->lock);
	if (pte_table_lent(*link))
		vm_loan_settle_all(from, link);
	if (!pte_table_shared(*link)) {
		table->private = leaf_count_anon(page_address(table));
		if (!table->private)
			return 0;
		*link = pte_make_table_shared(*link);
		from->nr_common++;
		fork->flush = true;
	}
	dest = vm_leaf_link_alloc(to, addr);
	if (!dest)
		return -ENOMEM;
	page_get(table);
	*dest = *link;
	atomic_inc(&to->nr_tables);
	to->rss_anon += (s64)table->private;
	to->nr_common++;
	return 0;
}

void vm_leaf_put(struct page *table)
{
	pte_t *leaf = page_address(table);
	s64 freed;

	if (!atomic_dec_and_test(&table->refs))
		return;
	freed = vm_leaf_free_pages(leaf, leaf + PTRS_PER_TABLE);
	if (freed)
		mem_account(MEM_ANON, -freed);
	atomic_set(&table->refs, 1);
	vm_table_free(table);
}

void vm_leaf_leave(struct vm_space *space, u64 addr)
{
	pte_t *link = vm_leaf_link(space, addr);
	struct page *table = pte_page(*link);

	*link = 0;
	atomic_dec(&space->nr_tables);
	vm_leaf_put(table);
}

/* @to is empty. Others may be copying @from, too: they store the same. */
static void leaf_copy(pte_t *to, pte_t *from)
{
	for (pte_t *last = from + PTRS_PER_TABLE; (from = vm_skip_empty(from, last)) < last;
	     from++) {
		pte_t entry = READ_ONCE(*from);

		if (pte_writable(entry)) {
			entry = pte_make_readonly(entry);
			WRITE_ONCE(*from, entry);
		}
		if (pte_anon(entry))
			page_get(pte_page(entry));
		to[PTRS_PER_TABLE - (last - from)] = entry;
	}
}

/*
 * With share_lock. @param fresh  an empty table, for a copy; NULL: try without
 * @return the table that the space no longer has; NULL: none
 */
static struct page *leaf_replace(struct vm_space *space, u64 addr, pte_t *link, struct page *fresh)
{
	struct page *table = pte_page(*link);

	assert_held(&space->share_lock);
	if (smp_load_acquire(&table->refs.v) == 1) { /* pairs with the others' vm_leaf_put() */
		WRITE_ONCE(*link, pte_make_table_own(*link));
		space->nr_common--;
		return NULL;
	}
	if (!fresh)
		return NULL;
	leaf_copy(page_address(fresh), page_address(table));
	smp_store_release(link, page_pte(fresh, pte_table_bits()));
	space->nr_common--;
	tlb_flush_user_page(space, addr & PAGE_MASK); /* and all upper levels that are cached */
	return table;
}

int vm_leaf_own(struct vm_space *space, u64 addr)
{
	struct page *fresh = NULL, *old = NULL;
	pte_t *link = vm_leaf_link(space, addr);

	if (link && pte_table_lent(READ_ONCE(*link)))
		vm_loan_settle_all(space, link);
	while (link && pte_table_shared(READ_ONCE(*link))) {
		spin_lock(&space->share_lock);
		if (pte_table_shared(*link))
			old = leaf_replace(space, addr, link, fresh);
		spin_unlock(&space->share_lock);
		if (old || !pte_table_shared(READ_ONCE(*link)))
			break;
		fresh = vm_table_alloc();
		if (!fresh)
			return -ENOMEM;
	}
	if (old)
		vm_leaf_put(old);
	else if (fresh) /* it was not needed */
		vm_table_free(fresh);
	return 0;
}

int vm_leaves_own_slow(struct vm_space *space, u64 start, u64 end)
{
	u64 stop;
	int err = 0;

	assert_held_write(&space->lock);
	for (; !err && start < end && vm_next_leaf(space, &start, end, &stop); start = stop)
		err = vm_leaf_own(space, start);
	return err;
}
