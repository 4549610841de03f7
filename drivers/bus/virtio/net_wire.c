/* SPDX-License-Identifier: MIT */
/* What Virtio's network card and its driver write for each other: net_wire.h. */
#include <stddef.h>
#include "net_wire.h"

/* Places of the header: 5.1.6. */
#define AT_FLAGS	   0
#define AT_SEGMENTATION	   1
#define AT_HEADER_BYTES	   2
#define AT_SEGMENT_BYTES   4
#define AT_CHECKSUM_START  6
#define AT_CHECKSUM_OFFSET 8
#define AT_BUFFERS	   10

#define FLAG_NEEDS_CHECKSUM 1u
#define FLAG_CHECKSUM_GOOD  2u
#define SEGMENTATION_TCP4   1u
#define SEGMENTATION_TCP6   4u
#define CHECKSUM_BYTES	    2u

static void net_put16(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)value;
	to[1] = (uint8_t)(value >> 8);
}

static void net_put32(uint8_t *to, uint32_t value)
{
	net_put16(to, value);
	net_put16(to + 2, value >> 16);
}

static uint16_t net_get16(const uint8_t *from)
{
	return (uint16_t)(from[0] | from[1] << 8);
}

void net_make_header(uint8_t *header, const struct net_offload *offload)
{
	for (uint32_t i = 0; i < NET_HEADER_BYTES; i++)
		header[i] = 0;
	if (!(offload->flags & NET_PARTIAL))
		return;
	header[AT_FLAGS] = FLAG_NEEDS_CHECKSUM;
	net_put16(header + AT_CHECKSUM_START, offload->checksum_start);
	net_put16(header + AT_CHECKSUM_OFFSET, offload->checksum_offset);
	if (!(offload->flags & (NET_TSO4 | NET_TSO6)))
		return;
	header[AT_SEGMENTATION] = offload->flags & NET_TSO4 ? SEGMENTATION_TCP4 : SEGMENTATION_TCP6;
	net_put16(header + AT_HEADER_BYTES, offload->header_bytes);
	net_put16(header + AT_SEGMENT_BYTES, offload->segment_bytes);
}

/* Joined segments are never asked for, so nothing of them is believed. */
const char *net_parse_header(const uint8_t *header, int is_merged, uint32_t length,
			     struct net_offload *offload, uint32_t *buffers)
{
	uint32_t end;

	*offload = (struct net_offload){ 0 };
	*buffers = is_merged ? net_get16(header + AT_BUFFERS) : 1;
	if (!*buffers || *buffers > NET_BUFFERS_MAX)
		return "it takes no buffer, or too many";
	if (length < NET_FRAME_LEAST)
		return "it is shorter than an Ethernet header";
	if (header[AT_SEGMENTATION])
		return "it is joined of segments";
	if (header[AT_FLAGS] & FLAG_NEEDS_CHECKSUM) {
		offload->checksum_start = net_get16(header + AT_CHECKSUM_START);
		offload->checksum_offset = net_get16(header + AT_CHECKSUM_OFFSET);
		end = (uint32_t)offload->checksum_start + offload->checksum_offset + CHECKSUM_BYTES;
		if (offload->checksum_start < NET_FRAME_LEAST || end > length)
			return "its checksum lies elsewhere";
		offload->flags = NET_PARTIAL;
	} else if (header[AT_FLAGS] & FLAG_CHECKSUM_GOOD) {
		offload->flags = NET_CHECKED;
	}
	return NULL;
}

uint32_t net_make_table(uint8_t *table, const uint8_t *groups, uint32_t count, uint32_t stride)
{
	uint8_t *to = table + 8;

	net_put32(table, 0);
	net_put32(table + 4, count);
	for (uint32_t i = 0; i < count; i++)
		for (uint32_t j = 0; j < NET_ADDRESS_BYTES; j++)
			*to++ = groups[(uint64_t)i * stride + j];
	return 8 + count * NET_ADDRESS_BYTES;
}
