/* SPDX-License-Identifier: MIT */
/* Frames of Virtio's network card: net.h. */
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/string.h>
#include "net.h"

#define BUDGET 256u /* frames that are received before others may run */

BANOS_ASSERT(NET_CHECKED == BANOS_PACKET_CHECKED && NET_PARTIAL == BANOS_PACKET_PARTIAL,
	     net_flags_alike);
BANOS_ASSERT(NET_TSO4 == BANOS_PACKET_TSO4 && NET_TSO6 == BANOS_PACKET_TSO6, net_flags_alike_too);

static const struct banos_net_packet *packet_at(const struct banos_net_packet *packets,
						uint32_t index, uint32_t stride)
{
	return (const void *)((const char *)packets + (uint64_t)index * stride);
}

/* ---- sending ---- */

/* Before Virtio 1.0 a header is a segment of its own. @return how many there are */
static uint32_t frame_put(const struct net_card *card, const struct banos_net_packet *packet,
			  struct virtio_segment *segments)
{
	uint64_t address = packet->address - card->header_bytes;
	uint8_t header[NET_HEADER_BYTES];
	const struct net_offload offload = {
		.flags = packet->flags,
		.checksum_start = packet->checksum_start,
		.checksum_offset = packet->checksum_offset,
		.segment_bytes = packet->segment_bytes,
		.header_bytes = packet->header_bytes,
	};

	net_make_header(header, &offload);
	memcpy(packet->bytes - card->header_bytes, header, card->header_bytes);
	segments[0] = (struct virtio_segment){ .address = address,
					       .length = card->header_bytes + packet->length };
	if (card->is_joined)
		return 1;
	segments[0].length = card->header_bytes;
	segments[1] =
		(struct virtio_segment){ .address = packet->address, .length = packet->length };
	return 2;
}

int64_t net_transmit(void *context, uint32_t queue, const struct banos_net_packet *packets,
		     uint32_t count, uint32_t stride)
{
	struct net_card *card = context;
	struct net_sender *sender = card->senders[queue];
	uint32_t done = 0;

	while (done < count) {
		uint32_t batch = 0, segments = 0;
		int64_t taken;

		for (; batch < NET_BATCH && done + batch < count; batch++) {
			const struct banos_net_packet *packet =
				packet_at(packets, done + batch, stride);
			uint32_t added = frame_put(card, packet, &sender->segments[segments]);

			sender->buffers[batch] =
				(struct virtio_buffer){ .tag = (uintptr_t)packet->packet,
							.segments = added };
			segments += added;
		}
		taken = virtio_queue_add_many(card->device, 2 * queue + 1, sender->buffers, batch,
					      sender->segments, segments);
		if (taken < 0)
			return done ? done : taken;
		done += (uint32_t)taken;
		if (taken < batch)
			break;
	}
	return done;
}

int64_t net_sent(struct net_card *card, uint32_t pair)
{
	struct net_sender *sender = card->senders[pair];
	struct virtio_completion from[NET_BATCH];
	int64_t count;

	if (__atomic_exchange_n(&sender->is_busy, 1, __ATOMIC_ACQUIRE))
		return VIRTIO_AGAIN;
	do {
		count = virtio_queue_take(card->device, 2 * pair + 1, from, NET_BATCH);
		for (int64_t i = 0; i < count; i++)
			sender->sent[i].packet = (banos_packet)(uintptr_t)from[i].tag;
		if (count > 0)
			banos_net_transmitted(card->net, pair, sender->sent, (uint32_t)count,
					      sizeof(sender->sent[0]));
	} while (count == NET_BATCH);
	__atomic_store_n(&sender->is_busy, 0, __ATOMIC_RELEASE);
	return 0;
}

/* ---- receiving ---- */

static void buffer_make(const struct net_card *card, const struct banos_net_packet *packet,
			struct virtio_buffer *buffer, struct virtio_segment *segment)
{
	memcpy(packet->bytes - NET_PACKET_AT, &packet->packet, sizeof(packet->packet));
	*buffer = (struct virtio_buffer){ .tag = (uintptr_t)packet->bytes,
					  .segments = 1,
					  .writable = 1 };
	*segment = (struct virtio_segment){ .address = packet->address - card->header_bytes,
					    .length = packet->room + card->header_bytes };
}

