// SPDX-License-Identifier: MIT
/*
 * mmap(), munmap(), brk(): creating and removing regions.
 *
 * Neighbours that are alike become one region: so a program that grows by many
 * small mappings has few, and mapping or unmapping at the edge of one mostly just moves
 * its bound, without an allocation.
 *
 * A region of a file is on the file's list, where a truncation finds it without
 * the space's lock. So it leaves the list (or shrinks, under the list's lock) before
 * its pages and tables are freed, and it enters the list complete.
 *
 * Order of checks and errors: Linux 6.1, mm/mmap.c, as seen by programs.
 */
#include "vm_internal.h"
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/heap.h>
#include <uapi/personality.h>

/* The flags that MAP_SHARED_VALIDATE accepts; others cause EOPNOTSUPP. */
#define MAP_KNOWN                                                                                \
	(MAP_SHARED | MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | MAP_DENYWRITE | MAP_EXECUTABLE | \
	 MAP_UNINITIALIZED | MAP_GROWSDOWN | MAP_LOCKED | MAP_NORESERVE | MAP_POPULATE |         \
	 MAP_NONBLOCK | MAP_STACK | MAP_HUGETLB | MAP_32BIT | 0xfc000000u)

struct kmem_cache *vm_region_cache;

/* ---- limits and accounts ---- */

void vm_account(struct vm_space *space, u32 flags, s64 npages)
{
	space->total_pages += npages;
	if (space->total_pages > space->peak_total)
		space->peak_total = space->total_pages;
	if (vm_is_data(flags))
		space->data_pages += npages;
	if (flags & VM_LOCKED)
		space->locked_pages += npages;
}

bool vm_may_expand(const struct vm_space *space, u32 flags, u64 npages)
{
	const struct process *p = current->proc;

	if (!p)
		return true;
	if (space->total_pages + npages > p->limits[RLIMIT_AS].rlim_cur >> PAGE_SHIFT)
		return false;
	return !vm_is_data(flags) ||
	       space->data_pages + npages <= p->limits[RLIMIT_DATA].rlim_cur >> PAGE_SHIFT;
}

int vm_may_lock(const struct vm_space *space, u32 flags, u64 npages)
{
	if (!(flags & VM_LOCKED) ||
	    space->locked_pages + npages <= vm_limit(RLIMIT_MEMLOCK) >> PAGE_SHIFT)
		return 0;
	if (!current_capable(CAP_IPC_LOCK))
		return -EAGAIN;
	return 0;
}

/* ---- regions and their file ---- */

void vm_file_link_slow(struct vm_region *region)
{
	vm_file_lock(region);
	list_add_tail(&region->file_link, &region->pages->regions);
	vm_file_unlock(region);
}

void vm_file_unlink_slow(struct vm_region *region)
{
	vm_file_lock(region);
	list_del(&region->file_link);
	vm_file_unlock(region);
}

static void region_unused(struct rcu_head *head)
{
	kmem_cache_free(vm_region_cache, container_of(head, struct vm_region, rcu));
}

void vm_region_free(struct vm_region *region)
{
	if (region->ops && region->ops->close)
		region->ops->close(region);
	if (region->file)
		file_put(region->file);
	if (likely(atomic_read(&region->space->users) <= 1))
		kmem_cache_free(vm_region_cache, region);
	else
		call_rcu(&region->rcu, region_unused); /* a fault may have found it */
}

void vm_region_opened(struct vm_region *region)
{
	if (region->file)
		file_get(region->file);
	if (region->ops && region->ops->open)
		region->ops->open(region);
}

void vm_set_bounds(struct vm_region *region, u64 start, u64 end)
{
	vm_file_lock(region);
	vm_region_resize(region->space, region, start, end);
	vm_file_unlock(region);
}

struct vm_region *vm_split(struct vm_region *region, u64 addr)
{
	struct vm_space *space = region->space;
	struct vm_region *upper;

	if (space->nr_regions >= VM_MAX_REGIONS)
		return NULL;
	upper = kmem_cache_alloc(vm_region_cache);
	if (!upper)
		return NULL;
	vm_region_clone(upper, region, addr, region->end);
	vm_region_opened(upper);
	vm_file_lock(region);
	vm_region_change_begin(region);
	vm_region_resize(space, region, region->start, addr);
	vm_region_change_end(region);
	vm_region_insert_behind(space, region, upper);
	if (region->pages)
		list_add_tail(&upper->file_link, &region->pages->regions);
	vm_file_unlock(region);
	return upper;
}

