/* SPDX-License-Identifier: MIT */
/*
 * Crashes that have to do with processors and their stacks, on order ("crash=all-cpus"
 * and so on). crash.c calls them.
 */
#include <asm/cpu.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/printk_wait.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include "crash.h"

static struct atomic waiting;
static u64 noise;

static void on_other_cpus(void (*fn)(void *))
{
	for (u32 i = 0; i < cpu_count; i++) {
		struct thread *t = i != cpu_id() ? thread_create(fn, NULL, "crash") : NULL;
		struct cpumask only = { 0 };

		if (!t || IS_ERR(t))
			continue;
		cpumask_set(&only, i);
		(void)thread_set_affinity(t, &only);
		thread_start(t);
	}
}

static __noinline void panic_together(void *unused)
{
	preempt_disable();
	atomic_inc(&waiting);
	while (atomic_read(&waiting) < (s32)cpu_count)
		cpu_relax();
	panic("asked to, on all processors");
}

static __noinline void all_cpus(void)
{
	on_other_cpus(panic_together);
	panic_together(NULL);
	barrier();
}

/* Of the log: to be woken at each message. */
static void listen(void *unused)
{
	for (;;) {
		u64 seen = READ_ONCE(noise);

		wait_event(&printk_wait, READ_ONCE(noise) != seen);
	}
}

static void talk(void *unused)
{
	for (u32 count = 0;; count++) {
		if (count == 20)
			atomic_inc(&waiting);
		WRITE_ONCE(noise, noise + 1);
		pr_info("noise %u on cpu %u\n", count, cpu_id());
	}
}

/* Some have the log's lock, or that of who waits for more of it. */
static __noinline void while_others_talk(void)
{
	if (thread_spawn(listen, NULL, "listen"))
		pr_err("crash: no memory\n");
	on_other_cpus(talk);
	while (atomic_read(&waiting) < (s32)cpu_count - 1)
		sleep_ms(1);
	panic("asked to, while others talk");
}

/* With the lock of who waits for messages: that can't be had any more. */
static void spin_deaf(void *unused)
{
	irq_disable();
	(void)raw_spin_trylock(&printk_wait.lock);
	atomic_inc(&waiting);
	for (;;)
		cpu_relax();
}

/* They hear of it all the same. */
static __noinline void while_others_are_deaf(void)
{
	if (thread_spawn(listen, NULL, "listen"))
		pr_err("crash: no memory\n");
	while (!wait_queue_active(&printk_wait))
		sleep_ms(1);
	on_other_cpus(spin_deaf);
	while (atomic_read(&waiting) < (s32)cpu_count - 1)
		sleep_ms(1);
	panic("asked to, while others are deaf");
}

/*
 * Push below the lowest address of one of the CPU's stacks, as too deep a handler would.
 * cpu_stacks() lists that of interrupts, then those of double fault, NMI, machine check, debug.
 */
static void overflow_stack(u32 which)
{
	struct cpu_stack stack[8];
	u32 count;

	preempt_disable();
	count = cpu_stacks(this_cpu(), stack, ARRAY_SIZE(stack));
	if (which < count)
		__asm__ volatile("mov %0, %%rsp; pushq $0" ::"r"(stack[which].low) : "memory");
}

static __noinline void stack_nmi(void)
{
	overflow_stack(2);
	barrier();
}
static __noinline void stack_mce(void)
{
	overflow_stack(3);
	barrier();
}
static __noinline void stack_debug(void)
{
	overflow_stack(4);
	barrier();
}

const struct crash cpu_crashes[] = {
	{ "all-cpus", all_cpus },
	{ "while-others-talk", while_others_talk },
	{ "while-others-are-deaf", while_others_are_deaf },
	{ "stack-nmi", stack_nmi },
	{ "stack-mce", stack_mce },
	{ "stack-debug", stack_debug },
	{ NULL, NULL },
};
