/* SPDX-License-Identifier: MIT */
/*
 * The ways in and out of the kernel.
 *
 * Exceptions and interrupts leave a full struct pt_regs at the top of the stack
 * they came in on. A system call stores only what C may change and what its
 * return needs: rbx, rbp and r12-r15 are still the user's in the registers, and the
 * rest follows from what is stored. Most calls return like that. Where
 * someone reads or changes all of struct pt_regs it is completed first: in the calls that
 * SYSCALL_STORE_REGISTERS() defines (fork), and before thread.work is done (signals).
 * Then all registers are restored by IRET, as also exec and sigreturn do (syscall_leave_with()).
 *
 * GS: the user's base while in user mode, struct cpu in the kernel; the
 * entries that can interrupt the kernel between the two (NMI, #DB, #DF, #MC:
 * on IST stacks) look at the base itself.
 *
 * STAC/CLAC sites hold a 3-byte NOP until cpu.c finds SMAP and patches them.
 */
#include <asm/layout.h>
#include <asm/msr.h>
#include <asm/smap.h>
#include <asm/vectors.h>
#include <asm/wall.h>
#include <generated/asm-offsets.h>
#include <generated/syscall-numbers.h>


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
 * caller and its registers are in struct pt_regs.
 */
	.cfi_sections .debug_frame
.macro FRAME
	.cfi_startproc simple
	.cfi_signal_frame
	.cfi_def_cfa rsp, 8
	.cfi_offset r15, REGS_R15
	.cfi_offset r14, REGS_R14
	.cfi_offset r13, REGS_R13
	.cfi_offset r12, REGS_R12
	.cfi_offset rbp, REGS_RBP
	.cfi_offset rbx, REGS_RBX
	.cfi_offset rsp, REGS_RSP
	.cfi_offset rip, REGS_RIP
.endm
#define FRAME_END .cfi_endproc

/* The same for a system call: what the program has in the other registers stays there. */
.macro SYSCALL_FRAME
	.cfi_startproc simple
	.cfi_signal_frame
	.cfi_def_cfa rsp, 8
	.cfi_offset rsp, REGS_RSP
	.cfi_undefined rip
.endm

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
	movq %rsp, %gs:CPU_SCRATCH
	movq %gs:CPU_KSTACK_TOP, %rsp
	pushq $ASM_USER_DS
	pushq %gs:CPU_SCRATCH
	subq $REGS_RSP + 8, %rsp
	movq %rcx, REG(REGS_RIP)
	movq %r11, REG(REGS_RFLAGS)
	sti
	movq %rax, REG(REGS_ORIG_RAX)
	movq %rdi, REG(REGS_RDI)
	movq %rsi, REG(REGS_RSI)
	movq %rdx, REG(REGS_RDX)
	movq %r10, REG(REGS_R10)
	movq %r9, REG(REGS_R9)
	movq %r8, REG(REGS_R8)
	SYSCALL_FRAME
	cmpq REG(REGS_SIZE), %rax	/* how many there are; for a traced thread 0 */
	jae 3f
2:	movq %r10, %rcx
	call *syscall_table(, %rax, 8)
1:	cli
	movq %gs:CPU_CURRENT, %rcx
	cmpl $0, THREAD_WORK(%rcx)
	jne 4f
	movq REG(REGS_R10), %r10		/* what C may have changed */
	movq REG(REGS_R9), %r9
	movq REG(REGS_R8), %r8
	movq REG(REGS_RDX), %rdx
	movq REG(REGS_RSI), %rsi
	movq REG(REGS_RDI), %rdi
	movq REG(REGS_RIP), %rcx
	movq REG(REGS_RFLAGS), %r11
	movq REG(REGS_RSP), %rsp
	swapgs
	sysretq
3:
#ifdef CONFIG_PTRACE
	cmpl $0, REG(REGS_SIZE)
	je 7f
#endif
	movl %eax, %eax			/* the number is a u32, as all of int's width are */
	cmpl $ASM_SYSCALLS, %eax
	jb 2b
	leaq REG(0), %rdi			/* not Linux's: Banos's own, or unknown */
	call syscall_other
	jmp 1b
4:	sti
	movq %rax, REG(REGS_RAX)
	call syscall_complete_registers
	leaq REG(0), %rdi
	call user_return_work
	jmp return_to_user
