/* SPDX-License-Identifier: MIT */
/* What is common to both layouts of virtqueues: ring.h. */
#include <banos/dma.h>
#include "ring.h"

#define DESCRIPTOR_SIZE 16u
#define EVENTS_BYTES	4u /* of a packed ring, in each direction */
#define RINGS_WORDS	3u /* flags, index, event */
#define USED_SIZE	8u /* of an element */
#define USED_ALIGNMENT	4u

uint32_t ring_choose_size(uint32_t offered, uint32_t wanted)
{
	uint32_t size = RING_SIZE_MAX;

	while (size > offered || size > wanted)
		size /= 2;
	return size;
}

static uint64_t align_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

void ring_lay_out(uint32_t size, uint32_t kinds, struct ring_layout *layout)
{
	uint64_t after = (uint64_t)size * DESCRIPTOR_SIZE, used_alignment = USED_ALIGNMENT;

	layout->available = after;
	layout->alignment = RING_ALIGNMENT;
	if (kinds & RING_PACKED) {
		layout->used = after + EVENTS_BYTES;
		layout->bytes = layout->used + EVENTS_BYTES;
		return;
	}
	if (kinds & RING_LEGACY)
		layout->alignment = used_alignment = RING_ALIGNMENT_LEGACY;
	layout->used = align_up(after + 2 * (RINGS_WORDS + (uint64_t)size), used_alignment);
	layout->bytes = layout->used + 2 * RINGS_WORDS + (uint64_t)size * USED_SIZE;
}

void ring_init(struct ring *ring, const struct ring_config *config)
{
	struct ring_layout layout;
	char *start = config->memory;

	ring_lay_out(config->size, config->kinds, &layout);
	*ring = (struct ring){
		.size = config->size,
		.kinds = config->kinds,
		.free_count = config->size,
		.available_wrap = 1,
		.used_wrap = 1,
		.tables_free = (uint32_t)((UINT64_C(1) << config->table_count) - 1),
		.table_entries = config->table_count ? config->table_entries : 0,
		.slots = config->slots,
		.descriptors = config->memory,
		.available = (volatile uint16_t *)(start + layout.available),
		.used = (volatile uint16_t *)(start + layout.used),
		.tables = config->tables,
		.tables_address = config->tables_address,
	};
	for (uint32_t i = 0; i < config->size; i++)
		config->slots[i] =
			(struct ring_slot){ .next = (uint16_t)((i + 1) & (config->size - 1)) };
	if (config->kinds & RING_PACKED)
		packed_init(ring);
}

static int is_packed(const struct ring *ring)
{
	return (ring->kinds & RING_PACKED) != 0;
}

/* ---- to the device ---- */

int chain_read(struct ring_chain *chain, uint32_t index, struct ring_segment *segment,
	       uint16_t *flags)
{
	const volatile struct ring_segment *from = &chain->segments[index];
	uint32_t length = from->length;

	segment->address = from->address;
	segment->length = length;
	chain->bytes += length;
	*flags = DESCRIPTOR_NEXT;
	if (index + 1 == chain->count)
		*flags = 0;
	if (index + chain->writable >= chain->count) {
		*flags |= DESCRIPTOR_WRITE;
		chain->bytes_writable += length;
	}
	return length && chain->bytes <= UINT32_MAX; /* lengths are reported in 32 bits */
}

/* In a table the order of the fields is that of a split ring, whose links are read there, and those of a packed one are not. */
static int table_write(struct ring *ring, uint32_t table, struct ring_chain *chain)
{
	volatile struct ring_descriptor *entries = ring->tables + table * ring->table_entries;
	struct ring_segment segment;
	uint16_t flags;

	for (uint32_t i = 0; i < chain->count; i++) {
		if (!chain_read(chain, i, &segment, &flags))
			return RING_INVALID;
		entries[i].address = segment.address;
		entries[i].length = segment.length;
		if (is_packed(ring)) {
			entries[i].flags = 0;
			entries[i].next = flags & DESCRIPTOR_WRITE;
		} else {
			entries[i].flags = flags;
			entries[i].next = (uint16_t)(i + 1);
		}
	}
	return RING_OK;
}

