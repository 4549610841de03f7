/* SPDX-License-Identifier: MIT */
/**
 * @file upcalls.h  Every function and table that a lower layer uses and a higher layer implements.
 *
 * Code calls downwards; what a lower layer needs of a higher one is registered with it, or declared here.
 * Each has a note with the file that implements it, and the context in which it is called.
 * scripts/check-layers.py holds that this list is complete, and that each entry is implemented above
 * the layer that uses it. Documentation/layers.md lists the registrations.
 */
#pragma once
#include <asm/ptrace.h>
#include <generated/syscall-numbers.h>
#include <kernel/types.h>

struct thread;

/* ---- the boot ---- */

/** The kernel's part of the boot (init/main.c). On the boot stack, interrupts off. */
void kernel_main(void) __noreturn;

/* ---- exceptions ---- */

/** Resolve a page fault of user code, or send a signal (kernel/process/page_fault.c). Interrupts on. */
void upcall_user_page_fault(u64 addr, u32 error_code);
/**
 * Resolve a page fault of a copy from or to user memory (kernel/process/page_fault.c). Interrupts on.
 * @return true: resolved, run the instruction again
 */
bool upcall_kernel_page_fault(u64 addr, u32 error_code);
/** An exception that no instruction of the kernel may raise. */
struct kernel_fault {
	u64 code, sp;	    /* of the instruction; where nothing is to be run, of its caller */
	bool interrupts_on; /* where it happened */
	const char *cause;  /* in words */
	bool walled;	    /* in driver mode, on a stack of its own: kernel/wall.h */
};
/**
 * Abandon the call into a driver that made it (kernel/gate_fault.c). Interrupts off.
 * Returns where it was none: the machine stops.
 */
#ifdef CONFIG_GATE_ABANDON
void upcall_kernel_fault(const struct kernel_fault *fault);
#else
static inline void upcall_kernel_fault(const struct kernel_fault *fault)
{
}
#endif
/**
 * Say in words what is at an address that the driver which runs behind the wall may not touch (kernel/wall.c).
 * @param bytes  of @p words
 */
void upcall_wall_describe(u64 addr, char *words, size_t bytes);
struct user_trap {
	u32 number;
	int sig, code;
	u64 address;	      /* for the signal */
	u64 error;	      /* the processor's error code */
	bool is_foreign_call; /* a system call of another kind of programs */
};
/** Send the signal that another exception of user code becomes (kernel/process/page_fault.c). Interrupts on. */
void upcall_user_trap(const struct user_trap *trap);
/** Handle a non-maskable interrupt (arch/x86_64/nmi.c). On any stack, between any two instructions. */
void upcall_nmi(struct pt_regs *regs);

/* ---- interrupts and preemption ---- */

/** Handle and acknowledge a hardware interrupt or IPI, vectors 32..255 (kernel/irq.c). Interrupts off. */
void upcall_interrupt(u32 vector, struct pt_regs *regs);
/** Switch to another thread at the end of an interrupt of the kernel (kernel/sched.c). Interrupts off before and after. */
void preempt_schedule_irq(void);
/** Switch to another thread if preempt_enable() may (kernel/sched.c). Any context; checks the preemption count and the interrupt flag. */
void preempt_schedule(void);

/* ---- system calls ---- */

typedef s64 (*syscall_fn)(u64, u64, u64, u64, u64, u64);
/**
 * The system calls by number, and Banos's own by number - SYSCALL_BANOS_FIRST (init/syscall_table.c, which the
 * build makes of kernel/process/syscalls.list). Every slot has a function. Thread context, interrupts on.
 */
extern const syscall_fn syscall_table[SYSCALL_TABLE_SIZE];
extern const syscall_fn syscall_banos_table[SYSCALL_BANOS_SLOTS];
/** Log a system call that has no function, once for each program (kernel/process/unknown_call.c). Thread context. */
void upcall_unknown_call(u32 number);
/**
 * Do what thread->work asks for on the return to user mode: signals, rescheduling (kernel/process/signal_deliver.c).
 * Thread context, interrupts on. May change @p regs.
 */
void user_return_work(struct pt_regs *regs);
/**
 * A traced thread begins a system call (kernel/process/ptrace.c). Thread context; may change @p regs.
 * @return the number of the call to be done; -1: none
 */
s64 syscall_trace_enter(struct pt_regs *regs);
/** It has done it; the result is in @p regs (kernel/process/ptrace.c). Thread context. */
void syscall_trace_exit(struct pt_regs *regs);

/* ---- threads and drivers ---- */

/** Free what hangs on a user thread whose last reference is dropped (kernel/process/process.c). Any context. */
void upcall_thread_free(struct thread *t);
struct gate_grant;
struct call_slot;
struct owner;
/**
 * Of a call between drivers: grant the callbacks among the arguments to the driver that is called, until they are
 * closed, and see whether what pointers describe is the caller's memory (banos/api/callback.c). The context of the
 * call. @return 0; an error, which the call returns
 */
s64 __must_check gate_check_arguments(const struct gate_grant *grant, const struct call_slot *slot);
/** Grant a callback that a call returned to its caller (banos/api/callback.c). @param callee  whose result it is @return @p result, or an error */
s64 __must_check gate_grant_result(s64 result, const struct owner *callee);
/**
 * Enter, instead of the exporter of @p slot, the one that took over its functions: the gate's innermost record and the
 * counters name that (banos/life/slots.c). The context of the call. @return what is to be called
 */
const void *gate_slot_move(struct call_slot *slot);
/** Report that a driver called a weak import that is absent (banos/life/slots.c). The context of the call. @return -EOPNOTSUPP, which the call returns */
s64 __must_check gate_absent_called(const char *name);
