/* SPDX-License-Identifier: MIT */
/*
 * Virtio's entropy source: a source of random bytes, virtio_rng.N.
 *
 * One request is under way at most. What it brought waits in the buffer for the next call. A
 * request whose caller has been interrupted stays with the device, and serves the next one; the buffer is
 * freed only after the device was stopped.
 *
 * ->lock (mutex) guards what follows it. The callback takes it, so it is not held during virtio_check(), nor while a caller waits.
 *
 * Source: Virtio 1.1, 5.4.
 */
#include <banos/bus.h>
#include <banos/dma.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/lock.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/random_source.h>
#include <banos/string.h>
#include <banos/time.h>
#include <banos/wait.h>
#include "virtio.h"

#define REQUEST_QUEUE 0u
#define BUFFER_SIZE   4096u
#define LOOK_NS	      BANOS_S
#define EMPTY_MAX     16u /* answers without a byte, one behind the other */

struct rng {
	banos_owner device;
	uint32_t number; /* of virtio_rng.N */
	banos_callback callback;
	banos_dma dma;
	uint8_t *buffer;
	uint64_t address;
	struct banos_wait wait;
	struct banos_mutex lock;
	uint32_t is_requested; /* the device has the buffer */
	uint32_t begin, end;   /* of the bytes in the buffer that nobody has read */
	uint32_t empty_count;
	int64_t failed; /* 0, or the error of all calls from now on */
};

static uint32_t rng_numbers; /* those in use */

/* ---- requests; ->lock held ---- */

static void rng_fail(struct rng *rng, int64_t error)
{
	if (!rng->failed)
		rng->failed = error;
	banos_wait_wake(&rng->wait);
}

static void rng_request(struct rng *rng)
{
	struct virtio_segment segment = { .address = rng->address, .length = BUFFER_SIZE };
	int64_t error;

	if (rng->failed || rng->is_requested || rng->begin < rng->end)
		return;
	error = virtio_queue_add(rng->device, REQUEST_QUEUE, &segment, 1, 1, 0);
	if (!error) {
		rng->is_requested = 1;
		error = virtio_queue_notify(rng->device, REQUEST_QUEUE);
	}
	if (error)
		rng_fail(rng, error);
}

static void rng_complete(struct rng *rng, uint32_t length)
{
	rng->is_requested = 0;
	rng->begin = 0;
	rng->end = length;
	if (length) {
		rng->empty_count = 0;
	} else if (++rng->empty_count == EMPTY_MAX) {
		banos_error(rng->device, "the device has answered %u requests without a byte",
			    EMPTY_MAX);
		rng_fail(rng, -EIO);
	}
	banos_wait_wake(&rng->wait);
}

/* ---- called back ---- */

static int64_t rng_event(void *context, uint64_t event, uint64_t queue, uint64_t arg3,
			 uint64_t arg4, uint64_t arg5)
{
	struct virtio_completion completion;
	struct rng *rng = context;
	int64_t taken = -EIO;

	if (event == VIRTIO_EVENT_CONFIG) /* it has none */
		return 0;
	banos_mutex_lock(&rng->lock);
	if (event == VIRTIO_EVENT_QUEUE)
		while ((taken = virtio_queue_take(rng->device, REQUEST_QUEUE, &completion, 1)) == 1)
			rng_complete(rng, completion.length);
	if (taken < 0)
		rng_fail(rng, taken);
	banos_mutex_unlock(&rng->lock);
	return 0;
}

/* ---- filling ---- */

/* Nobody gets the same bytes again. @return bytes, 0: there are none yet, or an error */
static int64_t rng_read_some(struct rng *rng, banos_buffer to, uint64_t length)
{
	uint8_t *from = rng->buffer + rng->begin;
	int64_t copied;

	if (rng->begin == rng->end) {
		rng_request(rng);
		return rng->failed;
	}
	if (length > rng->end - rng->begin)
		length = rng->end - rng->begin;
	copied = banos_buffer_write(to, from, length);
	memset(from, 0, length);
	rng->begin += (uint32_t)length;
	return copied;
}

