/* SPDX-License-Identifier: MIT */
/* lib/random_check.c: sources that are good pass, and those that are stuck or uneven do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <kernel/random_check.h>

static u64 seed;

static u8 next_byte(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (u8)(seed * 0x9e3779b97f4a7c15ull >> 56);
}

/* How many bytes pass; @max: all. */
static size_t passed(u32 quality, enum random_verdict expected, u8 (*make)(void), size_t max)
{
	struct random_check check;

	random_check_init(&check, quality);
	for (size_t i = 0; i < max; i++) {
		u8 byte = make();
		enum random_verdict verdict = random_check_bytes(&check, &byte, 1);

		if (verdict != RANDOM_PASSES) {
			assert_int_equal(verdict, expected);
			return i;
		}
	}
	return max;
}

static u8 stuck(void)
{
	return 0x5a;
}
static u8 by_turns(void)
{
	seed++;
	return seed & 1;
}
static u8 four_bits(void)
{
	return next_byte() & 15;
}
static u8 one_in_ten_is_zero(void)
{
	u8 choice = next_byte();

	if (choice < 26)
		return 0;
	return next_byte();
}

static void good_bytes_pass(void **state)
{
	seed = 1;
	assert_int_equal(passed(1024, RANDOM_PASSES, next_byte, 50000000), 50000000);
}

static void a_stuck_source_is_seen_at_once(void **state)
{
	assert_int_equal(passed(1024, RANDOM_REPEATS, stuck, 1000), 5);
	assert_int_equal(passed(1023, RANDOM_REPEATS, stuck, 1000), 6);
	assert_int_equal(passed(128, RANDOM_REPEATS, stuck, 1000), 40);
	assert_int_equal(passed(0, RANDOM_REPEATS, stuck, 1000), 40);
}

static void what_takes_turns_is_uneven(void **state)
{
	seed = 0;
	assert_int_equal(passed(1024, RANDOM_IS_UNEVEN, by_turns, 1000), 36);
	assert_int_equal(passed(128, RANDOM_IS_UNEVEN, by_turns, 100000), 100000);
}

static void a_source_is_held_to_what_it_claims(void **state)
{
	seed = 7;
	assert_true(passed(1024, RANDOM_IS_UNEVEN, four_bits, 100000) < 1024);
	assert_int_equal(passed(512, RANDOM_IS_UNEVEN, four_bits, 10000000), 10000000);
	assert_true(passed(1024, RANDOM_IS_UNEVEN, one_in_ten_is_zero, 1000000) < 100000);
}

static void pieces_are_checked_as_the_whole(void **state)
{
	struct random_check whole, pieces;
	u8 bytes[3000];

	seed = 9;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = next_byte();
	memset(bytes + 2990, 7, 10);
	random_check_init(&whole, 1024);
	random_check_init(&pieces, 1024);
	assert_int_equal(random_check_bytes(&pieces, bytes, 0), RANDOM_PASSES);
	assert_int_equal(random_check_bytes(&pieces, bytes, 513), RANDOM_PASSES);
	assert_int_equal(random_check_bytes(&pieces, bytes + 513, 2480), RANDOM_PASSES);
	assert_int_equal(random_check_bytes(&pieces, bytes + 2993, 7), RANDOM_REPEATS);
	assert_int_equal(random_check_bytes(&whole, bytes, sizeof(bytes)), RANDOM_REPEATS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_bytes_pass),
		cmocka_unit_test(a_stuck_source_is_seen_at_once),
		cmocka_unit_test(what_takes_turns_is_uneven),
		cmocka_unit_test(a_source_is_held_to_what_it_claims),
		cmocka_unit_test(pieces_are_checked_as_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
