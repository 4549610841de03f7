/* SPDX-License-Identifier: MIT */
/* Urgent bytes of streams: MSG_OOB, the mark, SIGURG. TCP keeps one position, a local socket a message that is marked. */
#include "check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#ifndef SIOCATMARK
#define SIOCATMARK 0x8905
#endif

static int sender, receiver;
static char got[64];

static void begin_local(void)
{
	int pair[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	sender = pair[0];
	receiver = pair[1];
}

static void begin_tcp(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t length = sizeof(name);
	int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;

	CHECK_EQ(bind(listener, (void *)&name, sizeof(name)), 0);
	CHECK_EQ(listen(listener, 1), 0);
	CHECK_EQ(getsockname(listener, (void *)&name, &length), 0);
	sender = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(connect(sender, (void *)&name, sizeof(name)), 0);
	receiver = accept(listener, NULL, NULL);
	CHECK(receiver >= 0);
	close(listener);
	CHECK_EQ(setsockopt(sender, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	CHECK_EQ(fcntl(receiver, F_SETFL, O_NONBLOCK), 0);
}

static void set_inline(void)
{
	int on = 1;

	CHECK_EQ(setsockopt(receiver, SOL_SOCKET, SO_OOBINLINE, &on, sizeof(on)), 0);
}

static void put(const char *text, int flags)
{
	CHECK_EQ(send(sender, text, strlen(text), flags), (long)strlen(text));
}

/* A read of up to @room bytes gives @text, and no more. */
static void takes(const char *text, size_t room, int flags)
{
	struct pollfd one = { .fd = receiver, .events = POLLIN | POLLPRI };

	memset(got, 0, sizeof(got));
	poll(&one, 1, 1000);
	CHECK_EQ(recv(receiver, got, room, flags), (long)strlen(text));
	CHECK(!memcmp(got, text, strlen(text)));
}

static void refuses(int error, int flags)
{
	CHECK_ERR(recv(receiver, got, sizeof(got), flags), error);
}

static bool at_mark(void)
{
	int answer = -1;

	CHECK_EQ(ioctl(receiver, SIOCATMARK, &answer), 0);
	CHECK(answer == 0 || answer == 1);
	return answer;
}

static int ready(int wait_ms)
{
	struct pollfd one = { .fd = receiver, .events = POLLIN | POLLPRI };

	CHECK(poll(&one, 1, wait_ms) >= 0);
	return one.revents & (POLLIN | POLLPRI);
}

static int readable_bytes(void)
{
	int bytes = -1;

	CHECK_EQ(ioctl(receiver, FIONREAD, &bytes), 0);
	return bytes;
}

/* ---- what both do ---- */

static void taken_before(void)
{
	put("abX", MSG_OOB);
	CHECK_EQ(ready(1000) & POLLPRI, POLLPRI);
	CHECK(!at_mark());
	takes("X", 8, MSG_OOB | MSG_PEEK);
	takes("X", 8, MSG_OOB);
	refuses(EINVAL, MSG_OOB);
	CHECK_EQ(ready(0) & POLLPRI, 0);
	put("cd", 0);
	takes("ab", 8, 0);
	CHECK(at_mark());
	takes("cd", 8, 0);
	CHECK(!at_mark());
	refuses(EAGAIN, 0);
	refuses(EINVAL, MSG_OOB);
}

static void read_stops(void)
{
	put("abX", MSG_OOB);
	put("cd", 0);
	takes("ab", 8, MSG_WAITALL);
	CHECK(at_mark());
	takes("X", 8, MSG_OOB);
	CHECK(at_mark());
	takes("cd", 8, 0);
	CHECK(!at_mark());
}

static void dropped_by_a_read(void)
{
	put("abX", MSG_OOB);
	put("cd", 0);
	takes("ab", 8, 0);
	takes("cd", 8, 0);
	CHECK(!at_mark());
	refuses(EINVAL, MSG_OOB);
	put("Y", MSG_OOB);
	CHECK_EQ(ready(1000) & POLLPRI, POLLPRI);
	CHECK(at_mark());
	refuses(EAGAIN, 0);
	CHECK(!at_mark());
	refuses(EINVAL, MSG_OOB);
}

static void kept_in_line(void)
{
	set_inline();
	put("abX", MSG_OOB);
	put("cd", 0);
	CHECK_EQ(ready(1000), POLLIN | POLLPRI);
	refuses(EINVAL, MSG_OOB);
	takes("ab", 8, 0);
	CHECK(at_mark());
	takes("X", 1, MSG_PEEK);
	takes("X", 1, 0);
	CHECK(!at_mark());
	CHECK_EQ(ready(0), POLLIN);
	takes("cd", 8, 0);
}

static void none_was_sent(void)
{
	refuses(EINVAL, MSG_OOB);
	put("a", 0);
	refuses(EINVAL, MSG_OOB);
	CHECK(!at_mark());
	CHECK_EQ(ready(1000), POLLIN);
	takes("a", 8, 0);
}

static void end_behind_it(void)
{
	put("abX", MSG_OOB);
	CHECK_EQ(ready(1000) & POLLPRI, POLLPRI);
	shutdown(sender, SHUT_WR);
	takes("ab", 8, 0);
	takes("X", 8, MSG_OOB);
	takes("", 8, 0);
}

static volatile int signals;

static void count(int number, siginfo_t *info, void *context)
{
	(void)context;
	if (number == SIGURG && info->si_code == SI_KERNEL)
		signals++;
}

static void signals_its_owner(void)
{
	struct sigaction action = { .sa_sigaction = count, .sa_flags = SA_SIGINFO };

	CHECK_EQ(sigaction(SIGURG, &action, NULL), 0);
	put("X", MSG_OOB);
	CHECK_EQ(ready(1000) & POLLPRI, POLLPRI);
	CHECK_EQ(signals, 0); /* it has none */
	CHECK_EQ(fcntl(receiver, F_SETOWN, getpid()), 0);
	put("a", 0);
	CHECK_EQ(ready(1000) & POLLIN, POLLIN);
	CHECK_EQ(signals, 0);
	put("Y", MSG_OOB);
	usleep(50000);
	CHECK_EQ(signals, 1);
}

TEST(local_is_taken_before)
{
	begin_local();
	taken_before();
}
TEST(local_read_stops)
{
	begin_local();
	read_stops();
}
TEST(local_is_dropped_by_a_read)
{
	begin_local();
	dropped_by_a_read();
}
TEST(local_is_kept_in_line)
{
	begin_local();
	kept_in_line();
}
TEST(local_none_was_sent)
{
	begin_local();
	none_was_sent();
}
TEST(local_end_behind_it)
{
	begin_local();
	end_behind_it();
}
TEST(local_signals_its_owner)
{
	begin_local();
	signals_its_owner();
}
TEST(tcp_is_taken_before)
{
	begin_tcp();
	taken_before();
}
TEST(tcp_read_stops)
{
	begin_tcp();
	read_stops();
}
TEST(tcp_is_dropped_by_a_read)
{
	begin_tcp();
	dropped_by_a_read();
}
TEST(tcp_is_kept_in_line)
{
	begin_tcp();
	kept_in_line();
}
TEST(tcp_none_was_sent)
{
	begin_tcp();
	none_was_sent();
}
TEST(tcp_end_behind_it)
{
	begin_tcp();
	end_behind_it();
}
TEST(tcp_signals_its_owner)
{
	begin_tcp();
	signals_its_owner();
}

/* ---- what only local sockets do: one that was not taken is an ordinary byte when the next one follows ---- */

TEST(local_newer_ones)
{
	begin_local();
	put("hello", MSG_OOB);
	put("wor", MSG_OOB);
	put("ld", 0);
	takes("hellowo", 16, 0);
	takes("r", 1, MSG_OOB);
	CHECK(at_mark());
	takes("ld", 16, 0);
	refuses(EINVAL, MSG_OOB);

	put("hello", MSG_OOB);
	put("wor", MSG_OOB);
	takes("r", 1, MSG_OOB);
	put("ld", MSG_OOB);
	takes("hellowol", 16, 0);
	CHECK(at_mark());
	refuses(EAGAIN, 0);
	CHECK(!at_mark());
}

TEST(local_peek_leaves_it)
{
	begin_local();
	put("X", MSG_OOB);
	put("cd", 0);
	CHECK_EQ(readable_bytes(), 3);
	takes("cd", 8, MSG_PEEK);
	takes("X", 8, MSG_OOB);
	CHECK_EQ(readable_bytes(), 2);
	takes("cd", 8, 0);
	CHECK_EQ(readable_bytes(), 0);
	put("X", MSG_OOB);
	refuses(EAGAIN, MSG_PEEK);
	takes("X", 8, MSG_OOB);
}

TEST(local_is_for_streams)
{
	int pair[2];

	CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	CHECK_ERR(send(pair[0], "a", 1, MSG_OOB), EOPNOTSUPP);
	CHECK_ERR(recv(pair[1], got, 1, MSG_OOB | MSG_DONTWAIT), EOPNOTSUPP);
	begin_local();
	CHECK_ERR(send(sender, "", 0, MSG_OOB), EOPNOTSUPP);
	close(receiver);
	CHECK_ERR(send(sender, "a", 1, MSG_OOB | MSG_NOSIGNAL), EPIPE);
}

/* Descriptors that travel with one that nobody reads are closed. */
TEST(local_files_with_it)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec io = { .iov_base = "X", .iov_len = 1 };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int ends[2];

	begin_local();
	CHECK_EQ(pipe(ends), 0);
	memcpy(CMSG_DATA(&control.header), &ends[1], sizeof(int));
	CHECK_EQ(sendmsg(sender, &message, MSG_OOB), 1);
	close(ends[1]);
	refuses(EAGAIN, 0);
	CHECK_EQ(read(ends[0], got, 1), 0);
}

/* ---- what only TCP does: a newer one takes its place ---- */

TEST(tcp_newer_ones)
{
	begin_tcp();
	put("hello", MSG_OOB);
	put("wor", MSG_OOB);
	put("ld", 0);
	usleep(50000);
	takes("hellowo", 16, 0);
	CHECK(at_mark());
	takes("r", 1, MSG_OOB);
	takes("ld", 16, 0);
}

TEST(tcp_alone_is_not_readable)
{
	begin_tcp();
	put("X", MSG_OOB);
	CHECK_EQ(ready(1000), POLLPRI);
	CHECK_EQ(readable_bytes(), 0);
	CHECK(at_mark());
	put("ab", 0);
	usleep(50000);
	CHECK_EQ(ready(0), POLLIN | POLLPRI);
	takes("X", 4, MSG_OOB);
	CHECK_EQ(readable_bytes(), 0);
	takes("ab", 4, 0);
}

TEST(tcp_tells_where_it_was_read)
{
	struct iovec io = { .iov_base = got, .iov_len = 4 };
	struct msghdr message = { .msg_iov = &io, .msg_iovlen = 1 };

	begin_tcp();
	put("X", MSG_OOB);
	CHECK_EQ(ready(1000), POLLPRI);
	CHECK_EQ(recvmsg(receiver, &message, MSG_OOB | MSG_PEEK), 1);
	CHECK_EQ(message.msg_flags & MSG_OOB, MSG_OOB);
	io.iov_len = 0;
	CHECK_EQ(recvmsg(receiver, &message, MSG_OOB), 0);
	CHECK_EQ(message.msg_flags & MSG_TRUNC, MSG_TRUNC);
	refuses(EINVAL, MSG_OOB);
}

TEST(tcp_waits_behind_many_bytes)
{
	static char many[300000];
	long left = sizeof(many);
	ssize_t part;

	begin_tcp();
	CHECK_EQ(fcntl(sender, F_SETFL, O_NONBLOCK), 0);
	while ((part = send(sender, many, (size_t)left, MSG_OOB)) > 0 && left > part)
		left -= part;
	CHECK_EQ(ready(1000) & POLLIN, POLLIN);
	while (ready(300) & POLLIN) {
		part = recv(receiver, many, sizeof(many), 0);
		CHECK(part > 0 || errno == EAGAIN);
		if (at_mark())
			break;
	}
	CHECK(at_mark());
	CHECK_EQ(recv(receiver, got, 1, MSG_OOB), 1);
}

TEST(other_sockets_have_none)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0), answer;
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_port = htons(9),
				    .sin_addr = { htonl(INADDR_LOOPBACK) } };

	CHECK_EQ(connect(fd, (void *)&name, sizeof(name)), 0);
	CHECK_ERR(send(fd, "a", 1, MSG_OOB), EOPNOTSUPP);
	CHECK_ERR(ioctl(fd, SIOCATMARK, &answer), ENOTTY);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_ERR(recv(fd, got, 1, MSG_OOB), EINVAL);
	CHECK_EQ(ioctl(fd, SIOCATMARK, &answer), 0);
	CHECK_EQ(answer, 0);
}

