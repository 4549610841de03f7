// SPDX-License-Identifier: MIT
/*
 * Memory of another process: read or written through the physical map.
 *
 * The space's lock is taken for writing, so that the program's own faults, which
 * count on being alone where there is one thread, stay right. Some of those run
 * without the lock (fault_alone() in vm_fault.c): they stop once they see our
 * reference on the space, and those that began before are waited for. A truncation
 * may still take a file's page away: its lock is held for the copy.
 */
#include "vm_internal.h"
#include <kernel/string.h>

/* The part of one page. @return 0; -ENOMEM; -EFAULT */
static int access_page(struct vm_region *r, u64 addr, u8 *buf, u64 len, bool write)
{
	u64 page = addr & PAGE_MASK;

	for (u32 attempt = 0; attempt < 100; attempt++) {
		pte_t *pte = vm_pte(r->space, page), e;
		bool done = false;

		vm_file_lock(r);
		e = pte ? *pte : 0;
		if (pte_allows(e, write) && (!pte_uncounted(e) || page_is_ram(pte_phys(e)))) {
			u8 *at = (u8 *)phys_to_virt(pte_phys(e)) + (addr & ~PAGE_MASK);

			memcpy(write ? at : buf, write ? buf : at, len);
			done = true;
		}
		vm_file_unlock(r);
		if (done)
			return 0;
		if ((r->flags & VM_PFN) && e)
			return -EFAULT;
		int err = vm_fault_region(r, page, write);

		if (err < 0)
			return err == -ENOMEM ? err : -EFAULT;
	}
	return -EFAULT; /* a truncation that does not end */
}

u64 vm_space_access(struct vm_space *s, u64 addr, void *buf, u64 len, bool write)
{
	u64 done = 0;
	u32 attempt = 0;

	if (s != current->space && atomic_read(&s->users) > 1)
		synchronize_rcu();
	down_write(&s->lock);
	while (done < len) {
		struct vm_region *r = vm_region_find(s, addr);
		u64 n = MIN(len - done, PAGE_SIZE - (addr & ~PAGE_MASK));

		int err = -EFAULT;

		if (r && (r->flags & (write ? VM_WRITE : VM_ACCESS)))
			err = access_page(r, addr, (u8 *)buf + done, n, write);
		if (err == -ENOMEM) {
			up_write(&s->lock);
			err = vm_out_of_memory(attempt++);
			down_write(&s->lock);
			if (!err)
				continue;
		}
		if (err)
			break;
		done += n;
		addr += n;
	}
	up_write(&s->lock);
	return done;
}
