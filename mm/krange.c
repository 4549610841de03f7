/* SPDX-License-Identifier: MIT */
/*
 * The kernel's virtual ranges: stacks, large buffers, device memory, drivers.
 *
 * An area is a run of kernel addresses. Ranges in it are kept in a tree by
 * address; a new one goes into the first gap behind a moving hint that is large
 * enough with an unmapped guard page on both sides. Freed addresses are flushed
 * from all TLBs before they can be given out again.
 *
 * Locks: area->lock (mutex) guards tree and page tables of the area.
 */
#include <asm/cpu.h>
#include <asm/layout.h>
#include <asm/paging.h>
#include <kernel/err.h>
#include <kernel/fault_injection.h>
#include <kernel/heap.h>
#include <kernel/heap_init.h>
#include <kernel/lock.h>
#include <kernel/page.h>
#include <kernel/printk.h>
#include <kernel/rbtree.h>
#include <kernel/string.h>
#include "internal.h"

struct krange {
	struct rb_node node;
	u64 start; /* first mapped page */
	u64 npages;
	u64 ip;	     /* who asked for it */
	bool device; /* pages are not ours */
	bool opaque; /* leak.c does not look into it */
};
static struct area {
	struct mutex lock;
	u64 base, end;
	u64 hint; /* pages above base: no address, which leak.c would follow */
	struct rb_root ranges;
} areas[2];
static struct kmem_cache *range_cache;

static u64 prot_flags(enum kprot prot)
{
	return pte_kernel_bits(prot == KPROT_RW, prot == KPROT_RX);
}

