/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes of nodes: read from the block and from behind the inode, written to the block.
 *
 * A block may be shared by several inodes (its count says so). It is never changed: each change writes a new one, which is
 * on the disk before the inode that points to it. What is behind an inode (ext4 puts it there) is left alone; an attribute
 * there cannot be set or removed.
 */
#include <banos/errno.h>
#include <banos/memory.h>
#include <banos/string.h>
#include "volume.h"
#include "xattr.h"

#define INLINE_MAX 4096u /* bytes behind an inode that are looked at */
#define VALUE_MAX  65536u

/** Both areas of a node, as far as it has them. */
struct areas {
	struct xattr_area areas[2];
	uint32_t count;
	struct view view;
	uint64_t block; /* 0: none */
	uint8_t *behind;
};

static void areas_put(struct volume *volume, struct areas *areas)
{
	if (areas->block)
		view_put(volume, &areas->view);
	banos_free(ext2_owner, areas->behind);
}

/* What lies behind the fields of an inode. */
static int64_t behind_get(struct volume *volume, const struct node *node, struct areas *areas)
{
	const struct layout *layout = &volume->layout;
	uint32_t extra = get16(node->raw + INODE_EXTRA), at = INODE_BYTES_MIN + extra, count;
	int64_t error;

	if (layout->inode_bytes <= at || extra % 4)
		return 0;
	count = layout->inode_bytes - at;
	if (count > INLINE_MAX)
		count = INLINE_MAX;
	areas->behind = banos_alloc(ext2_owner, count, 0);
	if (!areas->behind)
		return -ENOMEM;
	error = banos_store_read(volume->mount, node->offset + at, areas->behind, count);
	if (!error && !xattr_inode(areas->behind, count, &areas->areas[areas->count]))
		areas->count++;
	return error;
}

static int64_t areas_get(struct volume *volume, const struct node *node, struct areas *areas)
{
	uint64_t block = inode_xattr_block(&volume->layout, node->raw);
	int64_t error;

	*areas = (struct areas){ 0 };
	if (block && !layout_is_block(&volume->layout, block))
		return volume_damaged(volume, "extended attributes are outside of the disk");
	error = behind_get(volume, node, areas);
	if (!error && block) {
		error = view_get(volume, block, &areas->view);
		if (!error) {
			areas->block = block;
			if (xattr_block(areas->view.bytes, volume->layout.block_bytes,
					&areas->areas[areas->count++]))
				error = volume_damaged(volume, "extended attributes are wrong");
		}
	}
	if (error)
		areas_put(volume, areas);
	return error;
}

/* @return 0; -ENODATA; -EUCLEAN */
static int64_t areas_find(struct volume *volume, const struct areas *areas, uint32_t index,
			  const char *name, struct xattr *xattr, uint32_t *area)
{
	for (*area = 0; *area < areas->count; ++*area) {
		int result = xattr_find(&areas->areas[*area], index, name, (uint32_t)strlen(name),
					xattr);

		if (!result)
			return 0;
		if (result < 0)
			return volume_damaged(volume, "extended attributes are wrong");
	}
	return -ENODATA;
}

static int64_t value_give(const struct xattr *xattr, uint8_t *to, uint32_t length)
{
	uint32_t bytes = xattr->value_bytes;

	if (xattr_is_acl(xattr->index)) {
		bytes = acl_bytes_shown(xattr->value, xattr->value_bytes);
		if (!bytes)
			return -EIO;
	}
	if (!length)
		return bytes;
	if (length < bytes)
		return -ERANGE;
	if (xattr_is_acl(xattr->index))
		acl_show(xattr->value, xattr->value_bytes, to);
	else
		memcpy(to, xattr->value, bytes);
	return bytes;
}

