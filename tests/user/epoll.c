/* SPDX-License-Identifier: MIT */
/* epoll: which files it takes, sets in sets, edges, one-shots, exclusive waiters, and that nothing stays ready. */
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
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#ifndef EPOLLEXCLUSIVE
#define EPOLLEXCLUSIVE (1u << 28)
#endif
#define SETS 8

static int ctl(int set, int op, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return epoll_ctl(set, op, fd, &event);
}

static int add(int set, int fd, uint32_t events)
{
	return ctl(set, EPOLL_CTL_ADD, fd, events);
}

static int new_set(void)
{
	int set = epoll_create1(0);

	CHECK(set >= 0);
	return set;
}

/* What one descriptor in a set is told, or 0 within @ms. */
static uint32_t wait_one(int set, int ms)
{
	struct epoll_event event = { 0 };

	if (epoll_wait(set, &event, 1, ms) == 1)
		return event.events;
	return 0;
}

static int poll_one(int fd, int events, int ms)
{
	struct pollfd pollfd = { fd, events, 0 };

	if (poll(&pollfd, 1, ms) < 0)
		return -1;
	return pollfd.revents;
}

/* ---- which files ---- */

static int takes(const char *path, int flags)
{
	int set = new_set(), fd = open(path, flags, 0600), err;

	if (fd < 0) {
		printf("# %s: %s\n", path, strerror(errno));
		return -1;
	}
	if (add(set, fd, EPOLLIN))
		err = errno;
	else
		err = 0;
	close(fd);
	close(set);
	return err;
}

TEST(files_that_never_wait_are_refused)
{
	CHECK_EQ(takes("/dev/null", O_RDWR), EPERM);
	CHECK_EQ(takes("/dev/zero", O_RDWR), EPERM);
	CHECK_EQ(takes("/dev/full", O_RDWR), EPERM);
	CHECK_EQ(takes("/dev/urandom", O_RDONLY), EPERM);
	CHECK_EQ(takes("/", O_RDONLY), EPERM);
	CHECK_EQ(takes("/proc", O_RDONLY), EPERM);
	CHECK_EQ(takes("epoll-file", O_RDWR | O_CREAT), EPERM);
	CHECK_EQ(takes("/proc/self/status", O_RDONLY), EPERM);
	CHECK_EQ(takes("/proc/self/maps", O_RDONLY), EPERM);
	/* They are ready for poll() all the same. */
	CHECK_EQ(poll_one(open("/dev/null", O_RDWR), POLLIN | POLLOUT, 0), POLLIN | POLLOUT);
	CHECK_EQ(poll_one(open("epoll-file", O_RDWR), POLLIN | POLLOUT, 0), POLLIN | POLLOUT);
}

TEST(files_that_can_wait_are_taken)
{
	CHECK_EQ(takes("/dev/random", O_RDONLY), 0);
	CHECK_EQ(takes("/dev/ptmx", O_RDWR | O_NOCTTY), 0);
	CHECK_EQ(takes("/proc/mounts", O_RDONLY), 0);
	CHECK_EQ(takes("/proc/self/mountinfo", O_RDONLY), 0);
	CHECK_EQ(takes("/proc/meminfo", O_RDONLY), 0);
	CHECK_EQ(takes("/proc/sys/kernel/hostname", O_RDONLY), 0);
	CHECK_EQ(takes("/proc/sys/kernel/pid_max", O_RDONLY), 0);
}

static void changed_once(int fd, void (*change)(void))
{
	int set = new_set();

	CHECK_EQ(poll_one(fd, POLLPRI, 0), 0);
	CHECK_EQ(add(set, fd, EPOLLPRI), 0);
	CHECK_EQ(wait_one(set, 0), 0);
	change();
	CHECK_EQ(wait_one(set, 1000), EPOLLPRI | EPOLLERR);
	CHECK_EQ(wait_one(set, 0), 0);
	CHECK_EQ(poll_one(fd, POLLPRI, 0), 0);
	change();
	CHECK_EQ(poll_one(fd, POLLPRI, 0), POLLPRI | POLLERR);
	CHECK_EQ(poll_one(fd, POLLPRI, 0), 0);
}

