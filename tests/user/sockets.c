/* SPDX-License-Identifier: MIT */
/* Local sockets: pairs, their options, and what ends them. socket_passing.c has what is sent along. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>

#define SIOCINQ_  0x541b
#define SIOCOUTQ_ 0x5411

static const int kinds[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
static int ends[2];
static char big[300000];
static void *volatile nowhere = (void *)8;

static void pair(int type)
{
	CHECK_EQ(socketpair(AF_UNIX, type, 0, ends), 0);
}

static int poll_one(int fd, int events, int ms)
{
	struct pollfd pollfd = { fd, (short)events, 0 };

	if (poll(&pollfd, 1, ms) < 0)
		return -1;
	return pollfd.revents;
}

static bool on_banos(void)
{
	struct utsname names;

	return !uname(&names) && strstr(names.release, "banos");
}

static int get_option(int fd, int option)
{
	int number = -1;
	socklen_t len = sizeof(number);

	CHECK_EQ(getsockopt(fd, SOL_SOCKET, option, &number, &len), 0);
	CHECK_EQ(len, sizeof(number));
	return number;
}

static void set_option(int fd, int option, int number)
{
	CHECK_EQ(setsockopt(fd, SOL_SOCKET, option, &number, sizeof(number)), 0);
}

/* ---- kinds and refusals ---- */

