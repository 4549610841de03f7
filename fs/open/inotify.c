// SPDX-License-Identifier: MIT
/*
 * inotify as files: what happened to files that a program watches, to be read.
 *
 * Events wait in a queue. One that is like the last in the queue is not added; when there are too many, or no
 * memory for another, one event says that some were lost. What is watched: inotify_watch.c.
 *
 * Lock: inotify->lock (spin) guards the queue. Linux inotify(7), fs/notify/inotify/.
 */
#include "inotify.h"
#include <kernel/cred.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/inotify_limits.h>
#include <kernel/fs/path.h>
#include <kernel/fs/poll.h>
#include <kernel/fs/seq_open.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/process.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include <uapi/fcntl.h>

#define EVENT_SIZE sizeof(struct user_inotify_event)
#define WATCH_COST 1280 /* bytes that Linux counts for a watch and its inode */
#define MASK_KNOWN                                                                               \
	(IN_ALL_EVENTS | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW | \
	 IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | IN_ISDIR | IN_ONESHOT)

struct inotify_limits inotify_limits = { .queued_events = 16384, .user_instances = 128 };

/* ---- the queue ---- */

static bool event_is(const struct inotify_event *event, const struct inotify_event *other)
{
	return event->mask == other->mask && event->wd == other->wd &&
	       event->length == other->length && !memcmp(event->name, other->name, event->length) &&
	       !(event->mask & IN_IGNORED);
}

/* @return @event was queued */
static bool queue_locked(struct inotify *inotify, struct inotify_event *event)
{
	assert_held(&inotify->lock);
	if (!event || inotify->count >= inotify->most) {
		if (inotify->overflowed)
			return false;
		inotify->overflowed = true;
		event = &inotify->overflow;
	} else if (!list_empty(&inotify->events) &&
		   event_is(container_of(inotify->events.prev, struct inotify_event, link),
			    event)) {
		return false;
	}
	list_add_tail(&event->link, &inotify->events);
	inotify->count++;
	return event != &inotify->overflow;
}

void inotify_queue(struct inotify *inotify, s32 wd, u32 mask, u32 cookie, const char *name,
		   u32 length)
{
	struct inotify_event *event = kmalloc(sizeof(*event) + length + 1);
	bool queued;

	if (event) {
		*event = (struct inotify_event){
			.wd = wd, .mask = mask, .cookie = cookie, .length = length
		};
		memcpy(event->name, name, length);
	}
	spin_lock(&inotify->lock);
	queued = queue_locked(inotify, event);
	spin_unlock(&inotify->lock);
	wake_up_poll(&inotify->wait, POLLIN | POLLRDNORM);
	if (!queued)
		kfree(event);
}

/* Bytes of the name as it is read: with a NUL, and more up to the size of an event. */
static u32 name_bytes(const struct inotify_event *event)
{
	if (!event->length)
		return 0;
	return (u32)ALIGN_UP(event->length + 1, EVENT_SIZE);
}

static void event_free(struct inotify *inotify, struct inotify_event *event)
{
	if (event != &inotify->overflow)
		kfree(event);
}

/* The first event, taken, if it fits into @room. @return NULL: none; ERR_PTR(-EINVAL): too little room */
static struct inotify_event *inotify_take(struct inotify *inotify, u64 room)
{
	struct inotify_event *event = NULL;

	spin_lock(&inotify->lock);
	if (!list_empty(&inotify->events)) {
		event = list_first(&inotify->events, struct inotify_event, link);
		if (EVENT_SIZE + name_bytes(event) > room) {
			event = ERR_PTR(-EINVAL);
		} else {
			list_del(&event->link);
			inotify->count--;
			if (event == &inotify->overflow)
				inotify->overflowed = false;
		}
	}
	spin_unlock(&inotify->lock);
	return event;
}

/* ---- as a file ---- */

static s64 event_to_user(struct uio *uio, const struct inotify_event *event)
{
	u32 bytes = name_bytes(event);
	const struct user_inotify_event head = { event->wd, event->mask, event->cookie, bytes };

	if (uio_copy_out(uio, &head, sizeof(head)) != sizeof(head) ||
	    uio_copy_out(uio, event->name, event->length) != event->length ||
	    uio_zero(uio, bytes - event->length) != bytes - event->length)
		return -EFAULT;
	return (s64)(sizeof(head) + bytes);
}

static s64 inotify_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct inotify *inotify = f->private;
	s64 done = 0, got;

	for (;;) {
		struct inotify_event *event = inotify_take(inotify, uio->count);

		if (IS_ERR(event) || (!event && done))
			return done ? done : PTR_ERR(event);
		if (event) {
			got = event_to_user(uio, event);
			event_free(inotify, event);
			if (got < 0)
				return got;
			done += got;
			continue;
		}
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		got = wait_event_interruptible(&inotify->wait, READ_ONCE(inotify->count));
		if (got)
			return got;
	}
}

static u32 inotify_poll(struct file *f, struct poll_table *table)
{
	struct inotify *inotify = f->private;

	poll_wait(table, &inotify->wait);
	if (READ_ONCE(inotify->count))
		return POLLIN | POLLRDNORM;
	return 0;
}

static s64 inotify_ioctl(struct file *f, u32 command, u64 arg)
{
	struct inotify *inotify = f->private;
	struct inotify_event *event;
	u32 bytes = 0;

	if (command == INOTIFY_IOC_SETNEXTWD) {
		if (arg < 1 || arg > INT32_MAX)
			return -EINVAL;
		inotify_watches_number(inotify, (u32)arg);
		return 0;
	}
	if (command != FIONREAD)
		return -ENOTTY;
	spin_lock(&inotify->lock);
	list_for_each(event, &inotify->events, link)
		bytes += (u32)EVENT_SIZE + name_bytes(event);
	spin_unlock(&inotify->lock);
	return put_user_u32(uaddr(arg), bytes);
}

