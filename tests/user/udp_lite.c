/* SPDX-License-Identifier: MIT */
/* UDP-Lite on lo: its ports, how much its checksums cover (RFC 3828, udplite(7)), errors, where it is listed. */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>

#ifndef IPPROTO_UDPLITE
#define IPPROTO_UDPLITE 136
#endif
#define SEND_COVERAGE  10
#define LEAST_COVERAGE 11
#define WAIT_MS	       2000
#define ABSENT_MS      50

static int lite_socket(int family)
{
	int fd = socket(family, SOCK_DGRAM, IPPROTO_UDPLITE);

	CHECK(fd >= 0);
	return fd;
}

static int set(int fd, int option, int value)
{
	return setsockopt(fd, IPPROTO_UDPLITE, option, &value, sizeof(value));
}

static int get(int fd, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	CHECK_EQ(getsockopt(fd, IPPROTO_UDPLITE, option, &value, &length), 0);
	return value;
}

static struct sockaddr_in at(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return address;
}

static uint16_t bind_at(int fd, uint16_t port)
{
	struct sockaddr_in address = at(port);
	socklen_t length = sizeof(address);

	CHECK_EQ(bind(fd, (void *)&address, sizeof(address)), 0);
	CHECK_EQ(getsockname(fd, (void *)&address, &length), 0);
	return ntohs(address.sin_port);
}

static void send_to(int fd, uint16_t port, const char *text)
{
	struct sockaddr_in address = at(port);

	CHECK_EQ(sendto(fd, text, strlen(text), 0, (void *)&address, sizeof(address)),
		 strlen(text));
}

static int arrives(int fd, const char *text)
{
	struct pollfd about = { .fd = fd, .events = POLLIN };
	char got[64];
	ssize_t length;

	if (poll(&about, 1, text ? WAIT_MS : ABSENT_MS) != 1)
		return 0;
	length = recv(fd, got, sizeof(got), 0);
	return text && length == (ssize_t)strlen(text) && !memcmp(got, text, strlen(text));
}

TEST(its_ports_are_its_own)
{
	int lite = lite_socket(AF_INET), udp = socket(AF_INET, SOCK_DGRAM, 0);
	int other = lite_socket(AF_INET);
	uint16_t port = bind_at(lite, 0);
	struct sockaddr_in address = at(port);

	CHECK_EQ(bind_at(udp, port), port);
	CHECK_ERR(bind(other, (void *)&address, sizeof(address)), EADDRINUSE);
	send_to(other, port, "lite");
	CHECK(arrives(lite, "lite"));
	CHECK(!arrives(udp, NULL));
	send_to(socket(AF_INET, SOCK_DGRAM, 0), port, "plain");
	CHECK(arrives(udp, "plain"));
	CHECK(!arrives(lite, NULL));
}

TEST(what_a_checksum_covers_is_set)
{
	int fd = lite_socket(AF_INET), udp = socket(AF_INET, SOCK_DGRAM, 0);
	int type = 0, protocol = 0;
	socklen_t length = sizeof(type);

	CHECK_EQ(get(fd, SEND_COVERAGE), 0);
	CHECK_EQ(get(fd, LEAST_COVERAGE), 0);
	CHECK_EQ(set(fd, SEND_COVERAGE, 5), 0);
	CHECK_EQ(get(fd, SEND_COVERAGE), 8);
	CHECK_EQ(set(fd, SEND_COVERAGE, -1), 0);
	CHECK_EQ(get(fd, SEND_COVERAGE), 8);
	CHECK_EQ(set(fd, SEND_COVERAGE, 70000), 0);
	CHECK_EQ(get(fd, SEND_COVERAGE), 65535);
	CHECK_EQ(set(fd, LEAST_COVERAGE, 20), 0);
	CHECK_EQ(get(fd, LEAST_COVERAGE), 20);
	CHECK_EQ(get(fd, SEND_COVERAGE), 65535);
	CHECK_ERR(set(udp, SEND_COVERAGE, 8), ENOPROTOOPT);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length), 0);
	CHECK_EQ(getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length), 0);
	CHECK_EQ(type, SOCK_DGRAM);
	CHECK_EQ(protocol, IPPROTO_UDPLITE);
}

