// SPDX-License-Identifier: MIT
/*
 * madvise(), msync(), mincore().
 *
 * Of the advice only what programs can see afterwards is followed: contents given
 * up, what a fork or a dump leaves out, pages asked for ahead. Nothing is swapped, so advice
 * on that is taken and means nothing. There are no huge pages and no merging of equal pages in
 * user space: that advice is refused, as by a Linux that was built without. MADV_FREE gives pages up at once, which it allows.
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

/* The flags of @r after the advice. @return 0 or -EINVAL */
static int advised_flags(const struct vm_region *r, int advice, u32 *flags)
{
	switch (advice) {
	case MADV_DONTFORK: *flags |= VM_DONTFORK; return 0;
	case MADV_DOFORK: *flags &= ~VM_DONTFORK; return r->flags & VM_PFN ? -EINVAL : 0;
	case MADV_WIPEONFORK: *flags |= VM_WIPEONFORK; return r->ops ? -EINVAL : 0;
	case MADV_KEEPONFORK: *flags &= ~VM_WIPEONFORK; return 0;
	case MADV_DONTDUMP: *flags |= VM_DONTDUMP; return 0;
	case MADV_DODUMP: *flags &= ~VM_DONTDUMP; return r->flags & VM_PFN ? -EINVAL : 0;
	}
	return 0;
}

/*
 * MADV_REMOVE: from the object itself. A file's lock comes before the space's, which
 * is dropped meanwhile: the region may be gone then.
 */
static int advise_remove(struct vm_region *r, u64 start, u64 end)
{
	const u64 off = (r->pgoff << PAGE_SHIFT) + (start - r->start);
	struct vm_space *s = r->space;
	struct file *f = r->file;
	int err;

	if (r->flags & VM_LOCKED || !r->pages)
		return -EINVAL;
	if ((r->flags & (VM_SHARED | VM_WRITE)) != (VM_SHARED | VM_WRITE))
		return -EACCES;
	if (!f) {
		vm_shared_remove(r, start, end);
		return 0;
	}
	file_get(f);
	up_write(&s->lock);
	err = file_allocate(f, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (s64)off,
			    (s64)(end - start));
	file_put(f);
	down_write(&s->lock);
	return err;
}

static void drop_pages(struct vm_region *r, u64 start, u64 end)
{
	struct vm_gather g;

	vm_gather_init(&g, r->space);
	vm_zap_region(&g, r, start, end);
	vm_gather_finish(&g);
}

/* One part of one region; may replace *@region, by NULL if it has to be looked for. @return 0 or -errno */
static int advise_part(struct vm_region **region, u64 start, u64 end, int advice)
{
	struct vm_region *r = *region;
	u32 flags = r->flags;
	int err;

	switch (advice) {
	case MADV_REMOVE: *region = NULL; return advise_remove(r, start, end);
	case MADV_FREE:
	case MADV_DONTNEED:
		if (r->flags & (VM_LOCKED | VM_PFN) || (advice == MADV_FREE && r->ops))
			return -EINVAL;
		drop_pages(r, start, end);
		return 0;
	case MADV_DONTNEED_LOCKED:
		if (r->flags & VM_PFN)
			return -EINVAL;
		drop_pages(r, start, end);
		return 0;
	case MADV_COLD:
	case MADV_PAGEOUT: return r->flags & (VM_LOCKED | VM_PFN) ? -EINVAL : 0;
	}
	err = advised_flags(r, advice, &flags);
	if (err || flags == r->flags)
		return err;
	r = vm_set_flags(r, start, end, flags);
	if (!r)
		return -EAGAIN; /* ENOMEM says that nothing is mapped there */
	*region = r;
	return 0;
}

static int advise_locked(struct vm_space *s, u64 start, u64 end, int advice)
{
	struct vm_region *r = vm_region_find_above(s, start);
	int err, hole = 0;

	assert_held_write(&s->lock);
	for (;;) {
		u64 stop;

		if (!r)
			return -ENOMEM;
		if (start < r->start) {
			hole = -ENOMEM;
			start = r->start;
			if (start >= end)
				return hole;
		}
		stop = MIN(end, r->end);
		err = advise_part(&r, start, stop, advice);
		if (err)
			return err;
		start = stop;
		if (start >= end)
			return hole;
		if (!r)
			r = vm_region_find_above(s, start);
		else if (r->end <= start)
			r = vm_region_next(s, r);
	}
}

static int advise_populate(struct vm_space *s, u64 start, u64 end, bool write)
{
	int err = vm_populate(s, start, end, write ? VM_POPULATE_WRITE : VM_POPULATE_READ);

	return err == -EIO ? -EFAULT : err;
}

