/* SPDX-License-Identifier: MIT */
/* Local sockets with names: bind(), listen(), connect(), accept(), and datagrams to anybody. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#define PATH_AT offsetof(struct sockaddr_un, sun_path)

static char path[64];

static struct sockaddr_un named(const char *text)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(address.sun_path, text);
	return address;
}

static socklen_t length_of(const struct sockaddr_un *address)
{
	return PATH_AT + strlen(address->sun_path) + 1;
}

/* A path of this test's own. */
static const char *own_path(const char *what)
{
	snprintf(path, sizeof(path), "/tmp/sock.%d.%s", getpid(), what);
	unlink(path);
	return path;
}

static int bound(int type, const char *text)
{
	struct sockaddr_un address = named(text);
	int fd = socket(AF_UNIX, type, 0);

	CHECK(fd >= 0);
	CHECK_EQ(bind(fd, (void *)&address, length_of(&address)), 0);
	return fd;
}

static int listening(int type, const char *text, int backlog)
{
	int fd = bound(type, text);

	CHECK_EQ(listen(fd, backlog), 0);
	return fd;
}

static int connect_to(int fd, const char *text)
{
	struct sockaddr_un address = named(text);

	return connect(fd, (void *)&address, length_of(&address));
}

static int connected(int type, const char *text)
{
	int fd = socket(AF_UNIX, type, 0);

	CHECK(fd >= 0);
	CHECK_EQ(connect_to(fd, text), 0);
	return fd;
}

static int poll_one(int fd, int events, int ms)
{
	struct pollfd pollfd = { fd, (short)events, 0 };

	if (poll(&pollfd, 1, ms) < 0)
		return -1;
	return pollfd.revents;
}

TEST(a_connection_by_a_file)
{
	static const int types[] = { SOCK_STREAM, SOCK_SEQPACKET };

	for (size_t i = 0; i < 2; i++) {
		const char *name = own_path("file");
		struct sockaddr_un address;
		socklen_t len = sizeof(address);
		struct ucred cred;
		struct stat about;
		char bytes[16];
		int server, client, end;

		umask(027);
		server = listening(types[i], name, 5);
		CHECK_EQ(stat(name, &about), 0);
		CHECK(S_ISSOCK(about.st_mode));
		CHECK_EQ(about.st_mode & 0777, 0750);
		client = connected(types[i], name);
		CHECK_EQ(write(client, "early", 5), 5); /* nobody has accepted it yet */
		end = accept(server, (void *)&address, &len);
		CHECK(end >= 0);
		CHECK_EQ(len, 2);
		CHECK_EQ(read(end, bytes, sizeof(bytes)), 5);
		CHECK_EQ(write(end, "answer", 6), 6);
		CHECK_EQ(read(client, bytes, sizeof(bytes)), 6);
		len = sizeof(address);
		memset(&address, 0x55, sizeof(address));
		CHECK_EQ(getpeername(client, (void *)&address, &len), 0);
		CHECK_EQ(len, PATH_AT + strlen(name) + 1);
		CHECK(!strcmp(address.sun_path, name));
		len = sizeof(address);
		CHECK_EQ(getsockname(end, (void *)&address, &len), 0);
		CHECK(!strcmp(address.sun_path, name));
		len = sizeof(address);
		CHECK_EQ(getpeername(end, (void *)&address, &len), 0);
		CHECK_EQ(len, 2);
		len = sizeof(cred);
		CHECK_EQ(getsockopt(client, SOL_SOCKET, SO_PEERCRED, &cred, &len), 0);
		CHECK_EQ(cred.pid, getpid());
		CHECK_EQ(cred.uid, geteuid());
		len = sizeof(cred);
		CHECK_EQ(getsockopt(end, SOL_SOCKET, SO_PEERCRED, &cred, &len), 0);
		CHECK_EQ(cred.pid, getpid());
		CHECK_ERR(getpeername(server, (void *)&address, &len), ENOTCONN);
		close(client);
		CHECK_EQ(read(end, bytes, sizeof(bytes)), 0);
		close(end);
		close(server);
		CHECK_ERR(connect_to(socket(AF_UNIX, types[i], 0), name), ECONNREFUSED);
		CHECK_EQ(unlink(name), 0);
		CHECK_ERR(connect_to(socket(AF_UNIX, types[i], 0), name), ENOENT);
	}
}

