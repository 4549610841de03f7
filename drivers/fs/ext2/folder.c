/* SPDX-License-Identifier: MIT */
/*
 * Names of folders: found by the index (htree) where the folder has one, else block by block.
 *
 * A new name is put into the block that the index names, so that the index stays right; where that block is full the folder
 * becomes one without an index (its flag is cleared), and the name is put where there is space. Where there may be
 * some is remembered (rooms), so that a folder that grows is not read at each new name: a block, and in it an
 * entry; before that there is none, or not enough for a name that was added since.
 */
#include <banos/errno.h>
#include <banos/string.h>
#include "hash.h"
#include "volume.h"

#define COMPAT_FOLDER_INDEX 0x20u
#define INCOMPAT_CASEFOLD   0x20000u
#define AHEAD		    32u /* blocks */

/* rooms: folder << 32 | block << 14 | offset / 4 */
#define DIRENT_ALIGN   4u
#define ROOM_OFFSET    0x3fffu
#define ROOM_INDEX_MAX 0x3ffffu

uint32_t folder_type(uint32_t mode)
{
	/* By the four bits of the type: fifo, character device, folder, block device, file, link, socket. */
	static const uint8_t types[16] = {
		[1] = 5, [2] = 3, [4] = 2, [6] = 4, [8] = 1, [10] = 7, [12] = 6
	};

	return types[mode >> 12 & 15];
}

uint64_t place_offset(const struct volume *volume, const struct place *place)
{
	return (place->block << volume->layout.block_shift) + place->entry.offset;
}

/* ---- the blocks of a folder ---- */

uint64_t folder_blocks(const struct volume *volume, const struct node *folder)
{
	return inode_bytes(folder->raw) >> volume->layout.block_shift;
}

int64_t folder_block(struct volume *volume, const struct node *folder, uint64_t index,
		     struct run *run, uint64_t *block)
{
	int64_t error = 0;

	if (index < run->first || index - run->first >= run->count) {
		/* Of a search that goes on: the first block is often all that is wanted. */
		error = map_find(volume, folder, index, run->count ? AHEAD : 1, run);
		if (!error && run->block && run->count > 1)
			banos_store_prefetch(volume->mount,
					     run->block << volume->layout.block_shift,
					     run->count << volume->layout.block_shift);
	}
	*block = run->block;
	if (run->block)
		*block += index - run->first;
	return error;
}

/* @return 0; DIRENT_ABSENT; an error */
static int64_t block_search(struct volume *volume, uint64_t block, const char *name,
			    uint32_t length, struct place *place)
{
	struct view view;
	int64_t error = view_get(volume, block, &view);

	if (error)
		return error;
	error = dirent_find(&volume->form, view.bytes, name, length, &place->entry);
	view_put(volume, &view);
	place->block = block;
	if (error == -EUCLEAN)
		return volume_damaged(volume, "a folder is wrong");
	return error;
}

static int64_t folder_search(struct volume *volume, const struct node *folder, const char *name,
			     uint32_t length, struct place *place)
{
	uint64_t blocks = folder_blocks(volume, folder), block;
	struct run run = { 0 };

	for (uint64_t index = 0; index < blocks; index++) {
		int64_t result = folder_block(volume, folder, index, &run, &block);

		if (!result && block)
			result = block_search(volume, block, name, length, place);
		else if (!result)
			result = DIRENT_ABSENT;
		place->index = index;
		if (result != DIRENT_ABSENT)
			return result;
	}
	return -ENOENT;
}

/* @return 0; -ENOENT; DIRENT_ABSENT: all blocks have to be searched */
static int64_t known_search(struct volume *volume, const struct node *folder, const char *name,
			    uint32_t length, struct place *place)
{
	uint32_t blocks[KNOWN_BLOCKS];
	int64_t count = known_find(volume, folder, name, length, blocks);
	uint64_t block;

	if (count < 0)
		return DIRENT_ABSENT;
	for (uint32_t i = 0; i < count; i++) {
		struct run run = { 0 };
		int64_t result = folder_block(volume, folder, blocks[i], &run, &block);

		if (!result && block)
			result = block_search(volume, block, name, length, place);
		else if (!result)
			result = DIRENT_ABSENT;
		place->index = blocks[i];
		if (result != DIRENT_ABSENT)
			return result;
	}
	return -ENOENT;
}

/* ---- the index ---- */

static int folder_has_index(const struct volume *volume, const struct node *folder)
{
	return inode_flags(folder->raw) & INODE_INDEX &&
	       volume->layout.compat & COMPAT_FOLDER_INDEX &&
	       !(volume->layout.incompat & INCOMPAT_CASEFOLD);
}

struct leaf {
	uint32_t index;	     /* block of the folder */
	uint32_t hash, next; /* of the name; of the leaf behind, 0 if there is none */
};

