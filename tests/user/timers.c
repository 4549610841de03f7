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

static void note(int sig, siginfo_t *si, void *uc)
{
	info = *si;
	last_signo = sig;
	count++;
}

static void handle(int sig)
{
	struct sigaction sa = { .sa_sigaction = note, .sa_flags = SA_SIGINFO };

	CHECK_EQ(sigaction(sig, &sa, NULL), 0);
}

static long long now(clockid_t c)
{
	struct timespec t;

	CHECK_EQ(clock_gettime(c, &t), 0);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void burn_ns(clockid_t c, long long ns)
{
	long long end = now(c) + ns;

	while (now(c) < end)
		;
}

TEST(clocks_run)
{
	static const clockid_t all[] = {
		CLOCK_REALTIME,		 CLOCK_MONOTONIC,     CLOCK_PROCESS_CPUTIME_ID,
		CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE,
		CLOCK_MONOTONIC_COARSE,	 CLOCK_BOOTTIME,      CLOCK_TAI
	};
	struct timespec t;
	struct timeval tv;
	time_t a, b;

	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) {
		long long t0, t1;

		CHECK_EQ(syscall(SYS_clock_gettime, all[i], &t), 0);
		t0 = t.tv_sec * 1000000000ll + t.tv_nsec;
		burn_ns(CLOCK_MONOTONIC, 10000000);
		CHECK_EQ(syscall(SYS_clock_gettime, all[i], &t), 0);
		t1 = t.tv_sec * 1000000000ll + t.tv_nsec;
		CHECK(t1 > t0 && t1 - t0 < 2000000000);
		CHECK_EQ(clock_getres(all[i], &t), 0);
	}
	CHECK_ERR(clock_gettime(99, &t), EINVAL);
	CHECK_ERR(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, 8L), EFAULT);
	CHECK_EQ(gettimeofday(&tv, NULL), 0);
	a = time(NULL);
	b = syscall(SYS_time, NULL);
	CHECK(b - a <= 1 && tv.tv_sec - a <= 1 && a > 1600000000);
}

TEST(a_thread_has_a_cpu_clock)
{
	clockid_t c;

	CHECK_EQ(pthread_getcpuclockid(pthread_self(), &c), 0);
	long long t0 = now(c);

	burn_ns(CLOCK_MONOTONIC, 5000000);
	CHECK(now(c) - t0 >= 1000000);
	CHECK_EQ(clock_getcpuclockid(0, &c), 0);
	CHECK(now(c) > 0);
}

TEST(sleeps_are_long_enough)
{
	static const long ns[] = { 0, 1, 1000, 50000, 1000000, 20000000 };
	struct timespec t;

	for (unsigned i = 0; i < sizeof(ns) / sizeof(*ns); i++) {
		long long t0 = now(CLOCK_MONOTONIC), d;

		t = (struct timespec){ 0, ns[i] };
		CHECK_EQ(nanosleep(&t, NULL), 0);
		d = now(CLOCK_MONOTONIC) - t0;
		CHECK(d >= ns[i] && d < ns[i] + 300000000);
	}
	t = (struct timespec){ 0, 1000000000 };
	CHECK_ERR(nanosleep(&t, NULL), EINVAL);
	t = (struct timespec){ -1, 0 };
	CHECK_ERR(nanosleep(&t, NULL), EINVAL);
}

TEST(sleeps_until_a_time)
{
	static const clockid_t all[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME,
					 CLOCK_TAI };

	for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++) {
		long long until = now(all[i]) + 20000000;
		struct timespec t = { until / 1000000000, until % 1000000000 };

		CHECK_EQ(clock_nanosleep(all[i], TIMER_ABSTIME, &t, NULL), 0);
		CHECK(now(all[i]) >= until);
		CHECK_EQ(clock_nanosleep(all[i], TIMER_ABSTIME, &t, NULL), 0); /* past */
		t = (struct timespec){ 0, 1000000 };
		CHECK_EQ(clock_nanosleep(all[i], 0, &t, NULL), 0);
	}
	struct timespec t = { 0, 0 };

	CHECK_EQ(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &t, NULL), EINVAL);
	CHECK_EQ(clock_nanosleep(99, 0, &t, NULL), EINVAL);
}

