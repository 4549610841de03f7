/* SPDX-License-Identifier: MIT */
/* timerfd_create(): timers as something to read and to wait for. */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>

#define SECOND_NS     1000000000ll
#define MS_NS	      1000000ll
#define SET_TICKS     _IOW('T', 0, uint64_t)
#define CANCEL_ON_SET 2

static void *volatile unreadable = (void *)16; /* which the compiler does not know */

static int timer_on(int clock)
{
	int fd = timerfd_create(clock, TFD_NONBLOCK);

	CHECK(fd >= 0);
	return fd;
}

static struct itimerspec setting(long long value_ns, long long interval_ns)
{
	return (struct itimerspec){ { interval_ns / SECOND_NS, interval_ns % SECOND_NS },
				    { value_ns / SECOND_NS, value_ns % SECOND_NS } };
}

static int set_ns(int fd, int flags, long long value_ns, long long interval_ns)
{
	struct itimerspec new = setting(value_ns, interval_ns);

	return timerfd_settime(fd, flags, &new, NULL);
}

static long long clock_ns(int clock)
{
	struct timespec time;

	CHECK_EQ(clock_gettime(clock, &time), 0);
	return time.tv_sec * SECOND_NS + time.tv_nsec;
}

static long long ticks_of(int fd)
{
	uint64_t ticks;

	if (read(fd, &ticks, sizeof(ticks)) != sizeof(ticks))
		return -errno;
	return (long long)ticks;
}

static int poll_one(int fd, int ms)
{
	struct pollfd pollfd = { fd, POLLIN | POLLRDNORM | POLLOUT | POLLPRI, 0 };

	if (poll(&pollfd, 1, ms) < 0)
		return -1;
	return pollfd.revents;
}

