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

static void fill(u8 *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		p[i] = i * 7 + 3;
}

/* An exact allocation, so that the sanitizer sees a byte too many. */
static u8 *exact(size_t n)
{
	u8 *p = malloc(n ? n : 1);

	assert_non_null(p);
	return n ? p : p + 1;
}
static void release(u8 *p, size_t n)
{
	free(n ? p : p - 1);
}

static void memcpy_copies_every_size_and_no_more(void **state)
{
	for (size_t n = 0; n <= MAX_SIZE; n++) {
		u8 *a = exact(n), *b = exact(n);

		fill(a, n);
		__builtin_memset(b, 0, n);
		assert_ptr_equal(memcpy(b, a, n), b);
		assert_memory_equal(a, b, n);
		release(a, n);
		release(b, n);
	}
}

static void memcpy_leaves_the_neighbours_alone(void **state)
{
	u8 from[MAX_SIZE + 16], to[MAX_SIZE + 32], want[MAX_SIZE + 32];

	fill(from, sizeof(from));
	for (size_t n = 0; n <= MAX_SIZE; n++)
		for (size_t at = 0; at < 16; at++) {
			__builtin_memset(to, 0xee, sizeof(to));
			__builtin_memset(want, 0xee, sizeof(want));
			memcpy(to + at, from + 15 - at, n);
			__builtin_memcpy(want + at, from + 15 - at, n);
			assert_memory_equal(to, want, sizeof(to));
		}
}

static void memmove_survives_any_overlap(void **state)
{
	u8 ours[2 * MAX_SIZE + 64], libc[sizeof(ours)];

	for (size_t n = 0; n <= MAX_SIZE; n++)
		for (size_t from = 0; from < 70; from += 3)
			for (size_t to = 0; to < 70; to++) {
				fill(ours, sizeof(ours));
				fill(libc, sizeof(libc));
				assert_ptr_equal(memmove(ours + to, ours + from, n), ours + to);
				__builtin_memmove(libc + to, libc + from, n);
				if (__builtin_memcmp(ours, libc, sizeof(ours)))
					fail_msg("%zu bytes from %zu to %zu", n, from, to);
			}
}

static void memset_fills_every_size_and_no_more(void **state)
{
	for (size_t n = 0; n <= MAX_SIZE; n++) {
		u8 *p = exact(n);

		assert_ptr_equal(memset(p, 0x1a5, n), p);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0xa5);
		release(p, n);
	}
}

static int sign(int v)
{
	return (v > 0) - (v < 0);
}

static void memcmp_orders_by_the_first_difference(void **state)
{
	for (size_t n = 0; n <= 40; n++) {
		u8 *a = exact(n), *b = exact(n);

		fill(a, n);
		fill(b, n);
		assert_int_equal(memcmp(a, b, n), 0);
		assert_int_equal(bcmp(a, b, n), 0);
		for (size_t i = 0; i < n; i++) {
			b[i] ^= 0x80;
			if (i + 1 < n)
				b[i + 1] ^= 0xff; /* must not count */
			assert_int_equal(sign(memcmp(a, b, n)), sign(a[i] - b[i]));
			assert_int_equal(sign(memcmp(b, a, n)), sign(b[i] - a[i]));
			assert_int_equal(!bcmp(a, b, n), a[i] == b[i]);
			fill(b, n);
		}
		release(a, n);
		release(b, n);
	}
}

static void memchr_finds_the_first_that_is_inside(void **state)
{
	u8 buf[80];

	for (size_t at = 0; at < 16; at++)
		for (size_t n = 0; n <= 40; n++) {
			u8 *p = buf + at;

			__builtin_memset(buf, 0xfe, sizeof(buf));
			__builtin_memset(p, 1, n);
			assert_null(memchr(p, 0, n));
			assert_null(memchr(p, 0xfe, n));
			for (size_t i = n; i-- > 0;) {
				p[i] = 0xfe;
				assert_ptr_equal(memchr(p, 0xfe, n), p + i);
				assert_ptr_equal(memchr(p, 0x1fe, n), p + i);
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
	for (size_t n = 1; n < 40; n++) {
		assert_null(memchr(end - n, 0, n));
		end[-1] = 0;
		assert_int_equal(strlen(end - n), n - 1);
		assert_int_equal(strnlen(end - n, 1000), n - 1);
		assert_ptr_equal(memchr(end - n, 0, 1000), end - 1);
		end[-1] = 'a';
	}
	munmap(page, 8192);
}

static void strlen_measures_from_any_alignment(void **state)
{
	char buf[64];

	for (size_t at = 0; at < 16; at++)
		for (size_t n = 0; n < 40; n++) {
			__builtin_memset(buf, 0x81, sizeof(buf));
			if (at)
				buf[at - 1] = 0;
			buf[at + n] = 0;
			assert_int_equal(strlen(buf + at), n);
			assert_int_equal(strnlen(buf + at, 20), n < 20 ? n : 20);
		}
	/* 0x01 after the end looks like a zero byte to a careless word test. */
	assert_int_equal(strlen("abc\0\1\1\1\1"), 3);
	assert_int_equal(strlen("\1\1\1\1\1\1\1\1\1"), 9);
}

static void strings_compare_as_unsigned_bytes(void **state)
{
	static const char *const s[] = { "", "a", "ab", "abc", "b", "\x7f", "\x80", "\xff" };

	for (size_t i = 0; i < ARRAY_SIZE(s); i++)
		for (size_t j = 0; j < ARRAY_SIZE(s); j++) {
			assert_int_equal(sign(strcmp(s[i], s[j])), sign((int)i - (int)j));
			for (size_t n = 0; n < 5; n++)
				assert_int_equal(sign(strncmp(s[i], s[j], n)),
						 sign(__builtin_strncmp(s[i], s[j], n)));
		}
}

static void searches_find_first_last_and_nothing(void **state)
{
	const char *s = "banana boat";

	assert_ptr_equal(strchr(s, 'a'), s + 1);
	assert_ptr_equal(strrchr(s, 'a'), s + 9);
	assert_ptr_equal(strchr(s, 0), s + 11);
	assert_ptr_equal(strrchr(s, 0), s + 11);
	assert_null(strchr(s, 'x'));
	assert_null(strrchr(s, 'x'));
	assert_ptr_equal(strstr(s, "ana b"), s + 3);
	assert_ptr_equal(strstr(s, ""), s);
	assert_ptr_equal(strstr(s, "boat"), s + 7);
	assert_null(strstr(s, "boats"));
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
