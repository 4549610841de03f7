/* SPDX-License-Identifier: MIT */
/* Sockets of AF_INET and AF_INET6 on lo: which ports may be shared, options, connections that end, errors of datagrams. */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>

#define WAIT_MS		  5000
#define SO_EE_ORIGIN_ICMP 2

struct sock_extended_err {
	uint32_t ee_errno;
	uint8_t ee_origin, ee_type, ee_code, ee_pad;
	uint32_t ee_info, ee_data;
};

static struct sockaddr_in at(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

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

static int bind4(int fd, uint16_t port)
{
	struct sockaddr_in address = at(port);

	return bind(fd, (void *)&address, sizeof(address));
}

static int connect4(int fd, uint16_t port)
{
	struct sockaddr_in address = at(port);

	return connect(fd, (void *)&address, sizeof(address));
}

static int bind6(int fd, uint16_t port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	return bind(fd, (void *)&address, sizeof(address));
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	CHECK_EQ(getsockname(fd, (void *)&address, &length), 0);
	return ntohs(address.sin_port);
}

static int new_socket(int type)
{
	int fd = socket(AF_INET, type, 0);

	CHECK(fd >= 0);
	return fd;
}

/* @return one that listens, at a free port unless told; -1: it may not */
static int listener_at(uint16_t port, int option)
{
	int fd = new_socket(SOCK_STREAM);

	if (option)
		CHECK_EQ(set(fd, SOL_SOCKET, option, 1), 0);
	if (!bind4(fd, port) && !listen(fd, 5))
		return fd;
	CHECK_EQ(errno, EADDRINUSE);
	close(fd);
	return -1;
}

static void connection(int listener, int pair[2])
{
	pair[0] = new_socket(SOCK_STREAM);
	CHECK_EQ(connect4(pair[0], port_of(listener)), 0);
	pair[1] = accept(listener, NULL, NULL);
	CHECK(pair[1] >= 0);
}

TEST(one_program_listens_at_a_port)
{
	int fd = listener_at(0, SO_REUSEADDR);
	uint16_t port = port_of(fd);

	CHECK_EQ(listener_at(port, SO_REUSEADDR), -1);
	CHECK_EQ(listener_at(port, 0), -1);
	CHECK_EQ(listener_at(port, SO_REUSEPORT), -1);
	close(fd);
	fd = listener_at(port, 0);
	CHECK(fd >= 0);
}

TEST(several_that_say_so_listen_at_a_port)
{
	int fd = listener_at(0, SO_REUSEPORT);

	CHECK(listener_at(port_of(fd), SO_REUSEPORT) >= 0);
	CHECK_EQ(listener_at(port_of(fd), SO_REUSEADDR), -1);
}

/* As a server that is started again while its clients are there. */
TEST(a_port_with_connections_is_listened_at_again)
{
	int fd = listener_at(0, SO_REUSEADDR), pair[2];
	uint16_t port = port_of(fd);

	connection(fd, pair);
	CHECK_EQ(get(pair[1], SOL_SOCKET, SO_REUSEADDR), 1);
	close(fd);
	CHECK_EQ(listener_at(port, 0), -1);
	fd = listener_at(port, SO_REUSEADDR);
	CHECK(fd >= 0);
	close(pair[1]);
	close(fd);
	fd = listener_at(port, SO_REUSEADDR);
	CHECK(fd >= 0);
}

TEST(both_families_share_a_port_or_not)
{
	int six = socket(AF_INET6, SOCK_STREAM, 0), only = socket(AF_INET6, SOCK_STREAM, 0),
	    four = listener_at(0, 0);
	uint16_t port = port_of(four);

	CHECK(six >= 0 && only >= 0);
	CHECK_ERR(bind6(six, port), EADDRINUSE);
	CHECK_EQ(set(only, IPPROTO_IPV6, IPV6_V6ONLY, 1), 0);
	CHECK_EQ(bind6(only, port), 0);
	CHECK_EQ(listen(only, 1), 0);
	close(four);
	close(only);
	CHECK_EQ(bind6(six, port), 0);
	CHECK_EQ(listen(six, 1), 0);
	CHECK_EQ(listener_at(port, 0), -1);
	CHECK_ERR(set(six, IPPROTO_IPV6, IPV6_V6ONLY, 1), EINVAL);
}

TEST(ports_of_datagrams_are_shared_by_those_that_say_so)
{
	int first = new_socket(SOCK_DGRAM), second = new_socket(SOCK_DGRAM);
	uint16_t port;

	CHECK_EQ(set(first, SOL_SOCKET, SO_REUSEADDR, 1), 0);
	CHECK_EQ(bind4(first, 0), 0);
	port = port_of(first);
	CHECK_ERR(bind4(second, port), EADDRINUSE);
	CHECK_EQ(set(second, SOL_SOCKET, SO_REUSEADDR, 1), 0);
	CHECK_EQ(bind4(second, port), 0);
}

static const struct {
	int level, option, value;
} kept[] = {
	{ IPPROTO_TCP, TCP_NODELAY, 1 },      { IPPROTO_TCP, TCP_CORK, 1 },
	{ IPPROTO_TCP, TCP_KEEPIDLE, 77 },    { IPPROTO_TCP, TCP_KEEPINTVL, 7 },
	{ IPPROTO_TCP, TCP_KEEPCNT, 3 },      { IPPROTO_TCP, TCP_USER_TIMEOUT, 4321 },
	{ IPPROTO_IP, IP_TOS, 0x10 },	      { IPPROTO_IP, IP_TTL, 33 },
	{ IPPROTO_IP, IP_MTU_DISCOVER, 2 },   { IPPROTO_IP, IP_RECVERR, 1 },
	{ IPPROTO_IP, IP_MULTICAST_LOOP, 0 }, { IPPROTO_IP, IP_MULTICAST_TTL, 9 },
	{ IPPROTO_IP, IP_RECVTOS, 1 },	      { SOL_SOCKET, SO_REUSEADDR, 1 },
	{ SOL_SOCKET, SO_KEEPALIVE, 1 },
};

TEST(options_are_read_back)
{
	for (unsigned i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		int type = kept[i].level == IPPROTO_IP ? SOCK_DGRAM : SOCK_STREAM;
		int fd = new_socket(type);

		CHECK_EQ(set(fd, kept[i].level, kept[i].option, kept[i].value), 0);
		if (get(fd, kept[i].level, kept[i].option) != kept[i].value)
			printf("# level %d option %d\n", kept[i].level, kept[i].option);
		CHECK_EQ(get(fd, kept[i].level, kept[i].option), kept[i].value);
		close(fd);
	}
}

TEST(what_a_listener_has_its_connections_have)
{
	int fd = listener_at(0, 0), pair[2];

	CHECK_EQ(set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 55), 0);
	CHECK_EQ(set(fd, IPPROTO_TCP, TCP_NODELAY, 1), 0);
	CHECK_EQ(set(fd, IPPROTO_IP, IP_TOS, 8), 0);
	CHECK_EQ(set(fd, SOL_SOCKET, SO_KEEPALIVE, 1), 0);
	connection(fd, pair);
	CHECK_EQ(get(pair[1], IPPROTO_TCP, TCP_KEEPIDLE), 55);
	CHECK_EQ(get(pair[1], IPPROTO_TCP, TCP_NODELAY), 1);
	CHECK_EQ(get(pair[1], IPPROTO_IP, IP_TOS), 8);
	CHECK_EQ(get(pair[1], SOL_SOCKET, SO_KEEPALIVE), 1);
}

