/* SPDX-License-Identifier: MIT */
/* Clocks, sleeping, interval timers and POSIX timers: as on Linux. */
#include "check.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

static volatile int count, last_signo;
static volatile siginfo_t info;

static void note(int sig, siginfo_t *si, void *context)
{
	info = *si;
	last_signo = sig;
	count++;
}

static void handle(int sig)
{
	struct sigaction action = { .sa_sigaction = note, .sa_flags = SA_SIGINFO };

	CHECK_EQ(sigaction(sig, &action, NULL), 0);
}

static long long now(clockid_t clock)
{
	struct timespec time;

	CHECK_EQ(clock_gettime(clock, &time), 0);
	return time.tv_sec * 1000000000ll + time.tv_nsec;
}

static void burn_ns(clockid_t clock, long long ns)
{
	long long end = now(clock) + ns;

	while (now(clock) < end)
		;
}

TEST(clocks_run)
{
	static const clockid_t all[] = {
		CLOCK_REALTIME,		 CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
		CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
		CLOCK_MONOTONIC_COARSE,	 CLOCK_BOOTTIME,      CLOCK_TAI
	};
	struct timespec reading;
	struct timeval tv;
	time_t first, second;

	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) {
		long long started, ended;

		CHECK_EQ(syscall(SYS_clock_gettime, all[i], &reading), 0);
		started = reading.tv_sec * 1000000000ll + reading.tv_nsec;
		burn_ns(CLOCK_MONOTONIC, 10000000);
		CHECK_EQ(syscall(SYS_clock_gettime, all[i], &reading), 0);
		ended = reading.tv_sec * 1000000000ll + reading.tv_nsec;
		CHECK(ended > started && ended - started < 2000000000);
		CHECK_EQ(clock_getres(all[i], &reading), 0);
	}
	CHECK_ERR(clock_gettime(99, &reading), EINVAL);
	CHECK_ERR(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 8L), EFAULT);
	CHECK_EQ(gettimeofday(&tv, NULL), 0);
	first = time(NULL);
	second = syscall(SYS_time, NULL);
	CHECK(second - first <= 1 && tv.tv_sec - first <= 1 && first > 1600000000);
}

TEST(a_thread_has_a_cpu_clock)
{
	clockid_t clock;

	CHECK_EQ(pthread_getcpuclockid(pthread_self(), &clock), 0);
	long long started = now(clock);

	burn_ns(CLOCK_MONOTONIC, 5000000);
	CHECK(now(clock) - started >= 1000000);
	CHECK_EQ(clock_getcpuclockid(0, &clock), 0);
	CHECK(now(clock) > 0);
}

TEST(sleeps_are_long_enough)
{
	static const long ns[] = { 0, 1, 1000, 50000, 1000000, 20000000 };
	struct timespec time;

	for (unsigned i = 0; i < sizeof(ns) / sizeof(*ns); i++) {
		long long started = now(CLOCK_MONOTONIC), took;

		time = (struct timespec){ 0, ns[i] };
		CHECK_EQ(nanosleep(&time, NULL), 0);
		took = now(CLOCK_MONOTONIC) - started;
		CHECK(took >= ns[i] && took < ns[i] + 300000000);
	}
	time = (struct timespec){ 0, 1000000000 };
	CHECK_ERR(nanosleep(&time, NULL), EINVAL);
	time = (struct timespec){ -1, 0 };
	CHECK_ERR(nanosleep(&time, NULL), EINVAL);
}

TEST(sleeps_until_a_time)
{
	static const clockid_t all[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME,
					 CLOCK_TAI };

	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) {
		long long until = now(all[i]) + 20000000;
		struct timespec time = { until / 1000000000, until % 1000000000 };

		CHECK_EQ(clock_nanosleep(all[i], TIMER_ABSTIME, &time, NULL), 0);
		CHECK(now(all[i]) >= until);
		CHECK_EQ(clock_nanosleep(all[i], TIMER_ABSTIME, &time, NULL), 0); /* past */
		time = (struct timespec){ 0, 1000000 };
		CHECK_EQ(clock_nanosleep(all[i], 0, &time, NULL), 0);
	}
	struct timespec set = { 0, 0 };

	CHECK_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &set, NULL), EINVAL);
	CHECK_EQ(clock_nanosleep(99, 0, &set, NULL), EINVAL);
}

