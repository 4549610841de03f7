// SPDX-License-Identifier: MIT
/*
 * The set of regions of an address space: order, search, gaps.
 *
 * Regions are in a list, by address, and in a red-black tree. Each knows the
 * free bytes between it and the one below (its gap, less the guard gap if it
 * grows down), and the largest gap in its subtree. So the highest or lowest
 * place for a mapping is found on one way down the tree: descend on the side asked
 * for as long as max_gap is large enough there. Only the gaps
 * at the two ends of the searched range can be large enough and still not fit.
 *
 * The space above the last region is no region's gap and is examined separately.
 *
 * Faults search the tree while it is changed (vm_region_peek()). They may be led astray by a
 * rotation, and give up then; what they find they check afterwards, by region->seq.
 *
 * Pure: no locks, no allocation, no globals; tests/host/test_vm_regions.c
 * compares it with a bitmap.
 */
#include "vm_regions.h"

/* More than any tree is deep: where rotations lead a search in circles, it ends. */
#define PEEK_DEPTH 64u

static inline struct vm_region *region_of(struct rb_node *entry)
{
	if (entry)
		return rb_entry(entry, struct vm_region, node);
	return NULL;
}

/* ---- gaps ---- */

static inline u64 subtree_gap(const struct rb_node *entry)
{
	if (entry)
		return rb_entry(entry, const struct vm_region, node)->max_gap;
	return 0;
}

static inline void update_max(struct rb_node *node)
{
	struct vm_region *region = region_of(node);
	u64 left = subtree_gap(node->left), right = subtree_gap(node->right), max = region->gap;

	if (left > max)
		max = left;
	if (right > max)
		max = right;
	region->max_gap = max;
}

/* The lowest address that @region reserves. */
static inline u64 guarded_start(const struct vm_region *region)
{
	if (likely(!(region->flags & VM_GROWSDOWN)))
		return region->start;
	return region->start - MIN(region->start, VM_GUARD_GAP);
}

static inline u64 end_below(const struct vm_space *space, const struct vm_region *region)
{
	return vm_region_end(vm_region_prev(space, region));
}

static inline u64 compute_gap(const struct vm_space *space, const struct vm_region *region)
{
	u64 below = end_below(space, region), start = guarded_start(region);

	if (start > below)
		return start - below;
	return 0;
}

void vm_region_update_gap(struct vm_space *space, struct vm_region *region)
{
	struct rb_node *node;

	region->gap = compute_gap(space, region);
	for (node = &region->node; node; node = rb_parent(node)) {
		u64 old = region_of(node)->max_gap;

		update_max(node);
		if (region_of(node)->max_gap == old)
			break;
	}
}

/* ---- changes ---- */

void vm_regions_init(struct vm_space *space)
{
	space->regions = RB_ROOT;
	list_init(&space->region_list);
	space->last = NULL;
	space->nr_regions = 0;
}

void vm_region_insert_behind(struct vm_space *space, struct vm_region *prev,
			     struct vm_region *region)
{
	struct list *before = prev ? &prev->link : &space->region_list;
	struct vm_region *next = NULL;
	struct rb_node **link, *parent = NULL;

	if (before->next != &space->region_list)
		next = list_entry(before->next, struct vm_region, link);

	/* Of two neighbours one is above the other in the tree, and the lower one has no child on this side. */
	if (prev && !prev->node.right) {
		parent = &prev->node;
		link = &parent->right;
	} else if (next) {
		parent = &next->node;
		link = &parent->left;
	} else {
		link = &space->regions.node;
	}
	region->space = space;
	list_add(&region->link, before);
	region->gap = compute_gap(space, region);
	/* next is above the new region now: its gap is counted on the same way up */
	if (next)
		next->gap = compute_gap(space, next);
	rb_insert_valued(&space->regions, &region->node, parent, link, update_max);
	rb_update_path(&region->node, update_max);
	space->nr_regions++;
}

void vm_region_append(struct vm_space *space, struct vm_region *region)
{
	region->space = space;
	list_add_tail(&region->link, &space->region_list);
	space->nr_regions++;
}

