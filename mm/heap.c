/* SPDX-License-Identifier: MIT */
/*
 * The kmalloc heap: object caches over single pages.
 *
 * A cache cuts pages into objects of one size. Free objects of a page form a
 * list through their first word. A page belongs to the CPU that allocated it; those with
 * free objects form that CPU's partial list. In front of that each CPU has a magazine of ready objects
 * per cache: allocating and freeing there touches nothing shared. What a CPU frees that another one
 * allocated returns to the other's page when the magazine is drained; so CPUs
 * that free what they allocate never touch the same lines. kfree() finds the
 * cache through the struct page. Sizes above half a page are whole pages.
 *
 * Locks: magazines: interrupts off on their CPU. slab_list.lock (any context):
 * a partial list, and slab_* and the free lists of its CPU's pages.
 *
 * With CONFIG_DEBUG_HEAP objects are filled when free and end in a red zone
 * (heap_debug.c); all of them can be searched for leaks (leak.c).
 *
 * Bonwick, "Magazines and Vmem", USENIX 2001.
 */
#include <kernel/driver_heap.h>
#include <kernel/fault_injection.h>
#include <kernel/heap.h>
#include <kernel/heap_init.h>
#include <kernel/spinlock.h>
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

/* The pages of a cache that belong to one CPU. */
struct slab_list {
	spinlock_t lock;      /* guards what follows, and slab_* of the pages */
	u32 nr_pages;	      /* told by scripts/gdb alone */
	u32 nr_empty;	      /* pages without a live object */
	struct page *partial; /* pages with free objects */
} __aligned(32);

struct heap_cpu {
	struct magazine magazines[MAX_CACHES];
	struct slab_list slabs[MAX_CACHES];
	u16 id;
};

static struct kmem_cache caches[MAX_CACHES];
static u32 nr_caches;
static DEFINE_SPINLOCK(caches_lock); /* guards nr_caches: the taking of a new cache */
static struct heap_cpu boot_heap;
static struct heap_cpu *heap_cpus[CPU_MAX]; /* by heap_cpu.id */

static const u16 class_size[] = {
	16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 672, 1024, 1344, 2048
};
#define NR_CLASSES ARRAY_SIZE(class_size)
_Static_assert(NR_CLASSES == DRIVER_HEAP_CLASSES, "classes");
#define CLASS_MAX 2048u
static u8 class_of[CLASS_MAX / 16 + 1]; /* by (size + 15) / 16 */
u8 driver_heap_class[DRIVER_HEAP_MAX / 16 + 1];
static u32 driver_caches; /* number of the first of NR_CLASSES */

/* ---- pages of a cache, of one CPU; list->lock held ---- */

static void partial_push(struct slab_list *list, struct page *page)
{
	assert_held(&list->lock);
	/* struct page has no free field: the pointer to the next page is stored in the first free object */
	struct page **link = page->slab_free;

	link[1] = list->partial;
	if (list->partial)
		list->partial->slab_prev = page_to_phys(page) >> PAGE_SHIFT;
	page->slab_prev = 0;
	list->partial = page;
}

static void partial_remove(struct slab_list *list, struct page *page)
{
	struct page *next = ((struct page **)page->slab_free)[1];

	assert_held(&list->lock);
	if (page->slab_prev)
		((struct page **)phys_to_page((phys_t)page->slab_prev << PAGE_SHIFT)
			 ->slab_free)[1] = next;
	else
		list->partial = next;
	if (next)
		next->slab_prev = page->slab_prev;
}

static bool slab_grow(struct kmem_cache *cache, struct slab_list *list, u16 cpu)
{
	struct page *page = page_alloc(0);
	u8 *base;
	void **last = NULL;

	assert_held(&list->lock);
	if (!page)
		return false;
	base = page_address(page);
	page->flags = PG_SLAB;
	page->slab_cache = cache;
	page->slab_inuse = 0;
	page->slab_cpu = cpu;
	for (u32 i = cache->per_page; i--;) {
		void **object = (void **)(base + i * cache->size);

		if (DEBUG)
			heap_debug_fresh(cache, object);
		*object = last;
		last = object;
	}
	page->slab_free = last;
	partial_push(list, page);
	list->nr_empty++;
	list->nr_pages++;
	mem_account(MEM_SLAB, 1);
	return true;
}

