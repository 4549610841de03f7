/* SPDX-License-Identifier: MIT */
/* signalfd(): signals as something to read and to wait for. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>

static int poll_one(int fd, int ms)
{
	struct pollfd pollfd = { fd, POLLIN, 0 };

	if (poll(&pollfd, 1, ms) < 0)
		return -1;
	return pollfd.revents;
}

/* A file for some signals, which are blocked. */
static int open_for(int first, int second, int flags)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, first);
	sigaddset(&set, second);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, flags);
}

TEST(refusals)
{
	uint64_t set = 1;
	int null = open("/dev/null", O_RDONLY), fd;
	char text[200];

	CHECK_ERR(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
	CHECK_ERR(syscall(SYS_signalfd4, -1, &set, 8, 1), EINVAL);
	CHECK_ERR(syscall(SYS_signalfd4, -1, 8, 8, 0), EFAULT);
	CHECK_ERR(syscall(SYS_signalfd4, 99, &set, 8, 0), EBADF);
	CHECK_ERR(syscall(SYS_signalfd4, -2, &set, 8, 0), EBADF);
	CHECK_ERR(syscall(SYS_signalfd4, null, &set, 8, 0), EINVAL);
	fd = open_for(SIGUSR1, SIGUSR2, SFD_NONBLOCK | SFD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(read(fd, text, 127), EINVAL);
	CHECK_ERR(read(fd, text, 128), EAGAIN);
	CHECK_ERR(write(fd, text, 128), EINVAL);
}

TEST(what_is_known_of_a_signal)
{
	struct signalfd_siginfo i[3];
	int fd = open_for(SIGUSR1, SIGRTMIN + 1, SFD_NONBLOCK);

	CHECK_EQ(poll_one(fd, 0), 0);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(poll_one(fd, 0), POLLIN);
	sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 77 });
	sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 78 });
	CHECK_EQ(read(fd, i, 128 * 2 + 5), 256);
	CHECK_EQ(i[0].ssi_signo, SIGUSR1);
	CHECK_EQ(i[0].ssi_code, SI_USER);
	CHECK_EQ(i[0].ssi_pid, getpid());
	CHECK_EQ(i[0].ssi_uid, getuid());
	CHECK_EQ(i[1].ssi_signo, SIGRTMIN + 1);
	CHECK_EQ(i[1].ssi_code, SI_QUEUE);
	CHECK_EQ(i[1].ssi_int, 77);
	CHECK_EQ(read(fd, i, sizeof(i)), 128);
	CHECK_EQ(i[0].ssi_int, 78);
	CHECK_EQ(poll_one(fd, 0), 0);
	raise(SIGUSR1); /* to the thread */
	CHECK_EQ(read(fd, i, sizeof(i)), 128);
	CHECK_EQ(i[0].ssi_code, SI_TKILL);
}

TEST(children)
{
	struct signalfd_siginfo i;
	int fd = open_for(SIGCHLD, SIGCHLD, 0);
	pid_t child = CHILD((pause_ms(20), 5));

	CHECK_EQ(read(fd, &i, sizeof(i)), 128); /* waits */
	CHECK_EQ(i.ssi_signo, SIGCHLD);
	CHECK_EQ(i.ssi_code, CLD_EXITED);
	CHECK_EQ(i.ssi_pid, child);
	CHECK_EQ(i.ssi_status, 5);
	CHECK_EQ(wait_status(child), 5 << 8);
}

TEST(only_the_set)
{
	struct signalfd_siginfo i;
	int fd = open_for(SIGUSR1, SIGUSR2, SFD_NONBLOCK);
	char text[200] = "", name[40];
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGKILL);
	sigaddset(&set, SIGSTOP);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(signalfd(fd, &set, 0), fd);
	CHECK_ERR(read(fd, &i, sizeof(i)), EAGAIN);
	sprintf(name, "/proc/self/fdinfo/%d", fd);
	CHECK(read(open(name, O_RDONLY), text, sizeof(text) - 1) > 0);
	CHECK(strstr(text, "sigmask:\t0000000000000800\n"));
	sigaddset(&set, SIGUSR1);
	CHECK_EQ(signalfd(fd, &set, 0), fd);
	CHECK_EQ(read(fd, &i, sizeof(i)), 128);
}

