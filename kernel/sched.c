/* SPDX-License-Identifier: MIT */
/*
 * The scheduler.
 *
 * Each CPU has a run queue: the runnable threads by key (run_order.h). Real-time
 * threads are first, by priority and arrival; the others by virtual run time,
 * which grows with the time a thread ran divided by its weight (its nice
 * value), so that each gets its share. A thread that slept starts a little
 * behind the queue's minimum and so runs soon, but cannot hoard.
 *
 * A tick runs while a CPU is busy: it ends slices and samples where the time
 * is spent. An idle CPU has none; before it idles it takes a thread from the CPU
 * with the longest queue, and now and then a busy CPU does, too. Which queues to look at,
 * and which CPUs idle, it sees in two masks; these are hints that change seldom, so that
 * CPUs that have nothing to do with each other do not take them from each other. A thread that is
 * queued later, or that may move only later, is offered by the busy CPU's tick.
 *
 * Sleeping: a thread sets its state, checks its condition, calls schedule().
 * Waking: a thread that has not left its CPU yet only has its state set back, else it is
 * queued. What others change of a thread, its state, attributes and queue, they change under
 * the lock of its queue, which is that of the CPU where it ran last while it sleeps. One that
 * changes to another CPU's queue is "moving" between the two locks: it has the new queue, but
 * is not in it yet; who made it so adds it, and a waker has nothing more to do.
 *
 * rq->lock is held across the switch and released by the next thread (schedule_tail),
 * when the one before has left its stack. Two rq->locks only by trylock; interrupts are off.
 */
#include <asm/cpu.h>
#include <asm/ipi.h>
#include <asm/pgtable.h>
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/time.h>
#include <kernel/upcalls.h>
#include "internal.h"
#include "run_queue.h"

#define TICK_NS	      (4 * NSEC_PER_MSEC)
#define SLICE_NS      (4 * NSEC_PER_MSEC)
#define LOOK_NS	      (500 * NSEC_PER_USEC) /* one that begins to idle looks at queues so seldom */
#define WAKE_GRAIN_NS (1 * NSEC_PER_MSEC)   /* lead that makes a woken thread preempt */

static struct run_queue boot_rq;

/* Charge the running thread up to now. rq->lock held. */
static inline void rq_charge_running(struct run_queue *rq, struct thread *t, u64 now)
{
	u64 delta = now - t->exec_start_ns;

	assert_held(&rq->lock);
	t->exec_start_ns = now;
	if (unlikely(t == rq->idle)) {
		rq->cpu->time.idle_ns += delta;
		return;
	}
	if (t->ticked_in_kernel || !t->proc) {
		t->system_ns += delta;
		rq->cpu->time.system_ns += delta;
	} else {
		t->user_ns += delta;
		rq->cpu->time.user_ns += delta;
	}
	if (likely(t->weight == 1024))
		t->vruntime += delta;
	else
		t->vruntime += delta * 1024 / t->weight;
}

/* No thread of the queue that is not real-time is behind @p vruntime. rq->lock held. */
static inline void rq_advance(struct run_queue *rq, u64 vruntime)
{
	assert_held(&rq->lock);
	rq->min_vruntime = MAX(rq->min_vruntime, vruntime);
}

/* The same while @p t runs on: its time has grown. rq->lock held. */
static void rq_advance_running(struct run_queue *rq, const struct thread *t)
{
	const struct run_entry *first = run_order_first(&rq->order);
	u64 min = t->vruntime;

	assert_held(&rq->lock);
	if (first && (first->key & KEY_FAIR))
		min = MIN(min, first->key & ~KEY_FAIR);
	rq_advance(rq, min);
}

void rq_resched(struct run_queue *rq)
{
	struct cpu *cpu = rq->cpu;

	assert_held(&rq->lock);
	cpu->need_resched = 1;
	__atomic_or_fetch(&cpu->running->work, WORK_RESCHED, __ATOMIC_SEQ_CST);
	if (cpu != this_cpu())
		ipi_reschedule(cpu);
}

void sched_kick(struct cpu *cpu)
{
	u64 flags = irq_save();

	raw_spin_lock(&cpu->rq->lock);
	rq_resched(cpu->rq);
	raw_spin_unlock(&cpu->rq->lock);
	irq_restore(flags);
}