#ifdef CONFIG_PTRACE
7:	call syscall_complete_registers
	leaq REG(0), %rdi
	call syscall_trace_enter		/* the tracer may have changed all of them */
	movq REG(REGS_R15), %r15
	movq REG(REGS_R14), %r14
	movq REG(REGS_R13), %r13
	movq REG(REGS_R12), %r12
	movq REG(REGS_RBP), %rbp
	movq REG(REGS_RBX), %rbx
	movq REG(REGS_RDI), %rdi
	movq REG(REGS_RSI), %rsi
	movq REG(REGS_RDX), %rdx
	movq REG(REGS_R10), %rcx
	movq REG(REGS_R8), %r8
	movq REG(REGS_R9), %r9
	cmpq $ASM_SYSCALLS, %rax
	jae 8f
	call *syscall_table(, %rax, 8)
9:	movq %rax, REG(REGS_RAX)
10:	leaq REG(0), %rdi
	call syscall_trace_exit
	jmp return_to_user
8:	cmpq $-1, %rax			/* not to be done: the result is what the tracer says */
	je 10b
	leaq REG(0), %rdi
	call syscall_other
	jmp 9b
#endif
	FRAME_END

/* Called with rbx, rbp and r12-r15 as they were at syscall_entry. Changes rax and r11 alone. */
	.global syscall_complete_registers
syscall_complete_registers:
	movq %gs:CPU_KSTACK_TOP, %rax
	subq $REGS_SIZE, %rax
	movq %r15, REGS_R15(%rax)
	movq %r14, REGS_R14(%rax)
	movq %r13, REGS_R13(%rax)
	movq %r12, REGS_R12(%rax)
	movq %rbp, REGS_RBP(%rax)
	movq %rbx, REGS_RBX(%rax)
	movq REGS_RFLAGS(%rax), %r11	/* SYSCALL left both in registers, too */
	movq %r11, REGS_R11(%rax)
	movq REGS_RIP(%rax), %r11
	movq %r11, REGS_RCX(%rax)
	movq $ASM_USER_CS, REGS_CS(%rax)
	ret

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
	movl $-ASM_ENOSYS, %eax
	sysretl

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

/*
 * s64 gate_switch_call(six arguments): gate_stack.h. The frame pointer leads back from
 * the other stack; a backtrace knows by the return address that it leads elsewhere.
 */
	.balign 16
	.global gate_switch_call, gate_switch_return
gate_switch_call:
	.cfi_startproc
	.cfi_signal_frame		/* gdb expects no other stack behind an ordinary call */
	pushq %rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset rbp, 0
	movq %rsp, %rbp
	.cfi_def_cfa_register rbp
	movq %gs:CPU_CURRENT, %rax
	movq THREAD_GATE_STACK(%rax), %rax
	movq %rax, %rsp			/* it ends there */
	call *GATE_STACK_METHOD(%rax)
gate_switch_return:
	movq %rbp, %rsp
	popq %rbp
	.cfi_def_cfa rsp, 8
	ret
	.cfi_endproc

/* ---- exceptions and interrupts ---- */

#ifdef CONFIG_GATE_WALL
	.section .text.wall, "ax"

.macro LOAD_KERNEL_TABLES
	movq wall_kernel_cr3(%rip), %rax
	movq %rax, %cr3
	movq %gs:CPU_SPACE, %rax
	testq %rax, %rax
	jz 6f
	movq SPACE_ROOT(%rax), %rax
	movq %rax, %cr3
6:
.endm

/*
 * All came in on a stack that each driver's tables have. Move struct pt_regs to where it
 * would be without a wall: below what was interrupted, or at the top of the thread's stack
 * if that was a program; from a driver to the thread's stack, below the call. Keeps edi.
 */
.macro LEAVE_WALL_STACK
	movl %edi, %ebx
	cld
	movq %rsp, %rsi
	movq %cr3, %rax
	testb $CR3_DRIVER, %al
	jnz 7f
	movq REG(REGS_RSP), %rdi
	andq $~15, %rdi
	testb $3, REG(REGS_CS)
	jz 9f
	swapgs
	movq %gs:CPU_KSTACK_TOP, %rdi
	swapgs
	jmp 9f
