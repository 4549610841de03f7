/* SPDX-License-Identifier: MIT */
/* Requests of SCSI units: scsi.h. */
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/string.h>
#include "scsi.h"

#define TAKEN 32u

#define SCSI_RECOVERED 1u
#define SCSI_ILLEGAL   5u

void scsi_place_begin(struct scsi_host *host, uint32_t tag, uint32_t target, uint32_t lun)
{
	struct scsi_place *place = scsi_place(host, tag);

	memset(place, 0, sizeof(*place));
	place->lun[0] = 1;
	place->lun[1] = (uint8_t)target;
	place->lun[2] = (uint8_t)(0x40 | lun >> 8);
	place->lun[3] = (uint8_t)lun;
	place->id = tag;
	place->response = 0xff; /* until the device writes it */
}

/* ---- making one ---- */

static void scsi_append(struct scsi_batch *batch, uint64_t address, uint32_t length)
{
	batch->segments[batch->buffer.segments++] =
		(struct virtio_segment){ .address = address, .length = length };
}

BANOS_ASSERT(sizeof(struct banos_segment) == sizeof(struct virtio_segment), scsi_segments_alike);

/* @return 0, or the error of this request */
static int64_t unit_put_data(struct scsi_unit *unit, struct scsi_batch *batch,
			     const struct banos_block_request *request, uint32_t tag)
{
	uint64_t address = scsi_place_address(unit->host, tag);
	uint32_t is_read = request->operation == BANOS_BLOCK_READ;
	struct virtio_segment *data;
	int64_t pieces;

	if (is_read)
		scsi_append(batch, address + PLACE_ANSWER, PLACE_ANSWER_BYTES);
	data = &batch->segments[batch->buffer.segments];
	pieces = banos_buffer_map(request->buffer, (struct banos_segment *)data,
				  unit->host->segments_max, sizeof(struct banos_segment));
	if (!pieces)
		return -EINVAL;
	if (pieces < 0)
		return pieces;
	batch->buffer.segments += (uint32_t)pieces;
	batch->buffer.writable = 1;
	if (is_read)
		batch->buffer.writable += (uint32_t)pieces;
	else
		scsi_append(batch, address + PLACE_ANSWER, PLACE_ANSWER_BYTES);
	scsi_make_transfer(scsi_place(unit->host, tag)->cdb, !is_read,
			   request->flags & BANOS_BLOCK_FUA, request->first,
			   (uint32_t)request->count);
	return 0;
}

static int64_t unit_put(struct scsi_unit *unit, struct scsi_batch *batch,
			const struct banos_block_request *request)
{
	uint32_t tag = unit->index * UNIT_DEPTH + request->tag;
	uint64_t address = scsi_place_address(unit->host, tag);
	struct scsi_place *place = scsi_place(unit->host, tag);

	scsi_place_begin(unit->host, tag, unit->target, unit->lun);
	batch->buffer = (struct virtio_buffer){ .tag = tag, .writable = 1 };
	scsi_append(batch, address, PLACE_COMMAND_BYTES);
	switch (request->operation) {
	case BANOS_BLOCK_READ:
	case BANOS_BLOCK_WRITE: return unit_put_data(unit, batch, request, tag);
	case BANOS_BLOCK_FLUSH: scsi_make_synchronize(place->cdb); break;
	case BANOS_BLOCK_DISCARD:
		scsi_make_unmap(place->cdb, place->list, request->first, (uint32_t)request->count);
		scsi_append(batch, address + offsetof(struct scsi_place, list),
			    sizeof(place->list));
		break;
	default: return -EOPNOTSUPP;
	}
	scsi_append(batch, address + PLACE_ANSWER, PLACE_ANSWER_BYTES);
	return 0;
}

/* @return 1: the device has it; 0: its queue is full; or an error of the device */
static int64_t unit_send(struct scsi_unit *unit, struct scsi_batch *batch)
{
	int64_t taken;

	__atomic_add_fetch(&unit->out, 1, __ATOMIC_RELAXED);
	taken = virtio_queue_add_many(unit->host->device, QUEUE_REQUESTS, &batch->buffer, 1,
				      batch->segments, batch->buffer.segments);
	if (taken != 1)
		__atomic_sub_fetch(&unit->out, 1, __ATOMIC_RELAXED);
	return taken;
}

static void unit_complete(struct scsi_unit *unit, uint32_t tag, int64_t error)
{
	struct banos_block_completion completion = { .tag = tag, .error = (int32_t)error };
	banos_block block = __atomic_load_n(&unit->block, __ATOMIC_ACQUIRE);

	if (block)
		banos_block_complete(block, 0, &completion, 1, sizeof(completion));
}

static int64_t unit_submit(void *context, uint32_t queue,
			   const struct banos_block_request *requests, uint32_t count,
			   uint32_t stride)
{
	struct scsi_unit *unit = context;

	for (uint32_t i = 0; i < count; i++) {
		const struct banos_block_request *request =
			(const void *)((const char *)requests + (uint64_t)i * stride);
		int64_t error = unit_put(unit, &unit->batch, request);

		unit->requests[request->tag] = *request;
		unit->tries[request->tag] = unit->waits[request->tag] = 0;
		unit->late &= ~(1u << request->tag);
		if (error == -ENOMEM)
			return i;
		if (error) {
			unit_complete(unit, request->tag, error);
			continue;
		}
		error = unit_send(unit, &unit->batch);
		if (error < 0 && !i)
			return error;
		if (error != 1)
			return i;
	}
	return count;
}

