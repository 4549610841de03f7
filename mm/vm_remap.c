// SPDX-License-Identifier: MIT
/*
 * mremap(): grow, shrink and move.
 *
 * A move makes the new region first, with all the tables that it needs, so that from
 * there on nothing can fail; then the entries change places under the file's lock, so
 * that a truncation finds each page in one of the two; then the old part is
 * unmapped like any other.
 *
 * Order of checks and errors: Linux 6.1, mm/mremap.c.
 */
#include "vm_internal.h"
#include <kernel/heap.h>

struct remap {
	u64 old, old_len, new_len, to;
	u32 flags;
	struct list *dead;
	bool populate;
};

/* May the @remap->old_len bytes of @region at m->old become m->new_len? @return 0 or -errno */
static int remap_check_resize(const struct vm_region *region, const struct remap *remap)
{
	u64 more;

	if (!remap->old_len && !(region->flags & VM_SHARED))
		return -EINVAL;
	if ((remap->flags & MREMAP_DONTUNMAP) && (region->flags & VM_PFN))
		return -EINVAL;
	if (remap->old_len > region->end - remap->old)
		return -EFAULT;
	if (remap->new_len <= remap->old_len)
		return 0;
	if (region->flags & VM_PFN)
		return -EFAULT;
	more = (remap->new_len - remap->old_len) >> PAGE_SHIFT;
	if (vm_may_lock(region->space, region->flags, more))
		return -EAGAIN;
	if (!vm_may_expand(region->space, region->flags, more) ||
	    !vm_enough_memory(region->flags, more))
		return -ENOMEM;
	return 0;
}

/* Entries and bounds: no way back from here. */
static void remap_move_pages(struct vm_region *new, struct vm_region *region,
			     const struct remap *remap)
{
	struct vm_space *space = region->space;
	struct vm_gather gather;

	vm_gather_init(&gather, space);
	vm_file_lock(region);
	vm_region_insert(space, new);
	if (new->pages)
		list_add_tail(&new->file_link, &new->pages->regions);
	vm_tables_move(&gather, remap->old, remap->to, remap->old_len);
	vm_file_unlock(region);
	vm_gather_finish(&gather);
	vm_account(space, new->flags, vm_region_pages(new));
}

static s64 remap_move_to(struct vm_region *region, struct remap *remap)
{
	struct vm_space *space = region->space;
	struct vm_region *new;
	int err;

	if (space->nr_regions + 3 > VM_MAX_REGIONS)
		return -ENOMEM;
	new = kmem_cache_alloc(vm_region_cache);
	if (!new)
		return -ENOMEM;
	vm_region_clone(new, region, remap->old, remap->old + remap->new_len);
	new->start = remap->to;
	new->end = remap->to + remap->new_len;
	new->flags &= ~(VM_HEAP | VM_STACK);
	vm_region_opened(new);
	err = vm_tables_prepare_move(space, remap->old, remap->to, remap->old_len);
	if (err) {
		vm_scrub(space, new->start, new->end);
		list_add_tail(&new->link, remap->dead);
		return err;
	}
	remap_move_pages(new, region, remap);
	remap->populate = (new->flags &(VM_LOCKED | VM_LOCKONFAULT)) == VM_LOCKED;
	if (!(remap->flags & MREMAP_DONTUNMAP)) {
		if (remap->old_len)
			err = vm_unmap_locked(space, remap->old, remap->old + remap->old_len,
					      remap->dead);
	} else if (region->flags & VM_LOCKED) {
		(void)vm_set_flags(region, remap->old, remap->old + remap->old_len,
				   region->flags & ~(VM_LOCKED | VM_LOCKONFAULT));
	}
	vm_merge(new);
	(void)err; /* no memory to split: the old range stays mapped, empty, as on Linux */
	return remap->to;
}

