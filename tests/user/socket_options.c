/* SPDX-License-Identifier: MIT */
/* Options of sockets and what they do: buffers, time limits, what TCP waits for. */
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
#include <sys/utsname.h>

#ifndef SO_BINDTOIFINDEX
#define SO_BINDTOIFINDEX 62
#endif
#ifndef SO_COOKIE
#define SO_COOKIE 57
#endif

static char bytes[1 << 20];

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

static int get(int fd, int level, int option)
{
	int value = 0;
	socklen_t length = sizeof(value);

	CHECK_EQ(getsockopt(fd, level, option, &value, &length), 0);
	return value;
}

static bool on_banos(void)
{
	struct utsname names;

	return !uname(&names) && strstr(names.release, "banos");
}

static int new_socket(int type)
{
	int fd = socket(AF_INET, type, 0);

	CHECK(fd >= 0);
	return fd;
}

/* One that listens on lo, at a free port. */
static int new_listener(struct sockaddr_in *name)
{
	int fd = new_socket(SOCK_STREAM);
	socklen_t length = sizeof(*name);

	*name = (struct sockaddr_in){ .sin_family = AF_INET };
	name->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(fd, (void *)name, sizeof(*name)), 0);
	CHECK_EQ(listen(fd, 5), 0);
	CHECK_EQ(getsockname(fd, (void *)name, &length), 0);
	return fd;
}

static void connection(int pair[2])
{
	struct sockaddr_in name;
	int listener = new_listener(&name);

	pair[0] = new_socket(SOCK_STREAM);
	CHECK_EQ(connect(pair[0], (void *)&name, sizeof(name)), 0);
	pair[1] = accept(listener, NULL, NULL);
	CHECK(pair[1] >= 0);
	close(listener);
}

static short ready(int fd, short events, int wait_ms)
{
	struct pollfd one = { .fd = fd, .events = events };

	CHECK(poll(&one, 1, wait_ms) >= 0);
	return one.revents;
}

/* @return how many bytes fit until a write would have to wait */
static long fill(int fd, size_t piece)
{
	long total = 0;
	ssize_t put;

	CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	do {
		while ((put = write(fd, bytes, piece)) > 0)
			total += put;
		CHECK_EQ(errno, EAGAIN);
	} while (ready(fd, POLLOUT, 300) & POLLOUT); /* the other end has told of room meanwhile */
	return total;
}

/* ---- buffers ---- */

static long limit_of(const char *name)
{
	char path[64], text[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/core/%s", name);
	fd = open(path, O_RDONLY);
	CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return atol(text);
}

TEST(sizes_are_doubled_and_bounded)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	int wmax = (int)limit_of("wmem_max"), rmax = (int)limit_of("rmem_max");

	for (int i = 0; i < 2; i++) {
		int fd = new_socket(types[i]);

		CHECK_EQ(set(fd, SOL_SOCKET, SO_SNDBUF, 10000), 0);
		CHECK_EQ(get(fd, SOL_SOCKET, SO_SNDBUF), 20000);
		CHECK_EQ(set(fd, SOL_SOCKET, SO_RCVBUF, 10000), 0);
		CHECK_EQ(get(fd, SOL_SOCKET, SO_RCVBUF), 20000);
		CHECK_EQ(set(fd, SOL_SOCKET, SO_SNDBUF, 0), 0);
		CHECK_EQ(get(fd, SOL_SOCKET, SO_SNDBUF), 4608);
		CHECK_EQ(set(fd, SOL_SOCKET, SO_RCVBUF, 0), 0);
		CHECK_EQ(get(fd, SOL_SOCKET, SO_RCVBUF), 2304);
		CHECK_EQ(set(fd, SOL_SOCKET, SO_SNDBUF, 0x7fffffff), 0);
		CHECK_EQ(get(fd, SOL_SOCKET, SO_SNDBUF), wmax * 2);
		CHECK_EQ(set(fd, SOL_SOCKET, SO_RCVBUF, -1), 0);
		CHECK_EQ(get(fd, SOL_SOCKET, SO_RCVBUF), rmax * 2);
		if (geteuid())
			continue;
		CHECK_EQ(set(fd, SOL_SOCKET, SO_SNDBUFFORCE, wmax * 3), 0);
		CHECK_EQ(get(fd, SOL_SOCKET, SO_SNDBUF), wmax * 6);
		CHECK_EQ(set(fd, SOL_SOCKET, SO_RCVBUFFORCE, rmax * 3), 0);
		CHECK_EQ(get(fd, SOL_SOCKET, SO_RCVBUF), rmax * 6);
		CHECK_EQ(set(fd, SOL_SOCKET, SO_RCVBUFFORCE, -1), 0);
		CHECK_EQ(get(fd, SOL_SOCKET, SO_RCVBUF), 2304);
	}
	if (geteuid() || seteuid(1000))
		return;
	CHECK_ERR(set(new_socket(SOCK_DGRAM), SOL_SOCKET, SO_SNDBUFFORCE, 1), EPERM);
	CHECK_ERR(set(new_socket(SOCK_DGRAM), SOL_SOCKET, SO_RCVBUFFORCE, 1), EPERM);
}

