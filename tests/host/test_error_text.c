/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <kernel/err.h>

static void words_for_numbers_of_either_sign(void **state)
{
	assert_string_equal(error_text(ENOENT), "No such file or directory");
	assert_string_equal(error_text(-ENOENT), "No such file or directory");
}

static void anything_has_words(void **state)
{
	for (long e = -5000; e < 5000; e++)
		assert_non_null(error_text(e));
	assert_string_equal(error_text(0), "unexpected error");
	assert_string_equal(error_text(INT64_MIN), "unexpected error");
	assert_string_equal(error_text(INT64_MAX), "unexpected error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_for_numbers_of_either_sign),
		cmocka_unit_test(anything_has_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
