// SPDX-License-Identifier: MIT
/*
 * /proc/PID: what is in a process's folder, and whose it is.
 *
 * A process may end, execute another program or change its identity at any
 * moment. So every access starts with pid_target_get(), which finds the thread
 * by number and checks that it still belongs to the process that the inode
 * holds, because the number may have been reused. A reader of more than ps shows
 * must be allowed to access the process (Linux's ptrace_may_access() with the
 * credentials for files):
 *
 * - Files about its memory (mem, environ, auxv, maps, smaps) check that at the
 *   open, and show the memory that the process had then: once it has executed
 *   another program, they read as empty.
 * - Texts about its state (stat's addresses, wchan, stack, personality) check it at
 *   each read, for the reader and for the opener.
 * - Links (exe, cwd, root, fd/) check it whenever they are read or followed.
 *
 * The owner of an inode is the effective user of the process; the super user
 * where the process may not be dumped (it runs, or ran, with more rights than
 * its user's, or a program that its user may not read) or has ended.
 */
#include <kernel/fs/dentry.h>
#include <kernel/fs/dir_context.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/name.h>
#include <kernel/fs/proc.h>
#include <kernel/fs/seq_open.h>
#include <kernel/fs/super_block.h>
#include <kernel/heap.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/vm.h>
#include <uapi/dirent.h>
#include <uapi/stat.h>
#include "proc.h"

/* ---- targets ---- */

bool pid_target_get(const struct inode *inode, struct pid_target *out)
{
	struct thread *t = thread_find(node_tid(inode));

	if (!t)
		return false;
	if (t->proc != inode->private) {
		thread_put(t);
		return false;
	}
	*out = (struct pid_target){ .p = inode->private,
				    .t = t,
				    .task = node_bits(inode) & NODE_TASK };
	return true;
}

struct process *proc_folder_process(const struct file *f)
{
	struct pid_target target;

	if (f->ops != &pid_dir_fops || !pid_target_get(f->inode, &target))
		return NULL;
	if (target.task) {
		pid_target_put(&target);
		return NULL;
	}
	process_get(target.p);
	pid_target_put(&target);
	return target.p;
}

bool pid_may_access(const struct cred *cred, const struct pid_target *target)
{
	if (target->p == current->proc && cred == current_cred())
		return true;
	return cred_may_look_into(cred, target->t, LOOK_AS_FS);
}

bool pid_reader_may_access(const struct file *f, const struct pid_target *target)
{
	const struct cred *cred = current_cred();

	return pid_may_access(cred, target) && (f->cred == cred || pid_may_access(f->cred, target));
}

int pid_check_access(const struct inode *inode, const struct cred *cred)
{
	struct pid_target target;
	int err;

	if (!pid_target_get(inode, &target))
		return -ESRCH;
	if (!pid_may_access(cred, &target))
		err = -EACCES;
	else
		err = 0;
	pid_target_put(&target);
	return err;
}

/*
 * First the space, then the question whether it may be seen: exec() makes the
 * process undumpable before it puts a program with more rights in place.
 */
int pid_space_get(const struct pid_target *target, const struct cred *cred, struct vm_space **out)
{
	*out = process_space_get(target->p);
	if (!*out || pid_may_access(cred, target))
		return 0;
	vm_space_put(*out);
	*out = NULL;
	return -EACCES;
}

int pid_space_open(const struct inode *inode, u64 *exec_id)
{
	struct vm_space *space;
	struct pid_target target;
	int err = 0;

	if (!pid_target_get(inode, &target))
		return -ESRCH;
	*exec_id = smp_load_acquire(&target.p->exec_id);
	space = process_space_get(target.p);
	if (space && space != current->space && !pid_may_access(current_cred(), &target))
		err = -EACCES;
	if (space)
		vm_space_put(space);
	pid_target_put(&target);
	return err;
}

struct vm_space *pid_opened_space(const struct pid_target *target, u64 exec_id)
{
	struct vm_space *space = process_space_get(target->p);

	/* execve() counts before it puts the new space in place. */
	if (!space || READ_ONCE(target->p->exec_id) == exec_id)
		return space;
	vm_space_put(space);
	return NULL;
}

/* ---- inodes ---- */

/*
 * @p t is the inode's thread. Written without inode->lock, by each walk that finds it
 * changed: the rights of the next step are those of now.
 */
