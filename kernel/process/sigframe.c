// SPDX-License-Identifier: MIT
/*
 * Entry to a signal's handler and return from it; the alternate stack.
 *
 * The format of a frame depends on the machine (asm/sigframe.h). This file chooses
 * the stack for the frame, and checks the values that the return restores.
 */
#include "ptrace.h"
#include <asm/sigframe.h>
#include <kernel/syscalls.h>

/* ---- into the handler ---- */

static bool on_altstack(const struct task_signals *signals, u64 sp)
{
	/* A program that disarms it still finds its place through its handler's frame alone. */
	if (signals->altstack.flags & SS_AUTODISARM)
		return false;
	return sp > signals->altstack.sp && sp - signals->altstack.sp <= signals->altstack.size;
}

static u32 altstack_state(const struct task_signals *signals, u64 sp)
{
	if (!signals->altstack.size)
		return SS_DISABLE;
	if (on_altstack(signals, sp))
		return SS_ONSTACK;
	return 0;
}

/* Choose the stack for @frame: an alternate stack that the thread is already using may not overflow. */
static void choose_stack(struct sigframe *frame, u64 sp)
{
	const struct task_signals *signals = current->sig;
	bool on_it;

	if (likely(!signals->altstack.size))
		return;
	on_it = on_altstack(signals, sp);
	if ((frame->action->flags & SA_ONSTACK) && !on_it) {
		frame->stack_top = signals->altstack.sp + signals->altstack.size;
		on_it = true;
	}
	if (on_it)
		frame->stack_low = signals->altstack.sp;
}

int sigframe_setup(struct pt_regs *regs, int sig, const struct user_sigaction *act,
		   const struct siginfo_k *info, u64 mask)
{
	struct task_signals *signals = current->sig;
	struct sigframe frame = {
		.sig = sig,
		.action = act,
		.info = info,
		.mask = mask,
		.altstack = &signals->altstack,
		.trap = &signals->trap,
	};
	int err;

	if (act->handler >= USER_END)
		return -EFAULT;
	choose_stack(&frame, user_stack_pointer(regs));
	err = arch_sigframe_push(regs, &frame);
	if (err)
		return err;
	if (signals->altstack.flags & SS_AUTODISARM) {
		signals->altstack.sp = signals->altstack.size = 0;
		signals->altstack.flags = SS_DISABLE;
	}
	return 0;
}

/* ---- and back ---- */

static void take_altstack(const struct user_stack *s)
{
	struct task_signals *signals = current->sig;

	/* As sigaltstack() would, errors ignored: the program may have changed it meanwhile. */
	if (on_altstack(signals, user_stack_pointer(current_regs())))
		return;
	if (s->flags & SS_DISABLE) {
		signals->altstack.sp = signals->altstack.size = 0;
		signals->altstack.flags = SS_DISABLE;
	} else if (s->size >= MINSIGSTKSZ) {
		signals->altstack.sp = s->sp;
		signals->altstack.size = s->size;
		signals->altstack.flags = (u32)s->flags & (SS_ONSTACK | SS_AUTODISARM);
	}
}

SYSCALL0(rt_sigreturn)
{
	struct pt_regs *regs = current_regs();
	struct user_stack altstack;
	u64 mask;

	if (arch_sigframe_pop(regs, &mask, &altstack)) {
		signal_force_fault(SIGSEGV, SI_KERNEL, 0);
		return 0;
	}
	mask &= ~SIGSET_KERNEL_ONLY;
	if (mask != current->sig->blocked)
		signal_set_mask(mask);
	if (altstack.sp != current->sig->altstack.sp ||
	    altstack.size != current->sig->altstack.size ||
	    (u32)altstack.flags != current->sig->altstack.flags)
		take_altstack(&altstack);
	ptrace_syscall_left(regs);
	syscall_leave_with(regs);
}

/* ---- the alternate stack ---- */

SYSCALL2(sigaltstack, new, old)
{
	struct task_signals *signals = current->sig;
	u64 sp = user_stack_pointer(current_regs());
	struct user_stack now = {
		signals->altstack.sp,
		(s32)(altstack_state(signals, sp) | (signals->altstack.flags & SS_AUTODISARM)),
		0,
		signals->altstack.size,
	};
	struct user_stack s;

	if (new) {
		u32 mode;

		if (copy_from_user(&s, uaddr(new), sizeof(s)))
			return -EFAULT;
		mode = (u32)s.flags & ~SS_AUTODISARM;
		if (on_altstack(signals, sp))
			return -EPERM;
		if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
			return -EINVAL;
		if (mode != SS_DISABLE && s.size < MINSIGSTKSZ)
			return -ENOMEM;
		if (mode == SS_DISABLE)
			s.sp = s.size = 0;
		signals->altstack.sp = s.sp;
		signals->altstack.size = s.size;
		signals->altstack.flags = (u32)s.flags;
	}
	if (old && copy_to_user(uaddr(old), &now, sizeof(now)))
		return -EFAULT;
	return 0;
}
