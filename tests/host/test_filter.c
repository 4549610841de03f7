/* SPDX-License-Identifier: MIT */
/* The filter: connections, translations with all checksums, refusals; anything may come. drivers/net/filter/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../drivers/net/filter/decide.h"

#define ROOM	 2048u
#define TABLE	 64u
#define SECOND	 UINT64_C(1000000000)
#define INSIDE	 1u /* interfaces */
#define OUTSIDE	 2u
#define CLIENT	 0x0a000005u /* 10.0.0.5 */
#define SERVER	 0x08080808u
#define PUBLIC	 0xc0000201u /* 192.0.2.1 */
#define STRANGER 0x09090909u

static struct track tracks[TABLE];
static uint32_t heads[TABLE];
static struct filter filter;
static uint64_t now = SECOND;

static bool address_of(void *context, uint32_t interface, uint8_t *address)
{
	(void)context;
	memcpy(address, "\xc0\0\2\1", 4);
	return interface == OUTSIDE;
}

static void use_rules(const char *text)
{
	char copy[2048], *line, *rest = copy;
	const char *why;
	struct rule rule;

	free(filter.rules);
	filter = (struct filter){ .address_of = address_of };
	filter.rules = calloc(1, sizeof(struct rule_set) + 32 * sizeof(struct rule));
	filter.table = (struct track_table){
		.tracks = tracks, .heads = heads, .max = TABLE, .secret = { 1, 2 }
	};
	track_init(&filter.table);
	strcpy(copy, text);
	while ((line = strsep(&rest, "\n"))) {
		enum rule_line kind = rule_parse(line, &rule, &why);

		assert_int_not_equal(kind, RULE_WRONG);
		rule.in_index = !strcmp(rule.in, "in0") ? INSIDE : OUTSIDE;
		rule.out_index = !strcmp(rule.out, "in0") ? INSIDE : OUTSIDE;
		if (kind == RULE_POLICY)
			filter.rules->policies[rule.chain] = rule.action;
		else if (kind == RULE_RULE)
			filter.rules->rules[filter.rules->count++] = rule;
	}
}

/* ---- frames ---- */

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}
static uint32_t read16(const uint8_t *at)
{
	return (uint32_t)(at[0] << 8 | at[1]);
}
static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

static uint32_t sum(const uint8_t *bytes, uint32_t length, uint32_t value)
{
	for (uint32_t i = 0; i < length; i++)
		value += i & 1 ? bytes[i] : (uint32_t)bytes[i] << 8;
	while (value >> 16)
		value = (value & 0xffff) + (value >> 16);
	return value;
}

/* Of the header of IPv4 at @ip and what is behind it: as it should be. */
static uint32_t transport_sum(const uint8_t *ip, bool pseudo_only)
{
	uint32_t length = read16(ip + 2) - 20, value = 0;

	if (ip[9] != FLOW_ICMP)
		value = sum(ip + 12, 8, ip[9] + length);
	return pseudo_only ? value : sum(ip + 20, length, value);
}

static struct flow_frame frame_of(uint8_t *bytes, uint32_t protocol, uint32_t from,
				  uint32_t from_port, uint32_t to, uint32_t to_port, uint32_t flags)
{
	static const uint8_t header_bytes[] = { [FLOW_ICMP] = 8, [FLOW_TCP] = 20, [FLOW_UDP] = 8 };
	uint32_t header = header_bytes[protocol], data = 11, sum_at = protocol == FLOW_TCP ? 16 : 6;
	uint8_t *ip = bytes + 14, *transport = ip + 20;

	memset(bytes, 0, ROOM);
	memcpy(bytes, "\2\0\0\0\0\1\2\0\0\0\0\2\x08\0\x45", 15);
	put16(ip + 2, 20 + header + data);
	ip[8] = 64;
	ip[9] = (uint8_t)protocol;
	put32(ip + 12, from);
	put32(ip + 16, to);
	put16(ip + 10, ~sum(ip, 20, 0) & 0xffff);
	memcpy(transport + header, "hello world", data);
	put16(transport, from_port);
	put16(transport + 2, to_port);
	if (protocol == FLOW_TCP) {
		transport[12] = 0x50;
		transport[13] = (uint8_t)flags;
	} else if (protocol == FLOW_UDP) {
		put16(transport + 4, header + data);
	} else {
		put16(transport, flags << 8); /* the type */
		put16(transport + 2, 0);
		put16(transport + 4, from_port);
		sum_at = 2;
	}
	put16(transport + sum_at, ~transport_sum(ip, false) & 0xffff);
	return (struct flow_frame){ .bytes = bytes,
				    .length = 14 + 20 + header + data,
				    .room = ROOM };
}