TEST(limits_are_set_by_the_super_user)
{
	int fd = open("/proc/sys/net/core/rmem_max", O_WRONLY), s;
	long before = limit_of("rmem_max"), usual = limit_of("rmem_default");
	char text[16];

	if (fd < 0)
		return; /* not root, or it cannot be changed here */
	CHECK_ERR(write(fd, "2303", 4), EINVAL);
	CHECK_EQ(pwrite(fd, "8000", 4, 0), 4);
	s = new_socket(SOCK_DGRAM);
	CHECK_EQ(set(s, SOL_SOCKET, SO_RCVBUF, 9000), 0);
	CHECK_EQ(get(s, SOL_SOCKET, SO_RCVBUF), 16000);
	snprintf(text, sizeof(text), "%ld", before);
	CHECK(pwrite(fd, text, strlen(text), 0) > 0);
	close(fd);
	fd = open("/proc/sys/net/core/rmem_default", O_WRONLY);
	CHECK_EQ(pwrite(fd, "5000", 4, 0), 4);
	CHECK_EQ(get(new_socket(SOCK_DGRAM), SOL_SOCKET, SO_RCVBUF), 5000);
	snprintf(text, sizeof(text), "%ld", usual);
	CHECK(pwrite(fd, text, strlen(text), 0) > 0);
}

TEST(small_buffers_of_a_connection_hold_little)
{
	struct sockaddr_in name;
	int listener = new_listener(&name), fd = new_socket(SOCK_STREAM), other;
	long total, got = 0;
	ssize_t part;

	CHECK_EQ(set(listener, SOL_SOCKET, SO_RCVBUF, 8192), 0);
	CHECK_EQ(set(fd, SOL_SOCKET, SO_SNDBUF, 8192), 0);
	CHECK_EQ(connect(fd, (void *)&name, sizeof(name)), 0);
	other = accept(listener, NULL, NULL);
	CHECK_EQ(get(other, SOL_SOCKET, SO_RCVBUF), 16384);
	total = fill(fd, 1000);
	if (total < 4096 || total > 60000)
		printf("# %ld\n", total);
	CHECK(total >= 4096 && total <= 60000);
	CHECK_EQ(get(other, SOL_SOCKET, SO_RCVBUF), 16384);
	while (got < total) { /* each part that is read makes room, and nothing stops */
		part = read(other, bytes, 3000);
		CHECK(part > 0);
		got += part;
	}
	CHECK(ready(fd, POLLOUT, 5000) & POLLOUT);
	CHECK(fill(fd, 1000) >= 4096);
}