TEST(owners_are_set_by_ioctl)
{
	int owner = getpid(), answer = 0;

	begin_local();
	CHECK_EQ(ioctl(receiver, FIOSETOWN, &owner), 0);
	CHECK_EQ(fcntl(receiver, F_GETOWN), getpid());
	owner = -getpgrp();
	CHECK_EQ(ioctl(receiver, SIOCSPGRP, &owner), 0);
	CHECK_EQ(ioctl(receiver, FIOGETOWN, &answer), 0);
	CHECK_EQ(answer, -getpgrp());
	CHECK_EQ(ioctl(receiver, SIOCGPGRP, &answer), 0);
	CHECK_EQ(answer, -getpgrp());
	owner = 0x7ffffff0;
	CHECK_ERR(ioctl(receiver, SIOCSPGRP, &owner), ESRCH);
}

int main(void)
{
	RUN(local_is_taken_before);
	RUN(local_read_stops);
	RUN(local_is_dropped_by_a_read);
	RUN(local_is_kept_in_line);
	RUN(local_none_was_sent);
	RUN(local_end_behind_it);
	RUN(local_signals_its_owner);
	RUN(local_newer_ones);
	RUN(local_peek_leaves_it);
	RUN(local_is_for_streams);
	RUN(local_files_with_it);
	RUN(owners_are_set_by_ioctl);
	if (socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EAFNOSUPPORT)
		return check_done(); /* a kernel that was built without it */
	RUN(tcp_is_taken_before);
	RUN(tcp_read_stops);
	RUN(tcp_is_dropped_by_a_read);
	RUN(tcp_is_kept_in_line);
	RUN(tcp_none_was_sent);
	RUN(tcp_end_behind_it);
	RUN(tcp_signals_its_owner);
	RUN(tcp_newer_ones);
	RUN(tcp_alone_is_not_readable);
	RUN(tcp_tells_where_it_was_read);
	RUN(tcp_waits_behind_many_bytes);
	RUN(other_sockets_have_none);
	return check_done();
}
