/* SPDX-License-Identifier: MIT */
/* What programs see of drivers/plain.c: defaults of methods, positions, numbers, flags. TAP. */
#include "../user/check.h"
#include "drivers/plain.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define FLAG_READ     1
#define FLAG_WRITE    2
#define FLAG_NONBLOCK 4
#define FLAG_APPEND   8

static int opened(const char *path, int flags)
{
	int fd = open(path, flags);

	CHECK(fd >= 0);
	return fd;
}

TEST(a_method_that_is_missing_has_its_default)
{
	int fd = opened("/dev/plain", O_RDWR);
	struct pollfd pollfd = { fd, POLLIN | POLLOUT, 0 };
	struct epoll_event event = { .events = EPOLLIN };
	char byte = 'x';

	CHECK_EQ(read(fd, &byte, 1), 0);
	CHECK_ERR(write(fd, &byte, 1), EINVAL);
	CHECK_ERR(ioctl(fd, 4711, &byte), ENOTTY);
	CHECK_ERR(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0), ENODEV);
	CHECK_EQ(poll(&pollfd, 1, 0), 1);
	CHECK_EQ(pollfd.revents, POLLIN | POLLOUT);
	CHECK_ERR(epoll_ctl(epoll_create1(0), EPOLL_CTL_ADD, fd, &event), EPERM);
	CHECK_ERR(lseek(fd, 0, SEEK_SET), ESPIPE);
	CHECK_EQ(close(fd), 0);
}

TEST(a_node_has_the_number_and_the_mode_that_its_driver_chose)
{
	struct stat st;

	CHECK_EQ(stat("/dev/plain", &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0640);
	CHECK_EQ(major(st.st_rdev), MAJOR_CHOSEN);
	CHECK_EQ(minor(st.st_rdev), MINOR_CHOSEN);
	CHECK_EQ(stat("/dev/plain_place", &st), 0);
	CHECK_EQ(st.st_mode & 07777, 0666);
}

static struct told told_by(int fd, size_t length)
{
	struct told told[8];

	CHECK_EQ(read(fd, told, length), sizeof(told[0]));
	return told[0];
}

TEST(a_position_moves_and_is_told)
{
	int fd = opened("/dev/plain_place", O_RDWR);
	struct told told;

	CHECK_EQ(told_by(fd, 64).offset, 0);
	told = told_by(fd, 100);
	CHECK_EQ(told.offset, sizeof(told));
	CHECK_EQ(told.length, 100);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 2 * sizeof(told));
	CHECK_EQ(lseek(fd, 1l << 40, SEEK_SET), 1l << 40);
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_EQ(lseek(fd, -1, SEEK_CUR), (1l << 40) + 2);
	told = told_by(fd, 64);
	CHECK_EQ(told.offset, (1l << 40) + 2);
	CHECK_EQ(told.writes_at, 1l << 40);
	CHECK_ERR(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERR(lseek(fd, 0, SEEK_END), EINVAL);
	CHECK_EQ(pread(fd, &told, sizeof(told), 777), sizeof(told));
	CHECK_EQ(told.offset, 777);
}

TEST(an_endless_device_stays_at_its_beginning)
{
	int fd = opened("/dev/plain_end", O_RDWR);

	CHECK_EQ(told_by(fd, 64).offset, 0);
	CHECK_EQ(told_by(fd, 64).offset, 0);
	CHECK_EQ(lseek(fd, 4711, SEEK_SET), 0);
	CHECK_EQ(lseek(fd, 4711, SEEK_END), 0);
}

TEST(methods_are_told_how_the_file_was_opened)
{
	int fd = opened("/dev/plain_place", O_RDONLY);

	CHECK_EQ(ioctl(fd, TELL_FLAGS, 0), FLAG_READ);
	CHECK_EQ(told_by(fd, 64).flags, FLAG_READ);
	CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	CHECK_EQ(told_by(fd, 64).flags, FLAG_READ | FLAG_NONBLOCK);
	fd = opened("/dev/plain_place", O_WRONLY);
	CHECK_EQ(ioctl(fd, TELL_FLAGS, 0), FLAG_WRITE);
	fd = opened("/dev/plain_place", O_RDWR | O_APPEND);
	CHECK_EQ(ioctl(fd, TELL_FLAGS, 0), FLAG_READ | FLAG_WRITE | FLAG_APPEND);
	CHECK_EQ(told_by(fd, 64).flags, FLAG_READ | FLAG_WRITE | FLAG_APPEND);
}

TEST(a_device_with_an_open_file_is_not_withdrawn)
{
	int fd = opened("/dev/plain_place", O_RDWR);

	CHECK_ERR(ioctl(fd, WITHDRAW, 0), EBUSY);
	CHECK_EQ(told_by(fd, 64).offset, 0);
}

TEST(a_poll_that_fails_is_an_error_of_the_file)
{
	struct pollfd pollfd = { opened("/dev/plain_bad", O_RDWR), POLLIN, 0 };

	CHECK_EQ(poll(&pollfd, 1, 0), 1);
	CHECK_EQ(pollfd.revents, POLLERR);
}

TEST(a_file_is_released_once)
{
	int fd = opened("/dev/plain_place", O_RDWR), other = opened("/dev/plain_place", O_RDWR);
	int before = ioctl(fd, TELL_RELEASES, 0);

	CHECK_EQ(close(dup(other)), 0);
	CHECK_EQ(ioctl(fd, TELL_RELEASES, 0), before);
	CHECK_EQ(close(other), 0);
	CHECK_EQ(ioctl(fd, TELL_RELEASES, 0), before + 1);
}

TEST(a_driver_knows_the_number_of_its_device)
{
	int fd = opened("/dev/plain_place", O_RDWR);
	struct stat st;

	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(ioctl(fd, TELL_MAJOR, 0), major(st.st_rdev));
	CHECK_EQ(ioctl(fd, TELL_MINOR, 0), minor(st.st_rdev));
}

TEST(a_map_that_states_nothing_has_failed)
{
	int fd = opened("/dev/plain_place", O_RDWR);

	CHECK_ERR(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0), EINVAL);
}

static void ignore_signal(int number)
{
}

TEST(a_call_that_a_signal_ended_is_made_again)
{
	struct sigaction action = { .sa_handler = ignore_signal, .sa_flags = SA_RESTART };
	int fd = opened("/dev/plain_place", O_RDWR);

	CHECK_EQ(sigaction(SIGALRM, &action, NULL), 0);
	alarm(1);
	CHECK_EQ(ioctl(fd, SLEEP_ONCE, 0), 2);
}

TEST(messages_have_the_level_that_was_asked_for)
{
	CHECK_EQ(ioctl(opened("/dev/plain_place", O_RDWR), LOG_ALL, 0), 0);
}

int main(void)
{
	RUN(a_method_that_is_missing_has_its_default);
	RUN(a_node_has_the_number_and_the_mode_that_its_driver_chose);
	RUN(a_position_moves_and_is_told);
	RUN(an_endless_device_stays_at_its_beginning);
	RUN(methods_are_told_how_the_file_was_opened);
	RUN(a_device_with_an_open_file_is_not_withdrawn);
	RUN(a_poll_that_fails_is_an_error_of_the_file);
	RUN(a_file_is_released_once);
	RUN(a_driver_knows_the_number_of_its_device);
	RUN(a_map_that_states_nothing_has_failed);
	RUN(a_call_that_a_signal_ended_is_made_again);
	RUN(messages_have_the_level_that_was_asked_for);
	return check_done();
}
