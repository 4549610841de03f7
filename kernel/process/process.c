// SPDX-License-Identifier: MIT
/*
  * Processes as objects: creation, references, freeing, and access to another process.
 *
 * References to a process: one of the pid table until it is reaped, one of each
 * of its threads until the thread is freed, one per look-up. What
 * other processes may read of a zombie (actions of signals, its
 * first thread with name and credentials) exists until the last reference is dropped.
 *
 * process.space, and files and fs of the threads in process.threads, are valid
 * under sig_lock: a thread unlinks itself under that lock before it releases
 * its resources (exit.c), and exec replaces them under it.
 */
#include "internal.h"
#include <asm/sigframe.h>
#include <kernel/fs/context.h>
#include <kernel/fs/fd_table.h>
#include <kernel/panic.h>
#include <kernel/upcalls.h>
#include <kernel/vm.h>
#include <kernel/wait.h>

DEFINE_SPINLOCK(process_lock);
DEFINE_LIST(process_list);
struct process *init_process;
struct kmem_cache *task_signals_cache;
static struct kmem_cache *process_cache;

void process_init(void)
{
	pid_init();
	cred_init();
	signal_init();
	arch_sigframe_init();
	futex_init();
	process_cache = kmem_cache_create("process", sizeof(struct process), 64);
	task_signals_cache = kmem_cache_create("task_signals", sizeof(struct task_signals), 64);
	if (!process_cache || !task_signals_cache)
		boot_stop("not enough memory for processes");
}

/* The limits of the first process. */
static void limits_init(struct process *p)
{
	struct mem_info memory;
	u64 nproc;

	/* As many threads as would take a quarter of memory for themselves, at 64 KiB each; half of them for a user. */
	mem_info_get(&memory);
	nproc = MAX(MIN(memory.total / 64, PID_LIMIT / 1ul) / 2, 64ul);
	for (u32 i = 0; i < RLIM_NLIMITS; i++)
		p->limits[i] = (struct rlimit64){ RLIM_INFINITY, RLIM_INFINITY };
	p->limits[RLIMIT_STACK].rlim_cur = 8u << 20;
	p->limits[RLIMIT_CORE].rlim_cur = 0;
	p->limits[RLIMIT_NPROC] = (struct rlimit64){ nproc, nproc };
	p->limits[RLIMIT_NOFILE] = (struct rlimit64){ 1024, 4096 };
	p->limits[RLIMIT_MEMLOCK] = (struct rlimit64){ 8u << 20, 8u << 20 };
	p->limits[RLIMIT_SIGPENDING] = (struct rlimit64){ nproc, nproc };
	p->limits[RLIMIT_MSGQUEUE] = (struct rlimit64){ 819200, 819200 };
	p->limits[RLIMIT_NICE] = (struct rlimit64){ 0, 0 };
	p->limits[RLIMIT_RTPRIO] = (struct rlimit64){ 0, 0 };
}

struct process *process_create(struct process *parent)
{
	struct process *p = kmem_cache_zalloc(process_cache);

	if (!p)
		return NULL;
	atomic_set(&p->refs, 1);
	list_init(&p->children);
	list_init(&p->sibling);
	list_init(&p->all_link);
	list_init(&p->threads);
	list_init(&p->pgrp_link);
	wait_queue_init(&p->child_wait);
	spin_init(&p->sig_lock);
	signal_queue_init(&p->shared);
	timer_init(&p->real_timer, itimer_real_fires);
	p->start_ns = time_monotonic_ns();
	p->exit_signal = -1;
	p->dumpable = true;
	p->timer_slack_ns = 50000;
	if (!parent) {
		limits_init(p);
		return p;
	}
	memcpy(p->limits, parent->limits, sizeof(p->limits));
	p->no_new_privs = parent->no_new_privs;
	p->dumpable = parent->dumpable;
	p->has_subreaper = parent->has_subreaper || parent->child_subreaper;
	p->oom_score_adj = parent->oom_score_adj;
	p->personality = parent->personality;
	p->timer_slack_ns = parent->timer_slack_ns;
	p->exec_id = parent->exec_id;
	return p;
}