static void check_sums(const struct flow_frame *frame)
{
	const uint8_t *ip = frame->bytes + 14;

	assert_int_equal(sum(ip, 20, 0), 0xffff);
	assert_int_equal(transport_sum(ip, false), 0xffff);
}

static uint32_t address_at(const struct flow_frame *frame, uint32_t at)
{
	return read16(frame->bytes + 14 + at) << 16 | read16(frame->bytes + 16 + at);
}

static void check_ends(const struct flow_frame *frame, uint32_t from, uint32_t from_port,
		       uint32_t to, uint32_t to_port)
{
	assert_int_equal(address_at(frame, 12), from);
	assert_int_equal(address_at(frame, 16), to);
	if (from_port)
		assert_int_equal(read16(frame->bytes + 34), from_port);
	if (to_port)
		assert_int_equal(read16(frame->bytes + 36), to_port);
}

static enum decision is_received(struct flow_frame *frame)
{
	return filter_decide(&filter, AT_RECEIVE, OUTSIDE, 0, frame, now);
}

static enum decision arrives(struct flow_frame *frame)
{
	enum decision decision = is_received(frame);

	if (decision == DECIDE_PASS)
		decision = filter_decide(&filter, AT_INPUT, OUTSIDE, 0, frame, now);
	return decision;
}

static enum decision leaves(struct flow_frame *frame)
{
	enum decision decision = filter_decide(&filter, AT_OUTPUT, 0, OUTSIDE, frame, now);

	if (decision == DECIDE_PASS)
		decision = filter_decide(&filter, AT_TRANSMIT, 0, OUTSIDE, frame, now);
	return decision;
}

static enum decision goes_through(struct flow_frame *frame, uint32_t in, uint32_t out)
{
	enum decision decision = filter_decide(&filter, AT_RECEIVE, in, 0, frame, now);

	if (decision == DECIDE_PASS)
		decision = filter_decide(&filter, AT_FORWARD, in, out, frame, now);
	if (decision == DECIDE_PASS)
		decision = filter_decide(&filter, AT_TRANSMIT, 0, out, frame, now);
	return decision;
}

static enum decision tcp_arrives(uint32_t from, uint32_t from_port, uint32_t to_port,
				 uint32_t flags)
{
	uint8_t bytes[ROOM];
	struct flow_frame frame =
		frame_of(bytes, FLOW_TCP, from, from_port, PUBLIC, to_port, flags);

	return arrives(&frame);
}

static enum decision tcp_leaves(uint32_t from_port, uint32_t to, uint32_t to_port, uint32_t flags)
{
	uint8_t bytes[ROOM];
	struct flow_frame frame = frame_of(bytes, FLOW_TCP, PUBLIC, from_port, to, to_port, flags);

	return leaves(&frame);
}

/* ---- connections ---- */