static void remount(void)
{
	CHECK_EQ(mount("none", "epoll-mount", "tmpfs", 0, ""), 0);
	CHECK_EQ(umount("epoll-mount"), 0);
}

static void rename_host(void)
{
	struct utsname names;

	uname(&names);
	CHECK_EQ(sethostname(names.nodename, strlen(names.nodename)), 0);
}

TEST(changes_are_told_once)
{
	if (geteuid())
		return;
	mkdir("epoll-mount", 0700);
	changed_once(open("/proc/self/mounts", O_RDONLY), remount);
	changed_once(open("/proc/self/mountinfo", O_RDONLY), remount);
	changed_once(open("/proc/sys/kernel/hostname", O_RDONLY), rename_host);
	rmdir("epoll-mount");
}

TEST(wrong_arguments)
{
	int set = new_set(), ends[2], file = open("epoll-file", O_RDWR | O_CREAT, 0600);
	struct epoll_event event = { .events = EPOLLIN };

	pipe(ends);
	CHECK_ERR(add(set, set, EPOLLIN), EINVAL);
	CHECK_ERR(add(ends[0], ends[1], EPOLLIN), EINVAL);
	CHECK_ERR(add(ends[0], file, EPOLLIN), EPERM);
	CHECK_ERR(add(set, 999, EPOLLIN), EBADF);
	CHECK_ERR(add(999, ends[0], EPOLLIN), EBADF);
	CHECK_ERR(epoll_ctl(set, 4, ends[0], &event), EINVAL);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_ADD, ends[0], NULL), EFAULT);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_MOD, ends[0], &event), ENOENT);
	CHECK_ERR(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL), ENOENT);
	CHECK_ERR(epoll_wait(set, &event, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_wait, set, &event, -1, 0), EINVAL);
	CHECK_ERR(epoll_wait(ends[0], &event, 1, 0), EINVAL);
	CHECK_ERR(epoll_wait(999, &event, 1, 0), EBADF);
	CHECK_EQ(add(set, ends[0], EPOLLIN), 0);
	CHECK_EQ(epoll_ctl(set, EPOLL_CTL_DEL, ends[0], NULL), 0);
}

/* ---- sets in sets ---- */

TEST(chains_of_sets_end_at_five)
{
	int ends[2], set[7];

	pipe(ends);
	for (int i = 0; i < 7; i++)
		set[i] = new_set();
	CHECK_EQ(add(set[0], ends[0], EPOLLIN), 0);
	for (int i = 1; i < 5; i++)
		CHECK_EQ(add(set[i], set[i - 1], EPOLLIN), 0);
	CHECK_ERR(add(set[5], set[4], EPOLLIN), ELOOP);
	CHECK_EQ(add(set[6], set[5], EPOLLIN), 0);
	/* From the middle out, too. */
	CHECK_EQ(add(set[6], set[3], EPOLLIN), 0);
	CHECK_ERR(add(set[5], set[3], EPOLLIN), ELOOP);
	CHECK_EQ(wait_one(set[4], 0), 0);
	write(ends[1], "x", 1);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(wait_one(set[i], 1000), EPOLLIN);
		CHECK_EQ(poll_one(set[i], POLLIN, 0), POLLIN);
	}
	close(set[2]);
	CHECK_EQ(wait_one(set[4], 0), 0);
}

TEST(rings_of_sets_are_refused)
{
	int first = new_set(), second = new_set(), third = new_set();

	CHECK_EQ(add(first, second, EPOLLIN), 0);
	CHECK_ERR(add(second, first, EPOLLIN), ELOOP);
	CHECK_EQ(add(second, third, EPOLLIN), 0);
	CHECK_ERR(add(third, first, EPOLLIN), ELOOP);
	CHECK_EQ(ctl(first, EPOLL_CTL_DEL, second, 0), 0);
	CHECK_EQ(add(third, first, EPOLLIN), 0);
	CHECK_ERR(add(first, second, EPOLLIN), ELOOP);
}

