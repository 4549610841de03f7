// SPDX-License-Identifier: MIT
/*
 * mprotect(), mlock() and what else changes the flags of a part of the space.
 *
 * A part of a region with other flags becomes a region of its own; alike
 * neighbours become one. Where the part lies at the edge of an anonymous region and
 * what follows there already has those flags, only the bound moves: that is how
 * heaps that grow by mprotect() work, and it needs no memory.
 *
 * Nothing is ever swapped out, so a locked page is a present page, and locking is
 * making present and counting.
 *
 * Order of checks and errors: Linux 6.1, mm/mprotect.c, mm/mlock.c.
 */
#include "vm_internal.h"

/* ---- flags of a part ---- */

static bool region_takes_over(const struct vm_region *to, const struct vm_region *region, u32 flags)
{
	return to && !to->ops && !region->ops && to->flags == flags;
}

/* [start, end) of @from, at one of its edges, becomes part of the neighbour @to. */
static void region_hand_over(struct vm_region *from, struct vm_region *to, u64 start, u64 end)
{
	struct vm_space *space = from->space;

	vm_region_change_begin(from);
	if (to->end == start) {
		vm_region_resize(space, from, end, from->end);
		vm_region_resize(space, to, to->start, end);
	} else {
		vm_region_resize(space, from, from->start, start);
		vm_region_resize(space, to, start, to->end);
	}
	vm_region_change_end(from);
}

/* @npages pages of the space have other flags than before. */
static void account_change(struct vm_space *space, u32 old, u32 flags, s64 npages)
{
	if (vm_is_data(old) != vm_is_data(flags))
		space->data_pages += vm_is_data(flags) ? npages : -npages;
	if ((old ^ flags) & VM_LOCKED)
		space->locked_pages += flags & VM_LOCKED ? npages : -npages;
}

struct vm_region *vm_set_flags(struct vm_region *region, u64 start, u64 end, u32 flags)
{
	struct vm_space *space = region->space;
	struct vm_region *prev = vm_region_prev(space, region),
			 *next = vm_region_next(space, region);
	s64 npages = (end - start) >> PAGE_SHIFT;
	u32 old = region->flags;

	if (start == region->start && end < region->end && region_takes_over(prev, region, flags) &&
	    prev->end == start) {
		region_hand_over(region, prev, start, end);
		region = prev;
	} else if (start > region->start && end == region->end &&
		   region_takes_over(next, region, flags) && next->start == end) {
		region_hand_over(region, next, start, end);
		region = next;
	} else {
		if (start > region->start) {
			region = vm_split(region, start);
			if (!region)
				return NULL;
		}
		if (end < region->end && !vm_split(region, end)) {
			vm_merge(region);
			return NULL;
		}
		vm_region_change_begin(region);
		region->flags = flags;
		region->pte_bits = vm_pte_bits(flags);
		vm_region_change_end(region);
		if ((old ^ flags) & VM_GROWSDOWN)
			vm_region_update_gap(space, region);
		region = vm_merge(region);
	}
	account_change(space, old, flags, npages);
	return region;
}

/* @region's flags without @clear and with @set, which device memory does not get. */
static u32 region_changed_flags(const struct vm_region *region, u32 clear, u32 set)
{
	u32 flags = region->flags & ~clear;

	if (!(region->flags & VM_PFN))
		flags |= set;
	return flags;
}

/* Every part of [start, end), which has no holes, gets flags & ~clear | set. @return 0 or -ENOMEM */
static int range_change_flags(struct vm_space *space, u64 start, u64 end, u32 clear, u32 set)
{
	struct vm_region *region = vm_region_find(space, start);

	if (start == end)
		return 0;
	while (region && region->start <= start) {
		u32 flags = region_changed_flags(region, clear, set);
		u64 stop = MIN(end, region->end);

		if (flags != region->flags) {
			region = vm_set_flags(region, start, stop, flags);
			if (!region)
				return -ENOMEM;
		}
		if (stop == end)
			return 0;
		start = stop;
		if (region->end <= start)
			region = vm_region_next(space, region);
	}
	return -ENOMEM; /* a hole */
}

/* ---- mprotect ---- */

/* The part [start, end) of @region gets the rights @access. @return the region it is in then, or ERR_PTR */
static struct vm_region *protect_part(struct vm_region *region, u64 start, u64 end, u32 access)
{
	u32 flags = (region->flags & ~VM_ACCESS) | access;
	u64 npages = (end - start) >> PAGE_SHIFT;
	bool becomes_data = !vm_is_data(region->flags) && vm_is_data(flags);

	if (((access & VM_WRITE) && !(flags & VM_MAYWRITE)) ||
	    ((access & VM_EXEC) && !(flags & VM_MAYEXEC)))
		return ERR_PTR(-EACCES);
	if (flags == region->flags)
		return region;
	if (becomes_data &&
	    (region->space->data_pages + npages > vm_limit(RLIMIT_DATA) >> PAGE_SHIFT ||
	     !vm_enough_memory(flags, npages)))
		return ERR_PTR(-ENOMEM);
	if (vm_leaves_own(region->space, start, end))
		return ERR_PTR(-ENOMEM);
	region = vm_set_flags(region, start, end, flags);
	if (!region)
		return ERR_PTR(-ENOMEM);
	vm_tables_protect(region, start, end);
	return region;
}