/* Take free objects of the list's pages until the magazine is half full. */
static void magazine_take(struct magazine *magazine, struct slab_list *list)
{
	struct page *page;

	assert_held(&list->lock);
	while (magazine->count < MAGAZINE / 2 && (page = list->partial)) {
		void **object = page->slab_free;

		partial_remove(list, page);
		page->slab_free = *object;
		list->nr_empty -= !page->slab_inuse++;
		if (page->slab_free)
			partial_push(list, page);
		if (DEBUG)
			heap_debug_unlink(object);
		magazine->obj[magazine->count++] = object;
	}
}

/* There is no page for this CPU: other CPUs may have free objects. */
static __noinline void magazine_take_elsewhere(const struct kmem_cache *cache,
					       struct magazine *magazine)
{
	for (u32 i = 0; i < CPU_MAX && !magazine->count; i++) {
		struct heap_cpu *other = READ_ONCE(heap_cpus[i]);

		if (!other)
			continue;
		struct slab_list *list = &other->slabs[cache->index];

		spin_lock(&list->lock);
		magazine_take(magazine, list);
		spin_unlock(&list->lock);
	}
}

/* Fill a magazine by half. @return false when there is no memory. */
static __noinline bool magazine_fill(struct kmem_cache *cache, struct magazine *magazine)
{
	struct heap_cpu *heap =
		container_of(this_cpu()->slot[CPU_SLOT_HEAP], struct heap_cpu, magazines);
	struct slab_list *list = &heap->slabs[cache->index];

	spin_lock(&list->lock);
	do
		magazine_take(magazine, list);
	while (!magazine->count && slab_grow(cache, list, heap->id));
	spin_unlock(&list->lock);
	if (unlikely(!magazine->count))
		magazine_take_elsewhere(cache, magazine);
	return magazine->count;
}

static void page_return_object(struct slab_list *list, struct page *page, void **object)
{
	void **first = page->slab_free;

	assert_held(&list->lock);
	page->slab_inuse--;
	if (!page->slab_inuse && list->nr_empty) { /* keep one such page at most */
		if (first)
			partial_remove(list, page);
		page->slab_cache = NULL;
		list->nr_pages--;
		mem_account(MEM_SLAB, -1);
		page->flags = 0;
		page_free(page);
		return;
	}
	list->nr_empty += !page->slab_inuse;
	*object = first;
	if (first) {
		object[1] = first[1]; /* the link moves to the new first object */
		if (DEBUG)
			heap_debug_unlink(first);
		page->slab_free = object;
	} else {
		page->slab_free = object;
		partial_push(list, page);
	}
}

static struct slab_list *slab_list_switch(const struct kmem_cache *cache, struct slab_list *from,
					  u32 cpu)
{
	struct slab_list *list = &heap_cpus[cpu]->slabs[cache->index];

	if (from)
		spin_unlock(&from->lock);
	spin_lock(&list->lock);
	return list;
}

static __noinline void magazine_drain(const struct kmem_cache *cache, struct magazine *magazine)
{
	struct slab_list *list = NULL;
	u32 cpu = CPU_MAX;

	while (magazine->count > MAGAZINE / 2) {
		void **object = magazine->obj[--magazine->count];
		struct page *page = virt_to_page(object);

		if (unlikely(page->slab_cpu != cpu)) {
			cpu = page->slab_cpu;
			list = slab_list_switch(cache, list, cpu);
		}
		page_return_object(list, page, object);
	}
	spin_unlock(&list->lock);
}

/* ---- caches ---- */

