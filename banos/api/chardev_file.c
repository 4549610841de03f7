// SPDX-License-Identifier: MIT
/*
 * <banos/chardev.h>: what programs do with files of a driver's character device.
 *
 * Each operation is one call of a method through the gate. Calls of a revocable
 * device's files are counted (call_begin(), call_end()), and the thread leaves a
 * mark in thread->revoked, by which chardev_revoke.c finds and wakes it.
 *
 * map() is asked before the program's address space is locked.
 */
#include <kernel/err.h>
#include <kernel/future.h>
#include <kernel/fs/file.h>
#include <kernel/fs/poll.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <kernel/vm.h>
#include <kernel/wall.h>
#include <uapi/fcntl.h>
#include <uapi/poll.h>
#include "call.h"
#include "caller.h"
#include "chardev.h"

#define KNOWN_EVENTS (POLLIN | POLLPRI | POLLOUT | POLLERR | POLLHUP)

/* ---- what a method does that the driver lacks ---- */

static int64_t default_open(void *context, banos_call call, uint32_t flags, void **file)
{
	return 0;
}
static int64_t default_release(void *context, void *file)
{
	return 0;
}
static int64_t default_read(void *context, void *file, banos_buffer to, uint64_t length,
			    uint64_t offset, uint32_t flags)
{
	return 0;
}
static int64_t default_write(void *context, void *file, banos_buffer from, uint64_t length,
			     uint64_t offset, uint32_t flags)
{
	return -EINVAL;
}
static int64_t default_ioctl(void *context, void *file, banos_call call, uint32_t command,
			     uint64_t argument, uint32_t flags)
{
	return -ENOTTY;
}
static int64_t default_poll(void *context, void *file, banos_poll watch)
{
	return BANOS_POLL_READ | BANOS_POLL_WRITE;
}
static int64_t default_map(void *context, void *file, banos_call call, uint64_t offset,
			   uint64_t length, uint32_t access)
{
	return -ENODEV;
}

const struct banos_chardev_ops char_default_ops = {
	API_DEFAULTS(struct banos_chardev_ops),
	.open = default_open,
	.release = default_release,
	.read = default_read,
	.write = default_write,
	.ioctl = default_ioctl,
	.poll = default_poll,
	.map = default_map,
};

/* ---- files ---- */

/*
 * Errors mean the same on both sides, but for the one that asks for the call to be made
 * again: only a signal may do that.
 */
static inline s64 result_of(s64 result)
{
	if (likely(result != -ERESTART))
		return result;
	if (signal_pending())
		return -ERESTARTSYS;
	return -EINTR;
}

static inline u32 file_flags(const struct char_file *opened, const struct file *f)
{
	u32 flags = opened->access | FUTURE_FLAGS;

	if (likely(!(f->flags & (O_NONBLOCK | O_APPEND))))
		return flags;
	if (f->flags & O_NONBLOCK)
		flags |= BANOS_FILE_NONBLOCK;
	if (f->flags & O_APPEND)
		flags |= BANOS_FILE_APPEND;
	return flags;
}

/* What the thread said of itself before this call: calls lie within each other. */
struct call_mark {
	const bool *revoked;
	const char *method;
};

static bool call_begin_revocable(struct char_file *opened, struct call_mark *outer,
				 const char *method)
{
	atomic_inc(&opened->calls);
	if (unlikely(__atomic_load_n(&opened->device->revoked, __ATOMIC_SEQ_CST))) {
		atomic_dec(&opened->calls);
		wake_up_all(&opened->device->calls_wait);
		return false;
	}
	*outer = (struct call_mark){ current->revoked, current->method };
	WRITE_ONCE(current->method, method);
	WRITE_ONCE(current->revoked, &opened->device->revoked);
	return true;
}

/* May a method be called? Then call_end(). */
static inline bool call_begin(struct char_file *opened, struct call_mark *outer, const char *method)
{
	return likely(!opened->revocable) || call_begin_revocable(opened, outer, method);
}

