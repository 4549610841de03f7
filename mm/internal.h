/* SPDX-License-Identifier: MIT */
/** @file internal.h  Between the allocators of mm/: what their debugging halves share. */
#pragma once
#include <asm/pgtable.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/spinlock.h>

/** The return address of the function that uses it. */
#define CALLER ((u64)__builtin_return_address(0))

/** How an entry asks for a type of caching. */
static inline u64 cache_pte_bits(enum kcache cache)
{
	switch (cache) {
	case KCACHE_UC: return pte_uncached_bits();
	case KCACHE_WC: return pte_combining_bits;
	default: return 0;
	}
}

/* ---- heap.c, heap_debug.c ---- */

/* With CONFIG_DEBUG_HEAP an object ends in a red zone and a tag. */
#define HEAP_RED_BYTES 16u
struct heap_tag {
	u64 ip;	   /* of the code that allocated it, or freed it */
	u32 size;  /* bytes asked for: the red zone begins there */
	u32 state; /* HEAP_LIVE, HEAP_FREE */
};
#define HEAP_TAIL \
	(IS_ENABLED(CONFIG_DEBUG_HEAP) ? HEAP_RED_BYTES + (u32)sizeof(struct heap_tag) : 0u)
#define HEAP_LIVE 0x4556494c
#define HEAP_FREE 0x45455246

struct kmem_cache {
	const char *name;
	u32 size;   /* of an object, with padding and tail */
	u32 usable; /* without the tail */
	u32 object; /* asked for */
	u32 per_page;
	u32 index;    /* of the CPUs' magazines and slabs */
	bool drivers; /* its objects are drivers' memory */
	bool opaque;  /* leak.c does not follow what is in the objects, and misses none */
};

static inline struct heap_tag *heap_tag_of(const struct kmem_cache *cache, const void *object)
{
	return (struct heap_tag *)((u8 *)object + cache->usable + HEAP_RED_BYTES);
}

/** Does @p candidate point to an object cache? */
bool heap_is_cache(const void *candidate);
/** How pages of driver_heap.c are divided, by class. */
const struct kmem_cache *heap_driver_cache(u32 class);
/** kmalloc() on behalf of @p ip. */
void *heap_alloc(size_t size, u64 ip);
/** An object of a new page. */
void heap_debug_fresh(const struct kmem_cache *cache, void *object);
/** An object is allocated: check that it was not written to while free, draw the red zone behind @p size bytes. */
void heap_debug_alloc(const struct kmem_cache *cache, void *object, u32 size, u64 ip);
/** An object is freed: check it, fill it. */
void heap_debug_free(const struct kmem_cache *cache, void *object, u64 ip);
/** An object leaves its page's list, which used its first two words. */
void heap_debug_unlink(void *object);
/** The same for kmalloc() of whole pages. */
void heap_debug_large_alloc(struct page *page, u32 order, size_t size, u64 ip);
void heap_debug_large_free(struct page *page, u32 order);
/** The requested size. */
size_t heap_debug_size(const void *memory);

/* ---- page.c, page_debug.c ---- */

/** Pages are allocated: check that they were not written to while free. */
void page_debug_alloc(struct page *page, u32 order);
/** Pages are freed: check that they were allocated, fill them. */
void page_debug_free(struct page *page, u32 order, u64 ip);
/** Does @p phys have a struct page that may be read? */
bool page_is_known(phys_t phys);

/* ---- krange.c, for leak.c ---- */

struct krange_info {
	u64 start, npages, ip;
	bool opaque;
};
/** Keep ranges from being created and freed. Sleeps. */
void krange_lock_all(void);
void krange_unlock_all(void);
/**
 * The ranges with memory of their own, ascending in each area; locked.
 * @return how many there are, which may be more than @p max
 */
u32 krange_list(struct krange_info *out, u32 max);