TEST(tcp_info_tells_of_a_connection)
{
	int fd = listener_at(0, 0), pair[2];
	struct tcp_info info;
	socklen_t length = sizeof(info);

	CHECK_EQ(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
	CHECK_EQ(info.tcpi_state, TCP_LISTEN);
	connection(fd, pair);
	CHECK_EQ(write(pair[0], "abcd", 4), 4);
	length = sizeof(info);
	CHECK_EQ(getsockopt(pair[0], IPPROTO_TCP, TCP_INFO, &info, &length), 0);
	CHECK(length >= 104 && length <= sizeof(info));
	CHECK_EQ(info.tcpi_state, TCP_ESTABLISHED);
	CHECK(info.tcpi_snd_mss >= 536 && info.tcpi_snd_cwnd >= 1 && info.tcpi_rto > 0);
	CHECK_EQ(info.tcpi_total_retrans, 0);
	length = 1; /* cut, as Linux does */
	CHECK_EQ(getsockopt(pair[0], IPPROTO_TCP, TCP_INFO, &info, &length), 0);
	CHECK_EQ(length, 1);
}

TEST(half_of_a_connection_ends)
{
	int fd = listener_at(0, 0), pair[2];
	char text[8];

	connection(fd, pair);
	CHECK_EQ(write(pair[0], "ask", 3), 3);
	CHECK_EQ(shutdown(pair[0], SHUT_WR), 0);
	CHECK_EQ(read(pair[1], text, 8), 3);
	CHECK_EQ(read(pair[1], text, 8), 0);
	CHECK_EQ(write(pair[1], "answer", 6), 6);
	close(pair[1]);
	CHECK_EQ(recv(pair[0], text, 8, MSG_WAITALL), 6);
	CHECK_EQ(read(pair[0], text, 8), 0);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(pair[0], "x", 1), EPIPE);
}

