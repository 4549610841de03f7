// SPDX-License-Identifier: MIT
/*
 * What system calls, faults and processes cost.
 *
 *	bench [ROW...]		ticks of each row, or of those named
 *	bench --list		their names
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
 * Each line of the result:  row NAME OPERATIONS TICKS,  or  row NAME failed
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../../include/uapi/banos.h"
#include "mark.h"
#include "operations.h"

#define FUTEX_WAIT	   0 /* linux/futex.h, which musl comes without */
#define FUTEX_WAKE	   1
#define FUTEX_PRIVATE_FLAG 128
#define PAGE		   4096l
#define NPAGES		   512l
#define NELEMS(a)	   (sizeof(a) / sizeof((a)[0]))

static __thread char buffer[65536] __attribute__((aligned(4096)));
static const char *self;
static __thread int fds[4] = { -1, -1, -1, -1 };
static __thread char *area;
static __thread pid_t child;
/* Of --scale-threads: in a folder of the thread's own. */
static __thread char file_name[32] = "bench.file", none_name[32] = "bench.none",
		     new_name[32] = "bench.new";

/* ---- helpers ---- */

static void must(int ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	_exit(1);
}

/* A system call and nothing else: no errno, no cancellation point. */
static inline long call6(long number, long arg0, long arg1, long arg2, long arg3, long arg4,
			 long arg5)
{
	register long r10 __asm__("r10") = arg3;
	register long r8 __asm__("r8") = arg4;
	register long r9 __asm__("r9") = arg5;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(number), "D"(arg0), "S"(arg1), "d"(arg2), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#define CALL(number, ...) CALL_(number, ##__VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define CALL_(number, a, b, c, d, e, f, ...) \
	call6(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static inline uint64_t ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

static char *map_pages(long count, int flags)
{
	void *memory =
		mmap(NULL, count * PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

	must(memory != MAP_FAILED, "mmap");
	madvise(memory, count * PAGE, MADV_NOHUGEPAGE);
	return memory;
}

static void close_all(void)
{
	for (unsigned int i = 0; i < NELEMS(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
		fds[i] = -1;
	}
}

static void unmap_area(void)
{
	munmap(area, NPAGES * PAGE);
}
static void touch(char *bytes)
{
	for (long i = 0; i < NPAGES; i++)
		((volatile char *)bytes)[i * PAGE] = 1;
}

/* Tell the child to end by closing what it reads, and wait for it. */
static void end_child(void)
{
	close_all();
	must(waitpid(child, NULL, 0) == child, "waitpid");
}

/* ---- calls ---- */

static void null_call(long count)
{
	while (count--)
		CALL(SYS_getppid);
}
static void open_zero(void)
{
	must((fds[0] = open("/dev/zero", O_RDWR)) >= 0, "/dev/zero");
}
static void open_null(void)
{
	must((fds[0] = open("/dev/null", O_RDWR)) >= 0, "/dev/null");
}
static void open_file(void)
{
	must((fds[0] = open(file_name, O_RDWR | O_CREAT | O_TRUNC, 0600)) >= 0, file_name);
	for (long i = 0; i < NPAGES; i++)
		must(write(fds[0], buffer, PAGE) == PAGE, "write");
}
static void close_file(void)
{
	close_all();
	unlink(file_name);
}
static void read_1(long count)
{
	while (count--)
		CALL(SYS_read, fds[0], buffer, 1);
}
static void read_4k(long count)
{
	while (count--)
		CALL(SYS_read, fds[0], buffer, PAGE);
}
static void write_1(long count)
{
	while (count--)
		CALL(SYS_write, fds[0], buffer, 1);
}
static void pread_4k(long count)
{
	while (count--)
		CALL(SYS_pread64, fds[0], buffer, PAGE, 0);
}
static void pwrite_4k(long count)
{
	while (count--)
		CALL(SYS_pwrite64, fds[0], buffer, PAGE, 0);
}
static void stat_path(long count)
{
	while (count--)
		CALL(SYS_stat, file_name, buffer);
}
static void stat_absent(long count)
{
	while (count--)
		CALL(SYS_stat, none_name, buffer);
}
static void fstat_fd(long count)
{
	while (count--)
		CALL(SYS_fstat, fds[0], buffer);
}
static void open_close(long count)
{
	while (count--) {
		long fd = CALL(SYS_open, file_name, O_RDONLY);

		CALL(SYS_close, fd);
	}
}
static void dup_close(long count)
{
	while (count--) {
		long fd = CALL(SYS_dup, fds[0]);

		CALL(SYS_close, fd);
	}
}
static void create_unlink(long count)
{
	while (count--) {
		long fd = CALL(SYS_open, new_name, O_CREAT | O_RDWR, 0600);

		CALL(SYS_close, fd);
		CALL(SYS_unlink, new_name);
	}
}

static void poll_8(long count)
{
	struct pollfd pollfd[8];

	for (unsigned int i = 0; i < NELEMS(pollfd); i++)
		pollfd[i] = (struct pollfd){ fds[0], POLLIN, 0 };
	pollfd[7] = (struct pollfd){ fds[1], POLLOUT, 0 };
	while (count--)
		CALL(SYS_poll, pollfd, NELEMS(pollfd), 0);
}
static void open_pipe(void)
{
	must(!pipe(fds), "pipe");
}

static void gettime(long count)
{
	struct timespec time;

	while (count--)
		clock_gettime(CLOCK_MONOTONIC, &time);
}
static void gettime_call(long count)
{
	while (count--)
		CALL(SYS_clock_gettime, CLOCK_MONOTONIC, buffer);
}
static void sleep_1us(long count)
{
	const struct timespec timespec = { 0, 1000 };

	while (count--)
		CALL(SYS_nanosleep, &timespec, 0);
}

/* ---- signals ---- */

static void handler(int number)
{
	(void)number;
}
static void sig_install(long count)
{
	struct sigaction action = { .sa_handler = handler };

	while (count--)
		sigaction(SIGUSR1, &action, NULL);
}
static void sig_deliver(long count)
{
	const long self = getpid();

	while (count--)
		CALL(SYS_kill, self, SIGUSR1);
}
static void sig_prepare(void)
{
	sig_install(1);
}

/* ---- two that take turns ---- */

static void echo(int from, int to)
{
	char byte;

	while (CALL(SYS_read, from, &byte, 1) == 1)
		CALL(SYS_write, to, &byte, 1);
	_exit(0);
}
static void pair_prepare(void)
{
	must(!pipe(fds) && !pipe(fds + 2), "pipe");
	must((child = fork()) >= 0, "fork");
	if (!child) {
		close(fds[1]);
		close(fds[2]);
		echo(fds[0], fds[3]);
	}
	close(fds[0]);
	close(fds[3]);
	fds[0] = fds[3] = -1;
}
static void pipe_there_and_back(long count)
{
	char byte = 'x';

	while (count--) {
		CALL(SYS_write, fds[1], &byte, 1);
		CALL(SYS_read, fds[2], &byte, 1);
	}
}

static void stream_prepare(void)
{
	must(!pipe(fds), "pipe");
	must((child = fork()) >= 0, "fork");
	if (!child) {
		close(fds[0]);
		signal(SIGPIPE, SIG_DFL);
		for (;;)
			CALL(SYS_write, fds[1], buffer, sizeof(buffer));
	}
	close(fds[1]);
	fds[1] = -1;
}
static void pipe_stream_64k(long count)
{
	while (count--)
		for (long got = 0; got < (long)sizeof(buffer);)
			got += CALL(SYS_read, fds[0], buffer, sizeof(buffer) - got);
}

#define STOP 2
static __thread struct turns {
	volatile int turn;
	pthread_t partner;
} __attribute__((aligned(64))) turns;
static void pass(struct turns *turns, int to)
{
	turns->turn = to;
	CALL(SYS_futex, &turns->turn, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
}
static void wait_turn(struct turns *turns, int mine)
{
	for (int seen; (seen = turns->turn) != mine && seen != STOP;)
		CALL(SYS_futex, &turns->turn, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, seen);
}
static void *partner_main(void *arg)
{
	for (;;) {
		wait_turn(arg, 1);
		if (((struct turns *)arg)->turn == STOP)
			return arg;
		pass(arg, 0);
	}
}
static void futex_prepare(void)
{
	turns.turn = 0;
	must(!pthread_create(&turns.partner, NULL, partner_main, &turns), "pthread_create");
}
static void futex_switch(long count)
{
	for (count /= 2; count--;) { /* there and back are two */
		pass(&turns, 1);
		wait_turn(&turns, 0);
	}
}
static void futex_end(void)
{
	pass(&turns, STOP);
	pthread_join(turns.partner, NULL);
}
static void futex_wake(long count)
{
	while (count--)
		CALL(SYS_futex, &turns.turn, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
}
static void futex_again(long count)
{
	while (count--)
		CALL(SYS_futex, &turns.turn, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, -1);
}

static void *no_work(void *arg)
{
	return arg;
}
static void thread_create_join(long count)
{
	while (count--) {
		pthread_t thread;

		must(!pthread_create(&thread, NULL, no_work, NULL), "pthread_create");
		pthread_join(thread, NULL);
	}
}

/* ---- processes ---- */

static void await(pid_t child)
{
	int status;

	must(child > 0 && waitpid(child, &status, 0) == child && !status, "child");
}
static void fork_exit(long count)
{
	while (count--) {
		pid_t child = fork();

		if (!child)
			_exit(0);
		await(child);
	}
}
static void fork_exec(long count)
{
	while (count--) {
		pid_t child = fork();

		if (!child) {
			execl(self, self, "--nothing", NULL);
			_exit(1);
		}
		await(child);
	}
}
static void vfork_exec(long count)
{
	while (count--) {
		pid_t child = vfork();

		if (!child) {
			execl(self, self, "--nothing", NULL);
			_exit(1);
		}
		await(child);
	}
}

/* ---- memory ---- */

static void map_unmap(long count)
{
	while (count--) {
		long addr = CALL(SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		CALL(SYS_munmap, addr, PAGE);
	}
}
static void map_touch_unmap(long count)
{
	while (count--) {
		long addr = CALL(SYS_mmap, 0, PAGE, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		*(volatile char *)addr = 1;
		CALL(SYS_munmap, addr, PAGE);
	}
}
static void area_prepare(void)
{
	area = map_pages(NPAGES, MAP_PRIVATE);
}
static void area_touched(void)
{
	area_prepare();
	touch(area);
}
static void protect(long count)
{
	while (count--)
		CALL(SYS_mprotect, area, PAGE, count & 1 ? PROT_READ : PROT_READ | PROT_WRITE);
}
static void fault_write(long count)
{
	(void)count;
	touch(area);
}
static void fault_read(long count)
{
	while (count--)
		(void)((volatile char *)area)[count * PAGE];
}

/* A child that has the same pages, until the pipe closes. */
static void cow_prepare(void)
{
	area_touched();
	pair_prepare();
}
static void cow_end(void)
{
	end_child();
	unmap_area();
}
static void file_mapped(void)
{
	open_file();
	area = mmap(NULL, NPAGES * PAGE, PROT_READ, MAP_SHARED, fds[0], 0);
	must(area != MAP_FAILED, "mmap");
}
static void file_unmapped(void)
{
	unmap_area();
	close_file();
}

/* ---- drivers: Banos alone; of the files that lie beside this program ---- */

#define NDRIVERS 50
static struct {
	char *data;
	size_t size;
} driver;
static long ids[NDRIVERS], nids;

static void read_driver(const char *name)
{
	struct stat info;
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%.*s%s", (int)(strrchr(self, '/') + 1 - self), self, name);
	fd = open(path, O_RDONLY);
	must(fd >= 0 && !fstat(fd, &info), path);
	driver.size = info.st_size;
	driver.data = malloc(driver.size);
	must(driver.data && read(fd, driver.data, driver.size) == info.st_size, path);
	close(fd);
}
static void trivial_driver(void)
{
	read_driver("trivial.ko");
}
static void large_driver(void)
{
	read_driver("functions.ko");
}

static void driver_install(long count)
{
	while (count--)
		ids[nids++] = CALL(SYS_banos_install, driver.data, driver.size);
}
static void driver_remove(long count)
{
	while (count--)
		must(!CALL(SYS_banos_remove, ids[--nids]), "banos_remove");
}
static void installed(void)
{
	trivial_driver();
	driver_install(NDRIVERS);
}
static void no_driver(void)
{
	driver_remove(nids);
	free(driver.data);
}

/* ---- functions of the driver API, called by a driver of ours ---- */

static void operations_begin(int hold, long held)
{
	read_driver("operations.ko");
	driver_install(1);
	must((fds[0] = open("/dev/operations", O_RDWR)) >= 0, "/dev/operations");
	must(!CALL(SYS_ioctl, fds[0], hold, held), "hold");
}
static void beside_10_allocations(void)
{
	operations_begin(HOLD_MEMORY, 10);
}
static void beside_4000_allocations(void)
{
	operations_begin(HOLD_MEMORY, 4000);
}
static void beside_10_mutexes(void)
{
	operations_begin(HOLD_MUTEXES, 10);
}
static void beside_10000_mutexes(void)
{
	operations_begin(HOLD_MUTEXES, 10000);
}
static void beside_10_timers(void)
{
	operations_begin(HOLD_TIMERS, 10);
}
static void beside_1000_timers(void)
{
	operations_begin(HOLD_TIMERS, 1000);
}
static void beside_nothing(void)
{
	operations_begin(HOLD_MEMORY, 0);
}
static void beside_exporter(void)
{
	read_driver("exporter.ko");
	driver_install(1);
	free(driver.data);
	beside_nothing();
}
static void operations_end(void)
{
	close_all();
	no_driver();
}

static void driver_method(long count)
{
	while (count--)
		CALL(SYS_ioctl, fds[0], OPERATION_NOTHING, 0);
}

#define OPERATION(name, command)                                                   \
	static void name(long count)                                               \
	{                                                                          \
		must(!CALL(SYS_ioctl, fds[0], command, count), "/dev/operations"); \
	}
OPERATION(api_alloc, OPERATION_ALLOC)
OPERATION(api_alloc_pages, OPERATION_ALLOC_PAGES)
OPERATION(api_mutex_init, OPERATION_MUTEX_INIT)
OPERATION(api_wait_init, OPERATION_WAIT_INIT)
OPERATION(api_timer_create, OPERATION_TIMER_CREATE)
OPERATION(api_timer_start, OPERATION_TIMER_START)
OPERATION(api_mutex, OPERATION_MUTEX)
OPERATION(api_spin, OPERATION_SPIN)
OPERATION(api_wake, OPERATION_WAKE)
OPERATION(driver_call, OPERATION_CALL)
OPERATION(driver_call_handle, OPERATION_CALL_HANDLE)
OPERATION(driver_callback, OPERATION_CALLBACK)

/* ---- the rows ---- */

static const struct row {
	const char *name;
	long n;
	void (*run)(long n);
	void (*prepare)(void), (*end)(void);
} rows[] = {
	{ "null_call", 1000, null_call, NULL, NULL },
	{ "read_zero_1", 1000, read_1, open_zero, close_all },
	{ "read_zero_4k", 1000, read_4k, open_zero, close_all },
	{ "write_null_1", 1000, write_1, open_null, close_all },
	{ "file_pread_4k", 1000, pread_4k, open_file, close_file },
	{ "file_pwrite_4k", 1000, pwrite_4k, open_file, close_file },
	{ "stat", 1000, stat_path, open_file, close_file },
	{ "stat_absent", 1000, stat_absent, NULL, NULL },
	{ "fstat", 1000, fstat_fd, open_file, close_file },
	{ "open_close", 1000, open_close, open_file, close_file },
	{ "dup_close", 1000, dup_close, open_null, close_all },
	{ "create_unlink", 500, create_unlink, NULL, NULL },
	{ "poll_8", 1000, poll_8, open_pipe, close_all },
	{ "clock_gettime", 1000, gettime, NULL, NULL },
	{ "clock_gettime_call", 1000, gettime_call, NULL, NULL },
	{ "nanosleep_1us", 500, sleep_1us, NULL, NULL },
	{ "sig_install", 1000, sig_install, NULL, NULL },
	{ "sig_deliver", 1000, sig_deliver, sig_prepare, NULL },
	{ "pipe_there_and_back", 1000, pipe_there_and_back, pair_prepare, end_child },
	{ "pipe_stream_64k", 100, pipe_stream_64k, stream_prepare, end_child },
	{ "futex_switch", 1000, futex_switch, futex_prepare, futex_end },
	{ "futex_wake_nobody", 1000, futex_wake, NULL, NULL },
	{ "futex_wait_eagain", 1000, futex_again, NULL, NULL },
	{ "thread_create_join", 200, thread_create_join, NULL, NULL },
	{ "fork_exit_wait", 100, fork_exit, NULL, NULL },
	{ "fork_exec_wait", 100, fork_exec, NULL, NULL },
	{ "vfork_exec_wait", 100, vfork_exec, NULL, NULL },
	{ "mmap_munmap", 1000, map_unmap, NULL, NULL },
	{ "mmap_touch_munmap", 1000, map_touch_unmap, NULL, NULL },
	{ "mprotect", 1000, protect, area_touched, unmap_area },
	{ "fault_anonymous", NPAGES, fault_write, area_prepare, unmap_area },
	{ "fault_copy", NPAGES, fault_write, cow_prepare, cow_end },
	{ "fault_file", NPAGES, fault_read, file_mapped, file_unmapped },
	{ "driver_install", NDRIVERS, driver_install, trivial_driver, no_driver },
	{ "driver_remove", NDRIVERS, driver_remove, installed, no_driver },
	{ "driver_install_1000", 4, driver_install, large_driver, no_driver },
	{ "driver_method", 1000, driver_method, beside_nothing, operations_end },
	{ "driver_call", 10000, driver_call, beside_exporter, operations_end },
	{ "driver_call_handle", 10000, driver_call_handle, beside_exporter, operations_end },
	{ "driver_callback", 10000, driver_callback, beside_exporter, operations_end },
	{ "api_alloc_10", 1000, api_alloc, beside_10_allocations, operations_end },
	{ "api_alloc_4000", 1000, api_alloc, beside_4000_allocations, operations_end },
	{ "api_alloc_pages_10", 1000, api_alloc_pages, beside_10_allocations, operations_end },
	{ "api_alloc_pages_4000", 1000, api_alloc_pages, beside_4000_allocations, operations_end },
	{ "api_mutex_init_10", 1000, api_mutex_init, beside_10_mutexes, operations_end },
	{ "api_mutex_init_10000", 1000, api_mutex_init, beside_10000_mutexes, operations_end },
	{ "api_wait_init_10", 1000, api_wait_init, beside_10_mutexes, operations_end },
	{ "api_wait_init_10000", 1000, api_wait_init, beside_10000_mutexes, operations_end },
	{ "api_timer_create_10", 1000, api_timer_create, beside_10_timers, operations_end },
	{ "api_timer_create_1000", 1000, api_timer_create, beside_1000_timers, operations_end },
	{ "api_timer_start_10", 1000, api_timer_start, beside_10_timers, operations_end },
	{ "api_timer_start_1000", 1000, api_timer_start, beside_1000_timers, operations_end },
	{ "api_mutex", 1000, api_mutex, beside_10_mutexes, operations_end },
	{ "api_spin", 1000, api_spin, beside_10_mutexes, operations_end },
	{ "api_wake_10", 1000, api_wake, beside_10_mutexes, operations_end },
	{ "api_wake_10000", 1000, api_wake, beside_10000_mutexes, operations_end },
};

static uint64_t measure(const struct row *row)
{
	uint64_t start, took;

	if (row->prepare)
		row->prepare();
	MARK(MARK_BEGIN);
	start = ticks();
	row->run(row->n);
	took = ticks() - start;
	MARK(MARK_END);
	if (row->end)
		row->end();
	return took;
}

/* In a process of its own, so that a row that fails takes no other with it. */
static void measure_row(const struct row *row)
{
	int status;
	pid_t child = fork();

	must(child >= 0, "fork");
	if (!child) {
		measure(row);
		printf("row %s %ld %llu\n", row->name, row->n, (unsigned long long)measure(row));
		fflush(stdout);
		_exit(0);
	}
	must(waitpid(child, &status, 0) == child, "waitpid");
	if (status)
		printf("row %s failed\n", row->name);
	fflush(stdout);
}

/* ---- several processors at once ---- */

#define SCALE_NS 300000000ull
#define MAX_CPUS 64

static uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

/* What fault_write() does can be done once: this drops the pages, too, some at a time. */
static void fault_again(long count)
{
	const long some = 64;

	for (count /= some; count--; madvise(area, some * PAGE, MADV_DONTNEED))
		for (long i = 0; i < some; i++)
			((volatile char *)area)[i * PAGE] = 1;
}

/* What is shared: how many are ready, how much each has done. */
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
	char folder[16];

	snprintf(folder, sizeof(folder), "bench.%d", cpu);
	must(!mkdir(folder, 0700) || errno == EEXIST, folder);
	snprintf(file_name, sizeof(file_name), "%s/bench.file", folder);
	snprintf(none_name, sizeof(none_name), "%s/bench.none", folder);
	snprintf(new_name, sizeof(new_name), "%s/bench.new", folder);
}

static void *scale_worker(void *arg)
{
	const struct worker *worker = arg;
	struct scale *scale = worker->scale;
	const struct row *row = scale->row;
	void (*run)(long n) = row->run == fault_write ? fault_again : row->run;
	cpu_set_t set;
	uint64_t end, done = 0;

	CPU_ZERO(&set);
	CPU_SET(worker->cpu, &set);
	must(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
	own_folder(worker->cpu);
	if (row->prepare)
		row->prepare();
	run(row->n);
	__atomic_add_fetch(&scale->ready, 1, __ATOMIC_SEQ_CST);
	while (scale->ready < scale->ncpus)
		;
	MARK(MARK_BEGIN);
	for (end = now_ns() + SCALE_NS; now_ns() < end; done += row->n)
		run(row->n);
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
	const struct row *row = rows;
	uint64_t sum = 0;

	while (row < rows + NELEMS(rows) && strcmp(row->name, name))
		row++;
	must(row < rows + NELEMS(rows) && ncpus > 0 && ncpus <= MAX_CPUS, "--scale");
	scale->ncpus = ncpus;
	scale->row = row;
	for (int i = 0; i < ncpus; i++)
		workers[i] = (struct worker){ .scale = scale, .cpu = i };
	if (threads)
		scale_threads(workers, ncpus);
	else
		scale_processes(workers, ncpus);
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
	for (const struct row *row = rows; row < rows + NELEMS(rows); row++) {
		int wanted = argc == 1;

		for (int i = 1; i < argc; i++)
			wanted |= !strcmp(argv[i], row->name);
		if (!strcmp(option, "--list"))
			puts(row->name);
		else if (wanted)
			measure_row(row);
	}
	return 0;
}
