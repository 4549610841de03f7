/* SPDX-License-Identifier: MIT */
/**
 * @file gate_stack.h  The stacks on which drivers are called.
 *
 * A driver is entered with at least GATE_STACK_PROMISED bytes, and the kernel's own
 * functions that it calls have GATE_STACK_KERNEL bytes more. Where a thread's stack
 * has less room the gate continues on another stack, which the thread keeps until
 * that call returns. thread.gate_limit is the lowest stack pointer with which a driver
 * is entered on the present stack.
 */
#pragma once
#include <kernel/cpu.h>

struct owner;
struct thread;

#define GATE_STACK_PROMISED 8192ul /* <banos/driver.h> */
/* The deepest system calls and kernel threads were measured to use less than 4 KiB, in either kernel. */
#define GATE_STACK_KERNEL 6144ul
#define GATE_STACK_NEEDED (GATE_STACK_PROMISED + GATE_STACK_KERNEL)
/* Stacks of one thread beside its own. Promised are three: four calls, nested. */
#define GATE_STACKS_MAX 7u

/** At the end of each of them; what runs on it starts below. */
struct gate_stack {
	struct gate_stack *outer; /* the stack before; NULL: the thread's own */
	u64 outer_sp;		  /* from there on that one is in use */
	u64 outer_limit;	  /* its thread.gate_limit */
	u64 low;		  /* lowest address */
	const void *method;	  /* what gate_switch_call() calls there */
	u64 depth;		  /* 1: outer is the thread's own */
} __aligned(16);

/**
 * @brief Before the first driver: allocate the stacks in reserve, which memory never lacks for.
 * Context: thread.
 * @return 0, -ENOMEM
 */
int __must_check gate_stacks_prepare(void);
/**
 * @brief A further stack for the running thread, which is about to switch to it.
 * Context: any but an interrupt; sleeps where it may.
 * @param owner, method  what is to be called there; for the message
 * @return NULL: too many, or none is free; the log says so
 */
struct gate_stack *gate_stack_push(const struct owner *owner, const void *method);
/** @brief Call the method of the innermost of the running thread's further stacks there; in assembly. */
s64 gate_switch_call(u64 arg1, u64 arg2, u64 arg3, u64 arg4, u64 arg5, u64 arg6);
/** @brief The running thread is back on the stack before. */
void gate_stack_pop(void);
/** @brief The end of the running thread's stack on which @p addr is in use; 0: none. Any context but an interrupt. */
u64 gate_stack_end(u64 addr);
/** @brief Call @p visit for each part of @p t's stacks that is in use, @p low being where it is on the innermost one. */
void gate_stacks_visit(const struct thread *t, u64 low,
		       void (*visit)(void *ctx, u64 start, u64 len), void *ctx);
