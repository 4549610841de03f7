// SPDX-License-Identifier: MIT
/*
 * <banos/chardev.h>: character devices.
 *
 * Registration takes the number at once and the name when the driver is live;
 * in between opens answer ENXIO. Each open file pins the driver, so that
 * everything here lives while a file operation runs, and nothing is looked up
 * on the way: file->private leads to the device, the device to the methods,
 * none of which is NULL.
 *
 * device->files counts open files; DEVICE_GONE in it means that no more are
 * opened, and is set in the same step that finds none open.
 *
 * A device that hangs on one on a bus can be taken away while files are open.
 * Those count their calls: device_stop() marks the device as revoked, wakes who
 * sleeps in a call, waits for the calls that run, and releases the driver's side of each
 * file. Afterwards every call answers ENODEV by itself. A call that does not end makes
 * it -EBUSY: the device stays revoked, and is asked again. device->lock (spin) guards the
 * list of open files. thread->revoked leads from the thread of a call to the mark.
 *
 * No lock is held over a method; map() is asked before the program's address space is
 * locked.
 */
#include <kernel/chardev.h>
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/devfs.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/poll.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <kernel/vm.h>
#include <kernel/wait.h>
#include <uapi/fcntl.h>
#include <uapi/poll.h>
#include "caller.h"

#define DEVICE_GONE   0x40000000
#define WATCHED_MAX   4u /* wait objects that poll() of one file may name */
#define CONFIG_SIZE_1 104u
#define OPS_SIZE_MIN  8u
#define KNOWN_FLAGS   (BANOS_CHARDEV_POSITION | BANOS_CHARDEV_ENDLESS)
#define KNOWN_EVENTS  (POLLIN | POLLPRI | POLLOUT | POLLERR | POLLHUP)

struct device {
	struct owned owned;
	struct owner *root; /* of the driver */
	dev_t dev;
	u32 flags, mode;
	void *context;
	struct banos_chardev_ops ops;
	struct atomic files;
	bool node, registered;	 /* there is a name in /dev; the number leads here */
	bool revocable, revoked; /* it hangs on a device on a bus; that was taken away */
	spinlock_t lock;
	struct list open_files; /* of a revocable one */
	struct wait_queue calls_wait;
	const char *device_name; /* of what it hangs on */
	char name[64];
};

struct open_file {
	struct device *device;
	struct owner *root;
	void *context, *file; /* first two arguments of each method */
	u32 access;	      /* BANOS_FILE_READ, _WRITE */
	bool revocable, released;
	struct list link;		    /* of a revocable device's */
	struct atomic calls;		    /* that run in its methods; of a revocable device */
	struct owned *watched[WATCHED_MAX]; /* counted: programs' poll() may wait there */
};

/* ---- what a method does that the driver lacks ---- */

static int64_t default_open(void *context, uint32_t flags, void **file)
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
static int64_t default_ioctl(void *context, void *file, uint32_t command, uint64_t argument,
			     uint32_t flags)
{
	return -ENOTTY;
}
static int64_t default_poll(void *context, void *file, banos_poll watch)
{
	return BANOS_POLL_READ | BANOS_POLL_WRITE;
}
static int64_t default_map(void *context, void *file, uint64_t offset, uint64_t length,
			   uint32_t access)
{
	return -ENODEV;
}

static const struct banos_chardev_ops default_ops = {
	.size = sizeof(default_ops),
	.open = default_open,
	.release = default_release,
	.read = default_read,
	.write = default_write,
	.ioctl = default_ioctl,
	.poll = default_poll,
	.map = default_map,
};

/* ---- files ---- */

/* Errors mean the same on both sides, but for the one that asks for the call to be made again: by a signal alone. */
static inline s64 result_of(s64 n)
{
	return unlikely(n == -ERESTART) ? signal_pending() ? -ERESTARTSYS : -EINTR : n;
}

static inline u32 file_flags(const struct open_file *o, const struct file *f)
{
	return o->access | (f->flags & O_NONBLOCK ? BANOS_FILE_NONBLOCK : 0) |
	       (f->flags & O_APPEND ? BANOS_FILE_APPEND : 0);
}

/* What the thread said of itself before this call: calls lie within each other. */
struct call_mark {
	const bool *revoked;
	const char *method;
};

