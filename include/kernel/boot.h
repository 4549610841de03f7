/* SPDX-License-Identifier: MIT */
/** @file boot.h  The boot loader's information, in one format for every boot protocol. */
#pragma once
#include <kernel/types.h>

enum mem_type { MEM_RAM = 1, MEM_UNUSABLE, MEM_ACPI_RECLAIM, MEM_ACPI_NVS };
struct mem_range {
	phys_t start, end;
	u32 type;
};
#define BOOT_MAX_RANGES	 128
#define BOOT_MAX_MODULES 16
struct boot_framebuffer {
	phys_t addr;
	u32 pitch, width, height;
	u8 bpp, r_pos, r_len, g_pos, g_len, b_pos, b_len, present;
};
struct boot_info {
	const char *loader, *protocol;
	char cmdline[2048];
	struct mem_range map[BOOT_MAX_RANGES];
	u32 nr_ranges;
	struct {
		phys_t start, end;
		char name[64];
	} modules[BOOT_MAX_MODULES];
	u32 nr_modules;	     /* name: of the file, without folders */
	u32 nr_modules_told; /* from the boot loader; those that do not fit are left out */
	phys_t rsdp;	     /* address, or 0: search the BIOS area */
	u8 rsdp_copy[36];
	u32 rsdp_copy_len; /* multiboot 2 hands a copy */
	phys_t efi_systab;
	struct boot_framebuffer fb;
	bool is_qemu;
};
extern struct boot_info boot_info;
