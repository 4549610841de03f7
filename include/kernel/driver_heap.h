/* SPDX-License-Identifier: MIT */
/**
 * @file driver_heap.h  The small allocations of one driver.
 *
 * Each driver has pages of its own: what it writes to beyond an end is its own. What the
 * kernel knows of them (which object is free, which belongs to whom) lies elsewhere, and
 * nothing that a driver writes to an object, live or free, leads the kernel astray.
 *
 * Locking: the functions are called with heap->lock held. Any context.
 */
#pragma once
#include <asm/probe.h>
#include <kernel/fault_injection.h>
#include <kernel/list.h>
#include <kernel/page.h>
#include <kernel/spinlock.h>

/** Objects of so many sizes, as kmalloc()'s. */
#define DRIVER_HEAP_CLASSES 14u
/** The largest size, in bytes. */
#define DRIVER_HEAP_MAX 2048u

struct driver_heap {
	spinlock_t *lock;
	struct list partial[DRIVER_HEAP_CLASSES]; /* slabs with free objects */
	struct list slabs;     /* all; those that the last pass has seen at the end */
	u64 pass;	       /* of driver_heap_release() */
	const void *releasing; /* the owner that it was last called for */
	/** May it have so many bytes more of the machine's memory (fewer, below 0)? @return 0, -ENOMEM */
	int (*charge)(struct driver_heap *heap, s64 bytes);
#ifdef CONFIG_GATE_WALL
	/** A page of objects begins, or ends, to be the driver's. @return 0, -ENOMEM */
	int (*share)(struct driver_heap *heap, void *page, bool share);
#endif
};

/** A page of objects of one size, of one driver. */
struct driver_slab {
	struct list partial; /* heap->partial[], or empty: no object is free */
	struct list link;    /* heap->slabs */
	struct driver_heap *heap;
	u8 *page;
	u32 size;	/* of an object, with what debugging adds */
	u32 reciprocal; /* an offset in the page times this, divided by 2^32, is an object's number */
	u32 free;	/* number of the first free object; DRIVER_OBJECT_NONE */
	u32 live, count; /* objects: live, all */
	u32 class;
	u64 pass; /* the last one that has seen it */
	/** Of a live object: owner and size; of a free one: number of the next free one. */
	u64 entries[];
};
/* An entry of a live object: the owner's address without its upper bits, which are ones, above the size. */
#define DRIVER_ENTRY_BITS  16
#define DRIVER_OBJECT_NONE 0xffffu
#define DRIVER_ENTRY_FREE  (1u << DRIVER_ENTRY_BITS) /* it is free below this */

/** @brief Initialise an empty one. */
void driver_heap_init(struct driver_heap *heap, spinlock_t *lock,
		      int (*charge)(struct driver_heap *heap, s64 bytes));
/**
 * @brief Free some of an owner's objects.
 * @param bytes  out: their sizes
 * @return how many; 0: there are none
 */
u32 driver_heap_release(struct driver_heap *heap, const void *owner, u64 *bytes);
/** @brief The end of a heap without live objects: free its pages. */
void driver_heap_destroy(struct driver_heap *heap);

/* ---- for the inline functions ---- */

/** By (size + 15) / 16. */
extern u8 driver_heap_class[DRIVER_HEAP_MAX / 16 + 1];
/** @brief A new slab in heap->partial[class]. @return false: no memory */
bool __must_check driver_heap_grow(struct driver_heap *heap, u32 class);
/** @brief The object that was freed was the only live one, or the only one that was not free before. */
void driver_slab_freed(struct driver_slab *slab);
#ifdef CONFIG_DEBUG_HEAP
void driver_heap_debug_alloc(const struct driver_slab *slab, void *object, u32 size);
void driver_heap_debug_free(const struct driver_slab *slab, void *object);
#else
static inline void driver_heap_debug_alloc(const struct driver_slab *slab, void *object, u32 size)
{
}
static inline void driver_heap_debug_free(const struct driver_slab *slab, void *object)
{
}
#endif

/* ---- objects ---- */

