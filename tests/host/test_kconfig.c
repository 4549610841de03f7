// SPDX-License-Identifier: MIT
/* IS_ENABLED and its kin: y, m, n, and values that only look like y. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <kernel/kconfig.h>

#define CONFIG_TEST_Y	     1
#define CONFIG_TEST_M_MODULE 1
#define CONFIG_TEST_NUMBER   64
#define CONFIG_TEST_ZERO     0

#if !IS_ENABLED(CONFIG_TEST_Y) || IS_ENABLED(CONFIG_TEST_N)
#error "IS_ENABLED does not work in #if"
#endif

static void y_is_built_in(void **state)
{
	assert_int_equal(IS_BUILTIN(CONFIG_TEST_Y), 1);
	assert_int_equal(IS_MODULE(CONFIG_TEST_Y), 0);
	assert_int_equal(IS_ENABLED(CONFIG_TEST_Y), 1);
}

static void m_is_a_file(void **state)
{
	assert_int_equal(IS_BUILTIN(CONFIG_TEST_M), 0);
	assert_int_equal(IS_MODULE(CONFIG_TEST_M), 1);
	assert_int_equal(IS_ENABLED(CONFIG_TEST_M), 1);
}

static void n_is_neither(void **state)
{
	assert_int_equal(IS_BUILTIN(CONFIG_TEST_N), 0);
	assert_int_equal(IS_MODULE(CONFIG_TEST_N), 0);
	assert_int_equal(IS_ENABLED(CONFIG_TEST_N), 0);
}

static void numbers_are_not_y(void **state)
{
	assert_int_equal(IS_ENABLED(CONFIG_TEST_NUMBER), 0);
	assert_int_equal(IS_ENABLED(CONFIG_TEST_ZERO), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(y_is_built_in),
		cmocka_unit_test(m_is_a_file),
		cmocka_unit_test(n_is_neither),
		cmocka_unit_test(numbers_are_not_y),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