/* Should @p t, just queued, run instead of the running thread? */
static bool thread_preempts(const struct thread *t, const struct thread *running)
{
	if (unlikely(is_rt(t) || is_rt(running)))
		return t->rt_priority > running->rt_priority;
	if (unlikely(rq_scheduler(t->rq)))
		return t->rq->preempts;
	return t->vruntime + WAKE_GRAIN_NS < running->vruntime;
}

/* ---- choosing and switching ---- */

static struct thread *rq_pick_next(struct run_queue *rq, u64 now)
{
	struct run_entry *first;

	if (unlikely(rq_scheduler(rq))) {
		struct thread *t = scheduler_pick(rq, now);

		if (t)
			return t;
	}
	first = run_order_take(&rq->order);
	if (likely(first)) {
		struct thread *t = run_thread(first);

		rq->nr_queued--;
		if (likely(!is_rt(t)))
			rq_advance(rq, t->vruntime);
		return t;
	}
	if (cpu_count > 1 && now - rq->looked_ns >= LOOK_NS) {
		struct thread *t = rq_steal(rq, 1);

		rq->looked_ns = now;
		if (t && rq_scheduler(rq))
			return scheduler_take_over(rq, t, now);
		if (t)
			return t;
	}
	return rq->idle;
}

/* ---- the tick ---- */

static void sched_tick(struct timer *timer)
{
	struct run_queue *rq = container_of(timer, struct run_queue, tick);
	struct thread *t = current;
	struct cpu *cpu = this_cpu(), *idle = NULL;
	u64 now = time_monotonic_ns();
	bool tell = false;

	if (t == rq->idle)
		return;
	if (!cpu->preempt_count && cpu->irq_depth == 1)
		cpu->rcu_qs++; /* what it interrupts reads nothing */
	raw_spin_lock(&rq->lock);
	t->ticked_in_kernel = !cpu->irq_from_user;
	rq_charge_running(rq, t, now);
	rq_advance_running(rq, t);
	if (cpu_count > 1) {
		rq_update_marks(rq);
		rq_balance(rq, now);
		idle = cpu_idle_for_queued(rq);
		if (idle)
			rq_mark_waiting(rq);
	}
	if (unlikely(rq_scheduler(rq)))
		tell = scheduler_tick(rq, t, now);
	else if (rq->nr_queued && now >= t->slice_end_ns && !(is_rt(t) && t->policy == 1))
		rq_resched(rq);
	raw_spin_unlock(&rq->lock);
	if (unlikely(tell))
		scheduler_tell();
	if (idle)
		ipi_reschedule(idle); /* it takes the thread itself, which needs the lock */
	sched_load_sample(now);
	timer_start(timer, now + TICK_NS);
}

static void switch_space(struct cpu *cpu, struct vm_space *next)
{
	struct vm_space *prev = cpu->space;

	if (!next || next == prev)
		return;	     /* kernel threads use the space that is loaded */
	if (cpu_count > 1) { /* the processors that are notified of changes in the tables */
		__atomic_or_fetch(&space_tables(next)->cpus.bits[cpu->id / 64],
				  1ull << cpu->id % 64, __ATOMIC_SEQ_CST);
	}
	cpu->space = next;
	write_cr3(space_cr3(cpu, next));
	if (cpu_count > 1 && prev)
		__atomic_and_fetch(&space_tables(prev)->cpus.bits[cpu->id / 64],
				   ~(1ull << cpu->id % 64), __ATOMIC_SEQ_CST);
}

/* A thread without a space keeps the tables that are loaded; tlb_forget_space() unloads them. */
void thread_switch_space(struct vm_space *space)
{
	u64 flags = irq_save();

	current->space = space;
	switch_space(this_cpu(), space);
	irq_restore(flags);
}

