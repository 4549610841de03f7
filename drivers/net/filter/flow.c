/* SPDX-License-Identifier: MIT */
/*
 * Headers of frames: reading and rewriting. RFC 791, 792, 768, 9293, 8200, 4443; RFC 1624 for checksums that are changed.
 *
 * What is read lies in the frame's first packet; offsets in struct flow were checked when it was read, so that rewriting needs no
 * check. Of IPv6's extension headers hop-by-hop, routing, destination and fragment headers are passed over, EXTENSIONS_MAX of them:
 * what has more is bad.
 */
#include "flow.h"
#include <banos/string.h>

#define TYPE_IPV4      0x0800u
#define TYPE_IPV6      0x86ddu
#define IPV4_HEADER    20u
#define IPV6_HEADER    40u
#define TCP_HEADER     20u
#define UDP_HEADER     8u
#define ICMP_HEADER    8u
#define EXTENSIONS_MAX 8u
#define TTL	       64u

static uint32_t filter_be16(const uint8_t *at)
{
	return (uint32_t)(at[0] << 8 | at[1]);
}

static uint32_t filter_be32(const uint8_t *at)
{
	return filter_be16(at) << 16 | filter_be16(at + 2);
}

static void filter_put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* ---- reading ---- */

/* A datagram of which [at, end) is in memory. @return false: bad */
static bool read_ipv4(const uint8_t *bytes, uint32_t at, uint32_t end, struct flow_key *key,
		      uint32_t *transport, uint32_t *fragment)
{
	const uint8_t *ip = bytes + at;
	uint32_t header;

	if (end - at < IPV4_HEADER)
		return false;
	header = (ip[0] & 15) * 4u;
	if (ip[0] >> 4 != 4 || header < IPV4_HEADER || header > end - at ||
	    filter_be16(ip + 2) < header)
		return false;
	key->family = 4;
	key->protocol = ip[9];
	memcpy(key->from, ip + 12, 4);
	memcpy(key->to, ip + 16, 4);
	*fragment = filter_be16(ip + 6) & 0x3fff; /* and "more of them" */
	*transport = at + header;
	return true;
}

static bool read_ipv6(const uint8_t *bytes, uint32_t at, uint32_t end, struct flow_key *key,
		      uint32_t *transport, uint32_t *fragment, uint32_t *identity)
{
	const uint8_t *ip = bytes + at;
	uint32_t next;

	if (end - at < IPV6_HEADER || ip[0] >> 4 != 6)
		return false;
	key->family = 6;
	memcpy(key->from, ip + 8, 16);
	memcpy(key->to, ip + 24, 16);
	next = ip[6];
	at += IPV6_HEADER;
	for (uint32_t i = 0; next == 0 || next == 43 || next == 44 || next == 60; i++) {
		uint32_t length = 8;

		if (i == EXTENSIONS_MAX || end - at < 8)
			return false;
		if (next != 44) {
			length = (bytes[at + 1] + 1u) * 8;
		} else {
			*fragment = filter_be16(bytes + at + 2) >> 3 |
				    (bytes[at + 3] & 1u ? 0x2000u : 0);
			*identity = filter_be32(bytes + at + 4);
		}
		if (length > end - at)
			return false;
		next = bytes[at];
		at += length;
		if (*fragment & 0x1fff)
			break; /* what follows is data */
	}
	key->protocol = (uint8_t)next;
	*transport = at;
	return true;
}

static bool read_ip(const uint8_t *bytes, uint32_t at, uint32_t end, bool six, struct flow_key *key,
		    uint32_t *transport, uint32_t *fragment, uint32_t *identity)
{
	*key = (struct flow_key){ 0 };
	*fragment = 0;
	if (six)
		return read_ipv6(bytes, at, end, key, transport, fragment, identity);
	if (!read_ipv4(bytes, at, end, key, transport, fragment))
		return false;
	*identity = filter_be16(bytes + at + 4);
	return true;
}

static bool icmp_is_error(uint32_t protocol, uint32_t type)
{
	if (protocol == FLOW_ICMP6)
		return type >= 1 && type <= 4;
	return type == 3 || type == 4 || type == 11 || type == 12;
}

/* RFC 1122, 4443: no error is told of these, else two machines would tell each other of errors for ever. */
static bool icmp_forbids_errors(uint32_t protocol, uint32_t type)
{
	if (protocol == FLOW_ICMP6)
		return type < 128 || type == 137;
	return icmp_is_error(protocol, type) || type == 5;
}

