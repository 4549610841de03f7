// SPDX-License-Identifier: MIT
/*
 * Run queues that a driver's scheduler orders.
 *
 * rq->order holds the runnable threads of a queue, whoever orders them. While a driver
 * schedules, the key of its threads is the time at which they began to wait, so that the
 * order is that of arrival: behind the real-time threads, and behind those that the
 * scheduler does not know yet or any more. From it a thread is taken where the driver's answer
 * is refused, and the first of it is the one to look at for starvation.
 *
 * That time is rq->clock_ns, which counts only while threads of the scheduler could run: not while
 * a real-time thread runs, and not while the whole machine was stopped.
 *
 * Methods are called under rq->lock, so what they call must take no lock under which threads are
 * woken. They run as method_owner, to which nothing belongs: whatever takes a handle or an owner refuses.
 * Each CPU has a stack for them.
 *
 * Lock: the queue's, interrupts off, for all functions.
 */
#include <asm/gate.h>
#include <kernel/gate.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include "scheduler_entry.h"

#define CLOCK_STEP_NS \
	(8 * NSEC_PER_MSEC) /* two ticks: what is longer was no time in which threads could run */
#define STARVES_NS	 (1 * NSEC_PER_SEC)
#define STARVES_SHARE_NS (40 * NSEC_PER_MSEC) /* of a thread's share of the queue */

static struct owner method_owner = { .name = "a scheduler's method" };
static struct gate_stack *method_stacks[CPU_MAX];

/* ---- calling a method ---- */

int scheduler_stacks_prepare(u64 secret)
{
	if (!method_owner.handle) {
		method_owner.root = &method_owner;
		method_owner.handle = secret | 1;
	}
	for (u32 i = 0; i < cpu_count; i++) {
		u8 *memory;

		if (method_stacks[i])
			continue;
		memory = thread_stack_get(true);
		if (!memory)
			return -ENOMEM;
		method_stacks[i] = (void *)(memory + KERNEL_STACK_SIZE - sizeof(struct gate_stack));
		method_stacks[i]->low = (u64)memory;
	}
	return 0;
}

bool scheduler_method_runs(void)
{
	const struct gate_record *record = current->gate;

	return unlikely(record && record->owner == &method_owner);
}

static void method_stack_enter(struct gate_stack *stack, const void *method)
{
	stack->outer = current->gate_stack;
	stack->outer_sp = (u64)__builtin_frame_address(0);
	stack->outer_limit = current->gate_limit;
	stack->method = method;
	stack->depth = GATE_STACKS_MAX;
	current->gate_limit = stack->low + GATE_STACK_NEEDED;
	current->gate_stack = stack;
}

static void method_stack_leave(struct gate_stack *stack)
{
	current->gate_stack = stack->outer;
	current->gate_limit = stack->outer_limit;
}

static __noinline void method_untidy(struct scheduler *scheduler, u32 held)
{
	arch_gate_clean_flags_off();
	CPU_FIELD_WRITE(preempt_count, held);
	scheduler->mistaken++;
	WRITE_ONCE(scheduler_news, true);
}

/* Interrupts are off, and stay so. */
static s64 method_call(struct scheduler *scheduler, const void *method, u64 arg2, u64 arg3,
		       u64 arg4, u64 arg5, u64 arg6)
{
	struct gate_stack *stack = method_stacks[cpu_id()];
	struct gate_record record = { .outer = current->gate,
				      .owner = &method_owner,
				      .method = method };
	u32 locks = gate_locks_held(), held, left;
	s64 result;

	method_stack_enter(stack, method);
	preempt_disable();
	held = CPU_FIELD_READ(preempt_count);
	record.object = scheduler; /* scheduler_method_errs() */
	gate_count_event(scheduler->root->gate_slot, begun);
	barrier();
	current->gate = &record;
	result = arch_gate_call((const void *)gate_switch_call, (u64)scheduler->context, arg2, arg3,
				arg4, arg5, arg6, &record.sp, &record.bp, &left);
	if (unlikely(left != held))
		method_untidy(scheduler, held);
	current->gate = record.outer;
	gate_count_event(scheduler->root->gate_slot, ended);
	gate_locks_forget(locks);
	preempt_enable_no_resched();
	method_stack_leave(stack);
	return result;
}