static void answers_come_in_and_nothing_else(void **state)
{
	(void)state;
	use_rules("policy input drop\ninput state established,related accept");
	assert_int_equal(tcp_arrives(SERVER, 80, 40000, FLOW_SYN | FLOW_ACK), DECIDE_DROP);
	assert_int_equal(tcp_leaves(40000, SERVER, 80, FLOW_SYN), DECIDE_PASS);
	assert_int_equal(tcp_arrives(STRANGER, 80, 40000, FLOW_SYN | FLOW_ACK), DECIDE_DROP);
	assert_int_equal(tcp_arrives(SERVER, 80, 40000, FLOW_SYN | FLOW_ACK), DECIDE_PASS);
	assert_int_equal(tcp_leaves(40000, SERVER, 80, FLOW_ACK), DECIDE_PASS);
	assert_int_equal(tcp_arrives(SERVER, 80, 40000, FLOW_ACK), DECIDE_PASS);
	assert_int_equal(tcp_arrives(SERVER, 81, 40000, FLOW_ACK), DECIDE_DROP);
	assert_int_equal(tcp_arrives(SERVER, 80, 22, FLOW_SYN), DECIDE_DROP);
	assert_int_equal(filter.table.count, 1); /* what was dropped left nothing */
	assert_int_equal(tcp_arrives(SERVER, 80, 40000, FLOW_SYN | FLOW_FIN), DECIDE_DROP);
	assert_int_equal(tcp_arrives(SERVER, 80, 40000, 0), DECIDE_DROP);
	assert_int_equal(tcp_arrives(SERVER, 80, 40000, FLOW_FIN | FLOW_ACK), DECIDE_PASS);
	assert_int_equal(tcp_leaves(40000, SERVER, 80, FLOW_FIN | FLOW_ACK), DECIDE_PASS);
	assert_int_equal(filter.table.tracks[0].state, TRACK_ENDED);
	now += 121 * SECOND;
	assert_int_equal(tcp_arrives(SERVER, 80, 40000, FLOW_ACK), DECIDE_DROP);
}

static void answer_all(bool whole)
{
	for (uint32_t i = 0; i < TABLE; i++) {
		uint32_t port = filter.table.tracks[i].keys[0].from_port;

		if (filter.table.tracks[i].keys[0].to_port != 22)
			continue;
		(void)tcp_leaves(22, STRANGER, port, FLOW_SYN | FLOW_ACK);
		if (whole)
			(void)tcp_arrives(STRANGER, port, 22, FLOW_ACK);
	}
}

static void a_full_table_forgets_who_was_not_answered(void **state)
{
	uint32_t kept;

	(void)state;
	use_rules("policy input accept");
	assert_int_equal(tcp_leaves(40000, SERVER, 80, FLOW_SYN), DECIDE_PASS);
	assert_int_equal(tcp_arrives(SERVER, 80, 40000, FLOW_SYN | FLOW_ACK), DECIDE_PASS);
	assert_int_equal(tcp_leaves(40000, SERVER, 80, FLOW_ACK), DECIDE_PASS);
	for (uint32_t i = 0; i < 10 * TABLE; i++)
		assert_int_equal(tcp_arrives(STRANGER, 1 + i, 22, FLOW_SYN), DECIDE_PASS);
	assert_int_equal(filter.table.count, TABLE);
	assert_true(filter.table.evicted > 8 * TABLE);
	kept = filter.table.tracks[0].replied;
	assert_true(kept);
	/* An answer to an address that was forged changes nothing. */
	answer_all(false);
	assert_int_equal(tcp_arrives(STRANGER, 59999, 22, FLOW_SYN), DECIDE_PASS);
	assert_int_equal(filter.table.refused, 0);
	/* All have shaken hands: a new one is refused, and passes as invalid. */
	answer_all(true);
	assert_int_equal(tcp_arrives(STRANGER, 60000, 22, FLOW_SYN), DECIDE_PASS);
	assert_true(filter.table.refused);
}

/* A batch is received as a whole before its first frame is shown at input. */
static void a_batch_does_not_answer_itself(void **state)
{
	uint8_t bytes[ROOM], other[ROOM];
	struct flow_frame first, forged;

	(void)state;
	use_rules("policy input drop\ninput state established accept");
	first = frame_of(bytes, FLOW_UDP, STRANGER, 53, PUBLIC, 22, 0);
	forged = frame_of(other, FLOW_UDP, PUBLIC, 22, STRANGER, 53, 0);
	assert_int_equal(is_received(&first), DECIDE_PASS);
	assert_int_equal(is_received(&forged), DECIDE_PASS);
	assert_int_equal(filter_decide(&filter, AT_INPUT, OUTSIDE, 0, &first, now), DECIDE_DROP);
	assert_int_equal(filter.table.count, 0);
}

