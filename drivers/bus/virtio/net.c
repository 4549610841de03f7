/* SPDX-License-Identifier: MIT */
/* Virtio's network card, from its configuration to its end: net.h. */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include "net.h"

static uint32_t queues = 4;
BANOS_PARAM_U32(queues, 1, NET_PAIRS_MAX,
		"pairs of queues, as far as the device has them; each takes half a MiB");

/* The device's configuration: 5.1.4. */
#define CONFIG_ADDRESS 0
#define CONFIG_STATUS  6
#define CONFIG_PAIRS   8
#define CONFIG_MTU     10

#define STATUS_LINK	1u
#define STATUS_ANNOUNCE 2u

#define RING_WANTED    256u
#define RING_LEAST     2u
#define COMMAND_RING   4u
#define MTU_USUAL      1500u
#define MTU_LEAST      68u
#define MTU_MOST       65535u
#define FRAME_OVERHEAD 18u /* an Ethernet header with a VLAN tag */
#define FEATURE_BIT(x) (UINT64_C(1) << (x))
#define FEATURES                                                                               \
	(FEATURE_BIT(NET_F_CHECKSUM) | FEATURE_BIT(NET_F_CHECKED) | FEATURE_BIT(NET_F_MTU) |   \
	 FEATURE_BIT(NET_F_ADDRESS) | FEATURE_BIT(NET_F_TSO4) | FEATURE_BIT(NET_F_TSO6) |      \
	 FEATURE_BIT(NET_F_MERGED) | FEATURE_BIT(NET_F_STATUS) | FEATURE_BIT(NET_F_COMMANDS) | \
	 FEATURE_BIT(NET_F_FILTER) | FEATURE_BIT(NET_F_ANNOUNCE) | FEATURE_BIT(NET_F_PAIRS) |  \
	 FEATURE_BIT(NET_F_SET_ADDRESS) | FEATURE_BIT(NET_F_ANY_LAYOUT))
/* What makes no sense without commands. */
#define FEATURES_OF_COMMANDS                                                                  \
	(FEATURE_BIT(NET_F_FILTER) | FEATURE_BIT(NET_F_ANNOUNCE) | FEATURE_BIT(NET_F_PAIRS) | \
	 FEATURE_BIT(NET_F_SET_ADDRESS))

/* ---- configuration ---- */

/* @return the field, or @otherwise where the feature was not agreed on or the field is not there */
static uint32_t net_config(const struct net_card *card, uint32_t feature, uint32_t offset,
			   uint32_t bytes, uint32_t otherwise)
{
	int64_t value = -EINVAL;

	if (net_has(card, feature))
		value = virtio_config_read(card->device, offset, bytes);
	if (value < 0)
		return otherwise;
	return (uint32_t)value;
}

static uint32_t net_status(const struct net_card *card)
{
	return net_config(card, NET_F_STATUS, CONFIG_STATUS, 2, STATUS_LINK);
}

static void net_read_config(struct net_card *card)
{
	uint32_t mtu = net_config(card, NET_F_MTU, CONFIG_MTU, 2,
				  net_has(card, NET_F_MERGED) ? MTU_MOST : MTU_USUAL);

	card->mtu_max = mtu < MTU_LEAST ? MTU_LEAST : mtu;
	card->mtu = card->mtu_max < MTU_USUAL ? card->mtu_max : MTU_USUAL;
	if (net_has(card, NET_F_MTU)) /* the device's is the right one, not only the most */
		card->mtu = card->mtu_max;
	if (!net_has(card, NET_F_MERGED) && card->mtu_max > card->mtu)
		card->mtu_max = card->mtu;
	if (card->is_address_set)
		return;
	for (uint32_t i = 0; i < NET_ADDRESS_BYTES; i++)
		card->address[i] =
			(uint8_t)net_config(card, NET_F_ADDRESS, CONFIG_ADDRESS + i, 1, 0);
}

