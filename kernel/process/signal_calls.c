// SPDX-License-Identifier: MIT
/*
 * The system calls about signals: actions, masks, waiting, sending.
 */
#include "internal.h"
#include <kernel/syscalls.h>

#define SA_KNOWN                                                                                   \
	(SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | SA_EXPOSE_TAGBITS | SA_RESTORER | SA_ONSTACK | \
	 SA_RESTART | SA_NODEFER | SA_RESETHAND)

/* ---- actions ---- */

/* Does the new action discard a pending signal? POSIX: yes, if it is to ignore the signal. */
static void signal_forget_ignored(struct process *p, int sig)
{
	struct thread *t;

	if (sighand_is_default(p->sighand, sig) && sig_default_action(sig) != SIG_DEFAULT_IGNORE)
		return;
	signal_queue_flush(&p->shared, sigbit(sig));
	if (sig == SIGALRM)
		itimer_real_continue(p);
	list_for_each(t, &p->threads, proc_link)
		signal_queue_flush(&t->sig->pending, sigbit(sig));
}

/* Locking: sig_lock and sighand_lock(). */
static void signal_set_action(struct process *p, int sig, const struct user_sigaction *new)
{
	struct sighand *sighand = p->sighand;
	u64 bit = sigbit(sig);

	assert_held(&p->sig_lock);
	sighand->action[sighand_slot(sig)] = *new;
	sighand_set_default(sighand, sig);
	sighand->valid |= bit; /* SIGCHLD's flags count with SIG_DFL, too */
	if (likely(new->handler > SIG_IGN)) {
		sighand->caught |= bit;
		return;
	}
	if (new->handler == SIG_IGN)
		sighand->ignored |= bit;
	signal_forget_ignored(p, sig);
}

/* @new, @old  NULL: not wanted */
static void signal_swap_action(int sig, const struct user_sigaction *new,
			       struct user_sigaction *old)
{
	struct process *p = current->proc;
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	struct sighand *sighand = p->sighand;
	bool locked = sighand_lock(sighand);

	if (old && sig_in(sighand->valid, sig))
		*old = sighand->action[sighand_slot(sig)];
	else if (old)
		*old = (struct user_sigaction){ SIG_DFL, 0, 0, 0 };
	if (new)
		signal_set_action(p, sig, new);
	sighand_unlock(sighand, locked);
	spin_unlock_irqrestore(&p->sig_lock, flags);
}

SYSCALL4(rt_sigaction, sig_arg, user_new, user_old, size)
{
	struct user_sigaction new, old;
	int sig = (int)sig_arg;

	if (size != sizeof(u64))
		return -EINVAL;
	if (user_new) {
		if (copy_from_user(&new, uaddr(user_new), sizeof(new)))
			return -EFAULT;
		new.mask &= ~SIGSET_KERNEL_ONLY;
		new.flags &= SA_KNOWN;
	}
	if (!sig_valid(sig) || (user_new && sig_in(SIGSET_KERNEL_ONLY, sig)))
		return -EINVAL;
	signal_swap_action(sig, user_new ? &new : NULL, user_old ? &old : NULL);
	if (user_old && copy_to_user(uaddr(user_old), &old, sizeof(old)))
		return -EFAULT;
	return 0;
}

/* ---- masks ---- */

SYSCALL4(rt_sigprocmask, how, user_set, user_old, size)
{
	u64 old = current->sig->blocked, mask = old, set;
	int err;

	if (size != sizeof(u64))
		return -EINVAL;
	if (user_set) {
		if (get_user_u64(&set, uaddr(user_set)))
			return -EFAULT;
		err = sig_mask_change(&mask, (int)how, set);
		if (err)
			return err;
		if (mask != old)
			signal_set_mask(mask);
	}
	if (user_old && put_user_u64(uaddr(user_old), old))
		return -EFAULT;
	return 0;
}

SYSCALL2(rt_sigpending, user_set, size)
{
	struct process *p = current->proc;
	u64 flags, set;

	if (size > sizeof(set))
		return -EINVAL;
	flags = spin_lock_irqsave(&p->sig_lock);
	set = (current->sig->pending.set | p->shared.set) & current->sig->blocked;
	spin_unlock_irqrestore(&p->sig_lock, flags);
	return copy_to_user(uaddr(user_set), &set, size);
}

/* ---- waiting ---- */

static s64 sleep_for_signal(void)
{
	while (!signal_pending()) {
		set_current_state(THREAD_INTERRUPTIBLE);
		if (!signal_pending())
			schedule();
		set_current_state(THREAD_RUNNABLE);
	}
	return -ERESTARTNOHAND;
}

