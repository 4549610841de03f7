/* SPDX-License-Identifier: MIT */
/*
 * The kernel's page tables.
 *
 * Boot has three steps. head.S maps the image and links one table of fast
 * pages; through a fast page any physical page can be accessed, so the allocator
 * of physical pages can start. Then paging_init() builds the final tables from
 * its pages: all RAM at PHYSMAP_BASE with the largest pages the CPU has and the
 * map has room for, and the image section by section. From then on tables are
 * reached through the physmap.
 *
 * The upper half of the top table never changes after paging_init(): each of
 * the entries in use is filled there, so that user tables copy them once.
 * Lower kernel tables are filled under krange's lock and never freed.
 *
 * Intel SDM vol. 3, 4.5; 4.10.4 (invalidation).
 */
#include <asm/cpu.h>
#include <asm/layout.h>
#include <asm/paging.h>
#include <kernel/boot.h>
#include <kernel/err.h>
#include <kernel/fault_injection.h>
#include <kernel/heap.h>
#include <kernel/page_init.h>
#include <kernel/printk.h>
#include <kernel/string.h>

extern u8 _image_start[], _text[], _etext[], _rodata[], _data[], _image_end[];
extern pte_t boot_pdpt_high[];

phys_t kernel_root;

#define PHYS(sym) ((u64)(sym)-KERNEL_VMA)

#define LARGE_PAGE_SIZE (2ull << 20) /* one entry of a table of level 2 */
#define HUGE_PAGE_SIZE	(1ull << 30) /* of level 3; where the CPU has them */
#define TOP_ENTRY_SHIFT 39	     /* an entry of the top table covers 512 GiB */

/* A table by its physical address: through the physmap, or a fast page while that is being built. */
static pte_t *table_at(phys_t table, u32 slot)
{
	if (physmap_ready)
		return phys_to_virt(table);
	return fast_page_map(slot, table);
}

static phys_t table_alloc(void)
{
	phys_t table;

	if (fault_inject(FAULT_TABLE))
		return 0;
	if (!physmap_ready) {
		table = page_boot_alloc();
		if (table)
			clear_page(fast_page_map(3, table));
		return table;
	}
	struct page *page = page_alloc(PAGE_ZERO);

	if (!page)
		return 0;
	mem_account(MEM_TABLES, 1);
	return page_to_phys(page);
}

/* The table of @p level that covers @p va, made on the way; 0 = no memory, 1 = a large page lies there. */
static phys_t paging_walk(u64 va, u32 level, bool create)
{
	phys_t table = kernel_root;

	for (u32 above = 4; above > level; above--) {
		pte_t *entry = &table_at(table, 0)[pt_index(va, above)];

		if (!(*entry & PTE_P)) {
			phys_t new_table = 0;

			if (create)
				new_table = table_alloc();
			if (!new_table)
				return 0;
			*entry = new_table | PTE_P | PTE_W | PTE_A;
		} else if (above < 4 && (*entry & PTE_PS)) {
			return 1;
		}
		table = *entry & PTE_ADDR;
	}
	return table;
}

static bool fits_page(u64 va, phys_t pa, u64 len, u64 size)
{
	return !((va | pa) & (size - 1)) && len >= size;
}

int kernel_map(u64 va, phys_t pa, u64 len, u64 flags)
{
	while (len) {
		u32 level = 1;
		u64 size = PAGE_SIZE;

		if (cpu_features.gbpages && fits_page(va, pa, len, HUGE_PAGE_SIZE))
			level = 3;
		else if (fits_page(va, pa, len, LARGE_PAGE_SIZE))
			level = 2;
		size <<= 9 * (level - 1);
		phys_t table = paging_walk(va, level, true);

		if (table <= 1)
			return -ENOMEM;
		/* fill this table up to its end */
		pte_t *entry = table_at(table, 0);

		for (u32 i = pt_index(va, level); i < PTRS_PER_TABLE && len >= size; i++) {
			entry[i] = pa | flags | (level > 1 ? PTE_PS : 0);
			va += size;
			pa += size;
			len -= size;
			if (level == 1 && fits_page(va, pa, len, LARGE_PAGE_SIZE))
				break; /* larger pages fit from here on */
			if (level == 2 && cpu_features.gbpages &&
			    fits_page(va, pa, len, HUGE_PAGE_SIZE))
				break;
		}
	}
	return 0;
}

/* Without a loop: most pointers of drivers are looked at in this way. @return 0: there is no table of small pages */
static phys_t paging_find(u64 va)
{
	pte_t entry = table_at(kernel_root, 0)[pt_index(va, 4)];

	if (!(entry & PTE_P))
		return 0;
	entry = table_at(entry & PTE_ADDR, 0)[pt_index(va, 3)];
	if ((entry & (PTE_P | PTE_PS)) != PTE_P)
		return 0;
	entry = table_at(entry & PTE_ADDR, 0)[pt_index(va, 2)];
	if ((entry & (PTE_P | PTE_PS)) != PTE_P)
		return 0;
	return entry & PTE_ADDR;
}

pte_t *kernel_pte(u64 va, bool create)
{
	phys_t table = create ? paging_walk(va, 1, true) : paging_find(va);

	if (table > 1)
		return &table_at(table, 0)[pt_index(va, 1)];
	return NULL;
}

