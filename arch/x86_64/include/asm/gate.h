/* SPDX-License-Identifier: MIT */
/**
 * @file gate.h  The instructions of the driver gate: <kernel/gate.h> explains it.
 *
 * Flags that have to be as they were when a driver's function returns are seen
 * with the count that a driver's spin lock keeps in struct cpu: one word, which
 * is GATE_CLEAN if nothing is wrong.
 */
#pragma once
#include <asm/irqflags.h>
#include <kernel/cpu.h>
#include <kernel/kconfig.h>

/* The flags that are looked at; of these, interrupts on alone. */
#define GATE_FLAGS                                                                         \
	(X86_EFLAGS_TF | X86_EFLAGS_IF | X86_EFLAGS_DF | X86_EFLAGS_IOPL | X86_EFLAGS_NT | \
	 X86_EFLAGS_AC)
#define GATE_CLEAN X86_EFLAGS_IF

/** The stack pointer; only to be read. */
register u64 arch_stack_pointer __asm__("rsp");

/**
 * @brief Call @p fn and note in @p sp and @p bp where on the stack: the return address lies below *sp.
 *
 * Only in a function that also makes an ordinary call: else the compiler need not keep the
 * stack 16-aligned. Where calls can be abandoned nothing is kept in registers across this one.
 * @param left  out: GATE_FLAGS and the count of spin locks as the function left them
 * @return what it returned, or what arch_gate_leave() said
 */
static inline __attribute__((always_inline)) s64 arch_gate_call(const void *fn, u64 a, u64 b, u64 c,
								u64 d, u64 e, u64 f, u64 *sp,
								u64 *bp, u32 *left)
{
	register u64 r8 __asm__("r8") = e;
	register u64 r9 __asm__("r9") = f;
	s64 result = (s64)fn;

	if (IS_ENABLED(CONFIG_GATE_ABANDON))
		*bp = (u64)__builtin_frame_address(0);
	__asm__ volatile(
		"movq %%rsp, %[sp]\n\t"
		"call *%%rax\n\t"
		"pushfq\n\t"
		"popq %[flags]\n\t"
		"andl %[mask], %k[flags]\n\t"
		"orl %%gs:%c[preempt], %k[flags]" /* a spin lock of the driver's keeps preemption off */
		: "+a"(result), [flags] "+c"(d), [sp] "=m"(*sp), "+D"(a), "+S"(b), "+d"(c),
		  "+r"(r8), "+r"(r9)
		: [mask] "i"(GATE_FLAGS), [preempt] "i"(offsetof(struct cpu, preempt_count))
		: "r10", "r11", "memory", "cc");
	if (IS_ENABLED(CONFIG_GATE_ABANDON))
		__asm__ volatile("" ::: "rbx", "r12", "r13", "r14", "r15");
	*left = (u32)d;
	return result;
}

/** @brief End the call that noted @p sp and @p bp: it returns @p result, all flags clean. */
static inline void __noreturn arch_gate_leave(u64 sp, u64 bp, s64 result)
{
	__asm__ volatile("pushq %[flags]\n\t"
			 "popfq\n\t"
			 "movq %[sp], %%rsp\n\t"
			 "movq %[bp], %%rbp\n\t"
			 "jmpq *-8(%%rsp)" ::[sp] "r"(sp),
			 [bp] "r"(bp), [flags] "i"(GATE_CLEAN | X86_EFLAGS_ONE), "a"(result)
			 : "memory");
	__builtin_unreachable();
}

/** @brief The same for a call by gate_slot.S, whose record lies at @p sp. Behind it are the registers that a thunk saved. */
static inline void __noreturn arch_gate_leave_slot(u64 sp, s64 result)
{
	__asm__ volatile("pushq %[flags]\n\t"
			 "popfq\n\t"
			 "movq %[sp], %%rsp\n\t"
			 "movq 24(%%rsp), %%r15\n\t"
			 "movq 32(%%rsp), %%r14\n\t"
			 "movq 40(%%rsp), %%r13\n\t"
			 "movq 48(%%rsp), %%r12\n\t"
			 "movq 56(%%rsp), %%rbx\n\t"
			 "jmpq *-8(%%rsp)" ::[sp] "r"(sp),
			 [flags] "i"(GATE_CLEAN | X86_EFLAGS_ONE), "a"(result)
			 : "memory");
	__builtin_unreachable();
}

/** @brief Make all flags clean. */
static inline void arch_gate_clean_flags(void)
{
	__asm__ volatile("pushq %0; popfq" : : "i"(GATE_CLEAN | X86_EFLAGS_ONE) : "memory", "cc");
}

/** @brief The same with interrupts off, as the caller has them. */
static inline void arch_gate_clean_flags_off(void)
{
	__asm__ volatile("pushq %0; popfq" : : "i"(X86_EFLAGS_ONE) : "memory", "cc");
}
