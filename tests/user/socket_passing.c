/* SPDX-License-Identifier: MIT */
/* Local sockets: open files and credentials that are sent along with the bytes. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>

static const int kinds[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
static int ends[2];
static char big[8000];

static void pair(int type)
{
	CHECK_EQ(socketpair(AF_UNIX, type, 0, ends), 0);
}

/* Past the library: musl's copies the control messages and has limits of its own. */
static ssize_t send_message(int fd, const struct msghdr *msghdr, int flags)
{
	return syscall(SYS_sendmsg, fd, msghdr, flags);
}
static ssize_t receive_message(int fd, struct msghdr *msghdr, int flags)
{
	return syscall(SYS_recvmsg, fd, msghdr, flags);
}

static int poll_one(int fd, int events, int ms)
{
	struct pollfd pollfd = { fd, (short)events, 0 };

	if (poll(&pollfd, 1, ms) < 0)
		return -1;
	return pollfd.revents;
}

static bool on_banos(void)
{
	struct utsname names;

	return !uname(&names) && strstr(names.release, "banos");
}

static void set_option(int fd, int option, int number)
{
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, option, &number, sizeof(number)), 0);
}

union control {
	struct cmsghdr h;
	char room[2048];
};

/* Send @count descriptors with one byte. */
static ssize_t send_fds(int to, const int *fds, int count, int flags)
{
	static union control control;
	struct iovec io = { "f", 1 };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = CMSG_SPACE(4 * (size_t)count) };

	memset(&control, 0, sizeof(control));
	control.h = (struct cmsghdr){ .cmsg_len = CMSG_LEN(4 * (size_t)count),
				      .cmsg_level = SOL_SOCKET,
				      .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.h), fds, 4 * (size_t)count);
	return send_message(to, &message, flags);
}

/* Receive with room for @room descriptors; @fds gets them. @return how many, or -1 */
static int receive_fds(int from, int *fds, int room, int flags, int *msg_flags)
{
	static union control control;
	char bytes[16];
	struct iovec io = { bytes, sizeof(bytes) };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = CMSG_LEN(4 * (size_t)room) };
	struct cmsghdr *cmsghdr;
	int count;

	if (receive_message(from, &message, flags) < 0)
		return -1;
	if (msg_flags)
		*msg_flags = message.msg_flags;
	cmsghdr = CMSG_FIRSTHDR(&message);
	if (!cmsghdr)
		return 0;
	CHECK_EQ(cmsghdr->cmsg_level, SOL_SOCKET);
	CHECK_EQ(cmsghdr->cmsg_type, SCM_RIGHTS);
	count = (int)(cmsghdr->cmsg_len - CMSG_LEN(0)) / 4;
	memcpy(fds, CMSG_DATA(cmsghdr), 4 * (size_t)count);
	return count;
}

TEST(descriptors_are_passed)
{
	for (int i = 0; i < 3; i++) {
		int others[2], got[2], flags;
		char byte;

		pair(kinds[i]);
		CHECK_EQ(pipe(others), 0);
		CHECK_EQ(send_fds(ends[0], others, 2, 0), 1);
		close(others[1]);
		CHECK_EQ(receive_fds(ends[1], got, 2, MSG_CMSG_CLOEXEC, &flags), 2);
		CHECK_EQ(flags & ~MSG_CMSG_CLOEXEC, 0);
		CHECK_EQ(fcntl(got[0], F_GETFD), FD_CLOEXEC);
		CHECK_EQ(write(got[1], "z", 1), 1);
		close(got[1]);
		CHECK_EQ(read(others[0], &byte, 1), 1);
		CHECK_EQ(read(got[0], &byte, 1), 0); /* no writer is left */
		close(ends[0]);
		close(ends[1]);
	}
}

