/* SPDX-License-Identifier: MIT */
/**
 * @file ring.h  Virtqueues, in both layouts: split and packed.
 *
 * Pure: no function of the API, no lock. The caller serialises the calls for one ring.
 *
 * A split ring (split.c) has descriptors, which the driver chains, the available ring, which lists chains for the device,
 * and the used ring, which lists those that it has returned. In a packed ring (packed.c) driver and device
 * write to one and the same circle of descriptors.
 *
 * A chain of several descriptors can stand in a table of its own instead, and takes one descriptor of
 * the ring then (VIRTIO_F_INDIRECT_DESC). Tables are few: only a chain that is long uses one, since a table
 * costs a descriptor more, and short ones fit into the ring.
 *
 * The device writes to the memory that it shares with the driver, and may write anything anywhere. So nothing is read
 * back from there but what it has returned: which descriptors are free, and what a chain consists of,
 * is kept in slots of the driver's own, one for each descriptor or, in a packed ring, each identifier. What contradicts
 * them breaks the ring: ring_take() returns RING_BROKEN from then on, and ->fault describes what was wrong.
 *
 * Source: Virtio 1.1, 2.6 (split virtqueues), 2.7 (packed virtqueues), 2.6.7, 2.6.8 and 2.7.10 (suppression of
 * interrupts and notifications), 2.6.2 (legacy layout).
 */
#ifndef VIRTIO_RING_H
#define VIRTIO_RING_H

#include <stdint.h>

#define RING_SIZE_MAX  32768u /* descriptors */
#define RING_ALIGNMENT 16u    /* of its memory */
#define RING_ALIGNMENT_LEGACY \
	4096u		   /* of the memory and of the used ring of devices before Virtio 1.0 */
#define RING_DIRECT_MAX 4u /* descriptors of a chain that uses no table if there is room */

/* Kinds of rings. */
#define RING_EVENTS 1u /* VIRTIO_F_EVENT_IDX was negotiated */
#define RING_PACKED 2u /* VIRTIO_F_RING_PACKED was negotiated */
#define RING_LEGACY 4u /* the layout before Virtio 1.0 */
#define RING_CUT    8u /* lengths that are too large are cut, instead of breaking the ring */

/** A piece of memory, as the device addresses it. */
struct ring_segment {
	uint64_t address;
	uint32_t length; /* at least 1 */
	uint32_t zero;
};

/** What is kept of a descriptor, or an identifier. */
struct ring_slot {
	uint64_t tag;	   /* of a chain that begins here */
	uint32_t writable; /* bytes that the device may write into that chain */
	uint16_t next;	   /* the next free descriptor, or the next of the chain */
	uint16_t count;	   /* descriptors that the chain takes in the ring; 0: none begins here */
	uint16_t table;	   /* its table + 1; 0: none */
	uint16_t zero[3];
};

/** A chain that the device has returned. */
struct ring_completion {
	uint64_t tag;
	uint32_t length; /* bytes that the device wrote, at most what it might */
};

/** Of a split ring, and of tables for it. */
struct ring_descriptor {
	uint64_t address;
	uint32_t length;
	uint16_t flags;
	uint16_t next; /* in a packed ring: the identifier comes here, and then flags */
};
struct ring_used_element {
	uint32_t id;
	uint32_t length;
};

/* Flags of descriptors, in both layouts. */
#define DESCRIPTOR_NEXT	    1u
#define DESCRIPTOR_WRITE    2u
#define DESCRIPTOR_INDIRECT 4u

/* What the device wrote wrong. */
#define RING_FAULT_INDEX  1u /* the used index passes what was given to it */
#define RING_FAULT_ID	  2u /* it returns a chain that it has not */
#define RING_FAULT_LENGTH 3u /* it wrote more than fits */

struct ring_fault {
	uint32_t kind;	/* 0: none; RING_FAULT_... */
	uint32_t value; /* what it wrote */
	uint64_t limit; /* the largest correct value */
};

/** Where the parts of a ring are, from the start of its memory. */
struct ring_layout {
	uint64_t available; /* packed: the events that the driver asks for */
	uint64_t used;	    /* packed: those that the device asks for */
	uint64_t bytes;	    /* of all */
	uint64_t alignment; /* of its memory */
};

/** Memory for a ring. */
struct ring_config {
	uint32_t size;	/* descriptors: a power of two up to RING_SIZE_MAX */
	uint32_t kinds; /* RING_EVENTS... */
	void *memory;	/* ring_layout.bytes zeroes */
	struct ring_slot *slots;
	uint32_t table_count; /* up to 32; 0: no table is used */
	uint32_t table_entries;
	void *tables; /* table_count * table_entries * 16 bytes */
	uint64_t tables_address;
};

