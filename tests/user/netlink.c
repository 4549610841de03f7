/* SPDX-License-Identifier: MIT */
/* Route netlink: who may ask what, lengths that lie, random messages; the interface lo is as before. */
#include "check.h"
#include <fcntl.h>
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
enum {
	RTM_NEWROUTE = 24,
	RTM_DELROUTE,
	RTM_GETROUTE,
	RTM_NEWNEIGH = 28,
	RTM_DELNEIGH,
	RTM_GETNEIGH
};
enum { RTM_UNKNOWN = 99, IFA_LOCAL = 2, IFA_FLAGS = 8, RTMSG_BYTES = 12, NDMSG_BYTES = 12 };
enum {
	RTA_DST = 1,
	RTA_OIF = 4,
	RTA_PRIORITY = 6,
	NDA_DST = 1,
	NDA_LLADDR = 2,
	NUD_PERMANENT = 0x80
};
enum { REPLACE = 0x100, EXCL = 0x200, CREATE = 0x400 };
enum { SOL_NETLINK_ = 270, ADD_MEMBERSHIP = 1, DROP_MEMBERSHIP = 2 };

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

/* Put an attribute behind the message. */
static void put(int type, const void *bytes, unsigned length)
{
	struct rtattr attribute = { (uint16_t)(sizeof(attribute) + length), (uint16_t)type };
	uint8_t *at = request.bytes + request.header.nlmsg_len;

	memcpy(at, &attribute, sizeof(attribute));
	memcpy(at + sizeof(attribute), bytes, length);
	request.header.nlmsg_len += (sizeof(attribute) + length + 3) & ~3u;
}

/* A message of @fixed bytes, which are @bytes and zeroes. */
static void begin(int type, int flags, unsigned fixed, const void *bytes, unsigned length)
{
	memset(&request, 0, sizeof(request));
	request.header.nlmsg_len = NLMSG_HDRLEN + fixed;
	request.header.nlmsg_type = (uint16_t)type;
	request.header.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	request.header.nlmsg_seq = 7;
	memcpy(request.bytes + NLMSG_HDRLEN, bytes, length);
}

static void begin_address(int type, int flags, int last)
{
	const uint8_t info[] = { 2, 32, 0, 0, 1 }, address[] = { 10, 77, 0, (uint8_t)last };

	begin(type, flags | NLM_F_ACK, IFADDR_BYTES, info, sizeof(info));
	put(IFA_LOCAL, address, sizeof(address));
}

static void begin_route(int type, int flags, unsigned metric)
{
	const uint8_t info[] = { 2, 24, 0, 0, 254, 4, 0, 1 }, to[] = { 10, 78, 0, 0 };
	const int lo = 1;

	begin(type, flags | NLM_F_ACK, RTMSG_BYTES, info, sizeof(info));
	put(RTA_DST, to, sizeof(to));
	put(RTA_OIF, &lo, sizeof(lo));
	if (metric)
		put(RTA_PRIORITY, &metric, sizeof(metric));
}

static void begin_neighbour(int type, int flags, int last)
{
	const uint8_t info[] = { 2, 0, 0, 0, 1, 0, 0, 0, NUD_PERMANENT },
		      address[] = { 127, 9, 9, (uint8_t)last }, hardware[] = { 2, 3, 4, 5, 6, 7 };

	begin(type, flags | NLM_F_ACK, NDMSG_BYTES, info, sizeof(info));
	put(NDA_DST, address, sizeof(address));
	put(NDA_LLADDR, hardware, sizeof(hardware));
}

static int done(int fd)
{
	CHECK_EQ(send(fd, &request, request.header.nlmsg_len, 0), request.header.nlmsg_len);
	return error_of(fd);
}

