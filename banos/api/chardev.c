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
 */
#include <kernel/driver.h>
#include <kernel/err.h>
#include <kernel/fs.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include <kernel/vm.h>

#define DEVICE_GONE	0x40000000
#define CONFIG_SIZE_1	104u
#define OPS_SIZE_MIN	8u
#define KNOWN_FLAGS	(BANOS_CHARDEV_POSITION | BANOS_CHARDEV_ENDLESS)

struct device {
	struct owned owned;
	struct owner *root;		/* of the driver */
	dev_t dev;
	u32 flags, mode;
	void *context;
	struct banos_chardev_ops ops;
	struct atomic files;
	bool node;			/* there is a name in /dev */
	char name[64];
};

struct open_file {
	struct device *device;
	struct owner *root;
	void *context, *file;		/* first two arguments of each method */
	u32 access;			/* BANOS_FILE_READ, _WRITE */
};

/* ---- what a method does that the driver lacks ---- */

static int64_t default_open(void *context, uint32_t flags, void **file) { return 0; }
static int64_t default_release(void *context, void *file) { return 0; }
static int64_t default_read(void *context, void *file, banos_buffer to, uint64_t length, uint64_t offset,
			    uint32_t flags) { return 0; }
static int64_t default_write(void *context, void *file, banos_buffer from, uint64_t length, uint64_t offset,
			     uint32_t flags) { return -EINVAL; }
static int64_t default_ioctl(void *context, void *file, uint32_t command, uint64_t argument,
			     uint32_t flags) { return -ENOTTY; }
static int64_t default_poll(void *context, void *file, banos_poll watch)
{
	return BANOS_POLL_READ | BANOS_POLL_WRITE;
}
static int64_t default_map(void *context, void *file, uint64_t offset, uint64_t length,
			   uint32_t access) { return -ENODEV; }

static const struct banos_chardev_ops default_ops = {
	.size = sizeof(default_ops), .open = default_open, .release = default_release, .read = default_read,
	.write = default_write, .ioctl = default_ioctl, .poll = default_poll, .map = default_map,
};

/* ---- files ---- */

/* Errors mean the same on both sides, but for the one that asks for the call to be made again. */
static inline s64 result_of(s64 n)
{
	return unlikely(n == -ERESTART) ? -ERESTARTSYS : n;
}

static inline u32 file_flags(const struct open_file *o, const struct file *f)
{
	return o->access | (f->flags & O_NONBLOCK ? BANOS_FILE_NONBLOCK : 0) |
	       (f->flags & O_APPEND ? BANOS_FILE_APPEND : 0);
}

static void device_put_file(struct device *d)
{
	atomic_dec(&d->files);
	driver_unpin(owner_driver(d->root));
	owned_put(&d->owned);
}

/* The character device core keeps the device while this runs. */
static bool device_get_file(struct device *d)
{
	if (!d->owned.published || !driver_pin(owner_driver(d->root)))
		return false;
	if (atomic_add_return(&d->files, 1) & DEVICE_GONE) {
		atomic_dec(&d->files);
		driver_unpin(owner_driver(d->root));
		return false;
	}
	atomic_inc(&d->owned.refs);
	return true;
}

static int device_open(struct inode *inode, struct file *f)
{
	struct device *d = f->private;
	struct open_file *o;
	s64 err;

	if (!device_get_file(d))
		return -ENXIO;
	o = kzalloc(sizeof(*o));
	if (!o) {
		device_put_file(d);
		return -ENOMEM;
	}
	o->device = d;
	o->root = d->root;
	o->context = d->context;
	o->access = f->mode & (FMODE_READ | FMODE_WRITE);
	err = gate_call(d->root, NULL, d->ops.open, (u64)d->context, file_flags(o, f), (u64)&o->file, 0, 0, 0);
	if (err) {
		kfree(o);
		device_put_file(d);
		return err < 0 ? result_of(err) : -EINVAL;
	}
	f->private = o;
	if (!(d->flags & KNOWN_FLAGS))
		f->mode |= FMODE_STREAM;
	return 0;
}