/* Wake-ups do not multiply without bound. */
TEST(ways_through_sets_are_counted)
{
	struct rlimit many = { 2000, 2000 };
	int ends[2], inner = new_set(), err = 0, count;

	setrlimit(RLIMIT_NOFILE, &many);
	pipe(ends);
	CHECK_EQ(add(inner, ends[0], EPOLLIN), 0);
	for (count = 0; count < 600 && !err; count++) {
		if (add(new_set(), inner, EPOLLIN))
			err = errno;
		else
			err = 0;
	}
	CHECK_EQ(err, EINVAL);
	CHECK_EQ(count, 501);
	/* Also the other way: a file into a set that many hold. */
	CHECK_ERR(add(inner, ends[0], EPOLLIN), EEXIST);
	count = new_set();
	CHECK_EQ(add(count, ends[1], EPOLLOUT), 0);
	CHECK_EQ(add(inner, ends[1], EPOLLOUT), 0);
}

/* ---- nothing stays ready ---- */

TEST(a_set_is_ready_while_something_in_it_is)
{
	int ends[2], set = new_set(), outer = new_set();
	char byte;

	pipe(ends);
	CHECK_EQ(add(set, ends[0], EPOLLIN), 0);
	CHECK_EQ(add(outer, set, EPOLLIN), 0);
	CHECK_EQ(poll_one(set, POLLIN, 0), 0);
	write(ends[1], "x", 1);
	CHECK_EQ(poll_one(set, POLLIN, 1000), POLLIN);
	CHECK_EQ(wait_one(set, 0), EPOLLIN);
	CHECK_EQ(poll_one(set, POLLIN, 0), POLLIN);
	CHECK_EQ(read(ends[0], &byte, 1), 1);
	CHECK_EQ(poll_one(set, POLLIN, 0), 0);
	CHECK_EQ(poll_one(outer, POLLIN, 0), 0);
	CHECK_EQ(wait_one(outer, 0), 0);
	/* Without epoll_wait() in between. */
	write(ends[1], "x", 1);
	CHECK_EQ(wait_one(outer, 1000), EPOLLIN);
	read(ends[0], &byte, 1);
	CHECK_EQ(wait_one(outer, 0), 0);
	CHECK_EQ(poll_one(outer, POLLIN, 0), 0);
	/* Removed, closed. */
	write(ends[1], "x", 1);
	CHECK_EQ(poll_one(outer, POLLIN, 1000), POLLIN);
	CHECK_EQ(ctl(set, EPOLL_CTL_DEL, ends[0], 0), 0);
	CHECK_EQ(poll_one(outer, POLLIN, 0), 0);
	CHECK_EQ(add(set, ends[0], EPOLLIN), 0);
	CHECK_EQ(poll_one(outer, POLLIN, 1000), POLLIN);
	close(ends[0]);
	CHECK_EQ(poll_one(outer, POLLIN, 0), 0);
	CHECK_EQ(wait_one(set, 0), 0);
}

TEST(an_edge_is_told_once)
{
	int ends[2], set = new_set();

	pipe(ends);
	CHECK_EQ(add(set, ends[0], EPOLLIN | EPOLLET), 0);
	write(ends[1], "x", 1);
	CHECK_EQ(poll_one(set, POLLIN, 1000), POLLIN);
	CHECK_EQ(wait_one(set, 0), EPOLLIN);
	CHECK_EQ(wait_one(set, 0), 0);
	CHECK_EQ(poll_one(set, POLLIN, 0), 0);
	write(ends[1], "x", 1);
	CHECK_EQ(wait_one(set, 1000), EPOLLIN);
	CHECK_EQ(ctl(set, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLET), 0);
	CHECK_EQ(wait_one(set, 0), EPOLLIN);
	CHECK_EQ(wait_one(set, 0), 0);
}

