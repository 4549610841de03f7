/* SPDX-License-Identifier: MIT */
/*
 * <banos/thunks.h>: indirect branches and returns of drivers that were compiled to have none.
 *
 * The indirect branch is a retpoline (Intel, "Retpoline: A Branch Target Injection
 * Mitigation"): the return goes where the register says, while its prediction, from
 * the call, is caught in the loop. Kernels on processors that need something else
 * change it here, and all drivers with it.
 *
 * The records of BANOS_EXPORT() (<banos/export.h>) are written here, since no
 * other file may name the machine's registers.
 */
#ifdef CONFIG_GATE_WALL
#define THUNK_SECTION .section .text.wall, "ax"
#else
#define THUNK_SECTION .text
#endif
	THUNK_SECTION

	.macro export_thunk name
	.section __ksymtab_strings, "a"
banos_export_name_\name:
	.asciz "\name"
	.section .banos-export, "a"
	.balign 8
	.quad banos_export_name_\name, \name
	THUNK_SECTION
	.endm

	.macro indirect_thunk reg
	.balign 32
	.global __x86_indirect_thunk_\reg
	.type __x86_indirect_thunk_\reg, @function
__x86_indirect_thunk_\reg:
	call 2f
1:	pause
	lfence
	jmp 1b
2:	movq %\reg, (%rsp)
	ret
	int3
	.size __x86_indirect_thunk_\reg, . - __x86_indirect_thunk_\reg
	export_thunk __x86_indirect_thunk_\reg
	.endm

	.irp reg, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	indirect_thunk \reg
	.endr

	.balign 16
	.global __x86_return_thunk
	.type __x86_return_thunk, @function
__x86_return_thunk:
	ret
	int3			/* no straight-line speculation */
	.size __x86_return_thunk, . - __x86_return_thunk
	export_thunk __x86_return_thunk
	.section .note.GNU-stack, "", @progbits
