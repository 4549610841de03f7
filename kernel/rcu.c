/* SPDX-License-Identifier: MIT */
/*
 * Read-mostly data: what was unlinked is freed when every CPU has passed
 * through the scheduler once, since readers keep preemption off.
 *
 * Callbacks gather on per-CPU lists (compare-exchange); the "rcu" thread takes
 * them all a few milliseconds after the first was added, waits for a grace period
 * and runs them. cpu->rcu_qs counts a CPU's passes; one that idles, or runs one
 * user program without end, is nudged.
 */
#include <kernel/lock.h>
#include <kernel/panic.h>
#include <kernel/printk.h>
#include <kernel/rcu_init.h>
#include <kernel/thread.h>
#include <kernel/time.h>
#include <kernel/wait.h>

#define GATHER_NS (5 * NSEC_PER_MSEC)

static struct {
	struct rcu_head *list;
	u64 count;
} pending[CPU_MAX] __aligned(64);
static DEFINE_WAIT_QUEUE(rcu_wait);
static bool wanted;
static struct timer gather_timer;

static void rcu_gathered(struct timer *timer)
{
	WRITE_ONCE(wanted, true);
	wake_up(&rcu_wait);
}

void call_rcu(struct rcu_head *head, void (*callback)(struct rcu_head *))
{
	struct rcu_head **list = &pending[cpu_id()].list, *old = READ_ONCE(*list);

	head->fn = callback;
	do
		head->next = old;
	while (!__atomic_compare_exchange_n(list, &old, head, false, __ATOMIC_RELEASE,
					    __ATOMIC_RELAXED));
	if (!old && !READ_ONCE(gather_timer.base))
		timer_start(&gather_timer, time_monotonic_ns() + GATHER_NS);
}

void synchronize_rcu(void)
{
	u64 seen[CPU_MAX];
	u32 own_id = cpu_id();

	if (cpu_count == 1) /* being here, no reader is inside */
		return;
	for (u32 i = 0; i < cpu_count; i++) {
		if (cpus[i])
			seen[i] = READ_ONCE(cpus[i]->rcu_qs);
		else
			seen[i] = 0;
	}
	smp_mb();
	for (u32 i = 0; i < cpu_count; i++) {
		if (i == own_id || !cpus[i] || !cpus[i]->online)
			continue;
		while (READ_ONCE(cpus[i]->rcu_qs) == seen[i]) {
			sched_kick(cpus[i]);
			sleep_until(time_monotonic_ns() + 50 * NSEC_PER_USEC, false);
		}
	}
}

static struct rcu_head *rcu_take(u32 cpu)
{
	return __atomic_exchange_n(&pending[cpu].list, NULL, __ATOMIC_ACQ_REL);
}

static void rcu_thread(void *arg)
{
	for (;;) {
		struct rcu_head *all[CPU_MAX];

		wait_event(&rcu_wait, READ_ONCE(wanted));
		WRITE_ONCE(wanted, false);
		for (u32 i = 0; i < cpu_count; i++)
			all[i] = rcu_take(i);
		synchronize_rcu();
		for (u32 i = 0; i < cpu_count; i++)
			for (struct rcu_head *head = all[i]; head;) {
				struct rcu_head *next = head->next;

				head->fn(head);
				head = next;
			}
	}
}

void rcu_init(void)
{
	timer_init(&gather_timer, rcu_gathered);
	if (thread_spawn(rcu_thread, NULL, "rcu"))
		boot_stop("not enough memory for the RCU thread");
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
