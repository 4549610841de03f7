// SPDX-License-Identifier: MIT
/* lib/parse.c: what is a number, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <kernel/err.h>
#include <kernel/string.h>

static void unsigned_numbers(void **state)
{
	static const struct {
		const char *s;
		u32 base;
		int err;
		u64 v;
	} rows[] = {
		{ "0", 10, 0, 0 },
		{ "42", 10, 0, 42 },
		{ "007", 10, 0, 7 },
		{ "18446744073709551615", 10, 0, UINT64_MAX },
		{ "18446744073709551616", 10, -ERANGE, 0 },
		{ "99999999999999999999", 10, -ERANGE, 0 },
		{ "0x10", 0, 0, 16 },
		{ "0XfF", 0, 0, 255 },
		{ "010", 0, 0, 8 },
		{ "10", 0, 0, 10 },
		{ "ff", 16, 0, 255 },
		{ "0xff", 16, -EINVAL, 0 },
		{ "101", 2, 0, 5 },
		{ "zz", 36, 0, 1295 },
		{ "", 10, -EINVAL, 0 },
		{ " 1", 10, -EINVAL, 0 },
		{ "1 ", 10, -EINVAL, 0 },
		{ "-1", 10, -EINVAL, 0 },
		{ "+1", 10, -EINVAL, 0 },
		{ "1x", 10, -EINVAL, 0 },
		{ "0x", 0, -EINVAL, 0 },
		{ "0xg", 0, -EINVAL, 0 },
		{ "08", 0, -EINVAL, 0 },
		{ "12", 2, -EINVAL, 0 },
		{ "ffffffffffffffff", 16, 0, UINT64_MAX },
		{ "10000000000000000", 16, -ERANGE, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 number = 0;

		if (parse_u64(rows[i].s, rows[i].base, &number) != rows[i].err ||
		    number != rows[i].v)
			fail_msg("\"%s\" in base %u gave %lu", rows[i].s, rows[i].base, number);
	}
}

static void signed_numbers(void **state)
{
	static const struct {
		const char *s;
		int err;
		s64 v;
	} rows[] = {
		{ "0", 0, 0 },
		{ "-0", 0, 0 },
		{ "-1", 0, -1 },
		{ "+1", 0, 1 },
		{ "-0x10", 0, -16 },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "9223372036854775808", -ERANGE, 0 },
		{ "-9223372036854775808", 0, INT64_MIN },
		{ "-9223372036854775809", -ERANGE, 0 },
		{ "--1", -EINVAL, 0 },
		{ "-", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "+-1", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		s64 value = 0;

		if (parse_s64(rows[i].s, 0, &value) != rows[i].err || value != rows[i].v)
			fail_msg("\"%s\" gave %ld", rows[i].s, value);
	}
}

static void sizes_with_units(void **state)
{
	static const struct {
		const char *s;
		int err;
		u64 v;
	} rows[] = {
		{ "0", 0, 0 },
		{ "512", 0, 512 },
		{ "4K", 0, 4096 },
		{ "4k", 0, 4096 },
		{ "16M", 0, 16 << 20 },
		{ "2G", 0, 2ull << 30 },
		{ "1T", 0, 1ull << 40 },
		{ "3P", 0, 3ull << 50 },
		{ "15E", 0, 15ull << 60 },
		{ "16E", -ERANGE, 0 },
		{ "0x10K", 0, 16384 },
		{ "18014398509481984K", -ERANGE, 0 },
		{ "K", -EINVAL, 0 },
		{ "4KB", -EINVAL, 0 },
		{ "4 K", -EINVAL, 0 },
		{ "4Q", -EINVAL, 0 },
		{ "", -EINVAL, 0 },
		{ "-4K", -EINVAL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		u64 number = 0;

		if (parse_size(rows[i].s, &number) != rows[i].err || number != rows[i].v)
			fail_msg("\"%s\" gave %lu", rows[i].s, number);
	}
}

static void a_failure_leaves_the_result_alone(void **state)
{
	u64 number = 77;
	s64 w = -77;

	assert_int_equal(parse_u64("12x", 10, &number), -EINVAL);
	assert_int_equal(parse_size("12x", &number), -EINVAL);
	assert_int_equal(parse_s64("12x", 10, &w), -EINVAL);
	assert_int_equal(number, 77);
	assert_int_equal(w, -77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unsigned_numbers),
		cmocka_unit_test(signed_numbers),
		cmocka_unit_test(sizes_with_units),
		cmocka_unit_test(a_failure_leaves_the_result_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
