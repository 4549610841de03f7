// SPDX-License-Identifier: MIT
/*
 * From transfers to a driver's submit(): flat combining.
 *
 * A thread adds its transfers to the queue of its processor. If nobody submits there it becomes the
 * submitter: it makes requests of what waits, a batch at a time, and calls the driver, without a
 * lock, until nothing waits or no tag is free. Others who add meanwhile leave theirs to it. So a
 * queue is called by one thread at a time, and what arrives during a call is one batch. After ROUNDS_MAX
 * batches the rest is left to the device's thread, so that a program does not work for others for ever.
 *
 * What waits for a free tag is submitted by that thread, too: a completion never calls the driver.
 */
#include <kernel/bitmap.h>
#include <kernel/cpu.h>
#include "internal.h"

#define ROUNDS_MAX 16u

/* ---- batches ---- */

static struct block_request *queue_next_request_locked(struct block_queue *queue)
{
	struct block_request *request;
	size_t tag;

	assert_held(&queue->lock);
	if (!list_empty(&queue->again)) {
		request = list_first(&queue->again, struct block_request, again);
		list_del(&request->again);
		return request;
	}
	if (list_empty(&queue->waiting) || queue->nout == queue->depth)
		return NULL;
	tag = bitmap_find_clear(queue->tags, queue->depth, 0);
	bitmap_set(queue->tags, tag);
	queue->nout++;
	request = &queue->requests[tag];
	request_build_locked(request);
	return request;
}

/* @return how many requests the batch has */
static u32 queue_fill_locked(struct block_queue *queue)
{
	u64 now = 0;
	u32 count = 0;

	assert_held(&queue->lock);
	while (count < BATCH_MAX && !queue->paused && !queue->stalled && !queue->closed) {
		struct block_request *request = queue_next_request_locked(queue);

		if (!request)
			break;
		if (!now)
			now = time_monotonic_ns();
		request_send_locked(request, now, &queue->batch[count++]);
	}
	if (count && !queue->busy_since_ns)
		queue->busy_since_ns = now;
	return count;
}

/* Requests of the batch, from @from on, that the driver did not take. Those that it completed all the same are out no longer. */
static __cold void queue_take_back(struct block_queue *queue, u32 from, u32 count, s64 error)
{
	while (count-- > from) {
		struct block_request *request = &queue->requests[queue->batch[count].tag];
		enum request_fate fate = FATE_AGAIN;

		if (error)
			fate = FATE_END;
		if (request_claim(request, fate, error) && request_release(request))
			request_retire(request);
	}
}

static void queue_send(struct block_queue *queue, u32 count)
{
	struct block_device *device = queue->device;
	s64 taken = device->methods->submit(device, queue->index, queue->batch, count);

	if (!timer_pending(&device->timer))
		timer_start(&device->timer, time_monotonic_ns() + device->timeout_ns / 2);
	if (likely(taken == count))
		return;
	if (taken < 0) {
		queue_take_back(queue, 0, count, taken);
		return;
	}
	spin_lock(&queue->lock);
	queue->stalled = true;
	spin_unlock(&queue->lock);
	queue_take_back(queue, taken, count, 0);
	block_thread_kick(device);
}

void queue_run(struct block_queue *queue)
{
	struct block_device *device = queue->device;
	bool left = false;

	for (u32 round = 0;; round++) {
		u32 count = 0;

		spin_lock(&queue->lock);
		if (round < ROUNDS_MAX)
			count = queue_fill_locked(queue);
		if (!count) {
			queue->submitting = false;
			left = queue_wants_locked(queue);
			if (queue->closed || queue->paused)
				wake_up_all(&device->wait);
		}
		spin_unlock(&queue->lock);
		if (!count)
			break;
		queue_send(queue, count);
	}
	if (left)
		block_thread_kick(device);
}

/* ---- transfers ---- */

static int io_check_blocks(const struct block_io *io, const struct disk *disk)
{
	if ((io->offset | io->bytes) & disk->block_mask)
		return -EINVAL;
	if (io->offset > disk->bytes || io->bytes > disk->bytes - io->offset)
		return -EIO;
	return 0;
}