struct ring {
	uint32_t size, kinds;
	uint32_t free_count; /* descriptors of the ring */
	uint32_t out_count;  /* chains that the device has */
	uint16_t free_head;  /* first free slot */
	/* Split: indexes that count on. Packed: places in the ring. */
	uint16_t available_index, used_index, notified_index;
	uint16_t available_wrap,
		used_wrap;    /* packed: the driver's and the device's wrap counter, 0 or 1 */
	uint16_t head_flags;  /* packed: of the chain that is being written */
	uint32_t tables_free; /* a bit each */
	uint32_t table_entries;
	struct ring_fault fault;
	struct ring_slot *slots; /* @size of them */
	volatile struct ring_descriptor *descriptors;
	volatile uint16_t
		*available;	 /* split: flags, index, @size entries, event of the used ring */
	volatile uint16_t *used; /* split: flags, index, elements, event of the available ring */
	volatile struct ring_descriptor *tables;
	uint64_t tables_address;
};

/** The largest power of two that is at most @p offered and at most @p wanted; 0: a device offers none. */
uint32_t ring_choose_size(uint32_t offered, uint32_t wanted);
/** @param kinds  RING_PACKED, RING_LEGACY, RING_CUT */
void ring_lay_out(uint32_t size, uint32_t kinds, struct ring_layout *layout);
/** Start with an empty ring. */
void ring_init(struct ring *ring, const struct ring_config *config);

#define RING_OK	  0
#define RING_FULL 1 /* not enough descriptors or tables are free */
#define RING_INVALID \
	2 /* no segment, an empty one, more than fit into an empty ring, or more bytes than 2^32 - 1 */
#define RING_BROKEN 3 /* the device returned what was wrong */
#define RING_NONE   4 /* the device has returned nothing more */

/**
 * @brief Give a chain to the device.
 * @param segments  @p count of them, each read once: what the device reads first, then what it writes
 * @param writable  how many of the last ones it writes
 * @param tag       returned with the completion
 * @return RING_OK, RING_FULL, RING_INVALID, RING_BROKEN
 */
int ring_add(struct ring *ring, const struct ring_segment *segments, uint32_t count,
	     uint32_t writable, uint64_t tag);

/** Does the device want to be notified of what was added since the last call? @return 1, 0 */
int ring_needs_notification(struct ring *ring);

/**
 * @brief Has the device returned anything? If not, it is to interrupt for the next: a client that took
 * exactly what there was, and no more, is called for that.
 * @return 1, 0; 0 for a broken ring
 */
int ring_has_used(struct ring *ring);

/**
 * @brief Take back a chain that the device has returned. After RING_NONE the device interrupts
 * for the next one.
 * @return RING_OK: @p completion is written; RING_NONE, RING_BROKEN
 */
int ring_take(struct ring *ring, struct ring_completion *completion);

/* ---- between ring.c and the two layouts ---- */

/** A chain that is written into a ring or a table. */
struct ring_chain {
	const struct ring_segment *segments;
	uint32_t count, writable;
	uint64_t bytes;		 /* of all so far */
	uint64_t bytes_writable; /* of those that the device writes */
};

/** Read the segment of this number, once. @return 0: it is empty, or the bytes are too many */
int chain_read(struct ring_chain *chain, uint32_t index, struct ring_segment *segment,
	       uint16_t *flags);
/** Note what is wrong. @return RING_BROKEN */
int ring_break(struct ring *ring, uint32_t kind, uint32_t value, uint64_t limit);

/*
 * split_...(), packed_...(): write a chain, or a table for it, into free descriptors, without giving it to the device;
 * give it; and so on, as the functions of ring.c of the same names.
 */
int split_write(struct ring *ring, struct ring_chain *chain);
void split_write_table(struct ring *ring, uint32_t bytes, uint64_t address);
void split_give(struct ring *ring, uint32_t count);
int split_needs_notification(struct ring *ring);
int split_has_used(const struct ring *ring);
int split_request_interrupt(struct ring *ring);
int split_read_used(struct ring *ring, struct ring_used_element *element);
void split_free(struct ring *ring, uint16_t head);

void packed_init(struct ring *ring);
int packed_write(struct ring *ring, struct ring_chain *chain);
void packed_write_table(struct ring *ring, uint32_t bytes, uint64_t address);
void packed_give(struct ring *ring, uint32_t count);
int packed_needs_notification(struct ring *ring);
int packed_has_used(const struct ring *ring);
int packed_request_interrupt(struct ring *ring);
int packed_read_used(struct ring *ring, struct ring_used_element *element);
void packed_free(struct ring *ring, uint16_t head);

#endif
