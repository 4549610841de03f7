/* SPDX-License-Identifier: MIT */
/*
 * The check that each frame passes before lwIP sees it.
 *
 * lwIP 2.1.3 believes some lengths; what it may believe is made true here: headers lie in the packet, options have
 * lengths that lead to their end, fragments end below 64 KiB, options of neighbour discovery are neither empty nor
 * cut, a source is no group. What is well formed but wrong otherwise (checksums, unknown protocols) is lwIP's affair.
 * RFC 791, 792, 768, 3828, 9293, 8200, 4443, 4861, 826.
 */
#include "shape.h"

#define TYPE_IPV4      0x0800u
#define TYPE_ARP       0x0806u
#define TYPE_IPV6      0x86ddu
#define IPV4_HEADER    20u
#define IPV6_HEADER    40u
#define TCP_HEADER     20u
#define UDP_HEADER     8u
#define ICMP_HEADER    8u
#define ICMP6_HEADER   4u
#define ARP_BYTES      28u
#define PACKET_MAX     65535u
#define EXTENSIONS_MAX 8u

enum {
	HOP_BY_HOP = 0,
	ICMP = 1,
	TCP = 6,
	UDP = 17,
	ROUTING = 43,
	FRAGMENT = 44,
	ICMP6 = 58,
	NONE = 59,
	DESTINATION = 60,
	UDP_LITE = 136
};

static uint32_t shape_be16(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 8 | bytes[1];
}

/* Options of IPv4 and TCP: kind 0 ends them, kind 1 is one byte, others have a length that includes both bytes. */
static bool options_are_good(const uint8_t *option, uint32_t length)
{
	while (length) {
		uint32_t size = 1;

		if (!option[0])
			return true;
		if (option[0] != 1) {
			if (length < 2)
				return false;
			size = option[1];
			if (size < 2 || size > length)
				return false;
		}
		option += size;
		length -= size;
	}
	return true;
}

static bool tcp_is_good(const uint8_t *segment, uint32_t length)
{
	uint32_t header;

	if (length < TCP_HEADER)
		return false;
	header = (segment[12] >> 4) * 4u;
	return header >= TCP_HEADER && header <= length &&
	       options_are_good(segment + TCP_HEADER, header - TCP_HEADER);
}

static bool udp_is_good(const uint8_t *datagram, uint32_t length)
{
	return length >= UDP_HEADER && shape_be16(datagram + 4) >= UDP_HEADER &&
	       shape_be16(datagram + 4) <= length;
}

/* How much its checksum covers; 0: all */
static bool udp_lite_is_good(const uint8_t *datagram, uint32_t seen, uint32_t length)
{
	uint32_t covered;

	if (seen < UDP_HEADER)
		return false;
	covered = shape_be16(datagram + 4);
	return !covered || (covered >= UDP_HEADER && covered <= length);
}

/* Options of neighbour discovery: a length in units of 8 bytes, never 0. */
static bool neighbour_options_are_good(const uint8_t *option, uint32_t length)
{
	while (length) {
		uint32_t size;

		if (length < 8)
			return false;
		size = option[1] * 8u;
		if (!size || size > length)
			return false;
		if (option[0] == 3 && size != 32) /* prefix information */
			return false;
		option += size;
		length -= size;
	}
	return true;
}

static bool icmp6_is_good(const uint8_t *message, uint32_t length, uint32_t hops)
{
	static const uint8_t fixed[] = { 8, 16, 24, 24,
					 40 }; /* of types 133 to 137, before their options */
	uint32_t type, before;

	if (length < ICMP6_HEADER)
		return false;
	type = message[0];
	if (type >= 130 && type <= 132) /* groups */
		return length >= 24;
	if (type < 133 || type > 137)
		return length >= 8;
	before = fixed[type - 133];
	return hops == 255 && length >= before &&
	       neighbour_options_are_good(message + before, length - before);
}

static bool upper_is_good(uint32_t protocol, const uint8_t *bytes, uint32_t length, uint32_t hops)
{
	switch (protocol) {
	case TCP: return tcp_is_good(bytes, length);
	case UDP: return udp_is_good(bytes, length);
	case UDP_LITE: return udp_lite_is_good(bytes, length, length);
	case ICMP: return length >= ICMP_HEADER;
	case ICMP6: return icmp6_is_good(bytes, length, hops);
	}
	return true;
}

static bool ipv4_is_good(const uint8_t *packet, uint32_t length)
{
	uint32_t header, total, offset;
	bool more;

	if (length < IPV4_HEADER || packet[0] >> 4 != 4)
		return false;
	header = (packet[0] & 15) * 4u;
	total = shape_be16(packet + 2);
	if (header < IPV4_HEADER || total < header || total > length)
		return false;
	if (!options_are_good(packet + IPV4_HEADER, header - IPV4_HEADER))
		return false;
	if (packet[12] >= 224) /* groups and broadcasts do not send */
		return false;
	offset = (shape_be16(packet + 6) & 0x1fff) * 8u;
	more = packet[6] & 0x20;
	if (offset || more) {
		uint32_t bytes = total - header;

		return bytes && offset + bytes + header <= PACKET_MAX && (!more || bytes % 8 == 0);
	}
	return upper_is_good(packet[9], packet + header, total - header, 0);
}

