/* SPDX-License-Identifier: MIT */
/* The vDSO as linked and stripped, on a page of its own: programs map it. */
	.section .rodata.vdso, "a"
	.balign 4096
	.global vdso_image
vdso_image:
	.incbin VDSO_FILE
	.balign 4096
	.section .note.GNU-stack, "", @progbits
