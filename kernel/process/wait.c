// SPDX-License-Identifier: MIT
/*
 * wait4, waitid: report ends, stops and continuations of children, and of traced threads.
 *
 * The list of children is walked under process_lock; zombies are at its
 * front. A child that is asked for by its number is looked up instead. A zombie that
 * is reported is unlinked under the same lock, so that no two
 * waiters get it, and freed afterwards without the lock. Stops and
 * continuations are recorded in the child (stop_status, continued) under its own
 * sig_lock and reported once.
 */
#include "ptrace.h"
#include <kernel/syscalls.h>
#include <uapi/wait.h>

struct wait_request {
	int type; /* P_ALL, P_PID, P_PGID */
	pid_t id;
	u32 options;
	bool want_usage;
	struct process *process; /* P_PIDFD; counted, to be put by the caller */
	bool again;		 /* its O_NONBLOCK: -EAGAIN where nothing was found */
	/* what was found */
	struct process *reaped; /* to be released */
	pid_t pid;
	uid_t uid;
	int status;   /* as wait4() returns it */
	bool trapped; /* a stop for the tracer */
	struct rusage usage;
};

static bool wait_is_meant(const struct wait_request *request, const struct process *child)
{
	if (request->type == P_PID && child->pid != request->id)
		return false;
	if (request->type == P_PGID && child->pgrp != request->id)
		return false;
	if (request->options & __WALL)
		return true;
	return (child->exit_signal != SIGCHLD) == !!(request->options & __WCLONE);
}

static void wait_found(struct wait_request *request, struct process *child, int status)
{
	request->pid = child->pid;
	request->uid = child->leader->cred->uid;
	request->status = status;
	if (request->want_usage)
		rusage_of_child(child, &request->usage);
}

/* Add what the child and its own children used to the figures of its parent. */
static void process_inherit_figures(struct process *parent, const struct process *child)
{
	assert_held(&process_lock);
	parent->child_user_ns += child->user_ns + child->child_user_ns;
	parent->child_system_ns += child->system_ns + child->child_system_ns;
	parent->child_minflt += child->minflt + child->child_minflt;
	parent->child_majflt += child->majflt + child->child_majflt;
	parent->child_nvcsw += child->nvcsw + child->child_nvcsw;
	parent->child_nivcsw += child->nivcsw + child->child_nivcsw;
	parent->child_peak_rss_pages = MAX(parent->child_peak_rss_pages,
					   MAX(child->peak_rss_pages, child->child_peak_rss_pages));
}

static bool wait_try_zombie(struct wait_request *request, struct process *child)
{
	assert_held(&process_lock);
	if (child->state != PROC_ZOMBIE || !(request->options & WEXITED) || child->is_tracers)
		return false;
	wait_found(request, child, child->exit_status);
	if (request->options & WNOWAIT)
		return true;
	process_inherit_figures(current->proc, child);
	process_unlink_locked(child);
	request->reaped = child;
	return true;
}

static bool wait_try_stopped(struct wait_request *request, struct process *child)
{
	int status = 0;

	assert_held(&process_lock);
	if (!(request->options & WSTOPPED) || !child->stop_status ||
	    ptrace_is_traced_by(child, current->proc))
		return false;
	raw_spin_lock(&child->sig_lock);
	if (child->state == PROC_STOPPED) {
		status = child->stop_status;
		if (!(request->options & WNOWAIT))
			child->stop_status = 0;
	}
	raw_spin_unlock(&child->sig_lock);
	if (status)
		wait_found(request, child, status);
	return status;
}

static bool wait_try_continued(struct wait_request *request, struct process *child)
{
	bool continued;

	assert_held(&process_lock);
	if (!(request->options & WCONTINUED) || !child->continued)
		return false;
	raw_spin_lock(&child->sig_lock);
	continued = child->continued;
	if (!(request->options & WNOWAIT))
		child->continued = false;
	raw_spin_unlock(&child->sig_lock);
	if (continued)
		wait_found(request, child, WAIT_STATUS_CONTINUED);
	return continued;
}

/* @return 1: found; 0: to be waited for; -ECHILD: not meant */
static int wait_try_locked(struct wait_request *request, struct process *child)
{
	assert_held(&process_lock);
	if (!wait_is_meant(request, child))
		return -ECHILD;
	return wait_try_zombie(request, child) || wait_try_stopped(request, child) ||
	       wait_try_continued(request, child);
}

