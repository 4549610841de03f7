/* SPDX-License-Identifier: MIT */
/*
 * Random work by drivers/fs/ext2 beside the same work by the host's own file system: the same results, the same
 * content in the end, and an image that e2fsck finds whole. Commits, replaced instances and remounts in between.
 *
 *	ext2_random [SEED [ROUNDS]]
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "ext2_image.h"

#define BYTES_MAX (400u * 1024)

static uint64_t random_state = 1;
static unsigned rounds = 3;
static char host_path[2][512];

static uint32_t below(uint32_t limit)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(random_state >> 33) % limit;
}

/* One of a few hundred paths; some names are long. */
static const char *path_choose(int number)
{
	static char paths[2][300];
	char name[100];
	uint32_t kind = below(40);

	snprintf(name, sizeof(name), "%s%u",
		 kind < 8 ? "a-name-with-many-letters-so-that-folders-fill-sooner-" : "n", kind);
	if (below(3))
		snprintf(paths[number], sizeof(paths[number]), "/d%u/%s", below(3), name);
	else if (below(2))
		snprintf(paths[number], sizeof(paths[number]), "/d%u", below(3));
	else
		snprintf(paths[number], sizeof(paths[number]), "/d%u/d%u/%s", below(3), below(3),
			 name);
	snprintf(host_path[number], sizeof(host_path[number]), "%s/model%s", image_folder,
		 paths[number]);
	return paths[number];
}

static int64_t result_of(int status)
{
	if (status < 0)
		return -errno;
	return 0;
}

static void work_write(struct drive *drive)
{
	static uint8_t bytes[BYTES_MAX];
	const char *path = path_choose(0);
	uint32_t offset = below(5) ? below(30000) : below(BYTES_MAX),
		 length = 1 + below(below(5) ? 3000 : 60000);
	int file = open(host_path[0], O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat about;

	if (file < 0 || fstat(file, &about) || !S_ISREG(about.st_mode)) {
		if (file >= 0)
			close(file);
		return;
	}
	for (uint32_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(below(255) + 1);
	assert_int_equal(pwrite(file, bytes, length, offset), length);
	assert_int_equal(vfs_write(drive, path, offset, bytes, length), length);
	close(file);
}

static void work_truncate(struct drive *drive)
{
	const char *path = path_choose(0);
	uint32_t bytes = below(BYTES_MAX);
	struct stat about;

	if (lstat(host_path[0], &about) || !S_ISREG(about.st_mode))
		return;
	assert_int_equal(truncate(host_path[0], bytes), 0);
	assert_int_equal(vfs_truncate(drive, path, bytes), 0);
}

static void work_read(struct drive *drive)
{
	static uint8_t mine[BYTES_MAX + 70000], theirs[BYTES_MAX + 70000];
	const char *path = path_choose(0);
	int file = open(host_path[0], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat about;
	ssize_t count;

	if (file >= 0 && !fstat(file, &about) && S_ISREG(about.st_mode)) {
		count = pread(file, theirs, sizeof(theirs), 0);
		assert_int_equal(vfs_read(drive, path, 0, mine, sizeof(mine)), count);
		assert_memory_equal(mine, theirs, count);
	}
	if (file >= 0)
		close(file);
}

/* Both fail, or both succeed; where errors are a matter of taste only that is compared. */
static void results_compare(int64_t mine, int64_t theirs, const char *what)
{
	if (!mine != !theirs)
		fail_msg("%s(%s, %s): %ld and %ld", what, host_path[0], host_path[1], (long)mine,
			 (long)theirs);
}

static void work_names(struct drive *drive)
{
	const char *first = path_choose(0), *second = path_choose(1);
	struct stat about;
	int64_t theirs;
	int file;

	switch (below(8)) {
	case 0:
	case 1:
		file = open(host_path[0], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		theirs = result_of(file);
		if (file >= 0)
			close(file);
		results_compare(vfs_create(drive, first, 0100644), theirs, "create");
		break;
	case 2:
		results_compare(vfs_mkdir(drive, first, 0755), result_of(mkdir(host_path[0], 0755)),
				"mkdir");
		break;
	case 3:
		if (!lstat(host_path[0], &about) && S_ISDIR(about.st_mode))
			break;
		results_compare(vfs_link(drive, first, second),
				result_of(link(host_path[0], host_path[1])), "link");
		break;
	case 4:
		results_compare(vfs_unlink(drive, first), result_of(unlink(host_path[0])),
				"unlink");
		break;
	case 5:
		results_compare(vfs_rmdir(drive, first), result_of(rmdir(host_path[0])), "rmdir");
		break;
	case 6:
		results_compare(vfs_symlink(drive, second, first),
				result_of(symlink(second, host_path[0])), "symlink");
		break;
	default:
		if (!strncmp(first, second, strlen(second)))
			break; /* what is an ancestor: errors differ */
		results_compare(vfs_rename(drive, first, second, 0),
				result_of(rename(host_path[0], host_path[1])), "rename");
	}
}

static void work_step(struct drive *drive)
{
	uint32_t kind = below(100);

	drive_now_ns += 1000000;
	if (kind < 55)
		work_names(drive);
	else if (kind < 75)
		work_write(drive);
	else if (kind < 82)
		work_truncate(drive);
	else if (kind < 94)
		work_read(drive);
	else if (kind < 96)
		vfs_sync(drive);
	else if (kind < 97 && !drive->committing)
		drive_commit_start(drive);
	else if (kind < 98 && drive->committing)
		drive_commit_end(drive);
	else if (kind < 99)
		vfs_drop(drive);
}

static void work_round(const char *options, const char *size)
{
	struct drive *drive = image_make(options, size);

	shell("rm -rf model tree; mkdir model tree");
	assert_int_equal(drive_mount(drive, NULL, 0), 0);
	for (int i = 0; i < 2500; i++) {
		work_step(drive);
		if (i % 900 == 899) {
			assert_int_equal(drive_unmount(drive), 0);
			assert_int_equal(drive_mount(drive, NULL, 0), 0);
		}
	}
	assert_int_equal(drive_unmount(drive), 0);
	assert_string_equal(drive->error, "");
	assert_true(image_is_clean(drive));
	assert_int_equal(
		shell("debugfs -R 'rdump / tree' after.img >/dev/null 2>&1; rmdir tree/lost+found; diff -r --no-dereference model tree"),
		0);
	drive_close(drive);
	drive_driver_exit();
}

static void random_work_agrees_with_the_host(void **state)
{
	static const char *const options[][2] = {
		{ "-b 1024", "12M" },
		{ "-b 4096", "24M" },
		{ "-b 1024 -r 0", "12M" },
		{ "-b 2048 -I 128 -g 1024", "16M" },
		{ "-b 1024 -O ^filetype,meta_bg,^resize_inode -g 512", "12M" },
		{ "-b 8192", "40M" }
	};

	for (unsigned i = 0; i < rounds; i++)
		work_round(options[i % 6][0], options[i % 6][1]);
}

static int tests_end(void **state)
{
	images_remove();
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_work_agrees_with_the_host),
	};

	if (argc > 1)
		random_state = strtoull(argv[1], NULL, 0);
	if (argc > 2)
		rounds = (unsigned)atoi(argv[2]);
	return cmocka_run_group_tests(tests, NULL, tests_end);
}