static int chain_put_in_table(struct ring *ring, struct ring_chain *chain)
{
	uint32_t table = (uint32_t)__builtin_ctz(ring->tables_free),
		 bytes = chain->count * DESCRIPTOR_SIZE;
	uint64_t address =
		ring->tables_address + (uint64_t)table * ring->table_entries * DESCRIPTOR_SIZE;
	int result = table_write(ring, table, chain);

	if (result != RING_OK)
		return result;
	ring->tables_free &= ~(1u << table);
	ring->slots[ring->free_head].table = (uint16_t)(table + 1);
	if (is_packed(ring))
		packed_write_table(ring, bytes, address);
	else
		split_write_table(ring, bytes, address);
	return RING_OK;
}

static int chain_put(struct ring *ring, struct ring_chain *chain)
{
	ring->slots[ring->free_head].table = 0;
	return is_packed(ring) ? packed_write(ring, chain) : split_write(ring, chain);
}

int ring_add(struct ring *ring, const struct ring_segment *segments, uint32_t count,
	     uint32_t writable, uint64_t tag)
{
	struct ring_chain chain = { .segments = segments, .count = count, .writable = writable };
	struct ring_slot *slot = &ring->slots[ring->free_head];
	int result;

	if (ring->fault.kind)
		return RING_BROKEN;
	if (!count || writable > count || (count > ring->size && count > ring->table_entries))
		return RING_INVALID;
	if (!ring->free_count)
		return RING_FULL;
	if (count <= ring->table_entries && ring->tables_free &&
	    (count > RING_DIRECT_MAX || count > ring->free_count)) {
		result = chain_put_in_table(ring, &chain);
		count = 1;
	} else if (count > ring->free_count) {
		return RING_FULL;
	} else {
		result = chain_put(ring, &chain);
	}
	if (result != RING_OK)
		return result;
	slot->tag = tag;
	slot->writable = (uint32_t)chain.bytes_writable;
	slot->count = (uint16_t)count;
	ring->free_count -= count;
	ring->out_count++;
	if (is_packed(ring))
		packed_give(ring, count);
	else
		split_give(ring, count);
	return RING_OK;
}

int ring_needs_notification(struct ring *ring)
{
	/* What was given is seen by the device before its wish is read: else both could miss the other's write. */
	banos_dma_barrier();
	return is_packed(ring) ? packed_needs_notification(ring) : split_needs_notification(ring);
}

/* ---- from the device ---- */

int ring_break(struct ring *ring, uint32_t kind, uint32_t value, uint64_t limit)
{
	ring->fault = (struct ring_fault){ .kind = kind, .value = value, .limit = limit };
	return RING_BROKEN;
}

/* Have the device interrupt for the next element. @return 1: there is one already */
static int ring_request_interrupt(struct ring *ring)
{
	if (!(ring->kinds & RING_EVENTS))
		return 0;
	return is_packed(ring) ? packed_request_interrupt(ring) : split_request_interrupt(ring);
}

int ring_has_used(struct ring *ring)
{
	if (ring->fault.kind)
		return 0;
	if (is_packed(ring) ? packed_has_used(ring) : split_has_used(ring))
		return 1;
	return ring_request_interrupt(ring);
}

static void slot_free(struct ring *ring, uint16_t head)
{
	struct ring_slot *slot = &ring->slots[head];

	if (slot->table)
		ring->tables_free |= 1u << (slot->table - 1);
	ring->free_count += slot->count;
	ring->out_count--;
	if (is_packed(ring))
		packed_free(ring, head);
	else
		split_free(ring, head);
	slot->count = 0;
}

int ring_take(struct ring *ring, struct ring_completion *completion)
{
	struct ring_used_element element;
	struct ring_slot *slot;
	int result;

	if (ring->fault.kind)
		return RING_BROKEN;
	if (!ring_has_used(ring))
		return RING_NONE;
	result = is_packed(ring) ? packed_read_used(ring, &element)
				 : split_read_used(ring, &element);
	if (result != RING_OK)
		return result;
	if (element.id >= ring->size || !ring->slots[element.id].count)
		return ring_break(ring, RING_FAULT_ID, element.id, ring->size - 1);
	slot = &ring->slots[element.id];
	if (element.length > slot->writable && ring->kinds & RING_CUT)
		element.length = slot->writable;
	if (element.length > slot->writable)
		return ring_break(ring, RING_FAULT_LENGTH, element.length, slot->writable);
	completion->tag = slot->tag;
	completion->length = element.length;
	slot_free(ring, (uint16_t)element.id);
	return RING_OK;
}