static enum decision tcp_of(uint32_t from, uint32_t from_port, uint32_t to, uint32_t to_port,
			    uint32_t flags, uint32_t sequence, uint32_t acknowledged)
{
	uint8_t bytes[ROOM];
	struct flow_frame frame = frame_of(bytes, FLOW_TCP, from, from_port, to, to_port, flags);

	put32(bytes + 38, sequence);
	put32(bytes + 42, acknowledged);
	if (from == PUBLIC)
		return leaves(&frame);
	return arrives(&frame);
}

static void connect_to_server(void)
{
	use_rules("policy input drop\ninput state established accept");
	(void)tcp_of(PUBLIC, 40000, SERVER, 80, FLOW_SYN, 1000, 0);
	(void)tcp_of(SERVER, 80, PUBLIC, 40000, FLOW_SYN | FLOW_ACK, 0x80000000, 1001);
	(void)tcp_of(PUBLIC, 40000, SERVER, 80, FLOW_ACK, 1001, 0x80000001);
	assert_int_equal(tracks[0].state, TRACK_ESTABLISHED);
}

static void forged_segments_end_nothing(void **state)
{
	(void)state;
	connect_to_server();
	(void)tcp_of(SERVER, 80, PUBLIC, 40000, FLOW_RST, 0x12345678, 0);
	(void)tcp_of(SERVER, 80, PUBLIC, 40000, FLOW_FIN | FLOW_ACK, 0x12345678, 1001);
	assert_int_equal(tracks[0].state, TRACK_ESTABLISHED);
	/* A SYN of the other side has no place in what is established. */
	assert_int_equal(tcp_of(SERVER, 80, PUBLIC, 40000, FLOW_SYN, 0x80000001, 0), DECIDE_DROP);
	assert_int_equal(tcp_of(SERVER, 80, PUBLIC, 40000, FLOW_RST, 0x80000001, 0), DECIDE_PASS);
	assert_int_equal(tracks[0].state, TRACK_RESET);
}

static void what_was_reset_begins_anew(void **state)
{
	(void)state;
	connect_to_server();
	(void)tcp_of(SERVER, 80, PUBLIC, 40000, FLOW_RST, 0x80000001, 0);
	assert_int_equal(tcp_of(SERVER, 80, PUBLIC, 40000, FLOW_SYN, 5, 0), DECIDE_DROP);
	connect_to_server();
	(void)tcp_of(SERVER, 80, PUBLIC, 40000, FLOW_RST, 0x80000001, 0);
	assert_int_equal(tcp_of(PUBLIC, 40000, SERVER, 80, FLOW_SYN, 7, 0), DECIDE_PASS);
	assert_int_equal(filter.table.count, 1);
	assert_true(tracks[0].state == TRACK_NEW && !tracks[0].replied);
}

/* ---- translations ---- */

static void a_network_hides_behind_an_address(void **state)
{
	static const uint32_t protocols[] = { FLOW_TCP, FLOW_UDP };
	uint8_t bytes[ROOM];

	(void)state;
	for (uint32_t i = 0; i < 2; i++) {
		struct flow_frame frame;

		use_rules("postrouting out out0 from 10.0.0.0/8 masquerade");
		frame = frame_of(bytes, protocols[i], CLIENT, 5000, SERVER, 80, FLOW_SYN);
		assert_int_equal(goes_through(&frame, INSIDE, OUTSIDE), DECIDE_PASS);
		check_ends(&frame, PUBLIC, 5000, SERVER, 80);
		check_sums(&frame);
		/* Another one with the same port gets another. */
		frame = frame_of(bytes, protocols[i], CLIENT + 1, 5000, SERVER, 80, FLOW_SYN);
		assert_int_equal(goes_through(&frame, INSIDE, OUTSIDE), DECIDE_PASS);
		check_ends(&frame, PUBLIC, 0, SERVER, 80);
		check_sums(&frame);
		assert_int_not_equal(read16(bytes + 34), 5000);
		frame = frame_of(bytes, protocols[i], SERVER, 80, PUBLIC, 5000,
				 FLOW_SYN | FLOW_ACK);
		assert_int_equal(goes_through(&frame, OUTSIDE, INSIDE), DECIDE_PASS);
		check_ends(&frame, SERVER, 80, CLIENT, 5000);
		check_sums(&frame);
		frame = frame_of(bytes, protocols[i], CLIENT, 5000, SERVER, 80, FLOW_ACK);
		assert_int_equal(goes_through(&frame, INSIDE, OUTSIDE), DECIDE_PASS);
		check_ends(&frame, PUBLIC, 5000, SERVER, 80);
		check_sums(&frame);
	}
}