TEST(what_can_be_made)
{
	for (int i = 0; i < 3; i++) {
		struct stat info;
		struct statfs fs;
		char link[64] = "", name[64];

		CHECK_EQ(socketpair(AF_UNIX, kinds[i] | SOCK_CLOEXEC | SOCK_NONBLOCK, AF_UNIX,
				    ends),
			 0);
		CHECK_EQ(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
		CHECK(fcntl(ends[1], F_GETFL) & O_NONBLOCK);
		CHECK_EQ(fcntl(ends[1], F_GETFL) & O_ACCMODE, O_RDWR);
		CHECK_EQ(get_option(ends[0], SO_TYPE), kinds[i]);
		CHECK_EQ(get_option(ends[0], SO_DOMAIN), AF_UNIX);
		CHECK_EQ(get_option(ends[0], SO_PROTOCOL), 0);
		CHECK_EQ(get_option(ends[0], SO_ACCEPTCONN), 0);
		CHECK_EQ(fstat(ends[0], &info), 0);
		CHECK_EQ(info.st_mode, S_IFSOCK | 0777);
		CHECK_EQ(fstatfs(ends[0], &fs), 0);
		CHECK_EQ(fs.f_type, 0x534f434b);
		sprintf(name, "/proc/self/fd/%d", ends[0]);
		CHECK(readlink(name, link, sizeof(link) - 1) > 0);
		sprintf(name, "socket:[%lu]", (unsigned long)info.st_ino);
		CHECK(!strcmp(link, name));
		sprintf(name, "/proc/self/fd/%d", ends[0]);
		CHECK_ERR(open(name, O_RDWR), ENXIO);
		CHECK_ERR(lseek(ends[0], 0, SEEK_SET), ESPIPE);
		CHECK_ERR(pread(ends[0], link, 1, 0), ESPIPE);
		CHECK_ERR(ftruncate(ends[0], 0), EINVAL);
		CHECK_EQ(close(ends[0]), 0);
		CHECK_EQ(close(ends[1]), 0);
	}
	CHECK_EQ(socketpair(AF_UNIX, SOCK_RAW, 0, ends), 0);
	CHECK_EQ(get_option(ends[0], SO_TYPE), SOCK_DGRAM);
}

TEST(what_cannot_be_made)
{
	struct rlimit lim = { 4, 4 };
	int fd;

	CHECK_ERR(socketpair(AF_UNIX, SOCK_STREAM | 0x100, 0, ends), EINVAL);
	CHECK_ERR(socketpair(AF_UNIX, 11, 0, ends), EINVAL);
	CHECK_ERR(socketpair(AF_UNIX, SOCK_RDM, 0, ends), ESOCKTNOSUPPORT);
	CHECK_ERR(socketpair(AF_UNIX, SOCK_STREAM, 5, ends), EPROTONOSUPPORT);
	CHECK_ERR(socketpair(999, SOCK_STREAM, 0, ends), EAFNOSUPPORT);
	CHECK_ERR(socketpair(-1, SOCK_STREAM, 0, ends), EAFNOSUPPORT);
	CHECK_ERR(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
	CHECK_ERR(socket(46, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERR(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 16), EFAULT);
	fd = open("/dev/null", O_RDONLY);
	CHECK_EQ(fd, 3); /* the failed ones left no descriptor behind */
	CHECK_EQ(setrlimit(RLIMIT_NOFILE, &lim), 0);
	CHECK_ERR(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), EMFILE);
	close(fd);
	CHECK_ERR(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), EMFILE);
	CHECK_EQ(open("/dev/null", O_RDONLY), 3);
}

TEST(calls_want_a_socket)
{
	int fd = open("/dev/null", O_RDWR);
	char byte;

	CHECK_ERR(send(fd, "x", 1, 0), ENOTSOCK);
	CHECK_ERR(recv(fd, &byte, 1, 0), ENOTSOCK);
	CHECK_ERR(shutdown(fd, SHUT_RD), ENOTSOCK);
	CHECK_ERR(listen(fd, 1), ENOTSOCK);
	CHECK_ERR(send(99, "x", 1, 0), EBADF);
	CHECK_ERR(shutdown(99, SHUT_RD), EBADF);
	CHECK_ERR(accept(99, NULL, NULL), EBADF);
}

/* A library that looks for a service finds none, and says so with an error it knows. */
TEST(nobody_listens)
{
	struct sockaddr_un address = { AF_UNIX, "/no/such/socket" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(address);
	char byte;

	CHECK(fd >= 0);
	CHECK_ERR(connect(fd, (void *)&address, sizeof(address)), ENOENT);
	strcpy(address.sun_path, "/dev/null");
	CHECK_ERR(connect(fd, (void *)&address, sizeof(address)), ECONNREFUSED);
	address.sun_path[0] = 0; /* an abstract name */
	CHECK_ERR(connect(fd, (void *)&address, sizeof(address)), ECONNREFUSED);
	CHECK_ERR(connect(fd, (void *)&address, 2), EINVAL);
	CHECK_ERR(connect(fd, (void *)&address, 200), EINVAL);
	CHECK_ERR(connect(fd, (void *)8, sizeof(address)), EFAULT);
	address.sun_family = AF_INET;
	CHECK_ERR(connect(fd, (void *)&address, sizeof(address)), EINVAL);
	CHECK_ERR(listen(fd, 5), EINVAL);
	CHECK_ERR(accept(fd, NULL, NULL), EINVAL);
	CHECK_ERR(send(fd, "x", 1, MSG_NOSIGNAL), ENOTCONN);
	CHECK_ERR(recv(fd, &byte, 1, 0), EINVAL);
	CHECK_ERR(getpeername(fd, (void *)&address, &len), ENOTCONN);
	CHECK_EQ(poll_one(fd, POLLIN | POLLOUT, 0), POLLHUP | POLLOUT);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	CHECK_ERR(send(fd, "x", 1, 0), ENOTCONN);
	CHECK_ERR(recv(fd, &byte, 1, 0), EAGAIN);
	address = (struct sockaddr_un){ AF_UNIX, "/no/such/socket" };
	CHECK_ERR(sendto(fd, "x", 1, 0, (void *)&address, sizeof(address)), ENOENT);
	CHECK_ERR(bind(fd, (void *)&address, sizeof(address)), ENOENT);
}

TEST(names_of_the_unnamed)
{
	struct sockaddr_un address;
	socklen_t len = sizeof(address);

	pair(SOCK_STREAM);
	memset(&address, 0x55, sizeof(address));
	CHECK_EQ(getsockname(ends[0], (void *)&address, &len), 0);
	CHECK_EQ(len, 2);
	CHECK_EQ(address.sun_family, AF_UNIX);
	CHECK_EQ(address.sun_path[0], 0x55);
	len = 1;
	CHECK_EQ(getpeername(ends[0], (void *)&address, &len), 0);
	CHECK_EQ(len, 2);
	len = (socklen_t)-1;
	CHECK_ERR(getpeername(ends[0], (void *)&address, &len), EINVAL);
	CHECK_ERR(getsockname(ends[0], (void *)&address, (void *)8), EFAULT);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	len = sizeof(address);
	CHECK_EQ(recvfrom(ends[0], big, 1, 0, (void *)-1, &len), 1); /* nothing is written there */
	CHECK_EQ(len, 0);
}

/* ---- bytes ---- */

TEST(a_stream_has_no_boundaries)
{
	char buf[64];

	pair(SOCK_STREAM);
	CHECK_EQ(write(ends[0], "abc", 3), 3);
	CHECK_EQ(send(ends[0], "def", 3, 0), 3);
	CHECK_EQ(write(ends[1], "back", 4), 4);
	CHECK_EQ(recv(ends[1], buf, 2, MSG_PEEK), 2);
	CHECK_EQ(read(ends[1], buf, 4), 4);
	CHECK(!memcmp(buf, "abcd", 4));
	CHECK_EQ(read(ends[1], buf, sizeof(buf)), 2);
	CHECK_EQ(read(ends[0], buf, sizeof(buf)), 4);
	CHECK_ERR(recv(ends[0], buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(read(ends[0], buf, 0), 0);
	CHECK_EQ(write(ends[0], buf, 0), 0);
	CHECK_ERR(recv(ends[0], buf, 1, MSG_OOB), EINVAL);
}

TEST(packets_keep_their_boundaries)
{
	for (int i = 1; i < 3; i++) {
		struct iovec out[2] = { { "ab", 2 }, { "cde", 3 } };
		struct iovec iovec = { big, 3 };
		struct msghdr message = { .msg_iov = &iovec, .msg_iovlen = 1 };

		pair(kinds[i]);
		CHECK_EQ(writev(ends[0], out, 2), 5);
		CHECK_EQ(send(ends[0], "", 0, 0), 0);
		CHECK_EQ(send(ends[0], "xy", 2, 0), 2);
		CHECK_EQ(recv(ends[1], big, 2, MSG_PEEK), 2);
		CHECK_EQ(recv(ends[1], big, 2, MSG_PEEK | MSG_TRUNC), 5);
		CHECK_EQ(recvmsg(ends[1], &message, 0), 3);
		CHECK_EQ(message.msg_flags, MSG_TRUNC);
		CHECK(!memcmp(big, "abc", 3));
		CHECK_EQ(recv(ends[1], big, 10, 0), 0);
		CHECK_EQ(recvmsg(ends[1], &message, 0), 2);
		CHECK_EQ(message.msg_flags, 0);
		CHECK_ERR(recv(ends[1], big, 10, MSG_DONTWAIT), EAGAIN);
		CHECK_ERR(send(ends[0], big, 250000, 0), EMSGSIZE);
		CHECK_EQ(send(ends[0], big, 200000, 0), 200000);
		CHECK_EQ(recv(ends[1], big, sizeof(big), 0), 200000);
	}
}

/* Sizes around those of pages and headers, read in other pieces than they were written. */
TEST(contents_survive_any_sizes)
{
	static unsigned char out[20000], input[20000];
	unsigned seed = 1;

	for (int kind = 0; kind < 3; kind++) {
		unsigned char next_out = 0, next_in = 0;
		int sizes[300], first = 0, count = 0, unread = 0;

		pair(kinds[kind]);
		for (int i = 0; i < 3000; i++) {
			int length, want;

			seed = seed * 1103515245 + 12345;
			length = (int)(seed >> 16) % ((i & 3) ? 100 : 9000) + (kind ? 0 : 1);
			if (count < 300 && unread + length < 40000 && (seed & 0x400)) {
				for (int round = 0; round < length; round++)
					out[round] = next_out++;
				CHECK_EQ(send(ends[0], out, (size_t)length, 0), length);
				sizes[(first + count++) % 300] = length;
				unread += length;
			} else if (count) {
				if (length < unread)
					want = length;
				else
					want = unread;
				if (kind)
					want = sizes[first];
				if (seed & 0x800)
					CHECK_EQ(recv(ends[1], input,
						      kind ? sizeof(input) : (size_t)want,
						      MSG_PEEK),
						 want);
				CHECK_EQ(recv(ends[1], input, kind ? sizeof(input) : (size_t)want,
					      0),
					 want);
				for (int round = 0; round < want; round++)
					CHECK_EQ(input[round], next_in++);
				unread -= want;
				if (kind || !unread) {
					first = (first + 1) % 300;
					if (kind)
						count = count - 1;
					else
						count = 0;
				}
			}
		}
		close(ends[0]);
		close(ends[1]);
	}
}

TEST(waitall_and_low_water_mark)
{
	char buf[10];
	int number = 4;

	pair(SOCK_STREAM);
	if (!fork()) {
		for (int i = 0; i < 8; i++) {
			pause_ms(10);
			write(ends[1], "x", 1);
		}
		_exit(0);
	}
	CHECK_EQ(recv(ends[0], buf, 5, MSG_WAITALL), 5);
	set_option(ends[0], SO_RCVLOWAT, number);
	CHECK_EQ(get_option(ends[0], SO_RCVLOWAT), 4);
	CHECK_EQ(recv(ends[0], buf, 3, 0), 3);
	close(ends[1]);
	wait(NULL);
	CHECK_EQ(recv(ends[0], buf, 5, MSG_WAITALL), 0);
}

TEST(room_is_bounded)
{
	long total = 0;
	int count, least;

	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	while ((count = (int)write(ends[0], big, 5000)) > 0)
		total += count;
	CHECK_EQ(errno, EAGAIN);
	CHECK(total > 50000 && total < 600000);
	CHECK_EQ(poll_one(ends[0], POLLOUT, 0), 0);
	CHECK_EQ(ioctl(ends[1], SIOCINQ_, &count), 0);
	CHECK_EQ(count, total);
	CHECK_EQ(ioctl(ends[0], SIOCOUTQ_, &count), 0);
	CHECK(count >= total);
	while (read(ends[1], big, sizeof(big)) > 0)
		;
	CHECK_EQ(poll_one(ends[0], POLLOUT, 0), POLLOUT);
	CHECK_EQ(ioctl(ends[1], SIOCINQ_, &count), 0);
	CHECK_EQ(count, 0);
	CHECK_EQ(ioctl(ends[0], SIOCOUTQ_, &count), 0);
	CHECK_EQ(count, 0);

	set_option(ends[0], SO_SNDBUF, 1); /* the least there is */
	least = get_option(ends[0], SO_SNDBUF);
	CHECK_EQ(least, 4608);
	for (total = 0; (count = (int)write(ends[0], big, 100)) > 0;)
		total += count;
	CHECK(total <= 4608);
	set_option(ends[0], SO_SNDBUF, 1 << 30);
	CHECK(get_option(ends[0], SO_SNDBUF) < 1 << 30);
	CHECK(get_option(ends[0], SO_RCVBUF) >= 2304);

	/* messages without bytes are not free either */
	CHECK_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
	for (count = 0; count < 100000 && !send(ends[0], "", 0, 0); count++)
		;
	CHECK(count > 5 && count < 100000);
	CHECK_EQ(errno, EAGAIN);
}

/* What all of a user's sockets hold unread is bounded, and still each goes on. */
TEST(share_of_a_user)
{
	static int many[400][2];
	int made = 0, count;
	long total = 0;

	if (getuid())
		return;
	CHECK_EQ(setgid(12345), 0);
	CHECK_EQ(setuid(12345), 0);
	for (; made < 400; made++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, many[made]))
			break;
		while ((count = (int)write(many[made][0], big, 65536)) > 0)
			total += count;
		CHECK_EQ(errno, EAGAIN);
	}
	CHECK_EQ(made, 400);
	if (on_banos())
		CHECK(total < 70000000);
	for (int i = 0; i < made; i += 37) {
		while (read(many[i][1], big, sizeof(big)) > 0)
			;
		CHECK(write(many[i][0], "x", 1) == 1);
	}
}

TEST(writer_waits_for_room)
{
	long total = 0;
	int count, status;

	pair(SOCK_STREAM);
	if (!fork()) {
		close(ends[1]);
		for (int i = 0; i < 20; i++)
			CHECK_EQ(write(ends[0], big, 100000), 100000);
		_exit(0);
	}
	close(ends[0]);
	while ((count = (int)read(ends[1], big, 77777)) > 0)
		total += count;
	CHECK_EQ(total, 2000000);
	wait(&status);
	CHECK_EQ(status, 0);
}

static void *echo(void *arg)
{
	int fd = *(int *)arg;
	char text[16];
	ssize_t length;

	while ((length = read(fd, text, sizeof(text))) > 0)
		if (write(fd, text, (size_t)length) != length)
			return (void *)1;
	return NULL;
}

TEST(both_ends_by_threads)
{
	for (int i = 0; i < 3; i++) {
		pthread_t thread[2];
		char byte;

		pair(kinds[i]);
		CHECK_EQ(pthread_create(&thread[0], NULL, echo, &ends[1]), 0);
		CHECK_EQ(pthread_create(&thread[1], NULL, echo, &ends[1]), 0);
		for (int round = 0; round < 2000; round++) {
			byte = (char)round;
			CHECK_EQ(write(ends[0], &byte, 1), 1);
			CHECK_EQ(read(ends[0], &byte, 1), 1);
			CHECK_EQ(byte, (char)round);
		}
		shutdown(ends[1], SHUT_RDWR);
		for (int round = 0; round < 2; round++) {
			void *result;

			CHECK_EQ(pthread_join(thread[round], &result), 0);
			CHECK(!result);
		}
		close(ends[0]);
		close(ends[1]);
	}
}

/* ---- ends ---- */

TEST(the_end_of_a_stream)
{
	char text[8];

	pair(SOCK_STREAM);
	CHECK_EQ(write(ends[1], "rest", 4), 4);
	close(ends[1]);
	CHECK_EQ(poll_one(ends[0], POLLIN | POLLOUT | POLLRDHUP, 0),
		 POLLIN | POLLOUT | POLLHUP | POLLRDHUP);
	CHECK_EQ(read(ends[0], text, 8), 4);
	CHECK_EQ(read(ends[0], text, 8), 0);
	CHECK_EQ(wait_status(CHILD(write(ends[0], "x", 1))), SIGPIPE);
	CHECK_EQ(wait_status(CHILD((int)write(ends[0], "x", 0))), SIGPIPE);
	CHECK_ERR(send(ends[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(ends[0], "x", 1), EPIPE);
}

TEST(what_was_not_read_is_an_error_there)
{
	char byte;

	signal(SIGPIPE, SIG_IGN);
	pair(SOCK_STREAM);
	write(ends[0], "x", 1);
	write(ends[1], "y", 1);
	close(ends[1]);
	CHECK_EQ(poll_one(ends[0], POLLIN, 0), POLLIN | POLLHUP | POLLERR);
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK_ERR(read(ends[0], &byte, 1), ECONNRESET);
	CHECK_EQ(read(ends[0], &byte, 1), 0);
	pair(SOCK_STREAM);
	write(ends[0], "x", 1);
	close(ends[1]);
	CHECK_EQ(get_option(ends[0], SO_ERROR), ECONNRESET);
	CHECK_EQ(get_option(ends[0], SO_ERROR), 0);
	CHECK_EQ(read(ends[0], &byte, 1), 0);
	pair(SOCK_SEQPACKET);
	write(ends[0], "x", 1);
	write(ends[1], "y", 1);
	close(ends[1]);
	CHECK_ERR(read(ends[0], &byte, 1), ECONNRESET);
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK_EQ(read(ends[0], &byte, 1), 0);
	CHECK_ERR(write(ends[0], "x", 1), EPIPE);
}

TEST(packets_to_nobody)
{
	char byte;

	pair(SOCK_DGRAM);
	write(ends[1], "y", 1);
	close(ends[1]);
	CHECK_EQ(poll_one(ends[0], POLLIN | POLLOUT | POLLRDHUP, 0), POLLIN | POLLOUT);
	CHECK_ERR(write(ends[0], "x", 1), ECONNREFUSED);
	CHECK_ERR(write(ends[0], "x", 1), ENOTCONN);
	CHECK_ERR(recv(ends[0], &byte, 1, MSG_DONTWAIT), EAGAIN);
	pair(SOCK_SEQPACKET);
	close(ends[1]);
	CHECK_EQ(read(ends[0], &byte, 1), 0);
	CHECK_EQ(poll_one(ends[0], POLLIN | POLLRDHUP, 0), POLLIN | POLLHUP | POLLRDHUP);
}

TEST(shutdown_of_one_direction)
{
	char byte;

	signal(SIGPIPE, SIG_IGN);
	for (int i = 0; i < 3; i += 2) {
		pair(kinds[i]);
		CHECK_ERR(shutdown(ends[0], 3), EINVAL);
		CHECK_ERR(shutdown(ends[0], -1), EINVAL);
		CHECK_EQ(write(ends[0], "x", 1), 1);
		CHECK_EQ(shutdown(ends[0], SHUT_WR), 0);
		CHECK_ERR(write(ends[0], "x", 1), EPIPE);
		CHECK_EQ(poll_one(ends[1], POLLIN | POLLRDHUP, 0), POLLIN | POLLRDHUP);
		CHECK_EQ(read(ends[1], &byte, 1), 1);
		CHECK_EQ(read(ends[1], &byte, 1), 0);
		CHECK_EQ(write(ends[1], "y", 1), 1);
		CHECK_EQ(read(ends[0], &byte, 1), 1);
		CHECK_EQ(shutdown(ends[1], SHUT_WR), 0);
		CHECK_EQ(poll_one(ends[0], POLLIN, 0), POLLIN | POLLHUP);
		pair(kinds[i]);
		CHECK_EQ(shutdown(ends[0], SHUT_RD), 0);
		CHECK_ERR(write(ends[1], "x", 1), EPIPE);
		CHECK_EQ(read(ends[0], &byte, 1), 0);
	}
	pair(SOCK_DGRAM);
	CHECK_EQ(shutdown(ends[0], SHUT_WR), 0);
	CHECK_ERR(write(ends[0], "x", 1), EPIPE);
	CHECK_EQ(write(ends[1], "x", 1), 1);
}

static volatile int calls; /* of handlers */
static void count_call(int sig)
{
	calls++;
}

static void *close_later(void *arg)
{
	pause_ms(30);
	shutdown(*(int *)arg, SHUT_RDWR);
	return NULL;
}

TEST(sleepers_are_woken_by_the_end)
{
	pthread_t thread;
	char byte;

	signal(SIGPIPE, SIG_IGN);
	pair(SOCK_STREAM);
	pthread_create(&thread, NULL, close_later, &ends[1]);
	CHECK_EQ(read(ends[0], &byte, 1), 0);
	pthread_join(thread, NULL);
	pair(SOCK_STREAM);
	pthread_create(&thread, NULL, close_later, &ends[1]);
	CHECK(write(ends[0], big, sizeof(big)) > 0);
	CHECK_ERR(write(ends[0], big, sizeof(big)), EPIPE);
	pthread_join(thread, NULL);
}

TEST(signals_and_time_limits)
{
	struct sigaction action = { .sa_handler = count_call };
	struct itimerval itimerval = { { 0, 0 }, { 0, 20000 } };
	struct timeval limit = { 0, 60000 }, got;
	socklen_t len = sizeof(got);
	long start = now_ms();
	char byte;

	pair(SOCK_STREAM);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &itimerval, NULL);
	CHECK_ERR(read(ends[0], &byte, 1), EINTR);
	action.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &action, NULL);
	if (!fork()) {
		pause_ms(80);
		write(ends[1], "x", 1);
		_exit(0);
	}
	setitimer(ITIMER_REAL, &itimerval, NULL);
	CHECK_EQ(read(ends[0], &byte, 1), 1); /* started again */
	CHECK_EQ(calls, 2);
	wait(NULL);
	CHECK_EQ(setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)), 0);
	CHECK_EQ(getsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &got, &len), 0);
	CHECK_EQ(got.tv_usec, 60000);
	start = now_ms();
	CHECK_ERR(read(ends[0], &byte, 1), EAGAIN);
	CHECK(now_ms() - start >= 50);
	setitimer(ITIMER_REAL, &itimerval, NULL);
	CHECK_ERR(read(ends[0], &byte, 1), EINTR); /* with a limit it is not */
	CHECK_EQ(setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), 0);
	while (write(ends[0], big, sizeof(big)) > 0)
		;
	CHECK_EQ(errno, EAGAIN);
	limit.tv_usec = 1000000;
	CHECK_ERR(setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)), EDOM);
	CHECK_ERR(setsockopt(ends[0], SOL_SOCKET, SO_SNDTIMEO, &limit, 4), EINVAL);
}

