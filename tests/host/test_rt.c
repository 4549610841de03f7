// SPDX-License-Identifier: MIT
/*
 * drivers/banos-rt.c: the same results as the compiler's own operators and library,
 * for edge values in all pairs and for random ones of every width.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

typedef unsigned __int128 wide;
typedef __int128 wide_signed;

/* As the compilers declare them. */
wide __udivti3(wide left, wide right);
wide __umodti3(wide left, wide right);
wide __udivmodti4(wide left, wide right, wide *rest);
wide_signed __divti3(wide_signed left, wide_signed right);
wide_signed __modti3(wide_signed left, wide_signed right);
wide_signed __divmodti4(wide_signed left, wide_signed right, wide_signed *rest);
wide_signed __multi3(wide_signed left, wide_signed right);
wide_signed __ashlti3(wide_signed left, int count);
wide_signed __ashrti3(wide_signed left, int count);
wide_signed __lshrti3(wide_signed left, int count);
wide_signed __negti2(wide_signed left);
int __cmpti2(wide_signed left, wide_signed right);
int __ucmpti2(wide left, wide right);
int __popcountsi2(uint32_t left);
int __popcountdi2(uint64_t left);
int __popcountti2(wide left);
int __paritysi2(uint32_t left);
int __paritydi2(uint64_t left);
int __parityti2(wide left);
int __clzsi2(uint32_t left);
int __clzdi2(uint64_t left);
int __clzti2(wide left);
int __ctzsi2(uint32_t left);
int __ctzdi2(uint64_t left);
int __ctzti2(wide left);
int __ffssi2(uint32_t left);
int __ffsdi2(uint64_t left);
int __ffsti2(wide left);
int __clrsbsi2(int32_t left);
int __clrsbdi2(int64_t left);
int __clrsbti2(wide_signed left);
uint32_t __bswapsi2(uint32_t left);
uint64_t __bswapdi2(uint64_t left);
wide __bswapti2(wide left);
wide_signed __muloti4(wide_signed left, wide_signed right, int *overflow);
int64_t __mulodi4(int64_t left, int64_t right, int *overflow);
int32_t __mulosi4(int32_t left, int32_t right, int *overflow);
wide_signed __mulvti3(wide_signed left, wide_signed right);
int64_t __mulvdi3(int64_t left, int64_t right);
int32_t __mulvsi3(int32_t left, int32_t right);
wide_signed __addvti3(wide_signed left, wide_signed right);
int64_t __addvdi3(int64_t left, int64_t right);
int32_t __addvsi3(int32_t left, int32_t right);
wide_signed __subvti3(wide_signed left, wide_signed right);
int64_t __subvdi3(int64_t left, int64_t right);
int32_t __subvsi3(int32_t left, int32_t right);
wide_signed __negvti2(wide_signed left);
int64_t __negvdi2(int64_t left);
int32_t __negvsi2(int32_t left);
wide_signed __absvti2(wide_signed left);
int64_t __absvdi2(int64_t left);
int32_t __absvsi2(int32_t left);

#define WIDE_MIN ((wide_signed)((wide)1 << 127))
#define WIDE_MAX ((wide_signed)(((wide)1 << 127) - 1))
#define RANDOM	 200000

static wide edges[600];
static uint32_t nedges;