TEST(addresses_have_interfaces)
{
	const uint8_t info[] = { 2, 32, 0, 0, 0 }, address[] = { 10, 77, 1, 1 };
	int fd = route_socket();

	begin(RTM_NEWADDR, NLM_F_ACK | CREATE, IFADDR_BYTES, info, sizeof(info));
	put(IFA_LOCAL, address, sizeof(address));
	CHECK_EQ(done(fd), ENODEV);
	begin(RTM_DELADDR, NLM_F_ACK, IFADDR_BYTES, info, sizeof(info));
	put(IFA_LOCAL, address, sizeof(address));
	CHECK_EQ(done(fd), ENODEV);
}

/* @return it has ended, with all or with an error */
static int list_has_ended(int fd)
{
	for (;;) {
		ssize_t length = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);

		if (length < 0)
			return errno != EAGAIN;
		for (ssize_t at = 0; at < length;) {
			const struct nlmsghdr *header = (void *)(answer + at);

			if (header->nlmsg_type == NLMSG_DONE || header->nlmsg_type == NLMSG_ERROR)
				return 1;
			at += (header->nlmsg_len + 3) & ~3u;
		}
	}
}

/* Each allocation of it fails once, if the kernel can do that. */
TEST(lists_end_without_memory)
{
	int control = open("/proc/self/fail-nth", O_RDWR);

	for (int nth = 1; nth < 40 && control >= 0; nth++) {
		int fd = route_socket();
		char text[8];

		begin(RTM_GETLINK, NLM_F_DUMP, IFINFO_BYTES, "", 1);
		snprintf(text, sizeof(text), "%d", nth);
		CHECK(pwrite(control, text, strlen(text), 0) > 0);
		if (send(fd, &request, request.header.nlmsg_len, 0) > 0)
			CHECK(list_has_ended(fd));
		CHECK(pwrite(control, "0", 1, 0) > 0);
		while (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) >= 0 || errno != EAGAIN)
			;
		begin(RTM_GETLINK, NLM_F_DUMP, IFINFO_BYTES, "", 1);
		CHECK(send(fd, &request, request.header.nlmsg_len, 0) > 0);
		CHECK(list_has_ended(fd));
		close(fd);
	}
}

static int listener(unsigned groups)
{
	struct {
		unsigned short family, pad;
		unsigned port, groups;
	} name = { AF_NETLINK, 0, 0, groups };
	int fd = route_socket();

	CHECK_EQ(bind(fd, (void *)&name, sizeof(name)), 0);
	return fd;
}

/* The type of the next message of a group. */
static int heard(int fd)
{
	const struct nlmsghdr *header = (void *)answer;

	if (recv(fd, answer, sizeof(answer), MSG_DONTWAIT) < (ssize_t)sizeof(*header))
		return -errno;
	return header->nlmsg_type;
}

TEST(groups_hear_of_changes)
{
	int fd = route_socket(), addresses = listener(1 << 4), routes = listener(0), group = 7,
	    nothing = route_socket();

	CHECK_EQ(setsockopt(routes, SOL_NETLINK_, ADD_MEMBERSHIP, &group, sizeof(group)), 0);
	group = 1000;
	CHECK_ERR(setsockopt(routes, SOL_NETLINK_, ADD_MEMBERSHIP, &group, sizeof(group)), EINVAL);
	begin_address(RTM_NEWADDR, CREATE | EXCL, 1);
	CHECK_EQ(done(fd), 0);
	CHECK_EQ(heard(addresses), RTM_NEWADDR);
	CHECK_EQ(done(fd), EEXIST);
	CHECK_EQ(heard(addresses), -EAGAIN);
	begin_address(RTM_DELADDR, 0, 1);
	CHECK_EQ(done(fd), 0);
	CHECK_EQ(heard(addresses), RTM_DELADDR);
	while (heard(routes) > 0) /* of the table of local addresses, on Linux */
		;
	begin_route(RTM_NEWROUTE, CREATE | EXCL, 0);
	CHECK_EQ(done(fd), 0);
	CHECK_EQ(heard(routes), RTM_NEWROUTE);
	begin_route(RTM_DELROUTE, 0, 0);
	CHECK_EQ(done(fd), 0);
	CHECK_EQ(heard(routes), RTM_DELROUTE);
	group = 7;
	CHECK_EQ(setsockopt(routes, SOL_NETLINK_, DROP_MEMBERSHIP, &group, sizeof(group)), 0);
	begin_route(RTM_NEWROUTE, CREATE | EXCL, 0);
	CHECK_EQ(done(fd), 0);
	begin_route(RTM_DELROUTE, 0, 0);
	CHECK_EQ(done(fd), 0);
	CHECK_EQ(heard(routes), -EAGAIN);
	CHECK_EQ(heard(nothing), -EAGAIN);
}

