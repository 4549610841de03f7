/* SPDX-License-Identifier: MIT */
/*
 * The first instructions: from the boot loader's 32-bit protected mode to C in the
 * higher half.
 *
 * The multiboot 1 header carries load addresses (flag bit 16) because QEMU
 * refuses an ELF64 without them; the multiboot 2 header stands beside it for
 * GRUB under UEFI. The tables built here map the image alone, at its physical
 * address (for the switch) and in the higher half, and link the fast page's
 * table; nothing else is mapped until arch/x86_64/paging.c has
 * built the real tables.
 *
 * Multiboot Specification 0.6.96, 3.1; Multiboot2 Specification 2.0, 3.1;
 * Intel SDM vol. 3, 9.8.5 (entering IA-32e mode).
 */
#include <asm/control.h>
#include <asm/layout.h>
#include <asm/msr.h>
#include <generated/asm-offsets.h>

#define MB1_MAGIC	0x1badb002
#define MB1_FLAGS	0x00010003	/* page-aligned modules, memory map, load addresses */
#define MB1_LOADED	0x2badb002	/* in EAX at the start */
#define MB2_LOADED	0x36d76289
#define FLAG_ID		0x200000
#define REQUIRED_SIZE	44
#define CPUID_NX	0x100000	/* leaf 0x80000001, EDX */
#define MB2_MAGIC	0xe85250d6
#define MB2_ARCH_I386	0		/* of the entry: 32-bit protected mode */

/* Multiboot 2: types of tags in the header, the flag that the loader may ignore one, tags of information */
#define TAG_END		0
#define TAG_INFORMATION	1
#define TAG_ADDRESSES	2
#define TAG_ENTRY	3
#define TAG_FRAMEBUFFER	5
#define TAG_ALIGN	6
#define TAG_REQUIRED	0
#define TAG_OPTIONAL	1
#define INFO_CMDLINE	1
#define INFO_MODULE	3
#define INFO_MEMORY	4
#define INFO_MAP	6
#define INFO_RSDP_OLD	14
#define INFO_RSDP_NEW	15

/* Multiboot 1: bits of the information's flags, and offsets in it */
#define MB1_HAS_MEMORY	0x1
#define MB1_HAS_CMDLINE	0x4
#define MB1_MEM_UPPER	8
#define MB1_CMDLINE	16

#define COM1		0x3f8
#define QEMU_EXIT_PORT	0xf4
#define LARGE_SHIFT	21		/* of a page of 2 MiB */
#define LARGE_SIZE	(1 << LARGE_SHIFT)
#define CPUID_EXTENDED	0x80000000	/* bit of the extended leaves, and the first of them */
#define CPUID_EXT	0x80000001
#define BOOT_STOP_EXIT	0x31		/* kernel/base/panic.c */

	.section .head, "ax"
	.balign 8
mb1_header:
	.long MB1_MAGIC, MB1_FLAGS, -(MB1_MAGIC + MB1_FLAGS)
	.long mb1_header - KERNEL_VMA
	.long _image_start - KERNEL_VMA
	.long _data_end - KERNEL_VMA
	.long _image_end - KERNEL_VMA
	.long start_mb - KERNEL_VMA

	.balign 8
mb2_header:
	.long MB2_MAGIC, MB2_ARCH_I386, mb2_header_end - mb2_header
	.long -(MB2_MAGIC + (mb2_header_end - mb2_header))
	.short TAG_INFORMATION, TAG_REQUIRED
	.long 8 + 6 * 4
	.long INFO_CMDLINE, INFO_MODULE, INFO_MEMORY, INFO_MAP, INFO_RSDP_OLD, INFO_RSDP_NEW
	.balign 8
	.short TAG_ADDRESSES, TAG_REQUIRED
	.long 24
	.long mb2_header - KERNEL_VMA, _image_start - KERNEL_VMA
	.long _data_end - KERNEL_VMA, _image_end - KERNEL_VMA
	.balign 8
	.short TAG_ENTRY, TAG_REQUIRED
	.long 12
	.long start_mb - KERNEL_VMA
	.balign 8
	.short TAG_FRAMEBUFFER, TAG_OPTIONAL
	.long 20
	.long 0, 0, 32			/* any width and height; bits of a pixel, preferred */
	.balign 8
	.short TAG_ALIGN, TAG_REQUIRED	/* modules at pages */
	.long 8
	.balign 8
	.short TAG_END, TAG_REQUIRED
	.long 8
mb2_header_end:

#define PHYS(sym) ((sym) - KERNEL_VMA)

	.code32
	.global start_mb