/*
 * The leaf for a hash, in leaf->hash; @at: 0, or what to look for instead.
 * @return 0; DIRENT_ABSENT: the index cannot be used
 */
static int64_t index_descend(struct volume *volume, const struct node *folder, const char *name,
			     uint32_t length, uint32_t at, struct leaf *leaf)
{
	const struct layout *layout = &volume->layout;
	uint64_t blocks = folder_blocks(volume, folder), block;
	uint32_t levels = 1;

	leaf->index = leaf->next = 0;
	for (uint32_t level = 0; level < levels; level++) {
		struct run run = { 0 };
		struct htree_list list;
		struct view view;
		uint32_t version, found;
		int bad;
		int64_t error = folder_block(volume, folder, leaf->index, &run, &block);

		if (!error && !block)
			return DIRENT_ABSENT;
		if (!error)
			error = view_get(volume, block, &view);
		if (error)
			return error;
		if (level)
			bad = htree_node(view.bytes, layout->block_bytes, &list);
		else
			bad = htree_root(view.bytes, layout->block_bytes, &version, &levels, &list);
		if (!bad && !level)
			leaf->hash = hash_name(version, layout->hash_unsigned, layout->hash_seed,
					       name, length);
		if (!bad) {
			found = htree_find(&list, at ? at : leaf->hash);
			leaf->index = htree_block(&list, found);
			if (found + 1 < list.count)
				leaf->next = htree_hash(&list, found + 1);
		}
		view_put(volume, &view);
		if (bad || !leaf->index || leaf->index >= blocks)
			return DIRENT_ABSENT;
	}
	return 0;
}

/* @return 0; -ENOENT; DIRENT_ABSENT: the index cannot be used */
static int64_t index_search(struct volume *volume, const struct node *folder, const char *name,
			    uint32_t length, struct place *place)
{
	uint64_t blocks = folder_blocks(volume, folder), block;
	uint32_t at = 0;

	/* Leaves with the same hash follow one another: no more than there are blocks. */
	for (uint64_t i = 0; i < blocks; i++) {
		struct run run = { 0 };
		struct leaf leaf;
		int64_t result = index_descend(volume, folder, name, length, at, &leaf);

		if (!result)
			result = folder_block(volume, folder, leaf.index, &run, &block);
		if (result)
			return result;
		if (!block)
			return DIRENT_ABSENT;
		place->index = leaf.index;
		result = block_search(volume, block, name, length, place);
		if (result != DIRENT_ABSENT)
			return result;
		if (leaf.next != (leaf.hash | 1) || at == leaf.next)
			break;
		at = leaf.next;
	}
	return -ENOENT;
}

int64_t folder_find(struct volume *volume, const struct node *folder, const char *name,
		    uint32_t length, struct place *place)
{
	int64_t result = DIRENT_ABSENT;

	if (inode_type(folder->raw) != MODE_FOLDER)
		return -ENOTDIR;
	if (length > DIRENT_NAME_MAX)
		return -ENAMETOOLONG;
	/* "." and ".." are in the root of the index, and in no leaf. */
	if (folder_has_index(volume, folder) && name[0] != '.')
		result = index_search(volume, folder, name, length, place);
	else if (folder_has_index(volume, folder) && (length > 2 || name[length - 1] != '.'))
		result = index_search(volume, folder, name, length, place);
	if (result == DIRENT_ABSENT)
		result = known_search(volume, folder, name, length, place);
	if (result == DIRENT_ABSENT)
		result = folder_search(volume, folder, name, length, place);
	return result;
}

int64_t folder_may_go(struct volume *volume, const struct node *folder, uint64_t name)
{
	uint64_t blocks = folder_blocks(volume, folder), block;
	struct run run = { 0 };
	struct view view;

	for (uint64_t index = 0; index < blocks; index++) {
		int64_t result = folder_block(volume, folder, index, &run, &block);

		if (result || !block) {
			if (result)
				return result;
			continue;
		}
		result = view_get(volume, block, &view);
		if (result)
			return result;
		result = dirent_is_used(&volume->form, view.bytes);
		view_put(volume, &view);
		if (result < 0)
			return volume_damaged(volume, "a folder is wrong");
		if (result)
			return -ENOTEMPTY;
		result = banos_store_after(volume->mount, name, block << volume->layout.block_shift,
					   volume->layout.block_bytes);
		if (result)
			return result;
	}
	return 0;
}

/* ---- a name ---- */

int64_t ext2_lookup(void *fs, uint64_t dir, const char *name, uint32_t length,
		    struct banos_attr *attr)
{
	struct volume *volume = fs;
	struct node folder, node;
	struct place place;
	int64_t error = node_get(volume, dir, &folder);

