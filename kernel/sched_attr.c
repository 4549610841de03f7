/* SPDX-License-Identifier: MIT */
/*
 * What threads may ask of the scheduler: nice values, policies, affinity; and
 * what others ask of it: the load.
 *
 * An attribute changes under the lock of the thread's queue; a thread that waits there
 * is taken out and put back, since its place depends on them.
 */
#include <kernel/err.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include "run_queue.h"

/* Load a nice level carries, 1024 at 0, about 1.25 a step. */
static const u32 nice_weight[40] = {
	88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
	9548,  7620,  6100,  4904,  3906,  3121,  2501,	 1991,	1586,  1277,
	1024,  820,   655,   526,   423,   335,	  272,	 215,	172,   137,
	110,   87,    70,    56,    45,	   36,	  29,	 23,	18,    15,
};

/* Change a thread's place in its queue by @p nice, @p policy, @p prio. */
static void set_attributes(struct thread *t, int nice, u32 policy, u32 prio)
{
	u64 flags = irq_save();
	struct run_queue *rq = rq_lock_of(t);
	bool queued = t->on_rq && !t->moving && rq->cpu->running != t;

	if (queued)
		rq_dequeue(rq, t, BANOS_SCHED_CHANGED);
	t->nice = nice;
	t->policy = policy;
	t->rt_priority = prio;
	if (policy == 5)
		t->weight = 3;
	else
		t->weight = nice_weight[nice + 20];
	if (unlikely(rq_scheduler(rq)))
		scheduler_changed(rq, t);
	if (queued)
		rq_enqueue(rq, t);
	if (rq->nr_queued)
		rq_resched(rq);
	raw_spin_unlock(&rq->lock);
	irq_restore(flags);
	preempt_if_needed();
}

void thread_set_nice(struct thread *t, int nice)
{
	set_attributes(t, MAX(-20, MIN(19, nice)), t->policy, t->rt_priority);
}

void thread_set_policy(struct thread *t, u32 policy, u32 rt_priority)
{
	set_attributes(t, t->nice, policy, MIN(rt_priority, 99u));
}

void thread_bind(struct thread *t, u32 cpu)
{
	t->affinity = (struct cpumask){ 0 };
	cpumask_set(&t->affinity, cpu);
	t->last_cpu = cpu;
}

int thread_set_affinity(struct thread *t, const struct cpumask *cpus_wanted)
{
	bool any = false, moves = false;
	struct run_queue *rq;
	u64 flags;

	for (u32 i = 0; i < cpu_count; i++)
		any |= cpus[i] && cpus[i]->online && cpumask_test(cpus_wanted, i);
	if (!any)
		return -EINVAL;
	flags = irq_save();
	rq = rq_lock_of(t);
	t->affinity = *cpus_wanted;
	if (unlikely(rq_scheduler(rq)))
		scheduler_changed(rq, t);
	if (t->on_rq && !cpumask_test(cpus_wanted, rq->cpu->id)) {
		if (t->moving) {
			t->rq = rq_choose(t); /* who adds it looks again */
		} else if (rq->cpu->running == t) {
			rq_resched(rq); /* schedule_with() sends it away */
		} else {
			rq_dequeue(rq, t, BANOS_SCHED_MOVED);
			thread_depart(t, rq_choose(t));
			moves = true;
		}
	}
	raw_spin_unlock(&rq->lock);
	if (moves)
		thread_arrive(t, WAKE_CREDIT_NS);
	irq_restore(flags);
	preempt_if_needed();
	return 0;
}

void sched_inherit(struct thread *t)
{
	const struct thread *from = current;

	t->affinity = from->affinity;
	t->nice = from->nice;
	t->policy = from->policy;
	t->rt_priority = from->rt_priority;
	t->weight = from->weight;
}

/* ---- the load ---- */

#define LOAD_PERIOD_NS	(5 * NSEC_PER_SEC)
#define LOAD_MISSED_MAX 400ul /* the averages are zero after as many empty periods */

static u64 load_avg[3], load_next_ns;

/* Every 5 s, by the CPU with the first tick; the periods in which all CPUs idled count as empty. */
void sched_load_sample(u64 now)
{
	static const u64 decay[3] = { 1884, 2014, 2037 }; /* e^(-5s/1,5,15min) * 2048 */
	u64 next = READ_ONCE(load_next_ns), active = 0;

	if (now < next || !__atomic_compare_exchange_n(&load_next_ns, &next, now + LOAD_PERIOD_NS,
						       false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		return;
	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i] && cpus[i]->rq)
			active += cpus[i]->rq->nr_queued + (cpus[i]->running != cpus[i]->idle);
	u64 missed = 0;

	if (next)
		missed = MIN((now - next) / LOAD_PERIOD_NS, LOAD_MISSED_MAX);
	for (u32 period = 0; period < 3; period++) {
		for (u64 i = 0; i < missed; i++)
			load_avg[period] = load_avg[period] * decay[period] >> 11;
		load_avg[period] = (load_avg[period] * decay[period] +
				    active * 2048 * (2048 - decay[period])) >>
				   11;
	}
}

void sched_loadavg(u64 out[3])
{
	sched_load_sample(time_monotonic_ns());
	memcpy(out, load_avg, sizeof(load_avg));
}

void sched_counts(u32 *running, u32 *total)
{
	struct thread_walk walk;

	*running = *total = 0;
	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i] && cpus[i]->rq)
			*running += cpus[i]->rq->nr_queued + (cpus[i]->running != cpus[i]->idle);
	for (struct thread *t = threads_first(&walk); t; t = threads_next(&walk, t))
		++*total;
}
