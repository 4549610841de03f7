/* SPDX-License-Identifier: MIT */
/* The machine's part of the boot, from head.S to kernel_main(). */
#include <asm/cpu.h>
#include <asm/io.h>
#include <asm/multiboot.h>
#include <asm/serial.h>
#include <kernel/cmdline.h>
#include <kernel/printk.h>
#include <kernel/upcalls.h>

void arch_start(u32 magic, u32 info);

const char *cmdline_get(void) { return boot_info.cmdline; }

void arch_start(u32 magic, u32 info)
{
	cpu_init_boot();
	/* the firmware left the timer on vector 8, which is the double fault's: silence both PICs */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	multiboot_parse(magic, info);
	printk_init();
	serial_early_init();
	multiboot_check();
	kernel_main();
}