TEST(names_are_taken_once)
{
	const char *name = own_path("once");
	struct sockaddr_un address = named(name), other = named("/tmp");
	int fd = bound(SOCK_STREAM, name), second = socket(AF_UNIX, SOCK_STREAM, 0);

	CHECK_ERR(bind(second, (void *)&address, length_of(&address)), EADDRINUSE);
	CHECK_ERR(bind(second, (void *)&other, length_of(&other)), EADDRINUSE);
	other = named("/tmp/a-second-name");
	CHECK_ERR(bind(fd, (void *)&other, length_of(&other)), EINVAL);
	CHECK_ERR(unlink(other.sun_path), ENOENT);
	other = named("/no/such/folder");
	CHECK_ERR(bind(second, (void *)&other, length_of(&other)), ENOENT);
	other.sun_family = AF_INET;
	CHECK_ERR(bind(second, (void *)&other, length_of(&other)), EINVAL);
	CHECK_ERR(bind(second, (void *)&address, sizeof(address) + 1), EINVAL);
	CHECK_ERR(bind(second, (void *)&address, 1), EINVAL);
	CHECK_ERR(bind(second, (void *)8, sizeof(address)), EFAULT);
	CHECK_ERR(open(name, O_RDWR), ENXIO);
	CHECK_ERR(connect_to(second, name), ECONNREFUSED); /* it does not listen */
	close(fd);
	CHECK_ERR(bind(second, (void *)&address, length_of(&address)),
		  EADDRINUSE); /* the file is there */
	unlink(name);
	CHECK_EQ(bind(second, (void *)&address, length_of(&address)), 0);
	unlink(name);
}

TEST(a_path_as_long_as_the_address)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX }, got[2];
	socklen_t len = sizeof(got);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	memset(address.sun_path, 'p', sizeof(address.sun_path));
	memcpy(address.sun_path, "/tmp/", 5);
	CHECK_EQ(bind(fd, (void *)&address, sizeof(address)), 0);
	CHECK_EQ(getsockname(fd, (void *)got, &len), 0);
	CHECK_EQ(len, sizeof(address) + 1);
	CHECK_EQ(unlink(got[0].sun_path), 0);
}

TEST(names_in_no_directory)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX }, got;
	int first = socket(AF_UNIX, SOCK_STREAM, 0), second = socket(AF_UNIX, SOCK_STREAM, 0);
	int third = socket(AF_UNIX, SOCK_STREAM, 0);
	socklen_t len = sizeof(got);

	snprintf(address.sun_path + 1, 40, "abstract%d", getpid());
	CHECK_EQ(bind(first, (void *)&address, PATH_AT + 20), 0);
	CHECK_ERR(bind(second, (void *)&address, PATH_AT + 20), EADDRINUSE);
	CHECK_EQ(bind(second, (void *)&address, PATH_AT + 21), 0); /* its length is a part of it */
	CHECK_EQ(getsockname(second, (void *)&got, &len), 0);
	CHECK_EQ(len, PATH_AT + 21);
	CHECK(!memcmp(&got, &address, len));
	CHECK_EQ(listen(second, 1), 0);
	CHECK_ERR(connect(third, (void *)&address, PATH_AT + 20), ECONNREFUSED);
	CHECK_EQ(connect(third, (void *)&address, PATH_AT + 21), 0);
	CHECK_ERR(connect(third, (void *)&address, PATH_AT + 21), EISCONN);
	close(second);
	second = socket(AF_UNIX, SOCK_STREAM, 0);
	CHECK_EQ(bind(second, (void *)&address, PATH_AT + 21), 0);
}

