// SPDX-License-Identifier: MIT
/*
 * The end of requests, and of the transfers in them.
 *
 * Whoever ends a request, the driver, a deadline, or the end of its device, first claims it: only
 * one succeeds (request_claim()). It is retired when no thread uses its buffer any more: its tag
 * is free, its transfers end. Nothing here sleeps or calls a driver.
 *
 * A transfer lies in storage of the caller's, perhaps on the stack of a thread that waits. That thread
 * leaves block_wait() only after IO_ENDED, the last access to it here.
 */
#include <asm/irqflags.h>
#include <kernel/bitmap.h>
#include <kernel/cpu.h>
#include <kernel/printk.h>
#include <kernel/rate_limit.h>
#include <kernel/string.h>
#include "internal.h"

#define COMPLETION_ERROR_MAX 4095

static DEFINE_RATE_LIMIT(refused_limit, 5, 10 * NSEC_PER_SEC);

/* ---- transfers ---- */

void block_io_end(struct block_io *io, int error)
{
	struct thread *waiter = io->waiter;

	io->error = error;
	if (unlikely(io->began_ns))
		partition_count(io);
	if (io->done) {
		io->done(io);
		return;
	}
	preempt_disable(); /* it spins meanwhile */
	smp_store_release(&io->ended, IO_ENDING);
	if (waiter != current)
		thread_wake(waiter);
	smp_store_release(&io->ended, IO_ENDED);
	preempt_enable();
}

int block_wait(struct block_io *io)
{
	u32 ended;

	while ((ended = smp_load_acquire(&io->ended)) != IO_ENDED) {
		if (ended == IO_ENDING) {
			cpu_relax();
			continue;
		}
		set_current_state(THREAD_UNINTERRUPTIBLE);
		if (smp_load_acquire(&io->ended) == IO_OUT)
			schedule();
		set_current_state(THREAD_RUNNABLE);
	}
	return io->error;
}

__cold void block_piece_end(struct block_io *io, int error, bool again)
{
	if (error)
		WRITE_ONCE(io->error, error);
	if (again)
		WRITE_ONCE(io->again, true);
	if (!atomic_dec_and_test(&io->left))
		return;
	if (!io->again)
		block_io_end(io, io->error);
	else if (!block_io_park(io))
		block_io_end(io, -EIO);
}

/* ---- requests ---- */

/* What is to be ended once the lock of the queue was released. */
struct ended_ios {
	struct list whole; /* block_io.link; their error is set */
};

/* Its transfers to @ended; a piece is ended at once. */
static void request_take_ios(struct block_request *request, struct ended_ios *ended)
{
	struct block_io *io, *next, *part = request->part;

	if (request->mapped || request->bounce)
		request_unmap(request);
	list_for_each_safe(io, next, &request->ios, link) {
		io->error = request->error;
		list_del(&io->link);
		list_add_tail(&io->link, &ended->whole);
	}
	request->part = NULL;
	if (part)
		block_piece_end(part, request->error, request->fate == FATE_PARK);
}

static void queue_free_tag_locked(struct block_queue *queue, const struct block_request *request,
				  u64 now_ns)
{
	struct block_counts *counts = &queue->counts[request->op];

	assert_held(&queue->lock);
	counts->requests++;
	counts->bytes += request->bytes;
	counts->ns += now_ns - request->sent_ns;
	bitmap_clear(queue->tags, request->tag);
	if (--queue->nout)
		return;
	queue->busy_ns += now_ns - queue->busy_since_ns;
	queue->busy_since_ns = 0;
}

/* Room in a queue. @return should the device's thread look? */
static bool queue_continue_locked(struct block_queue *queue)
{
	assert_held(&queue->lock);
	queue->stalled = false;
	if (queue->closed || queue->paused)
		wake_up_all(&queue->device->wait);
	return queue_wants_locked(queue);
}

