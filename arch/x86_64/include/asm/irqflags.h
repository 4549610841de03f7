/* SPDX-License-Identifier: MIT */
/** @file irqflags.h  The interrupt flag of this CPU; a unit test on the host, which may not touch it, plays it. */
#pragma once
#include <kernel/types.h>
#define X86_EFLAGS_ONE	0x2ul /* always set */
#define X86_EFLAGS_TF	0x100ul
#define X86_EFLAGS_IF	0x200ul
#define X86_EFLAGS_DF	0x400ul
#define X86_EFLAGS_IOPL 0x3000ul
#define X86_EFLAGS_NT	0x4000ul
#define X86_EFLAGS_RF	0x10000ul
#define X86_EFLAGS_AC	0x40000ul
#ifdef __BANOS_HOST__
u64 irq_flags(void);
void irq_disable(void);
void irq_enable(void);
void cpu_relax(void);
#else
/** Interrupts on, and sleep until the next one: none is lost in between. */
static inline void cpu_enable_and_halt(void)
{
	__asm__ volatile("sti; hlt" ::: "memory");
}
/** This CPU does nothing any more. */
static inline void __noreturn cpu_halt_forever(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}
static inline u64 irq_flags(void)
{
	u64 flags;
	__asm__ volatile("pushfq; popq %0" : "=rm"(flags)::"memory");
	return flags;
}
static inline void irq_disable(void)
{
	__asm__ volatile("cli" ::: "memory");
}
static inline void irq_enable(void)
{
	__asm__ volatile("sti" ::: "memory");
}
static inline void cpu_relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}
#endif
static inline u64 irq_save(void)
{
	u64 flags = irq_flags();
	irq_disable();
	return flags;
}
static inline void irq_restore(u64 flags)
{
	if (flags & X86_EFLAGS_IF)
		irq_enable();
}
static inline bool irqs_enabled(void)
{
	return irq_flags() & X86_EFLAGS_IF;
}
