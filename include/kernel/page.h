/* SPDX-License-Identifier: MIT */
/**
 * @file page.h  The allocator of physical pages ("heap" in the project's mission).
 *
 * Each page frame has a struct page, initialised when its block is first used.
 * Zones: below 4 GiB on request. Per-CPU caches of single pages in front of a buddy.
 */
#pragma once
#include <asm/string.h>
#include <kernel/atomic.h>
#include <kernel/rcu.h>
#include <kernel/types.h>

struct page {
	u32 flags;	    /* PG_* and owner-specific bits */
	struct atomic refs; /* 0: free */
	union {
		struct {
			struct page *next, *prev;
		}; /* free lists; free use by the owner */
		struct {
			void *mapping;
			u64 index;
		}; /* page cache */
		struct {
			void *slab_cache;
			void *slab_free;
		};
		struct rcu_head rcu; /* page tables */
	};
	union {
		u32 order; /* of a free or compound block */
		struct {
			u16 slab_inuse, slab_cpu;
			u32 slab_prev; /* frame number of the page before */
		};		       /* heap.c */
		u64 private;
	};
};
_Static_assert(sizeof(struct page) == 32, "struct page is 32 bytes");
#define PG_BUDDY    0x1 /* head of a free block */
#define PG_SLAB	    0x2
#define PG_LARGE    0x4 /* kmalloc of whole pages; order in ->order */
#define PG_DIRTY    0x10
#define PG_RESERVED 0x80
#define PG_FREE	    0x200  /* in a CPU's stack of free pages */
#define PG_POISONED 0x400  /* free, and holds the pattern (CONFIG_DEBUG_PAGEALLOC) */
#define PG_TAIL	    0x800  /* not the first page of a PG_LARGE (CONFIG_DEBUG_HEAP) */
#define PG_DRIVER   0x1000 /* a driver may read and write it; of DMA memory each page */
#define PG_LENDER \
	0x2000 /* a page table of whose entries another space's table has no copies yet (mm/vm_loan.c) */
#define PG_BORROWER 0x4000 /* that table */
#define PG_LOAN	    (PG_LENDER | PG_BORROWER)

#define PAGE_ZERO     0x1 /* fill with zeroes */
#define PAGE_BELOW_4G 0x2
#define PAGE_USER     0x8 /* for user memory: fails earlier, leaving a reserve for the kernel */

#ifdef __BANOS_HOST__
/* A unit test on the host maps memory of its own there. */
#define PHYSMAP_BASE 0x200000000000ull
#define PAGEMAP_BASE 0x300000000000ull
#else
#define PHYSMAP_BASE 0xffff800000000000ull
#define PAGEMAP_BASE 0xffffe00000000000ull
#endif
/** Kernel address of physical memory (RAM known at boot). */
static inline void *phys_to_virt(phys_t pa)
{
	return (void *)(PHYSMAP_BASE + pa);
}
static inline phys_t virt_to_phys(const void *va)
{
	return (u64)va - PHYSMAP_BASE;
} /* physmap addresses only */
#define pagemap ((struct page *)PAGEMAP_BASE)
static inline struct page *phys_to_page(phys_t pa)
{
	return &pagemap[pa >> PAGE_SHIFT];
}
static inline phys_t page_to_phys(const struct page *page)
{
	return (phys_t)(page - pagemap) << PAGE_SHIFT;
}
static inline void *page_address(const struct page *page)
{
	return phys_to_virt(page_to_phys(page));
}
static inline struct page *virt_to_page(const void *va)
{
	return phys_to_page(virt_to_phys(va));
}

/** One page, refs 1. Any context. @return NULL when there is none. */
struct page *page_alloc(u32 flags);
/** 2^order contiguous, aligned pages (order <= 10), refs 1 on the first. */
struct page *pages_alloc(u32 order, u32 flags);
void pages_free(struct page *page, u32 order);
static inline void page_get(struct page *page)
{
	atomic_inc(&page->refs);
}
void page_free(struct page *page); /* refs has reached 0 or is 1 and ours alone */
static inline void page_put(struct page *page)
{
	if (atomic_dec_and_test(&page->refs))
		page_free(page);
}
/** Is what is left kept for the kernel (PAGE_USER fails)? A hint: other CPUs allocate and free meanwhile. */
bool page_user_exhausted(void);
/** Is there less than twice that left: should caches shrink? A hint, as above. */
bool page_user_low(void);
/** Called while page_user_low(), at most once for some pages that are allocated. Any context: wakes a thread. */
extern void (*page_low_hook)(void);
/** Is this physical address RAM that the allocator manages? */
bool page_is_ram(phys_t pa);

struct mem_info {
	u64 total, free, cached, slab, page_tables, kernel_stacks, anon, file, dirty, write_back;
}; /* pages */
void mem_info_get(struct mem_info *info);
/* Accounts kept by their owners, in pages; summed over CPUs by mem_info_get(). */
enum mem_account {
	MEM_CACHED, /* files of tmpfs */
	MEM_SLAB,
	MEM_TABLES,
	MEM_STACKS,
	MEM_ANON,
	MEM_FILE, /* files that are stored below: the next two are among them */
	MEM_DIRTY,
	MEM_WRITEBACK,
	MEM_ACCOUNTS
};
void mem_account(enum mem_account which, s64 npages);
/** The sum of one account over all CPUs. */
u64 mem_account_sum(enum mem_account which);

static inline void clear_page(void *page)
{
	fill_words(page, 0, PAGE_SIZE / sizeof(u64));
}
static inline void copy_page(void *to, const void *from)
{
	copy_words(to, from, PAGE_SIZE / sizeof(u64));
}
