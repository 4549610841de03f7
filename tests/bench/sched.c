// SPDX-License-Identifier: MIT
/*
 * Many that take turns on one processor: yielding, a ring of futexes, sleeping beside others.
 */
#include "bench.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#define MOST	    1000
#define STACK_BYTES 16384
#define NEVER_S	    3600

/* One of those that take turns; each has a cache line. */
static struct seat {
	volatile int turn;
	volatile long yields;
	int number;
} __attribute__((aligned(64))) * seats;
static volatile int *stop; /* shared, as the seats are */
static int nseats;	   /* seat 0 is that of the row itself */
static pthread_t threads[MOST];
static pid_t children[MOST];

static void seats_prepare(int count)
{
	nseats = count;
	seats = (struct seat *)map_pages((MOST + 1) * sizeof(*seats) / PAGE + 1, MAP_SHARED);
	stop = &seats[MOST].turn;
	for (int i = 0; i < count; i++)
		seats[i].number = i;
}
static void seats_end(void)
{
	munmap(seats, ((MOST + 1) * sizeof(*seats) / PAGE + 1) * PAGE);
}

static void threads_prepare(int count, void *(*start)(void *))
{
	pthread_attr_t attr;

	seats_prepare(count);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	for (int i = 1; i < count; i++)
		must(!pthread_create(&threads[i], &attr, start, &seats[i]), "pthread_create");
}
/* Wake who waits for a turn, and wait for all to end. */
static void threads_end(void)
{
	*stop = 1;
	for (int i = 1; i < nseats; i++) {
		seats[i].turn = 1;
		CALL(SYS_futex, &seats[i].turn, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
	}
	for (int i = 1; i < nseats; i++)
		pthread_join(threads[i], NULL);
	seats_end();
}

/* ---- yielding ---- */

static void *yielder(void *arg)
{
	struct seat *seat = arg;

	while (!*stop) {
		CALL(SYS_sched_yield);
		seat->yields++;
	}
	return NULL;
}
static long yields_of_others(void)
{
	long sum = 0;

	for (int i = 1; i < nseats; i++)
		sum += seats[i].yields;
	return sum;
}
static void all_have_begun(void)
{
	for (int i = 1; i < nseats; i++)
		while (!seats[i].yields)
			sched_yield();
}
/* An operation is a yield of anybody. */
static void yield_with_others(long count)
{
	long before = yields_of_others();

	while (count--)
		CALL(SYS_sched_yield);
	add_operations(yields_of_others() - before);
}
static void yield_threads(int count)
{
	threads_prepare(count, yielder);
	all_have_begun();
}
static void yield_2_threads(void)
{
	yield_threads(2);
}
static void yield_100_threads(void)
{
	yield_threads(100);
}
static void yield_processes(int count)
{
	seats_prepare(count);
	for (int i = 1; i < count; i++) {
		children[i] = fork();
		must(children[i] >= 0, "fork");
		if (!children[i]) {
			yielder(&seats[i]);
			_exit(0);
		}
	}
	all_have_begun();
}
static void yield_2_processes(void)
{
	yield_processes(2);
}
static void yield_100_processes(void)
{
	yield_processes(100);
}
static void processes_end(void)
{
	*stop = 1;
	for (int i = 1; i < nseats; i++)
		must(waitpid(children[i], NULL, 0) == children[i], "waitpid");
	seats_end();
}

/* ---- a ring: each waits for its turn and passes it on ---- */

static void take_turn(struct seat *seat)
{
	struct seat *next = &seats[(seat->number + 1) % nseats];

	while (!seat->turn && !*stop)
		CALL(SYS_futex, &seat->turn, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0);
	seat->turn = 0;
	next->turn = 1;
	CALL(SYS_futex, &next->turn, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
}
static void *ring_member(void *arg)
{
	while (!*stop)
		take_turn(arg);
	return NULL;
}
/* An operation is one passing: a wake, a wait and a switch. */
static void ring_around(long count)
{
	for (count /= nseats; count--; take_turn(&seats[0]))
		while (!seats[0].turn)
			CALL(SYS_futex, &seats[0].turn, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0);
}
static void ring_prepare(int count)
{
	threads_prepare(count, ring_member);
	seats[0].turn = 1;
	ring_around(count);
}
static void ring_of_2(void)
{
	ring_prepare(2);
}
static void ring_of_100(void)
{
	ring_prepare(100);
}

/* ---- sleeping while others sleep for long ---- */

static void *long_sleeper(void *arg)
{
	const struct timespec timespec = { NEVER_S, 0 };
	struct seat *seat = arg;

	seat->yields = 1;
	CALL(SYS_futex, &seat->turn, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 0, &timespec);
	return NULL;
}
static void beside_1000_sleepers(void)
{
	no_timer_slack();
	threads_prepare(MOST, long_sleeper);
	all_have_begun();
}

/* ---- the rows ---- */

static const struct row kernel_rows[] = {
	{ "ctxsw_yield_proc", 20000, yield_with_others, yield_2_processes, processes_end },
};
const struct group yield_group = { "kernel", kernel_rows, NELEMS(kernel_rows) };

static const struct row rows[] = {
	{ "sched_yield_thread_2", 20000, yield_with_others, yield_2_threads, threads_end },
	{ "sched_yield_thread_100", 2000, yield_with_others, yield_100_threads, threads_end },
	{ "sched_yield_process_2", 20000, yield_with_others, yield_2_processes, processes_end },
	{ "sched_yield_process_100", 2000, yield_with_others, yield_100_processes, processes_end },
	{ "sched_futex_ring_2", 2000, ring_around, ring_of_2, threads_end },
	{ "sched_futex_ring_100", 2000, ring_around, ring_of_100, threads_end },
	{ "sched_sleep_1us", 1000, sleep_1us, no_timer_slack, NULL },
	{ "sched_sleep_1us_beside_1000", 1000, sleep_1us, beside_1000_sleepers, threads_end },
};
const struct group sched_group = { "scheduling", rows, NELEMS(rows) };