TEST(any_free_name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX }, got;
	socklen_t len = sizeof(got);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	CHECK_EQ(bind(fd, (void *)&address, PATH_AT), 0);
	CHECK_EQ(getsockname(fd, (void *)&got, &len), 0);
	CHECK_EQ(len, PATH_AT + 6);
	CHECK_EQ(got.sun_path[0], 0);
	CHECK_EQ(bind(fd, (void *)&address, PATH_AT), 0);
}

static void *connect_later(void *name)
{
	return (void *)(intptr_t)connected(SOCK_STREAM, name);
}

TEST(the_backlog_is_bounded)
{
	const char *name = own_path("backlog");
	int server = listening(SOCK_STREAM, name, 1), fd;
	pthread_t thread;
	void *result;
	char byte;

	CHECK_EQ(poll_one(server, POLLIN | POLLOUT, 0), 0);
	connected(SOCK_STREAM, name);
	CHECK_EQ(poll_one(server, POLLIN | POLLOUT, 0), POLLIN);
	connected(SOCK_STREAM, name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	CHECK_ERR(connect_to(fd, name), EAGAIN);
	CHECK_EQ(pthread_create(&thread, NULL, connect_later, (void *)name), 0);
	usleep(50000);
	CHECK(accept(server, NULL, NULL) >= 0);
	CHECK_EQ(pthread_join(thread, &result), 0);
	CHECK_EQ(write((int)(intptr_t)result, "x", 1), 1);
	CHECK_ERR(connect_to(fd, name), EAGAIN);
	CHECK_EQ(listen(server, 10), 0);
	CHECK_EQ(connect_to(fd, name), 0);
	CHECK(accept(server, NULL, NULL) >= 0);
	fd = accept4(server, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	CHECK(fcntl(fd, F_GETFL) & O_NONBLOCK);
	CHECK_EQ(read(fd, &byte, 1), 1);
	unlink(name);
}

TEST(a_listener_that_goes)
{
	const char *name = own_path("goes");
	int server = listening(SOCK_STREAM, name, 5), client = connected(SOCK_STREAM, name);
	int later = connected(SOCK_STREAM, name), flags;
	char byte;

	CHECK_EQ(write(client, "x", 1), 1);
	CHECK_EQ(shutdown(server, SHUT_RD), 0);
	CHECK_ERR(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), name), ECONNREFUSED);
	CHECK(accept(server, NULL, NULL) >= 0);
	flags = fcntl(server, F_GETFL);
	CHECK(accept(server, NULL, NULL) >= 0);
	CHECK_ERR(accept(server, NULL, NULL), EINVAL);
	CHECK_EQ(flags, O_RDWR);
	close(server);
	unlink(name);
	server = listening(SOCK_STREAM, name, 5);
	later = connected(SOCK_STREAM, name);
	close(server);
	CHECK(poll_one(later, POLLIN, 1000) & POLLHUP);
	CHECK_ERR(read(later, &byte, 1), ECONNRESET);
	CHECK_EQ(read(later, &byte, 1), 0);
	CHECK_ERR(send(later, "x", 1, MSG_NOSIGNAL), EPIPE);
	unlink(name);
}

TEST(wrong_ways)
{
	const char *name = own_path("wrong");
	int server = listening(SOCK_STREAM, name, 5), fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct sockaddr_un address = named(name);
	int status;

	CHECK_ERR(connect_to(fd, name), EPROTOTYPE);
	CHECK_ERR(sendto(fd, "x", 1, 0, (void *)&address, length_of(&address)), EPROTOTYPE);
	CHECK_ERR(listen(fd, 1), EOPNOTSUPP);
	CHECK_ERR(accept(fd, NULL, NULL), EOPNOTSUPP);
	CHECK_ERR(connect_to(socket(AF_UNIX, SOCK_SEQPACKET, 0), name), EPROTOTYPE);
	CHECK_ERR(connect_to(server, name), EINVAL);
	CHECK_ERR(read(server, path, 1), EINVAL);
	CHECK_ERR(send(server, "x", 1, MSG_NOSIGNAL), ENOTCONN);
	fd = connected(SOCK_STREAM, name);
	CHECK_ERR(listen(fd, 1), EINVAL);
	CHECK_EQ(chmod(name, 0600), 0);
	if (geteuid())
		return;
	if (!fork()) {
		setuid(1000);
		_exit(connect_to(socket(AF_UNIX, SOCK_STREAM, 0), name) == -1 && errno == EACCES
			      ? 0
			      : 1);
	}
	wait(&status);
	CHECK_EQ(status, 0);
	unlink(name);
}