void krange_init(void)
{
	range_cache = kmem_cache_create("krange", sizeof(struct krange), 8);
	range_cache->opaque = true; /* the first caches: there is room */
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
static struct krange *range_above(struct area *a, u64 va)
{
	struct krange *best = NULL;

	for (struct rb_node *n = a->ranges.node; n;) {
		struct krange *r = rb_entry(n, struct krange, node);

		if (r->start > va) {
			best = r;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

static struct krange *range_find(struct area *a, u64 start)
{
	assert_held(&a->lock);
	for (struct rb_node *n = a->ranges.node; n;) {
		struct krange *r = rb_entry(n, struct krange, node);

		if (start == r->start)
			return r;
		n = start < r->start ? n->left : n->right;
	}
	return NULL;
}

/* First gap for @p npages and guards at or above @p from. 0 = none. */
static u64 gap_find(struct area *a, u64 from, u64 npages)
{
	struct krange *r = range_above(a, from);
	u64 at = from + PAGE_SIZE;

	for (;;) {
		u64 limit = r ? r->start : a->end;

		if (at + npages * PAGE_SIZE + PAGE_SIZE <= limit)
			return at;
		if (!r)
			return 0;
		at = r->start + (r->npages + 1) * PAGE_SIZE;
		struct rb_node *n = rb_next(&r->node);

		r = n ? rb_entry(n, struct krange, node) : NULL;
	}
}

static void range_insert(struct area *a, struct krange *new)
{
	struct rb_node *parent = NULL, **link = &a->ranges.node;

	while (*link) {
		parent = *link;
		link = new->start < rb_entry(parent, struct krange, node)->start ? &parent->left
										 : &parent->right;
	}
	rb_insert(&a->ranges, &new->node, parent, link);
}

/* Reserve addresses; area locked. */
static struct krange *range_create(struct area *a, u64 npages, u64 ip)
{
	struct krange *r;
	u64 at;

	assert_held(&a->lock);
	if (npages > (a->end - a->base) >> PAGE_SHIFT || fault_inject(FAULT_RANGE))
		return NULL;
	at = gap_find(a, a->base + a->hint * PAGE_SIZE, npages);
	if (!at)
		at = gap_find(a, a->base, npages);
	r = at ? kmem_cache_zalloc(range_cache) : NULL;
	if (!r)
		return NULL;
	r->start = at;
	r->npages = npages;
	r->ip = ip;
	range_insert(a, r);
	heap_debug_account((s64)(npages * PAGE_SIZE) - (s64)sizeof(*r));
	a->hint = ((at - a->base) >> PAGE_SHIFT) + npages;
	return r;
}

/* Unmap and forget; pages go back when they are ours. Area locked. */
static void range_destroy(struct area *a, struct krange *r)
{
	struct page *list = NULL;

	assert_held(&a->lock);
	for (u64 i = 0; i < r->npages; i++) {
		pte_t *e = kernel_pte(r->start + i * PAGE_SIZE, false);

		if (!e || !pte_present(*e))
			continue;
		if (!r->device) {
			struct page *p = phys_to_page(pte_phys(*e));

			p->next = list;
			list = p;
		}
		*e = 0;
	}
	tlb_flush_kernel_range(r->start, r->start + r->npages * PAGE_SIZE);
	while (list) {
		struct page *p = list;

		list = p->next;
		page_free(p);
	}
	heap_debug_account((s64)sizeof(*r) - (s64)(r->npages * PAGE_SIZE));
	if (a != &areas[KRANGE_GENERAL] && r->start < a->base + a->hint * PAGE_SIZE)
		a->hint = 0; /* drivers stay close together */
	rb_erase(&a->ranges, &r->node);
	kmem_cache_free(range_cache, r);
}

static void *alloc_for(enum krange_area area, size_t npages, enum kprot prot, u32 page_flags,
		       u64 ip)
{
	struct area *a = &areas[area];
	struct krange *r;

	if (!npages)
		return NULL;
	mutex_lock(&a->lock);
	r = range_create(a, npages, ip);
	for (u64 i = 0; r && i < npages; i++) {
		struct page *p = page_alloc(page_flags);
		pte_t *e = p ? kernel_pte(r->start + i * PAGE_SIZE, true) : NULL;

		if (!e) {
			if (p)
				page_free(p);
			range_destroy(a, r);
			r = NULL;
			break;
		}
		*e = page_to_phys(p) | prot_flags(prot);
	}
	mutex_unlock(&a->lock);
	return r ? (void *)r->start : NULL;
}

void *krange_alloc(enum krange_area area, size_t npages, enum kprot prot)
{
	return alloc_for(area, npages, prot, PAGE_ZERO, CALLER);
}

void *krange_alloc_raw(enum krange_area area, size_t npages, enum kprot prot)
{
	return alloc_for(area, npages, prot, 0, CALLER);
}

void *krange_alloc_stack(size_t npages)
{
	void *stack = alloc_for(KRANGE_GENERAL, npages, KPROT_RW, PAGE_ZERO, CALLER);

	if (stack && IS_ENABLED(CONFIG_DEBUG_HEAP)) {
		struct area *a = &areas[KRANGE_GENERAL];

		mutex_lock(&a->lock);
		range_find(a, (u64)stack)->opaque = true;
		mutex_unlock(&a->lock);
	}
	return stack;
}

static struct area *area_of(const void *addr)
{
	return (u64)addr >= DRIVER_BASE ? &areas[KRANGE_DRIVER] : &areas[KRANGE_GENERAL];
}

int krange_protect(void *addr, size_t npages, enum kprot prot)
{
	struct area *a = area_of(addr);

	mutex_lock(&a->lock);
	for (u64 i = 0; i < npages; i++) {
		pte_t *e = kernel_pte((u64)addr + i * PAGE_SIZE, false);

		BUG_ON(!e || !pte_present(*e));
		*e = pte_phys(*e) | prot_flags(prot);
	}
	tlb_flush_kernel_range((u64)addr, (u64)addr + npages * PAGE_SIZE);
	mutex_unlock(&a->lock);
	return 0;
}

void krange_mark_driver(void *addr)
{
	struct area *a = area_of(addr);
	u64 start = (u64)addr & PAGE_MASK;

	mutex_lock(&a->lock);
	for (u64 i = 0; i < range_find(a, start)->npages; i++) {
		pte_t *pte = kernel_pte(start + i * PAGE_SIZE, false);

		*pte = pte_make_of_driver(*pte);
	}
	mutex_unlock(&a->lock);
}

void krange_free(void *addr)
{
	struct area *a = area_of(addr);

	if (!addr)
		return;
	mutex_lock(&a->lock);
	struct krange *r = range_find(a, (u64)addr);

	if (!r)
		panic("kernel range %lx is freed, but is not allocated", (u64)addr);
	range_destroy(a, r);
	mutex_unlock(&a->lock);
}

static u64 cache_bits(enum kcache cache)
{
	switch (cache) {
	case KCACHE_UC: return pte_uncached_bits();
	case KCACHE_WC: return pte_combining_bits;
	default: return 0;
	}
}

void *krange_map_phys(phys_t phys, size_t size, enum kcache cache)
{
	struct area *a = &areas[KRANGE_GENERAL];
	u64 off = phys & (PAGE_SIZE - 1), npages, limit = cpu_phys_end();
	struct krange *r;

	/* an address that the CPU cannot put out would fault: firmware and drivers may ask for anything */
	if (!size || size > limit || phys > limit - size)
		return NULL;
	npages = PAGE_ALIGN(off + size) >> PAGE_SHIFT;
	mutex_lock(&a->lock);
	r = range_create(a, npages, CALLER);
	if (r)
		r->device = true;
	for (u64 i = 0; r && i < npages; i++) {
		pte_t *e = kernel_pte(r->start + i * PAGE_SIZE, true);

		if (!e) {
			range_destroy(a, r);
			r = NULL;
			break;
		}
		*e = ((phys - off) + i * PAGE_SIZE) | prot_flags(KPROT_RW) | cache_bits(cache);
	}
	mutex_unlock(&a->lock);
	return r ? (u8 *)r->start + off : NULL;
}

void krange_unmap_phys(void *addr)
{
	if (addr)
		krange_free((void *)((u64)addr & PAGE_MASK));
}

void *kvzalloc(size_t size)
{
	if (size <= PAGE_SIZE) {
		void *p = heap_alloc(size, CALLER);

		return p ? memset(p, 0, size) : NULL;
	}
	if (size > 1ul << 32)
		return NULL;
	return alloc_for(KRANGE_GENERAL, PAGE_ALIGN(size) >> PAGE_SHIFT, KPROT_RW, PAGE_ZERO,
			 CALLER);
}

void kvfree(const void *p)
{
	if ((u64)p >= KRANGE_BASE && (u64)p < KRANGE_END)
		krange_free((void *)p);
	else
		kfree(p);
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
	u32 n = 0;

	for (u32 i = 0; i < ARRAY_SIZE(areas); i++) {
		assert_held(&areas[i].lock);
		for (struct rb_node *at = rb_first(&areas[i].ranges); at; at = rb_next(at)) {
			struct krange *r = rb_entry(at, struct krange, node);

			if (r->device)
				continue;
			if (n < max)
				out[n] = (struct krange_info){ r->start, r->npages, r->ip,
							       r->opaque };
			n++;
		}
	}
	return n;
}
