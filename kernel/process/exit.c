// SPDX-License-Identifier: MIT
/*
 * The end of threads and processes.
 *
  * A thread that ends accepts no more signals, handles robust list, clear_child_tid and a
 * parent in vfork(), is removed from the list of threads, and releases address space,
 * files and working directory. The last thread also ends the process: children get a
 * new parent, stopped groups that become orphaned get SIGHUP and SIGCONT, the parent gets
 * its signal. A zombie remains until wait4() reaps it, or none if the parent ignores
 * its children.
 *
 * The end of the first process is a panic.
 */
#include "ptrace.h"
#include <kernel/fs/context.h>
#include <kernel/fs/fd_table.h>
#include <kernel/fs/proc.h>
#include <kernel/ipc.h>
#include <kernel/syscalls.h>
#include <kernel/tty.h>
#include <kernel/uaccess.h>
#include <kernel/vm.h>
#include <kernel/wait.h>
#include <uapi/wait.h>

/* ---- user memory ---- */

void thread_vfork_done(struct thread *t)
{
	struct task_signals *signals = t->sig;

	if (signals->vfork_done)
		return;
	WRITE_ONCE(signals->vfork_done, true);
	wake_up_all(&signals->vfork_wait);
}

void thread_leave_space(struct thread *t)
{
	u64 addr = t->clear_child_tid;

	if (IS_ENABLED(CONFIG_ROBUST_FUTEXES) && t->robust_list)
		robust_list_exit(t);
	t->robust_list = 0;
	t->clear_child_tid = 0;
	/* Only other threads that share the memory can wait for the word. */
	if (addr && atomic_read(&t->space->users) > 1 && !put_user_u32(uaddr(addr), 0))
		futex_wake_user(addr, true, 1);
	thread_vfork_done(t);
}

/* ---- children ---- */

static struct process *process_new_parent_locked(struct process *p)
{
	struct process *ancestor;

	assert_held(&process_lock);
	if (!p->has_subreaper)
		return init_process;
	for (ancestor = p->parent; ancestor && ancestor != init_process;
	     ancestor = ancestor->parent)
		if (ancestor->child_subreaper && !ancestor->exiting)
			return ancestor;
	return init_process;
}

static bool pgrp_has_stopped_locked(struct pid *pgrp)
{
	struct process *p;

	assert_held(&process_lock);
	list_for_each(p, &pgrp->members, pgrp_link)
		if (p->state == PROC_STOPPED)
			return true;
	return false;
}

/* @p or its parent ends: signal the group of @p if that makes it an orphaned group with stopped processes. */
static void pgrp_orphan_locked(struct process *p, const struct process *parent,
			       const struct process *ignore)
{
	assert_held(&process_lock);
	if (parent->pgrp == p->pgrp || parent->session != p->session ||
	    !pgrp_orphaned_without(p->pgrp_ref, ignore) || !pgrp_has_stopped_locked(p->pgrp_ref))
		return;
	signal_send_pgrp_locked(p->pgrp_ref, SIGHUP, SI_KERNEL_INFO);
	signal_send_pgrp_locked(p->pgrp_ref, SIGCONT, SI_KERNEL_INFO);
}

static void clock_ticks_of(struct process *p, struct siginfo_k *info)
{
	u64 user, system;

	process_times(p, &user, &system);
	info->extra[0] = user / (NSEC_PER_SEC / 100);
	info->extra[1] = system / (NSEC_PER_SEC / 100);
}

static void process_describe_end(struct process *p, struct siginfo_k *info)
{
	*info = (struct siginfo_k){ .pid = p->pid, .uid = p->leader->cred->uid };
	if (p->exit_status & WAIT_SIGNAL_MASK) {
		info->code = CLD_KILLED;
		info->status = p->exit_status & WAIT_SIGNAL_MASK;
	} else {
		info->code = CLD_EXITED;
		info->status = p->exit_status >> 8 & 0xff;
	}
	clock_ticks_of(p, info);
}

bool process_notify_parent_locked(struct process *p)
{
	struct process *parent = p->parent;
	struct user_sigaction act;
	struct siginfo_k info;
	int sig = p->exit_signal;
	bool reap = false;

	assert_held(&process_lock);
	/* The parent may have executed a program since, which did not ask for this signal. */
	if (sig > 0 && sig != SIGCHLD && p->parent_exec_id != parent->exec_id)
		sig = SIGCHLD;
	process_describe_end(p, &info);
	raw_spin_lock(&parent->sig_lock);
	if (sig == SIGCHLD && parent->sighand) {
		act = sighand_get_action(parent, SIGCHLD);
		reap = act.handler == SIG_IGN || (act.flags & SA_NOCLDWAIT);
		if (act.handler == SIG_IGN)
			sig = 0;
	}
	if (sig_valid(sig))
		signal_send_locked(parent, NULL, sig, &info);
	raw_spin_unlock(&parent->sig_lock);
	wake_up_all(&parent->child_wait);
	return reap;
}

