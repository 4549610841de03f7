// SPDX-License-Identifier: MIT
/*
 * /proc/PID/mounts and mountinfo: what is mounted where, as the process sees
 * it; and /proc/filesystems.
 *
 * Mounts outside of the process's root folder are left out. Under mount_mutex
 * the list does not change; tree_lock (spin) is taken only by the path functions.
 * Formats: proc(5); fstab(5) for the escapes.
 */
#include <kernel/fs/context.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/dev_number.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/path.h>
#include <kernel/fs/poll.h>
#include <kernel/fs/proc_text.h>
#include <kernel/fs/seq_open.h>
#include <kernel/fs/super_block.h>
#include <kernel/heap.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <uapi/mount.h>
#include <uapi/poll.h>
#include "proc.h"

#define ESCAPE_PATH " \t\n\\"
#define ESCAPE_NAME " \t\n\\#"

/* Data for all lines of a text. */
struct mounts_context {
	struct path root;
	char *buf;
};

static int context_init(struct mounts_context *context, struct process *p)
{
	struct fs_context *fs = process_fs_get(p);

	if (!fs)
		return -EINVAL; /* as on Linux for a zombie */
	context->buf = kmalloc(PATH_MAX);
	if (context->buf) {
		spin_lock(&fs->lock);
		context->root = fs->root;
		path_get(&context->root);
		spin_unlock(&fs->lock);
	}
	fs_context_put(fs);
	if (!context->buf)
		return -ENOMEM;
	return 0;
}

static void context_destroy(struct mounts_context *context)
{
	path_put(&context->root);
	kfree(context->buf);
}

/* The path at which @mount is mounted. @return NULL: not below the process's root */
static const char *mountpoint_text(struct mounts_context *context, struct mount *mount)
{
	const struct path path = { mount, mount->root };
	bool reached;
	const char *text = path_text_in(&path, &context->root, context->buf, PATH_MAX, &reached);

	if (IS_ERR(text) || !reached)
		return NULL;
	return text;
}

/* The path of a mount's root within its file system. */
static const char *root_text(struct mounts_context *context, struct mount *mount)
{
	char *start = context->buf + PATH_MAX - 1;
	struct dentry *d = mount->root;

	*start = 0;
	spin_lock(&tree_lock);
	for (; d != d->parent; d = d->parent) {
		u32 len = dentry_name_len(d);

		if (start - context->buf < len + 1) {
			start = NULL;
			break;
		}
		start -= len;
		memcpy(start, d->name, len);
		*--start = '/';
	}
	spin_unlock(&tree_lock);
	if (!start)
		return "?";
	if (*start)
		return start;
	return "/";
}

static void show_access(struct seq_file *seq, bool readonly)
{
	seq_puts(seq, readonly ? " ro" : " rw");
}

static void show_super_flags(struct seq_file *seq, u32 flags)
{
	static const struct proc_flag_name names[] = {
		{ MS_SYNCHRONOUS, ",sync" },
		{ MS_DIRSYNC, ",dirsync" },
		{ MS_MANDLOCK, ",mand" },
		{ MS_LAZYTIME, ",lazytime" },
	};

	proc_text_flags(seq, flags, names, ARRAY_SIZE(names));
}

static void show_mount_flags(struct seq_file *seq, u32 flags)
{
	static const struct proc_flag_name names[] = {
		{ MNT_NOSUID, ",nosuid" },	     { MNT_NODEV, ",nodev" },
		{ MNT_NOEXEC, ",noexec" },	     { MNT_NOATIME, ",noatime" },
		{ MNT_NODIRATIME, ",nodiratime" },   { MNT_RELATIME, ",relatime" },
		{ MNT_NOSYMFOLLOW, ",nosymfollow" },
	};

	proc_text_flags(seq, flags, names, ARRAY_SIZE(names));
}