/* How many pairs it has is said in its configuration, before it is opened; the queue for commands is behind the last one. */
static void net_plan(const struct net_card *card, const struct virtio_identity *identity,
		     struct virtio_config *config, uint32_t *pairs)
{
	struct net_card offered = { .device = card->device, .features = identity->features };
	uint32_t most = net_config(&offered, NET_F_PAIRS, CONFIG_PAIRS, 2, 1);

	config->features_might = FEATURES;
	if (!net_has(&offered, NET_F_COMMANDS))
		config->features_might &= ~FEATURES_OF_COMMANDS;
	if (most < 2 || 2 * most >= identity->queues || 2 * most >= VIRTIO_QUEUES_MAX) {
		config->features_might &= ~FEATURE_BIT(NET_F_PAIRS);
		most = 1;
	}
	if (2 * most >= identity->queues)
		config->features_might &= ~(FEATURES_OF_COMMANDS | FEATURE_BIT(NET_F_COMMANDS));
	config->queues = 2 * most + (config->features_might >> NET_F_COMMANDS & 1 &&
				     net_has(&offered, NET_F_COMMANDS));
	*pairs = most < queues ? most : queues;
}

/* ---- queues ---- */

static int64_t net_pair_allocate(struct net_card *card, uint32_t pair)
{
	if (!card->receivers[pair])
		card->receivers[pair] = banos_alloc(card->device, sizeof(struct net_receiver), 0);
	if (!card->senders[pair])
		card->senders[pair] = banos_alloc(card->device, sizeof(struct net_sender), 0);
	if (card->receivers[pair] && card->senders[pair])
		return 0;
	return -ENOMEM;
}

static int64_t net_pair_create(struct net_card *card, uint32_t pair)
{
	int64_t receive = virtio_queue_create(card->device, 2 * pair, RING_WANTED),
		send = virtio_queue_create(card->device, 2 * pair + 1, RING_WANTED);

	if (receive < 0 || send < 0)
		return receive < 0 ? receive : send;
	if (receive < RING_LEAST || send < RING_LEAST) {
		banos_error(card->device,
			    "queues have room for %ld and %ld descriptors, expected 2 or more",
			    receive, send);
		return -EIO;
	}
	if (!card->is_joined)
		send /= 2;
	if (card->receive_depth > receive)
		card->receive_depth = (uint32_t)receive;
	if (card->send_depth > send)
		card->send_depth = (uint32_t)send;
	return 0;
}

static int64_t net_create_queues(struct net_card *card, uint32_t command_queue)
{
	int64_t result = 0;

	card->receive_depth = card->send_depth = RING_WANTED;
	for (uint32_t i = 0; i < card->pairs && !result; i++) {
		result = net_pair_allocate(card, i);
		if (!result)
			result = net_pair_create(card, i);
	}
	card->command_queue = 0;
	if (result || !net_has(card, NET_F_COMMANDS))
		return result;
	result = virtio_queue_create(card->device, command_queue, COMMAND_RING);
	if (result < 0)
		return result;
	card->command_queue = command_queue;
	return 0;
}

/* What a reset has undone. */
static int64_t net_command_all(struct net_card *card)
{
	int64_t error = 0;

	if (net_has(card, NET_F_PAIRS) && card->pairs > 1)
		error = net_command_pairs(card, card->pairs);
	if (error == -EIO && !card->net) {
		banos_warning(card->device, "the device refuses %u pairs of queues: one is used",
			      card->pairs);
		card->pairs = 1;
		error = 0;
	}
	if (!error && card->is_address_set)
		error = net_command_address(card, card->address);
	return error;
}