/* ---- traced threads ---- */

#ifdef CONFIG_PTRACE
static bool tracee_is_meant(const struct wait_request *request, const struct tracee *tracee,
			    pid_t tid)
{
	if (request->type == P_PID)
		return tid == request->id;
	return request->type == P_ALL || tracee->proc->pgrp == request->id;
}

static bool wait_try_tracee_end(struct wait_request *request, struct tracee *tracee)
{
	struct process *p = tracee->zombie;

	assert_held(&process_lock);
	if (!(request->options & WEXITED))
		return false;
	request->status = tracee->status;
	if (request->want_usage && p)
		rusage_of_child(p, &request->usage);
	if (!(request->options & WNOWAIT) && tracee_reap_locked(tracee))
		request->reaped = p;
	return true;
}

static bool wait_try_tracee_stop(struct wait_request *request, struct tracee *tracee)
{
	assert_held(&process_lock);
	if (!tracee->stopped || !tracee->unreported)
		return false;
	if (!(request->options & WNOWAIT))
		tracee->unreported = false;
	request->status = tracee->status << 8 | WAIT_SIGNAL_MASK;
	request->trapped = true;
	return true;
}

/* @return 1: found; 0: to be waited for; -ECHILD: not meant */
static int wait_try_tracee(struct wait_request *request, struct tracee *tracee)
{
	pid_t tid = tracee->tid;

	assert_held(&process_lock);
	if (tracee->thread)
		tid = tracee->thread->tid;
	if (!tracee_is_meant(request, tracee, tid))
		return -ECHILD;
	request->pid = tid;
	request->uid = tracee->uid;
	if (tracee->ended)
		return wait_try_tracee_end(request, tracee);
	return wait_try_tracee_stop(request, tracee);
}

static int wait_scan_tracees(struct wait_request *request, int result)
{
	u64 flags;

	if (likely(result == 1 || !READ_ONCE(current->proc->tracees)))
		return result;
	flags = spin_lock_irqsave(&process_lock);
	for (struct tracee *tracee = current->proc->tracees, *next; tracee && result != 1;
	     tracee = next) {
		next = tracee->next;
		result = MAX(result, wait_try_tracee(request, tracee));
	}
	spin_unlock_irqrestore(&process_lock, flags);
	return result;
}
#else
static int wait_scan_tracees(struct wait_request *request, int result)
{
	(void)request;
	return result;
}
#endif

/* ---- finding one ---- */

/* One child, by its number: no walk, unless it is the first. */
static int wait_scan_number(struct wait_request *request)
{
	struct process *parent = current->proc, *child, *found = NULL;
	u64 flags = spin_lock_irqsave(&process_lock);
	int result = -ECHILD;

	child = list_first(&parent->children, struct process, sibling);
	if (request->process)
		child = request->process;
	else if (!list_empty(&parent->children) && child->pid != request->id)
		child = found = process_find(request->id);
	if (!list_empty(&parent->children) && child && child->parent == parent &&
	    child->state != PROC_DEAD)
		result = wait_try_locked(request, child);
	spin_unlock_irqrestore(&process_lock, flags);
	if (found)
		process_put(found);
	return result;
}

/* @return 1: found; 0: there are children to wait for; -ECHILD: there are none */
static int wait_scan_children(struct wait_request *request)
{
	/* Those that have ended come first in the list. */
	bool to_the_end = request->options & (WSTOPPED | WCONTINUED);
	struct process *parent = current->proc, *child;
	int result = -ECHILD;
	u64 flags;

	if (request->type == P_PID)
		return wait_scan_number(request);
	flags = spin_lock_irqsave(&process_lock);
	list_for_each(child, &parent->children, sibling) {
		result = MAX(result, wait_try_locked(request, child));
		if (result == 1 || (!result && !to_the_end && child->state != PROC_ZOMBIE))
			break;
	}
	spin_unlock_irqrestore(&process_lock, flags);
	return result;
}

static int wait_scan(struct wait_request *request)
{
	return wait_scan_tracees(request, wait_scan_children(request));
}

/* @return 1: found, 0: nothing yet (WNOHANG), or -errno */
static int wait_for_child(struct wait_request *request)
{
	int result = 0, err = 0;

	if (request->options & WNOHANG)
		result = wait_scan(request);
	else
		err = wait_event_interruptible(&current->proc->child_wait,
					       (result = wait_scan(request)) != 0);
	if (err)
		return err;
	if (request->reaped)
		process_release(request->reaped);
	return result;
}

