/* SPDX-License-Identifier: MIT */
/**
 * @file sigframe.h  Signal frames of x86-64: writing one, entering the handler, and the way back.
 *
 * Inline, for kernel/process/sigframe.c alone: delivery of a signal is measured, and the frame is described
 * by a dozen values that would otherwise be stored and loaded again. The FPU state is in arch/x86_64/sigframe.c.
 */
#pragma once
#include <asm/cpu.h>
#include <kernel/siginfo.h>
#include <kernel/uaccess.h>
#include <uapi/ucontext.h>

#define RED_ZONE	 128	   /* below the stack pointer, the compiler's: psABI 3.2.2 */
#define FLAGS_CARRY_OVER 0x50dd5ul /* AC OF DF TF SF ZF AF PF CF, RF */
#define FP_ALIGNMENT	 64u
#define SELECTORS(cs, ss) \
	((u64)(u16)(cs) | (u64)(ss) << 48) /* the four u16 of struct user_sigcontext, FS and GS 0 */
#define SELECTOR_USER 3u		   /* the privilege level in a selector */

/** A frame to be written. */
struct sigframe {
	int sig;
	const struct user_sigaction *action;
	const struct siginfo_k *info;
	u64 mask;			   /* that the return brings back */
	const struct user_stack *altstack; /* that the return brings back */
	u64 stack_top; /* the frame ends below; 0: below the program's stack pointer */
	u64 stack_low; /* the frame may not start below */
	const struct trap_record *trap;
};

void arch_sigframe_init(void);
/** @brief The most bytes that a frame takes: AT_MINSIGSTKSZ. */
u64 arch_sigframe_max_size(void);
/** @brief Write the FPU registers to user address @p to. @return 0, -EFAULT */
int __must_check sigframe_save_fp(u64 to);
/** @brief Load them from user address @p from, 0: their initial state. @return 0, -EFAULT: initial state */
int __must_check sigframe_restore_fp(u64 from);

/* @return false: there is no room */
static inline bool sigframe_place(u64 sp, u64 low, u64 *fp, u64 *frame)
{
	*fp = ALIGN_DOWN(sp - (cpu_features.xsave_size + sizeof(u32)), FP_ALIGNMENT);
	*frame = ALIGN_DOWN(*fp - sizeof(struct user_rt_sigframe), 16) - 8;
	return *frame <= sp /* not wrapped */ && *frame >= low;
}

/* ---- into the handler ---- */

/* Right into the program's memory, which is open. @return 0, -EFAULT */
static inline int __must_check sigframe_save_registers(struct user_sigcontext *to,
						       const struct pt_regs *regs,
						       const struct sigframe *frame, u64 fp)
{
	user_store(&to->r8, regs->r8, fault);
	user_store(&to->r9, regs->r9, fault);
	user_store(&to->r10, regs->r10, fault);
	user_store(&to->r11, regs->r11, fault);
	user_store(&to->r12, regs->r12, fault);
	user_store(&to->r13, regs->r13, fault);
	user_store(&to->r14, regs->r14, fault);
	user_store(&to->r15, regs->r15, fault);
	user_store(&to->rdi, regs->rdi, fault);
	user_store(&to->rsi, regs->rsi, fault);
	user_store(&to->rbp, regs->rbp, fault);
	user_store(&to->rbx, regs->rbx, fault);
	user_store(&to->rdx, regs->rdx, fault);
	user_store(&to->rax, regs->rax, fault);
	user_store(&to->rcx, regs->rcx, fault);
	user_store(&to->rsp, regs->rsp, fault);
	user_store(&to->rip, regs->rip, fault);
	user_store(&to->rflags, regs->rflags, fault);
	user_store(&to->cs, SELECTORS(regs->cs, regs->ss), fault);
	user_store(&to->err, frame->trap->error, fault);
	user_store(&to->trapno, frame->trap->number, fault);
	user_store(&to->oldmask, frame->mask, fault);
	user_store(&to->cr2, frame->trap->address, fault);
	user_store(&to->fpstate, fp, fault);
	return 0; /* the reserved words stay what they are in the program's memory */
fault:
	return -EFAULT;
}

