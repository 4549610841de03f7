// SPDX-License-Identifier: MIT
/*
 * mmap(), munmap(), brk(): regions come and go.
 *
 * Neighbours that are alike become one region: so a program that grows by many
 * small mappings has few, and mapping or unmapping at the edge of one mostly just moves
 * its bound, without an allocation.
 *
 * A region of a file is on the file's list, where a truncation finds it without
 * the space's lock. So it leaves the list (or shrinks, under the list's lock) before
 * its pages and tables go, and it enters the list complete.
 *
 * Order of checks and errors: Linux 6.1, mm/mmap.c, as seen by programs.
 */
#include "vm_internal.h"
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/heap.h>
#include <uapi/personality.h>

/* What MAP_SHARED_VALIDATE knows; everything else means EOPNOTSUPP there. */
#define MAP_KNOWN                                                                                \
	(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | \
	 MAP_UNINITIALIZED | MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE |         \
	 MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT | 0xfc000000u)

struct kmem_cache *vm_region_cache;

/* ---- limits and accounts ---- */

void vm_account(struct vm_space *s, u32 flags, s64 npages)
{
	s->total_pages += npages;
	if (s->total_pages > s->peak_total)
		s->peak_total = s->total_pages;
	if (vm_is_data(flags))
		s->data_pages += npages;
	if (flags & VM_LOCKED)
		s->locked_pages += npages;
}

bool vm_may_expand(const struct vm_space *s, u32 flags, u64 npages)
{
	const struct process *p = current->proc;

	if (!p)
		return true;
	if (s->total_pages + npages > p->limits[RLIMIT_AS].rlim_cur >> PAGE_SHIFT)
		return false;
	return !vm_is_data(flags) ||
	       s->data_pages + npages <= p->limits[RLIMIT_DATA].rlim_cur >> PAGE_SHIFT;
}

int vm_may_lock(const struct vm_space *s, u32 flags, u64 npages)
{
	if (!(flags & VM_LOCKED) ||
	    s->locked_pages + npages <= vm_limit(RLIMIT_MEMLOCK) >> PAGE_SHIFT)
		return 0;
	return current_capable(CAP_IPC_LOCK) ? 0 : -EAGAIN;
}

/* ---- regions and their file ---- */

void vm_file_link(struct vm_region *r)
{
	if (!r->pages)
		return;
	vm_file_lock(r);
	list_add_tail(&r->file_link, &r->pages->regions);
	vm_file_unlock(r);
}

void vm_file_unlink(struct vm_region *r)
{
	if (!r->pages)
		return;
	vm_file_lock(r);
	list_del(&r->file_link);
	vm_file_unlock(r);
}

void vm_region_free(struct vm_region *r)
{
	if (r->ops && r->ops->close)
		r->ops->close(r);
	if (r->file)
		file_put(r->file);
	kmem_cache_free(vm_region_cache, r);
}

void vm_region_opened(struct vm_region *r)
{
	if (r->file)
		file_get(r->file);
	if (r->ops && r->ops->open)
		r->ops->open(r);
}

void vm_set_bounds(struct vm_region *r, u64 start, u64 end)
{
	vm_file_lock(r);
	vm_region_resize(r->space, r, start, end);
	vm_file_unlock(r);
}

struct vm_region *vm_split(struct vm_region *r, u64 at)
{
	struct vm_space *s = r->space;
	struct vm_region *upper;

	if (s->nr_regions >= VM_MAX_REGIONS)
		return NULL;
	upper = kmem_cache_alloc(vm_region_cache);
	if (!upper)
		return NULL;
	vm_region_clone(upper, r, at, r->end);
	vm_region_opened(upper);
	vm_file_lock(r);
	vm_region_resize(s, r, r->start, at);
	vm_region_insert_behind(s, r, upper);
	if (r->pages)
		list_add_tail(&upper->file_link, &r->pages->regions);
	vm_file_unlock(r);
	return upper;
}

/* @b follows @a and is like it: make them one. */
static void unite(struct vm_region *a, struct vm_region *b)
{
	struct vm_space *s = a->space;
	u64 end = b->end;

	vm_file_lock(a);
	if (b->pages)
		list_del(&b->file_link);
	a->has_anon |= b->has_anon;
	vm_region_erase(s, b);
	vm_region_resize(s, a, a->start, end);
	vm_file_unlock(a);
	vm_region_free(b);
}

struct vm_region *vm_merge(struct vm_region *r)
{
	struct vm_space *s = r->space;
	struct vm_region *prev = vm_region_prev(s, r), *next = vm_region_next(s, r);

