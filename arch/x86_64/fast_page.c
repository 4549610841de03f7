/* SPDX-License-Identifier: MIT */
/*
 * Reaching memory before the kernel has its page tables, and asking what is mapped.
 *
 * head.S hangs one table of fast pages into the first page tables: a few slots for each CPU, whose
 * entries are rewritten to reach any physical page. paging_init() keeps that table.
 */
#include <asm/cpu.h>
#include <asm/layout.h>
#include <asm/paging.h>
#include <kernel/string.h>

extern u8 _image_end[];
extern pte_t fast_pt[]; /* boot/head.S */

bool physmap_ready;

void *fast_page_map(u32 slot, phys_t phys)
{
	u32 index = cpu_id() * FASTPAGE_SLOTS + slot;
	u64 va = FASTPAGE_BASE + (u64)index * PAGE_SIZE;

	fast_pt[index] = (phys & PTE_ADDR) | PTE_KERNEL | pte_nx_mask;
	tlb_flush_local_page(va);
	return (void *)va;
}

void phys_read(void *dst, phys_t src, size_t left)
{
	u8 *out = dst;

	while (left) {
		size_t offset = src & (PAGE_SIZE - 1), length = MIN(left, PAGE_SIZE - offset);

		memcpy(out, (u8 *)fast_page_map(0, src) + offset, length);
		out += length;
		src += length;
		left -= length;
	}
}

bool kernel_address_mapped(u64 va)
{
	phys_t table = read_cr3() & PTE_ADDR;

	if (!physmap_ready)
		return va >= KERNEL_VMA && va < (u64)_image_end;
	for (u32 level = 4; level; level--) {
		pte_t entry = ((pte_t *)phys_to_virt(table))[pt_index(va, level)];

		if (!(entry & PTE_P))
			return false;
		if (level == 1 || (level < 4 && (entry & PTE_PS)))
			return true;
		table = entry & PTE_ADDR;
	}
	return false;
}