static void show_options(struct seq_file *seq, struct super_block *sb)
{
	if (sb->ops && sb->ops->show_options)
		sb->ops->show_options(sb, seq);
}

static void show_source(struct seq_file *seq, const struct mount *mnt)
{
	seq_escape(seq, mnt->source ? mnt->source : "none", ESCAPE_NAME);
}

/* "tmpfs /tmp tmpfs rw,nosuid 0 0" */
static void show_mount(struct seq_file *seq, struct mounts_context *context, struct mount *mnt)
{
	const char *where = mountpoint_text(context, mnt);

	if (!where)
		return;
	show_source(seq, mnt);
	seq_putc(seq, ' ');
	seq_escape(seq, where, ESCAPE_PATH);
	seq_putc(seq, ' ');
	seq_escape(seq, mnt->sb->type->name, ESCAPE_NAME);
	show_access(seq, mount_is_readonly(mnt));
	show_super_flags(seq, mnt->sb->flags);
	show_mount_flags(seq, mnt->flags);
	show_options(seq, mnt->sb);
	seq_puts(seq, " 0 0\n");
}

/* "23 1 0:21 / /tmp rw,nosuid - tmpfs tmpfs rw" */
static void show_mountinfo(struct seq_file *seq, struct mounts_context *context, struct mount *mnt)
{
	size_t start = seq->count;
	const char *where;

	seq_printf(seq, "%u %u %u:%u ", mnt->id, mnt->parent->id, MAJOR(mnt->sb->dev),
		   MINOR(mnt->sb->dev));
	seq_escape(seq, root_text(context, mnt), ESCAPE_PATH);
	where = mountpoint_text(context, mnt);
	if (!where) {
		seq->count = start;
		return;
	}
	seq_putc(seq, ' ');
	seq_escape(seq, where, ESCAPE_PATH);
	show_access(seq, mnt->flags & MNT_RDONLY);
	show_mount_flags(seq, mnt->flags);
	seq_puts(seq, " - ");
	seq_escape(seq, mnt->sb->type->name, ESCAPE_NAME);
	seq_putc(seq, ' ');
	show_source(seq, mnt);
	show_access(seq, mnt->sb->flags & MS_RDONLY);
	show_super_flags(seq, mnt->sb->flags);
	show_options(seq, mnt->sb);
	seq_putc(seq, '\n');
}

static int show_all(struct seq_file *seq, struct process *p,
		    void (*show)(struct seq_file *seq, struct mounts_context *context,
				 struct mount *mount))
{
	struct mounts_context context;
	struct mount *mnt;
	int err = context_init(&context, p);

	if (err)
		return err;
	mutex_lock(&mount_mutex);
	list_for_each(mnt, &mount_list, all_link)
		show(seq, &context, mnt);
	mutex_unlock(&mount_mutex);
	context_destroy(&context);
	return 0;
}

int pid_show_mounts(struct seq_file *seq, const struct pid_target *target, struct file *f)
{
	return show_all(seq, target->p, show_mount);
}

int pid_show_mountinfo(struct seq_file *seq, const struct pid_target *target, struct file *f)
{
	return show_all(seq, target->p, show_mountinfo);
}

static int mounts_open(struct inode *inode, struct file *f)
{
	int err = pid_show_open(inode, f);

	if (!err)
		seq_poll_start(f, &mount_changes);
	return err;
}

static u32 mounts_poll(struct file *f, struct poll_table *table)
{
	if (seq_poll_changed(f, &mount_changes, table))
		return POLLIN | POLLRDNORM | POLLERR | POLLPRI;
	return POLLIN | POLLRDNORM;
}

const struct file_ops pid_mounts_fops = {
	.open = mounts_open,
	.release = seq_release,
	.read = seq_read,
	.llseek = seq_llseek,
	.poll = mounts_poll,
};

int filesystems_show(struct seq_file *seq, void *unused)
{
	fs_types_show(seq);
	return 0;
}
