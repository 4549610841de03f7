/* SPDX-License-Identifier: MIT */
/* What is left to the card: offload.h. */
#include <banos/string.h>
#include "offload.h"

#define HEADER	     14u
#define TYPE_IPV4    0x0800u
#define TYPE_IPV6    0x86ddu
#define IPV4_LEAST   20u
#define IPV6_BYTES   40u
#define FRAGMENT6    44u /* a next header */
#define TCP	     6u
#define UDP	     17u
#define TCP_LEAST    20u
#define TCP_SUM_AT   16u
#define UDP_BYTES    8u
#define UDP_SUM_AT   6u
#define LENGTH_MAX   65535u /* of IP */
#define FRAGMENT     0x3fffu
#define TCP_SEQUENCE 4u
#define TCP_ANSWER   8u
#define TCP_FLAGS    13u
#define FLAG_FIN     1u
#define FLAG_PUSH    8u
#define FLAG_ANSWERS 0x10u
#define IPV4_LENGTH  (HEADER + 2)
#define IPV4_SUM     (HEADER + 10)
#define IPV6_LENGTH  (HEADER + 4)

static uint32_t offload_get16(const uint8_t *at)
{
	return (uint32_t)(at[0] << 8 | at[1]);
}
static void offload_put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}
static uint32_t offload_get32(const uint8_t *at)
{
	return offload_get16(at) << 16 | offload_get16(at + 2);
}

