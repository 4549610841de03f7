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

static bool takes_over(const struct vm_region *to, const struct vm_region *r, u32 flags)
{
	return to && !to->ops && !r->ops && to->flags == flags;
}

/* @part of @from, at one of its edges, goes to the neighbour @to. */
static void hand_over(struct vm_region *from, struct vm_region *to, u64 start, u64 end)
{
	struct vm_space *s = from->space;

	if (to->end == start) {
		vm_region_resize(s, from, end, from->end);
		vm_region_resize(s, to, to->start, end);
	} else {
		vm_region_resize(s, from, from->start, start);
		vm_region_resize(s, to, start, to->end);
	}
}

struct vm_region *vm_set_flags(struct vm_region *r, u64 start, u64 end, u32 flags)
{
	struct vm_space *s = r->space;
	struct vm_region *prev = vm_region_prev(s, r), *next = vm_region_next(s, r);
	s64 npages = (end - start) >> PAGE_SHIFT;
	u32 old = r->flags;

	if (start == r->start && end < r->end && takes_over(prev, r, flags) && prev->end == start) {
		hand_over(r, prev, start, end);
		r = prev;
	} else if (start > r->start && end == r->end && takes_over(next, r, flags) &&
		   next->start == end) {
		hand_over(r, next, start, end);
		r = next;
	} else {
		if (start > r->start) {
			r = vm_split(r, start);
			if (!r)
				return NULL;
		}
		if (end < r->end && !vm_split(r, end)) {
			vm_merge(r);
			return NULL;
		}
		r->flags = flags;
		r->pte_bits = vm_pte_bits(flags);
		if ((old ^ flags) & VM_GROWSDOWN)
			vm_region_update_gap(s, r);
		r = vm_merge(r);
	}
	vm_account(s, old, -npages);
	vm_account(s, flags, npages);
	return r;
}

/* Every part of [start, end), which has no holes, gets flags & ~clear | set. @return 0 or -ENOMEM */
static int change_flags(struct vm_space *s, u64 start, u64 end, u32 clear, u32 set)
{
	struct vm_region *r = vm_region_find(s, start);

	if (start == end)
		return 0;
	while (r && r->start <= start) {
		u32 flags = (r->flags & ~clear) | (r->flags & VM_PFN ? 0 : set);
		u64 stop = MIN(end, r->end);

		if (flags != r->flags) {
			r = vm_set_flags(r, start, stop, flags);
			if (!r)
				return -ENOMEM;
		}
		if (stop == end)
			return 0;
		start = stop;
		if (r->end <= start)
			r = vm_region_next(s, r);
	}
	return -ENOMEM; /* a hole */
}

/* ---- mprotect ---- */

/* The part [start, end) of @r gets the rights @access. @return the region it is in then, or ERR_PTR */
static struct vm_region *protect_part(struct vm_region *r, u64 start, u64 end, u32 access)
{
	u32 flags = (r->flags & ~VM_ACCESS) | access;
	u64 npages = (end - start) >> PAGE_SHIFT;
	bool becomes_data = !vm_is_data(r->flags) && vm_is_data(flags);

	if (((access & VM_WRITE) && !(flags & VM_MAYWRITE)) ||
	    ((access & VM_EXEC) && !(flags & VM_MAYEXEC)))
		return ERR_PTR(-EACCES);
	if (flags == r->flags)
		return r;
	if (becomes_data && (r->space->data_pages + npages > vm_limit(RLIMIT_DATA) >> PAGE_SHIFT ||
			     !vm_enough_memory(flags, npages)))
		return ERR_PTR(-ENOMEM);
	r = vm_set_flags(r, start, end, flags);
	if (!r)
		return ERR_PTR(-ENOMEM);
	vm_tables_protect(r, start, end);
	return r;
}

static int protect_locked(struct vm_space *s, u64 start, u64 end, u32 access, bool grows_down)
{
	struct vm_region *r = vm_region_find_above(s, start);

	assert_held_write(&s->lock);
	if (!r)
		return -ENOMEM;
	if (grows_down) {
		if (r->start >= end)
			return -ENOMEM;
		start = r->start;
		if (!(r->flags & VM_GROWSDOWN))
			return -EINVAL;
	}
	while (r && r->start <= start) {
		u64 stop = MIN(end, r->end);

		r = protect_part(r, start, stop, access);
		if (IS_ERR(r))
			return PTR_ERR(r);
		if (stop == end)
			return 0;
		start = stop;
		if (r->end <= start)
			r = vm_region_next(s, r);
	}
	return -ENOMEM; /* a hole; what lies below it is done, as on Linux */
}

