/* SPDX-License-Identifier: MIT */
/*
 * CONFIG_DEBUG_HEAP: red zones, fill patterns, and records of the callers.
 *
 * A free object is filled with POISON; a live one is followed by RED from the
 * byte behind what was asked for up to its tag. Both are checked whenever the object
 * changes hands. The tag records the function that allocated or freed it.
 */
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include "internal.h"

#define POISON	0x6b
#define POISON8 0x6b6b6b6b6b6b6b6bull
#define RED	0xcc

s64 heap_debug_live_bytes;

s64 heap_debug_live(void)
{
	return __atomic_load_n(&heap_debug_live_bytes, __ATOMIC_RELAXED);
}

/* The first byte in [from, to) that is not @p want, or @p to. */
static u32 first_other(const u8 *bytes, u32 from, u32 to, u8 want)
{
	while (from < to && bytes[from] == want)
		from++;
	return from;
}

static void object_fill_free(const struct kmem_cache *cache, void *object, u64 ip)
{
	memset(object, POISON, cache->usable);
	memset((u8 *)object + cache->usable, RED, HEAP_RED_BYTES);
	*heap_tag_of(cache, object) = (struct heap_tag){ ip, 0, HEAP_FREE };
}

void heap_debug_fresh(const struct kmem_cache *cache, void *object)
{
	object_fill_free(cache, object, 0);
}

void heap_debug_unlink(void *object)
{
	((u64 *)object)[1] = POISON8;
}

void heap_debug_alloc(const struct kmem_cache *cache, void *object, u32 size, u64 ip)
{
	struct heap_tag *tag = heap_tag_of(cache, object);
	const u8 *bytes = object;
	u32 offset;

	((u64 *)object)[0] = POISON8;
	if (tag->state != HEAP_FREE)
		panic("heap: the debug tag after free object %p of cache %s was overwritten",
		      object, cache->name);
	offset = first_other(bytes, 0, cache->usable, POISON);
	if (offset < cache->usable)
		panic("heap: object %p of cache %s was written after it was freed by %pS: byte %u is %02x, expected %02x",
		      object, cache->name, (void *)tag->ip, offset, bytes[offset], POISON);
	offset = first_other(bytes, cache->usable, cache->usable + HEAP_RED_BYTES, RED);
	if (offset < cache->usable + HEAP_RED_BYTES)
		panic("heap: free object %p of cache %s was written past its end: byte %u is %02x, expected %02x",
		      object, cache->name, offset, bytes[offset], RED);
	memset((u8 *)object + size, RED, cache->usable - size);
	*tag = (struct heap_tag){ ip, size, HEAP_LIVE };
	heap_debug_account(size);
}

void heap_debug_free(const struct kmem_cache *cache, void *object, u64 ip)
{
	const struct page *page = virt_to_page(object);
	struct heap_tag *tag = heap_tag_of(cache, object);
	const u8 *bytes = object;
	u32 offset;

	if (!(page->flags & PG_SLAB) || page->slab_cache != cache)
		panic("heap: %p, freed by %pS, is not an object of cache %s", object, (void *)ip,
		      cache->name);
	if (((u64)object & (PAGE_SIZE - 1)) % cache->size)
		panic("heap: %p, freed by %pS, is not the start of an object of cache %s", object,
		      (void *)ip, cache->name);
	if (tag->state == HEAP_FREE)
		panic("heap: object %p of cache %s freed twice, first by %pS, now by %pS", object,
		      cache->name, (void *)tag->ip, (void *)ip);
	if (tag->state != HEAP_LIVE || tag->size > cache->usable)
		panic("heap: the debug tag after object %p of cache %s was overwritten", object,
		      cache->name);
	offset = first_other(bytes, tag->size, cache->usable + HEAP_RED_BYTES, RED);
	if (offset < cache->usable + HEAP_RED_BYTES)
		panic("heap: object %p of cache %s was written past its %u bytes: byte %u is %02x, expected %02x; allocated by %pS",
		      object, cache->name, tag->size, offset, bytes[offset], RED, (void *)tag->ip);
	heap_debug_account(-(s64)tag->size);
	object_fill_free(cache, object, ip);
}

/* Whole pages: the tag is in the first struct page, the others point to it. */

void heap_debug_large_alloc(struct page *page, u32 order, size_t size, u64 ip)
{
	page->mapping = (void *)ip;
	page->index = size;
	for (u64 i = 1; i < 1ull << order; i++) {
		page[i].flags = PG_LARGE | PG_TAIL;
		page[i].mapping = page;
	}
	heap_debug_account((s64)size);
	memset((u8 *)page_address(page) + size, RED, (PAGE_SIZE << order) - size);
}

void heap_debug_large_free(struct page *page, u32 order)
{
	const u8 *bytes = page_address(page);

	if (page->flags & PG_TAIL)
		panic("heap: %p is freed, but is not the start of an allocation", bytes);
	for (u64 i = page->index; i < PAGE_SIZE << order; i++)
		if (unlikely(bytes[i] != RED))
			panic("heap: %p was written past its %lu bytes: byte %lu is %02x, expected %02x; allocated by %pS",
			      bytes, page->index, i, bytes[i], RED, page->mapping);
	heap_debug_account(-(s64)page->index);
	for (u64 i = 1; i < 1ull << order; i++)
		page[i].flags = 0;
}

size_t heap_debug_size(const void *memory)
{
	const struct page *page = virt_to_page(memory);

	if (page->flags & PG_SLAB)
		return heap_tag_of(page->slab_cache, memory)->size;
	return page->index;
}
