// SPDX-License-Identifier: MIT
/*
 * Pages made present on request: MAP_POPULATE, mlock(), MADV_POPULATE_*. Each by a fault of its own,
 * some hundred with one look at the regions; the lock is released in between.
 */
#include "vm_internal.h"

/* Up to @done pages of one region from @addr on; the lock is held for reading. @return 0 or the first error */
static int populate_region(struct vm_region *region, u64 *addr, u64 end, bool write)
{
	int err = 0;

	assert_held(&region->space->lock);
	for (u32 done = 0; *addr < end && done < 512; done++, *addr += PAGE_SIZE) {
		pte_t *pte = vm_pte_own(region->space, *addr);

		if (pte && pte_present(*pte) && (!write || pte_writable(*pte)))
			continue;
		do {
			err = vm_fault_region(region, *addr, write);
		} while (err == VM_RETRY);
		if (err < 0)
			return err;
	}
	return 0;
}

/* Does @how make pages of the region writable, too? */
static bool populate_writes(const struct vm_region *region, enum vm_populate how)
{
	if (how == VM_POPULATE_READ)
		return false;
	return how == VM_POPULATE_WRITE || (region->flags & (VM_WRITE | VM_SHARED)) == VM_WRITE;
}

/* Has the region the rights that @how needs? Device memory is never populated. */
static bool populate_allowed(const struct vm_region *region, enum vm_populate how, bool write)
{
	u32 needed = VM_ACCESS;

	if (region->flags & VM_PFN)
		return false;
	if (write)
		needed = VM_WRITE;
	else if (how == VM_POPULATE_READ)
		needed = VM_READ;
	return region->flags & needed;
}

int vm_populate(struct vm_space *space, u64 start, u64 end, enum vm_populate how)
{
	struct vm_region *region;
	u32 attempt = 0;
	bool write;
	int err = 0;

	while (!err && start < end) {
		down_read(&space->lock);
		region = vm_region_find_above(space, start);
		if (!region || region->start >= end ||
		    (region->start > start && how != VM_POPULATE_MAP)) {
			up_read(&space->lock);
			if (how == VM_POPULATE_MAP)
				return 0;
			return -ENOMEM;
		}
		start = MAX(start, region->start);
		write = populate_writes(region, how);
		if (populate_allowed(region, how, write))
			err = populate_region(region, &start, MIN(end, region->end), write);
		else if (how == VM_POPULATE_READ || how == VM_POPULATE_WRITE)
			err = -EINVAL;
		else
			start = region->end;
		up_read(&space->lock);
		if (err == -ENOMEM)
			err = vm_out_of_memory(attempt++);
		else if (!err && fatal_signal_pending())
			err = -EINTR;
	}
	return err;
}
