// SPDX-License-Identifier: MIT
/*
 * /dev/hotplug: programs are told which devices come and go, a line at a time:
 *
 *	add BUS NAME ALIAS	remove BUS NAME ALIAS
 *	bind BUS NAME DRIVER	unbind BUS NAME DRIVER
 *
 * Who opens it first reads an "add" for each device that is there; so nothing is
 * missed by who starts late. Each open file has lines of its own, QUEUE_MAX at
 * most; where they are not read, the newest are dropped, and one read
 * gives EPIPE: open it again.
 *
 * Lock: listeners_lock (spin) guards the list of open files and their lines.
 */
#include <kernel/bus.h>
#include <kernel/chardev.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/poll.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <uapi/fcntl.h>
#include <uapi/poll.h>

#define QUEUE_MAX 1024
#define LINE_MAX  256

struct line {
	struct list link;
	u32 len;
	char text[];
};

struct listener {
	struct list link, lines;
	u32 count;
	bool lost;
	struct wait_queue wait;
};

static DEFINE_LIST(listeners);
static DEFINE_SPINLOCK(listeners_lock);

static const char *const action_names[] = {
	[HOTPLUG_ADD] = "add",
	[HOTPLUG_REMOVE] = "remove",
	[HOTPLUG_BIND] = "bind",
	[HOTPLUG_UNBIND] = "unbind",
};

/* ---- lines ---- */

static void append_locked(struct listener *l, const char *text, size_t len)
{
	struct line *line = l->count < QUEUE_MAX ? kmalloc(sizeof(*line) + len) : NULL;

	if (!line) {
		l->lost = true;
		return;
	}
	line->len = len;
	memcpy(line->text, text, len);
	list_add_tail(&line->link, &l->lines);
	l->count++;
}

static size_t make_line(char *text, enum hotplug_action action, const struct bus_device *d,
			const char *driver)
{
	return scnprintf(text, LINE_MAX, "%s %s %s %s\n", action_names[action], d->bus->name,
			 d->name, driver ?: d->alias);
}

void hotplug_event(enum hotplug_action action, const struct bus_device *d, const char *driver)
{
	char text[LINE_MAX];
	size_t len = make_line(text, action, d, driver);
	struct listener *l;
	u64 flags = spin_lock_irqsave(&listeners_lock);

	list_for_each(l, &listeners, link) {
		append_locked(l, text, len);
		wake_up_poll(&l->wait, POLLIN);
	}
	spin_unlock_irqrestore(&listeners_lock, flags);
}

static bool add_present(const struct bus_device *d, void *arg)
{
	char text[LINE_MAX];
	size_t len = make_line(text, HOTPLUG_ADD, d, NULL);
	u64 flags = spin_lock_irqsave(&listeners_lock);

	append_locked(arg, text, len);
	spin_unlock_irqrestore(&listeners_lock, flags);
	return true;
}

/* ---- files ---- */

static int hotplug_open(struct inode *inode, struct file *f)
{
	struct listener *l = kzalloc(sizeof(*l));
	u64 flags;

	if (!l)
		return -ENOMEM;
	list_init(&l->lines);
	wait_queue_init(&l->wait);
	flags = spin_lock_irqsave(&listeners_lock);
	list_add_tail(&l->link, &listeners);
	spin_unlock_irqrestore(&listeners_lock, flags);
	/* A device that comes now may be told of twice, but not missed. */
	bus_devices_each(add_present, l);
	f->private = l;
	f->mode |= FMODE_STREAM;
	return 0;
}

static void hotplug_release(struct file *f)
{
	struct listener *l = f->private;
	u64 flags = spin_lock_irqsave(&listeners_lock);

	list_del(&l->link);
	spin_unlock_irqrestore(&listeners_lock, flags);
	while (!list_empty(&l->lines)) {
		struct line *line = list_first(&l->lines, struct line, link);

		list_del(&line->link);
		kfree(line);
	}
	kfree(l);
}

/* The next line, if it has at most @room bytes. @return it, NULL: none, or ERR_PTR */
static struct line *take_line(struct listener *l, u64 room)
{
	u64 flags = spin_lock_irqsave(&listeners_lock);
	struct line *line = NULL;

	if (!list_empty(&l->lines)) {
		line = list_first(&l->lines, struct line, link);
		if (line->len > room) {
			line = ERR_PTR(-EINVAL);
		} else {
			list_del(&line->link);
			l->count--;
		}
	} else if (l->lost) {
		l->lost = false;
		line = ERR_PTR(-EPIPE);
	}
	spin_unlock_irqrestore(&listeners_lock, flags);
	return line;
}

static bool has_lines(const struct listener *l)
{
	return !list_empty(&l->lines) || READ_ONCE(l->lost);
}

/* One line a read: whoever reads with a shell gets no more than it asked for. */
static s64 hotplug_read(struct file *f, struct uio *u, u64 *pos)
{
	struct listener *l = f->private;
	struct line *line;
	s64 n;

	while (!(line = take_line(l, u->count))) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		n = wait_event_interruptible(&l->wait, has_lines(l));
		if (n)
			return n;
	}
	if (IS_ERR(line))
		return PTR_ERR(line);
	n = uio_copy_out(u, line->text, line->len) == line->len ? (s64)line->len : -EFAULT;
	kfree(line);
	return n;
}

static u32 hotplug_poll(struct file *f, struct poll_table *t)
{
	struct listener *l = f->private;

	poll_wait(t, &l->wait);
	return has_lines(l) ? POLLIN | POLLRDNORM : 0;
}

static const struct file_ops hotplug_fops = {
	.open = hotplug_open,
	.release = hotplug_release,
	.read = hotplug_read,
	.poll = hotplug_poll,
};

void hotplug_init(void)
{
	struct chardev c = {
		.dev = chardev_alloc_number(), .name = "hotplug", .mode = 0400, .ops = &hotplug_fops
	};

	if (!c.dev || chardev_register(&c))
		pr_err("hotplug: not enough memory for /dev/hotplug\n");
}
