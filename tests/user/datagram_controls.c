/* SPDX-License-Identifier: MIT */
/* Control messages of datagrams, both ways: interface and source, time to live, type of service; groups by the new options. */
#include "check.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>

#ifndef MCAST_JOIN_GROUP
#define MCAST_JOIN_GROUP  42
#define MCAST_LEAVE_GROUP 45
#endif
#define ICMP_FILTER_ 1

static int set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value));
}

/* One that is bound to a free port of lo. */
static int receiver(int family, struct sockaddr_storage *name, socklen_t *length)
{
	int fd = socket(family, SOCK_DGRAM, 0);
	struct sockaddr_in *four = (void *)name;
	struct sockaddr_in6 *six = (void *)name;

	CHECK(fd >= 0);
	memset(name, 0, sizeof(*name));
	name->ss_family = (sa_family_t)family;
	*length = sizeof(*four);
	if (family == AF_INET6) {
		six->sin6_addr = in6addr_loopback;
		*length = sizeof(*six);
	} else {
		four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	}
	CHECK_EQ(bind(fd, (void *)name, *length), 0);
	CHECK_EQ(getsockname(fd, (void *)name, length), 0);
	return fd;
}

union control {
	struct cmsghdr header;
	char bytes[512];
};

static void control_put(struct msghdr *message, int level, int type, const void *content,
			size_t length)
{
	struct cmsghdr *header = (void *)((char *)message->msg_control + message->msg_controllen);

	header->cmsg_level = level;
	header->cmsg_type = type;
	header->cmsg_len = CMSG_LEN(length);
	memcpy(CMSG_DATA(header), content, length);
	message->msg_controllen += CMSG_SPACE(length);
}

/* Sends one byte with one control message. */
static ssize_t send_with(int fd, const struct sockaddr_storage *to, socklen_t to_length, int level,
			 int type, const void *content, size_t length)
{
	struct iovec bytes = { "x", 1 };
	union control control = { 0 };
	struct msghdr message = { .msg_name = (void *)to,
				  .msg_namelen = to_length,
				  .msg_iov = &bytes,
				  .msg_iovlen = 1,
				  .msg_control = &control };

	control_put(&message, level, type, content, length);
	return sendmsg(fd, &message, 0);
}