TEST(setting_the_time)
{
	struct timespec set, timespec, m1;

	if (geteuid())
		return;
	clock_gettime(CLOCK_MONOTONIC, &timespec);
	set = (struct timespec){ 1700000000, 5 };
	CHECK_EQ(clock_settime(CLOCK_REALTIME, &set), 0);
	CHECK(time(NULL) - 1700000000 < 3);
	clock_gettime(CLOCK_MONOTONIC, &m1);
	CHECK(m1.tv_sec - timespec.tv_sec < 3);
	CHECK_ERR(clock_settime(CLOCK_MONOTONIC, &set), EINVAL);
	CHECK_EQ(setuid(1000), 0);
	CHECK_ERR(clock_settime(CLOCK_REALTIME, &set), EPERM);
	CHECK_ERR(settimeofday(&(struct timeval){ 1, 1 }, NULL), EPERM);
}

TEST(alarm_rings)
{
	long long started = now(CLOCK_MONOTONIC);

	handle(SIGALRM);
	alarm(5);
	CHECK_EQ(alarm(1), 5);
	while (!count)
		usleep(1000); /* pause() would miss one that came before it */
	CHECK(now(CLOCK_MONOTONIC) - started >= 990000000);
	CHECK_EQ(alarm(0), 0);
	CHECK_EQ(info.si_code, SI_KERNEL);
}

TEST(interval_timers)
{
	struct itimerval timer = { { 0, 5000 }, { 0, 5000 } }, old;
	long long started = now(CLOCK_MONOTONIC);

	handle(SIGALRM);
	CHECK_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
	CHECK_EQ(getitimer(ITIMER_REAL, &old), 0);
	CHECK(old.it_interval.tv_usec == 5000 && old.it_value.tv_usec > 0 &&
	      old.it_value.tv_usec <= 5000);
	while (count < 4)
		pause();
	CHECK(now(CLOCK_MONOTONIC) - started >= 19000000);
	memset(&timer, 0, sizeof(timer));
	CHECK_EQ(setitimer(ITIMER_REAL, &timer, &old), 0);
	int c = count;

	usleep(20000);
	CHECK_EQ(count, c);
	timer.it_value.tv_usec = 1000000;
	CHECK_ERR(setitimer(ITIMER_REAL, &timer, NULL), EINVAL);
	CHECK_ERR(setitimer(9, &timer, NULL), EINVAL);
}

TEST(cpu_interval_timers)
{
	struct itimerval timer = { { 0, 10000 }, { 0, 10000 } };

	handle(SIGPROF);
	handle(SIGVTALRM);
	CHECK_EQ(setitimer(ITIMER_PROF, &timer, NULL), 0);
	usleep(50000);
	CHECK(count <= 1); /* sleeping uses no CPU time */
	burn_ns(CLOCK_PROCESS_CPUTIME_ID, 60000000);
	CHECK(count >= 2);
	CHECK_EQ(last_signo, SIGPROF);
	memset(&timer.it_value, 0, sizeof(timer.it_value));
	CHECK_EQ(setitimer(ITIMER_PROF, &timer, NULL), 0);
	count = 0;
	timer.it_value.tv_usec = 10000;
	CHECK_EQ(setitimer(ITIMER_VIRTUAL, &timer, NULL), 0);
	for (volatile int i = 0; i < 300000000 && !count; i++)
		;
	CHECK(count > 0);
	CHECK_EQ(last_signo, SIGVTALRM);
}