/* ---- readiness ---- */

TEST(epoll_and_select)
{
	struct epoll_event event = { EPOLLIN | EPOLLET | EPOLLRDHUP, { .u32 = 7 } };
	int epoll = epoll_create1(0);
	struct timeval now = { 0, 0 };
	fd_set in, out;
	char byte;

	pair(SOCK_STREAM);
	CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), 0);
	CHECK_EQ(epoll_wait(epoll, &event, 1, 0), 0);
	write(ends[1], "x", 1);
	CHECK_EQ(epoll_wait(epoll, &event, 1, 1000), 1);
	CHECK_EQ(event.data.u32, 7);
	CHECK_EQ(epoll_wait(epoll, &event, 1, 0), 0);
	write(ends[1], "y", 1); /* an edge though something is unread */
	CHECK_EQ(epoll_wait(epoll, &event, 1, 1000), 1);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(ends[0], &in);
	FD_SET(ends[0], &out);
	CHECK_EQ(select(ends[0] + 1, &in, &out, NULL, &now), 2);
	CHECK_EQ(recv(ends[0], &byte, 1, 0), 1);
	shutdown(ends[1], SHUT_WR);
	CHECK_EQ(epoll_wait(epoll, &event, 1, 1000), 1);
	CHECK(event.events & EPOLLRDHUP);
	close(ends[1]);
	CHECK_EQ(epoll_wait(epoll, &event, 1, 1000), 1);
	CHECK(event.events & EPOLLHUP);
}

