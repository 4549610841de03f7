// SPDX-License-Identifier: MIT
/* For test_socket_family.py: sockets of the sample driver parrot. "socket_family check", "wait" or "privacy". */
#include "../user/check.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define AF_PARROT 44

static int make(int type)
{
	int fd = socket(AF_PARROT, type, 0);

	if (fd < 0) {
		printf("no socket: %s\n", strerror(errno));
		exit(2);
	}
	return fd;
}

static int events_of(int fd)
{
	struct pollfd watch = { fd, POLLIN | POLLOUT, 0 };

	CHECK(poll(&watch, 1, 0) >= 0);
	return watch.revents;
}

static void check_messages(void)
{
	struct timeval limit = { 0, 1000 };
	int fd = make(SOCK_DGRAM);
	char words[16];

	CHECK(events_of(fd) == POLLOUT);
	CHECK_ERR(recv(fd, words, sizeof(words), MSG_DONTWAIT), EAGAIN);
	CHECK(send(fd, "hello", 5, 0) == 5);
	CHECK(events_of(fd) == POLLIN);
	CHECK_ERR(send(fd, "more", 4, MSG_DONTWAIT), EAGAIN);
	CHECK(recv(fd, words, sizeof(words), 0) == 5 && !memcmp(words, "hello", 5));
	CHECK(!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
	CHECK_ERR(recv(fd, words, sizeof(words), 0), EAGAIN);
	CHECK(write(fd, "by write", 8) == 8 && read(fd, words, sizeof(words)) == 8);
	close(fd);
}

/* A reader that waits is woken by what another process sends. */
static void check_waiting(void)
{
	int fd = make(SOCK_STREAM), status;
	char word = 0;
	pid_t child = fork();

	CHECK(child >= 0);
	if (!child)
		_exit(recv(fd, &word, 1, 0) != 1 || word != 'x');
	CHECK(send(fd, "x", 1, 0) == 1);
	CHECK(waitpid(child, &status, 0) == child && !status);
	close(fd);
}

static void check_refusals(void)
{
	int fd = make(SOCK_STREAM), number;
	struct sockaddr address = { .sa_family = AF_PARROT };
	socklen_t length = sizeof(number);

	CHECK_ERR(socket(43, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(socketpair(AF_PARROT, SOCK_STREAM, 0, (int[2]){ 0 }), EOPNOTSUPP);
	CHECK_ERR(bind(fd, &address, sizeof(address)), EOPNOTSUPP);
	CHECK_ERR(connect(fd, &address, sizeof(address)), EOPNOTSUPP);
	CHECK_ERR(listen(fd, 1), EOPNOTSUPP);
	CHECK_ERR(accept(fd, NULL, NULL), EOPNOTSUPP);
	CHECK_ERR(shutdown(fd, SHUT_RD), EOPNOTSUPP);
	CHECK_ERR(ioctl(fd, 0x1234, 0), ENOTTY);
	CHECK_ERR(getsockopt(fd, 6, 1, &number, &length), ENOPROTOOPT);
	CHECK(!getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &number, &length) && number == AF_PARROT);
	CHECK(!getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &length) && !number);
	close(fd);
}

/* Until the family is taken away. */
static int wait_for_end(void)
{
	int fd = make(SOCK_STREAM);
	char word;

	puts("open");
	fflush(stdout);
	CHECK_ERR(recv(fd, &word, 1, 0), ENETDOWN);
	CHECK_ERR(send(fd, "x", 1, 0), ENETDOWN);
	CHECK(events_of(fd) & POLLERR && events_of(fd) & POLLHUP);
	CHECK(!close(fd));
	CHECK_ERR(socket(AF_PARROT, SOCK_STREAM, 0), EAFNOSUPPORT);
	puts("netdown");
	return 0;
}

/* With nosy.c: what one call was given does not lie around in the next one. */
static int check_privacy(void)
{
	union {
		struct cmsghdr header;
		char room[200];
	} control;
	struct iovec piece = { &(char){ 'x' }, 1 };
	struct msghdr all, bare = { .msg_iov = &piece, .msg_iovlen = 1 };
	int fd = make(SOCK_DGRAM);
	char name[128], found;

	for (int i = 0; i < 10; i++) {
		memset(name, 0x5a, sizeof(name));
		memset(&control, 0x5a, sizeof(control));
		control.header = (struct cmsghdr){ .cmsg_len = sizeof(control), .cmsg_level = 44 };
		all = bare;
		all.msg_name = name;
		all.msg_namelen = sizeof(name);
		all.msg_control = &control;
		all.msg_controllen = sizeof(control);
		CHECK(syscall(SYS_sendmsg, fd, &all, 0) == 1);
		CHECK(send(fd, "x", 1, 0) == 1);
		CHECK(write(fd, "x", 1) == 1);
		CHECK(syscall(SYS_sendmsg, fd, &all, 0) == 1);
		CHECK(recv(fd, &found, 1, 0) == 1 && found == '0');
		CHECK(!bind(fd, (void *)name, sizeof(name)));
		CHECK(!bind(fd, (void *)name, 2));
		CHECK(syscall(SYS_sendmsg, fd, &all, 0) == 1);
		CHECK(read(fd, &found, 1) == 1 && found == '0');
		piece.iov_base = &found;
		CHECK(recvmsg(fd, &bare, 0) == 1 && bare.msg_flags == MSG_CTRUNC && found == '0');
		bare.msg_flags = 0;
	}
	puts("private");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "privacy"))
		return check_privacy();
	if (argc > 1 && !strcmp(argv[1], "wait"))
		return wait_for_end();
	check_messages();
	check_waiting();
	check_refusals();
	puts("passed");
	return 0;
}