start_mb:
	cli
	cld
	movl %eax, %ebp
	cmpl $MB1_LOADED, %eax		/* QEMU loads an image that does not fit, too */
	jne 1f
	testb $MB1_HAS_MEMORY, (%ebx)
	jz 1f
	movl MB1_MEM_UPPER(%ebx), %ecx	/* KiB above 1 MiB */
	addl $1024, %ecx
	movl $PHYS(_image_end), %edx
	shrl $10, %edx
	cmpl %edx, %ecx
	jbe no_memory
1:	movl %eax, PHYS(boot_magic)
	movl %ebx, PHYS(boot_info_addr)
	movl $PHYS(boot_stack_top), %esp

	/*
	 * Compiled code needs these features, so they are checked first. SYSCALL is checked
	 * later (cpu.c): some processors report it in 64-bit mode alone.
	 */
	movl $PHYS(missing_cpuid), %esi
	pushfl				/* CPUID exists if its flag can be changed */
	xorl $FLAG_ID, (%esp)
	movl (%esp), %ecx
	popfl
	pushfl
	popl %eax
	xorl %ecx, %eax
	testl $FLAG_ID, %eax
	jnz stop_missing
	movl $PHYS(required), %edi
1:	movl (%edi), %eax		/* the leaf: does it exist? */
	testl %eax, %eax
	jz 3f
	andl $CPUID_EXTENDED, %eax
	cpuid
	leal 8(%edi), %esi
	cmpl (%edi), %eax
	jb stop_missing
	movl (%edi), %eax
	cpuid
	movl 4(%edi), %ecx
	btl %ecx, %edx
	jnc stop_missing
	addl $REQUIRED_SIZE, %edi
	jmp 1b
3:	movl $CPUID_EXT, %eax
	cpuid
	movl %edx, %esi			/* CPUID_NX */

	/* The image by 2 MiB pages: low for the switch, and in the higher half. */
	movl $(PHYS(boot_pd) + PTE_TABLE), PHYS(boot_pdpt_low)
	movl $(PHYS(boot_pd) + PTE_TABLE), PHYS(boot_pdpt_high) + 8 * 510
	movl $(PHYS(fast_pd) + PTE_TABLE), PHYS(boot_pdpt_high) + 8 * 511
	movl $(PHYS(fast_pt) + PTE_TABLE), PHYS(fast_pd) + 8 * 511
	movl $(PHYS(boot_pdpt_low) + PTE_TABLE), PHYS(boot_pml4)
	movl $(PHYS(boot_pdpt_high) + PTE_TABLE), PHYS(boot_pml4) + 8 * 511
	movl $(PHYS(_image_start)), %edi
	andl $~(LARGE_SIZE - 1), %edi
1:	movl %edi, %ecx
	shrl $LARGE_SHIFT, %ecx
	leal (PTE_TABLE + PTE_LARGE)(%edi), %eax
	movl %eax, PHYS(boot_pd)(, %ecx, 8)
	addl $LARGE_SIZE, %edi
	cmpl $PHYS(_image_end), %edi
	jb 1b

	movl $PHYS(boot_pml4), %eax
	movl %eax, %cr3
	movl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $MSR_EFER, %ecx
	rdmsr
	orl $(EFER_SCE | EFER_LME), %eax
	testl $CPUID_NX, %esi
	jz 2f
	orl $EFER_NXE, %eax
2:	wrmsr
	movl $(CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE), %eax
	movl %eax, %cr0
	lgdt PHYS(boot_gdt_desc)
	ljmp $0x08, $PHYS(start64_low)

/* From here on only this page is sure to be memory: no stack, no data. Text: esi, return to: edi. */
say:					/* on the serial port */
	movw $COM1, %dx
1:	lodsb
	testb %al, %al
	jz 2f
	outb %al, %dx
	jmp 1b
2:	jmp *%edi

no_memory:
	movl $PHYS(cannot_start_text), %esi
	movl $PHYS(1f), %edi
	jmp say
1:	movl $PHYS(no_memory_text), %esi
	jmp stop_early
stop_missing:				/* esi: of what */
	movl PHYS(boot_info_addr), %ebx
	movl %esi, %ecx
	movl $PHYS(cannot_start_text), %esi
	movl $PHYS(1f), %edi
	jmp say
1:	movl $PHYS(missing_text), %esi
	movl $PHYS(1f), %edi
	jmp say
1:	movl %ecx, %esi
stop_early:
	movl $PHYS(1f), %edi
	jmp say
