/* SPDX-License-Identifier: MIT */
/*
 * Pairs of network devices: what one sends the other receives, as if a cable joined the two. For tests, and for
 * programs that want a link of their own.
 *
 *	insmod veth.ko pairs=2		veth0 and veth1, veth2 and veth3
 *
 * A packet is handed over as it is, without a copy. The link is up while both ends are. Methods of the two ends run
 * at the same time: what they share is `up`, and the handles, which are set before the first start() and stay.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/network.h>
#include <stdbool.h>

#define PAIRS_MAX    8u
#define MTU	     1500u
#define MTU_MAX	     65521u
#define SEGMENTS_MAX 32u
#define SPEED_MBIT   10000u

struct veth_end {
	banos_net net; /* NULL: not registered */
	struct veth_end *peer;
	uint8_t up;
};
static struct veth_end ends[2 * PAIRS_MAX];

static uint32_t pairs = 1;
BANOS_PARAM_U32(pairs, 1, PAIRS_MAX, "number of pairs");

static bool veth_is_up(const struct veth_end *end)
{
	return __atomic_load_n(&end->up, __ATOMIC_ACQUIRE);
}

static bool veth_exists(const struct veth_end *end)
{
	char name[16];

	return banos_net_name(end->net, name, sizeof(name)) != -EINVAL;
}

/* While the other end is down nothing changes for either; it may have been removed. */
static void veth_tell_carrier(const struct veth_end *end)
{
	if (!veth_is_up(end->peer))
		return;
	banos_net_carrier(end->net, veth_is_up(end), SPEED_MBIT, 1);
	banos_net_carrier(end->peer->net, veth_is_up(end), SPEED_MBIT, 1);
}

static int64_t veth_start(void *context)
{
	struct veth_end *end = context;

	__atomic_store_n(&end->up, 1, __ATOMIC_RELEASE);
	veth_tell_carrier(end);
	return 0;
}

static int64_t veth_stop(void *context)
{
	struct veth_end *end = context;

	__atomic_store_n(&end->up, 0, __ATOMIC_RELEASE);
	veth_tell_carrier(end);
	return 0;
}

static int64_t veth_transmit(void *context, uint32_t queue, const struct banos_net_packet *packets,
			     uint32_t count, uint32_t stride)
{
	struct veth_end *end = context;

	/* Those that are refused were dropped, the others received: unless the other end was removed meanwhile. */
	if (!veth_is_up(end->peer) ||
	    (banos_net_receive(end->peer->net, 0, packets, count, stride) == -EINVAL &&
	     !veth_exists(end->peer)))
		banos_net_transmitted(end->net, queue, packets, count, stride);
	return count;
}

static int64_t veth_set_address(void *context, const struct banos_net_address *address)
{
	return 0; /* all is received; the kernel looks whose it is */
}

static int64_t veth_register(banos_owner self, struct veth_end *end)
{
	static const struct banos_net_ops ops = {
		.size = sizeof(ops),
		.start = veth_start,
		.stop = veth_stop,
		.transmit = veth_transmit,
		.set_address = veth_set_address,
	};
	const struct banos_net_config config = {
		.size = sizeof(config),
		.flags = BANOS_NET_NO_DMA | BANOS_NET_NO_CARRIER,
		.name = "veth#",
		.mtu = MTU,
		.mtu_max = MTU_MAX,
		.tx_queues = 1,
		.rx_queues = 1,
		.offloads = BANOS_NET_TX_CHECKSUM | BANOS_NET_RX_CHECKSUM | BANOS_NET_SCATTER,
		.segments_max = SEGMENTS_MAX,
		.context = end,
		.ops = &ops,
	};

	return banos_net_register(self, &config, &end->net);
}

static int64_t veth_init(banos_owner self)
{
	int64_t err = 0;

	for (uint32_t i = 0; i < 2 * pairs && !err; i++) {
		ends[i].peer = &ends[i ^ 1];
		err = veth_register(self, &ends[i]);
	}
	return err;
}

BANOS_DRIVER(veth, "1.0", "MIT", "Pairs of joined network devices", veth_init, NULL);
