// SPDX-License-Identifier: MIT
/*
 * /proc/PID/exe, cwd, root, fd/ and fdinfo/.
 *
 * These links lead to the file that the process has open, not to a name: following
 * one (inode_ops.follow) works after the name was removed, and for files that never
 * had one ("pipe:[7]"). Reading one returns the name as the reader sees it.
 *
 * A thread that follows or reads one must be allowed to access the process.
 */
#include <kernel/fs/context.h>
#include <kernel/fs/dentry.h>
#include <kernel/fs/dir_context.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/mount.h>
#include <kernel/fs/path.h>
#include <kernel/fs/proc.h>
#include <kernel/fs/seq_open.h>
#include <kernel/seq_file.h>
#include <kernel/vm.h>
#include <uapi/dirent.h>
#include <uapi/fcntl.h>
#include <uapi/stat.h>
#include "proc.h"

/* ---- links ---- */

/* The target of a link of the process, counted. -ENOENT: it has none (any more). */
typedef int (*link_fn)(const struct inode *inode, const struct pid_target *target,
		       struct path *out);

static int link_get(const struct inode *inode, link_fn get, struct path *out)
{
	struct pid_target target;
	int err;

	if (!pid_target_get(inode, &target))
		return -ENOENT;
	if (!pid_may_access(current_cred(), &target))
		err = -EACCES;
	else
		err = get(inode, &target, out);
	pid_target_put(&target);
	return err;
}

static const char *proc_link_text(const struct inode *inode, link_fn get, char *buf)
{
	struct path path;
	int err = link_get(inode, get, &path);
	char *text;

	if (err)
		return ERR_PTR(err);
	text = path_text(&path, buf, PATH_MAX);
	path_put(&path);
	return text;
}

static int exe_get(const struct inode *inode, const struct pid_target *target, struct path *out)
{
	struct vm_space *space;
	int err = pid_space_get(target, current_cred(), &space);

	if (err)
		return err;
	if (!space)
		return -ENOENT;
	if (space->exe) {
		*out = space->exe->path;
		path_get(out);
	} else {
		err = -ENOENT;
	}
	vm_space_put(space);
	return err;
}

static int context_path(const struct pid_target *target, bool root, struct path *out)
{
	struct fs_context *fs = process_fs_get(target->p);

	if (!fs)
		return -ENOENT;
	spin_lock(&fs->lock);
	*out = root ? fs->root : fs->cwd;
	path_get(out);
	spin_unlock(&fs->lock);
	fs_context_put(fs);
	return 0;
}

static int cwd_get(const struct inode *inode, const struct pid_target *target, struct path *out)
{
	return context_path(target, false, out);
}

static int root_get(const struct inode *inode, const struct pid_target *target, struct path *out)
{
	return context_path(target, true, out);
}

/*
 * Under sig_lock a thread that is in the list has a table; taking a reference on the table would make its
 * owner count every file it uses meanwhile.
 */
struct file *proc_file_of(struct process *p, struct thread *t, u32 fd, bool *cloexec)
{
	struct file *f = NULL;
	u64 flags = spin_lock_irqsave(&p->sig_lock);

	if (list_empty(&t->proc_link)) { /* the first thread ended before others */
		if (list_empty(&p->threads))
			t = NULL;
		else
			t = list_first(&p->threads, struct thread, proc_link);
	}
	if (t && t->files)
		f = files_get_file_flags(t->files, fd, cloexec);
	spin_unlock_irqrestore(&p->sig_lock, flags);
	return f;
}

static int fd_get_link(const struct inode *inode, const struct pid_target *target, struct path *out)
{
	bool cloexec;
	struct file *f = proc_file_of(target->p, target->t, node_index(inode), &cloexec);

	if (!f)
		return -ENOENT;
	*out = f->path;
	path_get(out);
	file_put(f);
	return 0;
}

#define LINK(name, get)                                                \
	static const char *name##_readlink(struct inode *i, char *buf) \
	{                                                              \
		return proc_link_text(i, get, buf);                    \
	}                                                              \
	static int name##_follow(struct inode *i, struct path *out)    \
	{                                                              \
		return link_get(i, get, out);                          \
	}                                                              \
	const struct inode_ops pid_##name##_ops = {                    \
		.readlink = name##_readlink,                           \
		.follow = name##_follow,                               \
		.setattr = pid_setattr,                                \
	}
LINK(exe, exe_get);
LINK(cwd, cwd_get);
LINK(root, root_get);
LINK(fd, fd_get_link);

/* ---- fd/ and fdinfo/ ---- */

static bool has_fd(const struct inode *dir, u32 fd, u32 *mode)
{
	struct pid_target target;
	struct file *f;
	bool cloexec;

	if (!pid_target_get(dir, &target))
		return false;
	f = proc_file_of(target.p, target.t, fd, &cloexec);
	pid_target_put(&target);
	if (!f)
		return false;
	*mode = f->mode;
	file_put(f);
	return true;
}

static const struct inode_ops fdinfo_ops = { .setattr = pid_setattr };
static const struct file_ops fdinfo_fops;

