/* SPDX-License-Identifier: MIT */
/* Pipes, fifos, poll, select, epoll, eventfd. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

static int ends[2];

static int poll_one(int fd, int events, int ms)
{
	struct pollfd pollfd = { fd, events, 0 };

	if (poll(&pollfd, 1, ms) < 0)
		return -1;
	return pollfd.revents;
}

TEST(order_and_ends)
{
	char buf[10];

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(write(ends[1], "abc", 3), 3);
	CHECK_EQ(write(ends[1], "def", 3), 3);
	CHECK_EQ(read(ends[0], buf, 10), 6);
	CHECK(!memcmp(buf, "abcdef", 6));
	CHECK_EQ(write(ends[1], "x", 1), 1);
	close(ends[1]);
	CHECK_EQ(read(ends[0], buf, 10), 1);
	CHECK_EQ(read(ends[0], buf, 10), 0);
}

TEST(writing_without_readers)
{
	pipe(ends);
	close(ends[0]);
	CHECK_EQ(wait_status(CHILD(write(ends[1], "x", 1))), SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(ends[1], "x", 1), EPIPE);
}

TEST(nonblocking)
{
	static char big[70000];
	char byte;
	int count, total = 0;

	CHECK_EQ(pipe2(ends, O_NONBLOCK), 0);
	CHECK_ERR(read(ends[0], &byte, 1), EAGAIN);
	while ((count = write(ends[1], big, sizeof(big))) > 0)
		total += count;
	CHECK_ERR(write(ends[1], big, 1), EAGAIN);
	CHECK_EQ(total, 65536);
	CHECK_EQ(ioctl(ends[0], FIONREAD, &count), 0);
	CHECK_EQ(count, 65536);
	CHECK_EQ(poll_one(ends[1], POLLOUT, 0), 0);
	read(ends[0], big, 4096);
	CHECK_EQ(poll_one(ends[1], POLLOUT, 0), POLLOUT);
}

TEST(small_writes_are_atomic)
{
	char buf[512];
	int status;

	pipe(ends);
	for (int writer = 0; writer < 4; writer++)
		if (!fork()) {
			memset(buf, 'a' + writer, sizeof(buf));
			for (int i = 0; i < 200; i++)
				CHECK_EQ(write(ends[1], buf, sizeof(buf)), sizeof(buf));
			_exit(0);
		}
	close(ends[1]);
	for (int i = 0; i < 800; i++) {
		size_t got = 0;

		while (got < sizeof(buf)) {
			ssize_t length = read(ends[0], buf + got, sizeof(buf) - got);

			CHECK(length > 0);
			got += length;
		}
		for (size_t round = 1; round < sizeof(buf); round++)
			CHECK(buf[round] == buf[0]);
	}
	CHECK_EQ(read(ends[0], buf, 1), 0);
	for (int writer = 0; writer < 4; writer++) {
		CHECK(wait(&status) > 0);
		CHECK_EQ(status, 0);
	}
}

TEST(a_blocked_writer_goes_on)
{
	static char big[200000];
	size_t got = 0;
	ssize_t length;

	pipe(ends);
	if (!fork()) {
		close(ends[0]);
		_exit(write(ends[1], big, sizeof(big)) != sizeof(big));
	}
	close(ends[1]);
	pause_ms(30);
	while ((length = read(ends[0], big, 7777)) > 0)
		got += length;
	CHECK_EQ(got, sizeof(big));
	CHECK_EQ(({
			 int s;
			 wait(&s);
			 s;
		 }),
		 0);
}

/* Bytes that tell their place, through a pipe that stays full while it is read in odd steps. */
static void through_a_full_pipe(int grow_at)
{
	static unsigned char out[200000], input[200000];
	size_t wrote = 0, got = 0;
	ssize_t length;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = i / 256 * 7 + i;
	CHECK_EQ(pipe2(ends, O_NONBLOCK), 0);
	for (int step = 0; got < sizeof(input); step++) {
		while (wrote < sizeof(out)) {
			size_t most = sizeof(out) - wrote < 500 ? sizeof(out) - wrote : 500;

			length = write(ends[1], out + wrote, most);
			if (length < 0)
				break;
			wrote += length;
		}
		if (step == grow_at)
			CHECK_EQ(fcntl(ends[0], F_SETPIPE_SZ, 131072), 131072);
		length = read(ends[0], input + got,
			      sizeof(input) - got < 700 ? sizeof(input) - got : 700);
		CHECK(length > 0);
		got += length;
	}
	CHECK(!memcmp(input, out, sizeof(input)));
	close(ends[0]);
	close(ends[1]);
}

