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
 * single-stepping are taken, the selectors are always user mode's, an
 * instruction pointer outside user space is a fault, and the FPU state must be
 * one that XRSTOR accepts (SDM vol. 1, 13.8) and MXCSR without reserved bits.
 */
#include "internal.h"
#include <asm/cpu.h>
#include <kernel/syscalls.h>
#include <uapi/ucontext.h>

#define RED_ZONE	128	/* below the stack pointer, the compiler's: psABI 3.2.2 */
#define FLAGS_CARRY_OVER 0x50dd5ul /* AC OF DF TF SF ZF AF PF CF, RF */
#define FLAG_TF		0x100ul
#define FLAG_DF		0x400ul
#define FLAG_RF		0x10000ul
#define MXCSR_DEFAULT_MASK 0xffbfu
#define FP_MXCSR_MASK_OFFSET 28

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
	return RED_ZONE + ALIGN_UP((u64)fp_frame_size(), 64) + 64 + sizeof(struct user_rt_sigframe) + 16;
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
static bool place_frame(const struct pt_regs *regs, const struct user_sigaction *act,
			u64 *fp, u64 *frame)
{
	const struct task_signals *ts = current->sig;
	bool nested = on_altstack(ts, regs->rsp), entering = false;
	u64 sp = regs->rsp - RED_ZONE;

	if ((act->flags & SA_ONSTACK) && altstack_state(ts, regs->rsp) == 0) {
		sp = ts->altstack_sp + ts->altstack_size;
		entering = true;
	}
	*fp = (sp - fp_frame_size()) & ~63ull;
	*frame = ((*fp - sizeof(struct user_rt_sigframe)) & ~15ull) - 8;
	if (*frame > sp)		/* wrapped */
		return false;
	if (nested || entering)
		return *frame >= ts->altstack_sp;
	return true;
}

/* ---- FPU state ---- */

static int save_fp(u64 to)
{
	struct user_fpx_sw sw = { 0 };
	void *area = current->fpu;
	u32 magic2 = FP_XSTATE_MAGIC2;

	preempt_disable();
	fpu_save(area);
	preempt_enable();
	if (!cpu_features.xsave)
		return copy_to_user(uaddr(to), area, FP_LEGACY_SIZE);
	sw.magic1 = FP_XSTATE_MAGIC1;
	sw.extended_size = fp_size() + 4;
	sw.xfeatures = cpu_features.xcr0;
	sw.xstate_size = fp_size();
	/* The kernel's own copy may keep the words: nothing reads them there. */
	memcpy((u8 *)area + FP_SW_OFFSET, &sw, sizeof(sw));
	if (copy_to_user(uaddr(to), area, fp_size()))
		return -EFAULT;
	return copy_to_user(uaddr(to + fp_size()), &magic2, sizeof(magic2));
}

static u32 mxcsr_mask(void)
{
	u32 mask;

	/* FXSAVE and XSAVE tell which bits the processor has; 0 means the oldest set. */
	memcpy(&mask, (const u8 *)current->fpu + FP_MXCSR_MASK_OFFSET, sizeof(mask));
	return mask ? mask : MXCSR_DEFAULT_MASK;
}

/* Is there extended state behind the legacy area? If the words don't say so, there is none. */
static bool has_extended(u64 from, const struct user_fpx_sw *sw)
{
	u32 magic2;

	if (sw->magic1 != FP_XSTATE_MAGIC1 || sw->xstate_size != fp_size() ||
	    sw->extended_size != fp_size() + 4)
		return false;
	return !copy_from_user(&magic2, uaddr(from + fp_size()), sizeof(magic2)) &&
	       magic2 == FP_XSTATE_MAGIC2;
}

struct xsave_header { u64 xstate_bv, xcomp_bv, reserved[6]; };

static int check_header(struct xsave_header *h, u64 xfeatures)
{
	if ((h->xstate_bv & ~cpu_features.xcr0) || h->xcomp_bv)
		return -EINVAL;
	for (u32 i = 0; i < 6; i++)
		if (h->reserved[i])
			return -EINVAL;
	h->xstate_bv &= xfeatures;
	return 0;
}

/* From user memory right into the registers' area; preemption is off, so an absent page is EFAULT. */
static int read_fp_legacy(u64 from, u8 *area)
{
	struct xsave_header h = { .xstate_bv = 3 };

	/* x87 and SSE are the program's, the rest starts anew. */
	if (copy_from_user(area, uaddr(from), FP_LEGACY_SIZE))
		return -EFAULT;
	if (cpu_features.xsave)
		memcpy(area + FP_XSAVE_HDR_OFFSET, &h, sizeof(h));
	return 0;
}