TEST(cpu_time_is_limited)
{
	struct rlimit rlimit = { 1, 2 };
	int status;
	pid_t pid = fork();

	if (!pid) {
		CHECK_EQ(setrlimit(RLIMIT_CPU, &rlimit), 0);
		for (;;)
			;
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status & 0x7f, SIGXCPU);
	pid = fork();
	if (!pid) {
		signal(SIGXCPU, SIG_IGN);
		CHECK_EQ(setrlimit(RLIMIT_CPU, &rlimit), 0);
		for (;;)
			;
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status & 0x7f, SIGKILL);
}

/* ---- POSIX timers ---- */

static timer_t make(clockid_t clock, int notify, int sig, int value)
{
	struct sigevent sigevent = {
		.sigev_notify = notify,
		.sigev_signo = sig,
		.sigev_value.sival_int = value,
	};
	timer_t timer;

	CHECK_EQ(timer_create(clock, &sigevent, &timer), 0);
	return timer;
}

static struct itimerspec spec(long value_ns, long interval_ns)
{
	return (struct itimerspec){ { interval_ns / 1000000000, interval_ns % 1000000000 },
				    { value_ns / 1000000000, value_ns % 1000000000 } };
}

TEST(posix_timers_fire)
{
	struct itimerspec timer = spec(5000000, 5000000), left;
	timer_t posix_timer;

	handle(SIGUSR1);
	posix_timer = make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 42);
	CHECK_EQ(timer_gettime(posix_timer, &left), 0);
	CHECK(left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
	CHECK_EQ(timer_settime(posix_timer, 0, &timer, NULL), 0);
	while (count < 5)
		pause();
	CHECK(info.si_code == SI_TIMER && info.si_value.sival_int == 42 &&
	      info.si_signo == SIGUSR1);
	CHECK_EQ(timer_gettime(posix_timer, &left), 0);
	CHECK(left.it_interval.tv_nsec == 5000000 && left.it_value.tv_nsec <= 5000000);
	CHECK_EQ(timer_delete(posix_timer), 0);
	CHECK_ERR(syscall(SYS_timer_delete, 99), EINVAL);
	int c = count;

	usleep(20000);
	CHECK_EQ(count, c);
}

TEST(absolute_posix_timers)
{
	long long until = now(CLOCK_REALTIME) + 20000000;
	struct itimerspec timer = { { 0, 0 }, { until / 1000000000, until % 1000000000 } };
	timer_t posix_timer;

	handle(SIGUSR1);
	posix_timer = make(CLOCK_REALTIME, SIGEV_SIGNAL, SIGUSR1, 1);
	CHECK_EQ(timer_settime(posix_timer, TIMER_ABSTIME, &timer, NULL), 0);
	while (!count)
		usleep(1000); /* pause() would miss one that came before it */
	CHECK(now(CLOCK_REALTIME) >= until);
	CHECK_EQ(count, 1);
}

TEST(overruns_are_counted)
{
	struct itimerspec timer = spec(1000000, 1000000);
	sigset_t set;
	timer_t posix_timer;

	handle(SIGUSR1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	posix_timer = make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 1);
	CHECK_EQ(timer_settime(posix_timer, 0, &timer, NULL), 0);
	usleep(30000);
	timer = spec(0, 0);
	CHECK_EQ(count, 0);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	CHECK(count >= 1);
	CHECK(timer_getoverrun(posix_timer) >= 0);
	CHECK(info.si_overrun >= 0);
	CHECK_EQ(timer_settime(posix_timer, 0, &timer, NULL), 0);
	CHECK(count < 20);
}

TEST(silent_timers)
{
	struct itimerspec timer = spec(200000000, 0), left;
	timer_t posix_timer = make(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);

	CHECK_EQ(timer_settime(posix_timer, 0, &timer, NULL), 0);
	CHECK_EQ(timer_gettime(posix_timer, &left), 0);
	CHECK(left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 200000000);
	usleep(250000);
	CHECK_EQ(timer_gettime(posix_timer, &left), 0);
	CHECK_EQ(left.it_value.tv_nsec, 0);
}

