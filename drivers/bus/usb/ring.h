/* SPDX-License-Identifier: MIT */
/**
 * @file ring.h  Rings of transfer request blocks (TRBs): xHCI 1.2, 4.9 and 6.4. Pure.
 *
 * The memory of a ring is shared with the controller. A TRB belongs to its reader when its cycle
 * bit has the value of the present lap, so that the word with that bit is written last,
 * and read first. What the controller writes is not trusted.
 *
 * Locking: the caller's, one for each ring.
 */
#ifndef USB_RING_H
#define USB_RING_H

#include <stdint.h>

struct trb {
	uint64_t parameter;
	uint32_t status, control;
};

/** A ring that the driver fills: of commands, or of the transfers of an endpoint. */
struct trb_ring {
	struct trb *trbs; /* the last is a link to the first */
	uint64_t address; /* of the first, for the controller */
	uint32_t count;	  /* at least 2, with the link */
	uint32_t next;	  /* the one that is filled next: below count - 1 */
	uint32_t cycle;	  /* 0 or 1: its cycle bit */
};

/** A ring that the controller fills with events. */
struct event_ring {
	const struct trb *trbs;
	uint64_t address;
	uint32_t count, next, cycle;
};

/**
 * @brief Begin an empty ring.
 * @param trbs     @p count of them; zeroed here
 * @param address  of the same memory for the controller
 */
void trb_ring_init(struct trb_ring *ring, struct trb *trbs, uint64_t address, uint32_t count);

/**
 * @brief Fill the next TRB. The caller sees to it that the controller has done with it.
 * @param control  without its cycle bit
 * @return its index
 */
uint32_t trb_ring_put(struct trb_ring *ring, uint64_t parameter, uint32_t status, uint32_t control);

/** Index of the TRB at an address that the controller reported. @return -1: none of this ring, or the link */
int32_t trb_ring_index(const struct trb_ring *ring, uint64_t address);

/** The index behind @p index, past the link. */
uint32_t trb_ring_after(const struct trb_ring *ring, uint32_t index);

/**
 * @brief Where the controller is to continue: address and cycle bit of a TRB.
 * @param index  of one that waits to be executed, or ring->next
 */
uint64_t trb_ring_dequeue(const struct trb_ring *ring, uint32_t index);

void events_init(struct event_ring *ring, const struct trb *trbs, uint64_t address, uint32_t count);

/** Is there an event? */
int events_pending(const struct event_ring *ring);

/** Take an event. @return 1, or 0: there is none, and @p event is unchanged */
int events_take(struct event_ring *ring, struct trb *event);

/** Address of the event that is taken next, for the controller. */
uint64_t events_dequeue(const struct event_ring *ring);

#endif
