/* SPDX-License-Identifier: MIT */
/* splice, tee, vmsplice and sendfile: between pipes, files, devices and memory. */
#include "check.h"
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>

#define BIG 300000

static char pattern[BIG], got[BIG];
static int from[2], into[2];

static void make_pipes(void)
{
	CHECK_EQ(pipe(from) | pipe(into), 0);
	for (int i = 0; i < BIG; i++)
		pattern[i] = (char)(i * 7 + i / 251);
}

static int make_file(const char *name, int flags, size_t len)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | flags, 0600);

	CHECK(fd >= 0);
	CHECK_EQ(pwrite(fd, pattern, len, 0), (long)len);
	return fd;
}

static void read_all(int fd, char *buf, size_t len)
{
	for (size_t count = 0; count < len;) {
		ssize_t result = read(fd, buf + count, len - count);

		CHECK(result > 0);
		count += (size_t)result;
	}
}

static void check_content(int fd, size_t len)
{
	CHECK_EQ(pread(fd, got, sizeof(got), 0), (long)len);
	CHECK(!memcmp(got, pattern, len));
}

static int waiting(int fd)
{
	int count = -1;

	ioctl(fd, 0x541b, &count);
	return count;
}

static void nothing(int sig)
{
}

/* An alarm that interrupts calls. */
static void interrupt_soon(void)
{
	struct sigaction action = { .sa_handler = nothing };
	struct itimerval itimerval = { .it_value = { 0, 100000 }, .it_interval = { 0, 100000 } };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &itimerval, NULL);
}

TEST(wrong_arguments)
{
	int file, appended, dir = open(".", O_RDONLY), set = epoll_create1(0);
	loff_t offset = 0, *volatile nowhere = (void *)8;

	make_pipes();
	file = make_file("a", 0, 100);
	appended = open("a", O_WRONLY | O_APPEND);
	CHECK_EQ(splice(-1, NULL, -1, NULL, 0, 0xff), 0);
	CHECK_ERR(splice(-1, NULL, -1, NULL, 1, 0x10), EINVAL);
	CHECK_ERR(splice(-1, NULL, from[1], NULL, 1, 0), EBADF);
	CHECK_ERR(splice(file, NULL, 999, NULL, 1, 0), EBADF);
	CHECK_ERR(splice(file, NULL, from[0], NULL, 1, 0), EBADF);
	CHECK_ERR(splice(from[1], NULL, file, NULL, 1, 0), EBADF);
	CHECK_ERR(splice(file, NULL, file, NULL, 1, 0), EINVAL);
	CHECK_ERR(splice(from[0], NULL, from[1], NULL, 1, 0), EINVAL);
	CHECK_ERR(splice(from[0], &offset, file, NULL, 1, 0), ESPIPE);
	CHECK_ERR(splice(file, NULL, from[1], &offset, 1, 0), ESPIPE);
	CHECK_ERR(splice(from[0], &offset, into[1], NULL, 1, 0), ESPIPE);
	CHECK_ERR(splice(file, nowhere, from[1], NULL, 1, 0), EFAULT);
	CHECK_ERR(splice(dir, NULL, from[1], NULL, 1, 0), EINVAL);
	CHECK_ERR(splice(set, NULL, from[1], NULL, 1, 0), EINVAL);
	offset = -1;
	CHECK_ERR(splice(file, &offset, from[1], NULL, 1, 0), EINVAL);
	offset = LLONG_MAX;
	CHECK_ERR(splice(file, &offset, from[1], NULL, 1, 0), EINVAL);
	CHECK_EQ(write(from[1], "x", 1), 1);
	CHECK_ERR(splice(from[0], NULL, appended, NULL, 1, 0), EINVAL);
	CHECK_ERR(splice(from[0], NULL, set, NULL, 1, 0), EINVAL);
	offset = -1;
	CHECK_ERR(splice(from[0], NULL, file, &offset, 1, 0), EINVAL);
	CHECK_ERR(splice(from[0], NULL, file, NULL, SIZE_MAX, 0), EINVAL);
	CHECK_EQ(waiting(from[0]), 1);
	CHECK_EQ(tee(-1, -1, 0, 0), 0);
	CHECK_ERR(tee(from[0], into[1], 0, 0x10), EINVAL);
	CHECK_ERR(tee(from[0], 999, 1, 0), EBADF);
	CHECK_ERR(tee(from[0], from[1], 1, 0), EINVAL);
	CHECK_ERR(tee(from[0], file, 1, 0), EINVAL);
	CHECK_ERR(tee(into[1], from[1], 1, 0), EBADF);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 0);
}

