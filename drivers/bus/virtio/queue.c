/* SPDX-License-Identifier: MIT */
/* Queues: what clients give to the device and take from it, in rings (ring.h). */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include "device.h"

#define TABLES		    16u /* of a queue whose buffers have many segments */
#define LEGACY_ADDRESS_BITS 44

/* ---- creation ---- */

static uint32_t queue_kinds(const struct virtio_device *device)
{
	uint32_t kinds = device->ports ? RING_LEGACY : 0;

	if (feature_is_accepted(device, FEATURE_EVENT_INDEX))
		kinds |= RING_EVENTS;
	if (feature_is_accepted(device, FEATURE_PACKED))
		kinds |= RING_PACKED;
	return kinds;
}

/* Without tables chains are shorter. */
static void queue_allocate_tables(struct virtio_device *device, struct virtio_queue *queue,
				  struct ring_config *ring, uint32_t segments)
{
	struct banos_dma_config config = {
		.size = sizeof(config),
		.bytes = (uint64_t)TABLES * segments * sizeof(struct ring_descriptor),
	};

	if (segments <= RING_DIRECT_MAX || !feature_is_accepted(device, FEATURE_INDIRECT))
		return;
	if (banos_dma_alloc(device->pci, &config, &queue->tables_dma, &ring->tables,
			    &ring->tables_address)) {
		queue->tables_dma = NULL;
		return;
	}
	ring->table_count = TABLES;
	ring->table_entries = segments;
}

static int64_t queue_allocate(struct virtio_device *device, struct virtio_queue *queue,
			      uint32_t size, uint32_t segments, struct queue_place *place)
{
	struct ring_config ring = { .size = size, .kinds = queue_kinds(device) };
	struct banos_dma_config config = { .size = sizeof(config) };
	struct ring_layout layout;
	uint64_t address;
	int64_t error;

	if (segments & VIRTIO_LENGTHS_CUT)
		ring.kinds |= RING_CUT;
	ring_lay_out(size, ring.kinds, &layout);
	config.bytes = layout.bytes;
	config.alignment = layout.alignment;
	if (ring.kinds & RING_LEGACY)
		config.address_bits = LEGACY_ADDRESS_BITS;
	queue->slots = banos_alloc(device->pci, (uint64_t)size * sizeof(*queue->slots), 0);
	if (!queue->slots)
		return -ENOMEM;
	error = banos_dma_alloc(device->pci, &config, &queue->dma, &ring.memory, &address);
	if (error) {
		banos_free(device->pci, queue->slots);
		queue->slots = NULL;
		return error;
	}
	ring.slots = queue->slots;
	queue_allocate_tables(device, queue, &ring, segments & ~VIRTIO_LENGTHS_CUT);
	ring_init(&queue->ring, &ring);
	*place = (struct queue_place){ .size = size,
				       .descriptors = address,
				       .available = address + layout.available,
				       .used = address + layout.used };
	return 0;
}

static void queue_release(struct virtio_device *device, struct virtio_queue *queue)
{
	if (!queue->slots)
		return;
	banos_dma_free(queue->dma);
	if (queue->tables_dma)
		banos_dma_free(queue->tables_dma);
	queue->tables_dma = NULL;
	banos_free(device->pci, queue->slots);
	queue->slots = NULL;
}

static void queue_set_live(struct virtio_queue *queue, uint32_t live)
{
	banos_spin_lock(&queue->lock);
	queue->live = live;
	banos_spin_unlock(&queue->lock);
}

int64_t queue_create(struct virtio_device *device, uint32_t index, uint32_t size, uint32_t segments)
{
	struct virtio_queue *queue = &device->queues[index];
	uint32_t offered, wanted = size;
	struct queue_place place;
	int64_t error;

	if (index >= device->queue_count || !size || !segments)
		return -EINVAL;
	if (queue->slots)
		return -EEXIST;
	offered = device->transport->queue_size(device, index);
	if (device->ports) /* the size cannot be chosen */
		size = offered;
	size = ring_choose_size(offered, size);
	if (!size)
		return -ENOENT;
	error = queue_allocate(device, queue, size, segments, &place);
	if (error)
		return error;
	queue->vector = interrupt_of_queue(device, index);
	error = device->transport->enable_queue(device, index, &place,
						device->by_line ? NO_VECTOR : queue->vector);
	if (error) /* its memory stays until the device was reset */
		return error;
	queue_set_live(queue, 1);
	return size < wanted ? size : wanted;
}

void queues_withdraw(struct virtio_device *device)
{
	for (uint32_t i = 0; i < device->queue_count; i++)
		queue_set_live(&device->queues[i], 0);
}

void queues_free(struct virtio_device *device)
{
	for (uint32_t i = 0; i < device->queue_count; i++)
		queue_release(device, &device->queues[i]);
	device->queue_count = 0;
}

void queues_abandon(struct virtio_device *device)
{
	for (uint32_t i = 0; i < device->queue_count; i++) {
		banos_free(device->pci, device->queues[i].slots);
		device->queues[i].slots = NULL;
		device->queues[i].tables_dma = NULL;
	}
	device->queue_count = 0;
}

int queue_has_used(struct virtio_queue *queue)
{
	int has = 0;

	banos_spin_lock(&queue->lock);
	if (queue->live)
		has = ring_has_used(&queue->ring);
	banos_spin_unlock(&queue->lock);
	return has;
}

