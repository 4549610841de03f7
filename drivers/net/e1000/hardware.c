/* SPDX-License-Identifier: MIT */
/*
 * The registers of a card: its start, its end, its address, its filter; e1000.h.
 *
 * All bits set means that it was unplugged. Source: 8254x Software Developer's Manual, 14.3 to 14.5; 82574L data sheet, 4.6.
 */
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/string.h>
#include "e1000.h"

#define RESOURCE_REGISTERS 0
#define STEP_NS		   BANOS_MS
#define MASTER_LIMIT_NS	   (100 * BANOS_MS)
#define DRAIN_NS	   (10 * BANOS_MS) /* what is under way ends */
#define RESET_LIMIT_NS	   (100 * BANOS_MS)
#define EEPROM_TRIES	   1000u

static void hardware_sleep(uint64_t duration_ns)
{
	banos_sleep_until(banos_time_ns() + duration_ns, BANOS_UNINTERRUPTIBLE);
}

/* Wait until the bit is clear. @return 0, -ETIMEDOUT, -ENODEV */
static int64_t hardware_wait_clear(const struct e1000_card *card, uint32_t offset, uint32_t bit,
				   uint64_t limit_ns)
{
	limit_ns += banos_time_ns();
	for (;;) {
		uint32_t value = card_read(card, offset);

		if (value == ALL_ONES)
			return -ENODEV;
		if (!(value & bit))
			return 0;
		if (banos_time_ns() > limit_ns)
			return -ETIMEDOUT;
		hardware_sleep(STEP_NS);
	}
}

/* ---- its end ---- */

/* What a reset has undone, but the queues. */
static void hardware_prepare(const struct e1000_card *card)
{
	uint32_t control = card_read(card, REG_CONTROL);

	control &= ~(CONTROL_LINK_RESET | CONTROL_INVERT_LOSS | CONTROL_FORCE_SPEED |
		     CONTROL_FORCE_DUPLEX | CONTROL_FLOW | CONTROL_VLAN | CONTROL_PHY_RESET |
		     CONTROL_RESET);
	if (card->model->is_82574)
		control &= ~CONTROL_MASTER_OFF_82574;
	card_write(card, REG_CONTROL, control | CONTROL_LINK_UP | CONTROL_AUTO_SPEED);
	card_write(card, REG_FLOW_LOW, 0);
	card_write(card, REG_FLOW_HIGH, 0);
	card_write(card, REG_FLOW_TYPE, 0);
	card_write(card, REG_FLOW_TIME, 0);
	interrupts_route(card);
	(void)card_read(card, REG_CAUSES);
}

static void card_reset(const struct e1000_card *card)
{
	uint32_t control = card_read(card, REG_CONTROL);

	if (card->model->is_82574) {
		card_write(card, REG_CONTROL, control | CONTROL_MASTER_OFF_82574);
		if (hardware_wait_clear(card, REG_STATUS, STATUS_MASTER_82574, MASTER_LIMIT_NS) ==
		    -ETIMEDOUT)
			banos_warning(card->device, "has accesses to memory that do not end");
	}
	card_write(card, REG_CONTROL, control | CONTROL_RESET);
	hardware_sleep(STEP_NS); /* 82574: no register may be accessed for a microsecond */
	if (hardware_wait_clear(card, REG_CONTROL, CONTROL_RESET, RESET_LIMIT_NS) == -ETIMEDOUT)
		banos_warning(card->device, "its reset does not end");
}