TEST(descriptors_without_room_are_closed)
{
	int others[2], got[3], flags;
	char byte;

	pair(SOCK_STREAM);
	pipe(others);
	CHECK_EQ(send_fds(ends[0], &others[1], 1, 0), 1);
	close(others[1]);
	CHECK_EQ(receive_fds(ends[1], got, 0, 0, &flags), 0);
	CHECK(flags & MSG_CTRUNC);
	CHECK_EQ(read(others[0], &byte, 1), 0);
	pipe(others);
	CHECK_EQ(send_fds(ends[0], &others[1], 1, 0), 1);
	close(others[1]);
	CHECK_EQ(read(ends[1], &byte, 1), 1); /* read() takes the byte alone */
	CHECK_EQ(read(others[0], &byte, 1), 0);
	pipe(others);
	CHECK_EQ(send_fds(ends[0], &others[1], 1, 0), 1);
	close(others[1]);
	close(ends[1]); /* nobody ever reads it */
	CHECK_EQ(read(others[0], &byte, 1), 0);
	pair(SOCK_STREAM);
	pipe(others);
	CHECK_EQ(send_fds(ends[0], (int[]){ others[0], others[1], others[0] }, 3, 0), 1);
	CHECK_EQ(receive_fds(ends[1], got, 2, 0, &flags), 2);
	CHECK(flags & MSG_CTRUNC);
}

TEST(descriptors_end_a_read)
{
	int others[2], got[2];
	char text[8];

	pair(SOCK_STREAM);
	pipe(others);
	CHECK_EQ(write(ends[0], "ab", 2), 2);
	CHECK_EQ(send_fds(ends[0], others, 1, 0), 1);
	CHECK_EQ(write(ends[0], "cd", 2), 2);
	CHECK_EQ(recv(ends[1], text, 8, MSG_PEEK), 3);
	CHECK_EQ(read(ends[1], text, 8), 3);
	CHECK(!memcmp(text, "abf", 3));
	CHECK_EQ(read(ends[1], text, 8), 2);
	CHECK_EQ(send_fds(ends[0], others, 2, 0), 1);
	CHECK_EQ(receive_fds(ends[1], got, 2, MSG_PEEK, NULL), 2); /* others of the same files */
	CHECK_EQ(receive_fds(ends[1], got, 2, 0, NULL), 2);
}

TEST(descriptors_that_are_refused)
{
	static int many[300];
	struct iovec io = { "f", 1 };
	union control control = {
		.h = { .cmsg_len = CMSG_LEN(4), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS }
	};
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = CMSG_SPACE(4) };
	int bad = 999;

	pair(SOCK_STREAM);
	CHECK_ERR(send_fds(ends[0], &bad, 1, 0), EBADF);
	CHECK_ERR(send_fds(ends[0], many, 254, 0), EINVAL);
	CHECK_EQ(send_fds(ends[0], many, 253, 0), 1);
	control.h.cmsg_len = 15;
	CHECK_ERR(send_message(ends[0], &message, 0), EINVAL);
	memset(&control, 0xff, 8);
	CHECK_ERR(send_message(ends[0], &message, 0), EINVAL);
	memset(&control, 0, 8);
	control.h.cmsg_len = CMSG_LEN(4);
	control.h.cmsg_type = 77;
	CHECK_ERR(send_message(ends[0], &message, 0), EINVAL);
	control.h.cmsg_level = 77; /* nobody's */
	CHECK_EQ(send_message(ends[0], &message, 0), 1);
	*(uint64_t *)&message.msg_controllen = 1ul << 40;
	CHECK_ERR(send_message(ends[0], &message, 0), ENOBUFS);
	*(uint64_t *)&message.msg_controllen = 20481;
	CHECK_ERR(send_message(ends[0], &message, 0), on_banos() ? ENOBUFS : EFAULT);
	*(uint64_t *)&message.msg_controllen = 0;
	message.msg_controllen = 100;
	message.msg_control = (void *)8;
	CHECK_ERR(send_message(ends[0], &message, 0), EFAULT);
	message.msg_control = NULL;
	message.msg_controllen = 0;
	message.msg_iovlen = 1025;
	CHECK_ERR(send_message(ends[0], &message, 0), EMSGSIZE);
	CHECK_ERR(receive_message(ends[0], &message, 0), EMSGSIZE);
	message.msg_iov = (void *)8;
	message.msg_iovlen = 1;
	CHECK_ERR(send_message(ends[0], &message, 0), EFAULT);
	CHECK_ERR(send_message(ends[0], (void *)8, 0), EFAULT);
	CHECK_ERR(receive_message(ends[0], (void *)8, 0), EFAULT);
}

