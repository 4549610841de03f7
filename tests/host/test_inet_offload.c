// SPDX-License-Identifier: MIT
/* drivers/net/inet/offload.c and checksum.c: what a card would make of the frames is what the stack meant. */
#include "../../drivers/net/inet/checksum.h"
#include "../../drivers/net/inet/offload.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HEADER	 14u
#define IPV4	 20u
#define IPV6	 40u
#define TCP	 32u /* with timestamps */
#define MSS	 1448u
#define SEGMENTS 5u
#define ROOM	 1600u

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}
static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)(at[0] << 8 | at[1]);
}

static uint32_t slow_sum(const uint8_t *bytes, uint32_t length, uint32_t sum)
{
	for (uint32_t i = 0; i < length; i++)
		sum += (uint32_t)bytes[i] << 8 * !(i & 1);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void sums_of_all_lengths(void **state)
{
	static uint8_t bytes[700];

	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)(rand() | (0xff * (round == 2)));
		for (uint32_t length = 0; length < sizeof(bytes) - 3; length++) {
			uint32_t begin = length & 3;
			uint8_t *exact = malloc(length + begin + 1);
			uint16_t sum;

			memcpy(exact + begin, bytes, length);
			sum = inet_checksum_add(exact + begin, (int)length);
			assert_int_equal(__builtin_bswap16(sum), slow_sum(bytes, length, 0));
			free(exact);
		}
	}
	assert_int_equal(inet_checksum_add(bytes, -1), 0);
}

/* @return its length */
static uint32_t segment_make(uint8_t *frame, bool six, uint32_t sequence, uint32_t bytes,
			     uint8_t flags)
{
	uint32_t ip = IPV4 + six * (IPV6 - IPV4), length = HEADER + ip + TCP + bytes;
	uint8_t *tcp = frame + HEADER + ip;

	memset(frame, 0, HEADER + ip + TCP);
	memset(frame, 0x52, 12);
	put16(frame + 12, six ? 0x86dd : 0x0800);
	if (six) {
		frame[HEADER] = 0x60;
		put16(frame + HEADER + 4, TCP + bytes);
		frame[HEADER + 6] = 6;
		frame[HEADER + 7] = 64;
		memset(frame + HEADER + 8, 0xfd, 32);
	} else {
		frame[HEADER] = 0x45;
		put16(frame + HEADER + 2, length - HEADER);
		put16(frame + HEADER + 4, sequence & 0xffff);
		frame[HEADER + 8] = 64;
		frame[HEADER + 9] = 6;
		memset(frame + HEADER + 12, 10, 8);
		put16(frame + HEADER + 10, ~slow_sum(frame + HEADER, IPV4, 0) & 0xffff);
	}
	put16(tcp, 4000);
	put16(tcp + 2, 80);
	put16(tcp + 4, sequence >> 16);
	put16(tcp + 6, sequence & 0xffff);
	tcp[12] = TCP / 4 << 4;
	tcp[13] = flags;
	put16(tcp + 14, 1000);
	memset(tcp + 20, 1, TCP - 20);
	for (uint32_t i = 0; i < bytes; i++)
		tcp[TCP + i] = (uint8_t)(sequence + i);
	return length;
}

/* What the receiver computes once the card has filled it in. */
static void check_sum_is_filled(const uint8_t *frame, uint32_t length, const struct offload *about)
{
	uint8_t copy[ROOM];
	uint32_t start = about->transport, left = length - start, pseudo, sum;

	memcpy(copy, frame, length);
	sum = ~slow_sum(copy + start, left, 0) & 0xffff;
	put16(copy + start + about->field, sum);
	pseudo = left + 6;
	if (!about->header_bytes)
		pseudo = left + 17;
	if (about->six)
		pseudo = slow_sum(copy + HEADER + 8, 32, pseudo);
	else
		pseudo = slow_sum(copy + HEADER + 12, 8, pseudo);
	assert_int_equal(slow_sum(copy + start, left, pseudo), 0xffff);
}

static void checksums(void **state)
{
	for (uint32_t six = 0; six < 2; six++) {
		uint8_t frame[ROOM];
		struct offload about;
		uint32_t length = segment_make(frame, six, 7, 301, 0x18);

		assert_true(offload_find(frame, length, &about));
		assert_int_equal(about.header_bytes, HEADER + IPV4 + six * (IPV6 - IPV4) + TCP);
		offload_begin(frame, length, &about);
		check_sum_is_filled(frame, length, &about);
		assert_false(offload_find(frame, length, &about)); /* it has one */
		frame[HEADER + (six ? 6 : 9)] = 17;		   /* the same as a datagram */
		put16(frame + HEADER + IPV4 + six * (IPV6 - IPV4) + 6, 0);
		assert_true(offload_find(frame, length, &about));
		assert_int_equal(about.header_bytes, 0);
		offload_begin(frame, length, &about);
		check_sum_is_filled(frame, length, &about);
	}
}

/* In memory of exactly its size. */
static bool finds(const uint8_t *frame, uint32_t length)
{
	uint8_t *copy = malloc(length + !length);
	struct offload about;
	bool found;

	memcpy(copy, frame, length);
	found = offload_find(copy, length, &about);
	(void)offload_is_fragment_of_tcp(copy, length);
	free(copy);
	return found;
}

