// SPDX-License-Identifier: MIT
/*
 * /proc/PID/mounts and mountinfo: what is mounted where, as the process sees
 * it; and /proc/filesystems.
 *
 * Mounts outside of the process's root folder are left out. Under mount_mutex
 * the list stands still; tree_lock (spin) is taken only by the path functions.
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

/* What all lines of a text need. */
struct mounts_context {
	struct path root;
	char *buf;
};

static int context_init(struct mounts_context *c, struct process *p)
{
	struct fs_context *fs = process_fs_get(p);

	if (!fs)
		return -EINVAL; /* as Linux says of a zombie */
	c->buf = kmalloc(PATH_MAX);
	if (c->buf) {
		spin_lock(&fs->lock);
		c->root = fs->root;
		path_get(&c->root);
		spin_unlock(&fs->lock);
	}
	fs_context_put(fs);
	return c->buf ? 0 : -ENOMEM;
}

static void context_destroy(struct mounts_context *c)
{
	path_put(&c->root);
	kfree(c->buf);
}

/* Where @m is mounted. @return NULL: not below the process's root */
static const char *mountpoint_text(struct mounts_context *c, struct mount *m)
{
	const struct path at = { m, m->root };
	bool reached;
	const char *text = path_text_in(&at, &c->root, c->buf, PATH_MAX, &reached);

	return IS_ERR(text) || !reached ? NULL : text;
}

/* The path of a mount's root within its file system. */
static const char *root_text(struct mounts_context *c, struct mount *m)
{
	char *at = c->buf + PATH_MAX - 1;
	struct dentry *d = m->root;

	*at = 0;
	spin_lock(&tree_lock);
	for (; d != d->parent; d = d->parent) {
		u32 len = dentry_name_len(d);

		if (at - c->buf < len + 1) {
			at = NULL;
			break;
		}
		at -= len;
		memcpy(at, d->name, len);
		*--at = '/';
	}
	spin_unlock(&tree_lock);
	if (!at)
		return "?";
	return *at ? at : "/";
}

static void show_super_flags(struct seq_file *m, u32 flags)
{
	static const struct proc_flag_name names[] = {
		{ MS_SYNCHRONOUS, ",sync" },
		{ MS_DIRSYNC, ",dirsync" },
		{ MS_MANDLOCK, ",mand" },
		{ MS_LAZYTIME, ",lazytime" },
	};

	proc_text_flags(m, flags, names, ARRAY_SIZE(names));
}

static void show_mount_flags(struct seq_file *m, u32 flags)
{
	static const struct proc_flag_name names[] = {
		{ MNT_NOSUID, ",nosuid" },	     { MNT_NODEV, ",nodev" },
		{ MNT_NOEXEC, ",noexec" },	     { MNT_NOATIME, ",noatime" },
		{ MNT_NODIRATIME, ",nodiratime" },   { MNT_RELATIME, ",relatime" },
		{ MNT_NOSYMFOLLOW, ",nosymfollow" },
	};

	proc_text_flags(m, flags, names, ARRAY_SIZE(names));
}

static void show_options(struct seq_file *m, struct super_block *sb)
{
	if (sb->ops && sb->ops->show_options)
		sb->ops->show_options(sb, m);
}

static void show_source(struct seq_file *m, const struct mount *mnt)
{
	seq_escape(m, mnt->source ? mnt->source : "none", ESCAPE_NAME);
}

/* "tmpfs /tmp tmpfs rw,nosuid 0 0" */
static void show_mount(struct seq_file *m, struct mounts_context *c, struct mount *mnt)
{
	const char *where = mountpoint_text(c, mnt);

	if (!where)
		return;
	show_source(m, mnt);
	seq_putc(m, ' ');
	seq_escape(m, where, ESCAPE_PATH);
	seq_putc(m, ' ');
	seq_escape(m, mnt->sb->type->name, ESCAPE_NAME);
	seq_puts(m, mount_is_readonly(mnt) ? " ro" : " rw");
	show_super_flags(m, mnt->sb->flags);
	show_mount_flags(m, mnt->flags);
	show_options(m, mnt->sb);
	seq_puts(m, " 0 0\n");
}

/* "23 1 0:21 / /tmp rw,nosuid - tmpfs tmpfs rw" */
static void show_mountinfo(struct seq_file *m, struct mounts_context *c, struct mount *mnt)
{
	size_t start = m->count;
	const char *where;

	seq_printf(m, "%u %u %u:%u ", mnt->id, mnt->parent->id, MAJOR(mnt->sb->dev),
		   MINOR(mnt->sb->dev));
	seq_escape(m, root_text(c, mnt), ESCAPE_PATH);
	where = mountpoint_text(c, mnt);
	if (!where) {
		m->count = start;
		return;
	}
	seq_putc(m, ' ');
	seq_escape(m, where, ESCAPE_PATH);
	seq_puts(m, mnt->flags & MNT_RDONLY ? " ro" : " rw");
	show_mount_flags(m, mnt->flags);
	seq_puts(m, " - ");
	seq_escape(m, mnt->sb->type->name, ESCAPE_NAME);
	seq_putc(m, ' ');
	show_source(m, mnt);
	seq_puts(m, mnt->sb->flags & MS_RDONLY ? " ro" : " rw");
	show_super_flags(m, mnt->sb->flags);
	show_options(m, mnt->sb);
	seq_putc(m, '\n');
}

static int show_all(struct seq_file *m, struct process *p,
		    void (*show)(struct seq_file *m, struct mounts_context *c, struct mount *mnt))
{
	struct mounts_context c;
	struct mount *mnt;
	int err = context_init(&c, p);

	if (err)
		return err;
	mutex_lock(&mount_mutex);
	list_for_each(mnt, &mount_list, all_link)
		show(m, &c, mnt);
	mutex_unlock(&mount_mutex);
	context_destroy(&c);
	return 0;
}

int pid_show_mounts(struct seq_file *m, const struct pid_target *tg, struct file *f)
{
	return show_all(m, tg->p, show_mount);
}

int pid_show_mountinfo(struct seq_file *m, const struct pid_target *tg, struct file *f)
{
	return show_all(m, tg->p, show_mountinfo);
}

static int mounts_open(struct inode *i, struct file *f)
{
	int err = pid_show_open(i, f);

	if (!err)
		seq_poll_start(f, &mount_changes);
	return err;
}

static u32 mounts_poll(struct file *f, struct poll_table *t)
{
	return POLLIN | POLLRDNORM |
	       (seq_poll_changed(f, &mount_changes, t) ? POLLERR | POLLPRI : 0);
}

const struct file_ops pid_mounts_fops = {
	.open = mounts_open,
	.release = seq_release,
	.read = seq_read,
	.llseek = seq_llseek,
	.poll = mounts_poll,
};

int filesystems_show(struct seq_file *m, void *unused)
{
	fs_types_show(m);
	return 0;
}
