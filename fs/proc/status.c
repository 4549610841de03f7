// SPDX-License-Identifier: MIT
/*
 * /proc/PID: stat, statm, status and the other texts about a process's state.
 *
 * stat is what ps and top read of every process, so it takes no lock that could
 * make them wait for the process: its memory is counted, not found by a
 * walk over its mappings. A figure may be a moment older than its neighbour.
 *
 * process_lock and sig_lock (spin) are held only to copy what they guard.
 */
#include <kernel/fs/context.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/file.h>
#include <kernel/fs/inode.h>
#include <kernel/fs/proc_text.h>
#include <kernel/fs/seq_open.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/seq_file.h>
#include <kernel/string.h>
#include <kernel/symbols.h>
#include <kernel/tty.h>
#include <kernel/uaccess.h>
#include <kernel/vm.h>
#include <uapi/times.h>
#include "proc.h"

#define TICK_NS	      (NSEC_PER_SEC / USER_HZ)
#define KIB_PER_PAGE  (PAGE_SIZE / 1024)
#define PF_EXITING    0x4 /* of Linux's flags, those that mean something here */
#define PF_FORKNOEXEC 0x40

/* ---- what both stat and status show ---- */

static char state_of(const struct pid_target *target)
{
	const struct thread *t = target->t;

	switch ((enum thread_state)READ_ONCE(t->state)) {
	case THREAD_RUNNABLE: return 'R';
	case THREAD_INTERRUPTIBLE: return 'S';
	case THREAD_UNINTERRUPTIBLE: return 'D';
	case THREAD_KILLABLE: return 'D';
	case THREAD_STOPPED: return 'T';
	case THREAD_TRACED: return 't';
	case THREAD_DEAD: break;
	}
	if (t->tid == target->p->pid)
		return 'Z';
	return 'X';
}

static bool has_ended(const struct pid_target *target)
{
	return READ_ONCE(target->t->state) == THREAD_DEAD;
}

/* As Linux counts: a first thread that has ended exists until the process is reaped. */
static u32 count_threads(const struct pid_target *target)
{
	return READ_ONCE(target->p->nr_threads) +
	       (target->t->tid == target->p->pid && has_ended(target));
}

static void copy_comm(const struct thread *t, char comm[16])
{
	for (u32 i = 0; i < 15; i++)
		comm[i] = READ_ONCE(t->comm[i]);
	comm[15] = 0;
}

static void fill_tty(struct proc_stat_line *line, struct process *p)
{
	struct tty *tty;
	u64 flags = spin_lock_irqsave(&process_lock);

	tty = p->tty;
	if (tty)
		tty_get(tty);
	spin_unlock_irqrestore(&process_lock, flags);
	line->tpgid = -1;
	if (!tty)
		return;
	line->tty = (u32)tty_device(tty);
	line->tpgid = tty_pgrp(tty);
	tty_put(tty);
}

static void fill_times(struct proc_stat_line *line, const struct pid_target *target)
{
	u64 user_ns = target->t->user_ns, system_ns = target->t->system_ns;
	struct process *p = target->p;

	if (!target->task) {
		process_times(p, &user_ns, &system_ns);
		line->cutime = (s64)(p->child_user_ns / TICK_NS);
		line->cstime = (s64)(p->child_system_ns / TICK_NS);
		line->cminflt = p->child_minflt;
		line->cmajflt = p->child_majflt;
	}
	line->utime = user_ns / TICK_NS;
	line->stime = system_ns / TICK_NS;
	process_faults(p, target->task ? target->t : NULL, &line->minflt, &line->majflt);
	line->start_time = p->start_ns / TICK_NS;
}

/* Addresses only for readers with access: they would reveal the layout. */
static void fill_memory(struct proc_stat_line *line, const struct pid_target *target,
			bool permitted)
{
	struct vm_space *space = process_space_get(target->p);

	if (!space)
		return;
	line->vsize = READ_ONCE(space->total_pages) << PAGE_SHIFT;
	line->rss = vm_space_rss(space);
	line->start_code = line->end_code = 1;
	if (permitted) {
		line->start_code = space->code_start;
		line->end_code = space->code_end;
		line->start_stack = space->stack_top;
		line->start_data = space->data_start;
		line->end_data = space->data_end;
		line->start_brk = space->brk_start;
		line->arg_start = space->arg_start;
		line->arg_end = space->arg_end;
		line->env_start = space->env_start;
		line->env_end = space->env_end;
	}
	vm_space_put(space);
}

