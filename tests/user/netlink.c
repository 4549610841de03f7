/* SPDX-License-Identifier: MIT */
/* Route netlink: who may ask what, lengths that lie, random messages; the interface lo is as before. */
#include "check.h"
#include <stdint.h>
#include <sys/socket.h>

#define ROUNDS 3000

/* What <linux/netlink.h> and its rtnetlink have; musl has not. */
struct nlmsghdr {
	uint32_t nlmsg_len;
	uint16_t nlmsg_type, nlmsg_flags;
	uint32_t nlmsg_seq, nlmsg_pid;
};
struct rtattr {
	uint16_t rta_len, rta_type;
};
enum { NLMSG_HDRLEN = 16, IFINFO_BYTES = 16, IFADDR_BYTES = 8, NETLINK_ROUTE = 0 };
enum { NLM_F_REQUEST = 1, NLM_F_ACK = 4, NLM_F_DUMP = 0x300, NLMSG_ERROR = 2, NLMSG_DONE = 3 };
enum { RTM_GETLINK = 18, RTM_SETLINK, RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR };
enum { RTM_GETROUTE = 26, RTM_GETNEIGH = 30, RTM_UNKNOWN = 99, IFA_LOCAL = 2 };

static union {
	struct nlmsghdr header;
	uint8_t bytes[512];
} request;
static uint8_t answer[65536] __attribute__((aligned(8)));

static int route_socket(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

	CHECK(fd >= 0);
	return fd;
}

static void ask(int fd, int type, int flags, unsigned length)
{
	request.header.nlmsg_len = NLMSG_HDRLEN + length;
	request.header.nlmsg_type = (uint16_t)type;
	request.header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	request.header.nlmsg_seq = 7;
	CHECK_EQ(send(fd, &request, request.header.nlmsg_len, 0), request.header.nlmsg_len);
}

/* The error that is answered. */
static int error_of(int fd)
{
	const struct nlmsghdr *header = (void *)answer;
	ssize_t length = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);

	CHECK(length >= (ssize_t)sizeof(*header));
	CHECK_EQ(header->nlmsg_type, NLMSG_ERROR);
	CHECK_EQ(header->nlmsg_seq, 7);
	return -*(const int *)(answer + NLMSG_HDRLEN);
}

static void drain(int fd)
{
	while (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) >= 0)
		;
	CHECK_EQ(errno, EAGAIN);
}

TEST(lists_end)
{
	int fd = route_socket(), done = 0;
	ssize_t length;

	memset(&request, 0, sizeof(request));
	ask(fd, RTM_GETLINK, NLM_F_DUMP, IFINFO_BYTES);
	while (!done) {
		length = recv(fd, answer, sizeof(answer), 0);
		CHECK(length > 0);
		for (ssize_t at = 0; at < length;) {
			const struct nlmsghdr *header = (void *)(answer + at);

			CHECK(header->nlmsg_len >= NLMSG_HDRLEN &&
			      header->nlmsg_len <= length - at);
			done |= header->nlmsg_type == NLMSG_DONE;
			at += (header->nlmsg_len + 3) & ~3u;
		}
	}
	CHECK_ERR(recv(fd, answer, sizeof(answer), MSG_DONTWAIT), EAGAIN);
}

TEST(lengths_that_lie)
{
	int fd = route_socket();
	struct rtattr *attribute;

	memset(&request, 0, sizeof(request));
	request.bytes[NLMSG_HDRLEN] = 2; /* AF_INET */
	ask(fd, RTM_NEWADDR, NLM_F_ACK, 3);
	CHECK_EQ(error_of(fd), EINVAL);
	attribute = (void *)(request.bytes + NLMSG_HDRLEN + IFADDR_BYTES);
	attribute->rta_len = 200;
	attribute->rta_type = IFA_LOCAL;
	ask(fd, RTM_NEWADDR, NLM_F_ACK, IFADDR_BYTES + 8);
	CHECK_EQ(error_of(fd), EINVAL);
	attribute->rta_len = 3;
	ask(fd, RTM_NEWADDR, NLM_F_ACK, IFADDR_BYTES + 8);
	CHECK_EQ(error_of(fd), EINVAL);
	request.header.nlmsg_len = 5000; /* more than is sent: ignored */
	CHECK_EQ(send(fd, &request, 32, 0), 32);
	CHECK_ERR(recv(fd, answer, sizeof(answer), MSG_DONTWAIT), EAGAIN);
}

TEST(who_may_change)
{
	int fd = route_socket();

	CHECK_EQ(setuid(1000), 0);
	memset(&request, 0, sizeof(request));
	ask(fd, RTM_SETLINK, NLM_F_ACK, IFINFO_BYTES);
	CHECK_EQ(error_of(fd), EPERM);
}

TEST(random_messages)
{
	static const uint16_t types[] = { RTM_NEWADDR,	RTM_DELADDR, RTM_GETADDR, RTM_GETLINK,
					  RTM_GETNEIGH, RTM_UNKNOWN, RTM_GETROUTE };
	uint64_t seed = 88172645463325252ull;
	int fd = route_socket();

	/* Of an interface that does not exist, so that nothing is changed. */
	for (int round = 0; round < ROUNDS; round++) {
		unsigned length = 0;

		for (unsigned i = NLMSG_HDRLEN; i < 200; i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			request.bytes[i] = (uint8_t)(seed % 3 ? seed % 20 : 0);
		}
		length = seed % 180;
		memset(request.bytes + NLMSG_HDRLEN + 4, 0x77, 4);
		ask(fd, types[round % 7], round % 2 ? NLM_F_ACK : 0, length);
		drain(fd);
	}
}

int main(void)
{
	RUN(lists_end);
	RUN(lengths_that_lie);
	RUN(who_may_change);
	RUN(random_messages);
	return check_done();
}