	if (next && vm_region_continues(r, next))
		unite(r, next);
	if (prev && vm_region_continues(prev, r)) {
		unite(prev, r);
		return prev;
	}
	return r;
}

/* ---- room ---- */

u64 vm_min_addr = USER_BASE;

bool vm_may_place(u64 addr)
{
	return addr >= READ_ONCE(vm_min_addr) ||
	       (addr >= USER_BASE && current_capable(CAP_SYS_RAWIO));
}

s64 vm_find_room(struct vm_space *s, u64 addr, u64 len, u32 map_flags)
{
	u64 low = PAGE_ALIGN(READ_ONCE(vm_min_addr)), high = s->mmap_base, limit = USER_END, found;
	bool up = s->bottom_up;

	if (len > USER_END)
		return -ENOMEM;
	if (map_flags & MAP_FIXED) {
		if (addr > USER_END - len)
			return -ENOMEM;
		if (addr & ~PAGE_MASK)
			return -EINVAL;
		return vm_may_place(addr) ? (s64)addr : -EPERM;
	}
	if (map_flags & MAP_32BIT) {
		low = MAX(low, 0x40000000ull);
		high = limit = 0x80000000;
		up = true;
	} else if (up) {
		low = MAX(low, s->mmap_base);
		high = USER_END;
	}
	if (len > limit)
		return -ENOMEM;
	if (addr) {
		addr = MAX(addr & PAGE_MASK, low);
		if (addr <= limit - len && vm_range_is_free(s, addr, len))
			return addr;
	}
	found = up ? vm_gap_bottom_up(s, len, low, high) : vm_gap_top_down(s, len, low, high);
	if (found == VM_NO_GAP && !up) /* the other side of the base, as a last resort */
		found = vm_gap_bottom_up(s, len, MAX(low, ALIGN_UP(USER_END / 3, PAGE_SIZE)),
					 USER_END);
	return found == VM_NO_GAP ? -ENOMEM : (s64)found;
}

/* ---- munmap ---- */

/* Take [start, end) of @r out of the set. A region that is wholly gone goes to @dead. */
static void cut(struct vm_region *r, u64 start, u64 end, struct list *dead)
{
	struct vm_space *s = r->space;

	vm_account(s, r->flags, -(s64)((end - start) >> PAGE_SHIFT));
	if (start > r->start) {
		vm_set_bounds(r, r->start, start);
	} else if (end < r->end) {
		vm_set_bounds(r, end, r->end);
	} else {
		vm_file_unlink(r);
		vm_region_erase(s, r);
		list_add_tail(&r->link, dead);
	}
}

int vm_unmap_locked(struct vm_space *s, u64 start, u64 end, struct list *dead)
{
	struct vm_region *r, *prev, *next;
	struct vm_gather g;

	assert_held_write(&s->lock);
	if (WARN_ON(start > end || end > USER_END))
		return -EINVAL;
	r = vm_region_overlapping(s, start, end);
	if (!r)
		return 0;
	if (r->start < start && r->end > end && !vm_split(r, end))
		return -ENOMEM;
	vm_gather_init(&g, s);
	prev = r->start < start ? r : vm_region_prev(s, r);
	for (; r && r->start < end; r = next) {
		u64 from = MAX(start, r->start), to = MIN(end, r->end);

		/* What is left of the last one above @end is the next one: its tables stay. */
		next = r->end > end ? r : vm_region_next(s, r);
		cut(r, from, to, dead);
		vm_zap(&g, from, to);
	}
	vm_free_tables(&g, start, end, prev ? prev->end : 0, r ? r->start : PT_USER_END);
	vm_gather_finish(&g);
	return 0;
}

/*
 * Without the lock: closing the last reference to a file may do anything, such as
 * take an inode's lock, inside which others take ours.
 */
void vm_bury(struct list *dead)
{
	struct vm_region *r, *next;

	list_for_each_safe(r, next, dead, link)
		vm_region_free(r);
}

int vm_unmap(struct vm_space *s, u64 addr, u64 len)
{
	DEFINE_LIST(dead);
	int err;

	if (!vm_range_valid(addr, len) || !PAGE_ALIGN(len))
		return -EINVAL;
	down_write(&s->lock);
	err = vm_unmap_locked(s, addr, addr + PAGE_ALIGN(len), &dead);
	up_write(&s->lock);
	vm_bury(&dead);
	return err;
}

/* ---- mmap ---- */