static bool icmp_is_echo(uint32_t protocol, uint32_t type, bool *request)
{
	uint32_t wanted = 8, answer = 0;

	if (protocol == FLOW_ICMP6) {
		wanted = 128;
		answer = 129;
	}
	*request = type == wanted;
	return type == wanted || type == answer;
}

/* Ports of what lies at @at. @return false: there are none, or they are cut off */
static bool read_ports(const uint8_t *bytes, uint32_t at, uint32_t end, struct flow_key *key)
{
	bool request;

	if (end < at || end - at < 8)
		return false;
	if (key->protocol == FLOW_TCP || key->protocol == FLOW_UDP) {
		key->from_port = (uint16_t)filter_be16(bytes + at);
		key->to_port = (uint16_t)filter_be16(bytes + at + 2);
		return true;
	}
	if ((key->protocol != FLOW_ICMP || key->family != 4) &&
	    (key->protocol != FLOW_ICMP6 || key->family != 6))
		return false;
	if (!icmp_is_echo(key->protocol, bytes[at], &request))
		return false;
	key->from_port = key->to_port = (uint16_t)filter_be16(bytes + at + 4);
	return true;
}

/* What an error is about, of which at least ports are to be there. */
static enum flow_kind read_error(const uint8_t *bytes, uint32_t end, struct flow *flow)
{
	uint32_t inner = flow->transport + ICMP_HEADER, transport, fragment, identity;
	struct flow_key about;

	flow->outer = flow->key;
	if (!read_ip(bytes, inner, end, flow->key.family == 6, &about, &transport, &fragment,
		     &identity))
		return FLOW_BAD;
	if (fragment & 0x1fff || !read_ports(bytes, transport, end, &about))
		return FLOW_OTHER;
	flow->inner = inner;
	flow->inner_transport = transport;
	flow->key = filter_flow_inverse(&about);
	return FLOW_ERROR;
}

static enum flow_kind read_icmp(const uint8_t *bytes, uint32_t end, struct flow *flow)
{
	const uint8_t *icmp = bytes + flow->transport;

	if (end - flow->transport < ICMP_HEADER)
		return FLOW_BAD;
	flow->is_error = icmp_forbids_errors(flow->key.protocol, icmp[0]);
	if (icmp_is_error(flow->key.protocol, icmp[0]))
		return read_error(bytes, end, flow);
	if (!icmp_is_echo(flow->key.protocol, icmp[0], &flow->request))
		return FLOW_OTHER;
	(void)read_ports(bytes, flow->transport, end, &flow->key);
	return FLOW_TRACKED;
}

static enum flow_kind read_transport(const uint8_t *bytes, uint32_t end, struct flow *flow)
{
	uint32_t left = end - flow->transport;

	switch (flow->key.protocol) {
	case FLOW_TCP:
		if (left < TCP_HEADER || (bytes[flow->transport + 12] >> 4) * 4u < TCP_HEADER)
			return FLOW_BAD;
		flow->tcp_flags = bytes[flow->transport + 13];
		flow->tcp_sequence = filter_be32(bytes + flow->transport + 4);
		flow->tcp_acknowledged = filter_be32(bytes + flow->transport + 8);
		break;
	case FLOW_UDP:
		if (left < UDP_HEADER)
			return FLOW_BAD;
		break;
	case FLOW_ICMP:
	case FLOW_ICMP6:
		if ((flow->key.protocol == FLOW_ICMP) != (flow->key.family == 4))
			return FLOW_OTHER;
		return read_icmp(bytes, end, flow);
	default: return FLOW_OTHER;
	}
	(void)read_ports(bytes, flow->transport, end, &flow->key);
	return FLOW_TRACKED;
}

static uint32_t header_bytes(bool six)
{
	if (six)
		return IPV6_HEADER;
	return IPV4_HEADER;
}

static uint32_t datagram_length(const uint8_t *ip, bool six)
{
	if (six)
		return filter_be16(ip + 4) + IPV6_HEADER;
	return filter_be16(ip + 2);
}

/* Where the datagram ends in this packet: what follows is padding. 0: it is not all there */
static uint32_t datagram_end(const struct flow_frame *frame, bool six)
{
	const uint8_t *ip = frame->bytes + FLOW_ETHERNET;
	uint32_t length;

	if (frame->length < FLOW_ETHERNET + header_bytes(six))
		return 0;
	length = datagram_length(ip, six);
	if (six && length == IPV6_HEADER && frame->length > FLOW_ETHERNET + IPV6_HEADER)
		return frame->length; /* longer than the field can say: to be cut */
	if (length > frame->length - FLOW_ETHERNET)
		return frame->length * frame->more; /* the rest is elsewhere, or missing */
	return length + FLOW_ETHERNET;
}