void vm_regions_build(struct vm_space *space)
{
	struct rb_node *first = NULL, **link = &first;
	struct vm_region *region;

	list_for_each(region, &space->region_list, link) {
		region->gap = compute_gap(space, region);
		*link = &region->node;
		link = &region->node.right;
	}
	rb_build(&space->regions, first, space->nr_regions, update_max);
}

void vm_region_insert(struct vm_space *space, struct vm_region *region)
{
	struct vm_region *next = vm_region_find_above(space, region->start);

	vm_region_insert_behind(space, vm_region_below(space, next), region);
}

void vm_region_erase(struct vm_space *space, struct vm_region *region)
{
	struct vm_region *next = vm_region_next(space, region);

	vm_region_change_begin(region); /* for ever */
	list_del(&region->link);
	if (next) {
		next->gap = compute_gap(space, next);
		/* It is on the path up from the region's former position, or else replaces the region unchanged. */
		if (region->node.right == &next->node)
			update_max(&next->node);
	}
	rb_update_path(rb_erase_valued(&space->regions, &region->node, update_max), update_max);
	space->nr_regions--;
	if (space->last == region)
		space->last = NULL;
}

void vm_region_resize(struct vm_space *space, struct vm_region *region, u64 start, u64 end)
{
	u64 old_end = region->end;

	region->end = end;
	if (start != region->start) {
		if (region->ops)
			region->pgoff += (s64)(start - region->start) >> PAGE_SHIFT;
		region->start = start;
		vm_region_update_gap(space, region);
	}
	if (end != old_end) {
		struct vm_region *next = vm_region_next(space, region);

		if (next)
			vm_region_update_gap(space, next);
	}
}

void vm_region_clone(struct vm_region *to, const struct vm_region *region, u64 start, u64 end)
{
	*to = *region;
	list_init(&to->link);
	list_init(&to->file_link);
	to->seq = 0;
	to->start = start;
	to->end = end;
	if (region->ops)
		to->pgoff += (s64)(start - region->start) >> PAGE_SHIFT;
}

bool vm_region_continues(const struct vm_region *lower, const struct vm_region *upper)
{
	if (lower->end != upper->start || lower->flags != upper->flags || lower->ops != upper->ops)
		return false;
	if (!lower->ops)
		return true;
	return lower->file == upper->file && lower->pages == upper->pages &&
	       lower->private == upper->private &&
	       lower->pgoff + vm_region_pages(lower) == upper->pgoff && !lower->ops->no_merge;
}

/* ---- search by address ---- */

struct vm_region *vm_region_find_above(struct vm_space *space, u64 addr)
{
	struct vm_region *best = READ_ONCE(space->last);
	struct rb_node *node = space->regions.node;

