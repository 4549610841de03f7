// SPDX-License-Identifier: MIT
/*
 * Shared anonymous memory: MAP_SHARED | MAP_ANONYMOUS, kept over fork().
 *
 * The pages belong to an object that each region of it counts. It is a file
 * without a name: its pages stand in a tree, 512 entries to a node as in
 * page tables, made as they are touched; its regions are on a list like a file's,
 * so that MADV_REMOVE can take pages out of all of them.
 *
 * Locks: object->lock (spin): the tree. It is never held together with the list's
 * lock. Pages come under no lock; who loses the race gives its page back.
 */
#include "vm_internal.h"
#include <kernel/fs/inode.h>
#include <kernel/heap.h>

#define FANOUT	     512u
#define FANOUT_SHIFT 9

struct shared {
	struct atomic refs; /* regions */
	spinlock_t lock;
	u64 npages;
	u32 height;		 /* levels of nodes */
	void **root;		 /* NULL: nothing was touched yet */
	struct file_pages pages; /* the list of regions alone */
};

static struct kmem_cache *shared_cache;

/* ---- the tree; lock held ---- */

static void **node_alloc(void)
{
	struct page *p = page_alloc(PAGE_USER | PAGE_ZERO);

	return p ? page_address(p) : NULL;
}

/* The place of page @index. @return NULL: not there, or no memory to make it */
static void **slot(struct shared *o, u64 index, bool make)
{
	void **entry = (void **)&o->root;

	assert_held(&o->lock);
	for (u32 level = o->height; level--;) {
		if (!*entry && make)
			*entry = node_alloc();
		if (!*entry)
			return NULL;
		entry = (void **)*entry + (index >> (FANOUT_SHIFT * level)) % FANOUT;
	}
	return entry;
}

static struct page *find(struct shared *o, u64 index)
{
	void **s = slot(o, index, false);
	struct page *p = s ? *s : NULL;

	if (p)
		page_get(p);
	return p;
}

/* The object gives a page up. */
static void page_drop(struct page *p)
{
	mem_account(MEM_ANON, -1);
	page_put(p);
}

/* Nobody has the object any more. */
static void free_node(void **node, u32 level)
{
	if (!node)
		return;
	for (u32 i = 0; i < FANOUT; i++) {
		if (!node[i])
			continue;
		if (level)
			free_node(node[i], level - 1);
		else
			page_drop(node[i]);
	}
	page_free(virt_to_page(node));
}

/* ---- regions ---- */

static int shared_fault(struct vm_region *r, u64 pgoff, struct page **out)
{
	struct shared *o = r->private;
	struct page *p, *new;
	void **s;

	if (pgoff >= o->npages)
		return -EIO;
	spin_lock(&o->lock);
	p = find(o, pgoff);
	spin_unlock(&o->lock);
	if (p)
		goto found;
	new = page_alloc(PAGE_USER | PAGE_ZERO);
	if (!new)
		return -ENOMEM;
	spin_lock(&o->lock);
	s = slot(o, pgoff, true);
	p = s ? *s : NULL;
	if (s && !p) {
		new->mapping = o;
		new->index = pgoff;
		*s = p = new;
		new = NULL;
		mem_account(MEM_ANON, 1);
	}
	if (p)
		page_get(p);
	spin_unlock(&o->lock);
	if (new)
		page_free(new);
	if (!p)
		return -ENOMEM;
found:
	*out = p;
	return 0;
}

static int shared_fault_around(struct vm_region *r, u64 first, u32 n, struct page **pages)
{
	struct shared *o = r->private;
	int found = 0;

	spin_lock(&o->lock);
	for (u32 i = 0; i < n; i++) {
		pages[i] = first + i < o->npages ? find(o, first + i) : NULL;
		found += pages[i] != NULL;
	}
	spin_unlock(&o->lock);
	return found;
}

static void shared_open(struct vm_region *r)
{
	struct shared *o = r->private;

	atomic_inc(&o->refs);
}

static void shared_close(struct vm_region *r)
{
	struct shared *o = r->private;

	if (!atomic_dec_and_test(&o->refs))
		return;
	free_node(o->root, o->height - 1);
	kmem_cache_free(shared_cache, o);
}

static const struct vm_region_ops shared_ops = {
	.fault = shared_fault,
	.fault_around = shared_fault_around,
	.open = shared_open,
	.close = shared_close,
	.name = "/dev/zero (deleted)",
	.page_cache = true,
};

int vm_shared_attach(struct vm_region *r)
{
	struct shared *o = kmem_cache_zalloc(shared_cache);

	if (!o)
		return -ENOMEM;
	atomic_set(&o->refs, 1);
	spin_init(&o->lock);
	spin_init(&o->pages.regions_lock);
	list_init(&o->pages.regions);
	o->npages = vm_region_pages(r);
	o->height = 1;
	while (o->npages > 1ull << (FANOUT_SHIFT * o->height))
		o->height++;
	r->private = o;
	r->pages = &o->pages;
	r->ops = &shared_ops;
	return 0;
}

/*
 * Take the pages that one lowest node has of [*index, last] out of the tree. @return them, linked
 * through ->index; *@index moves behind what was looked at: over all that has no nodes at once
 */
static struct page *take_node(struct shared *o, u64 *index, u64 last)
{
	struct page *list = NULL, *p;
	void **entry = (void **)&o->root;
	u64 i = *index, stop;
	u32 level;

	spin_lock(&o->lock);
	for (level = o->height; level && *entry; level--)
		entry = (void **)*entry + (i >> (FANOUT_SHIFT * (level - 1))) % FANOUT;
	stop = MIN(last, i | ((1ull << (FANOUT_SHIFT * MAX(level, 1u))) - 1));
	for (; !level && i <= stop; i++, entry++) {
		p = *entry;
		if (!p)
			continue;
		*entry = NULL;
		p->mapping = NULL;
		p->index = (u64)list;
		list = p;
	}
	spin_unlock(&o->lock);
	*index = stop + 1;
	return list;
}

void vm_shared_remove(struct vm_region *r, u64 start, u64 end)
{
	u64 index = r->pgoff + ((start - r->start) >> PAGE_SHIFT);
	u64 last = r->pgoff + ((end - r->start) >> PAGE_SHIFT) - 1;
	struct shared *o = r->private;
	struct page *list, *p;

	last = MIN(last, o->npages - 1);
	while (index <= last) {
		u64 first = index;

		list = take_node(o, &index, last);
		if (list)
			vm_unmap_file_range(&o->pages, first, index - 1, true);
		while ((p = list)) {
			list = (struct page *)p->index;
			page_drop(p);
		}
	}
}

void vm_shared_init(void)
{
	shared_cache = kmem_cache_create("vm_shared", sizeof(struct shared), 0);
}