static void a_checksum_that_a_device_fills_in_stays_one(void **state)
{
	uint8_t bytes[ROOM];
	struct flow_frame frame;

	(void)state;
	use_rules("postrouting out out0 masquerade");
	frame = frame_of(bytes, FLOW_TCP, CLIENT, 5000, SERVER, 80, FLOW_SYN);
	put16(bytes + 50, transport_sum(bytes + 14, true));
	frame.partial = true;
	assert_int_equal(goes_through(&frame, INSIDE, OUTSIDE), DECIDE_PASS);
	check_ends(&frame, PUBLIC, 5000, SERVER, 80);
	assert_int_equal(read16(bytes + 50), transport_sum(bytes + 14, true));
}

static void echoes_are_translated(void **state)
{
	uint8_t bytes[ROOM];
	struct flow_frame frame;
	uint32_t identity;

	(void)state;
	use_rules("postrouting out out0 masquerade");
	for (uint32_t i = 0; i < 2; i++) {
		frame = frame_of(bytes, FLOW_ICMP, CLIENT + i, 7, SERVER, 0, 8);
		assert_int_equal(goes_through(&frame, INSIDE, OUTSIDE), DECIDE_PASS);
		check_ends(&frame, PUBLIC, 0, SERVER, 0);
		check_sums(&frame);
		identity = read16(bytes + 38);
		assert_int_equal(identity == 7, !i);
		frame = frame_of(bytes, FLOW_ICMP, SERVER, identity, PUBLIC, 0, 0);
		assert_int_equal(goes_through(&frame, OUTSIDE, INSIDE), DECIDE_PASS);
		check_ends(&frame, SERVER, 0, CLIENT + i, 0);
		check_sums(&frame);
		assert_int_equal(read16(bytes + 38), 7);
	}
}

static void a_port_leads_to_a_server_inside(void **state)
{
	uint8_t bytes[ROOM];
	struct flow_frame frame;

	(void)state;
	use_rules("prerouting in out0 proto tcp dport 80 dnat 10.0.0.5:8080\n"
		  "policy forward drop\n"
		  "forward proto tcp to 10.0.0.5 dport 8080 state new accept\n"
		  "forward state established,related accept");
	frame = frame_of(bytes, FLOW_TCP, STRANGER, 999, PUBLIC, 80, FLOW_SYN);
	assert_int_equal(goes_through(&frame, OUTSIDE, INSIDE), DECIDE_PASS);
	check_ends(&frame, STRANGER, 999, CLIENT, 8080);
	check_sums(&frame);
	frame = frame_of(bytes, FLOW_TCP, CLIENT, 8080, STRANGER, 999, FLOW_SYN | FLOW_ACK);
	assert_int_equal(goes_through(&frame, INSIDE, OUTSIDE), DECIDE_PASS);
	check_ends(&frame, PUBLIC, 80, STRANGER, 999);
	check_sums(&frame);
	frame = frame_of(bytes, FLOW_TCP, STRANGER, 999, PUBLIC, 81, FLOW_SYN);
	assert_int_equal(goes_through(&frame, OUTSIDE, INSIDE), DECIDE_DROP);
}

/* What a router says of a frame that it could not deliver. */
static struct flow_frame error_about(uint8_t *bytes, const struct flow_frame *about, uint32_t from,
				     uint32_t to)
{
	struct flow_frame frame = frame_of(bytes, FLOW_ICMP, from, 0, to, 0, 3);

	memcpy(bytes + 42, about->bytes + 14, 28);
	frame.length = 14 + 20 + 8 + 28;
	put16(bytes + 16, 56);
	put16(bytes + 24, 0);
	put16(bytes + 24, ~sum(bytes + 14, 20, 0) & 0xffff);
	put16(bytes + 36, 0);
	put16(bytes + 36, ~sum(bytes + 34, 36, 0) & 0xffff);
	return frame;
}

