// SPDX-License-Identifier: MIT
/*
 * Signal frames: the way into a handler and back, on x86-64.
 *
 * The frame is Linux's to the byte (uapi/ucontext.h), since unwinders and
 * debuggers know it. The FPU state lies above it, 64-aligned, in the standard
 * XSAVE format, as the registers' own area in the kernel has it.
 *
 * What comes back through rt_sigreturn() may have been written by anyone. It
 * is copied first and checked then: of the flags only those of arithmetic and
 * single-stepping are taken. Selectors and an instruction pointer that user mode
 * cannot have are refused by IRET, as a fault of the program. The FPU state goes
 * straight between registers and frame; what XRSTOR refuses is a fault.
 */
#include "internal.h"
#include <asm/cpu.h>
#include <kernel/syscalls.h>
#include <uapi/ucontext.h>

#define RED_ZONE	 128	   /* below the stack pointer, the compiler's: psABI 3.2.2 */
#define FLAGS_CARRY_OVER 0x50dd5ul /* AC OF DF TF SF ZF AF PF CF, RF */
#define FLAG_TF		 0x100ul
#define FLAG_DF		 0x400ul
#define FLAG_RF		 0x10000ul
#define FP_SW_USED	 offsetof(struct user_fpx_sw, padding)

static u32 fp_size(void)
{
	return cpu_features.xsave_size;
}

/* Of all that is written: with the second magic word where there is extended state. */
static u32 fp_frame_size(void)
{
	return cpu_features.xsave ? fp_size() + 4 : FP_LEGACY_SIZE;
}

u64 sigframe_max_size(void)
{
	return RED_ZONE + ALIGN_UP((u64)fp_frame_size(), 64) + 64 +
	       sizeof(struct user_rt_sigframe) + 16;
}

/* ---- where ---- */

static bool on_altstack(const struct task_signals *ts, u64 sp)
{
	/* A program that disarms it says where it is by its handler's frame alone. */
	if (ts->altstack_flags & SS_AUTODISARM)
		return false;
	return sp > ts->altstack_sp && sp - ts->altstack_sp <= ts->altstack_size;
}

static u32 altstack_state(const struct task_signals *ts, u64 sp)
{
	if (!ts->altstack_size)
		return SS_DISABLE;
	return on_altstack(ts, sp) ? SS_ONSTACK : 0;
}