/* Children that have ended, and for which no process will wait, are moved to @dead. */
static void process_reparent_children_locked(struct process *p, struct list *dead)
{
	struct process *to, *child, *tmp;

	assert_held(&process_lock);
	if (list_empty(&p->children))
		return;
	to = process_new_parent_locked(p);
	list_for_each_safe(child, tmp, &p->children, sibling) {
		if (child->pdeath_signal)
			signal_send_process(child, child->pdeath_signal, SI_KERNEL_INFO);
		child->parent = to;
		WRITE_ONCE(child->ppid, to->pid);
		if (child->exit_signal != -1)
			child->exit_signal = SIGCHLD;
		pgrp_orphan_locked(child, p, NULL);
		list_del(&child->sibling);
		if (child->state != PROC_ZOMBIE) {
			list_add_tail(&child->sibling, &to->children);
			continue;
		}
		list_add(&child->sibling, &to->children);
		if (!child->is_tracers && process_notify_parent_locked(child)) {
			process_unlink_locked(child);
			list_add_tail(&child->sibling, dead);
		}
	}
}

/* ---- the process ---- */

/* From now on only references keep the process. */
void process_unlink_locked(struct process *p)
{
	assert_held(&process_lock);
	p->state = PROC_DEAD;
	list_del(&p->sibling);
	list_del(&p->all_link);
	process_leave_group_locked(p);
}

void process_release(struct process *p)
{
	struct pid *pid = p->pid_ref;
	struct thread *leader;
	u64 flags;

	flags = spin_lock_irqsave(&process_lock); /* others may have found the process before */
	leader = p->leader;
	p->leader = NULL;
	spin_unlock_irqrestore(&process_lock, flags);
	pid_withdraw_thread(pid);
	pid_withdraw_process(pid); /* the thread still has a reference */
	if (unlikely(READ_ONCE(p->in_proc)))
		proc_forget(p);
	pid_put(pid);
	thread_put(leader);
}

static void processes_release_all(struct list *dead)
{
	while (!list_empty(dead)) {
		struct process *p = list_first(dead, struct process, sibling);

		list_del(&p->sibling);
		process_release(p);
	}
}

static void process_leave_terminal(struct process *p)
{
	struct tty *tty;
	u64 flags;

	if (p->session == p->pid)
		tty_session_exit(p);
	flags = spin_lock_irqsave(&process_lock);
	tty = p->tty;
	p->tty = NULL;
	spin_unlock_irqrestore(&process_lock, flags);
	if (tty)
		tty_put(tty);
}

static void __noreturn init_process_ended(const struct process *p)
{
	int sig = p->exit_status & WAIT_SIGNAL_MASK;

	if (sig)
		panic("the first process (%s) ended with signal %d", current->comm, sig);
	panic("the first process (%s) ended with status %d", current->comm, p->exit_status >> 8);
}

/* Called by the last thread, when it has released its other resources. */
static void process_end(struct process *p)
{
	DEFINE_LIST(dead);
	u64 flags;

	if (p == init_process)
		init_process_ended(p);
	posix_timers_delete_all(p);
	itimers_exit(p);
	process_leave_terminal(p);

	flags = spin_lock_irqsave(&process_lock);
	ptrace_release_all_locked(p, &dead);
	process_reparent_children_locked(p, &dead);
	pgrp_orphan_locked(p, p->parent, p);
	p->state = PROC_ZOMBIE;
	/* Zombies are at the front: wait4() finds them without a walk over live children. */
	list_del(&p->sibling);
	list_add(&p->sibling, &p->parent->children);
	if (!ptrace_process_ended_locked(p) && process_notify_parent_locked(p)) {
		process_unlink_locked(p);
		list_add_tail(&p->sibling, &dead);
	}
	spin_unlock_irqrestore(&process_lock, flags);
	if (IS_ENABLED(CONFIG_PIDFD))
		wake_up_key(&p->child_wait, 0, POLLIN | POLLRDNORM); /* polls of pidfds */
	processes_release_all(&dead);
}

/* ---- the thread ---- */