static bool call_begin_revocable(struct open_file *o, struct call_mark *outer, const char *method)
{
	atomic_inc(&o->calls);
	if (unlikely(__atomic_load_n(&o->device->revoked, __ATOMIC_SEQ_CST))) {
		atomic_dec(&o->calls);
		wake_up_all(&o->device->calls_wait);
		return false;
	}
	*outer = (struct call_mark){ current->revoked, current->method };
	WRITE_ONCE(current->method, method);
	WRITE_ONCE(current->revoked, &o->device->revoked);
	return true;
}

/* May a method be called? Then call_end(). */
static inline bool call_begin(struct open_file *o, struct call_mark *outer, const char *method)
{
	return likely(!o->revocable) || call_begin_revocable(o, outer, method);
}

static inline void call_end(struct open_file *o, const struct call_mark *outer)
{
	if (likely(!o->revocable))
		return;
	WRITE_ONCE(current->revoked, outer->revoked);
	WRITE_ONCE(current->method, outer->method);
	if (atomic_dec_and_test(&o->calls) && READ_ONCE(o->device->revoked))
		wake_up_all(&o->device->calls_wait);
}

static void device_put_file(struct device *d)
{
	atomic_dec(&d->files);
	driver_unpin(owner_driver(d->root));
	owned_put(&d->owned);
}

/* The character device core keeps the device while this runs, but not over the driver's open(). */
static int device_hold(void *private)
{
	struct device *d = private;

	if (!d->owned.published || !driver_pin(owner_driver(d->root)))
		return -ENXIO;
	if (atomic_add_return(&d->files, 1) & DEVICE_GONE) {
		atomic_dec(&d->files);
		driver_unpin(owner_driver(d->root));
		return -ENXIO;
	}
	atomic_inc(&d->owned.refs);
	return 0;
}

/* In the list before its first call, so that device_stop() waits for that, too. */
static s64 open_begin(struct open_file *o, struct call_mark *outer)
{
	struct device *d = o->device;

	if (!o->revocable)
		return 0;
	o->released = true; /* there is nothing to release yet */
	spin_lock(&d->lock);
	list_add(&o->link, &d->open_files);
	spin_unlock(&d->lock);
	return call_begin(o, outer, "open") ? 0 : -ENODEV;
}

static void open_end(struct open_file *o, const struct call_mark *outer)
{
	if (!o->revocable)
		return;
	spin_lock(&o->device->lock);
	o->released = false;
	spin_unlock(&o->device->lock);
	call_end(o, outer);
}

static void open_unlink(struct open_file *o)
{
	if (!o->revocable)
		return;
	spin_lock(&o->device->lock);
	list_del(&o->link);
	spin_unlock(&o->device->lock);
}

/* The driver's open(), between open_begin() and open_end(). What it stores is on our stack: memory that it may name. */
static s64 open_call(struct open_file *o, struct file *f)
{
	struct device *d = o->device;
	struct call_mark outer;
	void *stored = NULL;
	s64 err = open_begin(o, &outer);

	if (err)
		return err;
	err = gate_call(d->root, NULL, d->ops.open, (u64)d->context, file_flags(o, f), (u64)&stored,
			0, 0, 0);
	o->file = stored;
	if (err)
		call_end(o, &outer);
	else
		open_end(o, &outer);
	return err;
}

/* After open_begin() or the driver's open() failed. */
static void open_failed(struct open_file *o)
{
	open_unlink(o);
	if (o->revocable)
		wake_up_all(&o->device->calls_wait);
}

/* After device_hold(). */
static int device_open(struct inode *inode, struct file *f)
{
	struct device *d = f->private;
	struct open_file *o;
	s64 err;

	o = kzalloc(sizeof(*o));
	if (!o) {
		device_put_file(d);
		return -ENOMEM;
	}
	o->device = d;
	o->root = d->root;
	o->context = d->context;
	o->access = f->mode & (FMODE_READ | FMODE_WRITE);
	o->revocable = d->revocable;
	list_init(&o->link);
	err = open_call(o, f);
	if (err) {
		open_failed(o);
		kfree(o);
		device_put_file(d);
		return err < 0 ? result_of(err) : -EINVAL;
	}
	f->private = o;
	if (!(d->flags & KNOWN_FLAGS))
		f->mode |= FMODE_STREAM;
	return 0;
}

