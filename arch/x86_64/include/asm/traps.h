/* SPDX-License-Identifier: MIT */
/** @file traps.h  Exceptions: from the stubs of entry.S to who deals with them. */
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
/** A machine check has come: stop, and say which bank of registers tells of it. */
void mce_panic(struct pt_regs *regs) __noreturn;
/** A walk up the stack. Begin with the frame pointer alone set. */
struct backtrace {
	u64 frame, interrupted_at;
	u64 address;	/* out */
	bool is_return; /* out: behind a call; else where something was interrupted */
};
/** The next address. @return false at the end. Any context, never faults. */
bool arch_backtrace_step(struct backtrace *backtrace);
/** Where a call into what is no code came from; 0 where registers tell of no such call. Any context, never faults. */
u64 arch_return_address(const struct pt_regs *regs);