int64_t ext2_getxattr(void *fs, uint64_t number, const char *name, uint8_t *to, uint32_t length)
{
	struct volume *volume = fs;
	uint32_t rest, area, index = xattr_index(name, &rest);
	struct areas areas;
	struct xattr xattr;
	struct node node;
	int64_t result;

	if (!index)
		return -EOPNOTSUPP;
	result = node_get(volume, number, &node);
	if (!result)
		result = areas_get(volume, &node, &areas);
	if (result)
		return result;
	result = areas_find(volume, &areas, index, name + rest, &xattr, &area);
	if (!result)
		result = value_give(&xattr, to, length);
	areas_put(volume, &areas);
	return result;
}

/* Add a name to the list. @used: bytes so far, also where there is no room for them */
static int64_t name_give(const struct xattr *xattr, char *to, uint32_t length, int64_t used)
{
	const char *prefix = xattr_prefix(xattr->index);
	uint32_t front = (uint32_t)strlen(prefix);
	int64_t end = used + front + xattr->name_bytes + 1;

	if (!front)
		return used;
	if (!length)
		return end;
	if (end > length)
		return -ERANGE;
	memcpy(to + used, prefix, front);
	memcpy(to + used + front, xattr->name, xattr->name_bytes);
	to[end - 1] = 0;
	return end;
}

int64_t ext2_listxattr(void *fs, uint64_t number, char *to, uint32_t length)
{
	struct volume *volume = fs;
	struct areas areas;
	struct xattr xattr;
	struct node node;
	int64_t used = node_get(volume, number, &node);

	if (!used)
		used = areas_get(volume, &node, &areas);
	if (used)
		return used;
	for (uint32_t i = 0; i < areas.count && used >= 0; i++) {
		const struct xattr_area *area = &areas.areas[i];
		int result = 0;

		for (uint32_t at = area->first; !result && used >= 0; at = xattr_next(&xattr)) {
			result = xattr_read(area, at, &xattr);
			if (!result)
				used = name_give(&xattr, to, length, used);
		}
		if (result < 0)
			used = volume_damaged(volume, "extended attributes are wrong");
	}
	areas_put(volume, &areas);
	return used;
}

/* ---- changes ---- */

/* One inode less uses a block. */
static int64_t block_release(struct volume *volume, uint64_t block)
{
	uint64_t offset = block << volume->layout.block_shift;
	uint8_t header[XATTR_BLOCK_HEADER];
	int64_t error = banos_store_read(volume->mount, offset, header, sizeof(header));
	uint32_t refs;

	if (error)
		return error;
	if (get32(header) != XATTR_MAGIC)
		return volume_damaged(volume, "extended attributes are wrong");
	refs = get32(header + XATTR_BLOCK_REFS);
	if (refs > 1) {
		put32(header + XATTR_BLOCK_REFS, refs - 1);
		return banos_store_write(volume->mount, offset + XATTR_BLOCK_REFS,
					 header + XATTR_BLOCK_REFS, 4);
	}
	error = block_free(volume, block, 1, 0);
	if (error)
		return error;
	return banos_store_forget(volume->mount, offset, volume->layout.block_bytes);
}

int64_t xattr_release(struct volume *volume, struct node *node)
{
	uint64_t block = inode_xattr_block(&volume->layout, node->raw);

	if (!block)
		return 0;
	put32(node->raw + INODE_XATTR_BLOCK, 0);
	node_count(volume, node, -1);
	if (!layout_is_block(&volume->layout, block))
		return volume_damaged(volume, "extended attributes are outside of the disk");
	return block_release(volume, block);
}

