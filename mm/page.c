/* SPDX-License-Identifier: MIT */
/*
 * The allocator of physical pages.
 *
 * Memory passes through three stages. At first it is a list of untouched
 * ranges in a fixed arena (the reservoir); pages for the first page tables are
 * cut off it and reached through fast pages. When pages are needed, a block of
 * 4 MiB leaves the reservoir: its struct pages are made (in memory of its own)
 * and its free pages are added to a buddy allocator. So the boot costs the same for
 * any amount of memory. In front of the buddy each CPU keeps a stack of single
 * pages, and touches nothing shared while that is neither empty nor full. A full
 * stack gives pages to the zone's depot in batches, from which an empty one takes
 * them: a few instructions under the lock for many pages. The buddy gets
 * them when the depot is full, or when a block is wanted that only they can make.
 *
 * Zones: 0 below 4 GiB, 1 above; requests without PAGE_BELOW_4G try 1 first.
 * A block never spans zones; the buddy never merges beyond a block.
 *
 * Locks: zone->lock (any context, interrupts off) guards its buddy lists;
 * reservoir_lock, inside it, the ranges. CPU stacks: interrupts off.
 *
 * Knuth, TAOCP vol. 1, 2.5 (buddy system).
 */
#include <asm/paging.h>
#include <kernel/fault_injection.h>
#include <kernel/spinlock.h>
#include <kernel/memmap.h>
#include <kernel/page.h>
#include <kernel/page_init.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include "internal.h"

#define MAX_ORDER   10
#define BLOCK_SHIFT (PAGE_SHIFT + MAX_ORDER)
#define BLOCK_SIZE  (1ull << BLOCK_SHIFT)
#define BLOCK_META  ((PAGE_SIZE << MAX_ORDER) / PAGE_SIZE * sizeof(struct page) / PAGE_SIZE)
#define ZONE_LIMIT  (1ull << 32)
#define DEBUG	    IS_ENABLED(CONFIG_DEBUG_PAGEALLOC)
#define KEPT	    (DEBUG ? PG_POISONED : 0) /* of the flags, while a page is free */
#define CACHE_MIN   62
#define CACHE_MAX   446 /* so that struct page_cpu is one page */
#define CACHE_SHARE 64	/* all CPUs' stacks together hold up to one in so many pages */
#define CACHE_BATCH 16
#define CACHE_ORDER 4u /* of the largest block taken at once */

struct zone {
	spinlock_t
		lock; /* guards what follows; free_pages, depot_pages and grown are also read without it */
	struct page *free[MAX_ORDER + 1];
	u64 free_pages;	    /* in those lists */
	struct page *depot; /* heads of batches, through ->prev; a batch through ->next */
	u64 depot_pages;    /* the head's ->order: of a batch */
	bool grown;	    /* no more blocks are reserved for it */
} __aligned(64);

/* One CPU's stack of pages. */
struct page_cpu {
	u32 count;
	u32 reserved;
	struct page *stack[CACHE_MAX];
} __aligned(64);

static struct zone zones[2];
static DEFINE_SPINLOCK(reservoir_lock); /* guards reservoir, nr_reservoir once CPUs run */
static struct mem_range reservoir[BOOT_MAX_RANGES];
static u32 nr_reservoir;
static struct mem_range ram[BOOT_MAX_RANGES];
static u32 nr_ram;
static u64 total_pages, reserve_pages, boot_pages, depot_max;
static u32 cache_limit, cache_cpus; /* pages in a CPU's stack; how many CPUs have one */
static struct page_cpu boot_page_cpu;
static bool ready;

