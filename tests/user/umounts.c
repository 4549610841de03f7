/* SPDX-License-Identifier: MIT */
/*
 * Unmounts beside those who still hold something of the file system for a moment.
 *
 * The kernel keeps names that were looked up until it has too many of them, and then
 * removes the oldest, on whichever processor wants one more. So some processes fill that cache
 * with names in file systems of their own and unmount those at once. Shows
 * most on several processors.
 */
#include "check.h"
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#define RUN_MS	      2500
#define NR_UNMOUNTERS 4
#define PAGES_A_NAME  16 /* Banos begins to remove names when there is one for that many pages */

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

int main(void)
{
	char dir[] = "/tmp/umounts-XXXXXX";

	if (!mkdtemp(dir) || chdir(dir))
		return 1;
	RUN(while_names_are_dropped);
	return check_done();
}
