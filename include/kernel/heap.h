/* SPDX-License-Identifier: MIT */
/** @file heap.h  The kmalloc heap, object caches, and the kernel's virtual ranges. */
#pragma once
#include <kernel/types.h>

/** @p size bytes, aligned to 16 (to its size for powers of two up to a page). Any context. NULL when there is no memory. */
void *kmalloc(size_t size) __attribute__((malloc));
void *kzalloc(size_t size) __attribute__((malloc));
/** n * size with an overflow check, zeroed. */
void *kcalloc(size_t n, size_t size);
void *krealloc(void *p, size_t new_size);
void kfree(const void *p);			/* NULL is fine */
char *kstrdup(const char *s);
size_t kmalloc_usable(const void *p);

struct kmem_cache;
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align);
void *kmem_cache_alloc(struct kmem_cache *c);	/* not zeroed */
void *kmem_cache_zalloc(struct kmem_cache *c);
void kmem_cache_free(struct kmem_cache *c, void *p);

enum kprot { KPROT_R = 1, KPROT_RW = 3, KPROT_RX = 5 };	/* never writable and executable */
enum krange_area { KRANGE_GENERAL, KRANGE_DRIVER /* top 2 GiB, for driver code and data */ };
/** @p npages zeroed pages, not contiguous physically, with an unmapped guard page below and above. Sleeps. */
void *krange_alloc(enum krange_area area, size_t npages, enum kprot prot);
/** Change the protection of part of a range. Flushes TLBs. */
int krange_protect(void *addr, size_t npages, enum kprot prot);
void krange_free(void *addr);
enum kcache { KCACHE_WB, KCACHE_UC, KCACHE_WC };
/** Map device memory. */
void *krange_map_phys(phys_t phys, size_t size, enum kcache c);
void krange_unmap_phys(void *addr);
/** kmalloc for small, krange for large sizes; zeroed; kvfree() frees either. Sleeps. */
void *kvzalloc(size_t size);
void kvfree(const void *p);