TEST(many_bytes_pass_small_buffers)
{
	struct sockaddr_in name;
	int listener = new_listener(&name), fd = new_socket(SOCK_STREAM), other;
	long total = 0, began = now_ms();
	ssize_t part;

	CHECK_EQ(set(listener, SOL_SOCKET, SO_RCVBUF, 4096), 0);
	CHECK_EQ(set(fd, SOL_SOCKET, SO_SNDBUF, 4096), 0);
	CHECK_EQ(connect(fd, (void *)&name, sizeof(name)), 0);
	other = accept(listener, NULL, NULL);
	if (!fork()) {
		close(other);
		_exit(write(fd, bytes, 300000) != 300000);
	}
	close(fd);
	while ((part = read(other, bytes, sizeof(bytes))) > 0)
		total += part;
	CHECK_EQ(total, 300000);
	CHECK(now_ms() - began < 20000);
}

TEST(datagrams_are_dropped_where_there_is_no_room)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	int fd = new_socket(SOCK_DGRAM), sender = new_socket(SOCK_DGRAM), count = 0;
	socklen_t length = sizeof(name);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(set(fd, SOL_SOCKET, SO_RCVBUF, 4000), 0);
	CHECK_EQ(bind(fd, (void *)&name, sizeof(name)), 0);
	CHECK_EQ(getsockname(fd, (void *)&name, &length), 0);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(sendto(sender, bytes, 500, 0, (void *)&name, sizeof(name)), 500);
	CHECK(ready(fd, POLLIN, 1000) & POLLIN);
	pause_ms(100);
	while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		count++;
	CHECK(count >= 1 && count <= 16);
}

TEST(unsent_bytes_are_bounded)
{
	int pair[2];
	long usual, few;

	connection(pair);
	CHECK_EQ(get(pair[0], IPPROTO_TCP, TCP_NOTSENT_LOWAT), 0);
	usual = fill(pair[0], 10000);
	connection(pair);
	CHECK_EQ(set(pair[0], IPPROTO_TCP, TCP_NOTSENT_LOWAT, 16384), 0);
	CHECK_EQ(get(pair[0], IPPROTO_TCP, TCP_NOTSENT_LOWAT), 16384);
	few = fill(pair[0], 10000);
	CHECK(few > 0 && few < usual);
}

/* ---- options of all sockets ---- */

TEST(interfaces_are_named_by_number)
{
	int fd = new_socket(SOCK_DGRAM);
	char name[16];
	socklen_t length = sizeof(name);

	CHECK_EQ(get(fd, SOL_SOCKET, SO_BINDTOIFINDEX), 0);
	CHECK_ERR(set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, -1), EINVAL);
	CHECK_EQ(set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, 1), 0);
	CHECK_EQ(get(fd, SOL_SOCKET, SO_BINDTOIFINDEX), 1);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &length), 0);
	CHECK_EQ(strncmp(name, "lo", 3), 0);
	if (geteuid())
		return;
	CHECK_EQ(set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, 0), 0);
	CHECK_EQ(get(fd, SOL_SOCKET, SO_BINDTOIFINDEX), 0);
}

TEST(what_sockets_tell_of_themselves)
{
	int fd = new_socket(SOCK_DGRAM), stream = new_socket(SOCK_STREAM);
	uint64_t one = 0, other = 0;
	socklen_t length = sizeof(one);
	struct sockaddr_in name;

	CHECK_EQ(get(fd, SOL_SOCKET, SO_DOMAIN), AF_INET);
	CHECK_EQ(get(fd, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
	CHECK_EQ(get(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_UDP);
	CHECK_EQ(get(stream, SOL_SOCKET, SO_PROTOCOL), IPPROTO_TCP);
	CHECK_EQ(get(stream, SOL_SOCKET, SO_ACCEPTCONN), 0);
	CHECK_EQ(get(new_listener(&name), SOL_SOCKET, SO_ACCEPTCONN), 1);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &one, &length), 0);
	CHECK_EQ(getsockopt(stream, SOL_SOCKET, SO_COOKIE, &other, &length), 0);
	CHECK(length == 8 && one && other && one != other);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &other, &length), 0);
	CHECK(one == other);
	length = 4;
	CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &other, &length), EINVAL);
	CHECK_EQ(set(fd, SOL_SOCKET, SO_INCOMING_CPU, 0), 0);
	CHECK_EQ(get(fd, SOL_SOCKET, SO_INCOMING_CPU), 0);
}

