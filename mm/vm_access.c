// SPDX-License-Identifier: MIT
/*
 * Memory of another process: read, written or cleared through the physical map.
 *
 * The space's lock is taken for writing and the space is frozen, so that no fault of the program's
 * own replaces a page while it is copied. Faults that count on being alone in the space
 * (fault_alone() in vm_fault.c) stop once they see our reference on it, and those that
 * began before are waited for. A truncation may still take a file's page away: its lock is
 * held for the copy.
 */
#include "vm_internal.h"
#include <kernel/string.h>

/* A page of its own, which nothing but its region's rights keeps from being written to. */
static bool entry_is_own(pte_t entry)
{
	return pte_present(entry) && pte_anon(entry) && atomic_read(&pte_page(entry)->refs) == 1;
}

/* The part of one page. @return 0; -ENOMEM; -EFAULT */
static int space_access_page(struct vm_region *region, u64 addr, u8 *buf, u64 len, bool write,
			     bool force)
{
	u64 page = addr & PAGE_MASK;

	for (u32 attempt = 0; attempt < 100; attempt++) {
		pte_t *pte = vm_pte_own(region->space, page), entry;
		bool done = false;

		if (!pte && !write)
			pte = vm_pte(region->space, page);
		vm_file_lock(region);
		entry = pte ? vm_entry_settled(pte) : 0;
		if ((pte_allows(entry, write) || (force && entry_is_own(entry))) &&
		    (!pte_uncounted(entry) || page_is_ram(pte_phys(entry)))) {
			u8 *bytes = (u8 *)phys_to_virt(pte_phys(entry)) + (addr & ~PAGE_MASK);

			if (write && buf)
				memcpy(bytes, buf, len);
			else if (write)
				memset(bytes, 0, len);
			else
				memcpy(buf, bytes, len);
			done = true;
		}
		vm_file_unlock(region);
		if (done)
			return 0;
		if ((region->flags & VM_PFN) && entry)
			return -EFAULT;
		int err = vm_fault_region(region, page, write);

		if (err < 0)
			return err == -ENOMEM ? -ENOMEM : -EFAULT;
	}
	return -EFAULT; /* a truncation that does not end */
}

static bool region_allows(const struct vm_region *region, bool write, bool force)
{
	if (!write)
		return region->flags & VM_ACCESS;
	if (region->flags & VM_WRITE)
		return true;
	return force && region->flags & VM_ACCESS && !(region->flags & (VM_SHARED | VM_PFN));
}

static u64 space_access(struct vm_space *space, u64 addr, void *buf, u64 len, bool write,
			bool force)
{
	u64 done = 0;
	u32 attempt = 0;

	if (space != current->space && atomic_read(&space->users) > 1)
		synchronize_rcu();
	down_write(&space->lock);
	vm_space_freeze(space);
	while (done < len) {
		struct vm_region *region = vm_region_find(space, addr);
		u64 length = MIN(len - done, PAGE_SIZE - (addr & ~PAGE_MASK));
		int err = -EFAULT;

		if (region && region_allows(region, write, force))
			err = space_access_page(region, addr, buf, length, write, force);
		if (err == -ENOMEM) {
			vm_space_thaw(space);
			up_write(&space->lock);
			err = vm_out_of_memory(attempt++);
			down_write(&space->lock);
			vm_space_freeze(space);
			if (!err)
				continue;
		}
		if (err)
			break;
		if (buf)
			buf = (u8 *)buf + length;
		done += length;
		addr += length;
	}
	vm_space_thaw(space);
	up_write(&space->lock);
	return done;
}

u64 vm_space_access(struct vm_space *space, u64 addr, void *buf, u64 len, bool write)
{
	return space_access(space, addr, buf, len, write, false);
}

u64 vm_space_force(struct vm_space *space, u64 addr, const void *buf, u64 len)
{
	return space_access(space, addr, (void *)buf, len, true, true);
}