void page_boot_init(phys_t image_start, phys_t image_end)
{
	nr_ram = memmap_ram(boot_info.map, boot_info.nr_ranges, ram, BOOT_MAX_RANGES);
	for (u32 i = 0; i < nr_ram; i++)
		total_pages += (ram[i].end - ram[i].start) >> PAGE_SHIFT;
	memcpy(reservoir, ram, sizeof(ram));
	nr_reservoir = nr_ram;
	/* page 0 stays free of us: a null physical address means "none" */
	nr_reservoir = memmap_remove(reservoir, nr_reservoir, BOOT_MAX_RANGES, 0, PAGE_SIZE);
	nr_reservoir =
		memmap_remove(reservoir, nr_reservoir, BOOT_MAX_RANGES, image_start, image_end);
	for (u32 i = 0; i < boot_info.nr_modules; i++)
		nr_reservoir = memmap_remove(reservoir, nr_reservoir, BOOT_MAX_RANGES,
					     boot_info.modules[i].start & PAGE_MASK,
					     PAGE_ALIGN(boot_info.modules[i].end));
}

u32 page_boot_ram(const struct mem_range **out)
{
	*out = ram;
	return nr_ram;
}

bool page_is_ram(phys_t pa)
{
	return memmap_contains(ram, nr_ram, pa & PAGE_MASK, (pa & PAGE_MASK) + PAGE_SIZE);
}

/* From the end of the last range below 4 GiB: low memory is left for devices that need it. */
phys_t page_boot_alloc(void)
{
	u32 i = nr_reservoir;

	if (fault_inject(FAULT_PAGE))
		return 0;
	while (i && reservoir[i - 1].start >= ZONE_LIMIT)
		i--;
	if (!i)
		return 0;
	phys_t end = reservoir[i - 1].end;

	nr_reservoir =
		memmap_remove(reservoir, nr_reservoir, BOOT_MAX_RANGES, end - PAGE_SIZE, end);
	boot_pages++;
	return end - PAGE_SIZE;
}

phys_t page_boot_take_low(phys_t preferred, phys_t limit)
{
	phys_t pa = 0;
	u64 flags = spin_lock_irqsave(&reservoir_lock);

	if (memmap_contains(reservoir, nr_reservoir, preferred, preferred + PAGE_SIZE))
		pa = preferred;
	for (u32 i = 0; i < nr_reservoir && !pa; i++)
		if (reservoir[i].start + PAGE_SIZE <= limit)
			pa = reservoir[i].start;
	if (pa)
		nr_reservoir =
			memmap_remove(reservoir, nr_reservoir, BOOT_MAX_RANGES, pa, pa + PAGE_SIZE);
	spin_unlock_irqrestore(&reservoir_lock, flags);
	return pa;
}

/* ---- buddy: under zone->lock ---- */

static void free_list_push(struct zone *zone, struct page *page, u32 order)
{
	page->flags = (page->flags & KEPT) | PG_BUDDY;
	page->order = order;
	page->prev = NULL;
	page->next = zone->free[order];
	if (page->next)
		page->next->prev = page;
	zone->free[order] = page;
}

static void free_list_unlink(struct zone *zone, struct page *page, u32 order)
{
	if (page->prev)
		page->prev->next = page->next;
	else
		zone->free[order] = page->next;
	if (page->next)
		page->next->prev = page->prev;
	page->flags &= KEPT;
}

static void buddy_free(struct zone *zone, struct page *page, u32 order)
{
	assert_held(&zone->lock);
	zone->free_pages += 1ull << order;
	page->flags &= KEPT;
	while (order < MAX_ORDER) {
		struct page *buddy = pagemap + ((u64)(page - pagemap) ^ (1ull << order));

		if (!(buddy->flags & PG_BUDDY) || buddy->order != order)
			break;
		free_list_unlink(zone, buddy, order);
		page = MIN(page, buddy);
		order++;
	}
	free_list_push(zone, page, order);
}

/* The order of the smallest free block; MAX_ORDER if there is none. */
static u32 smallest_order(const struct zone *zone)
{
	u32 order = 0;

	assert_held(&zone->lock);
	while (order < MAX_ORDER && !zone->free[order])
		order++;
	return order;
}

static struct page *buddy_take(struct zone *zone, u32 order)
{
	assert_held(&zone->lock);
	for (u32 larger = order; larger <= MAX_ORDER; larger++) {
		struct page *page = zone->free[larger];

		if (!page)
			continue;
		free_list_unlink(zone, page, larger);
		for (u32 half = larger; half-- > order;)
			free_list_push(zone, page + (1ull << half), half);
		zone->free_pages -= 1ull << order;
		return page;
	}
	return NULL;
}