/* ---- the end of a connection ---- */

static void linger(int fd, int on, int seconds)
{
	struct linger value = { on, seconds };

	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &value, sizeof(value)), 0);
}

TEST(close_waits_as_long_as_it_was_told)
{
	int pair[2], status;
	long began, total, got = 0;
	ssize_t part;

	connection(pair);
	(void)fill(pair[0], 10000); /* nobody reads it */
	linger(pair[0], 1, 1);
	began = now_ms();
	CHECK_EQ(close(pair[0]), 0);
	CHECK(now_ms() - began >= 900 && now_ms() - began < 3000);
	close(pair[1]);

	connection(pair); /* somebody does, a little later */
	total = fill(pair[0], 10000);
	linger(pair[0], 1, 20);
	if (!fork()) {
		close(pair[0]);
		pause_ms(300);
		while ((part = read(pair[1], bytes, sizeof(bytes))) > 0)
			got += part;
		_exit(got != total);
	}
	close(pair[1]);
	pause_ms(100); /* until it has closed that, too */
	began = now_ms();
	CHECK_EQ(close(pair[0]), 0);
	CHECK(now_ms() - began >= 100 && now_ms() - began < 10000);
	CHECK(wait(&status) > 0);
	CHECK_EQ(status, 0);

	connection(pair); /* a process that ends does not wait */
	began = now_ms();
	if (!fork()) {
		close(pair[1]);
		(void)fill(pair[0], 10000);
		linger(pair[0], 1, 30);
		_exit(0);
	}
	close(pair[0]);
	CHECK(wait(&status) > 0);
	CHECK(now_ms() - began < 5000);
}

