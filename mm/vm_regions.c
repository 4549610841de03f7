// SPDX-License-Identifier: MIT
/*
 * The set of regions of an address space: order, search, gaps.
 *
 * Regions stand in a list, by address, and in a red-black tree. Each knows the
 * free bytes between it and the one below (its gap, less the guard gap if it
 * grows down), and the largest gap in its subtree. So the highest or lowest
 * place for a mapping is found on one way down the tree: go to the side asked
 * for where max_gap says that something large enough is there. Only the gaps
 * at the two ends of the searched range can be large enough and still not fit.
 *
 * The space above the last region is nobody's gap and is looked at by itself.
 *
 * Pure: no locks, no allocation, no globals; tests/host/test_vm_regions.c
 * compares it with a bitmap.
 */
#include "vm_regions.h"

static inline struct vm_region *region_of(struct rb_node *n)
{
	return n ? rb_entry(n, struct vm_region, node) : NULL;
}

/* ---- gaps ---- */

static inline u64 subtree_gap(const struct rb_node *n)
{
	return n ? rb_entry(n, const struct vm_region, node)->max_gap : 0;
}

static inline void update_max(struct rb_node *n)
{
	struct vm_region *r = region_of(n);
	u64 left = subtree_gap(n->left), right = subtree_gap(n->right), max = r->gap;

	if (left > max)
		max = left;
	if (right > max)
		max = right;
	r->max_gap = max;
}

/* Where @r begins to keep others away. */
static inline u64 guarded_start(const struct vm_region *r)
{
	if (likely(!(r->flags & VM_GROWSDOWN)))
		return r->start;
	return r->start > VM_GUARD_GAP ? r->start - VM_GUARD_GAP : 0;
}

static inline u64 end_below(const struct vm_space *s, const struct vm_region *r)
{
	const struct vm_region *prev = vm_region_prev(s, r);

	return prev ? prev->end : 0;
}

static inline u64 compute_gap(const struct vm_space *s, const struct vm_region *r)
{
	u64 below = end_below(s, r), start = guarded_start(r);

	return start > below ? start - below : 0;
}

void vm_region_update_gap(struct vm_space *s, struct vm_region *r)
{
	struct rb_node *n;

	r->gap = compute_gap(s, r);
	for (n = &r->node; n; n = rb_parent(n)) {
		u64 old = region_of(n)->max_gap;

		update_max(n);
		if (region_of(n)->max_gap == old)
			break;
	}
}

/* ---- changes ---- */

void vm_regions_init(struct vm_space *s)
{
	s->regions = RB_ROOT;
	list_init(&s->region_list);
	s->last = NULL;
	s->nr_regions = 0;
}

void vm_region_insert_behind(struct vm_space *s, struct vm_region *prev, struct vm_region *r)
{
	struct list *before = prev ? &prev->link : &s->region_list;
	struct vm_region *next = before->next == &s->region_list
					 ? NULL
					 : list_entry(before->next, struct vm_region, link);
	struct rb_node **link, *parent = NULL;

	/* Of two neighbours one is above the other in the tree, and the lower one has room on this side. */
	if (prev && !prev->node.right) {
		parent = &prev->node;
		link = &parent->right;
	} else if (next) {
		parent = &next->node;
		link = &parent->left;
	} else {
		link = &s->regions.node;
	}
	r->space = s;
	list_add(&r->link, before);
	r->gap = compute_gap(s, r);
	/* next is above r now: its gap is counted on the same way up */
	if (next)
		next->gap = compute_gap(s, next);
	rb_insert_valued(&s->regions, &r->node, parent, link, update_max);
	rb_update_path(&r->node, update_max);
	s->nr_regions++;
}

void vm_region_insert(struct vm_space *s, struct vm_region *r)
{
	struct vm_region *next = vm_region_find_above(s, r->start);

	vm_region_insert_behind(s, next ? vm_region_prev(s, next) : vm_region_last(s), r);
}

void vm_region_erase(struct vm_space *s, struct vm_region *r)
{
	struct vm_region *next = vm_region_next(s, r);

	list_del(&r->link);
	if (next) {
		next->gap = compute_gap(s, next);
		/* It is on the way up from where r was, or else takes r's place as it is. */
		if (r->node.right == &next->node)
			update_max(&next->node);
	}
	rb_update_path(rb_erase_valued(&s->regions, &r->node, update_max), update_max);
	s->nr_regions--;
	if (s->last == r)
		s->last = NULL;
}

void vm_region_resize(struct vm_space *s, struct vm_region *r, u64 start, u64 end)
{
	u64 old_end = r->end;

	r->end = end;
	if (start != r->start) {
		if (r->ops)
			r->pgoff += (s64)(start - r->start) >> PAGE_SHIFT;
		r->start = start;
		vm_region_update_gap(s, r);
	}
	if (end != old_end) {
		struct vm_region *next = vm_region_next(s, r);

		if (next)
			vm_region_update_gap(s, next);
	}
}

void vm_region_clone(struct vm_region *to, const struct vm_region *r, u64 start, u64 end)
{
	*to = *r;
	list_init(&to->link);
	list_init(&to->file_link);
	to->start = start;
	to->end = end;
	if (r->ops)
		to->pgoff += (s64)(start - r->start) >> PAGE_SHIFT;
}