TEST(poll_waits_for_the_peer)
{
	pair(SOCK_STREAM);
	if (!fork()) {
		pause_ms(20);
		write(ends[1], "x", 1);
		_exit(0);
	}
	CHECK_EQ(poll_one(ends[0], POLLIN, 5000), POLLIN);
	wait(NULL);
	while (send(ends[0], big, sizeof(big), MSG_DONTWAIT) > 0)
		;
	if (!fork()) {
		pause_ms(20);
		while (recv(ends[1], big, sizeof(big), MSG_DONTWAIT) > 0)
			;
		_exit(0);
	}
	CHECK_EQ(poll_one(ends[0], POLLOUT, 5000), POLLOUT);
	wait(NULL);
}

static volatile int band;
static void note_band(int sig, siginfo_t *i, void *context)
{
	band = (int)i->si_code;
	calls++;
}

TEST(signals_tell_of_readiness)
{
	struct sigaction action = { .sa_sigaction = note_band, .sa_flags = SA_SIGINFO };
	char byte;

	pair(SOCK_STREAM);
	sigaction(SIGRTMIN, &action, NULL);
	CHECK_EQ(fcntl(ends[0], F_SETOWN, getpid()), 0);
	CHECK_EQ(fcntl(ends[0], F_SETSIG, SIGRTMIN), 0);
	CHECK_EQ(fcntl(ends[0], F_SETFL, O_ASYNC), 0);
	CHECK_EQ(write(ends[1], "x", 1), 1);
	CHECK_EQ(calls, 1);
	CHECK_EQ(band, POLL_IN);
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK_EQ(write(ends[0], "x", 1), 1); /* nothing that concerns this end */
	CHECK_EQ(calls, 1);
	close(ends[1]);
	CHECK_EQ(calls, 2);
	CHECK_EQ(band, POLL_HUP);
	CHECK_EQ(close(ends[0]), 0);
}

