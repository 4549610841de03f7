/* SPDX-License-Identifier: MIT */
/* kernel/sched.c, thread.c, mutex.c, rwsem.c, wait.c: order, exclusion, preemption; every online CPU takes part. */
#include <kernel/err.h>
#include <kernel/ktest.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/wait.h>
#include "cpus.h"

static DEFINE_WAIT_QUEUE(queue);
static DEFINE_MUTEX(lock);
static struct {
	u64 a, b;
} pair;
static struct atomic ready, done, rounds;
static u64 seen_cpus;

static void mutex_worker(void *arg)
{
	struct ktest_context *test = arg;
	u64 end = time_monotonic_ns() + 20 * NSEC_PER_SEC;

	/* at least so many, and until every CPU took part */
	for (u32 i = 0;
	     i < 2000 || (READ_ONCE(seen_cpus) != online_mask() && time_monotonic_ns() < end);
	     i++) {
		atomic_inc(&rounds);
		mutex_lock(&lock);
		KEXPECT(pair.a == pair.b);
		pair.a++;
		if (!(i & 63))
			sched_yield_current();
		pair.b++;
		mutex_unlock(&lock);
		__atomic_or_fetch(&seen_cpus, 1ull << cpu_id(), __ATOMIC_RELAXED);
	}
	atomic_inc(&done);
	wake_up_all(&queue);
}

KTEST(threads, a_mutex_excludes_on_all_cpus)
{
	u32 count = 3 * cpu_count;

	pair.a = pair.b = 0;
	seen_cpus = 0;
	atomic_set(&done, 0);
	atomic_set(&rounds, 0);
	for (u32 i = 0; i < count; i++)
		KEXPECT_EQ(thread_spawn(mutex_worker, test, "mutex"), 0);
	wait_event(&queue, atomic_read(&done) == (s32)count);
	KEXPECT_EQ(pair.a, atomic_read(&rounds));
	KEXPECT_EQ(seen_cpus, online_mask());
}

static void spinner(void *arg)
{
	atomic_inc(&ready);
	while (!thread_should_stop())
		cpu_relax(); /* never gives up the CPU by itself */
}

KTEST(threads, a_spinning_thread_is_preempted)
{
	struct thread *thread = thread_create(spinner, NULL, "spinner");
	u64 end = time_monotonic_ns() + 2 * NSEC_PER_SEC;

	if (!KEXPECT(!IS_ERR(thread)))
		return;
	atomic_set(&ready, 0);
	thread_start(thread);
	while (!atomic_read(&ready) && time_monotonic_ns() < end)
		sched_yield_current();
	KEXPECT(atomic_read(&ready));
	sleep_ms(30); /* comes back only by preemption when there is one CPU */
	KEXPECT(time_monotonic_ns() < end);
	thread_stop(thread);
}

static void echo(void *arg)
{
	struct ktest_context *test = arg;

	for (u32 i = 0; i < 1000; i++) {
		wait_event(&queue, atomic_read(&ready) == 1);
		atomic_set(&ready, 0);
		wake_up_all(&queue);
	}
	KEXPECT(true);
	atomic_inc(&done);
	wake_up_all(&queue);
}

KTEST(threads, no_wake_up_is_lost)
{
	atomic_set(&ready, 0);
	atomic_set(&done, 0);
	KEXPECT_EQ(thread_spawn(echo, test, "echo"), 0);
	for (u32 i = 0; i < 1000; i++) {
		atomic_set(&ready, 1);
		wake_up_all(&queue);
		wait_event(&queue, atomic_read(&ready) == 0);
	}
	wait_event(&queue, atomic_read(&done) == 1);
}

KTEST(threads, a_wait_ends_at_its_deadline)
{
	u64 start = time_monotonic_ns();
	int err = wait_event_until(&queue, false, start + 20 * NSEC_PER_MSEC);
	u64 took = time_monotonic_ns() - start;

	KEXPECT_EQ(err, -ETIMEDOUT);
	KEXPECT(took >= 20 * NSEC_PER_MSEC);
	KEXPECT(took < 500 * NSEC_PER_MSEC);
}