static void ios_end(struct ended_ios *ended)
{
	while (!list_empty(&ended->whole)) {
		struct block_io *io = list_first(&ended->whole, struct block_io, link);

		list_del(&io->link);
		block_io_end(io, io->error);
	}
}

static __cold void request_put_again(struct block_request *request)
{
	struct block_queue *queue = request->queue;

	if (request->mapped || request->bounce)
		request_unmap(request);
	spin_lock(&queue->lock);
	list_add(&request->again, &queue->again);
	spin_unlock(&queue->lock);
}

__cold void request_retire(struct block_request *request)
{
	struct block_queue *queue = request->queue;
	struct ended_ios ended;
	bool kick, park = request->fate == FATE_PARK;

	if (request->fate == FATE_AGAIN) {
		request_put_again(request);
		return;
	}
	list_init(&ended.whole);
	request_take_ios(request, &ended);
	spin_lock(&queue->lock);
	queue_free_tag_locked(queue, request, time_monotonic_ns());
	kick = queue_continue_locked(queue);
	spin_unlock(&queue->lock);
	if (kick)
		block_thread_kick(queue->device);
	if (park)
		block_ios_park(&ended.whole);
	ios_end(&ended);
}

/* ---- completions ---- */

static __cold void complete_report_refused(struct block_device *device, u32 queue, u32 refused)
{
	u32 missed;

	__atomic_fetch_add(&device->refused, refused, __ATOMIC_RELAXED);
	if (rate_limit_pass(&refused_limit, &missed))
		pr_warn("%s: the driver completed %u requests of queue %u that were not out\n",
			device->disk->name, refused, queue);
}

/* @return NULL: it is not out, or has users: then the last of them retires it */
static struct block_request *complete_claim(struct block_queue *queue, const u8 *from, u32 *refused)
{
	struct banos_block_completion completion;
	struct block_request *request;

	memcpy(&completion, from, sizeof(completion));
	if (completion.error > 0 || completion.error < -COMPLETION_ERROR_MAX) {
		completion.error = -EIO;
		(*refused)++;
	}
	if (completion.tag < queue->depth) {
		request = &queue->requests[completion.tag];
		if (request_claim(request, FATE_END, completion.error)) {
			if (request_release(request))
				return request;
			return NULL;
		}
	}
	(*refused)++;
	return NULL;
}

bool block_device_has_queue(const struct block_device *device, u32 queue)
{
	return queue < device->nqueues;
}

#define COMPLETE_MAX 16u

static u32 complete_some(struct block_queue *queue, const u8 *completions, u32 count, u32 stride)
{
	struct block_request *claimed[COMPLETE_MAX];
	struct ended_ios ended;
	u32 nclaimed = 0, refused = 0;
	bool kick = false;
	u64 now;

	list_init(&ended.whole);
	for (u32 i = 0; i < count; i++) {
		struct block_request *request =
			complete_claim(queue, completions + (u64)i * stride, &refused);

		if (!request)
			continue;
		request_take_ios(request, &ended);
		claimed[nclaimed++] = request;
	}
	if (nclaimed) {
		now = time_monotonic_ns();
		spin_lock(&queue->lock);
		for (u32 i = 0; i < nclaimed; i++)
			queue_free_tag_locked(queue, claimed[i], now);
		kick = queue_continue_locked(queue);
		spin_unlock(&queue->lock);
	}
	if (kick)
		block_thread_kick(queue->device);
	ios_end(&ended);
	return refused;
}

u32 block_device_complete(struct block_device *device, u32 queue, const u8 *completions, u32 count,
			  u32 stride)
{
	u32 refused = 0;

	for (u32 i = 0; i < count; i += COMPLETE_MAX)
		refused += complete_some(device->queues[queue], completions + (u64)i * stride,
					 MIN(count - i, COMPLETE_MAX), stride);
	if (unlikely(refused))
		complete_report_refused(device, queue, refused);
	return refused;
}
