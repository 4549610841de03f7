/* SPDX-License-Identifier: MIT */
/*
 * What a call that succeeds has promised: limits that hold, settings that act,
 * and refusals where nothing would be done.
 */
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/utsname.h>

static void spin(void)
{
	for (;;)
		;
}

static void spin_for_ms(long ms)
{
	long end = now_ms() + ms;

	while (now_ms() < end)
		;
}

/* ---- limits of CPU time ---- */

TEST(a_limit_of_cpu_time_holds_for_children)
{
	struct rlimit one = { 1, 2 };

	CHECK_EQ(setrlimit(RLIMIT_CPU, &one), 0);
	CHECK_EQ(wait_status(CHILD((spin(), 0))), SIGXCPU);
}

/* Also after an exec. */
TEST(a_limit_set_for_another_process_holds)
{
	struct rlimit one = { 1, 1 };
	pid_t pid = fork();

	if (!pid) {
		execl("/bin/sh", "sh", "-c", "while :; do :; done", NULL);
		_exit(1);
	}
	CHECK_EQ(prlimit(pid, RLIMIT_CPU, &one, NULL), 0);
	CHECK_EQ(wait_status(pid), SIGKILL);
}

static volatile int xcpu;
static void note_xcpu(int sig)
{
	xcpu++;
}

static bool become_realtime(void)
{
	struct sched_param param = { .sched_priority = 1 };

	return !syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param);
}

#define SOFT_US 200000

static int realtime_child(void)
{
	struct rlimit rlimit = { SOFT_US, 600000 }, now;

	signal(SIGXCPU, note_xcpu);
	if (setrlimit(RLIMIT_RTTIME, &rlimit) || !become_realtime())
		return 1;
	for (int i = 0; i < 8; i++) { /* sleeping now and then is fine */
		spin_for_ms(40);
		pause_ms(2);
	}
	if (xcpu)
		return 2;
	spin_for_ms(350);
	if (getrlimit(RLIMIT_RTTIME, &now) || xcpu != 1)
		return 3;
	if (now.rlim_cur != SOFT_US + 1000000) /* raised by a second, each time */
		return 4;
	spin();
	return 5;
}

/* The machine itself may stand still for a while, which looks like work: tried more than once. */
TEST(a_limit_of_real_time_without_sleep)
{
	int status = 0;

	if (geteuid())
		return;
	for (int i = 0; i < 4 && status != SIGKILL; i++)
		status = wait_status(CHILD(realtime_child()));
	CHECK_EQ(status, SIGKILL);
}

/* ---- the zone of the clock ---- */

TEST(the_time_zone_is_kept)
{
	struct timezone timezone = { 0, 1 }, got = { 5, 5 };
	struct timeval time;

	if (geteuid())
		return;
	CHECK_EQ(gettimeofday(&time, NULL), 0);
	CHECK_EQ(syscall(SYS_settimeofday, NULL, &timezone),
		 0); /* the first: moves the clock by its minutes */
	timezone.tz_minuteswest = -60;
	CHECK_EQ(syscall(SYS_settimeofday, NULL, &timezone), 0);
	CHECK_EQ(syscall(SYS_gettimeofday, NULL, &got), 0);
	CHECK_EQ(got.tz_minuteswest, -60);
	CHECK_EQ(got.tz_dsttime, 1);
	timezone = (struct timezone){ 0, 0 };
	CHECK_EQ(syscall(SYS_settimeofday, NULL, &timezone), 0);
	timezone.tz_minuteswest = 1000;
	CHECK_ERR(syscall(SYS_settimeofday, NULL, &timezone), EINVAL);
}

/* ---- personality ---- */

TEST(sticky_timeouts_and_an_old_release)
{
	struct timeval time = { 0, 20000 };
	struct utsname names;

	CHECK_EQ(syscall(SYS_select, 0, NULL, NULL, NULL, &time), 0);
	CHECK_EQ(time.tv_usec, 0);
	CHECK(personality(STICKY_TIMEOUTS | 0x0020000) >= 0);
	time.tv_usec = 20000;
	CHECK_EQ(syscall(SYS_select, 0, NULL, NULL, NULL, &time), 0);
	CHECK_EQ(time.tv_usec, 20000);
	CHECK_EQ(uname(&names), 0);
	CHECK(!strncmp(names.release, "2.6.61", 6));
}

/* ---- refused where nothing would be done ---- */

TEST(direct_io_is_refused_where_there_is_none)
{
	int fd = open("promise", O_RDWR | O_CREAT, 0600);

	CHECK_ERR(fcntl(fd, F_SETFL, O_DIRECT), EINVAL);
	CHECK_ERR(open("promise", O_RDWR | O_DIRECT), EINVAL);
	CHECK_ERR(open("/dev/null", O_RDWR | O_DIRECT), EINVAL);
	CHECK_ERR(open("/", O_RDONLY | O_DIRECT), EINVAL);
	CHECK_EQ(fcntl(fd, F_SETFL, O_APPEND), 0);
	unlink("promise");
}

/* Kept apart, as on Linux, or refused. */
TEST(packets_in_a_pipe)
{
	char buf[8];
	int ends[2];

	if (pipe2(ends, O_DIRECT)) {
		CHECK_EQ(errno, EINVAL);
		pipe(ends);
		CHECK_ERR(fcntl(ends[1], F_SETFL, O_DIRECT), EINVAL);
		return;
	}
	write(ends[1], "ab", 2);
	write(ends[1], "cd", 2);
	CHECK_EQ(read(ends[0], buf, 8), 2);
}

TEST(options_of_file_systems)
{
	if (geteuid())
		return;
	mkdir("promise-mount", 0700);
	CHECK_ERR(mount("none", "promise-mount", "proc", 0, "nonsense"), EINVAL);
	CHECK_ERR(mount("none", "promise-mount", "sysfs", 0, "nonsense"), EINVAL);
	CHECK_ERR(mount("none", "promise-mount", "tmpfs", 0, "nonsense"), EINVAL);
	CHECK_ERR(mount("none", "promise-mount", "devpts", 0, "nonsense"), EINVAL);
	CHECK_EQ(mount("none", "promise-mount", "proc", 0, "hidepid=0"), 0);
	CHECK_EQ(umount("promise-mount"), 0);
	rmdir("promise-mount");
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

TEST(levels_of_the_log)
{
	const char *path = "/proc/sys/kernel/printk";
	char old[64] = "", now[64] = "";
	int fd;

	if (geteuid())
		return;
	fd = open(path, O_RDWR);
	CHECK(read(fd, old, sizeof(old) - 1) > 7);
	write_text(path, "3 5 2 6\n");
	CHECK(pread(fd, now, sizeof(now) - 1, 0) > 7);
	CHECK(!strcmp(now, "3\t5\t2\t6\n"));
	CHECK_EQ(syscall(SYS_syslog, 8, NULL, 1), 0); /* not below the least */
	CHECK(pread(fd, now, sizeof(now) - 1, 0) > 7);
	CHECK_EQ(now[0], '2');
	write_text(path, old);
}

int main(void)
{
	chdir("/tmp");
	RUN(a_limit_of_cpu_time_holds_for_children);
	RUN(a_limit_set_for_another_process_holds);
	RUN(a_limit_of_real_time_without_sleep);
	RUN(the_time_zone_is_kept);
	RUN(sticky_timeouts_and_an_old_release);
	RUN(direct_io_is_refused_where_there_is_none);
	RUN(packets_in_a_pipe);
	RUN(options_of_file_systems);
	RUN(levels_of_the_log);
	return check_done();
}
