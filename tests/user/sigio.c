/* SPDX-License-Identifier: MIT */
/* Signals that tell of files: O_ASYNC, F_SETOWN, F_SETSIG, on pipes and terminals. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>

#define SIG (SIGRTMIN + 3)
#ifndef F_SETOWN_EX
#define F_SETOWN_EX 15
#define F_GETOWN_EX 16
#endif
#define OWNER_TID 0
#define OWNER_PID 1
struct owner {
	int type, pid;
};

static int pair[2];

/* What is pending of a blocked signal within @ms: its si_code, or -1000. */
static siginfo_t info;
static int next_signal(int sig, int ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	if (sigtimedwait(&set, &info, &time) == sig)
		return info.si_code;
	return -1000;
}

static void block(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static void ask(int fd, int sig)
{
	block(sig ? sig : SIGIO);
	CHECK_EQ(fcntl(fd, F_SETOWN, getpid()), 0);
	CHECK_EQ(fcntl(fd, F_SETSIG, sig), 0);
	CHECK_EQ(fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK), 0);
	CHECK(fcntl(fd, F_GETFL) & O_ASYNC);
}

TEST(a_pipe_tells_its_reader)
{
	char byte;

	pipe(pair);
	ask(pair[0], 0);
	CHECK_EQ(next_signal(SIGIO, 0), -1000);
	write(pair[1], "x", 1);
	CHECK_EQ(next_signal(SIGIO, 1000), SI_KERNEL);
	CHECK_EQ(next_signal(SIGIO, 0), -1000);
	write(pair[1], "x", 1); /* each time, not only when it was empty */
	CHECK_EQ(next_signal(SIGIO, 1000), SI_KERNEL);
	CHECK_EQ(fcntl(pair[0], F_SETFL, O_NONBLOCK), 0);
	read(pair[0], &byte, 1);
	write(pair[1], "x", 1);
	CHECK_EQ(next_signal(SIGIO, 20), -1000);
	CHECK(!(fcntl(pair[0], F_GETFL) & O_ASYNC));
}

TEST(the_signal_tells_which_and_what)
{
	pipe(pair);
	ask(pair[0], SIG);
	write(pair[1], "x", 1);
	CHECK_EQ(next_signal(SIG, 1000), POLL_IN);
	CHECK_EQ(info.si_fd, pair[0]);
	CHECK_EQ(info.si_band, POLLIN | POLLRDNORM);
	close(pair[1]);
	CHECK_EQ(next_signal(SIG, 1000), POLL_IN);
	/* One that has codes of its own. */
	pipe(pair);
	ask(pair[0], SIGCHLD);
	write(pair[1], "x", 1);
	CHECK_EQ(next_signal(SIGCHLD, 1000), SI_SIGIO);
	CHECK_EQ(info.si_fd, pair[0]);
}

TEST(a_pipe_tells_its_writer)
{
	char byte;

	pipe(pair);
	ask(pair[1], SIG);
	write(pair[1], "x", 1);
	CHECK_EQ(next_signal(SIG, 0), -1000);
	read(pair[0], &byte, 1);
	CHECK_EQ(next_signal(SIG, 1000), POLL_OUT);
	CHECK_EQ(info.si_band, POLLOUT | POLLWRNORM | POLLWRBAND);
}

TEST(a_fifo_and_a_second_name)
{
	int fd, both;

	unlink("sigio-fifo");
	CHECK_EQ(mkfifo("sigio-fifo", 0600), 0);
	fd = open("sigio-fifo", O_RDONLY | O_NONBLOCK);
	both = open("sigio-fifo", O_RDWR);
	ask(fd, SIG);
	write(both, "x", 1);
	CHECK_EQ(next_signal(SIG, 1000), POLL_IN);
	/* It stays with the open file, and so with duplicates. */
	dup2(fd, fd + 10);
	close(fd);
	write(both, "x", 1);
	CHECK_EQ(next_signal(SIG, 1000), POLL_IN);
	CHECK_EQ(info.si_fd, fd);
	close(fd + 10);
	write(both, "x", 1);
	CHECK_EQ(next_signal(SIG, 20), -1000);
	unlink("sigio-fifo");
}

