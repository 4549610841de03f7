/* SPDX-License-Identifier: MIT */
/*
 * The ways through the wall: <kernel/wall.h>.
 *
 * This code, the entries of exceptions and interrupts in entry.S, and the descriptor
 * tables lie in the pages that each driver's tables have. Between a change of CR3 and the change
 * of stacks that belongs to it no interrupt arrives: each is told by CR3 whom it interrupts.
 *
 * GS is the kernel's all the time; what it points to is not there in a driver's tables.
 */
#include <asm/wall.h>
#include <generated/asm-offsets.h>

#define POISON 0xd7d7d7d7d7d7d7d7

	.section .text.wall, "ax"

/* The kernel's tables, then those of the address space of this processor. */
.macro LOAD_KERNEL_TABLES reg
	movq wall_kernel_cr3(%rip), %\reg
	movq %\reg, %cr3
	movq %gs:CPU_SPACE, %\reg
	testq %\reg, %\reg
	jz 1f
	movq SPACE_ROOT(%\reg), %\reg
	movq %\reg, %cr3
1:
.endm

/* s64 wall_enter(six arguments): the rest is in current->wall */
	.balign 16
	.global wall_enter, wall_enter_return
wall_enter:
	pushq %rbp
	movq %rsp, %rbp
	cli
	movq %gs:CPU_CURRENT, %rax
	movq THREAD_WALL(%rax), %r10
	movq %rsp, WALL_CALL_KSP(%r10)
	movq WALL_CALL_METHOD(%r10), %rax
	movq WALL_CALL_TABLES(%r10), %r11
	movq WALL_CALL_STACK(%r10), %rsp
	movq %r11, %cr3
	movq $POISON, %r10
	movq %r10, %r11
	sti
	call *%rax
wall_enter_return:
	pushfq
	cli
	popq %r11		/* the gate looks at what the driver has left there */
	LOAD_KERNEL_TABLES rdx
	movq %gs:CPU_CURRENT, %rcx
	movq THREAD_WALL(%rcx), %rcx
	movq WALL_CALL_KSP(%rcx), %rsp
	pushq %r11
	popfq
	popq %rbp
	ret

/*
 * A driver calls the kernel, or another driver. r11: the slot, or a name without its top bit.
 * Interrupts are on: nothing else is a driver allowed.
 */
	.balign 16
	.global wall_absent_entry
wall_absent_entry:
	endbr64
	btrq $63, %r11
	.global wall_import_entry, wall_import_return
wall_import_entry:
	endbr64
	cli
	cld
	LOAD_KERNEL_TABLES rax
	movq %rsp, %r10
	movq %gs:CPU_CURRENT, %rax
	movq THREAD_WALL(%rax), %rax
	movq WALL_CALL_KSP(%rax), %rsp
	sti
	pushq %r10
	pushq %rbp
	movq %rsp, %rbp
	pushq %r9
	pushq %r8
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	movq %r11, %rdi
	movq %rsp, %rsi
	call wall_import	/* keeps rbx and r12 to r15, which are the driver's */
wall_import_return:
	cli
	movq %gs:CPU_CURRENT, %rcx
	movq THREAD_WALL(%rcx), %rcx
	movq WALL_CALL_TABLES(%rcx), %rcx
	addq $6 * 8, %rsp
	popq %rbp
	popq %rsp
	movq %rcx, %cr3
	movq $POISON, %rcx	/* a driver that counts on them is found out */
	movq %rcx, %rdx
	movq %rcx, %rsi
	movq %rcx, %rdi
	movq %rcx, %r8
	movq %rcx, %r9
	movq %rcx, %r10
	movq %rcx, %r11
	sti
	ret

/* ---- names that compilers emit ---- */

	.balign 16
wall_memcpy:
	endbr64
	movq %rdi, %rax
	movq %rdx, %rcx
	rep movsb
	ret

	.balign 16
wall_memmove:
	endbr64
	movq %rdi, %rax
	movq %rdx, %rcx
	movq %rdi, %r8
	subq %rsi, %r8
	cmpq %rdx, %r8
	jb 1f
	rep movsb
	ret
1:	leaq -1(%rdi, %rdx), %rdi
	leaq -1(%rsi, %rdx), %rsi
	std
	rep movsb
	cld
	ret

	.balign 16
wall_memset:
	endbr64
	movq %rdi, %r8
	movl %esi, %eax
	movq %rdx, %rcx
	rep stosb
	movq %r8, %rax
	ret

	.balign 16
wall_memcmp:
	endbr64
	movq %rdx, %rcx
	xorl %eax, %eax		/* ZF: nothing to compare is equal */
	repe cmpsb
	je 1f
	movzbl -1(%rdi), %eax
	movzbl -1(%rsi), %ecx
	subl %ecx, %eax
1:	ret

	.balign 16
wall_strlen:
	endbr64
	movq $-1, %rax
1:	incq %rax
	cmpb $0, (%rdi, %rax)
	jne 1b
	ret

	.section .rodata, "a", @progbits
	.macro named function, name
	.quad \function, 1f
	.section .rodata.str1.1, "aMS", @progbits, 1
1:	.asciz "\name"
	.section .rodata, "a", @progbits
	.endm
	.balign 8
	.global wall_compiler_functions
wall_compiler_functions:
	named wall_memcpy, memcpy
	named wall_memmove, memmove
	named wall_memset, memset
	named wall_memcmp, memcmp
	named wall_memcmp, bcmp
	named wall_strlen, strlen
	.quad 0, 0
	.section .note.GNU-stack, "", @progbits