/* ---- the reservoir ---- */

static struct zone *zone_of(phys_t pa)
{
	return &zones[pa >= ZONE_LIMIT];
}

static void zone_free_range(struct zone *zone, phys_t start, phys_t end)
{
	while (start < end) {
		u32 order = MIN((u32)__builtin_ctzll(start >> PAGE_SHIFT), (u32)MAX_ORDER);

		while (start + (PAGE_SIZE << order) > end)
			order--;
		buddy_free(zone, phys_to_page(start), order);
		start += PAGE_SIZE << order;
	}
}

/* Make the struct pages of one block, from the end of @p own (inside the block). */
static void block_map_meta(phys_t block, struct mem_range *own)
{
	struct page *first = phys_to_page(block);

	for (u32 i = 0; i < BLOCK_META; i++) {
		own->end -= PAGE_SIZE;
		*kernel_pte((u64)first + i * PAGE_SIZE, false) = own->end |
								 pte_kernel_bits(true, false);
		clear_page((u8 *)first + i * PAGE_SIZE);
	}
	for (u64 i = 0; i < 1ull << MAX_ORDER; i++)
		first[i].flags = PG_RESERVED;
}

bool page_is_known(phys_t pa)
{
	pte_t *pte = kernel_pte((u64)phys_to_page(pa), false);

	return pte && pte_present(*pte);
}

/* Initialise one more block of the zone. zone->lock held. @return false: no block is left. */
static bool zone_grow(struct zone *zone)
{
	struct mem_range part[8];
	u32 nr_parts = 0, own = 0;
	phys_t block;
	bool known;

	assert_held(&zone->lock);
	raw_spin_lock(&reservoir_lock);
	for (;;) {
		u32 i = 0;

		while (i < nr_reservoir && zone_of(reservoir[i].start) != zone)
			i++;
		if (i == nr_reservoir) {
			WRITE_ONCE(zone->grown, true);
			raw_spin_unlock(&reservoir_lock);
			return false;
		}
		block = reservoir[i].start & ~(BLOCK_SIZE - 1);
		for (nr_parts = own = 0;
		     i < nr_reservoir && reservoir[i].start < block + BLOCK_SIZE &&
		     nr_parts < ARRAY_SIZE(part);
		     i++, nr_parts++) {
			part[nr_parts] = reservoir[i];
			part[nr_parts].end = MIN(part[nr_parts].end, block + BLOCK_SIZE);
			if (part[nr_parts].end - part[nr_parts].start >
			    part[own].end - part[own].start)
				own = nr_parts;
		}
		for (u32 j = 0; j < nr_parts; j++)
			nr_reservoir = memmap_remove(reservoir, nr_reservoir, BOOT_MAX_RANGES,
						     part[j].start, part[j].end);
		known = page_is_known(
			block); /* of a block with many ranges, more than fit into part[] */
		if (known || part[own].end - part[own].start > BLOCK_META * PAGE_SIZE)
			break; /* else: too little to be worth its struct pages; it is lost */
	}
	raw_spin_unlock(&reservoir_lock);
	if (!known)
		block_map_meta(block, &part[own]);
	for (u32 j = 0; j < nr_parts; j++)
		zone_free_range(zone, part[j].start, part[j].end);
	return true;
}

void page_boot_free(phys_t start, phys_t end)
{
	while (start < end) {
		phys_t stop = MIN(end, (start & ~(BLOCK_SIZE - 1)) + BLOCK_SIZE);
		struct zone *zone = zone_of(start);
		u64 flags = spin_lock_irqsave(&zone->lock);

		if (ready && page_is_known(start)) {
			zone_free_range(zone, start, stop);
		} else {
			raw_spin_lock(&reservoir_lock);
			nr_reservoir = memmap_add(reservoir, nr_reservoir, BOOT_MAX_RANGES,
						  (struct mem_range){ start, stop, MEM_RAM });
			WRITE_ONCE(zone->grown, false);
			raw_spin_unlock(&reservoir_lock);
		}
		spin_unlock_irqrestore(&zone->lock, flags);
		start = stop;
	}
}

