// SPDX-License-Identifier: MIT
/*
 * Calls that do little: what entering the kernel, a descriptor, a path, a signal cost.
 */
#include "bench.h"
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>

#define MEGABYTE (1l << 20)

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
void open_file(void)
{
	must((fds[0] = open(file_name, O_RDWR | O_CREAT | O_TRUNC, 0600)) >= 0, file_name);
	for (long i = 0; i < NPAGES; i++)
		must(write(fds[0], buffer, PAGE) == PAGE, "write");
}
void close_file(void)
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
static void open_megabyte(void)
{
	open_zero();
	area = map_pages(MEGABYTE / PAGE, MAP_PRIVATE);
}
static void read_1m(long count)
{
	while (count--)
		CALL(SYS_read, fds[0], area, MEGABYTE);
}
static void unmap_megabyte(void)
{
	munmap(area, MEGABYTE);
	close_all();
}
static void write_1(long count)
{
	while (count--)
		CALL(SYS_write, fds[0], buffer, 1);
}
void pread_4k(long count)
{
	while (count--)
		CALL(SYS_pread64, fds[0], buffer, PAGE, 0);
}
void pwrite_4k(long count)
{
	while (count--)
		CALL(SYS_pwrite64, fds[0], buffer, PAGE, 0);
}
static void stat_path(long count)
{
	while (count--)
		CALL(SYS_stat, file_name, buffer);
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
void dup_close(long count)
{
	while (count--) {
		long fd = CALL(SYS_dup, fds[0]);

		CALL(SYS_close, fd);
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
void no_timer_slack(void)
{
	must(!prctl(PR_SET_TIMERSLACK, 1), "PR_SET_TIMERSLACK");
}
static void sleep_for(long count, long nanoseconds)
{
	const struct timespec timespec = { 0, nanoseconds };

	while (count--)
		CALL(SYS_nanosleep, &timespec, 0);
}
static void sleep_0(long count)
{
	sleep_for(count, 0);
}
void sleep_1us(long count)
{
	sleep_for(count, 1000);
}
static void sleep_100us(long count)
{
	sleep_for(count, 100000);
}

/* ---- locks of bytes ---- */

static void lock_byte(int type, long byte)
{
	struct flock flock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	must(!CALL(SYS_fcntl, fds[0], F_SETLK, &flock), "fcntl");
}
static void lock_unlock(long count)
{
	while (count--) {
		lock_byte(F_WRLCK, 1L << 20);
		lock_byte(F_UNLCK, 1L << 20);
	}
}
/* A lock on every second byte: they do not join. */
static void hold_locks(int count)
{
	open_file();
	for (int i = 0; i < count; i++)
		lock_byte(F_WRLCK, 2L * i);
}
static void hold_10_locks(void)
{
	hold_locks(10);
}
static void hold_1000_locks(void)
{
	hold_locks(1000);
}

/* ---- texts of /proc ---- */

static void read_text(const char *name, long count)
{
	while (count--) {
		long fd = CALL(SYS_open, name, O_RDONLY);

		while (CALL(SYS_read, fd, buffer, sizeof(buffer)) > 0)
			;
		CALL(SYS_close, fd);
	}
}
static void read_stat(long count)
{
	read_text("/proc/self/stat", count);
}
static void read_maps(long count)
{
	read_text("/proc/self/maps", count);
}
static void read_meminfo(long count)
{
	read_text("/proc/meminfo", count);
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

/* ---- futexes that nobody waits for ---- */

static __thread volatile int nobody __attribute__((aligned(64)));
static void futex_wake(long count)
{
	while (count--)
		CALL(SYS_futex, &nobody, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1);
}
static void futex_again(long count)
{
	while (count--)
		CALL(SYS_futex, &nobody, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, -1);
}

/* ---- the rows ---- */

static const struct row rows[] = {
	{ "null_syscall", 1000, null_call, NULL, NULL },
	{ "read_zero_1", 1000, read_1, open_zero, close_all },
	{ "read_zero_4k", 1000, read_4k, open_zero, close_all },
	{ "read_zero_1m", 10, read_1m, open_megabyte, unmap_megabyte },
	{ "write_null_1", 1000, write_1, open_null, close_all },
	{ "file_pread_4k", 1000, pread_4k, open_file, close_file },
	{ "file_pwrite_4k", 1000, pwrite_4k, open_file, close_file },
	{ "stat", 1000, stat_path, open_file, close_file },
	{ "fstat", 1000, fstat_fd, open_file, close_file },
	{ "open_close", 1000, open_close, open_file, close_file },
	{ "dup_close", 1000, dup_close, open_null, close_all },
	{ "poll_8", 1000, poll_8, open_pipe, close_all },
	{ "lock_beside_10", 1000, lock_unlock, hold_10_locks, close_file },
	{ "lock_beside_1000", 1000, lock_unlock, hold_1000_locks, close_file },
	{ "proc_self_stat", 200, read_stat, NULL, NULL },
	{ "proc_self_maps", 200, read_maps, NULL, NULL },
	{ "proc_meminfo", 200, read_meminfo, NULL, NULL },
	{ "clock_gettime", 1000, gettime, NULL, NULL },
	{ "clock_gettime_syscall", 1000, gettime_call, NULL, NULL },
	{ "nanosleep_0", 1000, sleep_0, no_timer_slack, NULL },
	{ "nanosleep_1us", 1000, sleep_1us, no_timer_slack, NULL },
	{ "nanosleep_100us", 1000, sleep_100us, no_timer_slack, NULL },
	{ "sig_install", 1000, sig_install, NULL, NULL },
	{ "sig_deliver", 1000, sig_deliver, sig_prepare, NULL },
	{ "futex_wake_none", 1000, futex_wake, NULL, NULL },
	{ "futex_wait_eagain", 1000, futex_again, NULL, NULL },
};
const struct group calls_group = { "kernel", rows, NELEMS(rows) };