int64_t net_open(struct net_card *card)
{
	struct virtio_identity identity = { .size = sizeof(identity) };
	struct virtio_config config = { .size = sizeof(config) };
	int64_t error = virtio_identify(card->device, &identity);
	uint32_t pairs;

	if (error)
		return error;
	net_plan(card, &identity, &config, &pairs);
	if (!card->pairs)
		card->pairs = pairs;
	error = virtio_open(card->device, &config, card->callback);
	if (!error)
		error = virtio_identify(card->device, &identity);
	if (error)
		return error;
	card->features = identity.features;
	card->is_joined = net_has(card, NET_F_VERSION_1) || net_has(card, NET_F_ANY_LAYOUT);
	card->header_bytes = NET_HEADER_BYTES_OLD;
	if (net_has(card, NET_F_VERSION_1) || net_has(card, NET_F_MERGED))
		card->header_bytes = NET_HEADER_BYTES;
	net_read_config(card);
	error = net_create_queues(card, config.queues - 1);
	if (!error)
		error = virtio_start(card->device);
	if (!error)
		error = net_command_all(card);
	return error;
}

/* ---- called back, and its work ---- */

static int64_t net_event(void *context, uint64_t event, uint64_t queue, uint64_t arg3,
			 uint64_t arg4, uint64_t arg5)
{
	struct net_card *card = context;

	if (event == VIRTIO_EVENT_QUEUE && queue && queue == card->command_queue) {
		net_command_answered(card);
		return 0;
	}
	if (!__atomic_load_n(&card->net, __ATOMIC_ACQUIRE))
		return 0;
	if (event != VIRTIO_EVENT_QUEUE)
		banos_work_queue(card->work);
	else if (queue < 2 * card->pairs)
		return queue & 1 ? net_sent(card, (uint32_t)queue / 2)
				 : net_received(card, (uint32_t)queue / 2);
	return 0;
}

/* The configuration has changed, or the device has failed. */
static int64_t net_work(void *context)
{
	struct net_card *card = context;
	uint32_t status = net_status(card);
	uint32_t is_well;

	banos_mutex_lock(&card->lock);
	is_well = !card->is_broken && !virtio_check(card->device);
	banos_mutex_unlock(&card->lock);
	if (!is_well)
		status = 0;
	if (status & STATUS_ANNOUNCE && net_has(card, NET_F_ANNOUNCE)) {
		/* Whoever has addresses here announces them when the link has come up. */
		banos_net_carrier(card->net, 0, 0, 1);
		net_command_announced(card);
	}
	banos_net_carrier(card->net, status & STATUS_LINK, 0, 1);
	return 0;
}

/* ---- methods ---- */

/* While it is, net_work() does not ask the device. */
static void net_set_broken(struct net_card *card, uint32_t is_broken)
{
	banos_mutex_lock(&card->lock);
	card->is_broken = is_broken;
	banos_mutex_unlock(&card->lock);
}

/* A device that has failed was not opened by stop(). */
static int64_t net_start(void *context)
{
	struct net_card *card = context;

	if (!card->is_broken && !virtio_check(card->device))
		return 0;
	net_set_broken(card, 1);
	if (virtio_stop(card->device) || net_open(card)) {
		banos_error(card->device, "the device cannot be reset");
		return -EIO;
	}
	net_set_broken(card, 0);
	banos_work_queue(card->work);
	return 0;
}

static int64_t net_stop(void *context)
{
	struct net_card *card = context;
	int64_t error;

	net_set_broken(card, 1);
	error = virtio_stop(card->device);
	net_queues_forget(card);
	if (!error)
		error = net_open(card);
	net_set_broken(card, error != 0);
	if (!error)
		banos_work_queue(card->work);
	return error;
}

static int64_t net_set_address(void *context, const struct banos_net_address *address)
{
	struct net_card *card = context;
	int64_t error = -EOPNOTSUPP;

	if (net_has(card, NET_F_SET_ADDRESS))
		error = net_command_address(card, address->bytes);
	if (error)
		return error;
	memcpy(card->address, address->bytes, NET_ADDRESS_BYTES);
	card->is_address_set = 1;
	return 0;
}

static const struct banos_net_ops net_ops = {
	.size = sizeof(net_ops),
	.start = net_start,
	.stop = net_stop,
	.transmit = net_transmit,
	.refill = net_refill,
	.set_filter = net_set_filter,
	.set_address = net_set_address,
};

/* ---- life ---- */

