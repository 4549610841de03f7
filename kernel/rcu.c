/* SPDX-License-Identifier: MIT */
/*
 * Read-mostly data: what was unlinked is freed when every CPU has passed
 * through a quiescent state, since readers keep preemption off.
 *
 * Callbacks gather in a list of the CPU that queued them, without locks: an exchange that
 * this CPU's interrupts cannot divide. Some milliseconds after the first a thread of that CPU takes them, waits for
 * a grace period and runs them: what is freed returns to the CPU that most likely allocated it, and
 * no CPU touches a line of another for it.
 *
 * cpu->rcu_qs counts a CPU's quiescent states: passes through the scheduler, and ticks
 * that interrupt code which may be preempted. A CPU that idles says so (cpu->rcu_idle)
 * and is one. For callbacks a grace period is in no hurry: it waits for a tick, and
 * all CPUs whose callbacks wait at the time share it (grace_seq). synchronize_rcu()
 * makes the CPUs pass through the scheduler at once.
 *
 * Barriers: the count is incremented before a locked instruction (the lock of the run
 * queue), and read behind a full barrier; so what reads after the one that
 * the updater has seen sees what the updater has unlinked.
 */
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/lock.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/rcu_init.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include "internal.h"

#define GATHER_NS   (5 * NSEC_PER_MSEC)
#define GRACE_NS    (5 * NSEC_PER_MSEC) /* longer than a tick */
#define GRACE_WAITS 3			/* so often, before CPUs are made to pass */
#define NUDGE_NS    (50 * NSEC_PER_USEC)

/* What runs the callbacks of one CPU, cpu->rcu_list; only it touches that and this. */
struct rcu_cpu {
	bool wanted;
	struct thread *thread;
	struct timer gather;
	struct wait_queue wait; /* the thread, for wanted */
} __aligned(64);

static struct rcu_cpu boot_rcu;
/* Odd: a grace period is in progress. The CPU that made it so ends it. */
static struct {
	u64 seq;
} grace __aligned(64);

static void rcu_gathered(struct timer *timer)
{
	struct rcu_cpu *rcu = container_of(timer, struct rcu_cpu, gather);

	WRITE_ONCE(rcu->wanted, true);
	wake_up(&rcu->wait);
}

/* The first callback. By the timer, since the caller may hold locks that waking needs. */
static __noinline void rcu_gather(void)
{
	u64 flags = irq_save();
	struct rcu_cpu *rcu = this_cpu()->slot[CPU_SLOT_RCU];

	timer_start(&rcu->gather, time_monotonic_ns() + GATHER_NS);
	irq_restore(flags);
}

void call_rcu(struct rcu_head *head, void (*callback)(struct rcu_head *))
{
	struct rcu_head *old;

	preempt_disable();
	old = CPU_FIELD_READ(rcu_list);
	head->fn = callback;
	do
		head->next = old;
	while (!PERCPU_EXCHANGE(struct cpu, rcu_list, &old, head));
	if (unlikely(!old))
		rcu_gather();
	preempt_enable();
}

/* Have all other CPUs been in a quiescent state? */
struct grace_snapshot {
	u64 seen[CPU_MAX];
};

static void grace_begin(struct grace_snapshot *snapshot)
{
	smp_mb();
	for (u32 i = 0; i < cpu_count; i++) {
		if (cpus[i])
			snapshot->seen[i] = READ_ONCE(cpus[i]->rcu_qs);
		else
			snapshot->seen[i] = 0;
	}
	smp_mb();
}

static bool grace_cpu_passed(const struct grace_snapshot *snapshot, u32 i)
{
	const struct cpu *cpu = cpus[i];

	return !cpu || !cpu->online || READ_ONCE(cpu->rcu_qs) != snapshot->seen[i] ||
	       smp_load_acquire(&cpu->rcu_idle);
}

static bool grace_all_passed(const struct grace_snapshot *snapshot)
{
	for (u32 i = 0; i < cpu_count; i++)
		if (!grace_cpu_passed(snapshot, i))
			return false;
	return true;
}

