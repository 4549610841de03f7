/* SPDX-License-Identifier: MIT */
/* Intel's network cards, from their probe to their end: e1000.h. */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include "e1000.h"

static uint8_t line;
BANOS_PARAM_BOOL(line, "use the interrupt line, though the card can send messages");
static uint8_t segments;
BANOS_PARAM_BOOL(segments, "let an 82574 cut TCP frames into segments: not with QEMU up to 7.2");

#define BUSY_STEP_NS BANOS_MS

static const struct e1000_model models[] = {
	{ .name = "82540EM", .eeprom = &e1000_eeprom_82540 },
	{ .name = "82545EM", .eeprom = &e1000_eeprom_82540 },
	{ .name = "82574L", .eeprom = &e1000_eeprom_82574, .is_82574 = 1 },
};

/* ---- link ---- */

/* The link may have changed, or the card was unplugged: then registers read as ones, in QEMU as zeroes. */
static int64_t e1000_work(void *context)
{
	struct e1000_card *card = context;
	struct e1000_link link;

	e1000_parse_link(card_read(card, REG_STATUS), &link);
	if (!link.is_up)
		pci_check(card->device);
	banos_net_carrier(card->net, link.is_up, link.mbit, link.is_full_duplex);
	return 0;
}

/* ---- methods ---- */

static int64_t e1000_start(void *context)
{
	struct e1000_card *card = context;

	if (card->is_broken || card_read(card, REG_STATUS) == ALL_ONES)
		card->is_broken = hardware_stop(card) != 0;
	if (card->is_broken) {
		banos_error(card->device, "cannot be reset");
		return -EIO;
	}
	queues_clear(card);
	hardware_start(card);
	banos_work_queue(card->work);
	return 0;
}

static int64_t e1000_stop(void *context)
{
	struct e1000_card *card = context;
	int64_t error;

	__atomic_store_n(&card->is_running, 0, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&card->is_busy, __ATOMIC_SEQ_CST))
		banos_sleep_until(banos_time_ns() + BUSY_STEP_NS, BANOS_UNINTERRUPTIBLE);
	error = hardware_stop(card);
	card->is_broken = error != 0;
	banos_work_queue(card->work);
	return error;
}

static int64_t e1000_set_filter(void *context, uint32_t flags,
				const struct banos_net_address *addresses, uint32_t count,
				uint32_t stride)
{
	struct e1000_card *card = context;
	struct e1000_filter filter;
	uint32_t control = 0;

	if (flags & BANOS_NET_PROMISCUOUS)
		control |= RECEIVE_ALL | RECEIVE_ALL_GROUPS;
	if (flags & BANOS_NET_ALL_GROUPS)
		control |= RECEIVE_ALL_GROUPS;
	e1000_make_filter(&filter, (const uint8_t *)addresses, count, stride);
	hardware_put_filter(card, control, &filter);
	return 0;
}

static int64_t e1000_set_address(void *context, const struct banos_net_address *address)
{
	struct e1000_card *card = context;

	memcpy(card->address, address->bytes, E1000_ADDRESS_BYTES);
	hardware_put_address(card);
	return 0;
}

static int64_t e1000_set_mtu(void *context, uint32_t mtu)
{
	struct e1000_card *card = context;

	card->mtu = mtu;
	return 0;
}

static const struct banos_net_ops e1000_ops = {
	.size = sizeof(e1000_ops),
	.start = e1000_start,
	.stop = e1000_stop,
	.transmit = e1000_transmit,
	.refill = e1000_refill,
	.set_filter = e1000_set_filter,
	.set_address = e1000_set_address,
	.set_mtu = e1000_set_mtu,
};

/* ---- life ---- */

static int64_t e1000_register(struct e1000_card *card)
{
	struct banos_net_config config = {
		.size = sizeof(config),
		.name = "eth#",
		.mtu = E1000_MTU_USUAL,
		.mtu_max = E1000_MTU_MAX,
		.tx_queues = 1,
		.rx_queues = 1,
		.tx_depth = E1000_TX_DEPTH,
		.rx_depth = E1000_RX_RING - 1,
		.rx_room = E1000_ROOM,
		.offloads = BANOS_NET_TX_CHECKSUM | BANOS_NET_RX_CHECKSUM | BANOS_NET_SCATTER,
		.segments_max = E1000_SEGMENTS,
		.context = card,
		.ops = &e1000_ops,
	};
	char name[BANOS_NET_NAME_SIZE];
	struct e1000_link link;
	banos_net net;
	int64_t error;

	if (!card->model->is_82574)
		config.offloads |= BANOS_NET_TSO4;
	else if (segments)
		config.offloads |= BANOS_NET_TSO4 | BANOS_NET_TSO6;
	memcpy(config.address, card->address, E1000_ADDRESS_BYTES);
	e1000_parse_link(card_read(card, REG_STATUS), &link);
	if (!link.is_up)
		config.flags |= BANOS_NET_NO_CARRIER;
	error = banos_net_register(card->device, &config, &net);
	if (error)
		return error;
	if (banos_net_name(net, name, sizeof(name)) > 0)
		banos_print(card->device, "%s: Intel %s", name, card->model->name);
	__atomic_store_n(&card->net, net, __ATOMIC_RELEASE);
	banos_work_queue(card->work); /* for its speed, and what has changed meanwhile */
	return 0;
}

static int64_t e1000_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct e1000_card *card = banos_alloc(device, sizeof(*card), 0);
	int64_t error;

	if (!card)
		return -ENOMEM;
	*state = card;
	card->device = device;
	card->model = &models[data];
	card->mtu = E1000_MTU_USUAL;
	error = banos_work_create(device, e1000_work, card, &card->work);
	if (!error)
		error = queues_allocate(card);
	if (!error)
		error = hardware_open(card);
	if (!error)
		error = interrupts_connect(card, line);
	if (!error)
		error = e1000_register(card);
	return error;
}

/* The interface was withdrawn. What the card may still use stays, until the bus has stopped it. */
static int64_t e1000_remove(void *context, banos_owner device, void *state)
{
	struct e1000_card *card = state;
	int64_t error;

	interrupts_disconnect(card);
	banos_work_destroy(card->work);
	error = -ENODEV;
	if (card->registers)
		error = hardware_end(card);
	queues_free(card, !error || error == -ENODEV);
	banos_mmio_unmap(card->mapping);
	return banos_free(device, card);
}

static const struct banos_prober_ops e1000_prober = {
	.size = sizeof(e1000_prober),
	.probe = e1000_probe,
	.remove = e1000_remove,
};

static int64_t e1000_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &e1000_prober,
		.bus = "pci",
	};

	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES_DATA(PCI_ID(8086, 100E), 0);
BANOS_SERVES_DATA(PCI_ID(8086, 100F), 1);
BANOS_SERVES_DATA(PCI_ID(8086, 10D3), 2);
BANOS_DRIVER(e1000, "1.0", "MIT", "Intel's network cards 82540EM, 82545EM and 82574L: eth0",
	     e1000_init, NULL);
