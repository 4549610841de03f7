// SPDX-License-Identifier: MIT
/*
 * /dev/kmsg: the kernel's log, a record per read(), in Linux's form:
 *
 *	6,339,5140900,-;text\n
 *
 * which is level, number, microseconds since boot, and the text with what does
 * not print, and backslashes, as \xNN. Each open file has its own place; when
 * the ring has overtaken it, one read gives EPIPE and goes on with the oldest.
 * What is written becomes a record, of the level that "<N>" in front asks for.
 *
 * Lock: kmsg_file.lock (mutex) guards the place, for programs that share the file.
 */
#include <kernel/bus.h>
#include <kernel/chardev.h>
#include <kernel/device.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/poll.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/printk_wait.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/tty.h>
#include <kernel/uaccess.h>
#include <kernel/wait.h>
#include <uapi/fcntl.h>
#include <uapi/poll.h>
#include "internal.h"

#define RECORD_MAX 512

struct kmsg_file {
	struct mutex lock;
	u64 seq;
	char text[RECORD_MAX];
	char line[RECORD_MAX * 4 + 64];
};

static int kmsg_open(struct inode *inode, struct file *f)
{
	struct kmsg_file *k;

	if (!(f->mode & FMODE_READ))
		return 0;
	k = kzalloc(sizeof(*k));
	if (!k)
		return -ENOMEM;
	mutex_init(&k->lock);
	k->seq = printk_first_seq();
	f->private = k;
	return 0;
}

static void kmsg_release(struct file *f)
{
	kfree(f->private);
}

static size_t format_record(struct kmsg_file *k, const struct printk_record *r, size_t len)
{
	size_t n = scnprintf(k->line, sizeof(k->line), "%u,%lu,%lu,-;", r->level, r->seq,
			     (u64)(r->time_ns / NSEC_PER_USEC));

	for (size_t i = 0; i < len; i++) {
		u8 c = k->text[i];

		if (c >= ' ' && c < 0x7f && c != '\\')
			k->line[n++] = c;
		else
			n += scnprintf(k->line + n, sizeof(k->line) - n, "\\x%02x", c);
	}
	k->line[n++] = '\n';
	return n;
}

static s64 read_record(struct kmsg_file *k, struct uio *u)
{
	struct printk_record r;
	u64 next = k->seq;
	s64 len = printk_read_record(&next, &r, k->text, sizeof(k->text));
	size_t n;

	if (len < 0)
		return -EAGAIN;
	if (r.seq != k->seq) {
		k->seq = r.seq;
		return -EPIPE;
	}
	n = format_record(k, &r, len);
	if (n > u->count)
		return -EINVAL;
	if (uio_copy_out(u, k->line, n) != n)
		return -EFAULT;
	k->seq = next;
	return n;
}

static s64 kmsg_read(struct file *f, struct uio *u, u64 *pos)
{
	struct kmsg_file *k = f->private;
	s64 n;

	if (!k)
		return -EBADF;
	for (;;) {
		mutex_lock(&k->lock);
		n = read_record(k, u);
		mutex_unlock(&k->lock);
		if (n != -EAGAIN || (f->flags & O_NONBLOCK))
			return n;
		n = wait_event_interruptible(&printk_wait, k->seq < printk_last_seq());
		if (n)
			return n;
	}
}

static s64 kmsg_write(struct file *f, struct uio *u, u64 *pos)
{
	char line[RECORD_MAX + 1], *text = line, *end;
	size_t n = MIN(u->count, (u64)RECORD_MAX);
	u64 count = u->count, level = (u32)READ_ONCE(printk_message_level);

	if (uio_copy_in(u, line, n) != n)
		return -EFAULT;
	line[n] = 0;
	end = line[0] == '<' ? strchr(line, '>') : NULL;
	if (end) {
		*end = 0;
		if (!parse_u64(line + 1, 10, &level))
			text = end + 1;
		else
			*end = '>';
	}
	printk("\001%c%s", (char)('0' + level % 8), text);
	return count;
}

static s64 kmsg_llseek(struct file *f, s64 off, int whence)
{
	struct kmsg_file *k = f->private;

	if (!k)
		return -EBADF;
	if (off)
		return -ESPIPE;
	mutex_lock(&k->lock);
	if (whence == SEEK_SET || whence == SEEK_DATA)
		k->seq = printk_first_seq();
	else if (whence == SEEK_END)
		k->seq = printk_last_seq();
	else
		off = -EINVAL;
	mutex_unlock(&k->lock);
	return off;
}

static u32 kmsg_poll(struct file *f, struct poll_table *t)
{
	struct kmsg_file *k = f->private;

	if (!k)
		return POLLOUT | POLLWRNORM;
	poll_wait(t, &printk_wait);
	if (k->seq < printk_first_seq())
		return POLLIN | POLLRDNORM | POLLERR | POLLPRI;
	return k->seq < printk_last_seq() ? POLLIN | POLLRDNORM : 0;
}

static const struct file_ops kmsg_fops = {
	.open = kmsg_open,
	.release = kmsg_release,
	.read = kmsg_read,
	.write = kmsg_write,
	.llseek = kmsg_llseek,
	.poll = kmsg_poll,
};

void kmsg_init(void)
{
	chardev_register(&(struct chardev){
		.dev = MKDEV(1, 11), .name = "kmsg", .mode = 0644, .ops = &kmsg_fops });
}

void device_init(void)
{
	random_init();
	kmsg_init();
	tty_init();
	bus_init();
}