/* The driver's side of a file: once, by who closes it or takes the device away. */
static void file_release(struct open_file *o)
{
	const struct call_mark none = { current->revoked, current->method };
	bool now = true;

	if (o->revocable) {
		spin_lock(&o->device->lock);
		now = !o->released;
		o->released = true;
		if (now)
			atomic_inc(&o->calls);
		spin_unlock(&o->device->lock);
	}
	if (!now)
		return;
	if (o->revocable) { /* the call was counted above: it is made even where all others end */
		WRITE_ONCE(current->method, "release");
		WRITE_ONCE(current->revoked, &o->device->revoked);
	}
	gate_call(o->root, NULL, o->device->ops.release, (u64)o->context, (u64)o->file, 0, 0, 0, 0);
	call_end(o, &none);
}

static void device_release(struct file *f)
{
	struct open_file *o = f->private;
	struct device *d = o->device;

	file_release(o);
	open_unlink(o);
	for (u32 i = 0; i < WATCHED_MAX; i++)
		if (o->watched[i])
			owned_put(o->watched[i]);
	kfree(o);
	device_put_file(d);
}

/* Of gate_enter(). More than there was room for is no result, as what is below all errors. */
static inline s64 transfer_done(struct open_file *o, s64 n, u64 length)
{
	if (n <= 0)
		return n <= GATE_RESULT_DOUBTFUL ? gate_bad_result(o->root, n) : result_of(n);
	return unlikely(n > (s64)length) ? gate_bad_result(o->root, n) : n;
}

static inline s64 transfer(struct file *f, struct uio *u, u64 offset, const void *method,
			   const char *name)
{
	struct open_file *o = f->private;
	u64 length = u->count;
	struct call_mark outer;
	s64 n;

	if (!call_begin(o, &outer, name))
		return -ENODEV;
	n = gate_enter(o->root, false, u, method, (u64)o->context, (u64)o->file, (u64)u, length,
		       offset, file_flags(o, f));
	call_end(o, &outer);
	return transfer_done(o, n, length);
}

/* As in Linux, who shares a device file and its position has to agree on who moves it. */
static __noinline s64 transfer_positioned(struct file *f, struct uio *u, u64 *pos,
					  const void *method, const char *name)
{
	u64 offset = *pos;
	s64 n;

	if (offset > INT64_MAX - u->count)
		return -EINVAL; /* drivers add the two without a thought */
	n = transfer(f, u, offset, method, name);
	if (n > 0)
		*pos = offset + n;
	return n;
}

static s64 device_read(struct file *f, struct uio *u, u64 *pos)
{
	const struct device *d = ((struct open_file *)f->private)->device;

	if (unlikely(d->flags & BANOS_CHARDEV_POSITION))
		return transfer_positioned(f, u, pos, d->ops.read, "read");
	return transfer(f, u, 0, d->ops.read, "read");
}

static s64 device_write(struct file *f, struct uio *u, u64 *pos)
{
	const struct device *d = ((struct open_file *)f->private)->device;

	if (unlikely(d->flags & BANOS_CHARDEV_POSITION))
		return transfer_positioned(f, u, pos, d->ops.write, "write");
	return transfer(f, u, 0, d->ops.write, "write");
}

static s64 device_llseek(struct file *f, s64 off, int whence)
{
	struct open_file *o = f->private;

	if (o->device->flags & BANOS_CHARDEV_ENDLESS) {
		f->pos = 0;
		return 0;
	}
	if (!(o->device->flags & BANOS_CHARDEV_POSITION))
		return -ESPIPE;
	if (whence == 1 && __builtin_add_overflow(off, (s64)f->pos, &off))
		return -EOVERFLOW;
	if (whence > 1 || whence < 0 || off < 0)
		return -EINVAL;
	f->pos = off;
	return off;
}

static s64 device_ioctl(struct file *f, u32 cmd, u64 arg)
{
	struct open_file *o = f->private;
	struct call_mark outer;
	s64 n;

	if (!call_begin(o, &outer, "ioctl"))
		return -ENODEV;
	n = gate_call(o->root, NULL, o->device->ops.ioctl, (u64)o->context, (u64)o->file, cmd, arg,
		      file_flags(o, f), 0);
	call_end(o, &outer);
	return result_of(n);
}

/* The driver may read the program's memory here: its address space is not locked yet. */
static int device_map(struct file *f, u64 offset, u64 length, u32 vm_flags)
{
	struct open_file *o = f->private;
	u32 access = (vm_flags & VM_READ ? BANOS_FILE_READ : 0) |
		     (vm_flags & VM_WRITE ? BANOS_FILE_WRITE : 0);
	struct call_mark outer;
	s64 n;

	if (!call_begin(o, &outer, "map"))
		return -ENODEV;
	n = gate_call(o->root, NULL, o->device->ops.map, (u64)o->context, (u64)o->file, offset,
		      length, access, 0);
	call_end(o, &outer);
	if (n < 0)
		return result_of(n);
	return n == BANOS_MAP_ZERO ? 0 : -EINVAL;
}

