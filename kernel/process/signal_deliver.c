// SPDX-License-Identifier: MIT
/*
 * Delivery of pending signals to a thread that returns to user mode.
 *
  * The entry code calls user_return_work() when thread.work is not zero. It
 * runs until no work is left: a switch of threads, the end of the
 * thread, signals, the mask that sigsuspend() and similar calls saved.
 *
 * signal_deliver() dequeues one signal and either enters its handler
 * (sigframe.c) or does the default action. Every thread of the process takes part
 * in a stop: process.stop_left counts those that have not stopped, and the last one
 * notifies the parent. SIGCONT wakes them; the first that runs notifies the
 * parent (process.cld_notify), since the sender may be in an interrupt or
 * hold locks that are taken after the parent's.
 *
 * An interrupted system call returned -ERESTARTSYS or a similar error. Here that
 * becomes -EINTR, or the instruction pointer is set back to the instruction of
 * the call, which starts again. Programs see what they see on Linux in each case.
 */
#include "ptrace.h"
#include <generated/syscall-numbers.h>
#include <uapi/wait.h>
#include <kernel/upcalls.h>

/* ---- stopping ---- */

/* Start a stop of the process, whose threads include this one. */
static void process_stop_begin(struct process *p, int sig)
{
	struct thread *t;

	assert_held(&p->sig_lock);
	if (p->stop_signal)
		return;
	p->stop_signal = (u8)sig;
	p->stop_left = 0;
	list_for_each(t, &p->threads, proc_link) {
		if (t->sig->exiting)
			continue;
		t->sig->stop_owed = true;
		t->sig->stop_passed = false;
		p->stop_left++;
		if (t == current)
			continue;
		thread_set_work(t, WORK_SIGNAL);
		thread_wake_state(t, 1u << THREAD_INTERRUPTIBLE);
	}
}

/* Sleep until SIGCONT or the end of the process. Releases sig_lock. */
static void thread_stop_join(struct process *p, u64 flags)
{
	struct task_signals *signals = current->sig;
	int sig = p->stop_signal;
	bool complete = false;

	assert_held(&p->sig_lock);
	if (signals->stop_owed) {
		signals->stop_owed = false;
		complete = --p->stop_left == 0;
	}
	if (complete) {
		p->state = PROC_STOPPED;
		p->stop_status = WAIT_STATUS_STOPPED(p->stop_signal);
		p->continued = false;
	}
	if (unlikely(signals->tracee != NULL)) {
		signals->stop_passed = true;
		spin_unlock_irqrestore(&p->sig_lock, flags);
		if (complete)
			process_notify_parent_stop(p, CLD_STOPPED);
		ptrace_group_stop(sig);
		return;
	}
	set_current_state(THREAD_STOPPED);
	spin_unlock_irqrestore(&p->sig_lock, flags);
	if (complete)
		process_notify_parent_stop(p, CLD_STOPPED);
	schedule();
}

/*
 * SIGTSTP, SIGTTIN and SIGTTOU do not stop a process that no other could continue.
 * The check of its group needs process_lock, which is taken before sig_lock.
 */
static bool process_stop_is_pointless(struct process *p, int sig)
{
	return sig != SIGSTOP && pgrp_is_orphaned(p->pgrp);
}

/* ---- taking ---- */

enum taken { TAKEN_NONE, TAKEN_HANDLER, TAKEN_AGAIN };

/* Releases sig_lock in any case. */
static enum taken signal_do_default(struct process *p, int sig, u64 flags)
{
	enum sig_default what = sig_default_action(sig);

	assert_held(&p->sig_lock);
	if (what == SIG_DEFAULT_IGNORE || p->unkillable) {
		spin_unlock_irqrestore(&p->sig_lock, flags);
		return TAKEN_AGAIN;
	}
	if (what == SIG_DEFAULT_STOP) {
		p->stop_taken = true;
		spin_unlock_irqrestore(&p->sig_lock, flags);
		if (process_stop_is_pointless(p, sig))
			return TAKEN_AGAIN;
		flags = spin_lock_irqsave(&p->sig_lock);
		/* A SIGCONT or SIGKILL that arrived meanwhile has priority. */
		if (p->stop_taken && !p->exiting)
			process_stop_begin(p, sig);
		spin_unlock_irqrestore(&p->sig_lock, flags);
		return TAKEN_AGAIN;
	}
	spin_unlock_irqrestore(&p->sig_lock, flags);
	ptrace_event(PTRACE_EVENT_EXIT, WAIT_STATUS_SIGNALED(sig));
	process_exit_group(WAIT_STATUS_SIGNALED(sig));
}

