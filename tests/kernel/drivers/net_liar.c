/* SPDX-License-Identifier: MIT */
/*
 * A network device that receives what it sends, and a protocol that answers each frame once. Both lie in the way that the
 * parameter says: packets that they do not hold, twice, of the wrong queue, with frames that are not in them.
 */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/lock.h>
#include <banos/network.h>
#include <banos/print.h>
#include <banos/protocol.h>
#include <banos/string.h>

enum {
	HONEST,
	TWICE,
	FOREIGN,
	TOO_LONG,
	ELSEWHERE,
	WRONG_QUEUE,
	TAKES_MORE,
	TAKES_HALF,
	NEVER,
	FREED,
	LIES
};

static uint32_t lie;
BANOS_PARAM_U32(lie, 0, LIES - 1, "what it does");

#define EMPTY_MAX 64u
#define ETHERTYPE 0x88b5u
#define MARK	  14u /* offset of a byte that says "answered" */

static banos_net net;
static banos_protocol protocol;
static struct banos_net_packet
	empty[EMPTY_MAX]; /* used by one thread at a time: there is one queue of each kind */
static uint32_t nempty;
static struct banos_spinlock lock;
static uint64_t wrong; /* lies that were believed */

static void expect(int64_t result, int64_t expected)
{
	if (result != expected)
		__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
}

static int64_t liar_refill(void *context, uint32_t queue, const struct banos_net_packet *packets,
			   uint32_t count, uint32_t stride)
{
	uint32_t taken = 0;

	banos_spin_lock(&lock);
	for (; taken < count && nempty < EMPTY_MAX; taken++)
		empty[nempty++] = *(const struct banos_net_packet *)((const uint8_t *)packets +
								     (uint64_t)taken * stride);
	banos_spin_unlock(&lock);
	return taken;
}

static int take_empty(struct banos_net_packet *packet)
{
	int found;

	banos_spin_lock(&lock);
	found = nempty > 0;
	if (found)
		*packet = empty[--nempty];
	banos_spin_unlock(&lock);
	return found;
}

static void receive_copy(const struct banos_net_packet *sent)
{
	struct banos_net_packet packet;

	if (!take_empty(&packet) || sent->length > packet.room)
		return;
	memcpy(packet.bytes, sent->bytes, sent->length);
	packet.length = sent->length;
	switch (lie) {
	case TOO_LONG:
		packet.length = packet.room + 1;
		expect(banos_net_receive(net, 0, &packet, 1, sizeof(packet)), -EINVAL);
		return;
	case ELSEWHERE:
		packet.bytes -= 4096;
		expect(banos_net_receive(net, 0, &packet, 1, sizeof(packet)), -EINVAL);
		return;
	case WRONG_QUEUE:
		expect(banos_net_receive(net, 7, &packet, 1, sizeof(packet)), -EINVAL);
		break;
	case FREED:
		expect(banos_packet_free(&packet, 1, sizeof(packet)), 0);
		expect(banos_packet_free(&packet, 1, sizeof(packet)), -EINVAL);
		expect(banos_net_receive(net, 0, &packet, 1, sizeof(packet)), -EINVAL);
		return;
	}
	expect(banos_net_receive(net, 0, &packet, 1, sizeof(packet)), 0);
	if (lie == TWICE)
		expect(banos_net_receive(net, 0, &packet, 1, sizeof(packet)), -EINVAL);
}

static void send(const struct banos_net_packet *sent)
{
	struct banos_net_packet other = *sent;

	receive_copy(sent);
	if (lie == FOREIGN) {
		other.packet = (banos_packet)((uint64_t)sent->packet ^ 0x300000000ull);
		expect(banos_net_transmitted(net, 0, &other, 1, sizeof(other)), -EINVAL);
		other.packet = (banos_packet)((uint64_t)sent->packet | 0xfffff000u);
		expect(banos_net_transmitted(net, 0, &other, 1, sizeof(other)), -EINVAL);
		other.packet = 0;
		expect(banos_net_transmitted(net, 0, &other, 1, sizeof(other)), -EINVAL);
	}
	expect(banos_net_transmitted(net, 0, sent, 1, sizeof(*sent)), 0);
	if (lie == TWICE)
		expect(banos_net_transmitted(net, 0, sent, 1, sizeof(*sent)), -EINVAL);
}

static int64_t liar_transmit(void *context, uint32_t queue, const struct banos_net_packet *packets,
			     uint32_t count, uint32_t stride)
{
	const uint8_t *at = (const uint8_t *)packets;

	if (lie == NEVER)
		return count;
	if (lie == TAKES_HALF)
		count = (count + 1) / 2;
	for (uint32_t i = 0; i < count; i++, at += stride)
		send((const void *)at);
	return lie == TAKES_MORE ? count + 1 : count;
}

static const struct banos_net_ops net_ops = {
	.size = sizeof(net_ops),
	.transmit = liar_transmit,
	.refill = liar_refill,
};

static int64_t liar_receive(void *context, const struct banos_net_packet *packets, uint32_t count,
			    uint32_t stride)
{
	const uint8_t *at = (const uint8_t *)packets;

	for (uint32_t i = 0; i < count; i++, at += stride) {
		struct banos_net_packet packet = *(const struct banos_net_packet *)at;

		if (packet.length <= MARK || packet.bytes[MARK] ||
		    packet.flags & BANOS_PACKET_MORE) {
			expect(banos_packet_free(&packet, 1, sizeof(packet)), 0);
			continue;
		}
		packet.bytes[MARK] = 1;
		(void)banos_interface_transmit(protocol, packet.interface, &packet, 1,
					       sizeof(packet));
	}
	return 0;
}

static int64_t liar_interface(void *context, uint32_t event,
			      const struct banos_interface *interface)
{
	static const struct banos_net_address group = { { 1, 0, 0x5e, 0, 0, 1 } };

	if (event != BANOS_INTERFACE_ADDED)
		return 0;
	expect(banos_interface_group(protocol, interface->index, &group, 1), 0);
	return 0;
}

static const struct banos_protocol_ops protocol_ops = {
	.size = sizeof(protocol_ops),
	.receive = liar_receive,
	.interface = liar_interface,
};

static int64_t liar_init(banos_owner self)
{
	struct banos_net_config config = {
		.size = sizeof(config),
		.flags = BANOS_NET_NO_DMA,
		.name = "liar#",
		.tx_queues = 1,
		.rx_queues = 1,
		.rx_depth = 32,
		.ops = &net_ops,
	};
	const struct banos_protocol_config about = {
		.size = sizeof(about),
		.ethertypes = { ETHERTYPE },
		.ops = &protocol_ops,
	};
	int64_t error = banos_spin_init(&lock);

	if (!error)
		error = banos_protocol_register(self, &about, &protocol);
	if (!error)
		error = banos_net_register(self, &config, &net);
	config.mtu = 67;
	if (!error)
		expect(banos_net_register(self, &config, &net), -EINVAL);
	return error;
}

static int64_t liar_exit(banos_owner self)
{
	const struct banos_net_packet none = { 0 };

	expect(banos_net_transmitted(net, 0, &none, 1, sizeof(none)), -EINVAL); /* after removal */
	if (wrong)
		banos_print(self, "lies of the network were believed");
	return 0;
}

BANOS_DRIVER(net_liar, "1", "MIT", "A network device that lies", liar_init, liar_exit);
