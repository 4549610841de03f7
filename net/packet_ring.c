// SPDX-License-Identifier: MIT
/*
 * Rings of packet sockets (PACKET_RX_RING, versions 2 and 3): frames in memory that a program has mapped; packet(7), Linux
 * Documentation/networking/packet_mmap.rst. tcpdump captures by them.
 *
 * A ring is one run of pages, 4 MiB at most: libpcap asks for less where it gets ENOMEM. In version 2 each frame has a
 * place with a status word, in version 3 blocks have one, and frames follow each other in them. A block is handed over
 * when it is full, or when the program asks by poll(); so there is no timer for blocks that fill slowly.
 *
 * The program may write anything there. What the kernel goes by, where the next frame is put, is kept apart; of the
 * ring itself only status words are read. The socket's lock guards the ring, as the queue that it stands for.
 */
#include "internal.h"
#include "packet_socket.h"
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/page.h>
#include <kernel/string.h>
#include <kernel/time.h>
#include <kernel/vm.h>
#include <kernel/vm_window.h>

#define RING_ALIGN     16u /* TPACKET_ALIGNMENT */
#define LINK_BYTES_MIN 16u /* room for a header of Ethernet, however short it is */
#define NAME_BYTES     sizeof(struct user_sockaddr_ll)
#define RING_ORDER_MAX 10u
#define RING_ROUND(n)  (((n) + RING_ALIGN - 1) & ~(RING_ALIGN - 1))
#define BLOCK_ROUND(n) (((n) + 7) & ~7u)

struct packet_ring {
	u8 *memory;
	u32 order; /* of its pages */
	u64 bytes;
	struct user_tpacket_req shape;
	u32 places; /* frames in a block, version 2 */
	u8 version;
	u32 headers; /* bytes in front of a frame's content, the reserve and the link's header included */
	u32 next;	 /* the place, or block, that is filled next, or now */
	u32 filled;	 /* version 3: bytes of the block that are used; 0: it was not begun */
	u32 count, last; /* frames in it; where the last one is */
	u64 number;
	struct vm_window_list windows;
};

u32 packet_ring_header_bytes(u32 version)
{
	if (version == TPACKET_V2)
		return sizeof(struct user_tpacket2);
	if (version == TPACKET_V3)
		return sizeof(struct user_tpacket3);
	return 0;
}

/* ---- life ---- */

static u32 block_first(const struct user_tpacket_req *shape)
{
	return sizeof(struct user_tpacket_block) + BLOCK_ROUND(shape->private_bytes);
}

/* In the order of Linux. */
static s64 shape_check(const struct packet_socket *tap, const struct user_tpacket_req *shape)
{
	u32 least = packet_ring_header_bytes(tap->version) + NAME_BYTES + tap->reserve;
	u64 places;

	if (!shape->block_bytes || (s32)shape->block_bytes < 0 || shape->block_bytes % PAGE_SIZE)
		return -EINVAL;
	if (tap->version == TPACKET_V3 &&
	    (u64)shape->private_bytes + sizeof(struct user_tpacket_block) + 8 + least >
		    shape->block_bytes)
		return -EINVAL;
	if (shape->frame_bytes < least || shape->frame_bytes % RING_ALIGN)
		return -EINVAL;
	places = shape->block_bytes / shape->frame_bytes;
	if (!places || (u64)shape->block_bytes * shape->block_count > ~0u ||
	    places * shape->block_count != shape->frame_count)
		return -EINVAL;
	return 0;
}

/* Of the header of the link, which datagrams have not. */
static u32 link_bytes(const struct packet_socket *tap)
{
	if (tap->socket.type == SOCK_DGRAM)
		return 0;
	return ETHERNET_BYTES;
}

static struct packet_ring *ring_create(const struct packet_socket *tap,
				       const struct user_tpacket_req *shape)
{
	struct packet_ring *ring = kzalloc(sizeof(*ring));
	u32 link = link_bytes(tap);
	struct page *pages;

	if (!ring)
		return NULL;
	ring->bytes = (u64)shape->block_bytes * shape->block_count;
	while (PAGE_SIZE << ring->order < ring->bytes)
		ring->order++;
	pages = ring->order <= RING_ORDER_MAX ? pages_alloc(ring->order, PAGE_ZERO) : NULL;
	if (!pages) {
		kfree(ring);
		return NULL;
	}
	ring->memory = page_address(pages);
	ring->shape = *shape;
	ring->places = shape->block_bytes / shape->frame_bytes;
	ring->version = tap->version;
	ring->headers = RING_ROUND(packet_ring_header_bytes(ring->version) + (u32)NAME_BYTES +
				   LINK_BYTES_MIN) +
			tap->reserve - link;
	vm_window_list_init(&ring->windows, VM_WINDOW_FILE);
	return ring;
}