/* The file is the same, the signals are each process's own. */
TEST(each_process_reads_its_own)
{
	struct signalfd_siginfo i;
	int fd = open_for(SIGUSR1, SIGUSR2, SFD_NONBLOCK);
	pid_t child;

	kill(getpid(), SIGUSR1);
	child = fork();
	if (!child) {
		CHECK_EQ(poll_one(fd, 0), 0);
		CHECK_ERR(read(fd, &i, sizeof(i)), EAGAIN);
		kill(getpid(), SIGUSR2);
		CHECK_EQ(poll_one(fd, 1000), POLLIN);
		CHECK_EQ(read(fd, &i, sizeof(i)), 128);
		CHECK_EQ(i.ssi_signo, SIGUSR2);
		_exit(0);
	}
	CHECK_EQ(wait_status(child), 0);
	CHECK_EQ(read(fd, &i, sizeof(i)), 128);
	CHECK_EQ(i.ssi_signo, SIGUSR1);
}

static void *send_later(void *arg)
{
	pause_ms(20);
	kill(getpid(), SIGUSR1);
	return arg;
}

TEST(sleepers_are_woken)
{
	int fd = open_for(SIGUSR1, SIGUSR2, SFD_NONBLOCK), epoll = epoll_create1(0);
	struct epoll_event event = { EPOLLIN, { .u32 = 3 } };
	struct signalfd_siginfo i;
	struct itimerval itimerval = { { 0, 0 }, { 0, 20000 } };
	pthread_t thread;

	pthread_create(&thread, NULL, send_later, NULL);
	CHECK_EQ(poll_one(fd, 5000), POLLIN);
	pthread_join(thread, NULL);
	CHECK_EQ(read(fd, &i, sizeof(i)), 128);
	CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), 0);
	CHECK_EQ(epoll_wait(epoll, &event, 1, 0), 0);
	pthread_create(&thread, NULL, send_later, NULL);
	CHECK_EQ(epoll_wait(epoll, &event, 1, 5000), 1);
	pthread_join(thread, NULL);
	CHECK_EQ(read(fd, &i, sizeof(i)), 128);
	CHECK_EQ(epoll_wait(epoll, &event, 1, 0), 0);
	fd = open_for(SIGALRM, SIGALRM, 0);
	setitimer(ITIMER_REAL, &itimerval, NULL);
	CHECK_EQ(read(fd, &i, sizeof(i)), 128);
	CHECK_EQ(i.ssi_signo, SIGALRM);
}

/* A set stays registered when the process that registered it has ended; its signals have too. */
TEST(a_set_outlives_its_process)
{
	int fd = open_for(SIGUSR1, SIGUSR2, SFD_NONBLOCK), epoll = epoll_create1(0), ends[2];
	struct epoll_event event = { EPOLLIN, { .u32 = 3 } };
	char byte;

	CHECK_EQ(pipe(ends), 0);
	for (int i = 0; i < 50; i++) {
		pid_t child = fork();

		if (!child) {
			pid_t grandchild;

			CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), i ? -1 : 0);
			CHECK_EQ(poll_one(fd, 0), 0);
			CHECK_EQ(poll_one(fd, 1), 0);
			grandchild = fork();
			if (!grandchild) {
				pause_ms(5);
				kill(getpid(), SIGUSR1);
				CHECK_EQ(poll_one(fd, 1000), POLLIN);
				write(ends[1], "x", 1);
			}
			_exit(0);
		}
		CHECK_EQ(wait_status(child), 0);
		CHECK_EQ(read(ends[0], &byte, 1), 1);
	}
	kill(getpid(), SIGUSR1);
	CHECK_EQ(poll_one(fd, 1000), POLLIN);
	close(fd); /* once the grandchildren have ended it is out of the set */
	for (int i = 0; i < 500 && epoll_wait(epoll, &event, 1, 0); i++)
		pause_ms(10);
	CHECK_EQ(epoll_wait(epoll, &event, 1, 0), 0);
}

int main(void)
{
	RUN(refusals);
	RUN(what_is_known_of_a_signal);
	RUN(children);
	RUN(only_the_set);
	RUN(each_process_reads_its_own);
	RUN(sleepers_are_woken);
	RUN(a_set_outlives_its_process);
	return check_done();
}
