// SPDX-License-Identifier: MIT
/*
 * /proc/PID: stat, statm, status and the other texts about a process's state.
 *
 * stat is what ps and top read of every process, so it takes no lock that could
 * make them wait for the process: its memory comes from counters, not from a
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

/* ---- what both stat and status tell ---- */

static char state_of(const struct pid_target *tg)
{
	const struct thread *t = tg->t;

	switch ((enum thread_state)READ_ONCE(t->state)) {
	case THREAD_RUNNABLE: return 'R';
	case THREAD_INTERRUPTIBLE: return 'S';
	case THREAD_UNINTERRUPTIBLE: return 'D';
	case THREAD_KILLABLE: return 'D';
	case THREAD_STOPPED: return 'T';
	case THREAD_DEAD: break;
	}
	return t->tid == tg->p->pid ? 'Z' : 'X';
}

static bool has_ended(const struct pid_target *tg)
{
	return READ_ONCE(tg->t->state) == THREAD_DEAD;
}

/* As Linux counts: a first thread that has ended is there until the process is reaped. */
static u32 count_threads(const struct pid_target *tg)
{
	return READ_ONCE(tg->p->nr_threads) + (tg->t->tid == tg->p->pid && has_ended(tg));
}

static void copy_comm(const struct thread *t, char comm[16])
{
	for (u32 i = 0; i < 15; i++)
		comm[i] = READ_ONCE(t->comm[i]);
	comm[15] = 0;
}

static void fill_tty(struct proc_stat_line *s, struct process *p)
{
	struct tty *tty;
	u64 flags = spin_lock_irqsave(&process_lock);

	tty = p->tty;
	if (tty)
		tty_get(tty);
	spin_unlock_irqrestore(&process_lock, flags);
	s->tpgid = -1;
	if (!tty)
		return;
	s->tty = (u32)tty_device(tty);
	s->tpgid = tty_pgrp(tty);
	tty_put(tty);
}

static void fill_times(struct proc_stat_line *s, const struct pid_target *tg)
{
	u64 user_ns = tg->t->user_ns, system_ns = tg->t->system_ns;
	struct process *p = tg->p;

	if (!tg->task) {
		process_times(p, &user_ns, &system_ns);
		s->cutime = (s64)(p->child_user_ns / TICK_NS);
		s->cstime = (s64)(p->child_system_ns / TICK_NS);
		s->cminflt = p->child_minflt;
		s->cmajflt = p->child_majflt;
	}
	s->utime = user_ns / TICK_NS;
	s->stime = system_ns / TICK_NS;
	process_faults(p, tg->task ? tg->t : NULL, &s->minflt, &s->majflt);
	s->start_time = p->start_ns / TICK_NS;
}

/* Addresses only for those who may look: they tell where things are. */
static void fill_memory(struct proc_stat_line *s, const struct pid_target *tg, bool permitted)
{
	struct vm_space *space = process_space_get(tg->p);

	if (!space)
		return;
	s->vsize = READ_ONCE(space->total_pages) << PAGE_SHIFT;
	s->rss = vm_space_rss(space);
	s->start_code = s->end_code = 1;
	if (permitted) {
		s->start_code = space->code_start;
		s->end_code = space->code_end;
		s->start_stack = space->stack_top;
		s->start_data = space->data_start;
		s->end_data = space->data_end;
		s->start_brk = space->brk_start;
		s->arg_start = space->arg_start;
		s->arg_end = space->arg_end;
		s->env_start = space->env_start;
		s->env_end = space->env_end;
	}
	vm_space_put(space);
}

static void fill_schedule(struct proc_stat_line *s, const struct pid_target *tg)
{
	const struct thread *t = tg->t;

	s->priority = t->rt_priority ? -1 - (s64)t->rt_priority : 20 + (s64)t->nice;
	s->nice = t->nice;
	s->num_threads = count_threads(tg);
	s->waiting = READ_ONCE(t->state) != THREAD_RUNNABLE && !has_ended(tg);
	s->processor = t->last_cpu;
	s->rt_priority = t->rt_priority;
	s->policy = t->policy;
}

