// SPDX-License-Identifier: MIT
/*
 * <banos/chardev.h>: taking a device away while files are open.
 *
 * The device is marked as revoked; calls that begin afterwards end at once. What
 * programs map of it is taken away.
 * Threads that sleep in a method are woken, by the mark in thread->revoked;
 * then the calls that run are waited for, and the driver's side of each file is
 * released, by the program that closes it meanwhile or here. A call that does
 * not end makes it -EBUSY: the device stays revoked, and is asked again.
 */
#include <kernel/err.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/wait.h>
#include "chardev.h"

static bool revoke_calls_ended(struct char_device *device)
{
	struct char_file *file;
	bool all = true;

	spin_lock(&device->lock);
	list_for_each(file, &device->open_files, link)
		all = all && !atomic_read(&file->calls);
	spin_unlock(&device->lock);
	return all;
}

/* A file that has not been released: it is now, and @p private is what the driver stored for it. */
static bool revoke_next_file(struct char_device *device, void **private)
{
	struct char_file *file;
	bool found = false;

	spin_lock(&device->lock);
	list_for_each(file, &device->open_files, link)
		if (!file->released) {
			file->released = found = true;
			*private = file->file;
			break;
		}
	spin_unlock(&device->lock);
	return found;
}

/* Threads that sleep in a method, and programs that wait in poll(), look again. */
static void revoke_wake_callers(struct char_device *device)
{
	struct char_file *file;
	struct thread_walk walk;

	spin_lock(&device->lock);
	list_for_each(file, &device->open_files, link)
		for (u32 i = 0; i < WATCHED_MAX && file->watched[i]; i++)
			driver_wait_wake(file->watched[i]);
	spin_unlock(&device->lock);
	for (struct thread *t = threads_first(&walk); t; t = threads_next(&walk, t))
		if (READ_ONCE(t->revoked) == &device->revoked)
			thread_wake_state(t, 1 << THREAD_INTERRUPTIBLE);
}

static void revoke_log_callers(struct char_device *device)
{
	struct thread_walk walk;

	for (struct thread *t = threads_first(&walk); t; t = threads_next(&walk, t))
		if (READ_ONCE(t->revoked) == &device->revoked)
			pr_err("banos: %s: device %s: %s() of /dev/%s does not return for %s (thread %d)\n",
			       device->root->name, device->device_name,
			       READ_ONCE(t->method) ?: "a method", device->name, t->comm, t->tid);
}

static int revoke_wait_for_calls(struct char_device *device, u64 deadline_ns)
{
	int err = WAIT_EVENT_(&device->calls_wait, revoke_calls_ended(device), THREAD_KILLABLE,
			      deadline_ns, fatal_signal_pending());

	if (err == -ETIMEDOUT)
		revoke_log_callers(device);
	if (err)
		return -EBUSY;
	return 0;
}

/* Nothing of the driver is called for them any more: they keep no more than the structure. */
static void revoke_unpin_files(struct char_device *device)
{
	struct driver *driver = owner_driver(device->root);
	struct char_file *file;
	u32 count = 0;

	spin_lock(&device->lock);
	list_for_each(file, &device->open_files, link)
		if (!file->unpinned) {
			file->unpinned = true;
			driver_get(driver);
			count++;
		}
	spin_unlock(&device->lock);
	while (count--)
		driver_unpin(driver);
}

int char_device_revoke(struct char_device *device, u64 deadline_ns)
{
	void *private;
	int err;

	__atomic_store_n(&device->revoked, true, __ATOMIC_SEQ_CST);
	revoke_wake_callers(device);
	vm_windows_revoke(&device->windows);
	if (revoke_wait_for_calls(device, deadline_ns))
		return -EBUSY;
	while (revoke_next_file(device, &private))
		gate_call(device->root, NULL, device->ops.release, (u64)device->context,
			  (u64) private, 0, 0, 0, 0);
	err = revoke_wait_for_calls(device, deadline_ns);
	if (!err)
		revoke_unpin_files(device);
	return err;
}
