/* SPDX-License-Identifier: MIT */
/* Inodes on the store. */
#include <banos/errno.h>
#include <banos/string.h>
#include "volume.h"

#define TABLE_MAX UINT32_MAX

uint32_t node_group(const struct volume *volume, uint32_t number)
{
	return (number - 1) / volume->layout.inodes_per_group;
}

/* Where the inodes of a group are does not change: it is looked up once. */
static __attribute__((noinline)) int64_t inode_table_read(struct volume *volume, uint32_t number,
							  uint64_t *block)
{
	struct group group;
	int64_t error = group_read(volume, number, &group);

	if (error)
		return error;
	*block = group.inode_table;
	if (*block <= TABLE_MAX)
		__atomic_store_n(&volume->tables[number % TABLES], (uint64_t)number << 32 | *block,
				 __ATOMIC_RELAXED);
	return 0;
}

static inline int64_t inode_table_find(struct volume *volume, uint32_t number, uint64_t *block)
{
	uint64_t value = __atomic_load_n(&volume->tables[number % TABLES], __ATOMIC_RELAXED);

	if (value >> 32 != number || !(uint32_t)value)
		return inode_table_read(volume, number, block);
	*block = (uint32_t)value;
	return 0;
}

int64_t node_locate(struct volume *volume, uint32_t number, uint64_t *offset)
{
	const struct layout *layout = &volume->layout;
	uint32_t group = node_group(volume, number);
	uint64_t block;
	int64_t error = inode_table_find(volume, group, &block);

	*offset = (block << layout->block_shift) +
		  (uint64_t)(number - 1 - group * layout->inodes_per_group) * layout->inode_bytes;
	return error;
}

int64_t node_get(struct volume *volume, uint64_t number, struct node *node)
{
	const struct layout *layout = &volume->layout;
	int64_t error;

	if (!number || number > layout->inodes)
		return -ESTALE;
	node->number = (uint32_t)number;
	error = node_locate(volume, node->number, &node->offset);
	if (error)
		return error;
	if (inode_raw_bytes(layout) < INODE_RAW)
		memset(node->raw, 0, INODE_RAW);
	error = banos_store_read(volume->mount, node->offset, node->raw, inode_raw_bytes(layout));
	if (error)
		return error;
	if (!inode_mode(node->raw))
		return -ESTALE;
	/* Of a listed orphan, that is the next one. */
	if (inode_links(node->raw) || !get32(node->raw + INODE_DTIME) ||
	    orphan_has(volume, node->number))
		return 0;
	/* An earlier instance may have listed it in a way that could not be followed. */
	if (volume->continues && !inode_is_used(volume, node->number))
		return 0;
	return -ESTALE;
}

int64_t node_write(struct volume *volume, const struct node *node, uint32_t from, uint32_t length)
{
	return banos_store_write(volume->mount, node->offset + from, node->raw + from, length);
}

int64_t node_set_links(struct volume *volume, struct node *node, uint32_t links)
{
	put16(node->raw + INODE_LINKS, links);
	return node_write(volume, node, INODE_LINKS, 2);
}

void node_count(struct volume *volume, struct node *node, int64_t blocks)
{
	int64_t sectors = get32(node->raw + INODE_SECTORS);

	sectors += blocks * (int64_t)(volume->layout.block_bytes / SECTOR);
	if (sectors < 0)
		sectors = 0;
	put32(node->raw + INODE_SECTORS, (uint32_t)sectors);
}

void node_attr(struct volume *volume, const struct node *node, struct banos_attr *attr)
{
	inode_attr(&volume->layout, node->raw, attr);
	attr->node = node->number;
}