static void nothing_is_left_of_others(void **state)
{
	uint8_t frame[ROOM] = { 0 };
	uint32_t length = segment_make(frame, false, 7, 100, 0x10);

	for (uint32_t cut = 0; cut < length; cut++)
		assert_false(finds(frame, cut));
	assert_false(finds(frame, length + 4)); /* bytes behind it */
	assert_false(offload_is_fragment_of_tcp(frame, length));
	put16(frame + HEADER + 6, 0x2000);
	assert_false(finds(frame, length));
	assert_true(offload_is_fragment_of_tcp(frame, length));
	put16(frame + HEADER + 6, 0x4000); /* DF */
	assert_true(finds(frame, length));
	frame[HEADER + 9] = 1;
	assert_false(finds(frame, length));
	length = segment_make(frame, true, 7, 100, 0x10);
	for (uint32_t cut = 0; cut < length; cut++)
		assert_false(finds(frame, cut));
	frame[HEADER + 6] = 44;
	frame[HEADER + IPV6] = 6;
	assert_false(finds(frame, length));
	assert_true(offload_is_fragment_of_tcp(frame, length));
}

/* Cuts what was joined as a card does, and compares with what was sent. */
static void check_joined(const uint8_t *head, const struct offload_joined *joined,
			 uint8_t sent[][ROOM], const uint32_t *lengths, uint32_t count)
{
	uint32_t header = joined->about.header_bytes, tcp = joined->about.transport, at = header;

	assert_int_equal(joined->segment, lengths[0] - header);
	for (uint32_t i = 0; i < count; i++)
		at += lengths[i] - header;
	assert_int_equal(joined->length, at);
	if (joined->about.six) {
		assert_int_equal(get16(head + HEADER + 4), at - HEADER - IPV6);
	} else {
		assert_int_equal(get16(head + HEADER + 2), at - HEADER);
		assert_int_equal(slow_sum(head + HEADER, IPV4, 0), 0xffff);
	}
	assert_int_equal(head[tcp + 13], sent[count - 1][tcp + 13]);
	/* The sum of the pseudo header lacks the length. */
	assert_int_equal(get16(head + tcp + 16), joined->about.six
							 ? slow_sum(head + HEADER + 8, 32, 6)
							 : slow_sum(head + HEADER + 12, 8, 6));
}

static void segments_join(void **state)
{
	for (uint32_t six = 0; six < 2; six++) {
		static uint8_t sent[SEGMENTS][ROOM];
		uint32_t lengths[SEGMENTS], sequence = 0xfffffa00;
		struct offload_joined joined;
		struct offload about;
		uint8_t head[ROOM];

		for (uint32_t i = 0; i < SEGMENTS; i++) {
			bool last = i == SEGMENTS - 1;

			lengths[i] = segment_make(sent[i], six, sequence, last ? 9 : MSS,
						  last ? 0x19 : 0x10);
			sequence += MSS;
		}
		memcpy(head, sent[0], ROOM);
		assert_true(offload_find(head, lengths[0], &about));
		offload_open(head, lengths[0], &about, &joined);
		assert_false(offload_join(head, &joined, sent[2], lengths[2])); /* a gap */
		for (uint32_t i = 1; i < SEGMENTS; i++)
			assert_true(offload_join(head, &joined, sent[i], lengths[i]));
		offload_close(head, &joined);
		check_joined(head, &joined, sent, lengths, SEGMENTS);
		lengths[0] = segment_make(sent[0], six, sequence - MSS + 9, MSS, 0x10);
		assert_false(offload_join(head, &joined, sent[0], lengths[0])); /* behind FIN */
	}
}

static bool joins_when_changed(bool six, uint32_t at, uint8_t bits)
{
	struct offload_joined joined;
	uint8_t head[ROOM], next[ROOM];
	struct offload about;
	uint32_t length = segment_make(head, six, 1, MSS, 0x10);

	assert_true(offload_find(head, length, &about));
	offload_open(head, length, &about, &joined);
	segment_make(next, six, 1 + MSS, MSS, 0x10);
	next[at] ^= bits;
	return offload_join(head, &joined, next, length);
}

static void segments_that_differ_do_not_join(void **state)
{
	for (uint32_t six = 0; six < 2; six++) {
		uint32_t tcp = HEADER + IPV4 + six * (IPV6 - IPV4);

		for (uint32_t at = 0; at < tcp + TCP; at++) {
			/* The number and the sum of IPv4; FIN and PUSH in the flags. */
			bool free = !six && ((at >= HEADER + 4 && at < HEADER + 6) ||
					     (at >= HEADER + 10 && at < HEADER + 12));

			free |= at >= tcp + 18 && at < tcp + 20; /* urgent, without URG */
			assert_int_equal(joins_when_changed(six, at, 0x04), free);
		}
		assert_true(joins_when_changed(six, tcp + 13, 0x09));
	}
}

static void what_is_joined_is_a_packet(void **state)
{
	struct offload_joined joined;
	uint8_t head[ROOM], next[ROOM];
	uint32_t length = segment_make(head, false, 1, MSS, 0x10), sequence = 1 + MSS;
	struct offload about;

	assert_true(offload_find(head, length, &about));
	offload_open(head, length, &about, &joined);
	for (;; sequence += MSS) {
		segment_make(next, false, sequence, MSS, 0x10);
		if (!offload_join(head, &joined, next, length))
			break;
	}
	assert_true(joined.length <= 65535 + HEADER && joined.length > 60000);
	segment_make(head, false, 1, MSS, 0x18); /* PUSH ends it */
	offload_open(head, length, &about, &joined);
	segment_make(next, false, 1 + MSS, MSS, 0x10);
	assert_false(offload_join(head, &joined, next, length));
	length = segment_make(head, false, 1, 0, 0x10); /* without data */
	offload_open(head, length, &about, &joined);
	assert_false(offload_join(head, &joined, next, length + MSS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_of_all_lengths),
		cmocka_unit_test(checksums),
		cmocka_unit_test(nothing_is_left_of_others),
		cmocka_unit_test(segments_join),
		cmocka_unit_test(segments_that_differ_do_not_join),
		cmocka_unit_test(what_is_joined_is_a_packet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