/* That an address is tentative, another station's or deprecated is not for programs to say. */
TEST(flags_that_only_the_kernel_sets)
{
	const uint8_t info[] = { 10, 128, 0xff, 0, 1 }, address[16] = { 0xfd, 0x77 };
	const uint32_t all =
		0xfffffffb; /* without IFA_F_OPTIMISTIC, which Linux refuses with another */
	int fd = route_socket(), addresses = listener(1 << 8);

	begin(RTM_NEWADDR, NLM_F_ACK | CREATE | EXCL, IFADDR_BYTES, info, sizeof(info));
	put(IFA_LOCAL, address, sizeof(address));
	put(IFA_FLAGS, &all, sizeof(all));
	CHECK_EQ(done(fd), 0);
	CHECK_EQ(heard(addresses), RTM_NEWADDR);
	CHECK_EQ(answer[NLMSG_HDRLEN + 2] & 0x69, 0);
	CHECK_EQ(answer[NLMSG_HDRLEN + 2] & 0x82, 0x82);
	begin(RTM_DELADDR, NLM_F_ACK, IFADDR_BYTES, info, sizeof(info));
	put(IFA_LOCAL, address, sizeof(address));
	CHECK_EQ(done(fd), 0);
}

TEST(who_does_not_read_loses_messages_and_is_told)
{
	int fd = route_socket(), slow = listener(1 << 4), size = 4096, count = 0;

	CHECK_EQ(setsockopt(slow, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	for (int i = 0; i < 200; i++) {
		begin_address(i % 2 ? RTM_DELADDR : RTM_NEWADDR, CREATE, 2);
		CHECK_EQ(done(fd), 0);
	}
	CHECK_ERR(recv(slow, answer, sizeof(answer), MSG_DONTWAIT), ENOBUFS);
	while (heard(slow) > 0)
		count++;
	CHECK(count > 0 && count < 200);
}

TEST(routes_have_the_key_of_linux)
{
	int fd = route_socket();

	begin_route(RTM_NEWROUTE, CREATE | EXCL, 5);
	CHECK_EQ(done(fd), 0);
	CHECK_EQ(done(fd), EEXIST);
	begin_route(RTM_NEWROUTE, CREATE | EXCL, 6); /* another metric is another route */
	CHECK_EQ(done(fd), 0);
	begin_route(RTM_NEWROUTE, CREATE | REPLACE, 6);
	CHECK_EQ(done(fd), 0);
	begin_route(RTM_DELROUTE, 0, 7);
	CHECK_EQ(done(fd), ESRCH);
	begin_route(RTM_DELROUTE, 0, 6);
	CHECK_EQ(done(fd), 0);
	begin_route(RTM_DELROUTE, 0, 0); /* without one, any is meant */
	CHECK_EQ(done(fd), 0);
	CHECK_EQ(done(fd), ESRCH);
	begin_route(RTM_NEWROUTE, REPLACE, 6);
	CHECK_EQ(done(fd), ENOENT);
}

TEST(the_way_to_a_destination)
{
	const uint8_t info[] = { 2, 32 }, own[] = { 127, 0, 0, 1 }, far[] = { 10, 78, 0, 9 };
	const struct nlmsghdr *header = (void *)answer;
	int fd = route_socket();

	begin(RTM_GETROUTE, 0, RTMSG_BYTES, info, sizeof(info));
	put(RTA_DST, own, sizeof(own));
	CHECK_EQ(send(fd, &request, request.header.nlmsg_len, 0), request.header.nlmsg_len);
	CHECK(recv(fd, answer, sizeof(answer), 0) > 0);
	CHECK_EQ(header->nlmsg_type, RTM_NEWROUTE);
	CHECK_EQ(answer[NLMSG_HDRLEN + 7], 2); /* local */
	begin(RTM_GETROUTE, 0, RTMSG_BYTES, info, sizeof(info));
	put(RTA_DST, far, sizeof(far));
	CHECK_EQ(done(fd), ENETUNREACH);
	begin_route(RTM_NEWROUTE, CREATE | EXCL, 5);
	CHECK_EQ(done(fd), 0);
	begin(RTM_GETROUTE, 0, RTMSG_BYTES, info, sizeof(info));
	put(RTA_DST, far, sizeof(far));
	CHECK_EQ(send(fd, &request, request.header.nlmsg_len, 0), request.header.nlmsg_len);
	CHECK(recv(fd, answer, sizeof(answer), 0) > 0);
	CHECK_EQ(header->nlmsg_type, RTM_NEWROUTE);
	CHECK_EQ(answer[NLMSG_HDRLEN + 1], 32);
	begin_route(RTM_DELROUTE, 0, 5);
	CHECK_EQ(done(fd), 0);
}

/* Linux has one neighbour for all addresses of lo: tests/system/test_iproute.py sets them on a link. */
TEST(neighbours_that_cannot_be)
{
	int fd = route_socket();

	begin_neighbour(RTM_DELNEIGH, 0, 2);
	CHECK_EQ(done(fd), ENOENT);
	begin_neighbour(RTM_NEWNEIGH, CREATE | EXCL, 1);
	request.bytes[NLMSG_HDRLEN + 5] = 0x40; /* an interface that does not exist */
	CHECK_EQ(done(fd), ENODEV);
}

/* More than one datagram, and more than a queue of few bytes has room for. */
TEST(long_lists_are_read_in_pieces)
{
	int fd = route_socket(), other = route_socket(), size = 4096, count = 0, over = 0;

	for (int i = 1; i <= 250; i++) {
		begin_address(RTM_NEWADDR, CREATE | EXCL, i);
		CHECK_EQ(done(other), 0);
	}
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)), 0);
	begin(RTM_GETADDR, NLM_F_DUMP, IFADDR_BYTES, "\2", 1);
	CHECK_EQ(send(fd, &request, request.header.nlmsg_len, 0), request.header.nlmsg_len);
	while (!over) {
		ssize_t length = recv(fd, answer, sizeof(answer), 0);

		CHECK(length > 0);
		for (ssize_t at = 0; at < length;) {
			const struct nlmsghdr *header = (void *)(answer + at);

			over |= header->nlmsg_type == NLMSG_DONE;
			count += header->nlmsg_type == RTM_NEWADDR;
			at += (header->nlmsg_len + 3) & ~3u;
		}
	}
	CHECK(count > 250);
	for (int i = 1; i <= 250; i++) {
		begin_address(RTM_DELADDR, 0, i);
		CHECK_EQ(done(other), 0);
	}
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
	RUN(addresses_have_interfaces);
	RUN(lists_end_without_memory);
	RUN(who_may_change);
	RUN(groups_hear_of_changes);
	RUN(flags_that_only_the_kernel_sets);
	RUN(who_does_not_read_loses_messages_and_is_told);
	RUN(routes_have_the_key_of_linux);
	RUN(the_way_to_a_destination);
	RUN(neighbours_that_cannot_be);
	RUN(long_lists_are_read_in_pieces);
	RUN(random_messages);
	return check_done();
}