/* A local socket that only its own queue holds, with a connection that waits when it is closed, and @other. */
static void circle(int seconds, int other)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(3 * sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(3 * sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec piece = { "c", 1 };
	struct msghdr message = { .msg_iov = &piece,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int pair[2], ends[2], held[3];

	connection(pair);
	(void)fill(pair[0], 10000); /* nobody reads it */
	linger(pair[0], 1, seconds);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	held[0] = ends[0];
	held[1] = pair[0];
	held[2] = other;
	memcpy(CMSG_DATA(&control.header), held, sizeof(held));
	CHECK_EQ(sendmsg(ends[1], &message, 0), 1);
	close(ends[0]);
	close(ends[1]);
	close(pair[0]);
}

/* A thread of the kernel closes what cycles hold: for nobody, so that it does not wait. */
TEST(cycles_are_closed_at_once)
{
	int first[2], second[2];

	CHECK_EQ(pipe(first), 0);
	CHECK_EQ(pipe(second), 0);
	circle(on_banos() ? INT32_MAX : 1, first[1]);
	close(first[1]);
	CHECK(ready(first[0], POLLIN, 10000) & POLLHUP);
	circle(1, second[1]);
	close(second[1]);
	CHECK(ready(second[0], POLLIN, 10000) & POLLHUP);
}

TEST(close_resets_at_once_where_it_was_told)
{
	int pair[2];

	connection(pair);
	linger(pair[0], 1, 0);
	close(pair[0]);
	CHECK(ready(pair[1], POLLIN, 2000) & POLLIN);
	CHECK_ERR(read(pair[1], bytes, 1), ECONNRESET);
}

/* ---- TCP ---- */

static const struct {
	int option, value, back; /* back: what it reads as; -1: as it was set */
	int bad[3];
} tcp_options[] = {
	{ TCP_MAXSEG, 500, 500, { 87, 32768, -1 } },
	{ TCP_SYNCNT, 3, -1, { 0, 128, -1 } },
	{ TCP_KEEPIDLE, 7, -1, { 0, 32768, -1 } },
	{ TCP_KEEPINTVL, 7, -1, { 0, 32768, -1 } },
	{ TCP_KEEPCNT, 7, -1, { 0, 128, -1 } },
	{ TCP_LINGER2, 7, -1, { 0 } },
	{ TCP_DEFER_ACCEPT, 5, 7, { 0 } },
	{ TCP_DEFER_ACCEPT, 130, 247, { 0 } },
	{ TCP_DEFER_ACCEPT, -1, 0, { 0 } },
	{ TCP_QUICKACK, 0, -1, { 0 } },
	{ TCP_QUICKACK, 1, -1, { 0 } },
	{ TCP_USER_TIMEOUT, 1234, -1, { -1 } },
	{ TCP_NOTSENT_LOWAT, 1234, -1, { 0 } },
	{ TCP_WINDOW_CLAMP, 100, 1152, { 0 } },
	{ TCP_NODELAY, 5, 1, { 0 } },
	{ TCP_CORK, 5, 1, { 0 } },
};

TEST(options_of_tcp_have_ranges)
{
	int datagrams = new_socket(SOCK_DGRAM);

	for (unsigned i = 0; i < sizeof(tcp_options) / sizeof(tcp_options[0]); i++) {
		int fd = new_socket(SOCK_STREAM), option = tcp_options[i].option,
		    value = tcp_options[i].value, back = tcp_options[i].back;

		if (back < 0)
			back = value;
		CHECK_EQ(set(fd, IPPROTO_TCP, option, value), 0);
		if (get(fd, IPPROTO_TCP, option) != back)
			printf("# option %d\n", option);
		CHECK_EQ(get(fd, IPPROTO_TCP, option), back);
		for (int j = 0; j < 3 && tcp_options[i].bad[0]; j++)
			if (j < 1 || tcp_options[i].bad[j])
				CHECK_ERR(set(fd, IPPROTO_TCP, option, tcp_options[i].bad[j]),
					  EINVAL);
		CHECK_ERR(setsockopt(fd, IPPROTO_TCP, option, &value, 3), EINVAL);
		CHECK_ERR(set(datagrams, IPPROTO_TCP, option, value), ENOPROTOOPT);
		close(fd);
	}
	CHECK_EQ(get(new_socket(SOCK_STREAM), IPPROTO_TCP, TCP_LINGER2), 60);
	CHECK_EQ(get(new_socket(SOCK_STREAM), IPPROTO_TCP, TCP_SYNCNT), 6);
	CHECK_EQ(get(new_socket(SOCK_STREAM), IPPROTO_TCP, TCP_DEFER_ACCEPT), 0);
	CHECK_ERR(set(new_socket(SOCK_STREAM), IPPROTO_TCP, 999, 1), ENOPROTOOPT);
}

TEST(the_algorithm_has_a_name)
{
	int fd = new_socket(SOCK_STREAM);
	char name[16] = "";
	socklen_t length = sizeof(name);

	CHECK_EQ(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "reno", 4), 0);
	CHECK_EQ(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length), 0);
	CHECK_EQ(length, 16);
	CHECK_EQ(strcmp(name, "reno"), 0);
	CHECK_ERR(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "nosuch", 6), ENOENT);
	CHECK_ERR(setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "", 0), EINVAL);
	length = 3;
	CHECK_EQ(getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, &length), 0);
	CHECK_EQ(length, 3);
}

