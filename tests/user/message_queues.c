/* SPDX-License-Identifier: MIT */
/* POSIX message queues, by their calls: names without a slash in front. */
#include "check.h"
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static int open_queue(const char *name, int flags, struct mq_attr *attr)
{
	return (int)syscall(SYS_mq_open, name, flags, 0600, attr);
}

static int drop(const char *name)
{
	return (int)syscall(SYS_mq_unlink, name);
}

static int send_text(int fd, const char *text, unsigned priority)
{
	return (int)syscall(SYS_mq_timedsend, fd, text, strlen(text), priority, NULL);
}

static char text[8200];
static unsigned priority;

static int take(int fd, struct timespec *until)
{
	memset(text, 0, sizeof(text));
	return (int)syscall(SYS_mq_timedreceive, fd, text, 8192, &priority, until);
}

static int fresh(int flags)
{
	int fd = open_queue("test", O_CREAT | O_EXCL | O_RDWR | flags, NULL);

	CHECK(fd >= 0);
	CHECK_EQ(drop("test"), 0);
	return fd;
}

static void caught(int sig)
{
	(void)sig;
}

TEST(opening)
{
	struct mq_attr attr = { .mq_maxmsg = 3, .mq_msgsize = 100 }, zero = { .mq_maxmsg = 0 };
	char name[300];
	int fd, status;

	CHECK_ERR(open_queue("test", O_RDWR, NULL), ENOENT);
	CHECK_ERR(open_queue("", O_RDWR | O_CREAT, NULL), ENOENT);
	CHECK_ERR(open_queue("a/b", O_RDWR | O_CREAT, NULL), EACCES);
	CHECK_ERR(open_queue((char *)8, O_RDWR, NULL), EFAULT);
	CHECK_ERR(open_queue("test", O_RDWR | O_CREAT, (void *)8), EFAULT);
	CHECK_ERR(open_queue("test", O_RDWR | O_CREAT, &zero), EINVAL);
	memset(name, 'n', sizeof(name));
	name[299] = 0;
	CHECK_ERR(open_queue(name, O_RDWR | O_CREAT, NULL), ENAMETOOLONG);
	fd = open_queue("test", O_RDWR | O_CREAT | O_NONBLOCK, &attr);
	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(open_queue("test", O_RDWR | O_CREAT | O_EXCL, NULL), EEXIST);
	CHECK_ERR(open_queue("test", 3, NULL), EINVAL);
	CHECK_EQ(syscall(SYS_mq_getsetattr, fd, NULL, &attr), 0);
	CHECK(attr.mq_maxmsg == 3 && attr.mq_msgsize == 100 && attr.mq_flags == O_NONBLOCK);
	attr.mq_flags = 1;
	CHECK_ERR(syscall(SYS_mq_getsetattr, fd, &attr, NULL), EINVAL);
	if (!fork()) {
		CHECK(!setgid(1234) && !setuid(1234));
		CHECK_ERR(open_queue("test", O_RDONLY, NULL), EACCES);
		CHECK_ERR(drop("test"), EPERM);
		attr.mq_maxmsg = 11;
		CHECK_ERR(open_queue("mine", O_RDWR | O_CREAT, &attr), EINVAL);
		setrlimit(RLIMIT_MSGQUEUE, &(struct rlimit){ 500, 500 });
		attr.mq_maxmsg = 10;
		CHECK_ERR(open_queue("mine", O_RDWR | O_CREAT, &attr), EMFILE);
		_exit(0);
	}
	CHECK(wait(&status) > 0 && !status);
	CHECK_EQ(drop("test"), 0);
	CHECK_ERR(drop("test"), ENOENT);
	CHECK_EQ(send_text(fd, "still", 0), 0);
}