bool scheduler_method_errs(void)
{
	if (!scheduler_method_runs())
		return false;
	((struct scheduler *)current->gate->object)->mistaken++;
	WRITE_ONCE(scheduler_news, true);
	return true;
}

/* ---- time, and starvation ---- */

static void rq_clock_advance(struct run_queue *rq, u64 now)
{
	u64 delta = now - rq->clock_read_ns;

	assert_held(&rq->lock);
	rq->clock_read_ns = now;
	if (!is_rt(rq->cpu->running))
		rq->clock_ns += MIN(delta, CLOCK_STEP_NS);
}

/* The thread that has waited longest for the scheduler; NULL: none, or others come first. */
static struct thread *rq_longest_waiting(const struct run_queue *rq)
{
	struct run_entry *first = run_order_first(&rq->order);

	if (!first)
		return NULL;
	struct thread *t = run_thread(first);

	if (is_rt(t) || !t->sched || t->sched->state != SCHED_WAITS)
		return NULL;
	return t;
}

static void scheduler_put_out(struct scheduler *scheduler, const struct run_queue *rq,
			      const struct thread *victim, u64 waited_ns)
{
	u32 none = 0;

	if (!__atomic_compare_exchange_n(&scheduler->failed, &none, 1, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return;
	scheduler->verdict.waited_ns = waited_ns;
	scheduler->verdict.cpu = rq->cpu->id;
	scheduler->verdict.tid = victim->tid;
	memcpy(scheduler->verdict.comm, victim->comm, sizeof(victim->comm));
	smp_store_release(&scheduler->failed, 2);
	WRITE_ONCE(scheduler_news, true);
}

/* How long a thread may wait: ten times as long as where each gets its share, a slice at a time. */
static u64 thread_patience(const struct thread *t, u64 weights)
{
	return MAX(STARVES_NS, STARVES_SHARE_NS * weights / t->weight);
}

static u64 rq_waited(const struct run_queue *rq, const struct thread *t)
{
	if (is_rt(t) || !t->sched || t->sched->state != SCHED_WAITS)
		return 0;
	return rq->clock_ns - (t->run.key & ~KEY_FAIR);
}

static void rq_watch(struct run_queue *rq)
{
	const struct thread *longest = rq_longest_waiting(rq);
	u64 weights = rq->cpu->running->weight;

	if (!longest || rq_waited(rq, longest) <= STARVES_NS)
		return;
	for (struct run_entry *entry = NULL; (entry = run_order_next(&rq->order, entry));)
		weights += run_thread(entry)->weight;
	for (struct run_entry *entry = NULL; (entry = run_order_next(&rq->order, entry));) {
		const struct thread *t = run_thread(entry);
		u64 waited_ns = rq_waited(rq, t);

		if (waited_ns > thread_patience(t, weights)) {
			scheduler_put_out(rq->scheduler, rq, t, waited_ns);
			return;
		}
	}
}

/* ---- a thread comes and goes ---- */

static struct sched_entry *entry_of(const struct run_queue *rq, const struct thread *t)
{
	struct sched_entry *entry = t->sched;

	if (entry && entry->attached[rq->scheduler->slot])
		return entry;
	return NULL;
}

static s64 method_dequeue(struct run_queue *rq, struct sched_entry *entry, u32 why, u64 ran_ns)
{
	entry->state = SCHED_OUT;
	entry->waits = NULL;
	entry->why |= why & (BANOS_SCHED_MOVED | BANOS_SCHED_CHANGED);
	return method_call(rq->scheduler, rq->scheduler->ops.dequeue, sched_handle(entry),
			   entry->cookie[rq->scheduler->slot], rq->cpu->id, why, ran_ns);
}

void scheduler_leave(struct run_queue *rq, struct thread *t, u32 why)
{
	struct sched_entry *entry = entry_of(rq, t);

	assert_held(&rq->lock);
	if (!entry)
		return;
	t->vruntime = rq->min_vruntime;
	if (entry->state == SCHED_RUNS)
		method_dequeue(rq, entry, why | BANOS_SCHED_RAN,
			       time_monotonic_ns() - entry->picked_ns);
	if (why & BANOS_SCHED_SLEEPS)
		entry->why = BANOS_SCHED_WOKEN;
}

void scheduler_dequeue(struct run_queue *rq, struct thread *t, u32 why)
{
	struct sched_entry *entry = entry_of(rq, t);

	assert_held(&rq->lock);
	if (entry && entry->state == SCHED_WAITS)
		method_dequeue(rq, entry, why, 0);
}

u64 scheduler_enqueue(struct run_queue *rq, struct thread *t)
{
	struct sched_entry *entry = entry_of(rq, t);
	u64 now = time_monotonic_ns(), ran_ns = 0;
	u32 why;

	assert_held(&rq->lock);
	rq_clock_advance(rq, now);
	rq->preempts = true;
	if (is_rt(t)) {
		scheduler_leave(rq, t, BANOS_SCHED_CHANGED);
		return rq_key_builtin(rq, t);
	}
	t->vruntime = rq->min_vruntime;
	if (!entry)
		return KEY_FAIR;
	why = entry->why;
	if (entry->state == SCHED_RUNS) {
		ran_ns = now - entry->picked_ns;
		why |= BANOS_SCHED_RAN;
	}
	if (entry->fresh[rq->scheduler->slot])
		why = BANOS_SCHED_NEW;
	entry->fresh[rq->scheduler->slot] = false;
	entry->why = 0;
	entry->state = SCHED_WAITS;
	entry->waits = rq;
	rq->preempts = method_call(rq->scheduler, rq->scheduler->ops.enqueue, sched_handle(entry),
				   entry->cookie[rq->scheduler->slot], rq->cpu->id, why,
				   ran_ns) > 0;
	return KEY_FAIR | rq->clock_ns;
}

void scheduler_yield(struct thread *t)
{
	if (t->sched)
		t->sched->why |= BANOS_SCHED_YIELDED;
}

void scheduler_changed(struct run_queue *rq, struct thread *t)
{
	struct sched_entry *entry = entry_of(rq, t);
	struct banos_scheduler_thread info;

	assert_held(&rq->lock);
	if (!entry || !rq->scheduler->has_changed)
		return;
	sched_describe(t, &info);
	method_call(rq->scheduler, rq->scheduler->ops.changed, sched_handle(entry),
		    entry->cookie[rq->scheduler->slot], (u64)&info, 0, 0);
}

/* ---- answers ---- */

static void answer_refuse(struct scheduler *scheduler)
{
	__atomic_add_fetch(&scheduler->refused, 1, __ATOMIC_RELAXED);
	WRITE_ONCE(scheduler_news, true);
}

/* The thread that an answer names, which must wait in @rq. */
static struct thread *rq_answered(const struct run_queue *rq, s64 handle)
{
	const struct sched_entry *entry = sched_entry_find(handle);

	if (entry && READ_ONCE(entry->waits) == rq && sched_handle(entry) == (u64)handle)
		return entry->thread;
	return NULL;
}

struct thread *scheduler_pick(struct run_queue *rq, u64 now)
{
	struct thread *first, *t;

	assert_held(&rq->lock);
	rq_clock_advance(rq, now);
	first = rq_longest_waiting(rq);
	if (!first)
		return NULL;
	t = rq_answered(rq, method_call(rq->scheduler, rq->scheduler->ops.pick, rq->cpu->id, 0, 0,
					0, 0));
	if (likely(t)) {
		t->sched->state = SCHED_RUNS;
		t->sched->waits = NULL;
		t->sched->picked_ns = now;
	} else {
		answer_refuse(rq->scheduler);
		t = first;
		method_dequeue(rq, t->sched, BANOS_SCHED_TAKEN, 0);
	}
	rq->nr_queued--;
	run_order_remove(&rq->order, &t->run);
	return t;
}

struct thread *scheduler_take_over(struct run_queue *rq, struct thread *t, u64 now)
{
	struct thread *next;

	rq_enqueue(rq, t);
	next = scheduler_pick(rq, now);
	if (next)
		return next;
	rq->nr_queued--; /* the scheduler does not know it */
	return run_thread(run_order_take(&rq->order));
}

struct thread *scheduler_steal(struct run_queue *from, const struct run_queue *to)
{
	struct thread *t;
	s64 answer;

	assert_held(&from->lock);
	if (!from->scheduler->has_steal || !rq_longest_waiting(from))
		return NULL;
	answer = method_call(from->scheduler, from->scheduler->ops.steal, from->cpu->id,
			     to->cpu->id, 0, 0, 0);
	if (!answer)
		return NULL;
	t = rq_answered(from, answer);
	if (t && cpumask_test(&t->affinity, to->cpu->id))
		return t;
	answer_refuse(from->scheduler);
	return NULL;
}

struct run_queue *scheduler_select(const struct thread *t)
{
	const struct run_queue *rq = t->rq;
	const struct sched_entry *entry = entry_of(rq, t);
	s64 answer;

	assert_held(&rq->lock);
	if (!entry || is_rt(t) || !rq->scheduler->has_select_cpu)
		return NULL;
	answer = method_call(rq->scheduler, rq->scheduler->ops.select_cpu, sched_handle(entry),
			     entry->cookie[rq->scheduler->slot], t->last_cpu,
			     READ_ONCE(idle_cpus.bits[0]), 0);
	if (answer >= 0 && answer < cpu_count && cpus[answer] && cpus[answer]->online &&
	    cpus[answer]->rq && cpumask_test(&t->affinity, (u32)answer))
		return cpus[answer]->rq;
	answer_refuse(rq->scheduler);
	return NULL;
}

/* ---- the tick ---- */

bool scheduler_tick(struct run_queue *rq, struct thread *t, u64 now)
{
	struct scheduler *scheduler = rq->scheduler;
	const struct sched_entry *entry = entry_of(rq, t);
	bool ends = now >= t->slice_end_ns && !(is_rt(t) && t->policy == 1);

	assert_held(&rq->lock);
	rq_clock_advance(rq, now);
	if (entry && entry->state == SCHED_RUNS && scheduler->has_tick)
		ends = method_call(scheduler, scheduler->ops.tick, sched_handle(entry),
				   entry->cookie[scheduler->slot], rq->cpu->id,
				   now - entry->picked_ns, 0) > 0;
	if (rq->nr_queued && ends)
		rq_resched(rq);
	rq_watch(rq);
	if (READ_ONCE(scheduler->failed))
		rq_switch(rq, NULL);
	return READ_ONCE(scheduler_news);
}

/* ---- another scheduler ---- */

/* Take all out, in their order, into @threads, linked by their run.link. */
static void rq_empty(struct run_queue *rq, struct list *threads)
{
	struct run_entry *first;

	while ((first = run_order_take(&rq->order))) {
		rq->nr_queued--;
		if (rq->scheduler)
			scheduler_dequeue(rq, run_thread(first), BANOS_SCHED_CHANGED);
		list_add_tail(&first->link, threads);
	}
}

void rq_switch(struct run_queue *rq, struct scheduler *to)
{
	struct thread *running = rq->cpu->running;
	struct list threads;

	assert_held(&rq->lock);
	if (rq->scheduler == to)
		return;
	list_init(&threads);
	rq_empty(rq, &threads);
	if (rq->scheduler && running != rq->idle)
		scheduler_leave(rq, running, BANOS_SCHED_CHANGED);
	rq->scheduler = to;
	rq->clock_ns = MAX(rq->clock_ns, 1ull);
	rq->clock_read_ns = time_monotonic_ns();
	while (!list_empty(&threads)) {
		struct run_entry *entry = list_first(&threads, struct run_entry, link);

		list_del(&entry->link);
		rq_enqueue(rq, run_thread(entry));
	}
	rq_resched(rq);
}
