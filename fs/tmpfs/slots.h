/* SPDX-License-Identifier: MIT */
/** @file slots.h  The entries of a tmpfs directory, each in a numbered slot (fs/tmpfs/slots.c). */
#pragma once
#include <kernel/list.h>
#include <kernel/types.h>

struct dentry;

#define SLOTS_PER_BLOCK 32
#define SLOT_LIMIT	(1ull << 31) /* slots of one directory */

struct slot_block {
	struct list link; /* of those with a free slot */
	u32 used;	  /* bit i: slot i of the block */
	u32 index;
	struct dentry *slot[SLOTS_PER_BLOCK];
};

/** Guarded by the directory's inode->lock. */
struct slots {
	struct slot_block **blocks;
	u32 nr_blocks, room; /* in blocks[] */
	u32 used;	     /* slots */
	struct list roomy;   /* blocks with a free slot */
	struct slot_block *few[2];
};

void slots_init(struct slots *slots);
/** @brief Free the slots, whatever is in them. */
void slots_destroy(struct slots *slots);
/** @brief Put @p d into a free slot. @return 0: *@p slot is its number until slots_remove(); -ENOMEM, -ENOSPC */
__must_check int slots_add(struct slots *slots, struct dentry *d, u64 *slot);
void slots_remove(struct slots *slots, u64 slot);
/** @brief Let @p d take the place of the one that is in @p slot. */
void slots_replace(struct slots *slots, u64 slot, struct dentry *d);

/** @return the number of blocks whose slots are at most @p slot, or above the last one */
static inline u32 slots_nr_blocks_to(const struct slots *slots, u64 slot)
{
	return MIN(slot / SLOTS_PER_BLOCK + 1, (u64)slots->nr_blocks);
}
/** @return the used ones among the slots of @p block that are not above @p slot: bit i for slot i of the block */
static inline u32 slots_used_to(const struct slot_block *block, u64 slot)
{
	u64 first = (u64)block->index * SLOTS_PER_BLOCK;

	if (slot - first >= SLOTS_PER_BLOCK - 1)
		return block->used;
	return block->used & ((2u << (slot - first)) - 1);
}