/* A region without ops is anonymous memory: what device_map() has found the driver to want. */
static int device_mmap(struct file *f, struct vm_region *r)
{
	return 0;
}

/* ---- poll ---- */

/* What a banos_poll stands for; its handle has bit 0 set, so that it is never taken for a buffer. */
struct poll_call {
	struct poll_table *table;
	struct open_file *file;
};

static u32 device_poll(struct file *f, struct poll_table *t)
{
	struct open_file *o = f->private;
	struct poll_call call = { t, o };
	u64 handle = (u64)&call | 1;
	struct call_mark outer;
	s64 n;

	if (!call_begin(o, &outer, "poll"))
		return POLLERR | POLLHUP;
	n = gate_call(o->root, (void *)handle, o->device->ops.poll, (u64)o->context, (u64)o->file,
		      handle, 0, 0, 0);
	call_end(o, &outer);
	if (n < 0)
		return POLLERR;
	n &= KNOWN_EVENTS;
	/* Linux's two names for one event. */
	return n | (n & POLLIN ? POLLRDNORM : 0) | (n & POLLOUT ? POLLWRNORM : 0);
}

/* The file keeps the wait object: it may be taken back while the program still watches it. */
static s64 watch_for_file(struct poll_call *call, struct banos_wait *wait)
{
	struct owned *queue = driver_wait_get(wait);
	struct open_file *o = call->file;
	u32 i = 0;

	if (!queue)
		return api_mistake("banos_poll_watch", -EINVAL,
				   "wait was not initialised, or is not the driver's memory");
	spin_lock(&o->device->lock);
	while (i < WATCHED_MAX && o->watched[i] && o->watched[i] != queue)
		i++;
	if (i < WATCHED_MAX && !o->watched[i]) {
		atomic_inc(&queue->refs);
		o->watched[i] = queue;
	}
	spin_unlock(&o->device->lock);
	if (i < WATCHED_MAX)
		driver_wait_watch(queue, call->table);
	owned_put(queue);
	return i < WATCHED_MAX ? 0 : -ENOSPC;
}

int64_t banos_poll_watch(banos_poll watch, struct banos_wait *wait)
{
	const void *object = gate_object();
	struct poll_call *call = (struct poll_call *)((u64)object & ~1ull);

	if (!((u64)object & 1) || object != (const void *)watch)
		return MISTAKE("watch is not that of this call");
	return call->table ? watch_for_file(call, wait) : 0;
}
BANOS_EXPORT(banos_poll_watch);

static const struct file_ops device_fops = {
	.open = device_open,
	.release = device_release,
	.read = device_read,
	.write = device_write,
	.llseek = device_llseek,
	.poll = device_poll,
	.ioctl = device_ioctl,
	.map_begin = device_map,
	.mmap = device_mmap,
};
/* Of drivers without a poll method: always ready for poll(), refused by epoll. */
static const struct file_ops device_fops_no_poll = {
	.open = device_open,
	.release = device_release,
	.read = device_read,
	.write = device_write,
	.llseek = device_llseek,
	.ioctl = device_ioctl,
	.map_begin = device_map,
	.mmap = device_mmap,
};

/* ---- registration ---- */

static int device_publish(struct owned *owned)
{
	struct device *d = container_of(owned, struct device, owned);
	int err = devfs_add(d->name, d->mode, d->dev);

	d->node = !err;
	return err;
}

static bool calls_ended(struct device *d)
{
	struct open_file *o;
	bool all = true;

	spin_lock(&d->lock);
	list_for_each(o, &d->open_files, link)
		all = all && !atomic_read(&o->calls);
	spin_unlock(&d->lock);
	return all;
}

/* What the driver stored for a file that has not been released; it is now. */
static bool take_unreleased(struct device *d, void **file)
{
	struct open_file *o;
	bool found = false;

	spin_lock(&d->lock);
	list_for_each(o, &d->open_files, link)
		if (!o->released) {
			o->released = found = true;
			*file = o->file;
			break;
		}
	spin_unlock(&d->lock);
	return found;
}

