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

/* The number of mappings of the page: each holds a reference, and so does the page cache. */
static u64 count_users(const struct page *page, bool is_anon)
{
	s64 users = atomic_read(&page->refs) - !is_anon;

	return MAX(users, 1l);
}

/* @param spaces  that have the table which holds the entry: each is a user of its pages */
static void count_page(struct vm_region_usage *usage, pte_t entry, u32 spaces)
{
	bool is_anon = pte_anon(entry), dirty = is_anon || pte_writable(entry);
	u64 users = count_users(pte_page(entry), is_anon) + spaces - 1;

	usage->rss++;
	usage->pss += PAGE_SIZE / users;
	usage->anon += is_anon;
	if (users > 1 && dirty)
		usage->shared_dirty++;
	else if (users > 1)
		usage->shared_clean++;
	else if (dirty)
		usage->private_dirty++;
	else
		usage->private_clean++;
}

void vm_region_usage(const struct vm_region *region, struct vm_region_usage *out)
{
	u64 addr = region->start, stop;
	const pte_t *pte;

	assert_held(&region->space->lock);
	memset(out, 0, sizeof(*out));
	for (; (pte = vm_next_leaf(region->space, &addr, region->end, &stop)); addr = stop) {
		u32 spaces = (u32)atomic_read(&virt_to_page(pte)->refs);
		pte_t *link = vm_leaf_link(region->space, addr);

		if (pte_table_lent(READ_ONCE(*link)))
			vm_loan_settle_all(region->space, link);

		for (u64 va = addr; va < stop; va += PAGE_SIZE, pte++) {
			pte_t entry = READ_ONCE(*pte);

			if (pte_phys(entry) && !pte_uncounted(entry))
				count_page(out, entry, spaces);
		}
	}
	if (region->flags & VM_LOCKED)
		out->locked = out->rss;
}