/* ---- options ---- */

TEST(options)
{
	static const int switches[] = { SO_REUSEADDR, SO_KEEPALIVE, SO_BROADCAST,
					SO_DONTROUTE, SO_OOBINLINE, SO_PASSCRED };
	static const int fixed[] = { SO_TYPE,	    SO_DOMAIN,	 SO_PROTOCOL, SO_ERROR,
				     SO_ACCEPTCONN, SO_SNDLOWAT, SO_PEERCRED };
	struct linger linger = { 1, 5 };
	struct ucred cred;
	socklen_t len;
	int number = 1;

	pair(SOCK_STREAM);
	for (int i = 0; i < 6; i++) {
		CHECK_EQ(get_option(ends[0], switches[i]), 0);
		set_option(ends[0], switches[i], 3);
		CHECK_EQ(get_option(ends[0], switches[i]), 1);
		set_option(ends[0], switches[i], 0);
		CHECK_EQ(get_option(ends[0], switches[i]), 0);
	}
	for (int i = 0; i < 7; i++)
		CHECK_ERR(setsockopt(ends[0], SOL_SOCKET, fixed[i], &number, sizeof(number)),
			  ENOPROTOOPT);
	CHECK_EQ(setsockopt(ends[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	len = sizeof(linger);
	linger.l_linger = 0;
	CHECK_EQ(getsockopt(ends[0], SOL_SOCKET, SO_LINGER, &linger, &len), 0);
	CHECK_EQ(linger.l_linger, 5);
	len = sizeof(cred);
	CHECK_EQ(getsockopt(ends[0], SOL_SOCKET, SO_PEERCRED, &cred, &len), 0);
	CHECK_EQ(cred.pid, getpid());
	CHECK_EQ(cred.uid, geteuid());
	CHECK_EQ(cred.gid, getegid());
	len = sizeof(number);
	CHECK_ERR(getsockopt(ends[0], SOL_SOCKET, 999, &number, &len), ENOPROTOOPT);
	CHECK_ERR(setsockopt(ends[0], SOL_SOCKET, 999, &number, sizeof(number)), ENOPROTOOPT);
	CHECK_ERR(getsockopt(ends[0], 6, 1, &number, &len), EOPNOTSUPP);
	CHECK_ERR(setsockopt(ends[0], 6, 1, &number, sizeof(number)), EOPNOTSUPP);
	CHECK_ERR(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &number, 2), EINVAL);
	CHECK_ERR(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, (void *)8, 4), EFAULT);
	CHECK_ERR(setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &number, (socklen_t)-1), EINVAL);
	len = (socklen_t)-1;
	CHECK_ERR(getsockopt(ends[0], SOL_SOCKET, SO_TYPE, &number, &len), EINVAL);
	len = 2;
	CHECK_EQ(getsockopt(ends[0], SOL_SOCKET, SO_TYPE, &number, &len), 0);
	CHECK_EQ(len, 2);
}