/* Make the CPUs that have not passed pass through the scheduler. Sleeps. */
static void grace_force(const struct grace_snapshot *snapshot)
{
	u32 own_id = cpu_id();

	for (u32 i = 0; i < cpu_count; i++) {
		if (i == own_id)
			continue;
		while (!grace_cpu_passed(snapshot, i)) {
			sched_kick(cpus[i]);
			sleep_until(time_monotonic_ns() + NUDGE_NS, false);
		}
	}
	smp_mb();
}

void synchronize_rcu(void)
{
	struct grace_snapshot snapshot;

	if (cpu_count == 1) /* being here, no reader is inside */
		return;
	grace_begin(&snapshot);
	grace_force(&snapshot);
}

/* Wait for a grace period without haste, one with all CPUs that wait for one. */
static void grace_wait(void)
{
	struct grace_snapshot snapshot;
	u64 seq, end;

	if (cpu_count == 1)
		return;
	smp_mb(); /* what was unlinked, before the number */
	seq = READ_ONCE(grace.seq);
	end = (seq + 3) & ~1ull; /* of one that has not begun yet */
	for (;;) {
		seq = smp_load_acquire(&grace.seq);
		if ((s64)(seq - end) >= 0)
			return;
		if (seq & 1 || !__atomic_compare_exchange_n(&grace.seq, &seq, seq + 1, false,
							    __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {
			sleep_until(time_monotonic_ns() + GRACE_NS, false);
			continue;
		}
		grace_begin(&snapshot);
		for (u32 i = 0; i < GRACE_WAITS && !grace_all_passed(&snapshot); i++)
			sleep_until(time_monotonic_ns() + GRACE_NS, false);
		grace_force(&snapshot);
		smp_store_release(&grace.seq, seq + 2);
	}
}

static struct rcu_head *rcu_take(struct rcu_cpu *rcu)
{
	u64 flags = irq_save();
	struct rcu_head *list = this_cpu()->rcu_list;

	this_cpu()->rcu_list = NULL;
	rcu->wanted = false;
	irq_restore(flags);
	return list;
}

static void rcu_thread(void *arg)
{
	struct rcu_cpu *rcu = arg;

	for (;;) {
		struct rcu_head *head;

		wait_event(&rcu->wait, READ_ONCE(rcu->wanted));
		head = rcu_take(rcu);
		grace_wait();
		while (head) {
			struct rcu_head *next = head->next;

			head->fn(head);
			head = next;
		}
	}
}

static bool rcu_cpu_init(struct rcu_cpu *rcu, struct cpu *cpu)
{
	struct thread *t = thread_create(rcu_thread, rcu, "rcu");

	if (IS_ERR(t))
		return false;
	thread_bind(t, cpu->id);
	rcu->thread = t;
	wait_queue_init(&rcu->wait);
	timer_init(&rcu->gather, rcu_gathered);
	cpu->slot[CPU_SLOT_RCU] = rcu;
	return true;
}

bool rcu_cpu_create(struct cpu *cpu)
{
	struct rcu_cpu *rcu = kzalloc(sizeof(*rcu));

	return rcu && rcu_cpu_init(rcu, cpu);
}

void rcu_cpu_start(struct cpu *cpu)
{
	struct rcu_cpu *rcu = cpu->slot[CPU_SLOT_RCU];

	thread_start(rcu->thread);
}

void rcu_init(void)
{
	if (!rcu_cpu_init(&boot_rcu, this_cpu()))
		boot_stop("not enough memory for the RCU thread");
	rcu_cpu_start(this_cpu());
}

#ifdef CONFIG_DEBUG_LOCKS
void rcu_assert_read(const char *function)
{
	if (unlikely(!CPU_FIELD_READ(preempt_count) && !in_interrupt() && irqs_enabled()) &&
	    !printk_panicking)
		panic("%s() needs rcu_read_lock(), which thread %s does not hold", function,
		      current->comm);
}
#endif
