/* SPDX-License-Identifier: MIT */
/*
 * The ways in and out of the kernel.
 *
 * Every entry leaves a full struct pt_regs at the top of the stack it came in
 * on. The way out of a system call restores only what C may have changed
 * (rbx, rbp, r12-r15 are still the user's) unless thread.work asks for more:
 * then all registers go back by IRET, which is also how signals, exec and
 * sigreturn change them.
 *
 * GS: the user's base while in user mode, struct cpu in the kernel; the
 * entries that can interrupt the kernel between the two (NMI, #DB, #DF, #MC:
 * on IST stacks) look at the base itself.
 *
 * STAC/CLAC sites hold a 3-byte NOP until cpu.c finds SMAP and patches them.
 */
#include <asm/layout.h>
#include <asm/offsets.h>
#include <asm/smap.h>
#include <generated/syscall-numbers.h>

#define USER_DS 0x2b
#define USER_CS 0x33

.macro PUSH_REST			/* below rdi: the order of struct pt_regs */
	pushq %rsi
	pushq %rdx
	pushq %rcx
	pushq %rax
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	subq $8, %rsp			/* calls want the stack 16-aligned: REG() knows */
.endm
#define REG(offset) (offset) + 8(%rsp)

/*
 * For debuggers: behind PUSH_REST, up to FRAME_END, what was interrupted is the
 * caller and its registers are in struct pt_regs. @from_user: nothing to go on to.
 */
	.cfi_sections .debug_frame
.macro FRAME from_user=0
	.cfi_startproc simple
	.cfi_signal_frame
	.cfi_def_cfa rsp, 8
	.cfi_offset r15, 0
	.cfi_offset r14, 8
	.cfi_offset r13, 16
	.cfi_offset r12, 24
	.cfi_offset rbp, 32
	.cfi_offset rbx, 40
	.cfi_offset rsp, 152
	.if \from_user
	.cfi_undefined rip
	.else
	.cfi_offset rip, 128
	.endif
.endm
#define FRAME_END .cfi_endproc

.macro POP_ALL
	addq $8, %rsp
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rax
	popq %rcx
	popq %rdx
	popq %rsi
	popq %rdi
	addq $8, %rsp
.endm

	.section .text.hot, "ax"
	.balign 64
	.global syscall_entry
syscall_entry:				/* flags are masked: interrupts off, AC and DF clear */
	swapgs
	movq %rsp, %gs:CPU_USER_RSP
	movq %gs:CPU_KSTACK_TOP, %rsp
	pushq $USER_DS
	pushq %gs:CPU_USER_RSP
	pushq %r11
	pushq $USER_CS
	pushq %rcx
	pushq %rax
	sti
	pushq %rdi
	PUSH_REST
	FRAME from_user=1
	cmpl $SYSCALL_TABLE_SIZE, %eax	/* the number is a u32, as all of int's width are */
	jae 3f
	movl %eax, %eax
	movq %r10, %rcx
	call *syscall_table(, %rax, 8)
1:	movq %rax, REG(REGS_RAX)
	cli
	movq %gs:CPU_CURRENT, %rcx
	cmpl $0, THREAD_WORK(%rcx)
	jne 4f
	movq REG(8 * 7), %r10		/* what C may have changed */
	movq REG(8 * 8), %r9
	movq REG(8 * 9), %r8
	movq REG(8 * 12), %rdx
	movq REG(8 * 13), %rsi
	movq REG(8 * 14), %rdi
	movq REG(REGS_RIP), %rcx
	movq REG(REGS_RIP + 16), %r11
	movq REG(REGS_RSP), %rsp
	swapgs
	sysretq
3:	leaq REG(0), %rdi			/* not Linux's: Banos's own, or unknown */
	call syscall_other
	jmp 1b
4:	sti
	leaq REG(0), %rdi
	call user_return_work
	jmp return_to_user
	FRAME_END

/* To user mode with all registers; interrupts may be on or off. A new thread starts here. */
	.global return_to_user
return_to_user:
	cli
	movq %gs:CPU_CURRENT, %rcx
	cmpl $0, THREAD_WORK(%rcx)
	jne 5f
	POP_ALL
	swapgs
user_iret:
	iretq
5:	sti
	leaq REG(0), %rdi
	call user_return_work
	jmp return_to_user

/*
 * SYSCALL from compatibility mode. No descriptor makes such code possible; should
 * one ever exist, it gets ENOSYS without a stack, as Linux without its emulation.
 */
	.global syscall_compat_entry
syscall_compat_entry:
	movl $-38, %eax
	sysretl

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

/*
 * void call_on_stack(u32 vector, struct pt_regs *regs, u64 top): upcall_interrupt(vector, regs)
 * on the stack that ends at top. The frame pointer leads back from there.
 */
	.global call_on_stack