static uint64_t random_word(void)
{
	static uint64_t state = 88172645463325252ull;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Any number of bits is as probable as any other. */
static wide random_wide(void)
{
	wide value = (wide)random_word() << 64 | random_word();

	return value >> (random_word() % 128);
}

static int prepare_edges(void **state)
{
	for (uint32_t bit = 0; bit < 128; bit++)
		for (int delta = -1; delta <= 1; delta++) {
			edges[nedges++] = ((wide)1 << bit) + (wide)delta;
			if (bit % 16 == 15)
				edges[nedges++] = ~(((wide)1 << bit) + (wide)delta);
		}
	return 0;
}

static void check_division(wide left, wide right)
{
	wide_signed signed_a = (wide_signed)left, signed_b = (wide_signed)right, signed_rest;
	wide rest;

	if (!right)
		return;
	assert_true(__udivti3(left, right) == left / right);
	assert_true(__umodti3(left, right) == left % right);
	assert_true(__udivmodti4(left, right, &rest) == left / right && rest == left % right);
	if (signed_a == WIDE_MIN && signed_b == -1)
		return;
	assert_true(__divti3(signed_a, signed_b) == signed_a / signed_b);
	assert_true(__modti3(signed_a, signed_b) == signed_a % signed_b);
	assert_true(__divmodti4(signed_a, signed_b, &signed_rest) == signed_a / signed_b &&
		    signed_rest == signed_a % signed_b);
}

static void check_pair(wide left, wide right)
{
	wide_signed signed_a = (wide_signed)left, signed_b = (wide_signed)right, result;
	int64_t long_result;
	int32_t short_result;
	int overflow, expected;

	check_division(left, right);
	assert_true(__multi3(signed_a, signed_b) == (wide_signed)(left * right));
	assert_int_equal(__cmpti2(signed_a, signed_b),
			 1 + (signed_a > signed_b) - (signed_a < signed_b));
	assert_int_equal(__ucmpti2(left, right), 1 + (left > right) - (left < right));
	expected = __builtin_mul_overflow(signed_a, signed_b, &result);
	assert_true(__muloti4(signed_a, signed_b, &overflow) == result && overflow == expected);
	if (!expected)
		assert_true(__mulvti3(signed_a, signed_b) == result);
	expected = __builtin_mul_overflow((int64_t)left, (int64_t)right, &long_result);
	assert_true(__mulodi4(left, right, &overflow) == long_result && overflow == expected);
	if (!expected)
		assert_true(__mulvdi3(left, right) == long_result);
	expected = __builtin_mul_overflow((int32_t)left, (int32_t)right, &short_result);
	assert_true(__mulosi4(left, right, &overflow) == short_result && overflow == expected);
	if (!expected)
		assert_true(__mulvsi3(left, right) == short_result);
	if (!__builtin_add_overflow(signed_a, signed_b, &result))
		assert_true(__addvti3(signed_a, signed_b) == result);
	if (!__builtin_add_overflow((int64_t)left, (int64_t)right, &long_result))
		assert_true(__addvdi3(left, right) == long_result);
	if (!__builtin_add_overflow((int32_t)left, (int32_t)right, &short_result))
		assert_true(__addvsi3(left, right) == short_result);
	if (!__builtin_sub_overflow(signed_a, signed_b, &result))
		assert_true(__subvti3(signed_a, signed_b) == result);
	if (!__builtin_sub_overflow((int64_t)left, (int64_t)right, &long_result))
		assert_true(__subvdi3(left, right) == long_result);
	if (!__builtin_sub_overflow((int32_t)left, (int32_t)right, &short_result))
		assert_true(__subvsi3(left, right) == short_result);
}

static void arithmetic_of_two_numbers(void **state)
{
	for (uint32_t i = 0; i < nedges; i++)
		for (uint32_t j = 0; j < nedges; j++)
			check_pair(edges[i], edges[j]);
	for (uint32_t i = 0; i < RANDOM; i++)
		check_pair(random_wide(), random_wide());
	/* Quotients of one and a little more or less: where an estimate is corrected. */
	for (uint32_t i = 0; i < RANDOM; i++) {
		wide right = random_wide() | 1,
		     left = right * (random_word() >> random_word() % 64);

		check_division(left, right);
		check_division(left - 1, right);
		check_division(left + right - 1, right);
	}
}

static void check_bits(wide value)
{
	uint64_t word = value;
	uint32_t half = value;
	wide swapped = (wide)__builtin_bswap64(word) << 64 | __builtin_bswap64(value >> 64);
	int high_bits = __builtin_popcountll(value >> 64);

	assert_int_equal(__popcountsi2(half), __builtin_popcount(half));
	assert_int_equal(__popcountdi2(word), __builtin_popcountll(word));
	assert_int_equal(__popcountti2(value), __builtin_popcountll(word) + high_bits);
	assert_int_equal(__paritysi2(half), __builtin_parity(half));
	assert_int_equal(__paritydi2(word), __builtin_parityll(word));
	assert_int_equal(__parityti2(value), (__builtin_popcountll(word) + high_bits) % 2);
	assert_int_equal(__bswapsi2(half), __builtin_bswap32(half));
	assert_true(__bswapdi2(word) == __builtin_bswap64(word));
	assert_true(__bswapti2(value) == swapped);
	assert_int_equal(__ffssi2(half), __builtin_ffs(half));
	assert_int_equal(__ffsdi2(word), __builtin_ffsll(word));
	assert_int_equal(__clrsbsi2(half), __builtin_clrsb(half));
	assert_int_equal(__clrsbdi2(word), __builtin_clrsbll(word));
	if (half) {
		assert_int_equal(__clzsi2(half), __builtin_clz(half));
		assert_int_equal(__ctzsi2(half), __builtin_ctz(half));
	}
	if (word) {
		assert_int_equal(__clzdi2(word), __builtin_clzll(word));
		assert_int_equal(__ctzdi2(word), __builtin_ctzll(word));
	}
}

/* Counted bit by bit: compilers have nothing for numbers of this width. */
static void check_wide_bits(wide value)
{
	int lowest = 0, highest = 0, same = 0;

	while (same < 127 && ((value >> (126 - same)) & 1) == (value >> 127))
		same++;
	assert_int_equal(__clrsbti2((wide_signed)value), same);
	if (!value) {
		assert_int_equal(__ffsti2(value), 0);
		return;
	}
	while (!((value >> lowest) & 1))
		lowest++;
	while (!((value >> (127 - highest)) & 1))
		highest++;
	assert_int_equal(__ctzti2(value), lowest);
	assert_int_equal(__ffsti2(value), lowest + 1);
	assert_int_equal(__clzti2(value), highest);
}

static void check_one(wide value)
{
	wide_signed signed_value = (wide_signed)value;

	check_bits(value);
	check_wide_bits(value);
	for (int count = 0; count < 128; count++) {
		assert_true(__ashlti3(signed_value, count) == (wide_signed)(value << count));
		assert_true(__lshrti3(signed_value, count) == (wide_signed)(value >> count));
		assert_true(__ashrti3(signed_value, count) == signed_value >> count);
	}
	assert_true(__negti2(signed_value) == (wide_signed)-value);
	if (signed_value != WIDE_MIN) {
		assert_true(__negvti2(signed_value) == -signed_value);
		assert_true(__absvti2(signed_value) ==
			    (signed_value < 0 ? -signed_value : signed_value));
	}
	if ((int64_t)value != INT64_MIN) {
		assert_true(__negvdi2(value) == -(int64_t)value);
		assert_true(__absvdi2(value) == llabs((int64_t)value));
	}
	if ((int32_t)value != INT32_MIN) {
		assert_true(__negvsi2(value) == -(int32_t)value);
		assert_true(__absvsi2(value) == abs((int32_t)value));
	}
}

static void bits_and_shifts(void **state)
{
	for (uint32_t i = 0; i < nedges; i++)
		check_one(edges[i]);
	for (uint32_t i = 0; i < RANDOM / 20; i++)
		check_one(random_wide());
}

/* ---- what must fail ---- */

static void divide_by_zero(void)
{
	__udivti3(1, 0);
}
static void divide_signed_by_zero(void)
{
	__modti3(-1, 0);
}
static void multiply_too_far(void)
{
	__mulvti3(WIDE_MAX, 2);
}
static void multiply_long_too_far(void)
{
	__mulvdi3(INT64_MIN, -1);
}
static void multiply_short_too_far(void)
{
	__mulvsi3(INT32_MAX, INT32_MAX);
}
static void add_too_far(void)
{
	__addvti3(WIDE_MAX, 1);
}
static void subtract_too_far(void)
{
	__subvdi3(INT64_MIN, 1);
}
static void negate_the_lowest(void)
{
	__negvti2(WIDE_MIN);
}
static void absolute_of_the_lowest(void)
{
	__absvsi2(INT32_MIN);
}

static int signal_of(void (*fails)(void))
{
	int status;
	pid_t child = fork();

	if (!child) {
		signal(SIGFPE, SIG_DFL);
		signal(SIGILL, SIG_DFL);
		fails();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFSIGNALED(status))
		return WTERMSIG(status);
	return 0;
}

static void what_has_no_result_does_not_return(void **state)
{
	assert_int_equal(signal_of(divide_by_zero), SIGFPE);
	assert_int_equal(signal_of(divide_signed_by_zero), SIGFPE);
	assert_int_equal(signal_of(multiply_too_far), SIGILL);
	assert_int_equal(signal_of(multiply_long_too_far), SIGILL);
	assert_int_equal(signal_of(multiply_short_too_far), SIGILL);
	assert_int_equal(signal_of(add_too_far), SIGILL);
	assert_int_equal(signal_of(subtract_too_far), SIGILL);
	assert_int_equal(signal_of(negate_the_lowest), SIGILL);
	assert_int_equal(signal_of(absolute_of_the_lowest), SIGILL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arithmetic_of_two_numbers),
		cmocka_unit_test(bits_and_shifts),
		cmocka_unit_test(what_has_no_result_does_not_return),
	};

	return cmocka_run_group_tests_name("rt", tests, prepare_edges, NULL);
}
