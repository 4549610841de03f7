/* SPDX-License-Identifier: MIT */
/**
 * @file xattr.h  Extended attributes as they lie in a block, or behind an inode. Pure.
 *
 * An area holds a list of entries, sorted in a block, and their values, from its end backwards. Nothing of it is trusted.
 */
#ifndef EXT2_XATTR_H
#define EXT2_XATTR_H

#include <stdint.h>

#define XATTR_MAGIC	   0xea020000u
#define XATTR_BLOCK_HEADER 32u
#define XATTR_INODE_HEADER 4u
#define XATTR_BLOCK_REFS   4u

struct xattr_area {
	const uint8_t *bytes; /* offsets of values count from here */
	uint32_t first, end;  /* of entries; of the area */
	uint32_t is_block;    /* sorted, with hashes */
};

struct xattr {
	uint32_t offset; /* of the entry */
	uint32_t index, name_bytes;
	const uint8_t *name, *value;
	uint32_t value_bytes;
};

#define XATTR_END 1

/** @return 0: the area of a block; -1: it is none */
int xattr_block(const uint8_t *block, uint32_t block_bytes, struct xattr_area *area);
/** @param bytes  behind the inode's fields, with the magic number; -1: there are none */
int xattr_inode(const uint8_t *bytes, uint32_t count, struct xattr_area *area);

/** Read the entry at @p offset. @return 0; XATTR_END; -1: malformed */
int xattr_read(const struct xattr_area *area, uint32_t offset, struct xattr *xattr);
static inline uint32_t xattr_next(const struct xattr *xattr)
{
	return xattr->offset + (16u + xattr->name_bytes + 3) / 4 * 4;
}

/** @return 0; XATTR_END: there is none; -1 */
int xattr_find(const struct xattr_area *area, uint32_t index, const char *name, uint32_t name_bytes,
	       struct xattr *xattr);

/** The prefix that an index stands for: a literal, "" if the index is not known. */
const char *xattr_prefix(uint32_t index);
/** The index of a whole name, and where what follows the prefix begins; 0: none. */
uint32_t xattr_index(const char *name, uint32_t *rest);

/**
 * @brief Write a block anew: what @p from holds, but one attribute set or removed.
 * @param from   NULL: nothing
 * @param set    the attribute (its offset is not used); value NULL: it is removed
 * @param block  written
 * @return how many attributes it has; -1: no room, or malformed
 */
int xattr_rewrite(const struct xattr_area *from, const struct xattr *set, uint8_t *block,
		  uint32_t block_bytes);

/** The length of an ACL as programs see it, and as it is stored; 0: it is none. */
uint32_t acl_bytes_shown(const uint8_t *stored, uint32_t count);
uint32_t acl_bytes_stored(const uint8_t *shown, uint32_t count);
/** Convert, to as many bytes as these say. */
void acl_show(const uint8_t *stored, uint32_t count, uint8_t *to);
void acl_store(const uint8_t *shown, uint32_t count, uint8_t *to);

/** Is the index that of an ACL? */
static inline int xattr_is_acl(uint32_t index)
{
	return index == 2 || index == 3;
}

#endif
