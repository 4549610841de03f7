// SPDX-License-Identifier: MIT
/*
 * Process groups and sessions.
 *
 * A group is the list of members in the struct pid of its number; a session is
 * only a number that processes share, kept from being reused by the count in
 * its struct pid. All of it changes under process_lock.
 *
  * A group is orphaned when no member has a parent that is in the same session
 * but in another group: no process could then continue it after a stop. POSIX.1,
 * 3.264 and 11.1.4.
 */
#include "internal.h"
#include <kernel/syscalls.h>
#include <kernel/tty.h>

void process_enter_group_locked(struct process *p, struct pid *pgrp, struct pid *session)
{
	assert_held(&process_lock);
	p->pgrp_ref = pid_get(pgrp);
	WRITE_ONCE(p->pgrp, pgrp->nr);
	list_add_tail(&p->pgrp_link, &pgrp->members);
	p->session_ref = pid_get(session);
	WRITE_ONCE(p->session, session->nr);
}

void process_leave_group_locked(struct process *p)
{
	assert_held(&process_lock);
	list_del(&p->pgrp_link);
	pid_put(p->pgrp_ref);
	pid_put(p->session_ref);
	p->pgrp_ref = p->session_ref = NULL;
}

/* @ignore is about to end, and is not counted as a member. */
bool pgrp_orphaned_without(struct pid *pgrp, const struct process *ignore)
{
	struct process *p;

	assert_held(&process_lock);
	list_for_each(p, &pgrp->members, pgrp_link) {
		if (p == ignore || p->state == PROC_ZOMBIE || !p->parent ||
		    p->parent == init_process)
			continue;
		if (p->parent->pgrp != p->pgrp && p->parent->session == p->session)
			return false;
	}
	return true;
}

bool pgrp_is_orphaned(pid_t pgrp)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	struct pid *pid = pid_lookup(pgrp);
	bool orphaned = !pid || pgrp_orphaned_without(pid, NULL);

	spin_unlock_irqrestore(&process_lock, flags);
	return orphaned;
}

static bool pgrp_in_session_locked(struct pid *pgrp, pid_t session)
{
	assert_held(&process_lock);
	return pgrp && !list_empty(&pgrp->members) &&
	       list_first(&pgrp->members, struct process, pgrp_link)->session == session;
}

bool pgrp_in_session(pid_t pgrp, pid_t session)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	bool in_session = pgrp_in_session_locked(pid_lookup(pgrp), session);

	spin_unlock_irqrestore(&process_lock, flags);
	return in_session;
}

/* The rules of setpgid(), in the order in which Linux checks them. */
static int process_set_group_locked(struct process *p, pid_t pgid)
{
	struct process *caller = current->proc;
	struct pid *pgrp;

	assert_held(&process_lock);
	if (p->state == PROC_ZOMBIE || p->state == PROC_DEAD)
		return -ESRCH;
	if (p->parent == caller) {
		if (p->session != caller->session)
			return -EPERM;
		if (p->did_exec)
			return -EACCES;
	} else if (p != caller) {
		return -ESRCH;
	}
	if (p->session == p->pid)
		return -EPERM;
	pgrp = pid_lookup(pgid);
	if (pgid != p->pid && !pgrp_in_session_locked(pgrp, caller->session))
		return -EPERM;
	if (p->pgrp == pgid)
		return 0;
	list_del(&p->pgrp_link);
	pid_put(p->pgrp_ref);
	p->pgrp_ref = pid_get(pgrp);
	WRITE_ONCE(p->pgrp, pgid);
	list_add_tail(&p->pgrp_link, &pgrp->members);
	return 0;
}

SYSCALL2(setpgid, pid_arg, pgid_arg)
{
	pid_t pid = (pid_t)pid_arg, pgid = (pid_t)pgid_arg;
	struct process *p;
	u64 flags;
	int err;

	if (!pid)
		pid = current->proc->pid;
	if (!pgid)
		pgid = pid;
	if (pgid < 0)
		return -EINVAL;
	p = process_find(pid);
	if (!p)
		return -ESRCH;
	flags = spin_lock_irqsave(&process_lock);
	err = process_set_group_locked(p, pgid);
	spin_unlock_irqrestore(&process_lock, flags);
	process_put(p);
	return err;
}

static s64 read_id(pid_t pid, bool session)
{
	struct process *p;
	pid_t id;

	if (!pid && session)
		return current->proc->session;
	if (!pid)
		return current->proc->pgrp;
	p = process_find(pid);
	if (!p)
		return -ESRCH;
	id = session ? p->session : p->pgrp;
	process_put(p);
	return id;
}

SYSCALL1(getpgid, pid)
{
	return read_id((pid_t)pid, false);
}

SYSCALL0(getpgrp)
{
	return current->proc->pgrp;
}

SYSCALL1(getsid, pid)
{
	return read_id((pid_t)pid, true);
}

SYSCALL0(setsid)
{
	struct process *p = current->proc;
	struct tty *tty = NULL;
	u64 flags = spin_lock_irqsave(&process_lock);

	/* There must be no group of this number, not even one that has only other members. */
	if (p->pgrp == p->pid || !list_empty(&p->pid_ref->members)) {
		spin_unlock_irqrestore(&process_lock, flags);
		return -EPERM;
	}
	process_leave_group_locked(p);
	process_enter_group_locked(p, p->pid_ref, p->pid_ref);
	tty = p->tty;
	p->tty = NULL;
	spin_unlock_irqrestore(&process_lock, flags);
	if (tty)
		tty_put(tty);
	return p->pid;
}
