/* SPDX-License-Identifier: MIT */
/* Split virtqueues: ring.h. A chain of descriptors is named by its first one, and free ones are a chain, too. */
#include <banos/dma.h>
#include "ring.h"

#define USED_NO_NOTIFY 1u

/* 16-bit words of both rings: flags, index, then the entries. */
#define WORD_FLAGS   0
#define WORD_INDEX   1
#define WORD_ENTRIES 2
#define USED_WORDS   4u /* of an element */

static void available_write(const struct ring *ring, uint32_t word, uint16_t value)
{
	volatile uint16_t *words = ring->available;

	words[word] = value;
}

int split_write(struct ring *ring, struct ring_chain *chain)
{
	struct ring_segment segment;
	uint16_t at = ring->free_head, flags;

	for (uint32_t i = 0; i < chain->count; i++) {
		volatile struct ring_descriptor *descriptor = &ring->descriptors[at];

		if (!chain_read(chain, i, &segment, &flags))
			return RING_INVALID;
		at = ring->slots[at].next;
		descriptor->address = segment.address;
		descriptor->length = segment.length;
		descriptor->flags = flags;
		descriptor->next = at;
	}
	return RING_OK;
}

void split_write_table(struct ring *ring, uint32_t bytes, uint64_t address)
{
	volatile struct ring_descriptor *descriptor = &ring->descriptors[ring->free_head];

	descriptor->address = address;
	descriptor->length = bytes;
	descriptor->flags = DESCRIPTOR_INDIRECT;
	descriptor->next = 0;
}

void split_give(struct ring *ring, uint32_t count)
{
	uint16_t head = ring->free_head;

	for (uint32_t i = 0; i < count; i++)
		ring->free_head = ring->slots[ring->free_head].next;
	available_write(ring, WORD_ENTRIES + (ring->available_index & (ring->size - 1)), head);
	banos_dma_write_barrier();
	available_write(ring, WORD_INDEX, ++ring->available_index);
}

int split_needs_notification(struct ring *ring)
{
	uint16_t before = ring->notified_index, now = ring->available_index, event;

	ring->notified_index = now;
	if (before == now)
		return 0;
	if (!(ring->kinds & RING_EVENTS))
		return !(ring->used[WORD_FLAGS] & USED_NO_NOTIFY);
	event = ring->used[WORD_ENTRIES + ring->size * USED_WORDS];
	return (uint16_t)(now - event - 1) < (uint16_t)(now - before);
}

int split_has_used(const struct ring *ring)
{
	return ring->used[WORD_INDEX] != ring->used_index;
}

int split_request_interrupt(struct ring *ring)
{
	available_write(ring, WORD_ENTRIES + ring->size, ring->used_index);
	banos_dma_barrier();
	return split_has_used(ring);
}

int split_read_used(struct ring *ring, struct ring_used_element *element)
{
	uint16_t index = ring->used[WORD_INDEX];
	volatile const struct ring_used_element *from;

	if ((uint16_t)(index - ring->used_index) > ring->out_count)
		return ring_break(ring, RING_FAULT_INDEX, index,
				  (uint16_t)(ring->used_index + ring->out_count));
	banos_dma_read_barrier();
	from = (volatile const struct ring_used_element *)(ring->used + WORD_ENTRIES) +
	       (ring->used_index & (ring->size - 1));
	element->id = from->id;
	element->length = from->length;
	ring->used_index++;
	return RING_OK;
}

/* Descriptors of a chain become free in the order in which they were taken. */
void split_free(struct ring *ring, uint16_t head)
{
	uint16_t last = head;

	for (uint32_t i = 1; i < ring->slots[head].count; i++)
		last = ring->slots[last].next;
	ring->slots[last].next = ring->free_head;
	ring->free_head = head;
}