static bool signal_reset_action(struct process *p, int sig, struct user_sigaction *act)
{
	struct sighand *sighand = p->sighand;
	bool locked = sighand_lock(sighand), has = !sighand_is_default(sighand, sig);

	if (has) {
		*act = sighand->action[sighand_slot(sig)];
		if (act->flags & SA_RESETHAND) { /* the flags stay, as on Linux */
			sighand->action[sighand_slot(sig)].handler = SIG_DFL;
			sighand->caught &= ~sigbit(sig);
			sighand->ignored &= ~sigbit(sig);
		}
	}
	sighand_unlock(sighand, locked);
	return has;
}

/* Block the signals that the action names while its handler runs. The old mask is saved in the frame. Locking: sig_lock. */
static void signal_block_for_handler(struct task_signals *signals, int sig,
				     const struct user_sigaction *act, u64 *old_mask)
{
	assert_held(&current->proc->sig_lock);
	*old_mask = READ_ONCE(current->work) & WORK_RESTORE_SIGMASK ? signals->saved_mask
								    : signals->blocked;
	signals->blocked |= act->mask;
	if (!(act->flags & SA_NODEFER))
		signals->blocked |= sigbit(sig);
}

/*
 * The tracer sees a signal before it is delivered, and may choose another. One that is blocked by now waits.
 * Locking: sig_lock, which is left meanwhile. @return 0: nothing is to be delivered, and the lock is released
 */
static int signal_show_tracer(struct process *p, int sig, struct siginfo_k *info, u64 *flags)
{
	assert_held(&p->sig_lock);
	spin_unlock_irqrestore(&p->sig_lock, *flags);
	sig = ptrace_signal(sig, info);
	if (!sig)
		return 0;
	*flags = spin_lock_irqsave(&p->sig_lock);
	if (!sig_in(current->sig->blocked, sig))
		return sig;
	(void)signal_send_locked(p, current, sig, info);
	spin_unlock_irqrestore(&p->sig_lock, *flags);
	return 0;
}

static enum taken signal_take_one(struct process *p, struct siginfo_k *info,
				  struct user_sigaction *act, u64 *old_mask)
{
	struct task_signals *signals = current->sig;
	u64 flags = spin_lock_irqsave(&p->sig_lock);
	int sig;

	if (unlikely(READ_ONCE(current->work) & WORK_EXIT)) {
		spin_unlock_irqrestore(&p->sig_lock, flags);
		thread_end(0);
	}
	if (unlikely(p->cld_notify)) {
		int why = p->cld_notify;

		p->cld_notify = 0;
		spin_unlock_irqrestore(&p->sig_lock, flags);
		process_notify_parent_stop(p, why);
		return TAKEN_AGAIN;
	}
	if (unlikely(p->stop_signal) && !signals->stop_passed) {
		thread_stop_join(p, flags);
		return TAKEN_AGAIN;
	}
	if (ptrace_is_interrupted(signals)) {
		spin_unlock_irqrestore(&p->sig_lock, flags);
		ptrace_interrupted();
		return TAKEN_AGAIN;
	}
	sig = signal_dequeue(p, signals, ~signals->blocked, info);
	if (!sig) {
		signal_recalc();
		spin_unlock_irqrestore(&p->sig_lock, flags);
		return TAKEN_NONE;
	}
	if (unlikely(signals->tracee != NULL) && sig != SIGKILL) {
		sig = signal_show_tracer(p, sig, info, &flags);
		if (!sig)
			return TAKEN_AGAIN;
	}
	act->handler = SIG_DFL;
	if (!signal_reset_action(p, sig, act) || act->handler == SIG_DFL)
		return signal_do_default(p, sig, flags);
	if (act->handler != SIG_IGN)
		signal_block_for_handler(signals, sig, act, old_mask);
	signal_recalc();
	spin_unlock_irqrestore(&p->sig_lock, flags);
	if (act->handler == SIG_IGN)
		return TAKEN_AGAIN;
	return TAKEN_HANDLER;
}