int pid_show_stat(struct seq_file *m, const struct pid_target *tg, struct file *f)
{
	struct process *p = tg->p;
	bool permitted = pid_reader_may_access(f, tg);
	struct signal_sets sets = { 0 };
	char comm[16];
	struct proc_stat_line s = {
		.pid = tg->t->tid,
		.comm = comm,
		.state = state_of(tg),
		.ppid = READ_ONCE(p->ppid),
		.pgrp = READ_ONCE(p->pgrp),
		.session = READ_ONCE(p->session),
		.flags = (has_ended(tg) ? PF_EXITING : 0) | (p->did_exec ? 0 : PF_FORKNOEXEC),
		.rsslim = p->limits[RLIMIT_RSS].rlim_cur,
		.exit_signal = tg->task && tg->t->tid != p->pid ? -1 : p->exit_signal,
		.exit_code = permitted && p->state == PROC_ZOMBIE ? p->exit_status : 0,
	};

	copy_comm(tg->t, comm);
	fill_tty(&s, p);
	fill_times(&s, tg);
	fill_memory(&s, tg, permitted);
	fill_schedule(&s, tg);
	process_signal_sets(p, tg->t, &sets);
	s.pending = sets.pending;
	s.blocked = sets.blocked;
	s.ignored = sets.ignored;
	s.caught = sets.caught;
	proc_text_stat(m, &s);
	return 0;
}

int pid_show_statm(struct seq_file *m, const struct pid_target *tg, struct file *f)
{
	struct vm_space *space = process_space_get(tg->p);
	struct vm_usage u = { 0 };

	if (space) {
		vm_space_usage(space, &u);
		vm_space_put(space);
	}
	seq_put_u64(m, 0, u.total);
	seq_put_u64(m, ' ', u.rss);
	seq_put_u64(m, ' ', u.rss_file);
	seq_put_u64(m, ' ', u.text);
	seq_puts(m, " 0");
	seq_put_u64(m, ' ', u.data + u.stack);
	seq_puts(m, " 0\n");
	return 0;
}

/* ---- status ---- */

static void show_name(struct seq_file *m, const struct thread *t)
{
	char comm[16];

	copy_comm(t, comm);
	seq_puts(m, "Name:\t");
	for (const char *c = comm; *c; c++) {
		if (*c == '\n' || *c == '\\')
			seq_putc(m, '\\');
		seq_putc(m, *c == '\n' ? 'n' : *c);
	}
	seq_putc(m, '\n');
}

static const char *state_text(char state)
{
	switch (state) {
	case 'R': return "R (running)";
	case 'S': return "S (sleeping)";
	case 'D': return "D (disk sleep)";
	case 'T': return "T (stopped)";
	case 'Z': return "Z (zombie)";
	}
	return "X (dead)";
}

static void show_ids(struct seq_file *m, const char *label, u32 a, u32 b, u32 c, u32 d)
{
	seq_puts(m, label);
	seq_put_u64(m, '\t', a);
	seq_put_u64(m, '\t', b);
	seq_put_u64(m, '\t', c);
	seq_put_u64(m, '\t', d);
	seq_putc(m, '\n');
}

static void show_groups(struct seq_file *m, const struct cred *c)
{
	seq_puts(m, "Groups:\t");
	for (u32 i = 0; i < c->ngroups; i++)
		seq_put_u64(m, i ? ' ' : 0, c->groups[i]);
	seq_puts(m, " \n"); /* the blank is Linux's */
}

