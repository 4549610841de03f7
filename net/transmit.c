// SPDX-License-Identifier: MIT
/*
 * Frames on their way out.
 *
 * A thread that sends puts its frames into a queue of the device. If nobody runs that queue, it does: it hands
 * batches to the driver, without a lock, until nothing waits or the driver is full. So a queue is called by one
 * thread at a time, and what others send meanwhile is the next batch. After ROUNDS_MAX batches, and when
 * a full driver has given something back, the device's thread continues.
 *
 * What a device cannot do is done here first: frames of several packets are joined, checksums filled in, segments cut.
 */
#include "internal.h"
#include <kernel/cpu.h>
#include <kernel/err.h>
#include <kernel/packet_hook.h>
#include <kernel/string.h>
#include <kernel/time.h>

#define ROUNDS_MAX	16u
#define QUEUE_BYTES_MAX (4ull << 20)

/* ---- batches ---- */

static u32 frame_parts(const struct packet *frame)
{
	u32 parts = 0;

	for (; frame; frame = frame->more)
		parts++;
	return parts;
}

/* What was offered, to know it when the driver has written there. */
struct tx_batch {
	banos_packet numbers[NET_BATCH];
	bool begins[NET_BATCH]; /* a frame */
	u32 count;
};

/* @return false: nothing waits, or the driver has enough */
static bool tx_fill_locked(struct net_device *device, struct net_tx_queue *queue,
			   struct tx_batch *batch)
{
	batch->count = 0;
	assert_held(&queue->lock);
	while (queue->frames.first && !queue->stalled && !device->closed) {
		u32 parts = frame_parts(queue->frames.first);
		struct packet *frame;

		if (batch->count + parts > NET_BATCH || queue->out + parts > device->tx_depth)
			break;
		frame = packet_list_take(&queue->frames);
		queue->out += parts;
		queue->counts.packets++;
		queue->counts.bytes += packet_frame_length(frame);
		for (struct packet *part = frame, *more; part; part = more) {
			u32 i = batch->count++;

			more = part->more;
			part->device = device;
			part->queue = queue - device->tx;
			part->use = PACKET_SENT;
			batch->begins[i] = part == frame;
			packet_give(part, device->party, &queue->batch[i], device->dma);
			batch->numbers[i] = queue->batch[i].packet;
		}
	}
	return batch->count;
}

/* Those from @from on were not taken: to the front of the queue, unless @drop. Of a frame that was taken in part the rest is lost. */
static __cold void tx_take_back(struct net_device *device, struct net_tx_queue *queue,
				const struct tx_batch *batch, u32 from, bool drop)
{
	struct packet_list back = { 0 };
	struct packet *last = NULL;
	u32 parts = 0;

	for (u32 i = from; i < batch->count; i++) {
		struct packet *packet = packet_claim(batch->numbers[i], device->party);

		if (!packet) {
			last = NULL;
			continue;
		}
		parts++;
		packet->device = NULL;
		if (drop || (!batch->begins[i] && !last)) {
			packet_free(packet);
			continue;
		}
		if (batch->begins[i])
			packet_list_add(&back, packet);
		else
			last->more = packet;
		last = packet;
	}
	spin_lock(&queue->lock);
	queue->out -= MIN(parts, queue->out);
	if (back.first) {
		back.last->next = queue->frames.first;
		if (!queue->frames.first)
			queue->frames.last = back.last;
		queue->frames.first = back.first;
		queue->frames.count += back.count;
		for (struct packet *frame = back.first; frame != back.last->next;
		     frame = frame->next)
			queue->frames.bytes += packet_memory(frame);
		queue->counts.packets -= back.count;
	}
	queue->stalled = !drop;
	if (drop)
		queue->counts.errors += parts;
	spin_unlock(&queue->lock);
}

static void tx_send(struct net_device *device, struct net_tx_queue *queue,
		    const struct tx_batch *batch)
{
	s64 taken =
		device->methods->transmit(device, queue - device->tx, queue->batch, batch->count);

	if (likely(taken == batch->count))
		return;
	if (taken < 0 || taken > batch->count)
		tx_take_back(device, queue, batch, 0, true);
	else
		tx_take_back(device, queue, batch, taken, false);
	net_device_kick(device);
}