TEST(full_pipes_keep_their_order)
{
	through_a_full_pipe(-1);
}

TEST(full_pipes_grow)
{
	for (int offset = 0; offset < 20; offset++)
		through_a_full_pipe(offset);
}

TEST(pipe_flags)
{
	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	CHECK_EQ(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
	CHECK_ERR(pipe2(ends, 0x40000000), EINVAL);
	CHECK_EQ(fcntl(ends[1], F_GETPIPE_SZ), 65536);
	CHECK_ERR(read(ends[1], ends, 1), EBADF);
	CHECK_ERR(write(ends[0], ends, 1), EBADF);
}

TEST(fifos)
{
	char byte;
	int fd, result;

	unlink("fifo");
	CHECK_EQ(mkfifo("fifo", 0600), 0);
	CHECK_ERR(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	result = open("fifo", O_RDONLY | O_NONBLOCK);
	CHECK(result >= 0);
	CHECK_EQ(read(result, &byte, 1), 0);
	fd = open("fifo", O_WRONLY);
	CHECK_EQ(write(fd, "q", 1), 1);
	CHECK_EQ(read(result, &byte, 1), 1);
	CHECK_ERR(read(result, &byte, 1), EAGAIN);
	close(fd);
	close(result);
	if (!fork()) {
		fd = open("fifo", O_WRONLY);
		write(fd, "z", 1);
		_exit(0);
	}
	result = open("fifo", O_RDONLY);
	CHECK_EQ(read(result, &byte, 1), 1);
	CHECK_EQ(byte, 'z');
}

/* Whoever comes second lets the first go on, even if it has left again by the time the first runs. */
TEST(fifo_ends_that_come_and_go)
{
	char byte;

	unlink("fifo");
	CHECK_EQ(mkfifo("fifo", 0600), 0);
	for (int i = 0; i < 200; i++) {
		int fd;
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (!pid) {
			fd = open("fifo", O_RDONLY);
			_exit(fd < 0 || read(fd, &byte, 1) != 1);
		}
		fd = open("fifo", O_WRONLY);
		CHECK_EQ(write(fd, "x", 1), 1);
		close(fd);
		CHECK_EQ(waitpid(pid, &fd, 0), pid);
		CHECK_EQ(fd, 0);
	}
	unlink("fifo");
}

TEST(writers_of_earlier_days_are_no_hangup)
{
	int first, second, writer;

	unlink("ff");
	CHECK_EQ(mkfifo("ff", 0600), 0);
	first = open("ff", O_RDONLY | O_NONBLOCK);
	CHECK_EQ(poll_one(first, POLLIN, 0), 0);
	close(open("ff", O_WRONLY));
	CHECK_EQ(poll_one(first, POLLIN, 0), POLLHUP);
	second = open("ff", O_RDONLY | O_NONBLOCK);
	CHECK_EQ(poll_one(second, POLLIN, 0), 0);
	CHECK_EQ(poll_one(first, POLLIN, 0), POLLHUP);
	writer = open("ff", O_WRONLY);
	CHECK_EQ(poll_one(first, POLLIN, 0), 0);
	close(writer);
	CHECK_EQ(poll_one(second, POLLIN, 0), POLLHUP);
	unlink("ff");
}

TEST(poll_tells_and_waits)
{
	struct pollfd pollfd[2];
	long start;

	pipe(ends);
	CHECK_EQ(poll_one(ends[0], POLLIN, 0), 0);
	CHECK_EQ(poll_one(ends[1], POLLOUT, 0), POLLOUT);
	CHECK_EQ(poll_one(999, POLLIN, 0), POLLNVAL);
	CHECK_EQ(poll_one(-1, POLLIN, 0), 0);
	start = now_ms();
	CHECK_EQ(poll_one(ends[0], POLLIN, 60), 0);
	CHECK(now_ms() - start >= 59);
	if (!fork()) {
		pause_ms(50);
		write(ends[1], "x", 1);
		_exit(0);
	}
	CHECK_EQ(poll_one(ends[0], POLLIN, 5000), POLLIN);
	pollfd[0] = (struct pollfd){ ends[0], POLLIN, 0 };
	pollfd[1] = (struct pollfd){ ends[1], POLLOUT, 0 };
	CHECK_EQ(poll(pollfd, 2, -1), 2);
	read(ends[0], &start, 1);
	close(ends[1]);
	CHECK_EQ(poll_one(ends[0], POLLIN, -1), POLLHUP);
	pipe(ends);
	close(ends[0]);
	CHECK_EQ(poll_one(ends[1], POLLOUT, -1), POLLOUT | POLLERR);
	CHECK_EQ(poll_one(open(".", O_RDONLY), POLLIN | POLLOUT, 0), POLLIN | POLLOUT);
}

TEST(select_tells_and_waits)
{
	struct timeval timeval = { 0, 50000 };
	fd_set readable, writable;
	long start = now_ms();

	pipe(ends);
	FD_ZERO(&readable);
	FD_ZERO(&writable);
	FD_SET(ends[0], &readable);
	CHECK_EQ(select(ends[1] + 1, &readable, NULL, NULL, &timeval), 0);
	CHECK(now_ms() - start >= 49);
	CHECK_EQ(FD_ISSET(ends[0], &readable), 0);
	FD_SET(ends[0], &readable);
	FD_SET(ends[1], &writable);
	CHECK_EQ(select(ends[1] + 1, &readable, &writable, NULL, NULL), 1);
	CHECK(!FD_ISSET(ends[0], &readable) && FD_ISSET(ends[1], &writable));
	write(ends[1], "x", 1);
	FD_SET(ends[0], &readable);
	CHECK_EQ(select(ends[1] + 1, &readable, &writable, NULL, NULL), 2);
	FD_ZERO(&readable);
	FD_SET(40, &readable);
	CHECK_ERR(select(41, &readable, NULL, NULL, NULL), EBADF);
	CHECK_ERR(select(-1, NULL, NULL, NULL, NULL), EINVAL);
}

TEST(epoll_levels_and_edges)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 77 }, got[4];
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	pipe(ends);
	CHECK(epoll >= 0);
	CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), 0);
	CHECK_ERR(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), EEXIST);
	CHECK_EQ(epoll_wait(epoll, got, 4, 0), 0);
	write(ends[1], "x", 1);
	CHECK_EQ(epoll_wait(epoll, got, 4, 1000), 1);
	CHECK_EQ(got[0].data.u64, 77);
	CHECK_EQ(epoll_wait(epoll, got, 4, 0), 1);
	event.events = EPOLLIN | EPOLLET;
	CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &event), 0);
	CHECK_EQ(epoll_wait(epoll, got, 4, 0), 1);
	CHECK_EQ(epoll_wait(epoll, got, 4, 0), 0);
	write(ends[1], "y", 1);
	CHECK_EQ(epoll_wait(epoll, got, 4, 0), 1);
	event.events = EPOLLIN | EPOLLONESHOT;
	CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_MOD, ends[0], &event), 0);
	CHECK_EQ(epoll_wait(epoll, got, 4, 0), 1);
	CHECK_EQ(epoll_wait(epoll, got, 4, 0), 0);
	CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_DEL, ends[0], &event), 0);
	CHECK_ERR(epoll_ctl(epoll, EPOLL_CTL_DEL, ends[0], &event), ENOENT);
	CHECK_ERR(epoll_ctl(epoll, EPOLL_CTL_ADD, open("ef", O_RDWR | O_CREAT, 0600), &event),
		  EPERM);
	CHECK_ERR(epoll_ctl(epoll, EPOLL_CTL_ADD, epoll, &event), EINVAL);
	CHECK_ERR(epoll_wait(epoll, got, 0, 0), EINVAL);
	close(ends[1]);
	event.events = 0;
	CHECK_EQ(epoll_ctl(epoll, EPOLL_CTL_ADD, ends[0], &event), 0);
	CHECK_EQ(epoll_wait(epoll, got, 4, 1000), 1);
	CHECK_EQ(got[0].events, EPOLLHUP);
}

