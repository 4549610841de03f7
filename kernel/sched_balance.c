/* SPDX-License-Identifier: MIT */
/*
 * Which CPU runs what waits: threads move to CPUs that idle, and from long queues to short ones.
 *
 * A CPU that idles, or has less to do, looks for threads in the queues that are marked in
 * waiting_cpus; one that has threads that wait looks for CPUs in idle_cpus. Both masks are
 * hints. A CPU marks itself when it must and takes the mark back in a later tick, so
 * that CPUs which idle and queue often, but have nothing to do with each other, do not write lines
 * that others read.
 */
#include <kernel/time.h>
#include "run_queue.h"

#define BALANCE_NS    (32 * NSEC_PER_MSEC)
#define QUIET_TICKS   4	 /* so long nothing waits before the queue says so */
#define IDLE_LOOK_MAX 32 /* so many that wait are looked at */

/*
 * A waker looks here, not at every CPU. A CPU sets its bit when it begins to idle, and clears it
 * in a tick: one that idles often for a short time leaves the line alone. A hint.
 */
struct cpumask idle_cpus __aligned(64);
/* Who has nothing to do looks here: CPUs in whose queues threads wait that may move. Marked as idle_cpus. A hint. */
static struct cpumask waiting_cpus __aligned(64);

/* ---- what others see of a queue ---- */

static void cpumask_mark(struct cpumask *cpumask, u32 cpu, bool *marked, bool mark)
{
	const u64 bit = 1ull << cpu % 64;

	if (mark)
		__atomic_or_fetch(&cpumask->bits[cpu / 64], bit, __ATOMIC_RELAXED);
	else
		__atomic_and_fetch(&cpumask->bits[cpu / 64], ~bit, __ATOMIC_RELAXED);
	*marked = mark;
}

void rq_mark_idle(struct run_queue *rq)
{
	cpumask_mark(&idle_cpus, rq->cpu->id, &rq->marked_idle, true);
}

void rq_mark_waiting(struct run_queue *rq)
{
	assert_held(&rq->lock);
	rq->quiet_ticks = 0;
	if (!rq->marked_waiting)
		cpumask_mark(&waiting_cpus, rq->cpu->id, &rq->marked_waiting, true);
}

void rq_mark_movable(struct run_queue *rq, const struct thread *t)
{
	struct cpumask others = t->affinity;

	assert_held(&rq->lock);
	cpumask_clear(&others, rq->cpu->id);
	for (u32 word = 0; word < ARRAY_SIZE(others.bits); word++)
		if (others.bits[word]) {
			rq_mark_waiting(rq);
			return;
		}
}

/* In a tick, which an idle CPU has not: take back what no longer holds. */
void rq_update_marks(struct run_queue *rq)
{
	assert_held(&rq->lock);
	if (rq->marked_idle)
		cpumask_mark(&idle_cpus, rq->cpu->id, &rq->marked_idle, false);
	if (rq->nr_queued)
		rq->quiet_ticks = 0;
	else if (rq->marked_waiting && ++rq->quiet_ticks == QUIET_TICKS)
		cpumask_mark(&waiting_cpus, rq->cpu->id, &rq->marked_waiting, false);
}

/* ---- taking a thread over ---- */

/* A thread of another queue, a woken one if there is any, that may run here. Both locks held. */
static struct thread *rq_first_movable(struct run_queue *from, struct run_queue *rq)
{
	assert_held(&from->lock);
	assert_held(&rq->lock);
	if (unlikely(rq_scheduler(from))) {
		struct thread *t = scheduler_steal(from, rq);

		if (t)
			return t;
	}
	for (struct run_entry *entry = NULL; (entry = run_order_next(&from->order, entry));) {
		struct thread *t = run_thread(entry);

		if (cpumask_test(&t->affinity, rq->cpu->id))
			return t;
	}
	return NULL;
}

static struct thread *rq_steal_from(struct run_queue *from, struct run_queue *rq)
{
	struct thread *t;

	if (!raw_spin_trylock(&from->lock))
		return NULL;
	t = rq_first_movable(from, rq);
	if (t) {
		rq_dequeue(from, t, BANOS_SCHED_MOVED);
		/* as far ahead or behind as it was; a young queue's time may be shorter than that */
		s64 lag = t->vruntime - from->min_vruntime;

		if (lag < 0 && (u64)-lag > rq->min_vruntime)
			t->vruntime = 0;
		else
			t->vruntime = rq->min_vruntime + lag;
		t->rq = rq;
	}
	raw_spin_unlock(&from->lock);
	return t;
}

/* Another CPU's queue, if it holds at least @p least. */
static struct run_queue *rq_other(const struct run_queue *rq, u32 cpu, u32 least)
{
	struct run_queue *other = NULL;

	if (cpus[cpu])
		other = cpus[cpu]->rq;
	if (other && other != rq && READ_ONCE(other->nr_queued) >= least)
		return other;
	return NULL;
}

/* The longest of the marked queues that are not in @p tried, if it holds @p least or more. */
static struct run_queue *rq_longest(const struct run_queue *rq, const struct cpumask *tried,
				    u32 least)
{
	struct run_queue *longest = NULL, *other;

	for (u32 word = 0; word < ARRAY_SIZE(waiting_cpus.bits); word++)
		for (u64 mask = READ_ONCE(waiting_cpus.bits[word]) & ~tried->bits[word]; mask;
		     mask &= mask - 1) {
			other = rq_other(rq, word * 64 + __builtin_ctzll(mask), least);
			if (other && (!longest || other->nr_queued > longest->nr_queued))
				longest = other;
		}
	return longest;
}

/*
 * Take a thread that waits elsewhere, in a queue of @p least or more: the longest,
 * or the next, where no thread of that queue may run here. rq->lock held.
 */
struct thread *rq_steal(struct run_queue *rq, u32 least)
{
	struct cpumask tried = { 0 };
	struct run_queue *longest;
	struct thread *t = NULL;

	assert_held(&rq->lock);
	while (!t && (longest = rq_longest(rq, &tried, least)) != NULL) {
		cpumask_set(&tried, longest->cpu->id);
		t = rq_steal_from(longest, rq);
	}
	return t;
}

/* No CPU idles, but one has more to do by two threads: take one over. rq->lock held. */
void rq_balance(struct run_queue *rq, u64 now)
{
	struct thread *t;

	assert_held(&rq->lock);
	if (now < rq->balance_ns)
		return;
	rq->balance_ns = now + BALANCE_NS;
	t = rq_steal(rq, rq->nr_queued + 2);
	if (t)
		rq_enqueue(rq, t);
}

/* @return a CPU that idles and may run a thread of this queue, or NULL. rq->lock held. */
struct cpu *cpu_idle_for_queued(struct run_queue *rq)
{
	u32 left = IDLE_LOOK_MAX;

	assert_held(&rq->lock);
	for (struct run_entry *entry = NULL; left && (entry = run_order_next(&rq->order, entry));
	     left--) {
		const struct thread *t = run_thread(entry);

		for (u32 word = 0; word < ARRAY_SIZE(idle_cpus.bits); word++) {
			u64 mask = READ_ONCE(idle_cpus.bits[word]) & t->affinity.bits[word];

			if (mask)
				return cpus[word * 64 + __builtin_ctzll(mask)];
		}
	}
	return NULL;
}
