/* SPDX-License-Identifier: MIT */
/*
 * Calls on a process that ends and is reaped at that moment.
 *
 * One process makes children that end at once, and waits for them; others use the number of the
 * present child without a pause. Shows most on several processors.
 */
#include "check.h"
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define RUN_MS	   1500
#define NR_CALLERS 3

static const char *const files[] = { "stat", "status", "maps",	 "cmdline", "environ",
				     "fd/0", "cwd",    "mounts", "limits",  "task" };
static volatile pid_t *child; /* shared; -1 at the end */

/* It is there and of another, or it is gone. */
#define REFUSED(call)                                                               \
	do {                                                                        \
		errno = 0;                                                          \
		if ((call) != -1 || (errno != EPERM && errno != ESRCH))             \
			check_fail_err(#call, 0, errno, EPERM, __FILE__, __LINE__); \
	} while (0)

static void make_and_reap(long end)
{
	while (now_ms() < end) {
		pid_t pid = CHILD(0);

		CHECK(pid > 0);
		*child = pid;
		CHECK_EQ(wait_status(pid), 0);
	}
	*child = -1;
}

static void call_while_reaped(void (*call)(pid_t pid), uid_t uid)
{
	int status, failed = 0;
	pid_t pid, maker;

	child = mmap(NULL, sizeof(*child), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	CHECK(child != MAP_FAILED);
	maker = fork();
	if (!maker) {
		make_and_reap(now_ms() + RUN_MS);
		_exit(0);
	}
	for (int i = 0; i < NR_CALLERS; i++)
		if (!fork()) {
			alarm(60);
			CHECK_EQ(setuid(uid), 0);
			while ((pid = *child) >= 0)
				if (pid)
					call(pid);
			_exit(0);
		}
	while (wait(&status) > 0)
		failed |= status;
	CHECK_EQ(failed, 0);
}

static void limit(pid_t pid)
{
	struct rlimit old;

	REFUSED(prlimit(pid, RLIMIT_NOFILE, NULL, &old));
}

TEST(limits)
{
	call_while_reaped(limit, 1000);
}

static void send(pid_t pid)
{
	REFUSED(kill(pid, SIGUSR1));
}

TEST(signals)
{
	call_while_reaped(send, 1000);
}

/* A pipe that sends SIGIO to the process: not if it is another user's. */
static void send_from_file(pid_t pid)
{
	static int ends[2];
	char byte;

	if (!ends[1]) {
		CHECK_EQ(pipe(ends), 0);
		CHECK_EQ(fcntl(ends[0], F_SETFL, O_ASYNC), 0);
	}
	if (fcntl(ends[0], F_SETOWN, pid)) {
		CHECK_EQ(errno, ESRCH);
		return;
	}
	CHECK_EQ(write(ends[1], "x", 1), 1);
	CHECK_EQ(read(ends[0], &byte, 1), 1);
}

TEST(signals_of_files)
{
	call_while_reaped(send_from_file, 1000);
}

/* Whatever these say: the process may have ended at any moment. */
static void ask(pid_t pid)
{
	struct {
		uint32_t version;
		pid_t pid;
	} header = { 0x20080522, pid };
	struct iovec mine = { &header, sizeof(header) }, other = { (void *)child, sizeof(*child) };
	struct sched_param param = { 0 };
	struct timespec time;
	unsigned long mask[16];
	char path[32], text[64];
	uint32_t caps[6];
	clockid_t clock;
	size_t len;
	void *head;

	getpgid(pid);
	getsid(pid);
	setpgid(pid, pid);
	getpriority(PRIO_PROCESS, pid);
	setpriority(PRIO_PROCESS, pid, 1);
	getpriority(PRIO_PGRP, pid);
	syscall(SYS_sched_getaffinity, pid, sizeof(mask), mask);
	syscall(SYS_sched_getscheduler, pid);
	syscall(SYS_sched_setscheduler, pid, 0, &param);
	syscall(SYS_sched_rr_get_interval, pid, &time);
	syscall(SYS_capget, &header, caps);
	syscall(SYS_get_robust_list, pid, &head, &len);
	syscall(SYS_process_vm_readv, pid, &mine, 1, &other, 1, 0);
	syscall(SYS_tgkill, pid, pid, 0);
	syscall(SYS_pidfd_open, pid, 0);
	if (!clock_getcpuclockid(pid, &clock))
		clock_gettime(clock, &time);
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		int fd;

		sprintf(path, "/proc/%d/%s", pid, files[i]);
		readlink(path, text, sizeof(text));
		fd = open(path, O_RDONLY | O_NONBLOCK);
		if (fd >= 0) {
			read(fd, text, sizeof(text));
			close(fd);
		}
	}
	syscall(SYS_close_range, 3, ~0u, 0);
}

TEST(questions)
{
	call_while_reaped(ask, 0);
}

/* ---- numbers that are used again ---- */

#define FIRST_NUMBER 300 /* below are numbers of those who started first */
#define NR_NUMBERS   10

static int set_pid_max(const char *text)
{
	int fd = open("/proc/sys/kernel/pid_max", O_RDWR);
	ssize_t length = write(fd, text, strlen(text));

	close(fd);
	return length == (ssize_t)strlen(text) ? 0 : -1;
}

static ssize_t read_about(pid_t pid, const char *name, char *text, size_t size)
{
	char path[32];
	ssize_t length;
	int fd;

	sprintf(path, "/proc/%d/%s", pid, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	length = read(fd, text, size - 1);
	if (length >= 0)
		text[length] = 0;
	close(fd);
	return length;
}

static uid_t owner_of(pid_t pid)
{
	struct stat info;
	char path[32];

	sprintf(path, "/proc/%d", pid);
	CHECK_EQ(stat(path, &info), 0);
	return info.st_uid;
}

/* One that has a name and an owner of its own, until it is killed. */
static pid_t start_named(const char *name, uid_t uid)
{
	int ends[2];
	char byte;
	pid_t pid;

	CHECK_EQ(pipe(ends), 0);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_NAME, name);
		CHECK_EQ(setuid(uid), 0);
		prctl(PR_SET_DUMPABLE, 1);
		write(ends[1], "x", 1);
		for (;;)
			pause();
	}
	CHECK(pid > 0);
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	close(ends[0]);
	close(ends[1]);
	return pid;
}

