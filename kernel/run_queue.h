/* SPDX-License-Identifier: MIT */
/**
 * @file run_queue.h  The run queues, for the files of the scheduler: see sched.c.
 */
#pragma once
#include <kernel/rbtree.h>
#include <kernel/time.h>
#include "internal.h"

#define KEY_FAIR (1ull << 63) /* of threads that are not real-time: behind all that are */

struct run_queue {
	spinlock_t lock; /* guards all below but cpu, idle and tick; interrupts off */
	u32 nr_queued;	 /* in the tree, without the running one */
	struct rb_root tree;
	struct rb_node *leftmost;
	u64 min_vruntime;
	u64 rt_seq;
	u64 balance_ns; /* when to compare with the others again */
	struct cpu *cpu;
	struct thread *idle;
	struct timer tick;
} __aligned(64);

static inline bool is_rt(const struct thread *t)
{
	return t->rt_priority != 0;
}

/* Out of line: for queues with more than one thread. rq->lock held. */
void rq_tree_insert(struct run_queue *rq, struct thread *t);
void rq_tree_erase(struct run_queue *rq, struct thread *t);

/** Make the queue's CPU choose again. rq->lock held, interrupts off. */
void rq_resched(struct run_queue *rq);
/** Lock the queue that @p t is in, which may change until then. Interrupts off. */
struct run_queue *rq_lock_of(struct thread *t);
/** Queue a thread that is in no queue on the CPU that suits it best. t->state_lock held, interrupts off. */
void rq_add_thread(struct thread *t, bool is_new);

static inline u64 rq_key(struct run_queue *rq, const struct thread *t)
{
	if (likely(!is_rt(t)))
		return KEY_FAIR | t->vruntime;
	return (u64)(99 - t->rt_priority) << 48 | (rq->rt_seq++ & 0xffffffffffff);
}

/* rq->lock held. Mostly a thread is alone in the queue: the other one runs. */
static inline void rq_enqueue(struct run_queue *rq, struct thread *t)
{
	t->run_key = rq_key(rq, t);
	t->rq = rq;
	if (likely(!rq->nr_queued++)) {
		rb_insert_only(&rq->tree, &t->run_node);
		rq->leftmost = &t->run_node;
	} else {
		rq_tree_insert(rq, t);
	}
}

static inline void rq_dequeue(struct run_queue *rq, struct thread *t)
{
	if (likely(!--rq->nr_queued)) {
		rb_erase_only(&rq->tree);
		rq->leftmost = NULL;
	} else {
		rq_tree_erase(rq, t);
	}
}