TEST(refusals)
{
	struct itimerspec new = setting(0, 0);
	int null = open("/dev/null", O_RDONLY), fd;
	char text[16];

	CHECK_ERR(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	CHECK_ERR(timerfd_create(CLOCK_TAI, 0), EINVAL);
	CHECK_ERR(timerfd_create(CLOCK_MONOTONIC_RAW, 0), EINVAL);
	CHECK_ERR(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
	CHECK_ERR(timerfd_create(-1, 0), EINVAL);
	fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	CHECK_ERR(read(fd, text, 7), EINVAL);
	CHECK_ERR(read(fd, text, 16), EAGAIN);
	CHECK_ERR(write(fd, text, 8), EINVAL);
	CHECK_ERR(pread(fd, text, 8, 0), ESPIPE);
	CHECK_ERR(syscall(SYS_timerfd_settime, 99, 0, NULL, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_timerfd_settime, 99, 0, 16, NULL), EFAULT);
	CHECK_ERR(timerfd_settime(99, 0, &new, NULL), EBADF);
	CHECK_ERR(timerfd_settime(null, 0, &new, NULL), EINVAL);
	CHECK_ERR(timerfd_settime(99, 4, &new, NULL), EINVAL);
	new.it_value.tv_nsec = SECOND_NS;
	CHECK_ERR(timerfd_settime(99, 0, &new, NULL), EINVAL);
	new.it_value = (struct timespec){ -1, 0 };
	CHECK_ERR(timerfd_settime(fd, 0, &new, NULL), EINVAL);
	new = setting(0, 0);
	new.it_interval.tv_nsec = -1;
	CHECK_ERR(timerfd_settime(fd, 0, &new, NULL), EINVAL);
	CHECK_ERR(timerfd_gettime(99, &new), EBADF);
	CHECK_ERR(timerfd_gettime(null, &new), EINVAL);
	CHECK_ERR(syscall(SYS_timerfd_gettime, fd, 16), EFAULT);
	CHECK_ERR(syscall(SYS_timerfd_gettime, 99, 16), EBADF);
	CHECK_ERR(ioctl(fd, 0x5401, text), ENOTTY);
	/* the alarm clocks are for those who may wake the machine up */
	CHECK(timerfd_create(CLOCK_REALTIME_ALARM, 0) >= 0);
	fd = timerfd_create(CLOCK_BOOTTIME_ALARM, 0);
	CHECK_EQ(setuid(1000), 0);
	CHECK_ERR(timerfd_create(CLOCK_REALTIME_ALARM, 0), EPERM);
	new = setting(0, 0);
	CHECK_ERR(timerfd_settime(fd, 0, &new, NULL), EPERM);
	CHECK_EQ(timerfd_gettime(fd, &new), 0);
}

TEST(expiries_are_counted_on_each_clock)
{
	static const int clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME,
				      CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM };

	for (unsigned i = 0; i < sizeof(clocks) / sizeof(*clocks); i++) {
		int fd = timer_on(clocks[i]);
		long long began = clock_ns(clocks[i]), ticks;

		CHECK_EQ(set_ns(fd, 0, 20 * MS_NS, 0), 0);
		CHECK_EQ(poll_one(fd, 0), 0);
		CHECK_EQ(poll_one(fd, 5000), POLLIN);
		CHECK(clock_ns(clocks[i]) - began >= 20 * MS_NS);
		CHECK_EQ(ticks_of(fd), 1);
		CHECK_EQ(ticks_of(fd), -EAGAIN);
		CHECK_EQ(set_ns(fd, TFD_TIMER_ABSTIME, clock_ns(clocks[i]) + 10 * MS_NS,
				10 * MS_NS),
			 0);
		pause_ms(55);
		ticks = ticks_of(fd);
		CHECK(ticks >= 4 && ticks < 1000);
		CHECK_EQ(poll_one(fd, 5000), POLLIN); /* it continues */
		close(fd);
	}
}

TEST(a_time_in_the_past_expires_at_once)
{
	int fd = timer_on(CLOCK_REALTIME);
	long long ticks, wanted = clock_ns(CLOCK_REALTIME) / SECOND_NS;

	CHECK_EQ(set_ns(fd, TFD_TIMER_ABSTIME, 1, 0), 0);
	CHECK_EQ(poll_one(fd, 5000), POLLIN);
	CHECK_EQ(ticks_of(fd), 1);
	CHECK_EQ(set_ns(fd, TFD_TIMER_ABSTIME, SECOND_NS, SECOND_NS), 0);
	CHECK_EQ(poll_one(fd, 5000), POLLIN);
	ticks = ticks_of(fd);
	CHECK(ticks >= wanted && ticks <= wanted + 10);
}

TEST(what_is_left)
{
	int fd = timer_on(CLOCK_MONOTONIC);
	struct itimerspec now, new = setting(500 * SECOND_NS, 7 * SECOND_NS + 5), old;

	CHECK_EQ(timerfd_gettime(fd, &now), 0);
	CHECK_EQ(now.it_value.tv_sec + now.it_value.tv_nsec + now.it_interval.tv_sec, 0);
	CHECK_EQ(timerfd_settime(fd, 0, &new, &old), 0);
	CHECK_EQ(old.it_value.tv_sec + old.it_interval.tv_nsec, 0);
	CHECK_EQ(timerfd_gettime(fd, &now), 0);
	CHECK(now.it_value.tv_sec >= 490 && now.it_value.tv_sec < 500);
	CHECK_EQ(now.it_interval.tv_sec, 7);
	CHECK_EQ(now.it_interval.tv_nsec, 5);
	new = setting(0, 3 * SECOND_NS);
	CHECK_EQ(timerfd_settime(fd, 0, &new, &old), 0);
	CHECK(old.it_value.tv_sec >= 490 && old.it_interval.tv_sec == 7);
	CHECK_EQ(timerfd_gettime(fd, &now), 0); /* off, and the interval is kept */
	CHECK_EQ(now.it_value.tv_sec + now.it_value.tv_nsec, 0);
	CHECK_EQ(now.it_interval.tv_sec, 3);
	CHECK_ERR(syscall(SYS_timerfd_settime, fd, 0, &new, 16), EFAULT);
	/* expired once: nothing is left; with an interval the next period counts, and the ticks stay */
	CHECK_EQ(set_ns(fd, 0, 1, 0), 0);
	CHECK_EQ(poll_one(fd, 5000), POLLIN);
	CHECK_EQ(timerfd_gettime(fd, &now), 0);
	CHECK_EQ(now.it_value.tv_sec + now.it_value.tv_nsec, 0);
	CHECK_EQ(set_ns(fd, 0, 1, 100 * SECOND_NS), 0);
	CHECK_EQ(poll_one(fd, 5000), POLLIN);
	CHECK_EQ(timerfd_gettime(fd, &now), 0);
	CHECK(now.it_value.tv_sec >= 90);
	CHECK_EQ(ticks_of(fd), 1);
	/* a new setting discards the ticks of the old one */
	CHECK_EQ(set_ns(fd, 0, 1, 0), 0);
	CHECK_EQ(poll_one(fd, 5000), POLLIN);
	CHECK_EQ(set_ns(fd, 0, 0, 0), 0);
	CHECK_EQ(poll_one(fd, 0), 0);
	CHECK_EQ(ticks_of(fd), -EAGAIN);
	new = (struct itimerspec){ { 0, 0 }, { 0x7fffffffffffffff, 999999999 } };
	CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &new, NULL), 0);
	CHECK_EQ(poll_one(fd, 0), 0);
}

