// SPDX-License-Identifier: MIT
/*
 * Shared anonymous memory: MAP_SHARED | MAP_ANONYMOUS, kept over fork(); and, for ipc/, segments
 * that exist without a region.
 *
 * The pages belong to an object that each region of it counts. It is a file
 * without a name: its pages are in a tree, 512 entries to a node as in
 * page tables, made as they are touched; its regions are on a list like a file's,
 * so that MADV_REMOVE can take pages out of all of them.
 *
 * Locks: object->lock (spin): the tree. It is never held together with the list's
 * lock. Pages are allocated without the lock; the thread that loses the race frees its page.
 */
#include "vm_internal.h"
#include <kernel/fs/inode.h>
#include <kernel/heap.h>

#define FANOUT	     512u
#define FANOUT_SHIFT 9

struct vm_shared {
	struct atomic refs; /* regions, or the one who created it */
	spinlock_t lock;    /* guards root and the nodes below it */
	u64 npages;
	u32 height;			 /* levels of nodes */
	void **root;			 /* NULL: nothing was touched yet */
	u64 nr_present;			 /* pages in the tree */
	struct vm_shared_budget *budget; /* NULL: none */
	struct file_pages pages;	 /* the list of regions alone */
};

static struct kmem_cache *shared_cache;

/* ---- the tree; lock held ---- */

static void **shared_node_alloc(void)
{
	struct page *page = page_alloc(PAGE_USER | PAGE_ZERO);

	if (!page)
		return NULL;
	return page_address(page);
}

/* The slot of page @index. @return NULL: it does not exist, or no memory to create it */
static void **shared_slot(struct vm_shared *shared, u64 index, bool make)
{
	void **entry = (void **)&shared->root;

	assert_held(&shared->lock);
	for (u32 level = shared->height; level--;) {
		if (!*entry && make)
			*entry = shared_node_alloc();
		if (!*entry)
			return NULL;
		entry = (void **)*entry + (index >> (FANOUT_SHIFT * level)) % FANOUT;
	}
	return entry;
}

static struct page *shared_find(struct vm_shared *shared, u64 index)
{
	void **slot = shared_slot(shared, index, false);
	struct page *page;

	if (!slot || !*slot)
		return NULL;
	page = *slot;
	page_get(page);
	return page;
}

/* Count a page of the budget. @return false: all are in use */
static bool shared_charge(struct vm_shared *shared)
{
	if (!shared->budget ||
	    atomic_add_return(&shared->budget->used, 1) <= shared->budget->max_pages)
		return true;
	atomic_sub(&shared->budget->used, 1);
	return false;
}

/* Drop the object's reference to a page. */
static void shared_page_drop(struct vm_shared *shared, struct page *page)
{
	mem_account(MEM_ANON, -1);
	if (shared->budget)
		atomic_sub(&shared->budget->used, 1);
	page_put(page);
}

/* The last reference to the object was dropped. */
static void shared_free_node(struct vm_shared *shared, void **node, u32 level)
{
	if (!node)
		return;
	for (u32 i = 0; i < FANOUT; i++) {
		if (!node[i])
			continue;
		if (level)
			shared_free_node(shared, node[i], level - 1);
		else
			shared_page_drop(shared, node[i]);
	}
	page_free(virt_to_page(node));
}

/* ---- the object ---- */

struct vm_shared *vm_shared_create(u64 npages, struct vm_shared_budget *budget)
{
	struct vm_shared *shared = kmem_cache_zalloc(shared_cache);

	if (!shared)
		return NULL;
	atomic_set(&shared->refs, 1);
	spin_init(&shared->lock);
	spin_init(&shared->pages.regions_lock);
	list_init(&shared->pages.regions);
	shared->npages = npages;
	shared->budget = budget;
	shared->height = 1;
	while (shared->npages > 1ull << (FANOUT_SHIFT * shared->height))
		shared->height++;
	return shared;
}

void vm_shared_put(struct vm_shared *shared)
{
	if (!atomic_dec_and_test(&shared->refs))
		return;
	shared_free_node(shared, shared->root, shared->height - 1);
	kmem_cache_free(shared_cache, shared);
}

u64 vm_shared_present(const struct vm_shared *shared)
{
	return READ_ONCE(shared->nr_present);
}

/* Enter @new, unless another thread was faster. @return the page that the object has now, counted; NULL: no memory */
static struct page *shared_enter(struct vm_shared *shared, u64 pgoff, struct page *new)
{
	struct page *page = NULL;
	void **slot;

