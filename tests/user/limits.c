/* SPDX-License-Identifier: MIT */
/* What one user may take of the machine: names, room in pipes, threads. Run as root. */
#include "check.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define F_SETPIPE_SZ 1031
#define F_GETPIPE_SZ 1032
#define LIMITS	     "/proc/sys/fs/pipe-"
#define F_GETPIPE_SZ 1032

/* A user of the test's own: what ended a moment ago may still count. */
static void become_user(uid_t uid)
{
	CHECK_EQ(setgid(1000), 0);
	CHECK_EQ(setuid(uid), 0);
}

static void name_of(char *out, int i)
{
	sprintf(out, "/tmp/names/%d", i);
}

/* Names count, whether of one inode or of many, and come back when they go. */
TEST(a_tmpfs_has_a_limit_for_names)
{
	char name[40];
	int count = 0;

	CHECK_EQ(mkdir("/tmp/names", 0700), 0);
	CHECK_EQ(mount("x", "/tmp/names", "tmpfs", 0, "nr_inodes=10"), 0);
	for (int round = 0; round < 3; round++) {
		for (count = 0; count < 20; count++) {
			int fd;

			name_of(name, count);
			fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
			if (fd < 0)
				break;
			close(fd);
		}
		CHECK_EQ(errno, ENOSPC);
		CHECK_EQ(count, 9); /* the root counts */
		CHECK_EQ(unlink("/tmp/names/8"), 0);
		CHECK_EQ(link("/tmp/names/0", "/tmp/names/l"), 0);
		CHECK_ERR(link("/tmp/names/0", "/tmp/names/m"), ENOSPC);
		CHECK_EQ(unlink("/tmp/names/l"), 0);
		while (count-- > 0) {
			name_of(name, count);
			unlink(name);
		}
	}
	CHECK_EQ(umount("/tmp/names"), 0);
	CHECK_EQ(rmdir("/tmp/names"), 0);
}

/* Each takes names in advance and may not keep one that another could have. */
TEST(a_limit_for_names_holds_on_several_processors)
{
	int nr_cpus = sysconf(_SC_NPROCESSORS_ONLN), count, status;
	char name[40];

	CHECK_EQ(mkdir("/tmp/names", 0700), 0);
	CHECK_EQ(mount("x", "/tmp/names", "tmpfs", 0, "nr_inodes=300"), 0);
	for (int cpu = 0; cpu < nr_cpus; cpu++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (fork())
			continue;
		CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
		for (int round = 0; round < 300; round++) {
			int nr_names = round % 100;

			for (int i = 0; i < nr_names; i++) {
				name_of(name, 1000 * (cpu + 1) + i);
				close(open(name, O_CREAT | O_EXCL | O_RDWR, 0600));
			}
			for (int i = 0; i < nr_names; i++) {
				name_of(name, 1000 * (cpu + 1) + i);
				unlink(name);
			}
		}
		_exit(0);
	}
	while (wait(&status) > 0)
		CHECK_EQ(status, 0);
	for (count = 0; count < 400; count++) {
		int fd;

		name_of(name, count);
		fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
		if (fd < 0)
			break;
		close(fd);
	}
	CHECK_EQ(errno, ENOSPC);
	CHECK_EQ(count, 299);
	CHECK_EQ(umount("/tmp/names"), 0);
	CHECK_EQ(rmdir("/tmp/names"), 0);
}

TEST(pipes_of_a_user_have_a_share_of_memory)
{
	static int pipes[400][2];
	int i, small = 0;

	become_user(1001);
	for (i = 0; i < 400; i++) {
		CHECK_EQ(pipe(pipes[i]), 0);
		if (fcntl(pipes[i][0], F_SETPIPE_SZ, 1 << 20) < 0) {
			CHECK_EQ(errno, EPERM);
			break;
		}
	}
	CHECK(i > 8 && i < 400); /* some MiB, but not all there is */
	for (i++; i < 400; i++) {
		CHECK_EQ(pipe(pipes[i]), 0);
		small = fcntl(pipes[i][0], F_GETPIPE_SZ);
	}
	CHECK_EQ(small, 8192);
	for (i = 0; i < 400; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
	CHECK_EQ(pipe(pipes[0]), 0);
	CHECK_EQ(fcntl(pipes[0][0], F_SETPIPE_SZ, 1 << 20), 1 << 20);
}

TEST(processes_of_a_user_have_a_limit)
{
	struct rlimit limit;
	pid_t pid = 0;
	unsigned count = 0;

	CHECK_EQ(getrlimit(RLIMIT_NPROC, &limit), 0);
	CHECK(limit.rlim_cur != RLIM_INFINITY);
	limit.rlim_cur = 20;
	CHECK_EQ(setrlimit(RLIMIT_NPROC, &limit), 0);
	become_user(1002);
	CHECK_EQ(setpgid(0, 0), 0);
	signal(SIGTERM, SIG_IGN);
	while (count < 40 && (pid = fork()) > 0)
		count++;
	if (!pid) {
		signal(SIGTERM, SIG_DFL);
		pause();
		_exit(0);
	}
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(count, 19);
	for (int tries = 0; count && tries < 1000; tries++) {
		kill(0, SIGTERM);
		usleep(1000);
		while (count && waitpid(-1, NULL, WNOHANG) > 0)
			count--;
	}
	CHECK_EQ(count, 0);
}

static void set_limit(const char *name, const char *value)
{
	int fd = open(name, O_WRONLY);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, value, strlen(value)), (long)strlen(value));
	close(fd);
}