static void set_owner(struct inode *inode, const struct thread *t)
{
	bool is_folder = inode->mode == (S_IFDIR | 0555);
	const struct process *p = t->proc;
	const struct cred *cred;
	uid_t uid = 0;
	gid_t gid = 0;

	rcu_read_lock();
	cred = rcu_dereference(t->cred);
	if (cred && (is_folder || (READ_ONCE(p->space) && READ_ONCE(p->dumpable)))) {
		uid = cred->euid;
		gid = cred->egid;
	}
	rcu_read_unlock();
	if (inode->uid != uid)
		WRITE_ONCE(inode->uid, uid);
	if (inode->gid != gid)
		WRITE_ONCE(inode->gid, gid);
}

/*
 * Its own process is there while it runs, and so is its first thread: none but the
 * last thread of a process puts another in that place. What belongs to others needs
 * references.
 */
int pid_revalidate(struct inode *inode, bool held)
{
	struct pid_target target;

	if (inode->private == current->proc) {
		set_owner(inode, current->proc->leader);
		return 0;
	}
	if (!held)
		return -ECHILD;
	if (!pid_target_get(inode, &target))
		return -ESTALE;
	set_owner(inode, target.t);
	pid_target_put(&target);
	return 0;
}

static u32 count_folders(u32 bits);

struct inode *pid_inode(struct super_block *sb, struct process *p, u64 ino, mode_t mode,
			const struct inode_ops *ops, const struct file_ops *fops)
{
	struct inode *inode = inode_alloc(sb);
	struct pid_target target;

	if (!inode)
		return NULL;
	inode->ino = ino;
	inode->mode = mode;
	inode->ops = ops;
	inode->fops = fops;
	inode->private = p;
	inode->nlink = 1;
	if (S_ISDIR(mode))
		inode->nlink = 2;
	if (S_ISDIR(mode) && ops == &pid_dir_ops)
		inode->nlink += count_folders((u32)ino);
	if (pid_target_get(inode, &target)) { /* else the super user owns it */
		set_owner(inode, target.t);
		pid_target_put(&target);
	}
	return inode;
}

int pid_instantiate(struct inode *near, struct dentry *d, u64 ino, mode_t mode,
		    const struct inode_ops *ops, const struct file_ops *fops)
{
	struct process *p = near->private;
	struct inode *inode;

	process_get(p);
	inode = pid_inode(near->sb, p, ino, mode, ops, fops);
	if (!inode) {
		process_put(p);
		return -ENOMEM;
	}
	dentry_set_inode(d, inode);
	return 0;
}

/* ---- names ---- */

bool pid_parse_name(const struct dentry *d, u32 *out)
{
	const char *name = d->name;
	u64 number = 0;

	if (dentry_name_len(d) > 10 || (name[0] == '0' && name[1]))
		return false;
	for (; *name; name++) {
		if (*name < '0' || *name > '9')
			return false;
		number = number * 10 + (u64)(*name - '0');
	}
	*out = (u32)number;
	return number < 1u << 31;
}

bool pid_fill_number(struct dir_context *context, u64 pos, u32 number, ino_t ino, u32 type)
{
	char text[16], *digits = text + sizeof(text) - 1;

	*digits = 0;
	do
		*--digits = '0' + number % 10;
	while (number /= 10);
	return dir_fill(context, pos, digits, (u32)(text + sizeof(text) - 1 - digits), ino, type);
}

bool pid_fill_dots(struct file *f, struct dir_context *context)
{
	if (context->pos == 0 && !dir_fill(context, 0, ".", 1, f->inode->ino, DT_DIR))
		return false;
	return context->pos != 1 ||
	       dir_fill(context, 1, "..", 2, f->path.dentry->parent->inode->ino, DT_DIR);
}

int pid_lookup_root(struct inode *dir, struct dentry *d)
{
	u32 nr, flag = DENTRY_REVALIDATE;
	struct process *p = NULL;
	struct inode *inode;

	if (pid_parse_name(d, &nr))
		p = process_find((pid_t)nr);
	else
		nr = 0;
	if (!p) { /* the number of another thread than the first: there, if not listed */
		struct thread *t = thread_find((pid_t)nr);

		flag = DENTRY_NOCACHE;
		d->flags |= flag;
		if (!t)
			return 0;
		p = t->proc;
		process_get(p);
		thread_put(t);
	}
	inode = pid_inode(dir->sb, p, node_ino((pid_t)nr, 0), S_IFDIR | 0555, &pid_dir_ops,
			  &pid_dir_fops);
	if (!inode) {
		process_put(p);
		return -ENOMEM;
	}
	d->flags |= flag;
	WRITE_ONCE(p->in_proc, true);
	dentry_set_inode(d, inode);
	return 0;
}