TEST(segments_are_no_larger_than_told)
{
	struct sockaddr_in name;
	int listener = new_listener(&name), fd = new_socket(SOCK_STREAM), other;

	CHECK_EQ(set(fd, IPPROTO_TCP, TCP_MAXSEG, 500), 0);
	CHECK_EQ(connect(fd, (void *)&name, sizeof(name)), 0);
	other = accept(listener, NULL, NULL);
	CHECK(get(fd, IPPROTO_TCP, TCP_MAXSEG) > 400 && get(fd, IPPROTO_TCP, TCP_MAXSEG) <= 500);
	CHECK(get(other, IPPROTO_TCP, TCP_MAXSEG) <= 500);
	CHECK_EQ(write(fd, bytes, 20000), 20000);
	CHECK_EQ(recv(other, bytes, 20000, MSG_WAITALL), 20000);
}

TEST(who_does_not_answer_is_given_up)
{
	long began;
	int pair[2];

	connection(pair);
	CHECK_EQ(set(pair[0], IPPROTO_TCP, TCP_USER_TIMEOUT, 1500), 0);
	(void)fill(pair[0], 60000); /* the other end has no room */
	began = now_ms();
	CHECK(ready(pair[0], POLLIN, 20000) & POLLERR);
	CHECK(now_ms() - began >= 500 && now_ms() - began < 15000);
	CHECK_EQ(get(pair[0], SOL_SOCKET, SO_ERROR), ETIMEDOUT);
}

TEST(connections_wait_for_their_first_bytes)
{
	struct sockaddr_in name;
	int listener = new_listener(&name), fd = new_socket(SOCK_STREAM), other;
	long began;

	CHECK_EQ(set(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, 10), 0);
	CHECK_EQ(connect(fd, (void *)&name, sizeof(name)), 0);
	CHECK_EQ(ready(listener, POLLIN, 300), 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(ready(listener, POLLIN, 2000), POLLIN);
	other = accept(listener, NULL, NULL);
	CHECK_EQ(read(other, bytes, 8), 1);

	CHECK_EQ(set(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1), 0);
	fd = new_socket(SOCK_STREAM); /* without any it comes in the end */
	CHECK_EQ(connect(fd, (void *)&name, sizeof(name)), 0);
	began = now_ms();
	CHECK_EQ(ready(listener, POLLIN, 8000), POLLIN);
	CHECK(now_ms() - began >= 500);
}

TEST(what_arrives_is_acknowledged_at_once)
{
	int pair[2], left = 1;
	long began;

	connection(pair);
	CHECK_EQ(set(pair[1], IPPROTO_TCP, TCP_QUICKACK, 1), 0);
	began = now_ms();
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(write(pair[0], "x", 1), 1);
		do
			CHECK_EQ(ioctl(pair[0], TIOCOUTQ, &left), 0);
		while (left && now_ms() - began < 5000);
	}
	CHECK(now_ms() - began < 100);
}

int main(void)
{
	if (socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EAFNOSUPPORT)
		return check_done(); /* a kernel that was built without it */
	RUN(sizes_are_doubled_and_bounded);
	RUN(limits_are_set_by_the_super_user);
	RUN(small_buffers_of_a_connection_hold_little);
	RUN(many_bytes_pass_small_buffers);
	RUN(datagrams_are_dropped_where_there_is_no_room);
	RUN(unsent_bytes_are_bounded);
	RUN(interfaces_are_named_by_number);
	RUN(what_sockets_tell_of_themselves);
	RUN(close_waits_as_long_as_it_was_told);
	RUN(cycles_are_closed_at_once);
	RUN(close_resets_at_once_where_it_was_told);
	RUN(options_of_tcp_have_ranges);
	RUN(the_algorithm_has_a_name);
	RUN(segments_are_no_larger_than_told);
	RUN(who_does_not_answer_is_given_up);
	RUN(connections_wait_for_their_first_bytes);
	RUN(what_arrives_is_acknowledged_at_once);
	return check_done();
}