static uint32_t net_offloads(const struct net_card *card)
{
	uint32_t offloads = 0;

	if (net_has(card, NET_F_CHECKED))
		offloads |= BANOS_NET_RX_CHECKSUM;
	if (!net_has(card, NET_F_CHECKSUM))
		return offloads;
	offloads |= BANOS_NET_TX_CHECKSUM;
	if (net_has(card, NET_F_TSO4))
		offloads |= BANOS_NET_TSO4;
	if (net_has(card, NET_F_TSO6))
		offloads |= BANOS_NET_TSO6;
	return offloads;
}

static int64_t net_register(struct net_card *card)
{
	struct banos_net_config config = {
		.size = sizeof(config),
		.name = "eth#",
		.mtu = card->mtu,
		.mtu_max = card->mtu_max,
		.tx_queues = card->pairs,
		.rx_queues = card->pairs,
		.tx_depth = card->send_depth,
		.rx_depth = card->receive_depth,
		.rx_room = net_has(card, NET_F_MERGED) ? MTU_USUAL + FRAME_OVERHEAD
						       : card->mtu_max + FRAME_OVERHEAD,
		.headroom = NET_HEADROOM,
		.offloads = net_offloads(card),
		.context = card,
		.ops = &net_ops,
	};
	banos_net net;
	int64_t error;

	memcpy(config.address, card->address, NET_ADDRESS_BYTES);
	if (!(net_status(card) & STATUS_LINK))
		config.flags |= BANOS_NET_NO_CARRIER;
	error = banos_net_register(card->device, &config, &net);
	if (error)
		return error;
	__atomic_store_n(&card->net, net, __ATOMIC_RELEASE);
	banos_work_queue(card->work); /* for what has changed meanwhile */
	return 0;
}

static int64_t net_allocate(struct net_card *card)
{
	struct banos_dma_config memory = { .size = sizeof(memory),
					   .bytes = sizeof(struct net_command) };
	struct banos_callback_config callback = {
		.size = sizeof(callback),
		.function = net_event,
		.context = card,
		.signature = "ii",
	};
	int64_t error = banos_mutex_init(card->device, &card->lock);

	if (!error)
		error = banos_wait_init(card->device, &card->answered);
	if (!error)
		error = banos_work_create(card->device, net_work, card, &card->work);
	if (!error)
		error = banos_dma_alloc(card->device, &memory, &card->dma, (void **)&card->command,
					&card->command_address);
	if (!error)
		error = banos_callback_create(card->device, &callback, &card->callback);
	return error;
}

static int64_t net_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct net_card *card = banos_alloc(device, sizeof(*card), 0);
	int64_t error;

	if (!card)
		return -ENOMEM;
	*state = card;
	card->device = device;
	error = net_allocate(card);
	if (!error)
		error = net_open(card);
	if (!error)
		error = net_register(card);
	return error;
}

/* The interface was withdrawn. What the device may still use stays, until the bus has stopped it. */
static int64_t net_remove(void *context, banos_owner device, void *state)
{
	struct net_card *card = state;
	int64_t error;

	if (card->work) /* it can run until it is destroyed */
		net_set_broken(card, 1);
	error = virtio_stop(device);
	banos_work_destroy(card->work);
	if (error != -EIO)
		banos_dma_free(card->dma);
	for (uint32_t i = 0; i < NET_PAIRS_MAX; i++) {
		if (card->receivers[i])
			banos_free(device, card->receivers[i]);
		if (card->senders[i])
			banos_free(device, card->senders[i]);
	}
	banos_wait_destroy(&card->answered);
	banos_mutex_destroy(&card->lock);
	return banos_free(device, card);
}

static const struct banos_prober_ops net_prober = {
	.size = sizeof(net_prober),
	.probe = net_probe,
	.remove = net_remove,
};

static int64_t net_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &net_prober,
		.bus = "virtio",
	};

	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES("virtio:d00000001v*");
BANOS_DRIVER(virtionet, "1.0", "MIT", "Virtio's network card: eth0", net_init, NULL);
