/* SPDX-License-Identifier: MIT */
/*
 * drivers/fs/fat after a crash: all workloads of crash_work.h, then a commit or none. What fsck.fat finds and takes for a file
 * of its own (FSCK0000.REC), clusters that nothing leads to, may have any bytes.
 *
 *	fat_crash [long]
 *
 * In the short form a part of the workloads is tried, with fewer choices.
 */
#include "fat_image.h"
#include "crash_work.h"

static struct drive *crash_make(const char *options)
{
	return image_make(options, strstr(options, "16") ? "2300K" : "512K");
}

/* Of a folder with two names it cuts one to 0 bytes, and removes that when it runs again. */
static bool fsck_repairs(void)
{
	int status = 1;

	shell(": >log");
	for (int i = 0; i < 4 && status == 1; i++)
		status = shell("fsck.fat -a crash.img >>log 2>&1");
	return !status;
}

static const char *crash_repair(const uint8_t *image, uint64_t bytes)
{
	if (!fsck_repairs())
		return "fsck.fat could not repair it";
	shell("mdel -i crash.img '::FSCK*.REC' >/dev/null 2>&1");
	return NULL;
}

static const struct crash_kind kind = {
	.make = crash_make,
	.repair = crash_repair,
	.is_whole = fsck_repairs,
	.fsck_cuts = true,
};

static void what_was_synced_survives(void **state)
{
	static const char *const options[] = { "-s 1", "-s 4", "-F 16 -s 1", "-F 32 -s 1" };

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
		cmocka_unit_test(what_was_synced_survives),
	};

	is_long = argc > 1 && !strcmp(argv[1], "long");
	return cmocka_run_group_tests(tests, NULL, tests_end);
}
