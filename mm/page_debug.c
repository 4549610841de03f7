/* SPDX-License-Identifier: MIT */
/*
 * CONFIG_DEBUG_PAGEALLOC: free pages hold a pattern.
 *
 * It is written when a page is freed and checked when the page is allocated
 * again, so a write in between is found, with the last function that freed the page.
 * PG_POISONED marks pages that contain the pattern: pages from the boot loader's
 * memory for the first time have none. A page freed twice has it already.
 *
 * Freed pages stay mapped in the map of all memory: that consists of large pages,
 * and splitting them would cost a flush on every processor for each page.
 */
#include <kernel/printk.h>
#include <kernel/string.h>
#include "internal.h"

#define PATTERN 0xaaaaaaaaaaaaaaaaul

/* The upper half of ->private, which free pages do not use: kernel text lies in the last 2 GiB. */
static void freer_set(struct page *page, u64 ip)
{
	page->private = (page->private & 0xffffffff) | ip << 32;
}
static void *freer_get(const struct page *page)
{
	return (void *)(~0ull << 32 | page->private >> 32);
}

static void page_check_pattern(struct page *page)
{
	const u64 *words = page_address(page);

	if (!(page->flags & PG_POISONED))
		return;
	page->flags &= ~PG_POISONED;
	for (u32 i = 0; i < PAGE_SIZE / 8; i++)
		if (unlikely(words[i] != PATTERN))
			panic("page %lx was written after it was freed by %pS: the word at byte %u is %016lx, expected %016lx",
			      page_to_phys(page), freer_get(page), i * 8, words[i], PATTERN);
}

void page_debug_alloc(struct page *page, u32 order)
{
	for (u64 i = 0; i < 1ull << order; i++)
		page_check_pattern(page + i);
}

void page_debug_free(struct page *page, u32 order, u64 ip)
{
	for (u64 i = 0; i < 1ull << order; i++) {
		u64 *words = page_address(page + i);

		if (page[i].flags & (PG_POISONED | PG_BUDDY | PG_FREE))
			panic("page %lx is freed twice, first by %pS, now by %pS",
			      page_to_phys(page + i), freer_get(page + i), (void *)ip);
		for (u32 j = 0; j < PAGE_SIZE / 8; j++)
			words[j] = PATTERN;
		page[i].flags |= PG_POISONED;
		freer_set(page + i, ip);
	}
}
