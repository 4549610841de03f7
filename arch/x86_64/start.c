/* SPDX-License-Identifier: MIT */
/* The machine's part of the boot, from head.S to kernel_main(). */
#include <asm/cpu.h>
#include <asm/io.h>
#include <asm/layout.h>
#include <asm/multiboot.h>
#include <asm/serial.h>
#include <kernel/cmdline.h>
#include <kernel/printk.h>
#include <kernel/upcalls.h>

void arch_start(u32 magic, u32 info);
extern u8 _image_start[], _image_end[];

void arch_start(u32 magic, u32 info)
{
	u64 lost;

	cpu_init_boot();
	/* the firmware left the timer on vector 8, which is the double fault's: silence both PICs */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
	multiboot_parse(magic, info);
	printk_init();
	serial_early_init();
	if (!cpu_features.syscall) /* the rest of what is needed: head.S */
		boot_stop("this processor has no SYSCALL instruction");
	/* a processor faults on addresses it can't put out; the map of all memory has room for 64 TiB */
	lost = multiboot_limit(MIN(cpu_phys_end(), (u64)PHYSMAP_SIZE));
	if (lost)
		pr_warn("boot: %lu KiB of memory lie beyond the highest usable address: ignored\n",
			lost >> 10);
	multiboot_check((u64)_image_start - KERNEL_VMA, (u64)_image_end - KERNEL_VMA);
	kernel_main();
}
