/* SPDX-License-Identifier: MIT */
/* Frames of a card: e1000.h. */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include "e1000.h"

#define BUDGET 128u /* buffers that are received before others may run */

static const struct banos_net_packet *element_at(const struct banos_net_packet *packets,
						 uint32_t index, uint32_t stride)
{
	return (const void *)((const char *)packets + (uint64_t)index * stride);
}

/* The upper half of a descriptor, which the card may be writing. */
static uint64_t descriptor_read(const struct e1000_descriptor *descriptor)
{
	uint64_t rest = *(const volatile uint64_t *)&descriptor->rest;

	banos_dma_read_barrier();
	return rest;
}

/* ---- sending ---- */

/* A frame, and what it takes. */
struct e1000_frame {
	const struct banos_net_packet *packets;
	uint32_t stride;
	uint32_t count;	 /* elements */
	uint32_t length; /* bytes */
	uint32_t pieces; /* descriptors of data */
	struct e1000_offload offload;
};

static void tx_frame_measure(struct e1000_frame *frame, uint32_t left)
{
	uint32_t is_more = 1;

	frame->count = frame->length = frame->pieces = 0;
	while (is_more && frame->count < left) {
		const struct banos_net_packet *packet =
			element_at(frame->packets, frame->count++, frame->stride);

		frame->length += packet->length;
		frame->pieces += e1000_pieces(packet->length);
		is_more = packet->flags & BANOS_PACKET_MORE;
	}
}

/* What the card cannot compute is computed here. @return 0: the frame makes no sense */
static uint32_t tx_frame_fill_checksum(const struct e1000_frame *frame)
{
	const struct banos_net_packet *first = frame->packets;
	struct e1000_part parts[E1000_SEGMENTS];

	if (frame->count > E1000_SEGMENTS)
		return 0;
	for (uint32_t i = 0; i < frame->count; i++) {
		const struct banos_net_packet *packet = element_at(first, i, frame->stride);

		parts[i] = (struct e1000_part){ .bytes = packet->bytes, .length = packet->length };
	}
	return e1000_fill_checksum(parts, frame->count, first->checksum_start,
				   first->checksum_offset) != 0;
}

/* @return 0: it cannot be sent */
static uint32_t tx_frame_plan(struct e1000_frame *frame)
{
	const struct banos_net_packet *first = frame->packets;
	struct e1000_offload *offload = &frame->offload;

	*offload = (struct e1000_offload){ 0 };
	if (!frame->pieces)
		return 0;
	if (!(first->flags & BANOS_PACKET_PARTIAL))
		return 1;
	if (!(first->flags & (BANOS_PACKET_TSO4 | BANOS_PACKET_TSO6)) &&
	    !e1000_can_checksum(first->bytes, first->length, first->checksum_start,
				first->checksum_offset))
		return tx_frame_fill_checksum(frame);
	offload->checksum_start = first->checksum_start;
	offload->checksum_offset = first->checksum_offset;
	if (!(first->flags & (BANOS_PACKET_TSO4 | BANOS_PACKET_TSO6)))
		return 1;
	offload->is_ipv4 = (first->flags & BANOS_PACKET_TSO4) != 0;
	offload->segment_bytes = first->segment_bytes;
	offload->header_bytes = first->header_bytes;
	if (frame->length <= first->header_bytes)
		return 0;
	offload->payload_bytes = frame->length - first->header_bytes;
	return e1000_prepare_segments(first->bytes, first->length, offload) != 0;
}

static void tx_frame_drop(const struct e1000_card *card, const struct e1000_frame *frame)
{
	banos_net_transmitted(card->net, 0, frame->packets, frame->count, frame->stride);
}

static uint32_t context_is_known(const struct e1000_sender *sender,
				 const struct e1000_offload *offload)
{
	return !offload->checksum_start || !memcmp(&sender->context, offload, sizeof(*offload));
}

/* @return the index behind it */
static uint32_t sender_put(struct e1000_sender *sender, uint32_t at,
			   struct e1000_descriptor descriptor, banos_packet packet)
{
	sender->ring[at] = descriptor;
	sender->sending[at].packet = packet;
	return (at + 1) % E1000_TX_RING;
}

/* An empty packet takes no descriptor: it is given back at once. */
static uint32_t tx_packet_put(const struct e1000_card *card, uint32_t at,
			      const struct banos_net_packet *packet,
			      const struct e1000_offload *offload, uint32_t *pieces)
{
	uint32_t done = 0;

	if (!packet->length)
		banos_net_transmitted(card->net, 0, packet, 1, sizeof(*packet));
	while (done < packet->length) {
		uint32_t length = packet->length - done;
		banos_packet ends = packet->packet;

		if (length > E1000_PIECE_MAX) {
			length = E1000_PIECE_MAX;
			ends = NULL;
		}
		at = sender_put(
			card->sender, at,
			e1000_make_data(packet->address + done, length, offload, !--*pieces), ends);
		done += length;
	}
	return at;
}