	if (best && addr >= best->start && addr < best->end)
		return best;
	best = NULL;
	while (node) {
		struct vm_region *region = region_of(node);

		if (addr < region->end) {
			best = region;
			if (addr >= region->start)
				break;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	return best;
}

struct vm_region *vm_region_find(struct vm_space *space, u64 addr)
{
	struct vm_region *region = READ_ONCE(space->last);

	if (region && addr >= region->start && addr < region->end)
		return region;
	region = vm_region_find_above(space, addr);
	if (!region || addr < region->start)
		return NULL;
	/* Readers may race here; each stores a region that exists as long as any of them runs. */
	WRITE_ONCE(space->last, region);
	return region;
}

struct vm_region *vm_region_peek(const struct vm_space *space, u64 addr)
{
	struct rb_node *node = READ_ONCE(space->regions.node);

	for (u32 depth = 0; node && depth < PEEK_DEPTH; depth++) {
		struct vm_region *region = region_of(node);

		if (addr < READ_ONCE(region->start))
			node = READ_ONCE(node->left);
		else if (addr >= READ_ONCE(region->end))
			node = READ_ONCE(node->right);
		else
			return region;
	}
	return NULL;
}

struct vm_region *vm_region_overlapping(struct vm_space *space, u64 start, u64 end)
{
	struct vm_region *region = vm_region_find_above(space, start);

	if (!region || region->start >= end)
		return NULL;
	return region;
}

bool vm_range_is_free(struct vm_space *space, u64 addr, u64 len)
{
	struct vm_region *region = vm_region_find_above(space, addr);

	return !region || addr + len <= guarded_start(region);
}

/* ---- search for a free range ---- */

/* The highest region with a gap of @len in the subtree of @node, which has one. */
static struct vm_region *highest_gap(struct rb_node *node, u64 len)
{
	for (;;) {
		if (subtree_gap(node->right) >= len)
			node = node->right;
		else if (region_of(node)->gap >= len)
			return region_of(node);
		else
			node = node->left;
	}
}

static struct vm_region *lowest_gap(struct rb_node *node, u64 len)
{
	for (;;) {
		if (subtree_gap(node->left) >= len)
			node = node->left;
		else if (region_of(node)->gap >= len)
			return region_of(node);
		else
			node = node->right;
	}
}

/* The next region below @region with a gap of @len. */
static struct vm_region *next_gap_below(struct vm_region *region, u64 len)
{
	struct rb_node *node = &region->node, *child;

	if (subtree_gap(node->left) >= len)
		return highest_gap(node->left, len);
	for (;;) {
		child = node;
		node = rb_parent(node);
		if (!node)
			return NULL;
		if (node->left == child)
			continue;
		if (region_of(node)->gap >= len)
			return region_of(node);
		if (subtree_gap(node->left) >= len)
			return highest_gap(node->left, len);
	}
}

static struct vm_region *next_gap_above(struct vm_region *region, u64 len)
{
	struct rb_node *node = &region->node, *child;

	if (subtree_gap(node->right) >= len)
		return lowest_gap(node->right, len);
	for (;;) {
		child = node;
		node = rb_parent(node);
		if (!node)
			return NULL;
		if (node->right == child)
			continue;
		if (region_of(node)->gap >= len)
			return region_of(node);
		if (subtree_gap(node->right) >= len)
			return lowest_gap(node->right, len);
	}
}

/* The free bytes below @region, or above the last region if NULL; cut to [low, high). May be empty: start > end. */
static void gap_bounds(struct vm_space *space, struct vm_region *region, u64 low, u64 high,
		       u64 *start, u64 *end)
{
	u64 limit = USER_END;

	if (region) {
		*start = end_below(space, region);
		limit = guarded_start(region);
	} else {
		*start = vm_region_end(vm_region_last(space));
	}
	*start = MAX(*start, low);
	*end = MIN(limit, high);
}

u64 vm_gap_top_down(struct vm_space *space, u64 len, u64 low, u64 high)
{
	struct vm_region *region;
	u64 start, end;

	if (low >= high || high - low < len)
		return VM_NO_GAP;
	region = vm_region_find_above(space, high - 1);
	gap_bounds(space, region, low, high, &start, &end);
	if (end >= len && end - len >= start)
		return end - len;
	if (region)
		region = next_gap_below(region, len);
	else if (subtree_gap(space->regions.node) >= len)
		region = highest_gap(space->regions.node, len);
	for (; region; region = next_gap_below(region, len)) {
		gap_bounds(space, region, low, high, &start, &end);
		if (end < low + len)
			break;
		if (end - len >= start)
			return end - len;
	}
	return VM_NO_GAP;
}

u64 vm_gap_bottom_up(struct vm_space *space, u64 len, u64 low, u64 high)
{
	struct vm_region *region;
	u64 start, end;

	if (low >= high || high - low < len)
		return VM_NO_GAP;
	region = vm_region_find_above(space, low);
	for (;;) {
		gap_bounds(space, region, low, high, &start, &end);
		if (start > high - len)
			return VM_NO_GAP;
		if (end >= len && end - len >= start)
			return start;
		if (!region)
			return VM_NO_GAP;
		region = next_gap_above(region, len);
	}
}
