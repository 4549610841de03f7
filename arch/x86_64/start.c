/* SPDX-License-Identifier: MIT */
/* The machine's part of the boot, from head.S to kernel_main(). */
#include <asm/cpu.h>
#include <asm/multiboot.h>
#include <asm/serial.h>
#include <kernel/cmdline.h>
#include <kernel/upcalls.h>

void arch_start(u32 magic, u32 info);

const char *cmdline_get(void) { return boot_info.cmdline; }

void arch_start(u32 magic, u32 info)
{
	cpu_init_boot();
	multiboot_parse(magic, info);
	serial_early_init();
	multiboot_check();
	kernel_main();
}
