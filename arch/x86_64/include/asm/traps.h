/* SPDX-License-Identifier: MIT */
/** @file traps.h  Exceptions: from the stubs of entry.S to who deals with them. */
#pragma once
#include <asm/ptrace.h>

void trap_dispatch(struct pt_regs *regs, u32 vector);
void trap_page_fault(struct pt_regs *regs, u32 vector);
void trap_irq(struct pt_regs *regs, u32 vector);
void trap_ist(struct pt_regs *regs, u32 vector);
s64 syscall_other(struct pt_regs *regs);
void bad_user_return(struct pt_regs *regs);
/** Print registers, code bytes and a backtrace (panic.c asks). */
void arch_show_regs(const struct pt_regs *regs);
/** Walk frame pointers from @p rbp. @return number of addresses stored. Any context, never faults. */
u32 arch_backtrace(u64 rbp, u64 *addrs, u32 max);