SYSCALL4(wait4, pid_arg, user_status, options_arg, user_usage)
{
	pid_t pid = (pid_t)pid_arg;
	u32 options = (u32)options_arg;
	struct wait_request request = {
		.options = options | WEXITED,
		.want_usage = user_usage,
	};
	int result;

	if (options & ~(WNOHANG | WUNTRACED | WCONTINUED | __WNOTHREAD | __WCLONE | __WALL))
		return -EINVAL;
	if (pid == INT32_MIN)
		return -ESRCH;
	if (pid == -1) {
		request.type = P_ALL;
	} else if (pid > 0) {
		request.type = P_PID;
		request.id = pid;
	} else {
		request.type = P_PGID;
		request.id = -pid;
		if (pid == 0)
			request.id = current->proc->pgrp;
	}
	result = wait_for_child(&request);
	if (result <= 0)
		return result;
	if (user_status && put_user_u32(uaddr(user_status), (u32)request.status))
		return -EFAULT;
	if (user_usage && copy_to_user(uaddr(user_usage), &request.usage, sizeof(request.usage)))
		return -EFAULT;
	return request.pid;
}

static void wait_fill_info(const struct wait_request *request, struct user_siginfo *info)
{
	info->signo = SIGCHLD;
	info->child.pid = request->pid;
	info->child.uid = request->uid;
	if (request->trapped) {
		info->code = CLD_TRAPPED;
		info->child.status = request->status >> 8;
	} else if (request->status == WAIT_STATUS_CONTINUED) {
		info->code = CLD_CONTINUED;
		info->child.status = SIGCONT;
	} else if ((request->status & 0xff) == WAIT_SIGNAL_MASK) {
		info->code = CLD_STOPPED;
		info->child.status = request->status >> 8 & 0xff;
	} else if (request->status & WAIT_SIGNAL_MASK) {
		info->code = CLD_KILLED;
		info->child.status = request->status & WAIT_SIGNAL_MASK;
	} else {
		info->code = CLD_EXITED;
		info->child.status = request->status >> 8 & 0xff;
	}
}

static int wait_read_pidfd(struct wait_request *request, u32 fd)
{
	bool nonblock;
	struct process *p = pidfd_process_get(fd, &nonblock);

	if (IS_ERR(p))
		return (int)PTR_ERR(p);
	request->type = P_PID;
	request->id = p->pid;
	request->process = p;
	if (nonblock && !(request->options & WNOHANG)) {
		request->options |= WNOHANG;
		request->again = true;
	}
	return 0;
}

/* @return 0 or -errno */
static int wait_read_target(struct wait_request *request, int type, pid_t id)
{
	request->type = type;
	request->id = id;
	switch (type) {
	case P_ALL: return 0;
	case P_PID:
		if (id <= 0)
			return -EINVAL;
		return 0;
	case P_PGID:
		if (!id)
			request->id = current->proc->pgrp;
		if (id < 0)
			return -EINVAL;
		return 0;
	case P_PIDFD:
		if (id < 0)
			return -EINVAL;
		return wait_read_pidfd(request, (u32)id);
	}
	return -EINVAL;
}

SYSCALL5(waitid, type, id, user_info, options_arg, user_usage)
{
	u32 options = (u32)options_arg;
	struct wait_request request = { .options = options, .want_usage = user_usage };
	struct user_siginfo info = { 0 };
	int result;

	if (options & ~(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | __WNOTHREAD |
			__WCLONE | __WALL) ||
	    !(options & (WEXITED | WSTOPPED | WCONTINUED)))
		return -EINVAL;
	result = wait_read_target(&request, (int)type, (pid_t)id);
	if (!result)
		result = wait_for_child(&request);
	if (request.process)
		process_put(request.process);
	if (!result && request.again)
		result = -EAGAIN;
	if (result < 0)
		return result;
	if (result > 0) {
		wait_fill_info(&request, &info);
		if (user_usage &&
		    copy_to_user(uaddr(user_usage), &request.usage, sizeof(request.usage)))
			return -EFAULT;
	}
	/* The first 32 bytes are what Linux writes. */
	if (user_info && copy_to_user(uaddr(user_info), &info, 32))
		return -EFAULT;
	return 0;
}
