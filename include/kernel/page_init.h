/* SPDX-License-Identifier: MIT */
/** @file page_init.h  The page allocator's beginnings; boot only. */
#pragma once
#include <kernel/boot.h>
#include <kernel/page.h>

/**
 * Take over the RAM of boot_info, less the image and the modules. Only ranges
 * are noted; nothing of that memory is touched. Fixed arena in .bss.
 */
void page_boot_init(phys_t image_start, phys_t image_end);
/** One page, not cleared, reached through fast pages. 0: none. Before page_init(). */
phys_t page_boot_alloc(void);
/** All RAM of the firmware's memory map, ascending. */
u32 page_boot_ram(const struct mem_range **out);
/** A free page for the start of other processors, @p preferred or any below @p limit; 0: none. Freed by page_boot_free(). */
phys_t page_boot_take_low(phys_t preferred, phys_t limit);
/** Add RAM that was kept out (modules, init sections) to the allocator. Whole pages. */
void page_boot_free(phys_t start, phys_t end);
/** The page tables are built: struct pages can be mapped, page_alloc() works from here on. */
void page_init(void);
/** Create the page stack of a CPU that is being started. @return false: no memory */
struct cpu;
bool page_cpu_init(struct cpu *cpu);