TEST(event_descriptors)
{
	uint64_t number = 5;
	int fd = eventfd(3, EFD_NONBLOCK);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, &number, 8), 8);
	CHECK_EQ(read(fd, &number, 8), 8);
	CHECK_EQ(number, 8);
	CHECK_ERR(read(fd, &number, 8), EAGAIN);
	CHECK_ERR(read(fd, &number, 4), EINVAL);
	fd = eventfd(2, EFD_SEMAPHORE);
	CHECK_EQ(read(fd, &number, 8), 8);
	CHECK_EQ(number, 1);
	number = -1ull;
	CHECK_ERR(write(fd, &number, 8), EINVAL);
}

/* The last two ends go at the same moment on two processors, if there are two. */
TEST(both_ends_close_at_once)
{
	for (int i = 0; i < 60; i++) {
		volatile int *go =
			mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		pid_t pid;

		CHECK(go != MAP_FAILED);
		CHECK_EQ(pipe(ends), 0);
		pid = fork();
		CHECK(pid >= 0);
		if (!pid) {
			close(ends[1]);
			__atomic_add_fetch(go, 1, __ATOMIC_SEQ_CST);
			while (*go < 2)
				sched_yield();
			close(ends[0]);
			_exit(0);
		}
		close(ends[0]);
		__atomic_add_fetch(go, 1, __ATOMIC_SEQ_CST);
		while (*go < 2)
			sched_yield();
		close(ends[1]);
		CHECK_EQ(waitpid(pid, NULL, 0), pid);
		munmap((void *)go, 4096);
	}
}

