/* SPDX-License-Identifier: MIT */
/*
 * Packed virtqueues: ring.h.
 *
 * The driver writes chains into the circle one behind the other, the device writes one element over them for each that
 * it returns, and goes on as many places as the chain had. Two bits of a descriptor tell whose it is, by
 * comparison with a counter of laps (0 or 1) that each side keeps: available = the driver's lap, used = not so
 * until the device has returned it. The first descriptor of a chain gets its bits last. An identifier names a
 * chain: the number of a slot, in no relation to the places. In a descriptor it is where a split ring has
 * flags, and flags are where that has a link.
 *
 * Where nothing is known but a place and a lap, a device cannot announce too many chains: each is looked at by itself.
 */
#include <banos/dma.h>
#include "ring.h"

#define FLAG_AVAILABLE 0x0080u
#define FLAG_USED      0x8000u

/* Events: a place with the lap in bit 15, and which ones are wanted. */
#define WORD_PLACE     0
#define WORD_WANTED    1
#define WANTED_NONE    1u
#define WANTED_AT      2u /* those at the place */
#define WANTED_MASK    3u
#define PLACE_LAP_AT   15
#define PLACE_MASK     0x7fffu
#define PLACE_LAP(lap) ((uint16_t)((lap) << PLACE_LAP_AT))

static void events_write(const struct ring *ring, uint32_t word, uint16_t value)
{
	volatile uint16_t *words = ring->available;

	words[word] = value;
}

void packed_init(struct ring *ring)
{
	if (!(ring->kinds & RING_EVENTS))
		return;
	events_write(ring, WORD_PLACE, PLACE_LAP(1));
	events_write(ring, WORD_WANTED, WANTED_AT);
}

/* What a descriptor that belongs to the device has in this lap of the driver. */
static uint16_t flags_of_lap(uint16_t lap)
{
	return lap ? FLAG_AVAILABLE : FLAG_USED;
}

/* The first one keeps the bits of the lap before, until packed_give(). */
int packed_write(struct ring *ring, struct ring_chain *chain)
{
	uint32_t place = ring->available_index;
	uint16_t lap = ring->available_wrap, flags;
	struct ring_segment segment;

	for (uint32_t i = 0; i < chain->count; i++) {
		volatile struct ring_descriptor *descriptor = &ring->descriptors[place];

		if (!chain_read(chain, i, &segment, &flags))
			return RING_INVALID;
		descriptor->address = segment.address;
		descriptor->length = segment.length;
		descriptor->flags = ring->free_head;
		if (i)
			descriptor->next = flags | flags_of_lap(lap);
		else
			ring->head_flags = flags | flags_of_lap(lap);
		if (++place == ring->size) {
			place = 0;
			lap ^= 1;
		}
	}
	return RING_OK;
}

void packed_write_table(struct ring *ring, uint32_t bytes, uint64_t address)
{
	volatile struct ring_descriptor *descriptor = &ring->descriptors[ring->available_index];

	descriptor->address = address;
	descriptor->length = bytes;
	descriptor->flags = ring->free_head;
	ring->head_flags = DESCRIPTOR_INDIRECT | flags_of_lap(ring->available_wrap);
}

void packed_give(struct ring *ring, uint32_t count)
{
	banos_dma_write_barrier();
	ring->descriptors[ring->available_index].next = ring->head_flags;
	ring->free_head = ring->slots[ring->free_head].next;
	ring->available_index += (uint16_t)count;
	if (ring->available_index >= ring->size) {
		ring->available_index -= (uint16_t)ring->size;
		ring->available_wrap ^= 1;
	}
	ring->notified_index += (uint16_t)count;
}

/* notified_index: descriptors since the last call. */
int packed_needs_notification(struct ring *ring)
{
	uint16_t added = ring->notified_index, now = ring->available_index, place, wanted;

	ring->notified_index = 0;
	if (!added)
		return 0;
	wanted = ring->used[WORD_WANTED] & WANTED_MASK;
	if (wanted != WANTED_AT)
		return wanted != WANTED_NONE;
	place = ring->used[WORD_PLACE];
	if (place >> PLACE_LAP_AT != ring->available_wrap)
		now += (uint16_t)ring->size;
	return (uint16_t)(now - (place & PLACE_MASK) - 1) < added;
}

int packed_has_used(const struct ring *ring)
{
	uint16_t flags = ring->descriptors[ring->used_index].next, bits = 0;

	if (ring->used_wrap)
		bits = FLAG_AVAILABLE | FLAG_USED;
	return (flags & (FLAG_AVAILABLE | FLAG_USED)) == bits;
}

int packed_request_interrupt(struct ring *ring)
{
	events_write(ring, WORD_PLACE, ring->used_index | PLACE_LAP(ring->used_wrap));
	banos_dma_barrier();
	return packed_has_used(ring);
}

int packed_read_used(struct ring *ring, struct ring_used_element *element)
{
	const volatile struct ring_descriptor *from = &ring->descriptors[ring->used_index];

	banos_dma_read_barrier();
	element->id = from->flags;
	element->length = from->length;
	return RING_OK;
}

void packed_free(struct ring *ring, uint16_t head)
{
	struct ring_slot *slot = &ring->slots[head];

	ring->used_index += slot->count;
	if (ring->used_index >= ring->size) {
		ring->used_index -= (uint16_t)ring->size;
		ring->used_wrap ^= 1;
	}
	slot->next = ring->free_head;
	ring->free_head = head;
}
