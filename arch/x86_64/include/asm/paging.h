/* SPDX-License-Identifier: MIT */
/** @file paging.h  The kernel's own page tables, and the fast page that is used before they exist. */
#pragma once
#include <asm/pgtable.h>

/**
 * Reach a physical page through this CPU's fast-page slot (0..3) and return its
 * address; valid until the slot is used again. Any context; the caller keeps
 * preemption off. The only way to memory before paging_init().
 */
void *fast_page_map(u32 slot, phys_t phys);
/** Copy out of physical memory, through slot 0. Boot only. */
void phys_read(void *dst, phys_t src, size_t count);
/** Does the map of all physical memory exist (paging_init() sets it)? */
extern bool physmap_ready;
/** Is this kernel address mapped? Walks the live tables; any context. */
bool kernel_address_mapped(u64 va);
/** The bits of an entry that maps memory of the kernel, writable. */
#define PTE_KERNEL (PTE_P | PTE_W | PTE_A | PTE_D)
/** Build and load the real tables. @p image: the kernel's sections are known by their symbols. */
void paging_init(void);
/**
 * Map kernel memory with the largest pages that fit. Tables come from
 * page_alloc(). The caller owns [va, va+len). @return 0, -ENOMEM (what was mapped stays)
 */
int __must_check kernel_map(u64 va, phys_t pa, u64 len, u64 pte_flags);
/** Entry of a 4 KiB mapping in kernel space; made when @p create. NULL: none. */
pte_t *kernel_pte(u64 va, bool create);
extern phys_t kernel_root;