int64_t hardware_end(const struct e1000_card *card)
{
	uint32_t receive = card_read(card, REG_RECEIVE_CONTROL),
		 send = card_read(card, REG_SEND_CONTROL);

	if (receive == ALL_ONES && send == ALL_ONES)
		return -ENODEV;
	card_write(card, REG_MASK_CLEAR, ALL_ONES);
	card_write(card, REG_RECEIVE_CONTROL, receive & ~RECEIVE_ENABLE);
	card_write(card, REG_SEND_CONTROL, send & ~SEND_ENABLE);
	(void)card_read(card, REG_STATUS);
	hardware_sleep(DRAIN_NS);
	card_reset(card);
	card_write(card, REG_MASK_CLEAR, ALL_ONES);
	receive = card_read(card, REG_RECEIVE_CONTROL);
	send = card_read(card, REG_SEND_CONTROL);
	if (receive == ALL_ONES && send == ALL_ONES)
		return -ENODEV;
	if (receive & RECEIVE_ENABLE || send & SEND_ENABLE) {
		banos_error(card->device, "does not end: receive control 0x%x, send control 0x%x",
			    receive, send);
		return -EIO;
	}
	return 0;
}

int64_t hardware_stop(const struct e1000_card *card)
{
	int64_t error = hardware_end(card);

	if (error)
		return error;
	hardware_prepare(card);
	card_write(card, REG_MASK_SET, interrupts_of_link(card));
	return 0;
}

/* ---- its start ---- */

static void hardware_put_ring(const struct e1000_card *card, uint32_t base, uint64_t address,
			      uint32_t count)
{
	card_write(card, base + QUEUE_LOW, (uint32_t)address);
	card_write(card, base + QUEUE_HIGH, (uint32_t)(address >> 32));
	card_write(card, base + QUEUE_BYTES, count * (uint32_t)sizeof(struct e1000_descriptor));
	card_write(card, base + QUEUE_HEAD, 0);
	card_write(card, base + QUEUE_TAIL, 0);
	card_write(card, base + QUEUE_DELAY, 0);
	card_write(card, base + QUEUE_DELAY_MOST, 0);
}

static void hardware_start_sending(const struct e1000_card *card)
{
	uint32_t control = card_read(card, REG_SEND_CONTROL) & ~SEND_OWN;

	hardware_put_ring(card, REG_SEND, card->sender->address, E1000_TX_RING);
	if (card->model->is_82574)
		card_write(card, REG_SEND + QUEUE_CONTROL,
			   card_read(card, REG_SEND + QUEUE_CONTROL) | SEND_COUNTED_82574);
	else
		card_write(card, REG_SEND_GAP, SEND_GAP_82540);
	card_write(card, REG_SEND_CONTROL,
		   control | SEND_ENABLE | SEND_PAD | SEND_RETRIES | SEND_DISTANCE);
}

void hardware_start(struct e1000_card *card)
{
	static const struct e1000_filter nothing;

	card->receive_control = RECEIVE_BROADCAST | RECEIVE_STRIP;
	card->buffer_bytes = E1000_BUFFER;
	if (card->mtu > E1000_MTU_USUAL) {
		card->receive_control |= RECEIVE_LONG | RECEIVE_BUFFER_1024;
		card->buffer_bytes = E1000_BUFFER_LONG;
	}
	hardware_put_address(card);
	memset(&card->filter, 0xff, sizeof(card->filter)); /* not known: all of it is written */
	card->filter.exact = E1000_EXACT_MAX;
	hardware_put_filter(card, 0, &nothing);
	hardware_put_ring(card, REG_RECEIVE, card->receiver->address, E1000_RX_RING);
	card_write(card, REG_RECEIVE_CHECKSUM, CHECKSUM_IP | CHECKSUM_TCP_UDP);
	hardware_start_sending(card);
	card->receive_control |= RECEIVE_ENABLE;
	card_write(card, REG_RECEIVE_CONTROL, card->receive_control);
	card->is_masked = 0;
	__atomic_store_n(&card->is_running, 1, __ATOMIC_SEQ_CST);
	card_write(card, REG_MASK_SET, interrupts_of_queues(card));
}

/* ---- address and filter ---- */

void hardware_put_address(const struct e1000_card *card)
{
	card_write(card, REG_ADDRESS(0) + 4, 0);
	card_write(card, REG_ADDRESS(0), e1000_address_low(card->address));
	card_write(card, REG_ADDRESS(0) + 4, e1000_address_high(card->address) | ADDRESS_VALID);
}