static uint32_t sum_of(const uint8_t *bytes, uint32_t length, uint32_t sum)
{
	for (uint32_t i = 0; i < length; i += 2)
		sum += offload_get16(bytes + i);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* ---- checksums ---- */

static uint32_t offload_frame_type(const uint8_t *frame, uint32_t length)
{
	if (length < HEADER)
		return 0;
	return offload_get16(frame + 12);
}

/* @return the protocol; 0: nothing is left to the card */
static uint32_t ipv4_find(const uint8_t *frame, uint32_t length, struct offload *about)
{
	const uint8_t *ip = frame + HEADER;
	uint32_t header;

	if (length < HEADER + IPV4_LEAST)
		return 0;
	header = (ip[0] & 15) * 4u;
	if (ip[0] >> 4 != 4 || header < IPV4_LEAST || offload_get16(ip + 2) + HEADER != length ||
	    offload_get16(ip + 6) & FRAGMENT)
		return 0;
	about->transport = (uint16_t)(HEADER + header);
	about->six = false;
	return ip[9];
}

static uint32_t ipv6_find(const uint8_t *frame, uint32_t length, struct offload *about)
{
	const uint8_t *ip = frame + HEADER;

	if (length < HEADER + IPV6_BYTES || ip[0] >> 4 != 6 ||
	    offload_get16(ip + 4) + HEADER + IPV6_BYTES != length)
		return 0;
	about->transport = HEADER + IPV6_BYTES;
	about->six = true;
	return ip[6];
}

bool offload_find(const uint8_t *frame, uint32_t length, struct offload *about)
{
	uint32_t type = offload_frame_type(frame, length), protocol = 0, left, header;

	if (type == TYPE_IPV4)
		protocol = ipv4_find(frame, length, about);
	else if (type == TYPE_IPV6)
		protocol = ipv6_find(frame, length, about);
	if ((protocol != TCP && protocol != UDP) || length < about->transport + UDP_BYTES)
		return false;
	left = length - about->transport;
	about->field = UDP_SUM_AT;
	about->header_bytes = 0;
	if (protocol == TCP) {
		if (left < TCP_LEAST)
			return false;
		header = (frame[about->transport + 12] >> 4) * 4u;
		if (header < TCP_LEAST || header > left)
			return false;
		about->field = TCP_SUM_AT;
		about->header_bytes = (uint16_t)(about->transport + header);
	}
	return !offload_get16(frame + about->transport + about->field);
}

bool offload_is_fragment_of_tcp(const uint8_t *frame, uint32_t length)
{
	const uint8_t *ip = frame + HEADER;
	uint32_t type = offload_frame_type(frame, length);

	if (type == TYPE_IPV4)
		return length >= HEADER + IPV4_LEAST && offload_get16(ip + 6) & FRAGMENT &&
		       ip[9] == TCP;
	return type == TYPE_IPV6 && length > HEADER + IPV6_BYTES && ip[6] == FRAGMENT6 &&
	       ip[IPV6_BYTES] == TCP;
}

/* @length: of TCP or UDP */
static void pseudo_put(uint8_t *frame, uint32_t length, const struct offload *about)
{
	uint32_t sum = length;

	if (about->header_bytes)
		sum += TCP;
	else
		sum += UDP;
	if (about->six)
		sum = sum_of(frame + HEADER + 8, 32, sum);
	else
		sum = sum_of(frame + HEADER + 12, 8, sum);
	offload_put16(frame + about->transport + about->field, sum);
}

void offload_begin(uint8_t *frame, uint32_t length, const struct offload *about)
{
	pseudo_put(frame, length - about->transport, about);
}

/* ---- segments ---- */

void offload_open(const uint8_t *frame, uint32_t length, const struct offload *about,
		  struct offload_joined *joined)
{
	*joined = (struct offload_joined){
		.about = *about,
		.segment = (uint16_t)(length - about->header_bytes),
		.length = length,
	};
	joined->open = about->header_bytes && length > about->header_bytes &&
		       frame[about->transport + TCP_FLAGS] == FLAG_ANSWERS &&
		       (about->six || about->transport == HEADER + IPV4_LEAST);
}

/* memcmp() of what is long enough, by words. @length: 4 or more */
static bool headers_alike(const uint8_t *one, const uint8_t *other, uint32_t length)
{
	uint32_t first, second, differs = 0;

	for (uint32_t at = 0; at < length; at += sizeof(first)) {
		if (at + sizeof(first) > length)
			at = length - sizeof(first);
		__builtin_memcpy(&first, one + at, sizeof(first));
		__builtin_memcpy(&second, other + at, sizeof(second));
		differs |= first ^ second;
	}
	return !differs;
}

/* The same connection, and nothing in the headers that cutting would lose? */
static bool headers_fit(const uint8_t *head, const uint8_t *next, const struct offload *about)
{
	uint32_t tcp = about->transport, options = tcp + TCP_LEAST;

	/* Addresses of Ethernet, the kind of packet; the version, the class, the flow. */
	if (!headers_alike(head, next, HEADER + 2))
		return false;
	if (about->six && (!headers_alike(head + HEADER, next + HEADER, 4) ||
			   !headers_alike(head + HEADER + 6, next + HEADER + 6, IPV6_BYTES - 6)))
		return false;
	if (!about->six && (!headers_alike(head + HEADER + 6, next + HEADER + 6, 4) ||
			    !headers_alike(head + HEADER + 12, next + HEADER + 12, 8)))
		return false;
	return headers_alike(head + tcp, next + tcp, 4) &&
	       headers_alike(head + tcp + TCP_ANSWER, next + tcp + TCP_ANSWER,
			     5) && /* and its length */
	       offload_get16(head + tcp + 14) == offload_get16(next + tcp + 14) &&
	       (options == about->header_bytes ||
		headers_alike(head + options, next + options, about->header_bytes - options));
}

bool offload_join(uint8_t *head, struct offload_joined *joined, const uint8_t *segment,
		  uint32_t length)
{
	uint32_t tcp = joined->about.transport, header = joined->about.header_bytes, bytes, flags;
	struct offload about;

	if (!joined->open || !offload_find(segment, length, &about) ||
	    about.header_bytes != header || about.six != joined->about.six ||
	    about.transport != tcp)
		return false;
	bytes = length - header;
	flags = segment[tcp + TCP_FLAGS];
	if (!bytes || bytes > joined->segment ||
	    joined->length + bytes > LENGTH_MAX + HEADER - IPV6_BYTES ||
	    (flags & ~(FLAG_PUSH | FLAG_FIN)) != FLAG_ANSWERS ||
	    offload_get32(segment + tcp + TCP_SEQUENCE) !=
		    offload_get32(head + tcp + TCP_SEQUENCE) + joined->length - header ||
	    !headers_fit(head, segment, &about))
		return false;
	head[tcp + TCP_FLAGS] = (uint8_t)flags;
	joined->length += bytes;
	joined->open = flags == FLAG_ANSWERS && bytes == joined->segment;
	return true;
}

void offload_close(uint8_t *head, const struct offload_joined *joined)
{
	const struct offload *about = &joined->about;

	if (about->six) {
		offload_put16(head + IPV6_LENGTH, joined->length - HEADER - IPV6_BYTES);
	} else {
		offload_put16(head + IPV4_LENGTH, joined->length - HEADER);
		offload_put16(head + IPV4_SUM, 0);
		offload_put16(head + IPV4_SUM, ~sum_of(head + HEADER, IPV4_LEAST, 0) & 0xffff);
	}
	pseudo_put(head, 0, about);
}
