// SPDX-License-Identifier: MIT
/* Uses the second stack: sockets of family 43, with addresses of AF_INET, on the loopback interface. Prints "passed", or what went wrong. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FAMILY 43
#define CHECK(condition)                                                                 \
	do {                                                                             \
		if (!(condition)) {                                                      \
			printf("line %d: %s (errno %d)\n", __LINE__, #condition, errno); \
			exit(1);                                                         \
		}                                                                        \
	} while (0)
#define CHECK_ERR(call, error) CHECK((call) == -1 && errno == (error))

static char sent[65536], got[65536];

static struct sockaddr_in place(const char *address, int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	inet_pton(AF_INET, address, &at.sin_addr);
	return at;
}

static int udp(void)
{
	int fd = socket(FAMILY, SOCK_DGRAM, 0);

	CHECK(fd >= 0);
	return fd;
}

static void exchange(int from, int to, const struct sockaddr_in *at, size_t length)
{
	struct sockaddr_in source;
	socklen_t size = sizeof(source);

	for (size_t i = 0; i < length; i++)
		sent[i] = (char)rand();
	memset(got, 0, sizeof(got));
	CHECK(sendto(from, sent, length, 0, (void *)at, sizeof(*at)) == (ssize_t)length);
	CHECK(recvfrom(to, got, sizeof(got), 0, (void *)&source, &size) == (ssize_t)length);
	CHECK(!memcmp(sent, got, length));
	CHECK(size == sizeof(source) && source.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
}

static void check_lengths(void)
{
	static const size_t lengths[] = { 0, 1, 2, 1472, 1473, 9001, 65507 };
	struct sockaddr_in at = place("127.0.0.1", 7000);
	int from = udp(), to = udp();

	CHECK(!bind(to, (void *)&at, sizeof(at)));
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
		exchange(from, to, &at, lengths[i]);
	CHECK_ERR(sendto(from, sent, 65508, 0, (void *)&at, sizeof(at)), EMSGSIZE);
	CHECK(sendto(from, "abcdef", 6, 0, (void *)&at, sizeof(at)) == 6);
	CHECK(recv(to, got, 3, MSG_PEEK | MSG_TRUNC) == 6);
	CHECK(recv(to, got, 3, 0) == 3 && !memcmp(got, "abc", 3));
	CHECK_ERR(recv(to, got, 3, MSG_DONTWAIT), EAGAIN);
	close(from);
	close(to);
}

static void check_errors(void)
{
	struct sockaddr_in at = place("127.0.0.1", 7001), none = place("192.0.2.1", 7001);
	struct sockaddr_in name;
	socklen_t size = sizeof(name);
	int fd = udp(), other = udp();

	CHECK_ERR(socket(FAMILY, SOCK_STREAM, 0), ESOCKTNOSUPPORT);
	CHECK_ERR(socket(FAMILY, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
	CHECK_ERR(bind(fd, (void *)&at, 8), EINVAL);
	CHECK_ERR(bind(fd, (void *)&none, sizeof(none)), EADDRNOTAVAIL);
	CHECK(!bind(fd, (void *)&at, sizeof(at)));
	CHECK_ERR(bind(fd, (void *)&at, sizeof(at)), EINVAL);
	CHECK_ERR(bind(other, (void *)&at, sizeof(at)), EADDRINUSE);
	CHECK_ERR(sendto(fd, "x", 1, 0, (void *)&none, sizeof(none)), ENETUNREACH);
	CHECK_ERR(send(fd, "x", 1, 0), EDESTADDRREQ);
	at.sin_port = 0;
	CHECK(!bind(other, (void *)&at, sizeof(at)));
	CHECK(!getsockname(other, (void *)&name, &size) && ntohs(name.sin_port) >= 49152);
	close(fd);
	close(other);
}

static void check_reserved_ports(void)
{
	struct sockaddr_in at = place("127.0.0.1", 53);
	pid_t child = fork();
	int status;

	if (!child) {
		int fd = udp();

		CHECK(!setuid(1000));
		CHECK_ERR(bind(fd, (void *)&at, sizeof(at)), EACCES);
		at.sin_family = FAMILY;
		CHECK_ERR(bind(fd, (void *)&at, sizeof(at)), EAFNOSUPPORT);
		_exit(0);
	}
	CHECK(waitpid(child, &status, 0) == child && !status);
}

/* What a socket has no room for is lost, and it works on. */
static void check_flood(void)
{
	struct sockaddr_in at = place("127.0.0.1", 7002);
	struct pollfd waits = { udp(), POLLIN, 0 };
	int from = udp(), count = 0;

	CHECK(!bind(waits.fd, (void *)&at, sizeof(at)));
	CHECK(poll(&waits, 1, 0) == 0);
	for (int i = 0; i < 1000; i++)
		CHECK(sendto(from, sent, 1000, 0, (void *)&at, sizeof(at)) == 1000);
	while (poll(&waits, 1, 200) == 1 && count < 1000) {
		CHECK(recv(waits.fd, got, sizeof(got), 0) == 1000);
		count++;
	}
	CHECK(count >= 32 && count < 1000);
	exchange(from, waits.fd, &at, 100);
	close(from);
	close(waits.fd);
}

int main(void)
{
	check_lengths();
	check_errors();
	check_reserved_ports();
	check_flood();
	puts("passed");
	return 0;
}
