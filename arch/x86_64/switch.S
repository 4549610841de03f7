/* SPDX-License-Identifier: MIT */
/* From one thread to another, and the first instructions of a new one. */
#include <generated/asm-offsets.h>

	.section .text.hot, "ax"
	.balign 16
/* struct thread *switch_stacks(struct thread *prev, struct thread *next): returns prev on next's stack */
	.global switch_stacks
switch_stacks:
	pushq %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, THREAD_KSP(%rdi)
	movq THREAD_KSP(%rsi), %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	movq %rdi, %rax
	ret

	.global ret_from_fork_asm
ret_from_fork_asm:			/* first switch to a user thread: rsp 8 below its pt_regs */
	movq %rax, %rdi
	call schedule_tail
	jmp return_to_user
	.global kthread_start_asm
kthread_start_asm:
	movq %rax, %rdi
	call schedule_tail
	xorl %ebp, %ebp
	pushq $0
	pushq $0
	movq %rsp, %rbp
	call kthread_main
	ud2
	.section .note.GNU-stack, "", @progbits