/* All but the details of the signal. */
static inline int __must_check sigframe_write(struct user_rt_sigframe *to,
					      const struct pt_regs *regs,
					      const struct sigframe *frame, u64 fp)
{
	const struct user_stack *altstack = frame->altstack;
	u64 flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;

	if (cpu_features.xsave)
		flags |= UC_FP_XSTATE;
	user_open();
	user_store(&to->restorer, frame->action->restorer, fault);
	user_store(&to->uc.flags, flags, fault);
	user_store(&to->uc.link, 0, fault);
	user_store(&to->uc.stack.sp, altstack->sp, fault);
	user_store(&to->uc.stack.flags, (u32)altstack->flags, fault); /* and the padding */
	user_store(&to->uc.stack.size, altstack->size, fault);
	user_store(&to->uc.sigmask, frame->mask, fault);
	if (sigframe_save_registers(&to->uc.mcontext, regs, frame, fp))
		goto fault;
	user_close();
	return 0;
fault:
	user_close();
	return -EFAULT;
}

static inline void sigframe_enter_handler(struct pt_regs *regs, int sig, u64 handler, u64 frame)
{
	regs->rdi = (u64)sig;
	regs->rax = 0; /* handlers may be declared without a prototype */
	regs->rsi = frame + offsetof(struct user_rt_sigframe, info);
	regs->rdx = frame + offsetof(struct user_rt_sigframe, uc);
	regs->rip = handler;
	regs->rsp = frame;
	regs->cs = USER_CS;
	regs->ss = USER_DS;
	regs->rflags &= ~(X86_EFLAGS_DF | X86_EFLAGS_RF | X86_EFLAGS_TF);
}

/**
 * @brief Write the frame and let @p regs enter the handler.
 * @return 0; -EFAULT: there is no room or no way back, and @p regs are what they were
 */
static inline int __must_check arch_sigframe_push(struct pt_regs *regs, const struct sigframe *what)
{
	const struct user_sigaction *action = what->action;
	u64 sp = what->stack_top, fp, addr;
	struct user_rt_sigframe *frame;
	struct user_siginfo info;

	if (!sp)
		sp = regs->rsp - RED_ZONE;
	if (!(action->flags & SA_RESTORER) || !sigframe_place(sp, what->stack_low, &fp, &addr) ||
	    !user_range_ok(uaddr(addr), sizeof(*frame)))
		return -EFAULT;
	frame = (struct user_rt_sigframe *)addr;
	if (sigframe_save_fp(fp) || sigframe_write(frame, regs, what, fp))
		return -EFAULT;
	if (action->flags & SA_SIGINFO) {
		signal_info_to_user(what->info, &info);
		if (user_copy_raw(&frame->info, &info, sizeof(info)))
			return -EFAULT;
	}
	sigframe_enter_handler(regs, what->sig, action->handler, addr);
	return 0;
}

/* ---- and back ---- */

static inline void sigframe_restore_registers(struct pt_regs *regs,
					      const struct user_sigcontext *context, u64 uc_flags)
{
	regs->r8 = context->r8;
	regs->r9 = context->r9;
	regs->r10 = context->r10;
	regs->r11 = context->r11;
	regs->r12 = context->r12;
	regs->r13 = context->r13;
	regs->r14 = context->r14;
	regs->r15 = context->r15;
	regs->rdi = context->rdi;
	regs->rsi = context->rsi;
	regs->rbp = context->rbp;
	regs->rbx = context->rbx;
	regs->rdx = context->rdx;
	regs->rax = context->rax;
	regs->rcx = context->rcx;
	regs->rsp = context->rsp;
	regs->rip = context->rip;
	regs->cs = context->cs | SELECTOR_USER;
	regs->ss = context->ss | SELECTOR_USER;
	if (!(uc_flags & UC_STRICT_RESTORE_SS) && regs->cs == USER_CS)
		regs->ss = USER_DS; /* made by a program that knows of no SS there */
	regs->rflags &= ~FLAGS_CARRY_OVER;
	regs->rflags |= context->rflags & FLAGS_CARRY_OVER;
	syscall_forget(regs); /* none to restart */
}

/**
 * @brief Restore @p regs from the frame at their stack pointer.
 * @param mask, altstack  out, as the frame contains them: they may be forged
 * @return 0, -EFAULT
 */
static inline int __must_check arch_sigframe_pop(struct pt_regs *regs, u64 *mask,
						 struct user_stack *altstack)
{
	/* The handler's return has taken the first word off the frame. */
	u64 frame = regs->rsp - sizeof(u64);
	struct user_ucontext context;

	if (copy_from_user(&context, uaddr(frame + offsetof(struct user_rt_sigframe, uc)),
			   sizeof(context)) ||
	    sigframe_restore_fp(context.mcontext.fpstate))
		return -EFAULT;
	sigframe_restore_registers(regs, &context.mcontext, context.flags);
	*mask = context.sigmask;
	*altstack = context.stack;
	return 0;
}