/* ---- what the interrupted system call becomes ---- */

static void syscall_fix_before_handler(struct pt_regs *regs, u64 act_flags)
{
	if (!syscall_entered(regs))
		return;
	switch (-syscall_result(regs)) {
	case ERESTART_RESTARTBLOCK:
	case ERESTARTNOHAND: syscall_result_set(regs, -EINTR); break;
	case ERESTARTSYS:
		if (!(act_flags & SA_RESTART)) {
			syscall_result_set(regs, -EINTR);
			break;
		}
		syscall_repeat(regs, syscall_number(regs));
		break;
	case ERESTARTNOINTR: syscall_repeat(regs, syscall_number(regs)); break;
	}
}

static void syscall_fix_without_handler(struct pt_regs *regs)
{
	if (!syscall_entered(regs))
		return;
	switch (-syscall_result(regs)) {
	case ERESTARTNOHAND:
	case ERESTARTSYS:
	case ERESTARTNOINTR: syscall_repeat(regs, syscall_number(regs)); break;
	case ERESTART_RESTARTBLOCK: syscall_repeat(regs, __NR_restart_syscall); break;
	}
}

/* ---- delivering ---- */

/* The frame does not fit: SIGSEGV, with the default action if this signal was SIGSEGV itself. */
static void signal_frame_failed(int sig, u64 old_mask)
{
	struct process *p = current->proc;
	u64 flags;

	signal_set_mask(old_mask);
	if (sig == SIGSEGV) {
		flags = spin_lock_irqsave(&p->sig_lock);
		sighand_set_default(p->sighand, SIGSEGV);
		spin_unlock_irqrestore(&p->sig_lock, flags);
	}
	signal_force_fault(SIGSEGV, SI_KERNEL, 0);
}

void signal_deliver(struct pt_regs *regs)
{
	struct process *p = current->proc;
	struct user_sigaction act;
	struct siginfo_k info;
	enum taken what;
	u64 old_mask = 0;

	do {
		what = signal_take_one(p, &info, &act, &old_mask);
	} while (what == TAKEN_AGAIN);
	if (what == TAKEN_NONE) {
		syscall_fix_without_handler(regs);
		return;
	}
	syscall_fix_before_handler(regs, act.flags);
	if (READ_ONCE(current->work) & WORK_RESTORE_SIGMASK)
		thread_clear_work(current, WORK_RESTORE_SIGMASK);
	if (sigframe_setup(regs, info.signo, &act, &info, old_mask))
		signal_frame_failed(info.signo, old_mask);
	else
		ptrace_handler_entered();
}

void user_return_work(struct pt_regs *regs)
{
	u32 work;

	while ((work = READ_ONCE(current->work)) != 0) {
		if (work & WORK_EXIT)
			thread_end(0);
		if (work & WORK_RESCHED)
			preempt_schedule();
		if (work & WORK_SIGNAL) {
			signal_deliver(regs);
		} else if (work & WORK_RESTORE_SIGMASK) {
			/* No handler ran: restore the mask from before the call. */
			thread_clear_work(current, WORK_RESTORE_SIGMASK);
			signal_set_mask(current->sig->saved_mask);
		} else if (unlikely(work & WORK_STEP)) {
			ptrace_step(regs);
		}
	}
}

/* ---- masks for the length of one call ---- */

static void signal_mask_set_temporary(u64 mask)
{
	current->sig->saved_mask = current->sig->blocked;
	thread_set_work(current, WORK_RESTORE_SIGMASK);
	signal_set_mask(mask & ~SIGSET_KERNEL_ONLY);
}

int signal_mask_temporary(u64 set, u64 size)
{
	u64 mask;
	int err;

	if (!set)
		return 0;
	if (size != sizeof(mask))
		return -EINVAL;
	err = copy_from_user(&mask, uaddr(set), sizeof(mask));
	if (err)
		return err;
	signal_mask_set_temporary(mask);
	return 0;
}