TEST(a_file_into_a_pipe)
{
	loff_t offset = 10;
	int file;

	make_pipes();
	file = make_file("a", 0, 20000);
	CHECK_EQ(splice(file, NULL, from[1], NULL, 5000, 0), 5000);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 5000);
	CHECK_EQ(splice(file, &offset, from[1], NULL, 7, SPLICE_F_MOVE | SPLICE_F_MORE), 7);
	CHECK_EQ(offset, 17);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 5000);
	read_all(from[0], got, 5007);
	CHECK(!memcmp(got, pattern, 5000) && !memcmp(got + 5000, pattern + 10, 7));
	CHECK_EQ(splice(file, NULL, from[1], NULL, 1 << 20, 0), 15000); /* to its end */
	CHECK_EQ(splice(file, NULL, from[1], NULL, 10, 0), 0);
	read_all(from[0], got, 15000);
	CHECK(!memcmp(got, pattern + 5000, 15000));
	/* as much as there is room for */
	file = make_file("b", 0, BIG);
	lseek(file, 0, SEEK_SET);
	CHECK_EQ(splice(file, NULL, from[1], NULL, BIG, 0), 65536);
	CHECK_ERR(splice(file, NULL, from[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 65536);
	read_all(from[0], got, 65536);
	CHECK(!memcmp(got, pattern, 65536));
}

TEST(a_pipe_into_a_file)
{
	loff_t offset = 4000;
	int file;

	make_pipes();
	file = make_file("a", 0, 0);
	CHECK_EQ(write(from[1], pattern, 9000), 9000);
	CHECK_EQ(splice(from[0], NULL, file, NULL, 4000, 0), 4000);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 4000);
	CHECK_EQ(splice(from[0], NULL, file, &offset, 1 << 20, 0), 5000);
	CHECK_EQ(offset, 9000);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 4000);
	check_content(file, 9000);
	CHECK_ERR(splice(from[0], NULL, file, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	fcntl(from[0], F_SETFL, O_NONBLOCK);
	CHECK_ERR(splice(from[0], NULL, file, NULL, 1, 0), EAGAIN);
	close(from[1]);
	CHECK_EQ(splice(from[0], NULL, file, NULL, 1, 0), 0);
}

/* Through pipes in pieces that are no pages, and back. */
static void copy_through(int source, int out, size_t piece)
{
	size_t total = 0;

	while (total < BIG) {
		ssize_t length = splice(source, NULL, from[1], NULL, piece, 0), m;

		CHECK(length > 0);
		for (ssize_t moved = 0; moved < length; moved += m)
			CHECK((m = splice(from[0], NULL, into[1], NULL, (size_t)(length - moved),
					  0)) > 0);
		for (ssize_t moved = 0; moved < length; moved += m)
			CHECK((m = splice(into[0], NULL, out, NULL, (size_t)(length - moved), 0)) >
			      0);
		total += (size_t)length;
	}
	CHECK_EQ(splice(source, NULL, from[1], NULL, piece, 0), 0);
}

TEST(through_pipes_and_back)
{
	static const size_t pieces[] = { 1000, 4096, 4097, 65536, 12345, 8192 };

	make_pipes();
	for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
		int source = make_file("in", 0, BIG), out = make_file("out", 0, 0);

		lseek(source, 0, SEEK_SET);
		copy_through(source, out, pieces[i]);
		check_content(out, BIG);
		/* Page borders no longer meet. */
		CHECK_EQ(write(into[1], "abc", 3), 3);
		CHECK_EQ(read(into[0], got, 3), 3);
	}
}

TEST(full_rings_keep_their_order)
{
	make_pipes();
	CHECK_EQ(write(from[1], pattern, 65536), 65536);
	read_all(from[0], got, 100);
	fcntl(from[1], F_SETFL, O_NONBLOCK);
	if (write(from[1], pattern + 65536, 100) < 0)
		return; /* Linux counts pages; here the newest share one with the oldest */
	CHECK_EQ(write(into[1], pattern, 100), 100);
	CHECK_EQ(tee(from[0], into[1], 1 << 20, 0), 65436);
	read_all(into[0], got, 65536);
	CHECK(!memcmp(got, pattern, 65536));
	CHECK_EQ(waiting(from[0]), 65536);
	CHECK_EQ(splice(from[0], NULL, into[1], NULL, 1 << 20, 0), 65536);
	CHECK_EQ(waiting(from[0]), 0);
	read_all(into[0], got, 65536);
	CHECK(!memcmp(got, pattern + 100, 65536));
}

