/* SPDX-License-Identifier: MIT */
/**
 * @file ring.h  Split virtqueues: descriptors, the available ring and the used ring.
 *
 * Pure: no function of the API, no lock. The caller serialises the calls for one ring.
 *
 * The device writes the used ring, and may write wrong values into it, or into any other part
 * of the memory that it shares with the driver. So nothing is read back from there but the used ring:
 * which descriptors are free, and what a chain consists of, is kept in slots of the driver's own.
 * A used ring that contradicts them breaks the ring: ring_take() returns RING_BROKEN
 * from then on, and ->fault describes what was wrong.
 *
 * Source: Virtio 1.1, 2.6 (split virtqueues), 2.6.7 and 2.6.8 (suppression of interrupts and notifications).
 */
#ifndef VIRTIO_RING_H
#define VIRTIO_RING_H

#include <stdint.h>

#define RING_SIZE_MAX  32768u /* descriptors */
#define RING_ALIGNMENT 16u    /* of its memory */

/** A piece of memory, as the device addresses it. */
struct ring_segment {
	uint64_t address;
	uint32_t length; /* at least 1 */
};

/** What is kept of a descriptor. */
struct ring_slot {
	uint64_t tag;	   /* of a chain that begins here */
	uint64_t writable; /* bytes that the device may write into that chain */
	uint16_t next;	   /* the next free descriptor, or the next of the chain */
	uint16_t count;	   /* descriptors of the chain that begins here; 0: none does */
};

/** A chain that the device has returned. */
struct ring_completion {
	uint64_t tag;
	uint32_t length; /* bytes that the device wrote, at most what it might */
};

struct ring_descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags;
	uint16_t next;
};
struct ring_used_element {
	uint32_t id;
	uint32_t length;
};

/* What the device wrote wrong. */
#define RING_FAULT_INDEX  1u /* the used index passes what was given to it */
#define RING_FAULT_ID	  2u /* it returns a chain that it has not */
#define RING_FAULT_LENGTH 3u /* it wrote more than fits */

struct ring_fault {
	uint32_t kind;	/* 0: none; RING_FAULT_... */
	uint32_t value; /* what it wrote */
	uint64_t limit; /* the largest correct value */
};

struct ring {
	uint32_t size; /* descriptors: a power of two */
	uint32_t free_count;
	uint32_t out_count; /* chains that the device has */
	uint16_t free_head;
	uint16_t available_index, used_index, notified_index;
	uint32_t has_events; /* VIRTIO_F_EVENT_IDX was negotiated */
	struct ring_fault fault;
	struct ring_slot *slots; /* @size of them */
	volatile struct ring_descriptor *descriptors;
	volatile uint16_t *available; /* flags, index, @size entries, event of the used ring */
	volatile uint16_t *used;      /* flags, index, elements, event of the available ring */
};

/** The largest power of two that is at most @p offered and at most @p wanted; 0: a device offers none. */
uint32_t ring_choose_size(uint32_t offered, uint32_t wanted);
/** Bytes from the start of a ring's memory to its available ring. */
uint64_t ring_available_offset(uint32_t size);
/** Bytes from the start of a ring's memory to its used ring. */
uint64_t ring_used_offset(uint32_t size);
/** Bytes of a ring's memory. */
uint64_t ring_bytes(uint32_t size);

/**
 * @brief Start with an empty ring.
 * @param size        a power of two up to RING_SIZE_MAX
 * @param memory      ring_bytes() zeroes, aligned to RING_ALIGNMENT
 * @param slots       @p size of them
 * @param has_events  VIRTIO_F_EVENT_IDX was negotiated
 */
void ring_init(struct ring *ring, uint32_t size, void *memory, struct ring_slot *slots,
	       uint32_t has_events);

#define RING_OK	  0
#define RING_FULL 1 /* not enough descriptors are free */
#define RING_INVALID \
	2 /* no segment, an empty one, more than the ring has, or more bytes than 2^32 - 1 */
#define RING_BROKEN 3 /* the device wrote a wrong used ring */
#define RING_NONE   4 /* the device has returned nothing more */

/**
 * @brief Give a chain to the device.
 * @param segments  @p count of them: what the device reads first, then what it writes
 * @param writable  how many of the last ones it writes
 * @param tag       returned with the completion
 * @return RING_OK, RING_FULL, RING_INVALID, RING_BROKEN
 */
int ring_add(struct ring *ring, const struct ring_segment *segments, uint32_t count,
	     uint32_t writable, uint64_t tag);

/** Does the device want to be notified of what was added since the last call? @return 1, 0 */
int ring_needs_notification(struct ring *ring);

/** Has the device returned anything? @return 1, 0; 0 for a broken ring */
int ring_has_used(const struct ring *ring);

/**
 * @brief Take back a chain that the device has returned. After RING_NONE the device interrupts
 * for the next one.
 * @return RING_OK: @p completion is written; RING_NONE, RING_BROKEN
 */
int ring_take(struct ring *ring, struct ring_completion *completion);

#endif