static void where(void *arg)
{
	u64 *out = arg;

	__atomic_or_fetch(out, 1ull << cpu_id(), __ATOMIC_SEQ_CST);
	for (u32 i = 0; i < 50; i++) {
		sched_yield_current();
		__atomic_or_fetch(out, 1ull << cpu_id(), __ATOMIC_SEQ_CST);
	}
	atomic_inc(&done);
	wake_up_all(&queue);
}

KTEST(threads, affinity_is_obeyed)
{
	for (u32 cpu = 0; cpu < cpu_count; cpu++) {
		struct cpumask cpumask = { 0 };
		u64 ran = 0;
		struct thread *thread = thread_create(where, &ran, "where");

		if (!cpus[cpu] || !cpus[cpu]->online || !KEXPECT(!IS_ERR(thread)))
			continue;
		cpumask_set(&cpumask, cpu);
		KEXPECT_EQ(thread_set_affinity(thread, &cpumask), 0);
		atomic_set(&done, 0);
		thread_start(thread);
		wait_event(&queue, atomic_read(&done) == 1);
		KEXPECT_EQ(ran, 1ull << cpu);
		thread_put(thread);
	}
}

/* ---- spreading ---- */

static u32 spin_cpu[2]; /* where those that may move are */

static void moving_spinner(void *arg)
{
	atomic_inc(&ready);
	while (!thread_should_stop())
		WRITE_ONCE(*(u32 *)arg, cpu_id());
}

/* Two share CPU @p from and may then go to CPU @p to as well, which idles and hears of nothing else. */
static void expect_spread(struct ktest_context *test, u32 from, u32 to)
{
	struct thread *spinners[2];
	struct cpumask both = { 0 };
	u64 end;

	cpumask_set(&both, from);
	cpumask_set(&both, to);
	atomic_set(&ready, 0);
	for (u32 i = 0; i < 2; i++)
		spinners[i] = start_on_cpu(moving_spinner, &spin_cpu[i], "spin", from);
	if (!KEXPECT(spinners[0] && spinners[1]))
		return;
	while (atomic_read(&ready) < 2)
		sleep_ms(1);
	for (u32 i = 0; i < 2; i++)
		KEXPECT_EQ(thread_set_affinity(spinners[i], &both), 0);
	end = time_monotonic_ns() + 10 * NSEC_PER_SEC;
	while (READ_ONCE(spin_cpu[0]) == READ_ONCE(spin_cpu[1]) && time_monotonic_ns() < end)
		sleep_ms(5);
	KEXPECT(time_monotonic_ns() < end);
	for (u32 i = 0; i < 2; i++)
		thread_stop(spinners[i]);
}

/* The CPUs that are there: the first, and one or two more. @return how many */
static u32 some_cpus(u32 id[3])
{
	u32 count = 0;

	for (u32 i = 0; i < cpu_count && count < 3; i++)
		if (cpus[i] && cpus[i]->online)
			id[count++] = i;
	return count;
}

static void stay_on(u32 cpu)
{
	struct cpumask only = { 0 };

	cpumask_set(&only, cpu);
	(void)thread_set_affinity(current, &only);
}

KTEST(threads, an_idle_cpu_takes_what_may_move_later)
{
	struct cpumask old = current->affinity;
	u32 id[3];

	KEXPECT(true);
	if (some_cpus(id) < 2)
		return;
	stay_on(id[0]);
	expect_spread(test, id[0], id[1]);
	(void)thread_set_affinity(current, &old);
}

KTEST(threads, an_idle_cpu_takes_from_another_than_the_longest_queue)
{
	struct cpumask old = current->affinity;
	struct thread *pinned[4];
	u32 id[3];

	KEXPECT(true);
	if (some_cpus(id) < 3)
		return;
	stay_on(id[0]);
	for (u32 i = 0; i < ARRAY_SIZE(pinned); i++) /* none of these may go */
		pinned[i] = start_on_cpu(spinner, NULL, "spin", id[0]);
	expect_spread(test, id[1], id[2]);
	for (u32 i = 0; i < ARRAY_SIZE(pinned); i++)
		if (KEXPECT(pinned[i]))
			thread_stop(pinned[i]);
	(void)thread_set_affinity(current, &old);
}

/* ---- changes from outside ---- */

