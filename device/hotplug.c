// SPDX-License-Identifier: MIT
/*
 * /dev/hotplug: programs read which devices were added and removed, one line at a time:
 *
 *	add BUS NAME ALIAS	remove BUS NAME ALIAS
 *	bind BUS NAME DRIVER	unbind BUS NAME DRIVER
 *	add block NAME block:disk (or block:partition), and remove
 *	add block NAME filesystem:TYPE	such a file system was seen there
 *	add net NAME net:interface	and remove
 *	add mount TYPE filesystem:TYPE	a program wants to mount one, and no driver serves it
 *	add socket NUMBER family:NUMBER	a program wants a socket of that family, likewise
 *
 * A new open file starts with an "add" line for each existing device, so that a
 * program that starts late misses nothing. Each open file has its own queue of at most
 * QUEUE_MAX lines. When the queue is full, new lines are dropped, and one read fails
 * with EPIPE: the program must open the file again.
 *
 * mount() and socket() wait for an answer to their line. A program that reads or polls again, with nothing left in its queue, has
 * done what the lines before were for; when all have, there will be no answer. A program that has never read, or has let lines
 * lie for as long as an answer is waited for at most, is not waited for.
 *
 * Lock: listeners_lock (spin) guards the list of open files, their lines and states.
 */
#include <kernel/block.h>
#include <kernel/bus.h>
#include <kernel/chardev.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/poll.h>
#include <kernel/heap.h>
#include <kernel/kconfig.h>
#include <kernel/network.h>
#include <kernel/partition.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <uapi/fcntl.h>
#include <uapi/poll.h>

#define QUEUE_MAX 1024
#define LINE_MAX  384 /* action, bus, name and alias */

#define ANSWER_LIMIT_NS (10 * NSEC_PER_SEC)
#define FIRST_READ_NS	NSEC_PER_SEC /* from open() to the first read or poll */
#define LOOK_AGAIN_NS	(NSEC_PER_SEC / 2)

struct line {
	struct list link;
	u32 len;
	char text[];
};

struct listener {
	struct list link, lines;
	u32 count;
	bool lost;
	bool idle;     /* asked for more when there was nothing */
	bool asked;    /* read or polled at all */
	u64 active_ns; /* when it did last, or was opened */
	struct wait_queue wait;
};

static DEFINE_SPINLOCK(listeners_lock); /* listeners; lines, count, lost and idle of each */
static DEFINE_LIST(listeners);
static struct change_source answers =
	CHANGE_SOURCE_INIT(answers); /* also woken when listeners become idle */

static const char *const action_names[] = {
	[HOTPLUG_ADD] = "add",
	[HOTPLUG_REMOVE] = "remove",
	[HOTPLUG_BIND] = "bind",
	[HOTPLUG_UNBIND] = "unbind",
};

/* ---- lines ---- */

static void listener_append_locked(struct listener *listener, const char *text, size_t len)
{
	struct line *line = NULL;

	assert_held(&listeners_lock);
	listener->idle = false;
	if (listener->count < QUEUE_MAX)
		line = kmalloc(sizeof(*line) + len);
	if (!line) {
		listener->lost = true;
		return;
	}
	line->len = len;
	memcpy(line->text, text, len);
	list_add_tail(&line->link, &listener->lines);
	listener->count++;
}

static size_t hotplug_format(char *text, enum hotplug_action action,
			     const struct bus_device *device, const char *driver)
{
	return scnprintf(text, LINE_MAX, "%s %s %s %s\n", action_names[action], device->bus->name,
			 device->name, driver ?: device->alias);
}

static size_t hotplug_format_disk(char *text, enum hotplug_action action, const struct disk *disk)
{
	return scnprintf(text, LINE_MAX, "%s block %s block:%s\n", action_names[action],
			 disk_name(disk), disk_partition_number(disk) ? "partition" : "disk");
}

static size_t hotplug_format_content(char *text, const struct disk *disk, const char *type)
{
	return scnprintf(text, LINE_MAX, "add block %s filesystem:%s\n", disk_name(disk), type);
}

static void hotplug_tell(const char *text, size_t len)
{
	struct listener *listener;
	u64 flags = spin_lock_irqsave(&listeners_lock);

	list_for_each(listener, &listeners, link) {
		listener_append_locked(listener, text, len);
		wake_up_poll(&listener->wait, POLLIN);
	}
	spin_unlock_irqrestore(&listeners_lock, flags);
}