/* ---- answers ---- */

/* @return what became of it; it is to be sent again: -EAGAIN: at once; -EBUSY: after a pause */
static int64_t place_result(const struct scsi_place *place,
			    const struct banos_block_request *request)
{
	struct scsi_sense sense;
	uint32_t bytes = place->sense_bytes;

	if (place->response == RESPONSE_BUSY)
		return -EBUSY;
	if (place->response != RESPONSE_OK)
		return -EIO;
	if (place->status == STATUS_BUSY || place->status == STATUS_FULL)
		return -EBUSY;
	if (place->status == STATUS_GOOD && request->buffer && place->residual)
		return -EIO;
	if (place->status == STATUS_GOOD)
		return 0;
	if (place->status != STATUS_CHECK)
		return -EIO;
	if (bytes > sizeof(place->sense))
		bytes = sizeof(place->sense);
	scsi_parse_sense(place->sense, bytes, &sense);
	if (sense.key == SCSI_ATTENTION)
		return -EAGAIN;
	if (sense.key == SCSI_RECOVERED)
		return 0;
	if (sense.key == SCSI_ILLEGAL && request->operation == BANOS_BLOCK_DISCARD)
		return -EOPNOTSUPP;
	return -EIO;
}

static void unit_send_later(struct scsi_unit *unit, uint32_t number)
{
	uint32_t shift = unit->waits[number];

	if (shift < PAUSE_SHIFT)
		unit->waits[number]++;
	__atomic_fetch_or(&unit->again, 1u << number, __ATOMIC_RELEASE);
	scsi_pause(unit->host, shift);
}

/* Without requests that are out the work item may free the unit: their count is accessed last. */
static void unit_take(struct scsi_host *host, uint32_t tag)
{
	struct scsi_unit *unit = host->units[tag / UNIT_DEPTH];
	uint32_t number = tag % UNIT_DEPTH;
	int64_t result;

	if (!unit)
		return;
	result = place_result(scsi_place(host, tag), &unit->requests[number]);
	if (result == -EAGAIN && unit->tries[number]++ == TRIES_MAX)
		result = -EIO;
	if (result == -EAGAIN) {
		__atomic_fetch_or(&unit->again, 1u << number, __ATOMIC_RELEASE);
		banos_work_queue(host->work);
	} else if (result == -EBUSY) {
		unit_send_later(unit, number);
	} else {
		unit_complete(unit, number, result);
	}
	__atomic_sub_fetch(&unit->out, 1, __ATOMIC_RELEASE);
}

void scsi_collect(struct scsi_host *host)
{
	struct virtio_completion from[TAKEN];
	int64_t count;

	do {
		count = virtio_queue_take(host->device, QUEUE_REQUESTS, from, TAKEN);
		for (int64_t i = 0; i < count; i++) {
			if (from[i].tag < COMMAND_PLACE)
				unit_take(host, (uint32_t)from[i].tag);
			else
				__atomic_store_n(&host->is_done[from[i].tag - COMMAND_PLACE], 1,
						 __ATOMIC_RELEASE);
		}
	} while (count == TAKEN);
}

static void unit_send_again(struct scsi_unit *unit, uint32_t tag)
{
	struct scsi_host *host = unit->host;
	int64_t error = unit_put(unit, &host->batch, &unit->requests[tag]), sent = 1;

	if (!error)
		sent = unit_send(unit, &host->batch);
	if (sent < 0)
		error = sent;
	if (error)
		unit_complete(unit, tag, error);
	else if (!sent)
		__atomic_fetch_or(&unit->again, 1u << tag, __ATOMIC_RELEASE);
}

void scsi_send_again(struct scsi_host *host)
{
	uint32_t left = 0;

	for (uint32_t i = 0; i < UNITS; i++) {
		struct scsi_unit *unit = host->units[i];
		uint32_t again = 0;

		if (unit && unit->block)
			again = __atomic_exchange_n(&unit->again, 0, __ATOMIC_ACQUIRE);
		for (uint32_t tag = 0; again >> tag; tag++)
			if (again >> tag & 1)
				unit_send_again(unit, tag);
		if (again)
			left |= unit->again;
	}
	if (left)
		scsi_pause(host, 0);
}

/* The answer may have come, unheard; a device that works gets the same time once more, but not a unit that was busy all the time. */
static int64_t unit_timeout(void *context, uint32_t queue, uint32_t tag)
{
	struct scsi_unit *unit = context;
	int64_t error = virtio_check(unit->host->device);

	if (!error)
		scsi_collect(unit->host);
	banos_warning(unit->host->device, "unit %u:%u: request %u is overdue (device: %d)",
		      unit->target, unit->lun, tag, (int)error);
	if (!error && __atomic_fetch_and(&unit->again, ~(1u << tag), __ATOMIC_ACQUIRE) >> tag & 1) {
		unit_complete(unit, tag, -EIO);
		return 0;
	}
	if (!error && unit->late >> tag & 1)
		error = -ETIMEDOUT;
	unit->late |= 1u << tag;
	return error;
}

const struct banos_block_ops scsi_unit_ops = {
	.size = sizeof(scsi_unit_ops),
	.submit = unit_submit,
	.timeout = unit_timeout,
};