TEST(timers_on_cpu_time)
{
	struct itimerspec timer = spec(20000000, 0);
	timer_t posix_timer, other;

	handle(SIGUSR1);
	handle(SIGUSR2);
	posix_timer = make(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR1, 1);
	other = make(CLOCK_THREAD_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR2, 1);
	CHECK_EQ(timer_settime(posix_timer, 0, &timer, NULL), 0);
	CHECK_EQ(timer_settime(other, 0, &timer, NULL), 0);
	usleep(60000);
	CHECK_EQ(count, 0);
	burn_ns(CLOCK_PROCESS_CPUTIME_ID, 60000000);
	CHECK_EQ(count, 2);
}

static volatile int called;
static void call(union sigval value)
{
	called = value.sival_int;
}

TEST(timers_that_start_threads)
{
	struct sigevent sigevent = {
		.sigev_notify = SIGEV_THREAD,
		.sigev_notify_function = call,
		.sigev_value.sival_int = 9,
	};
	struct itimerspec timer = spec(5000000, 0);
	timer_t posix_timer;

	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &sigevent, &posix_timer), 0);
	CHECK_EQ(timer_settime(posix_timer, 0, &timer, NULL), 0);
	for (int i = 0; i < 1000 && !called; i++)
		usleep(1000);
	CHECK_EQ(called, 9);
	CHECK_EQ(timer_delete(posix_timer), 0);
}

/* ---- floods ---- */

#define FLOOD_TIMERS 400

static void flood_posix(int clock, int notify, long ns, int count)
{
	struct itimerspec timer = spec(ns, ns);
	/* The kernel's struct sigevent: the two C libraries name the last differently. */
	struct {
		long value;
		int signo, notify, tid, pad[11];
	} ev = { 0, SIGALRM, notify, (int)syscall(SYS_gettid), { 0 } };

	for (int i = 0; i < count; i++) {
		int id;

		if (syscall(SYS_timer_create, clock, &ev, &id))
			break; /* the limit of pending signals */
		CHECK_EQ(syscall(SYS_timer_settime, id, 0, &timer, NULL), 0);
	}
}

static void flood_process(int kind)
{
	struct itimerval timer = { { 0, 1 }, { 0, 1 } };

	signal(SIGALRM, SIG_IGN);
	signal(SIGVTALRM, SIG_IGN);
	signal(SIGPROF, SIG_IGN);
	switch (kind) {
	case 0: flood_posix(CLOCK_MONOTONIC, SIGEV_SIGNAL, 1, 1); break;
	case 1: flood_posix(CLOCK_REALTIME, SIGEV_THREAD_ID, 1000, FLOOD_TIMERS); break;
	case 2: flood_posix(CLOCK_BOOTTIME, SIGEV_NONE, 1, FLOOD_TIMERS); break;
	case 3:
		flood_posix(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, 1, FLOOD_TIMERS);
		for (;;)
			;
	case 4: CHECK_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0); break;
	case 5:
		CHECK_EQ(setitimer(ITIMER_PROF, &timer, NULL), 0);
		CHECK_EQ(setitimer(ITIMER_VIRTUAL, &timer, NULL), 0);
		for (;;)
			;
	}
	for (;;)
		pause();
}

/* Whatever one process has running, another sleeps as long as it wants to, and runs. */
TEST(floods_of_timers_leave_time_for_others)
{
	for (int kind = 0; kind < 6; kind++) {
		pid_t pid = CHILD((flood_process(kind), 0));
		long start;

		usleep(20000);
		for (int beat = 0; beat < 10; beat++) {
			start = now_ms();
			usleep(5000);
			CHECK(now_ms() - start < 2000);
		}
		CHECK_EQ(kill(pid, SIGKILL), 0);
		CHECK_EQ(wait_status(pid), SIGKILL);
	}
}

