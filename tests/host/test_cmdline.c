// SPDX-License-Identifier: MIT
/* lib/cmdline.c: words, quotes, values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <kernel/cmdline.h>
#include <kernel/err.h>
#include <kernel/string.h>

/* The words of a line as "key" or "key=value", with | between them. */
static const char *words(const char *line)
{
	static char out[256];
	struct cmdline_word word;
	size_t count = 0;

	out[0] = 0;
	while (cmdline_next(&line, &word)) {
		count += sprintf(out + count, "%s%.*s", count ? "|" : "", (int)word.key_len,
				 word.key);
		if (word.val)
			count += sprintf(out + count, "=%.*s", (int)word.val_len, word.val);
	}
	return out;
}

static void words_are_split_at_blanks(void **state)
{
	assert_string_equal(words(""), "");
	assert_string_equal(words("   "), "");
	assert_string_equal(words("quiet"), "quiet");
	assert_string_equal(words(" a  b=1\tc=\n"), "a|b=1|c=");
	assert_string_equal(words("root=/dev/x=y -- single"), "root=/dev/x=y|--|single");
	assert_string_equal(words("=v"), "=v");
}

static void quotes_hold_blanks_together(void **state)
{
	assert_string_equal(words("a=\"x y\" b"), "a=x y|b");
	assert_string_equal(words("\"a=x y\" b"), "a=x y|b");
	assert_string_equal(words("\"two words\""), "two words");
	assert_string_equal(words("a=x\" \"y b"), "a=x\" \"y|b");
	assert_string_equal(words("a=\"\" b"), "a=|b");
}

static void an_open_quote_reaches_to_the_end(void **state)
{
	assert_string_equal(words("a=\"x y"), "a=x y");
	assert_string_equal(words("\""), "");
	assert_string_equal(words("a=\""), "a=");
}

static void the_last_value_wins(void **state)
{
	char buf[8] = "";

	assert_int_equal(cmdline_value("a=1 b=2 a=345", "a", buf, sizeof(buf)), 3);
	assert_string_equal(buf, "345");
	assert_int_equal(cmdline_value("a= b", "a", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");
	assert_int_equal(cmdline_value("a ab=1 ba=1 b", "a", buf, sizeof(buf)), -ENOENT);
	assert_int_equal(cmdline_value("a=1234567", "a", buf, sizeof(buf)), 7);
	assert_int_equal(cmdline_value("a=12345678", "a", buf, sizeof(buf)), -E2BIG);
	assert_string_equal(buf, "1234567");
}

static void has_finds_bare_words_and_keys(void **state)
{
	assert_true(cmdline_has("quiet ktest=x", "quiet"));
	assert_true(cmdline_has("quiet ktest=x", "ktest"));
	assert_false(cmdline_has("quiet ktest=x", "kte"));
	assert_false(cmdline_has("quiet ktest=x", "x"));
	assert_false(cmdline_has("a=\"quiet x\"", "quiet"));
}

/* No line may be read beyond its end: all short lines of these characters. */
static void any_line_ends(void **state)
{
	static const char set[] = "a=\" ";

	for (u32 code = 0; code < 4096; code++) {
		char *line = malloc(7);
		const char *at = line;
		struct cmdline_word word;
		u32 count = 0;

		for (u32 i = 0; i < 6; i++)
			line[i] = set[code >> (2 * i) & 3];
		line[6] = 0;
		while (cmdline_next(&at, &word)) {
			count++;
			assert_true(word.key >= line && word.key + word.key_len <= line + 6);
			if (word.val)
				assert_true(word.val >= line &&
					    word.val + word.val_len <= line + 6);
		}
		assert_true(count <= 3);
		assert_ptr_equal(at, line + 6);
		free(line);
	}
}

static void keys_have_a_character_and_dashes_are_underscores(void **state)
{
	const char *at = "=x == qemu-exit=1 qemu_exi";
	struct cmdline_word word;

	assert_true(cmdline_next(&at, &word));
	assert_null(word.val);
	assert_int_equal(word.key_len, 2);
	assert_true(cmdline_next(&at, &word));
	assert_int_equal(word.key_len, 1);
	assert_int_equal(word.val_len, 0);
	assert_true(cmdline_next(&at, &word));
	assert_true(cmdline_key_is(&word, "qemu_exit"));
	assert_true(cmdline_next(&at, &word));
	assert_false(cmdline_key_is(&word, "qemu_exit"));
}

static void a_line_gets_another_in_front_if_there_is_room(void **state)
{
	char line[12] = "b=2 c";

	assert_true(cmdline_prepend(line, sizeof(line), ""));
	assert_string_equal(line, "b=2 c");
	assert_true(cmdline_prepend(line, sizeof(line), "a=1"));
	assert_string_equal(line, "a=1 b=2 c");
	assert_false(cmdline_prepend(line, sizeof(line), "xy"));
	assert_string_equal(line, "a=1 b=2 c");
	assert_true(cmdline_prepend(line, sizeof(line), "x"));
	assert_string_equal(line, "x a=1 b=2 c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_are_split_at_blanks),
		cmocka_unit_test(quotes_hold_blanks_together),
		cmocka_unit_test(an_open_quote_reaches_to_the_end),
		cmocka_unit_test(the_last_value_wins),
		cmocka_unit_test(has_finds_bare_words_and_keys),
		cmocka_unit_test(any_line_ends),
		cmocka_unit_test(keys_have_a_character_and_dashes_are_underscores),
		cmocka_unit_test(a_line_gets_another_in_front_if_there_is_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
