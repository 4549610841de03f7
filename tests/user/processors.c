/* SPDX-License-Identifier: MIT */
/*
 * Several processors as a program sees them: each can be used, affinity is
 * obeyed, threads spread, there is one clock, and numbers are used once. With one processor the same
 * holds; a test of more fails unless every processor took part.
 */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#define MAX_CPUS 64
#define LIMIT_MS 10000

static int nr_cpus;
static atomic_ullong seen; /* processors that took part */
static atomic_int stop;

static unsigned long long all_cpus(void)
{
	if (nr_cpus == 64)
		return ~0ull;
	return (1ull << nr_cpus) - 1;
}

static void note_cpu(void)
{
	atomic_fetch_or(&seen, 1ull << sched_getcpu());
}

static int pin(unsigned long long cpus)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int i = 0; i < MAX_CPUS; i++)
		if (cpus >> i & 1)
			CPU_SET(i, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

static uint64_t now_ns(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static void start_all(pthread_t *threads, int count, void *(*fn)(void *))
{
	for (int i = 0; i < count; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, fn, (void *)(intptr_t)i), 0);
}

static void join_all(pthread_t *threads, int count)
{
	for (int i = 0; i < count; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
}

/* ---- affinity ---- */

TEST(every_processor_can_be_chosen)
{
	for (int i = 0; i < nr_cpus; i++) {
		CHECK_EQ(pin(1ull << i), 0);
		for (int round = 0; round < 20; round++) {
			CHECK_EQ(sched_getcpu(), i);
			sched_yield();
		}
		pause_ms(2); /* and after sleeping */
		CHECK_EQ(sched_getcpu(), i);
		note_cpu();
	}
	CHECK(seen == all_cpus());
	CHECK_EQ(pin(all_cpus()), 0);
}

static void *pinned_spinner(void *arg)
{
	int cpu = (intptr_t)arg % nr_cpus;

	CHECK_EQ(pin(1ull << cpu), 0);
	while (!atomic_load(&stop)) {
		CHECK_EQ(sched_getcpu(), cpu);
		note_cpu();
	}
	return NULL;
}

TEST(pinned_threads_stay_under_load)
{
	pthread_t threads[2 * MAX_CPUS];
	int count = nr_cpus > 8 ? nr_cpus : 2 * nr_cpus;
	long end = now_ms() + LIMIT_MS;

	start_all(threads, count, pinned_spinner);
	pause_ms(200);
	while (seen != all_cpus() && now_ms() < end)
		pause_ms(10);
	stop = 1;
	join_all(threads, count);
	CHECK(seen == all_cpus());
}

TEST(a_running_thread_is_moved_at_once)
{
	for (int round = 0; round < 50; round++)
		for (int i = 0; i < nr_cpus; i++) {
			CHECK_EQ(pin(1ull << i), 0);
			CHECK_EQ(sched_getcpu(), i);
		}
}

/* ---- spreading ---- */

static void *free_spinner(void *arg)
{
	while (!atomic_load(&stop))
		note_cpu();
	return NULL;
}

TEST(runnable_threads_spread_over_processors)
{
	pthread_t threads[MAX_CPUS];
	long end = now_ms() + LIMIT_MS;

	start_all(threads, nr_cpus, free_spinner);
	while (seen != all_cpus() && now_ms() < end)
		pause_ms(10);
	stop = 1;
	join_all(threads, nr_cpus);
	CHECK(seen == all_cpus());
}

static atomic_int crowd_moved;

/* Starts where all others are, and may go anywhere. */
static void *crowd_spinner(void *arg)
{
	CHECK_EQ(pin(all_cpus()), 0);
	while (!atomic_load(&stop))
		if (sched_getcpu() != 0)
			crowd_moved = 1;
	return NULL;
}

/* No processor idles, yet one has much more to do than the others: it gives away. */
TEST(a_crowd_is_shared_by_busy_processors)
{
	pthread_t busy[MAX_CPUS], crowd[4];
	long end = now_ms() + LIMIT_MS;

	if (nr_cpus == 1)
		return;
	start_all(busy, nr_cpus, pinned_spinner);
	while (seen != all_cpus() && now_ms() < end)
		pause_ms(1);
	CHECK(seen == all_cpus());
	CHECK_EQ(pin(1), 0); /* which the crowd inherits */
	start_all(crowd, 4, crowd_spinner);
	while (!crowd_moved && now_ms() < end)
		pause_ms(10);
	stop = 1;
	join_all(busy, nr_cpus);
	join_all(crowd, 4);
	CHECK(crowd_moved);
}

/* ---- the clock ---- */

static _Atomic uint64_t latest;
static atomic_int backwards;

static void *clock_reader(void *arg)
{
	int cpu = (intptr_t)arg;

	CHECK_EQ(pin(1ull << cpu), 0);
	while (!atomic_load(&stop)) {
		uint64_t before = atomic_load(&latest), time = now_ns(CLOCK_MONOTONIC);

		if (time < before)
			backwards = 1;
		while (before < time && !atomic_compare_exchange_weak(&latest, &before, time))
			;
		note_cpu();
	}
	return NULL;
}

TEST(the_clock_never_goes_backwards_over_processors)
{
	pthread_t threads[MAX_CPUS];
	long end = now_ms() + LIMIT_MS;

	start_all(threads, nr_cpus, clock_reader);
	pause_ms(500);
	while (seen != all_cpus() && now_ms() < end)
		pause_ms(10);
	stop = 1;
	join_all(threads, nr_cpus);
	CHECK(!backwards);
	CHECK(seen == all_cpus());
}

TEST(the_clock_never_goes_backwards_for_who_moves)
{
	uint64_t last = now_ns(CLOCK_MONOTONIC);
	long end = now_ms() + 300;

	for (int i = 0; now_ms() < end || i < 2 * nr_cpus; i++) {
		uint64_t time;

		CHECK_EQ(pin(1ull << i % nr_cpus), 0);
		for (int round = 0; round < 10; round++) {
			time = now_ns(CLOCK_MONOTONIC);
			CHECK(time >= last);
			last = time;
		}
	}
}

/* ---- the vDSO, watched one instruction at a time ---- */

#define TRAP_FLAG 0x100

static volatile int watching, steps, system_calls;

static void step(int sig, siginfo_t *info, void *context)
{
	ucontext_t *u = context;
	const unsigned char *code = (void *)u->uc_mcontext.gregs[REG_RIP];

	steps++;
	system_calls += code[0] == 0x0f && code[1] == 0x05;
	if (watching)
		u->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
	else
		u->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
}

/* Let the processor stop behind each instruction until watching is cleared. */
static inline void watch(void)
{
	struct sigaction action = { .sa_sigaction = step, .sa_flags = SA_SIGINFO };

	sigaction(SIGTRAP, &action, NULL);
	watching = 1;
	__asm__ volatile("pushfq; orq %0, (%%rsp); popfq" ::"i"(TRAP_FLAG) : "memory", "cc");
}

TEST(reading_the_clock_makes_no_system_call)
{
	struct timespec reading[4];
	struct timeval tv;
	time_t seconds;

	CHECK(getauxval(AT_SYSINFO_EHDR) != 0);
	clock_gettime(CLOCK_MONOTONIC, &reading[0]); /* the C library looks for the vDSO */
	gettimeofday(&tv, NULL);
	time(&seconds);
	watch();
	clock_gettime(CLOCK_MONOTONIC, &reading[0]);
	clock_gettime(CLOCK_REALTIME, &reading[1]);
	clock_gettime(CLOCK_BOOTTIME, &reading[2]);
	gettimeofday(&tv, NULL);
	watching = 0;
	CHECK(steps > 40);
	CHECK_EQ(system_calls, 0);
	CHECK(reading[0].tv_sec || reading[0].tv_nsec);
	CHECK(reading[1].tv_sec > 1600000000 && tv.tv_sec - reading[1].tv_sec <= 1);
}

TEST(watching_sees_a_system_call)
{
	watch();
	getppid();
	watching = 0;
	CHECK_EQ(system_calls, 1);
}

/* ---- numbers of processes and threads ---- */

#define NUMBERS	      32768
#define NUMBER_ROUNDS 100 /* some blocks of numbers for each processor */

static struct {
	atomic_int users[NUMBERS];
	atomic_int doubled;
	atomic_ullong seen;
} * numbers; /* of all processes */

static void number_begins(pid_t number)
{
	if (number <= 0 || number >= NUMBERS || atomic_fetch_add(&numbers->users[number], 1))
		atomic_fetch_add(&numbers->doubled, 1);
}

static void number_ends(pid_t number)
{
	atomic_fetch_sub(&numbers->users[number], 1);
}

static void *numbered_thread(void *arg)
{
	pid_t tid = gettid();

	number_begins(tid);
	sched_yield();
	number_ends(tid);
	return arg;
}

/* A process and a thread that exist at the same time, beside those of other processors. */
static void use_numbers(void)
{
	pthread_t thread;
	pid_t child = fork();

	if (!child) {
		pause();
		_exit(1);
	}
	CHECK(child > 0);
	number_begins(child);
	CHECK_EQ(pthread_create(&thread, NULL, numbered_thread, NULL), 0);
	CHECK_EQ(getpgid(child), getpgrp());
	CHECK_EQ(kill(child, SIGKILL), 0);
	pthread_join(thread, NULL);
	number_ends(child); /* it stays a zombie until here */
	CHECK_EQ(waitpid(child, NULL, 0), child);
	atomic_fetch_or(&numbers->seen, 1ull << sched_getcpu());
}

TEST(each_number_is_used_once_at_a_time)
{
	int status;

	numbers = mmap(NULL, sizeof(*numbers), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	CHECK(numbers != MAP_FAILED);
	for (int cpu = 0; cpu < nr_cpus; cpu++) {
		if (fork())
			continue;
		CHECK_EQ(pin(1ull << cpu), 0);
		for (int i = 0; i < NUMBER_ROUNDS; i++)
			use_numbers();
		_exit(0);
	}
	while (wait(&status) > 0)
		CHECK_EQ(status, 0);
	CHECK_EQ(numbers->doubled, 0);
	CHECK_EQ(numbers->seen, all_cpus());
}

/* ---- descriptors of one table ---- */

#define HELD		    60 /* so that the others are on both sides of a word's end, where tables grow */
#define EACH		    5
#define FD_ROUNDS	    400
#define FD_CLOEXEC_OF(i, j) (((i) + (j)) % 3 == 0)

static int first_fd;

/* Opens and closes, in changing order. No more than EACH a thread are open at a time. */
static void *fd_user(void *arg)
{
	int fds[EACH];

	CHECK_EQ(pin(1ull << (intptr_t)arg), 0);
	for (int i = 0; i < FD_ROUNDS; i++) {
		for (int j = 0; j < EACH; j++) {
			fds[j] = fcntl(STDIN_FILENO,
				       FD_CLOEXEC_OF(i, j) ? F_DUPFD_CLOEXEC : F_DUPFD, 0);
			CHECK(fds[j] >= first_fd && fds[j] < first_fd + EACH * nr_cpus);
		}
		for (int j = 0; j < EACH; j++) {
			int fd = fds[(i + j * 2) % EACH];

			CHECK_EQ(fcntl(fd, F_GETFD),
				 FD_CLOEXEC_OF(i, (i + j * 2) % EACH) ? FD_CLOEXEC : 0);
			CHECK_EQ(close(fd), 0);
		}
		note_cpu();
	}
	return NULL;
}

TEST(descriptors_are_the_lowest_on_all_processors)
{
	pthread_t threads[MAX_CPUS];
	int lowest = dup(STDIN_FILENO);

	for (int i = lowest; i < HELD; i++)
		CHECK_EQ(dup(STDIN_FILENO), i + 1);
	first_fd = HELD + 1;
	start_all(threads, nr_cpus, fd_user);
	join_all(threads, nr_cpus);
	CHECK_EQ(seen, all_cpus());
	CHECK_EQ(dup(STDIN_FILENO), first_fd);
	CHECK_EQ(close(lowest), 0);
	CHECK_EQ(dup(STDIN_FILENO), lowest);
	for (int i = first_fd + 1; i < 4 * HELD; i++)
		CHECK_EQ(dup(STDIN_FILENO), i);
	CHECK_EQ(close(HELD), 0);
	CHECK_EQ(close(2 * HELD), 0);
	CHECK_EQ(fcntl(STDIN_FILENO, F_DUPFD, HELD + 1), 2 * HELD);
	CHECK_EQ(dup(STDIN_FILENO), HELD);
	CHECK_EQ(dup(STDIN_FILENO), 4 * HELD);
}

/* With any argument: not the vDSO, which can't read a clock that is no TSC. */
int main(int argc, char **argv)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	nr_cpus = CPU_COUNT(&set);
	RUN(every_processor_can_be_chosen);
	RUN(pinned_threads_stay_under_load);
	RUN(a_running_thread_is_moved_at_once);
	RUN(runnable_threads_spread_over_processors);
	RUN(a_crowd_is_shared_by_busy_processors);
	RUN(the_clock_never_goes_backwards_over_processors);
	RUN(the_clock_never_goes_backwards_for_who_moves);
	if (argc == 1)
		RUN(reading_the_clock_makes_no_system_call);
	RUN(watching_sees_a_system_call);
	RUN(each_number_is_used_once_at_a_time);
	RUN(descriptors_are_the_lowest_on_all_processors);
	return check_done();
}