1:	movl $PHYS(line_end_text), %esi
	movl $PHYS(1f), %edi
	jmp say
	/* "qemu_exit" in the command line? */
1:	cmpl $MB1_LOADED, %ebp
	jne 2f
	testb $MB1_HAS_CMDLINE, (%ebx)
	jz 7f
	movl MB1_CMDLINE(%ebx), %esi
	jmp 4f
2:	cmpl $MB2_LOADED, %ebp
	jne 7f
	leal 8(%ebx), %esi		/* tags: type, size, contents; each 8-aligned */
3:	movl (%esi), %eax
	testl %eax, %eax		/* the end */
	jz 7f
	leal 8(%esi), %ecx
	cmpl $INFO_CMDLINE, %eax
	jne 1f
	movl %ecx, %esi
	jmp 4f
1:	movl 4(%esi), %ecx
	leal 7(%esi, %ecx), %esi
	andl $~7, %esi
	jmp 3b
4:	movb $' ', %al			/* at the beginning of a word */
5:	cmpb $0, (%esi)
	je 7f
	cmpb $' ', %al
	jne 6f
	cmpl $0x756d6571, (%esi)	/* qemu */
	jne 6f
	cmpl $0x6978655f, 4(%esi)	/* _exi */
	jne 6f
	cmpb $'t', 8(%esi)
	jne 6f
	cmpb $'=', 9(%esi)		/* a value is ignored, as later */
	je 1f
	cmpb $' ', 9(%esi)		/* and at its end */
	ja 6f
1:	movl $BOOT_STOP_EXIT, %eax
	outl %eax, $QEMU_EXIT_PORT
6:	lodsb
	jmp 5b
7:	hlt
	jmp 7b
cannot_start_text:
	.asciz "banos: cannot start: "
no_memory_text:
	.asciz "not enough memory for the kernel itself"
missing_text:
	.asciz "this processor has no "
missing_cpuid:
	.asciz "CPUID instruction"
line_end_text:
	.asciz "\r\n"

/* Leaf, bit of EDX, name. The feature that most old processors lack is first. */
.macro REQUIRED leaf, bit, name
	.long \leaf, \bit
9:	.asciz "\name"
	.skip REQUIRED_SIZE - 8 - (. - 9b)
.endm
	.balign 4
required:
	REQUIRED CPUID_EXT, 29, "64-bit mode"
	REQUIRED 1, 0, "floating-point unit (FPU)"
	REQUIRED 1, 4, "time-stamp counter (TSC)"
	REQUIRED 1, 5, "model-specific registers (MSR)"
	REQUIRED 1, 6, "physical address extension (PAE)"
	REQUIRED 1, 8, "CMPXCHG8B instruction (CX8)"
	REQUIRED 1, 15, "conditional moves (CMOV)"
	REQUIRED 1, 24, "FXSAVE instruction (FXSR)"
	REQUIRED 1, 25, "SSE"
	REQUIRED 1, 26, "SSE2"
	.long 0

	.code64
start64_low:
	movabsq $start64, %rax
	jmp *%rax

	.text
start64:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	xorl %eax, %eax
	movl %eax, %fs
	movl %eax, %gs
	movq $boot_stack_top, %rsp
	movq $0, boot_pml4		/* the low mapping is not used any more */
	movq %cr3, %rax
	movq %rax, %cr3
	movl $MSR_GS_BASE, %ecx	/* the boot CPU's struct cpu */
	movq $boot_cpu, %rax
	movq %rax, CPU_SELF(%rax)
	movl $1, CPU_ONLINE(%rax)
	movq %rax, %rdx
	shrq $32, %rdx
	wrmsr
	xorl %ebp, %ebp
	pushq $0			/* end of backtraces */
	pushq $0
	movq %rsp, %rbp
	movl boot_magic(%rip), %edi
	movl boot_info_addr(%rip), %esi
	call arch_start
	ud2

	.section .data
	.balign 16
boot_gdt:
	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
boot_gdt_desc:
	.short . - boot_gdt - 1
	.long boot_gdt - KERNEL_VMA
boot_magic:	.long 0
boot_info_addr:	.long 0

	.section .bss
	.balign 4096
	.global boot_pml4, boot_pdpt_high, fast_pt
boot_pml4:	.skip 4096
boot_pdpt_low:	.skip 4096
boot_pdpt_high:	.skip 4096
boot_pd:	.skip 4096
fast_pd:	.skip 4096
fast_pt:	.skip 4096
	.global boot_stack, boot_stack_top
boot_stack:	.skip 8192
boot_stack_top:
	.section .note.GNU-stack, "", @progbits