/* The node gets @bytes as its block of attributes; NULL: none. */
static int64_t node_switch(struct volume *volume, struct node *node, const uint8_t *bytes)
{
	uint64_t old = inode_xattr_block(&volume->layout, node->raw), block = 0;
	uint64_t goal = layout_group_first(&volume->layout, node_group(volume, node->number));
	uint32_t block_bytes = volume->layout.block_bytes, shift = volume->layout.block_shift;
	int64_t error = 0;

	if (bytes) {
		error = block_alloc(volume, goal, 1, BANOS_MAP_RESERVED, &block);
		if (error < 0)
			return error;
		error = banos_store_after(volume->mount, node->offset, block << shift, block_bytes);
		if (error) {
			block_free(volume, block, 1, 1);
			return error;
		}
		error = banos_store_write(volume->mount, block << shift, bytes, block_bytes);
	}
	if (!error && old)
		error = block_release(volume, old);
	put32(node->raw + INODE_XATTR_BLOCK, (uint32_t)block);
	node_count(volume, node, !!block - (int64_t) !!old);
	if (!error)
		error = node_write(volume, node, 0, INODE_BYTES_MIN);
	return error;
}

/* Set @set, or remove it. */
static int64_t attribute_change(struct volume *volume, struct node *node, const struct xattr *set,
				uint32_t flags)
{
	struct areas areas;
	struct xattr found;
	uint8_t *bytes;
	uint32_t area;
	int count;
	int64_t error = areas_get(volume, node, &areas);

	if (error)
		return error;
	bytes = banos_alloc(ext2_owner, volume->layout.block_bytes, 0);
	error = areas_find(volume, &areas, set->index, (const char *)set->name, &found, &area);
	if (!error && flags & BANOS_XATTR_CREATE)
		error = -EEXIST;
	else if (!error && !areas.areas[area].is_block)
		error = -EOPNOTSUPP;
	else if (error == -ENODATA && set->value && !(flags & BANOS_XATTR_REPLACE))
		error = 0;
	if (!error && !bytes)
		error = -ENOMEM;
	if (!error) {
		count = xattr_rewrite(areas.block ? &areas.areas[areas.count - 1] : NULL, set,
				      bytes, volume->layout.block_bytes);
		if (count < 0)
			error = -ENOSPC;
	}
	areas_put(volume, &areas);
	if (!error)
		error = node_switch(volume, node, count ? bytes : NULL);
	banos_free(ext2_owner, bytes);
	return error;
}

int64_t ext2_setxattr(void *fs, uint64_t number, const char *name, const void *from,
		      uint32_t length, uint32_t flags)
{
	struct volume *volume = fs;
	uint32_t rest, index = xattr_index(name, &rest);
	struct xattr set = { .index = index, .value = from, .value_bytes = length };
	uint8_t *acl = NULL;
	struct node node;
	int64_t error;

	if (!index)
		return -EOPNOTSUPP;
	set.name = (const uint8_t *)name + rest;
	set.name_bytes = (uint32_t)strlen(name + rest);
	if (set.name_bytes > DIRENT_NAME_MAX || length > VALUE_MAX)
		return -ERANGE;
	if (xattr_is_acl(index)) {
		set.value_bytes = acl_bytes_stored(from, length);
		if (!set.value_bytes)
			return -EINVAL;
		acl = banos_alloc(ext2_owner, set.value_bytes, 0);
		if (!acl)
			return -ENOMEM;
		acl_store(from, length, acl);
		set.value = acl;
	}
	error = node_get(volume, number, &node);
	if (!set.value) /* an empty value is one */
		set.value = set.name;
	if (!error)
		error = attribute_change(volume, &node, &set, flags);
	banos_free(ext2_owner, acl);
	return volume_end(volume, error);
}

int64_t ext2_removexattr(void *fs, uint64_t number, const char *name)
{
	struct volume *volume = fs;
	uint32_t rest, index = xattr_index(name, &rest);
	struct xattr set = { .index = index };
	struct node node;
	int64_t error;

	if (!index)
		return -EOPNOTSUPP;
	set.name = (const uint8_t *)name + rest;
	set.name_bytes = (uint32_t)strlen(name + rest);
	error = node_get(volume, number, &node);
	if (error)
		return error;
	return volume_end(volume, attribute_change(volume, &node, &set, 0));
}