void process_set_dumpable(struct process *p, bool dumpable)
{
	struct vm_space *space = current->space;
	struct process *other;
	u64 flags;

	p->dumpable = dumpable;
	if (!space || atomic_read(&space->users) <= (s32)p->nr_threads)
		return;
	flags = spin_lock_irqsave(&process_lock);
	list_for_each(other, &process_list, all_link)
		if (READ_ONCE(other->space) == space)
			other->dumpable = dumpable;
	spin_unlock_irqrestore(&process_lock, flags);
}

void process_get(struct process *p)
{
	atomic_inc(&p->refs);
}

void process_put(struct process *p)
{
	if (!atomic_dec_and_test(&p->refs))
		return;
	signal_queue_flush(&p->shared, ~0ull);
	if (IS_ENABLED(CONFIG_SIGNALFD))
		signal_watch_put(p->watch);
	if (p->sighand)
		sighand_put(p->sighand);
	kfree(p->timers); /* if it never ran */
	kmem_cache_free(process_cache, p);
}

void task_signals_init(struct task_signals *signals, const struct task_signals *parent)
{
	*signals = (struct task_signals){ .altstack.flags = SS_DISABLE };
	signal_queue_init(&signals->pending);
	wait_queue_init(&signals->vfork_wait);
	list_init(&signals->cpu_timers);
	if (parent)
		signals->blocked = parent->blocked;
}

void upcall_thread_free(struct thread *t)
{
	struct process *p = t->proc;

	if (t->sig) {
		signal_queue_flush(&t->sig->pending, ~0ull);
		kmem_cache_free(task_signals_cache, t->sig);
		t->sig = NULL;
	}
	if (t->cred) {
		account_add_threads(t->cred->account, -1);
		cred_put_thread(t);
	}
	if (p) {
		t->proc = NULL;
		process_put(p);
	}
}

/* ---- access to another process ---- */

static struct thread *process_any_thread(struct process *p)
{
	if (list_empty(&p->threads))
		return NULL;
	return list_first(&p->threads, struct thread, proc_link);
}

struct vm_space *process_space_get(struct process *p)
{
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	struct vm_space *space = p->space;

	if (space)
		vm_space_get(space);
	spin_unlock_irqrestore(&p->sig_lock, flags);
	return space;
}

struct files *process_files_get(struct process *p)
{
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	struct thread *t = process_any_thread(p);
	struct files *files = t ? t->files : NULL;

	if (files)
		files_get(files);
	spin_unlock_irqrestore(&p->sig_lock, flags);
	return files;
}

struct fs_context *process_fs_get(struct process *p)
{
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	struct thread *t = process_any_thread(p);
	struct fs_context *fs = t ? t->fs : NULL;

	if (fs)
		fs_context_get(fs);
	spin_unlock_irqrestore(&p->sig_lock, flags);
	return fs;
}

u64 thread_cpu_ns(struct thread *t)
{
	u64 ns = READ_ONCE(t->user_ns) + READ_ONCE(t->system_ns);

	if (t->on_cpu) {
		u64 now = time_monotonic_ns(), start = READ_ONCE(t->exec_start_ns);

		if (now > start)
			ns += now - start;
	}
	return ns;
}

u64 process_cpu_ns(struct process *p)
{
	u64 flags = spin_lock_irqsave(&p->sig_lock), ns = p->exec_ns;
	struct thread *t;

	list_for_each(t, &p->threads, proc_link)
		ns += thread_cpu_ns(t);
	spin_unlock_irqrestore(&p->sig_lock, flags);
	return ns;
}

void process_times(struct process *p, u64 *user_ns, u64 *system_ns)
{
	struct thread *t;
	u64 flags;

	if (p == current->proc)
		sched_charge_current(); /* what a program asks of itself is exact, as its CPU clock is */
	flags = spin_lock_irqsave(&p->sig_lock);
	*user_ns = p->user_ns;
	*system_ns = p->system_ns;
	list_for_each(t, &p->threads, proc_link) {
		*user_ns += t->user_ns;
		*system_ns += t->system_ns;
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
}
