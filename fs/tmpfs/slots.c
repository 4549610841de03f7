// SPDX-License-Identifier: MIT
/*
 * The entries of a directory, in numbered slots.
 *
 * An entry keeps its slot as long as its name exists, so a slot's number is a position
 * that readdir can return to at once, whatever was made and removed meanwhile. A
 * list would have to be searched for the position by each call.
 *
 * Slots come in blocks of 32, which an array finds by number. Blocks with a free
 * slot are on a list, so that a new entry needs no search; numbers of removed entries
 * are used again. A directory is read from the highest slot down: an entry that is
 * made during that gets a slot above the reader, or one of the finitely many
 * free ones below, so the reader reaches the end.
 *
 * Blocks at the end that are empty are freed but for one, so that a directory whose only
 * entry is made and removed again and again does not allocate each time.
 */
#include <kernel/err.h>
#include <kernel/heap.h>
#include <kernel/string.h>
#include "slots.h"

void slots_init(struct slots *slots)
{
	slots->blocks = slots->few;
	slots->nr_blocks = slots->used = 0;
	slots->room = ARRAY_SIZE(slots->few);
	list_init(&slots->roomy);
}

static void free_last_block(struct slots *slots)
{
	struct slot_block *block = slots->blocks[--slots->nr_blocks];

	if (~block->used)
		list_del(&block->link);
	kfree(block);
}

void slots_destroy(struct slots *slots)
{
	while (slots->nr_blocks)
		free_last_block(slots);
	if (slots->blocks != slots->few)
		kvfree(slots->blocks);
}

static int grow_room(struct slots *slots)
{
	struct slot_block **blocks;

	if (slots->room >= SLOT_LIMIT / SLOTS_PER_BLOCK)
		return -ENOSPC;
	blocks = kvzalloc(slots->room * 2 * sizeof(blocks[0]));
	if (!blocks)
		return -ENOMEM;
	memcpy(blocks, slots->blocks, slots->nr_blocks * sizeof(blocks[0]));
	if (slots->blocks != slots->few)
		kvfree(slots->blocks);
	slots->blocks = blocks;
	slots->room *= 2;
	return 0;
}

static __noinline int add_block(struct slots *slots)
{
	struct slot_block *block;

	if (slots->nr_blocks == slots->room) {
		int err = grow_room(slots);

		if (err)
			return err;
	}
	block = kmalloc(sizeof(*block));
	if (!block)
		return -ENOMEM;
	block->used = 0;
	block->index = slots->nr_blocks;
	slots->blocks[slots->nr_blocks++] = block;
	list_add(&block->link, &slots->roomy);
	return 0;
}

int slots_add(struct slots *slots, struct dentry *d, u64 *slot)
{
	struct slot_block *block;
	u32 place;

	if (unlikely(list_empty(&slots->roomy))) {
		int err = add_block(slots);

		if (err)
			return err;
	}
	block = list_first(&slots->roomy, struct slot_block, link);
	place = __builtin_ctz(~block->used);
	block->used |= 1u << place;
	block->slot[place] = d;
	if (unlikely(!~block->used))
		list_del(&block->link);
	slots->used++;
	*slot = (u64)block->index * SLOTS_PER_BLOCK + place;
	return 0;
}

/* Is the block, counted from the end, empty? */
static bool is_empty_block(const struct slots *slots, u32 from_end)
{
	return slots->nr_blocks >= from_end && !slots->blocks[slots->nr_blocks - from_end]->used;
}

static __noinline void free_empty_blocks(struct slots *slots)
{
	while (is_empty_block(slots, 1) && is_empty_block(slots, 2))
		free_last_block(slots);
}

void slots_remove(struct slots *slots, u64 slot)
{
	struct slot_block *block = slots->blocks[slot / SLOTS_PER_BLOCK];

	if (unlikely(!~block->used))
		list_add(&block->link, &slots->roomy);
	block->used &= ~(1u << slot % SLOTS_PER_BLOCK);
	slots->used--;
	if (unlikely(!block->used))
		free_empty_blocks(slots);
}

void slots_replace(struct slots *slots, u64 slot, struct dentry *d)
{
	slots->blocks[slot / SLOTS_PER_BLOCK]->slot[slot % SLOTS_PER_BLOCK] = d;
}
