// SPDX-License-Identifier: MIT
/*
 * Windows; see vm_window.h.
 *
 * Nothing is mapped by mmap() itself: each page is mapped by a fault, under the lock of the
 * window's list of regions, and only while the window is not revoked. Revoking it
 * sets that under the same lock, and then unmaps all pages from the side of
 * the list, as a truncation does. So there is no moment after it at which a fault that
 * began before maps a page; and what forks, splits or moves a region enters the new
 * one in the list first.
 *
 * Locks: windows_lock (spin): both lists of each window. window->pages.regions_lock
 * (spin): revoked, and the entries of the page tables; never held together with the first.
 */
#include "internal.h"
#include "vm_internal.h"
#include <kernel/err.h>
#include <kernel/phys_user.h>
#include <kernel/vm_window.h>

struct vm_window {
	struct atomic refs; /* regions, and whoever is at it */
	phys_t phys;
	u64 npages, first; /* pgoff of the first page in its regions */
	struct phys_user user;
	bool revoked;
	struct file_pages pages; /* the list of regions alone */
	struct list links[VM_WINDOW_SIDES];
};

static DEFINE_SPINLOCK(windows_lock);

/* ---- regions ---- */

static int window_fault(struct vm_region *region, u64 pgoff, pte_t *entry, u64 *npages)
{
	struct vm_window *window = region->private;
	u64 index = pgoff - window->first;

	assert_held(&window->pages.regions_lock);
	if (window->revoked || index >= window->npages)
		return -EIO;
	*entry = (window->phys + (index << PAGE_SHIFT)) | cache_pte_bits(window->user.cache);
	*npages = window->npages - index;
	return 0;
}

static void window_open(struct vm_region *region)
{
	struct vm_window *window = region->private;

	atomic_inc(&window->refs);
}

static void window_close(struct vm_region *region)
{
	vm_window_put(region->private);
}

static const struct vm_region_ops window_ops = {
	.fault_device = window_fault,
	.open = window_open,
	.close = window_close,
};

void vm_window_attach(struct vm_window *window, struct vm_region *region)
{
	atomic_inc(&window->refs);
	window->first = region->pgoff;
	region->private = window;
	region->pages = &window->pages;
	region->ops = &window_ops;
	region->flags |= VM_PFN | VM_DONTDUMP;
	region->flags &= ~(VM_LOCKED | VM_LOCKONFAULT);
}

/* ---- life ---- */

int vm_window_enter(struct vm_window *window, struct vm_window_list *list)
{
	int err = 0;

	spin_lock(&windows_lock);
	if (list->closed)
		err = -ENODEV;
	else
		list_add_tail(&window->links[list->side], &list->windows);
	spin_unlock(&windows_lock);
	return err;
}

struct vm_window *vm_window_create(phys_t phys, u64 npages, enum kcache cache)
{
	struct vm_window *window = kzalloc(sizeof(*window));
	int err;

	if (!window)
		return ERR_PTR(-ENOMEM);
	atomic_set(&window->refs, 1);
	spin_init(&window->pages.regions_lock);
	list_init(&window->pages.regions);
	for (u32 i = 0; i < VM_WINDOW_SIDES; i++)
		list_init(&window->links[i]);
	window->phys = phys;
	window->npages = npages;
	err = phys_user_add(&window->user, phys, npages << PAGE_SHIFT, cache);
	if (!err)
		return window;
	kfree(window);
	return ERR_PTR(err);
}

void vm_window_put(struct vm_window *window)
{
	if (!atomic_dec_and_test(&window->refs))
		return;
	spin_lock(&windows_lock);
	for (u32 i = 0; i < VM_WINDOW_SIDES; i++)
		list_del(&window->links[i]);
	spin_unlock(&windows_lock);
	phys_user_remove(&window->user);
	kfree(window);
}

/* ---- revoked ---- */

void vm_window_list_init(struct vm_window_list *list, enum vm_window_side side)
{
	list_init(&list->windows);
	list->side = side;
	list->closed = false;
}

/* The first of the list, counted; NULL: none is left. */
static struct vm_window *window_get_first(struct vm_window_list *list)
{
	struct vm_window *window = NULL;

	spin_lock(&windows_lock);
	list->closed = true;
	while (!window && !list_empty(&list->windows)) {
		struct list *link = list->windows.next;

		window = container_of(link, struct vm_window, links[list->side]);
		if (!atomic_inc_not_zero(&window->refs)) {
			list_del(link); /* it is being freed: nothing shows it */
			window = NULL;
		}
	}
	spin_unlock(&windows_lock);
	return window;
}

static void window_revoke(struct vm_window *window)
{
	spin_lock(&window->pages.regions_lock);
	window->revoked = true;
	spin_unlock(&window->pages.regions_lock);
	vm_unmap_file_range(&window->pages, 0, ~0ull, true);
}

void vm_windows_revoke(struct vm_window_list *list)
{
	struct vm_window *window;

	/* Out of the list only once it is revoked: two that revoke one list both wait for it. */
	while ((window = window_get_first(list))) {
		window_revoke(window);
		spin_lock(&windows_lock);
		list_del(&window->links[list->side]);
		spin_unlock(&windows_lock);
		vm_window_put(window);
	}
}
