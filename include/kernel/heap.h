/* SPDX-License-Identifier: MIT */
/** @file heap.h  The kmalloc heap, object caches, and the kernel's virtual ranges. */
#pragma once
#include <kernel/types.h>

/** @p size bytes, aligned to 16 (to its size for powers of two up to a page). Any context. NULL when there is no memory. */
void *kmalloc(size_t size) __attribute__((malloc));
void *kzalloc(size_t size) __attribute__((malloc));
/** n * size with an overflow check, zeroed. */
void *kcalloc(size_t count, size_t size);
void *krealloc(void *memory, size_t new_size);
void kfree(const void *memory); /* NULL is fine */
char *kstrdup(const char *text);
size_t kmalloc_usable(const void *memory);

struct kmem_cache;
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align);
void *kmem_cache_alloc(struct kmem_cache *cache); /* not zeroed */
void *kmem_cache_zalloc(struct kmem_cache *cache);
void kmem_cache_free(struct kmem_cache *cache, void *object);

enum kprot { KPROT_R = 1, KPROT_RW = 3, KPROT_RX = 5 }; /* never writable and executable */
enum krange_area { KRANGE_GENERAL, KRANGE_DRIVER /* top 2 GiB, for driver code and data */ };
/** @p npages zeroed pages, not contiguous physically, with an unmapped guard page below and above. Sleeps. */
void *krange_alloc(enum krange_area area, size_t npages, enum kprot prot);
/** The same, not zeroed: the caller writes each byte before any other code can read it. */
void *krange_alloc_raw(enum krange_area area, size_t npages, enum kprot prot);
/** The same for a stack: what calls have left in it counts for nothing when leaks are looked for. */
void *krange_alloc_stack(size_t npages);
/** Change the protection of part of a range. Flushes TLBs. */
int krange_protect(void *addr, size_t npages, enum kprot prot);
void krange_free(void *addr);
enum kcache { KCACHE_WB, KCACHE_UC, KCACHE_WC };
/** Map device memory. @return NULL: no memory, no such addresses, or a page of them is mapped with other caching */
void *krange_map_phys(phys_t phys, size_t size, enum kcache cache);
void krange_unmap_phys(void *addr);
/** kmalloc for small, krange for large sizes; zeroed; kvfree() frees either. Sleeps. */
void *kvzalloc(size_t size);
void kvfree(const void *memory);

/* ---- memory for drivers ---- */

/** kzalloc() of whole pages, which a driver may read and write. Any context. */
void *kzalloc_driver(size_t size);
/** A range is a driver's to read and write, from now on until it is freed. Sleeps. */
void krange_mark_driver(void *addr);
/**
 * How many bytes from @p memory on, @p max at most, are memory that drivers have: image of a file, allocation, DMA
 * buffer, mapped device memory. Stacks and what is linked into the kernel are not looked at. Any context.
 */
u64 driver_memory_span(const void *memory, u64 max, bool write);

/* ---- for tests ---- */

/* Bytes of heap objects and kernel ranges (not of what describes those) in use; 0 without CONFIG_DEBUG_HEAP. Injected failures: fault_injection.h. */
#ifdef CONFIG_DEBUG_HEAP
s64 heap_debug_live(void);
extern s64 heap_debug_live_bytes;
static inline void heap_debug_account(s64 bytes)
{
	__atomic_fetch_add(&heap_debug_live_bytes, bytes, __ATOMIC_RELAXED);
}
#else
static inline s64 heap_debug_live(void)
{
	return 0;
}
static inline void heap_debug_account(s64 bytes)
{
}
#endif