/* Rights and kind of a file's mapping. @return 0 or -errno */
static int file_flags(struct file *f, u32 prot, u32 map_flags, u32 *vm_flags)
{
	u32 type = map_flags & MAP_TYPE;

	if (type == MAP_SHARED_VALIDATE && (map_flags & ~MAP_KNOWN))
		return -EOPNOTSUPP;
	if (type == MAP_SHARED || type == MAP_SHARED_VALIDATE) {
		if ((prot & PROT_WRITE) && !(f->mode & FMODE_WRITE))
			return -EACCES;
		*vm_flags |= VM_SHARED;
		if (!(f->mode & FMODE_WRITE))
			*vm_flags &= ~VM_MAYWRITE;
	} else if (type != MAP_PRIVATE) {
		return -EINVAL;
	}
	if (!(f->mode & FMODE_READ))
		return -EACCES;
	if (file_is_noexec(f)) {
		if (prot & PROT_EXEC)
			return -EPERM;
		*vm_flags &= ~VM_MAYEXEC;
	}
	if (!f->ops->mmap)
		return -ENODEV;
	return *vm_flags & VM_GROWSDOWN ? -EINVAL : 0;
}

static int anon_flags(u32 map_flags, u32 *vm_flags)
{
	switch (map_flags & MAP_TYPE) {
	case MAP_SHARED:
		if (*vm_flags & VM_GROWSDOWN)
			return -EINVAL;
		*vm_flags |= VM_SHARED;
		return 0;
	case MAP_PRIVATE: return 0;
	default: return -EINVAL;
	}
}

/* The new anonymous region [start, end) between @prev and @next is part of one of them. @return did that do? */
static bool extend_neighbour(struct vm_space *s, struct vm_region *prev, struct vm_region *next,
			     u64 start, u64 end, u32 flags)
{
	bool below = prev && prev->end == start && prev->flags == flags && !prev->ops;
	bool above = next && next->start == end && next->flags == flags && !next->ops;

	if (below && above) {
		end = next->end;
		vm_region_erase(s, next);
		vm_region_free(next);
	}
	if (below)
		vm_region_resize(s, prev, prev->start, end);
	else if (above)
		vm_region_resize(s, next, start, next->end);
	return below || above;
}

void vm_scrub(struct vm_space *s, u64 start, u64 end)
{
	struct vm_region *next = vm_region_find_above(s, start);
	struct vm_region *prev = next ? vm_region_prev(s, next) : vm_region_last(s);
	struct vm_gather g;

	vm_gather_init(&g, s);
	vm_zap(&g, start, end);
	vm_free_tables(&g, start, end, prev ? prev->end : 0, next ? next->start : PT_USER_END);
	vm_gather_finish(&g);
}

/* Pages that a driver has put into a region itself. */
static const struct vm_region_ops device_ops;

/* Let the file say what its region does. The region is in no list yet; it counts the file in any case. */
static int attach_file(struct vm_region *r, struct file *f, u64 off)
{
	int err;

	r->file = f;
	r->pages = f->inode ? &f->inode->pages : NULL;
	r->pgoff = off >> PAGE_SHIFT;
	file_get(f);
	err = f->ops->mmap(f, r);
	if (err)
		return err;
	if (r->flags & VM_PFN) {
		if (!r->ops)
			r->ops = &device_ops;
		/* no private copies of device memory */
		if (!(r->flags & VM_SHARED)) {
			r->flags &= ~VM_MAYWRITE;
			return r->flags & VM_WRITE ? -EINVAL : 0;
		}
	} else if (!r->ops) { /* anonymous memory, like /dev/zero's */
		file_put(f);
		r->file = NULL;
		r->pages = NULL;
		r->pgoff = 0;
		return r->flags & VM_SHARED ? vm_shared_attach(r) : 0;
	}
	return 0;
}

/* A region of its own for [start, end). @return it, in no list, or ERR_PTR */
static struct vm_region *region_create(struct vm_space *s, u64 start, u64 end, u32 flags,
				       struct file *file, u64 off)
{
	struct vm_region *r;
	int err = 0;

	if (s->nr_regions >= VM_MAX_REGIONS)
		return ERR_PTR(-ENOMEM);
	r = kmem_cache_alloc(vm_region_cache);
	if (!r)
		return ERR_PTR(-ENOMEM);
	*r = (struct vm_region){
		.start = start,
		.end = end,
		.flags = flags,
		.space = s,
		.link = LIST_INIT(r->link),
		.file_link = LIST_INIT(r->file_link),
	};
	if (file)
		err = attach_file(r, file, off);
	else if (flags & VM_SHARED)
		err = vm_shared_attach(r);
	if (err) {
		vm_scrub(s, start, end);
		if (r->file)
			file_put(r->file);
		kmem_cache_free(vm_region_cache, r);
		return ERR_PTR(err);
	}
	r->pte_bits = vm_pte_bits(r->flags);
	return r;
}

