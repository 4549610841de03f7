/* SPDX-License-Identifier: MIT */
/*
 * While a driver sleeps in a method, nothing of the kernel's is held: other
 * descriptors and sets go on, also those that hold the device, and so do other
 * calls on the very file. Each test would never end if it were not so. TAP.
 */
#include "../user/check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/uio.h>

static int device, set, event, go;

static int add(int to, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(to, EPOLL_CTL_ADD, fd, &event);
}

static void *add_device(void *unused)
{
	add(set, device);
	return NULL;
}

static void *poll_device(void *unused)
{
	struct pollfd pollfd = { device, POLLIN, 0 };

	poll(&pollfd, 1, 0);
	return NULL;
}

static void *select_device(void *unused)
{
	struct timeval now = { 0, 0 };
	fd_set in;

	FD_ZERO(&in);
	FD_SET(device, &in);
	select(device + 1, &in, NULL, NULL, &now);
	return NULL;
}

static void *wait_for_device(void *unused)
{
	struct epoll_event event;

	epoll_wait(set, &event, 1, 0);
	return NULL;
}

static void *poll_set(void *unused)
{
	struct pollfd pollfd = { set, POLLIN, 0 };

	poll(&pollfd, 1, 0);
	return NULL;
}

static void *read_device(void *unused)
{
	char byte;
	read(device, &byte, 1);
	return NULL;
}
static void *write_device(void *unused)
{
	write(device, "x", 1);
	return NULL;
}

static void *readv_device(void *unused)
{
	char byte;
	struct iovec iovec = { &byte, 1 };

	readv(device, &iovec, 1);
	return NULL;
}

static void wait_for_sleeper(void)
{
	char byte;
	CHECK_EQ(read(go, &byte, 1), 0);
}
static void let_go(void)
{
	CHECK_EQ(write(go, "x", 1), 1);
}

static void prepare(void)
{
	device = open("/dev/sleepy", O_RDWR);
	go = open("/dev/sleepy.go", O_RDWR);
	set = epoll_create1(0);
	event = eventfd(1, 0);
	CHECK(device >= 0 && go >= 0);
}

static void other_sets(void)
{
	struct epoll_event e;
	struct pollfd pollfd = { event, POLLIN, 0 };
	int other = epoll_create1(0), outer = epoll_create1(0);

	CHECK_EQ(add(other, event), 0);
	CHECK_EQ(epoll_wait(other, &e, 1, 0), 1);
	CHECK_EQ(add(outer, other), 0);
	CHECK_EQ(epoll_wait(outer, &e, 1, 0), 1);
	CHECK_EQ(poll(&pollfd, 1, 0), 1);
	close(other);
	close(outer);
}

/* The set that holds the device, or is about to. */
static void same_set(void)
{
	struct epoll_event e;

	CHECK_EQ(add(set, event), 0);
	CHECK_EQ(epoll_ctl(set, EPOLL_CTL_DEL, device, NULL), 0);
	CHECK_EQ(epoll_wait(set, &e, 1, -1), 1);
	CHECK_EQ(e.data.fd, event);
}

static void same_file(void)
{
	CHECK_EQ(lseek(device, 0, SEEK_SET), 0);
	CHECK_EQ(fcntl(device, F_SETFL, O_NONBLOCK), 0);
	close(open("/dev/sleepy", O_RDWR));
}

static void while_it_sleeps(void *(*call)(void *), void (*others)(void))
{
	pthread_t thread;

	CHECK(!pthread_create(&thread, NULL, call, NULL));
	wait_for_sleeper();
	other_sets();
	same_file();
	others();
	let_go();
	pthread_join(thread, NULL);
}

static void nothing(void)
{
}

TEST(adding_to_a_set)
{
	prepare();
	while_it_sleeps(add_device, same_set);
}

TEST(poll_and_select)
{
	prepare();
	while_it_sleeps(poll_device, nothing);
	while_it_sleeps(select_device, nothing);
}

static void prepare_set(void)
{
	prepare();
	while_it_sleeps(add_device, nothing);
}

TEST(waiting_for_a_set)
{
	prepare_set();
	while_it_sleeps(wait_for_device, same_set);
}

TEST(polling_a_set)
{
	prepare_set();
	while_it_sleeps(poll_set, same_set);
}

TEST(reading_and_writing)
{
	prepare();
	while_it_sleeps(read_device, nothing);
	while_it_sleeps(write_device, nothing);
	while_it_sleeps(readv_device, nothing);
}

/* The set and the device are closed while a process that has both sleeps in there. */
TEST(closed_meanwhile)
{
	pid_t pid;

	prepare();
	pid = fork();
	if (!pid)
		_exit(add(set, device) != 0);
	wait_for_sleeper();
	close(set);
	close(device);
	other_sets();
	let_go();
	CHECK_EQ(wait_status(pid), 0);
}

TEST(removed_by_another_thread)
{
	pthread_t thread;

	prepare();
	CHECK(!pthread_create(&thread, NULL, add_device, NULL));
	wait_for_sleeper();
	CHECK_EQ(epoll_ctl(set, EPOLL_CTL_DEL, device, NULL), 0);
	close(device);
	let_go();
	pthread_join(thread, NULL);
	CHECK_EQ(add(set, event), 0);
}

int main(void)
{
	RUN(adding_to_a_set);
	RUN(poll_and_select);
	RUN(waiting_for_a_set);
	RUN(polling_a_set);
	RUN(reading_and_writing);
	RUN(closed_meanwhile);
	RUN(removed_by_another_thread);
	return check_done();
}
