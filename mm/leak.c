/* SPDX-License-Identifier: MIT */
/*
 * Searching for leaks: mark and sweep, without the sweep.
 *
 * Every word of the image's data that may be an address of a live object leads
 * to that object, and every word of that to further ones; a kernel range is an
 * object, too, so stacks are. What is never reached can no longer be freed.
 * An address anywhere in an object counts, as does one right behind a range: that is
 * where a stack begins.
 *
 * The system runs meanwhile, so a pointer may be moved from where it was
 * not looked at yet to where it was already. The search is done several times,
 * and what was reached once is in use. Objects are only read, through
 * the map of all memory, so one that is freed meanwhile does no harm; ranges are kept by
 * their areas' locks. Marks are bits beside: one for 16 bytes of memory.
 *
 * Not searched: pages that belong to no object (user memory, files, page
 * tables); nothing that matters hangs on those. Stacks as a whole: what has been
 * left there by calls that ended would keep everything alive; the caller knows which
 * part is in use. Descriptors of ranges: they would make each range known.
 *
 * Boehm, Weiser, "Garbage collection in an uncooperative environment", 1988.
 */
#include <asm/layout.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/leak.h>
#include <kernel/page_init.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include "internal.h"

#define PASSES	     4
#define WORK_MAX     65536u
#define RANGES_SPARE 64u /* that may be created before the areas are locked */
#define GRAIN_SHIFT  4
#define LINK_BYTES   16u /* unused stacks are linked by their lowest words */

struct block {
	u64 start, len;
}; /* memory to be looked through */

struct search {
	u64 *now, *ever; /* bits by physical address: reached in this pass, in any */
	u64 nr_words;
	struct krange_info *ranges;
	u8 *range_marks; /* IN_NOW, IN_EVER */
	u32 nr_ranges, max_ranges;
	struct block *work;
	u32 nr_work;
	leak_roots roots;
	bool overflowed; /* work was lost: all that is marked must be searched once more */
};
#define IN_NOW	1
#define IN_EVER 2

extern u64 _data[], _image_end[];

/* ---- objects ---- */

struct object {
	u64 start, size, ip; /* size: without what debugging adds */
	bool opaque;
};

static bool object_in_slab(const struct page *page, u64 addr, struct object *out)
{
	const struct kmem_cache *cache = page->slab_cache;
	u64 page_start = addr & PAGE_MASK, index;
	const struct heap_tag *tag;

	if (!heap_is_cache(cache))
		return false; /* the page was freed meanwhile */
	index = (addr - page_start) / cache->size;
	if (index >= cache->per_page)
		return false;
	*out = (struct object){ .start = page_start + index * cache->size,
				.opaque = cache->opaque };
	tag = heap_tag_of(cache, (void *)out->start);
	out->size = MIN(tag->size, cache->usable);
	out->ip = tag->ip;
	return tag->state == HEAP_LIVE;
}

/* The live object that contains @addr, an address in the map of all memory. */
static bool object_at(u64 addr, struct object *out)
{
	phys_t phys = addr - PHYSMAP_BASE;
	const struct page *page;

	if (!page_is_ram(phys) || !page_is_known(phys))
		return false;
	page = phys_to_page(phys);
	if (page->flags & PG_SLAB)
		return object_in_slab(page, addr, out);
	if (!(page->flags & PG_LARGE))
		return false;
	if (page->flags & PG_TAIL)
		page = page->mapping;
	*out = (struct object){ .start = (u64)page_address(page),
				.size = page->index,
				.ip = (u64)page->mapping };
	return true;
}

/* Does an object start at @addr? @return where the next one may start */
static u64 object_step(u64 addr, struct object *object, bool *found)
{
	const struct page *page = phys_to_page(addr - PHYSMAP_BASE);
	const struct kmem_cache *cache = page->slab_cache;
	u64 next = (addr & PAGE_MASK) + PAGE_SIZE;

	*found = (page->flags & (PG_SLAB | PG_LARGE)) && object_at(addr, object) &&
		 object->start == addr;
	if (!(page->flags & PG_SLAB) || !heap_is_cache(cache))
		return next;
	if (addr + 2 * cache->size > next) /* the last of its page */
		return next;
	return addr + cache->size;
}

/* Collect all live objects, in order. */
static void objects_walk(struct search *search,
			 void (*visit)(struct search *search, const struct object *o, void *ctx),
			 void *ctx)
{
	const struct mem_range *ram;
	u32 nr_ranges = page_boot_ram(&ram);

	for (u32 i = 0; i < nr_ranges; i++)
		for (u64 addr = PHYSMAP_BASE + ram[i].start, end = PHYSMAP_BASE + ram[i].end;
		     addr < end;) {
			struct object object;
			bool found;

			if (!(addr & (PAGE_SIZE - 1)) && !page_is_known(addr - PHYSMAP_BASE)) {
				addr += PAGE_SIZE;
				continue;
			}
			addr = object_step(addr, &object, &found);
			if (found)
				visit(search, &object, ctx);
		}
}

/* ---- marking ---- */

static bool mark_bit(u64 *bits, u64 addr)
{
	u64 i = (addr - PHYSMAP_BASE) >> GRAIN_SHIFT, bit = 1ull << (i % 64);
	bool was = bits[i / 64] & bit;

	bits[i / 64] |= bit;
	return was;
}

static bool is_marked(const u64 *bits, u64 addr)
{
	u64 i = (addr - PHYSMAP_BASE) >> GRAIN_SHIFT;

	return bits[i / 64] >> (i % 64) & 1;
}

static void work_push(struct search *search, u64 start, u64 len)
{
	if (search->nr_work < WORK_MAX)
		search->work[search->nr_work++] = (struct block){ start, len };
	else
		search->overflowed = true;
}

