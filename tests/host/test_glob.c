// SPDX-License-Identifier: MIT
/* lib/glob.c against a plain recursive match. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <kernel/string.h>

static bool slow_match(const char *bytes, const char *text)
{
	if (*bytes == '*')
		return slow_match(bytes + 1, text) || (*text && slow_match(bytes, text + 1));
	if (!*bytes || !*text)
		return !*bytes && !*text;
	return (*bytes == '?' || *bytes == *text) && slow_match(bytes + 1, text + 1);
}

/* The text of up to @count characters of @set that belongs to @code. */
static void decode(char *out, u32 code, u32 count, const char *set, u32 nset)
{
	u32 i = 0;

	for (; i < count && code; i++) {
		out[i] = set[code % (nset + 1) % nset];
		code /= nset + 1;
	}
	out[i] = 0;
}

static void all_short_patterns_and_texts(void **state)
{
	char pattern[8], text[8];

	for (u32 i = 0; i < 3125; i++)
		for (u32 j = 0; j < 729; j++) {
			decode(pattern, i, 5, "a*?b", 4);
			decode(text, j, 6, "ab", 2);
			if (glob_match(pattern, text) != slow_match(pattern, text))
				fail_msg("\"%s\" against \"%s\"", pattern, text);
		}
}

static void many_stars_take_no_time(void **state)
{
	char text[2001];

	memset(text, 'a', 2000);
	text[2000] = 0;
	assert_false(glob_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text));
	assert_true(glob_match("heap.*", "heap.gives_back"));
	assert_false(glob_match("heap.*", "theheap.x"));
}

static void literals_are_what_is_no_wildcard(void **state)
{
	assert_int_equal(glob_literals(""), 0);
	assert_int_equal(glob_literals("*?**"), 0);
	assert_int_equal(glob_literals("pci:v*d*bc?2*"), 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_short_patterns_and_texts),
		cmocka_unit_test(many_stars_take_no_time),
		cmocka_unit_test(literals_are_what_is_no_wildcard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