static void switch_fpu(struct cpu *cpu, struct thread *prev, struct thread *next)
{
	if (prev->fpu && prev->state != THREAD_DEAD && (next->fpu || cpu_count > 1))
		fpu_save(prev->fpu);
	else if (prev->fpu && prev->state == THREAD_DEAD && cpu->fpu_owner == prev)
		cpu->fpu_owner = NULL;
	if (!next->fpu)
		return;
	if (cpu->fpu_owner != next || next->fpu_cpu != cpu->id) {
		struct thread *owner = cpu->fpu_owner;

		if (owner && owner != prev && owner != next && cpu_count == 1)
			fpu_save(owner->fpu); /* a kernel thread ran in between */
		fpu_restore(next->fpu);
		cpu->fpu_owner = next;
		next->fpu_cpu = cpu->id;
	}
}

/* On the new stack: release the thread that ran before, and the lock. */
static inline void switch_finish(struct run_queue *rq, struct thread *prev)
{
	bool dead = prev->state == THREAD_DEAD, moving = prev->moving;

	assert_held(&rq->lock);
	smp_store_release(&prev->on_cpu, 0); /* who takes the lock sees it */
	raw_spin_unlock(&rq->lock);
	if (unlikely(dead))
		thread_reap(prev);
	else if (unlikely(moving)) /* its affinity forbids this CPU */
		thread_arrive(prev, WAKE_CREDIT_NS);
}

void schedule_tail(struct thread *prev)
{
	switch_finish(this_cpu()->rq, prev);
}

/* Interrupts off, rq->lock held; released on the other side. */
static void context_switch(struct run_queue *rq, struct thread *prev, struct thread *next)
{
	struct cpu *cpu = rq->cpu;

	assert_held(&rq->lock);
	cpu->nr_switches++;
	next->on_cpu = 1;
	next->last_cpu = cpu->id;
	cpu->running = next;
	cpu_set_kernel_stack(next->kstack_top);
	switch_space(cpu, next->space);
	switch_fpu(cpu, prev, next);
	/* Also where both are equal: a program that loads a selector changes the base in the CPU. */
	if (next->proc)
		cpu_load_user_bases(&next->user_bases);
	prev = switch_stacks(prev, next);
	switch_finish(this_cpu()->rq, prev);
}

void sched_charge_current(void)
{
	u64 flags = irq_save();
	struct run_queue *rq = this_cpu()->rq;

	raw_spin_lock(&rq->lock);
	rq_charge_running(rq, current, time_monotonic_ns());
	raw_spin_unlock(&rq->lock);
	irq_restore(flags);
}

static void schedule_with(bool preempted)
{
	u64 flags = irq_save();
	struct cpu *cpu = this_cpu();
	struct run_queue *rq = cpu->rq;
	struct thread *prev = cpu->running, *next;
	u64 now = time_monotonic_ns();

	cpu->rcu_qs++; /* the lock is the barrier behind it */
	raw_spin_lock(&rq->lock);
	cpu->need_resched = 0;
	if (prev->work & WORK_RESCHED)
		__atomic_and_fetch(&prev->work, ~WORK_RESCHED, __ATOMIC_SEQ_CST);
	rq_charge_running(rq, prev, now);
	if (prev != rq->idle) {
		if (!preempted && prev->state != THREAD_RUNNABLE) {
			prev->on_rq = 0;
			if (unlikely(rq_scheduler(rq)))
				scheduler_leave(rq, prev, BANOS_SCHED_SLEEPS);
		} else if (likely(cpumask_test(&prev->affinity, cpu->id))) {
			rq_enqueue(rq, prev);
			rq_mark_thread(rq, prev);
		} else {
			if (unlikely(rq_scheduler(rq)))
				scheduler_leave(rq, prev, BANOS_SCHED_MOVED);
			thread_depart(prev, rq_choose(prev));
		}
	}
	next = rq_pick_next(rq, now);
	if (next != rq->idle) {
		next->slice_end_ns = now + SLICE_NS;
		if (!rq->tick.base)
			timer_start(&rq->tick, now + TICK_NS);
	}
	next->exec_start_ns = now;
	if (next != prev) {
		if (preempted)
			prev->nivcsw++;
		else
			prev->nvcsw++;
		if (next == rq->idle && !rq->marked_idle)
			rq_mark_idle(rq);
		context_switch(rq, prev, next);
	} else {
		raw_spin_unlock(&rq->lock);
	}
	irq_restore(flags);
}

void schedule(void)
{
	if (unlikely(CPU_FIELD_READ(preempt_count) || in_interrupt()))
		panic("%s: schedule() is called where sleeping is not allowed (preempt count %u)",
		      current->comm, CPU_FIELD_READ(preempt_count));
	schedule_with(false);
}

