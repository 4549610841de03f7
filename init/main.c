/* SPDX-License-Identifier: MIT */
/*
 * The boot, in order. Before this, arch_start() has set up the processor and
 * the console and copied the boot loader's information.
 */
#include <asm/cpu.h>
#include <asm/layout.h>
#include <asm/paging.h>
#include <generated/version.h>
#include <kernel/acpi.h>
#include <kernel/boot.h>
#include <kernel/crash.h>
#include <kernel/device.h>
#include <kernel/driver.h>
#include <kernel/fault_injection.h>
#include <kernel/fs/init.h>
#include <kernel/heap_init.h>
#include <kernel/ipc.h>
#include <kernel/irq.h>
#include <kernel/kconfig.h>
#include <kernel/ktest.h>
#include <kernel/lock_order.h>
#include <kernel/network.h>
#include <kernel/page_init.h>
#include <kernel/printk.h>
#include <kernel/printk_wait.h>
#include <kernel/process.h>
#include <kernel/rcu_init.h>
#include <kernel/smp.h>
#include <kernel/symbols.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/upcalls.h>
#include <kernel/vdso.h>
#include <kernel/vm.h>

#include "init.h"

extern u8 _image_start[], _image_end[];

static void memory_init(void)
{
	page_boot_init((u64)_image_start - KERNEL_VMA, (u64)_image_end - KERNEL_VMA);
	smp_prepare();
	paging_init();
	page_init();
	heap_init();
	krange_init();
	vm_init();
}

/*
 * The first thread: the steps of the boot that may sleep, up to the first process.
 */
static void boot_thread_main(void *unused)
{
	smp_start_cpus();
	process_init();
	fs_init();
	device_init();
	if (IS_ENABLED(CONFIG_SYSVIPC))
		ipc_init();
	if (IS_ENABLED(CONFIG_POSIX_MQUEUE))
		mq_init();
	if (IS_ENABLED(CONFIG_NET_DEVICES))
		net_init();
	banos_init();
	ktest_boot();
	crash_boot();
	root_unpack();
	first_process_start();
}

void kernel_main(void)
{
	thread_init_early();
	lock_order_init();
	symbols_init();
	pr_notice("Banos %s, %s, %s\n", BANOS_RELEASE, boot_info.protocol, cpu_model_name());
	cpu_show_copies();
	fault_init();
	memory_init();
	acpi_init();
	irq_init();
	time_init();
	vdso_init();
	thread_init();
	printk_wait_init();
	irq_enable();
	rcu_init();
	if (cpu_init_boot_stacks() || thread_spawn(boot_thread_main, NULL, "init"))
		boot_stop("not enough memory to start the first thread");
	thread_leave_boot_stack(sched_idle);
}
