/* SPDX-License-Identifier: MIT */
/*
 * drivers/fs/ext2 after a crash: all workloads of crash_work.h, then a commit or none.
 *
 *	ext2_crash [long]
 *
 * In the short form a part of the workloads is tried, with fewer choices.
 */
#include "ext2_image.h"
#include "crash_work.h"

static struct drive *crash_make(const char *options)
{
	return image_make(options, "512");
}

/* Without e2fsck: what the driver frees by the list must have no name. */
static bool orphans_had_no_name(const uint8_t *image, uint64_t bytes)
{
	static const char *const names[] = { "/empty", "/d/a", "/e/b", "/e/nameless" };
	struct drive *drive = drive_create(image, bytes);
	struct banos_attr attr;
	bool right = true;

	drive->hostile = true;
	drive_last_line[0] = 0;
	if (!drive_mount(drive, NULL, 0) && strstr(drive_last_line, "were freed"))
		for (size_t i = 0; i < ARRAY(names); i++)
			right &= vfs_stat(drive, names[i], &attr) != -EUCLEAN &&
				 vfs_stat(drive, names[i], &attr) != -ESTALE;
	drive_close(drive);
	return right;
}

static const char *crash_repair(const uint8_t *image, uint64_t bytes)
{
	int status;

	if (!orphans_had_no_name(image, bytes))
		return "a name leads to a file that was freed as an orphan";
	status = shell("e2fsck -fy crash.img >log 2>&1");
	if (status & ~3)
		return "e2fsck could not repair it";
	if (status && shell("e2fsck -fn crash.img >>log 2>&1"))
		return "e2fsck finds more";
	return NULL;
}

static bool crash_is_whole(void)
{
	return !shell("e2fsck -fn crash.img >log 2>&1");
}

static const struct crash_kind kind = {
	.make = crash_make,
	.repair = crash_repair,
	.is_whole = crash_is_whole,
};

/* Each alone, with all prefixes: they are few. */
static void orphans_survive(void **state)
{
	bool was_long = is_long;

	is_long = true;
	for (size_t i = 0; i < ARRAY(operations); i++)
		if (operations[i].run == run_unlink_open || operations[i].run == run_unlink_close ||
		    operations[i].run == run_rmdir_open || operations[i].run == run_link_nameless)
			workload_try(&kind, "-b 1024 -N 96 -I 256", &operations[i], NULL);
	is_long = was_long;
}

static void what_was_synced_survives(void **state)
{
	static const char *const options[] = { "-b 1024 -N 96 -I 256", "-b 1024 -N 96 -I 128",
					       "-b 2048 -N 96 -I 256" };

	workloads_run(&kind, options, ARRAY(options));
}

static int tests_end(void **state)
{
	images_remove();
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orphans_survive),
		cmocka_unit_test(what_was_synced_survives),
	};

	is_long = argc > 1 && !strcmp(argv[1], "long");
	return cmocka_run_group_tests(tests, NULL, tests_end);
}