/* @return 0; an error; 1: there is nothing to do */
static int io_check(const struct block_io *io, const struct disk *disk)
{
	u32 flags = disk->flags;
	u32 needed = 0;

	if (io->op != BLOCK_READ && io->op != BLOCK_FLUSH && disk_is_readonly(disk))
		return -EROFS;
	if (io->op == BLOCK_FLUSH)
		return !(flags & BANOS_BLOCK_HAS_FLUSH);
	if (io->op == BLOCK_DISCARD)
		needed = BANOS_BLOCK_HAS_DISCARD;
	else if (io->op == BLOCK_WRITE_ZEROES)
		needed = BANOS_BLOCK_HAS_WRITE_ZEROES;
	else if (io->flags & BLOCK_FUA)
		needed = BANOS_BLOCK_HAS_FUA;
	if ((flags & needed) != needed)
		return -EOPNOTSUPP;
	if (!io->bytes)
		return 1;
	return io_check_blocks(io, disk);
}

/* @return false: it has ended */
static bool io_begin(struct block_io *io)
{
	struct disk *disk = io->disk;
	int err = io_check(io, disk);

	io->split = io->again = false;
	io->error = 0;
	io->ended = IO_OUT;
	io->waiter = current;
	io->position = disk->start + io->offset;
	io->began_ns = 0;
	if (disk->counts)
		io->began_ns = time_monotonic_ns();
	io->handed_out = 0;
	io->at_vec = io->at_offset = 0;
	if (likely(!err))
		return true;
	block_io_end(io, MIN(err, 0));
	return false;
}

/* The queue of this processor, locked, in an RCU section; NULL: the disk has no device. */
static struct block_queue *disk_lock_queue(struct disk *whole)
{
	struct block_device *device = rcu_dereference(whole->device);
	struct block_queue *queue;

	if (!device)
		return NULL;
	queue = device->queues[device->queue_of_cpu[cpu_id()]];
	spin_lock(&queue->lock);
	if (!queue->closed)
		return queue;
	spin_unlock(&queue->lock);
	return NULL;
}

/* @return should queue_run() be called? */
static bool queue_becomes_mine_locked(struct block_queue *queue)
{
	assert_held(&queue->lock);
	if (!queue_wants_locked(queue))
		return false;
	queue->submitting = true;
	return true;
}

/* It has no device. @return true: it got one meanwhile */
static __cold bool io_is_served_again(struct block_io *io)
{
	if (block_io_park(io))
		return false;
	if (rcu_dereference(io->disk->whole->device))
		return true;
	block_io_end(io, -ENODEV);
	return false;
}

/* Those at the beginning of the list that are for one disk. */
static void block_submit_some(struct list *ios)
{
	struct disk *whole = list_first(ios, struct block_io, link)->disk->whole;
	struct block_queue *queue;
	bool mine = false;

	rcu_read_lock();
	queue = disk_lock_queue(whole);
	while (queue && !list_empty(ios)) {
		struct block_io *io = list_first(ios, struct block_io, link);

		if (io->disk->whole != whole)
			break;
		list_del(&io->link);
		list_add_tail(&io->link, &queue->waiting);
	}
	if (queue) {
		mine = queue_becomes_mine_locked(queue);
		spin_unlock(&queue->lock);
	}
	rcu_read_unlock();
	if (mine)
		queue_run(queue);
	if (!queue) {
		struct block_io *io = list_first(ios, struct block_io, link);

		list_del(&io->link);
		if (io_is_served_again(io))
			list_add(&io->link, ios);
	}
}

void block_submit(struct block_io *io)
{
	struct block_queue *queue;
	bool mine;

	if (!io_begin(io))
		return;
	rcu_read_lock();
	while (!(queue = disk_lock_queue(io->disk->whole))) {
		rcu_read_unlock();
		if (!io_is_served_again(io))
			return;
		rcu_read_lock();
	}
	list_add_tail(&io->link, &queue->waiting);
	mine = queue_becomes_mine_locked(queue);
	spin_unlock(&queue->lock);
	rcu_read_unlock();
	if (mine)
		queue_run(queue);
}

void block_submit_batch(struct list *ios)
{
	struct block_io *io, *next;
	DEFINE_LIST(good);

	list_for_each_safe(io, next, ios, link) {
		list_del(&io->link);
		if (io_begin(io))
			list_add_tail(&io->link, &good);
	}
	while (!list_empty(&good))
		block_submit_some(&good);
}
