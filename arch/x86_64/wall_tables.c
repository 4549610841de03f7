// SPDX-License-Identifier: MIT
/*
 * Page tables of drivers behind a wall; <asm/wall.h>.
 *
 * An entry is a copy of the kernel's for the same address, never global: each change of CR3 makes the
 * processor forget all of them. So what is unmapped is gone at the next way in or out, or
 * the next interrupt, and no message is sent for it.
 */
#include <asm/cpu.h>
#include <asm/layout.h>
#include <asm/paging.h>
#include <asm/wall.h>
#include <kernel/err.h>
#include <kernel/panic.h>
#include <kernel/string.h>
#include "cpu_tables.h"

extern u8 _text[], _etext[], _data[], _image_end[];
extern u8 _wall_text[], _wall_text_end[], _wall_data[], _wall_data_end[];
extern const struct {
	const void *function;
	const char *name;
} wall_compiler_functions[];

u64 wall_kernel_cr3 __wall_data; /* wall.S */

/* What the kernel itself has there; 0: nothing. */
static pte_t wall_kernel_entry(u64 va)
{
	const pte_t *entry;

	if (va - PHYSMAP_BASE < PHYSMAP_SIZE)
		return virt_to_phys((void *)va) | pte_kernel_bits(true, false);
	if (va >= (u64)_text && va < (u64)_image_end)
		return (va - KERNEL_VMA) | pte_kernel_bits(va >= (u64)_data, va < (u64)_etext);
	entry = kernel_pte(va, false);
	return entry ? READ_ONCE(*entry) : 0;
}

static struct page *wall_table_alloc(struct wall_tables *tables)
{
	struct page *page = page_alloc(PAGE_ZERO);

	if (!page)
		return NULL;
	mem_account(MEM_TABLES, 1);
	page->next = tables->pages;
	tables->pages = page;
	return page;
}

/* The entry of the lowest level; NULL: there is none, or no memory for it. */
static pte_t *wall_entry(struct wall_tables *tables, u64 va, bool create)
{
	pte_t *table = phys_to_virt(tables->root & PTE_ADDR);

	for (u32 level = PT_LEVELS; level > 1; level--) {
		pte_t *entry = &table[pt_index(va, level)];

		if (!pte_present(*entry)) {
			struct page *page = create ? wall_table_alloc(tables) : NULL;

			if (!page)
				return NULL;
			*entry = page_to_phys(page) | PTE_P | PTE_W | PTE_A;
		}
		table = pte_table(*entry);
	}
	return &table[pt_index(va, 1)];
}

int wall_tables_map(struct wall_tables *tables, const void *start, u64 bytes, bool write)
{
	u64 end = (u64)start + bytes, flags;
	int err = 0;

	flags = spin_lock_irqsave(&tables->lock);
	for (u64 va = (u64)start & PAGE_MASK; va < end && !err; va += PAGE_SIZE) {
		pte_t *entry = wall_entry(tables, va, true), kernels = wall_kernel_entry(va);

		BUG_ON(!pte_present(kernels));
		if (entry)
			*entry = kernels & ~(PTE_G | PTE_SOFT_DRIVER | (write ? 0 : PTE_W));
		else
			err = -ENOMEM;
	}
	spin_unlock_irqrestore(&tables->lock, flags);
	return err;
}

void wall_tables_unmap(struct wall_tables *tables, const void *start, u64 bytes)
{
	u64 end = (u64)start + bytes, flags = spin_lock_irqsave(&tables->lock);

	for (u64 va = (u64)start & PAGE_MASK; va < end; va += PAGE_SIZE) {
		pte_t *entry = wall_entry(tables, va, false);

		if (entry)
			*entry = 0;
	}
	spin_unlock_irqrestore(&tables->lock, flags);
}

u64 wall_tables_span(struct wall_tables *tables, const void *start, u64 max, bool write)
{
	u64 va = (u64)start, done = 0, flags;

	flags = spin_lock_irqsave(&tables->lock);
	while (done < max && va + done >= PT_USER_END) {
		const pte_t *entry = wall_entry(tables, va + done, false);

		if (!entry || !pte_allows(*entry, write))
			break;
		done += PAGE_SIZE - ((va + done) & (PAGE_SIZE - 1));
	}
	spin_unlock_irqrestore(&tables->lock, flags);
	return MIN(done, max);
}

static int wall_map_cpu(struct wall_tables *tables, const struct cpu *cpu)
{
	const struct cpu_tables *own = cpu->arch;
	int err = wall_tables_map(tables, own, sizeof(*own), false);

	for (u32 i = 0; i < IST_STACKS && !err; i++)
		err = wall_tables_map(tables, own->ist_stacks[i], IST_PAGES * PAGE_SIZE, true);
	return err;
}

int wall_tables_init(struct wall_tables *tables)
{
	struct page *root;
	int err;

	spin_init(&tables->lock);
	tables->pages = NULL;
	root = wall_table_alloc(tables);
	if (!root)
		return -ENOMEM;
	tables->root = page_to_phys(root) | CR3_DRIVER;
	wall_kernel_cr3 = kernel_root;
	err = wall_tables_map(tables, _wall_text, _wall_text_end - _wall_text, false);
	if (!err)
		err = wall_tables_map(tables, _wall_data, _wall_data_end - _wall_data, false);
	for (u32 i = 0; i < cpu_count && !err; i++)
		err = wall_map_cpu(tables, cpus[i]);
	if (err)
		wall_tables_destroy(tables);
	return err;
}

void wall_tables_destroy(struct wall_tables *tables)
{
	while (tables->pages) {
		struct page *page = tables->pages;

		tables->pages = page->next;
		mem_account(MEM_TABLES, -1);
		page_free(page);
	}
	tables->root = 0;
}

const void *wall_compiler_function(const char *name)
{
	for (u32 i = 0; wall_compiler_functions[i].name; i++)
		if (!strcmp(wall_compiler_functions[i].name, name))
			return wall_compiler_functions[i].function;
	return NULL;
}
