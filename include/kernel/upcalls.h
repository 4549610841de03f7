/* SPDX-License-Identifier: MIT */
/**
 * @file upcalls.h  The only ways up: where the machine's layer enters the kernel above it.
 * Who implements what stands beside each.
 */
#pragma once
#include <asm/ptrace.h>
#include <generated/syscall-numbers.h>
#include <kernel/types.h>

/** The boot, from the end of the machine's own start (init/main.c). On the boot stack, interrupts off. */
void kernel_main(void) __noreturn;
/** Page fault of user code: resolve it or send a signal. Interrupts on (kernel/process/page_fault.c). */
void upcall_user_page_fault(u64 addr, u32 error_code);
/** Page fault of a user copy. @return true: resolved, run the instruction again. */
bool upcall_kernel_page_fault(u64 addr, u32 error_code);
/** Another exception of user code, and the signal that it becomes. Interrupts on (kernel/process/page_fault.c). */
struct user_trap {
	u32 number;
	int sig, code;
	u64 address;	      /* for the signal */
	u64 error;	      /* what the processor said besides */
	bool is_foreign_call; /* a system call of another kind of programs */
};
void upcall_user_trap(const struct user_trap *trap);
/** A user thread's last reference is gone: free what hangs on it. Any context (kernel/process/process.c). */
struct thread;
void upcall_thread_free(struct thread *t);
/** A hardware interrupt or IPI, vectors 32..255. Acknowledges it (kernel/irq.c). */
void upcall_interrupt(u32 vector, struct pt_regs *regs);
/** A system call that nobody answers: log it once per program (kernel/process/unknown_call.c). */
void upcall_unknown_call(u32 number);
/** The system calls, by number, and Banos's own, by number - SYSCALL_BANOS_FIRST. Every slot has a function (kernel/process/syscalls.list). */
typedef s64 (*syscall_fn)(u64, u64, u64, u64, u64, u64);
extern const syscall_fn syscall_table[SYSCALL_TABLE_SIZE];
extern const syscall_fn syscall_banos_table[SYSCALL_BANOS_SLOTS];
/** Preempted at the end of an interrupt of the kernel; interrupts off before and after (kernel/sched.c). */
void preempt_schedule_irq(void);

/** Is there memory behind this kernel address? Walks the live tables; any context. */
bool kernel_address_mapped(u64 va);
