/* SPDX-License-Identifier: MIT */
/* The superblock, and where things lie: layout.h. */
#include <stddef.h>
#include "bytes.h"
#include "layout.h"

#define SUPER_INODES	   0u
#define SUPER_BLOCKS	   4u
#define SUPER_RESERVED	   8u
#define SUPER_FIRST_BLOCK  20u
#define SUPER_BLOCK_SHIFT  24u
#define SUPER_PER_GROUP	   32u
#define SUPER_INODES_GROUP 40u
#define SUPER_MAGIC	   56u
#define SUPER_REVISION	   76u
#define SUPER_FIRST_INODE  84u
#define SUPER_INODE_BYTES  88u
#define SUPER_COMPAT	   92u
#define SUPER_INCOMPAT	   96u
#define SUPER_HASH_SEED	   236u
#define SUPER_GROUP_BYTES  254u
#define SUPER_META_FIRST   260u
#define SUPER_BLOCKS_H	   336u
#define SUPER_RESERVED_H   340u
#define SUPER_WANT_EXTRA   350u
#define SUPER_FLAGS	   352u
#define SUPER_BACKUPS	   588u
#define FLAG_HASH_UNSIGNED 2u

#define RO_COMPAT_SPARSE      0x1u
#define RO_COMPAT_BTREE	      0x4u
#define RO_COMPAT_EXTRA	      0x40u
#define INCOMPAT_JOURNAL_DEV  0x8u
#define INCOMPAT_MMP	      0x100u
#define INCOMPAT_FLEX_BG      0x200u
#define INCOMPAT_EA_INODE     0x400u
#define INCOMPAT_CSUM_SEED    0x2000u
#define INCOMPAT_LARGE_FOLDER 0x4000u
#define INCOMPAT_INLINE	      0x8000u
#define INCOMPAT_ENCRYPT      0x10000u

#define INCOMPAT_WRITABLE (INCOMPAT_FILETYPE | INCOMPAT_META_BG)
#define INCOMPAT_READABLE                                                                          \
	(INCOMPAT_WRITABLE | INCOMPAT_RECOVER | INCOMPAT_EXTENTS | INCOMPAT_64BIT | INCOMPAT_MMP | \
	 INCOMPAT_FLEX_BG | INCOMPAT_EA_INODE | INCOMPAT_CSUM_SEED | INCOMPAT_LARGE_FOLDER |       \
	 INCOMPAT_INLINE | INCOMPAT_ENCRYPT)
#define RO_COMPAT_WRITABLE \
	(RO_COMPAT_SPARSE | RO_COMPAT_LARGE_FILE | RO_COMPAT_BTREE | RO_COMPAT_EXTRA)

#define BLOCK_SHIFT_MIN	 10u
#define BLOCK_SHIFT_MAX	 6u /* above that */
#define FIRST_INODE	 11u
#define GROUP_BYTES_MAX	 1024u
#define GROUP_BYTES_64	 64u
#define GROUP_BLOCKS_MIN 8u
#define INODE_EXTRA	 32u

static int layout_is_power(uint32_t value)
{
	return value && !(value & (value - 1));
}

static void layout_read(const uint8_t *super, struct layout *layout)
{
	uint32_t revision = get32(super + SUPER_REVISION);

	*layout = (struct layout){
		.blocks = get32(super + SUPER_BLOCKS),
		.blocks_reserved = get32(super + SUPER_RESERVED),
		.blocks_first = get32(super + SUPER_FIRST_BLOCK),
		.blocks_per_group = get32(super + SUPER_PER_GROUP),
		.inodes_per_group = get32(super + SUPER_INODES_GROUP),
		.inodes = get32(super + SUPER_INODES),
		.inodes_first = FIRST_INODE,
		.inode_bytes = INODE_BYTES_MIN,
		.descriptor_bytes = GROUP_BYTES_MIN,
		.state = get16(super + SUPER_STATE),
	};
	if (!revision) /* What later fields contain is not defined there. */
		return;
	layout->inodes_first = get32(super + SUPER_FIRST_INODE);
	layout->inode_bytes = get16(super + SUPER_INODE_BYTES);
	layout->inode_extra = get16(super + SUPER_WANT_EXTRA);
	layout->compat = get32(super + SUPER_COMPAT);
	layout->incompat = get32(super + SUPER_INCOMPAT);
	layout->ro_compat = get32(super + SUPER_RO_COMPAT);
	layout->meta_first = get32(super + SUPER_META_FIRST);
	layout->hash_unsigned = !!(get32(super + SUPER_FLAGS) & FLAG_HASH_UNSIGNED);
	for (uint32_t i = 0; i < 2; i++)
		layout->backups[i] = get32(super + SUPER_BACKUPS + 4 * i);
	for (uint32_t i = 0; i < 4; i++)
		layout->hash_seed[i] = get32(super + SUPER_HASH_SEED + 4 * i);
	if (layout->incompat & INCOMPAT_64BIT) {
		layout->blocks |= (uint64_t)get32(super + SUPER_BLOCKS_H) << 32;
		layout->blocks_reserved |= (uint64_t)get32(super + SUPER_RESERVED_H) << 32;
		layout->descriptor_bytes = get16(super + SUPER_GROUP_BYTES);
	}
}