/* ---- many at once, odd addresses ---- */

TEST(many_messages_in_a_call)
{
	static char data[10][8];
	struct mmsghdr mmsghdr[10];
	struct iovec io[10];
	struct timespec limit = { 0, 20000000 };

	pair(SOCK_DGRAM);
	memset(mmsghdr, 0, sizeof(mmsghdr));
	for (int i = 0; i < 10; i++) {
		io[i] = (struct iovec){ data[i], (size_t)i % 8 };
		mmsghdr[i].msg_hdr.msg_iov = &io[i];
		mmsghdr[i].msg_hdr.msg_iovlen = 1;
		memset(data[i], '0' + i, 8);
	}
	CHECK_EQ(sendmmsg(ends[0], mmsghdr, 10, 0), 10);
	CHECK_EQ(mmsghdr[7].msg_len, 7);
	for (int i = 0; i < 10; i++)
		io[i].iov_len = 8;
	CHECK_EQ(recvmmsg(ends[1], mmsghdr, 4, MSG_WAITFORONE, NULL), 4);
	CHECK_EQ(mmsghdr[3].msg_len, 3);
	CHECK_EQ(recvmmsg(ends[1], mmsghdr, 10, MSG_WAITFORONE, &limit), 6);
	CHECK_EQ(mmsghdr[3].msg_len, 7);
	CHECK(!memcmp(data[3], "7777777", 7));
	CHECK_ERR(recvmmsg(ends[1], mmsghdr, 10, MSG_DONTWAIT, NULL), EAGAIN);
	CHECK_EQ(sendmmsg(ends[0], mmsghdr, 0, 0), 0);
	mmsghdr[1].msg_hdr.msg_iov = (void *)8;
	CHECK_EQ(sendmmsg(ends[0], mmsghdr, 3, 0), 1);
}

