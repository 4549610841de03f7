/* SPDX-License-Identifier: MIT */
/**
 * @file vm_window.h  Windows: device memory, and memory that a driver shares with a device, in programs.
 *
 * A window is a run of physical pages that one mmap() shows, and the regions that show
 * it: the one of that mmap(), and what fork(), mprotect(), mremap() and munmap() make of it.
 * Its pages are not counted; so they must outlive the window, or the window is
 * revoked before they are used for something else. After that no processor
 * reaches them through it, and a program that touches it gets SIGBUS.
 *
 * Each window is in the lists of what its pages belong to (a device, a DMA buffer), and
 * of the file that was mapped. Whichever ends first revokes it.
 */
#pragma once
#include <kernel/heap.h>
#include <kernel/list.h>

struct vm_region;
struct vm_window;

/** Whose windows a list has: a device's, a buffer's, those of files. A window is in one of each at most. */
enum vm_window_side { VM_WINDOW_DEVICE, VM_WINDOW_BUFFER, VM_WINDOW_FILE, VM_WINDOW_SIDES };
/** Windows on one thing; under a lock of vm_window.c. */
struct vm_window_list {
	struct list windows;
	enum vm_window_side side;
	bool closed; /* takes no more */
};

void vm_window_list_init(struct vm_window_list *list, enum vm_window_side side);
/**
 * @brief Describe pages that will be mapped. Sleeps.
 * @param phys   page aligned; with @p npages within what the processor can address
 * @param cache  as all others map a page of it
 * @return it, with one reference; ERR_PTR(-ENOMEM); ERR_PTR(-EBUSY): a page of it is mapped
 *	   with other caching
 */
struct vm_window *__must_check vm_window_create(phys_t phys, u64 npages, enum kcache cache);
/**
 * @brief Enter it in a list, before it is attached. The list lives until vm_windows_revoke() was called for it.
 * @return 0; -ENODEV: that was done before
 */
int __must_check vm_window_enter(struct vm_window *window, struct vm_window_list *list);
/**
 * @brief Let a new region show the window, from its first page on; the region takes a reference.
 * For a file's mmap(), once for a window.
 */
void vm_window_attach(struct vm_window *window, struct vm_region *region);
/** @brief Drop a reference. Any context but interrupts. */
void vm_window_put(struct vm_window *window);
/**
 * @brief Take the windows of a list away from all programs, and let it take no more. May be repeated.
 * Thread context, without spin locks. When it returns no processor reaches the pages through them.
 */
void vm_windows_revoke(struct vm_window_list *list);