	if (!error)
		error = folder_find(volume, &folder, name, length, &place);
	if (error)
		return error;
	error = node_get(volume, place.entry.inode, &node);
	if (error == -ESTALE)
		return volume_damaged(volume, "a name leads to an inode that is free");
	if (!error)
		node_attr(volume, &node, attr);
	return error;
}

/* ---- changes ---- */

static int64_t patch_write(struct volume *volume, uint64_t block, const struct dirent_patch *patch)
{
	return banos_store_write(volume->mount,
				 (block << volume->layout.block_shift) + patch->offset,
				 patch->bytes, patch->length);
}

/* The first block that may have space; entries before @offset have none. */
static uint64_t room_get(struct volume *volume, uint32_t folder, uint32_t *offset)
{
	uint64_t value = __atomic_load_n(&volume->rooms[folder % ROOMS], __ATOMIC_RELAXED);

	*offset = 0;
	if (value >> 32 != folder)
		return 0;
	*offset = (uint32_t)(value & ROOM_OFFSET) * DIRENT_ALIGN;
	return (uint32_t)value / (ROOM_OFFSET + 1);
}

static void room_set(struct volume *volume, uint32_t folder, uint64_t index, uint32_t offset)
{
	/* Blocks beyond are not told apart. */
	if (index > ROOM_INDEX_MAX) {
		index = ROOM_INDEX_MAX;
		offset = 0;
	}
	__atomic_store_n(&volume->rooms[folder % ROOMS],
			 (uint64_t)folder << 32 | index * (ROOM_OFFSET + 1) | offset / DIRENT_ALIGN,
			 __ATOMIC_RELAXED);
}

void folder_drop(struct volume *volume, uint32_t folder)
{
	room_set(volume, folder, 0, 0);
	listing_drop(volume, folder);
	known_drop(volume, folder);
}

/* Divide the space of an entry that reaches over sectors: dirent.h. @return 0; -EAGAIN; an error */
static int64_t block_divide(struct volume *volume, uint64_t block, const struct dirent *entry,
			    const struct addition *addition)
{
	uint64_t base = block << volume->layout.block_shift;
	uint32_t first = dirent_divide_first(entry), at = 0;
	struct dirent_patch patch;
	int64_t error = banos_store_after(volume->mount, base + entry->offset, base + first,
					  entry->offset + entry->length - first);

	if (!error && addition->later)
		error = banos_store_after(volume->mount, addition->later, base + entry->offset, 1);
	while (!error) {
		at = dirent_divide(&volume->form, entry, at, &patch);
		error = patch_write(volume, block, &patch);
		if (!at)
			break;
	}
	return error;
}

/* The name is going to be written into the @length bytes at @at, and later than what it must be behind. */
static int64_t name_order(struct volume *volume, const struct addition *addition, uint64_t at,
			  uint64_t length)
{
	int64_t error = 0;

	for (uint64_t end = at + length; addition->earlier && at < end && !error; at += SECTOR)
		error = banos_store_after(volume->mount, at, addition->earlier, 1);
	return error;
}

/*
 * Add to a block, not before the entry at @*from, and say in it which entry that took.
 * @return 0; DIRENT_ABSENT: no space; an error
 */
static int64_t block_add(struct volume *volume, uint64_t block, struct addition *addition,
			 uint32_t *from)
{
	uint64_t base = block << volume->layout.block_shift;
	struct dirent_patch patch;
	struct dirent divide;
	int64_t result = DIRENT_DIVIDE;
	int divided = 0;

	if (!block) /* a hole */
		return DIRENT_ABSENT;
	/* After a division there is space in one sector. */
	for (int tries = 0; result == DIRENT_DIVIDE && tries < 2; tries++) {
		struct view view;

		result = view_get(volume, block, &view);
		if (result)
			return result;
		result = dirent_insert(&volume->form, view.bytes, *from, addition->name,
				       addition->length, addition->inode, addition->type, &patch,
				       &divide);
		view_put(volume, &view);
		if (result == DIRENT_DIVIDE && !tries) {
			int64_t error =
				name_order(volume, addition, base, volume->layout.block_bytes);

			if (!error)
				error = block_divide(volume, block, &divide, addition);
			if (error)
				return error;
			divided = 1;
		}
	}
	if (result == -EUCLEAN)
		return volume_damaged(volume, "a folder is wrong");
	if (!result && addition->later && !divided)
		result = banos_store_after(volume->mount, addition->later, base + patch.offset, 1);
	if (!result && !divided)
		result = name_order(volume, addition, base + patch.offset, 1);
	if (result)
		return result;
	*from = patch.offset;
	if (!divided)
		addition->at = base + patch.offset;
	return patch_write(volume, block, &patch);
}

