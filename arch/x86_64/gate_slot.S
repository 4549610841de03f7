/* SPDX-License-Identifier: MIT */
/*
 * From one driver into another, through the gate.
 *
 * A stub in the importer's code loads the address of its struct call_slot into
 * r11 and comes here with the arguments in place. This is gate_enter() of gate.h
 * for a call of which only the caller knows the arguments: all six argument
 * registers are preserved, and the record is struct gate_record. The object
 * handed in is that of the call around this one.
 */
#include <generated/asm-offsets.h>

/* On the stack below five saved registers: 16-aligned at the call. The record itself has no use for its padding. */
#define RECORD_SIZE	(RECORD_BP + 8)
#define ARGS_SIZE	64	/* six and the slot */

/* rbx: the thread, rsp: the record. @target: what to call. After gate_abandon() nothing is left but rsp, rbp and rax. */
.macro ENTER target:vararg
	movq THREAD_GATE(%rbx), %rax
	movq %rax, RECORD_OUTER(%rsp)
	xorl %r10d, %r10d
	testq %rax, %rax
	jz 1f
	movq RECORD_OBJECT(%rax), %r10
1:	movq %r10, RECORD_OBJECT(%rsp)
	movq SLOT_OWNER(%r11), %rax
	movq %rax, RECORD_OWNER(%rsp)
	movq %rsp, RECORD_SP(%rsp)
	movq %rbp, RECORD_BP(%rsp)
	movl OWNER_COUNTERS(%rax), %eax
	incq %gs:(%rax)
	movq %rsp, THREAD_GATE(%rbx)
	call \target
	pushfq
	popq %rsi
	andl $GATE_FLAGS_CHECKED, %esi
	cmpl $GATE_FLAGS_CLEAN, %esi
	jne 3f
2:	movq %gs:CPU_CURRENT, %rbx
	movq RECORD_OUTER(%rsp), %rcx
	movq %rcx, THREAD_GATE(%rbx)
	movq RECORD_OWNER(%rsp), %rcx
	movl OWNER_COUNTERS(%rcx), %ecx
	incq %gs:COUNTERS_ENDED(%rcx)
.endm

.macro CORRECT_FLAGS
3:	movq %rax, RECORD_OBJECT(%rsp)	/* has served */
	movq RECORD_OWNER(%rsp), %rdi
	call gate_bad_flags
	movq RECORD_OBJECT(%rsp), %rax
	jmp 2b
.endm

	.text
	.balign 16
	.global gate_slot_entry
gate_slot_entry:
	pushq %rbp
	movq %rsp, %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	subq $RECORD_SIZE, %rsp
	movq %gs:CPU_CURRENT, %rbx
	cmpq THREAD_GATE_LIMIT(%rbx), %rsp
	jb slot_elsewhere
	ENTER *SLOT_TARGET(%r11)
slot_return:
	addq $RECORD_SIZE, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
	CORRECT_FLAGS

slot_elsewhere:				/* as gate_enter_elsewhere() */
	subq $ARGS_SIZE, %rsp
	movq %rdi, (%rsp)
	movq %rsi, 8(%rsp)
	movq %rdx, 16(%rsp)
	movq %rcx, 24(%rsp)
	movq %r8, 32(%rsp)
	movq %r9, 40(%rsp)
	movq %r11, 48(%rsp)
	movq SLOT_OWNER(%r11), %rdi
	movq SLOT_TARGET(%r11), %rsi
	call gate_stack_push
	movq (%rsp), %rdi
	movq 8(%rsp), %rsi
	movq 16(%rsp), %rdx
	movq 24(%rsp), %rcx
	movq 32(%rsp), %r8
	movq 40(%rsp), %r9
	movq 48(%rsp), %r11
	addq $ARGS_SIZE, %rsp
	testq %rax, %rax
	movq $-ASM_EOVERFLOW, %rax
	jz slot_return
	ENTER gate_switch_call
	movq %rax, %r12
	call gate_stack_pop
	movq %r12, %rax
	jmp slot_return
	CORRECT_FLAGS

/* A weak import that is absent was called without a test; r11 has its name. */
	.balign 16
	.global gate_absent_entry
gate_absent_entry:
	pushq %rbp
	movq %rsp, %rbp
	movq %r11, %rdi
	call gate_absent_called
	popq %rbp
	ret
	.section .note.GNU-stack, "", @progbits
