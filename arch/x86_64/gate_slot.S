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
	call *SLOT_TARGET(%r11)
	pushfq
	popq %rsi
	andl $GATE_FLAGS_CHECKED, %esi
	cmpl $GATE_FLAGS_CLEAN, %esi
	jne 3f
2:	movq %gs:CPU_CURRENT, %rbx	/* after gate_abandon() nothing is left but rsp, rbp and rax */
	movq RECORD_OUTER(%rsp), %rcx
	movq %rcx, THREAD_GATE(%rbx)
	movq RECORD_OWNER(%rsp), %rcx
	movl OWNER_COUNTERS(%rcx), %ecx
	incq %gs:COUNTERS_ENDED(%rcx)
	addq $RECORD_SIZE, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	ret
3:	movq %rax, RECORD_OBJECT(%rsp)	/* has served */
	movq RECORD_OWNER(%rsp), %rdi
	call gate_bad_flags
	movq RECORD_OBJECT(%rsp), %rax
	jmp 2b

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
