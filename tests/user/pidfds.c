/* SPDX-License-Identifier: MIT */
/* pidfds: descriptors that mean a process. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define PIDFD_TYPE 3 /* P_PIDFD */
#define WITH_PIDFD 0x1000u

struct clone3_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};

static int pidfd_open(pid_t pid, unsigned flags)
{
	return (int)syscall(SYS_pidfd_open, pid, flags);
}

static int pidfd_kill(int fd, int sig, siginfo_t *info, unsigned flags)
{
	return (int)syscall(SYS_pidfd_send_signal, fd, sig, info, flags);
}

static int pidfd_getfd(int pidfd, int fd, unsigned flags)
{
	return (int)syscall(SYS_pidfd_getfd, pidfd, fd, flags);
}

static int poll_one(int fd, int ms)
{
	struct pollfd pollfd = { fd, POLLIN | POLLRDNORM | POLLOUT, 0 };

	if (poll(&pollfd, 1, ms) < 0)
		return -1;
	return pollfd.revents;
}

static pid_t sleeper(void)
{
	return CHILD((pause(), 0));
}

static void *reports_tid(void *arg)
{
	*(pid_t *)arg = (pid_t)syscall(SYS_gettid);
	pause();
	return NULL;
}

TEST(opening)
{
	int fd = pidfd_open(getpid(), O_NONBLOCK), null = open("/dev/null", O_RDONLY);
	pid_t tid = 0, child;
	pthread_t thread;
	char text[200];
	ssize_t got;

	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	CHECK_ERR(read(fd, text, 8), EINVAL);
	CHECK_ERR(pidfd_open(0, 0), EINVAL);
	CHECK_ERR(pidfd_open(-1, 0), EINVAL);
	CHECK_ERR(pidfd_open(getpid(), 1), EINVAL);
	CHECK_ERR(pidfd_open(4000000, 0), ESRCH);
	CHECK_EQ(pthread_create(&thread, NULL, reports_tid, &tid), 0);
	while (!*(volatile pid_t *)&tid)
		sched_yield();
	CHECK_ERR(pidfd_open(tid, 0), EINVAL);
	child = CHILD(0);
	pause_ms(50);
	fd = pidfd_open(child, 0); /* a zombie has one, too */
	CHECK(fd >= 0);
	CHECK_EQ(wait_status(child), 0);
	CHECK_ERR(pidfd_open(child, 0), ESRCH);
	snprintf(text, sizeof(text), "/proc/self/fd/%d", fd);
	got = readlink(text, text + 100, 100);
	CHECK(got == 18 && !memcmp(text + 100, "anon_inode:[pidfd]", 18));
	CHECK_ERR(syscall(SYS_pidfd_open, getpid(), O_CLOEXEC), EINVAL);
	CHECK_ERR(pidfd_kill(null, 0, NULL, 0), EBADF);
}

static void check_fdinfo(int fd, pid_t pid)
{
	char path[64], text[300], wanted[64];
	ssize_t got;
	int info;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	info = open(path, O_RDONLY);
	got = read(info, text, sizeof(text) - 1);
	CHECK(got > 0);
	text[got] = 0;
	snprintf(wanted, sizeof(wanted), "\nPid:\t%d\nNSpid:\t%d\n", pid, pid);
	CHECK(strstr(text, wanted));
	close(info);
}

TEST(polling)
{
	pid_t child = sleeper();
	int fd = pidfd_open(child, 0), set = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };

	CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
	CHECK_EQ(poll_one(fd, 0), 0);
	CHECK_EQ(epoll_wait(set, &event, 1, 0), 0);
	check_fdinfo(fd, child);
	if (!fork()) {
		pause_ms(50);
		_exit(pidfd_kill(fd, SIGKILL, NULL, 0));
	}
	CHECK_EQ(poll_one(fd, 5000), POLLIN | POLLRDNORM);
	CHECK_EQ(epoll_wait(set, &event, 1, 1000), 1);
	CHECK_EQ(event.events, EPOLLIN);
	check_fdinfo(fd, child); /* a zombie */
	CHECK_EQ(pidfd_kill(fd, 0, NULL, 0), 0);
	CHECK_EQ(wait_status(child), SIGKILL);
	CHECK_EQ(poll_one(fd, 0), POLLIN | POLLRDNORM);
	check_fdinfo(fd, -1);
	CHECK_ERR(pidfd_kill(fd, 0, NULL, 0), ESRCH);
	CHECK_ERR(pidfd_kill(fd, SIGTERM, NULL, 0), ESRCH);
	CHECK_ERR(pidfd_kill(fd, 65, NULL, 0), ESRCH);
}

static void *ends_the_first_thread(void *arg)
{
	pause_ms(100);
	_exit(7);
	return arg;
}

