// SPDX-License-Identifier: MIT
/*
 * Signal frames of x86-64: the way into a handler and back.
 *
 * The frame is Linux's to the byte (uapi/ucontext.h), since unwinders and
 * debuggers know it. The FPU state lies above it, 64-aligned, in the standard
 * XSAVE format, as the registers' own area in the kernel has it.
 *
 * What comes back may have been written by anyone. It is copied first and checked
 * then: of the flags only those of arithmetic and single-stepping are taken.
 * Selectors and an instruction pointer that user mode cannot have are refused by
 * IRET, as a fault of the program. The FPU state goes straight between registers
 * and frame; what XRSTOR refuses is a fault.
 */
#include <asm/cpu.h>
#include <kernel/sigframe.h>
#include <kernel/thread.h>
#include <kernel/uaccess.h>
#include <uapi/ucontext.h>

#define RED_ZONE	 128	   /* below the stack pointer, the compiler's: psABI 3.2.2 */
#define FLAGS_CARRY_OVER 0x50dd5ul /* AC OF DF TF SF ZF AF PF CF, RF */
#define FP_SW_USED	 offsetof(struct user_fpx_sw, padding)
#define FP_ALIGNMENT	 64u
#define SELECTOR_USER	 3u /* the privilege level in a selector */

static u32 fp_size(void)
{
	return cpu_features.xsave_size;
}

/* Of all that is written: with the second magic word where there is extended state. */
static u32 fp_frame_size(void)
{
	return cpu_features.xsave ? fp_size() + sizeof(u32) : FP_LEGACY_SIZE;
}

u64 arch_sigframe_max_size(void)
{
	return RED_ZONE + ALIGN_UP((u64)fp_frame_size(), FP_ALIGNMENT) + FP_ALIGNMENT +
	       sizeof(struct user_rt_sigframe) + 16;
}

/* @return false: there is no room */
static bool place_frame(u64 sp, u64 low, u64 *fp, u64 *frame)
{
	*fp = ALIGN_DOWN(sp - (fp_size() + sizeof(u32)), FP_ALIGNMENT);
	*frame = ALIGN_DOWN(*fp - sizeof(struct user_rt_sigframe), 16) - 8;
	return *frame <= sp /* not wrapped */ && *frame >= low;
}

/* ---- FPU state ---- */

/*
 * What the processor does not write: words in the free bytes of the legacy
 * area that say what is there, and behind them an empty header, of which XSAVE
 * fills in the first word. The same for every frame.
 */
static struct {
	struct user_fpx_sw sw;
	u64 header[FP_XSAVE_HDR_SIZE / 8];
} fp_words;
_Static_assert(FP_SW_OFFSET + sizeof(struct user_fpx_sw) == FP_XSAVE_HDR_OFFSET, "one copy");

void arch_sigframe_init(void)
{
	fp_words.sw = (struct user_fpx_sw){
		.magic1 = FP_XSTATE_MAGIC1,
		.extended_size = fp_size() + 4,
		.xfeatures = cpu_features.xcr0,
		.xstate_size = fp_size(),
	};
}

static int save_fp(u64 to)
{
	u32 size = fp_size();

	if (!user_range_ok(uaddr(to), size + 4))
		return -EFAULT;
	if (!cpu_features.xsave)
		return fpu_save_user_fx(to, 0);
	if (user_copy_raw((void *)(to + FP_SW_OFFSET), &fp_words, sizeof(fp_words)) ||
	    fpu_save_user(to, cpu_features.xcr0))
		return -EFAULT;
	return put_user_u32(uaddr(to + size), FP_XSTATE_MAGIC2);
}

/* Is there extended state behind the legacy area? If the words don't say so, there is none. */
static bool has_extended(u64 from, const struct user_fpx_sw *sw)
{
	u32 size = fp_size(), magic2;

	if (sw->magic1 != FP_XSTATE_MAGIC1 || sw->xstate_size != size ||
	    sw->extended_size != size + 4)
		return false;
	return !get_user_u32(&magic2, uaddr(from + size)) && magic2 == FP_XSTATE_MAGIC2;
}