SYSCALL0(pause)
{
	return sleep_for_signal();
}

SYSCALL2(rt_sigsuspend, user_set, size)
{
	int err;

	if (size != sizeof(u64))
		return -EINVAL;
	if (!user_set)
		return -EFAULT;
	err = signal_mask_temporary(user_set, size);
	if (err)
		return err;
	return sleep_for_signal();
}

static int signal_take_wanted(u64 set, struct siginfo_k *info, bool announce)
{
	struct process *p = current->proc;
	struct task_signals *signals = current->sig;
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	int sig = signal_dequeue(p, signals, set, info);

	/* From here on a signal of the set wakes this thread even if it is blocked. */
	signals->wanted = 0;
	if (!sig && announce)
		signals->wanted = set;
	signal_recalc();
	spin_unlock_irqrestore(&p->sig_lock, flags);
	return sig;
}

/* @return signal number, -EAGAIN, -EINTR */
static int wait_for_signal(u64 set, u64 deadline, struct siginfo_k *info)
{
	int sig = signal_take_wanted(set, info, true);
	bool in_time = true;

	while (!sig) {
		if (!in_time || signal_pending()) {
			sig = signal_take_wanted(set, info, false);
			break;
		}
		set_current_state(THREAD_INTERRUPTIBLE);
		if (!signal_pending())
			in_time = schedule_until(deadline);
		set_current_state(THREAD_RUNNABLE);
		sig = signal_take_wanted(set, info, true);
	}
	if (sig)
		return sig;
	if (in_time)
		return -EINTR;
	return -EAGAIN;
}

SYSCALL4(rt_sigtimedwait, user_set, user_info, user_timeout, size)
{
	struct user_siginfo copy;
	struct siginfo_k info;
	u64 set, timeout, deadline = 0;
	int sig, err;

	if (size != sizeof(set))
		return -EINVAL;
	if (get_user_u64(&set, uaddr(user_set)))
		return -EFAULT;
	if (user_timeout) {
		err = timespec_from_user(&timeout, uaddr(user_timeout));
		if (err)
			return err;
		deadline = ns_add(time_monotonic_ns(), timeout);
	}
	sig = wait_for_signal(set & ~SIGSET_KERNEL_ONLY, deadline, &info);
	if (sig < 0)
		return sig;
	if (user_info) {
		signal_info_to_user(&info, &copy);
		if (copy_to_user(uaddr(user_info), &copy, sizeof(copy)))
			return -EFAULT;
	}
	return sig;
}

SYSCALL0(restart_syscall)
{
	struct restart_block *block = &current->sig->restart;

	if (!block->fn)
		return -EINTR;
	return block->fn(block);
}

/* ---- sending ---- */

/* The permission check of kill(2). */
static int signal_may_send(struct thread *t, struct process *p, int sig)
{
	const struct cred *caller = current_cred();
	struct cred *cred;
	bool ok;

	if (p == current->proc || cred_capable(caller, CAP_KILL))
		return 0;
	cred = thread_cred_get(t);
	ok = cred_same_owner(caller, cred);
	cred_put(cred);
	if (ok)
		return 0;
	if (sig == SIGCONT && p->session == current->proc->session)
		return 0;
	return -EPERM;
}

struct thread *process_leader_get(struct process *p)
{
	struct thread *t;
	u64 flags = spin_lock_irqsave(&process_lock);

	t = p->leader;
	if (t)
		thread_get(t);
	spin_unlock_irqrestore(&process_lock, flags);
	return t;
}

int signal_kill_process(struct process *p, int sig, const struct siginfo_k *info)
{
	struct thread *t;
	int err = 0;

	if (p != current->proc) {
		t = process_leader_get(p);
		if (!t)
			return -ESRCH;
		err = signal_may_send(t, p, sig);
		thread_put(t);
	}
	if (err || !sig)
		return err;
	return signal_send_process(p, sig, info);
}

/* Under process_lock. */
static int kill_locked(struct process *p, int sig, const struct siginfo_k *info)
{
	int err = -ESRCH;

	assert_held(&process_lock);
	if (p->leader)
		err = signal_may_send(p->leader, p, sig);

	if (err || !sig)
		return err;
	return signal_send_process(p, sig, info);
}

static int kill_group(pid_t pgrp, int sig, const struct siginfo_k *info)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	struct pid *pid = pid_lookup(pgrp);
	bool sent = false;
	int err = -ESRCH;
	struct process *p;

	if (pid) {
		list_for_each(p, &pid->members, pgrp_link) {
			int result = kill_locked(p, sig, info);

			sent |= !result;
			err = result;
		}
	}
	spin_unlock_irqrestore(&process_lock, flags);
	if (sent)
		return 0;
	return err;
}

