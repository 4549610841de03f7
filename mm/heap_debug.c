/* SPDX-License-Identifier: MIT */
/*
 * CONFIG_DEBUG_HEAP: red zones, patterns, and who it was.
 *
 * A free object is filled with POISON; a live one is followed by RED from the
 * byte behind what was asked for up to its tag. Both are checked whenever the object
 * changes hands. The tag says who allocated or freed it.
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
static u32 first_other(const u8 *b, u32 from, u32 to, u8 want)
{
	while (from < to && b[from] == want)
		from++;
	return from;
}

static void fill_free(const struct kmem_cache *c, void *o, u64 ip)
{
	memset(o, POISON, c->usable);
	memset((u8 *)o + c->usable, RED, HEAP_RED_BYTES);
	*heap_tag_of(c, o) = (struct heap_tag){ ip, 0, HEAP_FREE };
}

void heap_debug_fresh(const struct kmem_cache *c, void *o)
{
	fill_free(c, o, 0);
}

void heap_debug_unlink(void *o)
{
	((u64 *)o)[1] = POISON8;
}

void heap_debug_alloc(const struct kmem_cache *c, void *o, u32 size, u64 ip)
{
	struct heap_tag *tag = heap_tag_of(c, o);
	const u8 *b = o;
	u32 at;

	((u64 *)o)[0] = POISON8;
	if (tag->state != HEAP_FREE)
		panic("heap: the debug tag after free object %p of cache %s was overwritten", o,
		      c->name);
	at = first_other(b, 0, c->usable, POISON);
	if (at < c->usable)
		panic("heap: object %p of cache %s was written after it was freed by %pS: byte %u is %02x, expected %02x",
		      o, c->name, (void *)tag->ip, at, b[at], POISON);
	at = first_other(b, c->usable, c->usable + HEAP_RED_BYTES, RED);
	if (at < c->usable + HEAP_RED_BYTES)
		panic("heap: free object %p of cache %s was written past its end: byte %u is %02x, expected %02x",
		      o, c->name, at, b[at], RED);
	memset((u8 *)o + size, RED, c->usable - size);
	*tag = (struct heap_tag){ ip, size, HEAP_LIVE };
	heap_debug_account(size);
}

void heap_debug_free(const struct kmem_cache *c, void *o, u64 ip)
{
	const struct page *p = virt_to_page(o);
	struct heap_tag *tag = heap_tag_of(c, o);
	const u8 *b = o;
	u32 at;

	if (!(p->flags & PG_SLAB) || p->slab_cache != c)
		panic("heap: %p, freed by %pS, is not an object of cache %s", o, (void *)ip,
		      c->name);
	if (((u64)o & (PAGE_SIZE - 1)) % c->size)
		panic("heap: %p, freed by %pS, is not the start of an object of cache %s", o,
		      (void *)ip, c->name);
	if (tag->state == HEAP_FREE)
		panic("heap: object %p of cache %s freed twice, first by %pS, now by %pS", o,
		      c->name, (void *)tag->ip, (void *)ip);
	if (tag->state != HEAP_LIVE || tag->size > c->usable)
		panic("heap: the debug tag after object %p of cache %s was overwritten", o,
		      c->name);
	at = first_other(b, tag->size, c->usable + HEAP_RED_BYTES, RED);
	if (at < c->usable + HEAP_RED_BYTES)
		panic("heap: object %p of cache %s was written past its %u bytes: byte %u is %02x, expected %02x; allocated by %pS",
		      o, c->name, tag->size, at, b[at], RED, (void *)tag->ip);
	heap_debug_account(-(s64)tag->size);
	fill_free(c, o, ip);
}

/* Whole pages: the tag is in the first struct page, the others point to it. */

void heap_debug_large_alloc(struct page *p, u32 order, size_t size, u64 ip)
{
	p->mapping = (void *)ip;
	p->index = size;
	for (u64 i = 1; i < 1ull << order; i++) {
		p[i].flags = PG_LARGE | PG_TAIL;
		p[i].mapping = p;
	}
	heap_debug_account((s64)size);
	memset((u8 *)page_address(p) + size, RED, (PAGE_SIZE << order) - size);
}

void heap_debug_large_free(struct page *p, u32 order)
{
	const u8 *b = page_address(p);

	if (p->flags & PG_TAIL)
		panic("heap: %p is freed, but is not the start of an allocation", b);
	for (u64 i = p->index; i < PAGE_SIZE << order; i++)
		if (unlikely(b[i] != RED))
			panic("heap: %p was written past its %lu bytes: byte %lu is %02x, expected %02x; allocated by %pS",
			      b, p->index, i, b[i], RED, p->mapping);
	heap_debug_account(-(s64)p->index);
	for (u64 i = 1; i < 1ull << order; i++)
		p[i].flags = 0;
}

size_t heap_debug_size(const void *ptr)
{
	const struct page *p = virt_to_page(ptr);

	return p->flags & PG_SLAB ? heap_tag_of(p->slab_cache, ptr)->size : p->index;
}
