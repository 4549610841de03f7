// SPDX-License-Identifier: MIT
/*
 * What a region's pages are: for /proc/PID/smaps.
 *
 * Entries are read while a truncation may be taking them away, and the counts of
 * users while others map and unmap: the figures are for people to look at. An
 * entry that can be written is always dirty (vm_internal.h), and a private
 * page, since someone wrote it, too.
 */
#include "vm_internal.h"
#include <kernel/string.h>

/* How many map the page: each holds a reference, and so does the page cache. */
static u64 count_users(const struct page *p, bool is_anon)
{
	s64 n = atomic_read(&p->refs) - !is_anon;

	return n > 1 ? (u64)n : 1;
}

static void count_page(struct vm_region_usage *u, pte_t e)
{
	bool is_anon = pte_anon(e), dirty = is_anon || pte_writable(e);
	u64 users = count_users(pte_page(e), is_anon);

	u->rss++;
	u->pss += PAGE_SIZE / users;
	u->anon += is_anon;
	if (users > 1)
		*(dirty ? &u->shared_dirty : &u->shared_clean) += 1;
	else
		*(dirty ? &u->private_dirty : &u->private_clean) += 1;
}

void vm_region_usage(const struct vm_region *r, struct vm_region_usage *out)
{
	u64 addr = r->start, stop;
	const pte_t *pte;

	assert_held(&r->space->lock);
	memset(out, 0, sizeof(*out));
	for (; (pte = vm_next_leaf(r->space, &addr, r->end, &stop)); addr = stop)
		for (u64 a = addr; a < stop; a += PAGE_SIZE, pte++) {
			pte_t e = READ_ONCE(*pte);

			if (pte_phys(e) && !pte_uncounted(e))
				count_page(out, e);
		}
	if (r->flags & VM_LOCKED)
		out->locked = out->rss;
}