int vm_protect(struct vm_space *s, u64 addr, u64 len, u32 prot)
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
	down_write(&s->lock);
	err = protect_locked(s, addr, addr + len, access, grows);
	up_write(&s->lock);
	return err;
}

/* ---- mlock ---- */

static bool may_lock_at_all(void)
{
	return vm_limit(RLIMIT_MEMLOCK) || current_capable(CAP_IPC_LOCK);
}

/* Pages of [start, end) that are locked already. */
static u64 locked_in(struct vm_space *s, u64 start, u64 end)
{
	struct vm_region *r = vm_region_overlapping(s, start, end);
	u64 n = 0;

	for (; r && r->start < end; r = vm_region_next(s, r))
		if (r->flags & VM_LOCKED)
			n += (MIN(end, r->end) - MAX(start, r->start)) >> PAGE_SHIFT;
	return n;
}

int vm_lock(struct vm_space *s, u64 addr, u64 len, int flags)
{
	u64 end, npages;
	int err;

	if (flags & ~MLOCK_ONFAULT)
		return -EINVAL;
	if (!may_lock_at_all())
		return -EPERM;
	len = PAGE_ALIGN(len + (addr & ~PAGE_MASK));
	addr &= PAGE_MASK;
	end = addr + len;
	npages = len >> PAGE_SHIFT;
	if (end < addr)
		return -EINVAL;
	down_write(&s->lock);
	err = -ENOMEM;
	if (!vm_may_lock(s, VM_LOCKED, npages) ||
	    !vm_may_lock(s, VM_LOCKED, npages - locked_in(s, addr, end)))
		err = change_flags(s, addr, end, VM_LOCKED | VM_LOCKONFAULT,
				   VM_LOCKED | (flags & MLOCK_ONFAULT ? VM_LOCKONFAULT : 0));
	up_write(&s->lock);
	if (err || (flags & MLOCK_ONFAULT))
		return err;
	err = vm_populate(s, addr, end, VM_POPULATE_LOCK);
	return err == -ENOMEM ? -EAGAIN : err == -EIO ? -ENOMEM : err;
}

int vm_unlock(struct vm_space *s, u64 addr, u64 len)
{
	int err;

	len = PAGE_ALIGN(len + (addr & ~PAGE_MASK));
	addr &= PAGE_MASK;
	if (addr + len < addr)
		return -EINVAL;
	down_write(&s->lock);
	err = change_flags(s, addr, addr + len, VM_LOCKED | VM_LOCKONFAULT, 0);
	up_write(&s->lock);
	return err;
}

/* All regions there are. Lack of memory to split can't happen: whole regions change. */
static void change_all(struct vm_space *s, u32 clear, u32 set)
{
	struct vm_region *r = list_empty(&s->region_list)
				      ? NULL
				      : list_first(&s->region_list, struct vm_region, link);

	while (r) {
		u32 flags = (r->flags & ~clear) | (r->flags & VM_PFN ? 0 : set);

		if (flags != r->flags)
			r = vm_set_flags(r, r->start, r->end, flags);
		r = vm_region_next(s, r);
	}
}

int vm_lock_all(struct vm_space *s, int flags)
{
	const u32 set = VM_LOCKED | (flags & MCL_ONFAULT ? VM_LOCKONFAULT : 0);
	int err = 0;

	if (!flags || (flags & ~(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT)) || flags == MCL_ONFAULT)
		return -EINVAL;
	if (!may_lock_at_all())
		return -EPERM;
	down_write(&s->lock);
	if ((flags & MCL_CURRENT) && s->total_pages > vm_limit(RLIMIT_MEMLOCK) >> PAGE_SHIFT &&
	    !current_capable(CAP_IPC_LOCK)) {
		err = -ENOMEM;
	} else {
		s->def_flags = flags & MCL_FUTURE ? set : 0;
		if (flags & MCL_CURRENT)
			change_all(s, VM_LOCKED | VM_LOCKONFAULT, set);
	}
	up_write(&s->lock);
	if (!err && (flags & (MCL_CURRENT | MCL_ONFAULT)) == MCL_CURRENT)
		(void)vm_populate(s, 0, USER_END, VM_POPULATE_MAP);
	return err;
}

int vm_unlock_all(struct vm_space *s)
{
	down_write(&s->lock);
	s->def_flags = 0;
	change_all(s, VM_LOCKED | VM_LOCKONFAULT, 0);
	up_write(&s->lock);
	return 0;
}
