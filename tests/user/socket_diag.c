/* SPDX-License-Identifier: MIT */
/* sock_diag: sockets that a program has are listed by netlink, and requests of a wrong shape are refused. */
#include "check.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define AF_NETLINK_	    16
#define NETLINK_SOCK_DIAG   4
#define SOCK_DIAG_BY_FAMILY 20
#define REQUEST_DUMP	    0x301
#define ERROR		    2
#define DONE		    3
#define ALL		    0xffffffffu
#define SHOW_NAME	    1
#define SHOW_PEER	    4
#define SHOW_QUEUE	    16

struct header {
	uint32_t length;
	uint16_t type, flags;
	uint32_t sequence, port;
};
struct request {
	struct header header;
	uint8_t family, protocol, extensions, pad;
	uint32_t states, inode, show;
	uint8_t rest[40];
};
struct inet_entry {
	uint8_t family, state, timer, retransmits;
	uint16_t local_port, peer_port;
	uint32_t local[4], peer[4], interface, cookie[2], expires, receive, send, uid, inode;
};
struct unix_entry {
	uint8_t family, type, state, pad;
	uint32_t inode, cookie[2];
};
struct attribute {
	uint16_t length, type;
};

static int netlink_socket(void)
{
	int fd = socket(AF_NETLINK_, SOCK_RAW, NETLINK_SOCK_DIAG);

	CHECK(fd >= 0);
	return fd;
}

static uint32_t inode_of(int fd)
{
	struct stat about;

	CHECK_EQ(fstat(fd, &about), 0);
	return (uint32_t)about.st_ino;
}

static char found[512];

/* Lists sockets. @return 0, or the error; *@bytes: of the entry of @inode, which is in found[]; 0: there was none */
static int list(int family, int protocol, uint32_t length, uint32_t inode, uint32_t *bytes)
{
	static char answer[65536];
	struct request request = { { 16 + length, SOCK_DIAG_BY_FAMILY, REQUEST_DUMP, 7, 0 },
				   (uint8_t)family,
				   (uint8_t)protocol,
				   0,
				   0,
				   ALL,
				   0,
				   SHOW_NAME | SHOW_PEER | SHOW_QUEUE,
				   { 0 } };
	size_t inode_at = family == AF_UNIX ? offsetof(struct unix_entry, inode)
					    : offsetof(struct inet_entry, inode);
	int fd = netlink_socket();

	*bytes = 0;
	CHECK_EQ(send(fd, &request, request.header.length, 0), request.header.length);
	for (;;) {
		ssize_t got = recv(fd, answer, sizeof(answer), 0);
		struct header header;
		uint32_t number;

		CHECK(got > 0);
		for (ssize_t at = 0; at < got; at += (header.length + 3) & ~3u) {
			memcpy(&header, answer + at, sizeof(header));
			CHECK(header.length >= 16 && header.length <= (size_t)(got - at));
			if (header.type == DONE || header.type == ERROR) {
				memcpy(&number, answer + at + 16, 4);
				close(fd);
				return -(int)number;
			}
			memcpy(&number, answer + at + 16 + inode_at, 4);
			if (number != inode || header.length - 16 > sizeof(found))
				continue;
			*bytes = header.length - 16;
			memcpy(found, answer + at + 16, *bytes);
		}
	}
}

/* @return the content of an attribute behind @from bytes of the entry, or NULL */
static const void *attribute_of(uint32_t from, uint32_t bytes, uint16_t type, uint32_t *length)
{
	struct attribute about;

	for (; from + sizeof(about) <= bytes; from += (about.length + 3u) & ~3u) {
		memcpy(&about, found + from, sizeof(about));
		CHECK(about.length >= sizeof(about) && about.length <= bytes - from);
		*length = about.length - (uint32_t)sizeof(about);
		if (about.type == type)
			return found + from + sizeof(about);
	}
	return NULL;
}

