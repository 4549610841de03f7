/* SPDX-License-Identifier: MIT */
/* Requests of Virtio's block device: disk.h. */
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/string.h>
#include <banos/time.h>
#include "disk.h"

/* Types of requests: 5.2.6. */
#define TYPE_IN		  0u
#define TYPE_OUT	  1u
#define TYPE_FLUSH	  4u
#define TYPE_GET_ID	  8u
#define TYPE_DISCARD	  11u
#define TYPE_WRITE_ZEROES 13u

#define STATUS_OK	   0u
#define STATUS_UNSUPPORTED 2u
#define STATUS_UNKNOWN	   0xffu /* until the device writes it */
#define RANGE_UNMAP	   1u

#define SECTOR_SHIFT 9
#define HEAD_BYTES   16u
#define RANGE_BYTES  16u
#define SERIAL_BYTES 20u
#define SERIAL_LIMIT (2 * BANOS_S)
#define COMPLETIONS  32u
#define PLACE_RANGE  offsetof(struct disk_place, range_sector)
#define PLACE_STATUS offsetof(struct disk_place, status)

/* ---- making a batch ---- */

static void segment_append(struct disk_queue *queue, uint64_t address, uint32_t length)
{
	queue->segments[queue->segment_count++] =
		(struct virtio_segment){ .address = address, .length = length };
}

static void buffer_append(struct disk_queue *queue, uint32_t tag, uint32_t first, uint32_t writable)
{
	queue->buffers[queue->count++] = (struct virtio_buffer){
		.tag = tag,
		.segments = queue->segment_count - first,
		.writable = writable,
	};
}

static struct disk_place *place_begin(struct disk_queue *queue, uint32_t tag, uint32_t type,
				      uint64_t sector)
{
	struct disk_place *place = &queue->places[tag];

	place->type = type;
	place->reserved = 0;
	place->sector = sector;
	place->status = STATUS_UNKNOWN;
	return place;
}

static uint64_t place_address(const struct disk_queue *queue, uint32_t tag)
{
	return queue->address + tag * sizeof(struct disk_place);
}

/*
 * The pieces of a buffer are written as the segments that they become: a piece of less than 4 GiB, which
 * a request's always is, has the same layout.
 */
BANOS_ASSERT(sizeof(struct banos_segment) == sizeof(struct virtio_segment), disk_segments_alike);

/* @return 0, or the error of this request */
static int64_t request_put_data(struct disk *disk, struct disk_queue *queue,
				const struct banos_block_request *request, uint64_t sector)
{
	uint32_t first = queue->segment_count, is_read = request->operation == BANOS_BLOCK_READ;
	uint64_t address = place_address(queue, request->tag);
	int64_t pieces;

	pieces = banos_buffer_map(request->buffer,
				  (struct banos_segment *)&queue->segments[first + 1],
				  disk->format.segments_max, sizeof(struct banos_segment));
	if (pieces <= 0)
		return pieces ? pieces : -EINVAL;
	place_begin(queue, request->tag, is_read ? TYPE_IN : TYPE_OUT, sector);
	segment_append(queue, address, HEAD_BYTES);
	queue->segment_count += (uint32_t)pieces;
	segment_append(queue, address + PLACE_STATUS, 1);
	buffer_append(queue, request->tag, first, is_read ? (uint32_t)pieces + 1 : 1);
	return 0;
}

static void request_put_flush(struct disk_queue *queue, uint32_t tag)
{
	uint32_t first = queue->segment_count;
	uint64_t address = place_address(queue, tag);

	place_begin(queue, tag, TYPE_FLUSH, 0);
	segment_append(queue, address, HEAD_BYTES);
	segment_append(queue, address + PLACE_STATUS, 1);
	buffer_append(queue, tag, first, 1);
}

static void request_put_range(const struct disk *disk, struct disk_queue *queue,
			      const struct banos_block_request *request, uint64_t sector)
{
	uint32_t first = queue->segment_count,
		 is_discard = request->operation == BANOS_BLOCK_DISCARD;
	uint64_t address = place_address(queue, request->tag);
	struct disk_place *place =
		place_begin(queue, request->tag, is_discard ? TYPE_DISCARD : TYPE_WRITE_ZEROES, 0);

	place->range_sector = sector;
	place->range_sectors =
		(uint32_t)(request->count << (disk->format.block_shift - SECTOR_SHIFT));
	place->range_flags = 0;
	if (!is_discard && request->flags & BANOS_BLOCK_UNMAP)
		place->range_flags = RANGE_UNMAP;
	segment_append(queue, address, HEAD_BYTES + RANGE_BYTES);
	segment_append(queue, address + PLACE_STATUS, 1);
	buffer_append(queue, request->tag, first, 1);
}

/* @return 0, or the error of this request */
static int64_t disk_request_put(struct disk *disk, struct disk_queue *queue,
				const struct banos_block_request *request)
{
	uint64_t sector = request->first << (disk->format.block_shift - SECTOR_SHIFT);

	switch (request->operation) {
	case BANOS_BLOCK_READ:
	case BANOS_BLOCK_WRITE: return request_put_data(disk, queue, request, sector);
	case BANOS_BLOCK_FLUSH: request_put_flush(queue, request->tag); return 0;
	case BANOS_BLOCK_DISCARD:
	case BANOS_BLOCK_WRITE_ZEROES: request_put_range(disk, queue, request, sector); return 0;
	default: return -EOPNOTSUPP;
	}
}

/* ---- submitting ---- */