TEST(datagrams_to_a_name)
{
	char names[2][64], bytes[16];
	struct sockaddr_un address, from;
	socklen_t len = sizeof(from);
	int server, client, other = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct iovec vec = { bytes, sizeof(bytes) };
	struct msghdr header = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &vec, .msg_iovlen = 1
	};

	strcpy(names[0], own_path("server"));
	strcpy(names[1], own_path("client"));
	server = bound(SOCK_DGRAM, names[0]);
	client = bound(SOCK_DGRAM, names[1]);
	address = named(names[0]);
	CHECK_EQ(sendto(client, "hello", 5, 0, (void *)&address, length_of(&address)), 5);
	CHECK_EQ(sendto(other, "nobody", 6, 0, (void *)&address, length_of(&address)), 6);
	CHECK_EQ(recvfrom(server, bytes, sizeof(bytes), MSG_PEEK, (void *)&from, &len), 5);
	CHECK_EQ(recvmsg(server, &header, 0), 5);
	CHECK_EQ(header.msg_namelen, PATH_AT + strlen(names[1]) + 1);
	CHECK(!strcmp(from.sun_path, names[1]));
	CHECK_EQ(sendto(server, "back", 4, 0, (void *)&from, header.msg_namelen), 4);
	CHECK_EQ(recv(client, bytes, sizeof(bytes), 0), 4);
	len = sizeof(from);
	CHECK_EQ(recvfrom(server, bytes, sizeof(bytes), 0, (void *)&from, &len), 6);
	CHECK_EQ(len, 0);
	/* connected: by default to it, and only from it */
	CHECK_EQ(connect_to(client, names[0]), 0);
	CHECK_EQ(write(client, "again", 5), 5);
	CHECK_EQ(recv(server, bytes, sizeof(bytes), 0), 5);
	address = named(names[1]);
	CHECK_ERR(sendto(other, "x", 1, 0, (void *)&address, length_of(&address)), EPERM);
	CHECK_ERR(connect_to(other, names[1]), EPERM);
	CHECK_EQ(sendto(server, "x", 1, 0, (void *)&address, length_of(&address)), 1);
	len = sizeof(from);
	CHECK_EQ(getpeername(client, (void *)&from, &len), 0);
	CHECK(!strcmp(from.sun_path, names[0]));
	address.sun_family = AF_UNSPEC;
	CHECK_EQ(connect(client, (void *)&address, sizeof(address)), 0);
	CHECK_ERR(getpeername(client, (void *)&from, &len), ENOTCONN);
	CHECK_ERR(write(client, "x", 1), ENOTCONN);
	CHECK_EQ(connect_to(client, names[0]), 0);
	close(server);
	CHECK_ERR(write(client, "x", 1), ECONNREFUSED);
	CHECK_ERR(write(client, "x", 1), ENOTCONN);
	unlink(names[0]);
	unlink(names[1]);
}

/* Fill the queue of a datagram socket from one that is connected to it. */
static int fill(int fd)
{
	static char bytes[8192];
	int count = 0;

	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT) == sizeof(bytes))
		count++;
	CHECK_EQ(errno, EAGAIN);
	return count;
}

static void *send_one(void *arg)
{
	return (void *)(intptr_t)write(*(int *)arg, "waited", 6);
}

