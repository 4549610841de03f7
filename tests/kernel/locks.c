/* SPDX-License-Identifier: MIT */
/* kernel/mutex.c, rwsem.c: exclusion, and that none waits for ever; every online CPU takes part. */
#include <kernel/err.h>
#include <kernel/ktest.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include "cpus.h"

#define EACH	   3u /* threads on a CPU */
#define ROUNDS	   100u
#define TURNS_OUT  20u
#define LIMIT_NS   (60 * NSEC_PER_SEC)
#define HOLD_US	   30u
#define YIELD_MASK 15u
#define SLEEP_MASK 63u

static DEFINE_WAIT_QUEUE(queue);
static DEFINE_MUTEX(lock);
static struct rwsem rwsem = RWSEM_INIT(rwsem);
static struct {
	u64 first, second;
} guarded;
static struct atomic done, wrong, writes;
static u64 took_part;
static bool enough;

static void lock_user_ends(void)
{
	__atomic_or_fetch(&took_part, 1ull << cpu_id(), __ATOMIC_RELAXED);
	atomic_inc(&done);
	wake_up_all(&queue);
}

/* @p each threads on each CPU, bound to it. @return how many */
static s32 start_lock_users(struct ktest_context *test, void (*main)(void *), u32 each)
{
	s32 count = 0;

	took_part = 0;
	guarded.first = guarded.second = 0;
	enough = false;
	atomic_set(&done, 0);
	atomic_set(&wrong, 0);
	atomic_set(&writes, 0);
	for (u32 i = 0; i < each * cpu_count; i++)
		if (cpus[i % cpu_count] && cpus[i % cpu_count]->online)
			count += KEXPECT_EQ(thread_spawn(main, (void *)(u64)i, "locks"), 0);
	return count;
}

static void stay_on_cpu_of(u64 number)
{
	struct cpumask only = { 0 };

	cpumask_set(&only, number % cpu_count);
	(void)thread_set_affinity(current, &only);
}

/* Sometimes the owner gives up its CPU, which ends the spinning of others, and sometimes for long. */
static void pause_sometimes(u32 i)
{
	if (!(i & SLEEP_MASK))
		sleep_ms(1);
	else if (!(i & YIELD_MASK))
		sched_yield_current();
}

static void rwsem_user(void *arg)
{
	stay_on_cpu_of((u64)arg);
	for (u32 i = 1; i <= ROUNDS; i++) {
		if ((i + (u64)arg) % 4) {
			down_read(&rwsem);
			if (READ_ONCE(guarded.first) != READ_ONCE(guarded.second))
				atomic_inc(&wrong);
			pause_sometimes(i);
			if (READ_ONCE(guarded.first) != READ_ONCE(guarded.second))
				atomic_inc(&wrong);
			up_read(&rwsem);
			continue;
		}
		down_write(&rwsem);
		WRITE_ONCE(guarded.first, guarded.first + 1);
		pause_sometimes(i);
		WRITE_ONCE(guarded.second, guarded.second + 1);
		if (i % 8)
			up_write(&rwsem);
		else
			downgrade_write(&rwsem);
		atomic_inc(&writes);
		if (i % 8 == 0)
			up_read(&rwsem);
	}
	lock_user_ends();
}

KTEST(locks, a_rwsem_excludes_on_all_cpus)
{
	s32 count = start_lock_users(test, rwsem_user, EACH);

	wait_event(&queue, atomic_read(&done) == count);
	KEXPECT_EQ(atomic_read(&wrong), 0);
	KEXPECT_EQ(guarded.first, atomic_read(&writes));
	KEXPECT_EQ(guarded.second, atomic_read(&writes));
	KEXPECT_EQ(took_part, online_mask());
	KEXPECT_EQ(rwsem.count, 0);
	KEXPECT(list_empty(&rwsem.waiters) && !rwsem.promised);
}

/* Readers that overlap: without an order one of them always has the lock. */
static void endless_reader(void *arg)
{
	stay_on_cpu_of((u64)arg);
	while (!READ_ONCE(enough)) {
		down_read(&rwsem);
		delay_us(HOLD_US);
		sched_yield_current();
		up_read(&rwsem);
	}
	lock_user_ends();
}

KTEST(locks, readers_let_a_writer_in)
{
	u64 limit = time_monotonic_ns() + LIMIT_NS;
	s32 count = start_lock_users(test, endless_reader, 2);

	for (u32 i = 0; i < TURNS_OUT; i++) {
		sleep_ms(1);
		down_write(&rwsem);
		guarded.first++;
		up_write(&rwsem);
	}
	WRITE_ONCE(enough, true);
	wait_event(&queue, atomic_read(&done) == count);
	KEXPECT(time_monotonic_ns() < limit);
	KEXPECT_EQ(took_part, online_mask());
}

/* Releases the lock for as short as can be: who was woken finds it taken. */
static void endless_owner(void *arg)
{
	stay_on_cpu_of((u64)arg);
	while (!READ_ONCE(enough)) {
		mutex_lock(&lock);
		guarded.first++;
		delay_us(HOLD_US);
		guarded.second++;
		mutex_unlock(&lock);
	}
	lock_user_ends();
}

KTEST(locks, a_mutex_is_had_by_who_sleeps_for_it)
{
	u64 limit = time_monotonic_ns() + LIMIT_NS;
	s32 count = start_lock_users(test, endless_owner, 1);

	for (u32 i = 0; i < TURNS_OUT; i++) {
		sleep_ms(1);
		mutex_lock(&lock);
		KEXPECT_EQ(guarded.first, guarded.second);
		mutex_unlock(&lock);
	}
	WRITE_ONCE(enough, true);
	wait_event(&queue, atomic_read(&done) == count);
	KEXPECT(time_monotonic_ns() < limit);
	KEXPECT_EQ(took_part, online_mask());
	KEXPECT_EQ(lock.owner, 0);
}
