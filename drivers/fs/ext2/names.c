/* SPDX-License-Identifier: MIT */
/*
 * Methods that change names: create, link, unlink, rmdir, rename, forget.
 *
 * Each one first does what can fail (searches, allocations, orders), and undoes it where something fails; adding
 * a name is the last of that. Times of folders and of what is named are handed down by the kernel.
 */
#include <banos/errno.h>
#include <banos/string.h>
#include <banos/time.h>
#include "volume.h"

#define FAST_MAX 60u /* bytes of a link in the inode, with its NUL */

/* ---- create ---- */

/* The text of a link, by way of memory of the driver's own, which alone the store takes. */
static int64_t target_write(struct volume *volume, uint64_t offset, const char *target)
{
	uint64_t left = strlen(target);
	uint8_t part[SECTOR];
	int64_t error = banos_store_zero(volume->mount, offset, volume->layout.block_bytes);

	while (!error && left) {
		uint64_t length = lesser(left, sizeof(part));

		memcpy(part, target, length);
		error = banos_store_write(volume->mount, offset, part, length);
		offset += length;
		target += length;
		left -= length;
	}
	return error;
}

/* The text of a link, or the first block of a folder, on the store. */
static int64_t content_write(struct volume *volume, const struct node *node, uint64_t block,
			     const struct banos_create *what, uint32_t parent)
{
	uint64_t offset = block << volume->layout.block_shift;
	uint8_t sector[DIRENT_SECTOR];
	int64_t error;

	if (what->target)
		return target_write(volume, offset, what->target);
	error = banos_store_write(volume->mount, offset, volume->blank, volume->layout.block_bytes);
	dirent_format(&volume->form, sector, node->number, parent);
	if (!error) /* what follows them is as it was */
		error = banos_store_write(volume->mount, offset, sector, DIRENT_DOTS_BYTES);
	return error;
}

/* What a new inode holds besides its attributes: text, a block. @block: 0 where there is none */
static int64_t content_plan(struct volume *volume, struct node *node,
			    const struct banos_create *what, uint64_t *block)
{
	uint64_t goal = layout_group_first(&volume->layout, node_group(volume, node->number));
	uint32_t bytes = volume->layout.block_bytes;
	uint32_t length = what->target ? (uint32_t)strlen(what->target) : 0;
	int64_t result;

	*block = 0;
	if (what->target)
		inode_set_bytes(node->raw, length);
	else if (inode_type(node->raw) == MODE_FOLDER)
		inode_set_bytes(node->raw, bytes);
	else
		return 0;
	if (length >= bytes)
		return -ENAMETOOLONG;
	if (what->target && length < FAST_MAX) {
		memcpy(node->raw + INODE_POINTERS, what->target, length);
		return 0;
	}
	result = block_alloc(volume, goal, 1, BANOS_MAP_RESERVED, block);
	if (result < 0)
		return result;
	put32(node->raw + INODE_POINTERS, (uint32_t)*block);
	node_count(volume, node, 1);
	result = banos_store_after(volume->mount, node->offset,
				   *block << volume->layout.block_shift, bytes);
	if (result)
		block_free(volume, *block, 1, 1);
	return result;
}

/* An inode, on the store with all of its bytes. */
static int64_t node_write_new(struct volume *volume, const struct node *node)
{
	uint32_t bytes = inode_raw_bytes(&volume->layout);
	uint8_t whole[2 * INODE_BYTES_MIN] = { 0 };
	int64_t error;

	memcpy(whole, node->raw, bytes);
	bytes = (uint32_t)lesser(volume->layout.inode_bytes, sizeof(whole));
	error = banos_store_write(volume->mount, node->offset, whole, bytes);

	if (!error && volume->layout.inode_bytes > bytes)
		error = banos_store_zero(volume->mount, node->offset + bytes,
					 volume->layout.inode_bytes - bytes);
	return error;
}

