/* SPDX-License-Identifier: MIT */
/*
 * eventfd(): a counter that can be waited for.
 *
 * Lock: e->lock (spin, interrupts off: drivers may
 * signal) guards the count. Linux eventfd(2).
 */
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/poll.h>
#include <kernel/heap.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <uapi/fcntl.h>
#include <uapi/poll.h>

struct eventfd {
	spinlock_t lock;
	u64 count;
	bool semaphore;
	struct wait_queue wait;
};
#define EVENTFD_MAX (~0ull - 1)

static bool take(struct eventfd *e, u64 *value)
{
	u64 flags = spin_lock_irqsave(&e->lock);
	bool got = e->count;

	if (got) {
		*value = e->semaphore ? 1 : e->count;
		e->count -= *value;
	}
	spin_unlock_irqrestore(&e->lock, flags);
	return got;
}

static s64 eventfd_read(struct file *f, struct uio *u, u64 *pos)
{
	struct eventfd *e = f->private;
	u64 value;

	if (u->count < sizeof(value))
		return -EINVAL;
	while (!take(e, &value)) {
		int err;

		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&e->wait, READ_ONCE(e->count));
		if (err)
			return err;
	}
	wake_up_poll(&e->wait, POLLOUT | POLLWRNORM);
	return uio_copy_out(u, &value, sizeof(value)) == sizeof(value) ? (s64)sizeof(value)
								       : -EFAULT;
}

static bool add(struct eventfd *e, u64 value)
{
	u64 flags = spin_lock_irqsave(&e->lock);
	bool fits = value <= EVENTFD_MAX - e->count;

	if (fits)
		e->count += value;
	spin_unlock_irqrestore(&e->lock, flags);
	return fits;
}

static s64 eventfd_write(struct file *f, struct uio *u, u64 *pos)
{
	struct eventfd *e = f->private;
	u64 value;

	if (u->count < sizeof(value))
		return -EINVAL;
	if (uio_copy_in(u, &value, sizeof(value)) != sizeof(value))
		return -EFAULT;
	if (value == ~0ull)
		return -EINVAL;
	while (!add(e, value)) {
		int err;

		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&e->wait,
					       value <= EVENTFD_MAX - READ_ONCE(e->count));
		if (err)
			return err;
	}
	wake_up_poll(&e->wait, POLLIN | POLLRDNORM);
	return sizeof(value);
}

static u32 eventfd_poll(struct file *f, struct poll_table *t)
{
	struct eventfd *e = f->private;
	u64 count;

	poll_wait(t, &e->wait);
	count = READ_ONCE(e->count);
	return (count ? POLLIN | POLLRDNORM : 0) | (count < EVENTFD_MAX ? POLLOUT | POLLWRNORM : 0);
}

static void eventfd_release(struct file *f)
{
	kfree(f->private);
}

static const struct file_ops eventfd_fops = {
	.read = eventfd_read,
	.write = eventfd_write,
	.poll = eventfd_poll,
	.release = eventfd_release,
};

static s64 do_eventfd(u32 count, u32 flags)
{
	struct eventfd *e;
	struct file *f;
	int fd;

	if (flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	e = kzalloc(sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->count = count;
	e->semaphore = flags & EFD_SEMAPHORE;
	wait_queue_init(&e->wait);
	f = file_create_anon("anon_inode:[eventfd]", &eventfd_fops, e,
			     O_RDWR | (flags & O_NONBLOCK));
	if (IS_ERR(f)) {
		kfree(e);
		return PTR_ERR(f);
	}
	fd = fd_install(f, 0, flags & O_CLOEXEC);
	if (fd < 0)
		file_put(f);
	return fd;
}

SYSCALL2(eventfd2, count, flags)
{
	return do_eventfd((u32)count, (u32)flags);
}
SYSCALL1(eventfd, count)
{
	return do_eventfd((u32)count, 0);
}
