/* SPDX-License-Identifier: MIT */
/*
 * Copies between kernel and user memory. One side may fault at any byte: the
 * exception table leads to a byte loop that finds the exact end. Quadwords
 * throughout (as bytes, where those are fast: asm/string.h); the last, partial
 * quadword overlaps the one before.
 *
 * user_copy (rdi: to, rsi: from, rdx: bytes) and user_clear (rdi: to, rdx: bytes) leave the
 * bytes not copied in rax and change no register but these and rcx: <asm/uaccess.h>.
 */
#include <asm/layout.h>
#include <asm/smap.h>
#include <asm/string.h>

.macro EX at, to
	.pushsection .ex_table, "a"
	.long \at - KERNEL_VMA, \to - KERNEL_VMA
	.popsection
.endm

	.section .text.hot, "ax"
	.balign 32
	.global user_copy
user_copy:
	SMAP_SITE 0x80000000
	cmpq $8, %rdx
	jb 5f
	movq %rdx, %rcx
	shrq $3, %rcx
	cmpq $12, %rcx
30:	ja 3f
	REP_SITE_AT 30b, REP_SITE_SHORT
	subq $4, %rcx
	jb 12f
11:					/* four at a time */
	.irp at, 0, 8, 16, 24
20:	movq \at(%rsi), %rax
21:	movq %rax, \at(%rdi)
	EX 20b, 13f
	EX 21b, 13f
	.endr
	addq $32, %rsi
	addq $32, %rdi
	subq $4, %rcx
	jae 11b
12:	addq $4, %rcx
	jz 4f
1:	movq (%rsi), %rax
2:	movq %rax, (%rdi)
	addq $8, %rsi
	addq $8, %rdi
	decq %rcx
	jnz 1b
	jmp 4f
3:	REP_SITE "rep movsq"
4:	andl $7, %edx
	jz 8f
41:	movq -8(%rsi, %rdx), %rax	/* the rest, overlapping */
42:	movq %rax, -8(%rdi, %rdx)
8:	SMAP_SITE
	xorl %eax, %eax
	ret
5:	testl %edx, %edx
	jz 8b
6:	movb (%rsi), %al
7:	movb %al, (%rdi)
	incq %rsi
	incq %rdi
	decq %rdx
	jnz 6b
	jmp 8b
9:	SMAP_SITE			/* fault in the byte loop: rdx bytes are left */
	movq %rdx, %rax
	ret
13:	addq $4, %rcx			/* fault among four: none of them counts */
10:	andl $7, %edx			/* fault among the quadwords: rcx of them are left */
	leaq (%rdx, %rcx, 8), %rdx
	jmp 6b
14:	andl $7, %edx			/* fault among their bytes */
	addq %rcx, %rdx
	jmp 6b
	EX 1b, 10b
	EX 2b, 10b
	EX 3b, 10b
	EX 3b+REP_SITE_BYTES_AT, 14b
	EX 41b, 6b
	EX 42b, 6b
	EX 6b, 9b
	EX 7b, 9b

	.balign 32
	.global user_clear
user_clear:
	SMAP_SITE 0x80000000
	xorl %eax, %eax
	movq %rdx, %rcx
	shrq $3, %rcx
	jz 2f
1:	REP_SITE "rep stosq", REP_SITE_STORE
	andl $7, %edx
	jz 4f
11:	movq %rax, -8(%rdi, %rdx)	/* the rest, overlapping */
	jmp 4f
2:	testl %edx, %edx
	jz 4f
3:	movb %al, (%rdi)
	incq %rdi
	decl %edx
	jnz 3b
4:	SMAP_SITE
	ret
5:	andl $7, %edx			/* fault among the quadwords: rcx of them are left */
	leaq (%rdx, %rcx, 8), %rdx
6:	movb %al, (%rdi)
	incq %rdi
	decq %rdx
	jnz 6b
	jmp 4b
7:	movq %rdx, %rax
	jmp 4b
8:	andl $7, %edx			/* fault among their bytes */
	addq %rcx, %rdx
	jmp 6b
	EX 1b, 5b
	EX 1b+REP_SITE_BYTES_AT, 8b
	EX 11b, 6b
	EX 3b, 7b
	EX 6b, 7b

/*
 * s64 user_string_copy_raw(dst, src, size): words up to the one with the NUL; the
 * length without it, size if there is none, -EFAULT.
 */
	.balign 32
	.global user_string_copy_raw
user_string_copy_raw:
	SMAP_SITE 0x80000000
	movabsq $0x0101010101010101, %r8
	movabsq $0x8080808080808080, %r9
	xorl %ecx, %ecx
1:	movq (%rsi, %rcx), %rax
	movq %rax, (%rdi, %rcx)
	movq %rax, %r10			/* as in lib/string.c: the lowest bit set is right */
	subq %r8, %r10
	notq %rax
	andq %r9, %rax
	andq %r10, %rax
	jnz 2f
	addq $8, %rcx
	cmpq %rdx, %rcx
	jb 1b
	SMAP_SITE
	movq %rcx, %rax
	ret
2:	SMAP_SITE
	bsfq %rax, %rax
	shrq $3, %rax
	addq %rcx, %rax
	ret
	EX 1b, uaccess_fault_clac_long

/* int get_user_u64(u64 *dst, uaddr_t src) and friends: the range is checked here. */
.macro GET name, size, insn, reg
	.balign 16
	.global \name
\name:
	movabsq $(0x00007ffffffff000 - \size), %rax
	cmpq %rax, %rsi
	ja uaccess_fault
	SMAP_SITE 0x80000000
1:	\insn (%rsi), %\reg
	SMAP_SITE
	\insn %\reg, (%rdi)
	xorl %eax, %eax
	ret
	EX 1b, uaccess_fault_clac
.endm
.macro PUT name, size, insn, reg
	.balign 16
	.global \name
\name:
	movabsq $(0x00007ffffffff000 - \size), %rax
	cmpq %rax, %rdi
	ja uaccess_fault
	SMAP_SITE 0x80000000
1:	\insn %\reg, (%rdi)
	SMAP_SITE
	xorl %eax, %eax
	ret
	EX 1b, uaccess_fault_clac
.endm
	GET get_user_u64, 8, movq, rdx
	GET get_user_u32, 4, movl, edx
	PUT put_user_u64, 8, movq, rsi
	PUT put_user_u32, 4, movl, esi

	.balign 16
	.global cmpxchg_user_u32		/* (p, u32 *old, new) */
cmpxchg_user_u32:
	movabsq $(0x00007ffffffff000 - 4), %rax
	cmpq %rax, %rdi
	ja uaccess_fault
	movl (%rsi), %eax
	SMAP_SITE 0x80000000
1:	lock cmpxchgl %edx, (%rdi)
	SMAP_SITE
	movl %eax, (%rsi)
	xorl %eax, %eax
	ret
	EX 1b, uaccess_fault_clac

uaccess_fault_clac_long:
	SMAP_SITE
	movq $-14, %rax			/* -EFAULT */
	ret
uaccess_fault_clac:
	SMAP_SITE
uaccess_fault:
	movl $-14, %eax			/* -EFAULT */
	ret
	.section .note.GNU-stack, "", @progbits
