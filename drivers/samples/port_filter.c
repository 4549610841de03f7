/* SPDX-License-Identifier: MIT */
/* A packet hook: what is sent to one port of this machine, by TCP or UDP, never arrives. */
#include <banos/driver.h>
#include <banos/packet_hook.h>

static uint32_t port = 7;
BANOS_PARAM_U32(port, 1, 65535, "that receives nothing");

static uint32_t frame_be16(const uint8_t *at)
{
	return (uint32_t)(at[0] << 8 | at[1]);
}

/* Where a frame's TCP or UDP header is, or 0. Of the fragments of a datagram only the first one has one. */
static uint32_t transport_offset(const struct banos_net_packet *frame)
{
	const uint8_t *ip = frame->bytes + 14;
	uint32_t offset = 0, protocol = 0;

	if (frame->length >= 34 && frame_be16(ip - 2) == 0x0800 && !(frame_be16(ip + 6) & 0x1fff)) {
		offset = 14 + (ip[0] & 15) * 4u;
		protocol = ip[9];
	} else if (frame->length >= 54 &&
		   frame_be16(ip - 2) == 0x86dd) { /* without extension headers */
		offset = 54;
		protocol = ip[6];
	}
	return (protocol == 6 || protocol == 17) && offset + 4 <= frame->length ? offset : 0;
}

static int64_t port_filter_packets(void *context, const struct banos_hook_place *place,
				   struct banos_net_packet *packets, uint32_t count,
				   uint32_t stride, uint64_t *verdicts)
{
	for (uint32_t i = 0; i < count; i++) {
		struct banos_net_packet *frame =
			(struct banos_net_packet *)((uint8_t *)packets + i * stride);
		uint32_t offset = transport_offset(frame);

		if (offset && frame_be16(frame->bytes + offset + 2) == port)
			verdicts[i] = BANOS_VERDICT_DROP;
	}
	return 0;
}

static int64_t port_filter_init(banos_owner self)
{
	static const struct banos_packet_hook_ops ops = { .size = sizeof(ops),
							  .packets = port_filter_packets };
	static const struct banos_packet_hook_config config = { .size = sizeof(config),
								.points = BANOS_HOOK_RECEIVE,
								.name = "port_filter",
								.ops = &ops };
	banos_packet_hook hook;

	return banos_packet_hook_register(self, &config, &hook);
}
BANOS_DRIVER(port_filter, "1.0", "MIT", "Drops what is sent to a port", port_filter_init, NULL);
