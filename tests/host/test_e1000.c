/* SPDX-License-Identifier: MIT */
/* Descriptors, filters and words of Intel's network cards: drivers/net/e1000/wire.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../drivers/net/e1000/wire.h"

#define IPV4_TCP_FRAME                                             \
	"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0"                           \
	"\x45\0\0\x2c\0\1\0\0\x40\6\x12\x34\x0a\0\2\x0f\x0a\0\2\2" \
	"\x04\xd2\0\x50\0\0\0\1\0\0\0\0\x50\2\x10\0\xaa\xbb\0\0"   \
	"data"

static void test_contexts(void **state)
{
	struct e1000_offload offload = { .checksum_start = 34, .checksum_offset = 16 };
	struct e1000_descriptor context = e1000_make_context(&offload);

	/* IP: 14, 24, 33; payload: 34, 50, to the end; TCP. */
	assert_int_equal(context.address, UINT64_C(0x000032220021180e));
	assert_int_equal(context.rest, UINT64_C(0x21000000));
	offload.checksum_offset = 6;
	context = e1000_make_context(&offload);
	assert_int_equal(context.address, UINT64_C(0x000028220021180e));
	assert_int_equal(context.rest, UINT64_C(0x20000000));
	offload = (struct e1000_offload){ .checksum_start = 34,
					  .checksum_offset = 16,
					  .segment_bytes = 1448,
					  .header_bytes = 66,
					  .payload_bytes = 0x54321,
					  .is_ipv4 = 1 };
	context = e1000_make_context(&offload);
	assert_int_equal(context.rest, UINT64_C(0x05a8420027054321));
}

static void test_data(void **state)
{
	struct e1000_offload offload = { 0 };
	struct e1000_descriptor data = e1000_make_data(0x123456789a, 1514, &offload, 1);

	assert_int_equal(data.address, 0x123456789a);
	assert_int_equal(data.rest, UINT64_C(0x2b1005ea));
	data = e1000_make_data(1, E1000_PIECE_MAX, &offload, 0);
	assert_int_equal(data.rest, UINT64_C(0x22101000));
	offload.checksum_start = 34;
	data = e1000_make_data(1, 60, &offload, 1);
	assert_int_equal(data.rest, UINT64_C(0x000002002b10003c));
	offload.segment_bytes = 1448;
	offload.is_ipv4 = 1;
	data = e1000_make_data(1, 60, &offload, 1);
	assert_int_equal(data.rest, UINT64_C(0x000003002f10003c));
	assert_false(e1000_is_done(data.rest));
	assert_true(e1000_is_done(data.rest | UINT64_C(1) << 32));
	assert_int_equal(e1000_pieces(0), 0);
	assert_int_equal(e1000_pieces(4096), 1);
	assert_int_equal(e1000_pieces(4097), 2);
	assert_int_equal(e1000_pieces(65536), 16);
}

static void test_what_a_card_can_sum(void **state)
{
	uint8_t frame[60] = IPV4_TCP_FRAME;

	assert_true(e1000_can_checksum(frame, sizeof(frame), 34, 16));
	assert_true(e1000_can_checksum(frame, sizeof(frame), 34, 6));
	assert_false(e1000_can_checksum(frame, sizeof(frame), 34, 2));
	assert_false(e1000_can_checksum(frame, 13, 34, 16));
	assert_false(e1000_can_checksum(frame, sizeof(frame), 13, 16));
	assert_true(e1000_can_checksum(frame, sizeof(frame), 237, 16));
	assert_false(e1000_can_checksum(frame, sizeof(frame), 238, 16));
	assert_false(e1000_can_checksum(frame, sizeof(frame), 0xffff, 0xffff));
	frame[12] = 0x86;
	frame[13] = 0xdd;
	assert_true(e1000_can_checksum(frame, sizeof(frame), 54, 16));
	frame[13] = 0xde;
	assert_false(e1000_can_checksum(frame, sizeof(frame), 54, 16));
}