/* Add the figures of a thread that ends to those of its process. */
static void process_add_figures(struct process *p, struct thread *t)
{
	assert_held(&p->sig_lock);
	if (t == current)
		sched_charge_current();
	p->exec_ns += thread_cpu_ns(t);
	p->user_ns += t->user_ns;
	p->system_ns += t->system_ns;
	p->nvcsw += t->nvcsw;
	p->nivcsw += t->nivcsw;
	p->minflt += t->sig->minflt;
	p->majflt += t->sig->majflt;
}

/* @return it was the last thread */
static bool process_unlink_thread(struct process *p, struct thread *t, int status)
{
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	struct thread *waiting = p->exec_thread;
	bool last;

	if (t == p->leader && !p->exiting)
		p->exit_status = status;
	process_add_figures(p, t);
	list_del(&t->proc_link);
	last = --p->nr_threads == 0;
	if (last) {
		p->exiting = true;
		p->space = NULL;
		signal_queue_flush(&p->shared, ~0ull);
	} else if (waiting && p->nr_threads == 1) {
		thread_wake(waiting);
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
	return last;
}

static void thread_release_resources(struct thread *t)
{
	struct vm_space *space = t->space;

	thread_switch_space(NULL);
	vm_space_put(space);
	files_put(t->files);
	t->files = NULL;
	fs_context_put(t->fs);
	t->fs = NULL;
}

/* Record how large the process was, while it has a space. */
static void process_note_peak(struct process *p)
{
	if (p->nr_threads > 1)
		return;
	p->peak_rss_pages = MAX(p->peak_rss_pages, vm_space_peak_rss(current->space));
}

static void thread_stop_signals(struct process *p, struct thread *t)
{
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	bool stopped = signal_thread_leaves(p, t);

	if (stopped) { /* the stop waited only for this thread */
		p->state = PROC_STOPPED;
		p->stop_status = WAIT_STATUS_STOPPED(p->stop_signal);
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
	if (stopped)
		process_notify_parent_stop(p, CLD_STOPPED);
}

void thread_end(int status)
{
	struct thread *t = current;
	struct process *p = t->proc;
	struct pid *pid = t->sig->pid;
	/* Read here: once this thread is unlinked, others may change the leader, or reap it. */
	bool last, is_leader = t == p->leader;

	thread_stop_signals(p, t);
	if (!is_leader)
		ptrace_thread_ends(t, status, false);
	thread_leave_space(t);
	process_note_peak(p);
	last = process_unlink_thread(p, t, status);
	thread_release_resources(t);
	if (IS_ENABLED(CONFIG_SYSVIPC) && t->sem_undo)
		sem_undo_leave(t);
	if (IS_ENABLED(CONFIG_SYSVIPC) && t->made_segments)
		shm_thread_exit(t);
	if (last)
		process_end(p);
	if (!is_leader) { /* the number of the first thread is the process's, and is freed with it */
		pid_withdraw_thread(pid);
		pid_put(pid);
	}
	thread_exit(status);
}

void process_exit_group(int status)
{
	struct process *p = current->proc;
	u64 flags = spin_lock_irqsave(&p->sig_lock);

	signal_group_exit_locked(p, status);
	spin_unlock_irqrestore(&p->sig_lock, flags);
	thread_end(status);
}

SYSCALL1(exit, code)
{
	ptrace_event(PTRACE_EVENT_EXIT, WAIT_STATUS_EXITED((int)code));
	thread_end(WAIT_STATUS_EXITED((int)code));
}

SYSCALL1(exit_group, code)
{
	ptrace_event(PTRACE_EVENT_EXIT, WAIT_STATUS_EXITED((int)code));
	process_exit_group(WAIT_STATUS_EXITED((int)code));
}

/* ---- stops ---- */

void process_notify_parent_stop(struct process *p, int why)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	struct process *parent = p->parent;
	struct siginfo_k info = { .pid = p->pid, .code = why };
	struct user_sigaction act;

	info.uid = p->leader->cred->uid;
	if (why == CLD_CONTINUED)
		info.status = SIGCONT;
	else if (p->stop_signal)
		info.status = p->stop_signal;
	else
		info.status = p->cld_signal;
	clock_ticks_of(p, &info);
	raw_spin_lock(&parent->sig_lock);
	act = sighand_get_action(parent, SIGCHLD);
	if (act.handler != SIG_IGN && !(act.flags & SA_NOCLDSTOP))
		signal_send_locked(parent, NULL, SIGCHLD, &info);
	raw_spin_unlock(&parent->sig_lock);
	wake_up_all(&parent->child_wait);
	spin_unlock_irqrestore(&process_lock, flags);
}