static void device_release(struct file *f)
{
	struct open_file *o = f->private;
	struct device *d = o->device;

	gate_call(d->root, NULL, d->ops.release, (u64)o->context, (u64)o->file, 0, 0, 0, 0);
	kfree(o);
	device_put_file(d);
}

/* More than there was room for is no result. */
static inline s64 transfer_done(struct open_file *o, s64 n, u64 length, u64 *pos)
{
	if (unlikely(n > (s64)length))
		return gate_bad_result(o->root, n);
	if (n > 0 && o->device->flags & BANOS_CHARDEV_POSITION)
		*pos += n;
	return result_of(n);
}

static s64 device_read(struct file *f, struct uio *u, u64 *pos)
{
	struct open_file *o = f->private;
	u64 length = u->count, offset = o->device->flags & BANOS_CHARDEV_POSITION ? *pos : 0;
	s64 n = gate_call(o->root, u, o->device->ops.read, (u64)o->context, (u64)o->file, (u64)u, length, offset,
			  file_flags(o, f));

	return transfer_done(o, n, length, pos);
}

static s64 device_write(struct file *f, struct uio *u, u64 *pos)
{
	struct open_file *o = f->private;
	u64 length = u->count, offset = o->device->flags & BANOS_CHARDEV_POSITION ? *pos : 0;
	s64 n = gate_call(o->root, u, o->device->ops.write, (u64)o->context, (u64)o->file, (u64)u, length, offset,
			  file_flags(o, f));

	return transfer_done(o, n, length, pos);
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

	return result_of(gate_call(o->root, NULL, o->device->ops.ioctl, (u64)o->context, (u64)o->file, cmd, arg,
				   file_flags(o, f), 0));
}

static int device_mmap(struct file *f, struct vm_region *r)
{
	struct open_file *o = f->private;
	u32 access = (r->flags & VM_READ ? BANOS_FILE_READ : 0) | (r->flags & VM_WRITE ? BANOS_FILE_WRITE : 0);
	s64 n = gate_call(o->root, NULL, o->device->ops.map, (u64)o->context, (u64)o->file,
			  r->pgoff << PAGE_SHIFT, r->end - r->start, access, 0);

	if (n < 0)
		return result_of(n);
	return n == BANOS_MAP_ZERO ? 0 : -EINVAL;	/* a region without ops is anonymous memory */
}

/* ---- poll ---- */

/* What a banos_poll stands for; its handle has bit 0 set, so that it is never taken for a buffer. */
struct poll_call { struct poll_table *table; };

static u32 device_poll(struct file *f, struct poll_table *t)
{
	struct open_file *o = f->private;
	struct poll_call call = { t };
	u64 handle = (u64)&call | 1;
	s64 n = gate_call(o->root, (void *)handle, o->device->ops.poll, (u64)o->context, (u64)o->file, handle, 0, 0, 0);

	if (n < 0)
		return POLLERR;
	/* Linux's two names for one event. */
	return n | (n & POLLIN ? POLLRDNORM : 0) | (n & POLLOUT ? POLLWRNORM : 0);
}

int64_t banos_poll_watch(banos_poll watch, struct banos_wait *wait)
{
	const void *object = gate_object();
	struct poll_call *call = (struct poll_call *)((u64)object & ~1ull);

	if (!((u64)object & 1) || object != (const void *)watch)
		return -EINVAL;
	return call->table ? driver_wait_watch(wait, call->table) : 0;
}
BANOS_EXPORT(banos_poll_watch);

static const struct file_ops device_fops = {
	.open = device_open, .release = device_release, .read = device_read, .write = device_write,
	.llseek = device_llseek, .poll = device_poll, .ioctl = device_ioctl, .mmap = device_mmap,
};

/* ---- registration ---- */

static int device_publish(struct owned *owned)
{
	struct device *d = container_of(owned, struct device, owned);
	int err = devfs_add(d->name, d->mode, d->dev);

	d->node = !err;
	return err;
}

static int device_stop(struct owned *owned)
{
	struct device *d = container_of(owned, struct device, owned);

	if (d->node)
		devfs_remove(d->name);
	d->node = false;
	chardev_unregister(d->dev);
	return 0;
}