void filter_flow_read(const struct flow_frame *frame, struct flow *flow)
{
	uint32_t type, end, fragment = 0;
	bool six;

	*flow = (struct flow){ .kind = FLOW_STRANGE };
	if (frame->length < FLOW_ETHERNET)
		return;
	type = filter_be16(frame->bytes + 12);
	if (type != TYPE_IPV4 && type != TYPE_IPV6)
		return;
	six = type == TYPE_IPV6;
	flow->kind = FLOW_BAD;
	end = datagram_end(frame, six);
	if (!end || !read_ip(frame->bytes, FLOW_ETHERNET, end, six, &flow->key, &flow->transport,
			     &fragment, &flow->identity))
		return;
	if (fragment & 0x1fff) {
		flow->transport = 0;
		flow->kind = FLOW_FRAGMENT;
		return;
	}
	flow->first_fragment = fragment;
	flow->kind = read_transport(frame->bytes, end, flow);
}

struct flow_key filter_flow_inverse(const struct flow_key *key)
{
	struct flow_key inverse = *key;

	memcpy(inverse.from, key->to, sizeof(inverse.from));
	memcpy(inverse.to, key->from, sizeof(inverse.to));
	inverse.from_port = key->to_port;
	inverse.to_port = key->from_port;
	return inverse;
}

bool filter_flow_same(const struct flow_key *one, const struct flow_key *other)
{
	return !memcmp(one, other, sizeof(*one));
}

/* ---- checksums ---- */