TEST(a_reset_is_an_error_once)
{
	int fd = listener_at(0, 0), pair[2];
	struct linger at_once = { 1, 0 };
	struct pollfd wait;
	char text[8];

	connection(fd, pair);
	CHECK_EQ(setsockopt(pair[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	close(pair[1]);
	wait = (struct pollfd){ .fd = pair[0], .events = POLLIN };
	CHECK_EQ(poll(&wait, 1, WAIT_MS), 1);
	CHECK_EQ(wait.revents, POLLIN | POLLERR | POLLHUP);
	CHECK_ERR(read(pair[0], text, 8), ECONNRESET);
	CHECK_EQ(read(pair[0], text, 8), 0);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(pair[0], "x", 1), EPIPE);
}

/* A client's port is used for the next connection, while the server's end of the last one is in TIME_WAIT. */
TEST(a_connection_follows_one_from_the_same_port)
{
	int fd = listener_at(0, SO_REUSEADDR), pair[2], client;
	uint16_t port = port_of(fd), from;
	char text[4];

	connection(fd, pair);
	from = port_of(pair[0]);
	close(pair[1]);
	CHECK_EQ(read(pair[0], text, 4), 0);
	close(pair[0]);
	usleep(100000);
	client = new_socket(SOCK_STREAM);
	CHECK_EQ(set(client, SOL_SOCKET, SO_REUSEADDR, 1), 0);
	CHECK_EQ(bind4(client, from), 0);
	alarm(5);
	CHECK_EQ(connect4(client, port), 0);
	alarm(0);
	pair[1] = accept(fd, NULL, NULL);
	CHECK_EQ(write(client, "new", 3), 3);
	CHECK_EQ(read(pair[1], text, 4), 3);
}

TEST(nobody_at_a_port_is_an_error)
{
	int none = new_socket(SOCK_DGRAM), fd = new_socket(SOCK_DGRAM), stream;
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	uint16_t port;
	char text[4];

	CHECK_EQ(bind4(none, 0), 0);
	port = port_of(none);
	close(none);
	CHECK_EQ(connect4(fd, port), 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(poll(&wait, 1, WAIT_MS), 1);
	CHECK(wait.revents & POLLERR);
	CHECK_ERR(read(fd, text, 4), ECONNREFUSED);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(poll(&wait, 1, WAIT_MS), 1);
	CHECK_EQ(get(fd, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
	CHECK_ERR(recv(fd, text, 4, MSG_DONTWAIT), EAGAIN);
	stream = new_socket(SOCK_STREAM);
	CHECK_ERR(connect4(stream, port), ECONNREFUSED);
}

TEST(who_is_not_connected_is_not_told_of_errors)
{
	int none = new_socket(SOCK_DGRAM), fd = new_socket(SOCK_DGRAM);
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	struct sockaddr_in address;

	CHECK_EQ(bind4(none, 0), 0);
	address = at(port_of(none));
	close(none);
	CHECK_EQ(sendto(fd, "x", 1, 0, (void *)&address, sizeof(address)), 1);
	CHECK_EQ(poll(&wait, 1, 200), 0);
}

TEST(errors_are_queued_for_those_who_ask)
{
	int none = new_socket(SOCK_DGRAM), fd = new_socket(SOCK_DGRAM), stream;
	struct sockaddr_in address, from;
	struct iovec iovec;
	char text[8], control[200];
	struct msghdr message = { .msg_name = &from,
				  .msg_namelen = sizeof(from),
				  .msg_iov = &iovec,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct pollfd wait = { .fd = fd, .events = 0 };
	struct sock_extended_err *error;
	struct cmsghdr *header;
	ssize_t length;

	iovec = (struct iovec){ text, sizeof(text) };
	CHECK_EQ(bind4(none, 0), 0);
	address = at(port_of(none));
	close(none);
	CHECK_EQ(set(fd, IPPROTO_IP, IP_RECVERR, 1), 0);
	CHECK_ERR(recvmsg(fd, &message, MSG_ERRQUEUE), EAGAIN);
	CHECK_EQ(sendto(fd, "abc", 3, 0, (void *)&address, sizeof(address)), 3);
	CHECK_EQ(poll(&wait, 1, WAIT_MS), 1);
	CHECK_EQ(wait.revents, POLLERR);
	length = recvmsg(fd, &message, MSG_ERRQUEUE); /* as much as the error carries */
	CHECK((length == 3 && !memcmp(text, "abc", 3)) || !length);
	CHECK(message.msg_flags & MSG_ERRQUEUE);
	CHECK(from.sin_port == address.sin_port && from.sin_addr.s_addr == address.sin_addr.s_addr);
	header = CMSG_FIRSTHDR(&message);
	CHECK(header && header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_RECVERR);
	error = (void *)CMSG_DATA(header);
	CHECK_EQ(error->ee_errno, ECONNREFUSED);
	CHECK(error->ee_origin == SO_EE_ORIGIN_ICMP && error->ee_type == 3 && error->ee_code == 3);
	CHECK_EQ(poll(&wait, 1, 0), 0);
	stream = new_socket(SOCK_STREAM);
	CHECK_ERR(recvmsg(stream, &message, MSG_ERRQUEUE), EAGAIN);
}

TEST(a_port_is_shared_by_sockets_of_one_user)
{
	int fd = listener_at(0, SO_REUSEPORT), datagrams = new_socket(SOCK_DGRAM), other;
	uint16_t port = port_of(fd);

	CHECK_EQ(set(datagrams, SOL_SOCKET, SO_REUSEPORT, 1), 0);
	CHECK_EQ(bind4(datagrams, 0), 0);
	if (seteuid(1000))
		return; /* not root, on Linux */
	CHECK_EQ(listener_at(port, SO_REUSEPORT), -1);
	other = new_socket(SOCK_DGRAM);
	CHECK_EQ(set(other, SOL_SOCKET, SO_REUSEPORT, 1), 0);
	CHECK_ERR(bind4(other, port_of(datagrams)), EADDRINUSE);
	CHECK_EQ(seteuid(0), 0);
	CHECK(listener_at(port, SO_REUSEPORT) >= 0);
}

static int bind_to(int fd, const char *name, socklen_t length)
{
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, length);
}

TEST(sockets_are_bound_to_interfaces)
{
	int fd = new_socket(SOCK_DGRAM), sender = new_socket(SOCK_DGRAM), pair[2],
	    stream = new_socket(SOCK_STREAM);
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	struct sockaddr_in address;
	char name[16] = "?";
	socklen_t length = sizeof(name);

	CHECK_ERR(bind_to(fd, "nosuch0", 8), ENODEV);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &length), 0);
	CHECK_EQ(length, 0);
	CHECK_EQ(bind_to(fd, "lo", 2), 0); /* the zero may be missing */
	length = sizeof(name) - 1;
	CHECK_ERR(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &length), EINVAL);
	length = sizeof(name);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &length), 0);
	CHECK_EQ(length, 3);
	CHECK(!strcmp(name, "lo"));
	CHECK_EQ(bind4(fd, 0), 0);
	CHECK_EQ(bind_to(sender, "lo", 3), 0);
	address = at(port_of(fd));
	CHECK_EQ(sendto(sender, "a", 1, 0, (void *)&address, sizeof(address)), 1);
	CHECK_EQ(poll(&wait, 1, WAIT_MS), 1);
	CHECK_EQ(bind_to(stream, "lo", 3), 0);
	CHECK_EQ(bind4(stream, 0), 0);
	CHECK_EQ(listen(stream, 1), 0);
	connection(stream, pair);
	length = sizeof(name);
	CHECK_EQ(getsockopt(pair[1], SOL_SOCKET, SO_BINDTODEVICE, name, &length), 0);
	CHECK_EQ(length, 3);
	if (geteuid())
		return;
	CHECK_EQ(bind_to(fd, "", 1), 0);
	length = sizeof(name);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, &length), 0);
	CHECK_EQ(length, 0);
}

