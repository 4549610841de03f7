/* SPDX-License-Identifier: MIT */
/* Groups are joined and left on veth0 (10.9.0.1) while addresses come and go: neither waits for the other for ever. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 40

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* A message that has no room for its checksum. */
static void send_too_little(void)
{
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);

	if (fd < 0)
		fail("socket");
	for (size_t bytes = 0; bytes < 4; bytes++)
		if (sendto(fd, "abcd", bytes, 0, (struct sockaddr *)&to, sizeof(to)) != -1 ||
		    errno != EINVAL)
			fail("sendto");
	close(fd);
}

static void join_once(void)
{
	struct ip_mreq request = { { inet_addr("239.1.2.3") }, { inet_addr("10.9.0.1") } };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request)))
		fail("join");
	close(fd);
}

int main(void)
{
	int status = 0;
	pid_t child;

	send_too_little();
	child = fork();
	if (!child) {
		for (int i = 0; i < ROUNDS; i++)
			if (system("ip addr add 10.8.0.1/24 dev veth0 && "
				   "ip addr del 10.8.0.1/24 dev veth0"))
				_exit(1);
		_exit(0);
	}
	while (!waitpid(child, &status, WNOHANG))
		join_once();
	puts(status ? "failed" : "passed");
	return status != 0;
}