/* The caller has set ->running. */
static void tx_run(struct net_device *device, struct net_tx_queue *queue)
{
	struct tx_batch batch;
	bool left;

	for (u32 round = 0;; round++) {
		bool more = false;

		spin_lock(&queue->lock);
		if (round < ROUNDS_MAX)
			more = tx_fill_locked(device, queue, &batch);
		if (!more)
			queue->running = false;
		left = queue->frames.first && !queue->stalled && round == ROUNDS_MAX;
		if (!more && (left || READ_ONCE(device->closed) || !READ_ONCE(device->started)))
			net_device_kick(device); /* without the lock it may be freed */
		spin_unlock(&queue->lock);
		if (!more)
			break;
		tx_send(device, queue, &batch);
	}
}

/* ---- queues ---- */

static bool tx_begin_locked(const struct net_device *device, struct net_tx_queue *queue)
{
	assert_held(&queue->lock);
	if (queue->running || queue->stalled || !queue->frames.first || device->closed ||
	    !device->started)
		return false;
	queue->running = true;
	return true;
}

void net_tx_continue(struct net_device *device, bool stalled_too)
{
	for (u32 i = 0; i < device->ntx; i++) {
		struct net_tx_queue *queue = &device->tx[i];
		bool mine;

		spin_lock(&queue->lock);
		if (stalled_too)
			queue->stalled = false;
		mine = tx_begin_locked(device, queue);
		spin_unlock(&queue->lock);
		if (mine)
			tx_run(device, queue);
	}
}

bool net_tx_is_stalled(const struct net_device *device)
{
	for (u32 i = 0; i < device->ntx; i++)
		if (READ_ONCE(device->tx[i].stalled))
			return true;
	return false;
}

bool net_tx_is_running(const struct net_device *device)
{
	bool running = false;

	/* With the lock: who has seen that the device was started has said by then that he runs it. */
	for (u32 i = 0; i < device->ntx && !running; i++) {
		struct net_tx_queue *queue = &device->tx[i];

		spin_lock(&queue->lock);
		running = queue->running;
		spin_unlock(&queue->lock);
	}
	return running;
}

void net_tx_close(struct net_device *device)
{
	for (u32 i = 0; i < device->ntx; i++) {
		struct net_tx_queue *queue = &device->tx[i];
		struct packet_list left;

		spin_lock(&queue->lock);
		left = queue->frames;
		queue->frames = (struct packet_list){ 0 };
		queue->stalled = false;
		spin_unlock(&queue->lock);
		packets_free(&left);
	}
}

u32 net_device_transmitted(struct net_device *device, u32 queue_index, const u8 *packets, u32 count,
			   u32 stride)
{
	struct net_tx_queue *queue = &device->tx[queue_index];
	u32 refused = 0, done = 0;
	bool kick;

	for (u32 i = 0; i < count; i++, packets += stride) {
		banos_packet number = ((const struct banos_net_packet *)packets)->packet;
		struct packet *packet = packet_claim(number, device->party);

		if (!packet) {
			refused++;
			continue;
		}
		if (packet->device == device && packet->use == PACKET_SENT &&
		    packet->queue == queue_index)
			done++;
		else
			refused++;
		packet_release_use(packet, device);
		packet_free(packet);
	}
	spin_lock(&queue->lock);
	queue->out -= MIN(done, queue->out);
	queue->stalled = false;
	kick = queue->frames.first && !queue->running;
	spin_unlock(&queue->lock);
	if (kick)
		net_device_kick(device);
	return refused;
}

/* ---- frames ---- */

static bool frame_is_too_long(const struct net_device *device, const struct packet *frame)
{
	u32 length = packet_frame_length(frame);

	if (frame->flags & (BANOS_PACKET_TSO4 | BANOS_PACKET_TSO6))
		return length > PACKET_ROOM_MAX;
	return length > device->mtu + ETHERNET_BYTES + 4;
}

/* @return the frame or frames as the device can send them, added to @to */
static int frame_prepare(struct net_device *device, struct packet *frame, struct packet_list *to)
{
	u32 parts = frame_parts(frame), tso = 0;

	if (frame->flags & BANOS_PACKET_TSO4)
		tso |= BANOS_NET_TSO4;
	if (frame->flags & BANOS_PACKET_TSO6)
		tso |= BANOS_NET_TSO6;
	if (tso & ~device->offloads)
		return frame_cut(frame, device->headroom, to);
	if (parts > 1 && (!(device->offloads & BANOS_NET_SCATTER) || parts > device->segments_max ||
			  parts > NET_BATCH)) {
		struct packet *joined = packet_copy(frame, PACKET_HEADROOM);

		packet_free(frame);
		if (!joined)
			return -ENOBUFS;
		frame = joined;
	}
	if (frame->flags & BANOS_PACKET_PARTIAL && !(device->offloads & BANOS_NET_TX_CHECKSUM) &&
	    !frame_fill_checksum(frame)) {
		packet_free(frame);
		return -EINVAL;
	}
	packet_list_add(to, frame);
	return 0;
}

