// SPDX-License-Identifier: MIT
/*
 * A client of the virtio bus, for an entropy source, that makes every mistake: what it passes is refused
 * with a sentence; an address that is no memory makes the device fail, after which it can be
 * opened again; with careless=1 it leaves with a request on the way, without a word; with
 * circular=1 it calls what would wait for the call that it is in.
 */
#include <banos/bus.h>
#include <banos/dma.h>
#include <banos/driver.h>
#include <banos/errno.h>
#include <banos/print.h>
#include <banos/time.h>
#include "../../../drivers/bus/virtio/virtio.h"

#define NOWHERE 0x7f0000000000ull
#define EXPECT(call, result)                                                          \
	do {                                                                          \
		int64_t got_ = (call);                                                \
		if (got_ != (result))                                                 \
			banos_error(device, "line %d: %lld, expected %lld", __LINE__, \
				    (long long)got_, (long long)(result));            \
	} while (0)

static uint8_t careless;
BANOS_PARAM_BOOL(careless, "leave with a request on the way");

static uint8_t circular;
BANOS_PARAM_BOOL(circular, "stop the device in the function that it calls");

static banos_owner own_device;
static uint32_t failures, returned;

static int64_t client_event(void *context, uint64_t event, uint64_t queue, uint64_t arg3,
			    uint64_t arg4, uint64_t arg5)
{
	if (circular && !__atomic_load_n(&returned, __ATOMIC_SEQ_CST)) {
		banos_owner device = own_device;

		EXPECT(virtio_stop(device), -EDEADLK);
		EXPECT(virtio_check(device), -EDEADLK);
	}
	__atomic_fetch_add(event == VIRTIO_EVENT_FAILED ? &failures : &returned, 1,
			   __ATOMIC_SEQ_CST);
	return 0;
}

static int client_waits_for(const uint32_t *count)
{
	for (int i = 0; i < 200 && !__atomic_load_n(count, __ATOMIC_SEQ_CST); i++)
		banos_sleep_until(banos_time_ns() + 10 * BANOS_MS, 0);
	return __atomic_load_n(count, __ATOMIC_SEQ_CST) != 0;
}

static void client_open(banos_owner device, banos_callback callback)
{
	struct virtio_config config = { .size = sizeof(config), .queues = 1 };

	EXPECT(virtio_open(device, &config, callback), 0);
	EXPECT(virtio_queue_create(device, 0, 4), 4);
	EXPECT(virtio_start(device), 0);
}

static void client_make_mistakes(banos_owner device, banos_callback callback)
{
	struct virtio_config config = { .size = sizeof(config), .queues = 2 };
	struct virtio_segment segments[VIRTIO_SEGMENTS_MAX + 1] = { { NOWHERE, 0, 0 } };

	EXPECT(virtio_queue_create(device, 0, 4), -EINVAL);
	EXPECT(virtio_start(device), -EINVAL);
	EXPECT(virtio_open(device, &config, callback), -EOPNOTSUPP); /* it has one queue */
	config.queues = 0;
	EXPECT(virtio_open(device, &config, callback), -EINVAL);
	config.queues = 1;
	config.features_must = 1u << 23;
	EXPECT(virtio_open(device, &config, callback), -EOPNOTSUPP);
	client_open(device, callback);
	EXPECT(virtio_open(device, &config, callback), -EBUSY);
	EXPECT(virtio_queue_create(device, 0, 4), -EINVAL);		 /* it was started */
	EXPECT(virtio_queue_add(device, 0, segments, 1, 1, 0), -EINVAL); /* empty */
	EXPECT(virtio_queue_add(device, 1, segments, 1, 1, 0), -EINVAL);
	EXPECT(virtio_queue_add(device, 0, segments, 0, 0, 0), -EINVAL);
	EXPECT(virtio_queue_add(device, 0, segments, 1, 2, 0), -EINVAL);
	EXPECT(virtio_queue_add(device, 0, segments, VIRTIO_SEGMENTS_MAX + 1, 0, 0), -EINVAL);
	EXPECT(virtio_queue_take(device, VIRTIO_QUEUES_MAX, NULL, 0), -EINVAL);
	EXPECT(virtio_config_read(device, 0, 3), -EINVAL);
	EXPECT(virtio_config_read(device, 0xfffffffc, 4), -EINVAL);
}

