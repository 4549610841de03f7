/* SPDX-License-Identifier: MIT */
/*
 * Blocks of a file are freed: behind a size, or in its middle.
 *
 * The tree of pointers is walked once. Blocks that lie one behind the other are freed together. The walk ends on any disk: each
 * block that is freed must have been in use, so the second of two pointers to one block is an error that stops it.
 */
#include <banos/errno.h>
#include <banos/string.h>
#include "volume.h"

#define POINTER_BYTES 4u
#define CHUNK	      128u /* pointers that are read at once */

struct release {
	struct volume *volume;
	uint64_t first, count; /* blocks that are to be freed together */
	int run_is_metadata;
	uint64_t freed;
	int is_metadata; /* the file's blocks are a folder's */
	int64_t error;
};

static void release_flush(struct release *release)
{
	struct volume *volume = release->volume;
	uint32_t shift = volume->layout.block_shift;

	if (release->count && !release->error) {
		release->error = block_free(volume, release->first, release->count, 0);
		if (!release->error)
			release->freed += release->count;
		if (!release->error && release->run_is_metadata)
			release->error = banos_store_forget(volume->mount, release->first << shift,
							    release->count << shift);
	}
	release->count = 0;
}

static void release_add(struct release *release, uint64_t block, int is_metadata)
{
	if (release->error)
		return;
	if (!layout_is_block(&release->volume->layout, block)) {
		release->error =
			volume_damaged(release->volume, "a file has a block outside of the disk");
		return;
	}
	if (block != release->first + release->count || is_metadata != release->run_is_metadata)
		release_flush(release);
	if (!release->count) {
		release->first = block;
		release->run_is_metadata = is_metadata;
	}
	release->count++;
}

/*
 * Free [@first, @end) of what a block of pointers of @level holds, counted from its first one. Where that is not
 * all of it, the pointers become 0.
 */
static void tree_release(struct release *release, uint64_t block, uint32_t level, uint64_t first,
			 uint64_t end)
{
	struct volume *volume = release->volume;
	const struct layout *layout = &volume->layout;
	uint32_t shift = (layout->block_shift - 2) * (level - 1);
	uint64_t span = 1ull << shift,
		 total = (uint64_t)layout->block_bytes / POINTER_BYTES << shift;
	uint64_t offset = block << layout->block_shift;
	int whole = !first && end >= total;
	uint8_t pointers[CHUNK * POINTER_BYTES];

	if (end > total)
		end = total;
	for (uint64_t slot = first >> shift; slot << shift < end && !release->error;) {
		uint32_t part = CHUNK - slot % CHUNK, changed = 0;
		uint64_t at = offset + POINTER_BYTES * slot;

		if (part > ((end - 1) >> shift) - slot + 1)
			part = (uint32_t)(((end - 1) >> shift) - slot + 1);
		release->error =
			banos_store_read(volume->mount, at, pointers, POINTER_BYTES * part);
		for (uint32_t i = 0; i < part && !release->error; i++, slot++) {
			uint64_t child = get32(pointers + POINTER_BYTES * i), base = slot << shift;
			uint64_t from = first - lesser(first, base);
			uint64_t to = lesser(end - base, span);

			if (!child)
				continue;
			if (level > 1 && layout_is_block(layout, child))
				tree_release(release, child, level - 1, from, to);
			if (from || to < span)
				continue;
			release_add(release, child, level > 1 || release->is_metadata);
			put32(pointers + POINTER_BYTES * i, 0);
			changed = 1;
		}
		if (changed && !whole && !release->error)
			release->error = banos_store_write(volume->mount, at, pointers,
							   POINTER_BYTES * part);
	}
}

static int64_t node_release_blocks(struct volume *volume, struct node *node, uint64_t first,
				   uint64_t end)
{
	uint32_t shift = volume->layout.block_shift - 2;
	uint8_t *pointers = node->raw + INODE_POINTERS;
	struct release release = { .volume = volume,
				   .is_metadata = inode_type(node->raw) == MODE_FOLDER };
	uint64_t base = POINTERS_DIRECT;

	/* No volume with that feature is written. */
	if (inode_flags(node->raw) & (INODE_EXTENTS | INODE_INLINE))
		return volume_damaged(volume, "a file has extents without their feature");
	for (uint64_t i = first; i < POINTERS_DIRECT && i < end; i++) {
		uint32_t block = get32(pointers + POINTER_BYTES * i);

		if (block)
			release_add(&release, block, release.is_metadata);
		put32(pointers + POINTER_BYTES * i, 0);
	}
	for (uint32_t level = 1; level <= LEVELS; level++) {
		uint8_t *pointer = pointers + POINTER_BYTES * (POINTERS_DIRECT + level - 1);
		uint64_t span = 1ull << shift * level, block = get32(pointer);

		if (block && end > base && first < base + span && !release.error) {
			uint64_t from = first - lesser(first, base);

			if (layout_is_block(&volume->layout, block))
				tree_release(&release, block, level, from, end - base);
			if (!from && end - base >= span) {
				release_add(&release, block, 1);
				put32(pointer, 0);
			}
		}
		base += span;
	}
	release_flush(&release);
	node_count(volume, node, -(int64_t)release.freed);
	return release.error;
}

int64_t node_truncate(struct volume *volume, struct node *node, uint64_t keep)
{
	return node_release_blocks(volume, node, keep, UINT64_MAX);
}

int64_t node_punch(struct volume *volume, struct node *node, uint64_t first, uint64_t end)
{
	int64_t error = node_release_blocks(volume, node, first, end);
	int64_t written = node_write(volume, node, INODE_SECTORS,
				     INODE_POINTERS + INODE_POINTERS_BYTES - INODE_SECTORS);

	if (error)
		return error;
	return written;
}