/* There is room for it. @return the index behind it */
static uint32_t tx_frame_put(const struct e1000_card *card, const struct e1000_frame *frame,
			     uint32_t at)
{
	struct e1000_sender *sender = card->sender;
	uint32_t first = at, pieces = frame->pieces;

	if (!context_is_known(sender, &frame->offload)) {
		sender->context = frame->offload;
		at = sender_put(sender, at, e1000_make_context(&frame->offload), NULL);
	}
	for (uint32_t i = 0; i < frame->count; i++)
		at = tx_packet_put(card, at, element_at(frame->packets, i, frame->stride),
				   &frame->offload, &pieces);
	sender->sending[first].last = (at + E1000_TX_RING - 1) % E1000_TX_RING;
	return at;
}

int64_t e1000_transmit(void *context, uint32_t queue, const struct banos_net_packet *packets,
		       uint32_t count, uint32_t stride)
{
	struct e1000_card *card = context;
	struct e1000_sender *sender = card->sender;
	uint32_t tail = sender->tail, done = 0;

	while (done < count) {
		uint32_t head = __atomic_load_n(&sender->head, __ATOMIC_ACQUIRE);
		uint32_t space = (head + E1000_TX_RING - 1 - tail) % E1000_TX_RING;
		struct e1000_frame frame = { .packets = element_at(packets, done, stride),
					     .stride = stride };

		tx_frame_measure(&frame, count - done);
		if (frame.pieces + 1 > space && frame.pieces + 1 < E1000_TX_RING) {
			banos_work_queue(card->work); /* is it still there? */
			break;
		}
		if (frame.pieces + 1 <= space && tx_frame_plan(&frame))
			tail = tx_frame_put(card, &frame, tail);
		else
			tx_frame_drop(card, &frame);
		done += frame.count;
	}
	if (tail != sender->tail) {
		__atomic_store_n(&sender->tail, tail, __ATOMIC_RELEASE);
		card_write(card, REG_SEND + QUEUE_TAIL, tail);
	}
	return done;
}

static uint32_t sent_flush(const struct e1000_card *card, uint32_t count)
{
	struct e1000_sender *sender = card->sender;

	if (count)
		banos_net_transmitted(card->net, 0, sender->sent, count, sizeof(sender->sent[0]));
	return 0;
}

/* @return is a frame that begins at @at with the card, and sent? */
static uint32_t tx_frame_is_sent(const struct e1000_sender *sender, uint32_t at)
{
	if (at == __atomic_load_n(&sender->tail, __ATOMIC_ACQUIRE))
		return 0;
	return e1000_is_done(descriptor_read(&sender->ring[sender->sending[at].last]));
}

static void queue_reap(struct e1000_card *card)
{
	struct e1000_sender *sender = card->sender;
	uint32_t head = sender->head, count = 0;

	while (tx_frame_is_sent(sender, head)) {
		uint32_t end = (sender->sending[head].last + 1) % E1000_TX_RING;

		for (; head != end; head = (head + 1) % E1000_TX_RING) {
			if (!sender->sending[head].packet)
				continue;
			sender->sent[count++].packet = sender->sending[head].packet;
			if (count == E1000_BATCH)
				count = sent_flush(card, count);
		}
		__atomic_store_n(&sender->head, head, __ATOMIC_RELEASE);
	}
	sent_flush(card, count);
}

/* ---- receiving ---- */

int64_t e1000_refill(void *context, uint32_t queue, const struct banos_net_packet *packets,
		     uint32_t count, uint32_t stride)
{
	struct e1000_card *card = context;
	struct e1000_receiver *receiver = card->receiver;
	uint32_t head = __atomic_load_n(&receiver->head, __ATOMIC_ACQUIRE);
	uint32_t tail = receiver->tail, done = 0;
	uint32_t space = (head + E1000_RX_RING - 1 - tail) % E1000_RX_RING;

	for (; done < count && done < space; done++) {
		const struct banos_net_packet *packet = element_at(packets, done, stride);

		if (packet->room < E1000_ROOM)
			break;
		receiver->buffers[tail] =
			(struct e1000_buffer){ .packet = packet->packet, .bytes = packet->bytes };
		receiver->ring[tail] = (struct e1000_descriptor){ .address = packet->address };
		tail = (tail + 1) % E1000_RX_RING;
	}
	if (done) {
		__atomic_store_n(&receiver->tail, tail, __ATOMIC_RELEASE);
		card_write(card, REG_RECEIVE + QUEUE_TAIL, tail);
	}
	return done;
}

/* What was taken since the last complete frame is no frame. The kernel counts one without bytes as an error. */
static void rx_frame_drop(struct e1000_card *card, struct e1000_receiver *receiver)
{
	if (!card->is_warned)
		banos_warning(card->device, "has received a frame that is wrong");
	card->is_warned = 1;
	for (uint32_t i = receiver->whole; i < receiver->count; i++) {
		receiver->packets[i].length = 0;
		receiver->packets[i].flags = 0;
	}
	receiver->whole = receiver->count;
}

