/* SPDX-License-Identifier: MIT */
/*
 * Everything at once for a while: soak SECONDS CPUS.
 *
 * Two workers of each kind: threads that pass a turn, memory that threads map,
 * touch, protect and unmap under each other (TLB shootdowns), forks with copies on
 * write, programs started, pipes, files, signals, timers, a worker that moves from
 * processor to processor. Each checks what it reads. Each kind has to have run
 * on each processor.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NEED(c)                             \
	do {                                \
		if (!(c))                   \
			fail(#c, __LINE__); \
	} while (0)
#define COPIES 2

struct record {
	unsigned long cpus, rounds;
};
static struct record *record; /* of this kind, shared */
static volatile sig_atomic_t over;
static const char *kind;

static void fail(const char *what, int line)
{
	printf("soak: %s: line %d: %s (%s)\n", kind, line, what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

static void here(void)
{
	__atomic_fetch_or(&record->cpus, 1ul << sched_getcpu(), __ATOMIC_RELAXED);
}

/* ---- kinds ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turn = PTHREAD_COND_INITIALIZER;
static int whose;

static void *take_turns(void *self)
{
	for (int i = 0; i < 50; i++) {
		pthread_mutex_lock(&lock);
		while (whose != (int)(long)self)
			pthread_cond_wait(&turn, &lock);
		whose = (whose + 1) % 4;
		pthread_cond_broadcast(&turn);
		pthread_mutex_unlock(&lock);
		here();
	}
	return NULL;
}

static void threads(void)
{
	pthread_t thread[4];

	for (long i = 0; i < 4; i++)
		NEED(!pthread_create(&thread[i], NULL, take_turns, (void *)i));
	for (int i = 0; i < 4; i++)
		NEED(!pthread_join(thread[i], NULL));
}

static void *use_memory(void *seed)
{
	unsigned s = (unsigned)(long)seed;

	for (int i = 0; i < 20; i++) {
		size_t count = (rand_r(&s) % 40 + 2) * 4096;
		unsigned char *bytes = mmap(NULL, count, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		NEED(bytes != MAP_FAILED);
		for (size_t round = 0; round < count; round += 4096) {
			NEED(!bytes[round]);
			bytes[round] = (unsigned char)s;
		}
		NEED(!mprotect(bytes, count / 2 & ~4095ul, PROT_READ));
		here();
		for (size_t round = 0; round < count; round += 4096)
			NEED(bytes[round] == (unsigned char)s);
		NEED(!madvise(bytes + (count / 2 & ~4095ul), 4096, MADV_DONTNEED));
		NEED(!bytes[count / 2 & ~4095ul]);
		NEED(!munmap(bytes, count));
	}
	return NULL;
}

static void memory(void)
{
	pthread_t thread[3];

	for (long i = 0; i < 3; i++)
		NEED(!pthread_create(&thread[i], NULL, use_memory, (void *)(i + 1)));
	for (int i = 0; i < 3; i++)
		NEED(!pthread_join(thread[i], NULL));
}

static void forks(void)
{
	static unsigned char data[40 * 4096];
	int status;

	memset(data, 7, sizeof(data));
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();

		NEED(pid >= 0);
		if (!pid) {
			here();
			for (size_t round = 0; round < sizeof(data); round += 4096) {
				NEED(data[round] == 7);
				data[round] = 8;
			}
			_exit(i);
		}
		data[4096 * i] = 7;
		NEED(waitpid(pid, &status, 0) == pid && status == i << 8);
	}
	for (size_t round = 0; round < sizeof(data); round += 4096)
		NEED(data[round] == 7);
}

static void programs(void)
{
	int status;
	pid_t pid = fork();

	NEED(pid >= 0);
	if (!pid) {
		here();
		execl("/bin/busybox", "true", NULL);
		_exit(1);
	}
	NEED(waitpid(pid, &status, 0) == pid && !status);
	here();
}

static void pipes(void)
{
	static char out[20000], input[20000];
	size_t got = 0;
	int ends[2], status;
	pid_t pid;

	NEED(!pipe(ends));
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7);
	pid = fork();
	NEED(pid >= 0);
	if (!pid) {
		here();
		_exit(write(ends[1], out, sizeof(out)) != sizeof(out));
	}
	close(ends[1]);
	for (ssize_t length; (length = read(ends[0], input + got, sizeof(input) - got)) > 0;)
		got += (size_t)length;
	close(ends[0]);
	here();
	NEED(got == sizeof(input) && !memcmp(input, out, sizeof(input)));
	NEED(waitpid(pid, &status, 0) == pid && !status);
}

static void files(void)
{
	char name[40], buf[9000], back[9000];

	for (int i = 0; i < 10; i++) {
		sprintf(name, "/tmp/soak-%d-%d", getpid(), i);
		int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);

		NEED(fd >= 0);
		memset(buf, i, sizeof(buf));
		NEED(write(fd, buf, sizeof(buf)) == sizeof(buf));
		here();
		NEED(pread(fd, back, sizeof(back), 0) == sizeof(back) &&
		     !memcmp(buf, back, sizeof(buf)));
		NEED(!ftruncate(fd, 100));
		close(fd);
		NEED(!unlink(name));
	}
}

static volatile int signals_seen;
static void count_signal(int sig)
{
	signals_seen++;
}

static void signals(void)
{
	struct itimerspec itimerspec = { .it_value.tv_nsec = 300000 };
	struct sigevent sigevent = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	int before = signals_seen;
	timer_t timer;

	signal(SIGUSR1, count_signal);
	signal(SIGUSR2, count_signal);
	for (int i = 0; i < 20; i++)
		NEED(!kill(getpid(), SIGUSR1));
	NEED(signals_seen == before + 20);
	NEED(!timer_create(CLOCK_MONOTONIC, &sigevent, &timer));
	NEED(!timer_settime(timer, 0, &itimerspec, NULL));
	for (int i = 0; i < 20000 && signals_seen == before + 20; i++)
		usleep(500);
	NEED(signals_seen == before + 21);
	timer_delete(timer);
	here();
}

static int nr_cpus;

static void moves(void)
{
	for (int i = 0; i < nr_cpus; i++) {
		cpu_set_t one;

		CPU_ZERO(&one);
		CPU_SET(i, &one);
		NEED(!sched_setaffinity(0, sizeof(one), &one));
		NEED(sched_getcpu() == i);
		here();
		sched_yield();
	}
}

static const struct {
	const char *name;
	void (*fn)(void);
} kinds[] = {
	{ "threads", threads },	  { "memory", memory }, { "forks", forks },
	{ "programs", programs }, { "pipes", pipes },	{ "files", files },
	{ "signals", signals },	  { "moves", moves },
};
#define KINDS (int)(sizeof(kinds) / sizeof(kinds[0]))

/* ---- */

static void time_is_over(int sig)
{
	over = 1;
}

static void work(int i, int seconds)
{
	kind = kinds[i].name;
	record += i;
	signal(SIGALRM, time_is_over);
	alarm((unsigned)seconds);
	while (!over) {
		kinds[i].fn();
		__atomic_fetch_add(&record->rounds, 1, __ATOMIC_RELAXED);
	}
	_exit(0);
}

int main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 5, bad = 0, status;

	if (argc > 2)
		nr_cpus = atoi(argv[2]);
	else
		nr_cpus = 1;
	record = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < KINDS * COPIES; i++)
		if (!fork())
			work(i % KINDS, seconds);
	while (wait(&status) > 0)
		bad += status != 0;
	for (int i = 0; i < KINDS; i++) {
		int all = record[i].cpus == (1ul << nr_cpus) - 1;

		printf("%-10s %6lu rounds, processors %lx%s\n", kinds[i].name, record[i].rounds,
		       record[i].cpus, all ? "" : ": not all");
		bad += !all || !record[i].rounds;
	}
	puts(bad ? "soak: failed" : "soak: passed");
	return bad != 0;
}