void hotplug_event(enum hotplug_action action, const struct bus_device *device, const char *driver)
{
	char text[LINE_MAX];

	hotplug_tell(text, hotplug_format(text, action, device, driver));
}

void hotplug_disk_event(enum hotplug_action action, const struct disk *disk)
{
	char text[LINE_MAX];

	hotplug_tell(text, hotplug_format_disk(text, action, disk));
}

void hotplug_content_event(const struct disk *disk, const char *type)
{
	char text[LINE_MAX];

	hotplug_tell(text, hotplug_format_content(text, disk, type));
}

static size_t hotplug_format_net(char *text, enum hotplug_action action, const char *name)
{
	return scnprintf(text, LINE_MAX, "%s net %s net:interface\n", action_names[action], name);
}

void hotplug_net_event(enum hotplug_action action, const char *name)
{
	char text[LINE_MAX];

	hotplug_tell(text, hotplug_format_net(text, action, name));
}

static void listener_append(struct listener *listener, const char *text, size_t len)
{
	u64 flags = spin_lock_irqsave(&listeners_lock);

	listener_append_locked(listener, text, len);
	spin_unlock_irqrestore(&listeners_lock, flags);
}

static void hotplug_add_disks(struct listener *listener)
{
	struct disk_content content;

	for (struct disk *disk = disk_next(NULL); disk; disk = disk_next(disk)) {
		char text[LINE_MAX];

		listener_append(listener, text, hotplug_format_disk(text, HOTPLUG_ADD, disk));
		partitions_content_type(disk, content.type);
		if (content.type[0])
			listener_append(listener, text,
					hotplug_format_content(text, disk, content.type));
	}
}

static void hotplug_add_interfaces(struct listener *listener)
{
	const struct net_device *device;
	char text[LINE_MAX];

	mutex_lock(&net_lock);
	list_for_each(device, &net_devices, link)
		if (device->published)
			listener_append(listener, text,
					hotplug_format_net(text, HOTPLUG_ADD, device->name));
	mutex_unlock(&net_lock);
}

static bool hotplug_add_present(const struct bus_device *device, void *arg)
{
	char text[LINE_MAX];

	listener_append(arg, text, hotplug_format(text, HOTPLUG_ADD, device, NULL));
	return true;
}

/* ---- requests ---- */

/* May it still be busy with the lines before? */
static bool listener_is_busy_locked(const struct listener *listener, u64 now_ns)
{
	assert_held(&listeners_lock);
	if (listener->idle)
		return false;
	return now_ns - listener->active_ns < (listener->asked ? ANSWER_LIMIT_NS : FIRST_READ_NS);
}

static bool listeners_are_idle(void)
{
	u64 now_ns = time_monotonic_ns(), flags = spin_lock_irqsave(&listeners_lock);
	struct listener *listener;
	bool idle = true;

	list_for_each(listener, &listeners, link)
		idle = idle && !listener_is_busy_locked(listener, now_ns);
	spin_unlock_irqrestore(&listeners_lock, flags);
	return idle;
}

void hotplug_request(const char *who, const char *what, const char *alias,
		     bool (*exists)(const void *context), const void *context)
{
	u64 deadline_ns = time_monotonic_ns() + ANSWER_LIMIT_NS;
	char text[LINE_MAX];
	u32 seen;
	int err;

	hotplug_tell(text, scnprintf(text, LINE_MAX, "add %s %s %s%s\n", who, what, alias, what));
	do {
		u64 now_ns = time_monotonic_ns();

		seen = atomic_read(&answers.changes);
		if (exists(context) || now_ns >= deadline_ns)
			return;
		/* Nothing wakes us when a listener becomes one that is not waited for. */
		err = WAIT_EVENT_(&answers.wait,
				  atomic_read(&answers.changes) != seen || listeners_are_idle(),
				  THREAD_KILLABLE, MIN(deadline_ns, now_ns + LOOK_AGAIN_NS),
				  fatal_signal_pending());
	} while (err == -ETIMEDOUT || (!err && atomic_read(&answers.changes) != seen));
}

void hotplug_answer(void)
{
	change_announce(&answers);
}

static void listener_note_active_locked(struct listener *listener)
{
	assert_held(&listeners_lock);
	listener->asked = true;
	listener->active_ns = time_monotonic_ns();
}

