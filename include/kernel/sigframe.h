/* SPDX-License-Identifier: MIT */
/**
 * @file sigframe.h  Signal frames: what the kernel has the machine write and read (arch/x86_64/sigframe.c).
 *
 * Thread context, on the way to user mode; may fault on user memory.
 */
#pragma once
#include <asm/ptrace.h>
#include <kernel/siginfo.h>

/** What the processor said about an exception of user code. */
struct trap_record {
	u64 number, error, address;
};

/** A frame to be written. */
struct sigframe {
	int sig;
	const struct user_sigaction *action;
	const struct siginfo_k *info;
	u64 mask;		    /* that the return brings back */
	struct user_stack altstack; /* that the return brings back */
	u64 stack_top;		    /* the frame ends below; 0: below the program's stack pointer */
	u64 stack_low;		    /* the frame may not begin below */
	struct trap_record trap;
};

void arch_sigframe_init(void);
/** @brief The most bytes that a frame takes: AT_MINSIGSTKSZ. */
u64 arch_sigframe_max_size(void);
/**
 * @brief Write the frame and let @p regs enter the handler.
 * @return 0; -EFAULT: there is no room or no way back, and @p regs are what they were
 */
int __must_check arch_sigframe_push(struct pt_regs *regs, const struct sigframe *frame);
/**
 * @brief Let @p regs go back to what the frame at their stack pointer says.
 * @param mask, altstack  out, as the frame has them: anyone may have written that
 * @return 0, -EFAULT
 */
int __must_check arch_sigframe_pop(struct pt_regs *regs, u64 *mask, struct user_stack *altstack);