static void paging_must(int err)
{
	if (err)
		boot_stop("not enough memory for page tables");
}

/* One RAM range into the physmap, the image's text and rodata read-only there too. */
static void map_ram(phys_t start, phys_t end)
{
	const phys_t ro_start = PHYS(_image_start), ro_end = PHYS(_data);
	const u64 rw = PTE_KERNEL | pte_nx_mask | pte_global_mask;
	struct {
		phys_t start, end;
		u64 flags;
	} part[3] = {
		{ start, MIN(end, ro_start), rw },
		{ MAX(start, ro_start), MIN(end, ro_end), rw & ~PTE_W },
		{ MAX(start, ro_end), end, rw },
	};

	for (u32 i = 0; i < 3; i++)
		if (part[i].start < part[i].end)
			paging_must(kernel_map(PHYSMAP_BASE + part[i].start, part[i].start,
					       part[i].end - part[i].start, part[i].flags));
}

/* The tables for the struct pages of a range, so that mapping those later needs no memory but their own. */
static void prepare_pagemap(phys_t start, phys_t end)
{
	u64 va = (u64)phys_to_page(start), last = (u64)phys_to_page(end - 1);

	for (va &= ~(LARGE_PAGE_SIZE - 1); va <= last; va += LARGE_PAGE_SIZE)
		if (paging_walk(va, 1, true) <= 1)
			paging_must(-ENOMEM);
}

static void map_image(const u8 *first, const u8 *last, u64 flags)
{
	u64 start = (u64)first, end = PAGE_ALIGN((u64)last);

	paging_must(kernel_map(start, PHYS(start), end - start,
			       PTE_P | PTE_A | PTE_D | flags | pte_global_mask));
}

void paging_init(void)
{
	const struct mem_range *range;
	u32 count = page_boot_ram(&range);

	kernel_root = table_alloc();
	if (!kernel_root)
		paging_must(-ENOMEM);
	/* top entries in use, once and for all */
	for (u32 i = 0; i < count; i++)
		for (u64 top = range[i].start >> TOP_ENTRY_SHIFT;
		     top <= (range[i].end - 1) >> TOP_ENTRY_SHIFT; top++)
			if (paging_walk(PHYSMAP_BASE + (top << TOP_ENTRY_SHIFT), 3, true) <= 1)
				paging_must(-ENOMEM);
	if (paging_walk(KRANGE_BASE, 3, true) <= 1 || paging_walk(PAGEMAP_BASE, 3, true) <= 1)
		paging_must(-ENOMEM);
	for (u32 i = 0; i < count; i++) {
		map_ram(range[i].start, range[i].end);
		prepare_pagemap(range[i].start, range[i].end);
	}
	map_image(_image_start, _rodata, 0);
	map_image(_rodata, _data, pte_nx_mask);
	map_image(_data, _image_end, PTE_W | pte_nx_mask);
	/* the fast pages' own tables stay as head.S made them */
	phys_t pdpt = paging_walk(FASTPAGE_BASE, 3, true);

	if (pdpt <= 1)
		paging_must(-ENOMEM);
	table_at(pdpt, 0)[pt_index(FASTPAGE_BASE, 3)] = boot_pdpt_high[PTRS_PER_TABLE - 1];
	write_cr3(kernel_root);
	physmap_ready = true;
}

/*
 * User top tables. Each CPU keeps a few freed ones: their lower half is all
 * zero again and the upper half is right, which saves clearing and copying.
 */
#define ROOTS_KEPT 4

static phys_t user_root_create(void)
{
	struct page *page;

	if (fault_inject(FAULT_TABLE))
		return 0;
	preempt_disable();
	page = this_cpu()->slot[CPU_SLOT_ROOTS];
	if (page)
		this_cpu()->slot[CPU_SLOT_ROOTS] = page->next;
	preempt_enable();
	if (page)
		return page_to_phys(page);
	page = page_alloc(PAGE_ZERO);
	if (!page)
		return 0;
	mem_account(MEM_TABLES, 1);
	memcpy((pte_t *)page_address(page) + 256, (pte_t *)phys_to_virt(kernel_root) + 256, 2048);
	return page_to_phys(page);
}

int pt_space_init(struct pt_space *space)
{
	space->root = user_root_create();
	if (!space->root)
		return -ENOMEM;
	memset(&space->cpus, 0, sizeof(space->cpus));
	if (pcid_enabled) {
		preempt_disable();
		pcid_space_init(pt_pcid(space), cpu_pcid(this_cpu()), cpu_id());
		preempt_enable();
	}
	return 0;
}

void pt_user_free_root(phys_t root)
{
	struct page *page = phys_to_page(root), *first;

	preempt_disable();
	first = this_cpu()->slot[CPU_SLOT_ROOTS];
	if (first)
		page->private = first->private + 1;
	else
		page->private = 1;
	if (page->private <= ROOTS_KEPT) {
		page->next = first;
		this_cpu()->slot[CPU_SLOT_ROOTS] = page;
		page = NULL;
	}
	preempt_enable();
	if (!page)
		return;
	mem_account(MEM_TABLES, -1);
	page_free(page);
}