/* Give the batch to the device. @return how many requests it took, or an error */
static int64_t batch_give(struct disk *disk, struct disk_queue *queue)
{
	int64_t taken = 0;

	if (queue->count)
		taken = virtio_queue_add_many(disk->device, queue->number, queue->buffers,
					      queue->count, queue->segments, queue->segment_count);
	return taken;
}

static void batch_begin(struct disk_queue *queue)
{
	queue->count = queue->segment_count = 0;
}

static int batch_is_full(const struct disk *disk, const struct disk_queue *queue)
{
	return queue->count == BATCH ||
	       queue->segment_count + disk->format.segments_max + EXTRA_SEGMENTS > BATCH_SEGMENTS;
}

static void disk_refuse(struct disk *disk, const struct disk_queue *queue, uint32_t tag,
			int64_t error)
{
	struct banos_block_completion completion = { .tag = tag, .error = (int32_t)error };

	banos_block_complete(disk->block, queue->number, &completion, 1, sizeof(completion));
}

/*
 * Requests that are refused alone end here at once. They count as taken, so that a batch ends before
 * such a request: what the device does not take of it is a tail of what was submitted.
 */
static int64_t disk_submit(void *context, uint32_t number,
			   const struct banos_block_request *requests, uint32_t count,
			   uint32_t stride)
{
	struct disk *disk = context;
	struct disk_queue *queue = disk->queues[number];
	uint32_t done = 0, next = 0;

	while (next < count) {
		const struct banos_block_request *request = NULL;
		int64_t error = 0, taken;

		batch_begin(queue);
		while (next < count && !error && !batch_is_full(disk, queue)) {
			request = (const void *)((const char *)requests + (uint64_t)next * stride);
			error = disk_request_put(disk, queue, request);
			next += !error;
		}
		taken = batch_give(disk, queue);
		if (taken < 0)
			return done ? done : taken;
		done += (uint32_t)taken;
		if ((uint32_t)taken < queue->count || error == -ENOMEM)
			break;
		if (error) {
			disk_refuse(disk, queue, request->tag, error);
			next++;
			done++;
		}
	}
	return done;
}

/* ---- completions ---- */

static int32_t place_error(const struct disk_place *place)
{
	switch (*(const volatile uint8_t *)&place->status) {
	case STATUS_OK: return 0;
	case STATUS_UNSUPPORTED: return -EOPNOTSUPP;
	default: return -EIO;
	}
}

void disk_complete(struct disk *disk, uint32_t number)
{
	struct disk_queue *queue = disk->queues[number];
	struct virtio_completion from[COMPLETIONS];
	struct banos_block_completion to[COMPLETIONS];
	int64_t count;

	do {
		count = virtio_queue_take(disk->device, number, from, COMPLETIONS);
		for (int64_t i = 0; i < count; i++) {
			to[i].tag = (uint32_t)from[i].tag;
			to[i].error = place_error(&queue->places[from[i].tag]);
		}
		if (count > 0)
			banos_block_complete(disk->block, number, to, (uint32_t)count,
					     sizeof(to[0]));
	} while (count == COMPLETIONS);
}

/* ---- what is overdue ---- */

/* The answer may have come, unheard; a device that works gets the same time once more. */
static int64_t disk_timeout(void *context, uint32_t queue, uint32_t tag)
{
	struct disk *disk = context;
	int64_t error = virtio_check(disk->device);

	if (!error)
		disk_complete(disk, queue);
	banos_warning(disk->device, "queue %u: request %u is overdue (device: %d)", queue, tag,
		      (int)error);
	return error;
}

static int64_t disk_reset(void *context)
{
	struct disk *disk = context;
	int64_t error = virtio_stop(disk->device);

	if (!error)
		error = disk_start(disk);
	if (error)
		banos_error(disk->device, "cannot be reset (error %d)", (int)error);
	else
		banos_warning(disk->device, "was reset");
	return error;
}

const struct banos_block_ops disk_ops = {
	.size = sizeof(disk_ops),
	.submit = disk_submit,
	.timeout = disk_timeout,
	.reset = disk_reset,
};

/* ---- the serial number ---- */

/* The interrupt's function does nothing before the disk is registered. */
static int64_t serial_wait(struct disk *disk)
{
	uint64_t limit_ns = banos_time_ns() + SERIAL_LIMIT;
	struct virtio_completion completion;
	int64_t count;

	do {
		count = virtio_queue_take(disk->device, 0, &completion, 1);
		if (count < 0)
			return count;
		if (count)
			return virtio_queue_take(disk->device, 0, &completion, 1);
		banos_sleep_until(banos_time_ns() + BANOS_MS, BANOS_UNINTERRUPTIBLE);
	} while (banos_time_ns() < limit_ns);
	return -EIO;
}

int64_t disk_read_serial(struct disk *disk, char *text)
{
	struct disk_queue *queue = disk->queues[0];
	struct disk_place *place = place_begin(queue, 0, TYPE_GET_ID, 0);
	int64_t result;

	batch_begin(queue);
	memset(&place->range_sector, 0, SERIAL_BYTES);
	segment_append(queue, queue->address, HEAD_BYTES);
	segment_append(queue, queue->address + PLACE_RANGE, SERIAL_BYTES);
	segment_append(queue, queue->address + PLACE_STATUS, 1);
	buffer_append(queue, 0, 0, 2);
	result = batch_give(disk, queue);
	if (result == 1)
		result = serial_wait(disk);
	if (result)
		return result < 0 ? result : -EIO;
	if (!place_error(place))
		memcpy(text, &place->range_sector, SERIAL_BYTES);
	text[SERIAL_BYTES] = 0;
	for (uint32_t i = 0; i < SERIAL_BYTES && text[i]; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	return 0;
}