/* MREMAP_FIXED or MREMAP_DONTUNMAP */
static s64 remap_to(struct vm_space *space, struct remap *remap)
{
	struct vm_region *region;
	u32 map_flags = 0;
	s64 to;
	int err;

	if (!vm_range_valid(remap->to, remap->new_len))
		return -EINVAL;
	/* Linux notices this as it unmaps the excess; here it is checked before the target is unmapped. */
	if (!vm_range_valid(remap->old, remap->old_len))
		return remap->old_len > remap->new_len ? -EINVAL : -EFAULT;
	if (remap->old + remap->old_len > remap->to && remap->to + remap->new_len > remap->old)
		return -EINVAL;
	if (space->nr_regions + 5 > VM_MAX_REGIONS)
		return -ENOMEM;
	if (remap->flags & MREMAP_FIXED) {
		if (!vm_may_place(remap->to))
			return -EPERM;
		err = vm_unmap_locked(space, remap->to, remap->to + remap->new_len, remap->dead);
		if (err)
			return err;
	}
	if (remap->old_len > remap->new_len) {
		err = vm_unmap_locked(space, remap->old + remap->new_len,
				      remap->old + remap->old_len, remap->dead);
		if (err)
			return err;
		remap->old_len = remap->new_len;
	}
	region = vm_region_find(space, remap->old); /* unmapping may have split or taken it */
	if (!region)
		return -EFAULT;
	err = remap_check_resize(region, remap);
	if (!err && (remap->flags & MREMAP_DONTUNMAP) &&
	    !vm_may_expand(space, region->flags, remap->old_len >> PAGE_SHIFT))
		err = -ENOMEM;
	if (err)
		return err;
	if (remap->flags & MREMAP_FIXED)
		map_flags = MAP_FIXED;
	to = vm_find_room(space, remap->to, remap->new_len, map_flags);
	if (to < 0)
		return to;
	remap->to = to;
	return remap_move_to(region, remap);
}

/* Grow in place, if the region ends there and a free range follows. */
static bool remap_in_place(struct vm_region *region, const struct remap *remap)
{
	struct vm_space *space = region->space;
	u64 more = remap->new_len - remap->old_len;

	if (remap->old + remap->old_len != region->end || more > USER_END - region->end ||
	    !vm_range_is_free(space, region->end, more))
		return false;
	vm_set_bounds(region, region->start, region->end + more);
	vm_account(space, region->flags, more >> PAGE_SHIFT);
	vm_merge(region);
	return true;
}

static s64 remap_locked(struct vm_space *space, struct remap *remap)
{
	struct vm_region *region = vm_region_find(space, remap->old);
	s64 to;
	int err;

	assert_held_write(&space->lock);
	if (!region)
		return -EFAULT;
	if (remap->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
		return remap_to(space, remap);
	if (remap->old_len >= remap->new_len) {
		if (remap->old_len > remap->new_len) {
			if (!vm_range_valid(remap->old + remap->new_len,
					    remap->old_len - remap->new_len))
				return -EINVAL;
			err = vm_unmap_locked(space, remap->old + remap->new_len,
					      remap->old + remap->old_len, remap->dead);
			if (err)
				return err;
		}
		return remap->old;
	}
	err = remap_check_resize(region, remap);
	if (err)
		return err;
	remap->populate = (region->flags & (VM_LOCKED | VM_LOCKONFAULT)) == VM_LOCKED;
	remap->to = remap->old;
	if (remap->old_len && remap_in_place(region, remap))
		return remap->old;
	if (!(remap->flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	to = vm_find_room(space, 0, remap->new_len, 0);
	if (to < 0)
		return to;
	remap->to = to;
	return remap_move_to(region, remap);
}

s64 vm_remap(struct vm_space *space, u64 old, u64 old_len, u64 new_len, u32 flags, u64 new_addr)
{
	DEFINE_LIST(dead);
	struct remap remap = {
		old, PAGE_ALIGN(old_len), PAGE_ALIGN(new_len), new_addr, flags, &dead, false
	};
	s64 result;

	if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
		return -EINVAL;
	if ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) &&
	    (!(flags & MREMAP_MAYMOVE) || remap.old_len != remap.new_len))
		return -EINVAL;
	if ((old & ~PAGE_MASK) || !remap.new_len)
		return -EINVAL;
	down_write(&space->lock);
	vm_space_freeze(space);
	result = remap_locked(space, &remap);
	vm_space_thaw(space);
	up_write(&space->lock);
	vm_regions_free(&dead);
	if (result > 0 && remap.populate && remap.new_len > remap.old_len)
		(void)vm_populate(space, remap.to + remap.old_len, remap.to + remap.new_len,
				  VM_POPULATE_MAP);
	return result;
}