/* Wait until there may be bytes; now and then look whether the device works. */
static int64_t rng_wait(struct rng *rng, uint64_t ticket)
{
	int64_t error = banos_wait_sleep(&rng->wait, ticket, banos_time_ns() + LOOK_NS, 0);

	if (error == -ETIMEDOUT)
		error = virtio_check(rng->device);
	return error;
}

static int64_t rng_fill(void *context, banos_buffer to, uint64_t length, uint32_t flags)
{
	struct rng *rng = context;

	for (;;) {
		uint64_t ticket = banos_wait_ticket(&rng->wait);
		int64_t result = banos_mutex_lock(&rng->lock);

		if (result)
			return result;
		result = rng_read_some(rng, to, length);
		banos_mutex_unlock(&rng->lock);
		if (!result && flags & BANOS_RANDOM_NOWAIT)
			result = -EAGAIN;
		if (!result) {
			result = rng_wait(rng, ticket);
			if (!result)
				continue;
		}
		return result;
	}
}

static const struct banos_random_source_ops rng_ops = {
	.size = sizeof(rng_ops),
	.fill = rng_fill,
};

/* ---- the device ---- */

static int64_t rng_register(struct rng *rng)
{
	struct banos_random_source_config config = {
		.size = sizeof(config),
		.quality = BANOS_RANDOM_QUALITY_MAX,
		.context = rng,
		.ops = &rng_ops,
	};

	banos_format(config.name, sizeof(config.name), "virtio_rng.%u", rng->number);
	return banos_random_source_register(rng->device, &config, NULL);
}

static int64_t rng_open_device(struct rng *rng)
{
	struct virtio_config config = { .size = sizeof(config), .queues = 1 };
	struct banos_callback_config callback = {
		.size = sizeof(callback),
		.function = rng_event,
		.context = rng,
		.signature = "ii",
	};
	int64_t result = banos_callback_create(rng->device, &callback, &rng->callback);

	if (!result)
		result = virtio_open(rng->device, &config, rng->callback);
	if (!result)
		result = virtio_queue_create(rng->device, REQUEST_QUEUE, 1);
	if (result < 0)
		return result;
	return virtio_start(rng->device);
}

static int64_t rng_start(struct rng *rng)
{
	struct banos_dma_config memory = { .size = sizeof(memory), .bytes = BUFFER_SIZE };
	void *buffer;
	int64_t error = banos_mutex_init(rng->device, &rng->lock);

	if (!error)
		error = banos_wait_init(rng->device, &rng->wait);
	if (!error)
		error = banos_dma_alloc(rng->device, &memory, &rng->dma, &buffer, &rng->address);
	if (error)
		return error;
	rng->buffer = buffer;
	error = rng_open_device(rng);
	if (error)
		return error;
	return rng_register(rng);
}

static void rng_release_number(struct rng *rng)
{
	__atomic_fetch_and(&rng_numbers, ~(1u << rng->number), __ATOMIC_SEQ_CST);
}

static int64_t rng_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct rng *rng = banos_alloc(device, sizeof(*rng), 0);
	int64_t error;

	if (!rng)
		return -ENOMEM;
	*state = rng;
	rng->device = device;
	while (rng->number < 32 &&
	       __atomic_fetch_or(&rng_numbers, 1u << rng->number, __ATOMIC_SEQ_CST) >> rng->number &
		       1)
		rng->number++;
	if (rng->number == 32)
		return -ENOSPC;
	error = rng_start(rng);
	if (error)
		rng_release_number(rng);
	return error;
}

static int64_t rng_remove(void *context, banos_owner device, void *state)
{
	struct rng *rng = state;

	/* Otherwise the buffer stays, until the bus has stopped the device. */
	if (virtio_stop(device) != -EIO)
		banos_dma_free(rng->dma);
	banos_wait_destroy(&rng->wait);
	banos_mutex_destroy(&rng->lock);
	rng_release_number(rng);
	banos_free(device, rng);
	return 0;
}

static const struct banos_prober_ops rng_prober = {
	.size = sizeof(rng_prober),
	.probe = rng_probe,
	.remove = rng_remove,
};

static int64_t rng_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &rng_prober,
		.bus = "virtio",
	};

	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES("virtio:d00000004v*");
BANOS_DRIVER(virtiorng, "1.0", "MIT", "Virtio's entropy source", rng_init, NULL);
