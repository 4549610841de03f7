// SPDX-License-Identifier: MIT
/*
 * Signal frames of x86-64: the way into a handler and back.
 *
 * The frame is Linux's to the byte (uapi/ucontext.h), since unwinders and
 * debuggers know it. The FPU state lies above it, 64-aligned, in the standard
 * XSAVE format, as the registers' own area in the kernel has it.
 *
 * The frame that is returned may be forged. It is copied first and checked
 * then: of the flags only those of arithmetic and single-stepping are taken.
 * Selectors and an instruction pointer that user mode cannot have are refused by
 * IRET, as a fault of the program. The FPU state is copied directly between registers
 * and frame; what XRSTOR refuses is a fault.
 */
#include <asm/sigframe.h>
#include <kernel/thread.h>
#include <kernel/uaccess.h>

#define FP_SW_USED offsetof(struct user_fpx_sw, padding)

/* Of all that is written: with the second magic word where there is extended state. */
static u32 fp_frame_size(void)
{
	if (cpu_features.xsave)
		return cpu_features.xsave_size + sizeof(u32);
	return FP_LEGACY_SIZE;
}

u64 arch_sigframe_max_size(void)
{
	return RED_ZONE + ALIGN_UP((u64)fp_frame_size(), FP_ALIGNMENT) + FP_ALIGNMENT +
	       sizeof(struct user_rt_sigframe) + 16;
}

/* ---- FPU state ---- */

/* Words in the free bytes of the legacy area that describe the contents: the same for every frame. */
static struct user_fpx_sw fp_words;

void arch_sigframe_init(void)
{
	fp_words = (struct user_fpx_sw){
		.magic1 = FP_XSTATE_MAGIC1,
		.extended_size = cpu_features.xsave_size + 4,
		.xfeatures = cpu_features.xcr0,
		.xstate_size = cpu_features.xsave_size,
	};
}

int sigframe_save_fp(u64 to)
{
	if (!user_range_ok(uaddr(to), cpu_features.xsave_size + 4))
		return -EFAULT;
	if (!cpu_features.xsave)
		return fpu_save_user_fx(to, 0);
	return fpu_save_frame(to, &fp_words);
}

/* Does extended state follow the legacy area? The magic words tell. */
static bool has_extended(u64 from, const struct user_fpx_sw *sw)
{
	u32 size = cpu_features.xsave_size, magic2;

	if (sw->magic1 != FP_XSTATE_MAGIC1 || sw->xstate_size != size ||
	    sw->extended_size != size + 4)
		return false;
	return !get_user_u32(&magic2, uaddr(from + size)) && magic2 == FP_XSTATE_MAGIC2;
}

/* A frame that says something else than ours: a program made or changed it. What it does not have starts anew. */
static int restore_other_fp(u64 from)
{
	u64 features = 0;
	struct user_fpx_sw sw;

	if (copy_from_user(&sw, uaddr(from + FP_SW_OFFSET), FP_SW_USED))
		return -EFAULT;
	if (has_extended(from, &sw))
		features = cpu_features.xcr0 & sw.xfeatures;
	if (features != cpu_features.xcr0)
		thread_fpu_reset(current);
	if (features)
		return fpu_restore_user(from, features);
	return fpu_restore_user_fx(from, 0);
}

/* Right from the frame into the registers: the processor itself refuses what it cannot hold. */
int sigframe_restore_fp(u64 from)
{
	int err;

	if (!from) {
		thread_fpu_reset(current);
		return 0;
	}
	if ((from & 63) || !user_range_ok(uaddr(from), cpu_features.xsave_size + 4))
		return -EFAULT;
	if (cpu_features.xsave)
		err = fpu_restore_frame(from, &fp_words);
	else
		err = fpu_restore_user_fx(from, 0);
	if (err > 0)
		err = restore_other_fp(from);
	if (err)
		thread_fpu_reset(current);
	return err;
}