/* Receives one datagram; @return the content of a control message, or NULL */
static void *receive_with(int fd, struct sockaddr_storage *from, int level, int type)
{
	static union control control;
	char byte;
	struct iovec bytes = { &byte, 1 };
	struct msghdr message = { .msg_name = from,
				  .msg_namelen = sizeof(*from),
				  .msg_iov = &bytes,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	CHECK_EQ(poll(&wait, 1, 5000), 1);
	CHECK_EQ(recvmsg(fd, &message, 0), 1);
	for (struct cmsghdr *at = CMSG_FIRSTHDR(&message); at; at = CMSG_NXTHDR(&message, at))
		if (at->cmsg_level == level && at->cmsg_type == type)
			return CMSG_DATA(at);
	return NULL;
}

static int number_of(const void *content)
{
	int value;

	CHECK(content != NULL);
	memcpy(&value, content, sizeof(value));
	return value;
}

TEST(time_to_live_and_service_of_one_datagram)
{
	struct sockaddr_storage name, from;
	socklen_t length;
	int fd = receiver(AF_INET, &name, &length), sender = socket(AF_INET, SOCK_DGRAM, 0),
	    value = 17;
	uint8_t *service;

	CHECK_EQ(set(fd, IPPROTO_IP, IP_RECVTTL, 1), 0);
	CHECK_EQ(set(fd, IPPROTO_IP, IP_RECVTOS, 1), 0);
	CHECK_EQ(send_with(sender, &name, length, IPPROTO_IP, IP_TTL, &value, sizeof(value)), 1);
	CHECK_EQ(number_of(receive_with(fd, &from, IPPROTO_IP, IP_TTL)), 17);
	value = 0x28;
	CHECK_EQ(send_with(sender, &name, length, IPPROTO_IP, IP_TOS, &value, sizeof(value)), 1);
	service = receive_with(fd, &from, IPPROTO_IP, IP_TOS);
	CHECK(service && *service == 0x28);
	CHECK_EQ(send_with(sender, &name, length, IPPROTO_IP, IP_TOS, &value, 1), 1);
	service = receive_with(fd, &from, IPPROTO_IP, IP_TOS);
	CHECK(service && *service == 0x28);
	CHECK_EQ(sendto(sender, "x", 1, 0, (void *)&name, length),
		 1); /* the next one is as the socket says */
	CHECK_EQ(number_of(receive_with(fd, &from, IPPROTO_IP, IP_TTL)), 64);
	for (int bad = 0; bad <= 256; bad += 256)
		CHECK_ERR(send_with(sender, &name, length, IPPROTO_IP, IP_TTL, &bad, sizeof(bad)),
			  EINVAL);
	value = 1;
	CHECK_ERR(send_with(sender, &name, length, IPPROTO_IP, IP_TTL, &value, 2), EINVAL);
	CHECK_ERR(send_with(sender, &name, length, IPPROTO_IP, 200, &value, sizeof(value)), EINVAL);
	CHECK_ERR(send_with(sender, &name, length, SOL_SOCKET, 200, &value, sizeof(value)), EINVAL);
	CHECK_EQ(send_with(sender, &name, length, 200, 200, &value, sizeof(value)),
		 1); /* nobody's */
}

TEST(source_and_interface_of_one_datagram)
{
	struct sockaddr_storage name, from;
	struct sockaddr_in *four = (void *)&from;
	socklen_t length;
	int fd = receiver(AF_INET, &name, &length), sender = socket(AF_INET, SOCK_DGRAM, 0);
	struct in_pktinfo info = { .ipi_ifindex = (int)if_nametoindex("lo") }, *seen;

	CHECK_EQ(set(fd, IPPROTO_IP, IP_PKTINFO, 1), 0);
	info.ipi_spec_dst.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(send_with(sender, &name, length, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info)), 1);
	seen = receive_with(fd, &from, IPPROTO_IP, IP_PKTINFO);
	CHECK(seen && seen->ipi_addr.s_addr == htonl(INADDR_LOOPBACK) &&
	      seen->ipi_spec_dst.s_addr == htonl(INADDR_LOOPBACK) &&
	      seen->ipi_ifindex == info.ipi_ifindex);
	CHECK_EQ(four->sin_addr.s_addr, htonl(INADDR_LOOPBACK));
	info.ipi_spec_dst.s_addr = htonl(0x08080808);
	CHECK_ERR(send_with(sender, &name, length, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info)),
		  ENETUNREACH);
	info.ipi_spec_dst.s_addr = 0;
	CHECK_EQ(send_with(sender, &name, length, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info)), 1);
	info.ipi_ifindex = 12345;
	CHECK(send_with(sender, &name, length, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info)) < 0);
	CHECK_ERR(send_with(sender, &name, length, IPPROTO_IP, IP_PKTINFO, &info, 8), EINVAL);
}

