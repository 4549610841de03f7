/* SPDX-License-Identifier: MIT */
/* The lists of sockets in /proc/net: a line for each, with its file's number, in the columns that netstat and ss read. */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <sys/socket.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/un.h>

#define ETHERTYPE 0x88b5

static char line[1024];

/* The line whose number @field (from 1) is the inode of @fd. */
static bool find_line(const char *path, int fd, int field)
{
	struct stat about;
	FILE *file = fopen(path, "r");
	bool found = false;

	CHECK(file && !fstat(fd, &about));
	while (!found && fgets(line, sizeof(line), file)) {
		char copy[sizeof(line)], *rest = copy, *word = NULL;

		strcpy(copy, line);
		for (int i = 0; i < field; i++) {
			do
				word = strsep(&rest, " \n");
			while (word && !*word);
		}
		found = word && strtoull(word, NULL, 10) == about.st_ino;
	}
	fclose(file);
	return found;
}

static struct sockaddr_in loopback(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((unsigned short)port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

TEST(local_sockets)
{
	struct sockaddr_un name = { AF_UNIX, "\0list of sockets" };
	int pair[2], listener = socket(AF_UNIX, SOCK_STREAM, 0),
		     client = socket(AF_UNIX, SOCK_STREAM, 0),
		     lonely = socket(AF_UNIX, SOCK_DGRAM, 0);
	unsigned long references, protocol, flags, type, state;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	CHECK_EQ(bind(listener, (void *)&name, 2 + 16), 0);
	CHECK_EQ(listen(listener, 3), 0);
	CHECK_EQ(connect(client, (void *)&name, 2 + 16), 0);
	CHECK(find_line("/proc/net/unix", listener, 7));
	CHECK_EQ(sscanf(line, "%*x: %lx %lx %lx %lx %lx", &references, &protocol, &flags, &type,
			&state),
		 5);
	CHECK(references >= 1);
	CHECK_EQ(flags, 0x10000);
	CHECK_EQ(type, SOCK_STREAM);
	CHECK_EQ(state, 1);
	CHECK(strstr(line, " @list of sockets\n"));
	CHECK(find_line("/proc/net/unix", client, 7));
	CHECK(strstr(line, " 0001 03 "));
	CHECK(find_line("/proc/net/unix", pair[1], 7));
	CHECK(strstr(line, " 0005 03 "));
	CHECK(find_line("/proc/net/unix", lonely, 7));
	CHECK(strstr(line, " 0002 01 "));
	CHECK(find_line("/proc/net/unix", pair[0], 7));
	close(pair[1]);
	CHECK(!find_line("/proc/net/unix", lonely, 6));
}

TEST(many_local_sockets_are_all_listed)
{
	static int fds[400];

	for (int i = 0; i < 400; i++) {
		fds[i] = socket(AF_UNIX, SOCK_DGRAM, 0);
		CHECK(fds[i] >= 0);
	}
	CHECK(find_line("/proc/net/unix", fds[0], 7));
	CHECK(find_line("/proc/net/unix", fds[250], 7));
	CHECK(find_line("/proc/net/unix", fds[399], 7));
}

TEST(packet_sockets)
{
	int fd = socket(AF_PACKET, SOCK_DGRAM, htons(ETHERTYPE));

	CHECK(fd >= 0);
	CHECK(find_line("/proc/net/packet", fd, 9));
	CHECK(strstr(line, " 2    88b5   0     1 0      0      "));
}

TEST(netlink_sockets)
{
	struct {
		unsigned short family, pad;
		unsigned port, groups;
	} name = { AF_NETLINK, 0, 0, 0x11 };
	int fd = socket(AF_NETLINK, SOCK_RAW, 0);
	unsigned long family, port, groups;

	CHECK(fd >= 0);
	CHECK_EQ(bind(fd, (void *)&name, sizeof(name)), 0);
	CHECK(find_line("/proc/net/netlink", fd, 10));
	CHECK_EQ(sscanf(line, "%*x %lu %lu %lx", &family, &port, &groups), 3);
	CHECK_EQ(family, 0);
	CHECK_EQ(groups, 0x11);
	CHECK(port != 0);
}

/* Where somebody offers AF_INET. */
TEST(internet_sockets)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), client, server, datagrams;
	struct sockaddr_in name = loopback(0), other = loopback(9);
	socklen_t length = sizeof(name);
	char wanted[64];

	if (listener < 0 && errno == EAFNOSUPPORT)
		return;
	CHECK_EQ(setuid(1000), 0);
	client = socket(AF_INET, SOCK_STREAM, 0);
	datagrams = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK_EQ(bind(listener, (void *)&name, sizeof(name)), 0);
	CHECK_EQ(listen(listener, 5), 0);
	CHECK_EQ(getsockname(listener, (void *)&name, &length), 0);
	CHECK(!find_line("/proc/net/tcp", client, 10)); /* neither bound nor connected */
	CHECK_EQ(connect(client, (void *)&name, sizeof(name)), 0);
	CHECK(find_line("/proc/net/tcp", listener, 10));
	snprintf(wanted, sizeof(wanted), ": 0100007F:%04X 00000000:0000 0A ", ntohs(name.sin_port));
	CHECK(strstr(line, wanted));
	server = accept(listener, NULL, NULL);
	CHECK(server >= 0);
	CHECK_EQ(send(client, "hello", 5, 0), 5);
	CHECK_EQ(recv(server, wanted, 5, MSG_PEEK | MSG_WAITALL), 5);
	CHECK(find_line("/proc/net/tcp", server, 10));
	snprintf(wanted, sizeof(wanted), ": 0100007F:%04X 0100007F:", ntohs(name.sin_port));
	CHECK(strstr(line, wanted));
	CHECK(strstr(line, " 01 00000000:00000005 "));
	CHECK_EQ(strlen(line), 150);
	CHECK(find_line("/proc/net/tcp", client, 10));
	CHECK(strstr(line, "  1000 "));
	CHECK(!find_line("/proc/net/udp", datagrams, 10));
	CHECK_EQ(connect(datagrams, (void *)&other, sizeof(other)), 0);
	CHECK(find_line("/proc/net/udp", datagrams, 10));
	CHECK(strstr(line, " 0100007F:0009 01 00000000:00000000 "));
	CHECK_EQ(strlen(line), 128);
}

