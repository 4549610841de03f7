/* SPDX-License-Identifier: MIT */
/* drivers/lib/checksum/sums.c: against zlib, and bit by bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zlib.h>
#include "../../drivers/lib/checksum/sums.h"

#define ROUNDS 3000
#define BYTES  20000

static struct crc_table crc32_table, crc32c_table;

static int set_up(void **state)
{
	crc_table_fill(&crc32_table, CRC32_POLYNOMIAL);
	crc_table_fill(&crc32c_table, CRC32C_POLYNOMIAL);
	return 0;
}

static void test_known_sums(void **state)
{
	const uint8_t *digits = (const uint8_t *)"123456789";
	uint8_t bytes[32];

	assert_int_equal(crc_update(&crc32_table, 0, digits, 9), 0xcbf43926);
	assert_int_equal(crc_update(&crc32c_table, 0, digits, 9), 0xe3069283);
	assert_int_equal(adler_update(1, digits, 9), 0x091e01de);
	/* RFC 3720, B.4 */
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(crc_update(&crc32c_table, 0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(crc_update(&crc32c_table, 0, bytes, 32), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		bytes[i] = i;
	assert_int_equal(crc_update(&crc32c_table, 0, bytes, 32), 0x46dd794e);
}

static void test_nothing_changes_nothing(void **state)
{
	assert_int_equal(crc_update(&crc32_table, 0x12345678, NULL, 0), 0x12345678);
	assert_int_equal(adler_update(0x12345678, NULL, 0), 0x12345678);
}

static void test_pieces_have_the_sum_of_the_whole(void **state)
{
	for (int i = 0; i < ROUNDS; i++) {
		size_t size = rand() % (i % 10 ? 100 : BYTES), cut = size ? rand() % size : 0;
		uint8_t *data = malloc(size + !size);

		for (size_t k = 0; k < size; k++)
			data[k] = i % 3 ? rand() : 0xff;
		assert_int_equal(crc_update(&crc32_table, crc_update(&crc32_table, 0, data, cut),
					    data + cut, size - cut),
				 crc32(0, data, size));
		assert_int_equal(adler_update(adler_update(1, data, cut), data + cut, size - cut),
				 adler32(1, data, size));
		free(data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_sums),
		cmocka_unit_test(test_nothing_changes_nothing),
		cmocka_unit_test(test_pieces_have_the_sum_of_the_whole),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