/* Our own tables are full of addresses that prove nothing. */
static bool is_own_table(const struct search *search, u64 start)
{
	return start == (u64)search->now || start == (u64)search->ever ||
	       start == (u64)search->ranges || start == (u64)search->range_marks ||
	       start == (u64)search->work;
}

static void mark_range(struct search *search, u64 addr)
{
	const struct krange_info *range;
	u32 low = 0, high = search->nr_ranges;

	while (low < high) { /* the last that starts at or below addr */
		u32 mid = (low + high) / 2;

		if (search->ranges[mid].start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	range = &search->ranges[low - 1];
	if (!low || addr > range->start + range->npages * PAGE_SIZE ||
	    (search->range_marks[low - 1] & IN_NOW))
		return;
	search->range_marks[low - 1] |= IN_NOW | IN_EVER;
	if (range->opaque)
		work_push(search, range->start, LINK_BYTES);
	else if (!is_own_table(search, range->start))
		work_push(search, range->start, range->npages * PAGE_SIZE);
}

static void mark_address(struct search *search, u64 addr)
{
	struct object object;

	if (addr >= PHYSMAP_BASE && (addr - PHYSMAP_BASE) >> GRAIN_SHIFT < search->nr_words * 64) {
		if (object_at(addr, &object) && !mark_bit(search->now, object.start) &&
		    !object.opaque && !is_own_table(search, object.start))
			work_push(search, object.start, object.size);
	} else if (addr >= KRANGE_BASE) {
		mark_range(search, addr);
	}
}

static void search_block(struct search *search, u64 start, u64 len)
{
	for (u64 word = ALIGN_UP(start, 8); word + 8 <= start + len; word += 8)
		mark_address(search, READ_ONCE(*(const u64 *)word));
}

static void search_root(void *search, u64 start, u64 len)
{
	search_block(search, start, len);
}

static void search_work(struct search *search)
{
	while (search->nr_work) {
		struct block block = search->work[--search->nr_work];

		search_block(search, block.start, block.len);
	}
}

static void search_marked_again(struct search *search, const struct object *object, void *unused)
{
	if (!object->opaque && is_marked(search->now, object->start) &&
	    !is_own_table(search, object->start)) {
		search_block(search, object->start, object->size);
		search_work(search);
	}
}

static void search_pass(struct search *search)
{
	memset(search->now, 0, search->nr_words * 8);
	for (u32 i = 0; i < search->nr_ranges; i++)
		search->range_marks[i] &= ~IN_NOW;
	search_block(search, (u64)_data, (u64)_image_end - (u64)_data);
	search->roots(search_root, search);
	search_work(search);
	while (search->overflowed) {
		search->overflowed = false;
		objects_walk(search, search_marked_again, NULL);
	}
	for (u64 i = 0; i < search->nr_words; i++)
		search->ever[i] |= search->now[i];
}

/* ---- the result ---- */

static void report_unreachable(struct leak_report *report, u64 start, u64 bytes, u64 ip)
{
	struct leak_site *site = report->sites;

	report->leaked_objects++;
	report->leaked_bytes += bytes;
	while (site < report->sites + report->nr_sites && site->ip != ip)
		site++;
	if (site == report->sites + LEAK_SITES_MAX)
		return;
	if (site == report->sites + report->nr_sites) {
		*site = (struct leak_site){ .ip = ip, .example = start };
		report->nr_sites++;
	}
	site->objects++;
	site->bytes += bytes;
}

static void judge_object(struct search *search, const struct object *object, void *ctx)
{
	struct leak_report *report = ctx;

	report->objects++;
	report->bytes += object->size;
	if (!object->opaque && !is_marked(search->ever, object->start) &&
	    !is_own_table(search, object->start))
		report_unreachable(report, object->start, object->size, object->ip);
}

static void judge_all(struct search *search, struct leak_report *report)
{
	objects_walk(search, judge_object, report);
	for (u32 i = 0; i < search->nr_ranges; i++) {
		const struct krange_info *range = &search->ranges[i];

		report->objects++;
		report->bytes += range->npages * PAGE_SIZE;
		if (!(search->range_marks[i] & IN_EVER) && !is_own_table(search, range->start))
			report_unreachable(report, range->start, range->npages * PAGE_SIZE,
					   range->ip);
	}
}

static bool search_prepare(struct search *search)
{
	const struct mem_range *ram;
	u32 nr_ranges = page_boot_ram(&ram);

	search->nr_words = (ram[nr_ranges - 1].end >> GRAIN_SHIFT) / 64 + 1;
	krange_lock_all();
	search->max_ranges = krange_list(NULL, 0) + RANGES_SPARE;
	krange_unlock_all();
	search->now = kvzalloc(search->nr_words * 8);
	search->ever = kvzalloc(search->nr_words * 8);
	search->ranges = kvzalloc(search->max_ranges * sizeof(search->ranges[0]));
	search->range_marks = kvzalloc(search->max_ranges);
	search->work = kvzalloc(WORK_MAX * sizeof(search->work[0]));
	return search->now && search->ever && search->ranges && search->range_marks && search->work;
}

int leak_search(struct leak_report *out, leak_roots roots)
{
	struct search search = { .roots = roots };
	int err = search_prepare(&search) ? 0 : -ENOMEM;

	memset(out, 0, sizeof(*out));
	if (!err) {
		krange_lock_all();
		search.nr_ranges =
			MIN(krange_list(search.ranges, search.max_ranges), search.max_ranges);
		for (u32 i = 0; i < PASSES; i++)
			search_pass(&search);
		judge_all(&search, out);
		krange_unlock_all();
	}
	kvfree(search.now);
	kvfree(search.ever);
	kvfree(search.ranges);
	kvfree(search.range_marks);
	kvfree(search.work);
	return err;
}
