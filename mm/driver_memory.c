// SPDX-License-Identifier: MIT
/*
 * The memory of drivers. An address that a driver passes to the kernel is checked
 * here before the kernel uses it, so that an invalid pointer causes an error, not a
 * fault of the kernel, and never makes the kernel write to its own memory.
 *
 * No lock is taken and nothing is searched: small allocations of drivers have pages
 * of their own (driver_heap.c), pages of ranges have a mark in their page-table entries, other pages
 * one in their struct page. The check does not tell drivers apart: one may
 * pass to the kernel what it received from another.
 *
 * Memory that is being freed meanwhile may still count as a driver's; it stays mapped
 * or is looked at by a driver that has just given it up, which would harm itself alone.
 */
#include <asm/driver_area.h>
#include <asm/layout.h>
#include <asm/paging.h>
#include <asm/probe.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include "internal.h"

/* Of the object of a cache. */
static u64 object_span(const struct kmem_cache *cache, u64 addr)
{
	u64 offset = addr & (PAGE_SIZE - 1), in_object = offset % cache->size;

	if (offset / cache->size >= cache->per_page || in_object >= cache->usable)
		return 0;
	return cache->usable - in_object;
}

static u64 heap_span(u64 addr, u64 max)
{
	u64 done = 0;

	if (addr - PHYSMAP_BASE >= PHYSMAP_SIZE)
		return 0;
	while (done < max) {
		const struct page *page = virt_to_page((void *)(addr + done));
		/* Not all memory has a struct page. */
		u32 flags = (u32)probe_load((const u64 *)&page->flags);

		if (flags & PG_SLAB) {
			const struct kmem_cache *cache = READ_ONCE(page->slab_cache);

			if (!done && cache && cache->drivers)
				return object_span(cache, addr);
			break;
		}
		if (!(flags & PG_DRIVER))
			break;
		if (flags & PG_LARGE)
			return done + (PAGE_SIZE << page->order) -
			       ((addr + done) & (PAGE_SIZE - 1));
		done += PAGE_SIZE - ((addr + done) & (PAGE_SIZE - 1));
	}
	return done;
}

static bool range_page_is_drivers(u64 addr, bool write)
{
	bool of_file = addr >= DRIVER_BASE && addr < DRIVER_END;
	bool of_range = addr >= KRANGE_BASE && addr < KRANGE_END;
	const pte_t *pte;
	pte_t entry;

	if (!of_file && !of_range)
		return false;
	pte = kernel_pte(addr, false);
	if (!pte)
		return false;
	entry = READ_ONCE(*pte);
	return pte_allows(entry, write) && (of_file || pte_of_driver(entry));
}

u64 driver_memory_span(const void *memory, u64 max, bool write)
{
	u64 addr = (u64)memory, done = 0;

	if (addr < KRANGE_BASE)
		return MIN(heap_span(addr, max), max);
	while (done < max && range_page_is_drivers(addr + done, write))
		done += PAGE_SIZE - ((addr + done) & (PAGE_SIZE - 1));
	return MIN(done, max);
}