/* Each hands on what it is handed: one that is forgotten, or is in two queues, stops all of them. */
#define PASSERS	    8u
#define TOKENS	    3
#define CHANGES	    4000u
#define MORE_ROUNDS 50u
static struct passer {
	struct wait_queue wait;
	struct atomic tokens;
	u32 rounds;
	struct thread *thread;
} passers[PASSERS];

static void pass_on(void *arg)
{
	struct passer *mine = arg, *next = mine + 1;

	if (next == passers + PASSERS)
		next = passers;
	while (!thread_should_stop()) {
		wait_event_until(&mine->wait, atomic_read(&mine->tokens) || thread_should_stop(),
				 time_monotonic_ns() + 60 * NSEC_PER_SEC);
		if (!atomic_read(&mine->tokens))
			continue;
		atomic_dec(&mine->tokens);
		WRITE_ONCE(mine->rounds, mine->rounds + 1);
		atomic_inc(&next->tokens);
		wake_up(&next->wait);
		__atomic_or_fetch(&seen_cpus, 1ull << cpu_id(), __ATOMIC_RELAXED);
	}
}

/* Now on one CPU, now on any; now before others, now behind them. */
static void change_passer(struct ktest_context *test, struct passer *passer, u32 round)
{
	struct cpumask wanted = { { round % 3 ? 1ull << round % cpu_count : ~0ull } };

	if (!(wanted.bits[0] & online_mask()))
		return;
	KEXPECT_EQ(thread_set_affinity(passer->thread, &wanted), 0);
	if (!(round % 5))
		thread_set_nice(passer->thread, (int)(round % 7) - 3);
	if (!(round % 11))
		thread_set_policy(passer->thread, round % 2, round % 2);
}

static bool passers_go_on(u64 end)
{
	u32 before[PASSERS];

	for (u32 i = 0; i < PASSERS; i++)
		before[i] = READ_ONCE(passers[i].rounds);
	for (u32 i = 0; i < PASSERS; i++)
		while (READ_ONCE(passers[i].rounds) - before[i] < MORE_ROUNDS) {
			if (time_monotonic_ns() >= end)
				return false;
			sleep_ms(1);
		}
	return true;
}

KTEST(threads, changes_of_affinity_meet_wake_ups)
{
	u64 end = time_monotonic_ns() + 30 * NSEC_PER_SEC;

	seen_cpus = 0;
	for (u32 i = 0; i < PASSERS; i++) {
		passers[i].rounds = 0;
		atomic_set(&passers[i].tokens, 0);
		wait_queue_init(&passers[i].wait);
		passers[i].thread = thread_create(pass_on, &passers[i], "passer");
		if (!KEXPECT(!IS_ERR(passers[i].thread)))
			return;
	}
	for (u32 i = 0; i < PASSERS; i++)
		thread_start(passers[i].thread);
	for (u32 i = 0; i < TOKENS; i++)
		atomic_inc(&passers[i].tokens);
	wake_up_all(&passers[0].wait);
	for (u32 i = 0; i < CHANGES && time_monotonic_ns() < end; i++) {
		change_passer(test, &passers[i % PASSERS], i * 2654435761u >> 8);
		if (!(i % 16))
			sleep_ms(1);
	}
	KEXPECT(passers_go_on(end));
	KEXPECT_EQ(seen_cpus, online_mask());
	for (u32 i = 0; i < PASSERS; i++)
		thread_stop(passers[i].thread);
}

/* ---- RCU ---- */

/* None is used twice: what is dead stays so, and a reader that comes too late sees it. */
struct guarded {
	bool dead;
	struct rcu_head rcu;
};
#define ROUNDS 40u
static struct guarded pool[ROUNDS + 1], *guarded;
static struct atomic guarded_freed, readers_wrong;
static bool readers_stop;

static void reader(void *arg)
{
	while (!READ_ONCE(readers_stop)) {
		rcu_read_lock();
		struct guarded *g = rcu_dereference(guarded);

		for (u32 i = 0; i < 20000; i++) { /* it must not go while we look */
			if (READ_ONCE(g->dead))
				atomic_inc(&readers_wrong);
			cpu_relax();
		}
		__atomic_or_fetch(&seen_cpus, 1ull << cpu_id(), __ATOMIC_RELAXED);
		rcu_read_unlock();
		sched_yield_current();
	}
	atomic_inc(&done);
	wake_up_all(&queue);
}