/* An object for @p size bytes, on behalf of @p ip. */
static inline void *cache_alloc(struct kmem_cache *cache, u32 size, u64 ip)
{
	if (fault_inject(FAULT_HEAP))
		return NULL;
	u64 irqflags = irq_save();
	struct magazine *magazine = this_cpu()->slot[CPU_SLOT_HEAP];
	void *object;

	magazine += cache->index;
	if (unlikely(!magazine->count) && !magazine_fill(cache, magazine)) {
		irq_restore(irqflags);
		return NULL;
	}
	object = magazine->obj[--magazine->count];
	if (DEBUG)
		magazine->obj[magazine->count] =
			NULL; /* nothing but its owner points to it: leak.c */
	irq_restore(irqflags);
	if (DEBUG)
		heap_debug_alloc(cache, object, size, ip);
	return object;
}

static inline void cache_free(struct kmem_cache *cache, void *object, u64 ip)
{
	u64 irqflags = irq_save();
	struct magazine *magazine = this_cpu()->slot[CPU_SLOT_HEAP];

	magazine += cache->index;
	if (DEBUG)
		heap_debug_free(cache, object, ip);
	if (unlikely(magazine->count == MAGAZINE))
		magazine_drain(cache, magazine);
	magazine->obj[magazine->count++] = object;
	irq_restore(irqflags);
}

void *kmem_cache_alloc(struct kmem_cache *cache)
{
	return cache_alloc(cache, cache->object, CALLER);
}
void kmem_cache_free(struct kmem_cache *cache, void *object)
{
	cache_free(cache, object, CALLER);
}

/* Clear the result of an allocation, which may be NULL. */
static void *heap_clear(void *memory, size_t size)
{
	if (memory)
		memset(memory, 0, size);
	return memory;
}

void *kmem_cache_zalloc(struct kmem_cache *cache)
{
	return heap_clear(cache_alloc(cache, cache->object, CALLER), cache->object);
}

static void cache_init(struct kmem_cache *cache, const char *name, size_t size, size_t align)
{
	cache->name = name;
	cache->object = size;
	cache->size = ALIGN_UP(MAX(size, 16ul) + HEAP_TAIL, MAX(align, 16ul));
	cache->usable = cache->size - HEAP_TAIL;
	cache->per_page = PAGE_SIZE / cache->size;
	cache->index = cache - caches;
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align)
{
	struct kmem_cache *cache = NULL;

	BUG_ON(ALIGN_UP(size + HEAP_TAIL, MAX(align, 16ul)) > PAGE_SIZE);
	spin_lock(&caches_lock);
	if (nr_caches < MAX_CACHES)
		cache = &caches[nr_caches++];
	spin_unlock(&caches_lock);
	if (cache)
		cache_init(cache, name, size, align);
	return cache;
}

bool heap_is_cache(const void *candidate)
{
	return (const struct kmem_cache *)candidate >= caches &&
	       (const struct kmem_cache *)candidate < caches + nr_caches;
}

/* ---- kmalloc ---- */

static u32 class_align(u32 size)
{
	bool power_of_two = !(size & (size - 1));

	if (power_of_two)
		return size;
	return 16;
}

void heap_init(void)
{
	u32 number = 0;

	heap_cpus[0] = &boot_heap;
	this_cpu()->slot[CPU_SLOT_HEAP] = boot_heap.magazines;
	for (u32 i = 0; i < NR_CLASSES; i++)
		cache_init(&caches[nr_caches++], "kmalloc", class_size[i],
			   class_align(class_size[i]));
	driver_caches = nr_caches;
	for (u32 i = 0; i < NR_CLASSES; i++) {
		cache_init(&caches[nr_caches], "drivers", class_size[i],
			   class_align(class_size[i]));
		caches[nr_caches].drivers = caches[nr_caches].opaque = true;
		nr_caches++;
	}
	for (u32 i = 0; i < ARRAY_SIZE(class_of); i++) {
		while (number < NR_CLASSES && caches[number].usable < i * 16)
			number++;
		class_of[i] = number; /* NR_CLASSES: too large with a red zone */
		/* Of the smallest there are too many for the descriptor of their slab. */
		driver_heap_class[i] = MAX(number, 1u);
	}
}