static void on_alarm(int sig)
{
	(void)sig;
}

static void *waits(void *arg)
{
	int fd = *(int *)arg;
	struct epoll_event event;
	int set = epoll_create1(0);

	event = (struct epoll_event){ .events = EPOLLIN | EPOLLET, .data.fd = fd };
	CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event), 0);
	CHECK_EQ(epoll_wait(set, &event, 1, 10000), 1);
	CHECK_EQ(event.events, EPOLLIN);
	CHECK_EQ(epoll_wait(set, &event, 1, 0), 0);
	return NULL;
}

TEST(waiting)
{
	struct sigaction action = { .sa_handler = on_alarm };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0), other = dup(fd);
	pthread_t thread;
	uint64_t ticks;

	CHECK_EQ(set_ns(fd, 0, 30 * MS_NS, 0), 0);
	CHECK_EQ(read(fd, &ticks, sizeof(ticks)), 8);
	CHECK_EQ(ticks, 1);
	sigaction(SIGALRM, &action, NULL);
	ualarm(20000, 0);
	CHECK_ERR(read(fd, &ticks, sizeof(ticks)), EINTR);
	CHECK_EQ(set_ns(fd, 0, 100 * MS_NS, 0), 0);
	CHECK_EQ(pthread_create(&thread, NULL, waits, &other), 0);
	close(fd); /* the copy has the timer as well */
	pthread_join(thread, NULL);
	CHECK_ERR(read(other, unreadable, 8), EFAULT); /* and the expiry is lost, as on Linux */
	fcntl(other, F_SETFL, O_NONBLOCK);
	CHECK_EQ(ticks_of(other), -EAGAIN);
	/* a child shares the timer */
	CHECK_EQ(set_ns(other, 0, 1, 0), 0);
	CHECK_EQ(poll_one(other, 5000), POLLIN);
	CHECK_EQ(wait_status(CHILD(ticks_of(other) != 1)), 0);
	CHECK_EQ(poll_one(other, 0), 0);
}

