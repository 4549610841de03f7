/* SPDX-License-Identifier: MIT */
/*
 * The kmalloc heap: object caches over single pages.
 *
 * A cache cuts pages into objects of one size. Free objects of a page form a
 * list through their first word; pages with free objects form the cache's
 * partial list. In front of that each CPU has a magazine of ready objects per
 * cache: allocating and freeing there touches nothing shared. kfree() finds the
 * cache through the struct page. Sizes above half a page are whole pages.
 *
 * Locks: magazines: interrupts off on their CPU. cache->lock (any context):
 * partial list and the pages' free lists.
 *
 * With CONFIG_DEBUG_HEAP objects are filled when free and end in a red zone
 * (heap_debug.c); all of them can be searched for leaks (leak.c).
 *
 * Bonwick, "Magazines and Vmem", USENIX 2001.
 */
#include <kernel/fault_injection.h>
#include <kernel/heap.h>
#include <kernel/heap_init.h>
#include <kernel/lock.h>
#include <kernel/page.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include "internal.h"

#define MAGAZINE   15 /* with the count a power of two */
#define MAX_CACHES 96
#define DEBUG	   IS_ENABLED(CONFIG_DEBUG_HEAP)

struct magazine {
	u64 count;
	void *obj[MAGAZINE];
};

static struct kmem_cache caches[MAX_CACHES];
static u32 nr_caches;
static DEFINE_SPINLOCK(caches_lock);
static struct magazine boot_magazines[MAX_CACHES];

static const u16 class_size[] = {
	16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 672, 1024, 1344, 2048
};
#define NR_CLASSES ARRAY_SIZE(class_size)
#define CLASS_MAX  2048u
static u8 class_of[CLASS_MAX / 16 + 1]; /* by (size + 15) / 16 */
static u32 driver_caches;		/* number of the first of NR_CLASSES */

/* ---- pages of a cache; cache->lock held ---- */

static void partial_push(struct kmem_cache *c, struct page *p)
{
	assert_held(&c->lock);
	/* struct page has no room: the next page stands in the first free object */
	struct page **link = p->slab_free;

	link[1] = c->partial;
	if (c->partial)
		c->partial->slab_prev = page_to_phys(p) >> PAGE_SHIFT;
	p->slab_prev = 0;
	c->partial = p;
}

static void partial_remove(struct kmem_cache *c, struct page *p)
{
	struct page *next = ((struct page **)p->slab_free)[1];

	assert_held(&c->lock);
	if (p->slab_prev)
		((struct page **)phys_to_page((phys_t)p->slab_prev << PAGE_SHIFT)->slab_free)[1] =
			next;
	else
		c->partial = next;
	if (next)
		next->slab_prev = p->slab_prev;
}

static bool cache_grow(struct kmem_cache *c)
{
	struct page *p = page_alloc(PAGE_ATOMIC);
	u8 *base;
	void **last = NULL;

	assert_held(&c->lock);
	if (!p)
		return false;
	base = page_address(p);
	p->flags = PG_SLAB;
	p->slab_cache = c;
	p->slab_inuse = 0;
	for (u32 i = c->per_page; i--;) {
		void **o = (void **)(base + i * c->size);

		if (DEBUG)
			heap_debug_fresh(c, o);
		*o = last;
		last = o;
	}
	p->slab_free = last;
	partial_push(c, p);
	c->nr_pages++;
	c->nr_empty++;
	mem_account(MEM_SLAB, 1);
	return true;
}

/* Fill a magazine by half. @return false when there is no memory. */
static __noinline bool magazine_fill(struct kmem_cache *c, struct magazine *m)
{
	spin_lock(&c->lock);
	while (m->count < MAGAZINE / 2) {
		struct page *p = c->partial;

		if (!p) {
			if (m->count || !cache_grow(c))
				break;
			continue;
		}
		void **o = p->slab_free;

		partial_remove(c, p);
		p->slab_free = *o;
		c->nr_empty -= !p->slab_inuse++;
		if (p->slab_free)
			partial_push(c, p);
		if (DEBUG)
			heap_debug_unlink(o);
		m->obj[m->count++] = o;
	}
	spin_unlock(&c->lock);
	return m->count;
}

