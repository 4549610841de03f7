/* SPDX-License-Identifier: MIT */
/*
 * The smallest driver, in assembly: "cc $(pkg-config --cflags banos) -c assembly.S -o assembly.ko".
 *
 * Arguments and results are as in C (System V ABI): init(owner) has its owner in
 * rdi and returns 0 in rax. The descriptor is struct banos_driver_record of
 * <banos/driver.h>: texts are in fields of fixed size, filled up with zeroes.
 */
	.text
	.type	assembly_init, @function
assembly_init:
	endbr64
	subq	$8, %rsp		/* 16-aligned at calls */
	movl	$6, %esi		/* how important: BANOS_INFO */
	leaq	text(%rip), %rdx
	xorl	%ecx, %ecx		/* no values for the format */
	xorl	%r8d, %r8d
	call	banos_print_args
	xorl	%eax, %eax
	addq	$8, %rsp
	ret
	.size	assembly_init, . - assembly_init

	.section .rodata
text:	.asciz	"Hello from assembly"

	.macro field text, size
1:	.ascii	"\text"
	.zero	\size - (. - 1b)
	.endm

	.section .banos-driver, "aw"
	.balign	8
	.long	376, 1			/* size and kind: BANOS_RECORD_DRIVER */
	.long	1, 0			/* level; lowest level: what is imported decides */
	.quad	0, 0			/* features */
	field	"assembly", 56
	field	"1.0", 48
	field	"MIT", 64
	field	"The smallest driver, in assembly", 160
	.quad	assembly_init
	.quad	0			/* no exit */

	.section .modinfo, "a"
	.asciz	"name=assembly"
	.asciz	"license=MIT"
	.asciz	"description=The smallest driver, in assembly"
	.section .note.GNU-stack, "", @progbits
