// SPDX-License-Identifier: MIT
/*
 * Targets: packets and what decides about them: inet's check of shape, the filter's rules and frames, the shaper's plan, programs of
 * packet sockets, virtio-net's headers, messages of route netlink. An input is a row of packets where a state is kept between them.
 */
#include <stdlib.h>
#include <string.h>
#include "../../drivers/bus/virtio/net_wire.h"
#include "../../drivers/net/filter/decide.h"
#include "../../drivers/net/inet/shape.h"
#include "../../drivers/net/shaper/plan.h"
#include "../../net/filter_program.h"
#include "../../net/netlink_message.h"
#include "pure.h"

#define SECOND UINT64_C(1000000000)

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* The next piece of an input, in memory of its own: two bytes of length, and as many as there are. */
static uint8_t *take_piece(struct bytes *bytes, uint32_t most, uint32_t room, uint32_t *length)
{
	uint32_t wanted = (uint32_t)take_bytes(bytes, 2) % (most + 1);
	uint8_t *piece;

	*length = wanted < bytes->left ? wanted : (uint32_t)bytes->left;
	piece = calloc(1, (size_t)*length + room + !(*length + room));
	memcpy(piece, bytes->at, *length);
	bytes->at += *length;
	bytes->left -= *length;
	return piece;
}

/* ---- inet ---- */

/* What is believed has whole headers, and a packet that was cut is not believed. */
static void fuzz_shape(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = { 0x800, 0x806, 0x86dd, 0x8100 };
	uint32_t type = size ? types[data[0] % 4] : 0, length = size ? (uint32_t)size - 1 : 0;
	uint8_t *packet = exact_copy(data + !!size, length);

	count_packets(1);
	if (shape_is_good(type, packet, length)) {
		require(type != 0x800 || length >= 20, "IPv4 has a header");
		require(type != 0x806 || length >= 28, "ARP is whole");
		require(type != 0x86dd || length >= 40, "IPv6 has a header");
		require(type != 0x8100, "an unknown type is not believed");
	}
	free(packet);
}

/* ---- the filter ---- */

/* A rule that is read can be written, and is the same when that is read. */
static void fuzz_rule(const uint8_t *data, size_t size)
{
	char *line = calloc(1, size + 1), text[RULE_LINE_MAX * 2];
	struct rule rule, again;
	const char *why = NULL;
	uint32_t length;

	memcpy(line, data, size);
	memset(&rule, 0, sizeof(rule));
	memset(&again, 0, sizeof(again));
	switch (rule_parse(line, &rule, &why)) {
	case RULE_WRONG: require(why && *why, "what is wrong is said"); break;
	case RULE_RULE:
		length = rule_format(&rule, text, sizeof(text));
		require(length < sizeof(text) && strlen(text) == length, "a rule has a length");
		require(rule_parse(text, &again, &why) == RULE_RULE, "what it writes it reads");
		require(!memcmp(&rule, &again, sizeof(rule)), "what it reads it has written");
		break;
	case RULE_NOTHING:
	case RULE_POLICY: break;
	}
	free(line);
}

#define TRACKS 16u
#define ROOM   128u

static const char *const rules[] = {
	"policy input drop",
	"input state established,related accept",
	"input proto tcp dport 80 state new accept",
	"forward in in0 accept",
	"forward state invalid drop",
	"forward reject",
	"output proto udp to 10.0.0.0/8 reject",
	"input proto icmp6 accept",
	"prerouting in out0 proto tcp dport 8080 dnat 10.0.0.5:80",
	"prerouting proto udp dnat 10.0.0.6",
	"postrouting out out0 proto udp snat 192.0.2.7",
	"postrouting out out0 masquerade",
};
#define RULES (sizeof(rules) / sizeof(rules[0]))

static bool filter_address(void *context, uint32_t interface, uint8_t *address)
{
	memcpy(address, "\xc0\0\2\1", 4);
	return interface == 2;
}

static void filter_begin(struct filter *filter, struct track *tracks, uint32_t *heads,
			 uint32_t wanted)
{
	const char *why;
	struct rule rule;

	memset(filter, 0, sizeof(*filter));
	filter->address_of = filter_address;
	filter->rules = calloc(1, sizeof(struct rule_set) + RULES * sizeof(rule));
	filter->table = (struct track_table){
		.tracks = tracks, .heads = heads, .max = TRACKS, .secret = { 3, 4 }
	};
	track_init(&filter->table);
	for (uint32_t i = 0; i < RULES; i++) {
		enum rule_line kind = rule_parse(rules[i], &rule, &why);

		require(kind != RULE_WRONG, "these rules are right");
		rule.in_index = 2 - (rule.in[0] == 'i');
		rule.out_index = 2 - (rule.out[0] == 'i');
		if (!(wanted >> i & 1))
			continue;
		if (kind == RULE_POLICY)
			filter->rules->policies[rule.chain] = rule.action;
		else
			filter->rules->rules[filter->rules->count++] = rule;
	}
}

