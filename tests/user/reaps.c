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
#include <sys/resource.h>
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

int main(void)
{
	RUN(limits);
	RUN(signals);
	RUN(signals_of_files);
	RUN(questions);
	return check_done();
}