static void errors_are_related_and_translated(void **state)
{
	uint8_t bytes[ROOM], sent[ROOM];
	struct flow_frame frame, error;

	(void)state;
	use_rules("postrouting out out0 masquerade\npolicy forward drop\n"
		  "forward in in0 accept\nforward state related accept");
	frame = frame_of(sent, FLOW_UDP, CLIENT, 5000, SERVER, 53, 0);
	assert_int_equal(goes_through(&frame, INSIDE, OUTSIDE), DECIDE_PASS);
	error = error_about(bytes, &frame, STRANGER, PUBLIC);
	check_sums(&error);
	assert_int_equal(goes_through(&error, OUTSIDE, INSIDE), DECIDE_PASS);
	check_ends(&error, STRANGER, 0, CLIENT, 0);
	assert_int_equal(sum(bytes + 34, 36, 0), 0xffff);
	assert_int_equal(sum(bytes + 42, 20, 0), 0xffff);
	assert_memory_equal(bytes + 54, "\x0a\0\0\5", 4);
	assert_int_equal(read16(bytes + 62), 5000);
	/* About what was never sent. */
	put16(sent + 34, 5001);
	error = error_about(bytes, &frame, STRANGER, PUBLIC);
	assert_int_equal(goes_through(&error, OUTSIDE, INSIDE), DECIDE_DROP);
}

static void an_error_goes_to_who_has_sent(void **state)
{
	uint8_t bytes[ROOM], sent[ROOM];
	struct flow_frame frame, error;

	(void)state;
	use_rules("policy forward drop\nforward in in0 accept\nforward state related accept");
	frame = frame_of(sent, FLOW_UDP, CLIENT, 5000, SERVER, 53, 0);
	assert_int_equal(goes_through(&frame, INSIDE, OUTSIDE), DECIDE_PASS);
	error = error_about(bytes, &frame, STRANGER, CLIENT + 1);
	assert_int_equal(goes_through(&error, OUTSIDE, INSIDE), DECIDE_DROP);
	error = error_about(bytes, &frame, STRANGER, CLIENT);
	assert_int_equal(goes_through(&error, OUTSIDE, INSIDE), DECIDE_PASS);
}

static void what_has_to_be_translated_does_not_stay(void **state)
{
	uint8_t bytes[ROOM];
	struct flow_frame frame;

	(void)state;
	use_rules("postrouting out out0 masquerade\nprerouting in out0 proto tcp dnat 10.0.0.5");
	frame = frame_of(bytes, FLOW_TCP, CLIENT, 5000, SERVER, 80, FLOW_ACK);
	assert_int_equal(goes_through(&frame, INSIDE, OUTSIDE), DECIDE_DROP);
	frame = frame_of(bytes, FLOW_TCP, PUBLIC, 5000, SERVER, 80, FLOW_RST | FLOW_ACK);
	assert_int_equal(leaves(&frame), DECIDE_PASS);
	frame = frame_of(bytes, FLOW_TCP, SERVER, 80, PUBLIC, 5000, FLOW_ACK);
	assert_int_equal(is_received(&frame), DECIDE_DROP);
}

/* ---- refusals, fragments ---- */

static void refusals_are_whole(void **state)
{
	uint8_t bytes[ROOM];
	struct flow_frame frame;

	(void)state;
	use_rules("input reject");
	frame = frame_of(bytes, FLOW_TCP, STRANGER, 999, PUBLIC, 22, FLOW_SYN);
	assert_int_equal(arrives(&frame), DECIDE_ANSWERED);
	check_ends(&frame, PUBLIC, 22, STRANGER, 999);
	check_sums(&frame);
	assert_int_equal(bytes[47], FLOW_RST | FLOW_ACK);
	assert_int_equal(read16(bytes + 44), 12); /* SYN and eleven bytes */
	assert_memory_equal(bytes, "\2\0\0\0\0\2\2\0\0\0\0\1", 12);
	frame = frame_of(bytes, FLOW_UDP, STRANGER, 999, PUBLIC, 22, 0);
	assert_int_equal(arrives(&frame), DECIDE_ANSWERED);
	check_ends(&frame, PUBLIC, 0, STRANGER, 0);
	check_sums(&frame);
	assert_int_equal(bytes[34], 3);
	frame = frame_of(bytes, FLOW_TCP, STRANGER, 999, PUBLIC, 22, FLOW_RST);
	assert_int_equal(arrives(&frame), DECIDE_DROP);
	frame = frame_of(bytes, FLOW_UDP, STRANGER, 999, 0xe0000001, 22, 0);
	assert_int_equal(arrives(&frame), DECIDE_DROP);
	assert_int_equal(filter.table.count, 0);
}

