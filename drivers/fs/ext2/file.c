/* SPDX-License-Identifier: MIT */
/* Attributes of nodes, sizes of files, texts of links. */
#include <banos/errno.h>
#include <banos/string.h>
#include "volume.h"

#define LARGE_FILE 0x7fffffffull /* larger ones are a feature */

int64_t ext2_getattr(void *fs, uint64_t number, struct banos_attr *attr)
{
	struct volume *volume = fs;
	struct node node;
	int64_t error = node_get(volume, number, &node);

	if (!error)
		node_attr(volume, &node, attr);
	return error;
}

/* The superblock says that there are files over 2 GiB. */
static int64_t large_file_note(struct volume *volume)
{
	uint8_t bytes[4];
	int64_t error = banos_store_read(volume->mount, SUPER_OFFSET + SUPER_RO_COMPAT, bytes,
					 sizeof(bytes));

	if (error || get32(bytes) & RO_COMPAT_LARGE_FILE)
		return error;
	put32(bytes, get32(bytes) | RO_COMPAT_LARGE_FILE);
	return banos_store_write(volume->mount, SUPER_OFFSET + SUPER_RO_COMPAT, bytes,
				 sizeof(bytes));
}

static int64_t node_resize(struct volume *volume, struct node *node, uint64_t bytes, int is_late)
{
	uint64_t before = inode_bytes(node->raw);
	uint32_t shift = volume->layout.block_shift;
	int64_t error = 0;

	if (inode_type(node->raw) != MODE_FILE)
		return -EINVAL;
	if (bytes > map_blocks_max(&volume->layout) << shift)
		return -EFBIG;
	if (bytes > LARGE_FILE && before <= LARGE_FILE)
		error = large_file_note(volume);
	/* Also where the size on the store is less: the kernel has not handed down yet that the file grew. Blocks behind a size that
	   is handed down late are of a write that has not ended. */
	if (!error && !is_late)
		error = node_truncate(volume, node,
				      (bytes + volume->layout.block_bytes - 1) >> shift);
	inode_set_bytes(node->raw, bytes);
	return error;
}

int64_t ext2_setattr(void *fs, uint64_t number, uint32_t which, const struct banos_attr *attr)
{
	struct volume *volume = fs;
	uint32_t bytes = inode_raw_bytes(&volume->layout);
	struct node node;
	int64_t error = node_get(volume, number, &node), written;

	if (error)
		return volume_end(volume, error);
	if (which & BANOS_SET_SIZE)
		error = node_resize(volume, &node, attr->bytes, !!(which & BANOS_SET_LATE));
	if (error == -EINVAL || error == -EFBIG)
		return volume_end(volume, error);
	inode_set_attr(&volume->layout, node.raw, which, attr);
	/* Also where not all could be freed: what was must not be pointed to any more. */
	written = node_write(volume, &node, 0, bytes);
	if (error)
		return volume_end(volume, error);
	return volume_end(volume, written);
}

int64_t ext2_readlink(void *fs, uint64_t number, char *to, uint32_t length)
{
	struct volume *volume = fs;
	struct node node;
	struct view view;
	struct run run;
	uint64_t bytes;
	int64_t error = node_get(volume, number, &node);

	if (!error && inode_type(node.raw) != MODE_LINK)
		error = -EINVAL;
	if (error)
		return error;
	bytes = inode_bytes(node.raw);
	if (bytes >= length)
		return -ENAMETOOLONG;
	if (inode_is_fast_link(&volume->layout, node.raw)) {
		memcpy(to, node.raw + INODE_POINTERS, bytes);
		return (int64_t)bytes;
	}
	if (bytes > volume->layout.block_bytes)
		return volume_damaged(volume, "a symbolic link is too long");
	error = map_find(volume, &node, 0, 1, &run);
	if (!error && !run.block)
		error = volume_damaged(volume, "a symbolic link has no text");
	/* The text is handed out by the driver: the store fills memory of the driver's own alone. */
	if (!error)
		error = view_get(volume, run.block, &view);
	if (error)
		return error;
	memcpy(to, view.bytes, bytes);
	view_put(volume, &view);
	return (int64_t)bytes;
}

int64_t ext2_allocate(void *fs, uint64_t number, uint32_t mode, uint64_t offset, uint64_t length)
{
	struct volume *volume = fs;
	uint32_t shift = volume->layout.block_shift;
	uint64_t block_bytes = volume->layout.block_bytes;
	uint64_t end;
	struct node node;
	int64_t error = node_get(volume, number, &node);

	if (!error && inode_type(node.raw) != MODE_FILE)
		error = -EINVAL;
	if (error)
		return error;
	if (length > UINT64_MAX - offset - block_bytes)
		return -EFBIG;
	end = offset + length;
	/* Blocks cannot be allocated without being written: they would show what they held before. */
	if (mode != (BANOS_ALLOCATE_KEEP_SIZE | BANOS_ALLOCATE_PUNCH_HOLE))
		return -EOPNOTSUPP;
	return volume_end(volume, node_punch(volume, &node, (offset + block_bytes - 1) >> shift,
					     end >> shift));
}
