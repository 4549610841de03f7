/* SPDX-License-Identifier: MIT */
/**
 * @file ucontext.h  What a signal handler finds on its stack: Linux's layout for x86_64.
 *
 * From low to high addresses: struct rt_sigframe (its first word is the return
 * address, so its address is 8 modulo 16), then, 64-aligned, the FPU state in
 * the standard XSAVE format with a few words for programs in its free bytes.
 */
#pragma once
#include <uapi/signal.h>

#define UC_FP_XSTATE	     0x1
#define UC_SIGCONTEXT_SS     0x2
#define UC_STRICT_RESTORE_SS 0x4

struct user_sigcontext {
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 rdi, rsi, rbp, rbx, rdx, rax, rcx, rsp, rip, rflags;
	u16 cs, gs, fs, ss;
	u64 err, trapno, oldmask, cr2;
	u64 fpstate; /* address, or 0 */
	u64 reserved[8];
};
_Static_assert(sizeof(struct user_sigcontext) == 256, "struct sigcontext has 256 bytes");

struct user_ucontext {
	u64 flags, link;
	struct user_stack stack;
	struct user_sigcontext mcontext;
	u64 sigmask;
};

struct user_rt_sigframe {
	u64 restorer;
	struct user_ucontext uc;
	struct user_siginfo info;
};

/* Within the FPU state. */
#define FP_XSTATE_MAGIC1    0x46505853u
#define FP_XSTATE_MAGIC2    0x46505845u
#define FP_SW_OFFSET	    464 /* of struct user_fpx_sw in the legacy area */
#define FP_LEGACY_SIZE	    512
#define FP_XSAVE_HDR_OFFSET 512
#define FP_XSAVE_HDR_SIZE   64
#define FP_MXCSR_OFFSET	    24
struct user_fpx_sw {
	u32 magic1;
	u32 extended_size; /* of all, with magic2 behind it */
	u64 xfeatures;
	u32 xstate_size;
	u32 padding[7];
};
_Static_assert(sizeof(struct user_fpx_sw) == 48, "the software bytes end the legacy area");