/* @return false: the alternate stack overflows */
static bool place_frame(const struct pt_regs *regs, const struct user_sigaction *act, u64 *fp,
			u64 *frame)
{
	const struct task_signals *ts = current->sig;
	u64 sp = regs->rsp - RED_ZONE;
	bool on_it = false;

	if (unlikely(ts->altstack_size)) {
		on_it = on_altstack(ts, regs->rsp);
		if ((act->flags & SA_ONSTACK) && !on_it) {
			sp = ts->altstack_sp + ts->altstack_size;
			on_it = true;
		}
	}
	*fp = (sp - (fp_size() + 4)) & ~63ull;
	*frame = ((*fp - sizeof(struct user_rt_sigframe)) & ~15ull) - 8;
	if (*frame > sp) /* wrapped */
		return false;
	return !on_it || *frame >= ts->altstack_sp;
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

void sigframe_init(void)
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

static void save_registers(struct user_sigcontext *sc, const struct pt_regs *r, u64 mask)
{
	const struct task_signals *ts = current->sig;

	sc->r8 = r->r8, sc->r9 = r->r9, sc->r10 = r->r10, sc->r11 = r->r11;
	sc->r12 = r->r12, sc->r13 = r->r13, sc->r14 = r->r14, sc->r15 = r->r15;
	sc->rdi = r->rdi, sc->rsi = r->rsi, sc->rbp = r->rbp, sc->rbx = r->rbx;
	sc->rdx = r->rdx, sc->rax = r->rax, sc->rcx = r->rcx, sc->rsp = r->rsp;
	sc->rip = r->rip, sc->rflags = r->rflags;
	sc->cs = (u16)r->cs, sc->gs = 0, sc->fs = 0, sc->ss = (u16)r->ss;
	sc->err = ts->trap.error, sc->trapno = ts->trap.number, sc->cr2 = ts->trap.address;
	sc->oldmask = mask;
	for (u32 i = 0; i < ARRAY_SIZE(sc->reserved); i++)
		sc->reserved[i] = 0;
}

static void enter(struct pt_regs *regs, int sig, u64 handler, u64 frame)
{
	regs->rdi = (u64)sig;
	regs->rax = 0; /* handlers may be declared without a prototype */
	regs->rsi = frame + offsetof(struct user_rt_sigframe, info);
	regs->rdx = frame + offsetof(struct user_rt_sigframe, uc);
	regs->rip = handler;
	regs->rsp = frame;
	regs->cs = USER_CS;
	regs->ss = USER_DS;
	regs->rflags &= ~(FLAG_DF | FLAG_RF | FLAG_TF);
}

int sigframe_setup(struct pt_regs *regs, int sig, const struct user_sigaction *act,
		   const struct siginfo_k *info, u64 mask)
{
	struct task_signals *ts = current->sig;
	struct user_rt_sigframe f;
	u64 fp, frame, len = offsetof(struct user_rt_sigframe, info);

	if (!(act->flags & SA_RESTORER) || act->handler >= USER_END ||
	    !place_frame(regs, act, &fp, &frame))
		return -EFAULT;
	f.restorer = act->restorer;
	f.uc.flags = UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS |
		     (cpu_features.xsave ? UC_FP_XSTATE : 0);
	f.uc.link = 0;
	f.uc.stack.sp = ts->altstack_sp;
	f.uc.stack.flags = (s32)ts->altstack_flags;
	f.uc.stack.pad = 0;
	f.uc.stack.size = ts->altstack_size;
	save_registers(&f.uc.mcontext, regs, mask);
	f.uc.mcontext.fpstate = fp;
	f.uc.sigmask = mask;
	if (act->flags & SA_SIGINFO) {
		signal_info_to_user(info, &f.info);
		len = sizeof(f);
	}
	if (save_fp(fp) || copy_to_user(uaddr(frame), &f, len))
		return -EFAULT;
	if (ts->altstack_flags & SS_AUTODISARM) {
		ts->altstack_sp = ts->altstack_size = 0;
		ts->altstack_flags = SS_DISABLE;
	}
	enter(regs, sig, act->handler, frame);
	return 0;
}

/* ---- and back ---- */

static void restore_registers(struct pt_regs *r, const struct user_sigcontext *sc, u64 flags)
{
	r->r8 = sc->r8, r->r9 = sc->r9, r->r10 = sc->r10, r->r11 = sc->r11;
	r->r12 = sc->r12, r->r13 = sc->r13, r->r14 = sc->r14, r->r15 = sc->r15;
	r->rdi = sc->rdi, r->rsi = sc->rsi, r->rbp = sc->rbp, r->rbx = sc->rbx;
	r->rdx = sc->rdx, r->rax = sc->rax, r->rcx = sc->rcx, r->rsp = sc->rsp;
	r->rip = sc->rip;
	r->cs = sc->cs | 3u;
	r->ss = sc->ss | 3u;
	if (!(flags & UC_STRICT_RESTORE_SS) && r->cs == USER_CS)
		r->ss = USER_DS; /* made by a program that knows of no SS there */
	r->rflags = (r->rflags & ~FLAGS_CARRY_OVER) | (sc->rflags & FLAGS_CARRY_OVER);
	r->orig_rax = (u64)-1; /* no system call to restart */
}

static void take_altstack(const struct user_stack *s)
{
	struct task_signals *ts = current->sig;

	/* As sigaltstack() would, errors ignored: the program may have changed it meanwhile. */
	if (on_altstack(ts, current_regs()->rsp))
		return;
	if (s->flags & SS_DISABLE) {
		ts->altstack_sp = ts->altstack_size = 0;
		ts->altstack_flags = SS_DISABLE;
	} else if (s->size >= MINSIGSTKSZ) {
		ts->altstack_sp = s->sp;
		ts->altstack_size = s->size;
		ts->altstack_flags = (u32)s->flags & (SS_ONSTACK | SS_AUTODISARM);
	}
}

SYSCALL0(rt_sigreturn)
{
	struct pt_regs *regs = current_regs();
	/* The handler's return has taken the first word off the frame. */
	u64 frame = regs->rsp - 8;
	struct user_ucontext uc;

	if (copy_from_user(&uc, uaddr(frame + offsetof(struct user_rt_sigframe, uc)), sizeof(uc)))
		goto bad;
	if (restore_fp(uc.mcontext.fpstate))
		goto bad;
	restore_registers(regs, &uc.mcontext, uc.flags);
	uc.sigmask &= ~SIGSET_KERNEL_ONLY;
	if (uc.sigmask != current->sig->blocked)
		signal_set_mask(uc.sigmask);
	if (uc.stack.sp != current->sig->altstack_sp ||
	    uc.stack.size != current->sig->altstack_size ||
	    (u32)uc.stack.flags != current->sig->altstack_flags)
		take_altstack(&uc.stack);
	__atomic_or_fetch(&current->work, WORK_IRET, __ATOMIC_RELAXED);
	return (s64)regs->rax;
bad:
	signal_force_fault(SIGSEGV, SI_KERNEL, 0);
	return 0;
}

/* ---- the alternate stack ---- */

SYSCALL2(sigaltstack, new, old)
{
	struct task_signals *ts = current->sig;
	u64 sp = current_regs()->rsp;
	struct user_stack now = {
		ts->altstack_sp,
		(s32)(altstack_state(ts, sp) | (ts->altstack_flags & SS_AUTODISARM)),
		0,
		ts->altstack_size,
	};
	struct user_stack s;

	if (new) {
		u32 mode;

		if (copy_from_user(&s, uaddr(new), sizeof(s)))
			return -EFAULT;
		mode = (u32)s.flags & ~SS_AUTODISARM;
		if (on_altstack(ts, sp))
			return -EPERM;
		if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
			return -EINVAL;
		if (mode != SS_DISABLE && s.size < MINSIGSTKSZ)
			return -ENOMEM;
		if (mode == SS_DISABLE)
			s.sp = s.size = 0;
		ts->altstack_sp = s.sp;
		ts->altstack_size = s.size;
		ts->altstack_flags = (u32)s.flags;
	}
	if (old && copy_to_user(uaddr(old), &now, sizeof(now)))
		return -EFAULT;
	return 0;
}
