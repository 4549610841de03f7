// SPDX-License-Identifier: MIT
/*
 * loadtest failing FILE [OTHER]: each allocation of an installation fails in turn.
 *
 * /proc/self/fail-nth (CONFIG_FAULT_INJECTION) makes the Nth allocation of this
 * thread fail. Each time the driver is refused for lack of memory, in words where
 * there was memory for these, or it is installed all the same and works; and it can
 * always be removed. In the end free memory and the table of exports are as before.
 * OTHER is installed before, for what FILE imports.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "loadtest.h"

static int nth_file;

static void fail_nth(int count)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", count);

	require(pwrite(nth_file, text, len, 0) == len, "fail-nth: %s", strerror(errno));
}

/* Did it fail? Nothing fails any more from here on. */
static int has_failed(void)
{
	char text[16] = { 0 };
	int left;

	require(pread(nth_file, text, sizeof(text) - 1, 0) > 0, "fail-nth: %s", strerror(errno));
	left = atoi(text);
	if (left)
		fail_nth(0);
	return !left;
}

static void remove_all_the_same(long id)
{
	for (int count = 1;; count++) {
		int err, failed;

		fail_nth(count);
		err = remove_driver(id);
		failed = has_failed();
		if (!err)
			break;
		require(failed && err == -ENOMEM, "remove: %d", err);
	}
}

/* @return how many allocations there are */
static int fail_each(const struct file *f, u64 flags)
{
	static char log[LOG_SIZE];
	int refused = 0;

	for (int count = 1;; count++) {
		int failed;
		long result;

		memset(log, 0, sizeof(log));
		fail_nth(count);
		result = install(f->data, f->size, NULL, flags, log);
		failed = has_failed();
		if (result >= 0 && !flags)
			remove_all_the_same(result);
		if (!failed) {
			require(result >= 0, "without a failure: %ld: %s", result, log);
			require(refused > 2, "only %d allocations mattered", refused);
			return count - 1;
		}
		require(result >= 0 || result == -ENOMEM, "allocation %d: %ld: %s", count, result,
			log);
		require(result >= 0 || !*log || strstr(log, "memory"), "allocation %d: %s", count,
			log);
		refused += result < 0;
	}
}

int test_failing(int argc, char **argv)
{
	static char exports[EXPORTS_SIZE], after[EXPORTS_SIZE];
	long other = -1, before, missing = 1;
	struct file file;
	int dry, real;

	require(argc == 1 || argc == 2, "loadtest failing FILE [OTHER]");
	nth_file = open("/proc/self/fail-nth", O_RDWR);
	require(nth_file >= 0, "/proc/self/fail-nth: %s", strerror(errno));
	if (argc == 2) {
		file = file_read(argv[1]);
		other = install(file.data, file.size, NULL, 0, NULL);
		require(other >= 0, "%s: %ld", argv[1], other);
	}
	file = file_read(argv[0]);
	exports_read(exports);
	dry = fail_each(&file, BANOS_INSTALL_DRY_RUN);
	real = fail_each(&file, 0);
	for (int i = 0; i < 6 && missing; i++) {
		before = memory_at_rest();
		for (int round = 0; round < 4; round++) {
			fail_each(&file, BANOS_INSTALL_DRY_RUN);
			fail_each(&file, 0);
		}
		missing = memory_missing(before);
	}
	require(!missing, "%ld bytes are left behind, again and again", missing);
	exports_read(after);
	require(!strcmp(exports, after), "the table of exports is another");
	require(other < 0 || !remove_driver(other), "the other cannot be removed");
	printf("%d allocations of a dry run, %d of an installation\ndone\n", dry, real);
	return 0;
}
