/* SPDX-License-Identifier: MIT */
/*
 * The first and the last object of each built-in driver.
 *
 * A driver is linked into the kernel as
 *
 *	builtin-first.o  the driver's objects  builtin-last.o
 *
 * by "ld -r", which joins sections of one name in this order. So the labels
 * here bracket what is the driver's own, and the record, struct
 * builtin_driver in <kernel/builtin.h>, tells the kernel where that is: the
 * descriptor, the exports, the constructors and destructors, the code. What
 * the loader finds in a file's section headers, it finds here for a driver
 * that is linked in. All these symbols are made local afterwards.
 *
 * Compiled once with BUILTIN_NAME for each driver, and once as the last object.
 */
#ifdef BUILTIN_NAME
#define EDGE first
#else
#define EDGE last
#endif
#define PASTE(a, b) PASTE_(a, b)
#define PASTE_(a, b) a##b
#define LABEL(what)					\
	.globl	PASTE(what, EDGE);			\
	PASTE(what, EDGE):

	.section .text, "ax", @progbits
LABEL(text_)
	.section .banos-driver, "a", @progbits
LABEL(driver_)
	.section .banos-export, "a", @progbits
LABEL(export_)
	.section .init_array, "aw", @init_array
LABEL(init_)
	.section .fini_array, "aw", @fini_array
LABEL(fini_)

#ifdef BUILTIN_NAME
	.section .rodata.str1.1, "aMS", @progbits, 1
.Lname:	.asciz	BUILTIN_NAME

	.section .banos-builtin, "a", @progbits
	.balign	8
	.quad	.Lname
	.quad	driver_first, driver_last
	.quad	export_first, export_last
	.quad	init_first, init_last
	.quad	fini_first, fini_last
	.quad	text_first, text_last
#endif
	.section .note.GNU-stack, "", @progbits