static void errors_and_forged_sources_are_not_refused(void **state)
{
	static const uint32_t sources[] = { 0, 0xe0000001, 0xffffffff };
	uint8_t bytes[ROOM], sent[ROOM];
	struct flow_frame frame, about;

	(void)state;
	use_rules("policy input drop\ninput reject");
	about = frame_of(sent, FLOW_UDP, PUBLIC, 1, STRANGER, 2, 0);
	sent[23] = 47; /* it has no ports */
	frame = error_about(bytes, &about, STRANGER, PUBLIC);
	assert_int_equal(arrives(&frame), DECIDE_DROP);
	for (uint32_t i = 0; i < 3; i++) {
		frame = frame_of(bytes, FLOW_UDP, sources[i], 999, PUBLIC, 22, 0);
		assert_int_equal(arrives(&frame), DECIDE_DROP);
	}
}

static void make_fragment(struct flow_frame *frame, uint32_t identity, uint32_t fragment)
{
	put16(frame->bytes + 18, identity);
	put16(frame->bytes + 20, fragment);
}

static void fragments_follow_their_first(void **state)
{
	uint8_t bytes[ROOM];
	struct flow_frame frame;

	(void)state;
	use_rules("policy forward drop\nforward proto udp dport 53 accept\npostrouting masquerade");
	for (uint32_t port = 53; port < 55; port++) {
		enum decision expected = port == 53 ? DECIDE_PASS : DECIDE_DROP;

		frame = frame_of(bytes, FLOW_UDP, CLIENT, 5000, SERVER, port, 0);
		make_fragment(&frame, port, 0x2000);
		assert_int_equal(goes_through(&frame, INSIDE, OUTSIDE), expected);
		frame = frame_of(bytes, FLOW_UDP, CLIENT, 5000, SERVER, port, 0);
		make_fragment(&frame, port, 185);
		assert_int_equal(goes_through(&frame, INSIDE, OUTSIDE), expected);
		if (port == 53)
			check_ends(&frame, PUBLIC, 5000, SERVER,
				   53); /* which are data: they stay */
	}
	frame = frame_of(bytes, FLOW_UDP, CLIENT, 5000, SERVER, 53, 0);
	make_fragment(&frame, 99, 185);
	assert_int_equal(goes_through(&frame, INSIDE, OUTSIDE), DECIDE_DROP);
}

/* ---- anything ---- */

static uint64_t seed = 88172645463325252u;

static uint32_t draw(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 32) % below;
}