/* The other end of @p fd is closed, sooner or later: what held it was collected. */
static void expect_end(int fd)
{
	char byte;

	for (int i = 0; i < 100 && !poll_one(fd, POLLIN, 200); i++) {
		int others[2]; /* Linux looks when a socket is closed */

		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, others), 0);
		close(others[0]);
		close(others[1]);
	}
	CHECK_EQ(poll_one(fd, POLLIN, 0), POLLHUP);
	CHECK_EQ(read(fd, &byte, 1), 0);
}

/* Sockets that only their own queues hold are closed, with what else those hold. */
TEST(circles_of_sockets)
{
	int first[2], second[2], others[2], held[2];

	CHECK_EQ(pipe(others), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, first), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, second), 0);
	held[0] = first[1];
	held[1] = others[1];
	CHECK_EQ(send_fds(first[0], held, 2, 0), 1);	   /* a[1] holds itself, and the pipe */
	CHECK_EQ(send_fds(first[0], &second[1], 1, 0), 1); /* a[1] holds b[1] */
	CHECK_EQ(send_fds(second[0], &first[1], 1, 0), 1); /* b[1] holds a[1] */
	CHECK_EQ(send_fds(second[1], &first[0], 1, 0), 1);
	close(others[1]);
	close(first[0]);
	close(first[1]);
	close(second[0]);
	CHECK_EQ(poll_one(others[0], POLLIN, 300), 0); /* b[1] leads to it */
	close(second[1]);
	expect_end(others[0]);
}

/* What waits to be accepted holds the socket that listens: nobody can accept it. */
TEST(circles_through_a_backlog)
{
	struct sockaddr_un address = { AF_UNIX, "\0circles" };
	int others[2], listener, client, held[2];

	CHECK_EQ(pipe(others), 0);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	client = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(bind(listener, (void *)&address, 10), 0);
	CHECK_EQ(listen(listener, 5), 0);
	CHECK_EQ(connect(client, (void *)&address, 10), 0);
	held[0] = listener;
	held[1] = others[1];
	CHECK_EQ(send_fds(client, held, 2, 0), 1);
	close(others[1]);
	close(listener);
	expect_end(others[0]);
	CHECK_EQ(poll_one(client, POLLIN, 0) & POLLHUP, POLLHUP);
	close(client);
}

static int taken(int from)
{
	int fd = -1;

	CHECK_EQ(receive_fds(from, &fd, 1, 0, NULL), 1);
	return fd;
}

/* What can still be received stays, while others of its kind are collected. */
TEST(sockets_in_flight_stay)
{
	int keeper[2], inner[2];
	char byte;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, keeper), 0);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, inner), 0);
	CHECK_EQ(send_fds(inner[0], &inner[1], 1, 0), 1);  /* a circle */
	CHECK_EQ(send_fds(keeper[0], &inner[1], 1, 0), 1); /* that keeper[1] leads to */
	CHECK_EQ(write(inner[0], "x", 1), 1);
	close(inner[1]);
	for (int i = 0; i < 5; i++) {
		int others[2];

		CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, others), 0);
		CHECK_EQ(send_fds(others[0], &others[1], 1, 0), 1);
		close(others[0]);
		close(others[1]);
		usleep(100000);
	}
	inner[1] = taken(keeper[1]);
	close(taken(inner[1]));
	CHECK_EQ(read(inner[1], &byte, 1), 1);
	CHECK_EQ(byte, 'x');
}

/* Each holds the next: the last close ends them all, without depth. */
TEST(long_chains_of_sockets)
{
	enum { N = 300 };
	int held = -1, others[2];
	char byte;

	CHECK_EQ(pipe(others), 0);
	for (int i = 0; i < N; i++) {
		pair(SOCK_DGRAM);
		CHECK_EQ(send_fds(ends[0], held < 0 ? &others[1] : &held, 1, 0), 1);
		if (held >= 0)
			close(held);
		close(ends[0]);
		held = ends[1];
	}
	close(others[1]);
	CHECK_EQ(poll_one(others[0], POLLIN, 0), 0);
	close(held);
	CHECK_EQ(poll_one(others[0], POLLIN, 5000), POLLHUP);
	CHECK_EQ(read(others[0], &byte, 1), 0);
}