/* It has nothing to read, and asks for more. Under listeners_lock. */
static void listener_set_idle_locked(struct listener *listener)
{
	assert_held(&listeners_lock);
	listener->idle = true;
	wake_up_all(&answers.wait);
}

/* ---- files ---- */

static int hotplug_open(struct inode *inode, struct file *f)
{
	struct listener *listener = kzalloc(sizeof(*listener));
	u64 flags;

	if (!listener)
		return -ENOMEM;
	list_init(&listener->lines);
	wait_queue_init(&listener->wait);
	listener->active_ns = time_monotonic_ns();
	flags = spin_lock_irqsave(&listeners_lock);
	list_add_tail(&listener->link, &listeners);
	spin_unlock_irqrestore(&listeners_lock, flags);
	/* A device that is added now may be listed twice, but is not missed. */
	bus_devices_each(hotplug_add_present, listener);
	if (IS_ENABLED(CONFIG_BLOCK))
		hotplug_add_disks(listener);
	if (IS_ENABLED(CONFIG_NET_DEVICES))
		hotplug_add_interfaces(listener);
	f->private = listener;
	f->mode |= FMODE_STREAM;
	return 0;
}

static void hotplug_release(struct file *f)
{
	struct listener *listener = f->private;
	u64 flags = spin_lock_irqsave(&listeners_lock);

	list_del(&listener->link);
	wake_up_all(&answers.wait);
	spin_unlock_irqrestore(&listeners_lock, flags);
	while (!list_empty(&listener->lines)) {
		struct line *line = list_first(&listener->lines, struct line, link);

		list_del(&line->link);
		kfree(line);
	}
	kfree(listener);
}

/*
 * Take the oldest line off the queue.
 * @return it; NULL: the queue is empty; ERR_PTR(-EINVAL): longer than @p room; ERR_PTR(-EPIPE): lines were lost
 */
static struct line *listener_take_line(struct listener *listener, u64 room)
{
	u64 flags = spin_lock_irqsave(&listeners_lock);
	struct line *line = NULL;

	listener_note_active_locked(listener);
	if (!list_empty(&listener->lines)) {
		line = list_first(&listener->lines, struct line, link);
		if (line->len > room) {
			line = ERR_PTR(-EINVAL);
		} else {
			list_del(&line->link);
			listener->count--;
		}
	} else if (listener->lost) {
		listener->lost = false;
		line = ERR_PTR(-EPIPE);
	} else {
		listener_set_idle_locked(listener);
	}
	spin_unlock_irqrestore(&listeners_lock, flags);
	return line;
}

static bool listener_has_lines(const struct listener *listener)
{
	return !list_empty(&listener->lines) || READ_ONCE(listener->lost);
}

/* One line per read, so that a shell's read command takes no more than one. */
static s64 hotplug_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct listener *listener = f->private;
	struct line *line;
	s64 result;

	while (!(line = listener_take_line(listener, uio->count))) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		result = wait_event_interruptible(&listener->wait, listener_has_lines(listener));
		if (result)
			return result;
	}
	if (IS_ERR(line))
		return PTR_ERR(line);
	result = line->len;
	if (uio_copy_out(uio, line->text, line->len) != line->len)
		result = -EFAULT;
	kfree(line);
	return result;
}

static u32 hotplug_poll(struct file *f, struct poll_table *table)
{
	struct listener *listener = f->private;
	u32 events = POLLIN | POLLRDNORM;
	u64 flags;

	poll_wait(table, &listener->wait);
	flags = spin_lock_irqsave(&listeners_lock);
	listener_note_active_locked(listener);
	if (!listener_has_lines(listener)) {
		listener_set_idle_locked(listener);
		events = 0;
	}
	spin_unlock_irqrestore(&listeners_lock, flags);
	return events;
}

static const struct file_ops hotplug_fops = {
	.open = hotplug_open,
	.release = hotplug_release,
	.read = hotplug_read,
	.poll = hotplug_poll,
};

void hotplug_init(void)
{
	struct chardev chardev = {
		.dev = chardev_alloc_number(), .name = "hotplug", .mode = 0400, .ops = &hotplug_fops
	};

	if (!chardev.dev || chardev_register(&chardev))
		pr_err("hotplug: not enough memory for /dev/hotplug\n");
}
