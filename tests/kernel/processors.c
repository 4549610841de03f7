/* SPDX-License-Identifier: MIT */
/* kernel/rcu.c, mm/heap.c: what processors do to each other; every online CPU takes part. */
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/ktest.h>
#include <kernel/page.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include "cpus.h"

static DEFINE_WAIT_QUEUE(queue);
static struct atomic done;
static u64 seen_cpus;

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

/* ---- the heap: what one CPU allocates another one frees ---- */

#define PASSED_ROUNDS 10u
#define PASSED	      600u
#define PASSED_BYTES  320u

static u32 **passed[CPU_MAX];
static struct atomic passed_filled, passed_wrong;

/* All wait until each of them has come here @p times. */
static void meet(struct atomic *count, u32 times)
{
	while (atomic_read(count) < (s32)(times * cpu_count))
		sched_yield_current();
}

static void fill_passed(u32 cpu)
{
	for (u32 i = 0; i < PASSED; i++) {
		u32 *object = kmalloc(PASSED_BYTES);

		passed[cpu][i] = object;
		if (!object)
			continue;
		for (u32 j = 0; j < PASSED_BYTES / sizeof(u32); j++)
			object[j] = cpu * PASSED + i;
	}
}

static void free_passed(u32 cpu)
{
	for (u32 i = 0; i < PASSED; i++) {
		const u32 *object = passed[cpu][i];

		for (u32 j = 0; object && j < PASSED_BYTES / sizeof(u32); j++)
			if (object[j] != cpu * PASSED + i)
				atomic_inc(&passed_wrong);
		kfree(object);
	}
}

static void pass_objects(void *arg)
{
	u32 cpu = (u32)(u64)arg;

	stay_on(cpu);
	__atomic_or_fetch(&seen_cpus, 1ull << cpu_id(), __ATOMIC_RELAXED);
	for (u32 i = 0; i < PASSED_ROUNDS; i++) {
		fill_passed(cpu);
		atomic_inc(&passed_filled);
		meet(&passed_filled, 2 * i + 1);
		free_passed((cpu + 1) % cpu_count);
		atomic_inc(&passed_filled);
		meet(&passed_filled, 2 * i + 2);
	}
	worker_ends();
}

KTEST(processors, the_heap_takes_back_what_other_cpus_free)
{
	struct mem_info before, after;
	s32 count;

	KEXPECT(true);
	if (online_mask() != (2ull << (cpu_count - 1)) - 1)
		return; /* one did not start */
	for (u32 i = 0; i < cpu_count; i++) {
		passed[i] = kcalloc(PASSED, sizeof(u32 *));
		if (!KEXPECT(passed[i]))
			return;
	}
	mem_info_get(&before);
	atomic_set(&passed_filled, 0);
	atomic_set(&passed_wrong, 0);
	count = spawn_everywhere(test, pass_objects);
	wait_event(&queue, atomic_read(&done) == count);
	mem_info_get(&after);
	KEXPECT_EQ(atomic_read(&passed_wrong), 0);
	KEXPECT_EQ(seen_cpus, online_mask());
	/* Objects in magazines keep some pages, each CPU's of each other one. */
	KEXPECT(after.slab <= before.slab + 32ul * cpu_count);
	for (u32 i = 0; i < cpu_count; i++)
		kfree(passed[i]);
}

/* ---- spin locks: exclusion and order ---- */

#define TURNS	   40u
#define ARRIVAL_NS (10ull * NSEC_PER_SEC)
#define ALL_MAY	   CPU_MAX

static DEFINE_SPINLOCK(contended);
static struct {
	u64 first, second;
} guarded_pair;
static u64 turns_wrong; /* under contended, as all that is written below */
static u32 may_arrive;	/* the CPU that may ask for the lock next; ALL_MAY */
static u32 taken_by[CPU_MAX], nr_taken;
static bool arrived_in_time;
static struct atomic on_their_cpus;

static void take_turn(u32 cpu)
{
	u64 flags = spin_lock_irqsave(&contended);

	turns_wrong += guarded_pair.first++ != guarded_pair.second;
	if (nr_taken < cpu_count)
		taken_by[nr_taken++] = cpu;
	guarded_pair.second++;
	spin_unlock_irqrestore(&contended, flags);
}

/* Let one CPU after the other wait for the lock; the highest first. contended held. */
static void let_arrive(void)
{
	u64 limit = time_monotonic_ns() + ARRIVAL_NS;

	assert_held(&contended);
	for (u32 cpu = cpu_count; --cpu;) {
		u16 tail = READ_ONCE(contended.tail);

		WRITE_ONCE(may_arrive, cpu);
		while (READ_ONCE(contended.tail) == tail && time_monotonic_ns() < limit)
			cpu_relax();
		arrived_in_time &= READ_ONCE(contended.tail) != tail;
	}
	WRITE_ONCE(may_arrive, ALL_MAY);
}

static void take_turns(void *arg)
{
	u32 cpu = (u32)(u64)arg;

	stay_on(cpu);
	__atomic_or_fetch(&seen_cpus, 1ull << cpu_id(), __ATOMIC_RELAXED);
	atomic_inc(&on_their_cpus);
	meet(&on_their_cpus, 1);
	if (!cpu) {
		u64 flags = spin_lock_irqsave(&contended);

		let_arrive();
		spin_unlock_irqrestore(&contended, flags);
	}
	while (READ_ONCE(may_arrive) != cpu && READ_ONCE(may_arrive) != ALL_MAY)
		cpu_relax();
	for (u32 i = 0; i < TURNS; i++)
		take_turn(cpu);
	worker_ends();
}

KTEST(processors, a_spin_lock_is_taken_in_turns)
{
	bool before = spin_in_turns;
	s32 count;

	KEXPECT(true);
	if (online_mask() != (2ull << (cpu_count - 1)) - 1 || cpu_count > 8)
		return; /* more would be too slow where there are fewer real ones */
	memset(&guarded_pair, 0, sizeof(guarded_pair));
	turns_wrong = nr_taken = 0;
	arrived_in_time = true;
	may_arrive = 0;
	atomic_set(&on_their_cpus, 0);
	WRITE_ONCE(spin_in_turns, true);
	count = spawn_everywhere(test, take_turns);
	wait_event(&queue, atomic_read(&done) == count);
	WRITE_ONCE(spin_in_turns, before);
	KEXPECT_EQ(turns_wrong, 0);
	KEXPECT_EQ(seen_cpus, online_mask());
	KEXPECT(arrived_in_time);
	for (u32 i = 0; i + 1 < cpu_count; i++)
		KEXPECT_EQ(taken_by[i], cpu_count - 1 - i);
}
