// SPDX-License-Identifier: MIT
/*
 * The thread of a device: what waits for a tag or for a driver that was full, and deadlines.
 *
 * One timer for the device runs while requests are out; when it fires, the thread looks
 * at all of them. For one whose deadline has passed it asks the driver (timeout()). If that does
 * not know, all queues pause, reset() is called, and the requests are submitted again. A device whose reset() fails, or
 * whose driver does not return from submit(), is closed: everything ends with -EIO, and the disk goes.
 */
#include <kernel/bitmap.h>
#include <kernel/printk.h>
#include <kernel/thread.h>
#include "internal.h"

#define RESETS_MAX    3u
#define STALL_NS      (2 * NSEC_PER_MSEC)
#define SUBMIT_MAX_NS (10 * NSEC_PER_SEC) /* to wait for submitters */

void block_thread_kick(struct block_device *device)
{
	WRITE_ONCE(device->run, true);
	wake_up_all(&device->wait);
}

static void block_timer_fired(struct timer *timer)
{
	struct block_device *device = container_of(timer, struct block_device, timer);

	WRITE_ONCE(device->check, true);
	wake_up_all(&device->wait);
}

/* ---- queues that nobody submits ---- */

static bool block_thread_look(struct block_queue *queue)
{
	bool mine;

	spin_lock(&queue->lock);
	mine = queue_wants_locked(queue);
	queue->submitting |= mine;
	spin_unlock(&queue->lock);
	return mine;
}

/* A moment has passed. */
static void block_thread_unstall(struct block_device *device)
{
	for (u32 i = 0; i < device->nqueues; i++) {
		struct block_queue *queue = device->queues[i];

		spin_lock(&queue->lock);
		queue->stalled = false;
		spin_unlock(&queue->lock);
	}
}

static bool block_device_is_stalled(const struct block_device *device)
{
	for (u32 i = 0; i < device->nqueues; i++)
		if (READ_ONCE(device->queues[i]->stalled))
			return true;
	return false;
}

static void block_thread_run(struct block_device *device)
{
	if (block_device_is_stalled(device)) {
		sleep_until(time_monotonic_ns() + STALL_NS, false);
		block_thread_unstall(device);
	}
	for (u32 i = 0; i < device->nqueues; i++)
		if (block_thread_look(device->queues[i]))
			queue_run(device->queues[i]);
}

/* ---- methods ---- */

/* @return false: the device is being stopped */
static bool block_thread_call_begin(struct block_device *device)
{
	bool may;

	mutex_lock(&device->lock);
	may = !device->closing;
	device->thread_calls = may;
	mutex_unlock(&device->lock);
	return may;
}

static void block_thread_call_end(struct block_device *device)
{
	mutex_lock(&device->lock);
	device->thread_calls = false;
	mutex_unlock(&device->lock);
	wake_up_all(&device->wait);
}

/* ---- resets ---- */

static void block_device_pause(struct block_device *device, bool pause)
{
	for (u32 i = 0; i < device->nqueues; i++) {
		struct block_queue *queue = device->queues[i];

		spin_lock(&queue->lock);
		queue->paused = pause;
		spin_unlock(&queue->lock);
	}
}

static void request_submit_again(struct block_request *request)
{
	enum request_fate fate = FATE_AGAIN;
	int error = 0;

	if (request->resets == RESETS_MAX) {
		fate = FATE_END;
		error = -EIO;
	}
	if (!request_claim(request, fate, error))
		return;
	request->resets++;
	if (request_release(request))
		request_retire(request);
}

static void queue_submit_again(struct block_queue *queue)
{
	for (u32 tag = 0; tag < queue->depth; tag++)
		if (bitmap_test(queue->tags, tag))
			request_submit_again(&queue->requests[tag]);
}

static void block_device_fail(struct block_device *device)
{
	pr_err("%s: the device does not answer, and cannot be reset: it is taken away\n",
	       device->disk->name);
	disk_hide(device->disk, device);
	block_device_close(device, -EIO);
	while (block_device_end_requests(device, -EIO))
		sleep_ms(1);
}

/* @return 0, or why not */
static s64 block_device_reset(struct block_device *device)
{
	s64 err = -EBUSY;

	block_device_pause(device, true);
	if (!wait_event_until(&device->wait, !block_device_is_submitting(device),
			      time_monotonic_ns() + SUBMIT_MAX_NS)) {
		err = 0;
		if (block_thread_call_begin(device))
			err = device->methods->reset(device);
		block_thread_call_end(device);
	}
	if (err)
		return err;
	for (u32 i = 0; i < device->nqueues; i++)
		queue_submit_again(device->queues[i]);
	block_device_pause(device, false);
	WRITE_ONCE(device->run, true);
	return 0;
}

/* ---- deadlines ---- */

static bool request_is_late(const struct block_request *request, u64 now_ns)
{
	return __atomic_load_n(&request->state, __ATOMIC_ACQUIRE) & REQUEST_OUT &&
	       now_ns >= READ_ONCE(request->deadline_ns);
}

/* @return true: reset() is needed */
static bool request_ask_driver(struct block_request *request)
{
	struct block_device *device = request->queue->device;
	s64 answer = 0;

	pr_warn("%s: request %u of queue %u is late\n", device->disk->name, request->tag,
		request->queue->index);
	if (block_thread_call_begin(device))
		answer = device->methods->timeout(device, request->queue->index, request->tag);
	block_thread_call_end(device);
	if (answer)
		return true;
	WRITE_ONCE(request->deadline_ns, time_monotonic_ns() + device->timeout_ns);
	return false;
}

static bool queue_check_deadlines(struct block_queue *queue, u64 now_ns)
{
	for (u32 tag = 0; tag < queue->depth; tag++)
		if (bitmap_test(queue->tags, tag) &&
		    request_is_late(&queue->requests[tag], now_ns) &&
		    request_ask_driver(&queue->requests[tag]))
			return true;
	return false;
}

static void block_thread_check(struct block_device *device)
{
	u64 now = time_monotonic_ns();
	bool late = false, out = false;

	for (u32 i = 0; i < device->nqueues && !late; i++) {
		late = queue_check_deadlines(device->queues[i], now);
		out |= READ_ONCE(device->queues[i]->nout) != 0;
	}
	if (late && block_device_reset(device)) {
		block_device_fail(device);
		return;
	}
	if (out || late)
		timer_start(&device->timer, now + device->timeout_ns / 2);
}

/* ---- the thread ---- */

static bool block_thread_has_work(const struct block_device *device)
{
	return READ_ONCE(device->run) || READ_ONCE(device->check) || READ_ONCE(device->end);
}

static bool flag_take(bool *flag)
{
	return __atomic_exchange_n(flag, false, __ATOMIC_SEQ_CST);
}

static void block_thread_main(void *arg)
{
	struct block_device *device = arg;

	while (!READ_ONCE(device->end)) {
		wait_event(&device->wait, block_thread_has_work(device));
		if (flag_take(&device->check))
			block_thread_check(device);
		if (flag_take(&device->run))
			block_thread_run(device);
	}
	block_device_put(device);
}

int block_thread_start(struct block_device *device)
{
	int err;

	timer_init(&device->timer, block_timer_fired);
	atomic_inc(&device->refs);
	err = thread_spawn(block_thread_main, device, device->disk->name);
	if (err)
		atomic_dec(&device->refs);
	return err;
}
