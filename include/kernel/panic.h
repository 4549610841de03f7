/* SPDX-License-Identifier: MIT */
/**
 * @file panic.h  Reports of broken invariants: those that stop the machine, and warnings.
 *
 * Any context, also with interrupts off, before there is memory and after a stack overflow.
 */
#pragma once
#include <kernel/types.h>

struct pt_regs;

/** Stop the machine with a report. For broken invariants of the kernel's own only. */
void panic(const char *fmt, ...) __printf(1, 2) __noreturn __cold;
/** @brief The same, with the registers that an exception saved. */
void panic_regs(struct pt_regs *regs, const char *fmt, ...) __printf(2, 3) __noreturn __cold;
/**
 * @brief Stop a boot that the machine makes impossible (no memory, an unusable processor): one line, exit status, stop.
 *
 * Not a panic: nothing of the kernel is broken. Before the first process.
 */
void boot_stop(const char *fmt, ...) __printf(1, 2) __noreturn __cold;

#define BUG_ON(c)                                                                         \
	do {                                                                              \
		if (unlikely(c))                                                          \
			panic("BUG: %s at %s:%d (%s)", #c, __FILE__, __LINE__, __func__); \
	} while (0)
#define WARN_ON(c)                                           \
	({                                                   \
		bool _w = !!(c);                             \
		if (unlikely(_w))                            \
			warn_report(#c, __FILE__, __LINE__); \
		_w;                                          \
	})
/** @brief Log a failed condition with a backtrace, and continue. WARN_ON() calls it. */
void warn_report(const char *cond, const char *file, int line) __cold;

/**
 * What a report needs of the layers above this one. Each member stays NULL until the subsystem that
 * implements it has started; a report before that does without it.
 */
struct panic_hooks {
	/** Stop all other CPUs, and return when they have stopped or do not answer (arch/x86_64/smp.c sets it). */
	void (*stop_other_cpus)(void);
	/** Write "name (id)" of the running thread (kernel/thread.c sets it). */
	void (*describe_task)(char *buf, size_t size);
};
extern struct panic_hooks panic_hooks;