/* Behind the own one. */
static void hardware_put_exact(struct e1000_card *card, const struct e1000_filter *filter,
			       uint32_t index)
{
	uint32_t to = REG_ADDRESS(1 + index);

	if (index >= filter->exact) {
		card_write(card, to + 4, 0);
		return;
	}
	if (index < card->filter.exact && card->filter.low[index] == filter->low[index] &&
	    card->filter.high[index] == filter->high[index])
		return;
	card_write(card, to + 4, 0);
	card_write(card, to, filter->low[index]);
	card_write(card, to + 4, filter->high[index] | ADDRESS_VALID);
}

void hardware_put_filter(struct e1000_card *card, uint32_t control,
			 const struct e1000_filter *filter)
{
	uint32_t most = filter->exact;

	if (most < card->filter.exact)
		most = card->filter.exact;
	for (uint32_t i = 0; i < most; i++)
		hardware_put_exact(card, filter, i);
	for (uint32_t i = 0; i < E1000_HASH_WORDS; i++)
		if (filter->hashed[i] != card->filter.hashed[i])
			card_write(card, REG_GROUPS + 4 * i, filter->hashed[i]);
	card->filter = *filter;
	control |= card->receive_control & ~(RECEIVE_ALL | RECEIVE_ALL_GROUPS);
	if (control == card->receive_control)
		return;
	card->receive_control = control;
	if (control & RECEIVE_ENABLE)
		card_write(card, REG_RECEIVE_CONTROL, control);
}

/* ---- what it is ---- */

/* @return the word, or -1 */
static int32_t eeprom_read(const struct e1000_card *card, uint32_t word)
{
	const struct e1000_eeprom_layout *layout = card->model->eeprom;
	int32_t answer = -1;

	card_write(card, REG_EEPROM_READ, e1000_eeprom_request(layout, word));
	for (uint32_t i = 0; i < EEPROM_TRIES && answer < 0; i++) {
		uint32_t value = card_read(card, REG_EEPROM_READ);

		if (value == ALL_ONES)
			return -1;
		answer = e1000_eeprom_answer(layout, value);
	}
	return answer;
}

/* What the EEPROM has, or the firmware has put in its register; else the kernel makes one up. */
static void hardware_find_address(struct e1000_card *card)
{
	uint16_t words[E1000_EEPROM_WORDS];
	int32_t word = 0;

	for (uint32_t i = 0; i < E1000_EEPROM_WORDS && word >= 0; i++) {
		word = eeprom_read(card, i);
		words[i] = (uint16_t)word;
	}
	if (word >= 0 && e1000_eeprom_address(words, card->address))
		return;
	if (!e1000_register_address(card_read(card, REG_ADDRESS(0)),
				    card_read(card, REG_ADDRESS(0) + 4), card->address))
		memset(card->address, 0, sizeof(card->address));
	banos_warning(card->device, "its EEPROM has no valid address");
}

static int64_t hardware_map(struct e1000_card *card)
{
	struct banos_resource resource = { .size = sizeof(resource) };
	int64_t error = banos_resource_get(card->device, RESOURCE_REGISTERS, &resource);
	void *registers;

	if (error)
		return error;
	if (resource.kind != BANOS_RESOURCE_MEMORY || resource.length < REGISTERS_BYTES) {
		banos_error(card->device, "its registers have %lu bytes, expected %u or more",
			    resource.length, REGISTERS_BYTES);
		return -ENXIO;
	}
	error = pci_enable(card->device, PCI_MEMORY | PCI_MASTER);
	if (!error)
		error = banos_mmio_map(card->device, resource.start, resource.length, 0,
				       &card->mapping, &registers);
	if (!error)
		card->registers = registers;
	return error;
}

int64_t hardware_open(struct e1000_card *card)
{
	int64_t error = hardware_map(card);

	if (!error)
		error = hardware_end(card);
	if (error)
		return error;
	hardware_prepare(card);
	hardware_find_address(card);
	return 0;
}