int64_t net_refill(void *context, uint32_t queue, const struct banos_net_packet *packets,
		   uint32_t count, uint32_t stride)
{
	struct net_card *card = context;
	struct net_receiver *receiver = card->receivers[queue];
	uint32_t done = 0;

	while (done < count) {
		uint32_t batch = 0;
		int64_t taken;

		for (; batch < NET_BATCH && done + batch < count; batch++)
			buffer_make(card, packet_at(packets, done + batch, stride),
				    &receiver->buffers[batch], &receiver->segments[batch]);
		taken = virtio_queue_add_many(card->device, 2 * queue, receiver->buffers, batch,
					      receiver->segments, batch);
		if (taken < 0)
			return done ? done : taken;
		done += (uint32_t)taken;
		if (taken < batch)
			break;
	}
	return done;
}

/* What was taken since the last complete frame is no frame. */
static void frame_drop(struct net_card *card, struct net_receiver *receiver, const char *why)
{
	uint32_t dropped = receiver->count - receiver->whole;

	if (!card->is_warned)
		banos_warning(card->device, "the device has received a frame that is wrong: %s",
			      why);
	card->is_warned = 1;
	/* The kernel counts a frame without bytes as an error, and gives another packet. */
	for (uint32_t i = 0; i < dropped; i++) {
		receiver->packets[receiver->whole + i].length = 0;
		receiver->packets[receiver->whole + i].flags = 0;
	}
	receiver->whole = receiver->count;
	receiver->missing = 0;
}

/* @return NULL, or what is wrong with the frame that begins in this buffer */
static const char *frame_begin(const struct net_card *card, struct net_receiver *receiver,
			       struct banos_net_packet *packet, uint32_t length)
{
	uint8_t header[NET_HEADER_BYTES] = { 0 };
	struct net_offload offload;
	const char *why;

	if (length < card->header_bytes)
		return "it lacks its header";
	packet->length = length - card->header_bytes;
	memcpy(header, packet->bytes - card->header_bytes, card->header_bytes);
	why = net_parse_header(header, net_has(card, NET_F_MERGED), packet->length, &offload,
			       &receiver->missing);
	packet->flags = offload.flags;
	packet->checksum_start = offload.checksum_start;
	packet->checksum_offset = offload.checksum_offset;
	return why;
}

/* One buffer came back. */
static void buffer_receive(struct net_card *card, struct net_receiver *receiver,
			   const struct virtio_completion *from)
{
	struct banos_net_packet *packet = &receiver->packets[receiver->count++];
	const char *why = NULL;

	packet->bytes = (uint8_t *)(uintptr_t)from->tag;
	memcpy(&packet->packet, packet->bytes - NET_PACKET_AT, sizeof(packet->packet));
	if (receiver->missing) {
		packet->bytes -= card->header_bytes;
		packet->length = from->length;
		packet->flags = 0;
		if (!from->length)
			why = "a part of it is empty";
	} else {
		why = frame_begin(card, receiver, packet, from->length);
	}
	if (why) {
		frame_drop(card, receiver, why);
		return;
	}
	receiver->missing--;
	if (receiver->missing)
		packet->flags |= BANOS_PACKET_MORE;
	else
		receiver->whole = receiver->count;
}

/* The beginning of a frame stays. */
static void frames_hand_on(const struct net_card *card, struct net_receiver *receiver,
			   uint32_t pair)
{
	uint32_t rest = receiver->count - receiver->whole;

	if (!receiver->whole)
		return;
	banos_net_receive(card->net, pair, receiver->packets, receiver->whole,
			  sizeof(receiver->packets[0]));
	memmove(receiver->packets, receiver->packets + receiver->whole,
		rest * sizeof(receiver->packets[0]));
	receiver->count = rest;
	receiver->whole = 0;
}

int64_t net_received(struct net_card *card, uint32_t pair)
{
	struct net_receiver *receiver = card->receivers[pair];
	struct virtio_completion from[NET_BATCH];
	uint32_t budget = BUDGET;
	int64_t count;

	if (__atomic_exchange_n(&receiver->is_busy, 1, __ATOMIC_ACQUIRE))
		return VIRTIO_AGAIN;
	do {
		count = virtio_queue_take(card->device, 2 * pair, from, NET_BATCH);
		for (int64_t i = 0; i < count; i++)
			buffer_receive(card, receiver, &from[i]);
		frames_hand_on(card, receiver, pair);
		budget -= NET_BATCH;
	} while (count == NET_BATCH && budget);
	__atomic_store_n(&receiver->is_busy, 0, __ATOMIC_RELEASE);
	if (count == NET_BATCH)
		return VIRTIO_AGAIN;
	return 0;
}

void net_queues_forget(struct net_card *card)
{
	for (uint32_t i = 0; i < card->pairs; i++) {
		card->receivers[i]->count = card->receivers[i]->whole = 0;
		card->receivers[i]->missing = 0;
	}
}
