/* SPDX-License-Identifier: MIT */
/**
 * @file rcu.h  Data that is read often and changed seldom.
 *
 * A reader keeps preemption off, takes no lock and may not sleep between rcu_read_lock() and
 * rcu_read_unlock(). An unlinked object is freed after every reader of that time has left: a grace
 * period later. Reading needs no more than a preemption count; grace periods need threads (kernel/rcu.c).
 */
#pragma once
#include <kernel/atomic.h>
#include <kernel/cpu.h>

struct rcu_head {
	struct rcu_head *next;
	void (*fn)(struct rcu_head *);
};
static inline void rcu_read_lock(void)
{
	preempt_disable();
}
static inline void rcu_read_unlock(void)
{
	preempt_enable();
}
/** Call @p callback (thread context, may not sleep long) after a grace period. Any context. */
void call_rcu(struct rcu_head *head, void (*callback)(struct rcu_head *));
/** Wait for a grace period. Sleeps. */
void synchronize_rcu(void);
#define rcu_dereference(p)	 __atomic_load_n(&(p), __ATOMIC_CONSUME)
#define rcu_assign_pointer(p, v) __atomic_store_n(&(p), (v), __ATOMIC_RELEASE)

/** In the debug kernel: no grace period ends here, between rcu_read_lock() and rcu_read_unlock() or with preemption or interrupts off. */
#ifdef CONFIG_DEBUG_LOCKS
void rcu_assert_read(const char *function);
#define assert_rcu_read() rcu_assert_read(__func__)
#else
#define assert_rcu_read() ((void)0)
#endif