/* @upper follows @lower and is like it: make them one. */
static void region_unite(struct vm_region *lower, struct vm_region *upper)
{
	struct vm_space *space = lower->space;
	u64 end = upper->end;

	vm_file_lock(lower);
	if (upper->pages)
		list_del(&upper->file_link);
	lower->has_anon |= upper->has_anon;
	vm_region_erase(space, upper);
	vm_region_resize(space, lower, lower->start, end);
	vm_file_unlock(lower);
	vm_region_free(upper);
}

struct vm_region *vm_merge(struct vm_region *region)
{
	struct vm_space *space = region->space;
	struct vm_region *prev = vm_region_prev(space, region),
			 *next = vm_region_next(space, region);

	if (next && vm_region_continues(region, next))
		region_unite(region, next);
	if (prev && vm_region_continues(prev, region)) {
		region_unite(prev, region);
		return prev;
	}
	return region;
}

/* ---- free ranges ---- */

u64 vm_min_addr = USER_BASE;

bool vm_may_place(u64 addr)
{
	return addr >= READ_ONCE(vm_min_addr) ||
	       (addr >= USER_BASE && current_capable(CAP_SYS_RAWIO));
}

s64 vm_find_room(struct vm_space *space, u64 addr, u64 len, u32 map_flags)
{
	u64 low = PAGE_ALIGN(READ_ONCE(vm_min_addr)), high = space->mmap_base, limit = USER_END,
	    found;
	bool up = space->bottom_up;

	if (len > USER_END)
		return -ENOMEM;
	if (map_flags & MAP_FIXED) {
		if (addr > USER_END - len)
			return -ENOMEM;
		if (addr & ~PAGE_MASK)
			return -EINVAL;
		if (!vm_may_place(addr))
			return -EPERM;
		return (s64)addr;
	}
	if (map_flags & MAP_32BIT) {
		low = MAX(low, 0x40000000ull);
		high = limit = 0x80000000;
		up = true;
	} else if (up) {
		low = MAX(low, space->mmap_base);
		high = USER_END;
	}
	if (len > limit)
		return -ENOMEM;
	if (addr) {
		addr = MAX(addr & PAGE_MASK, low);
		if (addr <= limit - len && vm_range_is_free(space, addr, len))
			return addr;
	}
	if (up)
		found = vm_gap_bottom_up(space, len, low, high);
	else
		found = vm_gap_top_down(space, len, low, high);
	if (found == VM_NO_GAP && !up) /* the other side of the base, as a last resort */
		found = vm_gap_bottom_up(space, len, MAX(low, ALIGN_UP(USER_END / 3, PAGE_SIZE)),
					 USER_END);
	if (found == VM_NO_GAP)
		return -ENOMEM;
	return (s64)found;
}

/* ---- munmap ---- */

/* Take [start, end) of @region out of the set. A region of which nothing is left is moved to @dead. */
static void region_cut(struct vm_region *region, u64 start, u64 end, struct list *dead)
{
	struct vm_space *space = region->space;

	vm_account(space, region->flags, -(s64)((end - start) >> PAGE_SHIFT));
	if (start == region->start && end == region->end) {
		vm_file_unlink(region);
		vm_region_erase(space, region);
		list_add_tail(&region->link, dead);
		return;
	}
	vm_region_change_begin(region);
	if (start > region->start)
		vm_set_bounds(region, region->start, start);
	else
		vm_set_bounds(region, end, region->end);
	vm_region_change_end(region);
}

int vm_unmap_locked(struct vm_space *space, u64 start, u64 end, struct list *dead)
{
	struct vm_region *region, *prev, *next;
	struct vm_gather gather;

	assert_held_write(&space->lock);
	if (WARN_ON(start > end || end > USER_END))
		return -EINVAL;
	region = vm_region_overlapping(space, start, end);
	if (!region)
		return 0;
	if (vm_leaves_own(space, start, end))
		return -ENOMEM;
	if (region->start < start && region->end > end && !vm_split(region, end))
		return -ENOMEM;
	vm_gather_init(&gather, space);
	prev = region;
	if (region->start >= start)
		prev = vm_region_prev(space, region);
	for (; region && region->start < end; region = next) {
		u64 from = MAX(start, region->start), to = MIN(end, region->end);

		/* The rest of the last one above @end is the next one: its tables are kept. */
		next = region;
		if (region->end <= end)
			next = vm_region_next(space, region);
		region_cut(region, from, to, dead);
		vm_zap(&gather, from, to);
	}
	vm_free_tables(&gather, start, end, vm_region_end(prev), vm_tables_ceiling(region));
	vm_gather_finish(&gather);
	return 0;
}