TEST(the_same_of_ipv6)
{
	struct sockaddr_storage name, from;
	socklen_t length;
	int fd = receiver(AF_INET6, &name, &length), sender = socket(AF_INET6, SOCK_DGRAM, 0),
	    value = 17;
	struct in6_pktinfo info = { .ipi6_addr = in6addr_loopback }, *seen;

	CHECK_EQ(set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1), 0);
	CHECK_EQ(set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1), 0);
	CHECK_EQ(set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1), 0);
	CHECK_EQ(send_with(sender, &name, length, IPPROTO_IPV6, IPV6_HOPLIMIT, &value,
			   sizeof(value)),
		 1);
	CHECK_EQ(number_of(receive_with(fd, &from, IPPROTO_IPV6, IPV6_HOPLIMIT)), 17);
	CHECK_EQ(send_with(sender, &name, length, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof(value)),
		 1);
	CHECK_EQ(number_of(receive_with(fd, &from, IPPROTO_IPV6, IPV6_TCLASS)), 17);
	CHECK_EQ(send_with(sender, &name, length, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info)),
		 1);
	seen = receive_with(fd, &from, IPPROTO_IPV6, IPV6_PKTINFO);
	CHECK(seen && IN6_IS_ADDR_LOOPBACK(&seen->ipi6_addr) &&
	      seen->ipi6_ifindex == if_nametoindex("lo"));
	value = 256;
	CHECK_ERR(send_with(sender, &name, length, IPPROTO_IPV6, IPV6_HOPLIMIT, &value,
			    sizeof(value)),
		  EINVAL);
	CHECK_ERR(send_with(sender, &name, length, IPPROTO_IPV6, IPV6_TCLASS, &value,
			    sizeof(value)),
		  EINVAL);
	value = -1;
	CHECK_EQ(send_with(sender, &name, length, IPPROTO_IPV6, IPV6_HOPLIMIT, &value,
			   sizeof(value)),
		 1);
	CHECK_EQ(number_of(receive_with(fd, &from, IPPROTO_IPV6, IPV6_HOPLIMIT)), 64);
	inet_pton(AF_INET6, "2001:db8::1", &info.ipi6_addr);
	CHECK(send_with(sender, &name, length, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info)) <
	      0);
}

/* A socket of IPv6 that receives by IPv4. */
TEST(addresses_of_ipv4_are_told_as_such)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6 };
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct sockaddr_storage from;
	int fd = socket(AF_INET6, SOCK_DGRAM, 0), sender = socket(AF_INET, SOCK_DGRAM, 0);
	socklen_t length = sizeof(name);
	struct in6_pktinfo *seen;

	CHECK_EQ(bind(fd, (void *)&name, length), 0);
	CHECK_EQ(getsockname(fd, (void *)&name, &length), 0);
	CHECK_EQ(set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1), 0);
	to.sin_port = name.sin6_port;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(sendto(sender, "x", 1, 0, (void *)&to, sizeof(to)), 1);
	seen = receive_with(fd, &from, IPPROTO_IPV6, IPV6_PKTINFO);
	CHECK(seen && IN6_IS_ADDR_V4MAPPED(&seen->ipi6_addr) && seen->ipi6_addr.s6_addr[15] == 1);
}

TEST(groups_are_joined_by_group_req)
{
	struct group_req request = { .gr_interface = if_nametoindex("lo") };
	struct sockaddr_in *group = (void *)&request.gr_group;
	int fd = socket(AF_INET, SOCK_DGRAM, 0), six = socket(AF_INET6, SOCK_DGRAM, 0);

	group->sin_family = AF_INET;
	group->sin_addr.s_addr = htonl(0xe8010204);
	CHECK_ERR(setsockopt(fd, IPPROTO_IP, MCAST_JOIN_GROUP, &request, sizeof(request) - 1),
		  EINVAL);
	CHECK_EQ(setsockopt(fd, IPPROTO_IP, MCAST_JOIN_GROUP, &request, sizeof(request)), 0);
	CHECK_ERR(setsockopt(fd, IPPROTO_IP, MCAST_JOIN_GROUP, &request, sizeof(request)),
		  EADDRINUSE);
	CHECK_EQ(setsockopt(fd, IPPROTO_IP, MCAST_LEAVE_GROUP, &request, sizeof(request)), 0);
	CHECK_ERR(setsockopt(fd, IPPROTO_IP, MCAST_LEAVE_GROUP, &request, sizeof(request)),
		  EADDRNOTAVAIL);
	memset(group, 0, sizeof(*group));
	request.gr_group.ss_family = AF_INET6;
	inet_pton(AF_INET6, "ff02::4321",
		  &((struct sockaddr_in6 *)(void *)&request.gr_group)->sin6_addr);
	CHECK_EQ(setsockopt(six, IPPROTO_IPV6, MCAST_JOIN_GROUP, &request, sizeof(request)), 0);
	CHECK_EQ(setsockopt(six, IPPROTO_IPV6, MCAST_LEAVE_GROUP, &request, sizeof(request)), 0);
	CHECK_ERR(setsockopt(fd, IPPROTO_IP, MCAST_JOIN_GROUP, &request, sizeof(request)), EINVAL);
}

