// SPDX-License-Identifier: MIT
/*
 * /proc: the file system type and its root.
 *
 * The root shows two things at once: a tree of generated files (fs/generated/tree.c),
 * to which any part of the kernel adds, and a folder for each process, found by
 * number at each look-up (pid.c). In a listing the tree is first, as
 * its positions are small numbers; a process is at PID_POS plus its number.
 */
#include <kernel/fs/dentry.h>
#include <kernel/fs/dir_context.h>
#include <kernel/fs/file.h>
#include <kernel/fs/generated.h>
#include <kernel/fs/init.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/path.h>
#include <kernel/fs/proc.h>
#include <kernel/fs/super_block.h>
#include <kernel/heap.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <uapi/dirent.h>
#include <uapi/stat.h>
#include <uapi/statfs.h>
#include "proc.h"

#define PID_POS (1ull << 32)

struct gen_tree proc_tree;

/* ---- the interface ---- */

struct proc_entry *proc_create_rw(const char *path, mode_t mode,
				  int (*show)(struct seq_file *, void *),
				  int (*write)(char *text, size_t len, void *arg), void *arg)
{
	const struct gen_spec spec = {
		.mode = S_IFREG | (mode & S_IALLUGO),
		.show = show,
		.write = write,
		.arg = arg,
	};

	return gen_create(&proc_tree, path, &spec);
}

struct proc_entry *proc_create(const char *path, mode_t mode,
			       int (*show)(struct seq_file *m, void *arg), void *arg)
{
	return proc_create_rw(path, mode, show, NULL, arg);
}

struct proc_entry *proc_symlink(const char *path, const char *target)
{
	const struct gen_spec spec = { .mode = S_IFLNK | 0777, .target = target };

	return gen_create(&proc_tree, path, &spec);
}

struct proc_entry *proc_mkdir(const char *path)
{
	const struct gen_spec spec = { .mode = S_IFDIR | 0555 };

	return gen_create(&proc_tree, path, &spec);
}

void proc_remove(struct proc_entry *entry)
{
	if (entry)
		gen_remove(entry);
}

/* ---- the root ---- */

static int root_lookup(struct inode *dir, struct dentry *d)
{
	if (d->name[0] >= '1' && d->name[0] <= '9')
		return pid_lookup_root(dir, d);
	return gen_lookup(dir, d);
}

static int root_readdir(struct file *f, struct dir_context *context)
{
	u64 next = 1;
	struct process *p;

	if (context->pos > PID_POS)
		next = context->pos - PID_POS;

	if (context->pos < PID_POS && !gen_readdir(f, context))
		return 0;
	while (next < 1u << 31 && (p = process_next((pid_t)next))) {
		pid_t pid = p->pid;

		process_put(p);
		if (!pid_fill_number(context, PID_POS + (u32)pid, (u32)pid, node_ino(pid, 0),
				     DT_DIR))
			break;
		next = (u64)pid + 1;
	}
	return 0;
}

/* As Linux counts: what is always there, and the processes. */
static void root_getattr(struct inode *inode, struct kstat *stat)
{
	gen_getattr(inode, stat);
	stat->nlink += process_count();
}

static const struct inode_ops root_ops = {
	.lookup = root_lookup,
	.setattr = gen_setattr,
	.getattr = root_getattr,
};
static const struct file_ops root_fops = { .readdir = root_readdir };

static const char *self_readlink(char *buf)
{
	if (!current->proc)
		return ERR_PTR(-ENOENT);
	*text_put_u64(buf, current->proc->pid) = 0;
	return buf;
}

static const char *thread_self_readlink(char *buf)
{
	if (!current->proc)
		return ERR_PTR(-ENOENT);
	snprintf(buf, LINK_SHORT, "%d/task/%d", current->proc->pid, current->tid);
	return buf;
}

/* ---- the type ---- */

static void proc_evict_inode(struct inode *inode)
{
	if (gen_evict(inode))
		return;
	if (inode->private)
		process_put(inode->private);
}

/* Everybody sees all processes: options that ask for less are refused, those that ask for that are taken. */
static bool option_is_met(const char *word, size_t len)
{
	static const char *const met[] = { "", "hidepid=0", "hidepid=off" };

	for (u32 i = 0; i < ARRAY_SIZE(met); i++)
		if (len == strlen(met[i]) && !memcmp(word, met[i], len))
			return true;
	return len > 4 && !memcmp(word, "gid=", 4); /* whom hidepid would leave out */
}

static int check_options(const char *text)
{
	while (text && *text) {
		const char *end = strchr(text, ',');
		size_t len = end ? (size_t)(end - text) : strlen(text);

		if (!option_is_met(text, len))
			return -EINVAL;
		text += len + (end != NULL);
	}
	return 0;
}

static int proc_remount(struct super_block *sb, u32 flags, const char *options)
{
	return check_options(options);
}

static const struct super_ops proc_super_ops = {
	.evict_inode = proc_evict_inode,
	.statfs = gen_statfs,
	.remount = proc_remount,
	.revalidate = pid_revalidate,
};

static int proc_mount(struct fs_type *type, u32 flags, const char *source, const char *options,
		      struct super_block **out)
{
	int err = check_options(options);

	if (err)
		return err;
	return gen_mount(&proc_tree, type, &proc_super_ops, PROC_SUPER_MAGIC, &root_ops, &root_fops,
			 out);
}

static struct fs_type proc_type = { .name = "proc", .flags = FS_NODEV, .mount = proc_mount };

void procfs_init(void)
{
	const struct gen_spec self = { .mode = S_IFLNK | 0777, .readlink = self_readlink };
	const struct gen_spec thread_self = { .mode = S_IFLNK | 0777,
					      .readlink = thread_self_readlink };
	int err = gen_tree_init(&proc_tree, 0555, 0, -EIO);

	if (!err && (!gen_create(&proc_tree, "self", &self) ||
		     !gen_create(&proc_tree, "thread-self", &thread_self) ||
		     !proc_symlink("mounts", "self/mounts") || !proc_mkdir("net")))
		err = -ENOMEM;
	if (!err)
		err = proc_system_init();
	if (!err)
		err = proc_sysctl_init();
	if (!err)
		err = proc_kmsg_init();
	if (!err)
		err = proc_fault_init();
	if (!err)
		err = proc_leak_init();
	if (!err)
		err = proc_scheduler_init();
	if (!err)
		err = fs_register(&proc_type);
	if (err)
		boot_stop("not enough memory for /proc");
}