TEST(tee_takes_nothing)
{
	make_pipes();
	CHECK_EQ(write(from[1], pattern, 10000), 10000);
	CHECK_EQ(tee(from[0], into[1], 5000, 0), 5000);
	CHECK_EQ(tee(from[0], into[1], 5000, 0), 5000); /* the same again */
	CHECK_EQ(waiting(from[0]), 10000);
	read_all(into[0], got, 10000);
	CHECK(!memcmp(got, pattern, 5000) && !memcmp(got + 5000, pattern, 5000));
	CHECK_EQ(splice(from[0], NULL, into[1], NULL, 10000, 0), 10000);
	read_all(into[0], got, 10000);
	CHECK(!memcmp(got, pattern, 10000));
	CHECK_ERR(tee(from[0], into[1], 1, SPLICE_F_NONBLOCK), EAGAIN);
	close(from[1]);
	CHECK_EQ(tee(from[0], into[1], 1, 0), 0);
}

TEST(without_readers)
{
	int file;

	make_pipes();
	file = make_file("a", 0, 100);
	signal(SIGPIPE, SIG_IGN);
	CHECK_EQ(write(from[1], "abc", 3), 3);
	close(into[0]);
	CHECK_ERR(splice(from[0], NULL, into[1], NULL, 3, 0), EPIPE);
	CHECK_ERR(tee(from[0], into[1], 3, 0), EPIPE);
	CHECK_ERR(splice(file, NULL, into[1], NULL, 3, 0), EPIPE);
	CHECK_ERR(vmsplice(into[1], &(struct iovec){ pattern, 3 }, 1, 0), EPIPE);
	CHECK_ERR(sendfile(into[1], file, NULL, 3), EPIPE);
	CHECK_EQ(waiting(from[0]), 3);
	signal(SIGPIPE, SIG_DFL);
	CHECK_EQ(wait_status(CHILD((splice(file, NULL, into[1], NULL, 3, 0), 0))), SIGPIPE);
}

TEST(waits_for_the_other_side)
{
	int file;
	pid_t pid;

	make_pipes();
	file = make_file("a", 0, 0);
	pid = fork();
	if (!pid) {
		pause_ms(100);
		write(from[1], "later", 5);
		pause_ms(100);
		read_all(into[0], got, 65536);
		_exit(0);
	}
	CHECK_EQ(splice(from[0], NULL, file, NULL, 100, 0), 5);
	CHECK_EQ(write(into[1], pattern, 65536), 65536);
	lseek(file, 0, SEEK_SET);
	CHECK_EQ(splice(file, NULL, into[1], NULL, 100, 0), 5);
	CHECK_EQ(wait_status(pid), 0);
}

TEST(signals_interrupt)
{
	int file;

	make_pipes();
	file = make_file("a", 0, 100);
	interrupt_soon();
	CHECK_ERR(splice(from[0], NULL, file, NULL, 1, 0), EINTR);
	CHECK_ERR(splice(from[0], NULL, into[1], NULL, 1, 0), EINTR);
	CHECK_ERR(tee(from[0], into[1], 1, 0), EINTR);
	CHECK_ERR(vmsplice(from[0], &(struct iovec){ got, 1 }, 1, 0), EINTR);
	fcntl(from[1], F_SETFL, O_NONBLOCK);
	while (write(from[1], pattern, 4096) > 0)
		;
	fcntl(from[1], F_SETFL, 0);
	lseek(file, 0, SEEK_SET);
	CHECK_ERR(splice(file, NULL, from[1], NULL, 1, 0), EINTR);
	CHECK_ERR(sendfile(from[1], file, NULL, 1), EINTR);
	CHECK_ERR(vmsplice(from[1], &(struct iovec){ pattern, 1 }, 1, 0), EINTR);
	CHECK_EQ(waiting(from[0]), 65536);
}