static void filter_check(const struct filter *filter)
{
	const struct track_table *table = &filter->table;
	uint32_t used = 0, free_ones = 0, listed = 0;

	for (uint32_t i = 0; i < table->max; i++)
		used += table->tracks[i].used;
	for (uint32_t i = table->free; i != TRACK_NONE; i = table->tracks[i].newer)
		require(++free_ones <= table->max && !table->tracks[i].used, "free ones are free");
	for (uint32_t i = table->oldest; i != TRACK_NONE; i = table->tracks[i].newer)
		require(++listed <= table->max && table->tracks[i].used, "the waiting ones exist");
	require(used == table->count && used + free_ones == table->max, "none is lost");
}

/* Any frames at any points, any time between them. What is not a frame any more is no answer. */
static void fuzz_filter(const uint8_t *data, size_t size)
{
	static struct track tracks[TRACKS];
	static uint32_t heads[TRACKS];
	static struct filter filter;
	struct bytes bytes = { data, size };
	uint64_t now = SECOND;

	filter_begin(&filter, tracks, heads, (uint32_t)take_bytes(&bytes, 2));
	while (bytes.left) {
		uint32_t how = (uint32_t)take_bytes(&bytes, 2), length, point = 1u << how % 5;
		uint32_t interface = 1 + (how >> 4 & 1);
		uint8_t *memory = take_piece(&bytes, 1500, (how >> 8 & 1) * ROOM, &length);
		struct flow_frame frame = { .bytes = memory,
					    .length = length,
					    .room = length + ((how >> 8 & 1) * ROOM),
					    .more = how >> 5 & 1,
					    .partial = how >> 6 & 1 };

		count_packets(1);
		now += SECOND * (how >> 9);
		if (filter_decide(&filter, point, point & 7 ? interface : 0,
				  point & 28 ? 3 - interface : 0, &frame, now) != DECIDE_DROP)
			require(frame.length <= frame.room, "a frame fits into its memory");
		require(frame.bytes == memory, "a frame stays where it is");
		free(memory);
		track_sweep(&filter.table, now, how >> 7 & 1);
	}
	filter_check(&filter);
	free(filter.rules);
}

/* ---- the shaper ---- */

static void fuzz_shaper(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	struct plan plan = { .delay_ns = take_bytes(&bytes, 8),
			     .jitter_ns = take_bytes(&bytes, 8),
			     .loss_ppm = (uint32_t)take_bytes(&bytes, 4),
			     .duplicate_ppm = (uint32_t)take_bytes(&bytes, 4),
			     .reorder_ppm = (uint32_t)take_bytes(&bytes, 4),
			     .rate_bytes = take_bytes(&bytes, 8),
			     .burst_bytes = take_bytes(&bytes, 8),
			     .random = 1 + (take_bytes(&bytes, 8) >> 1) };
	uint64_t now = 0;

	plan.delay_ns %= 3600 * SECOND; /* what the driver's parameters permit */
	plan.jitter_ns %= 3600 * SECOND;
	while (bytes.left) {
		uint32_t length = (uint32_t)take_bytes(&bytes, 2);
		uint64_t at = 0;
		bool twice = false;

		count_packets(1);
		now += take_bytes(&bytes, 4);
		if (plan_frame(&plan, now, length, length & 1, &at, &twice))
			require(at >= now, "no frame goes on before it came");
	}
}

/* ---- packet sockets ---- */

/* Any program: one that is valid ends, and reads nothing outside of the frame. */
static void fuzz_program(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	uint32_t count = (uint32_t)take_bytes(&bytes, 1), before, length, kept;
	struct filter_step *steps = calloc(count + 1, sizeof(*steps));
	struct filter_frame frame = { 0 };
	uint8_t *memory;

	for (uint32_t i = 0; i < count; i++) {
		steps[i].code = (uint16_t)take_bytes(&bytes, 1);
		steps[i].if_true = (uint8_t)take_bytes(&bytes, 1);
		steps[i].if_false = (uint8_t)take_bytes(&bytes, 1);
		steps[i].k = (uint32_t)take_bytes(&bytes, 4);
	}
	memory = take_piece(&bytes, 2048, 0, &length);
	before = length / 2;
	if (filter_is_valid(steps, count)) {
		for (uint32_t i = 0; i < 2; i++) {
			uint32_t front = i * before;

			frame = (struct filter_frame){ .bytes = memory + front,
						       .length = length - front,
						       .whole = length,
						       .before = front,
						       .network = (uint32_t)(14 - (int)front) };
			kept = filter_run(steps, &frame);
			count_packets(1);
			require(kept == filter_run(steps, &frame), "a program answers the same");
		}
	}
	free(memory);
	free(steps);
}

/* ---- virtio-net ---- */