static void fill_schedule(struct proc_stat_line *line, const struct pid_target *target)
{
	const struct thread *t = target->t;

	if (t->rt_priority)
		line->priority = -1 - (s64)t->rt_priority;
	else
		line->priority = 20 + (s64)t->nice;
	line->nice = t->nice;
	line->num_threads = count_threads(target);
	line->waiting = READ_ONCE(t->state) != THREAD_RUNNABLE && !has_ended(target);
	line->processor = t->last_cpu;
	line->rt_priority = t->rt_priority;
	line->policy = t->policy;
}

int pid_show_stat(struct seq_file *seq, const struct pid_target *target, struct file *f)
{
	struct process *p = target->p;
	bool permitted = pid_reader_may_access(f, target);
	struct signal_sets sets = { 0 };
	char comm[16];
	struct proc_stat_line line = {
		.pid = target->t->tid,
		.comm = comm,
		.state = state_of(target),
		.ppid = READ_ONCE(p->ppid),
		.pgrp = READ_ONCE(p->pgrp),
		.session = READ_ONCE(p->session),
		.flags = (has_ended(target) ? PF_EXITING : 0) | (p->did_exec ? 0 : PF_FORKNOEXEC),
		.rsslim = p->limits[RLIMIT_RSS].rlim_cur,
		.exit_signal = target->task && target->t->tid != p->pid ? -1 : p->exit_signal,
		.exit_code = permitted && p->state == PROC_ZOMBIE ? p->exit_status : 0,
	};

	copy_comm(target->t, comm);
	fill_tty(&line, p);
	fill_times(&line, target);
	fill_memory(&line, target, permitted);
	fill_schedule(&line, target);
	process_signal_sets(p, target->t, &sets);
	line.pending = sets.pending;
	line.blocked = sets.blocked;
	line.ignored = sets.ignored;
	line.caught = sets.caught;
	proc_text_stat(seq, &line);
	return 0;
}

int pid_show_statm(struct seq_file *seq, const struct pid_target *target, struct file *f)
{
	struct vm_space *space = process_space_get(target->p);
	struct vm_usage usage = { 0 };

	if (space) {
		vm_space_usage(space, &usage);
		vm_space_put(space);
	}
	seq_put_u64(seq, 0, usage.total);
	seq_put_u64(seq, ' ', usage.rss);
	seq_put_u64(seq, ' ', usage.rss_file);
	seq_put_u64(seq, ' ', usage.text);
	seq_puts(seq, " 0");
	seq_put_u64(seq, ' ', usage.data + usage.stack);
	seq_puts(seq, " 0\n");
	return 0;
}

/* ---- status ---- */

static void status_show_name(struct seq_file *seq, const struct thread *t)
{
	char comm[16];

	copy_comm(t, comm);
	seq_puts(seq, "Name:\t");
	for (const char *cursor = comm; *cursor; cursor++) {
		if (*cursor == '\n' || *cursor == '\\')
			seq_putc(seq, '\\');
		if (*cursor == '\n')
			seq_putc(seq, 'n');
		else
			seq_putc(seq, *cursor);
	}
	seq_putc(seq, '\n');
}

static const char *state_text(char state)
{
	switch (state) {
	case 'R': return "R (running)";
	case 'S': return "S (sleeping)";
	case 'D': return "D (disk sleep)";
	case 'T': return "T (stopped)";
	case 't': return "t (tracing stop)";
	case 'Z': return "Z (zombie)";
	}
	return "X (dead)";
}

static void show_ids(struct seq_file *seq, const char *label, u32 real, u32 effective, u32 saved,
		     u32 fsid)
{
	seq_puts(seq, label);
	seq_put_u64(seq, '\t', real);
	seq_put_u64(seq, '\t', effective);
	seq_put_u64(seq, '\t', saved);
	seq_put_u64(seq, '\t', fsid);
	seq_putc(seq, '\n');
}

