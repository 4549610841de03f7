/* SPDX-License-Identifier: MIT */
/* TCP over lo: what large and small writes, bad memory and readers that do not read make of a connection. */
#include "check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>

#define PAGE 4096ul

static uint8_t pattern(size_t at)
{
	return (uint8_t)(at * 7 + (at >> 8) * 13 + (at >> 16));
}

static void connect_pair(int fds[2])
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t length = sizeof(name);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	CHECK(listener >= 0);
	CHECK_EQ(bind(listener, (struct sockaddr *)&name, sizeof(name)), 0);
	CHECK_EQ(listen(listener, 1), 0);
	CHECK_EQ(getsockname(listener, (struct sockaddr *)&name, &length), 0);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK_EQ(connect(fds[0], (struct sockaddr *)&name, sizeof(name)), 0);
	fds[1] = accept(listener, NULL, NULL);
	CHECK(fds[1] >= 0);
	close(listener);
}

/* Reads what comes and compares it with the pattern. @return bytes until the end */
static size_t read_all(int fd, size_t piece)
{
	static uint8_t bytes[300000];
	size_t total = 0;
	ssize_t got;

	while ((got = read(fd, bytes, piece)) > 0)
		for (ssize_t i = 0; i < got; i++, total++)
			if (bytes[i] != pattern(total))
				check_fail("bytes are what was sent", __FILE__, __LINE__);
	CHECK_EQ(got, 0);
	return total;
}

static uint8_t *pattern_of(size_t bytes)
{
	uint8_t *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(memory != MAP_FAILED);
	for (size_t i = 0; i < bytes; i++)
		memory[i] = pattern(i);
	return memory;
}

/* A child writes all of it, @piece bytes a call; the parent reads. */
static void transfer(size_t bytes, size_t piece, size_t read_piece)
{
	uint8_t *memory = pattern_of(bytes);
	int fds[2], status;

	connect_pair(fds);
	if (!fork()) {
		close(fds[1]);
		for (size_t done = 0; done < bytes;) {
			size_t part = bytes - done < piece ? bytes - done : piece;
			ssize_t put = write(fds[0], memory + done, part);

			if (put != (ssize_t)part)
				_exit(1);
			done += part;
		}
		_exit(0);
	}
	close(fds[0]);
	CHECK_EQ(read_all(fds[1], read_piece), bytes);
	CHECK(wait(&status) > 0);
	CHECK_EQ(status, 0);
}

TEST(writes_of_all_sizes)
{
	transfer(3000000, 1000000, 300000);
	transfer(1000000, 65536, 65536);
	transfer(1000000, 65535, 1000);
	transfer(500000, 2049, 7777);
	transfer(100000, 1, 4096);
	transfer(200000, 2048, 1);
}

TEST(many_pieces_of_a_list)
{
	uint8_t *memory = pattern_of(400000);
	struct iovec list[64];
	size_t at = 0;
	int fds[2];

	connect_pair(fds);
	for (int i = 0; i < 64; i++) {
		size_t part = 1 + (size_t)i * 97 % 6000;

		list[i] = (struct iovec){ memory + at, part };
		at += part;
	}
	if (!fork()) {
		close(fds[1]);
		_exit(writev(fds[0], list, 64) != (ssize_t)at);
	}
	close(fds[0]);
	CHECK_EQ(read_all(fds[1], 5000), at);
}

/* What lies in front of memory that cannot be read may be sent, or nothing; nothing else ever. */
TEST(memory_that_ends)
{
	static const size_t good[] = { 0, 1, 100, 3 * PAGE, 20 * PAGE };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint8_t *memory = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE,
				       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		uint8_t *start = memory + 20 * PAGE - good[i];
		ssize_t sent;
		int fds[2];

		CHECK(memory != MAP_FAILED);
		CHECK_EQ(munmap(memory + 20 * PAGE, 44 * PAGE), 0);
		for (size_t at = 0; at < good[i]; at++)
			start[at] = pattern(at);
		connect_pair(fds);
		sent = send(fds[0], start, 40 * PAGE, 0);
		if (sent < 0)
			CHECK_EQ(errno, EFAULT);
		CHECK(sent <= (ssize_t)good[i]);
		close(fds[0]);
		CHECK_EQ(read_all(fds[1], 4096), sent < 0 ? 0 : sent);
		close(fds[1]);
		munmap(memory, 20 * PAGE);
	}
}

/* Of a list, or of memory with a hole, the first part may be sent, or nothing; and the connection goes on. */
static void send_with_hole(struct iovec *list, int count, size_t good)
{
	struct msghdr message = { .msg_iov = list, .msg_iovlen = (size_t)count };
	uint8_t *rest = pattern_of(100000);
	ssize_t sent;
	int fds[2];

	connect_pair(fds);
	sent = sendmsg(fds[0], &message, 0);
	if (sent < 0)
		CHECK_EQ(errno, EFAULT);
	CHECK(sent && sent <= (ssize_t)good);
	if (sent < 0)
		sent = 0;
	CHECK_EQ(send(fds[0], rest + sent, 100000 - (size_t)sent, 0), 100000 - sent);
	close(fds[0]);
	CHECK_EQ(read_all(fds[1], 7000), 100000);
}