TEST(a_one_shot_is_told_once)
{
	int ends[2], set = new_set();

	pipe(ends);
	CHECK_EQ(add(set, ends[0], EPOLLIN | EPOLLONESHOT), 0);
	write(ends[1], "x", 1);
	CHECK_EQ(wait_one(set, 1000), EPOLLIN);
	write(ends[1], "x", 1);
	CHECK_EQ(wait_one(set, 0), 0);
	close(ends[1]); /* not even this, while it is disarmed */
	CHECK_EQ(wait_one(set, 0), 0);
	CHECK_EQ(poll_one(set, POLLIN, 0), 0);
	CHECK_EQ(ctl(set, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT), 0);
	CHECK_EQ(wait_one(set, 0), EPOLLIN | EPOLLHUP);
	CHECK_EQ(wait_one(set, 0), 0);
}

TEST(what_could_not_be_copied_comes_again)
{
	int ends[2], set = new_set();

	pipe(ends);
	CHECK_EQ(add(set, ends[0], EPOLLIN | EPOLLONESHOT), 0);
	write(ends[1], "x", 1);
	CHECK_ERR(syscall(SYS_epoll_wait, set, 8, 1, 1000), EFAULT);
	CHECK_EQ(wait_one(set, 0), EPOLLIN);
}

TEST(errors_are_told_without_asking)
{
	int ends[2], set = new_set();

	pipe(ends);
	CHECK_EQ(add(set, ends[0], 0), 0);
	write(ends[1], "x", 1);
	CHECK_EQ(wait_one(set, 0), 0);
	close(ends[1]);
	CHECK_EQ(wait_one(set, 1000), EPOLLHUP);
}

TEST(duplicates_keep_a_closed_descriptor_in_the_set)
{
	struct epoll_event event;
	int ends[2], set = new_set(), copy;

	pipe(ends);
	CHECK_EQ(add(set, ends[0], EPOLLIN), 0);
	copy = dup(ends[0]);
	CHECK_EQ(add(set, copy, EPOLLIN), 0);
	close(ends[0]);
	write(ends[1], "x", 1);
	CHECK_EQ(epoll_wait(set, &event, 1, 1000), 1);
	CHECK_ERR(ctl(set, EPOLL_CTL_DEL, ends[0], 0), EBADF);
	close(copy);
	CHECK_EQ(epoll_wait(set, &event, 1, 0), 0);
}

TEST(each_gets_its_turn)
{
	struct epoll_event event[SETS];
	int ev[SETS], set = new_set(), seen = 0;

	for (int i = 0; i < SETS; i++) {
		ev[i] = eventfd(1, 0);
		struct epoll_event want = { .events = EPOLLIN, .data.u64 = i };
		CHECK_EQ(epoll_ctl(set, EPOLL_CTL_ADD, ev[i], &want), 0);
	}
	for (int i = 0; i < SETS; i++) {
		CHECK_EQ(epoll_wait(set, event, 1, 0), 1);
		seen |= 1 << event[0].data.u64;
	}
	CHECK_EQ(seen, (1 << SETS) - 1);
	CHECK_EQ(epoll_wait(set, event, SETS, 0), SETS);
}

/* ---- exclusive waiters ---- */