/* A new block at the end. */
static int64_t folder_extend(struct volume *volume, struct node *folder,
			     const struct addition *addition)
{
	uint64_t index = folder_blocks(volume, folder), block;
	struct addition plain = *addition;
	struct growth growth;
	struct run run;
	uint32_t from = 0;
	int64_t error;

	if ((index + 1) << volume->layout.block_shift > INT32_MAX)
		return -ENOSPC;
	error = map_find(volume, folder, index, 1, &run);
	if (!error && run.block)
		error = volume_damaged(volume, "a folder has blocks behind its end");
	if (error)
		return error;
	error = grow_plan(volume, folder, index, 1, BANOS_MAP_RESERVED | GROW_METADATA, &growth);
	if (error)
		return error;
	block = growth.first << volume->layout.block_shift;
	/* The name is reached by way of the inode, which is on the disk after the block. */
	if (addition->later) {
		error = banos_store_after(volume->mount, addition->later, folder->offset, 1);
		if (!error)
			error = banos_store_after(volume->mount, addition->later, block, SECTOR);
	}
	if (!error && growth.path.levels)
		error = banos_store_after(volume->mount, folder->offset,
					  grow_pointer(volume, folder, &growth), 1);
	if (!error)
		error = name_order(volume, addition, block, SECTOR);
	if (error) {
		grow_undo(volume, &growth);
		return error;
	}
	plain.later = plain.earlier = 0;
	error = grow_write(volume, folder, &growth);
	if (!error)
		error = banos_store_write(volume->mount, block, volume->blank,
					  volume->layout.block_bytes);
	if (!error)
		error = block_add(volume, growth.first, &plain, &from);
	if (error)
		return error;
	inode_set_bytes(folder->raw, (index + 1) << volume->layout.block_shift);
	room_set(volume, folder->number, index, from);
	known_add(volume, folder->number, addition->name, addition->length, index);
	return node_write(volume, folder, INODE_SIZE, 4);
}

/* Add to the leaf of the index. @return 0; DIRENT_ABSENT: the index was given up; an error */
static int64_t index_add(struct volume *volume, struct node *folder, struct addition *addition)
{
	struct run run = { 0 };
	uint32_t from = 0;
	struct leaf leaf;
	uint64_t block = 0;
	int64_t result = index_descend(volume, folder, addition->name, addition->length, 0, &leaf);

	if (!result)
		result = folder_block(volume, folder, leaf.index, &run, &block);
	if (!result)
		result = block_add(volume, block, addition, &from);
	if (!result)
		known_add(volume, folder->number, addition->name, addition->length, leaf.index);
	return result;
}

static int64_t folder_fill(struct volume *volume, struct node *folder, struct addition *addition)
{
	uint64_t blocks = folder_blocks(volume, folder), block;
	struct run run = { 0 };
	uint32_t from;

	for (uint64_t index = room_get(volume, folder->number, &from); index < blocks; index++) {
		int64_t result = folder_block(volume, folder, index, &run, &block);

		if (!result)
			result = block_add(volume, block, addition, &from);
		/* What is before it may be enough for this name. */
		if (result == DIRENT_ABSENT && from) {
			from = 0;
			result = block_add(volume, block, addition, &from);
		}
		if (result != DIRENT_ABSENT) {
			room_set(volume, folder->number, index, result ? 0 : from);
			if (!result)
				known_add(volume, folder->number, addition->name, addition->length,
					  index);
			return result;
		}
	}
	return folder_extend(volume, folder, addition);
}

int64_t folder_add(struct volume *volume, struct node *folder, struct addition *addition)
{
	uint32_t flags = inode_flags(folder->raw);
	int64_t result = DIRENT_ABSENT;

	if (addition->length > DIRENT_NAME_MAX)
		return -ENAMETOOLONG;
	listing_drop(volume, folder->number);
	if (folder_has_index(volume, folder))
		result = index_add(volume, folder, addition);
	if (result != DIRENT_ABSENT)
		return result;
	result = folder_fill(volume, folder, addition);
	if (result || !(flags & INODE_INDEX))
		return result;
	put32(folder->raw + INODE_FLAGS, flags & ~INODE_INDEX);
	return node_write(volume, folder, INODE_FLAGS, 4);
}

int64_t folder_remove(struct volume *volume, const struct node *folder, const struct place *place)
{
	struct dirent_patch patch;
	uint64_t index;
	uint32_t from;

	listing_drop(volume, folder->number);
	dirent_remove(&place->entry, &patch);
	index = room_get(volume, folder->number, &from);
	/* The entry before may take the space: no entry begins where this one did. */
	if (place->index < index || (place->index == index && place->entry.before < from))
		room_set(volume, folder->number, place->index, place->entry.before);
	return patch_write(volume, place->block, &patch);
}

int64_t folder_redirect(struct volume *volume, const struct place *place, uint32_t inode,
			uint32_t type)
{
	struct dirent_patch patch;

	dirent_redirect(&volume->form, &place->entry, inode, type, &patch);
	return patch_write(volume, place->block, &patch);
}
