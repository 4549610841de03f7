// SPDX-License-Identifier: MIT
/*
 * Pinning pages of the running program, for a device that reads or writes them.
 *
 * A pinned page is counted. It stays the program's: one that is unmapped meanwhile is freed when the pin ends; a fork copies
 * a page on the next write, and as for Linux the device may then write to the other side's copy.
 *
 * In a space with one user nothing changes the entries of anonymous memory while preemption is off (vm_fault.c,
 * fault_alone()). Otherwise space->lock is held for reading, which keeps all but faults away, and the entry is
 * busy while its page is counted, which keeps those away. Pages of a file that is written back are not pinned for
 * writing: nobody would notice that they became dirty.
 */
#include "vm_internal.h"

/* Up to @npages, as far as they lie in one table. @return how many */
static inline u32 pin_alone(struct vm_space *space, u64 addr, u32 npages, bool write,
			    struct page **pages)
{
	u32 done = 0, in_table = PTRS_PER_TABLE - (u32)pt_index(addr, 1);
	const pte_t *pte = NULL;

	npages = MIN(npages, in_table);
	preempt_disable();
	if (likely(vm_is_solo(space)))
		pte = vm_pte_own(space, addr);
	while (pte && done < npages) {
		pte_t entry = READ_ONCE(pte[done]);

		if (unlikely(!pte_allows(entry, write) || !pte_anon(entry)))
			break;
		pages[done] = pte_page(entry);
		page_get(pages[done++]);
	}
	preempt_enable();
	return done;
}

/* Count the page of an entry that allows the access. @return 0; -EAGAIN: a fault must come first; -EFAULT */
static int pin_entry(struct vm_region *region, u64 addr, bool write, struct page **out)
{
	pte_t *pte = vm_pte_own(region->space, addr), entry;
	int err = -EAGAIN;

	if (!pte)
		return -EAGAIN;
	vm_file_lock(region);
	preempt_disable();
	entry = vm_entry_settled(pte);
	if (pte_allows(entry, write) && vm_entry_exchange(pte, entry, pte_busy())) {
		err = -EFAULT;
		if (page_is_ram(pte_phys(entry)) && !(region->flags & VM_PFN)) {
			*out = pte_page(entry);
			page_get(*out);
			err = 0;
		}
		smp_store_release(pte, entry);
	}
	preempt_enable();
	vm_file_unlock(region);
	return err;
}

/* space->lock is held for reading. */
static int pin_locked(struct vm_space *space, u64 addr, bool write, struct page **out)
{
	struct vm_region *region = vm_region_find(space, addr);
	u32 right = VM_READ;
	int err = -EFAULT;

	assert_held(&space->lock);
	if (write)
		right = VM_WRITE;
	if (!region || !(region->flags & right))
		return -EFAULT;
	if (write && region->ops && region->ops->write_back && (region->flags & VM_SHARED))
		return -EOPNOTSUPP;
	for (u32 attempt = 0; attempt < 100; attempt++) {
		err = pin_entry(region, addr, write, out);
		if (err != -EAGAIN)
			return err;
		if (!vm_pte_alloc(space, addr)) /* one of the space's own, even to read */
			return -ENOMEM;
		err = vm_fault_region(region, addr, write);
		if (err < 0)
			break;
	}
	if (err == -ENOMEM)
		return -ENOMEM;
	return -EFAULT;
}

int vm_pin(u64 addr, u32 npages, bool write, struct page **pages)
{
	struct vm_space *space = current->space;
	u32 done = 0, attempt = 0;
	int err = 0;

	addr &= PAGE_MASK;
	while (done < npages && !err) {
		u32 alone = pin_alone(space, addr + done * PAGE_SIZE, npages - done, write,
				      pages + done);

		done += alone;
		if (likely(alone))
			continue;
		do {
			down_read(&space->lock);
			err = pin_locked(space, addr + done * PAGE_SIZE, write, &pages[done]);
			up_read(&space->lock);
		} while (err == -ENOMEM && !vm_out_of_memory(attempt++));
		done += !err;
	}
	while (err && done)
		page_put(pages[--done]);
	return err;
}
