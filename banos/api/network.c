// SPDX-License-Identifier: MIT
/*
 * <banos/network.h> and <banos/protocol.h> of a kernel without network devices.
 */
#include <kernel/driver_api.h>
#include <kernel/err.h>

int64_t banos_packet_alloc(banos_owner owner, uint32_t room, uint32_t headroom,
			   struct banos_net_packet *packet, uint32_t stride)
{
	return -EOPNOTSUPP;
}
BANOS_EXPORT(banos_packet_alloc);

int64_t banos_packet_free(const struct banos_net_packet *packets, uint32_t count, uint32_t stride)
{
	return -EOPNOTSUPP;
}
BANOS_EXPORT(banos_packet_free);

int64_t banos_net_register(banos_owner owner, const struct banos_net_config *config, banos_net *net)
{
	return -EOPNOTSUPP;
}
BANOS_EXPORT(banos_net_register);

int64_t banos_net_remove(banos_net net)
{
	return -EOPNOTSUPP;
}
BANOS_EXPORT(banos_net_remove);

int64_t banos_net_receive(banos_net net, uint32_t queue, const struct banos_net_packet *packets,
			  uint32_t count, uint32_t stride)
{
	return -EOPNOTSUPP;
}
BANOS_EXPORT(banos_net_receive);

int64_t banos_net_transmitted(banos_net net, uint32_t queue, const struct banos_net_packet *packets,
			      uint32_t count, uint32_t stride)
{
	return -EOPNOTSUPP;
}
BANOS_EXPORT(banos_net_transmitted);

int64_t banos_net_carrier(banos_net net, uint32_t up, uint32_t mbit, uint32_t duplex)
{
	return -EOPNOTSUPP;
}
BANOS_EXPORT(banos_net_carrier);

int64_t banos_net_name(banos_net net, char *name, uint32_t length)
{
	return -EOPNOTSUPP;
}
BANOS_EXPORT(banos_net_name);

int64_t banos_protocol_register(banos_owner owner, const struct banos_protocol_config *config,
				banos_protocol *protocol)
{
	return -EOPNOTSUPP;
}
BANOS_EXPORT(banos_protocol_register);

int64_t banos_protocol_remove(banos_protocol protocol)
{
	return -EOPNOTSUPP;
}
BANOS_EXPORT(banos_protocol_remove);

int64_t banos_interface_transmit(banos_protocol protocol, uint32_t interface,
				 const struct banos_net_packet *packets, uint32_t count,
				 uint32_t stride)
{
	return -EOPNOTSUPP;
}
BANOS_EXPORT(banos_interface_transmit);

int64_t banos_interface_group(banos_protocol protocol, uint32_t interface,
			      const struct banos_net_address *group, uint32_t wanted)
{
	return -EOPNOTSUPP;
}
BANOS_EXPORT(banos_interface_group);

int64_t banos_protocol_report(banos_protocol protocol, uint32_t event,
			      const struct banos_net_setting *setting)
{
	return -EOPNOTSUPP;
}
BANOS_EXPORT(banos_protocol_report);