static void show_umask(struct seq_file *m, struct process *p)
{
	struct fs_context *fs = process_fs_get(p);

	if (!fs)
		return;
	seq_printf(m, "Umask:\t%#04o\n", READ_ONCE(fs->umask));
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

static void show_memory(struct seq_file *m, struct process *p)
{
	struct vm_space *space = process_space_get(p);
	struct vm_usage u;

	if (!space)
		return;
	vm_space_usage(space, &u);
	vm_space_put(space);

	const struct {
		const char *label;
		u64 pages;
	} rows[] = {
		{ "VmPeak:\t", u.peak_total },
		{ "VmSize:\t", u.total },
		{ "VmLck:\t", u.locked },
		{ "VmPin:\t", 0 },
		{ "VmHWM:\t", u.peak_rss },
		{ "VmRSS:\t", u.rss },
		{ "RssAnon:\t", u.rss_anon },
		{ "RssFile:\t", u.rss_file },
		{ "RssShmem:\t", 0 },
		{ "VmData:\t", u.data },
		{ "VmStk:\t", u.stack },
		{ "VmExe:\t", MIN(u.text, u.exec) },
		{ "VmLib:\t", u.exec - MIN(u.text, u.exec) },
		{ "VmPTE:\t", u.tables },
		{ "VmSwap:\t", 0 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(rows); i++) {
		seq_puts(m, rows[i].label);
		seq_put_u64_wide(m, rows[i].pages * KIB_PER_PAGE, 8);
		seq_puts(m, " kB\n");
	}
	seq_puts(m, "CoreDumping:\t0\nTHP_enabled:\t0\n");
}

static void show_set(struct seq_file *m, const char *label, u64 set)
{
	seq_puts(m, label);
	seq_put_hex(m, set, 16);
	seq_putc(m, '\n');
}

static void show_signals(struct seq_file *m, const struct pid_target *tg)
{
	struct signal_sets sets;

	process_signal_sets(tg->p, tg->t, &sets);
	seq_printf(m, "Threads:\t%u\nSigQ:\t%u/%lu\n", count_threads(tg), sets.queued,
		   tg->p->limits[RLIMIT_SIGPENDING].rlim_cur);
	show_set(m, "SigPnd:\t", sets.pending);
	show_set(m, "ShdPnd:\t", sets.shared_pending);
	show_set(m, "SigBlk:\t", sets.blocked);
	show_set(m, "SigIgn:\t", sets.ignored);
	show_set(m, "SigCgt:\t", sets.caught);
}

static void show_capabilities(struct seq_file *m, const struct cred *c, struct process *p)
{
	show_set(m, "CapInh:\t", c->cap_inheritable);
	show_set(m, "CapPrm:\t", c->cap_permitted);
	show_set(m, "CapEff:\t", c->cap_effective);
	show_set(m, "CapBnd:\t", c->cap_bounding);
	show_set(m, "CapAmb:\t", c->cap_ambient);
	seq_printf(m, "NoNewPrivs:\t%d\nSeccomp:\t0\nSeccomp_filters:\t0\n", p->no_new_privs);
}

static void show_schedule(struct seq_file *m, const struct thread *t)
{
	seq_puts(m, "Cpus_allowed:\t");
	proc_text_mask(m, t->affinity.bits, cpu_count);
	seq_puts(m, "\nCpus_allowed_list:\t");
	proc_text_list(m, t->affinity.bits, cpu_count);
	seq_printf(m,
		   "\nMems_allowed:\t1\nMems_allowed_list:\t0\n"
		   "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		   t->nvcsw, t->nivcsw);
}

int pid_show_status(struct seq_file *m, const struct pid_target *tg, struct file *f)
{
	struct cred *c = thread_cred_get(tg->t);
	struct process *p = tg->p;
	pid_t tid = tg->t->tid;

	show_name(m, tg->t);
	show_umask(m, p);
	seq_printf(m, "State:\t%s\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		   state_text(state_of(tg)), p->pid, tid, READ_ONCE(p->ppid));
	show_ids(m, "Uid:", c->uid, c->euid, c->suid, c->fsuid);
	show_ids(m, "Gid:", c->gid, c->egid, c->sgid, c->fsgid);
	seq_printf(m, "FDSize:\t%u\n", descriptor_room(p));
	show_groups(m, c);
	seq_printf(m, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\n", p->pid, tid,
		   READ_ONCE(p->pgrp), READ_ONCE(p->session));
	show_memory(m, p);
	show_signals(m, tg);
	show_capabilities(m, c, p);
	show_schedule(m, tg->t);
	cred_put(c);
	return 0;
}

/* ---- the small ones ---- */

int pid_show_limits(struct seq_file *m, const struct pid_target *tg, struct file *f)
{
	struct rlimit64 limits[RLIM_NLIMITS];
	u64 flags = spin_lock_irqsave(&tg->p->sig_lock);

	memcpy(limits, tg->p->limits, sizeof(limits));
	spin_unlock_irqrestore(&tg->p->sig_lock, flags);
	proc_text_limits(m, limits);
	return 0;
}

/* How a thread goes to sleep, as opposed to why. */
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

int pid_show_wchan(struct seq_file *m, const struct pid_target *tg, struct file *f)
{
	struct symbol_name symbol;
	u64 addrs[16];
	u32 n = pid_reader_may_access(f, tg) ? thread_backtrace(tg->t, addrs, ARRAY_SIZE(addrs))
					     : 0;

	for (u32 i = 0; i < n; i++)
		if (symbol_lookup(addrs[i], &symbol) && !is_sleeping_itself(symbol.name)) {
			seq_puts(m, symbol.name);
			return 0;
		}
	seq_putc(m, '0');
	return 0;
}

/* Addresses in the kernel are for the super user alone. */
int pid_show_stack(struct seq_file *m, const struct pid_target *tg, struct file *f)
{
	u64 addrs[32];
	u32 n;

	if (!cred_capable(f->cred, CAP_SYS_ADMIN))
		return -EACCES;
	if (!pid_reader_may_access(f, tg))
		return -EPERM;
	n = thread_backtrace(tg->t, addrs, ARRAY_SIZE(addrs));
	for (u32 i = 0; i < n; i++)
		seq_printf(m, "[<0>] %pS\n", (void *)addrs[i]);
	return 0;
}

int pid_show_personality(struct seq_file *m, const struct pid_target *tg, struct file *f)
{
	if (!pid_reader_may_access(f, tg))
		return -EPERM;
	seq_put_hex(m, tg->p->personality, 8);
	seq_putc(m, '\n');
	return 0;
}

/* oom.c chooses by the same figures; 0 to 2000 as Linux scales them. */
int pid_show_oom_score(struct seq_file *m, const struct pid_target *tg, struct file *f)
{
	struct vm_space *space = process_space_get(tg->p);
	s64 adj = READ_ONCE(tg->p->oom_score_adj), points = 0;
	struct mem_info mem;

	mem_info_get(&mem);
	if (space) {
		if (adj > -1000)
			points = (s64)vm_space_rss(space) + adj * (s64)mem.total / 1000;
		points = adj > -1000 ? (1000 + points * 1000 / (s64)MAX(mem.total, 1ull)) * 2 / 3
				     : 0;
		vm_space_put(space);
	}
	seq_put_s64(m, 0, MAX(points, 0ll));
	seq_putc(m, '\n');
	return 0;
}

int pid_show_children(struct seq_file *m, const struct pid_target *tg, struct file *f)
{
	struct process *p = tg->p, *child;
	u64 flags;

	if (tg->t->tid != p->pid) /* children are the process's, not a thread's */
		return 0;
	flags = spin_lock_irqsave(&process_lock);
	list_for_each(child, &p->children, sibling) {
		seq_put_s64(m, 0, child->pid);
		seq_putc(m, ' ');
	}
	spin_unlock_irqrestore(&process_lock, flags);
	return 0;
}

/* ---- comm, which a process may change of its own threads ---- */

static int comm_generate(struct seq_file *m, struct file *f)
{
	struct pid_target tg;
	char comm[16];

	if (!pid_target_get(f->inode, &tg))
		return -ESRCH;
	copy_comm(tg.t, comm);
	pid_target_put(&tg);
	seq_puts(m, comm);
	seq_putc(m, '\n');
	return 0;
}

static int comm_open(struct inode *i, struct file *f)
{
	return seq_open(f, comm_generate);
}

static s64 comm_write(struct file *f, struct uio *u, u64 *pos)
{
	u64 count = u->count, n = MIN(count, 15ull);
	struct pid_target tg;
	char comm[16] = { 0 };
	int err = 0;

	if (uio_copy_in(u, comm, n) != n)
		return -EFAULT;
	if (!pid_target_get(f->inode, &tg))
		return -ESRCH;
	if (tg.p == current->proc)
		strscpy(tg.t->comm, comm, sizeof(tg.t->comm));
	else
		err = -EINVAL;
	pid_target_put(&tg);
	if (err)
		return err;
	*pos += count;
	return (s64)count;
}

/* Threads may name each other, whoever owns the file: pthread_setname_np() does. */
static int comm_permission(struct inode *i, int mask)
{
	if (node_bits(i) & NODE_TASK && i->private == current->proc && !(mask & MAY_EXEC))
		return 0;
	return pid_class_permission(i, mask);
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

static int oom_score_adj_generate(struct seq_file *m, struct file *f)
{
	struct pid_target tg;

	if (!pid_target_get(f->inode, &tg))
		return -ESRCH;
	seq_put_s64(m, 0, READ_ONCE(tg.p->oom_score_adj));
	seq_putc(m, '\n');
	pid_target_put(&tg);
	return 0;
}

static int oom_score_adj_open(struct inode *i, struct file *f)
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

static s64 oom_score_adj_write(struct file *f, struct uio *u, u64 *pos)
{
	struct pid_target tg;
	char *text;
	s64 value, n = seq_copy_written(u, &text);
	int err;

	if (n < 0)
		return n;
	err = seq_parse_number(text, &value);
	kfree(text);
	if (err)
		return err;
	if (!pid_target_get(f->inode, &tg))
		return -ESRCH;
	err = set_oom_score_adj(tg.p, value);
	pid_target_put(&tg);
	if (err)
		return err;
	*pos += (u64)n;
	return n;
}

const struct file_ops oom_score_adj_fops = {
	.open = oom_score_adj_open,
	.release = seq_release,
	.read = seq_read,
	.write = oom_score_adj_write,
	.llseek = seq_llseek,
};
