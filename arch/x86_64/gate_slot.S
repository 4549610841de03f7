/* SPDX-License-Identifier: MIT */
/*
 * From one driver into another, through the gate.
 *
 * Each exported function that is called has a thunk, a copy of one of the two below,
 * which arch_call_thunk_write() fills in. It is gate_enter() of gate.h for a call of which
 * only the caller knows the arguments: all argument registers are preserved. The
 * record has three fields of its own; those behind them are whatever the stack
 * holds, and sp is 0: gate_record_sp(), gate_object().
 *
 * After gate_abandon() nothing is left but rsp and rax, so all that is needed behind the call
 * lies on the stack. A thunk leaves the registers that it saved to the function that it calls, which
 * preserves them; arch_gate_leave_slot(), which ends the call instead, restores them from behind the
 * record. Where other code calls they do not lie there, and it restores them itself.
 */
#include <generated/asm-offsets.h>

	.macro	save_registers
	pushq %rbp
	movq %rsp, %rbp
	pushq %rbx
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	.endm

	.macro	restore_registers
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbx
	popq %rbp
	.endm

/* rsp: the flags, the record. Leaves the callee's owner in rsi. */
	.macro	leave_record
	addq $16, %rsp
	popq %rsi
	movl OWNER_COUNTERS(%rsi), %ecx
	movq %gs:CPU_CURRENT, %rbx
	popq THREAD_GATE(%rbx)
	incq %gs:COUNTERS_ENDED(%rcx)
	.endm

/* rbx: the thread, r11: the slot. Leaves the callee's owner in rsi. Needs labels 2 and 3. */
	.macro	enter target:vararg
	movq SLOT_OWNER(%r11), %rax
	pushq THREAD_GATE(%rbx)
	pushq %rax
	pushq $0
	movq %rsp, THREAD_GATE(%rbx)
	movl OWNER_COUNTERS(%rax), %eax
	incq %gs:(%rax)
	call \target
	pushfq
	andl $GATE_FLAGS_CHECKED, (%rsp)
	cmpl $GATE_FLAGS_CLEAN, (%rsp)
	jne 3f
2:	leave_record
	.endm

	.macro	correct_flags
3:	pushq %rax
	call gate_slot_flags
	popq %rax
	jmp 2b
	.endm

/*
 * The zeroes after labels are filled in: addresses of the slot, which lies in the
 * top 2 GiB, and offsets of the counters in struct cpu. They are marked by the label behind them.
 */
	.section .rodata, "a", @progbits
	.balign 16
	.global gate_thunk, gate_thunk_owner, gate_thunk_target, gate_thunk_begun
	.global gate_thunk_ended, gate_thunk_slot, gate_thunk_end
gate_thunk:	/* no endbr64: nothing enforces it, and a kernel that does writes its own thunks */
	save_registers
	movq %gs:CPU_CURRENT, %r11
	cmpq THREAD_GATE_LIMIT(%r11), %rsp
	jb 3f
	pushq THREAD_GATE(%r11)
	pushq 0
gate_thunk_owner:
	pushq $0
	movq %rsp, THREAD_GATE(%r11)
	incq %gs:0
gate_thunk_begun:
	call *0
gate_thunk_target:
	pushfq
	andl $GATE_FLAGS_CHECKED, (%rsp)
	cmpl $GATE_FLAGS_CLEAN, (%rsp)
	jne 2f
1:	addq $(8 + 16), %rsp
	movq %gs:CPU_CURRENT, %r11
	popq THREAD_GATE(%r11)
	incq %gs:0
gate_thunk_ended:
	addq $(5 * 8), %rsp	/* the function, or arch_gate_leave_slot(), has restored them */
	popq %rbp
	ret
2:	pushq %rax
	call *gate_slot_flags_entry
	popq %rax
	jmp 1b
3:	movq $0x11111111, %r11
gate_thunk_slot:
	jmp *gate_slot_elsewhere_entry
gate_thunk_end:

/* Behind each thunk: the target of a slot whose functions another exporter has taken over. */
	.global gate_thunk_moved, gate_thunk_moved_slot, gate_thunk_moved_end
	.balign 16
gate_thunk_moved:
	movq $0x11111111, %r11
gate_thunk_moved_slot:
	jmp *gate_slot_moved_entry
gate_thunk_moved_end:

	.global gate_thunk_granting, gate_thunk_granting_slot, gate_thunk_granting_end
	.balign 16
gate_thunk_granting:
	movq $0x11111111, %r11
gate_thunk_granting_slot:
	jmp *gate_slot_granting_entry
gate_thunk_granting_end:
	.balign 8
gate_slot_flags_entry:
	.quad gate_slot_flags
gate_slot_elsewhere_entry:
	.quad gate_slot_elsewhere
gate_slot_granting_entry:
	.quad gate_slot_granting
gate_slot_moved_entry:
	.quad gate_slot_moved

	.text
	.balign 16
/* rsp: return address, rax, flags, record */
gate_slot_flags:
	movl 16(%rsp), %esi
	movq 24 + RECORD_OWNER(%rsp), %rdi
	pushq %rbp
	movq %rsp, %rbp
	call gate_bad_flags
	popq %rbp
	ret

