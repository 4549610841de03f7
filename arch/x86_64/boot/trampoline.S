/* SPDX-License-Identifier: MIT */
/*
 * The first instructions of an application processor.
 *
 * A STARTUP interrupt sets it going in real mode at the start of a page below
 * 1 MiB. This code lies in the image like any other data; smp.c copies it into
 * such a page, fills in the words at its end, and gives the page back when all
 * processors are up. It runs wherever it was copied to.
 *
 * From real mode straight to long mode: PAE, LME and the tables first, then PE
 * and PG in one write. Intel SDM vol. 3, 9.8.5, 8.4.4.
 */
#include <asm/msr.h>

	.section .rodata.trampoline, "a"
	.balign 16
	.global ap_trampoline, ap_trampoline_end, ap_words
#define AT(label) ((label) - ap_trampoline)

	.code16
ap_trampoline:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	lgdtl AT(ap_gdt_desc)
	movl AT(ap_cr4), %eax
	movl %eax, %cr4
	movl AT(ap_cr3), %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	xorl %edx, %edx
	movl AT(ap_efer), %eax
	wrmsr
	movl AT(ap_cr0), %eax
	movl %eax, %cr0
	ljmpl *AT(ap_jump)

	.code64
ap_long:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	/* Is it us who are meant? One that was given up and comes late must stop here. */
	movl $1, %eax
	cpuid
	shrl $24, %ebx
	movzbl ap_id(%rip), %eax
	cmpl %eax, %ebx
	jne 2f
	movq ap_stack(%rip), %rsp
	movq ap_cpu(%rip), %rdi
	movq ap_entry(%rip), %rax
	xorl %ebp, %ebp
	pushq $0			/* end of backtraces */
	pushq $0
	movq %rsp, %rbp
	pushq $0			/* nothing to return to */
	jmp *%rax
2:	cli
	hlt
	jmp 2b

	.balign 8
ap_gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
/* struct ap_words in smp.c */
ap_words:
ap_stack:	.quad 0
ap_cpu:		.quad 0
ap_entry:	.quad 0
ap_cr0:		.long 0
ap_cr3:		.long 0
ap_cr4:		.long 0
ap_efer:	.long 0
ap_jump:	.long AT(ap_long)	/* + the page's address */
		.long 8
ap_gdt_desc:	.short 3 * 8 - 1
		.long AT(ap_gdt)	/* + the page's address */
ap_id:		.byte 0, 0
ap_trampoline_end:
	.section .note.GNU-stack, "", @progbits