static void ring_destroy(struct packet_ring *ring)
{
	if (!ring)
		return;
	vm_windows_revoke(&ring->windows);
	pages_free(virt_to_page(ring->memory), ring->order);
	kfree(ring);
}

static bool ring_is_mapped(const struct packet_ring *ring)
{
	return ring && !list_empty(&ring->windows.windows);
}

s64 packet_ring_set(struct packet_socket *tap, uaddr_t value, s32 len)
{
	struct user_tpacket_req shape = { 0 };
	u32 bytes = tap->version == TPACKET_V3 ? sizeof(shape)
					       : offsetof(struct user_tpacket_req, timeout_ms);
	struct packet_ring *ring = NULL, *old;
	struct packet_list frames;
	s64 err = 0;

	if (len < (s32)bytes || !tap->version)
		return -EINVAL;
	if (copy_from_user(&shape, value, bytes))
		return -EFAULT;
	mutex_lock(&net_lock); /* one program at a time */
	if (ring_is_mapped(tap->ring) || (shape.block_count && tap->ring))
		err = -EBUSY;
	else if (shape.block_count)
		err = shape_check(tap, &shape);
	else if (shape.frame_count)
		err = -EINVAL;
	if (!err && shape.block_count) {
		ring = ring_create(tap, &shape);
		if (!ring)
			err = -ENOMEM;
	}
	if (!err) {
		spin_lock(&tap->lock);
		old = tap->ring;
		tap->ring = ring;
		frames = tap->frames;
		tap->frames = (struct packet_list){ 0 };
		tap->used = 0;
		spin_unlock(&tap->lock);
		packets_free(&frames);
		ring_destroy(old);
	}
	mutex_unlock(&net_lock);
	return err;
}

void packet_ring_free(struct packet_socket *tap)
{
	struct packet_ring *ring;

	spin_lock(&tap->lock);
	ring = tap->ring;
	tap->ring = NULL;
	spin_unlock(&tap->lock);
	ring_destroy(ring);
}

/* ---- frames ---- */

static u32 frame_status(const struct packet_socket *tap, const struct packet *frame)
{
	u32 status = TP_STATUS_USER;

	if (frame->flags & BANOS_PACKET_PARTIAL)
		status |= TP_STATUS_CSUMNOTREADY;
	if (tap->dropped)
		status |= TP_STATUS_LOSING;
	return status;
}

/* The name and the bytes of a frame, behind the header at @at. @room: bytes that may be used. @return bytes that were kept */
static u32 frame_write(const struct packet_socket *tap, const struct packet *frame, u8 *at,
		       u32 room, u32 kept)
{
	const struct packet_ring *ring = tap->ring;
	u32 skipped = ETHERNET_BYTES - link_bytes(tap);
	struct user_sockaddr_ll *name =
		(void *)(at + RING_ROUND(packet_ring_header_bytes(ring->version)));

	packet_name_fill(frame, name);
	kept -= MIN(kept, skipped);
	kept = MIN(kept, room - ring->headers);
	return packet_read(frame, skipped, at + ring->headers, kept);
}

static u16 frame_network(const struct packet_socket *tap)
{
	u32 link = link_bytes(tap);

	return (u16)(tap->ring->headers + link);
}

static bool ring2_put(struct packet_socket *tap, const struct packet *frame, u32 whole, u32 kept)
{
	struct packet_ring *ring = tap->ring;
	const struct user_tpacket_req *shape = &ring->shape;
	u64 now = time_realtime_ns();
	u8 *at = ring->memory + (u64)(ring->next / ring->places) * shape->block_bytes +
		 (u64)(ring->next % ring->places) * shape->frame_bytes;
	struct user_tpacket2 *header = (void *)at;

	if (smp_load_acquire(&header->status) != TP_STATUS_KERNEL ||
	    ring->headers > shape->frame_bytes)
		return false;
	header->captured = frame_write(tap, frame, at, shape->frame_bytes, kept);
	header->length = whole;
	header->link = (u16)ring->headers;
	header->network = frame_network(tap);
	header->sec = (u32)(now / NSEC_PER_SEC);
	header->nsec = (u32)(now % NSEC_PER_SEC);
	header->vlan_tag = header->vlan_type = 0;
	smp_store_release(&header->status, frame_status(tap, frame));
	ring->next = (ring->next + 1) % shape->frame_count;
	return true;
}

/* ---- blocks ---- */

static struct user_tpacket_block *block_at(const struct packet_ring *ring, u32 index)
{
	return (void *)(ring->memory + (u64)index * ring->shape.block_bytes);
}