TEST(a_process_ends_with_its_last_thread)
{
	pid_t child = fork();
	siginfo_t info;
	int fd;

	if (!child) {
		pthread_t thread;

		pthread_create(&thread, NULL, ends_the_first_thread, NULL);
		syscall(SYS_exit, 0);
	}
	fd = pidfd_open(child, 0);
	CHECK_EQ(poll_one(fd, 30), 0);
	CHECK_EQ(poll_one(fd, 5000), POLLIN | POLLRDNORM);
	CHECK_EQ(waitid(PIDFD_TYPE, fd, &info, WEXITED), 0);
	CHECK_EQ(info.si_status, 7);
}

static volatile int caught_code, caught_value;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	caught_code = info->si_code;
	caught_value = info->si_value.sival_int;
}

TEST(sending)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	int self = pidfd_open(getpid(), 0), init = pidfd_open(1, 0), folder, task;
	siginfo_t info = { .si_signo = SIGUSR1, .si_code = SI_QUEUE };
	pid_t child = sleeper();
	int other = pidfd_open(child, 0);

	sigaction(SIGUSR1, &action, NULL);
	info.si_value.sival_int = 42;
	CHECK_EQ(pidfd_kill(self, SIGUSR1, NULL, 0), 0);
	CHECK_EQ(caught_code, SI_USER);
	CHECK_EQ(pidfd_kill(self, SIGUSR1, &info, 0), 0);
	CHECK_EQ(caught_code, SI_QUEUE);
	CHECK_EQ(caught_value, 42);
	CHECK_ERR(pidfd_kill(-1, SIGUSR1, &info, 1), EINVAL);
	CHECK_ERR(pidfd_kill(-1, SIGUSR1, &info, 0), EBADF);
	CHECK_ERR(pidfd_kill(self, SIGUSR2, &info, 0), EINVAL);
	CHECK_ERR(pidfd_kill(self, SIGUSR1, (siginfo_t *)16, 0), EFAULT);
	CHECK_ERR(pidfd_kill(self, 65, NULL, 0), EINVAL);
	CHECK_ERR(pidfd_kill(self, -1, NULL, 0), EINVAL);
	info.si_code = SI_USER;
	CHECK_EQ(pidfd_kill(self, SIGUSR1, &info, 0), 0);
	CHECK_ERR(pidfd_kill(other, SIGUSR1, &info, 0), EPERM); /* looks like kill()'s */
	/* a folder of /proc does it, too */
	folder = open("/proc/self", O_RDONLY | O_DIRECTORY);
	caught_code = 1;
	CHECK_EQ(pidfd_kill(folder, SIGUSR1, NULL, 0), 0);
	CHECK_EQ(caught_code, SI_USER);
	task = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	CHECK_ERR(pidfd_kill(task, SIGUSR1, NULL, 0), EBADF);
	CHECK_EQ(setuid(1000), 0);
	CHECK_ERR(pidfd_kill(init, 0, NULL, 0), EPERM);
	CHECK_ERR(pidfd_kill(init, SIGTERM, NULL, 0), EPERM);
}

TEST(waiting)
{
	pid_t child = CHILD(3);
	int fd = pidfd_open(child, 0), nonblock;
	siginfo_t info;

	CHECK_EQ(waitid(PIDFD_TYPE, fd, &info, WEXITED | WNOWAIT), 0);
	CHECK_EQ(waitid(PIDFD_TYPE, fd, &info, WEXITED), 0);
	CHECK_EQ(info.si_pid, child);
	CHECK_EQ(info.si_code, CLD_EXITED);
	CHECK_EQ(info.si_status, 3);
	CHECK_ERR(waitid(PIDFD_TYPE, fd, &info, WEXITED), ECHILD);
	CHECK_ERR(waitid(PIDFD_TYPE, -1, &info, WEXITED), EINVAL);
	CHECK_ERR(waitid(PIDFD_TYPE, 99, &info, WEXITED), EBADF);
	CHECK_ERR(waitid(PIDFD_TYPE, 0, &info, WEXITED), EBADF);
	CHECK_ERR(waitid(PIDFD_TYPE, fd, &info, 0), EINVAL);
	CHECK_ERR(waitid(PIDFD_TYPE, pidfd_open(getpid(), 0), &info, WEXITED), ECHILD);
	child = sleeper();
	nonblock = pidfd_open(child, O_NONBLOCK);
	CHECK_ERR(waitid(PIDFD_TYPE, nonblock, &info, WEXITED), EAGAIN);
	CHECK_EQ(waitid(PIDFD_TYPE, nonblock, &info, WEXITED | WNOHANG), 0);
	CHECK_EQ(info.si_pid, 0);
	kill(child, SIGSTOP);
	CHECK_EQ(waitid(PIDFD_TYPE, pidfd_open(child, 0), &info, WSTOPPED), 0);
	CHECK_EQ(info.si_status, SIGSTOP);
	kill(child, SIGKILL);
	CHECK_EQ(waitid(PIDFD_TYPE, pidfd_open(child, 0), &info, WEXITED), 0);
	CHECK_EQ(info.si_status, SIGKILL);
}