/* The link's rights show how the file was opened. */
static mode_t fd_link_mode(u32 mode)
{
	mode_t rights = 0;

	if (mode & FMODE_READ)
		rights |= 0500;
	if (mode & FMODE_WRITE)
		rights |= 0300;
	return S_IFLNK | rights;
}

static int fd_lookup_kind(struct inode *dir, struct dentry *d, u32 kind)
{
	u32 fd, mode, bits = (node_bits(dir) & NODE_TASK) | kind;
	int err;

	d->flags |= DENTRY_NOCACHE;
	if (!pid_parse_name(d, &fd) || fd > NODE_INDEX || !has_fd(dir, fd, &mode))
		return 0;
	if (kind == NODE_FDINFO)
		return pid_instantiate(dir, d, node_ino(node_tid(dir), bits | fd), S_IFREG | 0400,
				       &fdinfo_ops, &fdinfo_fops);
	err = pid_instantiate(dir, d, node_ino(node_tid(dir), bits | fd), fd_link_mode(mode),
			      &pid_fd_ops, NULL);
	if (!err)
		d->inode->size = 64; /* as on Linux */
	return err;
}

static int fd_readdir_kind(struct file *f, struct dir_context *context, u32 kind, u32 type)
{
	u32 bits = (node_bits(f->inode) & NODE_TASK) | kind;
	pid_t tid = node_tid(f->inode);
	struct files *files;
	int fd;

	if (!pid_fill_dots(f, context))
		return 0;
	files = process_files_get(f->inode->private);
	if (!files)
		return -ENOENT;
	for (fd = files_next_fd(files, (u32)(context->pos - 2)); fd >= 0;
	     fd = files_next_fd(files, (u32)fd + 1))
		if (!pid_fill_number(context, (u64)fd + 2, (u32)fd, node_ino(tid, bits | (u32)fd),
				     type))
			break;
	files_put(files);
	return 0;
}

static int proc_fd_lookup(struct inode *dir, struct dentry *d)
{
	return fd_lookup_kind(dir, d, NODE_FD);
}
static int fdinfo_lookup(struct inode *dir, struct dentry *d)
{
	return fd_lookup_kind(dir, d, NODE_FDINFO);
}

static int fd_readdir(struct file *f, struct dir_context *context)
{
	return fd_readdir_kind(f, context, NODE_FD, DT_LNK);
}

static int fdinfo_readdir(struct file *f, struct dir_context *context)
{
	return fd_readdir_kind(f, context, NODE_FDINFO, DT_REG);
}

/* A process may read its own, even if it is not the owner (any more). */
static int fd_dir_permission(struct inode *inode, int mask)
{
	if (current->proc && inode->private == current->proc)
		return 0;
	return pid_class_permission(inode, mask);
}

static int fdinfo_dir_open(struct inode *inode, struct file *f)
{
	return pid_check_access(inode, f->cred);
}

const struct inode_ops fd_dir_ops = {
	.lookup = proc_fd_lookup,
	.permission = fd_dir_permission,
	.setattr = pid_setattr,
};
const struct file_ops fd_dir_fops = { .readdir = fd_readdir };
const struct inode_ops fdinfo_dir_ops = {
	.lookup = fdinfo_lookup,
	.permission = fd_dir_permission,
	.setattr = pid_setattr,
};
const struct file_ops fdinfo_dir_fops = { .open = fdinfo_dir_open, .readdir = fdinfo_readdir };

/* ---- fdinfo/N ---- */

static void show_fdinfo(struct seq_file *seq, struct file *shown, bool cloexec)
{
	u32 flags = shown->flags & ~O_CLOEXEC, mount_id = 0;
	s64 pos = 0;

	if (cloexec)
		flags |= O_CLOEXEC;
	if (shown->path.mnt)
		mount_id = shown->path.mnt->id;
	if (!(shown->mode & FMODE_STREAM))
		pos = (s64)shown->pos;
	seq_printf(seq, "pos:\t%ld\nflags:\t0%o\nmnt_id:\t%u\nino:\t%lu\n", pos, flags, mount_id,
		   shown->inode->ino);
	if (shown->ops && shown->ops->show_fdinfo)
		shown->ops->show_fdinfo(shown, seq);
}

static int fdinfo_generate(struct seq_file *seq, struct file *f)
{
	struct pid_target target;
	struct file *shown;
	bool cloexec;

	if (!pid_target_get(f->inode, &target))
		return -ESRCH;
	if (!pid_may_access(f->cred, &target)) {
		pid_target_put(&target);
		return -EACCES;
	}
	shown = proc_file_of(target.p, target.t, node_index(f->inode), &cloexec);
	pid_target_put(&target);
	if (!shown)
		return -ENOENT;
	show_fdinfo(seq, shown, cloexec);
	file_put(shown);
	return 0;
}

static int fdinfo_open(struct inode *inode, struct file *f)
{
	int err = pid_check_access(inode, f->cred);

	if (err)
		return err;
	return seq_open(f, fdinfo_generate);
}

static const struct file_ops fdinfo_fops = {
	.open = fdinfo_open,
	.release = seq_release,
	.read = seq_read,
	.llseek = seq_llseek,
};
