// SPDX-License-Identifier: MIT
/*
 * What system calls, faults and processes cost.
 *
 *	bench [ROW|GROUP...]	ticks of each row, or of those named
 *	bench --times N [ROW|GROUP...]	the same, but each row measured N times, one line each;
 *				less often if that takes more than some seconds
 *	bench --list		their names and groups
 *	bench --now		the time stamp counter as it is now
 *	bench --scale N ROW	operations that N processors at once do in 0.3 s
 *	bench --scale-threads N ROW	the same, by threads of one process
 *
 * A row is one operation, done often. It is prepared, done once in full for
 * caches of all kinds to fill, then done between two marks (mark.h) and two
 * readings of the time stamp counter. Under QEMU's icount a tick is one guest
 * instruction: the figures are the same on every run. It runs on Linux, too.
 * Files are made in /tmp. What a row works on belongs to its thread: threads of one
 * process that do the same row share nothing but what the kernel shares.
 *
 * Each line of the result:  row NAME OPERATIONS TICKS SPAN,  or  row NAME failed
 * where SPAN is how many pairs of marks were passed before those of the row's second time.
 *
 * What a row leaves to be done later (memory freed after a grace period, processes that are
 * still being taken apart) must not fall into the next one: each time begins with a pause
 * in which the machine is idle, and a process that ends. So rows are the same in any order;
 * named ones are done in the order of their names.
 */
#include "bench.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include "mark.h"

#define SETTLE_NS 40000000l
#define TIMES_NS  3000000000ull

static const struct group *const groups[] = {
	&calls_group, &files_group, &turns_group,   &yield_group,  &process_group, &memory_group,
	&fs_group,    &sched_group, &program_group, &growth_group, &driver_group,
};

__thread char buffer[65536] __attribute__((aligned(4096)));
const char *self;
__thread int fds[4] = { -1, -1, -1, -1 };
__thread char *area;
__thread pid_t child;
/* Of --scale-threads: in a folder of the thread's own. */
__thread char file_name[32] = "/tmp/bench.file", new_name[32] = "/tmp/bench.new";

void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	_exit(1);
}

