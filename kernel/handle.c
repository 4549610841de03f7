// SPDX-License-Identifier: MIT
/*
 * Handles.
 *
 * A handle is an index into a table of slots with a generation on top. Looking
 * one up takes no lock (handle.h): the slot's tag is read before and after the object, and
 * objects are freed after a grace period. The slots lie in chunks, which never move; the
 * directory of chunks is replaced by one of twice the size when it is full, and freed
 * after a grace period.
 *
 * A slot whose generations are used up is retired: its last handle remains void
 * for ever. (A driver needs minutes for 2^31 of them, and pays with 16 bytes of the kernel's.)
 *
 * Lock: handles_lock (spin, any context): all that is written here, but slot->object.
 */
#include <kernel/future.h>
#include <kernel/handle.h>
#include <kernel/heap.h>
#include <kernel/rcu.h>
#include <kernel/spinlock.h>
#include <kernel/string.h>

#define DIRECTORY_SIZE 64u /* chunks in the first one */
/* A unit test makes do with few. */
#ifndef HANDLE_GENERATION_BITS
#define HANDLE_GENERATION_BITS 31 /* a handle can be a result: positive */
#endif
#define GENERATION_LAST ((u32)((1ull << HANDLE_GENERATION_BITS) - 1))

_Static_assert(sizeof(struct handle_slot) == HANDLE_BYTES, "HANDLE_BYTES");

struct handle_directory *handle_directory;
u32 handle_slots;
static u32 free_slot; /* index + 1 */
static u32 handles_used;
static DEFINE_SPINLOCK(handles_lock); /* guards all of these */

static void directory_free(struct rcu_head *head)
{
	kfree(container_of(head, struct handle_directory, rcu));
}

/* Let it have space for one more chunk. */
static bool directory_grow_locked(void)
{
	struct handle_directory *old = handle_directory, *new;
	u32 size = old ? old->size * 2 : DIRECTORY_SIZE;

	assert_held(&handles_lock);
	if (old && handle_slots / HANDLE_CHUNK < old->size)
		return true;
	new = kzalloc(sizeof(*new) + size * sizeof(new->chunks[0]));
	if (!new)
		return false;
	new->size = size;
	if (old)
		memcpy(new->chunks, old->chunks, old->size * sizeof(new->chunks[0]));
	rcu_assign_pointer(handle_directory, new);
	if (old)
		call_rcu(&old->rcu, directory_free);
	return true;
}

static bool handles_grow_locked(void)
{
	struct handle_slot *chunk;

	assert_held(&handles_lock);
	if (handle_slots > ~0u - 2 * HANDLE_CHUNK || !directory_grow_locked())
		return false;
	chunk = kzalloc(HANDLE_CHUNK * sizeof(*chunk));
	if (!chunk)
		return false;
	for (u32 i = 0; i < HANDLE_CHUNK; i++) {
		chunk[i].tag = HANDLE_TAG_ONE;
		if (i + 1 < HANDLE_CHUNK)
			chunk[i].tag |= handle_slots + i + 2;
	}
	rcu_assign_pointer(handle_directory->chunks[handle_slots / HANDLE_CHUNK], chunk);
	free_slot = handle_slots + 1;
	smp_store_release(&handle_slots, handle_slots + HANDLE_CHUNK);
	return true;
}

u64 handle_create(void *object, u32 kind)
{
	u64 flags = spin_lock_irqsave(&handles_lock), handle = 0;

	if (free_slot || handles_grow_locked()) {
		u32 number = free_slot;
		struct handle_slot *slot = handle_slot_at(number - 1);
		u64 generation = slot->tag & HANDLE_GENERATION;

		free_slot = (u32)slot->tag;
		WRITE_ONCE(slot->tag, generation | kind);
		smp_store_release(&slot->object, object);
		handle = (generation | number) ^ FUTURE_HANDLE;
		handles_used++;
	}
	spin_unlock_irqrestore(&handles_lock, flags);
	return handle;
}

void handle_destroy(u64 handle)
{
	u64 flags;
	u32 number = handle ^ FUTURE_HANDLE;
	struct handle_slot *slot;

	if (!handle)
		return;
	flags = spin_lock_irqsave(&handles_lock);
	slot = handle_slot_at(number - 1);
	WRITE_ONCE(slot->object, NULL);
	handles_used--;
	if (slot->tag >> 32 != GENERATION_LAST) {
		smp_store_release(&slot->tag,
				  (slot->tag & HANDLE_GENERATION) + HANDLE_TAG_ONE + free_slot);
		free_slot = number;
	}
	spin_unlock_irqrestore(&handles_lock, flags);
}

void handle_point(u64 handle, void *object)
{
	if (!handle)
		return;
	rcu_read_lock();
	smp_store_release(&handle_slot_at((u32)(handle ^ FUTURE_HANDLE) - 1)->object, object);
	rcu_read_unlock();
}

u32 handles_in_use(void)
{
	return READ_ONCE(handles_used);
}