/* What no route leads to is sent by the interface that a socket is bound to; after it was connected, too. */
TEST(who_is_not_connected_any_more_stays_bound)
{
	struct sockaddr_in nowhere = { .sin_family = AF_INET, .sin_port = htons(9) }, none = { 0 };
	int fds[] = { new_socket(SOCK_DGRAM), socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) };

	nowhere.sin_addr.s_addr = htonl(0xc0000201);
	for (int i = 0; i < 2 && fds[i] >= 0; i++) {
		CHECK_EQ(bind_to(fds[i], "lo", 3), 0);
		CHECK_EQ(connect4(fds[i], 9), 0);
		CHECK_EQ(connect(fds[i], (void *)&none, sizeof(none)), 0);
		CHECK_EQ(sendto(fds[i], "abcdefgh", 8, 0, (void *)&nowhere, sizeof(nowhere)), 8);
	}
}

/* A raw socket hears the one that it is connected with alone, whatever is set later. */
TEST(who_is_connected_hears_nobody_else)
{
	int sender = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP),
	    fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	struct sockaddr_in to = at(0), other = at(0);
	uint8_t echo[8] = { 8, 0, 0xf7, 0xff };
	char bytes[100];

	if (fd < 0)
		return;
	other.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 2);
	CHECK_EQ(connect(fd, (void *)&other, sizeof(other)), 0);
	CHECK_EQ(set(fd, IPPROTO_IP, IP_TTL, 7), 0);
	CHECK_EQ(sendto(sender, echo, 8, 0, (void *)&to, sizeof(to)), 8);
	CHECK_EQ(recv(sender, bytes, sizeof(bytes), 0), 28);
	CHECK_EQ(recv(sender, bytes, sizeof(bytes), 0), 28); /* the answer */
	CHECK_ERR(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), EAGAIN);
}

