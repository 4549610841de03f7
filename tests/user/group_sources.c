/* SPDX-License-Identifier: MIT */
/* Datagrams: senders of groups that are heard or not, the time at which one arrived, how many were lost, addresses that do not exist. */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>

#ifndef IP_MULTICAST_ALL
#define IP_MULTICAST_ALL 49
#endif
#ifndef IP_UNICAST_IF
#define IP_UNICAST_IF 50
#endif
#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif
#ifndef SO_NO_CHECK
#define SO_NO_CHECK 11
#endif
#ifndef SO_RXQ_OVFL
#define SO_RXQ_OVFL 40
#endif
#define TIMESTAMP_NEW  64 /* SO_TIMESTAMPNS_NEW */
#define TIMESTAMP_OLD  29 /* SO_TIMESTAMP_OLD */
#define BLOCK_SOURCE   43 /* MCAST_BLOCK_SOURCE and so on */
#define UNBLOCK_SOURCE 44
#define JOIN_SOURCE    46
#define LEAVE_SOURCE   47

static int listener, sender;
static struct sockaddr_in group = { .sin_family = AF_INET };

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

static int get(int fd, int level, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	CHECK_EQ(getsockopt(fd, level, option, &value, &length), 0);
	return value;
}

static void begin(void)
{
	struct in_addr lo = { htonl(INADDR_LOOPBACK) };
	struct sockaddr_in any = { .sin_family = AF_INET };
	socklen_t length = sizeof(any);

	listener = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(bind(listener, (void *)&any, sizeof(any)), 0);
	CHECK_EQ(getsockname(listener, (void *)&any, &length), 0);
	group.sin_addr.s_addr = inet_addr("239.1.2.3");
	group.sin_port = any.sin_port;
	sender = socket(AF_INET, SOCK_DGRAM, 0);
	any.sin_port = 0;
	any.sin_addr = lo;
	CHECK_EQ(bind(sender, (void *)&any, sizeof(any)), 0);
	CHECK_EQ(setsockopt(sender, IPPROTO_IP, IP_MULTICAST_IF, &lo, sizeof(lo)), 0);
}

static int source(int option, const char *address)
{
	struct ip_mreq_source request = { .imr_multiaddr = group.sin_addr,
					  .imr_interface = { htonl(INADDR_LOOPBACK) },
					  .imr_sourceaddr = { inet_addr(address) } };

	return setsockopt(listener, IPPROTO_IP, option, &request, sizeof(request));
}

static int new_source(int option, const char *address)
{
	struct group_source_req request = { .gsr_interface = 1 };
	struct sockaddr_in from = { .sin_family = AF_INET };

	from.sin_addr.s_addr = inet_addr(address);
	memcpy(&request.gsr_group, &group, sizeof(group));
	memcpy(&request.gsr_source, &from, sizeof(from));
	return setsockopt(listener, IPPROTO_IP, option, &request, sizeof(request));
}

static int member(int option)
{
	struct ip_mreq request = { group.sin_addr, { htonl(INADDR_LOOPBACK) } };

	return setsockopt(listener, IPPROTO_IP, option, &request, sizeof(request));
}

static bool hears(void)
{
	struct pollfd one = { .fd = listener, .events = POLLIN };
	char byte;

	CHECK_EQ(sendto(sender, "a", 1, 0, (void *)&group, sizeof(group)), 1);
	if (!poll(&one, 1, 200))
		return false;
	CHECK_EQ(recv(listener, &byte, 1, 0), 1);
	return true;
}

TEST(some_sources_are_heard)
{
	begin();
	CHECK_EQ(source(IP_ADD_SOURCE_MEMBERSHIP, "10.9.8.7"), 0);
	CHECK(!hears());
	CHECK_EQ(source(IP_ADD_SOURCE_MEMBERSHIP, "127.0.0.1"), 0);
	CHECK(hears());
	CHECK_ERR(source(IP_ADD_SOURCE_MEMBERSHIP, "127.0.0.1"), EADDRNOTAVAIL);
	CHECK_ERR(source(IP_BLOCK_SOURCE, "127.0.0.1"), EINVAL); /* the other mode */
	CHECK_EQ(source(IP_DROP_SOURCE_MEMBERSHIP, "127.0.0.1"), 0);
	CHECK(!hears());
	CHECK_ERR(source(IP_DROP_SOURCE_MEMBERSHIP, "127.0.0.1"), EADDRNOTAVAIL);
	CHECK_EQ(source(IP_DROP_SOURCE_MEMBERSHIP, "10.9.8.7"), 0); /* the last one */
	CHECK_ERR(member(IP_DROP_MEMBERSHIP), EADDRNOTAVAIL);
}

