// SPDX-License-Identifier: MIT
/*
 * The interface lo: what is sent by it is received by it. Nothing is copied, no checksum is computed, and frames
 * have the size that they are sent with: as on Linux it takes 65,536 bytes. It is up from the start.
 *
 * A frame that only the protocol would see which sends it is counted and does not come here (net_loopback_pass()).
 */
#include "internal.h"
#include <kernel/err.h>
#include <kernel/packet_hook.h>
#include <kernel/panic.h>
#include <uapi/net.h>

#define LOOPBACK_MTU 65536u
#define LOOPBACK_OFFLOADS                                                                  \
	(BANOS_NET_TX_CHECKSUM | BANOS_NET_RX_CHECKSUM | BANOS_NET_TSO4 | BANOS_NET_TSO6 | \
	 BANOS_NET_SCATTER)

static s64 loopback_start(struct net_device *device)
{
	return 0;
}

static s64 loopback_set_filter(struct net_device *device, u32 flags,
			       const struct banos_net_address *groups, u32 count)
{
	return 0;
}

static s64 loopback_set_mtu(struct net_device *device, u32 mtu)
{
	return 0;
}

static void loopback_count(struct net_device *device, u64 frames, u64 bytes)
{
	struct net_counts *sent = &device->tx[0].counts, *received = &device->rx[0].counts;

	__atomic_fetch_add(&sent->packets, frames, __ATOMIC_RELAXED);
	__atomic_fetch_add(&sent->bytes, bytes, __ATOMIC_RELAXED);
	received->packets = sent->packets;
	received->bytes = sent->bytes;
}

static void loopback_send(struct net_device *device, struct packet_list *frames)
{
	u64 bytes = 0;

	for (struct packet *frame = frames->first; frame; frame = frame->next) {
		bytes += packet_frame_length(frame);
		frame->flags |= BANOS_PACKET_CHECKED;
		frame->interface = device->index;
	}
	loopback_count(device, frames->count, bytes);
	net_receive_loopback(frames);
}

static const struct net_methods loopback_methods = {
	.start = loopback_start,
	.stop = loopback_start,
	.set_filter = loopback_set_filter,
	.set_mtu = loopback_set_mtu,
	.send = loopback_send,
};

bool net_loopback_pass(u32 index, u32 length)
{
	struct net_device *device;
	bool passes;

	if (net_taps_exist() || net_hooks_at(NET_HOOK_ALL) || !net_receive_is_idle())
		return false;
	rcu_read_lock();
	device = net_device_find(index);
	passes = device && device->methods == &loopback_methods &&
		 READ_ONCE(device->flags) & BANOS_INTERFACE_UP &&
		 length <= READ_ONCE(device->mtu) + ETHERNET_BYTES;
	if (passes)
		loopback_count(device, 1, length);
	rcu_read_unlock();
	return passes;
}

void net_loopback_init(void)
{
	static const struct banos_net_config config = {
		.name = "lo",
		.flags = BANOS_NET_NO_DMA,
		.mtu = LOOPBACK_MTU,
		.tx_queues = 1,
		.rx_queues = 1,
		.offloads = LOOPBACK_OFFLOADS,
	};
	struct net_device_config about = {
		.methods = &loopback_methods,
		.config = &config,
		.flags = IFF_LOOPBACK,
		.type = ARPHRD_LOOPBACK,
	};
	struct net_device *device = net_device_create(&about);

	if (IS_ERR(device) || net_device_publish(device))
		panic("no memory for the interface lo");
	mutex_lock(&net_lock);
	if (net_device_set_up(device, true))
		panic("the interface lo does not come up");
	mutex_unlock(&net_lock);
}