static inline void call_end(struct char_file *opened, const struct call_mark *outer)
{
	if (likely(!opened->revocable))
		return;
	WRITE_ONCE(current->revoked, outer->revoked);
	WRITE_ONCE(current->method, outer->method);
	if (atomic_dec_and_test(&opened->calls) && READ_ONCE(opened->device->revoked))
		wake_up_all(&opened->device->calls_wait);
}

/* @unpinned: see struct char_file */
static void char_device_put(struct char_device *device, bool unpinned)
{
	struct driver *driver = owner_driver(device->root);

	atomic_dec(&device->files);
	if (unpinned)
		driver_put(driver);
	else
		driver_unpin(driver);
	owned_put(&device->owned);
}

/* The character device core keeps the device while this runs, but not over the driver's open(). */
int char_device_hold(void *private)
{
	struct char_device *device = private;

	if (!device->owned.published || !driver_pin(owner_driver(device->root)))
		return -ENXIO;
	if (atomic_add_return(&device->files, 1) & CHAR_DEVICE_GONE) {
		atomic_dec(&device->files);
		driver_unpin(owner_driver(device->root));
		return -ENXIO;
	}
	atomic_inc(&device->owned.refs);
	return 0;
}

/* In the list before its first call, so that char_device_revoke() waits for that, too. */
static s64 char_file_open_begin(struct char_file *opened, struct call_mark *outer)
{
	struct char_device *device = opened->device;

	if (!opened->revocable)
		return 0;
	opened->released = true; /* there is nothing to release yet */
	spin_lock(&device->lock);
	list_add(&opened->link, &device->open_files);
	spin_unlock(&device->lock);
	if (call_begin(opened, outer, "open"))
		return 0;
	return -ENODEV;
}

static void char_file_open_end(struct char_file *opened, const struct call_mark *outer)
{
	if (!opened->revocable)
		return;
	spin_lock(&opened->device->lock);
	opened->released = false;
	spin_unlock(&opened->device->lock);
	call_end(opened, outer);
}

/* @return char_file->unpinned, which does not change any more */
static bool char_file_unlink(struct char_file *opened)
{
	if (!opened->revocable)
		return false;
	spin_lock(&opened->device->lock);
	list_del(&opened->link);
	spin_unlock(&opened->device->lock);
	return opened->unpinned;
}

/*
 * The driver's open(), between char_file_open_begin() and char_file_open_end(). What it
 * stores is on our stack, which is memory that it may name.
 */
static s64 char_file_open_call(struct char_file *opened, struct file *f)
{
	struct char_device *device = opened->device;
	struct program_call call;
	struct call_mark outer;
	void *stored = NULL;
	s64 err = char_file_open_begin(opened, &outer);

	if (err)
		return err;
	program_call_init(&call, device->root, NULL);
	wall_next_method("banos_chardev_ops.open", device->ops.open);
	err = gate_call(device->root, program_call_object(&call), device->ops.open,
			(u64)device->context, call.handle, file_flags(opened, f), (u64)&stored, 0,
			0);
	opened->file = stored;
	if (err)
		call_end(opened, &outer);
	else
		char_file_open_end(opened, &outer);
	return err;
}

/* After char_file_open_begin() or the driver's open() failed. */
static void char_file_open_failed(struct char_file *opened)
{
	struct char_device *device = opened->device;
	bool unpinned = char_file_unlink(opened);

	if (opened->revocable)
		wake_up_all(&device->calls_wait);
	kfree(opened);
	char_device_put(device, unpinned);
}

/* After char_device_hold(). */
static int char_file_open(struct inode *inode, struct file *f)
{
	struct char_device *device = f->private;
	struct char_file *opened;
	s64 err;

	opened = kzalloc(sizeof(*opened));
	if (!opened) {
		char_device_put(device, false);
		return -ENOMEM;
	}
	opened->device = device;
	opened->root = device->root;
	opened->context = device->context;
	opened->access = f->mode & (FMODE_READ | FMODE_WRITE);
	opened->read = device->ops.read;
	opened->write = device->ops.write;
	opened->revocable = device->revocable;
	list_init(&opened->link);
	err = char_file_open_call(opened, f);
	if (err) {
		char_file_open_failed(opened);
		if (err < 0)
			return result_of(err);
		return -EINVAL;
	}
	f->private = opened;
	if (!(device->flags & CHAR_DEVICE_FLAGS))
		f->mode |= FMODE_STREAM;
	return 0;
}

