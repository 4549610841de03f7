// SPDX-License-Identifier: MIT
/*
 * Job control: sessions, foreground groups, and their signals.
 *
 * A session has at most one controlling terminal and a terminal at most one
 * session; tty->session and each member's process->tty record this from both sides,
 * and change together under process_lock. tty->pgrp is the foreground group;
 * other groups are stopped by SIGTTIN when they read and by SIGTTOU when
 * they change settings (or write, with TOSTOP). An orphaned group, which no process
 * could continue, gets EIO instead.
 *
 * When the line is lost or the session leader ends, the foreground group receives
 * SIGHUP, and SIGCONT so that stopped processes handle it.
 *
 * Lock: process_lock (spin, interrupts off), never with a terminal's own inside.
 * Sources: POSIX chapter 11.1; Linux for what POSIX leaves open.
 */
#include <kernel/fs/file.h>
#include <kernel/process.h>
#include <kernel/uaccess.h>
#include "internal.h"

static bool is_session_leader(const struct process *p)
{
	return p->pid == p->session;
}

struct tty *tty_of_current(void)
{
	struct process *p = current_process();
	struct tty *tty;
	u64 flags;

	if (!p)
		return NULL;
	flags = spin_lock_irqsave(&process_lock);
	tty = p->tty;
	if (tty)
		tty_get(tty);
	spin_unlock_irqrestore(&process_lock, flags);
	return tty;
}

static bool is_terminal_of_current(const struct tty *tty)
{
	const struct process *p = current_process();

	return p && READ_ONCE(p->tty) == tty;
}

void tty_signal_group(struct tty *tty, int sig)
{
	pid_t pgrp = READ_ONCE(tty->pgrp);

	if (pgrp)
		signal_send_pgrp(pgrp, sig, SI_KERNEL_INFO);
}

int tty_check_job(struct tty *tty, int sig)
{
	pid_t foreground = READ_ONCE(tty->pgrp), mine;

	if (!is_terminal_of_current(tty))
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

/* The caller has checked that the terminal has no session and the process no terminal. */
static void tty_adopt_locked(struct tty *tty, struct process *p)
{
	assert_held(&process_lock);
	tty_get(tty);
	p->tty = tty;
	tty->session = p->session;
	tty->pgrp = p->pgrp;
}

void tty_adopt_on_open(struct tty *tty, struct file *f)
{
	struct process *p = current_process();
	u64 flags;

	if (!p || !is_session_leader(p) || READ_ONCE(p->tty) || !(f->mode & FMODE_READ))
		return;
	flags = spin_lock_irqsave(&process_lock);
	if (!p->tty && !tty->session)
		tty_adopt_locked(tty, p);
	spin_unlock_irqrestore(&process_lock, flags);
}

/* Take the terminal from all members of its session. @return how many references to drop */
static u32 tty_clear_session_locked(struct tty *tty)
{
	struct process *p;
	u32 count = 0;

	assert_held(&process_lock);
	list_for_each(p, &process_list, all_link) {
		if (p->tty == tty) {
			p->tty = NULL;
			count++;
		}
	}
	tty->session = tty->pgrp = 0;
	return count;
}

static void tty_put_many(struct tty *tty, u32 count)
{
	while (count--)
		tty_put(tty);
}

void tty_leave_session(struct tty *tty)
{
	u64 flags;
	u32 count;

	if (!READ_ONCE(tty->session))
		return;
	flags = spin_lock_irqsave(&process_lock);
	count = tty_clear_session_locked(tty);
	spin_unlock_irqrestore(&process_lock, flags);
	tty_put_many(tty, count);
}

static void signal_hup_cont(pid_t pgrp)
{
	if (pgrp) {
		signal_send_pgrp(pgrp, SIGHUP, SI_KERNEL_INFO);
		signal_send_pgrp(pgrp, SIGCONT, SI_KERNEL_INFO);
	}
}

void tty_signal_hangup(struct tty *tty)
{
	pid_t session = READ_ONCE(tty->session), pgrp = READ_ONCE(tty->pgrp);
	struct process *leader = NULL;

	if (session)
		leader = process_find(session);
	if (leader) {
		signal_send_process(leader, SIGHUP, SI_KERNEL_INFO);
		signal_send_process(leader, SIGCONT, SI_KERNEL_INFO);
		process_put(leader);
	}
	signal_hup_cont(pgrp);
}

/* The terminal that @leader is giving up, counted, with its foreground group. */
static struct tty *session_give_up_tty(struct process *leader, pid_t *pgrp)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	struct tty *tty = leader->tty;

	if (tty && is_session_leader(leader)) {
		tty_get(tty);
		*pgrp = tty->pgrp;
	} else {
		tty = NULL;
	}
	spin_unlock_irqrestore(&process_lock, flags);
	return tty;
}