void preempt_schedule(void)
{
	if (!CPU_FIELD_READ(preempt_count) && !in_interrupt() && irqs_enabled() && this_cpu()->rq)
		schedule_with(true);
}

void preempt_schedule_irq(void)
{
	if (this_cpu()->rq)
		schedule_with(true);
}

void sched_yield_current(void)
{
	u64 flags = irq_save();
	struct run_queue *rq = this_cpu()->rq;
	struct thread *t = current;

	raw_spin_lock(&rq->lock);
	if (unlikely(rq_scheduler(rq))) {
		scheduler_yield(t);
	} else if (rq->nr_queued && !is_rt(t)) { /* behind all that wait now */
		const struct thread *last = run_thread(run_order_last(&rq->order));

		if (!is_rt(last))
			t->vruntime = MAX(t->vruntime, last->vruntime + 1);
	}
	raw_spin_unlock(&rq->lock);
	irq_restore(flags);
	schedule_with(true);
}

/* ---- waking ---- */

static bool cpu_is_idle(const struct cpu *cpu)
{
	return cpu->running == cpu->idle && !cpu->rq->nr_queued;
}

static struct run_queue *cpu_any_allowed(const struct thread *t)
{
	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i] && cpus[i]->online && cpus[i]->rq && cpumask_test(&t->affinity, i))
			return cpus[i]->rq;
	return this_cpu()->rq;
}

struct run_queue *rq_choose_cpu(const struct thread *t)
{
	struct cpu *last = cpus[t->last_cpu];

	if (unlikely(rq_scheduler(t->rq))) {
		struct run_queue *chosen = scheduler_select(t);

		if (chosen)
			return chosen;
	}
	if (!last->online || !cpumask_test(&t->affinity, last->id))
		last = NULL;
	if (last && cpu_is_idle(last))
		return last->rq;
	for (u32 word = 0; word < ARRAY_SIZE(idle_cpus.bits); word++)
		for (u64 mask = READ_ONCE(idle_cpus.bits[word]) & t->affinity.bits[word]; mask;
		     mask &= mask - 1) {
			struct cpu *cpu = cpus[word * 64 + __builtin_ctzll(mask)];

			if (cpu_is_idle(cpu))
				return cpu->rq;
		}
	if (last)
		return last->rq;
	return cpu_any_allowed(t);
}

/* Queue @p t, with its lock. */
static inline void rq_insert(struct run_queue *rq, struct thread *t)
{
	const struct thread *running = rq->cpu->running;

	assert_held(&rq->lock);
	t->on_rq = 1;
	rq_enqueue(rq, t);
	if (running == rq->idle) {
		rq_resched(rq);
		return;
	}
	rq_mark_thread(rq, t);
	if (thread_preempts(t, running))
		rq_resched(rq);
}

struct run_queue *rq_lock_of(struct thread *t)
{
	for (;;) {
		struct run_queue *rq = READ_ONCE(t->rq);

		raw_spin_lock(&rq->lock);
		if (likely(t->rq == rq))
			return rq;
		raw_spin_unlock(&rq->lock);
	}
}

void thread_depart(struct thread *t, struct run_queue *target)
{
	assert_held(&t->rq->lock);
	t->on_rq = 1;
	t->moving = true;
	t->rq = target;
}

void thread_arrive(struct thread *t, u64 credit_ns)
{
	struct run_queue *rq = rq_lock_of(t);

	t->vruntime = rq->min_vruntime - MIN(rq->min_vruntime, credit_ns);
	t->moving = false;
	rq_insert(rq, t);
	raw_spin_unlock(&rq->lock);
}

/* Queue a thread that slept, and release the lock of its queue. */
static inline void rq_add_woken(struct run_queue *rq, struct thread *t)
{
	struct run_queue *target = rq_choose(t);

	assert_held(&rq->lock);
	if (unlikely(target != rq)) {
		thread_depart(t, target);
		raw_spin_unlock(&rq->lock);
		thread_arrive(t, WAKE_CREDIT_NS);
		return;
	}
	if (t->vruntime + WAKE_CREDIT_NS < rq->min_vruntime)
		t->vruntime = rq->min_vruntime - WAKE_CREDIT_NS;
	rq_insert(rq, t);
	raw_spin_unlock(&rq->lock);
}

