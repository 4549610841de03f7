/* SPDX-License-Identifier: MIT */
/**
 * @file handle.h  Handles: 64-bit numbers for objects, never used twice, good for one kind.
 *
 * Any context. What a handle leads to is valid within rcu_read_lock(), if its memory is freed
 * after a grace period. The table of handles grows by memory and does not shrink.
 */
#pragma once
#include <kernel/atomic.h>
#include <kernel/future.h>
#include <kernel/rcu.h>

/** Bytes that the table needs for one. */
#define HANDLE_BYTES 16u

/** @brief Create a handle. @param kind  what handle_find() must ask for @return 0: no memory */
u64 __must_check handle_create(void *object, u32 kind);
/** @brief Void a handle; 0 is none. */
void handle_destroy(u64 handle);
/** @brief It leads nowhere for the time being (NULL), or leads there again; 0 is none. */
void handle_point(u64 handle, void *object);
/** @brief Handles in use. */
u32 handles_in_use(void);

/* ---- for the inline function ---- */

#define HANDLE_CHUNK	  256u			  /* slots */
#define HANDLE_TAG_ONE	  (1ull << 32)		  /* one generation */
#define HANDLE_GENERATION (~(HANDLE_TAG_ONE - 1)) /* of a tag or a handle */

struct handle_slot {
	void *object; /* NULL: free, or leads nowhere for the time being */
	/** Generation; below it the kind of the object, or, while free, index + 1 of the next free slot. */
	u64 tag;
};

struct handle_directory {
	struct rcu_head rcu;
	u32 size;
	struct handle_slot *chunks[];
};

extern struct handle_directory *handle_directory;
extern u32 handle_slots; /* that exist */

static inline struct handle_slot *handle_slot_at(u32 index)
{
	const struct handle_directory *chunks = rcu_dereference(handle_directory);

	return &chunks->chunks[index / HANDLE_CHUNK][index % HANDLE_CHUNK];
}

/** @brief The object; NULL: not a handle of this kind, or it leads nowhere. */
static inline void *handle_find(u64 handle, u32 kind)
{
	u64 plain = handle ^ FUTURE_HANDLE, tag = (plain & HANDLE_GENERATION) | kind;
	u32 index = (u32)plain - 1;
	struct handle_slot *slot;
	void *object;

	if (unlikely(index >= smp_load_acquire(&handle_slots)))
		return NULL;
	slot = handle_slot_at(index);
	if (unlikely(smp_load_acquire(&slot->tag) != tag))
		return NULL;
	object = smp_load_acquire(&slot->object);
	if (unlikely(READ_ONCE(slot->tag) != tag))
		return NULL;
	return object;
}
