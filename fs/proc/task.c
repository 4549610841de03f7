// SPDX-License-Identifier: MIT
/*
 * /proc/PID/task: a folder for each thread, named by its number.
 *
 * The list of threads has no order, and a listing must neither miss a thread
 * nor take time that grows with the square of their number. So each call
 * collects the numbers of all threads, under process.sig_lock, and sorts them.
 */
#include <kernel/fs/dentry.h>
#include <kernel/fs/dir_context.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/heap.h>
#include <kernel/sort.h>
#include <uapi/dirent.h>
#include <uapi/stat.h>
#include "proc.h"

static int task_lookup(struct inode *dir, struct dentry *d)
{
	struct process *p = dir->private;
	struct thread *t;
	bool found;
	u32 tid;

	d->flags |= DENTRY_NOCACHE;
	if (!pid_parse_name(d, &tid))
		return 0;
	t = thread_find((pid_t)tid);
	if (!t)
		return 0;
	found = t->proc == p;
	thread_put(t);
	if (!found)
		return 0;
	return pid_instantiate(dir, d, node_ino((pid_t)tid, NODE_TASK), S_IFDIR | 0555,
			       &pid_dir_ops, &pid_dir_fops);
}

static int by_number(const void *left, const void *right, void *unused)
{
	u32 left_nr = *(const u32 *)left, right_nr = *(const u32 *)right;

	if (left_nr < right_nr)
		return -1;
	return left_nr > right_nr;
}

/*
 * All numbers from @from on, sorted. The first thread counts until the process
 * is reaped, though it leaves the list when it ends.
 * @return how many are in *@out (to be freed), or -ENOMEM
 */
static s64 collect_numbers(struct process *p, u32 from, u32 **out)
{
	u32 room = READ_ONCE(p->nr_threads) + 16, count = 0;
	struct thread *t;
	u64 flags;

	*out = kvzalloc(room * sizeof(u32));
	if (!*out)
		return -ENOMEM;
	if (p->pid >= (pid_t)from)
		(*out)[count++] = (u32)p->pid;
	flags = spin_lock_irqsave(&p->sig_lock);
	list_for_each(t, &p->threads, proc_link)
		if (t->tid >= (pid_t)from && t->tid != p->pid && count < room)
			(*out)[count++] = (u32)t->tid;
	spin_unlock_irqrestore(&p->sig_lock, flags);
	sort(*out, count, sizeof(u32), by_number, NULL);
	return count;
}

static int task_readdir(struct file *f, struct dir_context *context)
{
	struct process *p = f->inode->private;
	struct thread *first = thread_find(node_tid(f->inode));
	u32 *numbers;
	s64 result;

	if (!first)
		return -ENOENT;
	thread_put(first);
	if (!pid_fill_dots(f, context))
		return 0;
	result = collect_numbers(p, (u32)(context->pos - 2), &numbers);
	if (result < 0)
		return (int)result;
	for (s64 i = 0; i < result; i++)
		if (!pid_fill_number(context, (u64)numbers[i] + 2, numbers[i],
				     node_ino((pid_t)numbers[i], NODE_TASK), DT_DIR))
			break;
	kvfree(numbers);
	return 0;
}

static void task_getattr(struct inode *inode, struct kstat *stat)
{
	struct thread *t = thread_find(node_tid(inode));

	if (!t)
		return;
	if (t->proc == inode->private)
		stat->nlink = READ_ONCE(t->proc->nr_threads) + 2;
	thread_put(t);
}

const struct inode_ops task_dir_ops = {
	.lookup = task_lookup,
	.getattr = task_getattr,
	.setattr = pid_setattr,
};
const struct file_ops task_dir_fops = { .readdir = task_readdir };
