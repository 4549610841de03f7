// SPDX-License-Identifier: MIT
/*
 * Changing the entries of many pages at once: new rights, other addresses. The caller holds
 * space->lock for writing; file lists are locked here, so none but faults without the lock touch the
 * entries meanwhile (vm_tables.c). Tables are walked table by table.
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