/* ---- what the device wrote wrong ---- */

static void queue_report_fault(struct virtio_device *device, uint32_t index,
			       const struct ring_fault *fault)
{
	unsigned long long limit = fault->limit;

	switch (fault->kind) {
	case RING_FAULT_INDEX:
		device_fail(
			device,
			"queue %u: the device wrote index %u into the used ring, expected at most %llu: it is not used any more",
			index, fault->value, limit);
		break;
	case RING_FAULT_ID:
		device_fail(
			device,
			"queue %u: the device returned buffer %u, which it does not have (of 0 to %llu): it is not used any more",
			index, fault->value, limit);
		break;
	default:
		device_fail(
			device,
			"queue %u: the device wrote %u bytes into a buffer of %llu: it is not used any more",
			index, fault->value, limit);
	}
}

/* ---- for clients; any context ---- */

/* @return the queue, locked; NULL: -EINVAL, -EIO or -ENODEV is in *@error */
static struct virtio_queue *queue_lock_live(struct virtio_device *device, uint32_t index,
					    int64_t *error)
{
	struct virtio_queue *queue;

	*error = -EINVAL;
	if (index >= VIRTIO_QUEUES_MAX)
		return NULL;
	*error = -EIO;
	if (__atomic_load_n(&device->failed, __ATOMIC_SEQ_CST))
		return NULL;
	queue = &device->queues[index];
	banos_spin_lock(&queue->lock);
	if (queue->live)
		return queue;
	banos_spin_unlock(&queue->lock);
	*error = -EINVAL;
	return NULL;
}

static int64_t queue_error(int result)
{
	switch (result) {
	case RING_OK: return 0;
	case RING_FULL: return -ENOSPC;
	case RING_INVALID: return -EINVAL;
	default: return -EIO;
	}
}

BANOS_ASSERT(sizeof(struct virtio_segment) == sizeof(struct ring_segment), segments_alike);
BANOS_ASSERT(offsetof(struct virtio_segment, length) == offsetof(struct ring_segment, length),
	     segments_alike_too);

/* Segments of clients are those of rings, which read them once: the client may change its memory meanwhile. */
static int queue_add_locked(struct virtio_queue *queue, const struct virtio_segment *segments,
			    uint32_t count, uint32_t writable, uint64_t tag)
{
	return ring_add(&queue->ring, (const struct ring_segment *)segments, count, writable, tag);
}

int64_t device_queue_add(struct virtio_device *device, uint32_t index,
			 const struct virtio_segment *segments, uint32_t count, uint32_t writable,
			 uint64_t tag)
{
	struct virtio_queue *queue;
	int64_t error;
	int result;

	queue = queue_lock_live(device, index, &error);
	if (!queue)
		return error;
	result = queue_add_locked(queue, segments, count, writable, tag);
	banos_spin_unlock(&queue->lock);
	return queue_error(result);
}

/* Lock held. */
static void queue_notify_locked(struct virtio_device *device, struct virtio_queue *queue,
				uint32_t index)
{
	if (!ring_needs_notification(&queue->ring))
		return;
	if (queue->notify) /* the usual case is not an indirect call */
		banos_mmio_write16(queue->notify, (uint16_t)index);
	else
		device->transport->notify(device, index);
}

int64_t device_queue_add_many(struct virtio_device *device, uint32_t index,
			      const struct virtio_buffer *buffers, uint32_t count,
			      const struct virtio_segment *segments, uint32_t segment_count)
{
	int64_t error;
	struct virtio_queue *queue = queue_lock_live(device, index, &error);
	uint32_t added = 0;
	int result = RING_OK;

	if (!queue)
		return error;
	while (added < count) {
		const volatile struct virtio_buffer *buffer = &buffers[added];
		uint32_t needed = buffer->segments;

		result = RING_INVALID;
		if (needed > segment_count)
			break;
		result = queue_add_locked(queue, segments, needed, buffer->writable, buffer->tag);
		if (result != RING_OK)
			break;
		segments += needed;
		segment_count -= needed;
		added++;
	}
	queue_notify_locked(device, queue, index);
	banos_spin_unlock(&queue->lock);
	if (added || result == RING_FULL)
		return added;
	return queue_error(result);
}

int64_t device_queue_notify(struct virtio_device *device, uint32_t index)
{
	int64_t error;
	struct virtio_queue *queue = queue_lock_live(device, index, &error);

	if (!queue)
		return error;
	queue_notify_locked(device, queue, index);
	banos_spin_unlock(&queue->lock);
	return 0;
}

int64_t device_queue_take(struct virtio_device *device, uint32_t index,
			  struct virtio_completion *completions, uint32_t count)
{
	int64_t error;
	struct virtio_queue *queue = queue_lock_live(device, index, &error);
	struct ring_completion completion;
	struct ring_fault fault = { 0 };
	uint32_t taken = 0;
	int result = RING_OK;

	if (!queue)
		return error;
	while (taken < count) {
		result = ring_take(&queue->ring, &completion);
		if (result != RING_OK)
			break;
		completions[taken++] = (struct virtio_completion){ .tag = completion.tag,
								   .length = completion.length };
	}
	fault = queue->ring.fault;
	banos_spin_unlock(&queue->lock);
	if (result == RING_BROKEN)
		queue_report_fault(device, index, &fault);
	if (result == RING_BROKEN && !taken)
		return -EIO;
	return taken;
}