static void device_free(struct owned *owned)
{
	kfree(container_of(owned, struct device, owned));
}

static const struct owned_class chardev_class = {
	.name = "character device", .names = "character devices", .kind = OWNED_CHARDEV, .phase = OWNED_ENTRY,
	.publish = device_publish, .stop = device_stop, .free = device_free,
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
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("_-.:/", c)))
			return false;
	}
	return true;
}

/* Each method is the driver's own, or the default. */
static int take_ops(struct device *d, const struct banos_chardev_ops *ops)
{
	void **slot = (void **)&d->ops.open;
	void *const *fallback = (void *const *)&default_ops.open;

	if (!ops || ops->size < OPS_SIZE_MIN)
		return -EINVAL;
	if (ops->must)
		return -EOPNOTSUPP;
	memcpy(&d->ops, ops, MIN(ops->size, (u32)sizeof(d->ops)));
	d->ops.size = sizeof(d->ops);
	for (u32 i = 0; i < (sizeof(d->ops) - offsetof(struct banos_chardev_ops, open)) / sizeof(void *); i++) {
		if (!slot[i])
			slot[i] = fallback[i];
		else if (!owner_has_code(d->root, slot[i]))
			return -EINVAL;
	}
	return 0;
}

static int take_config(struct device *d, const struct banos_chardev_config *c)
{
	if (c->size < CONFIG_SIZE_1)
		return -EINVAL;
	for (u32 i = CONFIG_SIZE_1; i < c->size && i < 4096; i++)
		if (((const u8 *)c)[i])
			return -E2BIG;
	if (c->flags & ~KNOWN_FLAGS || c->flags == KNOWN_FLAGS || c->mode & ~0777u || c->zero ||
	    !device_name_valid(c->name, sizeof(c->name)))
		return -EINVAL;
	if (c->major != BANOS_CHARDEV_ANY && (c->major > 0xfff || c->minor > 0xfffff))
		return -EINVAL;
	d->flags = c->flags;
	d->mode = c->mode;
	d->context = c->context;
	memcpy(d->name, c->name, sizeof(d->name));
	return take_ops(d, c->ops);
}

static int take_number(struct device *d, const struct banos_chardev_config *c)
{
	struct chardev entry = { .mode = d->mode, .ops = &device_fops, .private = d };
	int err;

	d->dev = c->major == BANOS_CHARDEV_ANY ? chardev_alloc_number() : MKDEV(c->major, c->minor);
	if (!d->dev)
		return -ENOSPC;
	entry.dev = d->dev;
	err = chardev_register(&entry);
	if (err && c->major == BANOS_CHARDEV_ANY)
		chardev_unregister(d->dev);
	return err;
}

static int register_device(struct owner *o, struct device *d, const struct banos_chardev_config *c)
{
	int err;

	d->root = o->root;
	err = take_config(d, c) ?: take_number(d, c);
	if (err)
		return err;
	err = owned_add(o, &d->owned, &chardev_class, true);
	if (err)
		chardev_unregister(d->dev);
	return err;
}

int64_t banos_chardev_register(banos_owner owner, const struct banos_chardev_config *config, banos_chardev *device)
{
	struct owner *o = owner_find((u64)owner);
	struct device *d;
	int err;

	if (!o || !config)
		return -EINVAL;
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
	struct owned *owned = owned_get((u64)device, &chardev_class);
	struct device *d = container_of(owned, struct device, owned);
	s64 err;

	if (!owned)
		return -EINVAL;
	err = atomic_cmpxchg(&d->files, 0, DEVICE_GONE) ? -EBUSY : owned_remove(owned);
	owned_put(owned);
	return err;
}
BANOS_EXPORT(banos_chardev_remove);

int64_t banos_chardev_number(banos_chardev device)
{
	struct owned *owned = owned_get((u64)device, &chardev_class);
	s64 number = -EINVAL;

	if (owned) {
		dev_t dev = container_of(owned, struct device, owned)->dev;

		number = (s64)MAJOR(dev) << 32 | MINOR(dev);
		owned_put(owned);
	}
	return number;
}
BANOS_EXPORT(banos_chardev_number);