TEST(an_int_switches_it_too)
{
	int on = 1, off = 0, file = open("sigio-file", O_RDWR | O_CREAT, 0600);

	pipe(pair);
	block(SIGIO);
	CHECK_EQ(fcntl(pair[0], F_SETOWN, getpid()), 0);
	CHECK_EQ(ioctl(pair[0], FIOASYNC, &on), 0);
	CHECK(fcntl(pair[0], F_GETFL) & O_ASYNC);
	write(pair[1], "x", 1);
	CHECK_EQ(next_signal(SIGIO, 1000), SI_KERNEL);
	CHECK_EQ(ioctl(pair[0], FIOASYNC, &off), 0);
	write(pair[1], "x", 1);
	CHECK_EQ(next_signal(SIGIO, 20), -1000);
	CHECK_ERR(ioctl(file, FIOASYNC, &on), ENOTTY);
	CHECK_EQ(ioctl(file, FIOASYNC, &off), 0);
	unlink("sigio-file");
}

TEST(owners)
{
	long owner;
	struct owner o = { OWNER_TID, 0 }, bad = { 3, 1 };
	pid_t pid;

	pipe(pair);
	CHECK_EQ(fcntl(pair[0], F_GETOWN), 0);
	CHECK_ERR(fcntl(pair[0], F_SETOWN, 0x7ffffff0), ESRCH);
	CHECK_ERR(fcntl(pair[0], F_SETOWN, -0x7ffffff0), ESRCH);
	CHECK_ERR(fcntl(pair[0], F_SETOWN_EX, &bad), EINVAL);
	CHECK_ERR(fcntl(pair[0], F_SETSIG, 65), EINVAL);
	CHECK_ERR(fcntl(pair[0], F_SETSIG, -1), EINVAL);
	o.pid = getpid();
	CHECK_EQ(fcntl(pair[0], F_SETOWN_EX, &o), 0);
	o.pid = 0;
	CHECK_EQ(fcntl(pair[0], F_GETOWN_EX, &o), 0);
	CHECK_EQ(o.type, OWNER_TID);
	CHECK_EQ(o.pid, getpid());
	CHECK_EQ(fcntl(pair[0], F_SETOWN, -getpgrp()), 0);
	/* The number of a group, negative, is an error to who makes the call by number. */
	owner = syscall(SYS_fcntl, pair[0], F_GETOWN);
	CHECK_EQ(owner == -1 ? -errno : owner, -getpgrp());
	/* One that has ended is none, also when its number comes again. */
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	CHECK_EQ(fcntl(pair[0], F_SETOWN, pid), 0);
	CHECK_EQ(fcntl(pair[0], F_GETOWN), pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	CHECK_EQ(fcntl(pair[0], F_GETOWN), 0);
	CHECK_EQ(fcntl(pair[0], F_SETOWN, 0), 0);
}

static volatile int thread_tid;
static volatile bool thread_got;

static void *own_signals(void *unused)
{
	thread_tid = syscall(SYS_gettid);
	thread_got = next_signal(SIG, 3000) == POLL_IN;
	return NULL;
}

TEST(a_thread_as_owner)
{
	struct owner owner = { OWNER_TID, 0 };
	pthread_t thread;

	block(SIG);
	pipe(pair);
	pthread_create(&thread, NULL, own_signals, NULL);
	while (!thread_tid)
		pause_ms(1);
	ask(pair[0], SIG);
	owner.pid = thread_tid;
	CHECK_EQ(fcntl(pair[0], F_SETOWN_EX, &owner), 0);
	write(pair[1], "x", 1);
	pthread_join(thread, NULL);
	CHECK(thread_got);
	CHECK_EQ(next_signal(SIG, 0), -1000);
}

TEST(a_group_as_owner)
{
	int ready[2], status;
	pid_t pid[2];
	char byte;

	block(SIG);
	pipe(pair);
	pipe(ready);
	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		if (!pid[i]) {
			setpgid(0, i ? pid[0] : 0);
			write(ready[1], "r", 1);
			_exit(next_signal(SIG, 5000) != POLL_IN);
		}
		read(ready[0], &byte, 1);
	}
	ask(pair[0], SIG);
	CHECK_EQ(fcntl(pair[0], F_SETOWN, -pid[0]), 0);
	write(pair[1], "x", 1);
	for (int i = 0; i < 2; i++) {
		CHECK(wait(&status) > 0);
		CHECK_EQ(status, 0);
	}
	CHECK_EQ(next_signal(SIG, 0), -1000);
}