/* In the line of a connection between two ports, that no program has: its state. @return 0: there is no such line */
static unsigned connection_state(const char *path, int local, int peer)
{
	unsigned state = 0, local_port, peer_port, read_state;
	unsigned long uid, inode;
	FILE *file = fopen(path, "r");

	CHECK(file);
	while (!state && fgets(line, sizeof(line), file))
		if (sscanf(line, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%x %x %*s %*s %*s %lu %*d %lu",
			   &local_port, &peer_port, &read_state, &uid, &inode) == 5 &&
		    (int)local_port == local && (int)peer_port == peer && !inode && !uid)
			state = read_state;
	fclose(file);
	return state;
}

static void connections_are_listed(const char *path, void *name, socklen_t size)
{
	struct sockaddr_in *listening = name, own;
	int listener = socket(listening->sin_family, SOCK_STREAM, 0), client, server, ports[2];
	socklen_t length = size;
	union {
		struct sockaddr_in port;
		struct sockaddr_in6 room;
	} local;

	if (listener < 0 && errno == EAFNOSUPPORT)
		return;
	client = socket(listening->sin_family, SOCK_STREAM, 0);
	CHECK_EQ(bind(listener, name, size), 0);
	CHECK_EQ(listen(listener, 5), 0);
	CHECK_EQ(getsockname(listener, name, &length), 0);
	CHECK_EQ(connect(client, name, size), 0);
	length = sizeof(local);
	CHECK_EQ(getsockname(client, (void *)&local, &length), 0);
	own = local.port;
	ports[0] = ntohs(listening->sin_port);
	ports[1] = ntohs(own.sin_port);
	CHECK_EQ(send(client, "four", 4, 0), 4);
	pause_ms(100);
	CHECK_EQ(connection_state(path, ports[0], ports[1]), 1); /* it was not accepted yet */
	CHECK(strstr(line, " 01 00000000:00000004 "));
	CHECK_EQ(connection_state(path, ports[1], ports[0]), 0); /* that is a socket */
	server = accept(listener, NULL, NULL);
	CHECK(server >= 0);
	CHECK_EQ(connection_state(path, ports[0], ports[1]), 0);
	CHECK(find_line(path, server, 10));
	CHECK_EQ(recv(server, line, 4, MSG_WAITALL), 4);
	close(client);
	CHECK_EQ(recv(server, line, 1, 0), 0);
	pause_ms(100);
	CHECK_EQ(connection_state(path, ports[1], ports[0]), 5); /* FIN_WAIT2 */
	close(server);
	pause_ms(100);
	CHECK_EQ(connection_state(path, ports[1], ports[0]), 6);
	CHECK(strstr(line, " 06 00000000:00000000 03:"));
	CHECK_EQ(connection_state(path, ports[0], ports[1]), 0);
	close(listener);
}

TEST(connections_that_no_program_has)
{
	struct sockaddr_in name = loopback(0);

	connections_are_listed("/proc/net/tcp", &name, sizeof(name));
}

TEST(connections_of_ipv6_that_no_program_has)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	connections_are_listed("/proc/net/tcp6", &name, sizeof(name));
}

int main(void)
{
	RUN(local_sockets);
	RUN(many_local_sockets_are_all_listed);
	RUN(packet_sockets);
	RUN(netlink_sockets);
	RUN(internet_sockets);
	RUN(connections_that_no_program_has);
	RUN(connections_of_ipv6_that_no_program_has);
	return check_done();
}
