/* SPDX-License-Identifier: MIT */
/* Rings of TRBs: ring.h. */
#include "ring.h"
#include "registers.h"

static void trb_write(struct trb *trb, uint64_t parameter, uint32_t status, uint32_t control)
{
	trb->parameter = parameter;
	trb->status = status;
	__atomic_store_n(&trb->control, control, __ATOMIC_RELEASE);
}

void trb_ring_init(struct trb_ring *ring, struct trb *trbs, uint64_t address, uint32_t count)
{
	*ring = (struct trb_ring){ trbs, address, count, 0, 1 };
	for (uint32_t i = 0; i < count; i++)
		trb_write(&trbs[i], 0, 0, 0);
}

uint32_t trb_ring_put(struct trb_ring *ring, uint64_t parameter, uint32_t status, uint32_t control)
{
	uint32_t index = ring->next;

	trb_write(&ring->trbs[index], parameter, status, control | ring->cycle);
	ring->next++;
	if (ring->next == ring->count - 1) {
		trb_write(&ring->trbs[ring->next], ring->address, 0,
			  TRB_LINK | TRB_TOGGLE | ring->cycle);
		ring->next = 0;
		ring->cycle ^= TRB_CYCLE;
	}
	return index;
}

int32_t trb_ring_index(const struct trb_ring *ring, uint64_t address)
{
	uint64_t offset = address - ring->address;

	if (offset % sizeof(struct trb) || offset / sizeof(struct trb) >= ring->count - 1)
		return -1;
	return (int32_t)(offset / sizeof(struct trb));
}

uint32_t trb_ring_after(const struct trb_ring *ring, uint32_t index)
{
	if (index + 1 == ring->count - 1)
		return 0;
	return index + 1;
}

uint64_t trb_ring_dequeue(const struct trb_ring *ring, uint32_t index)
{
	uint32_t cycle = ring->cycle;

	if (index > ring->next) /* filled in the lap before */
		cycle ^= TRB_CYCLE;
	return (ring->address + index * sizeof(struct trb)) | cycle;
}

void events_init(struct event_ring *ring, const struct trb *trbs, uint64_t address, uint32_t count)
{
	*ring = (struct event_ring){ trbs, address, count, 0, 1 };
}

int events_pending(const struct event_ring *ring)
{
	uint32_t control = __atomic_load_n(&ring->trbs[ring->next].control, __ATOMIC_ACQUIRE);

	return (control & TRB_CYCLE) == ring->cycle;
}

int events_take(struct event_ring *ring, struct trb *event)
{
	const struct trb *trb = &ring->trbs[ring->next];

	if (!events_pending(ring))
		return 0;
	event->parameter = __atomic_load_n(&trb->parameter, __ATOMIC_RELAXED);
	event->status = __atomic_load_n(&trb->status, __ATOMIC_RELAXED);
	event->control = __atomic_load_n(&trb->control, __ATOMIC_RELAXED);
	ring->next++;
	if (ring->next == ring->count) {
		ring->next = 0;
		ring->cycle ^= TRB_CYCLE;
	}
	return 1;
}

uint64_t events_dequeue(const struct event_ring *ring)
{
	return ring->address + ring->next * sizeof(struct trb);
}
