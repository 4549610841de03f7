/* SPDX-License-Identifier: MIT */
/* The vDSO as linked and stripped: vdso.c copies it to the page that programs map. */
	.section .rodata.vdso, "a"
	.global vdso_file, vdso_file_end
vdso_file:
	.incbin VDSO_FILE
vdso_file_end:
	.if vdso_file_end - vdso_file > 4096
	.error "the vDSO is larger than its page"
	.endif
	.section .note.GNU-stack, "", @progbits
