/* SPDX-License-Identifier: MIT */
/**
 * @file run_queue.h  The run queues, for the files of the scheduler: see sched.c.
 */
#pragma once
#include <kernel/driver_api.h>
#include <kernel/kconfig.h>
#include <kernel/run_order.h>
#include <kernel/time.h>
#include "internal.h"

#define WAKE_CREDIT_NS (3 * NSEC_PER_MSEC) /* how far behind the minimum a woken thread may start */
#define KEY_FAIR       (1ull << 63) /* of threads that are not real-time: behind all that are */

struct run_queue {
	spinlock_t lock; /* guards all below but cpu, idle and tick; interrupts off */
	bool marked_idle, marked_waiting; /* in the masks that others see */
	u8 quiet_ticks;			  /* during which nothing waited */
	struct run_order order;
	u64 min_vruntime;
	u64 rt_seq;
	u64 balance_ns; /* when to compare with the others again */
	u64 looked_ns;	/* when it was looked for threads that wait elsewhere */
	struct cpu *cpu;
	struct thread *idle;
	struct timer tick;
	struct scheduler *scheduler; /* of a driver; NULL: the built-in one orders the threads */
	u64 clock_ns, clock_read_ns; /* scheduler_queue.c */
	bool preempts;		     /* the thread that was queued last, as scheduler says */
	u32 nr_queued __aligned(64); /* in order, without the running one; others read it */
} __aligned(256);		     /* the heap gives those lines of their own */

/** The driver's scheduler that orders this queue; NULL: the built-in one does. */
static inline struct scheduler *rq_scheduler(const struct run_queue *rq)
{
	if (IS_ENABLED(CONFIG_SCHEDULERS))
		return rq->scheduler;
	return NULL;
}

static inline bool is_rt(const struct thread *t)
{
	return t->rt_priority != 0;
}

static inline struct thread *run_thread(struct run_entry *entry)
{
	return container_of(entry, struct thread, run);
}

/** Make the queue's CPU choose again. rq->lock held, interrupts off. */
void rq_resched(struct run_queue *rq);
/** Lock the queue that @p t is in, which may change until then. Interrupts off. */
struct run_queue *rq_lock_of(struct thread *t);
/** Where should @p t run? Its last CPU if that idles, else any idle one, else its last. The lock of its queue held. */
struct run_queue *rq_choose_cpu(const struct thread *t);
static inline struct run_queue *rq_choose(const struct thread *t)
{
	if (cpu_count == 1)
		return t->rq;
	return rq_choose_cpu(t);
}
/**
 * Let a thread that is in no queue begin to move to @p target; a waker believes it runnable. The lock
 * of its queue held. Pair with thread_arrive().
 */
void thread_depart(struct thread *t, struct run_queue *target);
/**
 * Add a thread that moves to its new queue. No queue's lock held, interrupts off.
 * @param credit_ns  how far before the others of that queue it starts
 */
void thread_arrive(struct thread *t, u64 credit_ns);

/* sched_balance.c */
/** CPUs that idle, or did a moment ago. A hint. */
extern struct cpumask idle_cpus;
/** Mark in idle_cpus that this CPU idles. rq->lock held, or none looks at the queue yet. */
void rq_mark_idle(struct run_queue *rq);
/** Mark that threads wait in the queue which may run elsewhere. rq->lock held. */
void rq_mark_waiting(struct run_queue *rq);
/** The same, if @p t may run elsewhere. */
void rq_mark_movable(struct run_queue *rq, const struct thread *t);
/** In a tick, which an idle CPU has not: take back the marks that no longer hold. rq->lock held. */
void rq_update_marks(struct run_queue *rq);
/** In a tick: if another CPU has more to do by two threads, take one over. rq->lock held. */
void rq_balance(struct run_queue *rq, u64 now);
/** @return a thread that waits elsewhere in a queue of @p least or more, out of that queue; NULL. rq->lock held. */
struct thread *rq_steal(struct run_queue *rq, u32 least);
/** @return a CPU that idles and may run a thread of this queue, or NULL. rq->lock held. */
struct cpu *cpu_idle_for_queued(struct run_queue *rq);

/** @p t is about to wait in the queue. rq->lock held. */
static inline void rq_mark_thread(struct run_queue *rq, const struct thread *t)
{
	assert_held(&rq->lock);
	if (cpu_count > 1 && unlikely(!rq->marked_waiting))
		rq_mark_movable(rq, t);
}

/* scheduler_queue.c: of a queue that has a scheduler; its lock held, interrupts off */
/** @p t begins to wait. @return its key; rq->preempts */
u64 scheduler_enqueue(struct run_queue *rq, struct thread *t);
/** @p t does not wait any longer. @param why  BANOS_SCHED_... */
void scheduler_dequeue(struct run_queue *rq, struct thread *t, u32 why);
/** @p t, which has run, is not to be queued again. */
void scheduler_leave(struct run_queue *rq, struct thread *t, u32 why);
/** The running thread is about to be queued because it yields. */
void scheduler_yield(struct thread *t);
/** Attributes of @p t have changed. */
void scheduler_changed(struct run_queue *rq, struct thread *t);
/** @return the next thread, out of the queue; NULL: the first one of the queue, if any, which the scheduler does not order */
struct thread *scheduler_pick(struct run_queue *rq, u64 now);
/** @p t was taken from another queue while none waits here. @return the next thread */
struct thread *scheduler_take_over(struct run_queue *rq, struct thread *t, u64 now);
/** @return a thread of @p from that is to move to @p to; NULL: the first that may */
struct thread *scheduler_steal(struct run_queue *from, const struct run_queue *to);
/** @return where @p t is to wait; NULL: where the built-in scheduler would let it */
struct run_queue *scheduler_select(const struct thread *t);
/** @return whether scheduler_tell() is to be called, without the lock */
bool scheduler_tick(struct run_queue *rq, struct thread *t, u64 now);
/* scheduler.c */
/** What the scheduler's thread looks at: scheduler_tell() wakes it. */
extern bool scheduler_news;
void scheduler_tell(void);

static inline u64 rq_key_builtin(struct run_queue *rq, const struct thread *t)
{
	if (likely(!is_rt(t)))
		return KEY_FAIR | t->vruntime;
	return (u64)(99 - t->rt_priority) << 48 | (rq->rt_seq++ & 0xffffffffffff);
}

/* rq->lock held. */
static inline void rq_enqueue(struct run_queue *rq, struct thread *t)
{
	if (unlikely(rq_scheduler(rq)))
		t->run.key = scheduler_enqueue(rq, t);
	else
		t->run.key = rq_key_builtin(rq, t);
	t->rq = rq;
	rq->nr_queued++;
	run_order_add(&rq->order, &t->run);
}

/** @param why  BANOS_SCHED_..., for a driver's scheduler */
static inline void rq_dequeue(struct run_queue *rq, struct thread *t, u32 why)
{
	if (unlikely(rq_scheduler(rq)))
		scheduler_dequeue(rq, t, why);
	rq->nr_queued--;
	run_order_remove(&rq->order, &t->run);
}
