/* SPDX-License-Identifier: MIT */
/** @file traps.h  Exceptions: from the stubs of entry.S to their handlers. */
#pragma once
#include <asm/ptrace.h>
#include <asm/vectors.h>

void trap_dispatch(struct pt_regs *regs, u32 vector);
void trap_page_fault(struct pt_regs *regs, u32 vector);
void trap_irq(struct pt_regs *regs, u32 vector);
void trap_ist(struct pt_regs *regs, u32 vector);
s64 __must_check syscall_other(struct pt_regs *regs);
/** IRET to user mode faulted: what it found, as if user mode had faulted. @param trap  the fault's own frame */
struct pt_regs *user_iret_faulted(const struct pt_regs *trap);
/** Print registers and code bytes (panic.c asks). */
void arch_show_regs(const struct pt_regs *regs);
/** Let this CPU raise machine checks; each CPU calls it for itself. */
void mce_cpu_start(void);
/** A machine check has occurred: stop, and report the bank of registers that describes it. */
void mce_panic(struct pt_regs *regs) __noreturn;
/** A walk up the stack. Start with only the frame pointer set. */
struct backtrace {
	u64 frame, interrupted_at;
	u64 address;	/* out */
	bool is_return; /* out: behind a call; else where something was interrupted */
};
/** The next address. @return false at the end. Any context, never faults. */
bool arch_backtrace_step(struct backtrace *backtrace);
/** @return the caller of an address without code, 0: the registers show no such call. Any context, never faults. */
u64 arch_return_address(const struct pt_regs *regs);