/* The stack is short: as gate_enter_elsewhere(). r11: the slot; registers are saved. */
	.balign 16
gate_slot_elsewhere:
	pushq %r11
	pushq %r9
	pushq %r8
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	movq SLOT_OWNER(%r11), %rdi
	movq SLOT_TARGET(%r11), %rsi
	call gate_stack_push
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %r8
	popq %r9
	popq %r11
	testq %rax, %rax
	movq $-ASM_EOVERFLOW, %rax
	jz 4f
	movq %gs:CPU_CURRENT, %rbx
	enter gate_switch_call
	movq %rax, %r12
	subq $8, %rsp
	call gate_stack_pop
	addq $8, %rsp
	movq %r12, %rax
4:	restore_registers
	ret
	correct_flags

/*
 * A call that passes handles or pointers: below the saved registers there is a struct gate_grant, which
 * says so to the functions of the API. r11: the slot.
 */
	.balign 16
gate_slot_granting:
	save_registers
	pushq %r9
	pushq %r8
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	movq %gs:CPU_CURRENT, %rbx
	pushq $0	/* it is not revoked */
	pushq SLOT_HANDLES(%r11)
	pushq THREAD_GATE(%rbx)
	pushq THREAD_GRANTS(%rbx)
	movq %rsp, THREAD_GRANTS(%rbx)
	cmpl $0, SLOT_CHECKED(%r11)
	jne check_arguments
grant_enter:
	cmpq THREAD_GATE_LIMIT(%rbx), %rsp
	jb grant_elsewhere
	enter *SLOT_TARGET(%r11)
grant_returned:
	testl $GRANT_RESULT, GRANT_HANDLES(%rsp)
	jnz grant_result
grant_end:
	popq THREAD_GRANTS(%rbx)
	addq $(GRANT_SIZE - 8), %rsp
	restore_registers
	ret
	correct_flags

check_arguments:	/* callbacks are granted for longer; pointers are to name the caller's memory */
	movq %r11, %r12
	movq %rsp, %rdi
	movq %r11, %rsi
	subq $8, %rsp
	call gate_check_arguments
	addq $8, %rsp
	testq %rax, %rax
	jnz grant_end
	call grant_load_arguments
	jmp grant_enter

grant_elsewhere:	/* as gate_slot_elsewhere */
	movq %r11, %r12
	movq SLOT_OWNER(%r11), %rdi
	movq SLOT_TARGET(%r11), %rsi
	subq $8, %rsp
	call gate_stack_push
	addq $8, %rsp
	testq %rax, %rax
	movq $-ASM_EOVERFLOW, %rax
	jz grant_end
	call grant_load_arguments
	enter gate_switch_call
	movq %rax, %r12
	movq %rsi, %r13
	subq $8, %rsp
	call gate_stack_pop
	addq $8, %rsp
	movq %r13, %rsi
	movq %r12, %rax
	jmp grant_returned
	correct_flags

grant_result:		/* and so is a callback that is the result */
	movq %rax, %rdi
	subq $8, %rsp
	call gate_grant_result
	addq $8, %rsp
	jmp grant_end

/* rsp: return address, the grant; r12: the slot */
grant_load_arguments:
	movq %r12, %r11
	movq 8 + GRANT_ARGS(%rsp), %rdi
	movq 8 + GRANT_ARGS + 8(%rsp), %rsi
	movq 8 + GRANT_ARGS + 16(%rsp), %rdx
	movq 8 + GRANT_ARGS + 24(%rsp), %rcx
	movq 8 + GRANT_ARGS + 32(%rsp), %r8
	movq 8 + GRANT_ARGS + 40(%rsp), %r9
	ret

/*
 * The call is recorded and counted as one of the exporter that is leaving: gate_slot_move() makes it one
 * of its successor's. A thunk counts the end of the call where it counted the beginning, so if that called,
 * the end is here. Whoever else called looks at the record. r11: the slot; registers are saved.
 */
	.balign 16
gate_slot_moved:
	pushq %rbp
	movq %rsp, %rbp
	pushq %r9
	pushq %r8
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %r11
	subq $8, %rsp
	movq %r11, %rdi
	call gate_slot_move
	addq $8, %rsp
	popq %r11
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %r8
	popq %r9
	popq %rbp
	movq SLOT_ENTRY(%r11), %r10
	addq $(gate_thunk_target - gate_thunk), %r10
	cmpq %r10, (%rsp)
	je 1f
	jmp *%rax
1:	addq $8, %rsp
	call *%rax
	pushfq
	andl $GATE_FLAGS_CHECKED, (%rsp)
	cmpl $GATE_FLAGS_CLEAN, (%rsp)
	jne 3f
2:	leave_record
	restore_registers
	ret
	correct_flags

/* A function that is there no more. */
	.balign 16
	.global gate_dead_entry
gate_dead_entry:
	endbr64
	movq $-ASM_ENODEV, %rax
	ret

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
