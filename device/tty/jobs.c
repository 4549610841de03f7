// SPDX-License-Identifier: MIT
/*
 * Job control: sessions, foreground groups, and the signals that go with them.
 *
 * A session has at most one controlling terminal and a terminal at most one
 * session; t->session and each member's process->tty say so from both sides,
 * and change together under process_lock. t->pgrp is the group in the
 * foreground; others are stopped by SIGTTIN when they read and by SIGTTOU when
 * they change settings (or write, with TOSTOP). A group that nobody could
 * continue, an orphaned one, gets EIO instead.
 *
 * When the line is lost or the session leader ends, the foreground group is
 * told by SIGHUP, with SIGCONT so that stopped ones hear it.
 *
 * Lock: process_lock (spin, interrupts off), never with a terminal's own inside.
 * Sources: POSIX chapter 11.1; Linux for what POSIX leaves open.
 */
#include <kernel/fs/file.h>
#include <kernel/process.h>
#include <kernel/uaccess.h>
#include "internal.h"

static bool is_leader(const struct process *p)
{
	return p->pid == p->session;
}

struct tty *tty_of_current(void)
{
	struct process *p = current_process();
	struct tty *t;
	u64 flags;

	if (!p)
		return NULL;
	flags = spin_lock_irqsave(&process_lock);
	t = p->tty;
	if (t)
		tty_get(t);
	spin_unlock_irqrestore(&process_lock, flags);
	return t;
}

static bool is_terminal_of_current(const struct tty *t)
{
	const struct process *p = current_process();

	return p && READ_ONCE(p->tty) == t;
}

void tty_signal_group(struct tty *t, int sig)
{
	pid_t pgrp = READ_ONCE(t->pgrp);

	if (pgrp)
		signal_send_pgrp(pgrp, sig, SI_KERNEL_INFO);
}

int tty_check_job(struct tty *t, int sig)
{
	pid_t foreground = READ_ONCE(t->pgrp), mine;

	if (!is_terminal_of_current(t))
		return 0;
	mine = READ_ONCE(current_process()->pgrp);
	if (!foreground || mine == foreground)
		return 0;
	if (signal_is_ignored_or_blocked(sig))
		return sig == SIGTTIN ? -EIO : 0;
	if (pgrp_is_orphaned(mine))
		return -EIO;
	signal_send_pgrp(mine, sig, SI_KERNEL_INFO);
	return -ERESTARTSYS;
}

/* process_lock held; the caller has checked that neither side is taken. */
static void adopt_locked(struct tty *t, struct process *p)
{
	tty_get(t);
	p->tty = t;
	t->session = p->session;
	t->pgrp = p->pgrp;
}

void tty_adopt_on_open(struct tty *t, struct file *f)
{
	struct process *p = current_process();
	u64 flags;

	if (!p || !is_leader(p) || READ_ONCE(p->tty) || !(f->mode & FMODE_READ))
		return;
	flags = spin_lock_irqsave(&process_lock);
	if (!p->tty && !t->session)
		adopt_locked(t, p);
	spin_unlock_irqrestore(&process_lock, flags);
}

/* No member of the session has this terminal any more. @return references to drop; process_lock held */
static u32 clear_session_locked(struct tty *t)
{
	struct process *p;
	u32 n = 0;

	list_for_each(p, &process_list, all_link) {
		if (p->tty == t) {
			p->tty = NULL;
			n++;
		}
	}
	t->session = t->pgrp = 0;
	return n;
}

static void put_many(struct tty *t, u32 n)
{
	while (n--)
		tty_put(t);
}

void tty_leave_session(struct tty *t)
{
	u64 flags;
	u32 n;

	if (!READ_ONCE(t->session))
		return;
	flags = spin_lock_irqsave(&process_lock);
	n = clear_session_locked(t);
	spin_unlock_irqrestore(&process_lock, flags);
	put_many(t, n);
}

static void signal_hup_cont(pid_t pgrp)
{
	if (pgrp) {
		signal_send_pgrp(pgrp, SIGHUP, SI_KERNEL_INFO);
		signal_send_pgrp(pgrp, SIGCONT, SI_KERNEL_INFO);
	}
}

