/* SPDX-License-Identifier: MIT */
/*
 * Searching for leaks: mark and sweep, without the sweep.
 *
 * Every word of the image's data that may be an address of a live object leads
 * to that object, and every word of that to further ones; a kernel range is an
 * object, too, so stacks are. What is never reached, nobody can free any more.
 * An address anywhere in an object counts, as does one right behind a range: that is
 * where a stack begins.
 *
 * The system goes on meanwhile, so a pointer may be moved from where it was
 * not looked at yet to where it was already. The search is done several times,
 * and what was reached once is in use. Objects are only read, through
 * the map of all memory, so one that goes away is no harm; ranges are kept by
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
#define RANGES_SPARE 64u /* that may come before the areas are locked */
#define GRAIN_SHIFT  4
#define LINK_BYTES   16u /* stacks that nobody uses are linked by their lowest words */

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
	bool overflowed; /* work was lost: go through all that is marked once more */
};
#define IN_NOW	1
#define IN_EVER 2

extern u64 _data[], _image_end[];

/* ---- objects ---- */

struct object {
	u64 start, size, ip; /* size: without what debugging adds */
	bool opaque;
};

static bool object_in_slab(const struct page *p, u64 addr, struct object *out)
{
	const struct kmem_cache *c = p->slab_cache;
	u64 page = addr & PAGE_MASK, index;
	const struct heap_tag *tag;

	if (!heap_is_cache(c))
		return false; /* it was given back this moment */
	index = (addr - page) / c->size;
	if (index >= c->per_page)
		return false;
	*out = (struct object){ .start = page + index * c->size, .opaque = c->opaque };
	tag = heap_tag_of(c, (void *)out->start);
	out->size = MIN(tag->size, c->usable);
	out->ip = tag->ip;
	return tag->state == HEAP_LIVE;
}

/* The live object that @p addr, in the map of all memory, lies in. */
static bool object_at(u64 addr, struct object *out)
{
	phys_t phys = addr - PHYSMAP_BASE;
	const struct page *p;

	if (!page_is_ram(phys) || !page_is_known(phys))
		return false;
	p = phys_to_page(phys);
	if (p->flags & PG_SLAB)
		return object_in_slab(p, addr, out);
	if (!(p->flags & PG_LARGE))
		return false;
	if (p->flags & PG_TAIL)
		p = p->mapping;
	*out = (struct object){ .start = (u64)page_address(p),
				.size = p->index,
				.ip = (u64)p->mapping };
	return true;
}

/* Is it the start of one? Then also how far to go on for the next. */
static u64 object_step(u64 addr, struct object *o, bool *found)
{
	const struct page *p = phys_to_page(addr - PHYSMAP_BASE);
	const struct kmem_cache *c = p->slab_cache;
	u64 next = (addr & PAGE_MASK) + PAGE_SIZE;

	*found = (p->flags & (PG_SLAB | PG_LARGE)) && object_at(addr, o) && o->start == addr;
	if (!(p->flags & PG_SLAB) || !heap_is_cache(c))
		return next;
	return addr + 2 * c->size <= next ? addr + c->size : next;
}