static u64 reservoir_pages(void)
{
	u64 npages = 0;

	for (u32 i = 0; i < nr_reservoir; i++)
		npages += (reservoir[i].end - reservoir[i].start) >> PAGE_SHIFT;
	/* less the struct pages that they will cost */
	return npages - npages * BLOCK_META / (1u << MAX_ORDER);
}

static void cache_set_limit(void)
{
	u64 share = total_pages / CACHE_SHARE / ++cache_cpus;

	WRITE_ONCE(cache_limit, MIN(MAX(share, (u64)CACHE_MIN), (u64)CACHE_MAX));
}

void page_init(void)
{
	cache_set_limit();
	this_cpu()->slot[CPU_SLOT_PAGES] = &boot_page_cpu;
	mem_account(MEM_TABLES, (s64)boot_pages);
	/* kept for the kernel when users have eaten the rest: 1/64, 128 KiB to 4 MiB */
	reserve_pages = MIN(MAX(total_pages / 64, 32ul), 1024ul);
	depot_max = MIN(total_pages / 64, 2048ul);
	ready = true;
}

static u64 zone_free(const struct zone *zone)
{
	return READ_ONCE(zone->free_pages) + READ_ONCE(zone->depot_pages);
}

static inline bool pages_left_below(u64 limit)
{
	u64 free = zone_free(&zones[0]) + zone_free(&zones[1]);

	return free < limit && free + reservoir_pages() < limit;
}

bool page_user_exhausted(void)
{
	return pages_left_below(reserve_pages);
}

bool page_user_low(void)
{
	return pages_left_below(2 * reserve_pages);
}

void (*page_low_hook)(void);

/* ---- the depot: batches of single pages; under zone->lock ---- */

static void depot_push(struct zone *zone, struct page *batch)
{
	assert_held(&zone->lock);
	batch->prev = zone->depot;
	zone->depot = batch;
	zone->depot_pages += batch->order;
}

static struct page *depot_pop(struct zone *zone)
{
	struct page *batch = zone->depot;

	assert_held(&zone->lock);
	if (batch) {
		zone->depot = batch->prev;
		zone->depot_pages -= batch->order;
	}
	return batch;
}

static void batch_free_to_buddy(struct zone *zone, struct page *batch)
{
	assert_held(&zone->lock);
	while (batch) {
		struct page *next = batch->next;

		buddy_free(zone, batch, 0);
		batch = next;
	}
}

/* @return whether the depot had any pages */
static bool depot_empty(struct zone *zone)
{
	bool any = zone->depot;

	while (zone->depot)
		batch_free_to_buddy(zone, depot_pop(zone));
	return any;
}

/* ---- allocation ---- */

/* The zone is empty, and so is its part of the reservoir: not worth its lock. */
static bool zone_exhausted(const struct zone *zone)
{
	return READ_ONCE(zone->grown) && !zone_free(zone);
}

static struct page *zone_take(struct zone *zone, u32 order)
{
	struct page *page;

	do
		page = buddy_take(zone, order);
	while (!page && (zone_grow(zone) || depot_empty(zone)));
	return page;
}

/* Take 2^order pages from the zones. */
static struct page *zones_take(u32 order, u32 flags)
{
	const int highest = !(flags & PAGE_BELOW_4G);
	struct page *page = NULL;

	if ((flags & PAGE_USER) && page_user_exhausted())
		return NULL;
	for (int i = highest; i >= 0 && !page; i--) {
		struct zone *zone = &zones[i];
		u64 irqflags;

		if (zone_exhausted(zone))
			continue;
		irqflags = spin_lock_irqsave(&zone->lock);
		page = zone_take(zone, order);
		spin_unlock_irqrestore(&zone->lock, irqflags);
	}
	return page;
}