static int64_t create_node(struct volume *volume, const struct node *folder,
			   const struct banos_create *what, struct node *node, uint64_t *block)
{
	int is_folder = (what->mode & MODE_TYPE) == MODE_FOLDER;
	int64_t error = inode_alloc(volume, folder, is_folder, &node->number);

	if (error)
		return error;
	error = node_locate(volume, node->number, &node->offset);
	inode_create(&volume->layout, node->raw, what,
		     __atomic_fetch_add(&volume->generation, 1, __ATOMIC_RELAXED));
	if (is_folder)
		put16(node->raw + INODE_LINKS, 2);
	if (!error)
		error = content_plan(volume, node, what, block);
	if (error)
		inode_free(volume, node->number, is_folder, 1);
	return error;
}

/* A file without a name: an orphan until it is given one. */
static int64_t create_nameless(struct volume *volume, const struct node *folder,
			       const struct banos_create *what, struct banos_attr *attr)
{
	struct node node;
	uint64_t block;
	int64_t error;

	if ((what->mode & MODE_TYPE) != MODE_FILE)
		return -EINVAL;
	error = create_node(volume, folder, what, &node, &block);
	if (error)
		return error;
	put16(node.raw + INODE_LINKS, 0);
	error = node_write_new(volume, &node);
	node_attr(volume, &node, attr);
	if (!error)
		orphan_add(volume, node.number);
	return error;
}

int64_t ext2_create(void *fs, uint64_t dir, const char *name, uint32_t length,
		    const struct banos_create *what, struct banos_attr *attr)
{
	struct volume *volume = fs;
	uint32_t type = folder_type(what->mode);
	int is_folder = (what->mode & MODE_TYPE) == MODE_FOLDER;
	struct addition addition = { name, length, 0, type, 0, 0 };
	struct node folder, node;
	uint64_t block;
	int64_t error = node_get(volume, dir, &folder);

	if (!error && !length)
		return volume_end(volume, create_nameless(volume, &folder, what, attr));
	if (!error && !type)
		error = -EINVAL;
	if (!error && is_folder && inode_links(folder.raw) >= LINK_MAX)
		error = -EMLINK;
	if (!error)
		error = create_node(volume, &folder, what, &node, &block);
	if (error)
		return volume_end(volume, error);
	addition.inode = node.number;
	error = folder_add(volume, &folder, &addition);
	if (error) {
		if (block)
			block_free(volume, block, 1, 1);
		inode_free(volume, node.number, is_folder, 1);
		return volume_end(volume, error);
	}
	if (block)
		error = content_write(volume, &node, block, what, folder.number);
	if (!error)
		error = node_write_new(volume, &node);
	if (!error && is_folder)
		error = node_set_links(volume, &folder, inode_links(folder.raw) + 1);
	node_attr(volume, &node, attr);
	return volume_end(volume, error);
}

/* ---- further names, fewer names ---- */

int64_t ext2_link(void *fs, uint64_t number, uint64_t dir, const char *name, uint32_t length,
		  struct banos_attr *attr)
{
	struct volume *volume = fs;
	struct addition addition = { name, length, (uint32_t)number, 0, 0, 0 };
	struct node folder, node;
	uint32_t links;
	int64_t error = node_get(volume, dir, &folder);

	if (!error)
		error = node_get(volume, number, &node);
	if (!error && inode_links(node.raw) >= LINK_MAX)
		error = -EMLINK;
	if (error)
		return volume_end(volume, error);
	addition.type = folder_type(inode_mode(node.raw));
	links = inode_links(node.raw);
	/* As long as the disk lists it as an orphan it must have no name there: the next mount would free it. */
	if (!links)
		addition.earlier = node.offset;
	error = folder_add(volume, &folder, &addition);
	if (!error && !links) {
		put32(node.raw + INODE_DTIME, 0);
		error = node_write(volume, &node, INODE_DTIME, 4);
	}
	if (!error)
		error = node_set_links(volume, &node, links + 1);
	if (error)
		return volume_end(volume, error);
	if (!links)
		orphan_drop(volume, node.number);
	links_note(volume, node.number, addition.at);
	node_attr(volume, &node, attr);
	return 0;
}

/* The name, which must lead to @node. */
static int64_t place_find(struct volume *volume, const struct node *folder, const char *name,
			  uint32_t length, uint64_t node, struct place *place)
{
	int64_t error = folder_find(volume, folder, name, length, place);

	if (!error && place->entry.inode != node)
		error = -ESTALE;
	return error;
}