void tty_signal_hangup(struct tty *t)
{
	pid_t session = READ_ONCE(t->session), pgrp = READ_ONCE(t->pgrp);
	struct process *leader = session ? process_find(session) : NULL;

	if (leader) {
		signal_send_process(leader, SIGHUP, SI_KERNEL_INFO);
		signal_send_process(leader, SIGCONT, SI_KERNEL_INFO);
		process_put(leader);
	}
	signal_hup_cont(pgrp);
}

/* The terminal that @leader is giving up, counted, with its foreground group. */
static struct tty *give_up(struct process *leader, pid_t *pgrp)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	struct tty *t = leader->tty;

	if (t && is_leader(leader)) {
		tty_get(t);
		*pgrp = t->pgrp;
	} else {
		t = NULL;
	}
	spin_unlock_irqrestore(&process_lock, flags);
	return t;
}

void tty_session_exit(struct process *leader)
{
	pid_t pgrp = 0;
	struct tty *t = give_up(leader, &pgrp);

	if (!t)
		return;
	signal_hup_cont(pgrp);
	tty_leave_session(t);
	if (!t->is_pty)
		tty_kill_files(t); /* the next session starts with a clean line */
	tty_put(t);
}

/* ---- ioctl ---- */

static s64 set_controlling(struct tty *t, struct file *f, bool steal)
{
	struct process *p = current_process();
	u32 dropped = 0;
	s64 err = -EPERM;
	u64 flags;

	if (!p)
		return -EPERM;
	flags = spin_lock_irqsave(&process_lock);
	if (is_leader(p) && p->tty == t && t->session == p->session) {
		err = 0;
		goto out;
	}
	if (!is_leader(p) || p->tty)
		goto out;
	if (t->session) {
		if (!steal || !current_is_super())
			goto out;
		dropped = clear_session_locked(t);
	}
	if (!(f->mode & FMODE_READ) && !current_is_super())
		goto out;
	adopt_locked(t, p);
	err = 0;
out:
	spin_unlock_irqrestore(&process_lock, flags);
	put_many(t, dropped);
	return err;
}

static s64 give_up_controlling(struct tty *t)
{
	struct process *p = current_process();
	u64 flags;

	if (!is_terminal_of_current(t))
		return -ENOTTY;
	if (is_leader(p)) {
		signal_hup_cont(READ_ONCE(t->pgrp));
		tty_leave_session(t);
		return 0;
	}
	flags = spin_lock_irqsave(&process_lock);
	if (p->tty == t)
		p->tty = NULL;
	else
		t = NULL;
	spin_unlock_irqrestore(&process_lock, flags);
	tty_put(t);
	return 0;
}

static s64 set_foreground(struct tty *t, u64 arg)
{
	s64 err = tty_check_job(t, SIGTTOU);
	struct process *p;
	u64 flags;
	u32 pgrp;

	if (err)
		return err == -EIO ? -ENOTTY : err;
	if (!is_terminal_of_current(t) || READ_ONCE(t->session) != current_process()->session)
		return -ENOTTY;
	if (get_user_u32(&pgrp, uaddr(arg)))
		return -EFAULT;
	if ((s32)pgrp < 0)
		return -EINVAL;
	if (!pgrp_in_session(pgrp, current_process()->session)) {
		p = process_find(pgrp);
		if (!p)
			return -ESRCH;
		process_put(p);
		return -EPERM;
	}
	flags = spin_lock_irqsave(&process_lock);
	if (t->session == current_process()->session)
		t->pgrp = pgrp;
	else
		err = -ENOTTY;
	spin_unlock_irqrestore(&process_lock, flags);
	return err;
}

s64 tty_ioctl_jobs(struct tty *t, struct file *f, u32 cmd, u64 arg)
{
	switch (cmd) {
	case TIOCSCTTY: return set_controlling(t, f, arg == 1);
	case TIOCNOTTY: return give_up_controlling(t);
	case TIOCGPGRP:
		return is_terminal_of_current(t) ? put_user_u32(uaddr(arg), READ_ONCE(t->pgrp))
						 : -ENOTTY;
	case TIOCSPGRP: return set_foreground(t, arg);
	case TIOCGSID:
		if (!is_terminal_of_current(t) || !READ_ONCE(t->session))
			return -ENOTTY;
		return put_user_u32(uaddr(arg), READ_ONCE(t->session));
	}
	return -ENOTTY;
}