TEST(some_sources_are_blocked)
{
	begin();
	CHECK_ERR(source(IP_BLOCK_SOURCE, "127.0.0.1"), EINVAL); /* no member */
	CHECK_EQ(member(IP_ADD_MEMBERSHIP), 0);
	CHECK(hears());
	CHECK_EQ(source(IP_BLOCK_SOURCE, "127.0.0.1"), 0);
	CHECK(!hears());
	CHECK_ERR(source(IP_UNBLOCK_SOURCE, "127.0.0.2"), EADDRNOTAVAIL);
	CHECK_EQ(source(IP_UNBLOCK_SOURCE, "127.0.0.1"), 0);
	CHECK(hears());
	CHECK_EQ(member(IP_DROP_MEMBERSHIP), 0);
}

TEST(sources_are_many_at_most)
{
	char address[16];

	begin();
	for (int i = 1; i <= 10; i++) {
		snprintf(address, sizeof(address), "10.0.0.%d", i);
		CHECK_EQ(source(IP_ADD_SOURCE_MEMBERSHIP, address), 0);
	}
	CHECK_ERR(source(IP_ADD_SOURCE_MEMBERSHIP, "10.0.0.11"), ENOBUFS);
	CHECK_ERR(setsockopt(listener, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &group, 8), EINVAL);
	group.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_ERR(source(IP_ADD_SOURCE_MEMBERSHIP, "10.0.0.1"), EINVAL);
}

TEST(the_same_by_newer_options)
{
	begin();
	CHECK_EQ(new_source(JOIN_SOURCE, "127.0.0.1"), 0);
	CHECK(hears());
	CHECK_EQ(new_source(JOIN_SOURCE, "127.0.0.9"), 0);
	CHECK_EQ(new_source(LEAVE_SOURCE, "127.0.0.1"), 0);
	CHECK(!hears());
	CHECK_EQ(new_source(LEAVE_SOURCE, "127.0.0.9"), 0);
	CHECK_EQ(member(IP_ADD_MEMBERSHIP), 0);
	CHECK_EQ(new_source(BLOCK_SOURCE, "127.0.0.1"), 0);
	CHECK(!hears());
	CHECK_EQ(new_source(UNBLOCK_SOURCE, "127.0.0.1"), 0);
	CHECK(hears());
}

TEST(groups_of_others_are_heard_unless_switched_off)
{
	int other;

	begin();
	CHECK_EQ(get(listener, IPPROTO_IP, IP_MULTICAST_ALL), 1);
	other = listener;
	listener = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(member(IP_ADD_MEMBERSHIP), 0);
	listener = other;
	CHECK(hears());
	CHECK_EQ(set(listener, IPPROTO_IP, IP_MULTICAST_ALL, 0), 0);
	CHECK(!hears());
	CHECK_EQ(member(IP_ADD_MEMBERSHIP), 0);
	CHECK(hears());
}

/* ---- what is told of a datagram ---- */

static union {
	struct cmsghdr header;
	char bytes[256];
} control;

static const struct cmsghdr *receive_control(void)
{
	char byte;
	struct iovec io = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &io,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	CHECK_EQ(recvmsg(listener, &message, 0), 1);
	return CMSG_FIRSTHDR(&message);
}

static void send_one(void)
{
	struct sockaddr_in to = group;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(sendto(sender, "a", 1, 0, (void *)&to, sizeof(to)), 1);
}

TEST(the_time_of_arrival_is_told)
{
	const struct cmsghdr *header;
	struct timeval now;
	int64_t told[2];

	begin();
	CHECK_EQ(set(listener, SOL_SOCKET, TIMESTAMP_OLD, 1), 0);
	CHECK_EQ(get(listener, SOL_SOCKET, TIMESTAMP_OLD), 1);
	CHECK_EQ(get(listener, SOL_SOCKET, TIMESTAMP_NEW), 0);
	send_one();
	usleep(150000);
	header = receive_control();
	gettimeofday(&now, NULL);
	CHECK(header);
	CHECK_EQ(header->cmsg_level, SOL_SOCKET);
	CHECK_EQ(header->cmsg_type, TIMESTAMP_OLD);
	CHECK_EQ(header->cmsg_len, CMSG_LEN(16));
	memcpy(told, CMSG_DATA(header), sizeof(told));
	told[0] = (now.tv_sec - told[0]) * 1000000 + now.tv_usec - told[1];
	CHECK(told[0] >= 150000 && told[0] < 2000000);
	CHECK_EQ(set(listener, SOL_SOCKET, TIMESTAMP_NEW, 1), 0);
	CHECK_EQ(get(listener, SOL_SOCKET, TIMESTAMP_OLD), 0);
	send_one();
	header = receive_control();
	CHECK(header);
	CHECK_EQ(header->cmsg_type, TIMESTAMP_NEW);
	memcpy(told, CMSG_DATA(header), sizeof(told));
	gettimeofday(&now, NULL);
	CHECK(now.tv_sec - told[0] <= 1 && told[1] < 1000000000);
	CHECK_EQ(set(listener, SOL_SOCKET, TIMESTAMP_NEW, 0), 0);
	send_one();
	CHECK(!receive_control());
}

