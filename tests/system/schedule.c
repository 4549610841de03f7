/* SPDX-License-Identifier: MIT */
/*
 * Threads that compute, sleep, fork, exit, talk through pipes, and change their processors and nice values, while the scheduler
 * is changed: nobody is lost, nobody starves, each processor takes part.
 *
 *	schedule SECONDS SETTING NAME...
 *
 * writes the names to the file SETTING in turn, as often as it can; "-" for none. Prints how often each kind of worker got on.
 */
#include "../user/check.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

#define GAP_MAX_MS 6000 /* the longest that one waits, on a host with other things to do */
#define ROUNDS	   20000

enum kind { COMPUTES, SLEEPS, FORKS, TALKS, MOVES, NICES, SPAWNS, KINDS };
static const char *const kind_names[KINDS] = { "computes", "sleeps", "forks", "talks",
					       "moves",	   "nices",  "spawns" };
static const int kind_counts[KINDS] = { 6, 4, 3, 2, 3, 3, 2 };

struct worker {
	enum kind kind;
	unsigned long steps, cpus;
	long last_ms, gap_ms;
	int wrong;
};
static struct {
	int stop;
	struct worker workers[64];
} * shared;
static int nworkers, ncpus;

static void burn(int rounds)
{
	for (volatile int i = 0; i < rounds; i++)
		;
}

static void *end_at_once(void *unused)
{
	burn(ROUNDS / 10);
	return NULL;
}

static void fork_one(struct worker *worker)
{
	pid_t pid = fork();

	if (!pid) {
		burn(ROUNDS / 10);
		_exit(7);
	}
	worker->wrong |= pid < 0 || wait_status(pid) != 7 << 8;
}

static void spawn_one(struct worker *worker)
{
	pthread_t thread;

	worker->wrong |= pthread_create(&thread, NULL, end_at_once, NULL) ||
			 pthread_join(thread, NULL);
}

static void move_on(struct worker *worker)
{
	int wanted = (int)(worker->steps % (unsigned long)ncpus);
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(wanted, &set);
	worker->wrong |= sched_setaffinity(0, sizeof(set), &set) != 0;
	burn(ROUNDS / 10);
	worker->wrong |= sched_getcpu() != wanted;
}

static void talk(int *to, int *from, struct worker *worker)
{
	char byte = 'x';

	worker->wrong |= write(to[1], &byte, 1) != 1 || read(from[0], &byte, 1) != 1;
}

static void listen_for(int *from, int *to)
{
	char byte;

	while (read(from[0], &byte, 1) == 1 && write(to[1], &byte, 1) == 1)
		;
	_exit(0);
}

static void work(struct worker *worker)
{
	int to[2], from[2];
	pid_t listener = 0;

	if (worker->kind == TALKS) {
		worker->wrong |= pipe(to) || pipe(from);
		listener = fork();
		if (!listener) {
			close(to[1]);
			listen_for(to, from);
		}
	}
	worker->last_ms = now_ms();
	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		switch (worker->kind) {
		case COMPUTES: burn(ROUNDS); break;
		case SLEEPS: pause_ms(3); break;
		case FORKS: fork_one(worker); break;
		case TALKS: talk(to, from, worker); break;
		case MOVES: move_on(worker); break;
		case NICES:
			worker->wrong |= setpriority(PRIO_PROCESS, 0, (int)(worker->steps % 15));
			burn(ROUNDS);
			break;
		default: spawn_one(worker);
		}
		long now = now_ms();

		if (now - worker->last_ms > worker->gap_ms)
			worker->gap_ms = now - worker->last_ms;
		worker->last_ms = now;
		worker->steps++;
		worker->cpus |= 1ul << sched_getcpu();
	}
	if (listener) {
		close(to[1]);
		wait_status(listener);
	}
	_exit(worker->wrong);
}

static int set(const char *setting, const char *name)
{
	int fd = open(setting, O_WRONLY), bad = 1;

	if (fd >= 0) {
		bad = write(fd, name, strlen(name)) != (ssize_t)strlen(name);
		close(fd);
	}
	return bad;
}

int main(int argc, char **argv)
{
	unsigned long steps[KINDS] = { 0 }, cpus = 0;
	int bad = 0, switches = 0;
	long end, gap = 0;
	pid_t pids[64];

	if (argc < 3)
		return 2;
	ncpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	for (int kind = 0; kind < KINDS; kind++)
		for (int i = 0; i < kind_counts[kind]; i++) {
			struct worker *worker = &shared->workers[nworkers];

			worker->kind = (enum kind)kind;
			pids[nworkers] = fork();
			if (!pids[nworkers])
				work(worker);
			nworkers++;
		}
	end = now_ms() + atol(argv[1]) * 1000;
	while (now_ms() < end) {
		if (argc > 3) {
			if (set(argv[2], argv[3 + switches % (argc - 3)])) {
				printf("# %s: %s\n", argv[3 + switches % (argc - 3)],
				       strerror(errno));
				bad = 1;
				break;
			}
			switches++;
		}
		pause_ms(switches % 4);
	}
	shared->stop = 1;
	for (int i = 0; i < nworkers; i++) {
		const struct worker *worker = &shared->workers[i];
		int status = wait_status(pids[i]);

		if (status || !worker->steps || worker->gap_ms > GAP_MAX_MS) {
			printf("# worker %d, which %s: status %#x, %lu steps, waited %ld ms\n", i,
			       kind_names[worker->kind], status, worker->steps, worker->gap_ms);
			bad = 1;
		}
		steps[worker->kind] += worker->steps;
		cpus |= worker->cpus;
		if (worker->gap_ms > gap)
			gap = worker->gap_ms;
	}
	for (int kind = 0; kind < KINDS; kind++)
		printf("%s %lu\n", kind_names[kind], steps[kind]);
	printf("switches %d\ngap %ld ms\n", switches, gap);
	if (cpus != (1ul << ncpus) - 1) {
		printf("# only processors %#lx took part\n", cpus);
		bad = 1;
	}
	printf("%s 1 - the workers got on\n1..1\n", bad ? "not ok" : "ok");
	return bad;
}
