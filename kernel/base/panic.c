/* SPDX-License-Identifier: MIT */
/*
 * The end: one report, then the machine stops.
 *
 * The first CPU to panic prints; others stop. Under test (command line
 * "qemu_exit") QEMU leaves with a status of its own: 1 + 2 * PANIC_EXIT for a
 * panic, 1 + 2 * BOOT_STOP_EXIT for a machine that cannot run Banos.
 */
#include <asm/cpu.h>
#include <asm/layout.h>
#include <asm/qemu.h>
#include <asm/serial.h>
#include <asm/traps.h>
#include <generated/version.h>
#include <kernel/boot.h>
#include <kernel/test_options.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include <kernel/symbols.h>
#include "internal.h"

#define PANIC_EXIT     0x30
#define BOOT_STOP_EXIT 0x31
#define TRACE_LINES    32
#define TASK_TEXT_MAX  32

struct panic_hooks panic_hooks;
static u32 panic_cpu; /* id + 1 of the CPU that reports */

/* Print a step of a backtrace; one that repeats itself (recursion) is counted. */
struct trace {
	u64 last;
	u32 repeats, lines;
};

static void trace_repeats(struct trace *trace)
{
	if (trace->repeats)
		pr_err("  ... %u times\n", trace->repeats);
	trace->repeats = 0;
}

static void trace_add(struct trace *trace, u64 address, bool is_return)
{
	char name[SYMBOL_TEXT_MAX];

	if (address == trace->last) {
		trace->repeats++;
		return;
	}
	trace_repeats(trace);
	symbol_format(name, sizeof(name), address, is_return);
	pr_err("  %016lx %s\n", address, name);
	trace->last = address;
	trace->lines++;
}

/* @param ip  where it happened, or 0 */
static void show_backtrace(u64 ip, u64 frame)
{
	struct backtrace backtrace = { .frame = frame };
	struct trace trace = { 0 };

	pr_err("backtrace:\n");
	if (ip)
		trace_add(&trace, ip, false);
	while (trace.lines < TRACE_LINES && arch_backtrace_step(&backtrace))
		trace_add(&trace, backtrace.address, backtrace.is_return);
	trace_repeats(&trace);
}

/* Tests ask for a status instead of a stop. */
static void qemu_exit_if_asked(u8 code)
{
	if (option_is_set(&opt_qemu_exit))
		qemu_exit(code);
}

static void panic_begin(void)
{
	u32 expected = 0, own_id;

	irq_disable();
	own_id = cpu_id() + 1;
	if (!__atomic_compare_exchange_n(&panic_cpu, &expected, own_id, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST)) {
		if (expected == own_id) { /* a panic while reporting one */
			qemu_exit_if_asked(PANIC_EXIT);
			serial_stop();
		}
		cpu_halt_forever();
	}
	CPU_FIELD_WRITE(preempt_count, CPU_FIELD_READ(preempt_count) + 1);
	if (panic_hooks.stop_other_cpus)
		panic_hooks.stop_other_cpus();
	printk_break_locks();
}

static void __noreturn panic_end(void)
{
	char task[TASK_TEXT_MAX] = "none (0)";

	symbols_show_drivers();
	if (panic_hooks.describe_task)
		panic_hooks.describe_task(task, sizeof(task));
	pr_err("task %s on cpu %u, Banos %s\n", task, cpu_id(), BANOS_RELEASE);
	pr_err("---[ end of panic ]---\n");
	qemu_exit_if_asked(PANIC_EXIT);
	serial_stop();
}

static void panic_print(const char *fmt, va_list args)
{
	char text[256];

	vsnprintf(text, sizeof(text), fmt, args);
	pr_err("panic: %s\n", text);
}

void panic(const char *fmt, ...)
{
	va_list args;

	panic_begin();
	va_start(args, fmt);
	panic_print(fmt, args);
	va_end(args);
	show_backtrace(0, (u64)__builtin_frame_address(0));
	panic_end();
}

static void __noreturn panic_with(struct pt_regs *regs)
{
	arch_show_regs(regs);
	/* after a jump to an address without code its caller matters */
	show_backtrace(arch_return_address(regs) ?: instruction_pointer(regs), frame_pointer(regs));
	panic_end();
}

void panic_regs(struct pt_regs *regs, const char *fmt, ...)
{
	va_list args;

	panic_begin();
	va_start(args, fmt);
	panic_print(fmt, args);
	va_end(args);
	panic_with(regs);
}

void warn_report(const char *cond, const char *file, int line)
{
	pr_warn("warning: %s at %s:%d\n", cond, file, line);
	show_backtrace(0, (u64)__builtin_frame_address(0));
}

void boot_stop(const char *fmt, ...)
{
	char text[256];
	va_list args;

	irq_disable();
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	pr_err("banos: cannot start: %s\n", text);
	qemu_exit_if_asked(BOOT_STOP_EXIT);
	serial_stop();
}
