/* SPDX-License-Identifier: MIT */
/*
 * Crashes on order, so that tests can look at the report: "crash=null" and so
 * on, on the command line. Only in kernels built with the in-kernel tests.
 */
#include <kernel/cmdline.h>
#include <kernel/crash.h>
#include <kernel/lock.h>
#include <kernel/printk.h>
#include <kernel/string.h>

static __noinline u64 overflow(volatile u64 *depth)
{
	volatile u64 here[32];

	here[0] = *depth + 1;
	return *depth == ~0ull ? 0 : overflow(here) + here[0];	/* in effect for ever */
}

static __noinline void null_pointer(void)
{
	volatile u64 address = 0x10;

	*(volatile u32 *)address = 1;
}

static __noinline void write_to_text(void)
{
	*(volatile u8 *)(void *)crash_boot = 0x90;
}

static __noinline void run_data(void)
{
	static u8 code[1] = { 0xc3 };

	((void (*)(void))code)();
}

static __noinline void run_user_address(void)
{
	((void (*)(void))0x400000)();
}

void crash_boot(void)
{
	volatile u64 depth = 0;
	char how[16];

	if (cmdline_value(cmdline_get(), "crash", how, sizeof(how)) < 0)
		return;
	if (!strcmp(how, "panic"))
		panic("asked to");
	else if (!strcmp(how, "null"))
		null_pointer();
	else if (!strcmp(how, "stack"))
		overflow(&depth);
	else if (!strcmp(how, "text"))
		write_to_text();
	else if (!strcmp(how, "exec"))
		run_data();
	else if (!strcmp(how, "user"))
		run_user_address();
	else if (!strcmp(how, "ud"))
		__asm__ volatile("ud2");
	else if (!strcmp(how, "warn"))
		WARN_ON(how[0] == 'w');
	pr_err("crash=%s: nothing happened\n", how);
}
