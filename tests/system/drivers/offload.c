/* SPDX-License-Identifier: MIT */
/*
 * Sends what it is told, with the work that a card may do left to it, for tests/system/test_e1000.py. A frame of its
 * EtherType says in its data what flags the frame that follows there has, where its checksum is, and how it is cut;
 * the first bytes of that may be put into packets of their own.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/protocol.h>
#include <banos/string.h>

#define ETHERTYPE    0x88b6u
#define HEADER_BYTES 14u
#define PARTS_MAX    32u

/* Little endian. */
struct order {
	uint32_t flags, length;
	uint16_t checksum_start, checksum_offset, segment_bytes, header_bytes;
	uint32_t first; /* bytes in each packet but the last; 0: all are in one */
};

static banos_owner self;
static banos_protocol protocol;

/* @return bytes that were copied */
static uint32_t copy_some(uint8_t *to, const struct banos_net_packet *packets, uint32_t count,
			  uint32_t offset, uint32_t length)
{
	uint32_t done = 0;

	for (uint32_t i = 0; i < count && done < length; i++) {
		uint32_t part = packets[i].length;

		if (offset >= part) {
			offset -= part;
			continue;
		}
		part -= offset;
		if (part > length - done)
			part = length - done;
		memcpy(to + done, packets[i].bytes + offset, part);
		done += part;
		offset = 0;
	}
	return done;
}

static int64_t part_make(const struct banos_net_packet *packets, uint32_t count, uint32_t offset,
			 uint32_t length, struct banos_net_packet *part)
{
	int64_t error = banos_packet_alloc(self, length, 128, part, sizeof(*part));

	if (error)
		return error;
	part->length = copy_some(part->bytes, packets, count, offset, length);
	return part->length == length ? 0 : -EINVAL;
}

static void order_execute(const struct banos_net_packet *packets, uint32_t count)
{
	static struct banos_net_packet parts[PARTS_MAX];
	uint32_t offset = HEADER_BYTES, done = 0, nparts = 0;
	struct order order;
	int64_t error = 0;

	if (copy_some((uint8_t *)&order, packets, count, offset, sizeof(order)) != sizeof(order))
		return;
	offset += sizeof(order);
	while (done < order.length && nparts < PARTS_MAX && !error) {
		uint32_t length = order.length - done;

		if (order.first && length > order.first && nparts < PARTS_MAX - 1)
			length = order.first;
		error = part_make(packets, count, offset + done, length, &parts[nparts]);
		parts[nparts].flags = BANOS_PACKET_MORE;
		done += length;
		nparts++;
	}
	if (error || !nparts) {
		banos_packet_free(parts, nparts, sizeof(parts[0]));
		return;
	}
	parts[nparts - 1].flags = 0;
	parts[0].flags |= order.flags;
	parts[0].checksum_start = order.checksum_start;
	parts[0].checksum_offset = order.checksum_offset;
	parts[0].segment_bytes = order.segment_bytes;
	parts[0].header_bytes = order.header_bytes;
	banos_interface_transmit(protocol, packets[0].interface, parts, nparts, sizeof(parts[0]));
}

static int64_t offload_receive(void *context, const struct banos_net_packet *packets,
			       uint32_t count, uint32_t stride)
{
	if (stride != sizeof(*packets))
		return -EINVAL;
	for (uint32_t i = 0, parts; i < count; i += parts) {
		for (parts = 1; packets[i + parts - 1].flags & BANOS_PACKET_MORE;)
			parts++;
		order_execute(packets + i, parts);
	}
	return banos_packet_free(packets, count, stride);
}

static const struct banos_protocol_ops offload_ops = {
	.size = sizeof(offload_ops),
	.receive = offload_receive,
};

static int64_t offload_init(banos_owner owner)
{
	static const struct banos_protocol_config config = {
		.size = sizeof(config),
		.ethertypes = { ETHERTYPE },
		.ops = &offload_ops,
	};

	self = owner;
	return banos_protocol_register(owner, &config, &protocol);
}

BANOS_DRIVER(test_offload, "1.0", "MIT", "Sends what it is told, for a test", offload_init, NULL);