/* Sizes of one thing each. @return NULL, or what is wrong */
static const char *layout_check_sizes(struct layout *layout, uint32_t shift)
{
	if (shift > BLOCK_SHIFT_MAX)
		return "blocks are larger than 64 KiB";
	layout->block_shift = BLOCK_SHIFT_MIN + shift;
	layout->block_bytes = 1u << layout->block_shift;
	if (layout->inode_bytes < INODE_BYTES_MIN || !layout_is_power(layout->inode_bytes) ||
	    layout->inode_bytes > layout->block_bytes)
		return "the size of inodes is wrong";
	if (layout->descriptor_bytes < GROUP_BYTES_MIN ||
	    !layout_is_power(layout->descriptor_bytes) ||
	    layout->descriptor_bytes > GROUP_BYTES_MAX ||
	    (layout->incompat & INCOMPAT_64BIT && layout->descriptor_bytes < GROUP_BYTES_64))
		return "the size of group descriptors is wrong";
	if (layout->blocks_per_group < GROUP_BLOCKS_MIN ||
	    layout->blocks_per_group > 8 * layout->block_bytes || !layout->inodes_per_group ||
	    layout->inodes_per_group > 8 * layout->block_bytes)
		return "the size of groups is wrong";
	if (layout->blocks_first > (layout->block_bytes == SUPER_OFFSET) ||
	    layout->blocks <= layout->blocks_first)
		return "the number of blocks is wrong";
	if (layout->inode_bytes == INODE_BYTES_MIN)
		layout->inode_extra = 0;
	else if (layout->inode_extra < INODE_EXTRA || layout->inode_extra % 4 ||
		 layout->inode_extra > layout->inode_bytes - INODE_BYTES_MIN)
		layout->inode_extra = INODE_EXTRA;
	return NULL;
}

const char *layout_parse(const uint8_t super[SUPER_BYTES], uint64_t store_bytes,
			 struct layout *layout)
{
	const char *why;
	uint64_t groups;

	if (get16(super + SUPER_MAGIC) != EXT2_MAGIC)
		return "";
	if (get32(super + SUPER_REVISION) > 1)
		return "its revision is not known";
	layout_read(super, layout);
	if (layout->incompat & ~INCOMPAT_READABLE)
		return "it has features that are not known";
	why = layout_check_sizes(layout, get32(super + SUPER_BLOCK_SHIFT));
	if (why)
		return why;
	if (layout->blocks > store_bytes >> layout->block_shift)
		return "it is larger than the disk";
	groups = (layout->blocks - layout->blocks_first + layout->blocks_per_group - 1) /
		 layout->blocks_per_group;
	if (groups > UINT32_MAX / layout->inodes_per_group ||
	    layout->inodes != groups * layout->inodes_per_group || layout->inodes < FIRST_INODE ||
	    layout->inodes_first < FIRST_INODE || layout->inodes_first > layout->inodes)
		return "the number of inodes is wrong";
	layout->groups = (uint32_t)groups;
	layout->table_blocks =
		(uint32_t)(((uint64_t)layout->inodes_per_group * layout->inode_bytes +
			    layout->block_bytes - 1) >>
			   layout->block_shift);
	layout->descriptors_per_block = layout->block_bytes / layout->descriptor_bytes;
	layout->descriptor_blocks = (layout->groups - 1) / layout->descriptors_per_block + 1;
	if (!(layout->incompat & INCOMPAT_META_BG))
		layout->meta_first = UINT32_MAX;
	if (layout->blocks_reserved > layout->blocks)
		layout->blocks_reserved = 0;
	return NULL;
}

const char *layout_read_only(const struct layout *layout)
{
	if (layout->incompat & INCOMPAT_RECOVER)
		return "its journal has to be replayed first (e2fsck)";
	if (layout->incompat & INCOMPAT_JOURNAL_DEV)
		return "it is a journal";
	if (layout->incompat & INCOMPAT_EXTENTS)
		return "it is ext4 (extents)";
	if (layout->incompat & ~INCOMPAT_WRITABLE || layout->ro_compat & ~RO_COMPAT_WRITABLE)
		return "it has features of ext4 that can only be read";
	return NULL;
}

static int layout_is_power_of(uint32_t value, uint32_t base)
{
	while (value % base == 0)
		value /= base;
	return value == 1;
}

