// SPDX-License-Identifier: MIT
/*
 * Requests: what is made of transfers, and their buffers.
 *
 * A request takes the transfer that waits first in its queue, and those behind it that
 * continue it on the disk, as far as the device's limits allow; or a piece of a large one. Where the memory of
 * a transfer lies so that the device cannot access it, or a block of the disk lies in pieces between
 * which the device allows no gap, the request is "crooked": it is mapped by way of other pages.
 */
#include <asm/layout.h>
#include <asm/probe.h>
#include <kernel/bus.h>
#include <kernel/heap.h>
#include <kernel/printk.h>
#include <kernel/string.h>
#include "internal.h"
#include "segments.h"

u64 request_secret;

#define BOUNCE_BYTES_MAX 65536ul

/* ---- building ---- */

struct request_walk {
	struct block_io *io;
	u32 vec, offset;
	u64 left;
};

/* The next piece of memory, at most @walk->left bytes. @return its length */
static u64 walk_piece(struct request_walk *walk, u64 *address)
{
	const struct block_vec *vec = &walk->io->vecs[walk->vec];

	*address = page_to_phys(vec->page) + vec->offset + walk->offset;
	return MIN((u64)vec->length - walk->offset, walk->left);
}

/* Behind @length bytes of that piece. */
static void walk_advance(struct request_walk *walk, u64 length)
{
	walk->left -= length;
	walk->offset += length;
	if (walk->offset == walk->io->vecs[walk->vec].length) {
		walk->vec++;
		walk->offset = 0;
	}
}

/* Take what fits of @walk, up to its end. @return bytes */
static u64 request_take(struct segment_run *run, struct request_walk *walk, bool dma)
{
	u64 taken = 0;

	while (walk->left) {
		u64 address, length = walk_piece(walk, &address), fits = length;

		if (dma && !segment_is_straight(run->limits, address, length))
			break;
		if (dma)
			fits = segment_append(run, address, length);
		taken += fits;
		walk_advance(walk, fits);
		if (fits < length)
			break;
	}
	return taken;
}

static u64 bounce_bytes(const struct block_limits *limits)
{
	return MIN(MIN(BOUNCE_BYTES_MAX, limits->bytes_max), limits->segments_max * PAGE_SIZE);
}

/* Bytes of @io, from where it is to be continued, that one request can have. */
static u64 request_take_first(struct block_request *request, struct segment_run *run,
			      struct block_io *io)
{
	const struct block_limits *limits = run->limits;
	bool dma = !(request->queue->device->flags & BANOS_BLOCK_NO_DMA);
	struct request_walk walk = {
		.io = io,
		.vec = io->at_vec,
		.offset = io->at_offset,
		.left = MIN(io->bytes - io->handed_out, limits->bytes_max),
	};
	u64 wanted = walk.left, taken = request_take(run, &walk, dma);

	taken &= ~((u64)limits->block_bytes - 1);
	if (taken)
		return taken;
	request->crooked = true;
	return MIN(wanted, bounce_bytes(limits));
}

/* @io is handed out up to @bytes further. */
static void io_hand_out(struct block_io *io, u64 bytes)
{
	struct request_walk walk = { io, io->at_vec, io->at_offset, bytes };

	while (walk.left) {
		u64 address, length = walk_piece(&walk, &address);

		walk_advance(&walk, length);
	}
	io->at_vec = walk.vec;
	io->at_offset = walk.offset;
}

static u64 request_bytes_plain(const struct block_limits *limits, const struct block_io *io)
{
	u64 left = io->bytes - io->handed_out;

	if (io->op == BLOCK_DISCARD)
		return MIN(left, limits->discard_bytes_max);
	if (io->op == BLOCK_WRITE_ZEROES)
		return MIN(left, limits->zero_bytes_max);
	return left;
}