int64_t ext2_unlink(void *fs, uint64_t dir, const char *name, uint32_t length, uint64_t number)
{
	struct volume *volume = fs;
	struct node folder, node;
	struct place place;
	uint32_t links;
	int64_t error = node_get(volume, dir, &folder);

	if (!error)
		error = node_get(volume, number, &node);
	if (!error)
		error = place_find(volume, &folder, name, length, number, &place);
	if (error)
		return error;
	links = inode_links(node.raw);
	/* The name that remains must not be lost with this one. */
	if (links > 1)
		error = links_order(volume, node.number, place_offset(volume, &place));
	else
		error = orphan_order(volume, place_offset(volume, &place));
	if (error)
		return error;
	error = folder_remove(volume, &folder, &place);
	if (!error && links)
		error = node_set_links(volume, &node, links - 1);
	if (!error && links == 1)
		orphan_add(volume, node.number);
	return error;
}

int64_t ext2_rmdir(void *fs, uint64_t dir, const char *name, uint32_t length, uint64_t number)
{
	struct volume *volume = fs;
	struct node folder, node;
	struct place place;
	int64_t error = node_get(volume, dir, &folder);

	if (!error)
		error = node_get(volume, number, &node);
	if (!error)
		error = place_find(volume, &folder, name, length, number, &place);
	if (!error && inode_type(node.raw) != MODE_FOLDER)
		error = -ENOTDIR;
	if (!error)
		error = folder_may_go(volume, &node, place_offset(volume, &place));
	if (!error)
		error = orphan_order(volume, place_offset(volume, &place));
	if (!error)
		error = folder_remove(volume, &folder, &place);
	if (!error)
		error = node_set_links(volume, &node, 0);
	if (!error && inode_links(folder.raw) > 2)
		error = node_set_links(volume, &folder, inode_links(folder.raw) - 1);
	if (!error)
		orphan_add(volume, node.number);
	return error;
}

int64_t ext2_forget(void *fs, uint64_t number)
{
	struct volume *volume = fs;
	int64_t error, freed;
	struct node node;

	error = node_get(volume, number, &node);
	if (error)
		return volume_end(volume, error);
	if (inode_links(node.raw))
		return -EBUSY;
	error = xattr_release(volume, &node);
	if (!error && inode_has_blocks(&volume->layout, node.raw))
		error = node_truncate(volume, &node, 0);
	inode_set_bytes(node.raw, 0);
	put32(node.raw + INODE_DTIME, (uint32_t)(banos_time_real_ns() / BANOS_S) | 1u);
	freed = node_write(volume, &node, 0, INODE_BYTES_MIN);
	if (inode_type(node.raw) == MODE_FOLDER)
		folder_drop(volume, node.number);
	if (!freed)
		freed = inode_free(volume, node.number, inode_type(node.raw) == MODE_FOLDER, 0);
	if (freed)
		return volume_end(volume, freed);
	/* -ENOMEM takes all of this back. */
	if (error != -ENOMEM)
		orphan_drop(volume, node.number);
	return volume_end(volume, error);
}

/* ---- rename ---- */

struct move {
	struct volume *volume;
	const struct banos_rename *what;
	struct node old_folder, new_folder, node, target;
	struct place from, to; /* to: only where a name is replaced */
	struct place parent;   /* ".." of a folder that gets another parent */
	uint64_t added; /* where the new name is, if it was added; 0: that is not to be told */
	int is_folder, changes_parent;
};

