/* SPDX-License-Identifier: MIT */
/** @file internal.h  Between the files of kernel/ only. */
#pragma once
#include <kernel/thread.h>

/* sched.c <-> thread.c */
void sched_init_thread(struct thread *t);
/** A thread of a program starts with the priority and the CPUs of the thread that created it. */
void sched_inherit(struct thread *t);
void sched_start(struct thread *t);
/** Let a thread that has not started run on @p cpu alone. */
void thread_bind(struct thread *t, u32 cpu);
void schedule_tail(struct thread *prev);
void kthread_main(void) __noreturn;
/** Wake-up of a thread that ended: called on another stack, after its last switch. */
void thread_reap(struct thread *t);
/* thread.c <-> gate_stack.c */
/** A stack of KERNEL_STACK_SIZE bytes. @param sleep  may it; else one that a processor keeps. NULL: none */
void *thread_stack_get(bool sleep);
/** Any context; never sleeps. */
void thread_stack_put(void *stack);
void sched_init(void);
void sched_load_sample(u64 now_ns);
