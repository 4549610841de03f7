/* SPDX-License-Identifier: MIT */
/**
 * @file branches.h  For drivers that go through the thunks of <banos/thunks.h>, as code of
 * compilers does: EACH_REGISTER(do) does it for every register that has one.
 */
#ifndef CONFORMANCE_BRANCHES_H
#define CONFORMANCE_BRANCHES_H

#include <banos/thunks.h>
#include "check.h"

/* clang-format off */
#define EACH_REGISTER(do_)                                                     \
	do_(rax) do_(rbx) do_(rcx) do_(rdx) do_(rsi) do_(rdi) do_(rbp) do_(r8) \
	do_(r9) do_(r10) do_(r11) do_(r12) do_(r13) do_(r14) do_(r15)

/**
 * A function @p name that is passed a number, and executes @p jump, which leads to label 1 through
 * @p reg. There, @p back is executed, then 7 is returned if the register still holds the
 * address of the label, by the thunk for returns. In between, the number is on the stack.
 */
#define BRANCH_FUNCTION(name, reg, jump)                                       \
	__asm__(".text\n"                                                      \
		".globl " name "\n"                                            \
		name ":\n"                                                     \
		".byte 0xf3, 0x0f, 0x1e, 0xfa\n" /* endbr64 */                 \
		"push %rbx\n push %rbp\n push %r12\n push %r13\n"              \
		"push %r14\n push %r15\n push %rdi\n"                          \
		"lea 1f(%rip), %" #reg "\n"                                    \
		jump "\n"                                                      \
		"1: .byte 0xf3, 0x0f, 0x1e, 0xfa\n"                            \
		"mov %" #reg ", %rax\n lea 1b(%rip), %rdx\n"                   \
		"sub %rdx, %rax\n add $7, %rax\n"                              \
		"pop %rdi\n pop %r15\n pop %r14\n pop %r13\n"                  \
		"pop %r12\n pop %rbp\n pop %rbx\n"                             \
		"jmp __x86_return_thunk\n");
/* clang-format on */

#endif