int vm_advise(struct vm_space *s, u64 addr, u64 len, int advice)
{
	u64 end = addr + PAGE_ALIGN(len);
	int err;

	if (!advice_known(advice) || (addr & ~PAGE_MASK) || (len && !PAGE_ALIGN(len)) || end < addr)
		return -EINVAL;
	if (end == addr)
		return 0;
	if (advice == MADV_POPULATE_READ || advice == MADV_POPULATE_WRITE)
		return advise_populate(s, addr, end, advice == MADV_POPULATE_WRITE);
	down_write(&s->lock);
	err = advise_locked(s, addr, end, advice);
	up_write(&s->lock);
	return err;
}

/* ---- msync ---- */

/* Write one file back, without the lock. @return 0 or -errno */
static int sync_file(struct vm_space *s, struct file *f)
{
	int err;

	file_get(f);
	up_read(&s->lock);
	err = f->ops->fsync ? f->ops->fsync(f) : -EINVAL;
	file_put(f);
	return err;
}

int vm_sync(struct vm_space *s, u64 addr, u64 len, int flags)
{
	u64 end = addr + PAGE_ALIGN(len);
	struct vm_region *r;
	int err, hole = 0;

	if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) || (addr & ~PAGE_MASK) ||
	    (flags & (MS_ASYNC | MS_SYNC)) == (MS_ASYNC | MS_SYNC))
		return -EINVAL;
	if (end < addr || (len && !PAGE_ALIGN(len)))
		return -ENOMEM;
	while (addr < end) {
		down_read(&s->lock);
		r = vm_region_find_above(s, addr);
		if (!r || (addr < r->start && (flags == MS_ASYNC || r->start >= end))) {
			up_read(&s->lock);
			return -ENOMEM;
		}
		if (addr < r->start)
			hole = -ENOMEM;
		if ((flags & MS_INVALIDATE) && (r->flags & VM_LOCKED)) {
			up_read(&s->lock);
			return -EBUSY;
		}
		addr = MIN(end, r->end);
		if ((flags & MS_SYNC) && r->file && (r->flags & VM_SHARED)) {
			err = sync_file(s, r->file);
			if (err)
				return err;
		} else {
			up_read(&s->lock);
		}
	}
	return hole;
}

/* ---- mincore ---- */

#define INCORE_CHUNK 64u

/* What is cached of a file tells what others read: only for those who could write it. */
static bool may_see_cache(const struct vm_region *r)
{
	struct inode *i = r->file ? r->file->inode : NULL;

	if (!r->file)
		return true;
	if (!i)
		return false;
	return i->uid == current_cred()->fsuid || current_capable(CAP_FOWNER) ||
	       !inode_permission(i, MAY_WRITE);
}

/* Pages that are in the cache though not mapped. */
static void look_in_cache(struct vm_region *r, u64 addr, u32 n, u8 *vec)
{
	struct page *pages[VM_FAULT_AROUND];

	for (u32 at = 0; at < n; at += VM_FAULT_AROUND) {
		u64 pgoff = r->pgoff + ((addr - r->start) >> PAGE_SHIFT) + at;
		u32 part = MIN(n - at, (u32)VM_FAULT_AROUND);

		if (!r->ops->fault_around(r, pgoff, part, pages))
			continue;
		for (u32 i = 0; i < part; i++)
			if (pages[i]) {
				vec[at + i] = 1;
				page_put(pages[i]);
			}
	}
}

/* One chunk from @addr on; space->lock held. @return how many pages, or -ENOMEM */
static int incore_chunk(struct vm_space *s, u64 addr, u64 end, u8 *vec)
{
	struct vm_region *r = vm_region_find(s, addr);
	u32 n;

	assert_held(&s->lock);
	if (!r)
		return -ENOMEM;
	n = MIN((u64)INCORE_CHUNK, (MIN(end, r->end) - addr) >> PAGE_SHIFT);
	if (!may_see_cache(r)) {
		for (u32 i = 0; i < n; i++)
			vec[i] = 1;
		return n;
	}
	for (u32 i = 0; i < n; i++)
		vec[i] = 0;
	if (r->ops && r->ops->fault_around)
		look_in_cache(r, addr, n, vec);
	for (u32 i = 0; i < n; i++) {
		pte_t *pte = vm_pte(s, addr + i * PAGE_SIZE);

		vec[i] |= pte && *pte;
	}
	return n;
}

int vm_incore(struct vm_space *s, u64 addr, u64 len, uaddr_t vec)
{
	u64 end = addr + PAGE_ALIGN(len);
	u8 chunk[INCORE_CHUNK];
	int n;

	if (addr & ~PAGE_MASK)
		return -EINVAL;
	if (!user_range_ok(uaddr(addr), len))
		return -ENOMEM;
	if (!user_range_ok(vec, (end - addr) >> PAGE_SHIFT))
		return -EFAULT;
	while (addr < end) {
		down_read(&s->lock);
		n = incore_chunk(s, addr, end, chunk);
		up_read(&s->lock);
		if (n < 0)
			return n;
		if (copy_to_user(vec, chunk, n))
			return -EFAULT;
		if (fatal_signal_pending())
			return -EINTR;
		addr += (u64)n << PAGE_SHIFT;
		vec = uaddr_add(vec, n);
	}
	return 0;
}