/*
 * Without the lock: closing the last reference to a file may do anything, such as
 * take an inode's lock, inside which others take ours.
 */
void vm_regions_free(struct list *dead)
{
	struct vm_region *region, *next;

	list_for_each_safe(region, next, dead, link)
		vm_region_free(region);
}

int vm_unmap(struct vm_space *space, u64 addr, u64 len)
{
	DEFINE_LIST(dead);
	int err;

	if (!vm_range_valid(addr, len) || !PAGE_ALIGN(len))
		return -EINVAL;
	down_write(&space->lock);
	err = vm_unmap_locked(space, addr, addr + PAGE_ALIGN(len), &dead);
	up_write(&space->lock);
	vm_regions_free(&dead);
	return err;
}

/* ---- mmap ---- */

/* Rights and kind of a file's mapping. @return 0 or -errno */
static int region_file_flags(struct file *f, u32 prot, u32 map_flags, u32 *vm_flags)
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
	if (*vm_flags & VM_GROWSDOWN)
		return -EINVAL;
	return 0;
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
static bool extend_neighbour(struct vm_space *space, struct vm_region *prev, struct vm_region *next,
			     u64 start, u64 end, u32 flags)
{
	bool below = prev && prev->end == start && prev->flags == flags && !prev->ops;
	bool above = next && next->start == end && next->flags == flags && !next->ops;

	if (below && above) {
		end = next->end;
		vm_region_erase(space, next);
		vm_region_free(next);
	}
	if (below)
		vm_region_resize(space, prev, prev->start, end);
	else if (above)
		vm_region_resize(space, next, start, next->end);
	return below || above;
}

void vm_scrub(struct vm_space *space, u64 start, u64 end)
{
	struct vm_region *next = vm_region_find_above(space, start);
	struct vm_region *prev = vm_region_below(space, next);
	struct vm_gather gather;

	vm_gather_init(&gather, space);
	vm_zap(&gather, start, end);
	vm_free_tables(&gather, start, end, vm_region_end(prev), vm_tables_ceiling(next));
	vm_gather_finish(&gather);
}

/* What a region of a file shows; NULL in its place: anonymous memory. */
struct map_source {
	struct file *file;
	u64 off;
	void *private; /* of map_begin() */
};

/* Let the file set the methods of its region. The region is in no list yet; it counts the file in any case. */
static int region_attach_file(struct vm_region *region, const struct map_source *source)
{
	struct file *f = source->file;
	int err;

	region->file = f;
	region->private = source->private;
	region->pages = f->inode ? &f->inode->pages : NULL;
	region->pgoff = source->off >> PAGE_SHIFT;
	file_get(f);
	err = f->ops->mmap(f, region);
	if (err)
		return err;
	if (!region->ops) { /* anonymous memory, like /dev/zero's */
		file_put(f);
		region->file = NULL;
		region->pages = NULL;
		region->pgoff = 0;
		if (region->flags & VM_SHARED)
			return vm_shared_attach(region);
	}
	return 0;
}

/* A region of its own for [start, end). @return it, in no list, or ERR_PTR */
static struct vm_region *region_create(struct vm_space *space, u64 start, u64 end, u32 flags,
				       const struct map_source *source)
{
	struct vm_region *region;
	int err = 0;

	if (space->nr_regions >= VM_MAX_REGIONS)
		return ERR_PTR(-ENOMEM);
	region = kmem_cache_alloc(vm_region_cache);
	if (!region)
		return ERR_PTR(-ENOMEM);
	*region = (struct vm_region){
		.start = start,
		.end = end,
		.flags = flags,
		.space = space,
		.link = LIST_INIT(region->link),
		.file_link = LIST_INIT(region->file_link),
	};
	if (source)
		err = region_attach_file(region, source);
	else if (flags & VM_SHARED)
		err = vm_shared_attach(region);
	if (err) {
		vm_scrub(space, start, end);
		if (region->file)
			file_put(region->file);
		kmem_cache_free(vm_region_cache, region);
		return ERR_PTR(err);
	}
	region->pte_bits = vm_pte_bits(region->flags);
	return region;
}

