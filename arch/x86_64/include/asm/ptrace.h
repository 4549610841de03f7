/* SPDX-License-Identifier: MIT */
/** @file ptrace.h  Saved registers, in the order of the entry code; the layout of Linux's struct pt_regs. */
#pragma once
#include <kernel/types.h>
struct pt_regs {
	u64 r15, r14, r13, r12, rbp, rbx;
	u64 r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
	u64 orig_rax; /* system-call number, error code, or -1 */
	u64 rip, cs, rflags, rsp, ss;
};
#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
/* Linux's, since programs see them in frames and some load them. */
#define USER_SYSRET_BASE 0x23 /* SYSRET adds 8 for SS, 16 for CS; an empty descriptor itself */
#define USER_DS		 0x2b
#define USER_CS		 0x33
static inline bool regs_from_user(const struct pt_regs *r)
{
	return r->cs & 3;
}