spinlock_t *thread_lock(struct thread *t, u64 *flags)
{
	*flags = irq_save();
	return &rq_lock_of(t)->lock;
}

bool thread_wake_state(struct thread *t, u32 states)
{
	u64 flags = irq_save();
	struct run_queue *rq = rq_lock_of(t);
	bool woken;

	smp_mb_after_lock(); /* the waker's condition before the state: pairs with set_current_state() */
	woken = states >> t->state & 1;
	if (woken)
		t->state = THREAD_RUNNABLE;
	if (woken && likely(!t->on_rq))
		rq_add_woken(rq, t);
	else /* it has not left its CPU */
		raw_spin_unlock(&rq->lock);
	irq_restore(flags);
	preempt_if_needed();
	return woken;
}

bool thread_wake(struct thread *t)
{
	return thread_wake_state(t, 1 << THREAD_INTERRUPTIBLE | 1 << THREAD_UNINTERRUPTIBLE |
					    1 << THREAD_KILLABLE);
}

void sched_start(struct thread *t)
{
	u64 flags = irq_save();
	struct run_queue *rq = rq_lock_of(t);

	t->state = THREAD_RUNNABLE;
	thread_depart(t, rq_choose(t));
	raw_spin_unlock(&rq->lock);
	thread_arrive(t, 0);
	irq_restore(flags);
	preempt_if_needed();
}

void thread_set_work(struct thread *t, u32 bits)
{
	struct cpu *cpu;

	__atomic_or_fetch(&t->work, bits, __ATOMIC_SEQ_CST);
	cpu = cpus[t->last_cpu];
	if (t != current && cpu && READ_ONCE(cpu->running) == t && cpu != this_cpu())
		ipi_reschedule(cpu); /* into the kernel, to look at it */
}

void thread_clear_work(struct thread *t, u32 bits)
{
	__atomic_and_fetch(&t->work, ~bits, __ATOMIC_SEQ_CST);
}

/* ---- start ---- */

void sched_init_thread(struct thread *t)
{
	t->weight = 1024;
	t->last_cpu = cpu_id();
	t->fpu_cpu = -1;
	t->rq = this_cpu()->rq;
	for (u32 i = 0; i < ARRAY_SIZE(t->affinity.bits); i++)
		t->affinity.bits[i] = ~0ull;
}

static void rq_init(struct run_queue *rq, struct cpu *cpu, struct thread *idle)
{
	rq->cpu = cpu;
	rq->idle = idle;
	cpu->idle = idle;
	idle->rq = rq;
	idle->on_cpu = 1;
	run_order_init(&rq->order);
	timer_init(&rq->tick, sched_tick);
	cpu->rq = rq;
}

void sched_init(void)
{
	sched_init_thread(&boot_thread);
	rq_init(&boot_rq, this_cpu(), &boot_thread);
}

int sched_cpu_create(struct cpu *cpu)
{
	struct run_queue *rq = kzalloc(sizeof(*rq));
	struct thread *idle;

	if (!rq)
		return -ENOMEM;
	idle = thread_create(NULL, NULL, "idle");
	if (IS_ERR(idle)) {
		kfree(rq);
		return -ENOMEM;
	}
	idle->last_cpu = cpu->id;
	cpu->running = idle;
	cpu->kstack_top = idle->kstack_top;
	rq_init(rq, cpu, idle);
	return 0;
}

void sched_idle(void)
{
	struct cpu *cpu = this_cpu();

	current->exec_start_ns = time_monotonic_ns();
	rq_mark_idle(cpu->rq);
	for (;;) {
		irq_disable();
		if (!READ_ONCE(cpu->need_resched) && !cpu->rq->nr_queued) {
			(void)__atomic_exchange_n(&cpu->rcu_idle, true, __ATOMIC_SEQ_CST);
			cpu_enable_and_halt(); /* an interrupt clears it, but not an NMI */
			WRITE_ONCE(cpu->rcu_idle, false);
		} else {
			irq_enable();
		}
		schedule_with(false);
	}
}