static int protect_locked(struct vm_space *space, u64 start, u64 end, u32 access, bool grows_down)
{
	struct vm_region *region = vm_region_find_above(space, start);

	assert_held_write(&space->lock);
	if (!region)
		return -ENOMEM;
	if (grows_down) {
		if (region->start >= end)
			return -ENOMEM;
		start = region->start;
		if (!(region->flags & VM_GROWSDOWN))
			return -EINVAL;
	}
	while (region && region->start <= start) {
		u64 stop = MIN(end, region->end);

		region = protect_part(region, start, stop, access);
		if (IS_ERR(region))
			return PTR_ERR(region);
		if (stop == end)
			return 0;
		start = stop;
		if (region->end <= start)
			region = vm_region_next(space, region);
	}
	return -ENOMEM; /* a hole; what lies below it is done, as on Linux */
}

int vm_protect(struct vm_space *space, u64 addr, u64 len, u32 prot)
{
	const u32 grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
	u32 access = prot & VM_ACCESS;
	int err;

	prot &= ~grows;
	if (grows == (PROT_GROWSDOWN | PROT_GROWSUP) || (addr & ~PAGE_MASK))
		return -EINVAL;
	if (!len)
		return 0;
	len = PAGE_ALIGN(len);
	if (!len || addr + len <= addr)
		return -ENOMEM;
	if (prot & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM))
		return -EINVAL;
	if (grows & PROT_GROWSUP)
		return -EINVAL; /* nothing grows up on this machine */
	if ((prot & PROT_READ) && current->proc && (current->proc->personality & READ_IMPLIES_EXEC))
		access |= VM_EXEC;
	down_write(&space->lock);
	err = protect_locked(space, addr, addr + len, access, grows);
	up_write(&space->lock);
	return err;
}

/* ---- mlock ---- */

static bool may_lock_at_all(void)
{
	return vm_limit(RLIMIT_MEMLOCK) || current_capable(CAP_IPC_LOCK);
}

/* Pages of [start, end) that are locked already. */
static u64 locked_pages_in(struct vm_space *space, u64 start, u64 end)
{
	struct vm_region *region = vm_region_overlapping(space, start, end);
	u64 npages = 0;

	for (; region && region->start < end; region = vm_region_next(space, region))
		if (region->flags & VM_LOCKED)
			npages += (MIN(end, region->end) - MAX(start, region->start)) >> PAGE_SHIFT;
	return npages;
}

int vm_lock(struct vm_space *space, u64 addr, u64 len, int flags)
{
	u32 set = VM_LOCKED;
	u64 end, npages;
	int err;

	if (flags & ~MLOCK_ONFAULT)
		return -EINVAL;
	if (flags & MLOCK_ONFAULT)
		set |= VM_LOCKONFAULT;
	if (!may_lock_at_all())
		return -EPERM;
	len = PAGE_ALIGN(len + (addr & ~PAGE_MASK));
	addr &= PAGE_MASK;
	end = addr + len;
	npages = len >> PAGE_SHIFT;
	if (end < addr)
		return -EINVAL;
	down_write(&space->lock);
	err = -ENOMEM;
	if (!vm_may_lock(space, VM_LOCKED, npages) ||
	    !vm_may_lock(space, VM_LOCKED, npages - locked_pages_in(space, addr, end)))
		err = range_change_flags(space, addr, end, VM_LOCKED | VM_LOCKONFAULT, set);
	up_write(&space->lock);
	if (err || (flags & MLOCK_ONFAULT))
		return err;
	err = vm_populate(space, addr, end, VM_POPULATE_LOCK);
	if (err == -ENOMEM)
		return -EAGAIN;
	if (err == -EIO)
		return -ENOMEM;
	return err;
}

int vm_unlock(struct vm_space *space, u64 addr, u64 len)
{
	int err;

	len = PAGE_ALIGN(len + (addr & ~PAGE_MASK));
	addr &= PAGE_MASK;
	if (addr + len < addr)
		return -EINVAL;
	down_write(&space->lock);
	err = range_change_flags(space, addr, addr + len, VM_LOCKED | VM_LOCKONFAULT, 0);
	up_write(&space->lock);
	return err;
}

/* All regions there are. Lack of memory to split can't happen: whole regions change. */
static void space_change_flags(struct vm_space *space, u32 clear, u32 set)
{
	struct vm_region *region = vm_region_find_above(space, 0);

	while (region) {
		u32 flags = region_changed_flags(region, clear, set);

		if (flags != region->flags)
			region = vm_set_flags(region, region->start, region->end, flags);
		region = vm_region_next(space, region);
	}
}

int vm_lock_all(struct vm_space *space, int flags)
{
	u32 set = VM_LOCKED;
	int err = 0;

	if (flags & MCL_ONFAULT)
		set |= VM_LOCKONFAULT;

	if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
		return -EINVAL;
	if (!may_lock_at_all())
		return -EPERM;
	down_write(&space->lock);
	if ((flags & MCL_CURRENT) && space->total_pages > vm_limit(RLIMIT_MEMLOCK) >> PAGE_SHIFT &&
	    !current_capable(CAP_IPC_LOCK)) {
		err = -ENOMEM;
	} else {
		space->def_flags = 0;
		if (flags & MCL_FUTURE)
			space->def_flags = set;
		if (flags & MCL_CURRENT)
			space_change_flags(space, VM_LOCKED | VM_LOCKONFAULT, set);
	}
	up_write(&space->lock);
	if (!err && (flags & (MCL_CURRENT | MCL_ONFAULT)) == MCL_CURRENT)
		(void)vm_populate(space, 0, USER_END, VM_POPULATE_MAP);
	return err;
}

int vm_unlock_all(struct vm_space *space)
{
	down_write(&space->lock);
	space->def_flags = 0;
	space_change_flags(space, VM_LOCKED | VM_LOCKONFAULT, 0);
	up_write(&space->lock);
	return 0;
}
