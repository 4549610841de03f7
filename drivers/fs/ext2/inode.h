/* SPDX-License-Identifier: MIT */
/**
 * @file inode.h  Inodes as they lie on the disk. Pure.
 *
 * An inode is handled as a copy of its first INODE_RAW bytes at most (fewer on disks with small
 * ones: then the rest is 0), and what is changed of it is written back field by field, or whole for a new one.
 */
#ifndef EXT2_INODE_H
#define EXT2_INODE_H

#include <stdint.h>
#include <banos/filesystem.h>
#include "bytes.h"
#include "layout.h"

#define INODE_RAW	     160u
#define INODE_MODE	     0u
#define INODE_SIZE	     4u
#define INODE_DTIME	     20u
#define INODE_LINKS	     26u
#define INODE_SECTORS	     28u
#define INODE_FLAGS	     32u
#define INODE_POINTERS	     40u
#define INODE_POINTERS_BYTES 60u
#define INODE_GENERATION     100u
#define INODE_XATTR_BLOCK    104u
#define INODE_XATTR_BLOCK_H  118u
#define INODE_EXTRA	     128u

#define MODE_TYPE   0170000u
#define MODE_FOLDER 0040000u
#define MODE_FILE   0100000u
#define MODE_LINK   0120000u
#define MODE_CHAR   0020000u
#define MODE_BLOCK  0060000u

#define INODE_APPEND	0x20u
#define INODE_IMMUTABLE 0x10u
#define INODE_INDEX	0x1000u
#define INODE_EXTENTS	0x80000u
#define INODE_INLINE	0x10000000u

static inline uint32_t inode_mode(const uint8_t *raw)
{
	return get16(raw + INODE_MODE);
}

static inline uint32_t inode_type(const uint8_t *raw)
{
	return inode_mode(raw) & MODE_TYPE;
}

static inline uint32_t inode_links(const uint8_t *raw)
{
	return get16(raw + INODE_LINKS);
}

static inline uint32_t inode_flags(const uint8_t *raw)
{
	return get32(raw + INODE_FLAGS);
}

uint64_t inode_bytes(const uint8_t *raw);
void inode_set_bytes(uint8_t *raw, uint64_t bytes);

/** Units of 512 bytes that it takes, and the block of its extended attributes. */
uint64_t inode_sectors(const struct layout *layout, const uint8_t *raw);
uint64_t inode_xattr_block(const struct layout *layout, const uint8_t *raw);

/** Is it a symbolic link whose text is in the inode? */
int inode_is_fast_link(const struct layout *layout, const uint8_t *raw);
/** Are there blocks behind its pointers? */
int inode_has_blocks(const struct layout *layout, const uint8_t *raw);

/** Everything but node and size of @p attr. */
void inode_attr(const struct layout *layout, const uint8_t *raw, struct banos_attr *attr);

/** Put those attributes that @p which (BANOS_SET_...) names, except the size. */
void inode_set_attr(const struct layout *layout, uint8_t *raw, uint32_t which,
		    const struct banos_attr *attr);

/** A new one, without pointers. @p raw: INODE_RAW bytes, written */
void inode_create(const struct layout *layout, uint8_t *raw, const struct banos_create *what,
		  uint32_t generation);

/** How much of an inode is read and written: bytes. */
static inline uint32_t inode_raw_bytes(const struct layout *layout)
{
	return (uint32_t)lesser(layout->inode_bytes, INODE_RAW);
}

#endif