static volatile int came_back;

static void *takes_alarms(void *set)
{
	CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, set, NULL), 0);
	came_back = 1;
	return NULL;
}

/* Taking the signals out lasts no longer than there are timers, however short their periods. */
TEST(signals_of_cpu_timers_come_to_an_end)
{
	pthread_t thread;
	sigset_t set;

	signal(SIGALRM, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0); /* so they are sent, though ignored */
	flood_posix(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, 1, FLOOD_TIMERS);
	burn_ns(CLOCK_PROCESS_CPUTIME_ID, 10000000);
	CHECK_EQ(pthread_create(&thread, NULL, takes_alarms, &set), 0);
	for (int i = 0; i < 500 && !came_back; i++)
		usleep(10000);
	CHECK(came_back);
	_exit(0);
}

static void *sleeper(void *until)
{
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, until, NULL), 0);
	return NULL;
}

TEST(many_threads_wake_at_one_time)
{
	static pthread_t threads[300];
	struct timespec until;
	pthread_attr_t small;
	int count;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 16384);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	for (count = 0; count < 300 && !pthread_create(&threads[count], &small, sleeper, &until);
	     count++)
		;
	CHECK(count > 30);
	while (count--)
		CHECK_EQ(pthread_join(threads[count], NULL), 0);
	CHECK(now_ms() - (until.tv_sec * 1000 + until.tv_nsec / 1000000) < 4000);
}

/* Ignored or not taken, its periods are over; then it goes on. */
TEST(interval_timers_outlast_their_signal)
{
	struct itimerval timer = { { 0, 1000 }, { 0, 1000 } };
	sigset_t alarms;

	signal(SIGALRM, SIG_IGN);
	CHECK_EQ(setitimer(ITIMER_REAL, &timer, NULL), 0);
	usleep(20000);
	handle(SIGALRM);
	while (count < 3)
		pause();
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &alarms, NULL), 0);
	usleep(20000);
	count = 0;
	signal(SIGALRM, SIG_IGN); /* the pending one is thrown away */
	handle(SIGALRM);
	CHECK_EQ(sigprocmask(SIG_UNBLOCK, &alarms, NULL), 0);
	while (count < 3)
		pause();
}

/* An ignored timer counts, too, though it is not looked at in each period. */
TEST(overruns_of_an_ignored_timer_are_counted)
{
	struct itimerspec timer = spec(100000, 100000);
	siginfo_t taken;
	sigset_t set;
	timer_t posix_timer;

	signal(SIGUSR1, SIG_IGN);
	posix_timer = make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 1);
	CHECK_EQ(timer_settime(posix_timer, 0, &timer, NULL), 0);
	usleep(50000);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_EQ(sigwaitinfo(&set, &taken), SIGUSR1);
	CHECK(taken.si_overrun >= 490);
}

TEST(silent_timers_go_round)
{
	struct itimerspec timer = spec(1000000, 7000000), left;
	timer_t posix_timer = make(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);

	CHECK_EQ(timer_settime(posix_timer, 0, &timer, NULL), 0);
	for (int i = 0; i < 4; i++) {
		usleep(3000);
		CHECK_EQ(timer_gettime(posix_timer, &left), 0);
		CHECK(left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 7000000);
	}
}

TEST(timer_arguments_are_checked)
{
	struct sigevent sigevent = { .sigev_notify = 77 };
	struct itimerspec timer = spec(1, 0);
	int id;

	CHECK_ERR(syscall(SYS_timer_create, 99, NULL, &id), EINVAL);
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &sigevent, &id), EINVAL);
	sigevent.sigev_notify = SIGEV_SIGNAL;
	sigevent.sigev_signo = 65;
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &sigevent, &id), EINVAL);
	sigevent.sigev_signo = SIGUSR1;
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &sigevent, 8L), EFAULT);
	CHECK_EQ(syscall(SYS_timer_create, CLOCK_MONOTONIC, &sigevent, &id), 0);
	timer.it_value.tv_nsec = 1000000000;
	CHECK_ERR(syscall(SYS_timer_settime, id, 0, &timer, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_timer_settime, id + 1000, 0, &timer, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_timer_gettime, id + 1000, &timer), EINVAL);
	CHECK_ERR(syscall(SYS_timer_getoverrun, id + 1000), EINVAL);
}