/* Mostly what could be a frame, of few addresses and ports, so that connections meet. */
static uint32_t draw_frame(uint8_t *bytes)
{
	static const uint8_t protocols[] = { FLOW_TCP, FLOW_UDP, FLOW_ICMP, FLOW_TCP };
	static const uint8_t flags[] = { 2, 18, 16, 17, 4, 20, 3, 0, 255 };
	static const uint32_t addresses[] = { CLIENT, SERVER, PUBLIC, STRANGER };
	static const uint8_t types[] = { 0, 8, 3, 11, 5, 12 };
	uint32_t protocol = protocols[draw(4)], kind, length;
	struct flow_frame frame, about;
	uint8_t other[ROOM];

	kind = protocol == FLOW_ICMP ? types[draw(6)] : flags[draw(9)];
	frame = frame_of(bytes, protocol, addresses[draw(4)], 1 + draw(3), addresses[draw(4)],
			 1 + draw(3), kind);
	length = frame.length;
	if (protocol == FLOW_ICMP && draw(2)) {
		about = frame_of(other, protocols[draw(4)], addresses[draw(4)], 1 + draw(3),
				 addresses[draw(4)], 1 + draw(3), 8);
		frame = error_about(bytes, &about, addresses[draw(4)], addresses[draw(4)]);
		length = frame.length;
	}
	if (!draw(4)) {
		memmove(bytes + 54, bytes + 34, length - 34); /* of IPv6 */
		put16(bytes + 12, 0x86dd);
		memset(bytes + 14, 0, 40);
		bytes[14] = 0x60;
		put16(bytes + 18, length - 34);
		bytes[20] = (uint8_t)(draw(3) ? protocol : draw(256));
		bytes[37] = bytes[53] = (uint8_t)draw(4);
		length += 20;
	}
	for (uint32_t i = draw(4); i; i--)
		bytes[12 + draw(length - 12)] = (uint8_t)draw(256);
	if (!draw(8))
		length = draw(length);
	return length;
}

static void anything(void **state)
{
	static const uint32_t points[] = { AT_RECEIVE, AT_INPUT, AT_FORWARD, AT_OUTPUT,
					   AT_TRANSMIT };
	const char *asked = getenv("FILTER_PACKETS");
	uint64_t packets = asked ? strtoull(asked, NULL, 10) : 200000, passed = 0, answered = 0;
	uint8_t bytes[ROOM];

	(void)state;
	use_rules("prerouting in out0 proto tcp dport 2 dnat 10.0.0.5:1\n"
		  "prerouting in out0 proto udp dnat 8.8.8.8\n"
		  "postrouting out out0 masquerade\npostrouting snat 9.9.9.9\n"
		  "input state invalid drop\ninput dport 1 proto tcp reject\n"
		  "forward state established,related accept\nforward proto udp reject\n"
		  "output proto icmp reject\noutput from ::/0 reject");
	for (uint64_t i = 0; i < packets; i++) {
		uint32_t length = draw_frame(bytes), room = length + draw(3) * 40;
		uint8_t *copy = malloc(room ? room : 1);
		struct flow_frame frame = { .bytes = copy,
					    .length = length,
					    .room = room,
					    .more = !draw(8),
					    .partial = !draw(8) };
		enum decision decision;

		memcpy(copy, bytes, length);
		now += draw(1000) ? 1000000 : 40 * SECOND;
		decision = filter_decide(&filter, points[draw(5)], 1 + draw(2), 1 + draw(2), &frame,
					 now);
		passed += decision == DECIDE_PASS;
		answered += decision == DECIDE_ANSWERED;
		assert_true(frame.length <= room && filter.table.count <= TABLE);
		free(copy);
	}
	assert_true(passed > packets / 20 && answered > packets / 1000);
	if (asked)
		printf("%llu packets: %llu passed, %llu answered; %u evicted\n",
		       (unsigned long long)packets, (unsigned long long)passed,
		       (unsigned long long)answered, filter.table.evicted);
}

static void end(void)
{
	free(filter.rules);
	filter.rules = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_in_and_nothing_else),
		cmocka_unit_test(a_full_table_forgets_who_was_not_answered),
		cmocka_unit_test(a_batch_does_not_answer_itself),
		cmocka_unit_test(forged_segments_end_nothing),
		cmocka_unit_test(what_was_reset_begins_anew),
		cmocka_unit_test(a_network_hides_behind_an_address),
		cmocka_unit_test(a_checksum_that_a_device_fills_in_stays_one),
		cmocka_unit_test(echoes_are_translated),
		cmocka_unit_test(a_port_leads_to_a_server_inside),
		cmocka_unit_test(errors_are_related_and_translated),
		cmocka_unit_test(an_error_goes_to_who_has_sent),
		cmocka_unit_test(what_has_to_be_translated_does_not_stay),
		cmocka_unit_test(refusals_are_whole),
		cmocka_unit_test(errors_and_forged_sources_are_not_refused),
		cmocka_unit_test(fragments_follow_their_first),
		cmocka_unit_test(anything),
	};

	atexit(end);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
