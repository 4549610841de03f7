/* SPDX-License-Identifier: MIT */
/**
 * @file hash.h  Folders with an index (htree): hashes of names, and the index's blocks. Pure.
 *
 * The first block of such a folder has "." and "..", and in the space of ".." the root of a tree of at
 * most three levels; each node is a sorted list of (hash, block of the folder). In a leaf, which is an ordinary block,
 * are the names from that hash on. A hash whose lowest bit is set continues the leaf before it.
 */
#ifndef EXT2_HASH_H
#define EXT2_HASH_H

#include <stdint.h>

#define HASH_VERSIONS	 3u
#define HTREE_LEVELS_MAX 3u

/**
 * @brief The hash of a name.
 * @param version      0: legacy, 1: half MD4, 2: TEA
 * @param is_unsigned  whether characters are unsigned
 * @param seed         of the superblock
 */
uint32_t hash_name(uint32_t version, uint32_t is_unsigned, const uint32_t seed[4], const char *name,
		   uint32_t length);

/** The list of a node. */
struct htree_list {
	const uint8_t *entries; /* 8 bytes each; the first one's hash is 0 */
	uint32_t count;		/* 1 or more */
};

/**
 * @brief Read the root.
 * @param version  written: for hash_name()
 * @param levels   written: of lists, 1 to HTREE_LEVELS_MAX
 * @return 0; -1: it is none that can be used
 */
int htree_root(const uint8_t *block, uint32_t block_bytes, uint32_t *version, uint32_t *levels,
	       struct htree_list *list);
/** Read another node: 0, or -1. */
int htree_node(const uint8_t *block, uint32_t block_bytes, struct htree_list *list);

/** @return the index of the last entry whose hash is not above @p hash */
uint32_t htree_find(const struct htree_list *list, uint32_t hash);
uint32_t htree_hash(const struct htree_list *list, uint32_t index);
uint32_t htree_block(const struct htree_list *list, uint32_t index);

#endif
