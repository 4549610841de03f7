/* SPDX-License-Identifier: MIT */
/*
 * Walks of all kinds beside renames, exchanges, mounts and unmounts.
 *
 * Some processes move names without a pause, others walk through them: what is
 * never moved must be found each time, what is moved is found or ENOENT. Shows
 * most on several processors.
 */
#include "check.h"
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>

#define RUN_MS	   700
#define EXCHANGE   2
#define NR_WALKERS 3

static char long_name[256];

static void put(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT, 0644);

	CHECK(fd >= 0);
	CHECK_EQ(close(fd), 0);
}

/* Found, or moved away at that moment (and a file in its place). */
#define MAYBE(call)                                                                   \
	do {                                                                          \
		errno = 0;                                                            \
		if ((call) < 0 && errno != ENOENT && errno != ENOTDIR)                \
			check_fail_err(#call, -1, errno, ENOENT, __FILE__, __LINE__); \
	} while (0)
#define ALWAYS(call) CHECK((call) >= 0)
#define NEVER(call)  CHECK_ERR(call, ENOENT)

static void close_found(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* ---- those who walk ---- */

static void walk_by_text(void)
{
	struct stat info;
	struct statfs fs;
	char text[64];
	int fd;

	ALWAYS(stat("stay/deep/file", &info));
	ALWAYS(lstat("stay/link", &info));
	ALWAYS(stat("stay/link", &info));
	ALWAYS(statfs("stay/deep", &fs));
	ALWAYS(readlink("stay/link", text, sizeof(text)));
	ALWAYS(access("stay/../stay/deep/./file", R_OK));
	MAYBE(stat("one/in/file", &info));
	MAYBE(stat("one/in/../../two/in/file", &info));
	MAYBE(access("ra", R_OK));
	MAYBE(readlink("rl", text, sizeof(text)));
	MAYBE(stat("rl", &info));
	NEVER(stat("stay/deep/none", &info));
	NEVER(unlink("stay/none"));
	MAYBE(fd = open("one/in/file", O_RDONLY));
	close_found(fd);
	ALWAYS(fd = open("stay/deep/new", O_RDWR | O_CREAT, 0600));
	close(fd);
}

static void walk_from_descriptor(int dir)
{
	struct stat info;
	char text[64], path[64];
	int fd;

	ALWAYS(fstatat(dir, "deep/file", &info, 0));
	ALWAYS(faccessat(dir, "deep", X_OK, 0));
	ALWAYS(fstatat(dir, "", &info, AT_EMPTY_PATH));
	ALWAYS(readlinkat(dir, "link", text, sizeof(text)));
	ALWAYS(fd = openat(dir, "deep/file", O_RDONLY));
	sprintf(path, "/proc/self/fd/%d", fd);
	ALWAYS(stat(path, &info));
	ALWAYS(readlink(path, text, sizeof(text)));
	close(fd);
	NEVER(fd = openat(dir, "deep/none", O_RDONLY));
	NEVER(unlinkat(dir, "none", 0));
	NEVER(mkdirat(dir, "none/none", 0700));
	sprintf(path, "/proc/self/fd/%d/deep/file", dir);
	ALWAYS(access(path, R_OK));
	ALWAYS(readlink("/proc/self/cwd", text, sizeof(text)));
	MAYBE(fstatat(dir, "../one/in/file", &info, 0));
	MAYBE(faccessat(dir, "../two/in", R_OK, 0));
	CHECK_ERR(fstatat(9999, "deep", &info, 0), EBADF);
	CHECK_ERR(fstatat(dir, "deep/file/x", &info, 0), ENOTDIR);
}

static void walk_to_run(void)
{
	char *const words[] = { "x", NULL };

	NEVER(execve("stay/none", words, words));
	CHECK_ERR(execve("stay", words, words), EACCES);
	CHECK_ERR(execve("stay/deep/file", words, words), EACCES);
	ALWAYS(chdir("stay/deep"));
	ALWAYS(chdir("../.."));
}

/* Little between the walks, so that each finds on the kernel's stack what the one before left there. */
static void walk_in_a_row(const char *moved)
{
	char *const words[] = { "x", NULL };
	struct stat info;
	char text[9];
	int fd;

	for (int i = 0; i < 40; i++) {
		execve("stay/none", words, words);
		execve("stay", words, words);
		stat(moved, &info);
		access("rb", R_OK);
		ALWAYS(chdir("."));
		NEVER(open("none", O_RDONLY));
		ALWAYS(readlink("/proc/self/exe", text, sizeof(text)));
		NEVER(unlink("no"));
		ALWAYS(fd = creat(long_name, 0600));
		close(fd);
		ALWAYS(stat(long_name, &info));
	}
}

static void walk_until(long end)
{
	int dir = open("stay", O_RDONLY | O_DIRECTORY);

	CHECK(dir >= 0);
	while (now_ms() < end) {
		walk_by_text();
		walk_from_descriptor(dir);
		walk_to_run();
		walk_in_a_row("ra");
	}
	fflush(stdout);
	_exit(0);
}

/* ---- those who move ---- */

static void move_files(void)
{
	ALWAYS(rename("ra", "rb"));
	ALWAYS(rename("rb", "ra"));
	ALWAYS(rename("rl", "stay/rl"));
	ALWAYS(rename("stay/rl", "rl"));
}

static void move_folders(void)
{
	ALWAYS(rename("one/in", "three"));
	ALWAYS(rename("three", "one/in"));
	ALWAYS(syscall(SYS_renameat2, AT_FDCWD, "one", AT_FDCWD, "two", EXCHANGE));
	ALWAYS(syscall(SYS_renameat2, AT_FDCWD, "one/in", AT_FDCWD, "two/in/file", EXCHANGE));
	ALWAYS(syscall(SYS_renameat2, AT_FDCWD, "one/in", AT_FDCWD, "two/in/file", EXCHANGE));
}

static void mount_and_unmount(void)
{
	ALWAYS(mount("none", "mnt", "tmpfs", 0, NULL));
	ALWAYS(umount2("mnt", MNT_DETACH));
	ALWAYS(mount("stay", "mnt", NULL, MS_BIND, NULL));
	ALWAYS(umount2("mnt", MNT_DETACH));
}

static void move_until(long end, void (*move)(void))
{
	while (now_ms() < end)
		move();
	fflush(stdout);
	_exit(0);
}

/* @p walk_as: a user for the walkers */
static void move_beside_walks(void (*const movers[])(void), int nr_movers, uid_t walk_as)
{
	long end = now_ms() + RUN_MS;
	int i, status, failed = 0;

	for (i = 0; i < nr_movers; i++)
		if (!fork())
			move_until(end, movers[i]);
	for (i = 0; i < NR_WALKERS; i++)
		if (!fork()) {
			CHECK_EQ(setuid(walk_as), 0);
			walk_until(end);
		}
	while (wait(&status) > 0)
		failed |= status;
	CHECK_EQ(failed, 0);
}

static void make_tree(void)
{
	static const char *const folders[] = { "stay", "stay/deep", "one", "one/in",
					       "two",  "two/in",    "mnt" };

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		CHECK(!mkdir(folders[i], 0777) || errno == EEXIST);
		CHECK_EQ(chmod(folders[i], 0777), 0);
	}
	put("stay/deep/file");
	put("one/in/file");
	put("two/in/file");
	put("ra");
	unlink("stay/link");
	CHECK_EQ(symlink("deep/../deep/file", "stay/link"), 0);
	unlink("rl");
	CHECK_EQ(symlink("stay/deep/file", "rl"), 0);
	unlink("stay/deep/new");
	memset(long_name, 'b', 255);
}

TEST(renames)
{
	void (*const movers[])(void) = { move_files };

	make_tree();
	move_beside_walks(movers, 1, 1000);
}

TEST(folders_and_exchanges)
{
	void (*const movers[])(void) = { move_folders, move_files };

	make_tree();
	move_beside_walks(movers, 2, 1000);
}

TEST(mounts_and_unmounts)
{
	void (*const movers[])(void) = { mount_and_unmount, move_folders };

	make_tree();
	move_beside_walks(movers, 2, 1000);
}

int main(void)
{
	char dir[] = "/tmp/walks-XXXXXX";

	if (!mkdtemp(dir) || chmod(dir, 0777) || chdir(dir))
		return 1;
	RUN(renames);
	RUN(folders_and_exchanges);
	RUN(mounts_and_unmounts);
	return check_done();
}