TEST(sockets_of_inet_are_listed)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0),
	    server, datagrams = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in name = { .sin_family = AF_INET };
	const struct inet_entry *entry = (void *)found;
	socklen_t length = sizeof(name);
	uint32_t bytes;

	if (listener < 0 && errno == EAFNOSUPPORT)
		return; /* a kernel that was built without it */
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(bind(listener, (void *)&name, sizeof(name)), 0);
	CHECK_EQ(listen(listener, 5), 0);
	CHECK_EQ(getsockname(listener, (void *)&name, &length), 0);
	CHECK_EQ(list(AF_INET, IPPROTO_TCP, 56, inode_of(listener), &bytes), 0);
	CHECK(bytes >= sizeof(*entry));
	CHECK(entry->family == AF_INET && entry->state == TCP_LISTEN && entry->uid == geteuid());
	CHECK(entry->local_port == name.sin_port && entry->local[0] == name.sin_addr.s_addr &&
	      !entry->peer_port);
	CHECK_EQ(connect(client, (void *)&name, sizeof(name)), 0);
	server = accept(listener, NULL, NULL);
	CHECK_EQ(write(client, "four", 4), 4);
	pause_ms(100);
	CHECK_EQ(list(AF_INET, IPPROTO_TCP, 56, inode_of(server), &bytes), 0);
	CHECK(bytes >= sizeof(*entry) && entry->state == TCP_ESTABLISHED && entry->receive == 4);
	CHECK_EQ(list(AF_INET, IPPROTO_TCP, 56, inode_of(client), &bytes), 0);
	CHECK(bytes >= sizeof(*entry) && entry->peer_port == name.sin_port);
	CHECK_EQ(list(AF_INET, IPPROTO_UDP, 56, inode_of(datagrams), &bytes), 0);
	CHECK_EQ(bytes, 0); /* it has no port */
	name.sin_port = 0;
	CHECK_EQ(bind(datagrams, (void *)&name, sizeof(name)), 0);
	CHECK_EQ(list(AF_INET, IPPROTO_UDP, 56, inode_of(datagrams), &bytes), 0);
	CHECK(bytes >= sizeof(*entry) && entry->state == TCP_CLOSE && entry->local_port);
	CHECK_EQ(list(AF_INET6, IPPROTO_UDP, 56, inode_of(datagrams), &bytes), 0);
	CHECK_EQ(bytes, 0);
}

TEST(local_sockets_are_listed)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0diagnosed" };
	int pair[2], listener = socket(AF_UNIX, SOCK_STREAM, 0);
	const struct unix_entry *entry = (void *)found;
	uint32_t bytes, length, number;
	const void *content;

	CHECK_EQ(bind(listener, (void *)&name, offsetof(struct sockaddr_un, sun_path) + 10), 0);
	CHECK_EQ(listen(listener, 5), 0);
	CHECK_EQ(list(AF_UNIX, 0, 24, inode_of(listener), &bytes), 0);
	CHECK(bytes > sizeof(*entry) && entry->state == TCP_LISTEN && entry->type == SOCK_STREAM);
	content = attribute_of(sizeof(*entry), bytes, 0, &length);
	CHECK(content && length == 10 && !memcmp(content, name.sun_path, 10));
	content = attribute_of(sizeof(*entry), bytes, 4, &length);
	CHECK(content && length == 8);
	memcpy(&number, (const char *)content + 4, 4);
	CHECK_EQ(number, 5);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	CHECK_EQ(list(AF_UNIX, 0, 24, inode_of(pair[0]), &bytes), 0);
	CHECK(bytes > sizeof(*entry) && entry->state == TCP_ESTABLISHED &&
	      entry->type == SOCK_SEQPACKET);
	content = attribute_of(sizeof(*entry), bytes, 2, &length);
	CHECK(content && length == 4);
	memcpy(&number, content, 4);
	CHECK_EQ(number, inode_of(pair[1]));
}