/* A fragment's part. @length: behind its header */
static bool fragment_is_good(const uint8_t *header, uint32_t length)
{
	uint32_t offset = shape_be16(header + 2) & 0xfff8u;
	bool more = header[3] & 1;

	return length && offset + length <= PACKET_MAX && (!more || length % 8 == 0);
}

/* The headers behind that of IPv6, up to the one that is no extension. */
static bool extensions_are_good(const uint8_t *packet, uint32_t length)
{
	const uint8_t *at = packet + IPV6_HEADER;
	uint32_t next = packet[6], left = length - IPV6_HEADER;

	for (uint32_t i = 0; i <= EXTENSIONS_MAX; i++) {
		uint32_t size;

		if (next == NONE)
			return true;
		if (next != HOP_BY_HOP && next != ROUTING && next != DESTINATION &&
		    next != FRAGMENT) /* neighbour discovery: directly behind the header */
			return upper_is_good(next, at, left, i ? 0 : packet[7]);
		if (left < 8)
			return false;
		size = next == FRAGMENT ? 8 : (at[1] + 1u) * 8;
		if (size > left)
			return false;
		if (next == FRAGMENT && (shape_be16(at + 2) & 0xfff9u))
			return fragment_is_good(at, left - size);
		next = at[0];
		at += size;
		left -= size;
	}
	return false;
}

static bool ipv6_is_good(const uint8_t *packet, uint32_t length)
{
	uint32_t total;

	if (length < IPV6_HEADER || packet[0] >> 4 != 6)
		return false;
	total = IPV6_HEADER + shape_be16(packet + 4);
	if (total > length || packet[8] == 0xff)
		return false;
	return extensions_are_good(packet, total);
}

static bool arp_is_good(const uint8_t *packet, uint32_t length)
{
	return length >= ARP_BYTES && shape_be16(packet) == 1 &&
	       shape_be16(packet + 2) == TYPE_IPV4 && packet[4] == 6 && packet[5] == 4 &&
	       !(packet[8] & 1);
}

bool shape_is_good(uint32_t type, const void *bytes, uint32_t length)
{
	switch (type) {
	case TYPE_IPV4: return ipv4_is_good(bytes, length);
	case TYPE_IPV6: return ipv6_is_good(bytes, length);
	case TYPE_ARP: return arp_is_good(bytes, length);
	}
	return false;
}

/* ---- packets that were put together ---- */

static uint32_t header_size(uint32_t type, const uint8_t *header)
{
	if (type == FRAGMENT)
		return 8;
	return (header[1] + 1u) * 8;
}

/* Behind the header of IPv6, in the first @head bytes. */
static bool find_upper6(const uint8_t *packet, uint32_t head, struct shape_upper *upper)
{
	uint32_t next = packet[6], offset = IPV6_HEADER, before;

	for (uint32_t i = 0; i <= EXTENSIONS_MAX; i++) {
		if (next != HOP_BY_HOP && next != ROUTING && next != DESTINATION &&
		    next != FRAGMENT) {
			*upper = (struct shape_upper){ next, offset };
			return offset <= head;
		}
		before = offset;
		if (offset + 8 > head)
			return false;
		if (next == FRAGMENT && (shape_be16(packet + offset + 2) & 0xfff9u))
			return false; /* fragments of fragments */
		offset += header_size(next, packet + offset);
		next = packet[before];
	}
	return false;
}

bool shape_find_upper(const void *bytes, uint32_t length, struct shape_upper *upper)
{
	const uint8_t *packet = bytes;
	uint32_t head = length < SHAPE_HEAD ? length : SHAPE_HEAD;

	if (head >= IPV4_HEADER && packet[0] >> 4 == 4) {
		*upper = (struct shape_upper){ packet[9], (packet[0] & 15) * 4u };
		return upper->offset >= IPV4_HEADER && upper->offset <= head;
	}
	return head >= IPV6_HEADER && packet[0] >> 4 == 6 && find_upper6(packet, head, upper);
}

bool shape_whole_is_good(const void *bytes, uint32_t length, struct shape_upper *upper)
{
	const uint8_t *packet = bytes;
	uint32_t head = length < SHAPE_HEAD ? length : SHAPE_HEAD, left, seen;

	if (!shape_find_upper(bytes, length, upper))
		return false;
	left = length - upper->offset;
	seen = head - upper->offset;
	switch (upper->protocol) {
	case TCP: return tcp_is_good(packet + upper->offset, seen);
	case UDP:
		return seen >= UDP_HEADER && shape_be16(packet + upper->offset + 4) >= UDP_HEADER &&
		       shape_be16(packet + upper->offset + 4) <= left;
	case UDP_LITE: return udp_lite_is_good(packet + upper->offset, seen, left);
	case ICMP: return seen >= ICMP_HEADER;
	case ICMP6: return icmp6_is_good(packet + upper->offset, seen, 0);
	}
	return true;
}