TEST(timers_end_with_the_program)
{
	struct itimerspec timer = spec(1000000, 1000000);

	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid) {
			signal(SIGUSR1, SIG_IGN);
			for (int round = 0; round < 10; round++)
				CHECK_EQ(timer_settime(make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1,
							    round),
						       0, &timer, NULL),
					 0);
			usleep(3000);
			_exit(0);
		}
		CHECK_EQ(waitpid(pid, NULL, 0), pid);
	}
}

static atomic_int last_timer, over;

static void *delete_the_next(void *unused)
{
	while (!atomic_load(&over))
		for (int id = 1; id <= 16; id++)
			syscall(SYS_timer_delete, atomic_load(&last_timer) + id);
	return NULL;
}

/* A creation that cannot tell the number is undone by its own thread alone. */
TEST(a_timer_whose_number_cannot_be_told_does_not_exist)
{
	long long end = now(CLOCK_MONOTONIC) + 700000000;
	pthread_t other;
	int id;

	CHECK(!pthread_create(&other, NULL, delete_the_next, NULL));
	for (int i = 0; now(CLOCK_MONOTONIC) < end; i++) {
		CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, NULL), EFAULT);
		if (i % 8)
			continue;
		CHECK_EQ(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id), 0);
		atomic_store(&last_timer, id);
		syscall(SYS_timer_delete, id);
	}
	atomic_store(&over, 1);
	CHECK(!pthread_join(other, NULL));
}

/* Setting the clock looks at the timers of every process, those that end included. */
TEST(the_clock_is_set_while_programs_with_timers_end)
{
	long long end = now(CLOCK_MONOTONIC) + 700000000;
	pid_t setter = fork();

	while (!setter) {
		struct timespec time;

		clock_gettime(CLOCK_REALTIME, &time);
		if (clock_settime(CLOCK_REALTIME, &time))
			_exit(1); /* only as root */
	}
	while (now(CLOCK_MONOTONIC) < end)
		CHECK_EQ(wait_status(CHILD(syscall(SYS_timer_create, CLOCK_REALTIME, NULL,
						   &(int){ 0 }) != 0)),
			 0);
	kill(setter, SIGKILL);
	CHECK_EQ(waitpid(setter, NULL, 0), setter);
}

int main(int argc, char **argv)
{
#define R(test)                                          \
	do {                                             \
		if (argc < 2 || !strcmp(argv[1], #test)) \
			RUN(test);                       \
	} while (0)
	R(clocks_run);
	R(a_thread_has_a_cpu_clock);
	R(sleeps_are_long_enough);
	R(sleeps_until_a_time);
	R(setting_the_time);
	R(alarm_rings);
	R(interval_timers);
	R(cpu_interval_timers);
	R(cpu_time_is_limited);
	R(posix_timers_fire);
	R(absolute_posix_timers);
	R(overruns_are_counted);
	R(silent_timers);
	R(timers_on_cpu_time);
	R(timers_that_start_threads);
	R(floods_of_timers_leave_time_for_others);
	R(signals_of_cpu_timers_come_to_an_end);
	R(many_threads_wake_at_one_time);
	R(interval_timers_outlast_their_signal);
	R(overruns_of_an_ignored_timer_are_counted);
	R(silent_timers_go_round);
	R(timer_arguments_are_checked);
	R(timers_end_with_the_program);
	R(the_clock_is_set_while_programs_with_timers_end);
	R(a_timer_whose_number_cannot_be_told_does_not_exist);
	return check_done();
}