/* All live ones, in order. */
static void objects_walk(struct search *s,
			 void (*fn)(struct search *s, const struct object *o, void *ctx), void *ctx)
{
	const struct mem_range *ram;
	u32 n = page_boot_ram(&ram);

	for (u32 i = 0; i < n; i++)
		for (u64 a = PHYSMAP_BASE + ram[i].start, end = PHYSMAP_BASE + ram[i].end;
		     a < end;) {
			struct object o;
			bool found;

			if (!(a & (PAGE_SIZE - 1)) && !page_is_known(a - PHYSMAP_BASE)) {
				a += PAGE_SIZE;
				continue;
			}
			a = object_step(a, &o, &found);
			if (found)
				fn(s, &o, ctx);
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

static void push(struct search *s, u64 start, u64 len)
{
	if (s->nr_work < WORK_MAX)
		s->work[s->nr_work++] = (struct block){ start, len };
	else
		s->overflowed = true;
}

/* Our own tables are full of addresses that prove nothing. */
static bool is_ours(const struct search *s, u64 start)
{
	return start == (u64)s->now || start == (u64)s->ever || start == (u64)s->ranges ||
	       start == (u64)s->range_marks || start == (u64)s->work;
}

static void reach_range(struct search *s, u64 addr)
{
	const struct krange_info *r;
	u32 low = 0, high = s->nr_ranges;

	while (low < high) { /* the last that starts at or below addr */
		u32 mid = (low + high) / 2;

		if (s->ranges[mid].start <= addr)
			low = mid + 1;
		else
			high = mid;
	}
	r = &s->ranges[low - 1];
	if (!low || addr > r->start + r->npages * PAGE_SIZE || (s->range_marks[low - 1] & IN_NOW))
		return;
	s->range_marks[low - 1] |= IN_NOW | IN_EVER;
	if (r->opaque)
		push(s, r->start, LINK_BYTES);
	else if (!is_ours(s, r->start))
		push(s, r->start, r->npages * PAGE_SIZE);
}

static void reach(struct search *s, u64 addr)
{
	struct object o;

	if (addr >= PHYSMAP_BASE && (addr - PHYSMAP_BASE) >> GRAIN_SHIFT < s->nr_words * 64) {
		if (object_at(addr, &o) && !mark_bit(s->now, o.start) && !o.opaque &&
		    !is_ours(s, o.start))
			push(s, o.start, o.size);
	} else if (addr >= KRANGE_BASE) {
		reach_range(s, addr);
	}
}

static void look_through(struct search *s, u64 start, u64 len)
{
	for (u64 a = ALIGN_UP(start, 8); a + 8 <= start + len; a += 8)
		reach(s, READ_ONCE(*(const u64 *)a));
}

static void look_at_root(void *s, u64 start, u64 len)
{
	look_through(s, start, len);
}

static void work_off(struct search *s)
{
	while (s->nr_work) {
		struct block b = s->work[--s->nr_work];

		look_through(s, b.start, b.len);
	}
}

static void look_again(struct search *s, const struct object *o, void *unused)
{
	if (!o->opaque && is_marked(s->now, o->start) && !is_ours(s, o->start)) {
		look_through(s, o->start, o->size);
		work_off(s);
	}
}

static void pass(struct search *s)
{
	memset(s->now, 0, s->nr_words * 8);
	for (u32 i = 0; i < s->nr_ranges; i++)
		s->range_marks[i] &= ~IN_NOW;
	look_through(s, (u64)_data, (u64)_image_end - (u64)_data);
	s->roots(look_at_root, s);
	work_off(s);
	while (s->overflowed) {
		s->overflowed = false;
		objects_walk(s, look_again, NULL);
	}
	for (u64 i = 0; i < s->nr_words; i++)
		s->ever[i] |= s->now[i];
}

/* ---- the result ---- */

static void note(struct leak_report *r, u64 start, u64 bytes, u64 ip)
{
	struct leak_site *site = r->sites;

	r->leaked_objects++;
	r->leaked_bytes += bytes;
	while (site < r->sites + r->nr_sites && site->ip != ip)
		site++;
	if (site == r->sites + LEAK_SITES_MAX)
		return;
	if (site == r->sites + r->nr_sites) {
		*site = (struct leak_site){ .ip = ip, .example = start };
		r->nr_sites++;
	}
	site->objects++;
	site->bytes += bytes;
}

static void judge(struct search *s, const struct object *o, void *ctx)
{
	struct leak_report *r = ctx;

	r->objects++;
	r->bytes += o->size;
	if (!o->opaque && !is_marked(s->ever, o->start) && !is_ours(s, o->start))
		note(r, o->start, o->size, o->ip);
}

static void judge_all(struct search *s, struct leak_report *r)
{
	objects_walk(s, judge, r);
	for (u32 i = 0; i < s->nr_ranges; i++) {
		const struct krange_info *k = &s->ranges[i];

		r->objects++;
		r->bytes += k->npages * PAGE_SIZE;
		if (!(s->range_marks[i] & IN_EVER) && !is_ours(s, k->start))
			note(r, k->start, k->npages * PAGE_SIZE, k->ip);
	}
}

static bool prepare(struct search *s)
{
	const struct mem_range *ram;
	u32 n = page_boot_ram(&ram);

	s->nr_words = (ram[n - 1].end >> GRAIN_SHIFT) / 64 + 1;
	krange_lock_all();
	s->max_ranges = krange_list(NULL, 0) + RANGES_SPARE;
	krange_unlock_all();
	s->now = kvzalloc(s->nr_words * 8);
	s->ever = kvzalloc(s->nr_words * 8);
	s->ranges = kvzalloc(s->max_ranges * sizeof(s->ranges[0]));
	s->range_marks = kvzalloc(s->max_ranges);
	s->work = kvzalloc(WORK_MAX * sizeof(s->work[0]));
	return s->now && s->ever && s->ranges && s->range_marks && s->work;
}

int leak_search(struct leak_report *out, leak_roots roots)
{
	struct search s = { .roots = roots };
	int err = prepare(&s) ? 0 : -ENOMEM;

	memset(out, 0, sizeof(*out));
	if (!err) {
		krange_lock_all();
		s.nr_ranges = MIN(krange_list(s.ranges, s.max_ranges), s.max_ranges);
		for (u32 i = 0; i < PASSES; i++)
			pass(&s);
		judge_all(&s, out);
		krange_unlock_all();
	}
	kvfree(s.now);
	kvfree(s.ever);
	kvfree(s.ranges);
	kvfree(s.range_marks);
	kvfree(s.work);
	return err;
}
