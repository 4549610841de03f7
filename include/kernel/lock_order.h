/* SPDX-License-Identifier: MIT */
/**
 * @file lock_order.h  The order in which locks are taken (CONFIG_DEBUG_LOCKS).
 *
 * Locks that are made alike, by one line of the source, are a class. A thread
 * that takes a lock of class B while it holds one of class A sets "A before B" for
 * good. When the opposite order was observed, in any thread and through any number of
 * other classes, two CPUs could wait for each other: that causes a panic which
 * names both, whether or not a deadlock occurs this time. The same applies to
 * a spin lock that interrupt handlers take and that is also taken with
 * interrupts on. Two locks of one class are not compared.
 */
#pragma once
#include <kernel/lock_class.h>

#ifdef CONFIG_DEBUG_LOCKS
/** @brief Watch the spin locks from now on, too. Boot, when the running thread has its structure. */
void lock_order_init(void);
/**
 * @brief Before waiting for a lock.
 * @param class  where the lock keeps its class; a lock of the image that has none yet gets one of its own
 * @param spins  a spin lock, not a mutex or rwsem
 */
void lock_order_check(struct lock_class **class, const void *lock, bool spins, u64 ip);
/** Taken, with or without waiting. */
void lock_order_taken(struct lock_class **class, const void *lock, bool spins, u64 ip);
void lock_order_released(const void *lock, bool spins);
/**
 * @brief May this thread hold the mutex or rwsem @p lock?
 * @param class  of @p lock; the holder of a lock without one is not recorded
 * @return false only if the thread certainly does not hold it
 */
bool lock_order_may_hold(const struct lock_class *class, const void *lock);
/** @brief Does this thread hold nothing but what is excused (gate_excuse_locks()), and its CPU no spin lock? */
bool lock_order_none_held(void);
/** @brief Name what is held. */
void lock_order_tell_held(void);
#else
static inline void lock_order_init(void)
{
}
#endif

/* ---- the orders that were seen; pure (kernel/lock_graph.c), the caller locks ---- */

struct lock_graph {
	u64 after[LOCK_CLASSES][LOCK_CLASSES / 64];
};

static inline bool lock_graph_has(const struct lock_graph *graph, u32 before, u32 after)
{
	return graph->after[before][after / 64] >> after % 64 & 1;
}
void lock_graph_add(struct lock_graph *graph, u32 before, u32 after);
/**
 * @brief Must @p from be taken before @p to, by one or more steps that were seen?
 * @param next  out: the first step's other end
 */
bool lock_graph_reaches(const struct lock_graph *graph, u32 from, u32 to, u32 *next);