void tty_session_exit(struct process *leader)
{
	pid_t pgrp = 0;
	struct tty *tty = session_give_up_tty(leader, &pgrp);

	if (!tty)
		return;
	signal_hup_cont(pgrp);
	tty_leave_session(tty);
	if (!tty->is_pty)
		tty_kill_files(tty); /* the next session starts with a clean line */
	tty_put(tty);
}

/* ---- ioctl ---- */

static s64 ioctl_set_controlling(struct tty *tty, struct file *f, bool steal)
{
	struct process *p = current_process();
	u32 dropped = 0;
	s64 err = -EPERM;
	u64 flags;

	if (!p)
		return -EPERM;
	flags = spin_lock_irqsave(&process_lock);
	if (is_session_leader(p) && p->tty == tty && tty->session == p->session) {
		err = 0;
		goto out_unlock;
	}
	if (!is_session_leader(p) || p->tty)
		goto out_unlock;
	if (tty->session) {
		if (!steal || !current_is_super())
			goto out_unlock;
		dropped = tty_clear_session_locked(tty);
	}
	if (!(f->mode & FMODE_READ) && !current_is_super())
		goto out_unlock;
	tty_adopt_locked(tty, p);
	err = 0;
out_unlock:
	spin_unlock_irqrestore(&process_lock, flags);
	tty_put_many(tty, dropped);
	return err;
}

static s64 ioctl_give_up_controlling(struct tty *tty)
{
	struct process *p = current_process();
	u64 flags;

	if (!is_terminal_of_current(tty))
		return -ENOTTY;
	if (is_session_leader(p)) {
		signal_hup_cont(READ_ONCE(tty->pgrp));
		tty_leave_session(tty);
		return 0;
	}
	flags = spin_lock_irqsave(&process_lock);
	if (p->tty == tty)
		p->tty = NULL;
	else
		tty = NULL;
	spin_unlock_irqrestore(&process_lock, flags);
	tty_put(tty);
	return 0;
}

static s64 ioctl_set_foreground(struct tty *tty, u64 arg)
{
	s64 err = tty_check_job(tty, SIGTTOU);
	struct process *p;
	u64 flags;
	u32 pgrp;

	if (err)
		return err == -EIO ? -ENOTTY : err;
	if (!is_terminal_of_current(tty) || READ_ONCE(tty->session) != current_process()->session)
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
	if (tty->session == current_process()->session)
		tty->pgrp = pgrp;
	else
		err = -ENOTTY;
	spin_unlock_irqrestore(&process_lock, flags);
	return err;
}

s64 tty_ioctl_jobs(struct tty *tty, struct file *f, u32 cmd, u64 arg)
{
	switch (cmd) {
	case TIOCSCTTY: return ioctl_set_controlling(tty, f, arg == 1);
	case TIOCNOTTY: return ioctl_give_up_controlling(tty);
	case TIOCGPGRP:
		if (!is_terminal_of_current(tty))
			return -ENOTTY;
		return put_user_u32(uaddr(arg), READ_ONCE(tty->pgrp));
	case TIOCSPGRP: return ioctl_set_foreground(tty, arg);
	case TIOCGSID:
		if (!is_terminal_of_current(tty) || !READ_ONCE(tty->session))
			return -ENOTTY;
		return put_user_u32(uaddr(arg), READ_ONCE(tty->session));
	}
	return -ENOTTY;
}