static void client_make_it_fail(banos_owner device, banos_callback callback)
{
	/* QEMU has a place for one piece that is no memory. */
	struct virtio_segment segments[] = { { NOWHERE, 16, 0 }, { NOWHERE + 4096, 16, 0 } };
	struct virtio_completion completion;

	EXPECT(virtio_queue_add(device, 0, segments, 2, 2, 1), 0);
	EXPECT(virtio_queue_notify(device, 0), 0);
	EXPECT(client_waits_for(&failures), 1);
	EXPECT(virtio_queue_add(device, 0, segments, 1, 1, 1), -EIO);
	EXPECT(virtio_queue_take(device, 0, &completion, 1), -EIO);
	EXPECT(virtio_check(device), -EIO);
	EXPECT(virtio_stop(device), 0);
	EXPECT(virtio_queue_notify(device, 0), -EINVAL);
	client_open(device, callback);
	EXPECT(virtio_check(device), 0);
}

/* Full, and everything comes back. */
static void client_use(banos_owner device, uint64_t address)
{
	struct virtio_segment segment = { address, 16, 0 };
	struct virtio_completion completion;
	uint64_t tags = 0;

	for (uint64_t tag = 0; tag < 4; tag++, segment.address += 16)
		EXPECT(virtio_queue_add(device, 0, &segment, 1, 1, tag), 0);
	EXPECT(virtio_queue_add(device, 0, &segment, 1, 1, 4), -ENOSPC);
	EXPECT(virtio_queue_notify(device, 0), 0);
	EXPECT(client_waits_for(&returned), 1);
	for (int i = 0; i < 200 && tags != 15; i++) {
		while (virtio_queue_take(device, 0, &completion, 1) == 1)
			tags |= 1u << completion.tag;
		banos_sleep_until(banos_time_ns() + 10 * BANOS_MS, 0);
	}
	EXPECT(tags, 15);
}

static int64_t client_probe(void *context, banos_owner device, uint64_t data, void **state)
{
	struct banos_dma_config memory = { .size = sizeof(memory), .bytes = 4096 };
	struct banos_callback_config config = {
		.size = sizeof(config),
		.function = client_event,
		.signature = "ii",
	};
	struct virtio_segment segment = { 0, 4096, 0 };
	banos_callback callback;
	banos_dma dma;
	void *buffer;

	own_device = device;
	EXPECT(banos_callback_create(device, &config, &callback), 0);
	EXPECT(banos_dma_alloc(device, &memory, &dma, &buffer, &segment.address), 0);
	if (careless) {
		client_open(device, callback);
		EXPECT(virtio_queue_add(device, 0, &segment, 1, 1, 0), 0);
		EXPECT(virtio_queue_notify(device, 0), 0);
		banos_print(device, "left");
		return 0;
	}
	if (circular) {
		client_open(device, callback);
		client_use(device, segment.address);
		EXPECT(virtio_stop(device), 0);
		EXPECT(banos_dma_free(dma), 0);
		banos_print(device, "circled");
		return 0;
	}
	client_make_mistakes(device, callback);
	client_make_it_fail(device, callback);
	client_use(device, segment.address);
	EXPECT(virtio_stop(device), 0);
	EXPECT(banos_dma_free(dma), 0);
	banos_print(device, "done");
	return 0;
}

static int64_t client_init(banos_owner self)
{
	static const struct banos_prober_ops ops = { .size = sizeof(ops), .probe = client_probe };
	static const struct banos_prober_config config = {
		.size = sizeof(config),
		.ops = &ops,
		.bus = "virtio",
	};

	return banos_prober_register(self, &config, NULL);
}

BANOS_SERVES("virtio:d00000004v*");
BANOS_DRIVER(virtio_client, "1.0", "MIT", "A client of the virtio bus that makes mistakes",
	     client_init, NULL);
