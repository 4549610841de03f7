// SPDX-License-Identifier: MIT
/*
 * /dev/kmsg: the kernel's log, one record per read(), in Linux's form:
 *
 *	6,339,5140900,-;text\n
 *
 * The fields are level, sequence number, microseconds since boot, flags, and the text.
 * Backslashes and bytes that are not printable appear as \xNN. Each open file has its
 * own position. If the ring has overwritten that position, one read fails with EPIPE
 * and the next continues with the oldest record. A write appends a record; "<N>" at its
 * start sets the level.
 *
 * Lock: kmsg_file.lock (mutex) guards the position, for processes that share the file.
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

#define KMSG_MINOR 11
#define RECORD_MAX 512

struct kmsg_file {
	struct mutex lock; /* all below */
	u64 seq;	   /* of the next record to read */
	char text[RECORD_MAX];
	char line[RECORD_MAX * 4 + 64];
};

static int kmsg_open(struct inode *inode, struct file *f)
{
	struct kmsg_file *reader;

	if (!(f->mode & FMODE_READ))
		return 0;
	reader = kzalloc(sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	mutex_init(&reader->lock);
	reader->seq = printk_first_seq();
	f->private = reader;
	return 0;
}

static void kmsg_release(struct file *f)
{
	kfree(f->private);
}

static size_t format_record(struct kmsg_file *reader, const struct printk_record *record,
			    size_t len)
{
	size_t length = scnprintf(reader->line, sizeof(reader->line), "%u,%lu,%lu,-;",
				  record->level, record->seq,
				  (u64)(record->time_ns / NSEC_PER_USEC));

	for (size_t i = 0; i < len; i++) {
		u8 byte = reader->text[i];

		if (byte >= ' ' && byte < 0x7f && byte != '\\')
			reader->line[length++] = byte;
		else
			length += scnprintf(reader->line + length, sizeof(reader->line) - length,
					    "\\x%02x", byte);
	}
	reader->line[length++] = '\n';
	return length;
}

/* The next record to the reader. @return its bytes; -EAGAIN: there is none yet; -EPIPE: records were lost */
static s64 read_record(struct kmsg_file *reader, struct uio *uio)
{
	struct printk_record record;
	u64 next = reader->seq;
	s64 len = printk_read_record(&next, &record, reader->text, sizeof(reader->text));
	size_t length;

	if (len < 0)
		return -EAGAIN;
	if (record.seq != reader->seq) {
		reader->seq = record.seq;
		return -EPIPE;
	}
	length = format_record(reader, &record, len);
	if (length > uio->count)
		return -EINVAL;
	if (uio_copy_out(uio, reader->line, length) != length)
		return -EFAULT;
	reader->seq = next;
	return length;
}

static s64 kmsg_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct kmsg_file *reader = f->private;
	s64 result;

	if (!reader)
		return -EBADF;
	for (;;) {
		mutex_lock(&reader->lock);
		result = read_record(reader, uio);
		mutex_unlock(&reader->lock);
		if (result != -EAGAIN || (f->flags & O_NONBLOCK))
			return result;
		result = wait_event_interruptible(&printk_wait, reader->seq < printk_last_seq());
		if (result)
			return result;
	}
}

static s64 kmsg_write(struct file *f, struct uio *uio, u64 *pos)
{
	char line[RECORD_MAX + 1], *text = line, *end;
	size_t length = MIN(uio->count, (u64)RECORD_MAX);
	u64 count = uio->count, level = (u32)READ_ONCE(printk_message_level);

	if (uio_copy_in(uio, line, length) != length)
		return -EFAULT;
	line[length] = 0;
	end = strchr(line, '>');
	if (end && line[0] == '<') {
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
	struct kmsg_file *reader = f->private;

	if (!reader)
		return -EBADF;
	if (off)
		return -ESPIPE;
	mutex_lock(&reader->lock);
	if (whence == SEEK_SET || whence == SEEK_DATA)
		reader->seq = printk_first_seq();
	else if (whence == SEEK_END)
		reader->seq = printk_last_seq();
	else
		off = -EINVAL;
	mutex_unlock(&reader->lock);
	return off;
}

static u32 kmsg_poll(struct file *f, struct poll_table *table)
{
	struct kmsg_file *reader = f->private;

	if (!reader)
		return POLLOUT | POLLWRNORM;
	poll_wait(table, &printk_wait);
	if (reader->seq < printk_first_seq())
		return POLLIN | POLLRDNORM | POLLERR | POLLPRI;
	if (reader->seq < printk_last_seq())
		return POLLIN | POLLRDNORM;
	return 0;
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
	chardev_register_own(&(struct chardev){ .dev = MKDEV(MEM_MAJOR, KMSG_MINOR),
						.name = "kmsg",
						.mode = 0644,
						.ops = &kmsg_fops });
}