TEST(too_many_on_their_way)
{
	static int many[200];
	struct rlimit lim = { 300, 300 };
	int count = 0;

	if (getuid())
		return;
	pair(SOCK_STREAM);
	CHECK_EQ(setgid(12346), 0);
	CHECK_EQ(setuid(12346), 0);
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &lim), 0);
	while (count < 10 && send_fds(ends[0], many, 200, 0) == 1)
		count++;
	CHECK_EQ(errno, ETOOMANYREFS);
	CHECK(count >= 1 && count <= 3);
	while (count--)
		CHECK_EQ(recv(ends[1], big, 1, 0), 1);
	CHECK_EQ(send_fds(ends[0], many, 200, 0), 1);
}

/* Receive one message with credentials. */
static struct ucred credentials(int fd)
{
	union control control;
	char bytes[16];
	struct iovec io = { bytes, sizeof(bytes) };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	struct ucred ucred = { -1, 1, 1 };

	CHECK(receive_message(fd, &message, 0) >= 0);
	if (CMSG_FIRSTHDR(&message)) {
		CHECK_EQ(CMSG_FIRSTHDR(&message)->cmsg_type, SCM_CREDENTIALS);
		memcpy(&ucred, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(ucred));
	}
	return ucred;
}

TEST(credentials_are_told)
{
	union control control = { .h = { .cmsg_len = CMSG_LEN(12),
					 .cmsg_level = SOL_SOCKET,
					 .cmsg_type = SCM_CREDENTIALS } };
	struct ucred mine = { getpid(), getuid(), getgid() }, ucred;
	struct iovec io = { "c", 1 };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = CMSG_SPACE(12) };
	char buf[8];
	pid_t child;

	pair(SOCK_STREAM);
	write(ends[0], "x", 1);
	CHECK_EQ(credentials(ends[1]).pid, -1); /* not asked for */
	write(ends[0], "x", 1);
	set_option(ends[1], SO_PASSCRED, 1);
	CHECK_EQ(credentials(ends[1]).pid, 0); /* sent before anybody asked */
	write(ends[0], "x", 1);
	ucred = credentials(ends[1]);
	CHECK_EQ(ucred.pid, getpid());
	CHECK_EQ(ucred.uid, getuid());
	write(ends[0], "x", 1);
	child = CHILD(write(ends[0], "y", 1) != 1);
	CHECK_EQ(wait_status(child), 0);
	CHECK_EQ(recv(ends[1], buf, 8, 0), 1); /* others' bytes are not glued to it */
	CHECK_EQ(credentials(ends[1]).pid, child);
	memcpy(CMSG_DATA(&control.h), &mine, sizeof(mine));
	CHECK_EQ(send_message(ends[0], &message, 0), 1);
	CHECK_EQ(credentials(ends[1]).pid, getpid());
	if (getuid())
		return;
	CHECK_EQ(setuid(12347), 0);
	CHECK_ERR(send_message(ends[0], &message, 0), EPERM); /* not root any more */
	mine.uid = 12347;
	mine.pid = 1;
	memcpy(CMSG_DATA(&control.h), &mine, sizeof(mine));
	CHECK_ERR(send_message(ends[0], &message, 0), EPERM);
}

TEST(many_pairs)
{
	for (int i = 0; i < 10000; i++) {
		pair(kinds[i % 3]);
		if (i % 2)
			CHECK_EQ(write(ends[0], big, (size_t)(i % 7) * 1000 + 1), i % 7 * 1000 + 1);
		if (i % 5 == 0)
			CHECK_EQ(send_fds(ends[1], &ends[1], 1, 0), 1);
		close(ends[0]);
		close(ends[1]);
	}
}

int main(void)
{
	RUN(descriptors_are_passed);
	RUN(descriptors_without_room_are_closed);
	RUN(descriptors_end_a_read);
	RUN(descriptors_that_are_refused);
	RUN(circles_of_sockets);
	RUN(circles_through_a_backlog);
	RUN(sockets_in_flight_stay);
	RUN(long_chains_of_sockets);
	RUN(too_many_on_their_way);
	RUN(credentials_are_told);
	RUN(many_pairs);
	return check_done();
}
