// SPDX-License-Identifier: MIT
/*
 * madvise(), msync(), mincore().
 *
 * Of the advice only what programs can see afterwards is followed: contents given
 * up, what a fork or a dump leaves out, pages asked for ahead. Nothing is swapped, so advice
 * on that is taken and means nothing. There are no huge pages and no merging of equal pages in
 * user space: that advice is refused, as by a Linux that was built without it. MADV_FREE frees pages at once, which is permitted.
 *
 * Order of checks and errors: Linux 6.1, mm/madvise.c, mm/msync.c, mm/mincore.c.
 */
#include "vm_internal.h"
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <uapi/fcntl.h>

/* ---- madvise ---- */

static bool advice_known(int advice)
{
	return (advice >= MADV_NORMAL && advice <= MADV_DONTNEED) ||
	       (advice >= MADV_FREE && advice <= MADV_DONTNEED_LOCKED &&
		(advice < MADV_MERGEABLE || advice > MADV_NOHUGEPAGE));
}

/* The flags of @region after the advice. @return 0 or -EINVAL */
static int advice_flags(const struct vm_region *region, int advice, u32 *flags)
{
	switch (advice) {
	case MADV_DONTFORK: *flags |= VM_DONTFORK; break;
	case MADV_DOFORK:
		if (region->flags & VM_PFN)
			return -EINVAL;
		*flags &= ~VM_DONTFORK;
		break;
	case MADV_WIPEONFORK:
		if (region->ops)
			return -EINVAL;
		*flags |= VM_WIPEONFORK;
		break;
	case MADV_KEEPONFORK: *flags &= ~VM_WIPEONFORK; break;
	case MADV_DONTDUMP: *flags |= VM_DONTDUMP; break;
	case MADV_DODUMP:
		if (region->flags & VM_PFN)
			return -EINVAL;
		*flags &= ~VM_DONTDUMP;
		break;
	}
	return 0;
}

/*
 * MADV_REMOVE: take pages out of the object itself. A file's lock is taken before the
 * space's, which is therefore released meanwhile: the region may have been unmapped then.
 */
static int advise_remove(struct vm_region *region, u64 start, u64 end)
{
	const u64 off = (region->pgoff << PAGE_SHIFT) + (start - region->start);
	struct vm_space *space = region->space;
	struct file *f = region->file;
	int err;

	if (region->flags & VM_LOCKED || !region->pages)
		return -EINVAL;
	if ((region->flags & (VM_SHARED | VM_WRITE)) != (VM_SHARED | VM_WRITE))
		return -EACCES;
	if (!f) {
		vm_shared_remove(region, start, end);
		return 0;
	}
	file_get(f);
	up_write(&space->lock);
	err = file_allocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (s64)off,
			    (s64)(end - start));
	file_put(f);
	down_write(&space->lock);
	return err;
}

static int advise_drop_pages(struct vm_region *region, u64 start, u64 end)
{
	struct vm_gather gather;

	if (vm_leaves_own(region->space, start, end))
		return -ENOMEM;
	vm_gather_init(&gather, region->space);
	vm_zap_region(&gather, region, start, end);
	vm_gather_finish(&gather);
	return 0;
}

/* One part of the region *@part_of; may replace that, by NULL if it must be searched for again. @return 0 or -errno */
static int advise_part(struct vm_region **part_of, u64 start, u64 end, int advice)
{
	struct vm_region *region = *part_of;
	u32 flags = region->flags;
	int err;

	switch (advice) {
	case MADV_REMOVE: *part_of = NULL; return advise_remove(region, start, end);
	case MADV_FREE:
	case MADV_DONTNEED:
		if (region->flags & (VM_LOCKED | VM_PFN) || (advice == MADV_FREE && region->ops))
			return -EINVAL;
		return advise_drop_pages(region, start, end);
	case MADV_DONTNEED_LOCKED:
		if (region->flags & VM_PFN)
			return -EINVAL;
		return advise_drop_pages(region, start, end);
	case MADV_COLD:
	case MADV_PAGEOUT:
		if (region->flags & (VM_LOCKED | VM_PFN))
			return -EINVAL;
		return 0;
	}
	err = advice_flags(region, advice, &flags);
	if (err || flags == region->flags)
		return err;
	region = vm_set_flags(region, start, end, flags);
	if (!region)
		return -EAGAIN; /* ENOMEM would mean that nothing is mapped there */
	*part_of = region;
	return 0;
}

static int advise_locked(struct vm_space *space, u64 start, u64 end, int advice)
{
	struct vm_region *region = vm_region_find_above(space, start);
	int err, hole = 0;

	assert_held_write(&space->lock);
	for (;;) {
		u64 stop;

		if (!region)
			return -ENOMEM;
		if (start < region->start) {
			hole = -ENOMEM;
			start = region->start;
			if (start >= end)
				return hole;
		}
		stop = MIN(end, region->end);
		err = advise_part(&region, start, stop, advice);
		if (err)
			return err;
		start = stop;
		if (start >= end)
			return hole;
		if (!region)
			region = vm_region_find_above(space, start);
		else if (region->end <= start)
			region = vm_region_next(space, region);
	}
}

static int advise_populate(struct vm_space *space, u64 start, u64 end, enum vm_populate how)
{
	int err = vm_populate(space, start, end, how);

	if (err == -EIO)
		return -EFAULT;
	return err;
}