bool vm_region_continues(const struct vm_region *a, const struct vm_region *b)
{
	if (a->end != b->start || a->flags != b->flags || a->ops != b->ops)
		return false;
	if (!a->ops)
		return true;
	return a->file == b->file && a->pages == b->pages && a->private == b->private &&
	       a->pgoff + vm_region_pages(a) == b->pgoff && !a->ops->no_merge;
}

/* ---- search by address ---- */

struct vm_region *vm_region_find_above(struct vm_space *s, u64 addr)
{
	struct rb_node *n = s->regions.node;
	struct vm_region *best = NULL;

	while (n) {
		struct vm_region *r = region_of(n);

		if (addr < r->end) {
			best = r;
			if (addr >= r->start)
				break;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return best;
}

struct vm_region *vm_region_find(struct vm_space *s, u64 addr)
{
	struct vm_region *r = READ_ONCE(s->last);

	if (r && addr >= r->start && addr < r->end)
		return r;
	r = vm_region_find_above(s, addr);
	if (!r || addr < r->start)
		return NULL;
	/* Readers may race here; each stores a region that is there as long as one of them is. */
	WRITE_ONCE(s->last, r);
	return r;
}

struct vm_region *vm_region_overlapping(struct vm_space *s, u64 start, u64 end)
{
	struct vm_region *r = vm_region_find_above(s, start);

	return r && r->start < end ? r : NULL;
}

bool vm_range_is_free(struct vm_space *s, u64 addr, u64 len)
{
	struct vm_region *r = vm_region_find_above(s, addr);

	return !r || addr + len <= guarded_start(r);
}

/* ---- search for room ---- */

/* The highest region with a gap of @len in the subtree of @n, which has one. */
static struct vm_region *highest_gap(struct rb_node *n, u64 len)
{
	for (;;) {
		if (subtree_gap(n->right) >= len)
			n = n->right;
		else if (region_of(n)->gap >= len)
			return region_of(n);
		else
			n = n->left;
	}
}

static struct vm_region *lowest_gap(struct rb_node *n, u64 len)
{
	for (;;) {
		if (subtree_gap(n->left) >= len)
			n = n->left;
		else if (region_of(n)->gap >= len)
			return region_of(n);
		else
			n = n->right;
	}
}

/* The next region below @r with a gap of @len. */
static struct vm_region *next_gap_below(struct vm_region *r, u64 len)
{
	struct rb_node *n = &r->node, *child;

	if (subtree_gap(n->left) >= len)
		return highest_gap(n->left, len);
	for (;;) {
		child = n;
		n = rb_parent(n);
		if (!n)
			return NULL;
		if (n->left == child)
			continue;
		if (region_of(n)->gap >= len)
			return region_of(n);
		if (subtree_gap(n->left) >= len)
			return highest_gap(n->left, len);
	}
}

static struct vm_region *next_gap_above(struct vm_region *r, u64 len)
{
	struct rb_node *n = &r->node, *child;

	if (subtree_gap(n->right) >= len)
		return lowest_gap(n->right, len);
	for (;;) {
		child = n;
		n = rb_parent(n);
		if (!n)
			return NULL;
		if (n->right == child)
			continue;
		if (region_of(n)->gap >= len)
			return region_of(n);
		if (subtree_gap(n->right) >= len)
			return lowest_gap(n->right, len);
	}
}

/* The free bytes below @r, or above the last region if NULL; cut to [low, high). May be empty: lo > hi. */
static void gap_bounds(struct vm_space *s, struct vm_region *r, u64 low, u64 high, u64 *lo, u64 *hi)
{
	u64 end = USER_END;

	if (r) {
		*lo = end_below(s, r);
		end = guarded_start(r);
	} else {
		*lo = list_empty(&s->region_list)
			      ? 0
			      : list_last(&s->region_list, struct vm_region, link)->end;
	}
	*lo = MAX(*lo, low);
	*hi = MIN(end, high);
}

u64 vm_gap_top_down(struct vm_space *s, u64 len, u64 low, u64 high)
{
	struct vm_region *r;
	u64 lo, hi;

	if (low >= high || high - low < len)
		return VM_NO_GAP;
	r = vm_region_find_above(s, high - 1);
	gap_bounds(s, r, low, high, &lo, &hi);
	if (hi >= len && hi - len >= lo)
		return hi - len;
	if (r)
		r = next_gap_below(r, len);
	else if (subtree_gap(s->regions.node) >= len)
		r = highest_gap(s->regions.node, len);
	for (; r; r = next_gap_below(r, len)) {
		gap_bounds(s, r, low, high, &lo, &hi);
		if (hi < low + len)
			break;
		if (hi - len >= lo)
			return hi - len;
	}
	return VM_NO_GAP;
}

u64 vm_gap_bottom_up(struct vm_space *s, u64 len, u64 low, u64 high)
{
	struct vm_region *r;
	u64 lo, hi;

	if (low >= high || high - low < len)
		return VM_NO_GAP;
	r = vm_region_find_above(s, low);
	for (;;) {
		gap_bounds(s, r, low, high, &lo, &hi);
		if (lo > high - len)
			return VM_NO_GAP;
		if (hi >= len && hi - len >= lo)
			return lo;
		if (!r)
			return VM_NO_GAP;
		r = next_gap_above(r, len);
	}
}
