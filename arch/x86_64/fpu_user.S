/* SPDX-License-Identifier: MIT */
/*
 * FPU state between the processor and user memory: signal frames.
 *
 * int fpu_restore_user(const void *from, u64 features): the caller has checked range and alignment (64). A page that
 * is absent is fetched by the fault handler and the instruction runs again;
 * what the processor refuses (SDM vol. 1, 13.8: header, MXCSR) ends at the
 * fix-up. Result: 0 or -EFAULT; after a failed restore the registers hold
 * anything and must be set anew. The forms with fx are for processors without
 * XSAVE; they ignore the features.
 *
 * int fpu_save_frame(void *to, const struct user_fpx_sw *words): all of a frame's FPU
 * state, with the words that describe it, in one opening of user memory.
 *
 * int fpu_restore_frame(const void *from, const struct user_fpx_sw *words): back, if the
 * frame has the words of fpu_save_frame(); otherwise 1, and nothing is restored.
 */
#include <asm/layout.h>
#include <asm/smap.h>
#include <generated/asm-offsets.h>

.macro EX at, to
	.pushsection .ex_table, "a"
	.long \at - KERNEL_VMA, \to - KERNEL_VMA
	.popsection
.endm

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
	EX 1b, 2b
.endm

	.section .text.hot, "ax"
	FPU_USER fpu_restore_user, xrstor64
	FPU_USER fpu_save_user_fx, fxsave64
	FPU_USER fpu_restore_user_fx, fxrstor64

	.balign 16
	.global fpu_save_frame
fpu_save_frame:
	movq (%rsi), %r8		/* magic number, size with the last word */
	movq FPX_SW_FEATURES(%rsi), %rdx
	movl FPX_SW_STATE_SIZE(%rsi), %ecx
	xorl %eax, %eax
	SMAP_SITE 0x80000000
1:	movq %r8, FPX_SW(%rdi)
	EX 1b, 9f
1:	movq %rdx, FPX_SW + FPX_SW_FEATURES(%rdi)
	EX 1b, 9f
1:	movq %rcx, FPX_SW + FPX_SW_STATE_SIZE(%rdi)
	EX 1b, 9f
	/* the other words, and the header, of which XSAVE fills in the first word */
	.set at, FPX_SW + FPX_SW_STATE_SIZE + 8
	.rept (FPX_HEADER_END - at) / 8
1:	movq %rax, at(%rdi)
	EX 1b, 9f
	.set at, at + 8
	.endr
	movl %edx, %eax
	shrq $32, %rdx
1:	xsave64 (%rdi)
	EX 1b, 9f
1:	movl $FPX_MAGIC2, (%rdi, %rcx)
	EX 1b, 9f
	SMAP_SITE
	xorl %eax, %eax
	ret

	.balign 16
	.global fpu_restore_frame
fpu_restore_frame:
	movq (%rsi), %rax
	movq FPX_SW_FEATURES(%rsi), %rdx
	movl FPX_SW_STATE_SIZE(%rsi), %ecx
	SMAP_SITE 0x80000000
1:	cmpq %rax, FPX_SW(%rdi)
	EX 1b, 8f
	jne 8f
1:	cmpq %rdx, FPX_SW + FPX_SW_FEATURES(%rdi)
	EX 1b, 8f
	jne 8f
1:	cmpl %ecx, FPX_SW + FPX_SW_STATE_SIZE(%rdi)
	EX 1b, 8f
	jne 8f
1:	cmpl $FPX_MAGIC2, (%rdi, %rcx)
	EX 1b, 8f
	jne 8f
	movl %edx, %eax
	shrq $32, %rdx
1:	xrstor64 (%rdi)
	EX 1b, 9f
	SMAP_SITE
	xorl %eax, %eax
	ret
8:	SMAP_SITE
	movl $1, %eax
	ret
9:	SMAP_SITE
	movl $-14, %eax			/* -EFAULT */
	ret
	.section .note.GNU-stack, "", @progbits
