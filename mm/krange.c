/* SPDX-License-Identifier: MIT */
/*
 * The kernel's virtual ranges: stacks, large buffers, device memory, drivers.
 *
 * An area is a run of kernel addresses. Ranges in it are kept in a tree by
 * address; a new one is placed in the first gap behind a moving hint that is large
 * enough with an unmapped guard page on both sides. Freed addresses are flushed
 * from all TLBs before they can be given out again. The hint returns to the beginning now and
 * then: page tables are kept, and addresses that were never used before need new ones.
 *
 * Locks: area->lock (mutex) guards tree and page tables of the area.
 */
#include <asm/cpu.h>
#include <asm/driver_area.h>
#include <asm/layout.h>
#include <asm/paging.h>
#include <kernel/err.h>
#include <kernel/fault_injection.h>
#include <kernel/heap.h>
#include <kernel/heap_init.h>
#include <kernel/lock.h>
#include <kernel/page.h>
#include <kernel/phys_user.h>
#include <kernel/printk.h>
#include <kernel/rbtree.h>
#include <kernel/string.h>
#include "internal.h"

#define HINT_PAGES 16384u /* how far the hint moves, at least: 64 MiB, whose tables take 128 KiB */

struct krange {
	struct rb_node node;
	u64 start; /* first mapped page */
	u64 npages;
	u64 ip;		       /* of the code that allocated it */
	bool device;	       /* pages are not ours */
	struct phys_user user; /* of a device's */
	bool opaque;	       /* leak.c does not look into it */
};
static struct area {
	struct mutex
		lock; /* guards hint, used, ranges, and the kernel's page tables from base to end */
	u64 base, end;
	u64 hint; /* pages above base: no address, which leak.c would follow */
	u64 used; /* pages in ranges */
	struct rb_root ranges;
} areas[2];
static struct kmem_cache *range_cache;

static u64 range_prot_bits(enum kprot prot)
{
	return pte_kernel_bits(prot == KPROT_RW, prot == KPROT_RX);
}

void krange_init(void)
{
	range_cache = kmem_cache_create("krange", sizeof(struct krange), 8);
	range_cache->opaque = true; /* the first caches: the table has space */
	areas[KRANGE_GENERAL].base = KRANGE_BASE;
	areas[KRANGE_GENERAL].end = KRANGE_END;
	areas[KRANGE_DRIVER].base = DRIVER_BASE;
	areas[KRANGE_DRIVER].end = DRIVER_END;
	for (u32 i = 0; i < 2; i++) {
		mutex_init(&areas[i].lock);
		areas[i].hint = 0;
	}
}

/* The range with the lowest start above @p va. */
static struct krange *range_above(struct area *area, u64 va)
{
	struct krange *best = NULL;

	for (struct rb_node *entry = area->ranges.node; entry;) {
		struct krange *range = rb_entry(entry, struct krange, node);

		if (range->start > va) {
			best = range;
			entry = entry->left;
		} else {
			entry = entry->right;
		}
	}
	return best;
}

static struct krange *range_find(struct area *area, u64 start)
{
	assert_held(&area->lock);
	for (struct rb_node *entry = area->ranges.node; entry;) {
		struct krange *range = rb_entry(entry, struct krange, node);

		if (start == range->start)
			return range;
		if (start < range->start)
			entry = entry->left;
		else
			entry = entry->right;
	}
	return NULL;
}

/* First gap for @p npages and guards at or above @p from. 0 = none. */
static u64 gap_find(struct area *area, u64 from, u64 npages)
{
	struct krange *range = range_above(area, from);
	u64 start = from + PAGE_SIZE;

	for (;;) {
		u64 limit = range ? range->start : area->end;

		if (start + npages * PAGE_SIZE + PAGE_SIZE <= limit)
			return start;
		if (!range)
			return 0;
		start = range->start + (range->npages + 1) * PAGE_SIZE;
		struct rb_node *entry = rb_next(&range->node);

		if (entry)
			range = rb_entry(entry, struct krange, node);
		else
			range = NULL;
	}
}

static void range_insert(struct area *area, struct krange *new)
{
	struct rb_node *parent = NULL, **link = &area->ranges.node;

	while (*link) {
		parent = *link;
		if (new->start < rb_entry(parent, struct krange, node)->start)
			link = &parent->left;
		else
			link = &parent->right;
	}
	rb_insert(&area->ranges, &new->node, parent, link);
}

