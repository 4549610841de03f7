/* SPDX-License-Identifier: MIT */
/* A protocol above IP: what arrives with its number is sent back. 253 is for experiments (RFC 3692). */
#include <banos/driver.h>
#include <banos/protocol.h>
#include <banos/string.h>

static uint32_t number = 253;
BANOS_PARAM_U32(number, 0, 255, "of the protocol");

static banos_ip_protocol handle;

static void packet_answer(struct banos_ip_packet packet)
{
	uint8_t address[16];

	memcpy(address, packet.source, sizeof(address));
	memcpy(packet.source, packet.destination, sizeof(address));
	memcpy(packet.destination, address, sizeof(address));
	packet.hops = 0;
	banos_ip_protocol_send(handle, &packet, 1, sizeof(packet));
}

static int64_t ip_echo_receive(void *context, const struct banos_ip_packet *packets, uint32_t count,
			       uint32_t stride)
{
	const uint8_t *at = (const uint8_t *)packets;

	for (uint32_t i = 0; i < count; i++, at += stride)
		packet_answer(*(const struct banos_ip_packet *)at);
	return 0;
}

static int64_t ip_echo_init(banos_owner self)
{
	static const struct banos_ip_protocol_ops ops = { .size = sizeof(ops),
							  .receive = ip_echo_receive };
	struct banos_ip_protocol_config config = { .size = sizeof(config),
						   .families = BANOS_IP_PROTOCOL_IPV4 |
							       BANOS_IP_PROTOCOL_IPV6,
						   .number = number,
						   .ops = &ops };

	return banos_ip_protocol_register(self, &config, &handle);
}
BANOS_DRIVER(ip_echo, "1.0", "MIT", "Sends back what arrives for an IP protocol", ip_echo_init,
	     NULL);