/*
 * A dentry that is entered from now on is found invalid by the one who does: that
 * one did not see the thread, or withdrawing the thread came later, and then so did
 * this look at in_proc and the hash.
 */
void proc_forget(struct process *p)
{
	struct super_block *sb = smp_load_acquire(&proc_tree.sb);
	char name[16 + NAME_SLACK];
	struct dentry *d;

	*text_put_u64(name, (u64)p->pid) = 0;
	rcu_read_lock();
	d = dentry_find_rcu(sb->root, name_key(name, strlen(name)), name);
	if (d && (d->inode->private != p || !dentry_get_rcu(d)))
		d = NULL;
	rcu_read_unlock();
	if (!d)
		return;
	dentry_invalidate(d);
	dentry_put(d);
}

/* ---- the folder ---- */

#define ENTRY(n, type_and_mode, where_, ...)                                                      \
	{                                                                                         \
		.name = n, .name_len = sizeof(n) - 1, .mode = (type_and_mode), .where = (where_), \
		__VA_ARGS__                                                                       \
	}
#define MOUNTS(n, fn) ENTRY(n, S_IFREG | 0444, PID_IN_BOTH, .fops = &pid_mounts_fops, .show = fn)
#define SHOW(n, rights, where_, fn) \
	ENTRY(n, S_IFREG | (rights), where_, .fops = &pid_show_fops, .show = fn)
/* About its memory: only for threads that may access the process. */
#define SPACE(n, rights, where_, fn) \
	ENTRY(n, S_IFREG | (rights), where_, .fops = &pid_space_fops, .show = fn)

/* Rights are those of the process. */
int pid_setattr(struct inode *inode, const struct iattr *attr)
{
	if (attr->valid & (ATTR_MODE | ATTR_UID | ATTR_GID))
		return -EPERM;
	return setattr_copy(inode, attr);
}

int pid_class_permission(struct inode *inode, int mask)
{
	mode_t mode = inode->mode;

	if (current_cred()->fsuid == inode->uid)
		mode >>= 6;
	if (!(mask & ~mode & 7) || capable_of_bypass(inode, mask))
		return 0;
	return -EACCES;
}

static const struct inode_ops pid_file_ops = { .setattr = pid_setattr };
static const struct file_ops pid_show_fops, pid_space_fops;

/* The files that ps and top read are first: look-up searches from the top. */
static const struct pid_entry pid_entries[] = {
	SHOW("stat", 0444, PID_IN_BOTH, pid_show_stat),
	ENTRY("cmdline", S_IFREG | 0444, PID_IN_BOTH, .fops = &cmdline_fops),
	SHOW("status", 0444, PID_IN_BOTH, pid_show_status),
	SHOW("statm", 0444, PID_IN_BOTH, pid_show_statm),
	ENTRY("task", S_IFDIR | 0555, PID_IN_PROCESS, .ops = &task_dir_ops, .fops = &task_dir_fops),
	ENTRY("fd", S_IFDIR | 0500, PID_IN_BOTH, .ops = &fd_dir_ops, .fops = &fd_dir_fops),
	ENTRY("exe", S_IFLNK | 0777, PID_IN_BOTH, .ops = &pid_exe_ops),
	ENTRY("comm", S_IFREG | 0644, PID_IN_BOTH, .ops = &comm_ops, .fops = &comm_fops),
	ENTRY("environ", S_IFREG | 0400, PID_IN_BOTH, .fops = &environ_fops),
	SPACE("maps", 0444, PID_IN_BOTH, pid_show_maps),
	SPACE("smaps", 0444, PID_IN_BOTH, pid_show_smaps),
	MOUNTS("mounts", pid_show_mounts),
	MOUNTS("mountinfo", pid_show_mountinfo),
	ENTRY("cwd", S_IFLNK | 0777, PID_IN_BOTH, .ops = &pid_cwd_ops),
	ENTRY("root", S_IFLNK | 0777, PID_IN_BOTH, .ops = &pid_root_ops),
	ENTRY("fdinfo", S_IFDIR | 0555, PID_IN_BOTH, .ops = &fdinfo_dir_ops,
	      .fops = &fdinfo_dir_fops),
	ENTRY("mem", S_IFREG | 0600, PID_IN_BOTH, .fops = &mem_fops),
	SPACE("auxv", 0400, PID_IN_BOTH, pid_show_auxv),
	SHOW("limits", 0444, PID_IN_BOTH, pid_show_limits),
	SHOW("wchan", 0444, PID_IN_BOTH, pid_show_wchan),
	SHOW("stack", 0400, PID_IN_BOTH, pid_show_stack),
	SHOW("personality", 0400, PID_IN_BOTH, pid_show_personality),
	SHOW("oom_score", 0444, PID_IN_BOTH, pid_show_oom_score),
	ENTRY("oom_score_adj", S_IFREG | 0644, PID_IN_BOTH, .fops = &oom_score_adj_fops),
	SHOW("children", 0444, PID_IN_TASK, pid_show_children),
#ifdef CONFIG_FAULT_INJECTION
	ENTRY("fail-nth", S_IFREG | 0600, PID_IN_BOTH, .fops = &fail_nth_fops),
#endif
};