/* What is kept of a process in /proc, by the kernel or by who has it open, ends with it. */
TEST(a_number_shows_its_present_process)
{
	char path[32], text[256], name[16];
	int old[NR_NUMBERS] = { 0 }, reused = 0;

	for (int i = 0; i < 6 * NR_NUMBERS; i++) {
		uid_t uid = i % 2 ? 1000 : 0;
		pid_t pid;
		int *fd;

		snprintf(name, sizeof(name), "number%d", i);
		pid = start_named(name, uid);
		CHECK(pid >= FIRST_NUMBER && pid < FIRST_NUMBER + NR_NUMBERS);
		fd = &old[pid % NR_NUMBERS];
		if (*fd) { /* of another that had the number */
			CHECK_ERR(read(*fd, text, sizeof(text)), ESRCH);
			CHECK_EQ(close(*fd), 0);
			reused++;
		}
		CHECK(read_about(pid, "comm", text, sizeof(text)) > 0);
		CHECK_EQ(strlen(text), strlen(name) + 1);
		CHECK(!strncmp(text, name, strlen(name)));
		CHECK_EQ(owner_of(pid), uid);
		CHECK_EQ(seteuid(1000), 0);
		CHECK_EQ(read_about(pid, "environ", text, sizeof(text)) >= 0, uid == 1000);
		CHECK_EQ(seteuid(0), 0);
		sprintf(path, "/proc/%d/comm", pid);
		CHECK((*fd = open(path, O_RDONLY)) >= 0);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		CHECK_ERR(open(path, O_RDONLY), ENOENT);
		CHECK_ERR(read(*fd, text, sizeof(text)), ESRCH);
	}
	CHECK(reused > NR_NUMBERS);
	for (int i = 0; i < NR_NUMBERS; i++)
		if (old[i])
			close(old[i]);
}

/* Of whoever has the number: its text is not another's. */
static void look(pid_t pid)
{
	static const char *const names[] = { "stat", "comm", "maps", "fd" };
	char path[32], text[256];
	struct stat info;
	ssize_t length;
	int fd;

	length = read_about(pid, "stat", text, sizeof(text));
	if (length > 0)
		CHECK_EQ(atoi(text), pid);
	else
		CHECK(errno == ENOENT || errno == ESRCH);
	for (int i = 0; i < 4; i++) {
		sprintf(path, "/proc/%d/%s", pid, names[i]);
		if (stat(path, &info))
			CHECK(errno == ENOENT || errno == ESRCH);
	}
	sprintf(path, "/proc/%d", pid);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	if (fd >= 0) {
		length = readlinkat(fd, "exe", text, sizeof(text));
		fstatat(fd, "status", &info, 0);
		close(fd);
	}
	length = read_about(getpid(), "stat", text, sizeof(text));
	CHECK(length > 0 && atoi(text) == getpid());
	length = readlink("/proc/self", text, sizeof(text) - 1);
	CHECK(length > 0 && atoi(text) == getpid());
}

TEST(numbers_used_again_at_once)
{
	call_while_reaped(look, 1000);
}

static long free_kib(void)
{
	char text[256];
	int fd = open("/proc/meminfo", O_RDONLY);

	pause_ms(200); /* what is freed later */
	CHECK(read(fd, text, sizeof(text)) > 0);
	close(fd);
	return atol(strstr(text, "MemFree:") + 8);
}

static void be_seen(int count)
{
	struct stat info;
	char path[32];

	while (count--) {
		pid_t pid = CHILD(pause());

		for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
			sprintf(path, "/proc/%d/%s", pid, files[i]);
			CHECK_EQ(lstat(path, &info), 0);
		}
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

TEST(what_was_seen_is_freed)
{
	long before;

	be_seen(200);
	before = free_kib();
	be_seen(1500);
	CHECK(before - free_kib() < 2048);
}

static void with_few_numbers(void)
{
	char before[16] = "", few[16];
	pid_t pid;
	int fd;

	fd = open("/proc/sys/kernel/pid_max", O_RDONLY);
	CHECK(read(fd, before, sizeof(before)) > 0);
	close(fd);
	sprintf(few, "%d", FIRST_NUMBER + NR_NUMBERS);
	CHECK_EQ(set_pid_max(few), 0);
	do { /* up to where the numbers turn back */
		pid = CHILD(0);
		CHECK_EQ(wait_status(pid), 0);
	} while (pid < FIRST_NUMBER);
	RUN(a_number_shows_its_present_process);
	RUN(numbers_used_again_at_once);
	CHECK_EQ(set_pid_max(before), 0);
}

int main(void)
{
	RUN(limits);
	RUN(signals);
	RUN(signals_of_files);
	RUN(questions);
	RUN(what_was_seen_is_freed);
	with_few_numbers();
	return check_done();
}