TEST(setting_the_time)
{
	struct timespec t, m0, m1;

	if (geteuid())
		return;
	clock_gettime(CLOCK_MONOTONIC, &m0);
	t = (struct timespec){ 1700000000, 5 };
	CHECK_EQ(clock_settime(CLOCK_REALTIME, &t), 0);
	CHECK(time(NULL) - 1700000000 < 3);
	clock_gettime(CLOCK_MONOTONIC, &m1);
	CHECK(m1.tv_sec - m0.tv_sec < 3);
	CHECK_ERR(clock_settime(CLOCK_MONOTONIC, &t), EINVAL);
	CHECK_EQ(setuid(1000), 0);
	CHECK_ERR(clock_settime(CLOCK_REALTIME, &t), EPERM);
	CHECK_ERR(settimeofday(&(struct timeval){ 1, 1 }, NULL), EPERM);
}

TEST(alarm_rings)
{
	long long t0 = now(CLOCK_MONOTONIC);

	handle(SIGALRM);
	alarm(5);
	CHECK_EQ(alarm(1), 5);
	while (!count)
		pause();
	CHECK(now(CLOCK_MONOTONIC) - t0 >= 990000000);
	CHECK_EQ(alarm(0), 0);
	CHECK_EQ(info.si_code, SI_KERNEL);
}

TEST(interval_timers)
{
	struct itimerval it = { { 0, 5000 }, { 0, 5000 } }, old;
	long long t0 = now(CLOCK_MONOTONIC);

	handle(SIGALRM);
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	CHECK_EQ(getitimer(ITIMER_REAL, &old), 0);
	CHECK(old.it_interval.tv_usec == 5000 && old.it_value.tv_usec > 0 &&
	      old.it_value.tv_usec <= 5000);
	while (count < 4)
		pause();
	CHECK(now(CLOCK_MONOTONIC) - t0 >= 19000000);
	memset(&it, 0, sizeof(it));
	CHECK_EQ(setitimer(ITIMER_REAL, &it, &old), 0);
	int c = count;

	usleep(20000);
	CHECK_EQ(count, c);
	it.it_value.tv_usec = 1000000;
	CHECK_ERR(setitimer(ITIMER_REAL, &it, NULL), EINVAL);
	CHECK_ERR(setitimer(9, &it, NULL), EINVAL);
}

TEST(cpu_interval_timers)
{
	struct itimerval it = { { 0, 10000 }, { 0, 10000 } };

	handle(SIGPROF);
	handle(SIGVTALRM);
	CHECK_EQ(setitimer(ITIMER_PROF, &it, NULL), 0);
	usleep(50000);
	CHECK(count <= 1); /* sleeping uses no CPU time */
	burn_ns(CLOCK_PROCESS_CPUTIME_ID, 60000000);
	CHECK(count >= 2);
	CHECK_EQ(last_signo, SIGPROF);
	memset(&it.it_value, 0, sizeof(it.it_value));
	CHECK_EQ(setitimer(ITIMER_PROF, &it, NULL), 0);
	count = 0;
	it.it_value.tv_usec = 10000;
	CHECK_EQ(setitimer(ITIMER_VIRTUAL, &it, NULL), 0);
	for (volatile int i = 0; i < 300000000 && !count; i++)
		;
	CHECK(count > 0);
	CHECK_EQ(last_signo, SIGVTALRM);
}

TEST(cpu_time_is_limited)
{
	struct rlimit l = { 1, 2 };
	int st;
	pid_t pid = fork();

	if (!pid) {
		CHECK_EQ(setrlimit(RLIMIT_CPU, &l), 0);
		for (;;)
			;
	}
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK_EQ(st & 0x7f, SIGXCPU);
	pid = fork();
	if (!pid) {
		signal(SIGXCPU, SIG_IGN);
		CHECK_EQ(setrlimit(RLIMIT_CPU, &l), 0);
		for (;;)
			;
	}
	CHECK_EQ(waitpid(pid, &st, 0), pid);
	CHECK_EQ(st & 0x7f, SIGKILL);
}

/* ---- POSIX timers ---- */

static timer_t make(clockid_t clock, int notify, int sig, int value)
{
	struct sigevent ev = {
		.sigev_notify = notify,
		.sigev_signo = sig,
		.sigev_value.sival_int = value,
	};
	timer_t t;

	CHECK_EQ(timer_create(clock, &ev, &t), 0);
	return t;
}

