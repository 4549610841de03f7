/* SPDX-License-Identifier: MIT */
/* kernel/rcu.c, base/spinlock.c, mutex.c: what processors do to each other; every online CPU takes part. */
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/ktest.h>
#include <kernel/time.h>
#include <kernel/wait.h>

static DEFINE_WAIT_QUEUE(queue);
static struct atomic done;
static u64 seen_cpus;

static u64 online_mask(void)
{
	u64 mask = 0;

	for (u32 i = 0; i < cpu_count; i++)
		if (cpus[i] && cpus[i]->online)
			mask |= 1ull << i;
	return mask;
}

static void stay_on(u32 cpu)
{
	struct cpumask only = { 0 };

	cpumask_set(&only, cpu);
	(void)thread_set_affinity(current, &only);
}

static void worker_ends(void)
{
	atomic_inc(&done);
	wake_up_all(&queue);
}

/* A thread on each online CPU. @return how many */
static s32 spawn_everywhere(struct ktest_context *test, void (*fn)(void *))
{
	s32 count = 0;

	seen_cpus = 0;
	atomic_set(&done, 0);
	for (u32 i = 0; i < cpu_count; i++) {
		if (!cpus[i] || !cpus[i]->online)
			continue;
		count += KEXPECT_EQ(thread_spawn(fn, (void *)(u64)i, "everywhere"), 0);
	}
	return count;
}

/* ---- RCU: callbacks while threads move ---- */

#define MOVES	 40u
#define PER_STAY 40u

struct freed_later {
	u32 cpu;
	struct rcu_head rcu;
};
static struct atomic later_queued, later_freed, later_elsewhere, later_lost;

static void later_free(struct rcu_head *head)
{
	struct freed_later *later = container_of(head, struct freed_later, rcu);

	if (later->cpu != cpu_id())
		atomic_inc(&later_elsewhere);
	kfree(later);
	atomic_inc(&later_freed);
}

/* Each CPU in turn, from its own on. */
static void move_and_queue(void *arg)
{
	for (u32 i = 0; i < MOVES; i++) {
		u32 cpu = ((u32)(u64)arg + i) % cpu_count;

		if (!cpus[cpu] || !cpus[cpu]->online)
			continue;
		stay_on(cpu);
		for (u32 j = 0; j < PER_STAY; j++) {
			struct freed_later *later = kmalloc(sizeof(*later));

			if (!later) {
				atomic_inc(&later_lost);
				continue;
			}
			later->cpu = cpu_id();
			__atomic_or_fetch(&seen_cpus, 1ull << later->cpu, __ATOMIC_RELAXED);
			atomic_inc(&later_queued);
			call_rcu(&later->rcu, later_free);
		}
		if (i % 8 == 0)
			sleep_ms(1);
	}
	worker_ends();
}

KTEST(processors, rcu_callbacks_run_on_the_cpu_that_queued_them)
{
	u64 end = time_monotonic_ns() + 20 * NSEC_PER_SEC;
	s32 count;

	atomic_set(&later_queued, 0);
	atomic_set(&later_freed, 0);
	atomic_set(&later_elsewhere, 0);
	atomic_set(&later_lost, 0);
	count = spawn_everywhere(test, move_and_queue);
	wait_event(&queue, atomic_read(&done) == count);
	while (atomic_read(&later_freed) != atomic_read(&later_queued) && time_monotonic_ns() < end)
		sleep_ms(1);
	KEXPECT_EQ(atomic_read(&later_freed), atomic_read(&later_queued));
	KEXPECT_EQ(atomic_read(&later_elsewhere), 0);
	KEXPECT_EQ(atomic_read(&later_lost), 0);
	KEXPECT_EQ(seen_cpus, online_mask());
}
