// SPDX-License-Identifier: MIT
/*
 * Handles.
 *
 * A handle is an index into a table of slots with a generation on top. Looking
 * one up takes no lock: the generation is read before and after the object, and
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

#define CHUNK_SLOTS    256u
#define DIRECTORY_SIZE 64u /* chunks in the first one */
/* A unit test makes do with few. */
#ifndef HANDLE_GENERATION_BITS
#define HANDLE_GENERATION_BITS 31 /* a handle can be a result: positive */
#endif
#define GENERATION_LAST ((u32)((1ull << HANDLE_GENERATION_BITS) - 1))

struct handle_slot {
	void *object; /* NULL: free, or leads nowhere for the time being */
	u32 generation;
	u32 kind; /* of the object; index + 1 of the next free slot while free */
};
_Static_assert(sizeof(struct handle_slot) == HANDLE_BYTES, "HANDLE_BYTES");

struct handle_directory {
	struct rcu_head rcu;
	u32 size;
	struct handle_slot *chunks[];
};

static struct handle_directory *directory;
static u32 nr_slots, free_slot; /* free_slot: index + 1 */
static u32 handles_used;
static DEFINE_SPINLOCK(handles_lock); /* guards all of these */

static struct handle_slot *handle_slot_at(u32 index)
{
	const struct handle_directory *chunks = rcu_dereference(directory);

	return &chunks->chunks[index / CHUNK_SLOTS][index % CHUNK_SLOTS];
}

static void directory_free(struct rcu_head *head)
{
	kfree(container_of(head, struct handle_directory, rcu));
}

/* Let it have space for one more chunk. */
static bool directory_grow_locked(void)
{
	struct handle_directory *old = directory, *new;
	u32 size = old ? old->size * 2 : DIRECTORY_SIZE;

	assert_held(&handles_lock);
	if (old && nr_slots / CHUNK_SLOTS < old->size)
		return true;
	new = kzalloc(sizeof(*new) + size * sizeof(new->chunks[0]));
	if (!new)
		return false;
	new->size = size;
	if (old)
		memcpy(new->chunks, old->chunks, old->size * sizeof(new->chunks[0]));
	rcu_assign_pointer(directory, new);
	if (old)
		call_rcu(&old->rcu, directory_free);
	return true;
}

static bool handles_grow_locked(void)
{
	struct handle_slot *chunk;

	assert_held(&handles_lock);
	if (nr_slots > ~0u - 2 * CHUNK_SLOTS || !directory_grow_locked())
		return false;
	chunk = kzalloc(CHUNK_SLOTS * sizeof(*chunk));
	if (!chunk)
		return false;
	for (u32 i = 0; i < CHUNK_SLOTS; i++) {
		chunk[i].generation = 1;
		if (i + 1 < CHUNK_SLOTS)
			chunk[i].kind = nr_slots + i + 2;
	}
	rcu_assign_pointer(directory->chunks[nr_slots / CHUNK_SLOTS], chunk);
	free_slot = nr_slots + 1;
	smp_store_release(&nr_slots, nr_slots + CHUNK_SLOTS);
	return true;
}

u64 handle_create(void *object, u32 kind)
{
	u64 flags = spin_lock_irqsave(&handles_lock), handle = 0;

	if (free_slot || handles_grow_locked()) {
		u32 number = free_slot;
		struct handle_slot *slot = handle_slot_at(number - 1);

		free_slot = slot->kind;
		slot->kind = kind;
		smp_store_release(&slot->object, object);
		handle = ((u64)slot->generation << 32 | number) ^ FUTURE_HANDLE;
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
	if (slot->generation != GENERATION_LAST) {
		smp_wmb();
		slot->generation++;
		slot->kind = free_slot;
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

void *handle_find(u64 handle, u32 kind)
{
	u32 index = (u32)(handle ^ FUTURE_HANDLE) - 1;
	u32 generation = (handle ^ FUTURE_HANDLE) >> 32;
	struct handle_slot *slot;
	void *object;

	if (index >= smp_load_acquire(&nr_slots))
		return NULL;
	slot = handle_slot_at(index);
	if (smp_load_acquire(&slot->generation) != generation)
		return NULL;
	object = smp_load_acquire(&slot->object);
	if (!object || READ_ONCE(slot->kind) != kind)
		return NULL;
	smp_rmb();
	if (READ_ONCE(slot->generation) == generation)
		return object;
	return NULL;
}

u32 handles_in_use(void)
{
	return READ_ONCE(handles_used);
}