static int read_fp_extended(u64 from, u8 *area, u64 xfeatures)
{
	struct xsave_header h;
	int err;

	if (copy_from_user(area, uaddr(from), fp_size()))
		return -EFAULT;
	memcpy(&h, area + FP_XSAVE_HDR_OFFSET, sizeof(h));
	err = check_header(&h, xfeatures);
	memcpy(area + FP_XSAVE_HDR_OFFSET, &h, sizeof(h));
	return err;
}

/*
 * The thread's registers are in the processor, its area only a copy: so the
 * area may be overwritten while preemption is off, and if what was read is
 * refused, saving the registers makes it right again.
 */
static int load_fp(u64 from, bool extended, u64 xfeatures)
{
	u32 mxcsr, allowed;
	u8 *area = current->fpu;
	int err;

	preempt_disable();
	allowed = mxcsr_mask();
	err = extended ? read_fp_extended(from, area, xfeatures) : read_fp_legacy(from, area);
	memcpy(&mxcsr, area + FP_MXCSR_OFFSET, sizeof(mxcsr));
	if (!err && (mxcsr & ~allowed))
		err = -EINVAL;
	if (err)
		fpu_save(area);
	else
		fpu_restore(area);
	preempt_enable();
	return err;
}

static int restore_fp(u64 from)
{
	struct user_fpx_sw sw;
	bool extended;
	u64 probe;
	int err;

	if (!from) {
		thread_fpu_reset(current);
		return 0;
	}
	if (from & 63)
		return -EFAULT;
	for (u32 tries = 0; tries < 3; tries++) {
		if (copy_from_user(&sw, uaddr(from + FP_SW_OFFSET), sizeof(sw)))
			return -EFAULT;
		extended = cpu_features.xsave && has_extended(from, &sw);
		err = load_fp(from, extended, sw.xfeatures);
		if (err != -EFAULT)
			return err;
		/* A page is not there yet: fetch it, where sleeping is allowed. */
		if (get_user_u64(&probe, uaddr(from)))
			return -EFAULT;
	}
	return -EFAULT;
}

/* ---- into the handler ---- */

static void save_registers(struct user_sigcontext *sc, const struct pt_regs *r, u64 mask)
{
	const struct task_signals *ts = current->sig;

	*sc = (struct user_sigcontext){
		.r8 = r->r8, .r9 = r->r9, .r10 = r->r10, .r11 = r->r11,
		.r12 = r->r12, .r13 = r->r13, .r14 = r->r14, .r15 = r->r15,
		.rdi = r->rdi, .rsi = r->rsi, .rbp = r->rbp, .rbx = r->rbx,
		.rdx = r->rdx, .rax = r->rax, .rcx = r->rcx, .rsp = r->rsp,
		.rip = r->rip, .rflags = r->rflags, .cs = (u16)r->cs, .ss = (u16)r->ss,
		.err = ts->trap_error, .trapno = ts->trap_nr, .cr2 = ts->trap_cr2,
		.oldmask = mask,
	};
}

static void enter(struct pt_regs *regs, int sig, u64 handler, u64 frame)
{
	regs->rdi = (u64)sig;
	regs->rax = 0;			/* handlers may be declared without a prototype */
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
	f.uc.stack = (struct user_stack){
		ts->altstack_sp, (s32)ts->altstack_flags, 0, ts->altstack_size,
	};
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

static int restore_registers(struct pt_regs *r, const struct user_sigcontext *sc)
{
	if (sc->rip >= USER_END)
		return -EFAULT;
	r->r8 = sc->r8, r->r9 = sc->r9, r->r10 = sc->r10, r->r11 = sc->r11;
	r->r12 = sc->r12, r->r13 = sc->r13, r->r14 = sc->r14, r->r15 = sc->r15;
	r->rdi = sc->rdi, r->rsi = sc->rsi, r->rbp = sc->rbp, r->rbx = sc->rbx;
	r->rdx = sc->rdx, r->rax = sc->rax, r->rcx = sc->rcx, r->rsp = sc->rsp;
	r->rip = sc->rip;
	r->cs = USER_CS;
	r->ss = USER_DS;
	r->rflags = (r->rflags & ~FLAGS_CARRY_OVER) | (sc->rflags & FLAGS_CARRY_OVER);
	r->orig_rax = (u64)-1;		/* no system call to restart */
	return 0;
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
	if (restore_fp(uc.mcontext.fpstate) || restore_registers(regs, &uc.mcontext))
		goto bad;
	uc.sigmask &= ~SIGSET_KERNEL_ONLY;
	if (uc.sigmask != current->sig->blocked)
		signal_set_mask(uc.sigmask);
	if (uc.stack.sp != current->sig->altstack_sp || uc.stack.size != current->sig->altstack_size ||
	    (u32)uc.stack.flags != current->sig->altstack_flags)
		take_altstack(&uc.stack);
	thread_set_work(current, WORK_IRET);
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
		ts->altstack_sp, (s32)(altstack_state(ts, sp) | (ts->altstack_flags & SS_AUTODISARM)),
		0, ts->altstack_size,
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