/* Pages of [start, end) that are mapped; @region is the lowest region there. */
static u64 mapped_pages_in(const struct vm_space *space, const struct vm_region *region, u64 start,
			   u64 end)
{
	u64 npages = 0;

	for (; region && region->start < end; region = vm_region_next(space, region))
		npages += (MIN(end, region->end) - MAX(start, region->start)) >> PAGE_SHIFT;
	return npages;
}

/* The last part of vm_map(): all checked, the place is known. */
static int map_at(struct vm_space *space, u64 start, u64 end, u32 flags,
		  const struct map_source *source, struct list *dead)
{
	struct vm_region *next = vm_region_find_above(space, start), *prev, *region;
	u64 npages = (end - start) >> PAGE_SHIFT, replaced = 0;
	bool replaces = next && next->start < end;

	assert_held_write(&space->lock);
	if (unlikely(replaces))
		replaced = mapped_pages_in(space, next, start, end);
	if (!vm_may_expand(space, flags, npages - replaced))
		return -ENOMEM;
	if (unlikely(replaces)) {
		int err = vm_unmap_locked(space, start, end, dead);

		if (err)
			return err;
		next = vm_region_find_above(space, start);
	}
	if (!vm_enough_memory(source ? flags : flags & ~VM_SHARED, npages))
		return -ENOMEM;
	prev = vm_region_below(space, next);
	if (!source && !(flags & VM_SHARED) &&
	    extend_neighbour(space, prev, next, start, end, flags)) {
		vm_account(space, flags, npages);
		return 0;
	}
	region = region_create(space, start, end, flags, source);
	if (IS_ERR(region))
		return PTR_ERR(region);
	vm_region_insert_behind(space, prev, region);
	vm_file_link(region);
	vm_account(space, region->flags, npages);
	if (source)
		vm_merge(region);
	return 0;
}

/* VM_* for the PROT_* and MAP_* of a mapping that has not been looked at closer. */
static u32 region_flags(const struct vm_space *space, u32 prot, u32 map_flags)
{
	u32 flags = (prot & VM_ACCESS) | VM_MAYWRITE | VM_MAYEXEC | space->def_flags;

	if (map_flags & MAP_GROWSDOWN)
		flags |= VM_GROWSDOWN;
	if (map_flags & MAP_NORESERVE)
		flags |= VM_NORESERVE;
	if (map_flags & MAP_LOCKED)
		flags |= VM_LOCKED;
	return flags;
}

static s64 map_locked(struct vm_space *space, u64 addr, u64 len, u32 prot, u32 map_flags,
		      const struct map_source *source, u32 *vm_flags, struct list *dead)
{
	s64 start;
	int err;

	assert_held_write(&space->lock);
	if (space->nr_regions > VM_MAX_REGIONS)
		return -ENOMEM;
	start = vm_find_room(space, addr, len, map_flags);
	if (start < 0)
		return start;
	if ((map_flags & MAP_FIXED_NOREPLACE) && vm_region_overlapping(space, start, start + len))
		return -EEXIST;
	*vm_flags = region_flags(space, prot, map_flags);
	if ((map_flags & MAP_LOCKED) && !vm_limit(RLIMIT_MEMLOCK) && !current_capable(CAP_IPC_LOCK))
		return -EPERM;
	err = vm_may_lock(space, *vm_flags, len >> PAGE_SHIFT);
	if (err)
		return err;
	if (source)
		err = region_file_flags(source->file, prot, map_flags, vm_flags);
	else
		err = anon_flags(map_flags, vm_flags);
	if (!err)
		err = map_at(space, start, start + len, *vm_flags, source, dead);
	return err ?: start;
}

/* A driver may run for long, and reach the program's memory: no lock is held. Rights are checked first. */
static s64 file_map_begin(const struct vm_space *space, u64 len, u32 prot, u32 map_flags,
			  struct map_source *source)
{
	struct file *f = source->file;
	u32 flags = region_flags(space, prot, map_flags);
	int err = region_file_flags(f, prot, map_flags, &flags);

	if (err)
		return err;
	return f->ops->map_begin(f, source->off, len, flags, &source->private);
}