TEST(lost_datagrams_are_counted)
{
	const struct cmsghdr *header;
	uint32_t lost = 0;

	begin();
	CHECK_EQ(set(listener, SOL_SOCKET, SO_RCVBUF, 2048), 0);
	CHECK_EQ(set(listener, SOL_SOCKET, SO_RXQ_OVFL, 1), 0);
	CHECK_EQ(get(listener, SOL_SOCKET, SO_RXQ_OVFL), 1);
	for (int i = 0; i < 100; i++)
		send_one();
	CHECK(!receive_control()); /* before it none was lost */
	for (struct pollfd one = { .fd = listener, .events = POLLIN }; poll(&one, 1, 100) > 0;)
		receive_control();
	send_one();
	header = receive_control();
	CHECK(header);
	CHECK_EQ(header->cmsg_level, SOL_SOCKET);
	CHECK_EQ(header->cmsg_type, SO_RXQ_OVFL);
	memcpy(&lost, CMSG_DATA(header), sizeof(lost));
	CHECK(lost > 10 && lost < 100);
}

TEST(addresses_that_will_exist_are_bound)
{
	struct sockaddr_in later = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	later.sin_addr.s_addr = inet_addr("10.77.66.55");
	CHECK_ERR(bind(fd, (void *)&later, sizeof(later)), EADDRNOTAVAIL);
	CHECK_EQ(set(fd, IPPROTO_IP, IP_FREEBIND, 1), 0);
	CHECK_EQ(get(fd, IPPROTO_IP, IP_FREEBIND), 1);
	CHECK_EQ(bind(fd, (void *)&later, sizeof(later)), 0);
}

TEST(the_mtu_of_a_way_is_told)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
				    .sin_port = htons(9),
				    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), value;
	socklen_t length = sizeof(value);

	CHECK_ERR(getsockopt(fd, IPPROTO_IP, IP_MTU, &value, &length), ENOTCONN);
	CHECK_EQ(connect(fd, (void *)&name, sizeof(name)), 0);
	value = get(fd, IPPROTO_IP, IP_MTU);
	CHECK(value == 65535 || value == 65536);
}

TEST(datagrams_leave_by_an_interface)
{
	struct pollfd one;
	char byte;

	begin();
	CHECK_EQ(get(sender, IPPROTO_IP, IP_UNICAST_IF), 0);
	CHECK_ERR(set(sender, IPPROTO_IP, IP_UNICAST_IF, (int)htonl(99999)), EADDRNOTAVAIL);
	CHECK_EQ(set(sender, IPPROTO_IP, IP_UNICAST_IF, (int)htonl(1)), 0);
	CHECK_EQ(get(sender, IPPROTO_IP, IP_UNICAST_IF), (int)htonl(1));
	CHECK_EQ(set(sender, SOL_SOCKET, SO_NO_CHECK, 1), 0);
	CHECK_EQ(get(sender, SOL_SOCKET, SO_NO_CHECK), 1);
	send_one();
	one = (struct pollfd){ .fd = listener, .events = POLLIN };
	CHECK_EQ(poll(&one, 1, 1000), 1);
	CHECK_EQ(recv(listener, &byte, 1, 0), 1);
}

TEST(a_port_is_chosen_when_it_is_connected)
{
	struct sockaddr_in own = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in name = own, none = own;
	socklen_t length = sizeof(name);
	int fd = socket(AF_INET, SOCK_STREAM, 0), server = socket(AF_INET, SOCK_STREAM, 0);

	CHECK_EQ(set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1), 0);
	CHECK_EQ(get(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT), 1);
	CHECK_EQ(bind(fd, (void *)&own, sizeof(own)), 0);
	CHECK_EQ(getsockname(fd, (void *)&none, &length), 0);
	CHECK_EQ(none.sin_port, 0);
	CHECK_EQ(none.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	CHECK_EQ(set(server, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1), 0);
	CHECK_EQ(bind(server, (void *)&name, sizeof(name)), 0);
	CHECK_EQ(listen(server, 1), 0);
	CHECK_EQ(getsockname(server, (void *)&name, &length), 0);
	CHECK(name.sin_port);
	CHECK_EQ(connect(fd, (void *)&name, sizeof(name)), 0);
	CHECK_EQ(getsockname(fd, (void *)&none, &length), 0);
	CHECK(none.sin_port);
}

int main(void)
{
	if (socket(AF_INET, SOCK_DGRAM, 0) < 0 && errno == EAFNOSUPPORT)
		return check_done(); /* a kernel that was built without it */
	RUN(some_sources_are_heard);
	RUN(some_sources_are_blocked);
	RUN(sources_are_many_at_most);
	RUN(the_same_by_newer_options);
	RUN(groups_of_others_are_heard_unless_switched_off);
	RUN(the_time_of_arrival_is_told);
	RUN(lost_datagrams_are_counted);
	RUN(addresses_that_will_exist_are_bound);
	RUN(the_mtu_of_a_way_is_told);
	RUN(datagrams_leave_by_an_interface);
	RUN(a_port_is_chosen_when_it_is_connected);
	return check_done();
}