/* Whatever the places are, the sum over all is the same. */
static void test_sums_over_parts(void **state)
{
	uint8_t whole[200], copy[200];
	uint32_t sum = 0;

	srand(2);
	for (uint32_t i = 0; i < sizeof(whole); i++)
		whole[i] = (uint8_t)rand();
	for (int round = 0; round < 2000; round++) {
		uint32_t first = (uint32_t)rand() % 100, second = first + (uint32_t)rand() % 100;
		struct e1000_part parts[3] = { { copy, first },
					       { copy + first, second - first },
					       { copy + second, sizeof(copy) - second } };

		memcpy(copy, whole, sizeof(copy));
		assert_true(e1000_fill_checksum(parts, 3, 33, 16));
		sum = 0;
		for (uint32_t i = 33; i < sizeof(copy); i++)
			sum += (i - 33) & 1 ? copy[i] : (uint32_t)copy[i] << 8;
		/* What stood in the place was part of the sum, as that of a pseudo header is. */
		sum += (uint32_t)whole[49] << 8 | whole[50];
		sum -= (uint32_t)copy[49] << 8 | copy[50];
		while (sum >> 16)
			sum = (sum & 0xffff) + (sum >> 16);
		assert_int_equal((uint16_t)~sum, copy[49] << 8 | copy[50]);
	}
	for (uint32_t start = 180; start < 70000; start += 1000) {
		struct e1000_part part = { copy, sizeof(copy) };

		assert_false(e1000_fill_checksum(&part, 1, start, 19));
	}
}

static void test_a_sum_of_udp_is_never_zero(void **state)
{
	uint8_t bytes[8] = { 0xff, 0xff };
	struct e1000_part part = { bytes, sizeof(bytes) };

	assert_true(e1000_fill_checksum(&part, 1, 0, 6));
	assert_memory_equal(bytes + 6, "\xff\xff", 2);
}

static void test_segments(void **state)
{
	uint8_t frame[] = IPV4_TCP_FRAME;
	struct e1000_offload offload = { .checksum_start = 34,
					 .checksum_offset = 16,
					 .segment_bytes = 1448,
					 .header_bytes = 54,
					 .is_ipv4 = 1 };

	assert_true(e1000_prepare_segments(frame, sizeof(frame), &offload));
	assert_memory_equal(frame + 16, "\0\0", 2);
	assert_memory_equal(frame + 24, "\0\0", 2);
	/* 0a00 + 020f + 0a00 + 0202 + 0006 */
	assert_memory_equal(frame + 50, "\x18\x17", 2);
	assert_false(e1000_prepare_segments(frame, 53, &offload));
	offload.header_bytes = 53;
	assert_false(e1000_prepare_segments(frame, sizeof(frame), &offload));
	offload.header_bytes = 54;
	offload.segment_bytes = 0;
	assert_false(e1000_prepare_segments(frame, sizeof(frame), &offload));
	offload.segment_bytes = 1448;
	offload.is_ipv4 = 0;
	assert_false(e1000_prepare_segments(frame, sizeof(frame), &offload));
	offload.is_ipv4 = 1;
	offload.checksum_start = 0xffff;
	assert_false(e1000_prepare_segments(frame, sizeof(frame), &offload));
}

static void test_segments_of_ipv6(void **state)
{
	uint8_t frame[80] = "\2\0\0\0\0\1\2\0\0\0\0\2\x86\xdd\x60\0\0\0\0\x40\6\x40";
	struct e1000_offload offload = { .checksum_start = 54,
					 .checksum_offset = 16,
					 .segment_bytes = 1440,
					 .header_bytes = 74 };

	frame[37] = 1;
	frame[53] = 2;
	assert_true(e1000_prepare_segments(frame, sizeof(frame), &offload));
	assert_memory_equal(frame + 18, "\0\0", 2);
	assert_memory_equal(frame + 70, "\0\x09", 2);
	offload.is_ipv4 = 1;
	assert_false(e1000_prepare_segments(frame, sizeof(frame), &offload));
	offload.is_ipv4 = 0;
	offload.checksum_start = 53;
	assert_false(e1000_prepare_segments(frame, sizeof(frame), &offload));
}

