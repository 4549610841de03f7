// SPDX-License-Identifier: MIT
/*
 * One instance of a driver's disk: its queues, how it is shown, and how it ends.
 *
 * The end can be repeated, since a method may not return in time: the disk is hidden; its queues
 * accept nothing; submitters leave; what is out may complete for DRAIN_NS; what then is still out is ended.
 * Pages that the device may access then are kept with the bus until it has stopped the device. Memory of the device is
 * freed a grace period later: until then handles of buffers are looked up in it.
 */
#include <kernel/bitmap.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include "internal.h"

#define DISK_BYTES_MAX (1ull << 63)
#define DRAIN_NS       (2 * NSEC_PER_SEC)
#define LINE	       64u

/* ---- memory ---- */

/* Zeroes that begin with a cache line. */
static void *lines_zalloc(size_t size)
{
	size_t rounded = LINE;

	while (rounded < size && rounded < PAGE_SIZE)
		rounded *= 2;
	return kzalloc(MAX(rounded, size));
}

static void block_queue_destroy(struct block_queue *queue)
{
	if (!queue)
		return;
	for (u32 tag = 0; queue->requests && tag < queue->depth; tag++)
		queue->requests[tag].seal = 0;
	kfree(queue->requests);
	kfree(queue->tags);
	kfree(queue->batch);
	kfree(queue);
}

static void queue_init_requests(struct block_queue *queue)
{
	for (u32 tag = 0; tag < queue->depth; tag++) {
		struct block_request *request = &queue->requests[tag];

		request->seal = request_seal(request);
		request->queue = queue;
		request->root = queue->device->root;
		request->tag = tag;
		list_init(&request->ios);
		list_init(&request->again);
	}
}

static struct block_queue *block_queue_create(struct block_device *device, u32 index)
{
	struct block_queue *queue = lines_zalloc(sizeof(*queue));

	_Static_assert(BATCH_MAX * sizeof(struct banos_block_request) <= PAGE_SIZE, "a page");
	if (!queue)
		return NULL;
	queue->device = device;
	queue->index = index;
	queue->depth = device->depth;
	spin_init(&queue->lock);
	list_init(&queue->waiting);
	list_init(&queue->again);
	queue->requests = lines_zalloc(queue->depth * sizeof(*queue->requests));
	queue->tags = kcalloc(BITMAP_WORDS(queue->depth), sizeof(u64));
	queue->batch = kzalloc_driver(PAGE_SIZE);
	if (!queue->requests || !queue->tags || !queue->batch) {
		block_queue_destroy(queue);
		return NULL;
	}
	queue_init_requests(queue);
	return queue;
}

static void block_device_free(struct rcu_head *head)
{
	struct block_device *device = container_of(head, struct block_device, rcu);

	for (u32 i = 0; device->queues && i < device->nqueues; i++)
		block_queue_destroy(device->queues[i]);
	kfree(device->queues);
	kfree(device);
}

void block_device_put(struct block_device *device)
{
	if (!atomic_dec_and_test(&device->refs))
		return;
	disk_put(device->disk);
	call_rcu(&device->rcu, block_device_free);
}

/* ---- life ---- */

static int block_device_create_queues(struct block_device *device)
{
	device->queues = kcalloc(device->nqueues, sizeof(*device->queues));
	if (!device->queues)
		return -ENOMEM;
	for (u32 i = 0; i < device->nqueues; i++) {
		device->queues[i] = block_queue_create(device, i);
		if (!device->queues[i])
			return -ENOMEM;
	}
	for (u32 cpu = 0; cpu < CPU_MAX; cpu++)
		device->queue_of_cpu[cpu] = cpu % device->nqueues;
	return 0;
}

static void block_device_take_config(struct block_device *device,
				     const struct block_device_config *config)
{
	device->limits = config->limits;
	device->methods = config->methods;
	device->private = config->private;
	device->root = config->root;
	device->bus = config->bus;
	device->flags = config->flags;
	device->nqueues = config->queues;
	device->depth = config->depth;
	device->timeout_ns = config->timeout_ms * NSEC_PER_MSEC;
	atomic_set(&device->refs, 1);
	mutex_init(&device->lock);
	wait_queue_init(&device->wait);
}

/* Unless it waits for another one. */
static void block_device_forget_disk(struct block_device *device)
{
	if (!device->left && !disk_wait_give_back(device->disk))
		disk_forget(device->disk);
}

struct block_device *block_device_create(const struct block_device_config *config)
{
	struct block_device *device = lines_zalloc(sizeof(*device));
	int err = -ENOMEM;

	if (!device)
		return ERR_PTR(err);
	block_device_take_config(device, config);
	device->disk = disk_wait_take(config);
	if (!device->disk)
		device->disk = disk_create(config);
	if (IS_ERR(device->disk)) {
		err = PTR_ERR(device->disk);
		goto free;
	}
	err = block_device_create_queues(device);
	if (!err)
		err = block_thread_start(device);
	if (!err)
		return device;
	block_device_forget_disk(device);
	disk_put(device->disk);
free:
	block_device_free(&device->rcu);
	return ERR_PTR(err);
}

