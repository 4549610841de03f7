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
 * Waking: under thread->state_lock; a thread that has not left its CPU yet only
 * has its state set back (rq->lock decides), else it is queued once its old
 * CPU has left its stack (on_cpu).
 *
 * Lock order: state_lock, then rq->lock; two rq->locks only by trylock.
 * rq->lock is held across the switch and released by the next thread
 * (schedule_tail). Interrupts are off under all of them.
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

#define TICK_NS	       (4 * NSEC_PER_MSEC)
#define SLICE_NS       (4 * NSEC_PER_MSEC)
#define LOOK_NS	       (500 * NSEC_PER_USEC) /* one that begins to idle looks at queues so seldom */
#define WAKE_CREDIT_NS (3 * NSEC_PER_MSEC) /* how far behind the minimum a woken thread may start */
#define WAKE_GRAIN_NS  (1 * NSEC_PER_MSEC) /* lead that makes a woken thread preempt */

static struct run_queue boot_rq;

/* Charge the running thread up to now. rq->lock held. */
static void rq_update_running(struct run_queue *rq, struct thread *t, u64 now)
{
	u64 delta = now - t->exec_start_ns, min;
	const struct run_entry *first;

	assert_held(&rq->lock);
	t->exec_start_ns = now;
	t->sum_exec_ns += delta;
	if (t == rq->idle) {
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
	if (t->weight == 1024)
		t->vruntime += delta;
	else
		t->vruntime += delta * 1024 / t->weight;
	min = t->vruntime;
	first = run_order_first(&rq->order);
	if (first && (first->key & KEY_FAIR))
		min = MIN(min, first->key & ~KEY_FAIR);
	rq->min_vruntime = MAX(rq->min_vruntime, min);
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
static bool thread_preempts(const struct run_queue *rq, const struct thread *t)
{
	const struct thread *cur = rq->cpu->running;

	if (cur == rq->idle)
		return true;
	if (is_rt(t) || is_rt(cur))
		return t->rt_priority > cur->rt_priority;
	return t->vruntime + WAKE_GRAIN_NS < cur->vruntime;
}

/* ---- choosing and switching ---- */

static struct thread *rq_pick_next(struct run_queue *rq, u64 now)
{
	struct run_entry *first = run_order_take(&rq->order);

	if (likely(first)) {
		rq->nr_queued--;
		return run_thread(first);
	}
	if (cpu_count > 1 && now - rq->looked_ns >= LOOK_NS) {
		struct thread *t = rq_steal(rq, 1);

		rq->looked_ns = now;
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

	if (t == rq->idle)
		return;
	if (!cpu->preempt_count && cpu->irq_depth == 1)
		cpu->rcu_qs++; /* what it interrupts reads nothing */
	raw_spin_lock(&rq->lock);
	t->ticked_in_kernel = !cpu->irq_from_user;
	rq_update_running(rq, t, now);
	if (cpu_count > 1) {
		rq_update_marks(rq);
		rq_balance(rq, now);
		idle = cpu_idle_for_queued(rq);
		if (idle)
			rq_mark_waiting(rq);
	}
	if (rq->nr_queued && now >= t->slice_end_ns && !(is_rt(t) && t->policy == 1))
		rq_resched(rq);
	raw_spin_unlock(&rq->lock);
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
	schedule_tail(prev);
}

/* On the new stack: release the thread that ran before. */
void schedule_tail(struct thread *prev)
{
	struct run_queue *rq = this_cpu()->rq;
	bool dead = prev->state == THREAD_DEAD, migrate = prev->migrating;

	prev->migrating = false;
	raw_spin_unlock(&rq->lock);
	smp_store_release(&prev->on_cpu, 0);
	if (unlikely(dead)) {
		thread_reap(prev);
	} else if (unlikely(migrate)) { /* its affinity forbids this CPU */
		spin_lock(&prev->state_lock);
		rq_add_thread(prev, false);
		spin_unlock(&prev->state_lock);
	}
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
	rq_update_running(rq, prev, now);
	if (prev != rq->idle) {
		if (!preempted && prev->state != THREAD_RUNNABLE) {
			prev->on_rq = 0;
		} else if (likely(cpumask_test(&prev->affinity, cpu->id))) {
			rq_enqueue(rq, prev);
			rq_mark_thread(rq, prev);
		} else {
			prev->on_rq = 0;
			prev->migrating = true;
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
	if (rq->nr_queued && !is_rt(t)) { /* behind all that wait now */
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

/* Where should @p t run? Its last CPU if that idles, else any idle one, else its last. */
static struct run_queue *rq_choose(struct thread *t)
{
	struct cpu *last = cpus[t->last_cpu];

	if (cpu_count == 1)
		return last->rq;
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

void rq_add_thread(struct thread *t, bool is_new)
{
	struct run_queue *rq = rq_choose(t);

	assert_held(&t->state_lock);
	raw_spin_lock(&rq->lock);
	if (is_new)
		t->vruntime = rq->min_vruntime;
	else if (t->vruntime + WAKE_CREDIT_NS < rq->min_vruntime || t->rq != rq)
		t->vruntime = rq->min_vruntime - MIN(rq->min_vruntime, WAKE_CREDIT_NS);
	t->on_rq = 1;
	rq_enqueue(rq, t);
	if (rq->cpu->running != rq->idle)
		rq_mark_thread(rq, t);
	if (thread_preempts(rq, t))
		rq_resched(rq);
	raw_spin_unlock(&rq->lock);
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

bool thread_wake_state(struct thread *t, u32 states)
{
	u64 flags = spin_lock_irqsave(&t->state_lock);
	bool woken = false;

	smp_mb_after_lock(); /* the waker's condition before the state: pairs with set_current_state() */
	if (!(states >> t->state & 1))
		goto out_unlock;
	woken = true;
	if (t->on_rq) { /* has not left its CPU: its queue's lock decides */
		struct run_queue *rq = rq_lock_of(t);
		bool queued = t->on_rq;

		if (queued)
			t->state = THREAD_RUNNABLE;
		raw_spin_unlock(&rq->lock);
		if (queued)
			goto out_unlock;
	}
	t->state = THREAD_RUNNABLE;
	while (smp_load_acquire(&t->on_cpu))
		cpu_relax();
	rq_add_thread(t, false);
out_unlock:
	spin_unlock_irqrestore(&t->state_lock, flags);
	return woken;
}

bool thread_wake(struct thread *t)
{
	return thread_wake_state(t, 1 << THREAD_INTERRUPTIBLE | 1 << THREAD_UNINTERRUPTIBLE |
					    1 << THREAD_KILLABLE);
}

void sched_start(struct thread *t)
{
	u64 flags = spin_lock_irqsave(&t->state_lock);

	t->state = THREAD_RUNNABLE;
	rq_add_thread(t, true);
	spin_unlock_irqrestore(&t->state_lock, flags);
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
	spin_init(&t->state_lock);
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
