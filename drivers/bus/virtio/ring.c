/* SPDX-License-Identifier: MIT */
/* Split virtqueues: ring.h. */
#include <banos/dma.h>
#include "ring.h"

#define DESCRIPTOR_NEXT	 1u
#define DESCRIPTOR_WRITE 2u
#define USED_NO_NOTIFY	 1u

/* 16-bit words of both rings: flags, index, then the entries. */
#define WORD_FLAGS   0
#define WORD_INDEX   1
#define WORD_ENTRIES 2

#define DESCRIPTOR_SIZE 16u
#define USED_WORDS	4u /* of an element */
#define USED_ALIGNMENT	4u

uint32_t ring_choose_size(uint32_t offered, uint32_t wanted)
{
	uint32_t size = RING_SIZE_MAX;

	while (size > offered || size > wanted)
		size /= 2;
	return size;
}

uint64_t ring_available_offset(uint32_t size)
{
	return (uint64_t)size * DESCRIPTOR_SIZE;
}

uint64_t ring_used_offset(uint32_t size)
{
	uint64_t end = ring_available_offset(size) + 2 * (WORD_ENTRIES + (uint64_t)size + 1);

	return (end + USED_ALIGNMENT - 1) & ~(uint64_t)(USED_ALIGNMENT - 1);
}

uint64_t ring_bytes(uint32_t size)
{
	return ring_used_offset(size) + 2 * (WORD_ENTRIES + (uint64_t)size * USED_WORDS + 1);
}

void ring_init(struct ring *ring, uint32_t size, void *memory, struct ring_slot *slots,
	       uint32_t has_events)
{
	char *start = memory;

	*ring = (struct ring){ .size = size,
			       .free_count = size,
			       .has_events = has_events,
			       .slots = slots,
			       .descriptors = memory };
	ring->available = (volatile uint16_t *)(start + ring_available_offset(size));
	ring->used = (volatile uint16_t *)(start + ring_used_offset(size));
	for (uint32_t i = 0; i < size; i++)
		slots[i] = (struct ring_slot){ .next = (uint16_t)((i + 1) & (size - 1)) };
}

static void available_write(const struct ring *ring, uint32_t word, uint16_t value)
{
	volatile uint16_t *words = ring->available;

	words[word] = value;
}

/* ---- to the device ---- */

/* Its lengths are reported in 32 bits. */
static int segments_are_valid(const struct ring *ring, const struct ring_segment *segments,
			      uint32_t count, uint32_t writable)
{
	uint64_t bytes = 0;

	if (!count || count > ring->size || writable > count)
		return 0;
	for (uint32_t i = 0; i < count; i++) {
		if (!segments[i].length)
			return 0;
		bytes += segments[i].length;
	}
	return bytes <= UINT32_MAX;
}

int ring_add(struct ring *ring, const struct ring_segment *segments, uint32_t count,
	     uint32_t writable, uint64_t tag)
{
	uint16_t head = ring->free_head, at = head;
	uint64_t bytes = 0;

	if (ring->fault.kind)
		return RING_BROKEN;
	if (!segments_are_valid(ring, segments, count, writable))
		return RING_INVALID;
	if (count > ring->free_count)
		return RING_FULL;
	for (uint32_t i = 0; i < count; i++) {
		volatile struct ring_descriptor *descriptor = &ring->descriptors[at];
		uint16_t flags = 0;

		if (i + 1 < count)
			flags |= DESCRIPTOR_NEXT;
		if (i >= count - writable) {
			flags |= DESCRIPTOR_WRITE;
			bytes += segments[i].length;
		}
		descriptor->address = segments[i].address;
		descriptor->length = segments[i].length;
		descriptor->flags = flags;
		at = ring->slots[at].next;
		descriptor->next = at;
	}
	ring->free_head = at;
	ring->free_count -= count;
	ring->out_count++;
	ring->slots[head].tag = tag;
	ring->slots[head].writable = bytes;
	ring->slots[head].count = (uint16_t)count;
	available_write(ring, WORD_ENTRIES + (ring->available_index & (ring->size - 1)), head);
	banos_dma_write_barrier();
	available_write(ring, WORD_INDEX, ++ring->available_index);
	return RING_OK;
}

int ring_needs_notification(struct ring *ring)
{
	uint16_t before = ring->notified_index, now = ring->available_index, event;

	ring->notified_index = now;
	/* The index is seen by the device before its wish is read: else both could miss the other's write. */
	banos_dma_barrier();
	if (before == now)
		return 0;
	if (!ring->has_events)
		return !(ring->used[WORD_FLAGS] & USED_NO_NOTIFY);
	event = ring->used[WORD_ENTRIES + ring->size * USED_WORDS];
	return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

/* ---- from the device ---- */

int ring_has_used(const struct ring *ring)
{
	return !ring->fault.kind && ring->used[WORD_INDEX] != ring->used_index;
}

static int ring_break(struct ring *ring, uint32_t kind, uint32_t value, uint64_t limit)
{
	ring->fault = (struct ring_fault){ .kind = kind, .value = value, .limit = limit };
	return RING_BROKEN;
}

/* Descriptors of a chain become free in the order in which they were taken. */
static void chain_free(struct ring *ring, uint16_t head)
{
	struct ring_slot *slot = &ring->slots[head];
	uint16_t last = head;

	for (uint32_t i = 1; i < slot->count; i++)
		last = ring->slots[last].next;
	ring->slots[last].next = ring->free_head;
	ring->free_head = head;
	ring->free_count += slot->count;
	ring->out_count--;
	slot->count = 0;
}

/* Have the device interrupt for the next element. @return 1: there is one already */
static int ring_request_interrupt(struct ring *ring)
{
	if (!ring->has_events)
		return 0;
	available_write(ring, WORD_ENTRIES + ring->size, ring->used_index);
	banos_dma_barrier();
	return ring_has_used(ring);
}

int ring_take(struct ring *ring, struct ring_completion *completion)
{
	volatile const struct ring_used_element *element;
	uint32_t id, length;
	uint16_t index;

	if (ring->fault.kind)
		return RING_BROKEN;
	if (!ring_has_used(ring) && !ring_request_interrupt(ring))
		return RING_NONE;
	index = ring->used[WORD_INDEX];
	if ((uint16_t)(index - ring->used_index) > ring->out_count)
		return ring_break(ring, RING_FAULT_INDEX, index,
				  (uint16_t)(ring->used_index + ring->out_count));
	banos_dma_read_barrier();
	element = (volatile const struct ring_used_element *)(ring->used + WORD_ENTRIES) +
		  (ring->used_index & (ring->size - 1));
	id = element->id;
	length = element->length;
	if (id >= ring->size || !ring->slots[id].count)
		return ring_break(ring, RING_FAULT_ID, id, ring->size - 1);
	if (length > ring->slots[id].writable)
		return ring_break(ring, RING_FAULT_LENGTH, length, ring->slots[id].writable);
	completion->tag = ring->slots[id].tag;
	completion->length = length;
	chain_free(ring, (uint16_t)id);
	ring->used_index++;
	return RING_OK;
}