#define RECEIVED(status, errors, length) \
	((uint64_t)(status) << 32 | (uint64_t)(errors) << 40 | (length))

static void test_received_buffers(void **state)
{
	struct e1000_received received;

	assert_false(e1000_parse_received(RECEIVED(2, 0, 60), 2048, &received));
	assert_true(e1000_parse_received(RECEIVED(0x63, 0, 60), 2048, &received));
	assert_int_equal(received.length, 60);
	assert_true(received.is_end && !received.is_wrong);
	assert_true(e1000_is_checked(&received, (const uint8_t *)IPV4_TCP_FRAME, 58));
	assert_false(e1000_is_checked(&received, (const uint8_t *)IPV4_TCP_FRAME, 13));
	/* The sum of IP was not looked at; it is wrong; that of TCP is; none was looked at. */
	assert_true(e1000_parse_received(RECEIVED(0x23, 0, 60), 2048, &received));
	assert_false(e1000_is_checked(&received, (const uint8_t *)IPV4_TCP_FRAME, 58));
	assert_true(e1000_parse_received(RECEIVED(0x63, 0x40, 60), 2048, &received));
	assert_false(e1000_is_checked(&received, (const uint8_t *)IPV4_TCP_FRAME, 58));
	assert_true(e1000_parse_received(RECEIVED(0x63, 0x20, 60), 2048, &received));
	assert_false(e1000_is_checked(&received, (const uint8_t *)IPV4_TCP_FRAME, 58));
	assert_true(e1000_parse_received(RECEIVED(0x67, 0, 60), 2048, &received));
	assert_false(e1000_is_checked(&received, (const uint8_t *)IPV4_TCP_FRAME, 58));
	/* UDP over IPv6, and something else. */
	assert_true(e1000_parse_received(RECEIVED(0x13, 0, 60), 2048, &received));
	assert_true(e1000_is_checked(&received, (const uint8_t *)"............\x86\xdd", 14));
	assert_false(e1000_is_checked(&received, (const uint8_t *)"............\x81\0", 14));
	/* Lengths that cannot be, and damaged frames. */
	assert_true(e1000_parse_received(RECEIVED(3, 0, 2049), 2048, &received));
	assert_true(received.is_wrong);
	assert_true(e1000_parse_received(RECEIVED(1, 0, 0), 2048, &received));
	assert_true(received.is_wrong);
	assert_true(e1000_parse_received(RECEIVED(3, 1, 60), 2048, &received));
	assert_true(received.is_wrong);
	assert_true(e1000_parse_received(UINT64_MAX, 2048, &received));
	assert_true(received.is_wrong);
}

static void test_any_received_buffer(void **state)
{
	struct e1000_received received;

	srand(1);
	for (int i = 0; i < 200000; i++) {
		uint64_t rest = (uint64_t)rand() << 33 ^ (uint64_t)rand();

		if (!e1000_parse_received(rest, 1024, &received) || received.is_wrong)
			continue;
		assert_in_range(received.length, 1, 1024);
	}
}

static void test_filters(void **state)
{
	static uint8_t groups[40][8];
	static struct e1000_filter filter;
	uint32_t bits = 0;

	/* An example of the manual's, for bits 47 to 36. */
	assert_int_equal(e1000_hash((const uint8_t *)"\x01\xaa\x00\x12\x34\x56"), 0x563);
	for (uint32_t i = 0; i < 40; i++)
		memcpy(groups[i], (uint8_t[]){ 1, 0, 0x5e, 0, (uint8_t)(i << 4), 1 }, 6);
	e1000_make_filter(&filter, groups[0], 0, 8);
	assert_int_equal(filter.exact, 0);
	e1000_make_filter(&filter, groups[0], E1000_EXACT_MAX, 8);
	assert_int_equal(filter.exact, E1000_EXACT_MAX);
	assert_int_equal(filter.low[1], 0x005e0001);
	assert_int_equal(filter.high[1], 0x0110);
	for (uint32_t i = 0; i < E1000_HASH_WORDS; i++)
		assert_int_equal(filter.hashed[i], 0);
	e1000_make_filter(&filter, groups[0], E1000_EXACT_MAX + 2, 8);
	for (uint32_t i = 0; i < E1000_HASH_WORDS; i++)
		bits += (uint32_t)__builtin_popcount(filter.hashed[i]);
	assert_int_equal(bits, 2);
	assert_true(filter.hashed[e1000_hash(groups[15]) / 32] >> e1000_hash(groups[15]) % 32 & 1);
}