static struct itimerspec spec(long value_ns, long interval_ns)
{
	return (struct itimerspec){ { interval_ns / 1000000000, interval_ns % 1000000000 },
				    { value_ns / 1000000000, value_ns % 1000000000 } };
}

TEST(posix_timers_fire)
{
	struct itimerspec it = spec(5000000, 5000000), left;
	timer_t t;

	handle(SIGUSR1);
	t = make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 42);
	CHECK_EQ(timer_gettime(t, &left), 0);
	CHECK(left.it_value.tv_sec == 0 && left.it_value.tv_nsec == 0);
	CHECK_EQ(timer_settime(t, 0, &it, NULL), 0);
	while (count < 5)
		pause();
	CHECK(info.si_code == SI_TIMER && info.si_value.sival_int == 42 &&
	      info.si_signo == SIGUSR1);
	CHECK_EQ(timer_gettime(t, &left), 0);
	CHECK(left.it_interval.tv_nsec == 5000000 && left.it_value.tv_nsec <= 5000000);
	CHECK_EQ(timer_delete(t), 0);
	CHECK_ERR(syscall(SYS_timer_delete, 99), EINVAL);
	int c = count;

	usleep(20000);
	CHECK_EQ(count, c);
}

TEST(absolute_posix_timers)
{
	long long until = now(CLOCK_REALTIME) + 20000000;
	struct itimerspec it = { { 0, 0 }, { until / 1000000000, until % 1000000000 } };
	timer_t t;

	handle(SIGUSR1);
	t = make(CLOCK_REALTIME, SIGEV_SIGNAL, SIGUSR1, 1);
	CHECK_EQ(timer_settime(t, TIMER_ABSTIME, &it, NULL), 0);
	while (!count)
		pause();
	CHECK(now(CLOCK_REALTIME) >= until);
	CHECK_EQ(count, 1);
}

TEST(overruns_are_counted)
{
	struct itimerspec it = spec(1000000, 1000000);
	sigset_t s;
	timer_t t;

	handle(SIGUSR1);
	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	sigprocmask(SIG_BLOCK, &s, NULL);
	t = make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 1);
	CHECK_EQ(timer_settime(t, 0, &it, NULL), 0);
	usleep(30000);
	it = spec(0, 0);
	CHECK_EQ(count, 0);
	sigprocmask(SIG_UNBLOCK, &s, NULL);
	CHECK(count >= 1);
	CHECK(timer_getoverrun(t) >= 0);
	CHECK(info.si_overrun >= 0);
	CHECK_EQ(timer_settime(t, 0, &it, NULL), 0);
	CHECK(count < 20);
}

TEST(silent_timers)
{
	struct itimerspec it = spec(10000000, 0), left;
	timer_t t = make(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);

	CHECK_EQ(timer_settime(t, 0, &it, NULL), 0);
	CHECK_EQ(timer_gettime(t, &left), 0);
	CHECK(left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 10000000);
	usleep(20000);
	CHECK_EQ(timer_gettime(t, &left), 0);
	CHECK_EQ(left.it_value.tv_nsec, 0);
}

TEST(timers_on_cpu_time)
{
	struct itimerspec it = spec(20000000, 0);
	timer_t t, u;

	handle(SIGUSR1);
	handle(SIGUSR2);
	t = make(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR1, 1);
	u = make(CLOCK_THREAD_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR2, 1);
	CHECK_EQ(timer_settime(t, 0, &it, NULL), 0);
	CHECK_EQ(timer_settime(u, 0, &it, NULL), 0);
	usleep(60000);
	CHECK_EQ(count, 0);
	burn_ns(CLOCK_PROCESS_CPUTIME_ID, 60000000);
	CHECK_EQ(count, 2);
}

static volatile int called;
static void call(union sigval v)
{
	called = v.sival_int;
}

TEST(timers_that_start_threads)
{
	struct sigevent ev = {
		.sigev_notify = SIGEV_THREAD,
		.sigev_notify_function = call,
		.sigev_value.sival_int = 9,
	};
	struct itimerspec it = spec(5000000, 0);
	timer_t t;

	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &ev, &t), 0);
	CHECK_EQ(timer_settime(t, 0, &it, NULL), 0);
	for (int i = 0; i < 1000 && !called; i++)
		usleep(1000);
	CHECK_EQ(called, 9);
	CHECK_EQ(timer_delete(t), 0);
}