call_on_stack:
	.cfi_startproc
	.cfi_signal_frame		/* gdb expects no other stack behind an ordinary call */
	pushq %rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	movq %rsp, %rbp
	.cfi_def_cfa_register rbp
	movq %rdx, %rsp
	call upcall_interrupt
	movq %rbp, %rsp
	popq %rbp
	.cfi_def_cfa rsp, 8
	ret
	.cfi_endproc

/* ---- exceptions and interrupts ---- */
.macro ENTRY_BODY fn, vector
	PUSH_REST
	FRAME
	SMAP_SITE
	cld
	testb $3, REG(REGS_CS)
	jz 1f
	swapgs
	leaq REG(0), %rdi
	movl \vector, %esi
	call \fn
	jmp return_to_user
1:	leaq REG(0), %rdi
	movl \vector, %esi
	call \fn
	jmp return_to_kernel
	FRAME_END
.endm

	.global trap_entries, trap_entries_end
trap_entries:				/* calls from here have struct pt_regs right above them: backtraces know */
return_to_kernel:
	cli
	POP_ALL
	iretq

	.global pf_entry
	.balign 16
pf_entry:				/* error code is there already */
	pushq %rdi
	ENTRY_BODY trap_page_fault, $14

trap_common:				/* rdi saved, edi = vector */
	PUSH_REST
	FRAME
	SMAP_SITE
	cld
	movl %edi, %esi
	leaq REG(0), %rdi
	testb $3, REG(REGS_CS)
	jz 1f
	swapgs
	call trap_dispatch
	jmp return_to_user
1:	cmpq $user_iret, REG(REGS_RIP)
	je 2f
	call trap_dispatch
	jmp return_to_kernel
	/* IRET refused the user's values, the user's registers and GS already there: the user's own fault */
2:	swapgs
	movl %esi, %ebx
	call user_iret_faulted
	leaq -8(%rax), %rsp
	movq %rax, %rdi
	movl %ebx, %esi
	call trap_dispatch
	jmp return_to_user
	FRAME_END

irq_common:
	PUSH_REST
	FRAME
	SMAP_SITE
	cld
	movl %edi, %esi
	leaq REG(0), %rdi
	testb $3, REG(REGS_CS)
	jz 1f
	swapgs
	incl %gs:CPU_IRQ_DEPTH
	call trap_irq
	jmp return_to_user
1:	incl %gs:CPU_IRQ_DEPTH
	call trap_irq
	jmp return_to_kernel
	FRAME_END

ist_common:				/* GS may be either: look */
	PUSH_REST
	FRAME
	SMAP_SITE
	cld
	movl %edi, %r12d
	testb $3, REG(REGS_CS)
	jnz 3f
	xorl %ebx, %ebx
	movl $0xc0000101, %ecx
	rdmsr
	testl %edx, %edx
	js 1f
	swapgs
	incl %ebx
1:	leaq REG(0), %rdi
	movl %r12d, %esi
	call trap_ist
	cli
	testl %ebx, %ebx
	jz 2f
	swapgs
2:	POP_ALL
	iretq
3:	swapgs				/* from user mode: an ordinary trap, on the thread's own stack */
	leaq REG(0), %rsi
	movq %gs:CPU_KSTACK_TOP, %rdi
	subq $REGS_SIZE, %rdi
	movq %rdi, %rbx
	movl $REGS_SIZE / 8, %ecx
	rep movsq
	leaq -8(%rbx), %rsp
	movq %rbx, %rdi
	movl %r12d, %esi
	call trap_dispatch
	jmp return_to_user
	FRAME_END

trap_entries_end:

.macro TRAP n, err=0, to=trap_common
	.balign 16
	.if \err == 0
	pushq $0
	.endif
	pushq %rdi
	movl $\n, %edi
	jmp \to
.endm

	.section .text
	.balign 16
	.global trap_stubs
trap_stubs:				/* 16 bytes each */
	TRAP 0
	TRAP 1, 0, ist_common
	TRAP 2, 0, ist_common
	TRAP 3
	TRAP 4
	TRAP 5
	TRAP 6
	TRAP 7
	TRAP 8, 1, ist_common
	TRAP 9
	TRAP 10, 1
	TRAP 11, 1
	TRAP 12, 1
	TRAP 13, 1
	TRAP 14, 1
	TRAP 15
	TRAP 16
	TRAP 17, 1
	TRAP 18, 0, ist_common
	TRAP 19
	TRAP 20
	TRAP 21, 1
	.set n, 22
	.rept 10
	TRAP n
	.set n, n + 1
	.endr
	.rept 224
	.balign 16
	pushq $-1
	pushq %rdi
	movl $n, %edi
	jmp irq_common
	.set n, n + 1
	.endr
	.section .note.GNU-stack, "", @progbits
