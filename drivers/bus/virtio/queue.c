/* SPDX-License-Identifier: MIT */
/* Queues: what clients give to the device and take from it, in rings (ring.h). */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include "device.h"

/* ---- creation ---- */

static int64_t queue_allocate(struct virtio_device *device, struct virtio_queue *queue,
			      uint32_t size, uint64_t *address)
{
	struct banos_dma_config config = {
		.size = sizeof(config),
		.bytes = ring_bytes(size),
		.alignment = RING_ALIGNMENT,
	};
	void *memory;
	int64_t error;

	queue->slots = banos_alloc(device->pci, (uint64_t)size * sizeof(*queue->slots), 0);
	if (!queue->slots)
		return -ENOMEM;
	error = banos_dma_alloc(device->pci, &config, &queue->dma, &memory, address);
	if (error) {
		banos_free(device->pci, queue->slots);
		queue->slots = NULL;
		return error;
	}
	ring_init(&queue->ring, size, memory, queue->slots,
		  feature_is_accepted(device, FEATURE_EVENT_INDEX));
	return 0;
}

static void queue_release(struct virtio_device *device, struct virtio_queue *queue)
{
	if (!queue->slots)
		return;
	banos_dma_free(queue->dma);
	banos_free(device->pci, queue->slots);
	queue->slots = NULL;
}

static void queue_set_live(struct virtio_queue *queue, uint32_t live)
{
	banos_spin_lock(&queue->lock);
	queue->live = live;
	banos_spin_unlock(&queue->lock);
}

int64_t queue_create(struct virtio_device *device, uint32_t index, uint32_t size)
{
	struct virtio_queue *queue = &device->queues[index];
	uint64_t address;
	uint32_t most;
	int64_t error;

	if (index >= device->queue_count || !size)
		return -EINVAL;
	if (queue->slots)
		return -EEXIST;
	most = transport_queue_size(device, index, &queue->notify);
	size = ring_choose_size(most, size);
	if (!size)
		return -ENOENT;
	error = queue_allocate(device, queue, size, &address);
	if (error)
		return error;
	queue->vector = interrupt_of_queue(device, index);
	error = transport_queue_enable(device, index, size, address, queue->vector);
	if (error) /* its memory stays until the device was reset */
		return error;
	queue_set_live(queue, 1);
	return size;
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

int64_t device_queue_add(struct virtio_device *device, uint32_t index,
			 const struct virtio_segment *segments, uint32_t count, uint32_t writable,
			 uint64_t tag)
{
	struct ring_segment copy[VIRTIO_SEGMENTS_MAX];
	struct virtio_queue *queue;
	int64_t error;
	int result;

	if (count > VIRTIO_SEGMENTS_MAX)
		return -EINVAL;
	/* The client may change its memory meanwhile. */
	for (uint32_t i = 0; i < count; i++)
		copy[i] = (struct ring_segment){ segments[i].address, segments[i].length };
	queue = queue_lock_live(device, index, &error);
	if (!queue)
		return error;
	result = ring_add(&queue->ring, copy, count, writable, tag);
	banos_spin_unlock(&queue->lock);
	switch (result) {
	case RING_OK: return 0;
	case RING_FULL: return -ENOSPC;
	case RING_INVALID: return -EINVAL;
	default: return -EIO;
	}
}

int64_t device_queue_notify(struct virtio_device *device, uint32_t index)
{
	int64_t error;
	struct virtio_queue *queue = queue_lock_live(device, index, &error);

	if (!queue)
		return error;
	if (ring_needs_notification(&queue->ring))
		banos_mmio_write16(queue->notify, (uint16_t)index);
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
