// SPDX-License-Identifier: MIT
/*
 * Changing the entries of many pages at once: new rights, other addresses, a fork's
 * copy. The caller holds space->lock for writing; file lists are locked here,
 * so none but faults without the lock touch the entries meanwhile (vm_tables.c).
 *
 * A fork copies private pages alone: a page that a file or an object of shared memory
 * holds is mapped again by a fault. Tables are walked table by table; one
 * lowest table is looked up once on either side, or shared as a whole (vm_leaf.c).
 */
#include "vm_internal.h"

/* ---- rights ---- */

/* May a page of @region be writable right away, as the region is? Else its next write faults. */
static inline bool entry_writable_now(const struct vm_region *region, pte_t entry)
{
	if (region->flags & VM_SHARED)
		return pte_writable(entry) || pte_uncounted(entry) || !region->ops ||
		       !region->ops->page_mkwrite;
	return pte_anon(entry) && atomic_read(&pte_page(entry)->refs) == 1;
}

/* Give an entry the rights of its region. @return do CPUs have to forget what they know of it? */
static inline bool entry_protect(const struct vm_region *region, pte_t *pte)
{
	pte_t old, new;

	do {
		old = vm_entry_settled(pte);
		new = pte_with_rights(old, region->pte_bits);
		if (pte_writable(new) && !entry_writable_now(region, old))
			new = pte_make_readonly(new);
		if (!old || new == old)
			return false;
		if (likely(vm_is_solo(region->space))) {
			*pte = new;
			break;
		}
	} while (!vm_entry_exchange(pte, old, new)); /* a fault was faster */
	return pte_loses_rights(old, new);
}

void vm_tables_protect(struct vm_region *region, u64 start, u64 end)
{
	u64 stop, first = ~0ull, last = 0;
	pte_t *pte;

	if (unlikely(!vm_is_solo(region->space)))
		smp_mb(); /* the region has changed, then we look: as in vm_space_freeze() */
	vm_file_lock(region);
	for (; start < end && (pte = vm_next_leaf(region->space, &start, end, &stop));
	     start = stop) {
		pte_t *leaf = pte, *limit = pte + ((stop - start) >> PAGE_SHIFT);

		for (; (pte = vm_skip_empty(pte, limit)) < limit; pte++) {
			u64 addr = start + ((u64)(pte - leaf) << PAGE_SHIFT);

			if (entry_protect(region, pte)) {
				first = MIN(first, addr);
				last = addr + PAGE_SIZE;
			}
		}
	}
	vm_file_unlock(region);
	if (first < last)
		tlb_flush_user_range(region->space, first, last);
}

/* ---- another place ---- */

int vm_tables_prepare_move(struct vm_space *space, u64 from, u64 to, u64 len)
{
	u64 addr = from, stop;

	if (vm_leaves_own(space, from, from + len))
		return -ENOMEM;
	for (; vm_next_leaf(space, &addr, from + len, &stop); addr = stop)
		if (!vm_pte_alloc(space, to + (addr - from)) ||
		    !vm_pte_alloc(space, to + (stop - from) - PAGE_SIZE))
			return -ENOMEM;
	return 0;
}

void vm_tables_move(struct vm_gather *gather, u64 from, u64 to, u64 len)
{
	u64 start = from, stop;
	pte_t *pte, *dest = NULL;

	for (; start < from + len && (pte = vm_next_leaf(gather->space, &start, from + len, &stop));
	     start = stop) {
		for (u64 addr = start; addr < stop; addr += PAGE_SIZE, pte++) {
			pte_t entry = vm_entry_settled(pte);

			if (!entry)
				continue;
			dest = vm_pte(gather->space, to + (addr - from));
			vm_entry_set(gather->space, dest, 0, entry);
			vm_entry_set(gather->space, pte, entry, 0);
			vm_gather_range(gather, addr, addr + PAGE_SIZE);
		}
	}
}

/* ---- fork ---- */

/* @param solo  nobody else has an entry in hand: no look at that, in a loop over many */
static inline pte_t entry_to_share(const pte_t *pte, bool solo)
{
	return solo ? *pte : vm_entry_settled(pte);
}

/* Share what lies in one lowest table of @from, from @src for @count entries. */
static inline __attribute__((always_inline)) int copy_leaf(struct vm_space *to,
							   const struct vm_space *from, pte_t *src,
							   u64 addr, u64 count, bool *flush,
							   const bool solo)
{
	pte_t *first = src, *last = src + count, *dest;
	s64 copied = 0, delta;
	bool lost = false;

	for (;;) {
		src = vm_skip_empty(src, last);
		if (src == last)
			return 0;
		if (pte_anon(entry_to_share(src, solo)))
			break;
		src++;
	}
	dest = vm_pte_alloc(to, addr + ((src - first) << PAGE_SHIFT));
	if (!dest)
		return -ENOMEM;
	delta = (char *)dest - (char *)src;
	for (; src < last; src++) {
		pte_t old = entry_to_share(src, solo), entry = old;
		struct page *page = pte_page(entry);

		if (unlikely(!pte_anon(entry))) {
			if (!entry)
				src = vm_skip_empty(src, last) - 1;
			continue;
		}
		if (pte_writable(entry)) {
			entry = pte_make_readonly(entry);
			vm_entry_set(from, src, old, entry);
			lost = true;
		}
		/* No other thread can count a page of which this entry is the only user. */
		if (likely(atomic_read(&page->refs) == 1))
			atomic_set(&page->refs, 2);
		else
			atomic_inc(&page->refs);
		*(pte_t *)((char *)src + delta) = entry;
		copied++;
	}
	to->rss_anon += copied;
	*flush |= lost;
	return 0;
}

/* What @from has of one lowest table: @count entries from @addr on, of which the first is @src. */
static int copy_or_share_leaf(struct vm_space *to, struct vm_space *from, pte_t *src, u64 addr,
			      u64 count, bool whole, bool *flush)
{
	/* A table in which faults of other threads may have an entry in hand is not shared. */
	if (whole && likely(vm_is_solo(from)))
		return vm_leaf_share(to, from, addr, flush);
	if (unlikely(from->shares_tables)) { /* it was whole once */
		if (vm_leaf_own(from, addr))
			return -ENOMEM;
		src = vm_pte(from, addr);
	}
	if (likely(vm_is_solo(from)))
		return copy_leaf(to, from, src, addr, count, flush, true);
	return copy_leaf(to, from, src, addr, count, flush, false);
}

int vm_tables_copy(struct vm_space *to, struct vm_region *region, bool *flush)
{
	struct vm_space *from = region->space;
	u64 addr = region->start, stop;
	pte_t *src;
	int err = 0;

	if (region->ops && !region->has_anon)
		return 0;
	vm_file_lock(region);
	for (; !err && addr < region->end && (src = vm_next_leaf(from, &addr, region->end, &stop));
	     addr = stop)
		err = copy_or_share_leaf(to, from, src, addr, (stop - addr) >> PAGE_SHIFT,
					 !region->ops && stop - addr == LEAF_SIZE, flush);
	vm_file_unlock(region);
	return err;
}