int vm_advise(struct vm_space *space, u64 addr, u64 len, int advice)
{
	u64 end = addr + PAGE_ALIGN(len);
	int err;

	if (!advice_known(advice) || (addr & ~PAGE_MASK) || (len && !PAGE_ALIGN(len)) || end < addr)
		return -EINVAL;
	if (end == addr)
		return 0;
	if (advice == MADV_POPULATE_READ)
		return advise_populate(space, addr, end, VM_POPULATE_READ);
	if (advice == MADV_POPULATE_WRITE)
		return advise_populate(space, addr, end, VM_POPULATE_WRITE);
	down_write(&space->lock);
	err = advise_locked(space, addr, end, advice);
	up_write(&space->lock);
	return err;
}

/* ---- msync ---- */

/* Write what [start, end) shows of a region's file back, without the lock. @return 0 or -errno */
static int sync_region(struct vm_region *region, u64 start, u64 end)
{
	u64 first = (region->pgoff << PAGE_SHIFT) + (start - region->start);
	struct vm_space *space = region->space;
	struct file *f = region->file;
	int err = -EINVAL;

	file_get(f);
	up_read(&space->lock);
	if (f->ops->fsync)
		err = f->ops->fsync(f, first, first + (end - start) - 1, false);
	file_put(f);
	return err;
}

int vm_sync(struct vm_space *space, u64 addr, u64 len, int flags)
{
	u64 end = addr + PAGE_ALIGN(len), stop;
	struct vm_region *region;
	int err, hole = 0;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (addr & ~PAGE_MASK) ||
	    (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	if (end < addr || (len && !PAGE_ALIGN(len)))
		return -ENOMEM;
	while (addr < end) {
		down_read(&space->lock);
		region = vm_region_find_above(space, addr);
		if (!region ||
		    (addr < region->start && (flags == MS_ASYNC || region->start >= end))) {
			up_read(&space->lock);
			return -ENOMEM;
		}
		if (addr < region->start) {
			hole = -ENOMEM;
			addr = region->start;
		}
		if ((flags & MS_INVALIDATE) && (region->flags & VM_LOCKED)) {
			up_read(&space->lock);
			return -EBUSY;
		}
		stop = MIN(end, region->end);
		if ((flags & MS_SYNC) && region->file && (region->flags & VM_SHARED)) {
			err = sync_region(region, addr, stop);
			if (err)
				return err;
		} else {
			up_read(&space->lock);
		}
		addr = stop;
	}
	return hole;
}

/* ---- mincore ---- */

#define INCORE_CHUNK 64u

/* The cached pages of a file show what other programs read: only a process that may write the file sees them. */
static bool incore_may_see_cache(const struct vm_region *region)
{
	struct inode *inode;

	if (!region->file)
		return true;
	inode = region->file->inode;
	if (!inode)
		return false;
	return inode->uid == current_cred()->fsuid || current_capable(CAP_FOWNER) ||
	       !inode_permission(inode, MAY_WRITE);
}

/* Pages that are in the cache though not mapped. */
static void incore_from_cache(struct vm_region *region, u64 addr, u32 npages, u8 *vec)
{
	struct page *pages[VM_FAULT_AROUND];

	for (u32 done = 0; done < npages; done += VM_FAULT_AROUND) {
		u64 pgoff = region->pgoff + ((addr - region->start) >> PAGE_SHIFT) + done;
		u32 part = MIN(npages - done, (u32)VM_FAULT_AROUND);

		if (!region->ops->fault_around(region, pgoff, part, pages))
			continue;
		for (u32 i = 0; i < part; i++)
			if (pages[i]) {
				vec[done + i] = 1;
				page_put(pages[i]);
			}
	}
}

/* One chunk from @addr on; space->lock held. @return how many pages, or -ENOMEM */
static int incore_chunk(struct vm_space *space, u64 addr, u64 end, u8 *vec)
{
	struct vm_region *region = vm_region_find(space, addr);
	u32 npages;

	assert_held(&space->lock);
	if (!region)
		return -ENOMEM;
	npages = MIN((u64)INCORE_CHUNK, (MIN(end, region->end) - addr) >> PAGE_SHIFT);
	if (!incore_may_see_cache(region)) {
		for (u32 i = 0; i < npages; i++)
			vec[i] = 1;
		return npages;
	}
	for (u32 i = 0; i < npages; i++)
		vec[i] = 0;
	if (region->ops && region->ops->fault_around)
		incore_from_cache(region, addr, npages, vec);
	for (u32 i = 0; i < npages; i++) {
		pte_t *pte = vm_pte(space, addr + i * PAGE_SIZE);

		vec[i] |= pte && *pte;
	}
	return npages;
}

int vm_incore(struct vm_space *space, u64 addr, u64 len, uaddr_t vec)
{
	u64 end = addr + PAGE_ALIGN(len);
	u8 chunk[INCORE_CHUNK];
	int npages;

	if (addr & ~PAGE_MASK)
		return -EINVAL;
	if (!user_range_ok(uaddr(addr), len))
		return -ENOMEM;
	if (!user_range_ok(vec, (end - addr) >> PAGE_SHIFT))
		return -EFAULT;
	while (addr < end) {
		down_read(&space->lock);
		npages = incore_chunk(space, addr, end, chunk);
		up_read(&space->lock);
		if (npages < 0)
			return npages;
		if (copy_to_user(vec, chunk, npages))
			return -EFAULT;
		if (fatal_signal_pending())
			return -EINTR;
		addr += (u64)npages << PAGE_SHIFT;
		vec = uaddr_add(vec, npages);
	}
	return 0;
}