7:	LOAD_KERNEL_TABLES
	btsq $REGS_CS_DRIVER_BIT, REG(REGS_CS)
	movq %gs:CPU_CURRENT, %rdi
	movq THREAD_WALL(%rdi), %rdi
	movq WALL_CALL_KSP(%rdi), %rdi
9:	subq $REGS_SIZE + 8, %rdi
	movq %rdi, %rax
	movl $(REGS_SIZE + 8) / 8, %ecx
	rep movsq
	movq %rax, %rsp
	movl %ebx, %edi
.endm

/* Back: a driver is left to from the stack that its tables have. */
.macro RETURN_TO_WALL_STACK
	btrq $REGS_CS_DRIVER_BIT, REG(REGS_CS)
	jnc 9f
	movq %rsp, %rsi
	movq %gs:CPU_WALL_STACK, %rdi
	subq $REGS_SIZE + 8, %rdi
	movq %rdi, %rsp
	movl $(REGS_SIZE + 8) / 8, %ecx
	cld
	rep movsq
	movq %gs:CPU_CURRENT, %rax
	movq THREAD_WALL(%rax), %rax
	movq WALL_CALL_TABLES(%rax), %rax
	movq %rax, %cr3
9:
.endm

/* Those with stacks of their own stay there: r13 keeps the driver's tables. */
.macro IST_ENTER_KERNEL
	movq %cr3, %r13
	testb $CR3_DRIVER, %r13b
	jz 9f
	LOAD_KERNEL_TABLES
9:
.endm
.macro IST_RETURN
	testb $CR3_DRIVER, %r13b
	jz 9f
	movq %r13, %cr3
9:
.endm
#else
.macro LEAVE_WALL_STACK
.endm
.macro RETURN_TO_WALL_STACK
.endm
.macro IST_ENTER_KERNEL
.endm
.macro IST_RETURN
.endm
#endif

.macro ENTRY_BODY fn, vector
	PUSH_REST
	LEAVE_WALL_STACK
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
	RETURN_TO_WALL_STACK
	POP_ALL
	iretq

	.global pf_entry
	.balign 16
pf_entry:				/* error code is there already */
	pushq %rdi
	ENTRY_BODY trap_page_fault, $VECTOR_PAGE_FAULT

trap_common:				/* rdi saved, edi = vector */
	PUSH_REST
	LEAVE_WALL_STACK
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
	LEAVE_WALL_STACK
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
	IST_ENTER_KERNEL
	testb $3, REG(REGS_CS)
	jnz 3f
	xorl %ebx, %ebx
	movl $MSR_GS_BASE, %ecx
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
2:	IST_RETURN
	POP_ALL
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

#ifdef CONFIG_GATE_WALL
	.section .text.wall, "ax"
#else
	.section .text
#endif
	.balign 16
	.global trap_stubs
trap_stubs:				/* 16 bytes each */
	TRAP VECTOR_DIVIDE_ERROR
	TRAP VECTOR_DEBUG, 0, ist_common
	TRAP VECTOR_NMI, 0, ist_common
	TRAP VECTOR_BREAKPOINT
	TRAP VECTOR_OVERFLOW
	TRAP VECTOR_BOUND
	TRAP VECTOR_INVALID_OPCODE
	TRAP VECTOR_NO_FPU
	TRAP VECTOR_DOUBLE_FAULT, 1, ist_common
	TRAP VECTOR_FPU_OVERRUN
	TRAP VECTOR_INVALID_TSS, 1
	TRAP VECTOR_NO_SEGMENT, 1
	TRAP VECTOR_STACK_FAULT, 1
	TRAP VECTOR_PROTECTION, 1
	TRAP VECTOR_PAGE_FAULT, 1
	TRAP 15
	TRAP VECTOR_FPU_ERROR
	TRAP VECTOR_ALIGNMENT, 1
	TRAP VECTOR_MACHINE_CHECK, 0, ist_common
	TRAP VECTOR_SIMD_ERROR
	TRAP VECTOR_VIRTUALIZATION
	TRAP VECTOR_CONTROL, 1
	.set n, VECTOR_CONTROL + 1
	.rept VECTOR_EXCEPTIONS - n
	TRAP n
	.set n, n + 1
	.endr
	.rept VECTORS - n
	.balign 16
	pushq $-1
	pushq %rdi
	movl $n, %edi
	jmp irq_common
	.set n, n + 1
	.endr
	.section .note.GNU-stack, "", @progbits