/* Reserve addresses. area->lock held. */
static struct krange *range_create(struct area *area, u64 npages, u64 ip)
{
	struct krange *range;
	u64 start;

	assert_held(&area->lock);
	if (npages > (area->end - area->base) >> PAGE_SHIFT || fault_inject(FAULT_RANGE))
		return NULL;
	/* In proportion to what is in use: a gap is found in few steps, on the average. */
	if (area->hint > HINT_PAGES + 2 * area->used)
		area->hint = 0;
	start = gap_find(area, area->base + area->hint * PAGE_SIZE, npages);
	if (!start)
		start = gap_find(area, area->base, npages);
	if (!start)
		return NULL;
	range = kmem_cache_zalloc(range_cache);
	if (!range)
		return NULL;
	range->start = start;
	range->npages = npages;
	range->ip = ip;
	range_insert(area, range);
	heap_debug_account((s64)(npages * PAGE_SIZE) - (s64)sizeof(*range));
	area->hint = ((start - area->base) >> PAGE_SHIFT) + npages;
	area->used += npages;
	return range;
}

/* Unmap a range and free its descriptor, and its pages unless they are a device's. area->lock held. */
static void range_destroy(struct area *area, struct krange *range)
{
	struct page *list = NULL;

	assert_held(&area->lock);
	for (u64 i = 0; i < range->npages; i++) {
		pte_t *pte = kernel_pte(range->start + i * PAGE_SIZE, false);

		if (!pte || !pte_present(*pte))
			continue;
		if (!range->device) {
			struct page *page = phys_to_page(pte_phys(*pte));

			page->next = list;
			list = page;
		}
		*pte = 0;
	}
	tlb_flush_kernel_range(range->start, range->start + range->npages * PAGE_SIZE);
	if (range->device)
		phys_user_remove(&range->user);
	while (list) {
		struct page *page = list;

		list = page->next;
		page_free(page);
	}
	heap_debug_account((s64)sizeof(*range) - (s64)(range->npages * PAGE_SIZE));
	if (area != &areas[KRANGE_GENERAL] && range->start < area->base + area->hint * PAGE_SIZE)
		area->hint = 0; /* drivers stay close together */
	area->used -= range->npages;
	rb_erase(&area->ranges, &range->node);
	kmem_cache_free(range_cache, range);
}

static void *range_alloc(enum krange_area which, size_t npages, enum kprot prot, u32 page_flags,
			 u64 ip)
{
	struct area *area = &areas[which];
	struct krange *range;

	if (!npages)
		return NULL;
	mutex_lock(&area->lock);
	range = range_create(area, npages, ip);
	for (u64 i = 0; range && i < npages; i++) {
		struct page *page = page_alloc(page_flags);
		pte_t *pte = page ? kernel_pte(range->start + i * PAGE_SIZE, true) : NULL;

		if (!pte) {
			if (page)
				page_free(page);
			range_destroy(area, range);
			range = NULL;
			break;
		}
		*pte = page_to_phys(page) | range_prot_bits(prot);
	}
	mutex_unlock(&area->lock);
	if (range)
		return (void *)range->start;
	return NULL;
}

void *krange_alloc(enum krange_area area, size_t npages, enum kprot prot)
{
	return range_alloc(area, npages, prot, PAGE_ZERO, CALLER);
}

void *krange_alloc_raw(enum krange_area area, size_t npages, enum kprot prot)
{
	return range_alloc(area, npages, prot, 0, CALLER);
}

void *krange_alloc_stack(size_t npages)
{
	void *stack = range_alloc(KRANGE_GENERAL, npages, KPROT_RW, PAGE_ZERO, CALLER);

	if (stack && IS_ENABLED(CONFIG_DEBUG_HEAP)) {
		struct area *area = &areas[KRANGE_GENERAL];

		mutex_lock(&area->lock);
		range_find(area, (u64)stack)->opaque = true;
		mutex_unlock(&area->lock);
	}
	return stack;
}

static struct area *area_of(const void *addr)
{
	if ((u64)addr >= DRIVER_BASE)
		return &areas[KRANGE_DRIVER];
	return &areas[KRANGE_GENERAL];
}

