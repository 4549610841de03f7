// SPDX-License-Identifier: MIT
/* fs/names/name.c: components end where they should, keys agree, names compare. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <kernel/fs/name.h>

/* A path as the walker has it: slack behind the NUL, then nothing. */
static char *with_slack(const char *text, size_t count)
{
	char *bytes = malloc(count + 1 + NAME_SLACK);

	memcpy(bytes, text, count);
	bytes[count] = '\0';
	memset(bytes + count + 1, 0xee, NAME_SLACK);
	return bytes;
}

static void a_component_ends_at_slash_or_nul(void **state)
{
	char text[300];

	for (size_t len = 1; len <= 255; len++) {
		for (int ending = 0; ending < 2; ending++) {
			struct name_part part;
			char *bytes;

			for (size_t i = 0; i < len; i++)
				text[i] = "abcxyz.-_0\x80\xff\x2e\x30\x01"[(i * 7 + len) % 15];
			strcpy(text + len, ending ? "/b/c" : "");
			bytes = with_slack(text, len + (ending ? 4 : 0));
			part = name_scan(bytes);
			assert_ptr_equal(part.end, bytes + len);
			assert_int_equal(name_key_len(part.key), len);
			assert_int_equal(part.key, name_key(text, len));
			assert_int_equal(part.tail, name_tail(bytes, len));
			free(bytes);
		}
	}
}

static void bytes_near_a_slash_are_no_slash(void **state)
{
	for (int c = 1; c < 256; c++) {
		char text[] = { 'a', (char)c, 'b', 0 };
		char *bytes = with_slack(text, 3);

		assert_ptr_equal(name_scan(bytes).end, c == '/' ? bytes + 1 : bytes + 3);
		free(bytes);
	}
}

static void key_reads_no_byte_too_many(void **state)
{
	for (size_t len = 1; len <= 40; len++) {
		char *bytes = malloc(len); /* exact: the sanitizer watches */

		memset(bytes, 'q', len);
		assert_int_equal(name_key_len(name_key(bytes, len)), len);
		free(bytes);
	}
}

static void similar_names_have_different_hashes(void **state)
{
	enum { NAMES = 100000, BUCKETS = 16384 };
	static u32 count[BUCKETS];
	u32 most = 0;

	for (u32 i = 0; i < NAMES; i++) {
		char name[32];
		int n = sprintf(name, "file%u.txt", i);

		count[(u32)name_key(name, n) % BUCKETS]++;
	}
	for (u32 i = 0; i < BUCKETS; i++) {
		if (most <= count[i])
			most = count[i];
	}
	assert_in_range(most, 6, 30);
}

static void stored_names_equal_themselves_alone(void **state)
{
	for (size_t len = 1; len <= 64; len++) {
		char text[80], *stored = malloc((len + 8) & ~7ul), *bytes;

		memset(text, 'n', sizeof(text));
		text[len] = '/';
		name_store(stored, text, len);
		assert_int_equal(strlen(stored), len);
		bytes = with_slack(text, sizeof(text) - 1);
		assert_true(name_equal_part(stored, bytes, len, name_tail(bytes, len)));
		for (size_t i = 0; i < len; i++) {
			bytes[i] ^= 1;
			assert_false(name_equal_part(stored, bytes, len, name_tail(bytes, len)));
			bytes[i] ^= 1;
		}
		free(bytes);
		free(stored);
	}
}

static void dots_are_special(void **state)
{
	assert_int_equal(name_kind(".", 1), NAME_DOT);
	assert_int_equal(name_kind("..", 2), NAME_DOTDOT);
	assert_int_equal(name_kind("./", 1), NAME_DOT);
	assert_int_equal(name_kind(".a", 2), NAME_NORMAL);
	assert_int_equal(name_kind("...", 3), NAME_NORMAL);
	assert_int_equal(name_kind("a.", 2), NAME_NORMAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_component_ends_at_slash_or_nul),
		cmocka_unit_test(bytes_near_a_slash_are_no_slash),
		cmocka_unit_test(key_reads_no_byte_too_many),
		cmocka_unit_test(similar_names_have_different_hashes),
		cmocka_unit_test(stored_names_equal_themselves_alone),
		cmocka_unit_test(dots_are_special),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