/* What the target does not take stays. */
TEST(nothing_is_lost)
{
	struct rlimit limit = { 1000, 1000 };
	int file;

	make_pipes();
	file = make_file("a", 0, 0);
	signal(SIGXFSZ, SIG_IGN);
	CHECK_EQ(write(from[1], pattern, 30000), 30000);
	CHECK_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
	CHECK_EQ(splice(from[0], NULL, file, NULL, 30000, 0), 1000);
	CHECK_ERR(splice(from[0], NULL, file, NULL, 30000, 0), EFBIG);
	CHECK_EQ(waiting(from[0]), 29000);
	read_all(from[0], got, 29000);
	CHECK(!memcmp(got, pattern + 1000, 29000));
	check_content(file, 1000);
	CHECK_EQ(write(from[1], pattern, 10), 10);
	file = open("/dev/full", O_WRONLY);
	if (file >= 0) {
		CHECK(splice(from[0], NULL, file, NULL, 10, 0) < 0);
		CHECK_EQ(waiting(from[0]), 10);
	}
}

TEST(devices)
{
	int null = open("/dev/null", O_RDWR);

	make_pipes();
	CHECK_EQ(write(from[1], pattern, 30000), 30000);
	CHECK_EQ(splice(from[0], NULL, null, NULL, 1 << 20, SPLICE_F_MOVE), 30000);
	CHECK_EQ(waiting(from[0]), 0);
	CHECK(open("/dev/urandom", O_RDONLY) >= 0);
	CHECK(splice(open("/dev/urandom", O_RDONLY), NULL, from[1], NULL, 100, 0) > 0);
}

TEST(a_terminal_gives_lines_and_takes_what_fits)
{
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), slave;
	char name[32];
	loff_t offset = 0;
	int count = 0, zero = 0;

	CHECK(master >= 0);
	ioctl(master, 0x40045431, &zero); /* TIOCSPTLCK */
	CHECK_EQ(ioctl(master, 0x80045430, &count), 0);
	sprintf(name, "/dev/pts/%d", count);
	CHECK((slave = open(name, O_RDWR | O_NOCTTY | O_NONBLOCK)) >= 0);
	make_pipes();
	CHECK_EQ(write(master, "one\ntwo\n", 8), 8);
	CHECK_EQ(splice(slave, NULL, from[1], NULL, 100, 0), 4);
	CHECK_EQ(splice(slave, NULL, from[1], NULL, 100, 0), 4);
	CHECK_ERR(splice(slave, NULL, from[1], NULL, 100, 0), EAGAIN);
	CHECK_ERR(splice(slave, &offset, from[1], NULL, 1, 0), EINVAL);
	CHECK_EQ(read(from[0], got, 100), 8);
	CHECK(!memcmp(got, "one\ntwo\n", 8));
	/* Fill it: what did not fit comes out of the pipe. */
	memset(pattern, 'x', 65536);
	CHECK_EQ(write(from[1], pattern, 65536), 65536);
	count = splice(from[0], NULL, slave, NULL, 65536, 0);
	CHECK(count > 0);
	CHECK_EQ(waiting(from[0]), 65536 - count);
}

