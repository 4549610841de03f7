/* SPDX-License-Identifier: MIT */
/**
 * @file layout.h  The superblock of ext2, ext3 and ext4, and where things lie on the disk. Pure.
 *
 * Nothing of the superblock is trusted: what layout_parse() accepts keeps every product and every offset that is
 * computed here within 64 bits, and within the disk. The group descriptors are parsed, and their block numbers
 * bounded, each time that one is read.
 *
 * Sources: the documentation of ext4's layout in Linux, and what e2fsprogs 1.47 writes.
 */
#ifndef EXT2_LAYOUT_H
#define EXT2_LAYOUT_H

#include <stdint.h>

#define SUPER_OFFSET 1024u
#define SUPER_BYTES  1024u
#define EXT2_MAGIC   0xef53u

/* Fields of the superblock that are used beyond layout.c. */
#define SUPER_FREE_BLOCKS   12u
#define SUPER_FREE_INODES   16u
#define SUPER_MOUNT_TIME    44u
#define SUPER_WRITE_TIME    48u
#define SUPER_MOUNT_COUNT   52u
#define SUPER_STATE	    58u
#define SUPER_RO_COMPAT	    100u
#define SUPER_LAST_ORPHAN   232u
#define SUPER_FREE_BLOCKS_H 344u

#define STATE_VALID 1u
#define STATE_ERROR 2u

/* Features. */
#define COMPAT_JOURNAL	     0x4u
#define COMPAT_SPARSE_SUPER2 0x200u
#define INCOMPAT_FILETYPE    0x2u
#define INCOMPAT_RECOVER     0x4u
#define INCOMPAT_META_BG     0x10u
#define INCOMPAT_EXTENTS     0x40u
#define INCOMPAT_64BIT	     0x80u
#define RO_COMPAT_LARGE_FILE 0x2u
#define RO_COMPAT_HUGE_FILE  0x8u

#define ROOT_INODE	2u
#define INODE_BYTES_MIN 128u
#define GROUP_BYTES_MIN 32u

struct layout {
	uint32_t block_bytes, block_shift;
	uint64_t blocks, blocks_reserved;
	uint32_t blocks_first; /* where group 0 begins */
	uint32_t groups, blocks_per_group, inodes_per_group;
	uint32_t inodes, inodes_first; /* the first that is not reserved */
	uint32_t inode_bytes,
		inode_extra;   /* inode_extra: bytes that new ones use behind the first 128 */
	uint32_t table_blocks; /* of the inodes of a group */
	uint32_t descriptor_bytes, descriptors_per_block, descriptor_blocks;
	uint32_t meta_first; /* the descriptors of meta groups from this one on lie in these */
	uint32_t compat, incompat, ro_compat;
	uint32_t backups[2];
	uint32_t hash_seed[4];
	uint32_t hash_unsigned; /* 0 or 1 */
	uint32_t state;
};

/** A group descriptor. */
struct group {
	uint64_t block_bitmap, inode_bitmap, inode_table;
	uint32_t free_blocks, free_inodes, folders;
};

/**
 * @brief Read a superblock.
 * @param super        its 1024 bytes
 * @param store_bytes  of the disk
 * @return NULL, or why it cannot be used: a literal. "" if it is no such superblock at all.
 */
const char *layout_parse(const uint8_t super[SUPER_BYTES], uint64_t store_bytes,
			 struct layout *layout);

/** @return NULL, or the reason why it can only be read: a literal */
const char *layout_read_only(const struct layout *layout);

/** Does the group begin with a copy of the superblock? */
int layout_has_super(const struct layout *layout, uint32_t group);

/** Byte offset of a group's descriptor. It may lie behind the end of the disk, by hostile numbers of groups. */
uint64_t layout_descriptor(const struct layout *layout, uint32_t group);

/** First block of a group, and how many blocks it has: fewer for the last one. */
uint64_t layout_group_first(const struct layout *layout, uint32_t group);
uint32_t layout_group_blocks(const struct layout *layout, uint32_t group);

/** Blocks that the file system itself takes. */
uint64_t layout_overhead(const struct layout *layout);

/**
 * @brief Read a group descriptor.
 * @return 0; -1: a block number in it lies outside of the disk
 */
int group_parse(const struct layout *layout, const uint8_t *descriptor, struct group *group);

/** Is the block one of those that the group itself is described in? */
int group_owns(const struct layout *layout, uint32_t number, const struct group *group,
	       uint64_t block);

/** Is one of @p count blocks, 1 or more, of that kind? All of them belong to the group. */
int group_owns_any(const struct layout *layout, uint32_t number, const struct group *group,
		   uint64_t first, uint32_t count);

/** May the block belong to a file? */
static inline int layout_is_block(const struct layout *layout, uint64_t block)
{
	return block > layout->blocks_first && block < layout->blocks;
}

#endif
