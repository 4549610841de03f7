/* SPDX-License-Identifier: MIT */
/**
 * @file thunks.h  Code that compilers jump to where they are told not to branch indirectly.
 *
 * With gcc's -mindirect-branch=thunk-extern and -mfunction-return=thunk-extern, or
 * clang's -mretpoline-external-thunk, a driver contains no indirect branches and
 * returns: it jumps to these names, and the kernel decides how the processor at hand
 * performs them. So a later kernel can repair speculation in drivers that exist already.
 *
 * No driver needs to include this header. The functions change no register and no
 * memory besides what the branch itself does.
 */
#ifndef BANOS_THUNKS_H
#define BANOS_THUNKS_H

#include <banos/base.h>

BANOS_BEGIN

/**
 * @brief Continue at the address in rax, as "jmp *%rax" does.
 * Since 1, provided by the kernel. Context: any.
 */
BANOS_SINCE(1) void __x86_indirect_thunk_rax(void);

/**
 * @brief Continue at the address in rbx, as "jmp *%rbx" does.
 * Since 1, provided by the kernel. Context: any.
 */
BANOS_SINCE(1) void __x86_indirect_thunk_rbx(void);

/**
 * @brief Continue at the address in rcx, as "jmp *%rcx" does.
 * Since 1, provided by the kernel. Context: any.
 */
BANOS_SINCE(1) void __x86_indirect_thunk_rcx(void);

/**
 * @brief Continue at the address in rdx, as "jmp *%rdx" does.
 * Since 1, provided by the kernel. Context: any.
 */
BANOS_SINCE(1) void __x86_indirect_thunk_rdx(void);

/**
 * @brief Continue at the address in rsi, as "jmp *%rsi" does.
 * Since 1, provided by the kernel. Context: any.
 */
BANOS_SINCE(1) void __x86_indirect_thunk_rsi(void);

/**
 * @brief Continue at the address in rdi, as "jmp *%rdi" does.
 * Since 1, provided by the kernel. Context: any.
 */
BANOS_SINCE(1) void __x86_indirect_thunk_rdi(void);

/**
 * @brief Continue at the address in rbp, as "jmp *%rbp" does.
 * Since 1, provided by the kernel. Context: any.
 */
BANOS_SINCE(1) void __x86_indirect_thunk_rbp(void);

/**
 * @brief Continue at the address in r8, as "jmp *%r8" does.
 * Since 1, provided by the kernel. Context: any.
 */
BANOS_SINCE(1) void __x86_indirect_thunk_r8(void);

/**
 * @brief Continue at the address in r9, as "jmp *%r9" does.
 * Since 1, provided by the kernel. Context: any.
 */
BANOS_SINCE(1) void __x86_indirect_thunk_r9(void);

/**
 * @brief Continue at the address in r10, as "jmp *%r10" does.
 * Since 1, provided by the kernel. Context: any.
 */
BANOS_SINCE(1) void __x86_indirect_thunk_r10(void);

/**
 * @brief Continue at the address in r11, as "jmp *%r11" does.
 * Since 1, provided by the kernel. Context: any.
 */
BANOS_SINCE(1) void __x86_indirect_thunk_r11(void);

/**
 * @brief Continue at the address in r12, as "jmp *%r12" does.
 * Since 1, provided by the kernel. Context: any.
 */
BANOS_SINCE(1) void __x86_indirect_thunk_r12(void);

/**
 * @brief Continue at the address in r13, as "jmp *%r13" does.
 * Since 1, provided by the kernel. Context: any.
 */
BANOS_SINCE(1) void __x86_indirect_thunk_r13(void);

/**
 * @brief Continue at the address in r14, as "jmp *%r14" does.
 * Since 1, provided by the kernel. Context: any.
 */
BANOS_SINCE(1) void __x86_indirect_thunk_r14(void);

/**
 * @brief Continue at the address in r15, as "jmp *%r15" does.
 * Since 1, provided by the kernel. Context: any.
 */
BANOS_SINCE(1) void __x86_indirect_thunk_r15(void);

/**
 * @brief Return to the address on the stack, as "ret" does.
 * Since 1, provided by the kernel. Context: any.
 */
BANOS_SINCE(1) void __x86_return_thunk(void);

BANOS_END

#endif