TEST(memory_into_a_pipe_and_back)
{
	struct iovec parts[3] = { { pattern, 10 }, { NULL, 0 }, { pattern + 10, 5000 } };
	struct iovec whole = { pattern, 100000 }, back[2] = { { got, 7 }, { got + 7, 100000 } };
	long count;

	make_pipes();
	CHECK_EQ(vmsplice(from[1], parts, 3, 0), 5010);
	CHECK_EQ(vmsplice(from[0], back, 2, 0), 5010);
	CHECK(!memcmp(got, pattern, 5010));
	count = vmsplice(from[1], &whole, 1, 0);
	CHECK(count > 60000 && count <= 65536); /* what fits */
	CHECK_ERR(vmsplice(from[1], &whole, 1, SPLICE_F_NONBLOCK), EAGAIN);
	read_all(from[0], got, (size_t)count);
	CHECK(!memcmp(got, pattern, (size_t)count));
	CHECK_ERR(vmsplice(from[0], back, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(vmsplice(from[1], parts, 0, 0), 0);
	CHECK_ERR(vmsplice(from[1], parts, 1025, 0), EINVAL);
	CHECK_ERR(vmsplice(from[1], parts, 1, 0x10), EINVAL);
	CHECK_ERR(vmsplice(-1, parts, 1, 0), EBADF);
	CHECK_ERR(vmsplice(make_file("a", 0, 0), parts, 1, 0), EBADF);
	parts[0].iov_base = (void *)8;
	CHECK_ERR(vmsplice(from[1], parts, 1, 0), EFAULT);
	close(from[1]);
	CHECK_EQ(vmsplice(from[0], back, 1, 0), 0);
}

TEST(sendfile_as_before_and_into_pipes)
{
	off_t offset = 100;
	int file, out, dir = open(".", O_RDONLY);

	make_pipes();
	file = make_file("a", 0, 50000);
	out = make_file("b", 0, 0);
	lseek(file, 0, SEEK_SET);
	CHECK_EQ(sendfile(out, file, NULL, 100000), 50000);
	check_content(out, 50000);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 50000);
	CHECK_EQ(sendfile(out, file, NULL, 1), 0);
	CHECK_EQ(sendfile(from[1], file, &offset, 1000), 1000);
	CHECK_EQ(offset, 1100);
	CHECK_EQ(lseek(file, 0, SEEK_CUR), 50000);
	read_all(from[0], got, 1000);
	CHECK(!memcmp(got, pattern + 100, 1000));
	CHECK_ERR(sendfile(out, from[0], NULL, 1), EINVAL);
	CHECK_ERR(sendfile(out, from[0], &offset, 1), ESPIPE);
	CHECK_ERR(sendfile(into[1], from[0], NULL, 1), EINVAL);
	CHECK_ERR(sendfile(open("b", O_WRONLY | O_APPEND), file, &offset, 1), EINVAL);
	CHECK_ERR(sendfile(out, dir, NULL, 1), EINVAL);
	CHECK_ERR(sendfile(from[0], file, NULL, 1), EBADF);
	CHECK_ERR(sendfile(out, open("a", O_WRONLY), NULL, 1), EBADF);
	CHECK_ERR(sendfile(999, file, NULL, 1), EBADF);
	offset = -1;
	CHECK_ERR(sendfile(out, file, &offset, 1), EINVAL);
	fcntl(from[1], F_SETFL, O_NONBLOCK);
	offset = 0;
	while (sendfile(from[1], file, &offset, 50000) > 0)
		offset = 0;
	CHECK_EQ(errno, EAGAIN);
	CHECK(waiting(from[0]) > 60000);
}

/* Readers and those who splice from one pipe: each byte goes to one of them. */
TEST(many_at_one_pipe)
{
	int null = open("/dev/null", O_WRONLY), counts[2];
	long total = 0, count;

	make_pipes();
	CHECK_EQ(pipe(counts), 0);
	for (int i = 0; i < 4; i++)
		if (!fork()) {
			close(from[1]);
			close(into[0]);
			do {
				if (i & 1)
					count = read(from[0], got, 5000);
				else if (i & 2)
					count = splice(from[0], NULL, into[1], NULL, 7000, 0);
				else
					count = splice(from[0], NULL, null, NULL, 6000, 0);
				total += count > 0 ? count : 0;
			} while (count > 0);
			write(counts[1], &total, sizeof(total));
			_exit(0);
		}
	if (!fork()) { /* what the one above moves on */
		close(from[1]);
		close(into[1]);
		while (read(into[0], got, 3000) > 0)
			;
		_exit(0);
	}
	for (int i = 0; i < 100; i++)
		CHECK_EQ(write(from[1], pattern, 30000), 30000);
	close(from[1]);
	close(into[1]);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(read(counts[0], &count, sizeof(count)), sizeof(count));
		total += count;
	}
	CHECK_EQ(total, 3000000);
}

int main(void)
{
	char dir[] = "/tmp/splice-XXXXXX";

	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	RUN(wrong_arguments);
	RUN(a_file_into_a_pipe);
	RUN(a_pipe_into_a_file);
	RUN(through_pipes_and_back);
	RUN(full_rings_keep_their_order);
	RUN(tee_takes_nothing);
	RUN(without_readers);
	RUN(waits_for_the_other_side);
	RUN(signals_interrupt);
	RUN(nothing_is_lost);
	RUN(devices);
	RUN(a_terminal_gives_lines_and_takes_what_fits);
	RUN(memory_into_a_pipe_and_back);
	RUN(sendfile_as_before_and_into_pipes);
	RUN(many_at_one_pipe);
	return check_done();
}