TEST(raw_sockets_alone_have_headers)
{
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);

	if (fd >= 0) /* Linux has a range of groups that may */
		CHECK_ERR(set(fd, 0, IP_HDRINCL, 1), ENOPROTOOPT);
	CHECK_ERR(set(new_socket(SOCK_DGRAM), 0, IP_HDRINCL, 1), ENOPROTOOPT);
	fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	if (fd >= 0)
		CHECK_EQ(set(fd, 0, IP_HDRINCL, 1), 0);
}

/* Two share a port, and one of them is connected: errors of its packets are its own. */
TEST(errors_are_for_who_is_connected)
{
	int one = new_socket(SOCK_DGRAM), other = new_socket(SOCK_DGRAM),
	    vacant = new_socket(SOCK_DGRAM);
	struct pollfd wait = { .fd = one };
	struct sockaddr_in any = { .sin_family = AF_INET };
	uint16_t port;

	CHECK_EQ(bind4(vacant, 0), 0);
	port = port_of(vacant);
	close(vacant);
	CHECK_EQ(set(one, SOL_SOCKET, SO_REUSEADDR, 1), 0);
	CHECK_EQ(set(other, SOL_SOCKET, SO_REUSEADDR, 1), 0);
	CHECK_EQ(bind4(one, 0), 0);
	any.sin_port = htons(port_of(one));
	CHECK_EQ(bind(other, (void *)&any, sizeof(any)), 0);
	CHECK_EQ(set(other, 0, IP_RECVERR, 1), 0);
	CHECK_EQ(connect4(one, port), 0);
	CHECK_EQ(send(one, "x", 1, 0), 1);
	CHECK_EQ(poll(&wait, 1, WAIT_MS), 1);
	CHECK_EQ(get(one, SOL_SOCKET, SO_ERROR), ECONNREFUSED);
	CHECK_EQ(get(other, SOL_SOCKET, SO_ERROR), 0);
}

