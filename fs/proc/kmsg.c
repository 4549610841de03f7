// SPDX-License-Identifier: MIT
/*
 * The kernel's log for programs that consume it: /proc/kmsg and syslog(2).
 *
 * Both read from one position that the whole system shares: a record that one
 * reader got is not given to the next. A formatted record is kept until its last
 * byte was read, because a reader's buffer may end within it. (/dev/kmsg has a
 * position for each open file, and syslog's READ_ALL consumes nothing.)
 *
 * Lock: syslog_lock (mutex) guards the position and the levels. It is not held
 * while a reader sleeps.
 */
#include <kernel/fs/file.h>
#include <kernel/fs/generated.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/poll.h>
#include <kernel/fs/seq_open.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/printk_wait.h>
#include <kernel/process.h>
#include <kernel/string.h>
#include <kernel/syscalls.h>
#include <kernel/uaccess.h>
#include "proc.h"

/* syslog(2) */
enum {
	CLOSE,
	OPEN,
	READ,
	READ_ALL,
	READ_CLEAR,
	CLEAR,
	CONSOLE_OFF,
	CONSOLE_ON,
	CONSOLE_LEVEL,
	SIZE_UNREAD,
	SIZE_BUFFER
};
#define LEVEL_MIN    1
#define LEVEL_MAX    8
#define PENDING_SIZE 2048 /* more than one record */

static DEFINE_MUTEX(syslog_lock);
static u64 read_seq;		   /* the record to be read next */
static u64 clear_seq;		   /* older ones are hidden from READ_ALL */
static char pending[PENDING_SIZE]; /* the records before it that were not read */
static u32 pending_at, pending_end;
static int saved_level = -1; /* before CONSOLE_OFF */

static bool has_unread(void)
{
	return READ_ONCE(pending_at) != READ_ONCE(pending_end) ||
	       READ_ONCE(read_seq) != printk_last_seq();
}

static bool may_take(void)
{
	return current_capable(CAP_SYSLOG) || current_capable(CAP_SYS_ADMIN);
}

/* Read the available records, under syslog_lock. */
static s64 read_some(struct uio *uio)
{
	s64 done = 0;

	assert_held(&syslog_lock);
	while (uio->count) {
		u64 want, length;

		if (pending_at == pending_end) {
			pending_at = 0;
			pending_end = (u32)printk_read(&read_seq, pending, sizeof(pending));
			if (!pending_end)
				break;
		}
		want = MIN((u64)(pending_end - pending_at), uio->count);
		length = uio_copy_out(uio, pending + pending_at, want);
		pending_at += (u32)length;
		done += (s64)length;
		if (length < want) {
			if (done)
				return done;
			return -EFAULT;
		}
	}
	return done;
}

static s64 read_waiting(struct uio *uio, bool wait)
{
	s64 result = 0;

	while (uio->count) {
		int err;

		mutex_lock(&syslog_lock);
		result = read_some(uio);
		mutex_unlock(&syslog_lock);
		if (result)
			break;
		if (!wait)
			return -EAGAIN;
		err = wait_event_interruptible(&printk_wait, has_unread());
		if (err)
			return err;
	}
	return result;
}

/* ---- /proc/kmsg ---- */

static int proc_kmsg_open(struct inode *inode, struct file *f)
{
	if (!may_take())
		return -EPERM;
	return 0;
}

static s64 proc_kmsg_read(struct file *f, struct uio *uio, u64 *pos)
{
	return read_waiting(uio, !(f->flags & O_NONBLOCK));
}

static u32 proc_kmsg_poll(struct file *f, struct poll_table *table)
{
	poll_wait(table, &printk_wait);
	if (has_unread())
		return POLLIN | POLLRDNORM;
	return 0;
}

static const struct file_ops kmsg_fops = {
	.open = proc_kmsg_open,
	.read = proc_kmsg_read,
	.poll = proc_kmsg_poll,
	.llseek = seq_llseek,
};

int proc_kmsg_init(void)
{
	const struct gen_spec spec = { .mode = S_IFREG | 0400, .fops = &kmsg_fops };

	if (!gen_create(&proc_tree, "kmsg", &spec))
		return -ENOMEM;
	return 0;
}

/* ---- syslog(2) ---- */

/* The last whole records that fit into @len bytes, of those since the last CLEAR. */
static s64 read_last(uaddr_t to, u64 len)
{
	u64 seq = READ_ONCE(clear_seq), total = printk_unread(seq), skip = 0;
	char *text = kvzalloc(total + 1);
	s64 ret;

	if (!text)
		return -ENOMEM;
	total = printk_read(&seq, text, total);
	if (total > len) {
		const char *next = strstr(text + (total - len), "\n<");

		if (next)
			skip = (u64)(next + 1 - text);
		else
			skip = total;
	}
	if (copy_to_user(to, text + skip, total - skip))
		ret = -EFAULT;
	else
		ret = (s64)(total - skip);
	kvfree(text);
	return ret;
}

static s64 set_level(u64 action, int level)
{
	mutex_lock(&syslog_lock);
	switch (action) {
	case CONSOLE_OFF:
		if (saved_level < 0)
			saved_level = console_loglevel;
		console_loglevel = printk_console_min;
		break;
	case CONSOLE_ON:
		if (saved_level >= 0)
			console_loglevel = saved_level;
		saved_level = -1;
		break;
	default: console_loglevel = MAX(level, READ_ONCE(printk_console_min)); saved_level = -1;
	}
	mutex_unlock(&syslog_lock);
	return 0;
}

static s64 size_unread(void)
{
	s64 size;

	mutex_lock(&syslog_lock);
	size = (s64)(printk_unread(read_seq) + pending_end - pending_at);
	mutex_unlock(&syslog_lock);
	return size;
}

static s64 read_action(int action, uaddr_t buf, int len)
{
	struct uio uio;
	s64 result;

	if (!buf || len < 0)
		return -EINVAL;
	if (!len)
		return 0;
	if (action == READ) {
		if (uio_init_user(&uio, buf, (u64)len))
			return -EFAULT;
		return read_waiting(&uio, true);
	}
	result = read_last(buf, (u64)len);
	if (action == READ_CLEAR && result >= 0)
		WRITE_ONCE(clear_seq, printk_last_seq());
	return result;
}

SYSCALL3(syslog, type, buf, len)
{
	int action = (int)type;

	if (action != READ_ALL && action != SIZE_BUFFER && !may_take())
		return -EPERM;
	switch (action) {
	case CLOSE:
	case OPEN: return 0;
	case READ:
	case READ_ALL:
	case READ_CLEAR: return read_action(action, uaddr(buf), (int)len);
	case CLEAR: WRITE_ONCE(clear_seq, printk_last_seq()); return 0;
	case CONSOLE_LEVEL:
		if ((int)len < LEVEL_MIN || (int)len > LEVEL_MAX)
			return -EINVAL;
		return set_level((u64)action, (int)len);
	case CONSOLE_OFF:
	case CONSOLE_ON: return set_level((u64)action, (int)len);
	case SIZE_UNREAD: return size_unread();
	case SIZE_BUFFER: return CONFIG_LOG_BUF_KIB * 1024;
	}
	return -EINVAL;
}
