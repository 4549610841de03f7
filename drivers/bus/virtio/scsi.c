/* SPDX-License-Identifier: MIT */
/* Virtio's SCSI adapter, from its configuration to its end: scsi.h. */
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/print.h>
#include <banos/string.h>
#include <banos/time.h>
#include "scsi.h"

/* The device's configuration: 5.6.4. */
#define CONFIG_SEG_MAX	  4
#define CONFIG_MAX_TARGET 30
#define SEGMENTS_LEAST	  2
#define TARGETS_MAX	  256u

#define RING_WANTED    256u
#define EVENT_RING     8u
#define FEATURE_PLUG   (UINT64_C(1) << 1)
#define FEATURE_CHANGE (UINT64_C(1) << 2)

/* Searches after one that did not find out everything, each after twice the time. */
#define SEARCHES_MAX 8u
#define SEARCH_AGAIN (100 * BANOS_MS)

#define EVENT_TRANSPORT 1u
#define REASON_REMOVED	2u

#define PLACES_BYTES  ((COMMAND_PLACE + COMMANDS) * sizeof(struct scsi_place))
#define EVENTS_OFFSET (PLACES_BYTES + COMMANDS * COMMAND_BYTES)
#define MEMORY_BYTES  (EVENTS_OFFSET + EVENTS * EVENT_BYTES)

/* 5.6.6.3 */
struct scsi_event {
	uint32_t event;
	uint8_t lun[8];
	uint32_t reason;
};
BANOS_ASSERT(sizeof(struct scsi_event) == EVENT_BYTES, scsi_event);

/* ---- events ---- */

static uint8_t *event_place(struct scsi_host *host, uint64_t index)
{
	return host->memory + EVENTS_OFFSET + index * EVENT_BYTES;
}

static int64_t event_give(struct scsi_host *host, uint32_t index)
{
	const struct virtio_segment segment = {
		.address = host->address + EVENTS_OFFSET + index * EVENT_BYTES,
		.length = EVENT_BYTES,
	};

	memset(event_place(host, index), 0, EVENT_BYTES);
	return virtio_queue_add(host->device, QUEUE_EVENTS, &segment, 1, 1, index);
}

/* Whatever they say, units are looked for. One that was removed may have a successor already. */
static void events_take(struct scsi_host *host)
{
	struct virtio_completion from[EVENTS];
	int64_t count;

	do {
		count = virtio_queue_take(host->device, QUEUE_EVENTS, from, EVENTS);
		for (int64_t i = 0; i < count; i++) {
			struct scsi_event event;

			memcpy(&event, event_place(host, from[i].tag), sizeof(event));
			(void)event_give(host, (uint32_t)from[i].tag);
			if (event.event == EVENT_TRANSPORT && event.reason == REASON_REMOVED)
				scsi_unit_gone(host, event.lun[1],
					       (event.lun[2] & 0x3fu) << 8 | event.lun[3]);
			host->search = 1;
			host->searches = 0;
		}
		if (count > 0)
			virtio_queue_notify(host->device, QUEUE_EVENTS);
	} while (count == EVENTS);
}

static int64_t scsi_called(void *context, uint64_t event, uint64_t queue, uint64_t arg3,
			   uint64_t arg4, uint64_t arg5)
{
	struct scsi_host *host = context;

	if (event != VIRTIO_EVENT_QUEUE)
		return 0;
	if (queue == QUEUE_REQUESTS)
		scsi_collect(host);
	else if (queue == QUEUE_EVENTS && __atomic_load_n(&host->is_live, __ATOMIC_SEQ_CST))
		banos_work_queue(host->work);
	return 0;
}

static void scsi_search_later(struct scsi_host *host)
{
	if (!host->is_stuck && host->searches < SEARCHES_MAX)
		banos_timer_start(host->later,
				  banos_time_ns() + (SEARCH_AGAIN << host->searches++));
}

static int64_t scsi_work(void *context)
{
	struct scsi_host *host = context;

	events_take(host);
	if (host->search) {
		host->search = 0;
		if (scsi_search(host))
			scsi_search_later(host);
	}
	scsi_send_again(host);
	return 0;
}

static int64_t scsi_later(void *context)
{
	struct scsi_host *host = context;

	host->search = 1;
	return scsi_work(host);
}

void scsi_pause(struct scsi_host *host, uint32_t shift)
{
	if (__atomic_load_n(&host->is_live, __ATOMIC_SEQ_CST) &&
	    !__atomic_exchange_n(&host->is_paused, 1, __ATOMIC_SEQ_CST))
		banos_timer_start(host->pause, banos_time_ns() + (BANOS_MS << shift));
}

static int64_t scsi_resume(void *context)
{
	struct scsi_host *host = context;

	__atomic_store_n(&host->is_paused, 0, __ATOMIC_SEQ_CST);
	return scsi_work(host);
}

