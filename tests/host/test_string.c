// SPDX-License-Identifier: MIT
/* lib/string.c against libc: every small size, alignment and overlap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <cmocka.h>

#include <kernel/err.h>
#include <kernel/string.h>
#include "../../lib/libc_names.h"

#define MAX_SIZE 150 /* beyond every change of method */

static void fill(u8 *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		bytes[i] = i * 7 + 3;
}

/* An exact allocation, so that the sanitizer sees a byte too many. */
static u8 *exact(size_t count)
{
	u8 *bytes = malloc(count ? count : 1);

	assert_non_null(bytes);
	if (count)
		return bytes;
	return bytes + 1;
}
static void release(u8 *bytes, size_t count)
{
	free(count ? bytes : bytes - 1);
}

static void memcpy_copies_every_size_and_no_more(void **state)
{
	for (size_t count = 0; count <= MAX_SIZE; count++) {
		u8 *buffer = exact(count), *bytes = exact(count);

		fill(buffer, count);
		__builtin_memset(bytes, 0, count);
		assert_ptr_equal(memcpy(bytes, buffer, count), bytes);
		assert_memory_equal(buffer, bytes, count);
		release(buffer, count);
		release(bytes, count);
	}
}

static void memcpy_leaves_the_neighbours_alone(void **state)
{
	u8 from[MAX_SIZE + 16], to[MAX_SIZE + 32], want[MAX_SIZE + 32];

	fill(from, sizeof(from));
	for (size_t count = 0; count <= MAX_SIZE; count++)
		for (size_t offset = 0; offset < 16; offset++) {
			__builtin_memset(to, 0xee, sizeof(to));
			__builtin_memset(want, 0xee, sizeof(want));
			memcpy(to + offset, from + 15 - offset, count);
			__builtin_memcpy(want + offset, from + 15 - offset, count);
			assert_memory_equal(to, want, sizeof(to));
		}
}

static void memmove_survives_any_overlap(void **state)
{
	u8 ours[2 * MAX_SIZE + 64], libc[sizeof(ours)];

	for (size_t count = 0; count <= MAX_SIZE; count++)
		for (size_t from = 0; from < 70; from += 3)
			for (size_t to = 0; to < 70; to++) {
				fill(ours, sizeof(ours));
				fill(libc, sizeof(libc));
				assert_ptr_equal(memmove(ours + to, ours + from, count), ours + to);
				__builtin_memmove(libc + to, libc + from, count);
				if (__builtin_memcmp(ours, libc, sizeof(ours)))
					fail_msg("%zu bytes from %zu to %zu", count, from, to);
			}
}

static void memset_fills_every_size_and_no_more(void **state)
{
	for (size_t count = 0; count <= MAX_SIZE; count++) {
		u8 *bytes = exact(count);

		assert_ptr_equal(memset(bytes, 0x1a5, count), bytes);
		for (size_t i = 0; i < count; i++)
			assert_int_equal(bytes[i], 0xa5);
		release(bytes, count);
	}
}

static int sign(int number)
{
	return (number > 0) - (number < 0);
}

static void memcmp_orders_by_the_first_difference(void **state)
{
	for (size_t count = 0; count <= 40; count++) {
		u8 *buffer = exact(count), *bytes = exact(count);

		fill(buffer, count);
		fill(bytes, count);
		assert_int_equal(memcmp(buffer, bytes, count), 0);
		assert_int_equal(bcmp(buffer, bytes, count), 0);
		for (size_t i = 0; i < count; i++) {
			bytes[i] ^= 0x80;
			if (i + 1 < count)
				bytes[i + 1] ^= 0xff; /* must not count */
			assert_int_equal(sign(memcmp(buffer, bytes, count)),
					 sign(buffer[i] - bytes[i]));
			assert_int_equal(sign(memcmp(bytes, buffer, count)),
					 sign(bytes[i] - buffer[i]));
			assert_int_equal(!bcmp(buffer, bytes, count), buffer[i] == bytes[i]);
			fill(bytes, count);
		}
		release(buffer, count);
		release(bytes, count);
	}
}

static void memchr_finds_the_first_that_is_inside(void **state)
{
	u8 buf[80];

	for (size_t offset = 0; offset < 16; offset++)
		for (size_t count = 0; count <= 40; count++) {
			u8 *bytes = buf + offset;

			__builtin_memset(buf, 0xfe, sizeof(buf));
			__builtin_memset(bytes, 1, count);
			assert_null(memchr(bytes, 0, count));
			assert_null(memchr(bytes, 0xfe, count));
			for (size_t i = count; i-- > 0;) {
				bytes[i] = 0xfe;
				assert_ptr_equal(memchr(bytes, 0xfe, count), bytes + i);
				assert_ptr_equal(memchr(bytes, 0x1fe, count), bytes + i);
			}
		}
	buf[0] = 0;
	assert_ptr_equal(memchr(buf, 0, ~0ul), buf);
}

