/* SPDX-License-Identifier: MIT */
/* kcmp(): what two processes share. */
#include "check.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>

enum { OF_FILE, OF_VM, OF_FILES, OF_FS, OF_SIGHAND, OF_IO };

static long compare(pid_t one, pid_t two, int type, unsigned long fd1, unsigned long fd2)
{
	return syscall(SYS_kcmp, one, two, type, fd1, fd2);
}

static void check_order(pid_t one, pid_t two, int type, unsigned long fd1, unsigned long fd2)
{
	long order = compare(one, two, type, fd1, fd2);

	CHECK(order == 1 || order == 2);
	CHECK_EQ(compare(two, one, type, fd2, fd1), 3 - order);
}

TEST(what_is_shared)
{
	int fd = open("/dev/null", O_RDONLY), again = open("/dev/null", O_RDONLY), copy = dup(fd);
	pid_t self = getpid(), child = CHILD((pause(), 0)), sharer;

	CHECK_EQ(compare(self, self, OF_FILE, fd, fd), 0);
	CHECK_EQ(compare(self, self, OF_FILE, fd, copy), 0);
	CHECK_EQ(compare(self, child, OF_FILE, fd, copy), 0);
	check_order(self, child, OF_FILE, fd, again);
	for (int type = OF_VM; type <= OF_SIGHAND; type++) {
		CHECK_EQ(compare(self, self, type, 0, 0), 0);
		check_order(self, child, type, 0, 0);
	}
	CHECK_EQ(compare(self, child, OF_IO, 0, 0), 0);
	sharer = (pid_t)syscall(SYS_clone, CLONE_FILES | CLONE_FS | SIGCHLD, 0, 0, 0, 0);
	if (!sharer) {
		pause();
		_exit(0);
	}
	CHECK_EQ(compare(self, sharer, OF_FILES, 0, 0), 0);
	CHECK_EQ(compare(self, sharer, OF_FS, 0, 0), 0);
	check_order(self, sharer, OF_VM, 0, 0);
	kill(child, SIGKILL);
	kill(sharer, SIGKILL);
}

TEST(refusals)
{
	pid_t self = getpid(), child = CHILD((pause(), 0)), other;

	CHECK_ERR(compare(self, 4000000, OF_VM, 0, 0), ESRCH);
	CHECK_ERR(compare(4000000, self, OF_VM, 0, 0), ESRCH);
	CHECK_ERR(compare(self, self, OF_FILE, 0, 1000), EBADF);
	CHECK_ERR(compare(self, self, OF_FILE, -1ul, 0), EBADF);
	CHECK_ERR(compare(self, self, 20, 0, 0), EINVAL);
	CHECK_ERR(compare(self, self, -1, 0, 0), EINVAL);
	other = fork();
	if (!other) {
		CHECK_EQ(setuid(1000), 0);
		CHECK_ERR(compare(child, child, OF_VM, 0, 0), EPERM);
		CHECK_ERR(compare(child, child, OF_FILE, 0, 1000), EPERM);
		CHECK_ERR(compare(child, child, 20, 0, 0), EPERM);
		_exit(0);
	}
	CHECK_EQ(wait_status(other), 0);
	kill(child, SIGKILL);
}

int main(void)
{
	RUN(what_is_shared);
	RUN(refusals);
	return check_done();
}