TEST(exclusive_asks_for_what_makes_sense)
{
	int ends[2], set = new_set(), other = new_set();

	pipe(ends);
	CHECK_ERR(add(set, other, EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
	CHECK_ERR(add(set, ends[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT), EINVAL);
	CHECK_ERR(add(set, ends[0], EPOLLPRI | EPOLLEXCLUSIVE), EINVAL);
	CHECK_EQ(add(set, ends[0],
		     EPOLLIN | EPOLLET | EPOLLEXCLUSIVE | EPOLLERR | EPOLLHUP | EPOLLWAKEUP),
		 0);
	CHECK_ERR(ctl(set, EPOLL_CTL_MOD, ends[0], EPOLLIN), EINVAL);
	CHECK_EQ(ctl(set, EPOLL_CTL_DEL, ends[0], 0), 0);
	CHECK_EQ(add(set, ends[0], EPOLLIN), 0);
	CHECK_ERR(ctl(set, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLEXCLUSIVE), EINVAL);
	CHECK_EQ(ctl(set, EPOLL_CTL_MOD, ends[0], EPOLLIN), 0);
}

/* How many of four sets on one pipe report it, when nobody reads. */
static int woken(uint32_t flag, int shared_set)
{
	int ends[2], said[2], shared = new_set(), count = 0;
	char byte;

	pipe(ends);
	pipe2(said, O_NONBLOCK);
	if (shared_set)
		CHECK_EQ(add(shared, ends[0], EPOLLIN | flag), 0);
	for (int i = 0; i < 4; i++)
		if (!fork()) {
			int set = shared_set ? shared : new_set();

			if (!shared_set)
				CHECK_EQ(add(set, ends[0], EPOLLIN | flag), 0);
			write(said[1], "r", 1);
			if (wait_one(set, 300))
				write(said[1], "w", 1);
			_exit(0);
		}
	for (count = 0; count < 4;)
		count += read(said[0], &byte, 1) == 1;
	pause_ms(50);
	write(ends[1], "x", 1);
	while (wait(NULL) > 0)
		;
	for (count = 0; read(said[0], &byte, 1) == 1; count++)
		;
	return count;
}

TEST(exclusive_wakes_one)
{
	CHECK_EQ(woken(0, 0), 4);
	CHECK_EQ(woken(EPOLLEXCLUSIVE, 0), 1);
}

TEST(an_edge_wakes_one_of_those_who_share_a_set)
{
	CHECK_EQ(woken(EPOLLET, 1), 1);
	CHECK_EQ(woken(EPOLLONESHOT, 1), 1);
	CHECK_EQ(woken(0, 1), 4);
}

/* ---- waiting ---- */

static void nothing(int sig)
{
}

TEST(waiting_with_a_limit_in_nanoseconds)
{
	struct epoll_event event;
	struct timespec time = { 0, 20000000 }, bad = { 0, 1000000000 };
	int set = new_set();
	sigset_t mask;
	long start = now_ms();

	sigemptyset(&mask);
	sigaddset(&mask, SIGALRM);
	CHECK_EQ(syscall(SYS_epoll_pwait2, set, &event, 1, &time, NULL, 8), 0);
	CHECK(now_ms() - start >= 20);
	CHECK_ERR(syscall(SYS_epoll_pwait2, set, &event, 1, &bad, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_epoll_pwait2, set, &event, 1, &time, &mask, 4), EINVAL);
	signal(SIGALRM, nothing);
	ualarm(10000, 0);
	CHECK_EQ(syscall(SYS_epoll_pwait2, set, &event, 1, &time, &mask, 8), 0);
	ualarm(10000, 0);
	CHECK_ERR(epoll_wait(set, &event, 1, -1), EINTR);
}

TEST(watches_are_limited)
{
	const char *path = "/proc/sys/fs/epoll/max_user_watches";
	int ends[2], set = new_set(), fd = open(path, O_RDWR);
	char old[32];
	ssize_t length;

	if (geteuid())
		return;
	CHECK(fd >= 0);
	length = read(fd, old, sizeof(old));
	CHECK(length > 1 && atol(old) > 1000);
	pipe(ends);
	CHECK_EQ(pwrite(fd, "1", 1, 0), 1);
	CHECK_EQ(add(set, ends[0], EPOLLIN), 0);
	CHECK_ERR(add(set, ends[1], EPOLLIN), ENOSPC);
	CHECK_EQ(ctl(set, EPOLL_CTL_DEL, ends[0], 0), 0);
	CHECK_EQ(add(set, ends[1], EPOLLIN), 0);
	CHECK_EQ(pwrite(fd, old, length, 0), length);
}

TEST(fdinfo_tells_what_is_in_a_set)
{
	char path[64], text[512] = "", want[64];
	int ends[2], set = new_set(), fd;

	pipe(ends);
	CHECK_EQ(add(set, ends[0], EPOLLIN), 0);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", set);
	fd = open(path, O_RDONLY);
	CHECK(read(fd, text, sizeof(text) - 1) > 0);
	snprintf(want, sizeof(want), "tfd: %8d events: %8x data: ", ends[0],
		 EPOLLIN | EPOLLERR | EPOLLHUP);
	CHECK(strstr(text, want));
}

/* ---- several at once ---- */

static int shared_set, ends[2];
static volatile bool over;

static void *change_items(void *unused)
{
	while (!over) {
		int fd = dup(ends[0]);

		add(shared_set, fd, EPOLLIN);
		ctl(shared_set, EPOLL_CTL_MOD, fd, EPOLLIN | EPOLLET);
		if (fd & 1)
			ctl(shared_set, EPOLL_CTL_DEL, fd, 0);
		close(fd);
	}
	return NULL;
}

static void *change_sets(void *unused)
{
	while (!over) {
		int outer = epoll_create1(0);

		add(outer, shared_set, EPOLLIN);
		wait_one(outer, 0);
		close(outer);
	}
	return NULL;
}

static void *wait_for_items(void *unused)
{
	struct epoll_event event[4];

	while (!over)
		epoll_wait(shared_set, event, 4, 1);
	return NULL;
}

TEST(threads_that_change_one_set)
{
	void *(*const what[])(void *) = { change_items, change_items, change_sets, wait_for_items,
					  wait_for_items };
	pthread_t thread[5];

	shared_set = new_set();
	pipe(ends);
	write(ends[1], "x", 1);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, what[i], NULL), 0);
	pause_ms(250);
	over = true;
	for (int i = 0; i < 5; i++)
		pthread_join(thread[i], NULL);
	close(ends[0]);
	CHECK_EQ(wait_one(shared_set, 0), 0);
}

/* Each one-shot event goes to one thread, and none gets lost. */
#define ROUNDS 2000
static int events_got;

static void *take_events(void *arg)
{
	struct epoll_event event;
	uint64_t number;

	while (__atomic_load_n(&events_got, __ATOMIC_SEQ_CST) < ROUNDS) {
		if (epoll_wait(shared_set, &event, 1, 20) != 1)
			continue;
		if (read(ends[0], &number, 8) != 8)
			CHECK(!"an event without a cause");
		__atomic_fetch_add(&events_got, 1, __ATOMIC_SEQ_CST);
		ctl(shared_set, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT);
	}
	return NULL;
}

TEST(one_shots_go_to_one_thread)
{
	pthread_t thread[3];
	uint64_t one = 1;

	shared_set = new_set();
	ends[0] = eventfd(0, EFD_NONBLOCK | EFD_SEMAPHORE);
	CHECK_EQ(add(shared_set, ends[0], EPOLLIN | EPOLLONESHOT), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, take_events, NULL), 0);
	for (int i = 0; i < ROUNDS; i++)
		CHECK_EQ(write(ends[0], &one, 8), 8);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	CHECK_EQ(events_got, ROUNDS);
}

int main(void)
{
	chdir("/tmp");
	RUN(files_that_never_wait_are_refused);
	RUN(files_that_can_wait_are_taken);
	RUN(changes_are_told_once);
	RUN(wrong_arguments);
	RUN(chains_of_sets_end_at_five);
	RUN(rings_of_sets_are_refused);
	RUN(ways_through_sets_are_counted);
	RUN(a_set_is_ready_while_something_in_it_is);
	RUN(an_edge_is_told_once);
	RUN(a_one_shot_is_told_once);
	RUN(what_could_not_be_copied_comes_again);
	RUN(errors_are_told_without_asking);
	RUN(duplicates_keep_a_closed_descriptor_in_the_set);
	RUN(each_gets_its_turn);
	RUN(exclusive_asks_for_what_makes_sense);
	RUN(exclusive_wakes_one);
	RUN(an_edge_wakes_one_of_those_who_share_a_set);
	RUN(waiting_with_a_limit_in_nanoseconds);
	RUN(watches_are_limited);
	RUN(fdinfo_tells_what_is_in_a_set);
	RUN(threads_that_change_one_set);
	RUN(one_shots_go_to_one_thread);
	return check_done();
}
