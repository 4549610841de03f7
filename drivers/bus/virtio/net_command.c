/* SPDX-License-Identifier: MIT */
/* Commands for Virtio's network card: net.h. Source: Virtio 1.1, 5.1.6.5. */
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/string.h>
#include <banos/time.h>
#include "net.h"

#define CLASS_RECEIVE	   0u
#define RECEIVE_ALL	   0u
#define RECEIVE_ALL_GROUPS 1u
#define CLASS_ADDRESS	   1u
#define ADDRESS_TABLE	   0u
#define ADDRESS_SET	   1u
#define CLASS_ANNOUNCE	   3u
#define ANNOUNCE_DONE	   0u
#define CLASS_PAIRS	   4u
#define PAIRS_SET	   0u

#define ANSWER_OK      0u
#define ANSWER_UNKNOWN 0xffu /* until the device writes it */
#define ANSWER_LIMIT   (2 * BANOS_S)

void net_command_answered(struct net_card *card)
{
	banos_wait_wake(&card->answered);
}

/* @return 1: the device has answered; 0: not in time; -errno */
static int64_t net_command_wait(struct net_card *card)
{
	uint64_t limit_ns = banos_time_ns() + ANSWER_LIMIT;
	struct virtio_completion completion;
	int64_t count, error = 0;

	do {
		uint64_t ticket = banos_wait_ticket(&card->answered);

		count = virtio_queue_take(card->device, card->command_queue, &completion, 1);
		if (!count)
			error = banos_wait_sleep(&card->answered, ticket, limit_ns,
						 BANOS_UNINTERRUPTIBLE);
	} while (!count && !error);
	/* The answer may have come, unheard; and the device is asked to interrupt for the next. */
	if (count <= 0 && virtio_check(card->device) == -ENODEV)
		return -ENODEV;
	if (count)
		virtio_queue_take(card->device, card->command_queue, &completion, 1);
	else
		count = virtio_queue_take(card->device, card->command_queue, &completion, 1);
	return count;
}

/* ->lock held. @return 0; -EOPNOTSUPP: there are no commands; -EIO, -ENODEV */
static int64_t net_command_run_locked(struct net_card *card, uint32_t class, uint32_t number,
				      uint32_t data_bytes)
{
	struct net_command *command = card->command;
	uint64_t address = card->command_address;
	struct virtio_segment segments[3] = { { .address = address, .length = 2 } };
	uint32_t count = 1;
	int64_t result;

	if (!card->command_queue)
		return -EOPNOTSUPP;
	command->number[0] = (uint8_t) class;
	command->number[1] = (uint8_t)number;
	command->answer = ANSWER_UNKNOWN;
	if (data_bytes)
		segments[count++] =
			(struct virtio_segment){ .address = address +
							    offsetof(struct net_command, data),
						 .length = data_bytes };
	segments[count++] =
		(struct virtio_segment){ .address = address + offsetof(struct net_command, answer),
					 .length = 1 };
	result = virtio_queue_add(card->device, card->command_queue, segments, count, 1, 0);
	if (!result)
		result = virtio_queue_notify(card->device, card->command_queue);
	if (!result)
		result = net_command_wait(card);
	if (result == 1)
		return *(volatile uint8_t *)&command->answer == ANSWER_OK ? 0 : -EIO;
	if (!result) {
		banos_warning(card->device, "the device does not answer command %u of class %u",
			      number, class);
		card->command_queue = 0; /* its memory stays the device's until a reset */
		result = -EIO;
	}
	return result;
}

static int64_t net_command_run(struct net_card *card, uint32_t class, uint32_t number,
			       const void *data, uint32_t bytes)
{
	int64_t error;

	banos_mutex_lock(&card->lock);
	if (card->command_queue)
		memcpy(card->command->data, data, bytes);
	error = net_command_run_locked(card, class, number, bytes);
	banos_mutex_unlock(&card->lock);
	return error;
}

int64_t net_command_pairs(struct net_card *card, uint32_t pairs)
{
	const uint8_t data[2] = { (uint8_t)pairs, (uint8_t)(pairs >> 8) };

	return net_command_run(card, CLASS_PAIRS, PAIRS_SET, data, sizeof(data));
}

int64_t net_command_address(struct net_card *card, const uint8_t *address)
{
	return net_command_run(card, CLASS_ADDRESS, ADDRESS_SET, address, NET_ADDRESS_BYTES);
}

int64_t net_command_announced(struct net_card *card)
{
	return net_command_run(card, CLASS_ANNOUNCE, ANNOUNCE_DONE, "", 0);
}

/* ---- what is received ---- */

static int64_t filter_switch(struct net_card *card, uint32_t number, uint32_t is_on)
{
	const uint8_t data = is_on != 0;

	return net_command_run(card, CLASS_RECEIVE, number, &data, 1);
}

static int64_t filter_groups(struct net_card *card, const struct banos_net_address *addresses,
			     uint32_t count, uint32_t stride)
{
	int64_t error = 0;

	banos_mutex_lock(&card->lock);
	if (card->command_queue)
		error = net_command_run_locked(card, CLASS_ADDRESS, ADDRESS_TABLE,
					       net_make_table(card->command->data, addresses->bytes,
							      count, stride));
	banos_mutex_unlock(&card->lock);
	return error;
}

/* A device without such commands hands over everything. */
int64_t net_set_filter(void *context, uint32_t flags, const struct banos_net_address *addresses,
		       uint32_t count, uint32_t stride)
{
	struct net_card *card = context;
	uint32_t all_groups = flags & BANOS_NET_ALL_GROUPS || count > NET_GROUPS_MAX;
	int64_t error = 0;

	if (!net_has(card, NET_F_FILTER))
		return 0;
	if (count && !all_groups)
		error = filter_groups(card, addresses, count, stride);
	if (!error)
		error = filter_switch(card, RECEIVE_ALL_GROUPS, all_groups);
	if (!error)
		error = filter_switch(card, RECEIVE_ALL, flags & BANOS_NET_PROMISCUOUS);
	return error;
}