static void test_eeproms(void **state)
{
	uint16_t words[E1000_EEPROM_WORDS] = { 0x5452, 0xc000, 0xeeff };
	uint8_t address[6] = { 0 };

	assert_int_equal(e1000_eeprom_request(&e1000_eeprom_82540, 0x3f), 0x3f01);
	assert_int_equal(e1000_eeprom_request(&e1000_eeprom_82574, 0x3f), 0xfd);
	assert_int_equal(e1000_eeprom_answer(&e1000_eeprom_82540, 0xbeef0010), 0xbeef);
	assert_int_equal(e1000_eeprom_answer(&e1000_eeprom_82540, 0xbeef0002), -1);
	assert_int_equal(e1000_eeprom_answer(&e1000_eeprom_82574, 0xbeef0002), 0xbeef);
	assert_int_equal(e1000_eeprom_answer(&e1000_eeprom_82574, 0xbeef0010), -1);
	assert_false(e1000_eeprom_address(words, address));
	words[63] = (uint16_t)(0xbaba - 0x5452 - 0xc000 - 0xeeff);
	assert_true(e1000_eeprom_address(words, address));
	assert_memory_equal(address, "\x52\x54\x00\xc0\xff\xee", 6);
	/* A group's address, and none. */
	words[0]++;
	words[63]--;
	assert_false(e1000_eeprom_address(words, address));
	memset(words, 0, sizeof(words));
	words[63] = 0xbaba;
	assert_false(e1000_eeprom_address(words, address));
	assert_memory_equal(address, "\x52\x54\x00\xc0\xff\xee", 6);
}

static void test_addresses_in_registers(void **state)
{
	uint8_t address[6] = { 0 };

	assert_true(e1000_register_address(0xc0005452, 0x8000eeff, address));
	assert_memory_equal(address, "\x52\x54\x00\xc0\xff\xee", 6);
	assert_int_equal(e1000_address_low(address), 0xc0005452);
	assert_int_equal(e1000_address_high(address), 0xeeff);
	assert_false(e1000_register_address(0xc0005452, 0x0000eeff, address));
	assert_false(e1000_register_address(0, 0x80000000, address));
	assert_false(e1000_register_address(UINT32_MAX, UINT32_MAX, address));
}

static void test_links(void **state)
{
	struct e1000_link link;

	e1000_parse_link(0x80080783, &link);
	assert_true(link.is_up && link.is_full_duplex);
	assert_int_equal(link.mbit, 1000);
	e1000_parse_link(0x42, &link);
	assert_true(link.is_up && !link.is_full_duplex);
	assert_int_equal(link.mbit, 100);
	e1000_parse_link(0x80080781, &link);
	assert_false(link.is_up);
	e1000_parse_link(UINT32_MAX, &link);
	assert_false(link.is_up);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_contexts),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_what_a_card_can_sum),
		cmocka_unit_test(test_sums_over_parts),
		cmocka_unit_test(test_a_sum_of_udp_is_never_zero),
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_segments_of_ipv6),
		cmocka_unit_test(test_received_buffers),
		cmocka_unit_test(test_any_received_buffer),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_eeproms),
		cmocka_unit_test(test_addresses_in_registers),
		cmocka_unit_test(test_links),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