s64 vm_map(struct vm_space *space, u64 addr, u64 len, u32 prot, u32 flags, struct file *file,
	   u64 off)
{
	struct map_source source = { .file = file, .off = off };
	u32 vm_flags = 0;
	DEFINE_LIST(dead);
	s64 start;

	if ((off & ~PAGE_MASK) || !len)
		return -EINVAL;
	if ((flags & MAP_HUGETLB) && !file)
		return -ENOMEM; /* none are reserved */
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
		start = file_map_begin(space, len, prot, flags, &source);
		if (start)
			return start;
	}
	down_write(&space->lock);
	start = map_locked(space, addr, len, prot, flags, file ? &source : NULL, &vm_flags, &dead);
	up_write(&space->lock);
	vm_regions_free(&dead);
	if (unlikely(source.private))
		file->ops->map_end(file, source.private);
	if (start > 0 && ((flags & (MAP_POPULATE | MAP_NONBLOCK)) == MAP_POPULATE ||
			  (vm_flags & (VM_LOCKED | VM_LOCKONFAULT)) == VM_LOCKED))
		(void)vm_populate(space, start, start + len, VM_POPULATE_MAP);
	return start;
}

s64 vm_map_stack(struct vm_space *space, u64 size, u32 prot)
{
	u64 start = space->stack_top - size;
	u32 flags = (prot & VM_ACCESS) | VM_MAYWRITE | VM_MAYEXEC | VM_GROWSDOWN | VM_STACK |
		    space->def_flags;
	int err = -ENOMEM;

	if ((size & ~PAGE_MASK) || !size || size > space->stack_top - USER_BASE)
		return -EINVAL;
	down_write(&space->lock);
	if (!vm_region_overlapping(space, start, space->stack_top))
		err = map_at(space, start, space->stack_top, flags, NULL, NULL);
	up_write(&space->lock);
	return err ?: (s64)start;
}

/* ---- pages of the kernel ---- */

static int vm_kernel_page_fault(struct vm_region *region, u64 pgoff, struct page **out)
{
	struct page **pages = region->private;

	*out = pages[pgoff];
	return 0;
}

static const struct vm_region_ops kernel_page_ops = { .fault = vm_kernel_page_fault };

s64 vm_map_pages(struct vm_space *space, u64 addr, struct page **pages, u32 npages, u32 vm_flags)
{
	u64 len = (u64)npages << PAGE_SHIFT;
	struct vm_region *region;
	s64 start;

	down_write(&space->lock);
	start = vm_find_room(space, addr, len, 0);
	if (start > 0 && !vm_may_expand(space, vm_flags, npages))
		start = -ENOMEM;
	if (start > 0) {
		region = region_create(space, start, start + len, vm_flags | VM_PFN | VM_MAYEXEC,
				       NULL);
		if (IS_ERR(region)) {
			start = PTR_ERR(region);
		} else {
			region->ops = &kernel_page_ops;
			region->private = pages;
			vm_region_insert(space, region);
			vm_account(space, region->flags, npages);
		}
	}
	up_write(&space->lock);
	return start;
}

/* ---- brk ---- */

s64 vm_set_brk(struct vm_space *space, u64 brk)
{
	u64 old_end = 0, new_end = 0;
	DEFINE_LIST(dead);
	u32 flags = 0;
	s64 result;

	down_write(&space->lock);
	result = space->brk;
	if (brk < space->brk_start || brk > USER_END - PAGE_SIZE)
		goto out_unlock;
	if (brk - space->brk_start + (space->data_end - space->data_start) > vm_limit(RLIMIT_DATA))
		goto out_unlock;
	old_end = PAGE_ALIGN(space->brk);
	new_end = PAGE_ALIGN(brk);
	flags = VM_READ | VM_WRITE | VM_MAYWRITE | VM_MAYEXEC | VM_HEAP | space->def_flags;
	if (current->proc && (current->proc->personality & READ_IMPLIES_EXEC))
		flags |= VM_EXEC;
	if (new_end < old_end) {
		if (vm_unmap_locked(space, new_end, old_end, &dead))
			goto out_unlock;
	} else if (new_end > old_end) {
		if (!vm_may_place(old_end))
			goto out_unlock;
		/* a page stays free above, so that the heap never touches a mapping */
		if (!vm_range_is_free(space, old_end, new_end - old_end + PAGE_SIZE) ||
		    vm_may_lock(space, flags, (new_end - old_end) >> PAGE_SHIFT) ||
		    map_at(space, old_end, new_end, flags, NULL, NULL))
			goto out_unlock;
	}
	space->brk = result = brk;
out_unlock:
	up_write(&space->lock);
	vm_regions_free(&dead);
	if (result == (s64)brk && new_end > old_end &&
	    (flags & (VM_LOCKED | VM_LOCKONFAULT)) == VM_LOCKED)
		(void)vm_populate(space, old_end, new_end, VM_POPULATE_MAP);
	return result;
}
