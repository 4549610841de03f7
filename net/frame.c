// SPDX-License-Identifier: MIT
/*
 * What a network card would do with frames, in software: checksums, and the segments of a long TCP frame.
 *
 * RFC 1071 (checksum), RFC 791, RFC 8200, RFC 9293. A frame that is to be cut has one Ethernet header, an IPv4 header or an
 * IPv6 header without extensions, and a TCP header; its checksum field has the sum of the pseudo header without the length,
 * which is what cards want.
 */
#include "internal.h"
#include <kernel/err.h>
#include <kernel/string.h>

#define IPV6_BYTES    40u
#define IPV4_LEAST    20u
#define SEGMENT_LEAST 48u /* bytes: so that there are not too many of them */
#define TCP_LEAST     20u
#define TCP_FLAGS     13u
#define TCP_FIN	      1u
#define TCP_PUSH      8u
#define TCP_CWR	      0x80u

static u32 get_be16(const u8 *at)
{
	return at[0] << 8 | at[1];
}
static void put_be16(u8 *at, u32 value)
{
	at[0] = value >> 8;
	at[1] = value;
}
static u32 get_be32(const u8 *at)
{
	return get_be16(at) << 16 | get_be16(at + 2);
}
static void put_be32(u8 *at, u32 value)
{
	put_be16(at, value >> 16);
	put_be16(at + 2, value);
}

/* Of 16-bit words in network order, not folded. */
static u64 frame_sum(const u8 *bytes, u32 length, u64 sum)
{
	for (; length > 1; length -= 2, bytes += 2)
		sum += get_be16(bytes);
	if (length)
		sum += bytes[0] << 8;
	return sum;
}

static u32 sum_fold(u64 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

bool frame_fill_checksum(struct packet *frame)
{
	u32 start = frame->checksum_start, at = start + frame->checksum_offset, sum;
	u8 *bytes = packet_bytes(frame);

	if (frame->more || start > frame->length || at + 2 > frame->length)
		return false;
	sum = ~sum_fold(frame_sum(bytes + start, frame->length - start, 0)) & 0xffff;
	if (!sum) /* UDP: 0 is none */
		sum = 0xffff;
	put_be16(bytes + at, sum);
	frame->flags &= ~BANOS_PACKET_PARTIAL;
	return true;
}

/* ---- segments ---- */

/* A frame that is to be cut, in one packet. */
struct cutting {
	const u8 *bytes;
	u32 length, header, ip, tcp, segment;
	bool v6;
};

static bool cutting_begin(struct cutting *cutting, const struct packet *frame)
{
	const u8 *bytes = packet_bytes(frame);
	u32 ip = ETHERNET_BYTES, tcp = frame->checksum_start;

	*cutting = (struct cutting){ .bytes = bytes,
				     .length = frame->length,
				     .header = frame->header_bytes,
				     .ip = ip,
				     .tcp = tcp,
				     .segment = frame->segment_bytes,
				     .v6 = frame->flags & BANOS_PACKET_TSO6 };
	if (!(frame->flags & BANOS_PACKET_PARTIAL) || cutting->segment < SEGMENT_LEAST ||
	    cutting->header > frame->length || cutting->header < tcp + TCP_LEAST ||
	    cutting->header != tcp + (bytes[tcp + 12] >> 4) * 4u)
		return false;
	if (cutting->v6)
		return tcp == ip + IPV6_BYTES && bytes[ip] >> 4 == 6;
	return tcp >= ip + IPV4_LEAST && bytes[ip] >> 4 == 4 && tcp == ip + (bytes[ip] & 15) * 4u;
}

/* The sum of the pseudo header is made anew: what the frame says of it is not believed. */
static u32 segment_pseudo_sum(const struct cutting *cutting, const u8 *bytes, u32 tcp_length)
{
	u32 at = cutting->ip + 12, addresses = 8;
	u64 sum = 6; /* TCP */

	if (cutting->v6) {
		at = cutting->ip + 8;
		addresses = 32;
	}
	return sum_fold(frame_sum(bytes + at, addresses, sum) + tcp_length);
}

static void segment_finish(const struct cutting *cutting, struct packet *segment, u32 number,
			   u32 offset, bool last)
{
	u8 *bytes = packet_bytes(segment), *ip = bytes + cutting->ip, *tcp = bytes + cutting->tcp;
	u32 tcp_length = segment->length - cutting->tcp;

	if (cutting->v6) {
		put_be16(ip + 4, segment->length - cutting->ip - IPV6_BYTES);
	} else {
		put_be16(ip + 2, segment->length - cutting->ip);
		put_be16(ip + 4, get_be16(ip + 4) + number);
		put_be16(ip + 10, 0);
		put_be16(ip + 10, ~sum_fold(frame_sum(ip, cutting->tcp - cutting->ip, 0)) & 0xffff);
	}
	put_be32(tcp + 4, get_be32(tcp + 4) + offset);
	if (!last)
		tcp[TCP_FLAGS] &= ~(TCP_FIN | TCP_PUSH);
	if (number)
		tcp[TCP_FLAGS] &= ~TCP_CWR;
	put_be16(tcp + 16, segment_pseudo_sum(cutting, bytes, tcp_length));
	put_be16(tcp + 16, ~sum_fold(frame_sum(tcp, tcp_length, 0)) & 0xffff);
}

static int cut_all(const struct cutting *cutting, const struct packet *frame, u32 headroom,
		   struct packet_list *to)
{
	u32 data = cutting->length - cutting->header, number = 0;

	for (u32 offset = 0; offset < data; number++) {
		u32 part = MIN(data - offset, cutting->segment);
		struct packet *segment =
			packet_alloc(cutting->header + part, MAX(headroom, PACKET_HEADROOM));

		if (!segment)
			return -ENOBUFS;
		memcpy(packet_bytes(segment), cutting->bytes, cutting->header);
		memcpy(packet_bytes(segment) + cutting->header,
		       cutting->bytes + cutting->header + offset, part);
		segment->length = cutting->header + part;
		segment->interface = frame->interface;
		segment->hash = frame->hash;
		segment_finish(cutting, segment, number, offset, offset + part == data);
		packet_list_add(to, segment);
		offset += part;
	}
	return 0;
}

int frame_cut(struct packet *frame, u32 headroom, struct packet_list *to)
{
	struct packet *whole = frame;
	struct cutting cutting;
	int err = -EINVAL;

	if (frame->more)
		whole = packet_copy(frame, PACKET_HEADROOM);
	if (whole && cutting_begin(&cutting, whole))
		err = cut_all(&cutting, whole, headroom, to);
	if (whole && whole != frame)
		packet_free(whole);
	packet_free(frame);
	return err;
}