/* Release the driver's side of a file, once: the device may have been taken away before. */
static void char_file_release_driver(struct char_file *opened)
{
	const struct call_mark outer = { current->revoked, current->method };
	bool now = true;

	if (opened->revocable) {
		spin_lock(&opened->device->lock);
		now = !opened->released;
		opened->released = true;
		if (now)
			atomic_inc(&opened->calls);
		spin_unlock(&opened->device->lock);
	}
	if (!now)
		return;
	if (opened->revocable) { /* the call was counted above: it is made even where all others end */
		WRITE_ONCE(current->method, "release");
		WRITE_ONCE(current->revoked, &opened->device->revoked);
	}
	gate_call(opened->root, NULL, opened->device->ops.release, (u64)opened->context,
		  (u64)opened->file, 0, 0, 0, 0);
	call_end(opened, &outer);
}

static void char_file_release(struct file *f)
{
	struct char_file *opened = f->private;
	struct char_device *device = opened->device;
	bool unpinned;

	char_file_release_driver(opened);
	unpinned = char_file_unlink(opened);
	for (u32 i = 0; i < WATCHED_MAX; i++)
		if (opened->watched[i])
			owned_put(opened->watched[i]);
	kfree(opened);
	char_device_put(device, unpinned);
}

/* Of a transfer that moved nothing, or what is no result: more than there was room for, less than all errors. */
static __noinline s64 char_file_transfer_failed(struct char_file *opened, s64 result)
{
	if (result > 0 || result <= GATE_RESULT_DOUBTFUL)
		return gate_bad_result(opened->root, result);
	return result_of(result);
}

/* The call itself, of a device that cannot be taken away or after call_begin(). */
static inline s64 char_file_call(struct file *f, struct char_file *opened, struct uio *uio,
				 u64 offset, const void *method)
{
	u64 length = uio->count;
	s64 result = gate_enter(opened->root, false, uio, method, (u64)opened->context,
				(u64)opened->file, (u64)uio, length, offset, file_flags(opened, f));

	if (likely((u64)result - 1 < length))
		return result;
	return char_file_transfer_failed(opened, result);
}

/* As in Linux, programs that share a device file and its position agree on who moves it. */
static __noinline s64 char_file_transfer(struct file *f, struct uio *uio, u64 *pos,
					 const void *method, const char *name)
{
	struct char_file *opened = f->private;
	bool positioned = opened->device->flags & BANOS_CHARDEV_POSITION;
	struct call_mark outer;
	u64 offset = 0;
	s64 result;

	if (positioned)
		offset = *pos;
	if (offset > INT64_MAX - uio->count)
		return -EINVAL; /* drivers add the two without a thought */
	if (!call_begin(opened, &outer, name))
		return -ENODEV;
	result = char_file_call(f, opened, uio, offset, method);
	call_end(opened, &outer);
	if (positioned && result > 0)
		*pos = offset + result;
	return result;
}

static s64 char_file_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct char_file *opened = f->private;

	return char_file_transfer(f, uio, pos, opened->read, "read");
}

static s64 char_file_write(struct file *f, struct uio *uio, u64 *pos)
{
	struct char_file *opened = f->private;

	return char_file_transfer(f, uio, pos, opened->write, "write");
}

/* Of plain devices, which are neither taken away nor have a position. */
static s64 char_file_read_plain(struct file *f, struct uio *uio, u64 *pos)
{
	struct char_file *opened = f->private;

	return char_file_call(f, opened, uio, 0, opened->read);
}

static s64 char_file_write_plain(struct file *f, struct uio *uio, u64 *pos)
{
	struct char_file *opened = f->private;

	return char_file_call(f, opened, uio, 0, opened->write);
}