int krange_protect(void *addr, size_t npages, enum kprot prot)
{
	struct area *area = area_of(addr);

	mutex_lock(&area->lock);
	for (u64 i = 0; i < npages; i++) {
		pte_t *pte = kernel_pte((u64)addr + i * PAGE_SIZE, false);

		BUG_ON(!pte || !pte_present(*pte));
		*pte = pte_phys(*pte) | range_prot_bits(prot);
	}
	tlb_flush_kernel_range((u64)addr, (u64)addr + npages * PAGE_SIZE);
	mutex_unlock(&area->lock);
	return 0;
}

void krange_mark_driver(void *addr)
{
	struct area *area = area_of(addr);
	u64 start = (u64)addr & PAGE_MASK;

	mutex_lock(&area->lock);
	for (u64 i = 0; i < range_find(area, start)->npages; i++) {
		pte_t *pte = kernel_pte(start + i * PAGE_SIZE, false);

		*pte = pte_make_of_driver(*pte);
	}
	mutex_unlock(&area->lock);
}

void krange_free(void *addr)
{
	struct area *area = area_of(addr);

	if (!addr)
		return;
	mutex_lock(&area->lock);
	struct krange *range = range_find(area, (u64)addr);

	if (!range)
		panic("kernel range %lx is freed, but is not allocated", (u64)addr);
	range_destroy(area, range);
	mutex_unlock(&area->lock);
}

void *krange_map_phys(phys_t phys, size_t size, enum kcache cache)
{
	struct area *area = &areas[KRANGE_GENERAL];
	u64 off = phys & (PAGE_SIZE - 1), npages, limit = cpu_phys_end();
	struct krange *range;

	/* an address that the CPU cannot put out would fault: firmware and drivers may ask for anything */
	if (!size || size > limit || phys > limit - size)
		return NULL;
	npages = PAGE_ALIGN(off + size) >> PAGE_SHIFT;
	mutex_lock(&area->lock);
	range = range_create(area, npages, CALLER);
	if (range && phys_user_add(&range->user, phys, size, cache)) {
		range_destroy(area, range);
		range = NULL;
	}
	if (range)
		range->device = true;
	for (u64 i = 0; range && i < npages; i++) {
		pte_t *pte = kernel_pte(range->start + i * PAGE_SIZE, true);

		if (!pte) {
			range_destroy(area, range);
			range = NULL;
			break;
		}
		*pte = ((phys - off) + i * PAGE_SIZE) | range_prot_bits(KPROT_RW) |
		       cache_pte_bits(cache);
	}
	mutex_unlock(&area->lock);
	if (range)
		return (u8 *)range->start + off;
	return NULL;
}

void krange_unmap_phys(void *addr)
{
	if (addr)
		krange_free((void *)((u64)addr & PAGE_MASK));
}

void *kvzalloc(size_t size)
{
	if (size <= PAGE_SIZE) {
		void *memory = heap_alloc(size, CALLER);

		if (memory)
			memset(memory, 0, size);
		return memory;
	}
	if (size > 1ul << 32)
		return NULL;
	return range_alloc(KRANGE_GENERAL, PAGE_ALIGN(size) >> PAGE_SHIFT, KPROT_RW, PAGE_ZERO,
			   CALLER);
}

void kvfree(const void *memory)
{
	if ((u64)memory >= KRANGE_BASE && (u64)memory < KRANGE_END)
		krange_free((void *)memory);
	else
		kfree(memory);
}

/* ---- for leak.c ---- */

void krange_lock_all(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(areas); i++)
		mutex_lock(&areas[i].lock);
}

void krange_unlock_all(void)
{
	for (u32 i = ARRAY_SIZE(areas); i--;)
		mutex_unlock(&areas[i].lock);
}

u32 krange_list(struct krange_info *out, u32 max)
{
	u32 count = 0;

	for (u32 i = 0; i < ARRAY_SIZE(areas); i++) {
		assert_held(&areas[i].lock);
		for (struct rb_node *entry = rb_first(&areas[i].ranges); entry;
		     entry = rb_next(entry)) {
			struct krange *range = rb_entry(entry, struct krange, node);

			if (range->device)
				continue;
			if (count < max)
				out[count] = (struct krange_info){ range->start, range->npages,
								   range->ip, range->opaque };
			count++;
		}
	}
	return count;
}