TEST(who_waits_for_room_is_woken)
{
	const char *name = own_path("room");
	int server = bound(SOCK_DGRAM, name), clients[3], epoll = epoll_create1(0), count;
	struct epoll_event event = { .events = EPOLLOUT };
	pthread_t threads[2];
	static char bytes[8192];

	for (int i = 0; i < 3; i++)
		clients[i] = connected(SOCK_DGRAM, name);
	CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, clients[2], &event), 0);
	CHECK_EQ(epoll_wait(epoll, &event, 1, 0), 1);
	count = fill(clients[0]);
	CHECK(count > 1);
	CHECK_EQ(poll_one(clients[1], POLLOUT, 0), 0);
	CHECK_EQ(epoll_wait(epoll, &event, 1, 0), 0);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, send_one, &clients[i]), 0);
	usleep(50000);
	for (int i = 0; i < count; i++)
		CHECK_EQ(recv(server, bytes, sizeof(bytes), 0), sizeof(bytes));
	for (int i = 0; i < 2; i++) {
		void *result;

		CHECK_EQ(pthread_join(threads[i], &result), 0);
		CHECK_EQ((intptr_t)result, 6);
	}
	CHECK_EQ(epoll_wait(epoll, &event, 1, 1000), 1);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(recv(server, bytes, sizeof(bytes), 0), 6);
	/* The one that is waited for goes. */
	fill(clients[0]);
	CHECK_EQ(epoll_wait(epoll, &event, 1, 0), 0);
	CHECK_EQ(pthread_create(&threads[0], NULL, send_one, &clients[0]), 0);
	usleep(50000);
	close(server);
	CHECK_EQ(pthread_join(threads[0], NULL), 0);
	CHECK_EQ(epoll_wait(epoll, &event, 1, 1000), 1);
	unlink(name);
}

static volatile bool enough;

static void *poll_always(void *arg)
{
	while (!enough)
		poll_one(*(int *)arg, POLLOUT, 1);
	return NULL;
}

/* The peer changes while others look whether it has room. */
TEST(a_peer_that_changes)
{
	char names[2][64];
	int servers[2], client = socket(AF_UNIX, SOCK_DGRAM, 0);
	pthread_t threads[3];
	static char bytes[8192];

	for (int i = 0; i < 2; i++) {
		snprintf(names[i], sizeof(names[i]), "%s%d", own_path("peer"), i);
		unlink(names[i]);
		servers[i] = bound(SOCK_DGRAM, names[i]);
		CHECK_EQ(connect_to(client, names[i]), 0);
		fill(client);
	}
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, poll_always, &client), 0);
	for (int i = 0; i < 4000; i++) {
		CHECK_EQ(connect_to(client, names[i % 2]), 0);
		if (i % 64 == 0)
			CHECK_EQ(recv(servers[i % 2], bytes, sizeof(bytes),
				      MSG_DONTWAIT | MSG_PEEK),
				 sizeof(bytes));
	}
	enough = true;
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(threads[i], NULL), 0);
	for (int i = 0; i < 2; i++) {
		close(servers[i]);
		unlink(names[i]);
	}
}

TEST(files_are_sent_before_accept)
{
	const char *name = own_path("rights");
	int server = listening(SOCK_STREAM, name, 5), client = connected(SOCK_STREAM, name),
	    ends[2];
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { .header = { .cmsg_len = CMSG_LEN(sizeof(int)),
				  .cmsg_level = SOL_SOCKET,
				  .cmsg_type = SCM_RIGHTS } };
	struct iovec vec = { "x", 1 };
	struct msghdr header = { .msg_iov = &vec,
				 .msg_iovlen = 1,
				 .msg_control = &control,
				 .msg_controllen = sizeof(control) };
	char byte;

	CHECK_EQ(pipe(ends), 0);
	memcpy(CMSG_DATA(&control.header), &ends[1], sizeof(int));
	CHECK_EQ(sendmsg(client, &header, 0), 1);
	close(ends[1]);
	CHECK_EQ(poll_one(ends[0], POLLIN, 0), 0); /* the other end is on its way */
	close(server);
	CHECK_EQ(poll_one(ends[0], POLLIN, 1000), POLLHUP);
	CHECK_EQ(read(ends[0], &byte, 1), 0);
	unlink(name);
}