static s64 char_file_llseek(struct file *f, s64 off, int whence)
{
	struct char_file *opened = f->private;

	if (opened->device->flags & BANOS_CHARDEV_ENDLESS) {
		f->pos = 0;
		return 0;
	}
	if (!(opened->device->flags & BANOS_CHARDEV_POSITION))
		return -ESPIPE;
	if (whence == SEEK_CUR && __builtin_add_overflow(off, (s64)f->pos, &off))
		return -EOVERFLOW;
	if (whence > SEEK_CUR || whence < SEEK_SET || off < 0)
		return -EINVAL;
	f->pos = off;
	return off;
}

static s64 char_file_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct char_file *opened = f->private;
	struct program_call call;
	struct call_mark outer;
	s64 result;

	if (!call_begin(opened, &outer, "ioctl"))
		return -ENODEV;
	program_call_init(&call, opened->root, NULL);
	result = gate_call(opened->root, program_call_object(&call), opened->device->ops.ioctl,
			   (u64)opened->context, (u64)opened->file, call.handle, cmd, arg,
			   file_flags(opened, f));
	call_end(opened, &outer);
	return result_of(result);
}

/* map() has returned @result, and stated @request. */
static int char_file_map_result(const struct char_file *opened, const struct map_request *request,
				s64 result)
{
	if (!result && request->kind != MAP_NOTHING)
		return 0;
	if (request->window)
		vm_window_put(request->window);
	if (result < 0)
		return result_of(result);
	pr_warn("banos: %s: map() of /dev/%s returned %ld, expected an error, or 0 after a function of <banos/map.h> has succeeded\n",
		opened->root->name, opened->device->name, result);
	return -EINVAL;
}

/*
 * The driver may read the program's memory here: its address space is not locked yet. It
 * decides on all that the program may do with the mapping, also after mprotect().
 */
static int char_file_map(struct file *f, u64 offset, u64 length, u32 vm_flags, void **private)
{
	struct char_file *opened = f->private;
	struct map_request request = { .kind = MAP_NOTHING, .length = length };
	u32 access = BANOS_FILE_READ;
	struct program_call call;
	struct call_mark outer;
	s64 result;

	if ((vm_flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE))
		access |= BANOS_FILE_WRITE;
	if (!call_begin(opened, &outer, "map"))
		return -ENODEV;
	program_call_init(&call, opened->root, &request);
	result = gate_call(opened->root, program_call_object(&call), opened->device->ops.map,
			   (u64)opened->context, (u64)opened->file, call.handle, offset, length,
			   access | FUTURE_FLAGS);
	call_end(opened, &outer);
	*private = request.window;
	return char_file_map_result(opened, &request, result);
}

/* A region without ops is anonymous memory: what banos_map_zero() asks for. */
static int char_file_mmap(struct file *f, struct vm_region *region)
{
	struct char_file *opened = f->private;
	struct vm_window *window = region->private;
	int err;

	if (!window)
		return 0;
	err = vm_window_enter(window, &opened->device->windows);
	if (!err)
		vm_window_attach(window, region);
	return err;
}

static void char_file_map_end(struct file *f, void *private)
{
	vm_window_put(private);
}

/* ---- poll ---- */

/* What a banos_poll stands for; its handle has bit 0 set, so that it is never taken for a buffer. */
struct poll_call {
	struct poll_table *table;
	struct char_file *opened;
};

static u32 char_file_poll(struct file *f, struct poll_table *table)
{
	struct char_file *opened = f->private;
	struct poll_call call = { table, opened };
	u64 handle = (u64)&call | 1;
	struct call_mark outer;
	s64 result;

	if (!call_begin(opened, &outer, "poll"))
		return POLLERR | POLLHUP;
	result = gate_call(opened->root, (void *)handle, opened->device->ops.poll,
			   (u64)opened->context, (u64)opened->file, handle, 0, 0, 0);
	call_end(opened, &outer);
	if (result < 0)
		return POLLERR;
	result &= KNOWN_EVENTS;
	/* Linux's two names for one event. */
	if (result & POLLIN)
		result |= POLLRDNORM;
	if (result & POLLOUT)
		result |= POLLWRNORM;
	return result;
}