TEST(memory_with_a_hole)
{
	uint8_t *memory = pattern_of(16 * PAGE);
	struct iovec list[3];

	list[0] = (struct iovec){ memory, 10000 };
	list[1] = (struct iovec){ (void *)8, 100 };
	list[2] = (struct iovec){ memory + 10000, 10000 };
	send_with_hole(list, 3, 10000);
	list[0].iov_len = 100;
	list[2].iov_len = 100;
	send_with_hole(list, 3, 100);
	CHECK_EQ(munmap(memory + 8 * PAGE, PAGE), 0);
	list[0] = (struct iovec){ memory, 16 * PAGE };
	send_with_hole(list, 1, 8 * PAGE);
}

/* It takes a bounded amount, says when it has room again, and loses nothing. */
TEST(a_reader_that_waits)
{
	static uint8_t bytes[100000];
	struct pollfd wait_for = { .events = POLLOUT };
	size_t sent = 0, got = 0;
	int fds[2];

	connect_pair(fds);
	CHECK_EQ(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	wait_for.fd = fds[0];
	do {
		ssize_t put;

		do {
			for (size_t i = 0; i < sizeof(bytes); i++)
				bytes[i] = pattern(sent + i);
			put = write(fds[0], bytes, sizeof(bytes));
			sent += put < 0 ? 0 : (size_t)put;
			CHECK(sent < 64u << 20);
		} while (put > 0);
		CHECK_EQ(errno, EAGAIN);
		usleep(100000);
	} while (poll(&wait_for, 1, 0));
	while (got < sent) {
		ssize_t part = read(fds[1], bytes, sizeof(bytes));

		CHECK(part > 0);
		for (ssize_t i = 0; i < part; i++)
			if (bytes[i] != pattern(got + (size_t)i))
				check_fail("bytes are what was sent", __FILE__, __LINE__);
		got += (size_t)part;
	}
	CHECK_EQ(poll(&wait_for, 1, 3000), 1);
}

/* Single bytes that nobody reads must not cost a thousand times as much. */
TEST(many_bytes_one_at_a_time)
{
	int fds[2], on = 1;
	size_t sent = 0;

	connect_pair(fds);
	CHECK_EQ(setsockopt(fds[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
	CHECK_EQ(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	for (; sent < 60000; sent++) {
		uint8_t byte = pattern(sent);

		if (write(fds[0], &byte, 1) != 1)
			break;
	}
	CHECK(sent > 1000);
	close(fds[0]);
	CHECK_EQ(read_all(fds[1], 65536), sent);
}

static long long free_bytes(struct sysinfo *info)
{
	CHECK_EQ(sysinfo(info), 0);
	return (long long)(info->freeram + info->bufferram) * info->mem_unit;
}

/* What nobody reads ends at a part of the machine's memory, each connection goes on, and memory comes back. */
TEST(many_readers_that_wait)
{
	enum { CONNECTIONS = 160 };
	static int fds[CONNECTIONS][2];
	static size_t sent[CONNECTIONS];
	static uint8_t bytes[65536];
	struct sysinfo info;
	long long before = free_bytes(&info), held;

	for (int i = 0; i < CONNECTIONS; i++) {
		connect_pair(fds[i]);
		CHECK_EQ(fcntl(fds[i][0], F_SETFL, O_NONBLOCK), 0);
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		ssize_t put;

		while ((put = write(fds[i][0], bytes, sizeof(bytes))) > 0)
			sent[i] += (size_t)put;
		CHECK_EQ(errno, EAGAIN);
		CHECK(sent[i] > 0);
	}
	held = before - free_bytes(&info);
	if (held > (long long)info.totalram * info.mem_unit / 4)
		CHECK_EQ(held, 0);
	for (int i = 0; i < CONNECTIONS; i++) {
		for (size_t got = 0; got < sent[i];) {
			ssize_t part = read(fds[i][1], bytes, sizeof(bytes));

			CHECK(part > 0);
			got += (size_t)part;
		}
		close(fds[i][0]);
		close(fds[i][1]);
	}
	for (int i = 0; before - free_bytes(&info) > 4 << 20; i++) {
		CHECK(i < 50);
		usleep(100000);
	}
}

int main(void)
{
	RUN(writes_of_all_sizes);
	RUN(many_pieces_of_a_list);
	RUN(memory_that_ends);
	RUN(memory_with_a_hole);
	RUN(a_reader_that_waits);
	RUN(many_bytes_one_at_a_time);
	RUN(many_readers_that_wait);
	return check_done();
}
