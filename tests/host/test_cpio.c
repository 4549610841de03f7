/* SPDX-License-Identifier: MIT */
/* fs/cpio.c: archives built here byte by byte, and damaged in every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../fs/cpio.h"

static uint8_t archive[8192];
static size_t len;

static void add(const char *magic, const char *name, uint32_t mode, const void *data, uint32_t size, uint32_t check)
{
	len += sprintf((char *)archive + len, "%s%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", magic,
		       7, mode, 1000, 100, 1, 0x12345678, size, 8, 1, 5, 1, (unsigned)strlen(name) + 1, check);
	memcpy(archive + len, name, strlen(name) + 1);
	len += strlen(name) + 1;
	while (len & 3)
		archive[len++] = 0;
	memcpy(archive + len, data, size);
	len += size;
	while (len & 3)
		archive[len++] = 0;
}

static enum cpio_result next(size_t size, size_t *pos, struct cpio_entry *e)
{
	uint8_t *copy = malloc(size ? size : 1);
	const char *why = NULL;
	enum cpio_result r;

	memcpy(copy, archive, size);
	r = cpio_next(copy, size, pos, e, &why);
	assert_true((r == CPIO_BAD) == (why != NULL));
	free(copy);
	return r;
}

static void reads_all_fields(void **state)
{
	struct cpio_entry e;
	const char *why;
	size_t pos = 0;

	len = 0;
	add("070701", "bin/sh", 0100755, "hello", 5, 0);
	add("070701", "TRAILER!!!", 0, "", 0, 0);
	assert_int_equal(cpio_next(archive, len, &pos, &e, &why), CPIO_ENTRY);
	assert_string_equal(e.name, "bin/sh");
	assert_int_equal(e.name_len, 6);
	assert_int_equal(e.size, 5);
	assert_memory_equal(e.data, "hello", 5);
	assert_int_equal(e.ino, 7);
	assert_int_equal(e.mode, 0100755);
	assert_int_equal(e.uid, 1000);
	assert_int_equal(e.gid, 100);
	assert_int_equal(e.mtime, 0x12345678);
	assert_int_equal(e.rdev_major, 5);
	assert_int_equal(e.rdev_minor, 1);
	assert_int_equal(cpio_next(archive, len, &pos, &e, &why), CPIO_TRAILER);
	assert_int_equal(cpio_next(archive, len, &pos, &e, &why), CPIO_END);
}

static void archives_may_follow_one_another(void **state)
{
	struct cpio_entry e;
	size_t pos = 0;

	len = 0;
	add("070701", "a", 0100644, "", 0, 0);
	add("070701", "TRAILER!!!", 0, "", 0, 0);
	memset(archive + len, 0, 300);
	len += 300;
	add("070701", "b", 0100644, "", 0, 0);
	add("070701", "TRAILER!!!", 0, "", 0, 0);
	assert_int_equal(next(len, &pos, &e), CPIO_ENTRY);
	assert_int_equal(next(len, &pos, &e), CPIO_TRAILER);
	assert_int_equal(next(len, &pos, &e), CPIO_ENTRY);
	assert_int_equal(next(len, &pos, &e), CPIO_TRAILER);
	assert_int_equal(next(len, &pos, &e), CPIO_END);
}

static void something_else_is_left_for_the_caller(void **state)
{
	struct cpio_entry e;
	size_t pos = 0;

	memset(archive, 0, 512);
	archive[512] = 0x1f;
	archive[513] = 0x8b;
	assert_int_equal(next(1000, &pos, &e), CPIO_OTHER);
	assert_int_equal(pos, 512);
}

static void checksums_are_checked(void **state)
{
	struct cpio_entry e;
	size_t pos = 0;

	len = 0;
	add("070702", "x", 0100644, "\1\2\377", 3, 258);
	add("070702", "y", 0100644, "\1\2\377", 3, 259);
	assert_int_equal(next(len, &pos, &e), CPIO_ENTRY);
	assert_int_equal(next(len, &pos, &e), CPIO_BAD);
}

static void every_truncation_is_noticed(void **state)
{
	struct cpio_entry e;

	len = 0;
	add("070701", "some/file", 0100644, "content", 7, 0);
	for (size_t n = 1; n < len - 1; n++) {
		size_t pos = 0;
		enum cpio_result r = next(n, &pos, &e);

		assert_true(n < 6 ? r == CPIO_OTHER : r == CPIO_BAD);
	}
}

static void no_byte_can_lead_outside(void **state)
{
	struct cpio_entry e;

	len = 0;
	add("070701", "some/file", 0100644, "content", 7, 0);
	add("070701", "TRAILER!!!", 0, "", 0, 0);
	for (size_t i = 0; i < len; i++)
		for (int v = 0; v < 256; v++) {
			uint8_t old = archive[i];
			size_t pos = 0;

			archive[i] = v;
			for (int k = 0; k < 4; k++) {
				size_t before = pos;
				enum cpio_result r = next(len, &pos, &e);

				assert_true(pos <= len && pos >= before);
				if (r != CPIO_ENTRY && r != CPIO_TRAILER)
					break;
			}
			archive[i] = old;
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_all_fields),
		cmocka_unit_test(archives_may_follow_one_another),
		cmocka_unit_test(something_else_is_left_for_the_caller),
		cmocka_unit_test(checksums_are_checked),
		cmocka_unit_test(every_truncation_is_noticed),
		cmocka_unit_test(no_byte_can_lead_outside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