TEST(a_program_is_told_that_the_clock_was_set)
{
	int told = timer_on(CLOCK_REALTIME), other = timer_on(CLOCK_REALTIME),
	    relative = timer_on(CLOCK_REALTIME), mono = timer_on(CLOCK_MONOTONIC);
	long long now = clock_ns(CLOCK_REALTIME), began = clock_ns(CLOCK_MONOTONIC);
	struct timespec later = { now / SECOND_NS + 1000, 0 };

	CHECK_EQ(set_ns(told, TFD_TIMER_ABSTIME | CANCEL_ON_SET, now + 5000 * SECOND_NS, 0), 0);
	CHECK_EQ(set_ns(other, TFD_TIMER_ABSTIME, now + 500 * SECOND_NS, 0), 0);
	CHECK_EQ(set_ns(relative, 0, 500 * SECOND_NS, 0), 0);
	CHECK_EQ(set_ns(mono, TFD_TIMER_ABSTIME | CANCEL_ON_SET, began + 500 * SECOND_NS, 0), 0);
	CHECK_EQ(clock_settime(CLOCK_REALTIME, &later), 0);
	CHECK_EQ(poll_one(told, 1000), POLLIN);
	CHECK_EQ(ticks_of(told), -ECANCELED);
	CHECK_EQ(ticks_of(told), -EAGAIN); /* once */
	CHECK_EQ(poll_one(told, 0), 0);
	CHECK_EQ(poll_one(other, 1000), POLLIN); /* its time has come */
	CHECK_EQ(ticks_of(other), 1);
	CHECK_EQ(poll_one(relative, 0), 0);
	CHECK_EQ(poll_one(mono, 0), 0);
	/* Setting it tells this, too, and sets the timer all the same */
	later.tv_sec += 1000;
	CHECK_EQ(clock_settime(CLOCK_REALTIME, &later), 0);
	now = later.tv_sec * SECOND_NS;
	CHECK_EQ(set_ns(told, TFD_TIMER_ABSTIME | CANCEL_ON_SET, now + 5000 * SECOND_NS, 0), -1);
	CHECK_EQ(errno, ECANCELED);
	CHECK_EQ(set_ns(told, TFD_TIMER_ABSTIME | CANCEL_ON_SET, now + 5000 * SECOND_NS, 0), 0);
	CHECK_EQ(ticks_of(told), -EAGAIN);
	later.tv_sec -= 2000;
	CHECK_EQ(clock_settime(CLOCK_REALTIME, &later), 0);
	CHECK_EQ(ticks_of(told), -ECANCELED);
}

TEST(restored_ticks_and_fdinfo)
{
	int fd = timer_on(CLOCK_MONOTONIC);
	uint64_t ticks = 0;
	char path[64], text[400], *line;
	ssize_t got;

	CHECK_ERR(ioctl(fd, SET_TICKS, &ticks), EINVAL);
	CHECK_ERR(ioctl(fd, SET_TICKS, 16), EFAULT);
	ticks = 42;
	CHECK_EQ(ioctl(fd, SET_TICKS, &ticks), 0);
	CHECK_EQ(poll_one(fd, 0), POLLIN);
	CHECK_EQ(set_ns(fd, TFD_TIMER_ABSTIME, clock_ns(CLOCK_MONOTONIC) + 900 * SECOND_NS,
			3 * SECOND_NS + 4),
		 0);
	CHECK_EQ(ioctl(fd, SET_TICKS, &ticks), 0);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	got = read(open(path, O_RDONLY), text, sizeof(text) - 1);
	CHECK(got > 0);
	text[got] = 0;
	line = strstr(text, "clockid: 1\nticks: 42\nsettime flags: 01\nit_value: (89");
	CHECK(line);
	CHECK(strstr(line, "\nit_interval: (3, 4)\n"));
	CHECK_EQ(ticks_of(fd), 42);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	got = readlink(path, text, sizeof(text));
	CHECK(got == 20 && !memcmp(text, "anon_inode:[timerfd]", 20));
}

int main(void)
{
	RUN(refusals);
	RUN(expiries_are_counted_on_each_clock);
	RUN(a_time_in_the_past_expires_at_once);
	RUN(what_is_left);
	RUN(waiting);
	RUN(a_program_is_told_that_the_clock_was_set);
	RUN(restored_ticks_and_fdinfo);
	return check_done();
}