/*
 * Right from the frame into the registers: the processor itself refuses what it
 * cannot hold. What the frame does not have starts anew.
 */
static int restore_fp(u64 from)
{
	u64 features = cpu_features.xcr0;
	struct user_fpx_sw sw;
	int err;

	if (!from) {
		thread_fpu_reset(current);
		return 0;
	}
	if ((from & 63) || !user_range_ok(uaddr(from), fp_size() + 4))
		return -EFAULT;
	if (cpu_features.xsave) {
		if (copy_from_user(&sw, uaddr(from + FP_SW_OFFSET), FP_SW_USED))
			return -EFAULT;
		features = has_extended(from, &sw) ? features & sw.xfeatures : 0;
		if (features != cpu_features.xcr0)
			thread_fpu_reset(current);
	}
	err = features ? fpu_restore_user(from, features) : fpu_restore_user_fx(from, 0);
	if (err)
		thread_fpu_reset(current);
	return err;
}

/* ---- into the handler ---- */

static void save_registers(struct user_sigcontext *context, const struct pt_regs *regs,
			   const struct sigframe *frame)
{
	*context = (struct user_sigcontext){
		.r8 = regs->r8,
		.r9 = regs->r9,
		.r10 = regs->r10,
		.r11 = regs->r11,
		.r12 = regs->r12,
		.r13 = regs->r13,
		.r14 = regs->r14,
		.r15 = regs->r15,
		.rdi = regs->rdi,
		.rsi = regs->rsi,
		.rbp = regs->rbp,
		.rbx = regs->rbx,
		.rdx = regs->rdx,
		.rax = regs->rax,
		.rcx = regs->rcx,
		.rsp = regs->rsp,
		.rip = regs->rip,
		.rflags = regs->rflags,
		.cs = (u16)regs->cs,
		.ss = (u16)regs->ss,
		.err = frame->trap.error,
		.trapno = frame->trap.number,
		.cr2 = frame->trap.address,
		.oldmask = frame->mask,
	};
}

static void enter_handler(struct pt_regs *regs, int sig, u64 handler, u64 frame)
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

int arch_sigframe_push(struct pt_regs *regs, const struct sigframe *what)
{
	const struct user_sigaction *action = what->action;
	u64 sp = what->stack_top, fp, addr, len = offsetof(struct user_rt_sigframe, info);
	struct user_rt_sigframe frame;

	if (!sp)
		sp = regs->rsp - RED_ZONE;
	if (!(action->flags & SA_RESTORER) || !place_frame(sp, what->stack_low, &fp, &addr))
		return -EFAULT;
	frame.restorer = action->restorer;
	frame.uc.flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS;
	if (cpu_features.xsave)
		frame.uc.flags |= UC_FP_XSTATE;
	frame.uc.link = 0;
	frame.uc.stack = what->altstack;
	save_registers(&frame.uc.mcontext, regs, what);
	frame.uc.mcontext.fpstate = fp;
	frame.uc.sigmask = what->mask;
	if (action->flags & SA_SIGINFO) {
		signal_info_to_user(what->info, &frame.info);
		len = sizeof(frame);
	}
	if (save_fp(fp) || copy_to_user(uaddr(addr), &frame, len))
		return -EFAULT;
	enter_handler(regs, what->sig, action->handler, addr);
	return 0;
}

/* ---- and back ---- */

static void restore_registers(struct pt_regs *regs, const struct user_sigcontext *context,
			      u64 uc_flags)
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

int arch_sigframe_pop(struct pt_regs *regs, u64 *mask, struct user_stack *altstack)
{
	/* The handler's return has taken the first word off the frame. */
	u64 frame = regs->rsp - sizeof(u64);
	struct user_ucontext context;

	if (copy_from_user(&context, uaddr(frame + offsetof(struct user_rt_sigframe, uc)),
			   sizeof(context)) ||
	    restore_fp(context.mcontext.fpstate))
		return -EFAULT;
	restore_registers(regs, &context.mcontext, context.flags);
	*mask = context.sigmask;
	*altstack = context.stack;
	return 0;
}