void close_all(void)
{
	for (unsigned int i = 0; i < NELEMS(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

/* Of all processes, since each row has one of its own. */
struct progress {
	unsigned int spans;
	long operations; /* of the row that is measured: more than its n, if others did some */
};
static struct progress *progress;
static bool once;
static int times = 1;

void add_operations(long count)
{
	progress->operations += count;
}

/*
 * Idle for longer than what was left to be done later needs: some ticks of any kernel. What is
 * then left to the next process that is made (freeing the stacks of others) is done by one, of
 * vfork(): a copy of the address space would leave the row's pages read-only.
 */
static void settle(void)
{
	const struct timespec pause = { .tv_nsec = SETTLE_NS };
	pid_t pid;

	must(!nanosleep(&pause, NULL), "nanosleep");
	pid = vfork();
	if (!pid)
		_exit(0);
	must(pid > 0 && waitpid(pid, NULL, 0) == pid, "waitpid");
	must(!nanosleep(&pause, NULL), "nanosleep");
}

static uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static uint64_t measure(const struct row *row)
{
	uint64_t start, took;

	if (row->prepare)
		row->prepare();
	if (!once)
		settle();
	progress->operations = row->n;
	MARK(MARK_BEGIN);
	start = ticks();
	row->run(row->n);
	took = ticks() - start;
	MARK(MARK_END);
	progress->spans++;
	if (row->end)
		row->end();
	return took;
}

/* In a process of its own, so that a row that fails takes no other with it. */
static void measure_row(const struct row *row)
{
	uint64_t took, began;
	int status;
	pid_t pid = fork();

	must(pid >= 0, "fork");
	if (!pid) {
		if (!once)
			measure(row);
		once |= times > 1; /* what one time leaves is then part of the next */
		began = now_ns();
		for (int i = 0; i < times && (!i || now_ns() - began < TIMES_NS); i++) {
			took = measure(row);
			printf("row %s %ld %llu %u\n", row->name, progress->operations,
			       (unsigned long long)took, progress->spans - 1);
		}
		fflush(stdout);
		_exit(0);
	}
	must(waitpid(pid, &status, 0) == pid, "waitpid");
	if (status)
		printf("row %s failed\n", row->name);
	fflush(stdout);
}

static const struct row *find_row(const char *name)
{
	for (unsigned int i = 0; i < NELEMS(groups); i++)
		for (unsigned int j = 0; j < groups[i]->nrows; j++)
			if (!strcmp(groups[i]->rows[j].name, name))
				return &groups[i]->rows[j];
	return NULL;
}

/* Of the group called @name, or of all. @return were there any? */
static bool each_row(const char *name, void (*act)(const struct group *, const struct row *))
{
	bool found = false;

	for (unsigned int i = 0; i < NELEMS(groups); i++) {
		if (name && strcmp(groups[i]->name, name))
			continue;
		found = true;
		for (unsigned int j = 0; j < groups[i]->nrows; j++)
			act(groups[i], &groups[i]->rows[j]);
	}
	return found;
}

static void measure_reversed(void)
{
	for (unsigned int i = NELEMS(groups); i--;)
		for (unsigned int j = groups[i]->nrows; j--;)
			measure_row(&groups[i]->rows[j]);
}

static void list_row(const struct group *group, const struct row *row)
{
	printf("%s %s\n", row->name, group->name);
}

static void measure_grouped(const struct group *group, const struct row *row)
{
	(void)group;
	measure_row(row);
}

static void measure_named(const char *name)
{
	const struct row *row = find_row(name);

	if (row)
		measure_row(row);
	else
		must(each_row(name, measure_grouped), name);
}

/* ---- several processors at once ---- */

#define SCALE_NS   300000000ull
#define SCALE_PART 20
#define MAX_CPUS   64
#define MANY_CPUS  8

struct scale {
	volatile int ready;
	int ncpus;
	const struct row *row;
	volatile uint64_t done[MAX_CPUS];
};
struct worker {
	struct scale *scale;
	int cpu;
	pthread_t thread;
};

/* A folder for the files of worker @cpu: names go there. */
static void own_folder(int cpu)
{
	char folder[20];

	snprintf(folder, sizeof(folder), "/tmp/bench.%d", cpu);
	must(!mkdir(folder, 0700) || errno == EEXIST, folder);
	snprintf(file_name, sizeof(file_name), "%s/bench.file", folder);
	snprintf(new_name, sizeof(new_name), "%s/bench.new", folder);
}

/* Asleep: with more processors than the host has, one that spins keeps others from coming. */
static void await_all(struct scale *scale)
{
	int ready = __atomic_add_fetch(&scale->ready, 1, __ATOMIC_SEQ_CST);

	if (ready == scale->ncpus)
		CALL(SYS_futex, &scale->ready, FUTEX_WAKE, MAX_CPUS);
	for (; ready < scale->ncpus; ready = scale->ready)
		CALL(SYS_futex, &scale->ready, FUTEX_WAIT, ready);
}

/*
 * Of so few that the time's end is noticed, under a plugin, too; the fewer, the more share the
 * processors of the host.
 */
static long few_operations(const struct row *row, int ncpus)
{
	const long parts = ncpus > MANY_CPUS ? ncpus / MANY_CPUS : 1;
	const long some = row->n / (row->again ? parts : parts * SCALE_PART);

	return some ? some : 1;
}

static void *scale_worker(void *arg)
{
	const struct worker *worker = arg;
	struct scale *scale = worker->scale;
	const struct row *row = scale->row;
	void (*run)(long n) = row->again ? row->again : row->run;
	const long some = few_operations(row, scale->ncpus);
	cpu_set_t set;
	uint64_t end, done = 0;

	CPU_ZERO(&set);
	CPU_SET(worker->cpu, &set);
	must(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
	own_folder(worker->cpu);
	if (row->prepare)
		row->prepare();
	run(some);
	await_all(scale);
	MARK(MARK_BEGIN);
	for (end = now_ns() + SCALE_NS; now_ns() < end; done += some)
		run(some);
	MARK(MARK_END);
	scale->done[worker->cpu] = done;
	if (row->end)
		row->end();
	return NULL;
}

static void scale_processes(struct worker *workers, int ncpus)
{
	int status;

	for (int i = 0; i < ncpus; i++)
		if (!fork()) {
			scale_worker(&workers[i]);
			_exit(0);
		}
	while (wait(&status) > 0)
		must(!status, "worker");
}

static void scale_threads(struct worker *workers, int ncpus)
{
	for (int i = 0; i < ncpus; i++)
		must(!pthread_create(&workers[i].thread, NULL, scale_worker, &workers[i]),
		     "pthread_create");
	for (int i = 0; i < ncpus; i++)
		pthread_join(workers[i].thread, NULL);
}

static int scale_main(int ncpus, const char *name, int threads)
{
	struct scale *scale = (struct scale *)map_pages(1, MAP_SHARED);
	static struct worker workers[MAX_CPUS];
	const struct row *row = find_row(name);
	uint64_t sum = 0;

	must(row && ncpus > 0 && ncpus <= MAX_CPUS, "--scale");
	scale->ncpus = ncpus;
	scale->row = row;
	for (int i = 0; i < ncpus; i++)
		workers[i] = (struct worker){ .scale = scale, .cpu = i };
	if (threads)
		scale_threads(workers, ncpus);
	else
		scale_processes(workers, ncpus);
	MARK(MARK_TELL);
	for (int i = 0; i < ncpus; i++)
		sum += scale->done[i];
	printf("scale %llu\n", (unsigned long long)sum);
	return 0;
}

int main(int argc, char **argv)
{
	const char *option = argc > 1 ? argv[1] : "";

	self = argv[0];
	must(!chdir("/tmp"), "/tmp");
	if (!strcmp(option, "--nothing"))
		return 0;
	if (!strcmp(option, "--now"))
		return printf("now %llu\n", (unsigned long long)ticks()) < 0;
	if (!strncmp(option, "--scale", 7) && argc > 3)
		return scale_main(atoi(argv[2]), argv[3], !strcmp(option, "--scale-threads"));
	memset(buffer, 1, sizeof(buffer));
	progress = (struct progress *)map_pages(1, MAP_SHARED);
	once = !strcmp(option, "--once");
	argc -= once;
	argv += once;
	if (!strcmp(option, "--times") && argc > 2) {
		times = atoi(argv[2]);
		argc -= 2;
		argv += 2;
	}
	if (!strcmp(option, "--list"))
		each_row(NULL, list_row);
	else if (!strcmp(option, "--reverse"))
		measure_reversed();
	else if (argc == 1)
		each_row(NULL, measure_grouped);
	else
		for (int i = 1; i < argc; i++)
			measure_named(argv[i]);
	return 0;
}
