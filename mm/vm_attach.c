// SPDX-License-Identifier: MIT
/*
 * shmdt(): unmapping by where something was attached. The program may have unmapped or moved
 * parts meanwhile: a region is a part of what was attached at an address if its offset in
 * the file is the distance from there. Linux 6.1, ipc/shm.c.
 */
#include "vm_internal.h"

/* The first region at @addr or above that shows a file with @ops (of @f unless that is NULL), as it was mapped at @addr. */
static struct vm_region *attached_region(struct vm_space *space, u64 addr, u64 from,
					 const struct vm_region_ops *ops, const struct file *f)
{
	struct vm_region *region = vm_region_find_above(space, from);

	for (; region; region = vm_region_next(space, region))
		if (region->start >= addr && region->ops == ops && (!f || region->file == f) &&
		    (region->start - addr) >> PAGE_SHIFT == region->pgoff)
			return region;
	return NULL;
}

int vm_unmap_attached(struct vm_space *space, u64 addr, const struct vm_region_ops *ops,
		      u64 (*size_of)(const struct file *f))
{
	struct vm_region *region;
	struct file *f = NULL;
	DEFINE_LIST(dead);
	u64 from = addr, end = 0;
	int err = -EINVAL;

	down_write(&space->lock);
	while ((region = attached_region(space, addr, from, ops, f))) {
		if (!f) {
			f = region->file;
			end = addr + size_of(f);
		} else if (region->end > end) {
			break;
		}
		from = region->end;
		err = vm_unmap_locked(space, region->start, region->end, &dead);
		if (err)
			break;
	}
	up_write(&space->lock);
	vm_regions_free(&dead);
	return err;
}