TEST(bad_addresses)
{
	char *edge = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(edge + 4096, 4096);
	for (int i = 0; i < 3; i++) {
		pair(kinds[i]);
		CHECK_ERR(write(ends[0], nowhere, 10), EFAULT);
		CHECK_ERR(send(ends[0], (void *)0xffff800000000000ul, 10, 0), EFAULT);
		CHECK_ERR(recv(ends[1], big, 1, MSG_DONTWAIT), EAGAIN); /* nothing got there */
		CHECK_EQ(write(ends[0], "abcdef", 6), 6);
		CHECK_ERR(recv(ends[1], nowhere, 6, 0), EFAULT);
		if (i) {
			CHECK_ERR(send(ends[0], edge + 4090, 100, 0), EFAULT);
			CHECK_ERR(recv(ends[1], big, 1, MSG_DONTWAIT), EAGAIN);
			CHECK_EQ(write(ends[0], big, 5000), 5000);
			CHECK_ERR(recv(ends[1], edge, 8192, 0), EFAULT);
			CHECK_ERR(recv(ends[1], big, 1, MSG_DONTWAIT), EAGAIN);
			CHECK_EQ(write(ends[0], "x", 1), 1);
			CHECK_EQ(recv(ends[1], big, 9, 0), 1);
		}
		CHECK_ERR(recv(ends[1], (void *)0xffff800000000000ul, 10, MSG_DONTWAIT), EFAULT);
		close(ends[0]);
		close(ends[1]);
	}
}