static void page_return_object(struct kmem_cache *c, void **o)
{
	struct page *p = virt_to_page(o);
	void **first = p->slab_free;

	assert_held(&c->lock);
	p->slab_inuse--;
	if (!p->slab_inuse && c->nr_empty) { /* keep one such page at most */
		if (first)
			partial_remove(c, p);
		p->slab_cache = NULL;
		c->nr_pages--;
		mem_account(MEM_SLAB, -1);
		p->flags = 0;
		page_free(p);
		return;
	}
	c->nr_empty += !p->slab_inuse;
	*o = first;
	if (first) {
		o[1] = first[1]; /* the link moves to the new first object */
		if (DEBUG)
			heap_debug_unlink(first);
		p->slab_free = o;
	} else {
		p->slab_free = o;
		partial_push(c, p);
	}
}

static __noinline void magazine_drain(struct kmem_cache *c, struct magazine *m)
{
	spin_lock(&c->lock);
	while (m->count > MAGAZINE / 2)
		page_return_object(c, m->obj[--m->count]);
	spin_unlock(&c->lock);
}

/* ---- caches ---- */

/* An object for @p size bytes, on behalf of @p ip. */
static inline void *cache_alloc(struct kmem_cache *c, u32 size, u64 ip)
{
	if (fault_inject(FAULT_HEAP))
		return NULL;
	u64 irq = irq_save();
	struct magazine *m = (struct magazine *)this_cpu()->slot[CPU_SLOT_HEAP] + c->index;
	void *o;

	if (unlikely(!m->count) && !magazine_fill(c, m)) {
		irq_restore(irq);
		return NULL;
	}
	o = m->obj[--m->count];
	if (DEBUG)
		m->obj[m->count] = NULL; /* nothing but its owner points to it: leak.c */
	irq_restore(irq);
	if (DEBUG)
		heap_debug_alloc(c, o, size, ip);
	return o;
}

static inline void cache_free(struct kmem_cache *c, void *o, u64 ip)
{
	u64 irq = irq_save();
	struct magazine *m = (struct magazine *)this_cpu()->slot[CPU_SLOT_HEAP] + c->index;

	if (DEBUG)
		heap_debug_free(c, o, ip);
	if (unlikely(m->count == MAGAZINE))
		magazine_drain(c, m);
	m->obj[m->count++] = o;
	irq_restore(irq);
}

void *kmem_cache_alloc(struct kmem_cache *c)
{
	return cache_alloc(c, c->object, CALLER);
}
void kmem_cache_free(struct kmem_cache *c, void *o)
{
	cache_free(c, o, CALLER);
}

void *kmem_cache_zalloc(struct kmem_cache *c)
{
	void *o = cache_alloc(c, c->object, CALLER);

	return o ? memset(o, 0, c->object) : NULL;
}

static void cache_init(struct kmem_cache *c, const char *name, size_t size, size_t align)
{
	c->name = name;
	c->object = size;
	c->size = ALIGN_UP(MAX(size, 16ul) + HEAP_TAIL, MAX(align, 16ul));
	c->usable = c->size - HEAP_TAIL;
	c->per_page = PAGE_SIZE / c->size;
	c->index = c - caches;
	spin_init(&c->lock);
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align)
{
	struct kmem_cache *c = NULL;

	BUG_ON(ALIGN_UP(size + HEAP_TAIL, MAX(align, 16ul)) > PAGE_SIZE);
	spin_lock(&caches_lock);
	if (nr_caches < MAX_CACHES)
		c = &caches[nr_caches++];
	spin_unlock(&caches_lock);
	if (c)
		cache_init(c, name, size, align);
	return c;
}

bool heap_is_cache(const void *c)
{
	return (const struct kmem_cache *)c >= caches &&
	       (const struct kmem_cache *)c < caches + nr_caches;
}

/* ---- kmalloc ---- */

static u32 class_align(u32 size)
{
	return size & (size - 1) ? 16 : size; /* powers of two are aligned to themselves */
}

