// SPDX-License-Identifier: MIT
/* lib/hash.c: the same input gives the same hash, others spread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <kernel/string.h>

static void every_bit_matters(void **state)
{
	for (size_t count = 1; count <= 70; count++) {
		u8 *bytes = calloc(1, count); /* exact: the sanitizer watches */
		u64 hash = hash_bytes(bytes, count, 1);

		assert_int_equal(hash_bytes(bytes, count, 1), hash);
		assert_int_not_equal(hash_bytes(bytes, count, 2), hash);
		assert_int_not_equal(hash_bytes(bytes, count - 1, 1), hash);
		for (size_t bit = 0; bit < count * 8; bit++) {
			u32 flipped;

			bytes[bit / 8] ^= 1 << bit % 8;
			flipped = __builtin_popcountll(hash_bytes(bytes, count, 1) ^ hash);
			assert_in_range(flipped, 10, 54);
			bytes[bit / 8] ^= 1 << bit % 8;
		}
		free(bytes);
	}
	assert_int_equal(hash_bytes("", 0, 5), hash_bytes(NULL, 0, 5));
}

/* Names like those in a symbol table, low bits taken as bucket numbers. */
static void similar_names_spread_over_buckets(void **state)
{
	enum { BUCKETS = 1024, NAMES = 8 * BUCKETS };
	static u32 count[BUCKETS];
	u32 most = 0;

	for (u32 i = 0; i < NAMES; i++) {
		char name[32];
		int n = sprintf(name, "banos_object_%u", i);

		count[hash_bytes(name, n, 0) % BUCKETS]++;
	}
	for (u32 i = 0; i < BUCKETS; i++)
		most = MAX(most, count[i]);
	assert_in_range(most, 8, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bit_matters),
		cmocka_unit_test(similar_names_spread_over_buckets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