/* Of a driver without poll(): a file that was taken away has an error to tell. */
static u32 char_file_ready(const struct file *f)
{
	const struct char_file *opened = f->private;

	if (opened->revocable && READ_ONCE(opened->device->revoked))
		return POLLERR | POLLHUP;
	return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

/*
 * The file keeps the wait object: it may be taken back while the program still watches it. Without
 * a table the program does not wait: the object is only judged.
 */
static s64 char_file_watch(struct poll_call *call, struct banos_wait *wait)
{
	struct owned *queue = driver_wait_get(wait);
	struct char_file *opened = call->opened;
	u32 i = 0;

	if (!queue)
		return api_mistake("banos_poll_watch", -EINVAL,
				   "wait was not initialised, or is not the driver's memory");
	spin_lock(&opened->device->lock);
	while (i < WATCHED_MAX && opened->watched[i] && opened->watched[i] != queue)
		i++;
	if (i < WATCHED_MAX && !opened->watched[i]) {
		atomic_inc(&queue->refs);
		opened->watched[i] = queue;
	}
	spin_unlock(&opened->device->lock);
	if (i < WATCHED_MAX && call->table)
		driver_wait_watch(queue, call->table);
	owned_put(queue);
	if (i < WATCHED_MAX)
		return 0;
	return api_mistake("banos_poll_watch", -ENOSPC, "wait is the fifth of this file");
}

int64_t banos_poll_watch(banos_poll watch, struct banos_wait *wait)
{
	const void *object = gate_object();
	struct poll_call *call = (struct poll_call *)((u64)object & ~1ull);

	if (!((u64)object & 1) || object != (const void *)watch)
		return MISTAKE("watch is not that of this call");
	return char_file_watch(call, wait);
}
BANOS_EXPORT(banos_poll_watch);

/* What files of all devices have. */
#define CHAR_FILE_OPS                                                                       \
	.open = char_file_open, .release = char_file_release, .llseek = char_file_llseek,   \
	.ioctl = char_file_ioctl, .map_begin = char_file_map, .map_end = char_file_map_end, \
	.mmap = char_file_mmap
#define CHAR_FILE_POLLED   0
#define CHAR_FILE_UNPOLLED 1 /* the driver has no poll() */

static const struct file_ops char_file_ops_any[] = {
	[CHAR_FILE_POLLED] = { CHAR_FILE_OPS, .read = char_file_read, .write = char_file_write,
			       .poll = char_file_poll },
	[CHAR_FILE_UNPOLLED] = { CHAR_FILE_OPS, .read = char_file_read, .write = char_file_write,
				 .ready = char_file_ready },
};
static const struct file_ops char_file_ops_plain[] = {
	[CHAR_FILE_POLLED] = { CHAR_FILE_OPS, .read = char_file_read_plain,
			       .write = char_file_write_plain, .poll = char_file_poll },
	[CHAR_FILE_UNPOLLED] = { CHAR_FILE_OPS, .read = char_file_read_plain,
				 .write = char_file_write_plain, .ready = char_file_ready },
};

const struct file_ops *char_file_ops(const struct char_device *device)
{
	u32 kind = CHAR_FILE_POLLED;

	if (device->ops.poll == char_default_ops.poll)
		kind = CHAR_FILE_UNPOLLED;
	if (device->revocable || (device->flags & BANOS_CHARDEV_POSITION))
		return &char_file_ops_any[kind];
	return &char_file_ops_plain[kind];
}

bool driver_has_file(const struct driver *driver, const struct file *f, char *device)
{
	const struct char_file *opened = f->private;

	if (f->ops->release != char_file_release)
		return false;
	if (opened->root != &driver->owner)
		return false;
	_Static_assert(sizeof(opened->device->name) == DEVICE_FILE_NAME_SIZE, "all of it");
	memcpy(device, opened->device->name, DEVICE_FILE_NAME_SIZE);
	return true;
}