/* Who sleeps in a method, and who waits in poll(), looks again. */
static void wake_callers(struct device *d)
{
	struct open_file *o;
	struct thread *t;
	u64 flags;

	spin_lock(&d->lock);
	list_for_each(o, &d->open_files, link)
		for (u32 i = 0; i < WATCHED_MAX && o->watched[i]; i++)
			driver_wait_wake(o->watched[i]);
	spin_unlock(&d->lock);
	flags = spin_lock_irqsave(&threads_lock);
	list_for_each(t, &threads_list, all_link)
		if (READ_ONCE(t->revoked) == &d->revoked)
			thread_wake_state(t, 1 << THREAD_INTERRUPTIBLE);
	spin_unlock_irqrestore(&threads_lock, flags);
}

static void tell_callers(struct device *d)
{
	struct thread *t;
	u64 flags = spin_lock_irqsave(&threads_lock);

	list_for_each(t, &threads_list, all_link)
		if (READ_ONCE(t->revoked) == &d->revoked)
			pr_err("banos: %s: device %s: %s() of /dev/%s does not return for %s (thread %d)\n",
			       d->root->name, d->device_name, READ_ONCE(t->method) ?: "a method",
			       d->name, t->comm, t->tid);
	spin_unlock_irqrestore(&threads_lock, flags);
}

static int wait_for_calls(struct device *d, u64 deadline_ns)
{
	int err = WAIT_EVENT_(&d->calls_wait, calls_ended(d), THREAD_KILLABLE, deadline_ns,
			      fatal_signal_pending());

	if (err == -ETIMEDOUT)
		tell_callers(d);
	return err ? -EBUSY : 0;
}

/*
 * No method is called any more, none runs. A file that is being closed meanwhile is
 * released by who closes it, and waited for, or by us.
 */
static int revoke(struct device *d, u64 deadline_ns)
{
	void *file;

	__atomic_store_n(&d->revoked, true, __ATOMIC_SEQ_CST);
	wake_callers(d);
	if (wait_for_calls(d, deadline_ns))
		return -EBUSY;
	while (take_unreleased(d, &file))
		gate_call(d->root, NULL, d->ops.release, (u64)d->context, (u64)file, 0, 0, 0, 0);
	return wait_for_calls(d, deadline_ns);
}

static int device_stop(struct owned *owned, u64 deadline_ns)
{
	struct device *d = container_of(owned, struct device, owned);

	if (d->node)
		devfs_remove(d->name);
	d->node = false;
	if (d->registered)
		chardev_unregister(d->dev);
	d->registered = false;
	return d->revocable ? revoke(d, deadline_ns) : 0;
}

static void device_free(struct owned *owned)
{
	kfree(container_of(owned, struct device, owned));
}

static const struct owned_class chardev_class = {
	.name = "character device",
	.names = "character devices",
	.kind = OWNED_CHARDEV,
	.phase = OWNED_ENTRY,
	.publish = device_publish,
	.stop = device_stop,
	.free = device_free,
};

/* Below /dev, without leaving it. */
static bool device_name_valid(const char *name, size_t size)
{
	size_t n = strnlen(name, size);

	if (!n || n == size || name[0] == '/' || name[n - 1] == '/')
		return false;
	for (size_t i = 0; i < n; i++) {
		char c = name[i];
		bool first = !i || name[i - 1] == '/';

		if (first && (c == '.' || c == '/'))
			return false;
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      strchr("_-.:/", c)))
			return false;
	}
	return true;
}

static s64 bad_config(s64 err, const char *what)
{
	return api_mistake("banos_chardev_register", err, what);
}

/* Each method is the driver's own, or the default. */
static int take_ops(struct device *d, const struct banos_chardev_ops *ops)
{
	void **slot = (void **)&d->ops.open;
	void *const *fallback = (void *const *)&default_ops.open;

	if (api_struct_size(ops) < OPS_SIZE_MIN)
		return bad_config(
			-EINVAL,
			"config->ops is not the driver's memory, or its size is less than 8");
	if (ops->must)
		return bad_config(-EOPNOTSUPP,
				  "config->ops->must has a bit that this kernel does not know");
	memcpy(&d->ops, ops, MIN(ops->size, (u32)sizeof(d->ops)));
	d->ops.size = sizeof(d->ops);
	for (u32 i = 0;
	     i < (sizeof(d->ops) - offsetof(struct banos_chardev_ops, open)) / sizeof(void *);
	     i++) {
		if (!slot[i])
			slot[i] = fallback[i];
		else if (!owner_has_code(d->root, slot[i]))
			return bad_config(-EINVAL,
					  "a method in config->ops is not the driver's function");
	}
	return 0;
}