TEST(files_are_sent)
{
	int fd = open("/tmp/sockets.data", O_RDWR | O_CREAT | O_TRUNC, 0600);
	off_t offset = 0;

	pair(SOCK_STREAM);
	CHECK_EQ(write(fd, big, 50000), 50000);
	CHECK_EQ(sendfile(ends[0], fd, &offset, 50000), 50000);
	CHECK_EQ(recv(ends[1], big, sizeof(big), MSG_WAITALL | MSG_DONTWAIT), 50000);
	unlink("/tmp/sockets.data");
}

int main(void)
{
	RUN(what_can_be_made);
	RUN(what_cannot_be_made);
	RUN(calls_want_a_socket);
	RUN(nobody_listens);
	RUN(names_of_the_unnamed);
	RUN(a_stream_has_no_boundaries);
	RUN(packets_keep_their_boundaries);
	RUN(contents_survive_any_sizes);
	RUN(waitall_and_low_water_mark);
	RUN(room_is_bounded);
	RUN(share_of_a_user);
	RUN(writer_waits_for_room);
	RUN(both_ends_by_threads);
	RUN(the_end_of_a_stream);
	RUN(what_was_not_read_is_an_error_there);
	RUN(packets_to_nobody);
	RUN(shutdown_of_one_direction);
	RUN(sleepers_are_woken_by_the_end);
	RUN(signals_and_time_limits);
	RUN(epoll_and_select);
	RUN(poll_waits_for_the_peer);
	RUN(signals_tell_of_readiness);
	RUN(options);
	RUN(many_messages_in_a_call);
	RUN(bad_addresses);
	RUN(files_are_sent);
	return check_done();
}
