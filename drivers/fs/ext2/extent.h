/* SPDX-License-Identifier: MIT */
/** @file extent.h  ext4's trees of extents, to be read only. Pure. */
#ifndef EXT2_EXTENT_H
#define EXT2_EXTENT_H

#include <stdint.h>

#define EXTENT_DEPTH_MAX 5u

enum extent_kind { EXTENT_HOLE, EXTENT_RUN, EXTENT_UNWRITTEN, EXTENT_NODE };

struct extent_found {
	enum extent_kind kind;
	uint64_t first, end; /* blocks of the file; of a node: that it may say something about */
	uint64_t block;	     /* on the disk; of a node: where it is */
};

/** @return the depth of a tree by its root: 0 to EXTENT_DEPTH_MAX; -1: it is none */
int extent_depth(const uint8_t *root, uint32_t bytes);

/**
 * @brief Look a block of the file up in one node.
 * @param node   @p bytes bytes
 * @param depth  it must be of this depth
 * @param end    the first block that the node says nothing about
 * @return 0; -1: malformed
 */
int extent_search(const uint8_t *node, uint32_t bytes, uint32_t depth, uint64_t index, uint64_t end,
		  struct extent_found *found);

#endif