static int open_again(int fd, int flags)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags);
}

TEST(files_without_names_opened_again_through_proc)
{
	char buf[4];
	int fd;

	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(write(ends[1], "ab", 2), 2);
	fd = open_again(ends[0], O_RDONLY);
	CHECK(fd >= 0);
	CHECK_EQ(read(fd, buf, 4), 2);
	close(fd);
	fd = open_again(ends[0], O_WRONLY | O_NONBLOCK);
	CHECK_EQ(write(fd, "c", 1), 1);
	close(ends[1]);
	CHECK_EQ(read(ends[0], buf, 4), 1);
	close(fd);
	CHECK_EQ(read(ends[0], buf, 4), 0);
	CHECK_ERR(open_again(eventfd(0, 0), O_RDWR), ENXIO);
	CHECK_ERR(open_again(epoll_create1(0), O_RDWR), ENXIO);
}

/* ---- the last words of a writer ---- */

#define LAST_WORDS_S 1
static int round_to_write, wrong_ends;

static void *say_and_close(void *unused)
{
	for (int i = 1, now;; i++) {
		while ((now = __atomic_load_n(&round_to_write, __ATOMIC_ACQUIRE)) != i)
			if (now < 0)
				return NULL;
			else
				sched_yield();
		write(ends[1], "x", 1);
		close(ends[1]);
	}
}

static void hear_last_word(bool by_poll)
{
	char byte;

	if (by_poll) {
		int events;

		while (!((events = poll_one(ends[0], POLLIN, 0)) & POLLHUP))
			sched_yield();
		wrong_ends += !(events & POLLIN);
	}
	wrong_ends += read(ends[0], &byte, 1) != 1;
	wrong_ends += read(ends[0], &byte, 1) != 0; /* only then it has closed */
	close(ends[0]);
}

/*
 * read() and poll() begin before the byte is there, and look when the writer has gone. How
 * often that can be tried depends on how many processors the host has left.
 */
TEST(the_last_words_of_a_writer_are_read)
{
	struct timespec start, now;
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, say_and_close, NULL), 0);
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		CHECK_EQ(pipe(ends), 0);
		__atomic_fetch_add(&round_to_write, 1, __ATOMIC_RELEASE);
		hear_last_word(round_to_write % 2);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec <= LAST_WORDS_S);
	__atomic_store_n(&round_to_write, -1, __ATOMIC_RELEASE);
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK_EQ(wrong_ends, 0);
}

int main(void)
{
	RUN(order_and_ends);
	RUN(writing_without_readers);
	RUN(nonblocking);
	RUN(small_writes_are_atomic);
	RUN(a_blocked_writer_goes_on);
	RUN(full_pipes_keep_their_order);
	RUN(full_pipes_grow);
	RUN(pipe_flags);
	RUN(fifos);
	RUN(fifo_ends_that_come_and_go);
	RUN(writers_of_earlier_days_are_no_hangup);
	RUN(poll_tells_and_waits);
	RUN(select_tells_and_waits);
	RUN(epoll_levels_and_edges);
	RUN(event_descriptors);
	RUN(both_ends_close_at_once);
	RUN(the_last_words_of_a_writer_are_read);
	RUN(files_without_names_opened_again_through_proc);
	return check_done();
}
