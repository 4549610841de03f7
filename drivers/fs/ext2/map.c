/* SPDX-License-Identifier: MIT */
/* Where the blocks of a file are: pointers in the inode and in blocks of pointers, or ext4's extents. */
#include <banos/errno.h>
#include <banos/string.h>
#include "extent.h"
#include "volume.h"

#define POINTER_BYTES 4u
#define RUN_POINTERS  128u /* looked at in one go */

uint64_t map_blocks_max(const struct layout *layout)
{
	uint64_t per = layout->block_bytes / POINTER_BYTES;
	uint64_t blocks = POINTERS_DIRECT + per + per * per + per * per * per;
	/* What an inode takes is counted in 32 bits of 512 bytes, with the blocks of pointers. */
	uint64_t sectors_max = UINT32_MAX / (layout->block_bytes / SECTOR);
	uint64_t counted = sectors_max - sectors_max / per - sectors_max / per / per - 4;

	if (blocks > counted)
		blocks = counted;
	return lesser(blocks, UINT32_MAX);
}

int path_find(const struct layout *layout, uint64_t index, struct path *path)
{
	uint32_t shift = layout->block_shift - 2;
	uint64_t mask = (1ull << shift) - 1;

	*path = (struct path){ 0 };
	if (index < POINTERS_DIRECT) {
		path->slots[0] = (uint32_t)index;
		return 0;
	}
	index -= POINTERS_DIRECT;
	for (uint32_t levels = 1; levels <= LEVELS; levels++) {
		if (index >> shift * levels == 0) {
			path->levels = levels;
			path->slots[0] = POINTERS_DIRECT + levels - 1;
			for (uint32_t i = 1; i <= levels; i++)
				path->slots[i] = (uint32_t)(index >> shift * (levels - i) & mask);
			return 0;
		}
		index -= 1ull << shift * levels;
	}
	return -1;
}

/* How many of @count pointers lie one behind the other, or are 0, from the first on. */
static uint32_t pointers_run(const uint8_t *pointers, uint32_t count)
{
	uint32_t first = get32(pointers), i = 1;

	while (i < count && get32(pointers + POINTER_BYTES * i) == (first ? first + i : 0))
		i++;
	return i;
}

static int64_t run_check(struct volume *volume, const struct run *run)
{
	if (run->block && (!layout_is_block(&volume->layout, run->block) ||
			   run->count > volume->layout.blocks - run->block))
		return volume_damaged(volume, "a file has a block outside of the disk");
	return 0;
}

/* The pointers of the last block of pointers. */
static int64_t map_leaf(struct volume *volume, uint64_t block, uint32_t slot, struct run *run)
{
	uint32_t per = volume->layout.block_bytes / POINTER_BYTES, count = per - slot, part;
	uint64_t offset = (block << volume->layout.block_shift) + POINTER_BYTES * slot;
	uint8_t pointers[RUN_POINTERS * POINTER_BYTES];
	uint64_t max = run->count;
	int64_t error = 0;

	run->count = 0;
	if (count > max)
		count = (uint32_t)max;
	for (uint32_t at = 0; !error && at < count; at += part) {
		uint32_t found;

		part = (uint32_t)lesser(count - at, RUN_POINTERS);
		error = banos_store_read(volume->mount, offset + (uint64_t)POINTER_BYTES * at,
					 pointers, POINTER_BYTES * part);
		if (error)
			break;
		if (!at)
			run->block = get32(pointers);
		else if (get32(pointers) != (run->block ? run->block + run->count : 0))
			break;
		found = pointers_run(pointers, part);
		run->count += found;
		if (found < part)
			break;
	}
	if (error)
		return error;
	return run_check(volume, run);
}

/* Blocks from where @path leads to the end of what level @level's missing block would hold. */
static uint64_t hole_blocks(const struct layout *layout, const struct path *path, uint32_t level)
{
	uint32_t shift = layout->block_shift - 2;
	uint64_t within = 0;

	for (uint32_t i = level; i <= path->levels; i++)
		within = within << shift | path->slots[i];
	return (1ull << shift * (path->levels - level + 1)) - within;
}

static int64_t map_pointers(struct volume *volume, const struct node *node, uint64_t index,
			    struct run *run)
{
	const struct layout *layout = &volume->layout;
	const uint8_t *pointers = node->raw + INODE_POINTERS;
	struct path path;
	uint64_t block;

