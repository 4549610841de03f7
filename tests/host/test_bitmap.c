// SPDX-License-Identifier: MIT
/* lib/bitmap.c against a bit at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <kernel/bitmap.h>

static const size_t lengths[] = { 1, 5, 63, 64, 65, 127, 128, 130, 200 };

static size_t slow_find(const u64 *map, size_t nbits, size_t from, bool value)
{
	while (from < nbits && bitmap_test(map, from) != value)
		from++;
	if (from < nbits)
		return from;
	return nbits;
}

static size_t slow_range(const u64 *map, size_t nbits, size_t from, size_t count, size_t align)
{
	for (size_t i = ALIGN_UP(from, align); i + count <= nbits; i += align)
		if (slow_find(map, i + count, i, true) == i + count)
			return i;
	return nbits;
}

static void searches_agree_with_a_bit_at_a_time(void **state)
{
	srand(1);
	for (u32 round = 0; round < 300; round++) {
		size_t nbits = lengths[round % ARRAY_SIZE(lengths)], weight = 0, last = nbits;
		/* exact, so that the sanitizer sees a word too many */
		u64 *map = malloc(BITMAP_WORDS(nbits) * 8);

		/* Bits beyond the end are set: they must not be found. */
		memset(map, round & 1 ? 0xff : 0, BITMAP_WORDS(nbits) * 8);
		for (size_t i = 0; i < nbits; i++) {
			if (rand() % (1 + round % 9))
				bitmap_clear(map, i);
			else
				bitmap_set(map, i);
			if (bitmap_test(map, i)) {
				weight++;
				last = i;
			}
		}
		for (size_t from = 0; from <= nbits + 2; from++) {
			assert_int_equal(bitmap_find_set(map, nbits, from),
					 slow_find(map, nbits, from, true));
			assert_int_equal(bitmap_find_clear(map, nbits, from),
					 slow_find(map, nbits, from, false));
			for (size_t count = 1; count < 12; count += 3)
				for (size_t align = 1; align <= 8; align *= 2)
					assert_int_equal(bitmap_find_clear_range(map, nbits, from,
										 count, align),
							 slow_range(map, nbits, from, count,
								    align));
		}
		assert_int_equal(bitmap_weight(map, nbits), weight);
		assert_int_equal(bitmap_find_last(map, nbits), last);
		free(map);
	}
}

static void ranges_change_just_their_bits(void **state)
{
	for (size_t first = 0; first < 140; first += 7)
		for (size_t count = 0; first + count <= 192; count += 3) {
			u64 map[3] = { 0 };

			bitmap_set_range(map, first, count);
			for (size_t i = 0; i < 192; i++)
				assert_int_equal(bitmap_test(map, i),
						 i >= first && i < first + count);
			memset(map, 0xff, sizeof(map));
			bitmap_clear_range(map, first, count);
			for (size_t i = 0; i < 192; i++)
				assert_int_equal(bitmap_test(map, i),
						 i < first || i >= first + count);
		}
}

static void huge_counts_do_not_wrap(void **state)
{
	u64 map[2] = { 0 };

	assert_int_equal(bitmap_find_clear_range(map, 128, 1, ~0ul, 1), 128);
	assert_int_equal(bitmap_find_clear_range(map, 128, 1, 128, 1), 128);
	assert_int_equal(bitmap_find_clear_range(map, 128, 0, 128, 1), 0);
	assert_int_equal(bitmap_find_clear_range(map, 128, ~0ul, 1, 1), 128);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(searches_agree_with_a_bit_at_a_time),
		cmocka_unit_test(ranges_change_just_their_bits),
		cmocka_unit_test(huge_counts_do_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
