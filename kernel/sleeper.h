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

/*
 * So often a thread looks at a lock before it sleeps: tens of microseconds, about what
 * sleeping and being woken costs. Bounded also because a virtual CPU that runs the owner
 * may itself be off its processor, which is not visible from here.
 */
#define SLEEPER_SPINS 4000u

/**
 * Is it worth looking again at a lock that is held, instead of sleeping?
 * @param owner  the thread that held it a moment ago, and may have ended since: then what its
 *               memory holds now is read, and means nothing; the caller looks at the lock again.
 *               NULL: several hold it, or it is not known who
 */
static inline bool sleeper_spins(const struct thread *owner, u32 *spins)
{
	if (cpu_count == 1 || CPU_FIELD_NONZERO(need_resched) || ++*spins > SLEEPER_SPINS)
		return false;
	if (owner && !READ_ONCE(owner->on_cpu))
		return false;
	cpu_relax();
	return true;
}

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