TEST(groups_are_joined_and_left)
{
	int fd = new_socket(SOCK_DGRAM), sender = new_socket(SOCK_DGRAM),
	    six = socket(AF_INET6, SOCK_DGRAM, 0);
	struct ip_mreqn group = { .imr_ifindex = 1 };
	struct ipv6_mreq group6 = { .ipv6mr_interface = 1 };
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char text[4];

	group.imr_multiaddr.s_addr = htonl(0xe8010203); /* 232.1.2.3 */
	inet_pton(AF_INET6, "ff02::1234", &group6.ipv6mr_multiaddr);
	CHECK_EQ(bind(fd, (void *)&address, sizeof(address)), 0);
	CHECK_EQ(setsockopt(fd, 0, IP_ADD_MEMBERSHIP, &group, sizeof(group)), 0);
	CHECK_ERR(setsockopt(fd, 0, IP_ADD_MEMBERSHIP, &group, sizeof(group)), EADDRINUSE);
	CHECK_EQ(setsockopt(sender, 0, IP_MULTICAST_IF, &group, sizeof(group)), 0);
	address.sin_addr = group.imr_multiaddr;
	address.sin_port = htons(port_of(fd));
	CHECK_EQ(sendto(sender, "all", 3, 0, (void *)&address, sizeof(address)), 3);
	CHECK_EQ(poll(&wait, 1, WAIT_MS), 1);
	CHECK_EQ(read(fd, text, 4), 3);
	CHECK_EQ(setsockopt(fd, 0, IP_DROP_MEMBERSHIP, &group, sizeof(group)), 0);
	CHECK_ERR(setsockopt(fd, 0, IP_DROP_MEMBERSHIP, &group, sizeof(group)), EADDRNOTAVAIL);
	CHECK_EQ(sendto(sender, "all", 3, 0, (void *)&address, sizeof(address)), 3);
	CHECK_EQ(poll(&wait, 1, 200), 0);
	group.imr_multiaddr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_ERR(setsockopt(fd, 0, IP_ADD_MEMBERSHIP, &group, sizeof(group)), EINVAL);
	CHECK_EQ(setsockopt(six, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group6, sizeof(group6)), 0);
	CHECK_ERR(setsockopt(six, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group6, sizeof(group6)),
		  EADDRINUSE);
	CHECK_EQ(setsockopt(six, IPPROTO_IPV6, IPV6_LEAVE_GROUP, &group6, sizeof(group6)), 0);
	group6.ipv6mr_interface = 99;
	CHECK_ERR(setsockopt(six, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group6, sizeof(group6)), ENODEV);
}

int main(void)
{
	if (socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EAFNOSUPPORT)
		return check_done(); /* a kernel that was built without it */
	RUN(one_program_listens_at_a_port);
	RUN(several_that_say_so_listen_at_a_port);
	RUN(a_port_with_connections_is_listened_at_again);
	RUN(both_families_share_a_port_or_not);
	RUN(ports_of_datagrams_are_shared_by_those_that_say_so);
	RUN(options_are_read_back);
	RUN(what_a_listener_has_its_connections_have);
	RUN(tcp_info_tells_of_a_connection);
	RUN(half_of_a_connection_ends);
	RUN(a_reset_is_an_error_once);
	RUN(a_connection_follows_one_from_the_same_port);
	RUN(nobody_at_a_port_is_an_error);
	RUN(who_is_not_connected_is_not_told_of_errors);
	RUN(errors_are_queued_for_those_who_ask);
	RUN(a_port_is_shared_by_sockets_of_one_user);
	RUN(sockets_are_bound_to_interfaces);
	RUN(who_is_not_connected_any_more_stays_bound);
	RUN(who_is_connected_hears_nobody_else);
	RUN(raw_sockets_alone_have_headers);
	RUN(errors_are_for_who_is_connected);
	RUN(groups_are_joined_and_left);
	return check_done();
}
