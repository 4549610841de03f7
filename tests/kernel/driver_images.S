/* SPDX-License-Identifier: MIT */
/* Driver files for drivers.c; the Makefile makes them. */
	.macro	image name
	.balign	16
	.global	driver_image_\name, driver_image_\name\()_end
driver_image_\name:
	.incbin	"\name\().o"
driver_image_\name\()_end:
	.endm

	.section .rodata, "a", @progbits
	image	hello
	image	adder
	image	sum
	image	leak
	image	selftest
	image	racer
	image	hub
	image	leaf
	image	thief
	image	lanes
	image	hoard
	image	locks
	image	relay
	image	relay_lacks
	image	caller
	image	liar
	image	ram
	image	net_liar
	image	hook_liar
	image	random_liar
	.section .note.GNU-stack, "", @progbits