/* ---- floods ---- */

#define FLOOD_TIMERS 400

static void flood_posix(int clock, int notify, long ns, int n)
{
	struct itimerspec it = spec(ns, ns);
	/* The kernel's struct sigevent: the two C libraries name the last differently. */
	struct {
		long value;
		int signo, notify, tid, pad[11];
	} ev = { 0, SIGALRM, notify, (int)syscall(SYS_gettid), { 0 } };

	for (int i = 0; i < n; i++) {
		int id;

		if (syscall(SYS_timer_create, clock, &ev, &id))
			break; /* the limit of pending signals */
		CHECK_EQ(syscall(SYS_timer_settime, id, 0, &it, NULL), 0);
	}
}

static void flood_process(int kind)
{
	struct itimerval it = { { 0, 1 }, { 0, 1 } };

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
	case 4: CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0); break;
	case 5:
		CHECK_EQ(setitimer(ITIMER_PROF, &it, NULL), 0);
		CHECK_EQ(setitimer(ITIMER_VIRTUAL, &it, NULL), 0);
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
	int n;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 16384);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec++;
	for (n = 0; n < 300 && !pthread_create(&threads[n], &small, sleeper, &until); n++)
		;
	CHECK(n > 30);
	while (n--)
		CHECK_EQ(pthread_join(threads[n], NULL), 0);
	CHECK(now_ms() - (until.tv_sec * 1000 + until.tv_nsec / 1000000) < 4000);
}

/* Ignored or not taken, its periods are over; then it goes on. */
TEST(interval_timers_outlast_their_signal)
{
	struct itimerval it = { { 0, 1000 }, { 0, 1000 } };
	sigset_t alarms;

	signal(SIGALRM, SIG_IGN);
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
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
	struct itimerspec it = spec(100000, 100000);
	siginfo_t taken;
	sigset_t set;
	timer_t t;

	signal(SIGUSR1, SIG_IGN);
	t = make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 1);
	CHECK_EQ(timer_settime(t, 0, &it, NULL), 0);
	usleep(50000);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_EQ(sigwaitinfo(&set, &taken), SIGUSR1);
	CHECK(taken.si_overrun >= 490);
}

TEST(silent_timers_go_round)
{
	struct itimerspec it = spec(1000000, 7000000), left;
	timer_t t = make(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);

	CHECK_EQ(timer_settime(t, 0, &it, NULL), 0);
	for (int i = 0; i < 4; i++) {
		usleep(3000);
		CHECK_EQ(timer_gettime(t, &left), 0);
		CHECK(left.it_value.tv_nsec > 0 && left.it_value.tv_nsec <= 7000000);
	}
}

TEST(timer_arguments_are_checked)
{
	struct sigevent ev = { .sigev_notify = 77 };
	struct itimerspec it = spec(1, 0);
	int id;

	CHECK_ERR(syscall(SYS_timer_create, 99, NULL, &id), EINVAL);
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
	ev.sigev_notify = SIGEV_SIGNAL;
	ev.sigev_signo = 65;
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
	ev.sigev_signo = SIGUSR1;
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, 8L), EFAULT);
	CHECK_EQ(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), 0);
	it.it_value.tv_nsec = 1000000000;
	CHECK_ERR(syscall(SYS_timer_settime, id, 0, &it, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_timer_settime, id + 1000, 0, &it, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_timer_gettime, id + 1000, &it), EINVAL);
	CHECK_ERR(syscall(SYS_timer_getoverrun, id + 1000), EINVAL);
}

TEST(timers_end_with_the_program)
{
	struct itimerspec it = spec(1000000, 1000000);

	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (!pid) {
			signal(SIGUSR1, SIG_IGN);
			for (int k = 0; k < 10; k++)
				CHECK_EQ(timer_settime(make(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1,
							    k),
						       0, &it, NULL),
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
		struct timespec t;

		clock_gettime(CLOCK_REALTIME, &t);
		if (clock_settime(CLOCK_REALTIME, &t))
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
#define R(t)                                          \
	do {                                          \
		if (argc < 2 || !strcmp(argv[1], #t)) \
			RUN(t);                       \
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