const struct pid_entry *pid_entry_of(const struct inode *inode)
{
	return &pid_entries[node_index(inode) - 1];
}

static bool entry_is_here(const struct pid_entry *entry, u32 bits)
{
	if (bits & NODE_TASK)
		return entry->where & PID_IN_TASK;
	return entry->where & PID_IN_PROCESS;
}

static u32 count_folders(u32 bits)
{
	u32 count = 0;

	for (u32 i = 0; i < ARRAY_SIZE(pid_entries); i++)
		count += S_ISDIR(pid_entries[i].mode) && entry_is_here(&pid_entries[i], bits);
	return count;
}

static int dir_lookup(struct inode *dir, struct dentry *d)
{
	u32 len = dentry_name_len(d), bits = node_bits(dir);
	struct thread *t;

	for (u32 index = 0; index < ARRAY_SIZE(pid_entries); index++) {
		const struct pid_entry *entry = &pid_entries[index];

		if (entry->name_len != len || memcmp(entry->name, d->name, len) ||
		    !entry_is_here(entry, bits))
			continue;
		t = thread_find(node_tid(dir));
		if (!t)
			break; /* it has ended */
		thread_put(t);
		/* Cached like the folder, which it would keep. */
		d->flags |= d->parent->flags & (DENTRY_REVALIDATE | DENTRY_NOCACHE);
		return pid_instantiate(dir, d,
				       node_ino(node_tid(dir), (bits & NODE_TASK) | (index + 1)),
				       entry->mode, entry->ops ? entry->ops : &pid_file_ops,
				       entry->fops);
	}
	d->flags |= DENTRY_NOCACHE;
	return 0;
}

static int dir_readdir(struct file *f, struct dir_context *context)
{
	u32 bits = node_bits(f->inode);
	pid_t tid = node_tid(f->inode);
	struct thread *t = thread_find(tid);

	if (!t)
		return -ENOENT;
	thread_put(t);
	if (!pid_fill_dots(f, context))
		return 0;
	for (u64 index = context->pos - 2; index < ARRAY_SIZE(pid_entries); index++) {
		const struct pid_entry *entry = &pid_entries[index];

		if (entry_is_here(entry, bits) &&
		    !dir_fill(context, index + 2, entry->name, entry->name_len,
			      node_ino(tid, (bits & NODE_TASK) | (u32)(index + 1)),
			      mode_to_dtype(entry->mode)))
			break;
	}
	return 0;
}

const struct inode_ops pid_dir_ops = { .lookup = dir_lookup, .setattr = pid_setattr };
const struct file_ops pid_dir_fops = { .readdir = dir_readdir };

/* ---- files that show() makes ---- */

static int pid_generate(struct seq_file *seq, struct file *f)
{
	struct pid_target target;
	int err;

	if (!pid_target_get(f->inode, &target))
		return -ESRCH;
	err = pid_entry_of(f->inode)->show(seq, &target, f);
	pid_target_put(&target);
	return err;
}

int pid_show_open(struct inode *inode, struct file *f)
{
	return seq_open(f, pid_generate);
}

static const struct file_ops pid_show_fops = {
	.open = pid_show_open,
	.release = seq_release,
	.read = seq_read,
	.llseek = seq_llseek,
};

static int pid_space_text_open(struct inode *inode, struct file *f)
{
	u64 exec_id;
	int err = pid_space_open(inode, &exec_id);

	if (err)
		return err;
	return seq_open_private(f, pid_generate, (void *)exec_id);
}

static const struct file_ops pid_space_fops = {
	.open = pid_space_text_open,
	.release = seq_release,
	.read = seq_read,
	.llseek = seq_llseek,
};
