// SPDX-License-Identifier: MIT
/* drivers/net/inet/advertisement.c: what routers say, right, wrong, and at random. */
#include "../../drivers/net/inet/advertisement.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define IPV6 40u

struct sent {
	uint8_t bytes[640];
	uint32_t length;
};

static void add(struct sent *sent, const void *bytes, uint32_t length)
{
	memcpy(sent->bytes + sent->length, bytes, length);
	sent->length += length;
	sent->bytes[4] = (uint8_t)((sent->length - IPV6) >> 8);
	sent->bytes[5] = (uint8_t)(sent->length - IPV6);
}

static void begin(struct sent *sent)
{
	static const uint8_t message[16] = { 134, 0, 0, 0, 64, 0, 7, 8 };

	memset(sent, 0, sizeof(*sent));
	sent->bytes[0] = 0x60;
	sent->bytes[6] = 58;
	sent->bytes[7] = 255;
	sent->bytes[8] = 0xfe;
	sent->bytes[9] = 0x80;
	sent->bytes[23] = 2;
	sent->length = IPV6;
	add(sent, message, sizeof(message));
}

static void add_prefix(struct sent *sent, uint32_t bits, uint32_t valid_s, uint32_t preferred_s)
{
	uint8_t option[32] = { 3, 4, (uint8_t)bits, 0xc0 };

	for (uint32_t i = 0; i < 4; i++) {
		option[4 + i] = (uint8_t)(valid_s >> (24 - 8 * i));
		option[8 + i] = (uint8_t)(preferred_s >> (24 - 8 * i));
	}
	memset(option + 16, 0xff, 16);
	option[16] = 0xfd;
	add(sent, option, sizeof(option));
}

/* In memory of exactly its size; @length: of all, at least that of the header. */
static bool sent_read(const struct sent *sent, uint32_t length, struct advertisement *to)
{
	uint32_t size = length - IPV6;
	uint8_t *copy = malloc(size ? size : 1);
	bool good;

	memcpy(copy, sent->bytes + IPV6, size);
	good = advertisement_read(sent->bytes, copy, size, to);
	free(copy);
	return good;
}

static void a_good_one(void **state)
{
	static const uint8_t mtu[8] = { 5, 1, 0, 0, 0, 0, 5, 0xdc };
	struct advertisement read;
	struct sent sent;

	begin(&sent);
	add(&sent, mtu, sizeof(mtu));
	add_prefix(&sent, 61, 0x01020304, 0x01020303);
	assert_true(sent_read(&sent, sent.length, &read));
	assert_int_equal(read.router_s, 0x708);
	assert_int_equal(read.mtu, 1500);
	assert_int_equal(read.count, 1);
	assert_int_equal(read.prefixes[0].bits, 61);
	assert_int_equal(read.prefixes[0].valid_s, 0x01020304);
	assert_int_equal(read.prefixes[0].preferred_s, 0x01020303);
	assert_int_equal(read.prefixes[0].address[0], 0xfd);
	assert_int_equal(read.prefixes[0].address[7], 0xf8);
	assert_int_equal(read.prefixes[0].address[8], 0);
	assert_true(read.prefixes[0].on_link && read.prefixes[0].autonomous);
	for (uint32_t length = IPV6; length < sent.length; length++)
		if (length != IPV6 + 16 && length != IPV6 + 24) /* there options end */
			assert_false(sent_read(&sent, length, &read));
}

static void refused(uint32_t at, uint8_t value)
{
	struct advertisement read;
	struct sent sent;

	begin(&sent);
	add_prefix(&sent, 64, 2, 1);
	sent.bytes[at] = value;
	assert_false(sent_read(&sent, sent.length, &read));
}