bool heap_cpu_init(struct cpu *cpu)
{
	struct heap_cpu *heap = kzalloc(sizeof(*heap));

	if (!heap)
		return false;
	heap->id = cpu->id;
	cpu->slot[CPU_SLOT_HEAP] = heap->magazines;
	smp_store_release(&heap_cpus[cpu->id], heap);
	return true;
}

static u32 large_order(size_t size)
{
	u32 order = 0;

	while ((PAGE_SIZE << order) < size)
		order++;
	return order;
}

static __noinline void *large_alloc(size_t size, u64 ip)
{
	u32 order;
	struct page *page;

	if (size > PAGE_SIZE << 10 || fault_inject(FAULT_HEAP))
		return NULL;
	order = large_order(size);
	page = order ? pages_alloc(order, 0) : page_alloc(0);
	if (!page)
		return NULL;
	page->flags = PG_LARGE;
	page->order = order;
	mem_account(MEM_SLAB, 1l << order);
	if (DEBUG)
		heap_debug_large_alloc(page, order, size, ip);
	return page_address(page);
}

static void large_free(struct page *page)
{
	u32 order = page->order;

	if (unlikely(!(page->flags & PG_LARGE)))
		panic("heap: %p is freed, but is not allocated (page flags %x)", page_address(page),
		      page->flags);
	if (DEBUG)
		heap_debug_large_free(page, order);
	mem_account(MEM_SLAB, -(1l << order));
	page->flags = 0;
	if (order)
		pages_free(page, order);
	else
		page_free(page);
}

inline void *heap_alloc(size_t size, u64 ip)
{
	if (likely(size <= CLASS_MAX)) {
		u32 number = class_of[(size + 15) / 16];

		if (likely(number < NR_CLASSES))
			return cache_alloc(&caches[number], size, ip);
	}
	return large_alloc(size, ip);
}

void *kmalloc(size_t size)
{
	return heap_alloc(size, CALLER);
}

void kfree(const void *ptr)
{
	struct page *memory;

	if (!ptr)
		return;
	memory = virt_to_page(ptr);
	if (likely(memory->flags & PG_SLAB))
		cache_free(memory->slab_cache, (void *)ptr, CALLER);
	else
		large_free(memory);
}

size_t kmalloc_usable(const void *memory)
{
	struct page *page = virt_to_page(memory);

	if (DEBUG)
		return heap_debug_size(memory);
	if (page->flags & PG_SLAB)
		return ((struct kmem_cache *)page->slab_cache)->usable;
	return PAGE_SIZE << page->order;
}

void *kzalloc_driver(size_t size)
{
	void *memory = large_alloc(size, CALLER);

	if (memory)
		virt_to_page(memory)->flags |= PG_DRIVER;
	return heap_clear(memory, size);
}

const struct kmem_cache *heap_driver_cache(u32 class)
{
	return &caches[driver_caches + class];
}

void *kzalloc(size_t size)
{
	return heap_clear(heap_alloc(size, CALLER), size);
}

void *kcalloc(size_t count, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(count, size, &total))
		return NULL;
	return heap_clear(heap_alloc(total, CALLER), total);
}

void *krealloc(void *old, size_t new_size)
{
	size_t have = old ? kmalloc_usable(old) : 0;
	void *memory;

	if (old && new_size && new_size <= have && new_size * 2 > have && !DEBUG)
		return old; /* debugging: the red zone must move */
	memory = heap_alloc(new_size, CALLER);
	if (memory && old) {
		memcpy(memory, old, MIN(have, new_size));
		kfree(old);
	}
	return memory;
}

char *kstrdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = heap_alloc(size, CALLER);

	if (copy)
		memcpy(copy, text, size);
	return copy;
}