static long get_limit(const char *name)
{
	char text[32] = "";
	int fd = open(name, O_RDONLY);

	CHECK(fd >= 0);
	CHECK(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return atol(text);
}

static void check_pipe_sizes_of_a_user(void)
{
	char page[8192] = { 0 };
	int ends[2];

	CHECK_EQ(setuid(1000), 0);
	pipe(ends);
	CHECK_ERR(open(LIMITS "max-size", O_WRONLY), EACCES);
	CHECK_ERR(fcntl(ends[1], F_SETPIPE_SZ, 2 << 20), EPERM);
	CHECK_EQ(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20), 1 << 20);
	CHECK_EQ(fcntl(ends[1], F_SETPIPE_SZ, 5000), 8192);
	CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 8192);
	CHECK_ERR(fcntl(ends[1], F_SETPIPE_SZ, (1ul << 31) + 1), EINVAL);
	CHECK_EQ(write(ends[1], page, 5000), 5000);
	CHECK_ERR(fcntl(ends[1], F_SETPIPE_SZ, 0), EBUSY);
	CHECK_EQ(read(ends[0], page, 5000), 5000);
	CHECK_EQ(fcntl(ends[1], F_SETPIPE_SZ, 0), 4096);
	CHECK_ERR(fcntl(open("/dev/null", O_RDWR), F_SETPIPE_SZ, 4096), EBADF);
}

static void check_small_limit_of_a_user(void)
{
	int ends[2];

	CHECK_EQ(setuid(1000), 0);
	pipe(ends);
	CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 8192);
	CHECK_ERR(fcntl(ends[0], F_SETPIPE_SZ, 16384), EPERM);
	CHECK_EQ(fcntl(ends[0], F_SETPIPE_SZ, 4096), 4096);
}

TEST(sizes_of_pipes_have_limits)
{
	int ends[2];

	CHECK_EQ(get_limit(LIMITS "max-size"), 1 << 20);
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(fcntl(ends[1], F_SETPIPE_SZ, 2 << 20), 2 << 20);
	CHECK_EQ(wait_status(CHILD((check_pipe_sizes_of_a_user(), 0))), 0);
	set_limit(LIMITS "max-size", "5000\n");
	CHECK_EQ(get_limit(LIMITS "max-size"), 8192);
	CHECK_EQ(wait_status(CHILD((check_small_limit_of_a_user(), 0))), 0);
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 65536);
	ends[0] = open(LIMITS "max-size", O_WRONLY);
	CHECK_ERR(write(ends[0], "2147483649", 10), EINVAL);
	CHECK_ERR(write(ends[0], "-1", 2), EINVAL);
	CHECK_ERR(write(ends[0], "x", 1), EINVAL);
	set_limit(LIMITS "max-size", "1048576");
}

static void check_pages_of_a_user(void)
{
	int ends[2];

	CHECK_EQ(setuid(1001), 0);
	for (int i = 0; i < 4; i++) {
		CHECK_EQ(pipe(ends), 0);
		CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 65536);
	}
	CHECK_EQ(pipe(ends), 0); /* over the soft limit: a small one */
	CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 8192);
	CHECK_ERR(fcntl(ends[0], F_SETPIPE_SZ, 16384), EPERM);
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(pipe(ends), 0);
	CHECK_ERR(pipe(ends), ENFILE); /* over the hard one */
}

TEST(pages_of_pipes_have_limits)
{
	long soft = get_limit(LIMITS "user-pages-soft");
	char text[32];
	int ends[2];

	CHECK_EQ(get_limit(LIMITS "user-pages-hard"), 0);
	set_limit(LIMITS "user-pages-soft", "64");
	set_limit(LIMITS "user-pages-hard", "70");
	CHECK_EQ(wait_status(CHILD((check_pages_of_a_user(), 0))), 0);
	for (int i = 0; i < 10; i++) /* the super user has none */
		CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(fcntl(ends[0], F_GETPIPE_SZ), 65536);
	sprintf(text, "%ld", soft);
	set_limit(LIMITS "user-pages-soft", text);
	set_limit(LIMITS "user-pages-hard", "0");
}

int main(void)
{
	RUN(a_tmpfs_has_a_limit_for_names);
	RUN(a_limit_for_names_holds_on_several_processors);
	RUN(pipes_of_a_user_have_a_share_of_memory);
	RUN(sizes_of_pipes_have_limits);
	RUN(pages_of_pipes_have_limits);
	RUN(processes_of_a_user_have_a_limit);
	return check_done();
}
