// SPDX-License-Identifier: MIT
/* include/kernel/clock.h, kernel/time/clock_math.c: nanoseconds from counters, for a hundred years. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <kernel/clock.h>
#include <kernel/time.h>

typedef unsigned __int128 u128;
#define YEAR_S 31556952ull

static const u64 freqs[] = { 1000,	 1193182,    3579545,	 10000000,   14318180,
			     24000000,	 100000000,  999999999,	 1000000000, 1000000001,
			     2399998765, 2500000000, 3000000000, 5700000000 };

static void a_hundred_years_do_not_overflow(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(freqs); i++) {
		u64 mult = clock_mult(NSEC_PER_SEC, freqs[i]), seconds = 100 * YEAR_S;
		s64 error_ns = clock_scale(seconds * freqs[i], mult) - seconds * NSEC_PER_SEC;

		/* rounding of the multiplier: half of 2^-32 ns a cycle */
		assert_true(llabs(error_ns) <= (s64)(seconds * freqs[i] >> 33) + 1);
		/* far less than any oscillator's own error: 1 ppb */
		assert_true(llabs(error_ns) <= (s64)(seconds + 1));
	}
}

static void scaling_is_monotonic_and_exact_at_1_ghz(void **state)
{
	u64 mult = clock_mult(NSEC_PER_SEC, 1000000000), last = 0;

	(void)state;
	assert_int_equal(mult, 1ull << 32);
	assert_int_equal(clock_scale(~0ull, mult), ~0ull);
	mult = clock_mult(NSEC_PER_SEC, 2399998765);
	for (u64 c = 0; c < 100000; c++) {
		u64 ns = clock_scale(c, mult);

		assert_true(ns >= last);
		last = ns;
	}
}

static void mult_is_rounded_to_nearest(void **state)
{
	(void)state;
	srand(2);
	for (u32 i = 0; i < 100000; i++) {
		u64 to = (u64)rand() % 10000000000ull + 1,
		    from = ((u64)rand() << 10 | rand()) % 10000000000ull + 10;
		u64 exact = (((u128)to << 33) / from + 1) >> 1;

		assert_int_equal(clock_mult(to, from), exact);
	}
	assert_int_equal(clock_mult(0x7fffffff, 0xffffffffffffffff), 0);
	assert_int_equal(clock_mult(1, 1), 1ull << 32);
}

static void mul_div_has_no_overflow_in_between(void **state)
{
	(void)state;
	srand(3);
	for (u32 i = 0; i < 100000; i++) {
		u64 a = (u64)rand() << 33 ^ rand(), b = (u64)rand() << (rand() % 33),
		    c = ((u64)rand() << (rand() % 33)) + 1;
		u128 exact = (u128)a * b / c;

		assert_int_equal(clock_mul_div(a, b, c), exact >> 64 ? ~0ull : (u64)exact);
	}
	assert_int_equal(clock_mul_div(~0ull, ~0ull, ~0ull), ~0ull);
	assert_int_equal(clock_mul_div(~0ull, ~0ull, ~0ull - 1), ~0ull);
	assert_int_equal(clock_mul_div(~0ull, 0, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hundred_years_do_not_overflow),
		cmocka_unit_test(scaling_is_monotonic_and_exact_at_1_ghz),
		cmocka_unit_test(mult_is_rounded_to_nearest),
		cmocka_unit_test(mul_div_has_no_overflow_in_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