static void fuzz_virtio_net(const uint8_t *data, size_t size)
{
	struct bytes bytes = { data, size };
	uint32_t merged = (uint32_t)take_bytes(&bytes, 1) & 1, buffers = 0;
	uint32_t length = (uint32_t)take_bytes(&bytes, 2), groups, stride = 8;
	uint8_t header[NET_HEADER_BYTES], table[NET_TABLE_BYTES], *addresses;
	struct net_offload offload;
	const char *wrong;

	for (uint32_t i = 0; i < sizeof(header); i++)
		header[i] = (uint8_t)take_bytes(&bytes, 1);
	count_packets(1);
	wrong = net_parse_header(header, (int)merged, length, &offload, &buffers);
	if (!wrong) {
		require(buffers && buffers <= NET_BUFFERS_MAX, "its buffers are counted");
		require(!(offload.flags & NET_PARTIAL) ||
				offload.checksum_start + offload.checksum_offset + 2u <= length,
			"a checksum lies in the first buffer");
		net_make_header(header, &offload);
	}
	groups = (uint32_t)(bytes.left / stride);
	if (groups > NET_GROUPS_MAX)
		groups = NET_GROUPS_MAX;
	addresses = exact_copy(bytes.at, (size_t)groups * stride);
	require(net_make_table(table, addresses, groups, stride) <= sizeof(table),
		"a table has bounds");
	free(addresses);
}

/* ---- route netlink ---- */

/* Messages lie in what was sent, and their attributes in them. */
static void fuzz_netlink(const uint8_t *data, size_t size)
{
	uint8_t *copy = exact_copy(data, size);
	struct netlink_messages walk = { copy, (uint32_t)size };
	struct user_nlmsghdr header;
	const uint8_t *body;

	while ((body = netlink_message_next(&walk, &header))) {
		uint32_t length = header.length - sizeof(header);
		struct netlink_attributes found;

		count_packets(1);
		require(body >= copy && body + length <= copy + size, "a message lies inside");
		if (netlink_parse(body, length, &found))
			continue;
		for (uint32_t i = 0; i < NETLINK_ATTRIBUTES; i++)
			require(!found.at[i] || (found.at[i] >= body &&
						 found.at[i] + found.length[i] <= body + length),
				"an attribute lies in its message");
		(void)netlink_number(&found, header.type % NETLINK_ATTRIBUTES, 0);
	}
	free(copy);
}

/* ---- frames that are right but for what the input says ---- */

/* A connection through the filter: of the frames' fields the input chooses some, so that deep states are reached. */
static void fuzz_filter_flow(const uint8_t *data, size_t size)
{
	static const uint8_t ends[4][4] = {
		{ 10, 0, 0, 5 }, { 8, 8, 8, 8 }, { 192, 0, 2, 1 }, { 10, 0, 0, 6 }
	};
	static struct track tracks[TRACKS];
	static uint32_t heads[TRACKS];
	static struct filter filter;
	struct bytes bytes = { data, size };
	uint64_t now = SECOND;

	filter_begin(&filter, tracks, heads, (uint32_t)take_bytes(&bytes, 2));
	while (bytes.left) {
		uint32_t how = (uint32_t)take_bytes(&bytes, 2),
			 ports = (uint32_t)take_bytes(&bytes, 1);
		uint8_t *memory = calloc(1, 256), *ip = memory + 14;
		struct flow_frame frame = { .bytes = memory, .length = 74, .room = 256 };
		uint32_t point = 1u << how % 5;

		memcpy(memory + 12, "\x08\0\x45\0\0\x3c", 6);
		ip[8] = 64;
		ip[9] = (uint8_t[]){ FLOW_TCP, FLOW_UDP, FLOW_ICMP, FLOW_TCP }[how >> 3 & 3];
		memcpy(ip + 12, ends[how >> 5 & 3], 4);
		memcpy(ip + 16, ends[how >> 7 & 3], 4);
		put16(ip + 20, ip[9] == FLOW_ICMP ? (ports & 15) << 8 : 80 + (ports & 3));
		put16(ip + 22, ip[9] == FLOW_ICMP ? 0 : 8080 - (ports >> 2 & 3));
		if (ip[9] == FLOW_UDP)
			put16(ip + 24, 40);
		if (ip[9] == FLOW_TCP) {
			ip[32] = 0x50;
			ip[33] = (uint8_t)(how >> 9 & 0x1f);
		}
		if (ip[9] == FLOW_ICMP && ports >> 7) /* about the other way */
			memcpy(memory + 42,
			       "\x45\0\0\x20\0\0\0\0\x40\x11\0\0\x0a\0\0\x05\x08\x08\x08\x08\0\x50\x1f\x90",
			       24);
		if (ports >> 6 & 1)
			memory[take_bytes(&bytes, 1) % 74] ^= (uint8_t)take_bytes(&bytes, 1);
		count_packets(1);
		now += SECOND * (how >> 14);
		(void)filter_decide(&filter, point, point & 7 ? 1 + (ports >> 4 & 1) : 0,
				    point & 28 ? 2 - (ports >> 4 & 1) : 0, &frame, now);
		require(frame.length <= frame.room, "a frame fits into its memory");
		free(memory);
		filter_check(&filter);
	}
	free(filter.rules);
}

const struct fuzz_target packet_targets[] = { { "inet_shape", fuzz_shape },
					      { "filter_rule", fuzz_rule },
					      { "filter_frames", fuzz_filter },
					      { "filter_flow", fuzz_filter_flow },
					      { "shaper", fuzz_shaper },
					      { "packet_program", fuzz_program },
					      { "virtio_net", fuzz_virtio_net },
					      { "netlink", fuzz_netlink },
					      { 0 } };
