/* SPDX-License-Identifier: MIT */
/**
 * @file net_wire.h  What Virtio's network card and its driver write for each other. Pure. Source: Virtio 1.1, 5.1.6.
 *
 * Each frame stands behind a header, in both directions; a received one may go on in further buffers, which have none.
 */
#ifndef VIRTIO_NET_WIRE_H
#define VIRTIO_NET_WIRE_H

#include <stdint.h>

#define NET_HEADER_BYTES     12u
#define NET_HEADER_BYTES_OLD 10u /* before Virtio 1.0, without merged buffers */
#define NET_FRAME_LEAST	     14u /* an Ethernet header */
#define NET_BUFFERS_MAX	     48u /* of a received frame: 64 KiB in the smallest buffers that are given */
#define NET_GROUPS_MAX	     64u /* that a card is told; more: all groups are received */
#define NET_ADDRESS_BYTES    6u
#define NET_TABLE_BYTES	     (8u + NET_GROUPS_MAX * NET_ADDRESS_BYTES)

/* Flags of struct net_offload, as <banos/network.h> numbers them. */
#define NET_CHECKED 1u
#define NET_PARTIAL 2u
#define NET_TSO4    4u
#define NET_TSO6    8u

/** What stands in a header. */
struct net_offload {
	uint32_t flags;
	uint16_t checksum_start, checksum_offset; /* with _PARTIAL: from the start of the frame */
	uint16_t segment_bytes, header_bytes;	  /* with _TSO4 and _TSO6 */
};

/** Write the header of a frame to be sent: NET_HEADER_BYTES. */
void net_make_header(uint8_t *header, const struct net_offload *offload);

/**
 * @brief Read the header of a received frame.
 * @param is_merged  its buffers are counted
 * @param length     bytes of the frame in the first buffer
 * @param offload    written
 * @param buffers    written: how many it takes, from 1 to NET_BUFFERS_MAX
 * @return NULL, or what is wrong
 */
const char *net_parse_header(const uint8_t *header, int is_merged, uint32_t length,
			     struct net_offload *offload, uint32_t *buffers);

/**
 * @brief Make the tables of addresses to be received: no other stations, some groups.
 * @param table   NET_TABLE_BYTES, written
 * @param groups  @p count addresses, each @p stride bytes behind the former; at most NET_GROUPS_MAX
 * @return its bytes
 */
uint32_t net_make_table(uint8_t *table, const uint8_t *groups, uint32_t count, uint32_t stride);

#endif
