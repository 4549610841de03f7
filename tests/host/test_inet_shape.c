// SPDX-License-Identifier: MIT
/* drivers/net/inet/shape.c: well-formed packets pass, and each length that lies is found; anything may come. */
#include "../../drivers/net/inet/shape.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define IPV4 0x0800u
#define ARP  0x0806u
#define IPV6 0x86ddu

/* In memory of exactly its size, so that a byte too many is seen. */
static bool good(uint32_t type, const uint8_t *bytes, uint32_t length)
{
	uint8_t *copy = malloc(length ? length : 1);
	bool result;

	memcpy(copy, bytes, length);
	result = shape_is_good(type, copy, length);
	free(copy);
	return result;
}

/* 20 bytes of IPv4, 24 of TCP: with an option for the MSS. */
static const uint8_t segment[] = { 0x45, 0,  0,	   44, 0, 1, 0,	 0, 64, 6, 0, 0, 10, 0,	  0,
				   1,	 10, 0,	   0,  2, 0, 80, 1, 2,	0, 0, 0, 1,  0,	  0,
				   0,	 2,  0x60, 2,  1, 0, 0,	 0, 0,	0, 2, 4, 5,  0xb4 };
/* 40 bytes of IPv6, 24 + 8 of a neighbour solicitation with an option. */
static const uint8_t solicitation[] = {
	0x60, 0,    0, 0, 0, 32, 58, 255, 0xfe, 0x80, 0, 0, 0,	  0, 0, 0, 0,	0, 0, 0, 0, 0, 0, 1,
	0xff, 2,    0, 0, 0, 0,	 0,  0,	  0,	0,    0, 1, 0xff, 0, 0, 2, 135, 0, 0, 0, 0, 0, 0, 0,
	0xfe, 0x80, 0, 0, 0, 0,	 0,  0,	  0,	0,    0, 0, 0,	  0, 0, 2, 1,	1, 2, 3, 4, 5, 6, 7
};
static const uint8_t request[28] = { 0, 1, 8, 0, 6, 4, 0, 1, 2 };

static void with_byte(uint32_t type, const uint8_t *bytes, uint32_t length, uint32_t at,
		      uint8_t value, bool expected)
{
	uint8_t changed[128];

	memcpy(changed, bytes, length);
	changed[at] = value;
	assert_int_equal(good(type, changed, length), expected);
}

static void segments(void **state)
{
	assert_true(good(IPV4, segment, sizeof(segment)));
	for (uint32_t length = 0; length < sizeof(segment); length++)
		assert_false(good(IPV4, segment, length));
	with_byte(IPV4, segment, sizeof(segment), 0, 0x44, false);  /* header of 16 bytes */
	with_byte(IPV4, segment, sizeof(segment), 0, 0x4f, false);  /* options of 40 */
	with_byte(IPV4, segment, sizeof(segment), 3, 45, false);    /* longer than it is */
	with_byte(IPV4, segment, sizeof(segment), 3, 43, false);    /* TCP's header is cut */
	with_byte(IPV4, segment, sizeof(segment), 12, 224, false);  /* a group sends */
	with_byte(IPV4, segment, sizeof(segment), 32, 0x40, false); /* TCP header of 16 bytes */
	with_byte(IPV4, segment, sizeof(segment), 32, 0x70, false); /* of 28 */
	with_byte(IPV4, segment, sizeof(segment), 41, 0, false);    /* an option without length */
	with_byte(IPV4, segment, sizeof(segment), 41, 5,
		  false); /* that goes on behind the header */
}

static void fragments(void **state)
{
	with_byte(IPV4, segment, sizeof(segment), 6, 0x20, true); /* the first, 24 bytes */
	with_byte(IPV4, segment, sizeof(segment), 6, 0x1f, true); /* ends below 64 KiB */
	uint8_t last[sizeof(segment)];

	memcpy(last, segment, sizeof(last));
	last[6] = 0x1f;
	last[7] = 0xff;
	assert_false(good(IPV4, last, sizeof(last)));
}

static void neighbours(void **state)
{
	assert_true(good(IPV6, solicitation, sizeof(solicitation)));
	for (uint32_t length = 0; length < sizeof(solicitation); length++)
		assert_false(good(IPV6, solicitation, length));
	with_byte(IPV6, solicitation, sizeof(solicitation), 7, 254,
		  false); /* it came over a router */
	with_byte(IPV6, solicitation, sizeof(solicitation), 65, 0, false); /* an empty option */
	with_byte(IPV6, solicitation, sizeof(solicitation), 65, 2, false); /* one that is cut */
	uint8_t chain[sizeof(solicitation)];

	memcpy(chain, solicitation, sizeof(chain));
	chain[6] = 43;
	chain[41] = 4; /* 40 bytes of 32 */
	assert_false(good(IPV6, chain, sizeof(chain)));
	assert_true(good(ARP, request, sizeof(request)));
	assert_false(good(ARP, request, sizeof(request) - 1));
	with_byte(ARP, request, sizeof(request), 4, 8, false);
	with_byte(ARP, request, sizeof(request), 8, 1, false);
	assert_false(good(0x1234, request, sizeof(request)));
}