static void guarded_free(struct rcu_head *head)
{
	WRITE_ONCE(container_of(head, struct guarded, rcu)->dead, true);
	atomic_inc(&guarded_freed);
}

/* One takes the other's place; the old one is freed now or by call_rcu(). */
static void replace_all(struct ktest_context *test)
{
	u64 end = time_monotonic_ns() + 10 * NSEC_PER_SEC;

	while (READ_ONCE(seen_cpus) != online_mask() && time_monotonic_ns() < end)
		sleep_ms(1);
	for (u32 i = 0; i < ROUNDS; i++) {
		rcu_assign_pointer(guarded, &pool[i + 1]);
		if (i & 1) {
			call_rcu(&pool[i].rcu, guarded_free);
		} else {
			synchronize_rcu();
			WRITE_ONCE(pool[i].dead, true);
		}
		sleep_ms(1);
	}
	while (atomic_read(&guarded_freed) < (s32)ROUNDS / 2 && time_monotonic_ns() < end)
		sleep_ms(1);
	KEXPECT_EQ(atomic_read(&guarded_freed), ROUNDS / 2);
}

KTEST(threads, rcu_frees_nothing_under_a_reader)
{
	u32 count = 2 * cpu_count;

	for (u32 i = 0; i < ARRAY_SIZE(pool); i++)
		pool[i].dead = false;
	guarded = &pool[0];
	seen_cpus = 0;
	readers_stop = false;
	atomic_set(&done, 0);
	atomic_set(&guarded_freed, 0);
	atomic_set(&readers_wrong, 0);
	for (u32 i = 0; i < count; i++)
		KEXPECT_EQ(thread_spawn(reader, NULL, "reader"), 0);
	replace_all(test);
	WRITE_ONCE(readers_stop, true);
	wait_event(&queue, atomic_read(&done) == (s32)count);
	KEXPECT_EQ(atomic_read(&readers_wrong), 0);
	KEXPECT_EQ(seen_cpus, online_mask());
}

/* ---- the walk over all threads ---- */

#define WALKS 300u

static bool walked_enough;

/* One thread that stays, and others that come and end, made by this CPU. */
static void make_walked_threads(void *arg)
{
	struct cpumask only = { 0 };
	struct thread *stays, *passes;

	cpumask_set(&only, (u32)(u64)arg);
	(void)thread_set_affinity(current, &only);
	__atomic_or_fetch(&seen_cpus, 1ull << cpu_id(), __ATOMIC_RELAXED);
	stays = thread_create(make_walked_threads, NULL, "stays");
	atomic_inc(&ready);
	while (!READ_ONCE(walked_enough)) {
		passes = thread_create(make_walked_threads, NULL, "passes");
		if (!IS_ERR(passes))
			thread_put(passes);
		sched_yield_current();
	}
	if (!IS_ERR(stays))
		thread_put(stays);
	atomic_inc(&done);
	wake_up_all(&queue);
}

static s32 threads_that_stay(void)
{
	struct thread_walk walk;
	s32 found = 0;

	for (struct thread *t = threads_first(&walk); t; t = threads_next(&walk, t))
		found += !strcmp(t->comm, "stays");
	return found;
}

KTEST(threads, a_walk_finds_each_thread_once_while_others_end)
{
	s32 count = 0;

	seen_cpus = 0;
	walked_enough = false;
	atomic_set(&ready, 0);
	atomic_set(&done, 0);
	while (count < (s32)cpu_count && (online_mask() >> count & 1) &&
	       KEXPECT_EQ(thread_spawn(make_walked_threads, (void *)(u64)count, "walked"), 0))
		count++;
	while (atomic_read(&ready) < count)
		sched_yield_current();
	for (u32 i = 0; i < WALKS; i++)
		KEXPECT_EQ(threads_that_stay(), count);
	KEXPECT(thread_exists(current));
	WRITE_ONCE(walked_enough, true);
	wait_event(&queue, atomic_read(&done) == count);
	KEXPECT_EQ(threads_that_stay(), 0);
	KEXPECT_EQ(seen_cpus, (1ull << count) - 1);
}