TEST(a_receiver_asks_how_much_is_covered)
{
	int from = lite_socket(AF_INET), to = lite_socket(AF_INET);
	uint16_t port = bind_at(to, 0);

	CHECK_EQ(set(from, SEND_COVERAGE, 12), 0);
	send_to(from, port, "any coverage");
	CHECK(arrives(to, "any coverage"));
	CHECK_EQ(set(to, LEAST_COVERAGE, 12), 0);
	send_to(from, port, "enough");
	CHECK(arrives(to, "enough"));
	CHECK_EQ(set(to, LEAST_COVERAGE, 13), 0);
	send_to(from, port, "too little");
	CHECK(!arrives(to, NULL));
	send_to(from, port, "all"); /* it is as long as what is covered, or shorter */
	CHECK(arrives(to, "all"));
	CHECK_EQ(set(to, LEAST_COVERAGE, 0), 0);
	send_to(from, port, "too little");
	CHECK(!arrives(to, NULL));
	CHECK_EQ(set(from, SEND_COVERAGE, 0), 0);
	send_to(from, port, "all of it");
	CHECK(arrives(to, "all of it"));
}

TEST(it_works_with_ipv6)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6,
					.sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int from = lite_socket(AF_INET6), to = lite_socket(AF_INET6);
	socklen_t length = sizeof(address);

	CHECK_EQ(bind(to, (void *)&address, sizeof(address)), 0);
	CHECK_EQ(getsockname(to, (void *)&address, &length), 0);
	CHECK_EQ(connect(from, (void *)&address, sizeof(address)), 0);
	CHECK_EQ(set(from, SEND_COVERAGE, 8), 0);
	CHECK_EQ(send(from, "six", 3, 0), 3);
	CHECK(arrives(to, "six"));
	CHECK_EQ(set(to, LEAST_COVERAGE, 9), 0);
	CHECK_EQ(send(from, "six", 3, 0), 3);
	CHECK(!arrives(to, NULL));
}

TEST(nobody_at_a_port_is_told)
{
	int fd = lite_socket(AF_INET), gone = lite_socket(AF_INET);
	struct sockaddr_in address = at(bind_at(gone, 0));
	struct pollfd about = { .fd = fd, .events = POLLIN };

	close(gone);
	CHECK_EQ(connect(fd, (void *)&address, sizeof(address)), 0);
	CHECK_EQ(send(fd, "x", 1, 0), 1);
	CHECK_EQ(poll(&about, 1, WAIT_MS), 1);
	CHECK_ERR(recv(fd, &about, 1, 0), ECONNREFUSED);
}

TEST(it_is_listed_apart)
{
	int fd = lite_socket(AF_INET);
	char line[256], wanted[32];
	unsigned found = 0;
	FILE *list = fopen("/proc/net/udplite", "r"), *udp = fopen("/proc/net/udp", "r");

	CHECK(list && udp);
	snprintf(wanted, sizeof(wanted), "0100007F:%04X ", bind_at(fd, 0));
	while (fgets(line, sizeof(line), list))
		found += !!strstr(line, wanted);
	CHECK_EQ(found, 1);
	while (fgets(line, sizeof(line), udp))
		CHECK(!strstr(line, wanted));
}

int main(void)
{
	RUN(its_ports_are_its_own);
	RUN(what_a_checksum_covers_is_set);
	RUN(a_receiver_asks_how_much_is_covered);
	RUN(it_works_with_ipv6);
	RUN(nobody_at_a_port_is_told);
	RUN(it_is_listed_apart);
	return check_done();
}