static void anything(void **state)
{
	uint8_t bytes[96];

	srand(1);
	for (uint32_t i = 0; i < 200000; i++) {
		uint32_t length = (uint32_t)rand() % sizeof(bytes);

		for (uint32_t j = 0; j < length; j++)
			bytes[j] = (uint8_t)rand();
		if (length) /* mostly what gets past the first test */
			bytes[0] = i & 1 ? 0x45 : 0x60;
		good(i & 1 ? IPV4 : IPV6, bytes, length);
	}
}

/* What was put together: the head of it, in memory of exactly its size. */
static bool whole(const uint8_t *bytes, uint32_t length, uint32_t total, struct shape_upper *upper)
{
	uint8_t *copy = malloc(length ? length : 1);
	bool result;

	memcpy(copy, bytes, length);
	result = shape_whole_is_good(copy, total, upper);
	free(copy);
	return result;
}

static void wholes(void **state)
{
	uint8_t changed[SHAPE_HEAD] = { 0 };
	struct shape_upper upper;

	assert_true(whole(segment, sizeof(segment), sizeof(segment), &upper));
	assert_int_equal(upper.protocol, 6);
	assert_int_equal(upper.offset, 20);
	for (uint32_t length = 0; length < sizeof(segment); length++)
		assert_false(whole(segment, length, length, &upper));
	memcpy(changed, segment, sizeof(segment));
	changed[41] = 5; /* an option that is longer than all */
	assert_false(whole(changed, sizeof(segment), sizeof(segment), &upper));
	/* UDP that is longer than what came, and the same with enough. */
	changed[9] = 17;
	changed[24] = 0x80;
	assert_false(whole(changed, sizeof(changed), 0x8000, &upper));
	assert_true(whole(changed, sizeof(changed), 0x8100, &upper));
	/* UDP-Lite whose checksum covers more than what came, all of it, and less than its header. */
	changed[9] = 136;
	assert_false(whole(changed, sizeof(changed), 0x8000, &upper));
	assert_true(whole(changed, sizeof(changed), 0x8100, &upper));
	changed[24] = changed[25] = 0;
	assert_true(whole(changed, sizeof(changed), 0x8000, &upper));
	changed[25] = 7;
	assert_false(whole(changed, sizeof(changed), 0x8000, &upper));
	/* Neighbour discovery is never in fragments, a ping may be. */
	assert_true(good(IPV6, solicitation, sizeof(solicitation)));
	assert_false(whole(solicitation, sizeof(solicitation), sizeof(solicitation), &upper));
	memcpy(changed, solicitation, sizeof(solicitation));
	changed[40] = 128;
	assert_true(whole(changed, sizeof(solicitation), sizeof(solicitation), &upper));
	/* Headers without end. */
	memset(changed + 40, 0, sizeof(changed) - 40);
	changed[6] = 60;
	for (uint32_t at = 40; at + 8 < sizeof(changed); at += 8)
		changed[at] = 60;
	assert_false(whole(changed, sizeof(changed), 1000, &upper));
}

static void any_wholes(void **state)
{
	uint8_t bytes[SHAPE_HEAD];
	struct shape_upper upper;

	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t total = (uint32_t)rand() % 700;

		for (uint32_t j = 0; j < 120; j++)
			bytes[j] = (uint8_t)(rand() % 4 ? 0 : rand());
		bytes[0] = rand() % 2 ? 0x45 : 0x60;
		if (whole(bytes, total < SHAPE_HEAD ? total : SHAPE_HEAD, total, &upper))
			assert_true(upper.offset <= total);
	}
}

/* Neighbour discovery behind another header is not believed, either. */
static void hidden_discovery(void **state)
{
	uint8_t hidden[sizeof(solicitation) + 8];

	memcpy(hidden, solicitation, 40);
	memset(hidden + 40, 0, 8);
	hidden[40] = hidden[6];
	hidden[6] = 60;
	hidden[5] += 8;
	memcpy(hidden + 48, solicitation + 40, sizeof(solicitation) - 40);
	assert_false(good(IPV6, hidden, sizeof(hidden)));
	hidden[48] = 128;
	assert_true(good(IPV6, hidden, sizeof(hidden)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(segments),   cmocka_unit_test(fragments),
		cmocka_unit_test(neighbours), cmocka_unit_test(wholes),
		cmocka_unit_test(any_wholes), cmocka_unit_test(hidden_discovery),
		cmocka_unit_test(anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
