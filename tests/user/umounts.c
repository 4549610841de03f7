/* SPDX-License-Identifier: MIT */
/*
 * Unmounts beside those who still hold something of the file system for a moment.
 *
 * The kernel keeps names that were looked up until it has too many of them, and then
 * removes the oldest, on whichever processor wants one more. So some processes fill that cache
 * with names in file systems of their own and unmount those at once. In the other tests a
 * current directory is the last use of a file system that is unmounted already, and leaves it
 * while another process that shares it is in the middle of a call. Shows most on several
 * processors.
 */
#include "check.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#define RUN_MS	      2500
#define NR_UNMOUNTERS 4
#define PAGES_A_NAME  16 /* Banos begins to remove names when there is one for that many pages */

static char stack[65536] __attribute__((aligned(16)));

/* ---- names that the cache drops ---- */

/* Names that do not exist are cached, too. In folders, since removing a name may remove its folder. */
static void look_up(int nr_names)
{
	struct stat info;
	char name[64];

	for (int i = 0; i < nr_names; i++) {
		sprintf(name, "dir%d/name%d", i % 8, i);
		CHECK_ERR(stat(name, &info), ENOENT);
	}
}

static void fill_and_unmount(const char *place, int nr_names)
{
	char name[64];

	CHECK_EQ(mount("none", place, "tmpfs", 0, NULL), 0);
	CHECK_EQ(chdir(place), 0);
	for (int i = 0; i < 8; i++) {
		sprintf(name, "dir%d", i);
		CHECK_EQ(mkdir(name, 0700), 0);
	}
	look_up(nr_names);
	CHECK_EQ(chdir(".."), 0);
	CHECK_EQ(umount2(place, MNT_DETACH), 0);
}

TEST(while_names_are_dropped)
{
	long end = now_ms() + RUN_MS;
	int status, failed = 0, nr_names;
	struct sysinfo info;
	char place[16];

	CHECK_EQ(sysinfo(&info), 0);
	nr_names = info.totalram * info.mem_unit / getpagesize() / PAGES_A_NAME / 3;
	for (int i = 0; i < NR_UNMOUNTERS; i++) {
		sprintf(place, "place%d", i);
		CHECK(!mkdir(place, 0700) || errno == EEXIST);
		if (!fork()) {
			while (now_ms() < end)
				fill_and_unmount(place, nr_names);
			_exit(0);
		}
	}
	while (wait(&status) > 0)
		failed |= status;
	CHECK_EQ(failed, 0);
}

/* ---- the current directory as the last use ---- */

static volatile struct {
	int entered, left; /* how many file systems; entered: -1 at the end */
} * turn;		   /* shared */

static int leave_each(void *arg)
{
	alarm(60);
	while (turn->entered >= 0) {
		int entered = turn->entered;

		if (entered <= turn->left)
			continue;
		CHECK_EQ(chdir("/"), 0);
		turn->left = entered;
	}
	return 0;
}

static void enter_detached(void)
{
	CHECK_EQ(mount("none", "place", "tmpfs", 0, NULL), 0);
	CHECK_EQ(chdir("place"), 0);
	CHECK_EQ(mkdir("dir", 0700), 0);
	CHECK_EQ(mkdir("dir/deep", 0700), 0);
	CHECK_EQ(mknod("file", S_IFREG | 0600, 0), 0);
	CHECK_EQ(umount2(".", MNT_DETACH), 0);
}

/* Each time in a new file system, which another process leaves during the calls. */
static void call_while_leaving(void (*calls)(void))
{
	int status, home = open(".", O_RDONLY | O_DIRECTORY);
	long end = now_ms() + RUN_MS;
	pid_t other;

	turn = mmap(NULL, sizeof(*turn), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(turn != MAP_FAILED);
	CHECK(home >= 0);
	CHECK(!mkdir("place", 0700) || errno == EEXIST);
	other = clone(leave_each, stack + sizeof(stack), CLONE_FS | SIGCHLD, NULL);
	CHECK(other > 0);
	while (now_ms() < end) {
		enter_detached();
		turn->entered++;
		calls();
		while (turn->left != turn->entered)
			CHECK(waitpid(other, NULL, WNOHANG) == 0);
		CHECK_EQ(fchdir(home), 0);
	}
	turn->entered = -1;
	CHECK_EQ(waitpid(other, &status, 0), other);
	CHECK_EQ(status, 0);
}

static void open_names(void)
{
	for (int i = 0, fd; i < 100; i++) {
		fd = open("dir/deep", O_RDONLY);
		if (fd < 0)
			return;
		close(fd);
	}
}

TEST(while_names_are_opened)
{
	call_while_leaving(open_names);
}

static void remove_names(void)
{
	unlink("file");
	rmdir("dir/deep");
	rmdir("dir");
}

TEST(while_names_are_removed)
{
	call_while_leaving(remove_names);
}

int main(void)
{
	char dir[] = "/tmp/umounts-XXXXXX";

	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	RUN(while_names_are_dropped);
	RUN(while_names_are_opened);
	RUN(while_names_are_removed);
	return check_done();
}