	if (path_find(layout, index, &path)) {
		run->block = 0;
		return 0;
	}
	if (!path.levels) {
		uint32_t count = POINTERS_DIRECT - path.slots[0];

		if (count > run->count)
			count = (uint32_t)run->count;
		pointers += POINTER_BYTES * path.slots[0];
		run->block = get32(pointers);
		run->count = pointers_run(pointers, count);
		return run_check(volume, run);
	}
	block = get32(pointers + POINTER_BYTES * path.slots[0]);
	for (uint32_t level = 1;; level++) {
		uint8_t pointer[POINTER_BYTES];
		int64_t error;

		if (!block) {
			uint64_t hole = hole_blocks(layout, &path, level);

			run->block = 0;
			if (hole < run->count)
				run->count = hole;
			return 0;
		}
		if (!layout_is_block(layout, block))
			return volume_damaged(volume, "a file has a block outside of the disk");
		if (level == path.levels)
			return map_leaf(volume, block, path.slots[level], run);
		error = banos_store_read(volume->mount,
					 (block << layout->block_shift) +
						 POINTER_BYTES * path.slots[level],
					 pointer, sizeof(pointer));
		if (error)
			return error;
		block = get32(pointer);
	}
}

static int64_t map_extents(struct volume *volume, const struct node *node, uint64_t index,
			   struct run *run)
{
	const struct layout *layout = &volume->layout;
	const uint8_t *root = node->raw + INODE_POINTERS;
	struct extent_found found = { .end = UINT32_MAX };
	struct view view = { 0 };
	int depth = extent_depth(root, INODE_POINTERS_BYTES), bad = depth < 0;
	int64_t error = 0;

	if (index >= found.end) {
		run->block = 0;
		return 0;
	}
	if (!bad)
		bad = extent_search(root, INODE_POINTERS_BYTES, (uint32_t)depth, index, found.end,
				    &found);
	while (!bad && found.kind == EXTENT_NODE) {
		depth--;
		if (!layout_is_block(layout, found.block))
			break;
		error = view_get(volume, found.block, &view);
		if (error)
			return error;
		bad = extent_search(view.bytes, layout->block_bytes, (uint32_t)depth, index,
				    found.end, &found);
		view_put(volume, &view);
	}
	if (bad || found.kind == EXTENT_NODE)
		return volume_damaged(volume, "the extents of a file are wrong");
	if (found.end - index < run->count)
		run->count = found.end - index;
	run->block = found.kind == EXTENT_HOLE ? 0 : found.block + (index - found.first);
	run->unwritten = found.kind == EXTENT_UNWRITTEN;
	return run_check(volume, run);
}

int64_t map_find(struct volume *volume, const struct node *node, uint64_t index, uint64_t max,
		 struct run *run)
{
	*run = (struct run){ .first = index, .count = max };
	if (inode_flags(node->raw) & INODE_INLINE)
		return -EOPNOTSUPP;
	if (inode_flags(node->raw) & INODE_EXTENTS && !(volume->layout.incompat & INCOMPAT_EXTENTS))
		return volume_damaged(volume, "a file has extents without their feature");
	if (inode_flags(node->raw) & INODE_EXTENTS)
		return map_extents(volume, node, index, run);
	return map_pointers(volume, node, index, run);
}

int64_t ext2_map(void *fs, uint64_t number, uint64_t offset, uint64_t length, uint32_t flags,
		 struct banos_extent *extent)
{
	struct volume *volume = fs;
	uint32_t shift = volume->layout.block_shift;
	uint64_t blocks = (length + (length == 0) + volume->layout.block_bytes - 1) >> shift;
	struct growth growth;
	struct node node;
	struct run run;
	int64_t error = node_get(volume, number, &node);

	if (!error && !inode_has_blocks(&volume->layout, node.raw))
		error = -EINVAL;
	if (!error)
		error = map_find(volume, &node, offset >> shift, blocks, &run);
	if (error)
		return error;
	if (!run.block && flags & BANOS_MAP_ALLOCATE) {
		error = grow_plan(volume, &node, run.first, (uint32_t)run.count,
				  flags & BANOS_MAP_RESERVED, &growth);
		if (!error)
			error = grow_write(volume, &node, &growth);
		if (error)
			return volume_end(volume, error);
		run.block = growth.first;
		run.count = growth.count;
		extent->flags = BANOS_EXTENT_NEW;
	}
	extent->kind = BANOS_EXTENT_HOLE;
	if (run.block)
		extent->kind = run.unwritten ? BANOS_EXTENT_UNWRITTEN : BANOS_EXTENT_RUN;
	extent->offset = run.first << shift;
	extent->length = run.count << shift;
	extent->store = run.block << shift;
	return 0;
}