/* Asks for the one socket between two ends of 127.0.0.1. @return 0, or the error; the entry is in found[] */
static int ask(uint16_t local_port, uint16_t peer_port, const uint32_t cookie[2])
{
	struct {
		struct header header;
		uint8_t family, protocol, extensions, pad;
		uint32_t states;
		uint16_t local_port, peer_port;
		uint32_t local[4], peer[4], interface, cookie[2];
	} request = { { sizeof(request), SOCK_DIAG_BY_FAMILY, 1, 8, 0 },
		      AF_INET,
		      IPPROTO_TCP,
		      0,
		      0,
		      ALL,
		      local_port,
		      peer_port,
		      { htonl(INADDR_LOOPBACK) },
		      { htonl(INADDR_LOOPBACK) },
		      0,
		      { cookie[0], cookie[1] } };
	char answer[512];
	struct header header;
	int fd = netlink_socket();
	ssize_t got;
	int error;

	CHECK_EQ(send(fd, &request, sizeof(request), 0), sizeof(request));
	got = recv(fd, answer, sizeof(answer), 0);
	CHECK(got >= 20);
	close(fd);
	memcpy(&header, answer, sizeof(header));
	memcpy(found, answer + 16, (size_t)got - 16);
	memcpy(&error, found, sizeof(error));
	if (header.type == ERROR)
		return -error;
	CHECK(header.type == SOCK_DIAG_BY_FAMILY && got >= 16 + 72 && !(header.flags & 2));
	return 0;
}

TEST(one_socket_is_found)
{
	static const uint32_t none[2] = { ALL, ALL };
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in name = { .sin_family = AF_INET }, own;
	const struct inet_entry *entry = (void *)found;
	socklen_t length = sizeof(name);
	uint32_t cookie[2];

	if (listener < 0 && errno == EAFNOSUPPORT)
		return;
	CHECK_EQ(bind(listener, (void *)&name, sizeof(name)), 0);
	CHECK_EQ(listen(listener, 5), 0);
	CHECK_EQ(getsockname(listener, (void *)&name, &length), 0);
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	CHECK_EQ(connect(client, (void *)&name, sizeof(name)), 0);
	CHECK_EQ(getsockname(client, (void *)&own, &length), 0);
	CHECK_EQ(ask(own.sin_port, name.sin_port, none), 0);
	CHECK(entry->state == TCP_ESTABLISHED && entry->inode == inode_of(client));
	memcpy(cookie, entry->cookie, sizeof(cookie));
	CHECK_EQ(ask(own.sin_port, name.sin_port, cookie), 0);
	cookie[0]++;
	CHECK_EQ(ask(own.sin_port, name.sin_port, cookie), ENOENT);
	CHECK_EQ(ask(name.sin_port, own.sin_port, none), 0); /* it was not accepted yet */
	CHECK(entry->state == TCP_ESTABLISHED && !entry->inode);
	CHECK_EQ(ask(name.sin_port, 0, none), 0);
	CHECK(entry->state == TCP_LISTEN && entry->inode == inode_of(listener));
	close(listener);
	close(client);
	CHECK_EQ(ask(name.sin_port, 0, none), ENOENT);
}

/* More than one piece, each socket once. */
TEST(many_sockets_are_listed)
{
	uint32_t bytes;
	int fds[300];

	for (int i = 0; i < 300; i++)
		CHECK((fds[i] = socket(AF_UNIX, SOCK_DGRAM, 0)) >= 0);
	for (int i = 0; i < 300; i += 60) {
		CHECK_EQ(list(AF_UNIX, 0, 24, inode_of(fds[i]), &bytes), 0);
		CHECK(bytes > 0);
	}
}

TEST(bad_requests_are_refused)
{
	uint32_t bytes;

	CHECK_EQ(list(AF_INET, IPPROTO_TCP, 20, 0, &bytes), EINVAL);
	CHECK_EQ(list(AF_UNIX, 0, 20, 0, &bytes), EINVAL);
	CHECK_EQ(list(44, 0, 56, 0, &bytes), ENOENT);
	CHECK(list(200, 0, 56, 0, &bytes) > 0);
	CHECK(list(AF_UNIX, 0, 0, 0, &bytes) > 0);
}

int main(void)
{
	RUN(sockets_of_inet_are_listed);
	RUN(local_sockets_are_listed);
	RUN(one_socket_is_found);
	RUN(many_sockets_are_listed);
	RUN(bad_requests_are_refused);
	return check_done();
}