int block_device_publish(struct block_device *device)
{
	int err = -ENODEV;

	mutex_lock(&device->lock);
	if (!device->closing) {
		device->published = true;
		err = 0;
	}
	mutex_unlock(&device->lock);
	return err ?: disk_show(device->disk, device);
}

void *block_device_private(const struct block_device *device)
{
	return device->private;
}

const char *block_device_name(const struct block_device *device)
{
	return device->disk->name;
}

int block_device_resize(struct block_device *device, u64 blocks)
{
	if (blocks > DISK_BYTES_MAX >> device->limits.block_shift)
		return -EINVAL;
	disk_resized(device->disk, blocks << device->limits.block_shift);
	return 0;
}

/* ---- the end ---- */

static void queue_close(struct block_queue *queue, int error)
{
	DEFINE_LIST(ended);

	spin_lock(&queue->lock);
	queue->closed = true;
	while (!list_empty(&queue->waiting)) {
		struct list *first = queue->waiting.next;

		list_del(first);
		list_add_tail(first, &ended);
	}
	spin_unlock(&queue->lock);
	while (!list_empty(&ended)) {
		struct block_io *io = list_first(&ended, struct block_io, link);

		list_del(&io->link);
		/* Of one that is split the pieces that are out end it. */
		if (io->split)
			block_piece_end(io, error, queue->device->left);
		else if (!queue->device->left || !block_io_park(io))
			block_io_end(io, error);
	}
}

void block_device_close(struct block_device *device, int error)
{
	for (u32 i = 0; i < device->nqueues; i++)
		queue_close(device->queues[i], error);
}

bool block_device_is_submitting(struct block_device *device)
{
	for (u32 i = 0; i < device->nqueues; i++)
		if (READ_ONCE(device->queues[i]->submitting))
			return true;
	return false;
}

static u32 block_device_count_out(struct block_device *device)
{
	u32 count = 0;

	for (u32 i = 0; i < device->nqueues; i++)
		count += READ_ONCE(device->queues[i]->nout);
	return count;
}

/* What becomes of requests that the device did not complete. */
static enum request_fate queue_last_fate(const struct block_queue *queue)
{
	if (queue->device->left)
		return FATE_PARK;
	return FATE_END;
}

static void queue_end_again(struct block_queue *queue, int error)
{
	for (;;) {
		struct block_request *request = NULL;

		spin_lock(&queue->lock);
		if (!list_empty(&queue->again)) {
			request = list_first(&queue->again, struct block_request, again);
			list_del(&request->again);
		}
		spin_unlock(&queue->lock);
		if (!request)
			return;
		request->fate = queue_last_fate(queue);
		request->error = error;
		request_retire(request);
	}
}

static void queue_end_requests(struct block_queue *queue, int error)
{
	for (u32 tag = 0; tag < queue->depth; tag++) {
		struct block_request *request = &queue->requests[tag];

		if (!request_claim(request, queue_last_fate(queue), error))
			continue;
		request_quarantine(request);
		if (request_release(request))
			request_retire(request);
	}
	queue_end_again(queue, error);
}

u32 block_device_end_requests(struct block_device *device, int error)
{
	for (u32 i = 0; i < device->nqueues; i++)
		queue_end_requests(device->queues[i], error);
	return block_device_count_out(device);
}

static bool block_device_is_called(struct block_device *device)
{
	return block_device_is_submitting(device) || READ_ONCE(device->thread_calls);
}

/* Requests that are out may complete; threads of the driver that use a buffer leave. */
static int block_device_drain(struct block_device *device, u64 deadline_ns, bool now)
{
	u64 patience = MIN(deadline_ns, time_monotonic_ns() + DRAIN_NS);

	if (!now)
		(void)wait_event_until(&device->wait, !block_device_count_out(device), patience);
	while (block_device_end_requests(device, -EIO)) {
		if (time_monotonic_ns() >= deadline_ns)
			return -EBUSY;
		sleep_ms(1);
	}
	return 0;
}

/* The disk goes with it, or stays. */
static void block_device_leave(struct block_device *device, bool waits)
{
	bool first;

	mutex_lock(&device->lock);
	first = !device->closing && device->published;
	device->closing = true;
	mutex_unlock(&device->lock);
	if (!first)
		return;
	device->left = waits && disk_wait_begin(device);
	if (!device->left)
		disk_hide(device->disk, device);
}

int block_device_stop(struct block_device *device, u64 deadline_ns, u32 how)
{
	int err;

	block_device_leave(device, how & BLOCK_STOP_WAITS);
	block_device_close(device, -ENODEV);
	if (wait_event_until(&device->wait, !block_device_is_called(device), deadline_ns))
		return -EBUSY;
	err = block_device_drain(device, deadline_ns, how & BLOCK_STOP_NOW);
	if (!err && device->left)
		disk_wait_ready(device->disk);
	return err;
}

void block_device_destroy(struct block_device *device)
{
	block_device_forget_disk(device);
	timer_retire_sync(&device->timer);
	WRITE_ONCE(device->end, true);
	wake_up_all(&device->wait);
	block_device_put(device);
}