int layout_has_super(const struct layout *layout, uint32_t group)
{
	if (!group)
		return 1;
	if (layout->compat & COMPAT_SPARSE_SUPER2)
		return group == layout->backups[0] || group == layout->backups[1];
	if (!(layout->ro_compat & RO_COMPAT_SPARSE))
		return 1;
	return group == 1 || layout_is_power_of(group, 3) || layout_is_power_of(group, 5) ||
	       layout_is_power_of(group, 7);
}

uint64_t layout_group_first(const struct layout *layout, uint32_t group)
{
	return layout->blocks_first + (uint64_t)group * layout->blocks_per_group;
}

uint32_t layout_group_blocks(const struct layout *layout, uint32_t group)
{
	uint64_t left = layout->blocks - layout_group_first(layout, group);

	return (uint32_t)lesser(left, layout->blocks_per_group);
}

uint64_t layout_descriptor(const struct layout *layout, uint32_t group)
{
	uint32_t meta = group / layout->descriptors_per_block;
	uint64_t block;

	if (meta < layout->meta_first) {
		block = layout->blocks_first + 1 + meta;
		/* With clusters, blocks of 1 KiB are counted from 0; the superblock is the second all the same. */
		if (layout->block_bytes == SUPER_OFFSET && !layout->blocks_first)
			block++;
	} else {
		uint32_t first = meta * layout->descriptors_per_block;

		block = layout_group_first(layout, first) +
			(uint64_t)layout_has_super(layout, first);
	}
	return (block << layout->block_shift) +
	       (uint64_t)(group % layout->descriptors_per_block) * layout->descriptor_bytes;
}

/* Blocks of descriptors, and the superblock, at the beginning of a group. */
static uint32_t group_front(const struct layout *layout, uint32_t group)
{
	uint32_t meta = group / layout->descriptors_per_block;
	uint32_t has_super = (uint32_t)layout_has_super(layout, group);
	uint32_t within = group % layout->descriptors_per_block, count = has_super;

	if (meta < layout->meta_first) {
		uint32_t blocks = layout->descriptor_blocks;

		if (blocks > layout->meta_first)
			blocks = layout->meta_first;
		return has_super ? count + blocks : count;
	}
	if (within < 2 || within == layout->descriptors_per_block - 1)
		count++;
	return count;
}

uint64_t layout_overhead(const struct layout *layout)
{
	uint64_t blocks = layout->blocks_first;

	for (uint32_t group = 0; group < layout->groups; group++)
		blocks += group_front(layout, group) + 2 + layout->table_blocks;
	return lesser(blocks, layout->blocks);
}

int group_parse(const struct layout *layout, const uint8_t *descriptor, struct group *group)
{
	*group = (struct group){
		.block_bitmap = get32(descriptor),
		.inode_bitmap = get32(descriptor + 4),
		.inode_table = get32(descriptor + 8),
		.free_blocks = get16(descriptor + 12),
		.free_inodes = get16(descriptor + 14),
		.folders = get16(descriptor + 16),
	};
	if (layout->descriptor_bytes >= GROUP_BYTES_64) {
		group->block_bitmap |= (uint64_t)get32(descriptor + 32) << 32;
		group->inode_bitmap |= (uint64_t)get32(descriptor + 36) << 32;
		group->inode_table |= (uint64_t)get32(descriptor + 40) << 32;
		group->free_blocks |= (uint32_t)get16(descriptor + 44) << 16;
		group->free_inodes |= (uint32_t)get16(descriptor + 46) << 16;
		group->folders |= (uint32_t)get16(descriptor + 48) << 16;
	}
	return layout_is_block(layout, group->block_bitmap) &&
			       layout_is_block(layout, group->inode_bitmap) &&
			       layout_is_block(layout, group->inode_table) &&
			       layout->blocks - group->inode_table >= layout->table_blocks
		       ? 0
		       : -1;
}

int group_owns(const struct layout *layout, uint32_t number, const struct group *group,
	       uint64_t block)
{
	return block == group->block_bitmap || block == group->inode_bitmap ||
	       block - group->inode_table < layout->table_blocks ||
	       block - layout_group_first(layout, number) < group_front(layout, number);
}

static int lies_among(uint64_t block, uint64_t first, uint64_t count)
{
	return block - first < count;
}

int group_owns_any(const struct layout *layout, uint32_t number, const struct group *group,
		   uint64_t first, uint32_t count)
{
	/* Each of the ranges begins among the blocks, or the blocks begin in it. */
	return group_owns(layout, number, group, first) ||
	       lies_among(group->block_bitmap, first, count) ||
	       lies_among(group->inode_bitmap, first, count) ||
	       lies_among(group->inode_table, first, count);
}