/* The transfers that continue the request: whole ones. */
static void request_merge_locked(struct block_request *request, struct segment_run *run)
{
	struct block_queue *queue = request->queue;
	bool dma = !(queue->device->flags & BANOS_BLOCK_NO_DMA);

	assert_held(&queue->lock);
	while (!list_empty(&queue->waiting)) {
		struct block_io *next = list_first(&queue->waiting, struct block_io, link);
		struct segment_run before = *run;
		struct request_walk walk = { .io = next, .left = next->bytes };

		if (next->op != request->op || next->flags != request->flags ||
		    next->position != request->position + request->bytes ||
		    request->bytes + next->bytes > run->limits->bytes_max)
			return;
		if (request_take(run, &walk, dma) < next->bytes) {
			*run = before;
			return;
		}
		list_del(&next->link);
		list_add_tail(&next->link, &request->ios);
		request->bytes += next->bytes;
		queue->counts[request->op].merged++;
	}
}

static __cold void request_build_part_locked(struct block_request *request, struct block_io *io)
{
	assert_held(&request->queue->lock);
	if (!io->split) {
		io->split = true;
		atomic_set(&io->left, 1);
	}
	atomic_inc(&io->left);
	request->part = io;
	if (io->nvecs)
		io_hand_out(io, request->bytes);
	io->handed_out += request->bytes;
	if (io->handed_out < io->bytes)
		return;
	list_del(&io->link);
	atomic_dec(&io->left); /* the piece keeps it */
}

void request_build_locked(struct block_request *request)
{
	struct block_queue *queue = request->queue;
	const struct block_limits *limits = &queue->device->limits;
	struct segment_run run = { .limits = limits, .max = limits->segments_max };
	struct block_io *io = list_first(&queue->waiting, struct block_io, link);

	assert_held(&queue->lock);
	request->op = io->op;
	request->flags = io->flags;
	request->first = io;
	request->vec = io->at_vec;
	request->vec_offset = io->at_offset;
	request->position = io->position + io->handed_out;
	request->part = NULL;
	request->mapped = request->crooked = false;
	request->resets = 0;
	if (io->nvecs)
		request->bytes = request_take_first(request, &run, io);
	else
		request->bytes = request_bytes_plain(limits, io);
	if (io->split || request->bytes < io->bytes) {
		request_build_part_locked(request, io);
		return;
	}
	list_del(&io->link);
	list_add_tail(&io->link, &request->ios);
	if (io->nvecs && !request->crooked)
		request_merge_locked(request, &run);
}

/* ---- who has it ---- */

/* Of a handle: where the request is, in blocks of 64 bytes, between the two parts of its generation. */
#define HANDLE_LOW	 0x3full
#define HANDLE_HIGH_BITS 15u
#define HANDLE_HIGH_FROM 48u
#define HANDLE_PLACE	 (((1ull << 47) - 1) & ~HANDLE_LOW)
#define HANDLE_LOW_BITS	 6u
#define HANDLE_MARK	 (1ull << 47) /* so that none is 0 */

static u64 handle_generation(u64 state)
{
	u64 generation = state / REQUEST_GENERATION;

	return (generation & HANDLE_LOW) |
	       (generation >> HANDLE_LOW_BITS & ((1u << HANDLE_HIGH_BITS) - 1)) << HANDLE_HIGH_FROM;
}

u64 request_handle(const struct block_request *request)
{
	if (!request->first->nvecs)
		return 0;
	return ((u64)request - PHYSMAP_BASE) | HANDLE_MARK | handle_generation(request->state);
}

void request_send_locked(struct block_request *request, u64 now_ns,
			 struct banos_block_request *entry)
{
	const struct block_device *device = request->queue->device;
	u32 shift = device->limits.block_shift;

