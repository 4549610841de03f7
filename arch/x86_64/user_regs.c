// SPDX-License-Identifier: MIT
/*
 * Registers of a thread that does not run, for who traces it.
 *
 * What is set is made harmless here, as a tracer is a program: selectors of user mode alone, flags of arithmetic and
 * single steps, addresses in user memory, and a state of the FPU that XRSTOR does not refuse (Intel SDM
 * vol. 1, 13.8: the header; 10.2.3: MXCSR).
 */
#include <asm/cpu.h>
#include <asm/layout.h>
#include <asm/user_regs.h>
#include <kernel/string.h>
#include <kernel/uaccess.h>
#include <uapi/errno.h>

enum { REG_RIP = 16, REG_CS = 17, REG_FLAGS = 18, REG_SS = 20, REG_FS_BASE = 21, REG_GS_BASE = 22 };

#define PT_WORDS	 (sizeof(struct pt_regs) / sizeof(u64))
#define FLAGS_SETTABLE	 0x54dd5ul /* NT and those of a signal's frame */
#define MXCSR_OFFSET	 24u
#define MXCSR_MASK_AT	 28u
#define MXCSR_MASK_LEAST 0xffbfu /* of a processor that says 0 */
#define XFEATURES_AT	 464u	 /* in the bytes of FXSAVE that are left to software */
#define XSTATE_BV_AT	 512u
#define XSTATE_HEADER	 64u
#define XSTATE_LEGACY	 3ul /* x87, SSE */

bool regs_set_single_step(struct pt_regs *regs, bool on)
{
	bool was = regs->rflags & X86_EFLAGS_TF;

	if (on)
		regs->rflags |= X86_EFLAGS_TF;
	else
		regs->rflags &= ~X86_EFLAGS_TF;
	return on && !was;
}

u64 user_reg_get(const struct thread *t, u32 index)
{
	if (index < PT_WORDS)
		return ((const u64 *)thread_user_regs(t))[index];
	switch (index) {
	case REG_FS_BASE: return t->user_bases.fs;
	case REG_GS_BASE: return t->user_bases.gs;
	}
	return 0;
}

int user_reg_set(struct thread *t, u32 index, u64 value)
{
	struct pt_regs *regs = thread_user_regs(t);

	switch (index) {
	case REG_CS:
		if ((u16)value != USER_CS)
			return -EIO;
		return 0;
	case REG_SS:
		if ((u16)value != USER_DS)
			return -EIO;
		return 0;
	case REG_FLAGS:
		regs->rflags = (regs->rflags & ~FLAGS_SETTABLE) | (value & FLAGS_SETTABLE);
		return 0;
	case REG_RIP:
		if (value >= USER_END)
			return -EIO;
		break;
	case REG_FS_BASE:
	case REG_GS_BASE:
		if (value >= USER_END)
			return -EIO;
		if (index == REG_FS_BASE)
			t->user_bases.fs = value;
		else
			t->user_bases.gs = value;
		return 0;
	}
	if (index < PT_WORDS)
		((u64 *)regs)[index] = value;
	return 0;
}

u32 user_xstate_bytes(void)
{
	if (!cpu_features.xsave)
		return 0;
	return cpu_features.xsave_size;
}

void user_fp_get(const struct thread *t, void *to, u32 bytes)
{
	memcpy(to, t->fpu, bytes);
	if (bytes > USER_FX_BYTES) /* debuggers learn here which state there is */
		memcpy((u8 *)to + XFEATURES_AT, &cpu_features.xcr0, sizeof(u64));
}

/* The bits of MXCSR that the processor has: others make XRSTOR fault. Not from a thread's area, which a tracer can write. */
static u32 mxcsr_mask(void)
{
	u8 area[USER_FX_BYTES] __aligned(16);
	u32 mask;

	__asm__ volatile("fxsave64 %0" : "=m"(area));
	memcpy(&mask, area + MXCSR_MASK_AT, sizeof(mask));
	if (!mask)
		return MXCSR_MASK_LEAST;
	return mask;
}

static bool fp_is_loadable(const u8 *from, u32 bytes)
{
	u32 mxcsr;
	u64 header[XSTATE_HEADER / sizeof(u64)];

	memcpy(&mxcsr, from + MXCSR_OFFSET, sizeof(mxcsr));
	if (mxcsr & ~mxcsr_mask())
		return false;
	if (bytes == USER_FX_BYTES)
		return true;
	memcpy(header, from + XSTATE_BV_AT, sizeof(header));
	if (header[0] & ~cpu_features.xcr0)
		return false;
	for (u32 i = 1; i < XSTATE_HEADER / sizeof(u64); i++)
		if (header[i])
			return false;
	return true;
}

int user_fp_set(struct thread *t, const void *from, u32 bytes)
{
	u64 components;

	if (!fp_is_loadable(from, bytes))
		return -EINVAL;
	memcpy(t->fpu, from, bytes);
	if (bytes == USER_FX_BYTES && cpu_features.xsave) {
		memcpy(&components, (u8 *)t->fpu + XSTATE_BV_AT, sizeof(components));
		components |= XSTATE_LEGACY;
		memcpy((u8 *)t->fpu + XSTATE_BV_AT, &components, sizeof(components));
	}
	t->fpu_cpu = (u32)-1;
	return 0;
}