static int64_t move_find(struct move *move)
{
	const struct banos_rename *what = move->what;
	struct volume *volume = move->volume;
	int64_t error = node_get(volume, what->old_dir, &move->old_folder);

	if (!error)
		error = node_get(volume, what->new_dir, &move->new_folder);
	if (!error)
		error = node_get(volume, what->node, &move->node);
	if (!error)
		error = place_find(volume, &move->old_folder, what->old_name,
				   (uint32_t)strlen(what->old_name), what->node, &move->from);
	if (error)
		return error;
	move->is_folder = inode_type(move->node.raw) == MODE_FOLDER;
	move->changes_parent = move->is_folder && what->old_dir != what->new_dir;
	if (move->changes_parent)
		error = folder_find(volume, &move->node, "..", 2, &move->parent);
	if (!error && move->changes_parent && !(what->flags & BANOS_RENAME_REPLACE) &&
	    inode_links(move->new_folder.raw) >= LINK_MAX)
		error = -EMLINK;
	if (error || !(what->flags & BANOS_RENAME_REPLACE))
		return error;
	error = node_get(volume, what->new_node, &move->target);
	if (!error)
		error = place_find(volume, &move->new_folder, what->new_name,
				   (uint32_t)strlen(what->new_name), what->new_node, &move->to);
	if (!error && move->is_folder)
		error = folder_may_go(volume, &move->target, place_offset(volume, &move->to));
	else if (!error && inode_links(move->target.raw) > 1)
		error = links_order(volume, move->target.number, place_offset(volume, &move->to));
	return error;
}

/* The new name leads to the node: in place of another one, or added. */
static int64_t move_name(struct move *move)
{
	struct volume *volume = move->volume;
	uint64_t removed = place_offset(volume, &move->from), replaced;
	uint32_t type = folder_type(inode_mode(move->node.raw));
	struct addition addition = { move->what->new_name,
				     (uint32_t)strlen(move->what->new_name),
				     move->node.number,
				     type,
				     removed,
				     0 };
	int64_t error;

	if (!(move->what->flags & BANOS_RENAME_REPLACE)) {
		error = folder_add(volume, &move->new_folder, &addition);
		move->added = addition.at;
		return error;
	}
	move->added = UINT64_MAX;
	replaced = place_offset(volume, &move->to);
	error = banos_store_after(volume->mount, removed, replaced, 1);
	if (!error && held_has(volume, move->node.number, HELD_INODES))
		error = banos_store_after(volume->mount, replaced, move->node.offset, 1);
	if (!error && !held_has(volume, move->target.number, HELD_INODES))
		error = banos_store_after(volume->mount, move->target.offset, replaced, 1);
	if (!error && (move->is_folder || inode_links(move->target.raw) <= 1))
		error = orphan_order(volume, replaced);
	if (error)
		return error;
	return folder_redirect(volume, &move->to, move->node.number, type);
}

static int64_t move_links(struct move *move)
{
	struct volume *volume = move->volume;
	int replaces = !!(move->what->flags & BANOS_RENAME_REPLACE);
	uint32_t links = 0;
	int64_t error = 0;

	if (replaces) {
		links = inode_links(move->target.raw);
		links = move->is_folder || !links ? 0 : links - 1;
		error = node_set_links(volume, &move->target, links);
	}
	if (!error && move->changes_parent)
		error = folder_redirect(volume, &move->parent, move->new_folder.number,
					folder_type(MODE_FOLDER));
	/* One folder less in the old one; one more in the new one, unless it replaces another. */
	if (!error && move->is_folder && (move->changes_parent || replaces) &&
	    inode_links(move->old_folder.raw) > 2)
		error = node_set_links(volume, &move->old_folder,
				       inode_links(move->old_folder.raw) - 1);
	if (!error && move->changes_parent && !replaces)
		error = node_set_links(volume, &move->new_folder,
				       inode_links(move->new_folder.raw) + 1);
	if (!error && replaces && !links)
		orphan_add(volume, move->target.number);
	return error;
}

int64_t ext2_rename(void *fs, const struct banos_rename *what)
{
	struct volume *volume = fs;
	struct move move = { .volume = volume, .what = what };
	int64_t error;

	if (what->flags & ~BANOS_RENAME_REPLACE)
		return -EINVAL;
	error = move_find(&move);
	if (!error)
		error = move_name(&move);
	if (error)
		return volume_end(volume, error);
	/* A new name in the same block may have been put before the old one, and changed the entry before that. */
	if (!move.added || move.added >> volume->layout.block_shift == move.from.block)
		error = place_find(volume, &move.old_folder, what->old_name,
				   (uint32_t)strlen(what->old_name), what->node, &move.from);
	if (!error)
		error = folder_remove(volume, &move.old_folder, &move.from);
	if (!error)
		error = move_links(&move);
	return volume_end(volume, error);
}