/* A stranger is not sent signals, whoever writes. */
TEST(only_who_may_be_sent_signals)
{
	int ready[2];
	pid_t pid;
	char byte;

	if (geteuid())
		return;
	block(SIG);
	pipe(pair);
	pipe(ready);
	pid = fork();
	if (!pid) { /* the owner: user 1234 */
		setresuid(1234, 1234, 1234);
		write(ready[1], "r", 1);
		_exit(next_signal(SIG, 300) == POLL_IN);
	}
	read(ready[0], &byte, 1);
	CHECK_EQ(wait_status(CHILD(({ /* user 1235 asks for it */
				      setresuid(1235, 1235, 1235);
				      fcntl(pair[0], F_SETSIG, SIG) ||
					      fcntl(pair[0], F_SETOWN, pid) ||
					      fcntl(pair[0], F_SETFL, O_ASYNC);
		 }))),
		 0);
	write(pair[1], "x", 1); /* and the super user writes */
	CHECK_EQ(wait_status(pid), 0);
}

TEST(without_room_it_is_a_plain_signal)
{
	struct rlimit none = { 0, 0 };

	block(SIGIO);
	pipe(pair);
	ask(pair[0], SIG);
	CHECK_EQ(setrlimit(RLIMIT_SIGPENDING, &none), 0);
	write(pair[1], "x", 1);
	CHECK_EQ(next_signal(SIG, 0), -1000);
	CHECK_EQ(next_signal(SIGIO, 1000), SI_KERNEL);
}

/* ---- terminals ---- */

static int master, slave;

static void open_pty(void)
{
	char name[32];
	int count, zero = 0;

	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	CHECK(master >= 0);
	CHECK_EQ(ioctl(master, TIOCSPTLCK, &zero), 0);
	CHECK_EQ(ioctl(master, TIOCGPTN, &count), 0);
	snprintf(name, sizeof(name), "/dev/pts/%d", count);
	slave = open(name, O_RDWR | O_NOCTTY);
	CHECK(slave >= 0);
}

TEST(a_terminal_tells_of_lines)
{
	char buf[16];

	open_pty();
	block(SIGIO);
	CHECK_EQ(fcntl(slave, F_SETFL, O_ASYNC | O_NONBLOCK), 0);
	CHECK_EQ(fcntl(slave, F_GETOWN), getpid()); /* who asks, by itself */
	write(master, "ab", 2);
	CHECK_EQ(next_signal(SIGIO, 50), -1000);
	write(master, "\n", 1);
	CHECK_EQ(next_signal(SIGIO, 1000), SI_KERNEL);
	CHECK_EQ(read(slave, buf, sizeof(buf)), 3);
}

TEST(the_other_side_is_told_too)
{
	open_pty();
	ask(master, SIG);
	CHECK_EQ(write(slave, "x", 1), 1);
	CHECK_EQ(next_signal(SIG, 1000), POLL_IN);
	CHECK_EQ(info.si_fd, master);
	/* The echo is output as well. */
	CHECK_EQ(write(master, "y", 1), 1);
	CHECK_EQ(next_signal(SIG, 1000), POLL_IN);
}

TEST(nothing_more_after_a_hangup)
{
	open_pty();
	ask(slave, SIG);
	close(master);
	next_signal(SIG, 20);
	CHECK(!(fcntl(slave, F_GETFL) & O_ASYNC));
	CHECK_ERR(fcntl(slave, F_SETFL, O_ASYNC), ENOTTY);
}

/* ---- many at once ---- */

static void *toggle(void *unused)
{
	long end = now_ms() + 300;

	while (now_ms() < end) {
		fcntl(pair[0], F_SETFL, O_ASYNC | O_NONBLOCK);
		fcntl(pair[0], F_SETOWN, getpid());
		fcntl(pair[0], F_SETFL, O_NONBLOCK);
	}
	return NULL;
}

static void *write_and_read(void *unused)
{
	long end = now_ms() + 300;
	char byte;

	while (now_ms() < end) {
		write(pair[1], "x", 1);
		read(pair[0], &byte, 1);
	}
	return NULL;
}

TEST(switched_while_it_tells)
{
	pthread_t thread[4];

	signal(SIGIO, SIG_IGN);
	pipe2(pair, O_NONBLOCK);
	for (int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, i & 1 ? toggle : write_and_read, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	close(pair[0]);
	write(pair[1], "x", 1);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	chdir("/tmp");
	RUN(a_pipe_tells_its_reader);
	RUN(the_signal_tells_which_and_what);
	RUN(a_pipe_tells_its_writer);
	RUN(a_fifo_and_a_second_name);
	RUN(an_int_switches_it_too);
	RUN(owners);
	RUN(a_thread_as_owner);
	RUN(a_group_as_owner);
	RUN(only_who_may_be_sent_signals);
	RUN(without_room_it_is_a_plain_signal);
	RUN(a_terminal_tells_of_lines);
	RUN(the_other_side_is_told_too);
	RUN(nothing_more_after_a_hangup);
	RUN(switched_while_it_tells);
	return check_done();
}
