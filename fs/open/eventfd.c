// SPDX-License-Identifier: MIT
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

static bool eventfd_take(struct eventfd *eventfd, u64 *value)
{
	u64 flags = spin_lock_irqsave(&eventfd->lock);
	bool got = eventfd->count;

	if (got) {
		if (eventfd->semaphore)
			*value = 1;
		else
			*value = eventfd->count;
		eventfd->count -= *value;
	}
	spin_unlock_irqrestore(&eventfd->lock, flags);
	return got;
}

static s64 eventfd_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct eventfd *eventfd = f->private;
	u64 value;

	if (uio->count < sizeof(value))
		return -EINVAL;
	while (!eventfd_take(eventfd, &value)) {
		int err;

		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&eventfd->wait, READ_ONCE(eventfd->count));
		if (err)
			return err;
	}
	wake_up_poll(&eventfd->wait, POLLOUT | POLLWRNORM);
	if (uio_copy_out(uio, &value, sizeof(value)) != sizeof(value))
		return -EFAULT;
	return (s64)sizeof(value);
}

static bool eventfd_add(struct eventfd *eventfd, u64 value)
{
	u64 flags = spin_lock_irqsave(&eventfd->lock);
	bool fits = value <= EVENTFD_MAX - eventfd->count;

	if (fits)
		eventfd->count += value;
	spin_unlock_irqrestore(&eventfd->lock, flags);
	return fits;
}

static s64 eventfd_write(struct file *f, struct uio *uio, u64 *pos)
{
	struct eventfd *eventfd = f->private;
	u64 value;

	if (uio->count < sizeof(value))
		return -EINVAL;
	if (uio_copy_in(uio, &value, sizeof(value)) != sizeof(value))
		return -EFAULT;
	if (value == ~0ull)
		return -EINVAL;
	while (!eventfd_add(eventfd, value)) {
		int err;

		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(&eventfd->wait,
					       value <= EVENTFD_MAX - READ_ONCE(eventfd->count));
		if (err)
			return err;
	}
	wake_up_poll(&eventfd->wait, POLLIN | POLLRDNORM);
	return sizeof(value);
}

static u32 eventfd_poll(struct file *f, struct poll_table *table)
{
	struct eventfd *eventfd = f->private;
	u64 count;

	poll_wait(table, &eventfd->wait);
	count = READ_ONCE(eventfd->count);
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
	struct eventfd *eventfd;
	struct file *f;
	int fd;

	if (flags & ~(EFD_SEMAPHORE | O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	eventfd = kzalloc(sizeof(*eventfd));
	if (!eventfd)
		return -ENOMEM;
	eventfd->count = count;
	eventfd->semaphore = flags & EFD_SEMAPHORE;
	wait_queue_init(&eventfd->wait);
	f = file_create_anon("anon_inode:[eventfd]", &eventfd_fops, eventfd,
			     O_RDWR | (flags & O_NONBLOCK));
	if (IS_ERR(f)) {
		kfree(eventfd);
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
