// SPDX-License-Identifier: MIT
/*
 * What a fork does to page tables.
 *
 * It copies private pages alone: a page that a file or an object of shared memory
 * holds is mapped again by a fault. Tables are walked table by table; a table is looked up once on
 * either side, or shared as a whole (vm_leaf.c), or many of its entries are lent, and not copied before
 * they are needed (vm_loan.c). The old space is frozen, so that none but faults without the
 * lock have an entry in hand; file lists are locked here.
 *
 * Both sides run on at once where the call was made: both write to their stack and thread-local storage,
 * and execute the code that follows. So what would be shared for the time of two faults each is
 * copied or mapped right away (vm_fork_hot()).
 */
#include "vm_internal.h"

/* Entries of a region in a table: with fewer no loan is tried. */
#define LEND_MIN (4 * LINE_ENTRIES)

/* ---- the table that is being copied ---- */

/* The first table of [*addr, end) that exists, as vm_next_leaf(). @return false: none */
static bool fork_next_leaf(struct vm_fork *fork, u64 *addr, u64 end, u64 *stop)
{
	const pte_t *pte;

	if (*addr >= end)
		return false;
	if (*addr >> pt_shift(2) == fork->number) {
		*stop = MIN(end, (*addr | (LEAF_SIZE - 1)) + 1);
		return true;
	}
	pte = vm_next_leaf(fork->from, addr, end, stop);
	if (!pte)
		return false;
	fork->number = *addr >> pt_shift(2);
	fork->src = page_address(virt_to_page(pte));
	fork->dest = NULL;
	fork->lent = false;
	return true;
}

/* The new space's table for the same addresses; NULL: no memory */
static pte_t *fork_dest(struct vm_fork *fork)
{
	const pte_t *pte;

	if (fork->dest)
		return fork->dest;
	pte = vm_pte_alloc(fork->to, fork->number << pt_shift(2));
	if (!pte)
		return NULL;
	return fork->dest = page_address(virt_to_page(pte));
}

/* ---- entries ---- */

/* @param solo  nobody else has an entry in hand: no look at that, in a loop over many */
static inline pte_t entry_to_share(const pte_t *pte, bool solo)
{
	if (solo)
		return *pte;
	return vm_entry_settled(pte);
}

