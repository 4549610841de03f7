/* SPDX-License-Identifier: MIT */
/* ext4's extents: extent.h. */
#include "bytes.h"
#include "extent.h"

#define EXTENT_MAGIC   0xf30au
#define EXTENT_BYTES   12u    /* of the header, and of each entry */
#define EXTENT_WRITTEN 32768u /* blocks; a longer one is unwritten */

int extent_depth(const uint8_t *root, uint32_t bytes)
{
	uint32_t depth = get16(root + 6);

	if (bytes < EXTENT_BYTES || get16(root) != EXTENT_MAGIC || depth > EXTENT_DEPTH_MAX)
		return -1;
	return (int)depth;
}

/* The last entry that begins at @index or before it, + 1; 0 if there is none. */
static uint32_t entry_find(const uint8_t *entries, uint32_t count, uint64_t index)
{
	uint32_t low = 0, high = count;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (get32(entries + EXTENT_BYTES * middle) <= index)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void leaf_read(const uint8_t *entry, uint64_t index, struct extent_found *found)
{
	uint64_t first = get32(entry), count = get16(entry + 4);
	enum extent_kind kind = EXTENT_RUN;

	if (count > EXTENT_WRITTEN) {
		count -= EXTENT_WRITTEN;
		kind = EXTENT_UNWRITTEN;
	}
	if (index >= first + count) {
		found->first = first + count;
		return;
	}
	found->kind = kind;
	found->first = first;
	if (first + count < found->end)
		found->end = first + count;
	found->block = (uint64_t)get16(entry + 6) << 32 | get32(entry + 8);
}

int extent_search(const uint8_t *node, uint32_t bytes, uint32_t depth, uint64_t index, uint64_t end,
		  struct extent_found *found)
{
	const uint8_t *entries = node + EXTENT_BYTES, *entry;
	uint32_t count, at;

	if (extent_depth(node, bytes) != (int)depth)
		return -1;
	count = get16(node + 2);
	if (count > (bytes - EXTENT_BYTES) / EXTENT_BYTES)
		return -1;
	*found = (struct extent_found){ EXTENT_HOLE, 0, end, 0 };
	at = entry_find(entries, count, index);
	if (at < count && get32(entries + EXTENT_BYTES * at) < end)
		found->end = get32(entries + EXTENT_BYTES * at);
	if (at) {
		entry = entries + EXTENT_BYTES * (at - 1);
		if (depth) {
			found->kind = EXTENT_NODE;
			found->first = get32(entry);
			found->block = get32(entry + 4) | (uint64_t)get16(entry + 8) << 32;
		} else {
			leaf_read(entry, index, found);
		}
	}
	/* Entries that are not sorted lead nowhere. */
	if (index < found->first || index >= found->end)
		return -1;
	return 0;
}