static long clone_with(uint64_t flags, int *pidfd, int *parent_tid)
{
	struct clone3_args args = { .flags = flags,
				    .pidfd = (uintptr_t)pidfd,
				    .parent_tid = (uintptr_t)parent_tid,
				    .exit_signal = SIGCHLD };

	return syscall(SYS_clone3, &args, sizeof(args));
}

TEST(a_clone_has_one)
{
	int fd = -1, tid, used = open("/dev/null", O_RDONLY);
	siginfo_t info;
	long child;

	close(used);
	child = clone_with(WITH_PIDFD, &fd, NULL);
	if (!child)
		_exit(fcntl(used, F_GETFD) != -1); /* the child has not got it */
	CHECK(child > 0);
	CHECK_EQ(fd, used);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	check_fdinfo(fd, (pid_t)child);
	CHECK_EQ(waitid(PIDFD_TYPE, fd, &info, WEXITED), 0);
	CHECK_EQ(info.si_pid, child);
	CHECK_EQ(info.si_status, 0);
	close(fd);
	child = syscall(SYS_clone, WITH_PIDFD | SIGCHLD, 0, &fd, 0, 0);
	if (!child)
		_exit(5);
	CHECK_EQ(waitid(PIDFD_TYPE, fd, &info, WEXITED), 0);
	CHECK_EQ(info.si_status, 5);
	CHECK_ERR(syscall(SYS_clone, WITH_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, 0, &fd, 0, 0),
		  EINVAL);
	CHECK_ERR(syscall(SYS_clone, WITH_PIDFD | 0x400000 | SIGCHLD, 0, &fd, 0, 0), EINVAL);
	CHECK_ERR(clone_with(WITH_PIDFD | CLONE_PARENT_SETTID, &fd, &fd), EINVAL);
	CHECK_ERR(clone_with(WITH_PIDFD, (int *)16, NULL), EFAULT);
	CHECK_ERR(wait(NULL), ECHILD); /* none was made */
	CHECK_EQ(dup(0), fd + 1);      /* ... and no descriptor is left */
	child = clone_with(WITH_PIDFD | CLONE_PARENT_SETTID, &fd, &tid);
	if (!child)
		_exit(0);
	CHECK_EQ(tid, child);
	CHECK_EQ(wait_status((pid_t)child), 0);
}

TEST(taking_a_descriptor)
{
	int pipes[2], here[2], fd, taken;
	pid_t child, other;
	char text[4];

	CHECK_EQ(pipe(here), 0);
	child = fork();
	if (!child) {
		CHECK_EQ(pipe(pipes), 0);
		CHECK_EQ(write(pipes[1], "abc", 3), 3);
		write(here[1], pipes, sizeof(pipes));
		pause();
	}
	CHECK_EQ(read(here[0], pipes, sizeof(pipes)), sizeof(pipes));
	fd = pidfd_open(child, 0);
	taken = pidfd_getfd(fd, pipes[0], 0);
	CHECK(taken >= 0);
	CHECK_EQ(fcntl(taken, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(read(taken, text, 4), 3);
	CHECK_ERR(pidfd_getfd(fd, 1000, 0), EBADF);
	CHECK_ERR(pidfd_getfd(99, 0, 0), EBADF);
	CHECK_ERR(pidfd_getfd(0, 0, 0), EBADF);
	CHECK_ERR(pidfd_getfd(fd, 0, 1), EINVAL);
	CHECK_EQ(pidfd_getfd(pidfd_open(getpid(), 0), 0, 0) > 0, 1);
	other = fork();
	if (!other) {
		CHECK_EQ(setuid(1000), 0);
		CHECK_ERR(pidfd_getfd(fd, pipes[0], 0), EPERM);
		CHECK_ERR(pidfd_getfd(fd, 1000, 0), EPERM);
		_exit(0);
	}
	CHECK_EQ(wait_status(other), 0);
	kill(child, SIGKILL);
	CHECK_EQ(wait_status(child), SIGKILL);
	CHECK_ERR(pidfd_getfd(fd, 0, 0), ESRCH);
}

TEST(numbers_are_not_kept)
{
	/* each process is reaped; what means it does not keep its number */
	for (int i = 0; i < 200; i++) {
		pid_t child = CHILD(0);
		int fd = pidfd_open(child, 0);

		CHECK(fd >= 0);
		CHECK_EQ(wait_status(child), 0);
		CHECK_ERR(pidfd_kill(fd, SIGKILL, NULL, 0), ESRCH);
	}
}

int main(void)
{
	RUN(opening);
	RUN(polling);
	RUN(a_process_ends_with_its_last_thread);
	RUN(sending);
	RUN(waiting);
	RUN(a_clone_has_one);
	RUN(taking_a_descriptor);
	RUN(numbers_are_not_kept);
	return check_done();
}