/* A device that lacks room in front of it gets a copy. */
static struct packet *frame_for_device(struct net_device *device, struct packet *frame)
{
	struct packet *copy;

	if (likely(frame->offset >= device->headroom))
		return frame;
	copy = packet_copy(frame, PACKET_HEADROOM);
	packet_free(frame);
	return copy;
}

static struct net_tx_queue *tx_choose(const struct net_device *device)
{
	return &device->tx[cpu_id() % device->ntx];
}

/* In an RCU section. @return should tx_run() be called for *@chosen? */
static bool tx_enqueue(struct net_device *device, struct packet_list *frames,
		       struct net_tx_queue **chosen)
{
	struct net_tx_queue *queue = tx_choose(device);
	struct packet *frame;
	bool mine;

	*chosen = queue;
	spin_lock(&queue->lock);
	while (frames->first && !device->closed && device->started &&
	       queue->frames.count < device->tx_queue_length &&
	       queue->frames.bytes < QUEUE_BYTES_MAX) {
		frame = packet_list_take(frames);
		packet_list_add(&queue->frames, frame);
	}
	queue->counts.dropped += frames->count;
	mine = tx_begin_locked(device, queue);
	spin_unlock(&queue->lock);
	return mine;
}

/* Those that no device may send are dropped. @return 0, -EINVAL, -EMSGSIZE */
static int net_check(const struct net_device *device, struct packet_list *frames)
{
	struct packet_list good = { 0 };
	struct packet *frame;
	int result = 0;

	while ((frame = packet_list_take(frames))) {
		int err = 0;

		frame->interface = device->index;
		if (frame->length < ETHERNET_BYTES)
			err = -EINVAL;
		else if (frame_is_too_long(device, frame))
			err = -EMSGSIZE;
		if (!err) {
			packet_list_add(&good, frame);
			continue;
		}
		packet_free(frame);
		result = err;
	}
	*frames = good;
	return result;
}

static int net_prepare(struct net_device *device, struct packet_list *frames,
		       struct packet_list *ready)
{
	struct packet *frame;
	int result = 0;

	while ((frame = packet_list_take(frames))) {
		int err = -ENOBUFS;

		frame = frame_for_device(device, frame);
		if (frame)
			err = frame_prepare(device, frame, ready);
		if (err)
			result = err;
	}
	return result;
}

/* In an RCU section. @mine: should tx_run() be called for *@queue? */
static int net_send(struct net_device *device, struct packet_list *frames,
		    struct packet_list *ready, struct net_tx_queue **queue, bool *mine)
{
	int err = net_check(device, frames), late;

	net_taps_outgoing(frames);
	if (device->methods->send) {
		device->methods->send(device, frames);
		return err;
	}
	late = net_prepare(device, frames, ready);
	*mine = tx_enqueue(device, ready, queue);
	if (ready->first && !late)
		late = -ENOBUFS;
	if (err)
		return err;
	return late;
}

int net_transmit(u32 index, struct packet_list *frames)
{
	if (net_hooks_at(BANOS_HOOK_TRANSMIT)) {
		for (struct packet *frame = frames->first; frame; frame = frame->next)
			frame->interface = index;
		net_hooks_run(BANOS_HOOK_TRANSMIT, index, frames);
	}
	return net_transmit_unhooked(index, frames);
}

int net_transmit_unhooked(u32 index, struct packet_list *frames)
{
	struct packet_list ready = { 0 };
	struct net_tx_queue *queue = NULL;
	struct net_device *device;
	bool mine = false;
	int err = 0;

	rcu_read_lock();
	device = net_device_find(index);
	if (!device)
		err = -ENODEV;
	else if (!(READ_ONCE(device->flags) & BANOS_INTERFACE_UP))
		err = -ENETDOWN;
	if (!err)
		err = net_send(device, frames, &ready, &queue, &mine);
	rcu_read_unlock();
	packets_free(frames);
	packets_free(&ready);
	if (mine)
		tx_run(device, queue);
	return err;
}