/* Pages of [start, end) that are mapped; @r is the lowest region there. */
static u64 mapped_in(const struct vm_space *s, const struct vm_region *r, u64 start, u64 end)
{
	u64 n = 0;

	for (; r && r->start < end; r = vm_region_next(s, r))
		n += (MIN(end, r->end) - MAX(start, r->start)) >> PAGE_SHIFT;
	return n;
}

/* The last part of vm_map(): all checked, the place is known. */
static int map_at(struct vm_space *s, u64 start, u64 end, u32 flags, struct file *file, u64 off,
		  struct list *dead)
{
	struct vm_region *next = vm_region_find_above(s, start), *prev, *r;
	u64 npages = (end - start) >> PAGE_SHIFT;
	bool replaces = next && next->start < end;

	assert_held_write(&s->lock);
	if (!vm_may_expand(s, flags,
			   npages - (unlikely(replaces) ? mapped_in(s, next, start, end) : 0)))
		return -ENOMEM;
	if (unlikely(replaces)) {
		int err = vm_unmap_locked(s, start, end, dead);

		if (err)
			return err;
		next = vm_region_find_above(s, start);
	}
	if (!vm_enough_memory(file ? flags : flags & ~VM_SHARED, npages))
		return -ENOMEM;
	prev = next ? vm_region_prev(s, next) : vm_region_last(s);
	if (!file && !(flags & VM_SHARED) && extend_neighbour(s, prev, next, start, end, flags)) {
		vm_account(s, flags, npages);
		return 0;
	}
	r = region_create(s, start, end, flags, file, off);
	if (IS_ERR(r))
		return PTR_ERR(r);
	vm_region_insert_behind(s, prev, r);
	vm_file_link(r);
	vm_account(s, r->flags, npages);
	if (file)
		vm_merge(r);
	return 0;
}

/* VM_* for the PROT_* and MAP_* of a mapping that has not been looked at closer. */
static u32 region_flags(const struct vm_space *s, u32 prot, u32 map_flags)
{
	u32 flags = (prot & VM_ACCESS) | VM_MAYWRITE | VM_MAYEXEC | s->def_flags;

	if (map_flags & MAP_GROWSDOWN)
		flags |= VM_GROWSDOWN;
	if (map_flags & MAP_NORESERVE)
		flags |= VM_NORESERVE;
	if (map_flags & MAP_LOCKED)
		flags |= VM_LOCKED;
	return flags;
}

static s64 map_locked(struct vm_space *s, u64 addr, u64 len, u32 prot, u32 map_flags,
		      struct file *file, u64 off, u32 *vm_flags, struct list *dead)
{
	s64 start;
	int err;

	assert_held_write(&s->lock);
	if (s->nr_regions > VM_MAX_REGIONS)
		return -ENOMEM;
	start = vm_find_room(s, addr, len, map_flags);
	if (start < 0)
		return start;
	if ((map_flags & MAP_FIXED_NOREPLACE) && vm_region_overlapping(s, start, start + len))
		return -EEXIST;
	*vm_flags = region_flags(s, prot, map_flags);
	if ((map_flags & MAP_LOCKED) && !vm_limit(RLIMIT_MEMLOCK) && !current_capable(CAP_IPC_LOCK))
		return -EPERM;
	err = vm_may_lock(s, *vm_flags, len >> PAGE_SHIFT);
	if (!err)
		err = file ? file_flags(file, prot, map_flags, vm_flags)
			   : anon_flags(map_flags, vm_flags);
	if (!err)
		err = map_at(s, start, start + len, *vm_flags, file, off, dead);
	return err ? err : start;
}

/* A driver may run for long, and reach the program's memory: no lock is held. Rights are checked first. */
static s64 ask_file(const struct vm_space *s, u64 len, u32 prot, u32 map_flags, struct file *file,
		    u64 off)
{
	u32 flags = region_flags(s, prot, map_flags);
	int err = file_flags(file, prot, map_flags, &flags);

	return err ? err : file->ops->map_begin(file, off, len, flags);
}