/* All processes but the first one and the caller. */
static int kill_all(int sig, const struct siginfo_k *info)
{
	u64 flags = spin_lock_irqsave(&process_lock);
	struct process *p;
	int err = -ESRCH;

	list_for_each(p, &process_list, all_link) {
		if (p == init_process || p == current->proc)
			continue;
		int result = kill_locked(p, sig, info);

		if (result != -EPERM)
			err = result;
	}
	spin_unlock_irqrestore(&process_lock, flags);
	return err;
}

static int kill_by_id(pid_t pid, int sig, const struct siginfo_k *info)
{
	struct process *p;
	int err;

	if (pid == current->proc->pid && !sig)
		return 0;
	if (pid == current->proc->pid)
		return signal_send_process(current->proc, sig, info);
	if (pid > 0) {
		p = process_find(pid);
		if (!p)
			return -ESRCH;
		err = signal_kill_process(p, sig, info);
		process_put(p);
		return err;
	}
	if (pid == -1)
		return kill_all(sig, info);
	if (pid == INT32_MIN)
		return -ESRCH;
	if (!pid)
		return kill_group(current->proc->pgrp, sig, info);
	return kill_group(-pid, sig, info);
}

static struct siginfo_k siginfo_from_caller(int sig, int code)
{
	return (struct siginfo_k){
		.signo = sig,
		.code = code,
		.pid = current->proc->pid,
		.uid = current_cred()->uid,
	};
}

SYSCALL2(kill, pid, sig_arg)
{
	int sig = (int)sig_arg;

	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	return kill_by_id((pid_t)pid, sig, NULL); /* SI_USER, from the caller */
}

/* @tgid  0: the thread may be of any process */
static int kill_thread(pid_t tgid, pid_t tid, int sig, const struct siginfo_k *info)
{
	struct thread *t = thread_find(tid);
	int err;

	if (!t)
		return -ESRCH;
	err = -ESRCH;
	if (tgid <= 0 || t->proc->pid == tgid)
		err = signal_may_send(t, t->proc, sig);
	if (!err && sig)
		err = signal_send_thread(t, sig, info);
	thread_put(t);
	return err;
}

SYSCALL3(tgkill, tgid, tid, sig_arg)
{
	int sig = (int)sig_arg;
	struct siginfo_k info;

	if ((pid_t)tgid <= 0 || (pid_t)tid <= 0 || sig < 0 || sig > NSIG)
		return -EINVAL;
	info = siginfo_from_caller(sig, SI_TKILL);
	return kill_thread((pid_t)tgid, (pid_t)tid, sig, &info);
}

SYSCALL2(tkill, tid, sig_arg)
{
	int sig = (int)sig_arg;
	struct siginfo_k info;

	if ((pid_t)tid <= 0 || sig < 0 || sig > NSIG)
		return -EINVAL;
	info = siginfo_from_caller(sig, SI_TKILL);
	return kill_thread(0, (pid_t)tid, sig, &info);
}

/* Read the sender's details of a signal. To another process they must not look like those of the kernel or of kill(). */
static int siginfo_read(struct siginfo_k *info, int sig, u64 user, pid_t target)
{
	struct user_siginfo user_info;

	if (copy_from_user(&user_info, uaddr(user), sizeof(user_info)))
		return -EFAULT;
	user_info.signo = sig;
	if ((user_info.code >= 0 || user_info.code == SI_TKILL) && target != current->proc->pid)
		return -EPERM;
	signal_info_from_user(&user_info, info);
	return 0;
}

SYSCALL3(rt_sigqueueinfo, pid, sig_arg, user_info)
{
	int sig = (int)sig_arg, err;
	struct siginfo_k info;

	err = siginfo_read(&info, sig, user_info, (pid_t)pid);
	if (err)
		return err;
	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	return kill_by_id((pid_t)pid, sig, &info);
}

SYSCALL4(rt_tgsigqueueinfo, tgid, tid, sig_arg, user_info)
{
	int sig = (int)sig_arg, err;
	struct siginfo_k info;

	err = siginfo_read(&info, sig, user_info, (pid_t)tid);
	if (err)
		return err;
	if ((pid_t)tgid <= 0 || (pid_t)tid <= 0 || sig < 0 || sig > NSIG)
		return -EINVAL;
	return kill_thread((pid_t)tgid, (pid_t)tid, sig, &info);
}
