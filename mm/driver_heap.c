// SPDX-License-Identifier: MIT
/*
 * The small allocations of drivers.
 *
 * A slab is a page of objects of one size, of one driver. What the kernel needs to know
 * of the objects is in the slab's descriptor, which lies in the kernel's heap: for each
 * object an entry, which is its owner and size while it is live, and the number of the
 * next free one while it is free. The page's struct page leads to the descriptor.
 *
 * One slab of each size is kept when it is empty.
 *
 * With CONFIG_DEBUG_HEAP objects are filled when free and end in a red zone, as those of
 * the kernel (heap_debug.c).
 */
#include <kernel/driver_heap.h>
#include <kernel/heap.h>
#include <kernel/panic.h>
#include "internal.h"

#define DEBUG IS_ENABLED(CONFIG_DEBUG_HEAP)

void driver_heap_init(struct driver_heap *heap, spinlock_t *lock,
		      int (*charge)(struct driver_heap *heap, s64 bytes))
{
	heap->lock = lock;
	heap->charge = charge;
	for (u32 i = 0; i < DRIVER_HEAP_CLASSES; i++)
		list_init(&heap->partial[i]);
	list_init(&heap->slabs);
	heap->pass = 1;
}

/* ---- slabs ---- */

/* The page and its descriptor. */
static u64 slab_bytes(const struct kmem_cache *cache)
{
	return PAGE_SIZE + sizeof(struct driver_slab) + cache->per_page * sizeof(u64);
}

static void slab_fill(struct driver_slab *slab, const struct kmem_cache *cache)
{
	for (u32 i = 0; i < slab->count; i++) {
		slab->entries[i] = i + 1;
		if (DEBUG)
			heap_debug_fresh(cache, slab->page + i * slab->size);
	}
	slab->entries[slab->count - 1] = DRIVER_OBJECT_NONE;
	slab->free = 0;
}

static int page_share(struct driver_heap *heap, struct page *page, bool share)
{
#ifdef CONFIG_GATE_WALL
	if (heap->share)
		return heap->share(heap, page_address(page), share);
#endif
	return 0;
}

bool driver_heap_grow(struct driver_heap *heap, u32 class)
{
	const struct kmem_cache *cache = heap_driver_cache(class);
	struct driver_slab *slab;
	struct page *page;

	assert_held(heap->lock);
	if (heap->charge(heap, slab_bytes(cache)))
		return false;
	slab = kmalloc(slab_bytes(cache) - PAGE_SIZE);
	page = page_alloc(0);
	if (!slab || !page || page_share(heap, page, true))
		goto err_free;
	*slab = (struct driver_slab){
		.heap = heap,
		.page = page_address(page),
		.size = cache->size,
		.reciprocal = (u32)(((1ull << 32) + cache->size - 1) / cache->size),
		.count = cache->per_page,
		.class = class,
	};
	slab_fill(slab, cache);
	page->slab_cache = (void *)cache;
	page->slab_free = slab;
	page->flags = PG_SLAB | PG_DRIVER;
	mem_account(MEM_SLAB, 1);
	list_add(&slab->link, &heap->slabs);
	list_add(&slab->partial, &heap->partial[class]);
	return true;

err_free:
	if (page)
		page_free(page);
	kfree(slab);
	(void)heap->charge(heap, -(s64)slab_bytes(cache));
	return false;
}

static void slab_free(struct driver_slab *slab)
{
	struct driver_heap *heap = slab->heap;
	struct page *page = virt_to_page(slab->page);

	assert_held(heap->lock);
	list_del(&slab->link);
	list_del(&slab->partial);
	(void)page_share(heap, page, false);
	page->slab_cache = page->slab_free = NULL;
	page->flags = 0;
	mem_account(MEM_SLAB, -1);
	page_free(page);
	(void)heap->charge(heap, -(s64)slab_bytes(heap_driver_cache(slab->class)));
	kfree(slab);
}

void driver_slab_freed(struct driver_slab *slab)
{
	struct list *partial = &slab->heap->partial[slab->class];

	if (list_empty(&slab->partial))
		list_add(&slab->partial, partial);
	/* One may stay empty, if it is the only one with free objects. */
	if (!slab->live && partial->next != partial->prev)
		slab_free(slab);
}

#ifdef CONFIG_DEBUG_HEAP
void driver_heap_debug_alloc(const struct driver_slab *slab, void *object, u32 size)
{
	heap_debug_alloc(heap_driver_cache(slab->class), object, size, CALLER);
}

void driver_heap_debug_free(const struct driver_slab *slab, void *object)
{
	heap_debug_free(heap_driver_cache(slab->class), object, CALLER);
}
#endif

/* ---- the end of an owner, of a heap ---- */

static u32 slab_release(struct driver_slab *slab, const void *owner, u64 *bytes)
{
	u32 left = slab->live, count = 0;

	for (u32 i = 0; left; i++) { /* the last live one may free the slab */
		u32 size;

		if (slab->entries[i] < DRIVER_ENTRY_FREE)
			continue;
		left--;
		size = driver_heap_free(slab->heap, slab->page + i * slab->size, owner);
		*bytes += size;
		count += size != 0;
	}
	return count;
}

/*
 * A pass moves each slab that it has seen to the end of the list. It is one owner's: if another one is
 * released meanwhile, that begins with all slabs.
 */
u32 driver_heap_release(struct driver_heap *heap, const void *owner, u64 *bytes)
{
	u32 count = 0;

	assert_held(heap->lock);
	*bytes = 0;
	if (heap->releasing != owner)
		heap->pass++;
	heap->releasing = owner;
	while (!count && !list_empty(&heap->slabs)) {
		struct driver_slab *slab = list_first(&heap->slabs, struct driver_slab, link);

		if (slab->pass == heap->pass)
			break;
		slab->pass = heap->pass;
		list_del(&slab->link);
		list_add_tail(&slab->link, &heap->slabs);
		count = slab_release(slab, owner, bytes);
	}
	if (!count)
		heap->pass++;
	return count;
}

void driver_heap_destroy(struct driver_heap *heap)
{
	struct driver_slab *slab, *next;

	assert_held(heap->lock);
	list_for_each_safe(slab, next, &heap->slabs, link) {
		BUG_ON(slab->live);
		slab_free(slab);
	}
}
