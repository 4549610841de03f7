/* SPDX-License-Identifier: MIT */
/*
 * Where things lie. One run of the file is loaded flat: file offsets and
 * addresses advance together from _image_start to _data_end, then .bss. The
 * file's own headers are the first bytes of the run, so that it has no hole.
 * Each protection starts on a page of its own. The link drops the sections of functions and
 * data that nothing refers to, but for what KEEP() names.
 */
#include <asm/layout.h>

OUTPUT_FORMAT(elf64-x86-64)
OUTPUT_ARCH(i386:x86-64)
ENTRY(start_mb)

PHDRS
{
	text PT_LOAD FILEHDR PHDRS FLAGS(5);
	rodata PT_LOAD FLAGS(4);
	data PT_LOAD FLAGS(6);
}

SECTIONS
{
	. = KERNEL_VMA + CONFIG_PHYS_START;
	_image_start = .;
	. += SIZEOF_HEADERS;
	.text : AT(ADDR(.text) - KERNEL_VMA) {
		_text = .;
		KEEP(*(.head))
		*(.text.hot .text.hot.*)
#ifdef CONFIG_GATE_WALL
		. = ALIGN(4096);
		_wall_text = .;
		*(.text.wall)
		. = ALIGN(4096);
		_wall_text_end = .;
#endif
		*(.text .text.*)
		_etext = .;
	} :text

	. = ALIGN(4096);
	.rodata : AT(ADDR(.rodata) - KERNEL_VMA) {
		_rodata = .;
		*(EXCLUDE_FILE(*ksyms*.o) .rodata EXCLUDE_FILE(*ksyms*.o) .rodata.*)
		KEEP(*(.rodata.image_label)) /* for tools */
		. = ALIGN(8);
		__ex_table_start = .;
		KEEP(*(.ex_table))
		__ex_table_any_start = .;
		KEEP(*(.ex_table_any))
		__ex_table_end = .;
		__smap_sites_start = .;
		KEEP(*(.smap_sites))
		__smap_sites_end = .;
		__rep_sites_start = .;
		KEEP(*(.rep_sites))
		__rep_sites_end = .;
		. = ALIGN(8);
		__banos_exports_start = .;
		KEEP(*(.banos-export .banos-export.*))
		__banos_exports_end = .;
		*(__ksymtab_strings)
		. = ALIGN(8);
		__banos_builtins_start = .;
		KEEP(*(.banos-builtin))
		__banos_builtins_end = .;
		. = ALIGN(8);
		__cmdline_options_start = .;
		KEEP(*(.cmdline_options))
		__cmdline_options_end = .;
		. = ALIGN(8);
		__ktests_start = .;
		KEEP(*(.ktests))
		__ktests_end = .;
		. = ALIGN(8);
		KEEP(*(.rodata.ksyms))
	} :rodata

	. = ALIGN(4096);
	.data : AT(ADDR(.data) - KERNEL_VMA) {
		_data = .;
#ifdef CONFIG_GATE_WALL
		_wall_data = .;
		*(.data.wall)
		. = ALIGN(4096);
		_wall_data_end = .;
#endif
		*(.data .data.*)
		. = ALIGN(64);
		__banos_drivers_start = .;
		KEEP(*(.banos-driver .banos-driver.*))
		__banos_drivers_end = .;
		_data_end = .;
	} :data

	.bss : AT(ADDR(.bss) - KERNEL_VMA) {
		_bss_start = .;
		*(.bss .bss.*)
		*(COMMON)
		. = ALIGN(4096);
	} :data
	_image_end = .;

	/DISCARD/ : {
		*(.note*) *(.comment) *(.eh_frame*) *(.modinfo) *(.banos-note*)
	}
}

ASSERT(_image_end - KERNEL_VMA <= 0x800000, "the image with .bss must end below 8 MiB")