static void wrong_ones(void **state)
{
	struct advertisement read;
	struct sent sent;

	refused(7, 254);	   /* it was forwarded */
	refused(8, 0x20);	   /* the sender is not on the link */
	refused(IPV6 + 1, 1);	   /* code */
	refused(IPV6, 135);	   /* type */
	refused(IPV6 + 16 + 1, 0); /* an option without a length */
	refused(IPV6 + 16 + 1, 5); /* and one that is longer than all */

	begin(&sent);
	add_prefix(&sent, 129, 2, 1); /* skipped, alone */
	add_prefix(&sent, 0, 2, 1);
	add_prefix(&sent, 64, 1, 2);
	for (uint32_t i = 0; i < 15; i++)
		add_prefix(&sent, 64, 2, 1);
	assert_true(sent_read(&sent, sent.length, &read));
	assert_int_equal(read.count, ADVERTISED_PREFIXES);
	begin(&sent);
	add_prefix(&sent, 64, 2, 1);
	sent.bytes[IPV6 + 32] = 0xfe; /* fe80::, and ff.. */
	sent.bytes[IPV6 + 33] = 0x80;
	assert_true(sent_read(&sent, sent.length, &read));
	assert_int_equal(read.count, 0);
}

static bool is_fragment(const uint8_t *headers, uint32_t length, uint8_t first)
{
	uint8_t *packet = calloc(1, IPV6 + length);
	bool is;

	packet[6] = first;
	memcpy(packet + IPV6, headers, length);
	is = packet_is_fragment(packet, IPV6 + length);
	free(packet);
	return is;
}

static void fragments(void **state)
{
	static const uint8_t headers[] = {
		60, 0, 1, 4,  0, 0, 0, 0,			  /* hop by hop */
		43, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* destination */
		44, 0, 0, 0,  0, 0, 0, 0,			  /* routing */
		58, 0, 0, 0,  0, 0, 0, 7,			  /* fragment */
	};

	assert_true(is_fragment(headers, sizeof(headers), 0));
	assert_true(is_fragment(headers + 8, sizeof(headers) - 8, 60));
	assert_true(is_fragment(headers + 24, 16, 43));
	assert_true(is_fragment(headers + 32, 8, 44));
	assert_false(is_fragment(headers, sizeof(headers), 58));
	assert_false(is_fragment(headers, sizeof(headers), 6));
	for (uint32_t length = 0; length < 32;
	     length++) /* headers that are not all there: nobody reads on */
		assert_false(is_fragment(headers, length, 0));
}

static void anything(void **state)
{
	struct advertisement read;
	struct sent sent;

	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t length = IPV6 + (uint32_t)rand() % 160;

		begin(&sent);
		add_prefix(&sent, 64, 2, 1);
		add_prefix(&sent, 64, 2, 1);
		for (uint32_t j = 0; j < 4; j++)
			sent.bytes[4 + (uint32_t)rand() % 130] = (uint8_t)rand();
		if (!sent_read(&sent, length, &read))
			continue;
		assert_true(read.count <= ADVERTISED_PREFIXES);
		for (uint32_t j = 0; j < read.count; j++)
			assert_true(read.prefixes[j].bits <= 128 &&
				    read.prefixes[j].preferred_s <= read.prefixes[j].valid_s);
	}
}

/* RFC 4862, 5.5.3 e. */
static void two_hours(void **state)
{
	assert_int_equal(advertisement_valid_s(86400, 7201), 7201); /* more than two hours */
	assert_int_equal(advertisement_valid_s(100, 200), 200);	    /* more than is left */
	assert_int_equal(advertisement_valid_s(7000, 1), 7000); /* less than two hours are left */
	assert_int_equal(advertisement_valid_s(86400, 1), 7200);
	assert_int_equal(advertisement_valid_s(FOR_EVER_S, 0), 7200);
	assert_int_equal(advertisement_valid_s(10, FOR_EVER_S), FOR_EVER_S);
}

static void identifiers(void **state)
{
	static const uint8_t hardware[6] = { 0x52, 0x54, 0, 0x12, 0x34, 0x56 };
	static const uint8_t expected[8] = { 0x50, 0x54, 0, 0xff, 0xfe, 0x12, 0x34, 0x56 };
	uint8_t identifier[8];

	interface_identifier(hardware, identifier);
	assert_memory_equal(identifier, expected, sizeof(expected));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_one),  cmocka_unit_test(wrong_ones),
		cmocka_unit_test(anything),    cmocka_unit_test(two_hours),
		cmocka_unit_test(identifiers), cmocka_unit_test(fragments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
