/* SPDX-License-Identifier: MIT */
/**
 * @file vm_regions.h  The set of regions of a space: order, search, gaps. Pure.
 *
 * These functions touch a space's regions, region_list, last and nr_regions and
 * the regions themselves, nothing else. The caller holds space->lock, but for
 * vm_region_peek(): for writing where something changes, else for reading.
 */
#pragma once
#include <kernel/vm.h>

#define VM_GUARD_GAP (256 * PAGE_SIZE) /* kept free below a region that grows down */
#define VM_NO_GAP    (~0ull)

/** @brief An empty set. */
void vm_regions_init(struct vm_space *space);
/** @brief Insert @p region by its start and end; it must not overlap another. Sets region->space. */
void vm_region_insert(struct vm_space *space, struct vm_region *region);
/** @brief The same, faster, where the region below it is known (NULL: it is the lowest). */
void vm_region_insert_behind(struct vm_space *space, struct vm_region *prev,
			     struct vm_region *region);
/**
 * @brief Fill an empty set from below: append each region, above all before it, then build
 * the tree once. Until then the set is a list only, without search.
 */
void vm_region_append(struct vm_space *space, struct vm_region *region);
void vm_regions_build(struct vm_space *space);
void vm_region_erase(struct vm_space *space, struct vm_region *region);
/**
 * @brief Between the two @p region's rights change, or it loses addresses. A fault without the lock
 * that began before fails; one that begins in between takes the lock. vm_region_erase() does the
 * first half itself, for ever.
 */
static inline void vm_region_change_begin(struct vm_region *region)
{
	region->seq++;
	barrier();
}
static inline void vm_region_change_end(struct vm_region *region)
{
	barrier();
	region->seq++;
}
/**
 * @brief Find the region containing @p addr without a lock; under rcu_read_lock(). The set may be changing: what is
 * returned may have left it, and a region may be missed (NULL).
 */
struct vm_region *vm_region_peek(const struct vm_space *space, u64 addr);
/** @brief Move the bounds, without passing a neighbour; pgoff follows the start. Shrinking: within vm_region_change_begin(). */
void vm_region_resize(struct vm_space *space, struct vm_region *region, u64 start, u64 end);
/** @brief VM_GROWSDOWN changed in region->flags: compute the gap again, with or without the guard gap. */
void vm_region_update_gap(struct vm_space *space, struct vm_region *region);

/** @brief Neighbours in address order, or NULL. */
static inline struct vm_region *vm_region_next(const struct vm_space *space,
					       const struct vm_region *region)
{
	if (region->link.next == &space->region_list)
		return NULL;
	return list_entry(region->link.next, struct vm_region, link);
}
static inline struct vm_region *vm_region_prev(const struct vm_space *space,
					       const struct vm_region *region)
{
	if (region->link.prev == &space->region_list)
		return NULL;
	return list_entry(region->link.prev, struct vm_region, link);
}
static inline struct vm_region *vm_region_last(const struct vm_space *space)
{
	if (list_empty(&space->region_list))
		return NULL;
	return list_entry(space->region_list.prev, struct vm_region, link);
}
/** @brief The region below @p next; NULL means the end of the space, as vm_region_find_above() returns it. */
static inline struct vm_region *vm_region_below(const struct vm_space *space,
						const struct vm_region *next)
{
	if (!next)
		return vm_region_last(space);
	return vm_region_prev(space, next);
}
/** @brief The end of the regions up to @p region; NULL: 0. */
static inline u64 vm_region_end(const struct vm_region *region)
{
	return region ? region->end : 0;
}
static inline u64 vm_region_pages(const struct vm_region *region)
{
	return (region->end - region->start) >> PAGE_SHIFT;
}

/** @brief Is all of [addr, addr + len) free, with the guard gap of what lies above? */
bool vm_range_is_free(struct vm_space *space, u64 addr, u64 len);
/** @brief Does a region overlap [start, end)? @return the lowest one */
struct vm_region *vm_region_overlapping(struct vm_space *space, u64 start, u64 end);
/**
 * @brief The highest (lowest) address at which @p len bytes are free within [low, high).
 * All page aligned, len > 0. @return VM_NO_GAP: there is none
 */
u64 vm_gap_top_down(struct vm_space *space, u64 len, u64 low, u64 high);
u64 vm_gap_bottom_up(struct vm_space *space, u64 len, u64 low, u64 high);

/**
 * @brief Could @p upper, which begins where @p lower ends, be part of it? Equal in all that
 * matters, and the file's pages continue those of @p lower.
 */
bool vm_region_continues(const struct vm_region *lower, const struct vm_region *upper);
/** @brief Like *r, but for [start, end); not in any list. */
void vm_region_clone(struct vm_region *to, const struct vm_region *region, u64 start, u64 end);