static void show_groups(struct seq_file *seq, const struct cred *cred)
{
	seq_puts(seq, "Groups:\t");
	for (u32 i = 0; i < cred->ngroups; i++)
		seq_put_u64(seq, i ? ' ' : 0, cred->groups[i]);
	seq_puts(seq, " \n"); /* the blank is Linux's */
}

static void show_umask(struct seq_file *seq, struct process *p)
{
	struct fs_context *fs = process_fs_get(p);

	if (!fs)
		return;
	seq_printf(seq, "Umask:\t%#04o\n", READ_ONCE(fs->umask));
	fs_context_put(fs);
}

static u32 descriptor_room(struct process *p)
{
	struct files *files = process_files_get(p);
	u32 size;

	if (!files)
		return 0;
	size = files_size(files);
	files_put(files);
	return size;
}

static void show_memory(struct seq_file *seq, struct process *p)
{
	struct vm_space *space = process_space_get(p);
	struct vm_usage usage;

	if (!space)
		return;
	vm_space_usage(space, &usage);
	vm_space_put(space);

	const struct {
		const char *label;
		u64 pages;
	} rows[] = {
		{ "VmPeak:\t", usage.peak_total },
		{ "VmSize:\t", usage.total },
		{ "VmLck:\t", usage.locked },
		{ "VmPin:\t", 0 },
		{ "VmHWM:\t", usage.peak_rss },
		{ "VmRSS:\t", usage.rss },
		{ "RssAnon:\t", usage.rss_anon },
		{ "RssFile:\t", usage.rss_file },
		{ "RssShmem:\t", 0 },
		{ "VmData:\t", usage.data },
		{ "VmStk:\t", usage.stack },
		{ "VmExe:\t", MIN(usage.text, usage.exec) },
		{ "VmLib:\t", usage.exec - MIN(usage.text, usage.exec) },
		{ "VmPTE:\t", usage.tables },
		{ "VmSwap:\t", 0 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		seq_puts(seq, rows[i].label);
		seq_put_u64_wide(seq, rows[i].pages * KIB_PER_PAGE, 8);
		seq_puts(seq, " kB\n");
	}
	seq_puts(seq, "CoreDumping:\t0\nTHP_enabled:\t0\n");
}

static void show_set(struct seq_file *seq, const char *label, u64 set)
{
	seq_puts(seq, label);
	seq_put_hex(seq, set, 16);
	seq_putc(seq, '\n');
}

static void show_signals(struct seq_file *seq, const struct pid_target *target)
{
	struct signal_sets sets;

	process_signal_sets(target->p, target->t, &sets);
	seq_printf(seq, "Threads:\t%u\nSigQ:\t%u/%lu\n", count_threads(target), sets.queued,
		   target->p->limits[RLIMIT_SIGPENDING].rlim_cur);
	show_set(seq, "SigPnd:\t", sets.pending);
	show_set(seq, "ShdPnd:\t", sets.shared_pending);
	show_set(seq, "SigBlk:\t", sets.blocked);
	show_set(seq, "SigIgn:\t", sets.ignored);
	show_set(seq, "SigCgt:\t", sets.caught);
}

static void show_capabilities(struct seq_file *seq, const struct cred *cred, struct process *p)
{
	show_set(seq, "CapInh:\t", cred->cap_inheritable);
	show_set(seq, "CapPrm:\t", cred->cap_permitted);
	show_set(seq, "CapEff:\t", cred->cap_effective);
	show_set(seq, "CapBnd:\t", cred->cap_bounding);
	show_set(seq, "CapAmb:\t", cred->cap_ambient);
	seq_printf(seq, "NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n", p->no_new_privs);
}

static void show_schedule(struct seq_file *seq, const struct thread *t)
{
	seq_puts(seq, "Cpus_allowed:\t");
	proc_text_mask(seq, t->affinity.bits, cpu_count);
	seq_puts(seq, "\nCpus_allowed_list:\t");
	proc_text_list(seq, t->affinity.bits, cpu_count);
	seq_printf(seq,
		   "\nMems_allowed:\t1\nMems_allowed_list:\t0\n"
		   "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		   t->nvcsw, t->nivcsw);
}

int pid_show_status(struct seq_file *seq, const struct pid_target *target, struct file *f)
{
	struct cred *cred = thread_cred_get(target->t);
	struct process *p = target->p;
	pid_t tid = target->t->tid;

	status_show_name(seq, target->t);
	show_umask(seq, p);
	seq_printf(seq, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t%d\n",
		   state_text(state_of(target)), p->pid, tid, READ_ONCE(p->ppid),
		   thread_tracer(target->t));
	show_ids(seq, "Uid:", cred->uid, cred->euid, cred->suid, cred->fsuid);
	show_ids(seq, "Gid:", cred->gid, cred->egid, cred->sgid, cred->fsgid);
	seq_printf(seq, "FDSize:\t%u\n", descriptor_room(p));
	show_groups(seq, cred);
	seq_printf(seq, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", p->pid, tid,
		   READ_ONCE(p->pgrp), READ_ONCE(p->session));
	show_memory(seq, p);
	show_signals(seq, target);
	show_capabilities(seq, cred, p);
	show_schedule(seq, target->t);
	cred_put(cred);
	return 0;
}

/* ---- the small ones ---- */

int pid_show_limits(struct seq_file *seq, const struct pid_target *target, struct file *f)
{
	struct rlimit64 limits[RLIM_NLIMITS];
	u64 flags = spin_lock_irqsave(&target->p->sig_lock);

	memcpy(limits, target->p->limits, sizeof(limits));
	spin_unlock_irqrestore(&target->p->sig_lock, flags);
	proc_text_limits(seq, limits);
	return 0;
}

/* How a thread sleeps, as opposed to why. */
static bool is_sleeping_itself(const char *name)
{
	static const char *const prefixes[] = {
		"schedule", "context_switch", "wait_",		 "mutex_lock",
		"down_",    "sleep_until",    "synchronize_rcu",
	};

	for (u32 i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

int pid_show_wchan(struct seq_file *seq, const struct pid_target *target, struct file *f)
{
	struct symbol_name symbol;
	u64 addrs[16];
	u32 count = 0;

	if (pid_reader_may_access(f, target))
		count = thread_backtrace(target->t, addrs, ARRAY_SIZE(addrs));

	for (u32 i = 0; i < count; i++)
		if (symbol_lookup(addrs[i], &symbol) && !is_sleeping_itself(symbol.name)) {
			seq_puts(seq, symbol.name);
			return 0;
		}
	seq_putc(seq, '0');
	return 0;
}

/* Addresses in the kernel are for the super user alone. */
int pid_show_stack(struct seq_file *seq, const struct pid_target *target, struct file *f)
{
	u64 addrs[32];
	u32 count;

	if (!cred_capable(f->cred, CAP_SYS_ADMIN))
		return -EACCES;
	if (!pid_reader_may_access(f, target))
		return -EPERM;
	count = thread_backtrace(target->t, addrs, ARRAY_SIZE(addrs));
	for (u32 i = 0; i < count; i++)
		seq_printf(seq, "[<0>] %pS\n", (void *)addrs[i]);
	return 0;
}

int pid_show_personality(struct seq_file *seq, const struct pid_target *target, struct file *f)
{
	if (!pid_reader_may_access(f, target))
		return -EPERM;
	seq_put_hex(seq, target->p->personality, 8);
	seq_putc(seq, '\n');
	return 0;
}

/* oom.c chooses by the same figures; 0 to 2000 as Linux scales them. */
int pid_show_oom_score(struct seq_file *seq, const struct pid_target *target, struct file *f)
{
	struct vm_space *space = process_space_get(target->p);
	s64 adj = READ_ONCE(target->p->oom_score_adj), points = 0;
	struct mem_info mem;

	mem_info_get(&mem);
	if (space) {
		if (adj > -1000)
			points = (s64)vm_space_rss(space) + adj * (s64)mem.total / 1000;
		if (adj > -1000)
			points = (1000 + points * 1000 / (s64)MAX(mem.total, 1ull)) * 2 / 3;
		else
			points = 0;
		vm_space_put(space);
	}
	seq_put_s64(seq, 0, MAX(points, 0ll));
	seq_putc(seq, '\n');
	return 0;
}

int pid_show_children(struct seq_file *seq, const struct pid_target *target, struct file *f)
{
	struct process *p = target->p, *child;
	u64 flags;

	if (target->t->tid != p->pid) /* children are the process's, not a thread's */
		return 0;
	flags = spin_lock_irqsave(&process_lock);
	list_for_each(child, &p->children, sibling) {
		seq_put_s64(seq, 0, child->pid);
		seq_putc(seq, ' ');
	}
	spin_unlock_irqrestore(&process_lock, flags);
	return 0;
}

/* ---- comm, which a process may change of its own threads ---- */

static int comm_generate(struct seq_file *seq, struct file *f)
{
	struct pid_target target;
	char comm[16];

	if (!pid_target_get(f->inode, &target))
		return -ESRCH;
	copy_comm(target.t, comm);
	pid_target_put(&target);
	seq_puts(seq, comm);
	seq_putc(seq, '\n');
	return 0;
}

static int comm_open(struct inode *inode, struct file *f)
{
	return seq_open(f, comm_generate);
}

static s64 comm_write(struct file *f, struct uio *uio, u64 *pos)
{
	u64 count = uio->count, length = MIN(count, 15ull);
	struct pid_target target;
	char comm[16] = { 0 };
	int err = 0;

	if (uio_copy_in(uio, comm, length) != length)
		return -EFAULT;
	if (!pid_target_get(f->inode, &target))
		return -ESRCH;
	if (target.p == current->proc)
		strscpy(target.t->comm, comm, sizeof(target.t->comm));
	else
		err = -EINVAL;
	pid_target_put(&target);
	if (err)
		return err;
	*pos += count;
	return (s64)count;
}

/* Threads may name each other, whatever the owner of the file: pthread_setname_np() does. */
static int comm_permission(struct inode *inode, int mask)
{
	if (node_bits(inode) & NODE_TASK && inode->private == current->proc && !(mask & MAY_EXEC))
		return 0;
	return pid_class_permission(inode, mask);
}

const struct inode_ops comm_ops = { .permission = comm_permission, .setattr = pid_setattr };
const struct file_ops comm_fops = {
	.open = comm_open,
	.release = seq_release,
	.read = seq_read,
	.write = comm_write,
	.llseek = seq_llseek,
};

/* ---- oom_score_adj ---- */

static int oom_score_adj_generate(struct seq_file *seq, struct file *f)
{
	struct pid_target target;

	if (!pid_target_get(f->inode, &target))
		return -ESRCH;
	seq_put_s64(seq, 0, READ_ONCE(target.p->oom_score_adj));
	seq_putc(seq, '\n');
	pid_target_put(&target);
	return 0;
}

static int oom_score_adj_open(struct inode *inode, struct file *f)
{
	return seq_open(f, oom_score_adj_generate);
}

static int set_oom_score_adj(struct process *p, s64 value)
{
	if (value < -1000 || value > 1000)
		return -EINVAL;
	if (value < READ_ONCE(p->oom_score_adj) && !current_capable(CAP_SYS_RESOURCE))
		return -EACCES;
	WRITE_ONCE(p->oom_score_adj, (int)value);
	return 0;
}

static s64 oom_score_adj_write(struct file *f, struct uio *uio, u64 *pos)
{
	struct pid_target target;
	char *text;
	s64 value, length = seq_copy_written(uio, &text);
	int err;

	if (length < 0)
		return length;
	err = seq_parse_number(text, &value);
	kfree(text);
	if (err)
		return err;
	if (!pid_target_get(f->inode, &target))
		return -ESRCH;
	err = set_oom_score_adj(target.p, value);
	pid_target_put(&target);
	if (err)
		return err;
	*pos += (u64)length;
	return length;
}

const struct file_ops oom_score_adj_fops = {
	.open = oom_score_adj_open,
	.release = seq_release,
	.read = seq_read,
	.write = oom_score_adj_write,
	.llseek = seq_llseek,
};
