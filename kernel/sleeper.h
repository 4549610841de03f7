/* SPDX-License-Identifier: MIT */
/** @file sleeper.h  What mutex.c and rwsem.c have in common. */
#pragma once
#include <kernel/lock.h>
#include <kernel/lock_order.h>
#include <kernel/printk.h>
#include <kernel/thread.h>

/** A thread in the queue of a lock, on its own stack. */
struct sleeper {
	struct list link;
	struct thread *thread;
	bool write; /* rwsem: waits to write */
};

/* Before waiting for a mutex or rwsem, when it is taken, when it is released. */
#ifdef CONFIG_DEBUG_LOCKS
static inline void sleeper_check_context(void)
{
	if (CPU_FIELD_READ(preempt_count) || in_interrupt())
		panic("%s: a sleeping lock is taken where sleeping is not allowed (preempt count %u)",
		      current->comm, CPU_FIELD_READ(preempt_count));
}
#define SLEEPER_WAITS(l)                                                                   \
	do {                                                                               \
		sleeper_check_context();                                                   \
		lock_order_check(&(l)->class, l, false, (u64)__builtin_return_address(0)); \
	} while (0)
#define SLEEPER_TAKEN(l)    lock_order_taken(&(l)->class, l, false, (u64)__builtin_return_address(0))
#define SLEEPER_RELEASED(l) lock_order_released(l, false)
#else
#define SLEEPER_WAITS(l)    ((void)0)
#define SLEEPER_TAKEN(l)    ((void)0)
#define SLEEPER_RELEASED(l) ((void)0)
#endif