s64 vm_map(struct vm_space *s, u64 addr, u64 len, u32 prot, u32 flags, struct file *file, u64 off)
{
	u32 vm_flags = 0;
	DEFINE_LIST(dead);
	s64 start;

	if ((off & ~PAGE_MASK) || !len)
		return -EINVAL;
	if ((flags & MAP_HUGETLB) && !file)
		return -ENOMEM; /* none are set aside */
	if (current->proc && (current->proc->personality & READ_IMPLIES_EXEC) &&
	    (prot & PROT_READ) && !(file && file_is_noexec(file)))
		prot |= PROT_EXEC;
	if (flags & MAP_FIXED_NOREPLACE)
		flags |= MAP_FIXED;
	len = PAGE_ALIGN(len);
	if (!len)
		return -ENOMEM;
	if (off + len < off || (file && off + len > FILE_SIZE_MAX))
		return -EOVERFLOW;
	if (unlikely(file && file->ops->map_begin)) {
		start = ask_file(s, len, prot, flags, file, off);
		if (start)
			return start;
	}
	down_write(&s->lock);
	start = map_locked(s, addr, len, prot, flags, file, off, &vm_flags, &dead);
	up_write(&s->lock);
	vm_bury(&dead);
	if (start > 0 && ((flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE ||
			  (vm_flags & (VM_LOCKED | VM_LOCKONFAULT)) == VM_LOCKED))
		(void)vm_populate(s, start, start + len, VM_POPULATE_MAP);
	return start;
}

s64 vm_map_stack(struct vm_space *s, u64 size, u32 prot)
{
	u64 start = s->stack_top - size;
	u32 flags = (prot & VM_ACCESS) | VM_MAYWRITE | VM_MAYEXEC | VM_GROWSDOWN | VM_STACK |
		    s->def_flags;
	int err = -ENOMEM;

	if ((size & ~PAGE_MASK) || !size || size > s->stack_top - USER_BASE)
		return -EINVAL;
	down_write(&s->lock);
	if (!vm_region_overlapping(s, start, s->stack_top))
		err = map_at(s, start, s->stack_top, flags, NULL, 0, NULL);
	up_write(&s->lock);
	return err ? err : (s64)start;
}

/* ---- pages of the kernel ---- */

static int kernel_page_fault(struct vm_region *r, u64 pgoff, struct page **out)
{
	struct page **pages = r->private;

	*out = pages[pgoff];
	return 0;
}

static const struct vm_region_ops kernel_page_ops = { .fault = kernel_page_fault };

s64 vm_map_pages(struct vm_space *s, u64 addr, struct page **pages, u32 npages, u32 vm_flags)
{
	u64 len = (u64)npages << PAGE_SHIFT;
	struct vm_region *r;
	s64 start;

	down_write(&s->lock);
	start = vm_find_room(s, addr, len, 0);
	if (start > 0 && !vm_may_expand(s, vm_flags, npages))
		start = -ENOMEM;
	if (start > 0) {
		r = region_create(s, start, start + len, vm_flags | VM_PFN | VM_MAYEXEC, NULL, 0);
		if (IS_ERR(r)) {
			start = PTR_ERR(r);
		} else {
			r->ops = &kernel_page_ops;
			r->private = pages;
			vm_region_insert(s, r);
			vm_account(s, r->flags, npages);
		}
	}
	up_write(&s->lock);
	return start;
}

/* ---- brk ---- */

s64 vm_set_brk(struct vm_space *s, u64 brk)
{
	u64 old_end = 0, new_end = 0;
	DEFINE_LIST(dead);
	u32 flags = 0;
	s64 result;

	down_write(&s->lock);
	result = s->brk;
	if (brk < s->brk_start || brk > USER_END - PAGE_SIZE)
		goto out;
	if (brk - s->brk_start + (s->data_end - s->data_start) > vm_limit(RLIMIT_DATA))
		goto out;
	old_end = PAGE_ALIGN(s->brk);
	new_end = PAGE_ALIGN(brk);
	flags = VM_READ | VM_WRITE | VM_MAYWRITE | VM_MAYEXEC | VM_HEAP | s->def_flags;
	if (current->proc && (current->proc->personality & READ_IMPLIES_EXEC))
		flags |= VM_EXEC;
	if (new_end < old_end) {
		if (vm_unmap_locked(s, new_end, old_end, &dead))
			goto out;
	} else if (new_end > old_end) {
		if (!vm_may_place(old_end))
			goto out;
		/* a page stays free above, so that the heap never touches a mapping */
		if (!vm_range_is_free(s, old_end, new_end - old_end + PAGE_SIZE) ||
		    vm_may_lock(s, flags, (new_end - old_end) >> PAGE_SHIFT) ||
		    map_at(s, old_end, new_end, flags, NULL, 0, NULL))
			goto out;
	}
	s->brk = result = brk;
out:
	up_write(&s->lock);
	vm_bury(&dead);
	if (result == (s64)brk && new_end > old_end &&
	    (flags & (VM_LOCKED | VM_LOCKONFAULT)) == VM_LOCKED)
		(void)vm_populate(s, old_end, new_end, VM_POPULATE_MAP);
	return result;
}