static void inotify_free(struct inotify *inotify)
{
	struct inotify_event *event, *next;

	inotify_watches_end(inotify);
	list_for_each_safe(event, next, &inotify->events, link)
		event_free(inotify, event);
	cred_uncharge_watch(inotify->cred, WATCH_INOTIFY_INSTANCE);
	cred_put(inotify->cred);
	kfree(inotify);
}

static void inotify_release(struct file *f)
{
	inotify_free(f->private);
}

static void inotify_show_fdinfo(struct file *f, struct seq_file *seq)
{
	inotify_watches_show(f->private, seq);
}

static const struct file_ops inotify_fops = {
	.read = inotify_read,
	.poll = inotify_poll,
	.ioctl = inotify_ioctl,
	.release = inotify_release,
	.show_fdinfo = inotify_show_fdinfo,
};

/* ---- limits ---- */

static struct inotify_limits *limits_get(void)
{
	struct mem_info memory;

	if (!inotify_limits.user_watches) {
		mem_info_get(&memory);
		inotify_limits.user_watches = (int)MIN(
			MAX(memory.total / 100 * PAGE_SIZE / WATCH_COST, 8192ul), 1048576ul);
	}
	return &inotify_limits;
}

int inotify_limit_show(struct seq_file *seq, void *which)
{
	const int *limit = (const int *)((u8 *)limits_get() + (u64)which);

	seq_printf(seq, "%d\n", READ_ONCE(*limit));
	return 0;
}

int inotify_limit_write(char *text, size_t len, void *which)
{
	int *limit = (int *)((u8 *)limits_get() + (u64)which);
	s64 value;
	int err = seq_parse_number(text, &value);

	if (err)
		return err;
	if (value < 0 || value > INT32_MAX)
		return -EINVAL;
	WRITE_ONCE(*limit, (int)value);
	return 0;
}

/* ---- system calls ---- */

static struct inotify *inotify_create(void)
{
	struct cred *cred = (struct cred *)current_cred();
	struct inotify *inotify;

	if (inotify_watches_init())
		return ERR_PTR(-ENOMEM);
	if (!cred_charge_watch(cred, WATCH_INOTIFY_INSTANCE,
			       (u64)READ_ONCE(limits_get()->user_instances)))
		return ERR_PTR(-EMFILE);
	inotify = kzalloc(sizeof(*inotify));
	if (!inotify) {
		cred_uncharge_watch(cred, WATCH_INOTIFY_INSTANCE);
		return ERR_PTR(-ENOMEM);
	}
	cred_get(cred);
	inotify->cred = cred;
	spin_init(&inotify->lock);
	list_init(&inotify->events);
	wait_queue_init(&inotify->wait);
	inotify->most = (u32)READ_ONCE(limits_get()->queued_events);
	inotify->overflow.wd = -1;
	inotify->overflow.mask = IN_Q_OVERFLOW;
	inotify->next_wd = 1;
	return inotify;
}

static s64 do_inotify_init(u32 flags)
{
	struct inotify *inotify;
	struct file *f;
	int fd;

	if (flags & ~(u32)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	inotify = inotify_create();
	if (IS_ERR(inotify))
		return PTR_ERR(inotify);
	f = file_create_anon("anon_inode:inotify", &inotify_fops, inotify,
			     O_RDONLY | (flags & O_NONBLOCK));
	if (IS_ERR(f)) {
		inotify_free(inotify);
		return PTR_ERR(f);
	}
	fd = fd_install(f, 0, flags & O_CLOEXEC);
	if (fd < 0)
		file_put(f);
	return fd;
}

SYSCALL0(inotify_init)
{
	return do_inotify_init(0);
}

SYSCALL1(inotify_init1, flags)
{
	return do_inotify_init((u32)flags);
}

static s64 add_watch(struct file *f, u64 user_path_text, u32 mask)
{
	struct path path;
	u32 lookup = 0;
	s64 ret;

	if ((mask & (IN_MASK_ADD | IN_MASK_CREATE)) == (IN_MASK_ADD | IN_MASK_CREATE))
		return -EINVAL;
	if (f->ops != &inotify_fops)
		return -EINVAL;
	if (!(mask & IN_DONT_FOLLOW))
		lookup |= LOOKUP_FOLLOW;
	if (mask & IN_ONLYDIR)
		lookup |= LOOKUP_DIRECTORY;
	ret = user_path(AT_FDCWD, user_path_text, lookup, &path);
	if (ret)
		return ret;
	ret = path_permission(&path, MAY_READ);
	if (!ret)
		ret = inotify_watch_set(f->private, path.dentry->inode, mask,
					(u64)READ_ONCE(limits_get()->user_watches));
	path_put(&path);
	return ret;
}

SYSCALL3(inotify_add_watch, fd, path, mask_arg)
{
	u32 mask = (u32)mask_arg;
	struct fd_ref ref;
	s64 ret;

	if (mask & ~(u32)MASK_KNOWN || !mask)
		return -EINVAL;
	ref = fd_get((u32)fd);
	if (!ref.file)
		return -EBADF;
	ret = add_watch(ref.file, path, mask);
	fd_put(ref);
	return ret;
}

SYSCALL2(inotify_rm_watch, fd, wd)
{
	struct fd_ref ref = fd_get((u32)fd);
	int err = -EINVAL;

	if (!ref.file)
		return -EBADF;
	if (ref.file->ops == &inotify_fops)
		err = inotify_watch_end(ref.file->private, (u32)wd);
	fd_put(ref);
	return err;
}