#define CLIENTS 8
#define ROUNDS	40

static void *serve(void *arg)
{
	int server = *(int *)arg;

	for (int i = 0; i < CLIENTS * ROUNDS / 2; i++) {
		int fd = accept(server, NULL, NULL);
		int number;

		if (fd < 0 || read(fd, &number, sizeof(number)) != sizeof(number))
			return "read";
		number++;
		if (write(fd, &number, sizeof(number)) != sizeof(number))
			return "write";
		close(fd);
	}
	return NULL;
}

static void *visit(void *name)
{
	for (int i = 0; i < ROUNDS; i++) {
		int fd = connected(SOCK_STREAM, name), number = i;

		if (write(fd, &number, sizeof(number)) != sizeof(number) ||
		    read(fd, &number, sizeof(number)) != sizeof(number) || number != i + 1)
			return "answer";
		close(fd);
	}
	return NULL;
}

TEST(many_at_once)
{
	char name[64];
	int server;
	pthread_t threads[CLIENTS + 2];

	strcpy(name, own_path("many"));
	server = listening(SOCK_STREAM, name, 3);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, serve, &server), 0);
	for (int i = 2; i < CLIENTS + 2; i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, visit, name), 0);
	for (int i = 0; i < CLIENTS + 2; i++) {
		void *result;

		CHECK_EQ(pthread_join(threads[i], &result), 0);
		CHECK_EQ((intptr_t)result, 0);
	}
	unlink(name);
}

/* Besides SO_SNDBUF: so many wait at a socket that is not connected to their sender. */
TEST(few_datagrams_wait)
{
	const char *const name = "\0few datagrams";
	int server = bound(SOCK_DGRAM, name), client = connected(SOCK_DGRAM, name), ends[2],
	    count = 0;
	struct pollfd pollfd = { client, POLLOUT, 0 };
	FILE *limit = fopen("/proc/sys/net/unix/max_dgram_qlen", "r");
	int most = 0;
	char byte;
	pid_t child;

	CHECK(limit && fscanf(limit, "%d", &most) == 1 && most >= 1);
	while (send(client, "x", 1, MSG_DONTWAIT) == 1)
		count++;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(count, most + 1);
	CHECK_EQ(poll(&pollfd, 1, 0), 0);
	child = fork();
	if (!child)
		_exit(send(client, "y", 1, 0) != 1); /* waits */
	usleep(20000);
	CHECK_EQ(waitpid(child, NULL, WNOHANG), 0);
	CHECK_EQ(recv(server, &byte, 1, 0), 1);
	CHECK_EQ(waitpid(child, &count, 0), child);
	CHECK_EQ(count, 0);
	CHECK_EQ(recv(server, &byte, 1, 0), 1);
	CHECK_EQ(poll(&pollfd, 1, 1000), 1);
	CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
	for (int i = 0; i < 40; i++) /* its peer may send more */
		CHECK_EQ(send(ends[0], "x", 1, MSG_DONTWAIT), 1);
}

int main(void)
{
	RUN(a_connection_by_a_file);
	RUN(names_are_taken_once);
	RUN(a_path_as_long_as_the_address);
	RUN(names_in_no_directory);
	RUN(any_free_name);
	RUN(the_backlog_is_bounded);
	RUN(a_listener_that_goes);
	RUN(wrong_ways);
	RUN(datagrams_to_a_name);
	RUN(who_waits_for_room_is_woken);
	RUN(a_peer_that_changes);
	RUN(files_are_sent_before_accept);
	RUN(many_at_once);
	RUN(few_datagrams_wait);
	return check_done();
}
