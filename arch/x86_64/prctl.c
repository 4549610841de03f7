// SPDX-License-Identifier: MIT
/*
 * arch_prctl(): the bases of FS and GS of the calling thread.
 *
 * They are loaded into the processor at once; the scheduler keeps them from then on.
 */
#include <asm/cpu.h>
#include <kernel/syscalls.h>
#include <kernel/thread.h>
#include <kernel/uaccess.h>

/* Linux's numbers. */
#define ARCH_SET_GS    0x1001
#define ARCH_SET_FS    0x1002
#define ARCH_GET_FS    0x1003
#define ARCH_GET_GS    0x1004
#define ARCH_GET_CPUID 0x1011
#define ARCH_SET_CPUID 0x1012

static s64 set_base(u64 *base, u64 value)
{
	if (value >= USER_END)
		return -EPERM;
	preempt_disable();
	*base = value;
	cpu_load_user_bases(&current->user_bases);
	preempt_enable();
	return 0;
}

SYSCALL2(arch_prctl, op, arg)
{
	struct user_bases *bases = &current->user_bases;

	switch ((int)op) {
	case ARCH_SET_FS: return set_base(&bases->fs, arg);
	case ARCH_SET_GS: return set_base(&bases->gs, arg);
	case ARCH_GET_FS: return put_user_u64(uaddr(arg), bases->fs);
	case ARCH_GET_GS: return put_user_u64(uaddr(arg), bases->gs);
	case ARCH_GET_CPUID: return 1; /* CPUID does not fault */
	case ARCH_SET_CPUID: return -ENODEV;
	}
	return -EINVAL;
}