/*
 * From the buddy: the smallest free blocks are taken first and as a whole, so that large
 * ones are kept and few are split. zone->lock held.
 */
static void cache_fill_from_buddy(struct page_cpu *cpu_pages, struct zone *zone)
{
	assert_held(&zone->lock);
	while (cpu_pages->count < CACHE_BATCH) {
		u32 order = MIN(smallest_order(zone), CACHE_ORDER);
		struct page *page;

		if (cpu_pages->count)
			page = buddy_take(zone, order);
		else
			page = zone_take(zone, order);
		if (!page)
			break;
		for (u32 i = 1u << order; i--;)
			cpu_pages->stack[cpu_pages->count++] = page + i;
	}
}

/* The CPU's stack is empty. */
static __noinline void cache_fill(struct page_cpu *cpu_pages, u32 flags)
{
	if (page_low_hook && page_user_low())
		page_low_hook();
	if ((flags & PAGE_USER) && page_user_exhausted())
		return;
	for (int i = 1; i >= 0 && !cpu_pages->count; i--) {
		struct zone *zone = &zones[i];
		struct page *batch;

		if (zone_exhausted(zone))
			continue;
		raw_spin_lock(&zone->lock);
		batch = depot_pop(zone);
		if (!batch)
			cache_fill_from_buddy(cpu_pages, zone);
		raw_spin_unlock(&zone->lock);
		for (; batch; batch = batch->next)
			cpu_pages->stack[cpu_pages->count++] = batch;
	}
}

static bool page_failure_injected(u32 flags)
{
	return fault_inject(flags & PAGE_USER ? FAULT_USER : FAULT_PAGE);
}

static struct page *page_block_alloc(u32 order, u32 flags)
{
	struct page *page = zones_take(order, flags);

	if (!page)
		return NULL;
	if (DEBUG)
		page_debug_alloc(page, order);
	page->flags = 0;
	page->order = order;
	atomic_set(&page->refs, 1);
	if (flags & PAGE_ZERO)
		for (u64 i = 0; i < 1ull << order; i++)
			clear_page((u8 *)page_address(page) + i * PAGE_SIZE);
	return page;
}

struct page *page_alloc(u32 flags)
{
	if (page_failure_injected(flags))
		return NULL;
	u64 irqflags = irq_save();
	struct page_cpu *cpu_pages = this_cpu()->slot[CPU_SLOT_PAGES];
	struct page *page;

	if (unlikely(!cpu_pages->count || (flags & PAGE_BELOW_4G))) {
		if (flags & PAGE_BELOW_4G) {
			irq_restore(irqflags);
			return page_block_alloc(0, flags);
		}
		cache_fill(cpu_pages, flags);
		if (!cpu_pages->count) {
			irq_restore(irqflags);
			return NULL;
		}
	}
	page = cpu_pages->stack[--cpu_pages->count];
	irq_restore(irqflags);
	if (DEBUG)
		page_debug_alloc(page, 0);
	page->flags = 0;
	atomic_set(&page->refs, 1);
	if (flags & PAGE_ZERO)
		clear_page(page_address(page));
	return page;
}

struct page *pages_alloc(u32 order, u32 flags)
{
	if (order > MAX_ORDER || page_failure_injected(flags))
		return NULL;
	return page_block_alloc(order, flags);
}

void pages_free(struct page *page, u32 order)
{
	struct zone *zone = zone_of(page_to_phys(page));
	u64 flags;

	if (DEBUG)
		page_debug_free(page, order, CALLER);
	flags = spin_lock_irqsave(&zone->lock);
	BUG_ON(page->flags & (PG_BUDDY | PG_FREE));
	atomic_set(&page->refs, 0);
	buddy_free(zone, page, order);
	spin_unlock_irqrestore(&zone->lock, flags);
}

static void batch_release(struct zone *zone, struct page *batch, u32 count)
{
	batch->order = count;
	raw_spin_lock(&zone->lock);
	if (zone->depot_pages + count <= depot_max)
		depot_push(zone, batch);
	else
		batch_free_to_buddy(zone, batch);
	raw_spin_unlock(&zone->lock);
}