TEST(types_of_icmp_are_filtered)
{
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), other;
	uint8_t echo[8] = { 8, 0, 0xf7, 0xff };
	struct sockaddr_in to = { .sin_family = AF_INET };
	uint32_t all = ~0u, answers = ~1u;
	char bytes[100];

	if (fd < 0)
		return;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(setsockopt(fd, 255, ICMP_FILTER_, &all, sizeof(all)), 0);
	CHECK_EQ(sendto(fd, echo, 8, 0, (void *)&to, sizeof(to)), 8);
	pause_ms(200);
	CHECK_ERR(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(setsockopt(fd, 255, ICMP_FILTER_, &answers, sizeof(answers)), 0);
	CHECK_EQ(sendto(fd, echo, 8, 0, (void *)&to, sizeof(to)), 8);
	CHECK_EQ(recv(fd, bytes, sizeof(bytes), 0), 28);
	CHECK_EQ(bytes[20], 0); /* the answer, not the question */
	other = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
	CHECK_ERR(setsockopt(other, 255, ICMP_FILTER_, &all, sizeof(all)), EOPNOTSUPP);
}

/* By a card, with an address: what is sent to a group arrives at members on this machine. @name: of the card */
static void group_over_a_card(const char *name)
{
	struct ip_mreqn group = { .imr_ifindex = (int)if_nametoindex(name) };
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(7655) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), sender = socket(AF_INET, SOCK_DGRAM, 0);
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	static char bytes[9000];

	group.imr_multiaddr.s_addr = htonl(0xe8010205);
	CHECK_EQ(bind(fd, (void *)&address, sizeof(address)), 0);
	CHECK_EQ(setsockopt(fd, 0, IP_ADD_MEMBERSHIP, &group, sizeof(group)), 0);
	CHECK_EQ(setsockopt(sender, 0, IP_MULTICAST_IF, &group, sizeof(group)), 0);
	address.sin_addr = group.imr_multiaddr;
	CHECK_EQ(sendto(sender, bytes, 9000, 0, (void *)&address, sizeof(address)), 9000);
	CHECK_EQ(poll(&wait, 1, 5000), 1);
	CHECK_EQ(recv(fd, bytes, sizeof(bytes), 0), 9000);
	CHECK_EQ(set(sender, IPPROTO_IP, IP_MULTICAST_LOOP, 0), 0);
	CHECK_EQ(sendto(sender, bytes, 3, 0, (void *)&address, sizeof(address)), 3);
	CHECK_EQ(poll(&wait, 1, 300), 0);
}

int main(int argc, char **argv)
{
	if (socket(AF_INET, SOCK_DGRAM, 0) < 0 && errno == EAFNOSUPPORT)
		return check_done(); /* a kernel that was built without it */
	if (argc > 1) {
		group_over_a_card(argv[1]);
		return 0;
	}
	RUN(time_to_live_and_service_of_one_datagram);
	RUN(source_and_interface_of_one_datagram);
	RUN(the_same_of_ipv6);
	RUN(addresses_of_ipv4_are_told_as_such);
	RUN(groups_are_joined_by_group_req);
	RUN(types_of_icmp_are_filtered);
	return check_done();
}
