// SPDX-License-Identifier: MIT
/*
 * Changing the entries of many pages at once: new rights, another place, a fork's
 * copy. The caller holds space->lock for writing; file lists are locked here,
 * so all stores are plain (vm_tables.c).
 *
 * A fork copies private pages alone: whatever a file or an object of shared memory
 * still has is found again by a fault. Tables are walked table by table; one
 * lowest table is looked up once on either side.
 */
#include "vm_internal.h"

/* ---- rights ---- */

/* May a page of @r be writable right away, as the region is? Else its next write faults. */
static inline bool write_now(const struct vm_region *r, pte_t e)
{
	if (r->flags & VM_SHARED)
		return pte_writable(e) || pte_uncounted(e) || !r->ops || !r->ops->page_mkwrite;
	return pte_anon(e) && atomic_read(&pte_page(e)->refs) == 1;
}

void vm_tables_protect(struct vm_region *r, u64 start, u64 end)
{
	const u64 bits = r->pte_bits;
	u64 stop, first = ~0ull, last = 0;
	pte_t *pte;

	vm_file_lock(r);
	for (; start < end && (pte = vm_next_leaf(r->space, &start, end, &stop)); start = stop) {
		for (u64 a = start; a < stop; a += PAGE_SIZE, pte++) {
			pte_t e = *pte, new;

			if (!e)
				continue;
			new = pte_with_rights(e, bits);
			if (pte_writable(bits) && !write_now(r, e))
				new = pte_make_readonly(new);
			if (new == e)
				continue;
			*pte = new;
			if (pte_loses_rights(e, new)) {
				first = MIN(first, a);
				last = a + PAGE_SIZE;
			}
		}
	}
	vm_file_unlock(r);
	if (first < last)
		tlb_flush_user_range(r->space, first, last);
}

/* ---- another place ---- */

int vm_tables_prepare_move(struct vm_space *s, u64 from, u64 to, u64 len)
{
	u64 a = from, stop;

	for (; vm_next_leaf(s, &a, from + len, &stop); a = stop)
		if (!vm_pte_alloc(s, to + (a - from)) ||
		    !vm_pte_alloc(s, to + (stop - from) - PAGE_SIZE))
			return -ENOMEM;
	return 0;
}

void vm_tables_move(struct vm_gather *g, u64 from, u64 to, u64 len)
{
	u64 start = from, stop;
	pte_t *pte, *dest = NULL;

	for (; start < from + len && (pte = vm_next_leaf(g->space, &start, from + len, &stop));
	     start = stop) {
		for (u64 a = start; a < stop; a += PAGE_SIZE, pte++) {
			if (!*pte)
				continue;
			dest = vm_pte(g->space, to + (a - from));
			*dest = *pte;
			*pte = 0;
			vm_gather_range(g, a, a + PAGE_SIZE);
		}
	}
}

/* ---- fork ---- */

/* Share what lies in one lowest table, from @src for @n entries. */
static int copy_leaf(struct vm_space *to, pte_t *src, u64 addr, u64 n, bool *flush)
{
	pte_t *first = src, *last = src + n, *dest;
	s64 copied = 0, delta;
	bool lost = false;

	while (!pte_anon(*src))
		if (++src == last)
			return 0;
	dest = vm_pte_alloc(to, addr + ((src - first) << PAGE_SHIFT));
	if (!dest)
		return -ENOMEM;
	delta = (char *)dest - (char *)src;
	for (; src < last; src++) {
		pte_t e = *src;

		if (!pte_anon(e))
			continue;
		if (pte_writable(e)) {
			e = pte_make_readonly(e);
			*src = e;
			lost = true;
		}
		atomic_inc(&pte_page(e)->refs);
		*(pte_t *)((char *)src + delta) = e;
		copied++;
	}
	to->rss_anon += copied;
	*flush |= lost;
	return 0;
}

/* Device memory that a driver put there itself: a fault could not bring it back. */
static int copy_device(struct vm_space *to, struct vm_region *r)
{
	u64 addr = r->start, stop;
	pte_t *src, *dest;

	for (; addr < r->end && (src = vm_next_leaf(r->space, &addr, r->end, &stop)); addr = stop) {
		for (u64 a = addr; a < stop; a += PAGE_SIZE, src++) {
			if (!*src)
				continue;
			dest = vm_pte_alloc(to, a);
			if (!dest)
				return -ENOMEM;
			*dest = *src;
		}
	}
	return 0;
}

int vm_tables_copy(struct vm_space *to, struct vm_region *r, bool *flush)
{
	u64 addr = r->start, stop;
	pte_t *src;
	int err = 0;

	if (r->flags & VM_PFN && !r->ops->fault)
		return copy_device(to, r);
	if (r->ops && !r->has_anon)
		return 0;
	vm_file_lock(r);
	for (; !err && addr < r->end && (src = vm_next_leaf(r->space, &addr, r->end, &stop));
	     addr = stop)
		err = copy_leaf(to, src, addr, (stop - addr) >> PAGE_SHIFT, flush);
	vm_file_unlock(r);
	return err;
}
