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

/* May the @m->old_len bytes of @r at m->old become m->new_len? @return 0 or -errno */
static int check_resize(const struct vm_region *r, const struct remap *m)
{
	u64 more;

	if (!m->old_len && !(r->flags & VM_SHARED))
		return -EINVAL;
	if ((m->flags & MREMAP_DONTUNMAP) && (r->flags & VM_PFN))
		return -EINVAL;
	if (m->old_len > r->end - m->old)
		return -EFAULT;
	if (m->new_len <= m->old_len)
		return 0;
	if (r->flags & VM_PFN)
		return -EFAULT;
	more = (m->new_len - m->old_len) >> PAGE_SHIFT;
	if (vm_may_lock(r->space, r->flags, more))
		return -EAGAIN;
	if (!vm_may_expand(r->space, r->flags, more) || !vm_enough_memory(r->flags, more))
		return -ENOMEM;
	return 0;
}

/* Entries and bounds: no way back from here. */
static void move_pages(struct vm_region *new, struct vm_region *r, const struct remap *m)
{
	struct vm_space *s = r->space;
	struct vm_gather g;

	vm_gather_init(&g, s);
	vm_file_lock(r);
	vm_region_insert(s, new);
	if (new->pages)
		list_add_tail(&new->file_link, &new->pages->regions);
	vm_tables_move(&g, m->old, m->to, m->old_len);
	vm_file_unlock(r);
	vm_gather_finish(&g);
	vm_account(s, new->flags, vm_region_pages(new));
}

static s64 move_to(struct vm_region *r, struct remap *m)
{
	struct vm_space *s = r->space;
	struct vm_region *new;
	int err;

	if (s->nr_regions + 3 > VM_MAX_REGIONS)
		return -ENOMEM;
	new = kmem_cache_alloc(vm_region_cache);
	if (!new)
		return -ENOMEM;
	vm_region_clone(new, r, m->old, m->old + m->new_len);
	new->start = m->to;
	new->end = m->to + m->new_len;
	new->flags &= ~(VM_HEAP | VM_STACK);
	vm_region_opened(new);
	err = vm_tables_prepare_move(s, m->old, m->to, m->old_len);
	if (err) {
		vm_scrub(s, new->start, new->end);
		list_add_tail(&new->link, m->dead);
		return err;
	}
	move_pages(new, r, m);
	m->populate = (new->flags &(VM_LOCKED | VM_LOCKONFAULT)) == VM_LOCKED;
	if (!(m->flags & MREMAP_DONTUNMAP)) {
		if (m->old_len)
			err = vm_unmap_locked(s, m->old, m->old + m->old_len, m->dead);
	} else if (r->flags & VM_LOCKED) {
		(void)vm_set_flags(r, m->old, m->old + m->old_len,
				   r->flags & ~(VM_LOCKED | VM_LOCKONFAULT));
	}
	vm_merge(new);
	(void)err; /* no memory to split: the old range stays mapped, empty, as on Linux */
	return m->to;
}

/* MREMAP_FIXED or MREMAP_DONTUNMAP */
static s64 remap_to(struct vm_space *s, struct remap *m)
{
	struct vm_region *r;
	s64 to;
	int err;

	if (!vm_range_valid(m->to, m->new_len))
		return -EINVAL;
	/* Linux finds this out as it unmaps what is too much; before the target is gone is early enough. */
	if (!vm_range_valid(m->old, m->old_len))
		return m->old_len > m->new_len ? -EINVAL : -EFAULT;
	if (m->old + m->old_len > m->to && m->to + m->new_len > m->old)
		return -EINVAL;
	if (s->nr_regions + 5 > VM_MAX_REGIONS)
		return -ENOMEM;
	if (m->flags & MREMAP_FIXED) {
		if (!vm_may_place(m->to))
			return -EPERM;
		err = vm_unmap_locked(s, m->to, m->to + m->new_len, m->dead);
		if (err)
			return err;
	}
	if (m->old_len > m->new_len) {
		err = vm_unmap_locked(s, m->old + m->new_len, m->old + m->old_len, m->dead);
		if (err)
			return err;
		m->old_len = m->new_len;
	}
	r = vm_region_find(s, m->old); /* unmapping may have split or taken it */
	if (!r)
		return -EFAULT;
	err = check_resize(r, m);
	if (!err && (m->flags & MREMAP_DONTUNMAP) &&
	    !vm_may_expand(s, r->flags, m->old_len >> PAGE_SHIFT))
		err = -ENOMEM;
	if (err)
		return err;
	to = vm_find_room(s, m->to, m->new_len, m->flags & MREMAP_FIXED ? MAP_FIXED : 0);
	if (to < 0)
		return to;
	m->to = to;
	return move_to(r, m);
}

/* Grow where it is, if the region ends there and room follows. */
static bool grow_in_place(struct vm_region *r, const struct remap *m)
{
	struct vm_space *s = r->space;
	u64 more = m->new_len - m->old_len;

	if (m->old + m->old_len != r->end || more > USER_END - r->end ||
	    !vm_range_is_free(s, r->end, more))
		return false;
	vm_set_bounds(r, r->start, r->end + more);
	vm_account(s, r->flags, more >> PAGE_SHIFT);
	vm_merge(r);
	return true;
}

static s64 remap_locked(struct vm_space *s, struct remap *m)
{
	struct vm_region *r = vm_region_find(s, m->old);
	s64 to;
	int err;

	assert_held_write(&s->lock);
	if (!r)
		return -EFAULT;
	if (m->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))
		return remap_to(s, m);
	if (m->old_len >= m->new_len) {
		if (m->old_len > m->new_len) {
			if (!vm_range_valid(m->old + m->new_len, m->old_len - m->new_len))
				return -EINVAL;
			err = vm_unmap_locked(s, m->old + m->new_len, m->old + m->old_len, m->dead);
			if (err)
				return err;
		}
		return m->old;
	}
	err = check_resize(r, m);
	if (err)
		return err;
	m->populate = (r->flags & (VM_LOCKED | VM_LOCKONFAULT)) == VM_LOCKED;
	m->to = m->old;
	if (m->old_len && grow_in_place(r, m))
		return m->old;
	if (!(m->flags & MREMAP_MAYMOVE))
		return -ENOMEM;
	to = vm_find_room(s, 0, m->new_len, 0);
	if (to < 0)
		return to;
	m->to = to;
	return move_to(r, m);
}

s64 vm_remap(struct vm_space *s, u64 old, u64 old_len, u64 new_len, u32 flags, u64 new_addr)
{
	DEFINE_LIST(dead);
	struct remap m = { old,	 PAGE_ALIGN(old_len), PAGE_ALIGN(new_len), new_addr, flags, &dead,
			   false };
	s64 result;

	if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP))
		return -EINVAL;
	if ((flags & MREMAP_FIXED) && !(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if ((flags & MREMAP_DONTUNMAP) && (!(flags & MREMAP_MAYMOVE) || m.old_len != m.new_len))
		return -EINVAL;
	if ((old & ~PAGE_MASK) || !m.new_len)
		return -EINVAL;
	down_write(&s->lock);
	result = remap_locked(s, &m);
	up_write(&s->lock);
	vm_bury(&dead);
	if (result > 0 && m.populate && m.new_len > m.old_len)
		(void)vm_populate(s, m.to + m.old_len, m.to + m.new_len, VM_POPULATE_MAP);
	return result;
}