void heap_init(void)
{
	u32 k = 0;

	this_cpu()->slot[CPU_SLOT_HEAP] = boot_magazines;
	for (u32 i = 0; i < NR_CLASSES; i++)
		cache_init(&caches[nr_caches++], "kmalloc", class_size[i],
			   class_align(class_size[i]));
	driver_caches = nr_caches;
	for (u32 i = 0; i < NR_CLASSES; i++) {
		cache_init(&caches[nr_caches], "drivers", class_size[i],
			   class_align(class_size[i]));
		caches[nr_caches++].drivers = true;
	}
	for (u32 i = 0; i < ARRAY_SIZE(class_of); i++) {
		while (k < NR_CLASSES && caches[k].usable < i * 16)
			k++;
		class_of[i] = k; /* NR_CLASSES: too large with a red zone */
	}
}

bool heap_cpu_init(struct cpu *c)
{
	c->slot[CPU_SLOT_HEAP] = kzalloc(sizeof(boot_magazines));
	return c->slot[CPU_SLOT_HEAP];
}

static u32 order_for(size_t size)
{
	u32 order = 0;

	while ((PAGE_SIZE << order) < size)
		order++;
	return order;
}

static __noinline void *large_alloc(size_t size, u64 ip)
{
	u32 order;
	struct page *p;

	if (size > PAGE_SIZE << 10 || fault_inject(FAULT_HEAP))
		return NULL;
	order = order_for(size);
	p = order ? pages_alloc(order, 0) : page_alloc(0);
	if (!p)
		return NULL;
	p->flags = PG_LARGE;
	p->order = order;
	mem_account(MEM_SLAB, 1l << order);
	if (DEBUG)
		heap_debug_large_alloc(p, order, size, ip);
	return page_address(p);
}

static void large_free(struct page *p)
{
	u32 order = p->order;

	if (unlikely(!(p->flags & PG_LARGE)))
		panic("heap: %p is freed, but is not allocated (page flags %x)", page_address(p),
		      p->flags);
	if (DEBUG)
		heap_debug_large_free(p, order);
	mem_account(MEM_SLAB, -(1l << order));
	p->flags = 0;
	if (order)
		pages_free(p, order);
	else
		page_free(p);
}

inline void *heap_alloc(size_t size, u64 ip)
{
	if (likely(size <= CLASS_MAX)) {
		u32 k = class_of[(size + 15) / 16];

		if (likely(k < NR_CLASSES))
			return cache_alloc(&caches[k], size, ip);
	}
	return large_alloc(size, ip);
}

void *kmalloc(size_t size)
{
	return heap_alloc(size, CALLER);
}

void kfree(const void *ptr)
{
	struct page *p;

	if (!ptr)
		return;
	p = virt_to_page(ptr);
	if (likely(p->flags & PG_SLAB))
		cache_free(p->slab_cache, (void *)ptr, CALLER);
	else
		large_free(p);
}

size_t kmalloc_usable(const void *ptr)
{
	struct page *p = virt_to_page(ptr);

	if (DEBUG)
		return heap_debug_size(ptr);
	return p->flags & PG_SLAB ? ((struct kmem_cache *)p->slab_cache)->usable
				  : PAGE_SIZE << p->order;
}

void *kzalloc_driver(size_t size)
{
	u32 k = size <= CLASS_MAX ? class_of[(size + 15) / 16] : NR_CLASSES;
	void *p = k < NR_CLASSES ? cache_alloc(&caches[driver_caches + k], size, CALLER)
				 : large_alloc(size, CALLER);

	if (p && k == NR_CLASSES)
		virt_to_page(p)->flags |= PG_DRIVER;
	return p ? memset(p, 0, size) : NULL;
}

void *kzalloc(size_t size)
{
	void *p = heap_alloc(size, CALLER);

	return p ? memset(p, 0, size) : NULL;
}

void *kcalloc(size_t n, size_t size)
{
	size_t total;
	void *p;

	if (__builtin_mul_overflow(n, size, &total))
		return NULL;
	p = heap_alloc(total, CALLER);
	return p ? memset(p, 0, total) : NULL;
}

void *krealloc(void *old, size_t new_size)
{
	size_t have = old ? kmalloc_usable(old) : 0;
	void *p;

	if (old && new_size && new_size <= have && new_size * 2 > have && !DEBUG)
		return old; /* debugging: the red zone has to move */
	p = heap_alloc(new_size, CALLER);
	if (p && old) {
		memcpy(p, old, MIN(have, new_size));
		kfree(old);
	}
	return p;
}

char *kstrdup(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = heap_alloc(n, CALLER);

	return p ? memcpy(p, s, n) : NULL;
}
