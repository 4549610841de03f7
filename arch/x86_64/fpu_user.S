/* SPDX-License-Identifier: MIT */
/*
 * FPU state between the processor and user memory: signal frames.
 *
 * int fpu_save_user(void *to, u64 features), fpu_restore_user(const void *from,
 * u64 features): the caller has checked range and alignment (64). A page that
 * is absent is fetched by the fault handler and the instruction runs again;
 * what the processor refuses (SDM vol. 1, 13.8: header, MXCSR) ends at the
 * fix-up. Result: 0 or -EFAULT; after a failed restore the registers hold
 * anything and must be set anew. The forms with fx are for processors without
 * XSAVE; they ignore the features.
 */
#include <asm/layout.h>
#include <asm/smap.h>

.macro FPU_USER name, insn
	.balign 16
	.global \name
\name:
	movl %esi, %eax
	movq %rsi, %rdx
	shrq $32, %rdx
	SMAP_SITE 0x80000000
1:	\insn (%rdi)
	SMAP_SITE
	xorl %eax, %eax
	ret
2:	SMAP_SITE
	movl $-14, %eax			/* -EFAULT */
	ret
	.pushsection .ex_table, "a"
	.long 1b - KERNEL_VMA, 2b - KERNEL_VMA
	.popsection
.endm

	.section .text.hot, "ax"
	FPU_USER fpu_save_user, xsave64
	FPU_USER fpu_restore_user, xrstor64
	FPU_USER fpu_save_user_fx, fxsave64
	FPU_USER fpu_restore_user_fx, fxrstor64
	.section .note.GNU-stack, "", @progbits