/* The stack is full: return the older half, so that the hot pages stay. */
static __noinline void cache_drain(struct page_cpu *cpu_pages)
{
	struct page *batch[ARRAY_SIZE(zones)] = { NULL };
	u32 count[ARRAY_SIZE(zones)] = { 0 };
	u32 half = cpu_pages->count / 2;

	for (u32 i = 0; i < half; i++) {
		struct page *page = cpu_pages->stack[i];
		u32 zone = zone_of(page_to_phys(page)) - zones;

		page->next = batch[zone];
		batch[zone] = page;
		count[zone]++;
	}
	cpu_pages->count -= half;
	memmove(cpu_pages->stack, cpu_pages->stack + half,
		cpu_pages->count * sizeof(cpu_pages->stack[0]));
	for (u32 zone = 0; zone < ARRAY_SIZE(zones); zone++)
		if (batch[zone])
			batch_release(&zones[zone], batch[zone], count[zone]);
}

void page_free(struct page *page)
{
	if (DEBUG)
		page_debug_free(page, 0, CALLER);
	u64 irqflags = irq_save();
	struct page_cpu *cpu_pages = this_cpu()->slot[CPU_SLOT_PAGES];

	BUG_ON(page->flags & (PG_BUDDY | PG_FREE));
	page->flags = (page->flags & KEPT) | PG_FREE;
	atomic_set(&page->refs, 0);
	if (unlikely(cpu_pages->count >= cache_limit))
		cache_drain(cpu_pages);
	cpu_pages->stack[cpu_pages->count++] = page;
	irq_restore(irqflags);
}

/* ---- accounts ---- */

_Static_assert(MEM_ACCOUNTS == CPU_ACCOUNTS, "struct cpu has one of each");

void mem_account(enum mem_account which, s64 npages)
{
	PERCPU_ADD(struct cpu, mem_accounts, which, npages);
}

u64 mem_account_sum(enum mem_account which)
{
	s64 sum = 0;

	for (u32 i = 0; i < CPU_MAX; i++)
		if (cpus[i])
			sum += READ_ONCE(cpus[i]->mem_accounts[which]);
	return MAX(sum, 0l);
}

void mem_info_get(struct mem_info *info)
{
	s64 sum[MEM_ACCOUNTS] = { 0 };

	memset(info, 0, sizeof(*info));
	info->free = zone_free(&zones[0]) + zone_free(&zones[1]) + reservoir_pages();
	for (u32 i = 0; i < CPU_MAX; i++) {
		const struct page_cpu *cpu_pages;

		if (!cpus[i] || !cpus[i]->slot[CPU_SLOT_PAGES])
			continue;
		cpu_pages = cpus[i]->slot[CPU_SLOT_PAGES];
		info->free += cpu_pages->count;
		for (u32 which = 0; which < MEM_ACCOUNTS; which++)
			sum[which] += cpus[i]->mem_accounts[which];
	}
	info->total = total_pages;
	info->cached = MAX(sum[MEM_CACHED], 0l);
	info->slab = MAX(sum[MEM_SLAB], 0l);
	info->page_tables = MAX(sum[MEM_TABLES], 0l);
	info->kernel_stacks = MAX(sum[MEM_STACKS], 0l);
	info->anon = MAX(sum[MEM_ANON], 0l);
	info->file = MAX(sum[MEM_FILE], 0l);
	info->dirty = MAX(sum[MEM_DIRTY], 0l);
	info->write_back = MAX(sum[MEM_WRITEBACK], 0l);
}

bool page_cpu_init(struct cpu *cpu)
{
	struct page *page = page_alloc(PAGE_ZERO);

	_Static_assert(sizeof(struct page_cpu) <= PAGE_SIZE, "fits");
	cache_set_limit();
	cpu->slot[CPU_SLOT_PAGES] = NULL;
	if (!page)
		return false;
	cpu->slot[CPU_SLOT_PAGES] = page_address(page);
	return true;
}