/* One buffer came back. */
static void rx_take_buffer(struct e1000_card *card, struct e1000_receiver *receiver,
			   const struct e1000_buffer *buffer, const struct e1000_received *received)
{
	struct banos_net_packet *first = &receiver->packets[receiver->whole],
				*packet = &receiver->packets[receiver->count++];

	packet->packet = buffer->packet;
	packet->bytes = buffer->bytes;
	packet->length = received->length;
	packet->flags = BANOS_PACKET_MORE;
	if (receiver->is_skipping || received->is_wrong ||
	    receiver->count - receiver->whole > E1000_PARTS_MAX) {
		receiver->is_skipping = !received->is_end;
		rx_frame_drop(card, receiver);
		return;
	}
	if (!received->is_end)
		return;
	packet->flags = 0;
	if (e1000_is_checked(received, first->bytes, first->length))
		first->flags |= BANOS_PACKET_CHECKED;
	receiver->whole = receiver->count;
}

/* The beginning of a frame stays. */
static void rx_frames_hand_on(const struct e1000_card *card, struct e1000_receiver *receiver)
{
	uint32_t rest = receiver->count - receiver->whole;

	if (!receiver->whole)
		return;
	banos_net_receive(card->net, 0, receiver->packets, receiver->whole,
			  sizeof(receiver->packets[0]));
	memmove(receiver->packets, receiver->packets + receiver->whole,
		rest * sizeof(receiver->packets[0]));
	receiver->count = rest;
	receiver->whole = 0;
}

/* @return is there more? */
static uint32_t queue_receive(struct e1000_card *card)
{
	struct e1000_receiver *receiver = card->receiver;
	uint32_t head = receiver->head, budget = BUDGET;
	struct e1000_received received;

	for (; budget; budget--) {
		if (head == __atomic_load_n(&receiver->tail, __ATOMIC_ACQUIRE) ||
		    !e1000_parse_received(descriptor_read(&receiver->ring[head]),
					  card->buffer_bytes, &received))
			break;
		rx_take_buffer(card, receiver, &receiver->buffers[head], &received);
		head = (head + 1) % E1000_RX_RING;
		__atomic_store_n(&receiver->head, head, __ATOMIC_RELEASE);
		if (receiver->whole >= E1000_BATCH - 1)
			rx_frames_hand_on(card, receiver);
	}
	rx_frames_hand_on(card, receiver);
	return !budget;
}

uint32_t queues_run(struct e1000_card *card)
{
	queue_reap(card);
	return queue_receive(card);
}

/* ---- their memory ---- */

static int64_t ring_allocate(const struct e1000_card *card, uint32_t count, banos_dma *dma,
			     struct e1000_descriptor **ring, uint64_t *address)
{
	const struct banos_dma_config config = {
		.size = sizeof(config),
		.bytes = count * sizeof(struct e1000_descriptor),
		.alignment = 4096,
	};
	void *memory;
	int64_t error = banos_dma_alloc(card->device, &config, dma, &memory, address);

	if (error)
		*dma = NULL;
	else
		*ring = memory;
	return error;
}

int64_t queues_allocate(struct e1000_card *card)
{
	int64_t error;

	card->receiver = banos_alloc(card->device, sizeof(*card->receiver), 0);
	card->sender = banos_alloc(card->device, sizeof(*card->sender), 0);
	if (!card->receiver || !card->sender)
		return -ENOMEM;
	error = ring_allocate(card, E1000_RX_RING, &card->receiver->dma, &card->receiver->ring,
			      &card->receiver->address);
	if (!error)
		error = ring_allocate(card, E1000_TX_RING, &card->sender->dma, &card->sender->ring,
				      &card->sender->address);
	return error;
}

void queues_free(struct e1000_card *card, uint32_t is_ended)
{
	if (card->receiver) {
		if (card->receiver->dma && is_ended)
			banos_dma_free(card->receiver->dma);
		banos_free(card->device, card->receiver);
	}
	if (card->sender) {
		if (card->sender->dma && is_ended)
			banos_dma_free(card->sender->dma);
		banos_free(card->device, card->sender);
	}
}

void queues_clear(struct e1000_card *card)
{
	struct e1000_receiver *receiver = card->receiver;
	struct e1000_sender *sender = card->sender;

	receiver->head = receiver->tail = 0;
	receiver->count = receiver->whole = receiver->is_skipping = 0;
	sender->head = sender->tail = 0;
	sender->context = (struct e1000_offload){ 0 };
	memset(receiver->ring, 0, E1000_RX_RING * sizeof(*receiver->ring));
	memset(sender->ring, 0, E1000_TX_RING * sizeof(*sender->ring));
}