/* ---- life ---- */

static int64_t scsi_create_queues(struct scsi_host *host)
{
	int64_t size = virtio_queue_create(host->device, 0, EVENT_RING);

	if (size > 0)
		size = virtio_queue_create(host->device, QUEUE_EVENTS, EVENT_RING);
	if (size > 0)
		size = virtio_queue_create_wide(host->device, QUEUE_REQUESTS, RING_WANTED,
						(host->segments_max + EXTRA_SEGMENTS) |
							VIRTIO_LENGTHS_CUT);
	if (size < 0)
		return size;
	if (size < SEGMENTS_LEAST + (int64_t)EXTRA_SEGMENTS)
		return -EIO;
	if (host->segments_max + EXTRA_SEGMENTS > (uint64_t)size)
		host->segments_max = (uint32_t)size - EXTRA_SEGMENTS;
	return 0;
}

static int64_t scsi_read_config(struct scsi_host *host)
{
	int64_t segments = virtio_config_read(host->device, CONFIG_SEG_MAX, 4),
		targets = virtio_config_read(host->device, CONFIG_MAX_TARGET, 2);

	if (segments < SEGMENTS_LEAST || targets < 0)
		return -EIO;
	host->segments_max = segments < UNIT_SEGMENTS ? (uint32_t)segments : UNIT_SEGMENTS;
	host->targets = targets < TARGETS_MAX ? (uint32_t)targets + 1 : TARGETS_MAX;
	return 0;
}

static int64_t scsi_start(struct scsi_host *host)
{
	const struct virtio_config config = {
		.size = sizeof(config),
		.queues = QUEUE_REQUESTS + 1,
		.features_might = FEATURE_PLUG | FEATURE_CHANGE,
	};
	int64_t error = virtio_open(host->device, &config, host->callback);

	if (!error)
		error = scsi_read_config(host);
	if (!error)
		error = scsi_create_queues(host);
	for (uint32_t i = 0; i < EVENTS && !error; i++)
		error = event_give(host, i);
	if (!error)
		error = virtio_start(host->device);
	if (!error)
		error = virtio_queue_notify(host->device, QUEUE_EVENTS);
	return error;
}

static int64_t scsi_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct banos_dma_config memory = { .size = sizeof(memory), .bytes = MEMORY_BYTES };
	struct scsi_host *host = banos_alloc(device, sizeof(*host), 0);
	struct banos_callback_config callback = {
		.size = sizeof(callback),
		.function = scsi_called,
		.context = host,
		.signature = "ii",
	};
	int64_t error;

	if (!host)
		return -ENOMEM;
	*state = host;
	host->device = device;
	error = banos_dma_alloc(device, &memory, &host->dma, (void **)&host->memory,
				&host->address);
	if (!error)
		error = banos_work_create(device, scsi_work, host, &host->work);
	if (!error)
		error = banos_timer_create(device, scsi_resume, host, &host->pause);
	if (!error)
		error = banos_timer_create(device, scsi_later, host, &host->later);
	if (!error)
		error = banos_callback_create(device, &callback, &host->callback);
	if (!error)
		error = scsi_start(host);
	if (!error)
		error = scsi_search(host);
	if (error && error != -EAGAIN)
		return error;
	host->search = error == -EAGAIN;
	__atomic_store_n(&host->is_live, 1, __ATOMIC_SEQ_CST);
	banos_work_queue(host->work); /* for what came meanwhile */
	return 0;
}

/* The disks were withdrawn. What the device may still use stays, until the bus has stopped it. */
static int64_t scsi_remove(void *context, banos_owner device, void *state)
{
	struct scsi_host *host = state;
	int64_t error;

	__atomic_store_n(&host->is_live, 0, __ATOMIC_SEQ_CST);
	error = banos_work_destroy(host->work);
	if (!error)
		error = banos_timer_destroy(host->pause);
	if (!error)
		error = banos_timer_destroy(host->later);
	if (error)
		return error;
	if (virtio_stop(device) != -EIO)
		banos_dma_free(host->dma);
	for (uint32_t i = 0; i < UNITS; i++)
		if (host->units[i])
			banos_free(device, host->units[i]);
	return banos_free(device, host);
}

static const struct banos_prober_ops scsi_prober = {
	.size = sizeof(scsi_prober),
	.probe = scsi_probe,
	.remove = scsi_remove,
};

static int64_t scsi_init(banos_owner self)
{
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &scsi_prober,
		.bus = "virtio",
	};

	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES("virtio:d00000008v*");
BANOS_DRIVER(virtioscsi, "1.0", "MIT", "Virtio's SCSI adapter: /dev/sda, /dev/sr0", scsi_init,
	     NULL);
