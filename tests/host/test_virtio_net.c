/* SPDX-License-Identifier: MIT */
/* Headers of Virtio's network cards, true or not: drivers/bus/virtio/net_wire.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../drivers/bus/virtio/net_wire.h"

static void test_headers_to_be_sent(void **state)
{
	uint8_t header[NET_HEADER_BYTES];
	struct net_offload offload = { .checksum_start = 34, .checksum_offset = 16 };

	memset(header, 0xee, sizeof(header));
	net_make_header(header, &offload);
	assert_memory_equal(header, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
	offload.flags = NET_PARTIAL;
	net_make_header(header, &offload);
	assert_memory_equal(header, "\1\0\0\0\0\0\x22\0\x10\0\0\0", 12);
	offload.flags = NET_PARTIAL | NET_TSO6;
	offload.header_bytes = 0x102;
	offload.segment_bytes = 1440;
	net_make_header(header, &offload);
	assert_memory_equal(header, "\1\4\2\1\xa0\5\x22\0\x10\0\0\0", 12);
	offload.flags = NET_PARTIAL | NET_TSO4;
	net_make_header(header, &offload);
	assert_int_equal(header[1], 1);
}

static int is_refused(const void *header, int is_merged, uint32_t length)
{
	struct net_offload offload;
	uint32_t buffers;

	return net_parse_header(header, is_merged, length, &offload, &buffers) != NULL;
}

static void test_received_headers(void **state)
{
	struct net_offload offload;
	uint32_t buffers;

	assert_null(net_parse_header((const void *)"\0\0\0\0\0\0\0\0\0\0\3\0", 1, 14, &offload,
				     &buffers));
	assert_int_equal(buffers, 3);
	assert_int_equal(offload.flags, 0);
	/* What is not merged has whatever stood there before. */
	assert_null(net_parse_header((const void *)"\2\0\0\0\0\0\0\0\0\0\xff\xff", 0, 60, &offload,
				     &buffers));
	assert_int_equal(buffers, 1);
	assert_int_equal(offload.flags, NET_CHECKED);
	assert_null(net_parse_header((const void *)"\1\0\0\0\0\0\x22\0\x10\0\1\0", 1, 52, &offload,
				     &buffers));
	assert_int_equal(offload.flags, NET_PARTIAL);
	assert_int_equal(offload.checksum_start, 34);
	assert_int_equal(offload.checksum_offset, 16);
}

static void test_wrong_headers(void **state)
{
	assert_true(is_refused("\0\0\0\0\0\0\0\0\0\0\0\0", 1, 60));
	assert_true(is_refused("\0\0\0\0\0\0\0\0\0\0\x31\0", 1, 60));
	assert_true(is_refused("\0\0\0\0\0\0\0\0\0\0\1\0", 1, 13));
	assert_true(is_refused("\0\1\0\0\0\0\0\0\0\0\1\0", 1, 60));
	/* The checksum: one byte too far; before the data; a sum that does not fit into 16 bits. */
	assert_true(is_refused("\1\0\0\0\0\0\x22\0\x10\0\1\0", 1, 51));
	assert_true(is_refused("\1\0\0\0\0\0\x0d\0\x10\0\1\0", 1, 60));
	assert_true(is_refused("\1\0\0\0\0\0\xff\xff\xff\xff\1\0", 1, 65000));
}

static void test_any_header(void **state)
{
	struct net_offload offload;
	uint8_t header[NET_HEADER_BYTES];
	uint32_t buffers;

	srand(1);
	for (int i = 0; i < 200000; i++) {
		uint32_t length = (uint32_t)rand() % 2000;

		for (uint32_t j = 0; j < sizeof(header); j++)
			header[j] = (uint8_t)(rand() % 4 ? rand() % 3 : rand());
		if (net_parse_header(header, i & 1, length, &offload, &buffers))
			continue;
		assert_in_range(buffers, 1, NET_BUFFERS_MAX);
		assert_true(length >= NET_FRAME_LEAST);
		if (offload.flags & NET_PARTIAL)
			assert_true(offload.checksum_start + offload.checksum_offset + 2u <=
				    length);
	}
}

static void test_tables(void **state)
{
	const uint8_t groups[2][8] = { "\1\0\x5e\0\0\1", "\x33\x33\0\0\0\2" };
	uint8_t table[NET_TABLE_BYTES];

	assert_int_equal(net_make_table(table, groups[0], 2, 8), 20);
	assert_memory_equal(table, "\0\0\0\0\2\0\0\0\1\0\x5e\0\0\1\x33\x33\0\0\0\2", 20);
	assert_int_equal(net_make_table(table, NULL, 0, 8), 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_headers_to_be_sent),
		cmocka_unit_test(test_received_headers),
		cmocka_unit_test(test_wrong_headers),
		cmocka_unit_test(test_any_header),
		cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
