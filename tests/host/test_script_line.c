/* SPDX-License-Identifier: MIT */
/* kernel/process/script_line.c: what Linux makes of a first line, we make of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../kernel/process/script_line.h"

static char buf[SCRIPT_LINE_MAX];
static char *interp, *arg;

/* As execve() does: as much of the file as fits, less one. */
static int parse_bytes(const char *text, size_t count)
{
	size_t len = count < SCRIPT_LINE_MAX - 1 ? count : SCRIPT_LINE_MAX - 1;

	memset(buf, 0x55, sizeof(buf));
	memcpy(buf, text, len);
	return script_parse(buf, len, sizeof(buf), &interp, &arg);
}

static int parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static void takes_an_interpreter(void **state)
{
	assert_int_equal(parse("#!/bin/sh\necho\n"), 0);
	assert_string_equal(interp, "/bin/sh");
	assert_null(arg);
}

static void takes_one_argument_with_its_blanks(void **state)
{
	assert_int_equal(parse("#! /usr/bin/env  python3 -u  x \t\nrest"), 0);
	assert_string_equal(interp, "/usr/bin/env");
	assert_string_equal(arg, "python3 -u  x");
}

static void drops_blanks_around_the_name(void **state)
{
	assert_int_equal(parse("#!\t /bin/sh \t \n"), 0);
	assert_string_equal(interp, "/bin/sh");
	assert_null(arg);
}

static void does_without_a_newline_at_the_end(void **state)
{
	assert_int_equal(parse("#!/bin/sh"), 0);
	assert_string_equal(interp, "/bin/sh");
	assert_int_equal(parse("#!/bin/sh -e"), 0);
	assert_string_equal(arg, "-e");
}

static void refuses_what_names_nothing(void **state)
{
	assert_int_equal(parse("#!"), -ENOEXEC);
	assert_int_equal(parse("#!\n/bin/sh\n"), -ENOEXEC);
	assert_int_equal(parse("#!   \t \n"), -ENOEXEC);
	assert_int_equal(parse("# !/bin/sh\n"), -ENOEXEC);
	assert_int_equal(parse(""), -ENOEXEC);
	assert_int_equal(parse("/bin/sh\n"), -ENOEXEC);
}

static void ends_at_a_nul(void **state)
{
	assert_int_equal(parse_bytes("#!/bin/sh\0-x\n", 13), 0);
	assert_string_equal(interp, "/bin/sh");
	assert_null(arg);
}

static void refuses_a_name_that_is_cut_off(void **state)
{
	char line[400] = "#!/";

	memset(line + 3, 'a', sizeof(line) - 4);
	assert_int_equal(parse(line), -ENOEXEC);
}

static void cuts_a_long_argument(void **state)
{
	char line[400] = "#!/bin/sh ";

	memset(line + 10, 'b', sizeof(line) - 11);
	assert_int_equal(parse(line), 0);
	assert_string_equal(interp, "/bin/sh");
	assert_int_equal(strlen(arg), SCRIPT_LINE_MAX - 1 - 10);
}

/* No byte outside of the buffer: the sanitizer looks on. */
static void survives_any_bytes(void **state)
{
	static const char alphabet[] = "#! \t\n/ab";

	srand(2);
	for (int i = 0; i < 200000; i++) {
		size_t count = rand() % 24, size = count + 1;
		char *bytes = malloc(size);

		for (size_t round = 0; round < count; round++) {
			if (round < 2 && rand() % 8)
				bytes[round] = "#!"[round];
			else
				bytes[round] = alphabet[rand() % sizeof(alphabet)];
		}
		if (script_parse(bytes, count, size, &interp, &arg) == 0) {
			assert_true(interp >= bytes && interp + strlen(interp) < bytes + size);
			assert_true(*interp && *interp != ' ' && *interp != '\t');
			if (arg)
				assert_true(arg > interp && arg + strlen(arg) < bytes + size &&
					    *arg);
		}
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_an_interpreter),
		cmocka_unit_test(takes_one_argument_with_its_blanks),
		cmocka_unit_test(drops_blanks_around_the_name),
		cmocka_unit_test(does_without_a_newline_at_the_end),
		cmocka_unit_test(refuses_what_names_nothing),
		cmocka_unit_test(ends_at_a_nul),
		cmocka_unit_test(refuses_a_name_that_is_cut_off),
		cmocka_unit_test(cuts_a_long_argument),
		cmocka_unit_test(survives_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
