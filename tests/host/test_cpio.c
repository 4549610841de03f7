/* SPDX-License-Identifier: MIT */
/* fs/initramfs/: archives built here byte by byte, fed in pieces, and damaged in every byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../fs/initramfs/cpio.h"

static uint8_t archive[8192];
static size_t len;

static void add(const char *magic, const char *name, uint32_t mode, const void *data, uint32_t size,
		uint32_t check)
{
	while (len & 3)
		archive[len++] = 0;
	len += sprintf((char *)archive + len,
		       "%s%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", magic, 7, mode,
		       1000, 100, 1, 0x12345678, size, 8, 1, 5, 1, (unsigned)strlen(name) + 1,
		       check);
	memcpy(archive + len, name, strlen(name) + 1);
	len += strlen(name) + 1;
	while (len & 3)
		archive[len++] = 0;
	memcpy(archive + len, data, size);
	len += size;
	while (len & 3)
		archive[len++] = 0;
}

/* What a reader was told, as text. */
struct log {
	char text[4096];
	size_t n;
	int fail_at, events, is_open;
};

static void say(struct log *log, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log->n += vsnprintf(log->text + log->n, sizeof(log->text) - log->n, format, args);
	va_end(args);
	assert_true(log->n < sizeof(log->text));
}

static int event(struct log *log)
{
	log->events++;
	if (log->events == log->fail_at)
		return -12;
	return 0;
}

static int begin(void *ctx, const struct cpio_entry *entry)
{
	struct log *log = ctx;

	assert_false(log->is_open);
	log->is_open = (entry->mode & 0170000) == 0100000;
	say(log, "%s %o%s%s;", entry->name, entry->mode, entry->target ? " -> " : "",
	    entry->target ? entry->target : "");
	return event(log);
}

static int data(void *ctx, const u8 *bytes, size_t count)
{
	struct log *log = ctx;

	assert_true(log->is_open && count);
	say(log, "%.*s", (int)count, (const char *)bytes);
	return event(log);
}

static void end(void *ctx)
{
	struct log *log = ctx;

	assert_true(log->is_open);
	log->is_open = 0;
	say(log, ".");
}

static void trailer(void *ctx)
{
	say(ctx, "TRAILER;");
}
static void skipped(void *ctx, const char *name, const char *why)
{
	say(ctx, "(%s)", name);
}

static const struct cpio_ops ops = { begin, data, end, trailer, skipped };

/* Feed archive[0..size) in pieces of @p piece bytes, each a copy of that very size. */
static enum cpio_result feed(size_t size, size_t piece, struct log *log, struct cpio_reader *reader,
			     size_t *at)
{
	enum cpio_result result = CPIO_MORE;

	memset(log->text, 0, sizeof(log->text));
	log->n = log->events = log->is_open = 0;
	memset(reader, 0, sizeof(*reader));
	reader->ops = &ops;
	reader->ctx = log;
	for (*at = 0; *at < size && result == CPIO_MORE;) {
		size_t count = size - *at < piece ? size - *at : piece, used = ~0ul;
		u8 *copy = malloc(count);

		memcpy(copy, archive + *at, count);
		result = cpio_feed(reader, copy, count, &used);
		free(copy);
		assert_true(used <= count && (result != CPIO_MORE || used == count));
		assert_true((result == CPIO_BAD) == (reader->error != NULL));
		*at += used;
	}
	return result;
}

static struct log seen;
static struct cpio_reader reader;

static enum cpio_result read_all(size_t piece)
{
	size_t offset;

	return feed(len, piece, &seen, &reader, &offset);
}

static void reads_all_fields(void **state)
{
	const struct cpio_entry *entry = &reader.entry;

	len = 0;
	add("070701", "bin/sh", 0100755, "hello", 5, 0);
	assert_int_equal(read_all(len - 2), CPIO_MORE);
	assert_string_equal(seen.text, "bin/sh 100755;hello.");
	assert_int_equal(entry->size, 5);
	assert_int_equal(entry->ino, 7);
	assert_int_equal(entry->mode, 0100755);
	assert_int_equal(entry->uid, 1000);
	assert_int_equal(entry->gid, 100);
	assert_int_equal(entry->mtime, 0x12345678);
	assert_int_equal(entry->rdev_major, 5);
	assert_int_equal(entry->rdev_minor, 1);
	assert_true(cpio_between_entries(&reader));
}

static void pieces_of_any_size_give_the_same(void **state)
{
	static char whole[4096];

	len = 0;
	add("070701", "file", 0100644, "content", 7, 0);
	add("070701", "link", 0120777, "to/somewhere", 12, 0);
	add("070702", "sum", 0100644, "\1\2\3", 3, 6);
	add("070701", "dir", 040755, "", 0, 0);
	add("070701", "empty", 0100600, "", 0, 0);
	add("070701", "TRAILER!!!", 0, "", 0, 0);
	memset(archive + len, 0, 300);
	len += 300;
	add("070701", "second", 0100644, "x", 1, 0);
	assert_int_equal(read_all(len), CPIO_MORE);
	strcpy(whole, seen.text);
	assert_string_equal(
		whole,
		"file 100644;content.link 120777 -> to/somewhere;sum 100644;\1\2\3.dir 40755;"
		"empty 100600;.TRAILER;second 100644;x.");
	for (size_t piece = 1; piece < len; piece++) {
		assert_int_equal(read_all(piece), CPIO_MORE);
		assert_string_equal(seen.text, whole);
		assert_true(cpio_between_entries(&reader));
	}
}