/* Of a sum in which words are replaced by others; not complemented. */
static uint32_t sum_replace(uint32_t sum, const uint8_t *old, const uint8_t *fresh, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i += 2)
		sum += (~filter_be16(old + i) & 0xffff) + filter_be16(fresh + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static void checksum_replace(uint8_t *at, const uint8_t *old, const uint8_t *fresh, uint32_t bytes)
{
	filter_put16(at, ~sum_replace(~filter_be16(at) & 0xffff, old, fresh, bytes));
}

static uint32_t checksum_of(const uint8_t *bytes, uint32_t length, uint32_t sum)
{
	for (uint32_t i = 0; i + 1 < length; i += 2)
		sum += filter_be16(bytes + i);
	if (length & 1)
		sum += (uint32_t)bytes[length - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum & 0xffff;
}

/* ---- rewriting ---- */

/* Where the checksum of a transport's header is; 0: it has none, or that is not in the packet. */
static uint32_t transport_checksum(uint32_t protocol, uint32_t at, uint32_t end)
{
	uint32_t offset = 0;

	if (protocol == FLOW_TCP)
		offset = 16;
	else if (protocol == FLOW_UDP)
		offset = 6;
	else if (protocol == FLOW_ICMP)
		offset = 2;
	if (!offset || at + offset + 2 > end)
		return 0;
	return at + offset;
}

/* One header of IPv4 and what is behind it. */
struct rewriting {
	uint8_t *bytes;
	uint32_t ip, transport, end; /* transport 0: none */
	uint32_t protocol;
	bool source, partial;
	const uint8_t *address;
	uint32_t port;
};

static void rewrite_transport(const struct rewriting *what, const uint8_t old[4])
{
	uint32_t at = transport_checksum(what->protocol, what->transport, what->end);
	uint32_t port_at = what->transport;
	uint8_t port[2];
	uint8_t *sum = what->bytes + at;
	bool none = what->protocol == FLOW_UDP && at && !filter_be16(sum);

	filter_put16(port, what->port);
	if (!what->source)
		port_at += 2;
	if (what->protocol == FLOW_ICMP)
		port_at = what->transport + 4;
	if (at && !none && what->protocol != FLOW_ICMP && what->partial)
		filter_put16(sum, sum_replace(filter_be16(sum), old, what->address, 4));
	else if (at && !none && what->protocol != FLOW_ICMP)
		checksum_replace(sum, old, what->address, 4);
	if (at && !none && !what->partial)
		checksum_replace(sum, what->bytes + port_at, port, 2);
	if (at && !none && what->protocol == FLOW_UDP && !filter_be16(sum))
		filter_put16(sum, 0xffff);
	memcpy(what->bytes + port_at, port, 2);
}

static void rewrite_header(const struct rewriting *what)
{
	uint8_t *ip = what->bytes + what->ip, *address = ip + 12, old[4];

	if (!what->source)
		address = ip + 16;
	memcpy(old, address, 4);
	memcpy(address, what->address, 4);
	checksum_replace(ip + 10, old, what->address, 4);
	if (what->transport)
		rewrite_transport(what, old);
}

/* The checksum of an error covers what it is about: the bytes that were changed are all replaced. */
static void rewrite_error(struct flow_frame *frame, const struct flow *flow, bool source,
			  const uint8_t *address, uint32_t port)
{
	struct rewriting what = { .bytes = frame->bytes,
				  .ip = flow->inner,
				  .transport = flow->inner_transport,
				  .end = frame->length,
				  .protocol = flow->key.protocol,
				  .source = !source,
				  .address = address,
				  .port = port };
	uint32_t begin = flow->inner, length = frame->length - begin;
	uint8_t *sum = frame->bytes + flow->transport + 2, before[128];

	if (length > sizeof(before))
		length = sizeof(before); /* 60 of a header, 20 behind it */
	length &= ~1u;
	memcpy(before, frame->bytes + begin, length);
	rewrite_header(&what);
	checksum_replace(sum, before, frame->bytes + begin, length);
}

void filter_flow_rewrite(struct flow_frame *frame, const struct flow *flow, bool source,
			 const uint8_t *address, uint32_t port)
{
	struct rewriting what = { .bytes = frame->bytes,
				  .ip = FLOW_ETHERNET,
				  .end = frame->length,
				  .protocol = flow->key.protocol,
				  .source = source,
				  .partial = frame->partial,
				  .address = address,
				  .port = port };

	if (flow->kind == FLOW_TRACKED)
		what.transport = flow->transport;
	if (flow->kind == FLOW_ERROR)
		rewrite_error(frame, flow, source, address, port);
	/* A router that reports an error keeps its address. */
	if (flow->kind == FLOW_ERROR && source && memcmp(flow->outer.from, flow->key.from, 4))
		return;
	rewrite_header(&what);
}

/* ---- refusing ---- */

static uint32_t pseudo_sum(const struct flow_key *key, uint32_t protocol, uint32_t length)
{
	uint32_t sum = protocol + length;

	for (uint32_t i = 0; i < 16; i += 2)
		sum += filter_be16(key->from + i) + filter_be16(key->to + i);
	return sum;
}

/* An IP header for @length bytes behind it, which are there. @return where these begin */
static uint32_t put_ip(uint8_t *bytes, const struct flow_key *key, uint32_t protocol,
		       uint32_t length)
{
	uint8_t *ip = bytes + FLOW_ETHERNET;

	if (key->family == 6) {
		memset(ip, 0, IPV6_HEADER);
		ip[0] = 0x60;
		filter_put16(ip + 4, length);
		ip[6] = (uint8_t)protocol;
		ip[7] = TTL;
		memcpy(ip + 8, key->from, 16);
		memcpy(ip + 24, key->to, 16);
		return FLOW_ETHERNET + IPV6_HEADER;
	}
	memset(ip, 0, IPV4_HEADER);
	ip[0] = 0x45;
	filter_put16(ip + 2, length + IPV4_HEADER);
	ip[8] = TTL;
	ip[9] = (uint8_t)protocol;
	memcpy(ip + 12, key->from, 4);
	memcpy(ip + 16, key->to, 4);
	filter_put16(ip + 10, checksum_of(ip, IPV4_HEADER, 0));
	return FLOW_ETHERNET + IPV4_HEADER;
}

static void turn_ethernet(uint8_t *bytes)
{
	uint8_t other[6];

	memcpy(other, bytes, 6);
	memcpy(bytes, bytes + 6, 6);
	memcpy(bytes + 6, other, 6);
}

static bool refuse_tcp(struct flow_frame *frame, const struct flow *flow,
		       const struct flow_key *answer)
{
	uint8_t *bytes = frame->bytes, rst[TCP_HEADER] = { 0 };
	const uint8_t *tcp = bytes + flow->transport;
	uint32_t six = answer->family == 6, at, ip_length, next;

	if (flow->tcp_flags & FLOW_RST)
		return false;
	ip_length = datagram_length(bytes + FLOW_ETHERNET, six);
	filter_put16(rst, answer->from_port);
	filter_put16(rst + 2, answer->to_port);
	rst[12] = TCP_HEADER / 4 << 4;
	if (flow->tcp_flags & FLOW_ACK) {
		memcpy(rst + 4, tcp + 8, 4);
		rst[13] = FLOW_RST;
	} else {
		next = flow->tcp_sequence;
		next += ip_length + FLOW_ETHERNET - flow->transport - (tcp[12] >> 4) * 4u;
		next += !!(flow->tcp_flags & FLOW_SYN) + !!(flow->tcp_flags & FLOW_FIN);
		filter_put16(rst + 8, next >> 16);
		filter_put16(rst + 10, next);
		rst[13] = FLOW_RST | FLOW_ACK;
	}
	filter_put16(rst + 16,
		     checksum_of(rst, TCP_HEADER, pseudo_sum(answer, FLOW_TCP, TCP_HEADER)));
	if (header_bytes(six) + FLOW_ETHERNET + TCP_HEADER > frame->room)
		return false;
	at = put_ip(bytes, answer, FLOW_TCP, TCP_HEADER);
	memcpy(bytes + at, rst, TCP_HEADER);
	frame->length = at + TCP_HEADER;
	turn_ethernet(bytes);
	return true;
}

/* An error quotes the header of what it is about, as it was sent, and the eight bytes behind it. */
static bool refuse_icmp(struct flow_frame *frame, const struct flow *flow,
			const struct flow_key *answer, const struct flow_key *as)
{
	uint32_t six = answer->family == 6, header = header_bytes(six);
	uint32_t protocol = FLOW_ICMP, sum = 0, at;
	uint32_t quoted = flow->transport + 8 - FLOW_ETHERNET, length = ICMP_HEADER + quoted;
	uint8_t *bytes = frame->bytes, *icmp;

	if (flow->transport + 8 > frame->length || quoted > 128 ||
	    FLOW_ETHERNET + header + length > frame->room)
		return false;
	if (six)
		protocol = FLOW_ICMP6;
	if (!six && (memcmp(flow->key.to, as->to, 4) || flow->key.to_port != as->to_port))
		filter_flow_rewrite(frame, flow, false, as->to, as->to_port);
	memmove(bytes + FLOW_ETHERNET + header + ICMP_HEADER, bytes + FLOW_ETHERNET, quoted);
	at = put_ip(bytes, answer, protocol, length);
	icmp = bytes + at;
	memset(icmp, 0, ICMP_HEADER);
	icmp[0] = icmp[1] = 3; /* port unreachable */
	if (six) {
		icmp[0] = 1;
		icmp[1] = 4;
	}
	if (six)
		sum = pseudo_sum(answer, FLOW_ICMP6, length);
	filter_put16(icmp + 2, checksum_of(icmp, length, sum));
	frame->length = at + length;
	turn_ethernet(bytes);
	return true;
}

bool filter_flow_refuse(struct flow_frame *frame, const struct flow *flow,
			const struct flow_key *as)
{
	struct flow_key answer = filter_flow_inverse(as);

	if (!flow->transport || flow->is_error || frame->more)
		return false;
	if (flow->kind == FLOW_TRACKED && flow->key.protocol == FLOW_TCP)
		return refuse_tcp(frame, flow, &answer);
	return refuse_icmp(frame, flow, &answer, as);
}

/* ---- hash ---- */

static uint64_t sip_rotate(uint64_t value, uint32_t bits)
{
	return value << bits | value >> (64 - bits);
}

static void sip_round(uint64_t state[4])
{
	state[0] += state[1];
	state[1] = sip_rotate(state[1], 13) ^ state[0];
	state[0] = sip_rotate(state[0], 32);
	state[2] += state[3];
	state[3] = sip_rotate(state[3], 16) ^ state[2];
	state[0] += state[3];
	state[3] = sip_rotate(state[3], 21) ^ state[0];
	state[2] += state[1];
	state[1] = sip_rotate(state[1], 17) ^ state[2];
	state[2] = sip_rotate(state[2], 32);
}

static void sip_word(uint64_t state[4], uint64_t word)
{
	state[3] ^= word;
	sip_round(state);
	sip_round(state);
	state[0] ^= word;
}

uint64_t filter_flow_hash(const uint64_t secret[2], const void *bytes, uint32_t length)
{
	uint64_t state[4] = { secret[0] ^ 0x736f6d6570736575u, secret[1] ^ 0x646f72616e646f6du,
			      secret[0] ^ 0x6c7967656e657261u, secret[1] ^ 0x7465646279746573u };
	uint64_t word = 0;
	const uint8_t *at = bytes;
	uint32_t left = length;

	for (; left >= 8; left -= 8, at += 8) {
		memcpy(&word, at, 8);
		sip_word(state, word);
	}
	word = (uint64_t)length << 56;
	for (uint32_t i = 0; i < left; i++)
		word |= (uint64_t)at[i] << i * 8;
	sip_word(state, word);
	state[2] ^= 0xff;
	for (uint32_t i = 0; i < 4; i++)
		sip_round(state);
	return state[0] ^ state[1] ^ state[2] ^ state[3];
}
