// SPDX-License-Identifier: MIT
/*
 * Orders for the failure injector: /proc/sys/vm/fail, the rules for all, in the
 * words of the command line, and /proc/PID/fail-nth: which of a thread's next
 * allocations fails.
 *
 * The latter as in Linux (Documentation/fault-injection/fault-injection.rst): write N, do
 * something, read. 0: the Nth allocation was reached and has failed. Another
 * number: so many more would have been needed; write 0 to end it. Only for
 * super users. Neither the read nor the write allocates while an order of the
 * own thread is active, so they don't count.
 */
#include <kernel/fault_injection.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/proc.h>
#include <kernel/fs/seq_open.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include "proc.h"

#define TEXT_SIZE 16

static int fail_nth_open(struct inode *inode, struct file *f)
{
	if (!current_capable(CAP_SYS_RESOURCE))
		return -EPERM;
	return 0;
}

static s64 fail_nth_read(struct file *f, struct uio *uio, u64 *pos)
{
	struct pid_target target;
	char text[TEXT_SIZE];
	u64 len, length;

	if (!pid_target_get(f->inode, &target))
		return -ESRCH;
	len = (u64)scnprintf(text, sizeof(text), "%u\n", READ_ONCE(target.t->fail_nth));
	pid_target_put(&target);
	if (*pos >= len)
		return 0;
	length = uio_copy_out(uio, text + *pos, len - *pos);
	*pos += length;
	if (!length)
		return -EFAULT;
	return (s64)length;
}

static s64 fail_nth_write(struct file *f, struct uio *uio, u64 *pos)
{
	struct pid_target target;
	char text[TEXT_SIZE];
	u64 length = uio->count;
	s64 nth;
	int err;

	if (length >= sizeof(text))
		return -EINVAL;
	if (uio_copy_in(uio, text, length) < length)
		return -EFAULT;
	text[length] = 0;
	err = seq_parse_number(text, &nth);
	if (err)
		return err;
	if (nth < 0 || nth > INT32_MAX)
		return -EINVAL;
	if (!pid_target_get(f->inode, &target))
		return -ESRCH;
	fault_set_nth(target.t, (u32)nth);
	pid_target_put(&target);
	*pos += length;
	return (s64)length;
}

const struct file_ops fail_nth_fops = {
	.open = fail_nth_open,
	.read = fail_nth_read,
	.write = fail_nth_write,
	.llseek = seq_llseek,
};

/* ---- rules ---- */

static int show_rules(struct seq_file *seq, void *unused)
{
	fault_show(seq);
	return 0;
}

static int write_rules(char *text, size_t len, void *unused)
{
	return fault_set_rules(text);
}

int proc_fault_init(void)
{
	if (!proc_create_rw("sys/vm/fail", 0600, show_rules, write_rules, NULL))
		return -ENOMEM;
	return 0;
}