/** @brief driver_heap_alloc() without a new slab: also NULL if none has a free object. */
static inline void *driver_heap_take(struct driver_heap *heap, u32 size, const void *owner)
{
	const struct list *partial = &heap->partial[driver_heap_class[(size + 15) / 16]];
	struct driver_slab *slab;
	void *object;
	u32 number;

	assert_held(heap->lock);
	if (fault_inject(FAULT_HEAP) || unlikely(list_empty(partial)))
		return NULL;
	slab = list_first(partial, struct driver_slab, partial);
	number = slab->free;
	slab->free = slab->entries[number];
	slab->entries[number] = (u64)owner << DRIVER_ENTRY_BITS | size;
	slab->live++;
	if (unlikely(slab->free == DRIVER_OBJECT_NONE))
		list_del(&slab->partial);
	object = slab->page + number * slab->size;
	driver_heap_debug_alloc(slab, object, size);
	return object;
}

/**
 * @brief Allocate an object, not zeroed, 16-aligned.
 * @param size   1 to DRIVER_HEAP_MAX bytes
 * @param owner  whose it is, an address of the kernel's
 * @return NULL: no memory
 */
static inline void *driver_heap_alloc(struct driver_heap *heap, u32 size, const void *owner)
{
	u32 class = driver_heap_class[(size + 15) / 16];

	if (unlikely(list_empty(&heap->partial[class])) && !driver_heap_grow(heap, class))
		return NULL;
	return driver_heap_take(heap, size, owner);
}

/*
 * The slab of this heap that an address lies in, which a driver has passed. Slabs of this
 * heap neither come nor go meanwhile, so what its own page says is true; what other pages
 * say may change, and is only compared.
 */
static inline struct driver_slab *driver_slab_at(const struct driver_heap *heap, const void *object)
{
	const struct page *page = virt_to_page(object);
	struct driver_slab *slab;
	u32 flags;

	if (unlikely((u64)object - PHYSMAP_BASE >= PHYSMAP_SIZE))
		return NULL;
	flags = (u32)probe_load((const u64 *)&page->flags); /* not all memory has a struct page */
	if (unlikely((flags & (PG_SLAB | PG_DRIVER)) != (PG_SLAB | PG_DRIVER)))
		return NULL;
	slab = READ_ONCE(page->slab_free);
	if (unlikely(!slab || slab->heap != heap || (u64)object - (u64)slab->page >= PAGE_SIZE))
		return NULL;
	return slab;
}

/* The slab, number and size of a live object of this heap and owner; NULL: it is none. */
static inline struct driver_slab *driver_object_find(const struct driver_heap *heap,
						     const void *object, const void *owner,
						     u32 *number, u32 *size)
{
	struct driver_slab *slab = driver_slab_at(heap, object);
	u32 offset;
	u64 entry;

	assert_held(heap->lock);
	if (unlikely(!slab))
		return NULL;
	offset = (u32)((u64)object - (u64)slab->page);
	*number = ((u64)offset * slab->reciprocal) >> 32;
	if (unlikely(*number >= slab->count || *number * slab->size != offset))
		return NULL;
	/* Of this owner's, nothing but the size is left. */
	entry = slab->entries[*number] ^ (u64)owner << DRIVER_ENTRY_BITS;
	if (unlikely(entry > DRIVER_HEAP_MAX))
		return NULL;
	*size = (u32)entry;
	return slab;
}

static inline void driver_object_give(struct driver_slab *slab, u32 number, void *object)
{
	driver_heap_debug_free(slab, object);
	slab->entries[number] = slab->free;
	slab->free = number;
	slab->live--;
}

/**
 * @brief Free an object.
 * @param object  any address
 * @return its size; 0: it is not the start of a live object of this heap and owner
 */
static inline u32 driver_heap_free(struct driver_heap *heap, void *object, const void *owner)
{
	u32 number, size, others;
	struct driver_slab *slab = driver_object_find(heap, object, owner, &number, &size);

	if (unlikely(!slab))
		return 0;
	others = slab->free;
	driver_object_give(slab, number, object);
	if (unlikely(others == DRIVER_OBJECT_NONE || !slab->live))
		driver_slab_freed(slab);
	return size;
}

/** @brief The same where the slab remains where it is: also 0, with nothing changed, where it would not. */
static inline u32 driver_heap_give(struct driver_heap *heap, void *object, const void *owner)
{
	u32 number, size;
	struct driver_slab *slab = driver_object_find(heap, object, owner, &number, &size);

	if (unlikely(!slab || slab->free == DRIVER_OBJECT_NONE))
		return 0;
	if (unlikely(slab->live == 1 && slab->partial.next != slab->partial.prev))
		return 0;
	driver_object_give(slab, number, object);
	return size;
}