	assert_held(&request->queue->lock);
	request->error = 0;
	request->fate = FATE_END;
	request->sent_ns = now_ns;
	request->deadline_ns = now_ns + device->timeout_ns;
	__atomic_store_n(&request->state,
			 ((request->state & -REQUEST_GENERATION) + REQUEST_GENERATION) |
				 REQUEST_OUT,
			 __ATOMIC_RELEASE);
	entry->operation = request->op;
	entry->tag = request->tag;
	entry->flags = request->flags;
	entry->zero = 0;
	entry->first = request->position >> shift;
	entry->count = request->bytes >> shift;
	entry->buffer = (banos_buffer)request_handle(request);
	entry->bytes = 0;
	if (entry->buffer)
		entry->bytes = request->bytes;
}

bool request_claim(struct block_request *request, enum request_fate fate, int error)
{
	u64 state = __atomic_load_n(&request->state, __ATOMIC_ACQUIRE);

	do {
		if (!(state & REQUEST_OUT))
			return false;
	} while (!__atomic_compare_exchange_n(&request->state, &state, state - REQUEST_OUT + 1,
					      false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	request->fate = fate;
	request->error = error;
	return true;
}

bool request_release(struct block_request *request)
{
	u64 state = __atomic_load_n(&request->state, __ATOMIC_ACQUIRE);

	/* Nobody else is there, and nobody comes. */
	if ((state & (REQUEST_OUT | REQUEST_USERS)) == 1) {
		__atomic_store_n(&request->state, state - 1, __ATOMIC_RELAXED);
		return true;
	}
	state = __atomic_sub_fetch(&request->state, 1, __ATOMIC_ACQ_REL);
	return !(state & (REQUEST_OUT | REQUEST_USERS));
}

/* ---- buffers ---- */

struct block_request *block_buffer_get(u64 handle, const struct owner *root)
{
	struct block_request *request = phys_to_virt(handle & HANDLE_PLACE);
	u64 state, generation = handle & ~(HANDLE_PLACE | HANDLE_MARK);

	rcu_read_lock();
	if (!(handle & HANDLE_MARK) || !probe_equals(&request->seal, request_seal(request)) ||
	    request->root != root)
		goto none;
	state = __atomic_load_n(&request->state, __ATOMIC_ACQUIRE);
	do {
		if (!(state & REQUEST_OUT) || handle_generation(state) != generation)
			goto none;
	} while (!__atomic_compare_exchange_n(&request->state, &state, state + 1, false,
					      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	rcu_read_unlock();
	return request;
none:
	rcu_read_unlock();
	return NULL;
}

void block_buffer_put(struct block_request *request)
{
	if (request_release(request))
		request_retire(request);
}

bool block_buffer_is_writable(const struct block_request *request)
{
	return request->op == BLOCK_READ;
}

static struct request_walk request_walk_begin(const struct block_request *request)
{
	return (struct request_walk){ request->first, request->vec, request->vec_offset,
				      request->bytes };
}

/* The next piece of a request, behind which the walk is then. @return its length, 0: no more */
static u64 request_next_piece(struct request_walk *walk, u64 *address)
{
	u64 length;

	if (!walk->left)
		return 0;
	if (walk->vec == walk->io->nvecs) {
		walk->io = list_entry(walk->io->link.next, struct block_io, link);
		walk->vec = walk->offset = 0;
	}
	length = walk_piece(walk, address);
	walk_advance(walk, length);
	return length;
}

static void buffer_copy_piece(enum block_copy how, void *piece, void *memory, u64 length)
{
	if (how == BLOCK_COPY_FROM)
		memcpy(memory, piece, length);
	else if (how == BLOCK_COPY_TO)
		memcpy(piece, memory, length);
	else
		memset(piece, 0, length);
}

u64 block_buffer_copy(struct block_request *request, enum block_copy how, u64 offset, void *memory,
		      u64 length)
{
	struct request_walk walk = request_walk_begin(request);
	u64 done = 0, address, piece;

	while (done < length && (piece = request_next_piece(&walk, &address))) {
		if (offset >= piece) {
			offset -= piece;
			continue;
		}
		address += offset;
		piece = MIN(piece - offset, length - done);
		offset = 0;
		buffer_copy_piece(how, phys_to_virt(address), (u8 *)memory + done, piece);
		done += piece;
	}
	return done;
}

/* ---- for the device ---- */

static u32 bounce_order(u64 bytes)
{
	u32 order = 0;

	while (PAGE_SIZE << order < bytes)
		order++;
	return order;
}

static __cold int request_bounce(struct block_request *request)
{
	const struct block_limits *limits = &request->queue->device->limits;
	u32 order = bounce_order(request->bytes);
	struct page *page;

	if (request->bounce)
		return 0;
	page = pages_alloc(order, limits->address_max < 1ull << 32 ? PAGE_BELOW_4G : 0);
	if (!page)
		return -ENOMEM;
	if (page_to_phys(page) + (PAGE_SIZE << order) - 1 > limits->address_max) {
		pages_free(page, order);
		return -ENOMEM;
	}
	if (request->op == BLOCK_WRITE)
		block_buffer_copy(request, BLOCK_COPY_FROM, 0, page_address(page), request->bytes);
	request->bounce_order = order;
	request->bounce = page;
	return 0;
}

s64 block_buffer_map(struct block_request *request, void *segments, u32 max, u32 stride)
{
	const struct block_device *device = request->queue->device;
	struct request_walk walk = request_walk_begin(request);
	struct segment_run run = { .limits = &device->limits,
				   .max = MIN(max, device->limits.segments_max),
				   .segments = segments,
				   .stride = stride };
	u64 address, length, done = 0;
	int err = 0;

	if (device->flags & BANOS_BLOCK_NO_DMA)
		return -EINVAL;
	if (request->crooked) {
		err = request_bounce(request);
		if (!err)
			done = segment_append_parts(&run, page_to_phys(request->bounce),
						    request->bytes);
	} else {
		while ((length = request_next_piece(&walk, &address)))
			done += segment_append(&run, address, length);
	}
	if (err)
		return err;
	if (done < request->bytes)
		return -E2BIG;
	WRITE_ONCE(request->mapped, true);
	return run.count;
}

__cold void request_unmap(struct block_request *request)
{
	struct page *bounce = request->bounce;

	request->mapped = false;
	if (!bounce)
		return;
	request->bounce = NULL;
	if (request->op == BLOCK_READ && !request->error)
		block_buffer_copy(request, BLOCK_COPY_TO, 0, page_address(bounce), request->bytes);
	pages_free(bounce, request->bounce_order);
}

/* ---- pages that a device may still access ---- */

static __cold void quarantine_add(struct bus_device *bus, struct page *page, u32 order,
				  bool borrowed)
{
	struct dma_block *block = kzalloc(sizeof(*block));

	if (!block) { /* it stays allocated for ever */
		pr_err("block: not enough memory to note %lu bytes that a device may still access: they are lost\n",
		       PAGE_SIZE << order);
		return;
	}
	list_init(&block->link);
	block->addr = page_to_phys(page);
	block->order = order;
	block->bytes = PAGE_SIZE << order;
	block->borrowed = borrowed;
	bus_device_quarantine(bus, block);
}

__cold void request_quarantine(struct block_request *request)
{
	struct bus_device *bus = request->queue->device->bus;
	struct request_walk walk = request_walk_begin(request);
	u64 address, length;

	if (!request->mapped || !bus || bus_device_is_silent(bus))
		return;
	request->mapped = false;
	if (request->bounce) {
		quarantine_add(bus, request->bounce, request->bounce_order, false);
		request->bounce = NULL;
		return;
	}
	while ((length = request_next_piece(&walk, &address)))
		for (u64 at = address & PAGE_MASK; at < address + length; at += PAGE_SIZE) {
			page_get(phys_to_page(at));
			quarantine_add(bus, phys_to_page(at), 0, true);
		}
}
