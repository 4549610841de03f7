/* SPDX-License-Identifier: MIT */
/*
 * Advertisements of routers, read.
 *
 * Anybody on the link can send one, so no more than a few prefixes of each are looked at, and who uses them bounds what is
 * kept (autoconf.c). Options that are not known here (DNS, routes: RFC 8106, RFC 4191) are skipped.
 */
#include "advertisement.h"
#include <banos/string.h>

#define IPV6_HEADER	40u
#define NEXT_HEADER	6u
#define HOPS		7u
#define SOURCE		8u
#define HOP_BY_HOP	0u /* headers */
#define ROUTING		43u
#define FRAGMENT	44u
#define DESTINATION	60u
#define ADVERTISEMENT	134u
#define FIXED		16u /* bytes before the options */
#define OPTION_PREFIX	3u
#define OPTION_MTU	5u
#define PREFIX_BYTES	32u
#define FLAG_ON_LINK	0x80u
#define FLAG_AUTONOMOUS 0x40u
#define TWO_HOURS_S	7200u

static uint32_t advertised_be32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static bool is_link_local(const uint8_t *address)
{
	return address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
}

bool packet_is_fragment(const uint8_t *packet, uint32_t length)
{
	uint32_t next = packet[NEXT_HEADER], at = IPV6_HEADER;

	while (next == HOP_BY_HOP || next == ROUTING || next == DESTINATION) {
		if (length < 8 || at > length - 8)
			return false;
		next = packet[at];
		at += 8 * (packet[at + 1] + 1u);
	}
	return next == FRAGMENT;
}

/* Those that no prefix may be: all there is, of links, of groups, loopback and what is like it. */
static bool prefix_is_refused(const uint8_t *address, uint32_t bits)
{
	static const uint8_t zeroes[8];

	return !bits || bits > 128 || is_link_local(address) || address[0] == 0xff ||
	       !memcmp(address, zeroes, sizeof(zeroes));
}

static void prefix_read(const uint8_t *option, struct advertisement *to)
{
	struct advertised_prefix *prefix = &to->prefixes[to->count];
	uint32_t bits = option[2];

	if (to->count == ADVERTISED_PREFIXES || prefix_is_refused(option + 16, bits))
		return;
	prefix->bits = bits;
	prefix->on_link = option[3] & FLAG_ON_LINK;
	prefix->autonomous = option[3] & FLAG_AUTONOMOUS;
	prefix->valid_s = advertised_be32(option + 4);
	prefix->preferred_s = advertised_be32(option + 8);
	memset(prefix->address, 0, sizeof(prefix->address));
	memcpy(prefix->address, option + 16, (bits + 7) / 8);
	if (bits % 8)
		prefix->address[bits / 8] &= (uint8_t)(0xff00 >> bits % 8);
	if (prefix->preferred_s <= prefix->valid_s)
		to->count++;
}

bool advertisement_read(const uint8_t *header, const uint8_t *message, uint32_t length,
			struct advertisement *to)
{
	const uint8_t *option = message + FIXED;
	uint32_t left;

	memset(to, 0, sizeof(*to));
	if (length < FIXED || message[0] != ADVERTISEMENT || header[HOPS] != 255 || message[1] ||
	    !is_link_local(header + SOURCE))
		return false;
	memcpy(to->router, header + SOURCE, sizeof(to->router));
	to->router_s = (uint32_t)message[6] << 8 | message[7];
	for (left = length - FIXED; left >= 8;) {
		uint32_t size = option[1] * 8u;

		if (!size || size > left)
			return false;
		if (option[0] == OPTION_PREFIX && size == PREFIX_BYTES)
			prefix_read(option, to);
		else if (option[0] == OPTION_MTU && size == 8)
			to->mtu = advertised_be32(option + 4);
		option += size;
		left -= size;
	}
	return !left;
}

uint32_t advertisement_valid_s(uint32_t left_s, uint32_t announced_s)
{
	if (announced_s > TWO_HOURS_S || announced_s > left_s)
		return announced_s;
	if (left_s <= TWO_HOURS_S)
		return left_s;
	return TWO_HOURS_S;
}

void interface_identifier(const uint8_t *hardware, uint8_t *to)
{
	to[0] = hardware[0] ^ 2;
	to[1] = hardware[1];
	to[2] = hardware[2];
	to[3] = 0xff;
	to[4] = 0xfe;
	to[5] = hardware[3];
	to[6] = hardware[4];
	to[7] = hardware[5];
}