static void something_else_is_left_for_the_caller(void **state)
{
	size_t offset;

	memset(archive, 0, 512);
	archive[511] = 0x1f;
	archive[512] = 0x8b;
	for (size_t piece = 1; piece < 1000; piece += 37) {
		assert_int_equal(feed(1000, piece, &seen, &reader, &offset), CPIO_OTHER);
		assert_int_equal(offset, 511);
	}
}

static void checksums_are_checked(void **state)
{
	len = 0;
	add("070702", "x", 0100644, "\1\2\377", 3, 258);
	assert_int_equal(read_all(len), CPIO_MORE);
	add("070702", "y", 0100644, "\1\2\377", 3, 259);
	assert_int_equal(read_all(7), CPIO_BAD);
	assert_int_equal(seen.is_open, 0);
}

/* As Linux steps over them, each with a word to the caller. */
static void unusable_entries_are_stepped_over(void **state)
{
	static char name[5000];

	len = 0;
	add("070701", "typeless", 0, "", 0, 0);
	add("070701", "typeless-with-content", 0644, "xyz", 3, 0);
	add("070701", "folder-with-content", 040755, "xyz", 3, 0);
	add("070701", "last", 0100644, "", 0, 0);
	assert_int_equal(read_all(50), CPIO_MORE);
	assert_string_equal(seen.text,
			    "typeless 0;(typeless-with-content)(folder-with-content)last 100644;.");

	len = 0;
	memset(name, 'n', 4096);
	add("070701", name, 0100644, "xyz", 3, 0);
	add("070701", "last", 0100644, "", 0, 0);
	assert_int_equal(read_all(50), CPIO_MORE);
	assert_string_equal(seen.text, "()last 100644;.");
}

static void an_empty_name_and_a_name_without_an_end(void **state)
{
	len = 0;
	add("070701", "", 0100644, "", 0, 0);
	memcpy(archive + 94, "00000000", 8); /* and not even its zero: 112 bytes all the same */
	add("070701", "last", 0100644, "", 0, 0);
	assert_int_equal(read_all(50), CPIO_MORE);
	assert_string_equal(seen.text, "()last 100644;.");

	len = 0;
	add("070701", "name", 0100644, "", 0, 0);
	archive[CPIO_HEADER + 4] = 'x';
	assert_int_equal(read_all(50), CPIO_BAD);
}

static void old_formats_are_told_from_damage(void **state)
{
	len = 0;
	add("070707", "name", 0100644, "", 0, 0);
	assert_int_equal(read_all(50), CPIO_BAD);
	assert_non_null(strstr(reader.error, "-H newc"));
}

static void an_error_of_the_caller_ends_it(void **state)
{
	len = 0;
	add("070701", "a", 0100644, "content", 7, 0);
	add("070701", "b", 0100644, "content", 7, 0);
	for (seen.fail_at = 1; seen.fail_at <= 4; seen.fail_at++) {
		assert_int_equal(read_all(4096), CPIO_STOPPED);
		assert_int_equal(reader.err, -12);
		assert_int_equal(seen.events, seen.fail_at);
		cpio_reset(&reader);
		assert_false(seen.is_open);
	}
	seen.fail_at = 0;
}

static void every_truncation_is_noticed(void **state)
{
	size_t offset;

	len = 0;
	add("070701", "some/file", 0100644, "content", 7, 0);
	for (size_t count = 1; count < len - 1; count++) {
		assert_int_equal(feed(count, 4096, &seen, &reader, &offset), CPIO_MORE);
		assert_false(cpio_between_entries(&reader));
		cpio_reset(&reader);
		assert_true(cpio_between_entries(&reader));
		assert_false(seen.is_open);
	}
}

static void no_byte_can_lead_outside(void **state)
{
	size_t offset;

	len = 0;
	add("070701", "some/file", 0100644, "content", 7, 0);
	add("070701", "link", 0120777, "target", 6, 0);
	add("070701", "TRAILER!!!", 0, "", 0, 0);
	for (size_t i = 0; i < len; i++)
		for (int number = 0; number < 256; number++) {
			uint8_t old = archive[i];

			archive[i] = number;
			(void)feed(len, number % 2 ? 4096 : 61, &seen, &reader, &offset);
			archive[i] = old;
		}
}

static void other_files_are_known_by_their_first_bytes(void **state)
{
	static u8 tar[512] = "name";
	bool compressed;

	assert_string_equal(archive_kind((const u8 *)"\xfd"
						     "7zXZ\0",
					 6, &compressed),
			    "xz");
	assert_true(compressed);
	assert_string_equal(archive_kind((const u8 *)"\x28\xb5\x2f\xfd\x24", 5, &compressed),
			    "zstd");
	assert_null(archive_kind((const u8 *)"\xfd"
					     "7zXZ\0",
				 5, &compressed));
	memcpy(tar + 257, "ustar", 5);
	assert_string_equal(archive_kind(tar, sizeof(tar), &compressed), "tar archive");
	assert_false(compressed);
	assert_null(archive_kind(tar, 261, &compressed));
	assert_null(archive_kind(tar, 0, &compressed));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_all_fields),
		cmocka_unit_test(pieces_of_any_size_give_the_same),
		cmocka_unit_test(something_else_is_left_for_the_caller),
		cmocka_unit_test(checksums_are_checked),
		cmocka_unit_test(unusable_entries_are_stepped_over),
		cmocka_unit_test(an_empty_name_and_a_name_without_an_end),
		cmocka_unit_test(old_formats_are_told_from_damage),
		cmocka_unit_test(an_error_of_the_caller_ends_it),
		cmocka_unit_test(every_truncation_is_noticed),
		cmocka_unit_test(no_byte_can_lead_outside),
		cmocka_unit_test(other_files_are_known_by_their_first_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