TEST(priorities)
{
	int fd = fresh(O_NONBLOCK), null = open("/dev/null", O_RDWR);
	struct pollfd pollfd = { fd, POLLIN | POLLOUT, 0 };

	CHECK_EQ(poll(&pollfd, 1, 0), 1);
	CHECK_EQ(pollfd.revents, POLLOUT);
	CHECK_ERR(take(fd, NULL), EAGAIN);
	CHECK_ERR(send_text(fd, "x", 32768), EINVAL);
	CHECK_ERR(send_text(null, "x", 0), EBADF);
	CHECK_ERR(take(null, NULL), EBADF);
	CHECK_ERR(syscall(SYS_mq_timedsend, fd, text, 8193, 0, NULL), EMSGSIZE);
	CHECK_ERR(syscall(SYS_mq_timedreceive, fd, text, 8191, NULL, NULL), EMSGSIZE);
	CHECK_EQ(send_text(fd, "low", 1) + send_text(fd, "high", 9), 0);
	CHECK_EQ(send_text(fd, "low too", 1) + send_text(fd, "", 5), 0);
	CHECK_EQ(poll(&pollfd, 1, 0), 1);
	CHECK_EQ(pollfd.revents, POLLIN | POLLOUT);
	CHECK_EQ(read(fd, text, 100), 60);
	CHECK(!strncmp(text, "QSIZE:14         NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n", 60));
	CHECK(take(fd, NULL) == 4 && priority == 9 && !strcmp(text, "high"));
	CHECK(take(fd, NULL) == 0 && priority == 5);
	CHECK(take(fd, NULL) == 3 && priority == 1 && !strcmp(text, "low"));
	CHECK(take(fd, NULL) == 7 && !strcmp(text, "low too"));
	for (int i = 0; i < 10; i++)
		CHECK_EQ(send_text(fd, "x", 0), 0);
	CHECK_ERR(send_text(fd, "x", 0), EAGAIN);
	CHECK_EQ(poll(&pollfd, 1, 0), 1);
	CHECK_EQ(pollfd.revents, POLLIN);
}

TEST(waiting)
{
	struct sigaction action = { .sa_handler = caught };
	struct timespec until = { 0, 0 }, bad = { 0, 1000000000 };
	int fd = fresh(0);
	pid_t child;

	CHECK_ERR(take(fd, &bad), EINVAL);
	CHECK_ERR(take(fd, &until), ETIMEDOUT);
	child = CHILD(take(fd, NULL) != 5);
	pause_ms(30);
	CHECK_EQ(send_text(fd, "hello", 0), 0);
	CHECK_EQ(wait_status(child), 0);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(send_text(fd, "x", 0), 0);
	child = CHILD(send_text(fd, "y", 3));
	pause_ms(30);
	CHECK_EQ(take(fd, NULL), 1);
	CHECK_EQ(wait_status(child), 0);
	sigaction(SIGUSR1, &action, NULL);
	child = CHILD(send_text(fd, "z", 0) != -1 || errno != EINTR);
	pause_ms(100);
	kill(child, SIGUSR1);
	CHECK_EQ(wait_status(child), 0);
}

TEST(notification)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct timespec now = { 0, 0 };
	int fd = fresh(0), again = dup(fd);
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	event.sigev_value.sival_int = 77;
	CHECK_EQ(syscall(SYS_mq_notify, fd, &event), 0);
	CHECK_ERR(syscall(SYS_mq_notify, fd, &event), EBUSY);
	CHECK_EQ(wait_status(CHILD(send_text(fd, "x", 0))), 0);
	CHECK_EQ(sigtimedwait(&set, &info, &now), SIGUSR1);
	CHECK(info.si_code == SI_MESGQ && info.si_value.sival_int == 77 && info.si_uid == 0);
	CHECK_EQ(syscall(SYS_mq_notify, fd, &event), 0);
	CHECK_EQ(send_text(fd, "y", 0), 0);
	CHECK_ERR(sigtimedwait(&set, &info, &now), EAGAIN);
	CHECK_EQ(syscall(SYS_mq_notify, fd, NULL), 0);
	event.sigev_notify = SIGEV_NONE;
	CHECK_EQ(syscall(SYS_mq_notify, fd, &event), 0);
	close(again);
	CHECK_EQ(syscall(SYS_mq_notify, fd, &event), 0);
	event.sigev_notify = 55;
	CHECK_ERR(syscall(SYS_mq_notify, fd, &event), EINVAL);
	event.sigev_notify = SIGEV_SIGNAL;
	event.sigev_signo = 65;
	CHECK_ERR(syscall(SYS_mq_notify, fd, &event), EINVAL);
	CHECK_ERR(syscall(SYS_mq_notify, 99, NULL), EBADF);
}

int main(void)
{
	RUN(opening);
	RUN(priorities);
	RUN(waiting);
	RUN(notification);
	return check_done();
}