static int take_config(struct device *d, const struct banos_chardev_config *c)
{
	u32 size = api_struct_size(c);

	if (size < CONFIG_SIZE_1)
		return bad_config(
			-EINVAL, "config is not the driver's memory, or its size is less than 104");
	for (u32 i = CONFIG_SIZE_1; i < size; i++)
		if (((const u8 *)c)[i])
			return bad_config(-E2BIG,
					  "config has a field that this kernel does not know");
	if (c->flags & ~KNOWN_FLAGS || c->flags == KNOWN_FLAGS)
		return bad_config(
			-EINVAL,
			"config->flags has a bit that is not known, or two that exclude each other");
	if (c->mode & ~0777u || c->zero)
		return bad_config(-EINVAL, "config->mode is over 0777, or config->zero is not 0");
	if (!device_name_valid(c->name, sizeof(c->name)))
		return bad_config(-EINVAL, "config->name is no name below /dev");
	if (c->major != BANOS_CHARDEV_ANY && (c->major > 0xfff || c->minor > 0xfffff))
		return bad_config(-EINVAL, "config->major or config->minor is too large");
	d->flags = c->flags;
	d->mode = c->mode;
	d->context = c->context;
	memcpy(d->name, c->name, sizeof(d->name));
	return take_ops(d, c->ops);
}

static int take_number(struct device *d, const struct banos_chardev_config *c)
{
	struct chardev entry = {
		.mode = d->mode, .ops = &device_fops, .private = d, .hold = device_hold
	};
	int err;

	if (d->ops.poll == default_poll)
		entry.ops = &device_fops_no_poll;
	d->dev = c->major == BANOS_CHARDEV_ANY ? chardev_alloc_number() : MKDEV(c->major, c->minor);
	if (!d->dev)
		return -ENOSPC;
	entry.dev = d->dev;
	err = chardev_register(&entry);
	d->registered = !err;
	if (err && c->major == BANOS_CHARDEV_ANY)
		chardev_unregister(d->dev);
	return err;
}

static int register_device(struct owner *o, struct device *d, const struct banos_chardev_config *c)
{
	int err;

	d->root = o->root;
	d->revocable = o->device != NULL;
	d->device_name = o->name;
	spin_init(&d->lock);
	list_init(&d->open_files);
	wait_queue_init(&d->calls_wait);
	err = take_config(d, c) ?: take_number(d, c);
	if (err)
		return err;
	err = owned_add(o, &d->owned, &chardev_class, true);
	if (err)
		chardev_unregister(d->dev);
	return err;
}

int64_t banos_chardev_register(banos_owner owner, const struct banos_chardev_config *config,
			       banos_chardev *device)
{
	struct owner *o = api_owner(owner);
	struct device *d;
	int err;

	if (!o)
		return MISTAKE("owner is none of the caller's");
	if (device && !api_may_write(device, sizeof(*device)))
		return MISTAKE("device is not the driver's memory");
	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	if (owner_driver(o)->state == BANOS_DRIVER_GOING)
		return -ENODEV;
	d = kzalloc(sizeof(*d));
	if (!d)
		return -ENOMEM;
	err = register_device(o, d, config);
	if (err) {
		kfree(d);
		return err;
	}
	if (device)
		*device = (banos_chardev)d->owned.handle;
	err = owned_publish(&d->owned);
	if (err)
		owned_remove(&d->owned);
	return err;
}
BANOS_EXPORT(banos_chardev_register);

int64_t banos_chardev_remove(banos_chardev device)
{
	struct owned *owned;
	struct device *d;
	s64 err;

	if (api_holds_spinlock())
		return SPINLOCK_MISTAKE();
	owned = api_get((u64)device, &chardev_class);
	if (!owned)
		return MISTAKE("device is none of the caller's, or was given up before");
	d = container_of(owned, struct device, owned);
	err = atomic_cmpxchg(&d->files, 0, DEVICE_GONE) ? -EBUSY : owned_remove(owned);
	owned_put(owned);
	return err;
}
BANOS_EXPORT(banos_chardev_remove);

int64_t banos_chardev_number(banos_chardev device)
{
	struct owned *owned = api_get((u64)device, &chardev_class);
	s64 number = 0;

	if (owned) {
		dev_t dev = container_of(owned, struct device, owned)->dev;

		number = (s64)MAJOR(dev) << 32 | MINOR(dev);
		owned_put(owned);
	}
	return owned ? number : MISTAKE("device is none of the caller's, or was given up before");
}
BANOS_EXPORT(banos_chardev_number);