/* The next page is not there. */
static void no_search_reads_the_next_page(void **state)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *end = page + 4096;

	assert_ptr_not_equal(page, MAP_FAILED);
	assert_int_equal(mprotect(end, 4096, PROT_NONE), 0);
	__builtin_memset(page, 'a', 4096);
	for (size_t count = 1; count < 40; count++) {
		assert_null(memchr(end - count, 0, count));
		end[-1] = 0;
		assert_int_equal(strlen(end - count), count - 1);
		assert_int_equal(strnlen(end - count, 1000), count - 1);
		assert_ptr_equal(memchr(end - count, 0, 1000), end - 1);
		end[-1] = 'a';
	}
	munmap(page, 8192);
}

static void strlen_measures_from_any_alignment(void **state)
{
	char buf[64];

	for (size_t offset = 0; offset < 16; offset++)
		for (size_t count = 0; count < 40; count++) {
			__builtin_memset(buf, 0x81, sizeof(buf));
			if (offset)
				buf[offset - 1] = 0;
			buf[offset + count] = 0;
			assert_int_equal(strlen(buf + offset), count);
			assert_int_equal(strnlen(buf + offset, 20), count < 20 ? count : 20);
		}
	/* 0x01 after the end looks like a zero byte to a careless word test. */
	assert_int_equal(strlen("abc\0\1\1\1\1"), 3);
	assert_int_equal(strlen("\1\1\1\1\1\1\1\1\1"), 9);
}

static void strings_compare_as_unsigned_bytes(void **state)
{
	static const char *const text[] = { "", "a", "ab", "abc", "b", "\x7f", "\x80", "\xff" };

	for (size_t i = 0; i < ARRAY_SIZE(text); i++)
		for (size_t j = 0; j < ARRAY_SIZE(text); j++) {
			assert_int_equal(sign(strcmp(text[i], text[j])), sign((int)i - (int)j));
			for (size_t count = 0; count < 5; count++)
				assert_int_equal(sign(strncmp(text[i], text[j], count)),
						 sign(__builtin_strncmp(text[i], text[j], count)));
		}
}

static void searches_find_first_last_and_nothing(void **state)
{
	const char *text = "banana boat";

	assert_ptr_equal(strchr(text, 'a'), text + 1);
	assert_ptr_equal(strrchr(text, 'a'), text + 9);
	assert_ptr_equal(strchr(text, 0), text + 11);
	assert_ptr_equal(strrchr(text, 0), text + 11);
	assert_null(strchr(text, 'x'));
	assert_null(strrchr(text, 'x'));
	assert_ptr_equal(strstr(text, "ana b"), text + 3);
	assert_ptr_equal(strstr(text, ""), text);
	assert_ptr_equal(strstr(text, "boat"), text + 7);
	assert_null(strstr(text, "boats"));
	assert_null(strstr("", "x"));
}

static void strscpy_always_terminates(void **state)
{
	char buf[4] = "xxx";

	assert_int_equal(strscpy(buf, "abc", 4), 3);
	assert_string_equal(buf, "abc");
	assert_int_equal(strscpy(buf, "wxyz", 4), -E2BIG);
	assert_string_equal(buf, "wxy");
	assert_int_equal(strscpy(buf, "", 4), 0);
	assert_string_equal(buf, "");
	assert_int_equal(strscpy(buf, "q", 1), -E2BIG);
	assert_string_equal(buf, "");
	buf[0] = 'k';
	assert_int_equal(strscpy(buf, "q", 0), -E2BIG);
	assert_int_equal(buf[0], 'k');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memcpy_copies_every_size_and_no_more),
		cmocka_unit_test(memcpy_leaves_the_neighbours_alone),
		cmocka_unit_test(memmove_survives_any_overlap),
		cmocka_unit_test(memset_fills_every_size_and_no_more),
		cmocka_unit_test(memcmp_orders_by_the_first_difference),
		cmocka_unit_test(memchr_finds_the_first_that_is_inside),
		cmocka_unit_test(no_search_reads_the_next_page),
		cmocka_unit_test(strlen_measures_from_any_alignment),
		cmocka_unit_test(strings_compare_as_unsigned_bytes),
		cmocka_unit_test(searches_find_first_last_and_nothing),
		cmocka_unit_test(strscpy_always_terminates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