static bool block_begin(struct packet_ring *ring)
{
	struct user_tpacket_block *block = block_at(ring, ring->next);

	if (smp_load_acquire(&block->status) != TP_STATUS_KERNEL)
		return false;
	*block = (struct user_tpacket_block){
		.version = TPACKET_V3,
		.private_at = sizeof(*block),
		.first_at = block_first(&ring->shape),
		.number = ++ring->number,
	};
	ring->filled = block_first(&ring->shape);
	ring->count = 0;
	return true;
}

/* Hand the block that is being filled over to the program. */
static void block_end(struct packet_ring *ring)
{
	struct user_tpacket_block *block = block_at(ring, ring->next);
	struct user_tpacket3 *last = (void *)((u8 *)block + ring->last);

	last->next = 0;
	block->count = ring->count;
	block->used_bytes = ring->filled;
	block->last_sec = last->sec;
	block->last_nsec = last->nsec;
	smp_store_release(&block->status, TP_STATUS_USER);
	ring->next = (ring->next + 1) % ring->shape.block_count;
	ring->filled = 0;
}

static bool ring3_put(struct packet_socket *tap, const struct packet *frame, u32 whole, u32 kept)
{
	struct packet_ring *ring = tap->ring;
	u64 now = time_realtime_ns();
	u32 most = ring->shape.block_bytes - block_first(&ring->shape), needed;
	struct user_tpacket_block *block;
	struct user_tpacket3 *header;

	if (ring->headers > most)
		return false;
	needed = BLOCK_ROUND(ring->headers + MIN(kept, most - ring->headers));
	if (ring->filled && ring->filled + needed > ring->shape.block_bytes)
		block_end(ring);
	if (!ring->filled && !block_begin(ring))
		return false;
	block = block_at(ring, ring->next);
	header = (void *)((u8 *)block + ring->filled);
	*header = (struct user_tpacket3){
		.next = needed,
		.sec = (u32)(now / NSEC_PER_SEC),
		.nsec = (u32)(now % NSEC_PER_SEC),
		.length = whole,
		.status = frame_status(tap, frame),
		.link = (u16)ring->headers,
		.network = frame_network(tap),
	};
	if (!ring->count) {
		block->first_sec = header->sec;
		block->first_nsec = header->nsec;
	}
	header->captured = frame_write(tap, frame, (u8 *)header, needed, kept);
	ring->last = ring->filled;
	ring->filled += needed;
	ring->count++;
	return true;
}

bool packet_ring_put(struct packet_socket *tap, const struct packet *frame, u32 whole, u32 kept)
{
	if (tap->socket.type == SOCK_DGRAM)
		whole -= ETHERNET_BYTES;
	if (tap->ring->version == TPACKET_V3)
		return ring3_put(tap, frame, whole, kept);
	return ring2_put(tap, frame, whole, kept);
}

bool packet_ring_ready(struct packet_socket *tap)
{
	struct packet_ring *ring = tap->ring;
	u32 count = ring->version == TPACKET_V3 ? ring->shape.block_count : ring->shape.frame_count;
	u32 before = (ring->next + count - 1) % count;
	const u8 *at;

	if (ring->version == TPACKET_V3) {
		at = (u8 *)&block_at(ring, before)->status;
		if (READ_ONCE(*(const u32 *)at) == TP_STATUS_KERNEL && ring->filled) {
			block_end(ring);
			return true;
		}
	} else {
		at = ring->memory + (u64)(before / ring->places) * ring->shape.block_bytes +
		     (u64)(before % ring->places) * ring->shape.frame_bytes;
	}
	return READ_ONCE(*(const u32 *)at) != TP_STATUS_KERNEL;
}

/* ---- in programs ---- */

int packet_ring_map_begin(struct file *f, u64 offset, u64 length, u32 vm_flags, void **private)
{
	const struct packet_socket *tap = packet_socket_of(f->private);
	struct vm_window *window = NULL;
	int err = -EINVAL;

	mutex_lock(&net_lock);
	if (tap->ring && !offset && length == tap->ring->bytes && (vm_flags & VM_SHARED)) {
		window = vm_window_create(virt_to_phys(tap->ring->memory),
					  tap->ring->bytes >> PAGE_SHIFT, KCACHE_WB);
		err = IS_ERR(window) ? (int)PTR_ERR(window) : 0;
	}
	if (!err)
		err = vm_window_enter(window, &tap->ring->windows);
	mutex_unlock(&net_lock);
	if (!err)
		*private = window;
	else if (window && !IS_ERR(window))
		vm_window_put(window);
	return err;
}

int packet_ring_map(struct file *f, struct vm_region *region)
{
	vm_window_attach(region->private, region);
	return 0;
}

void packet_ring_map_end(struct file *f, void *private)
{
	vm_window_put(private);
}