/* Share the private pages of entries @first to @last - 1. */
static inline __attribute__((always_inline)) int copy_leaf(struct vm_fork *fork, u32 first,
							   u32 last, const bool solo)
{
	pte_t *src = fork->src + first, *end = fork->src + last;
	bool lost = false;
	s64 copied = 0, delta;

	for (;;) {
		src = vm_skip_empty(src, end);
		if (src == end)
			return 0;
		if (pte_anon(entry_to_share(src, solo)))
			break;
		src++;
	}
	if (!fork_dest(fork))
		return -ENOMEM;
	delta = (char *)fork->dest - (char *)fork->src;
	for (; src < end; src++) {
		pte_t old = entry_to_share(src, solo), entry = old;
		struct page *page = pte_page(entry);

		if (unlikely(!pte_anon(entry))) {
			if (!entry)
				src = vm_skip_empty(src, end) - 1;
			continue;
		}
		if (pte_writable(entry)) {
			entry = pte_make_readonly(entry);
			vm_entry_set(fork->from, src, old, entry);
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
	fork->to->rss_anon += copied;
	fork->flush |= lost;
	return 0;
}

/* Without entries that others may have in hand. */
static __noinline int copy_leaf_solo(struct vm_fork *fork, u32 first, u32 last)
{
	return copy_leaf(fork, first, last, true);
}

/* Entries of an anonymous region: whole lines are lent, where that is worth it. */
static int lend_leaf(struct vm_fork *fork, u32 first, u32 last)
{
	u32 head = ALIGN_UP(first, LINE_ENTRIES), tail = ALIGN_DOWN(last, LINE_ENTRIES);
	u64 used = vm_loan_lines(fork, head, tail);
	int err;

	if (!used)
		return copy_leaf_solo(fork, first, last);
	if (!fork_dest(fork))
		return -ENOMEM;
	vm_loan_make(fork, used);
	err = copy_leaf_solo(fork, first, head);
	if (err)
		return err;
	return copy_leaf_solo(fork, tail, last);
}

static int copy_or_share_leaf(struct vm_fork *fork, const struct vm_region *region, u64 addr,
			      u32 count)
{
	const u32 first = pt_index(addr, 1);
	struct vm_space *from = fork->from;
	const bool solo = vm_is_solo(from);

	/* A table in which faults of other threads may have an entry in hand is neither shared nor lent. */
	if (likely(solo) && count == PTRS_PER_TABLE && !region->ops)
		return vm_leaf_share(fork, addr);
	if (unlikely(from->nr_common) && !fork->lent) { /* an earlier fork was here */
		if (vm_leaf_own(from, addr))
			return -ENOMEM;
		fork->src = page_address(virt_to_page(vm_pte(from, addr)));
	}
	if (unlikely(!solo))
		return copy_leaf(fork, first, first + count, false);
	if (count >= LEND_MIN && !region->ops)
		return lend_leaf(fork, first, first + count);
	return copy_leaf_solo(fork, first, first + count);
}

int vm_fork_region(struct vm_fork *fork, struct vm_region *region)
{
	u64 addr = region->start, stop;
	int err = 0;

	if (region->ops && !region->has_anon)
		return 0;
	vm_file_lock(region);
	for (; !err && fork_next_leaf(fork, &addr, region->end, &stop); addr = stop)
		err = copy_or_share_leaf(fork, region, addr, (u32)((stop - addr) >> PAGE_SHIFT));
	vm_file_unlock(region);
	return err;
}

/* ---- what both sides use at once ---- */

/* An entry that this fork has made or left alone; NULL: no table, or one that is shared as a whole. */
static pte_t *fork_entry(const struct vm_space *space, u64 addr)
{
	const pte_t *link = vm_leaf_link(space, addr);

	if (!link || !*link || pte_table_shared(*link))
		return NULL;
	return &pte_table(*link)[pt_index(addr, 1)];
}

/* Give the new space a page of its own at once, and the old one its write bit back. */
static void copy_hot_page(struct vm_fork *fork, u64 addr)
{
	const struct vm_region *region = vm_region_find(fork->from, addr);
	pte_t *src = fork_entry(fork->from, addr), *dest, entry;
	struct page *page, *new;

	if (!region || region->ops || !src || !(region->flags & VM_WRITE))
		return;
	src = vm_pte(fork->from, addr); /* settles its line */
	dest = fork_entry(fork->to, addr);
	entry = *src;
	page = pte_page(entry);
	if (!pte_anon(entry) || !dest || *dest != entry || atomic_read(&page->refs) != 2)
		return;
	new = page_alloc(PAGE_USER);
	if (!new)
		return;
	copy_page(page_address(new), page_address(page));
	*dest = page_pte(new, pte_make_anon(region->pte_bits));
	atomic_set(&page->refs, 1);
	*src = pte_make_writable(entry);
	mem_account(MEM_ANON, 1);
}

/* Map what the old space has of the pages around @addr, as a fault there would. */
static void map_hot_text(struct vm_fork *fork, u64 addr)
{
	const u64 window = VM_FAULT_AROUND * PAGE_SIZE;
	struct vm_region *region = vm_region_find(fork->from, addr);
	const u32 unfit = VM_SHARED | VM_WRITE | VM_PFN | VM_DONTFORK;
	pte_t *src = fork_entry(fork->from, addr), *dest;
	u64 first, last;

	if (!src || !region || !region->ops || !region->ops->page_cache || region->flags & unfit)
		return;
	first = MAX(region->start, ALIGN_DOWN(addr, window));
	last = MIN(region->end, ALIGN_DOWN(addr, window) + window);
	dest = fork_entry(fork->to, first) ?: vm_pte_alloc(fork->to, first);
	src = fork_entry(fork->from, first);
	if (!dest)
		return;
	/* The new region is on the file's list: a truncation from here on finds both. */
	vm_file_lock(region);
	for (; first < last; first += PAGE_SIZE, src++, dest++) {
		pte_t entry = READ_ONCE(*src);

		if (!pte_present(entry) || !pte_of_file(entry) || *dest)
			continue;
		page_get(pte_page(entry));
		*dest = entry;
		fork->to->rss_file++;
	}
	vm_file_unlock(region);
}

void vm_fork_hot(struct vm_fork *fork, const struct vm_hot *hot)
{
	if (!vm_is_solo(fork->from))
		return;
	copy_hot_page(fork, hot->stack & PAGE_MASK);
	if ((hot->stack ^ hot->tls) & PAGE_MASK)
		copy_hot_page(fork, hot->tls & PAGE_MASK);
	map_hot_text(fork, hot->text & PAGE_MASK);
}
