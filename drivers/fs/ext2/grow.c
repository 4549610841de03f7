/* SPDX-License-Identifier: MIT */
/*
 * Blocks for a hole of a file.
 *
 * grow_plan() allocates the data blocks, and the blocks of pointers that are missing on the way, and states the
 * orders; what fails undoes all of it. grow_write() then writes pointers. Of one path, the missing blocks
 * of pointers are its last ones; the first of them is linked to a block that exists, or to the inode.
 */
#include <banos/errno.h>
#include <banos/string.h>
#include "volume.h"

#define POINTER_BYTES 4u
#define WANT_MAX      1024u
#define CHUNK	      64u /* pointers that are written at once */

/* Where the pointer of @level is: in the inode, or in a block. */
static uint64_t pointer_offset(const struct volume *volume, const struct node *node,
			       const struct growth *growth, uint32_t level)
{
	if (!level)
		return node->offset + INODE_POINTERS + POINTER_BYTES * growth->path.slots[0];
	return (growth->parents[level] << volume->layout.block_shift) +
	       POINTER_BYTES * growth->path.slots[level];
}

uint64_t grow_pointer(const struct volume *volume, const struct node *node,
		      const struct growth *growth)
{
	return pointer_offset(volume, node, growth, growth->path.levels);
}

/* Follow the blocks of pointers that exist. */
static int64_t parents_find(struct volume *volume, const struct node *node, struct growth *growth)
{
	const struct path *path = &growth->path;
	uint64_t block = get32(node->raw + INODE_POINTERS + POINTER_BYTES * path->slots[0]);

	growth->missing = path->levels;
	for (uint32_t level = 1; level <= path->levels && block; level++) {
		uint8_t pointer[POINTER_BYTES];
		int64_t error;

		if (!layout_is_block(&volume->layout, block))
			return volume_damaged(volume, "a file has a block outside of the disk");
		growth->parents[level] = block;
		growth->missing--;
		error = banos_store_read(volume->mount, pointer_offset(volume, node, growth, level),
					 pointer, sizeof(pointer));
		if (error)
			return error;
		block = get32(pointer);
	}
	return 0;
}

/* The block behind the one before, or one near the inode. */
static uint64_t goal_find(struct volume *volume, const struct node *node, uint64_t index,
			  const struct growth *growth)
{
	uint32_t existing = growth->path.levels - growth->missing;
	struct run run;

	if (index && !map_find(volume, node, index - 1, 1, &run) && run.block)
		return run.block + 1;
	if (existing)
		return growth->parents[existing] + 1;
	return layout_group_first(&volume->layout, node_group(volume, node->number));
}

static int64_t grow_orders(struct volume *volume, const struct node *node,
			   const struct growth *growth)
{
	uint32_t bytes = volume->layout.block_bytes, shift = volume->layout.block_shift;
	uint32_t levels = growth->path.levels;
	int64_t error = 0;

	for (uint32_t level = levels - growth->missing; !error && level < levels; level++)
		error = banos_store_after(volume->mount,
					  pointer_offset(volume, node, growth, level),
					  growth->parents[level + 1] << shift, bytes);
	if (!error && growth->flags & GROW_METADATA)
		error = banos_store_after(volume->mount, grow_pointer(volume, node, growth),
					  growth->first << shift, (uint64_t)growth->count * bytes);
	return error;
}

void grow_undo(struct volume *volume, const struct growth *growth)
{
	uint32_t levels = growth->path.levels;

	for (uint32_t level = levels - growth->missing + 1; level <= levels; level++)
		if (growth->parents[level])
			block_free(volume, growth->parents[level], 1, 1);
	if (growth->count)
		block_free(volume, growth->first, growth->count, 1);
}

int64_t grow_plan(struct volume *volume, struct node *node, uint64_t index, uint32_t want,
		  uint32_t flags, struct growth *growth)
{
	const struct layout *layout = &volume->layout;
	uint32_t per = layout->block_bytes / POINTER_BYTES, left, levels;
	uint64_t goal;
	int64_t error = 0, count;

	*growth = (struct growth){ .flags = flags };
	if (index >= map_blocks_max(layout) || path_find(layout, index, &growth->path))
		return -EFBIG;
	levels = growth->path.levels;
	error = parents_find(volume, node, growth);
	if (error)
		return error;
	goal = goal_find(volume, node, index, growth);
	for (uint32_t level = levels - growth->missing + 1; level <= levels; level++) {
		count = block_alloc(volume, goal, 1, flags, &growth->parents[level]);
		if (count < 0) {
			error = count;
			goto undo;
		}
		goal = growth->parents[level] + 1;
	}
	left = (levels ? per : POINTERS_DIRECT) - growth->path.slots[levels];
	if (want > left)
		want = left;
	if (want > WANT_MAX)
		want = WANT_MAX;
	count = block_alloc(volume, goal, want, flags, &growth->first);
	if (count < 0) {
		error = count;
		goto undo;
	}
	growth->count = (uint32_t)count;
	error = grow_orders(volume, node, growth);
	if (!error)
		return 0;
undo:
	grow_undo(volume, growth);
	return error;
}

/* Pointers to the data, in the last block of pointers. */
static int64_t pointers_write(struct volume *volume, const struct node *node,
			      const struct growth *growth)
{
	uint64_t offset = grow_pointer(volume, node, growth);
	uint8_t bytes[CHUNK * POINTER_BYTES];
	int64_t error = 0;

	for (uint32_t at = 0; !error && at < growth->count; at += CHUNK) {
		uint32_t part = (uint32_t)lesser(growth->count - at, CHUNK);

		for (uint32_t i = 0; i < part; i++)
			put32(bytes + POINTER_BYTES * i, (uint32_t)growth->first + at + i);
		error = banos_store_write(volume->mount, offset + (uint64_t)POINTER_BYTES * at,
					  bytes, POINTER_BYTES * part);
	}
	return error;
}

int64_t grow_write(struct volume *volume, struct node *node, const struct growth *growth)
{
	uint32_t levels = growth->path.levels, shift = volume->layout.block_shift;
	uint8_t *pointers = node->raw + INODE_POINTERS;
	uint8_t pointer[POINTER_BYTES];
	int64_t error = 0;

	for (uint32_t level = levels - growth->missing + 1; level <= levels && !error; level++)
		error = banos_store_zero(volume->mount, growth->parents[level] << shift,
					 volume->layout.block_bytes);
	if (!error && levels)
		error = pointers_write(volume, node, growth);
	for (uint32_t level = levels; level && level > levels - growth->missing && !error;
	     level--) {
		put32(pointer, (uint32_t)growth->parents[level]);
		if (level > 1)
			error = banos_store_write(volume->mount,
						  pointer_offset(volume, node, growth, level - 1),
						  pointer, sizeof(pointer));
	}
	if (error)
		return error;
	if (!levels)
		for (uint32_t i = 0; i < growth->count; i++)
			put32(pointers + POINTER_BYTES * (growth->path.slots[0] + i),
			      (uint32_t)growth->first + i);
	else if (growth->missing == levels)
		put32(pointers + POINTER_BYTES * growth->path.slots[0],
		      (uint32_t)growth->parents[1]);
	node_count(volume, node, (int64_t)growth->count + growth->missing);
	return node_write(volume, node, INODE_SECTORS,
			  INODE_POINTERS + INODE_POINTERS_BYTES - INODE_SECTORS);
}