	spin_lock(&shared->lock);
	slot = shared_slot(shared, pgoff, true);
	if (slot)
		page = *slot;
	if (slot && !page) {
		new->mapping = shared;
		new->index = pgoff;
		*slot = page = new;
		shared->nr_present++;
		mem_account(MEM_ANON, 1);
	}
	if (page)
		page_get(page);
	spin_unlock(&shared->lock);
	return page;
}

int vm_shared_page(struct vm_shared *shared, u64 pgoff, struct page **out)
{
	struct page *page, *new;

	if (pgoff >= shared->npages)
		return -EIO;
	spin_lock(&shared->lock);
	page = shared_find(shared, pgoff);
	spin_unlock(&shared->lock);
	if (!page) {
		if (!shared_charge(shared))
			return -ENOSPC;
		new = page_alloc(PAGE_USER | PAGE_ZERO);
		if (new)
			page = shared_enter(shared, pgoff, new);
		if (page != new || !new) {
			if (shared->budget)
				atomic_sub(&shared->budget->used, 1);
			if (new)
				page_free(new);
		}
		if (!page)
			return -ENOMEM;
	}
	*out = page;
	return 0;
}

u32 vm_shared_pages_near(struct vm_shared *shared, u64 first, u32 npages, struct page **pages)
{
	u32 found = 0;

	spin_lock(&shared->lock);
	for (u32 i = 0; i < npages; i++) {
		pages[i] = NULL;
		if (first + i < shared->npages)
			pages[i] = shared_find(shared, first + i);
		found += pages[i] != NULL;
	}
	spin_unlock(&shared->lock);
	return found;
}

/* ---- regions ---- */

static int shared_fault(struct vm_region *region, u64 pgoff, struct page **out)
{
	return vm_shared_page(region->private, pgoff, out);
}

static int shared_fault_around(struct vm_region *region, u64 first, u32 npages, struct page **pages)
{
	return (int)vm_shared_pages_near(region->private, first, npages, pages);
}

static void shared_open(struct vm_region *region)
{
	struct vm_shared *shared = region->private;

	atomic_inc(&shared->refs);
}

static void shared_close(struct vm_region *region)
{
	vm_shared_put(region->private);
}

static const struct vm_region_ops shared_ops = {
	.fault = shared_fault,
	.fault_around = shared_fault_around,
	.open = shared_open,
	.close = shared_close,
	.name = "/dev/zero (deleted)",
	.page_cache = true,
};

int vm_shared_attach(struct vm_region *region)
{
	struct vm_shared *shared = vm_shared_create(vm_region_pages(region), NULL);

	if (!shared)
		return -ENOMEM;
	region->private = shared;
	region->pages = &shared->pages;
	region->ops = &shared_ops;
	return 0;
}

/*
 * Take the pages that one lowest node has of [*index, last] out of the tree. @return them, linked
 * through ->index; *@index moves behind what was looked at: over all that has no nodes at once
 */
static struct page *shared_take_node(struct vm_shared *shared, u64 *index, u64 last)
{
	struct page *list = NULL, *page;
	void **entry = (void **)&shared->root;
	u64 i = *index, stop;
	u32 level;

	spin_lock(&shared->lock);
	for (level = shared->height; level && *entry; level--)
		entry = (void **)*entry + (i >> (FANOUT_SHIFT * (level - 1))) % FANOUT;
	stop = MIN(last, i | ((1ull << (FANOUT_SHIFT * MAX(level, 1u))) - 1));
	for (; !level && i <= stop; i++, entry++) {
		page = *entry;
		if (!page)
			continue;
		*entry = NULL;
		shared->nr_present--;
		page->mapping = NULL;
		page->index = (u64)list;
		list = page;
	}
	spin_unlock(&shared->lock);
	*index = stop + 1;
	return list;
}

void vm_shared_remove(struct vm_region *region, u64 start, u64 end)
{
	u64 index = region->pgoff + ((start - region->start) >> PAGE_SHIFT);
	u64 last = region->pgoff + ((end - region->start) >> PAGE_SHIFT) - 1;
	struct vm_shared *shared = region->private;
	struct page *list, *page;

	last = MIN(last, shared->npages - 1);
	while (index <= last) {
		u64 first = index;

		list = shared_take_node(shared, &index, last);
		if (list)
			vm_unmap_file_range(&shared->pages, first, index - 1, true);
		while ((page = list)) {
			list = (struct page *)page->index;
			shared_page_drop(shared, page);
		}
	}
}

void vm_shared_init(void)
{
	shared_cache = kmem_cache_create("vm_shared", sizeof(struct vm_shared), 0);
}
